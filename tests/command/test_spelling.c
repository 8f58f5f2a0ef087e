/* SPDX-License-Identifier: Apache-2.0 */
/* Words that are nearly right, words that are far off, and how much a command line holds. */
#include "support/rv_test.h"

#include "base/mem.h"
#include "command/args.h"

static const char *nearest(const char *word)
{
    static const char *const names[] = { "update", "restore", "list", "abcdefghijklmnopqrstuvwxyzabcdefghijklmn" };
    const char *near = rv_nearest_name(word, names, RV_COUNT(names));
    return near != NULL ? near : "(none)";
}

static void the_nearest_name_is_near(void **state)
{
    static const char *const rows[][2] = {
        { "update", "update" },
        { "udpate", "update" },
        { "updat", "update" },
        { "updates", "update" },
        { "upd", "(none)" },
        { "updxtx", "update" },
        { "xxdxtx", "(none)" },
        { "xxdate", "update" },
        { "xxxate", "update" },
        { "xxxxte", "(none)" },
        { "lst", "list" },
        { "lits", "list" },
        { "l", "(none)" },
        { "xist", "list" },
        { "xxst", "list" },
        { "xxxt", "(none)" },
        { "", "(none)" },
        { "lis", "list" },
        { "restoer", "restore" },
        { "rest", "list" },
        { "resto", "restore" },
        { "zzzz", "(none)" },
        { "listlistlist", "(none)" },
        { "abcdefghijklmnopqrstuvwxyzabcdefghijklmn", "abcdefghijklmnopqrstuvwxyzabcdefghijklmn" },
        { "abcdefghijklmnopqrstuvwxyzabcdefghijklmX", "abcdefghijklmnopqrstuvwxyzabcdefghijklmn" },
        { "abcdefghijklmnopqrstuvwxyzabcdefghijklmno", "(none)" }, /* longer than any name is looked at */
    };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++)
        if (strcmp(nearest(rows[i][0]), rows[i][1]) != 0)
            fail_msg("'%s' was taken for %s, not %s", rows[i][0], nearest(rows[i][0]), rows[i][1]);
}

static struct rv_args args;
static struct rv_error err;

static bool parse(char **argv, const struct rv_command **command)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    err = (struct rv_error){ 0 };
    return rv_args_parse(argc, argv, command, &args, &err);
}

static void refused(const char *words, const char *why)
{
    char text[2000], *argv[64];
    const struct rv_command *command;
    size_t n = 0;
    snprintf(text, sizeof text, "revive %s", words);
    for (char *at = text; at != NULL && n < 63;) {
        argv[n++] = at;
        at = strchr(at, ' ');
        if (at != NULL)
            *at++ = '\0';
    }
    argv[n] = NULL;
    if (parse(argv, &command))
        fail_msg("'%s' was understood", words);
    assert_int_equal(err.code, RV_E_USAGE);
    assert_string_equal(err.text[0], why);
}

static void what_is_wrong_is_said_in_a_sentence(void **state)
{
    (void)state;
    refused("list --jsn", "'--jsn' is not an option here; did you mean --json?");
    refused("list --jsn=x", "'--jsn=x' is not an option here; did you mean --json?");
    refused("list --zzzzzzzzz", "'--zzzzzzzzz' is not an option of `revive list`");
    refused("--zzzzzzzzz", "'--zzzzzzzzz' is not an option here; options of a command stand after it");
    refused("list -Z", "'-Z' is not an option of `revive list`");
    refused("list -vZ", "'-vZ' is not an option of `revive list`");
    refused("list --json=yes", "--json takes no value");
    refused("list --log", "--log needs a value (FILE)");
    refused("list --log=", "--log has an empty value (FILE)");
    refused("list -d", "--device needs a value (ID)");
    refused("list more", "`revive list` takes no further word, and 'more' stands there");
    refused("lsit", "there is no command 'lsit'; did you mean `revive list`?");
    refused("recovry exit", "there is no command 'recovry'; did you mean `revive recovery exit`?");
    refused("qqqqqqqqqqqq", "there is no command 'qqqqqqqqqqqq'; `revive --help` lists them");
    refused("recovery", "`revive recovery` needs a second word: `revive recovery enter` or `revive recovery exit`");
    refused("recovery exlt",
            "`revive recovery` needs a second word: `revive recovery enter` or `revive recovery exit`");
}

static void a_command_line_holds_so_many_options_and_words(void **state)
{
    char *argv[RV_ARGS_MAX + 8], list[] = "list", program[] = "revive", v[] = "-v", explain[] = "explain", word[] = "w";
    const struct rv_command *command;
    (void)state;
    for (int more = 0; more <= 1; more++) {
        size_t n = 0;
        argv[n++] = program;
        argv[n++] = list;
        for (int i = 0; i < RV_ARGS_MAX + more; i++)
            argv[n++] = v;
        argv[n] = NULL;
        assert_int_equal(parse(argv, &command), more == 0);
        assert_int_equal(args.count, RV_ARGS_MAX);
        for (size_t i = 1; i < n; i++)
            argv[i] = i == 1 ? explain : word;
        assert_int_equal(parse(argv, &command), more == 0);
        assert_int_equal(args.words, RV_ARGS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_name_is_near),
        cmocka_unit_test(what_is_wrong_is_said_in_a_sentence),
        cmocka_unit_test(a_command_line_holds_so_many_options_and_words),
    };
    return cmocka_run_group_tests_name("command/spelling", tests, NULL, NULL);
}
