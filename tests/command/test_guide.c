/* SPDX-License-Identifier: Apache-2.0 */
/* Guides: found by name or by question, in the words of the iOS asked for, naming only commands that exist. */
#include "support/rv_test.h"

#include "base/mem.h"
#include "command/args.h"
#include "command/verbs.h"
#include "data/guides.h"

#include <ctype.h>

static json_t *guide(const char *const *words, bool *ok)
{
    char *argv[16] = { (char *)(uintptr_t) "revive", (char *)(uintptr_t) "guide" };
    int argc = 2;
    for (size_t i = 0; words[i] != NULL; i++)
        argv[argc++] = (char *)(uintptr_t)words[i];
    struct rv_ctx ctx = { 0 };
    struct rv_args args = { 0 };
    struct rv_error err = { 0 };
    const struct rv_command *command = NULL;
    assert_true(rv_args_parse(argc, argv, &command, &args, &err));
    struct rv_run run = { .ctx = &ctx, .args = &args, .result = json_object() };
    *ok = command->run(&run, &err);
    if (!*ok)
        assert_int_equal(rv_exit_code(&err), 2);
    return run.result;
}
#define GUIDE(ok, ...) guide((const char *const[]){ __VA_ARGS__, NULL }, ok)

static const char *topic_of(const json_t *result)
{
    const char *topic = json_string_value(json_object_get(result, "topic"));
    return topic != NULL ? topic : "";
}

static bool steps_say(const json_t *result, const char *words)
{
    size_t i;
    json_t *step;
    json_array_foreach (json_object_get(result, "steps"), i, step)
        if (strstr(json_string_value(step), words) != NULL)
            return true;
    return false;
}

/* The questions that people were seen to ask, and where they must lead. */
static void a_question_in_ones_own_words_finds_its_topic(void **state)
{
    (void)state;
    static const struct {
        const char *question, *topic;
    } rows[] = {
        { "What happens to my texts in Recovery Mode?", "recovery-mode" },
        { "can i recover deleted messages", "deleted-messages" },
        { "recover deleted photos", "deleted-photos" },
        { "how to restore iPhone without iTunes", "without-itunes" },
        { "should I make a backup before wiping my phone?", "before-restore" },
        { "do I need a backup to recover data", "without-itunes" },
        { "must I install anything on the phone", "without-itunes" },
        { "does DFU delete my data", "dfu" },
        { "can recovery mode help a disabled iPhone", "disabled" },
        { "recovery mode without computer", "recovery-mode" },
        { "why isn't my storage loading", "storage" },
        { "why is it stuck at restore from iCloud", "icloud-stuck" },
        { "iTunes could not restore because the backup was corrupt", "corrupt-backup" },
        { "iTunes can't back up because an error occurred", "backup-fails" },
        { "STORAGE", "storage" },
    };
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        bool ok = false;
        json_t *result = GUIDE(&ok, "--ios", "17", rows[i].question);
        if (!ok || strcmp(topic_of(result), rows[i].topic) != 0)
            fail_msg("'%s' led to '%s', not to '%s'", rows[i].question, topic_of(result), rows[i].topic);
        json_decref(result);
    }
}

static void menus_are_named_as_the_asked_ios_names_them(void **state)
{
    (void)state;
    bool ok = false;
    json_t *old = GUIDE(&ok, "icloud-restore", "--ios", "14.8");
    assert_true(ok && steps_say(old, "Settings > General > Reset >") && steps_say(old, "Apps & Data;"));
    assert_true(steps_say(old, "Apple ID") && !steps_say(old, "Transfer or Reset"));
    json_t *new = GUIDE(&ok, "icloud-restore", "--ios", "18");
    assert_true(ok && steps_say(new, "Settings > General > Transfer or Reset >") && steps_say(new, "Apple Account"));
    json_decref(old);
    json_decref(new);
}

