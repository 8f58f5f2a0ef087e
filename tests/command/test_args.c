/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/mem.h"
#include "command/args.h"

struct parsed {
    const struct rv_command *command;
    struct rv_args args;
    struct rv_error err;
    bool fine;
};

/* Words of one command line, as a shell would hand them over. */
#define PARSE(...) parse((char *[]){ (char[]){ "revive" }, __VA_ARGS__, NULL })
#define W(text)    ((char[]){ text })

static struct parsed parse(char **argv)
{
    struct parsed p = { 0 };
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    p.fine = rv_args_parse(argc, argv, &p.command, &p.args, &p.err);
    return p;
}

static const char *value_of(struct parsed p, const char *option)
{
    const char *value = p.fine ? rv_arg(&p.args, option) : NULL;
    return value != NULL ? value : "(none)";
}

static void assert_usage(struct parsed p, const char *says)
{
    assert_false(p.fine);
    assert_int_equal(p.err.code, RV_E_USAGE);
    assert_int_equal(rv_exit_code(&p.err), 2);
    if (strstr(p.err.text[0], says) == NULL)
        fail_msg("'%s' does not say '%s'", p.err.text[0], says);
}

static void no_word_is_the_verb_without_a_name(void **state)
{
    (void)state;
    struct parsed p = parse((char *[]){ W("revive"), NULL });
    assert_true(p.fine);
    assert_string_equal(p.command->name, "");
    p = PARSE(W("--json"), W("-v"));
    assert_true(p.fine && rv_arg_flag(&p.args, "json") && rv_arg_flag(&p.args, "verbose"));
    assert_string_equal(p.command->name, "");
}

static void a_verb_may_have_two_words(void **state)
{
    (void)state;
    struct parsed p = PARSE(W("recovery"), W("exit"));
    assert_true(p.fine);
    assert_string_equal(p.command->name, "recovery exit");
    assert_usage(PARSE(W("recovery")), "`revive recovery enter` or `revive recovery exit`");
    assert_usage(PARSE(W("recovery"), W("exti")), "second word");
}

static void global_options_stand_anywhere(void **state)
{
    (void)state;
    struct parsed p = PARSE(W("--json"), W("-d"), W("0x1"), W("list"), W("--yes"));
    assert_true(p.fine);
    assert_string_equal(p.command->name, "list");
    assert_true(rv_arg_flag(&p.args, "json") && rv_arg_flag(&p.args, "yes"));
    assert_string_equal(rv_arg(&p.args, "device"), "0x1");
    assert_null(rv_arg(&p.args, "log"));
}

static void a_value_comes_after_a_blank_or_an_equals_sign(void **state)
{
    (void)state;
    assert_string_equal(value_of(PARSE(W("list"), W("--log"), W("a")), "log"), "a");
    assert_string_equal(value_of(PARSE(W("list"), W("--log=a=b")), "log"), "a=b");
    assert_string_equal(value_of(PARSE(W("list"), W("-d1")), "device"), "1");
    assert_string_equal(value_of(PARSE(W("list"), W("-vqd"), W("2")), "device"), "2");
    assert_string_equal(value_of(PARSE(W("list"), W("-d"), W("1"), W("-d"), W("2")), "device"), "2");
    assert_usage(PARSE(W("list"), W("--log")), "--log needs a value");
    assert_usage(PARSE(W("list"), W("-d")), "--device needs a value");
    assert_usage(PARSE(W("list"), W("--log=")), "empty value");
    assert_usage(PARSE(W("list"), W("--json=yes")), "takes no value");
}

static void an_optional_value_never_eats_the_next_word(void **state)
{
    (void)state;
    struct parsed p = PARSE(W("--sim"), W("list"));
    assert_true(p.fine);
    assert_string_equal(p.command->name, "list");
    assert_string_equal(rv_arg(&p.args, "sim"), "");
    assert_string_equal(value_of(PARSE(W("--sim=boot-loop"), W("list")), "sim"), "boot-loop");
}

static void an_unknown_word_names_its_neighbour(void **state)
{
    (void)state;
    assert_usage(PARSE(W("lsit")), "did you mean `revive list`?");
    assert_usage(PARSE(W("recovery-exit")), "did you mean `revive recovery exit`?");
    assert_usage(PARSE(W("list"), W("--jsno")), "did you mean --json?");
    assert_usage(PARSE(W("list"), W("--Json")), "did you mean --json?");
    assert_usage(PARSE(W("list"), W("-z")), "'-z' is not an option");
    assert_usage(PARSE(W("entirely-different")), "`revive --help` lists them");
    assert_usage(PARSE(W("")), "there is no command ''");
}

static void a_word_too_many_is_refused(void **state)
{
    (void)state;
    assert_usage(PARSE(W("list"), W("everything")), "'everything'");
    assert_usage(PARSE(W("list"), W("--"), W("--json")), "'--json'");
}

static void the_simulators_words_are_its_own(void **state)
{
    (void)state;
    struct parsed p = PARSE(W("sim"), W("run"), W("--help"), W("--"), W("-x"));
    assert_true(p.fine);
    assert_int_equal(p.args.words, 4);
    assert_string_equal(rv_arg_word(&p.args, 1), "--help");
    assert_null(rv_arg_word(&p.args, 4));
    assert_false(rv_arg_flag(&p.args, "help"));
}

static void a_thousand_words_are_refused_not_stored(void **state)
{
    (void)state;
    static char x[] = "x", v[] = "-v";
    char *argv[1002] = { W("revive"), W("sim") };
    for (int i = 2; i < 1001; i++)
        argv[i] = x;
    assert_usage(parse(argv), "more than");
    for (int i = 1; i < 1001; i++)
        argv[i] = v;
    assert_usage(parse(argv), "more than");
}

static void a_monstrous_word_is_cut_in_the_message(void **state)
{
    (void)state;
    char word[5000];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    assert_usage(PARSE(word), "there is no command 'aaa");
    word[0] = word[1] = '-';
    assert_usage(PARSE(W("list"), word), "not an option");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_word_is_the_verb_without_a_name),
        cmocka_unit_test(a_verb_may_have_two_words),
        cmocka_unit_test(global_options_stand_anywhere),
        cmocka_unit_test(a_value_comes_after_a_blank_or_an_equals_sign),
        cmocka_unit_test(an_optional_value_never_eats_the_next_word),
        cmocka_unit_test(an_unknown_word_names_its_neighbour),
        cmocka_unit_test(a_word_too_many_is_refused),
        cmocka_unit_test(the_simulators_words_are_its_own),
        cmocka_unit_test(a_thousand_words_are_refused_not_stored),
        cmocka_unit_test(a_monstrous_word_is_cut_in_the_message),
    };
    return cmocka_run_group_tests_name("command/args", tests, NULL, NULL);
}
