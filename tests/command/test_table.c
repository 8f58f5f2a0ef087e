/* SPDX-License-Identifier: Apache-2.0 */
/* The command table checks itself: help, completion and man pages are printed from it. */
#include "support/rv_test.h"

#include "command/args.h"

#include <ctype.h>

static void verbs_are_sorted_and_found_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; rv_commands[i] != NULL; i++) {
        assert_ptr_equal(rv_command_find(rv_commands[i]->name), rv_commands[i]);
        if (i > 0 && strcmp(rv_commands[i - 1]->name, rv_commands[i]->name) >= 0)
            fail_msg("'%s' stands before '%s'", rv_commands[i - 1]->name, rv_commands[i]->name);
    }
    assert_null(rv_command_find("no such verb"));
}

static void every_verb_explains_itself_with_an_example(void **state)
{
    (void)state;
    for (size_t i = 0; rv_commands[i] != NULL; i++) {
        const struct rv_command *c = rv_commands[i];
        if (c->run == NULL || c->summary == NULL || !isupper((unsigned char)c->summary[0]))
            fail_msg("'%s' has no function, or no summary that begins with a capital", c->name);
        if (c->about == NULL || c->example == NULL || strncmp(c->example, "revive", 6) != 0)
            fail_msg("'%s' has no paragraph, or no example that begins with 'revive'", c->name);
    }
}

static void options_have_words_and_do_not_hide_global_ones(void **state)
{
    (void)state;
    for (size_t i = 0; rv_commands[i] != NULL; i++) {
        const struct rv_command *c = rv_commands[i];
        for (size_t j = 0; j < c->option_count; j++) {
            const struct rv_option *o = &c->options[j];
            if (o->name == NULL || o->help == NULL || *o->help == '\0')
                fail_msg("option %zu of '%s' says nothing", j, c->name);
            for (size_t k = 0; k < rv_global_option_count; k++) {
                /* `update --version 11.3` names an iOS; the global flag takes no value, so the two are told apart. */
                if (strcmp(o->name, "version") != 0 || o->value == NULL)
                    assert_string_not_equal(o->name, rv_global_options[k].name);
                assert_true(o->letter == '\0' || o->letter != rv_global_options[k].letter);
            }
        }
    }
}

static void no_option_takes_a_password(void **state)
{
    (void)state;
    for (size_t i = 0; rv_commands[i] != NULL; i++)
        for (size_t j = 0; j < rv_commands[i]->option_count; j++)
            assert_string_not_equal(rv_commands[i]->options[j].name, "password");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_are_sorted_and_found_by_name),
        cmocka_unit_test(every_verb_explains_itself_with_an_example),
        cmocka_unit_test(options_have_words_and_do_not_hide_global_ones),
        cmocka_unit_test(no_option_takes_a_password),
    };
    return cmocka_run_group_tests_name("command/table", tests, NULL, NULL);
}