static void the_computers_program_is_called_by_its_name(void **state)
{
    (void)state;
    bool ok = false;
    json_t *finder = GUIDE(&ok, "storage", "--ios", "17", "--computer", "finder");
    assert_true(ok && steps_say(finder, "Finder counts anew") && !steps_say(finder, "iTunes"));
    json_t *itunes = GUIDE(&ok, "storage", "--ios", "17", "--computer", "itunes");
    assert_true(ok && steps_say(itunes, "iTunes counts anew") && !steps_say(itunes, "Finder"));
    json_decref(finder);
    json_decref(itunes);
}

static void what_is_no_topic_and_no_version_is_wrong_usage(void **state)
{
    (void)state;
    bool ok = true;
    json_decref(GUIDE(&ok, "--ios", "17", "xyzzy"));
    assert_false(ok);
    json_decref(GUIDE(&ok, "storage", "--ios", "soon"));
    assert_false(ok);
    json_decref(GUIDE(&ok, "storage", "--ios", "17", "--computer", "amiga"));
    assert_false(ok);
}

/* "`revive update --ipsw FILE`" names a verb of the table; what does not exist must not be promised. */
static void check_commands(const char *topic, const char *text)
{
    for (const char *at = strstr(text, "`revive "); at != NULL; at = strstr(at + 1, "`revive ")) {
        char name[64];
        const char *from = at + strlen("`revive ");
        size_t len = 0, best = 0;
        while (from[len] != '`' && from[len] != '\0' && len < sizeof name - 1)
            len++;
        for (size_t i = 1; rv_commands[i] != NULL; i++) {
            size_t own = strlen(rv_commands[i]->name);
            if (own <= len && memcmp(from, rv_commands[i]->name, own) == 0 && strchr(" `", from[own]) != NULL)
                best = own;
        }
        if (best == 0)
            fail_msg("%s speaks of `revive %.*s`, which is no command", topic, (int)len, from);
    }
}

static void guides_name_only_commands_that_exist(void **state)
{
    (void)state;
    for (size_t i = 0; i < rv_guide_row_count; i++) {
        const struct rv_guide_row *row = &rv_guide_rows[i];
        if (i > 0)
            assert_true(strcmp(rv_guide_rows[i - 1].id, row->id) < 0);
        check_commands(row->id, row->answer);
        for (size_t s = 0; row->steps[s] != NULL; s++) {
            check_commands(row->id, row->steps[s]);
            for (const char *at = strstr(row->steps[s], "`revive guide "); at != NULL;
                 at = strstr(at + 1, "`revive guide ")) {
                bool ok = false;
                char name[64];
                snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 14, "`"), at + 14);
                json_t *result = GUIDE(&ok, "--ios", "17", name);
                assert_string_equal(topic_of(result), name);
                json_decref(result);
            }
        }
    }
}

/* Promises of the sources that were wrong, said right here. */
static void the_guides_hold_the_corrections(void **state)
{
    (void)state;
    bool ok = false;
    json_t *dfu = GUIDE(&ok, "dfu", "--ios", "17");
    assert_non_null(
        strstr(json_string_value(json_object_get(dfu, "answer")), "Entering and leaving it changes nothing"));
    json_t *corrupt = GUIDE(&ok, "corrupt-backup", "--ios", "17");
    assert_true(steps_say(corrupt, "Do not delete it"));
    json_t *update = GUIDE(&ok, "update-or-restore", "--ios", "17");
    assert_non_null(strstr(json_string_value(json_object_get(update, "answer")), "Update first"));
    json_decref(dfu);
    json_decref(corrupt);
    json_decref(update);
}

int main(void)
{
    setenv("USBMUXD_SOCKET_ADDRESS", "UNIX:/nonexistent/usbmuxd", 1);
    setenv("REVIVE_USB", "usbip:UNIX:/nonexistent/usb", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_in_ones_own_words_finds_its_topic),
        cmocka_unit_test(menus_are_named_as_the_asked_ios_names_them),
        cmocka_unit_test(the_computers_program_is_called_by_its_name),
        cmocka_unit_test(what_is_no_topic_and_no_version_is_wrong_usage),
        cmocka_unit_test(guides_name_only_commands_that_exist),
        cmocka_unit_test(the_guides_hold_the_corrections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
