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

static bool says(const json_t *result, const char *words)
{
    return steps_say(result, words) || strstr(json_string_value(json_object_get(result, "answer")), words) != NULL ||
           strstr(json_string_value(json_object_get(result, "title")), words) != NULL;
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

/* "`revive update --latest`" names a verb of the table; what does not exist must not be promised. */
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

/* What people were promised to be told, by the row of docs/promises.md; said where they look, in iOS 17's words. */
static void each_promise_of_the_guides_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *promise, *topic, *words;
    } rows[] = {
        { "ACT-2", "activation-lock", "afterwards the set-up asks for that account" },
        { "ACT-3", "activation-lock", "revive does not try" },
        { "ACT-4", "disabled", "This erases. Afterwards the owner's" },
        { "BAK-12", "backup-fails", "Bring iOS and" },
        { "BAK-12", "backup-fails", "antivirus program" },
        { "BAK-13", "backup-local-or-icloud", "only then does it hold saved passwords, Health, call history" },
        { "COR-1", "corrupt-backup", "Not compatible: the backup comes from a newer iOS" },
        { "COR-3", "corrupt-backup", "Do not delete it" },
        { "COR-3", "corrupt-backup", "When a new good backup exists, and only then" },
        { "COR-7", "corrupt-backup", "an iCloud backup" },
        { "COR-9", "after-restore", "set up as new once" },
        { "DET-7", "disabled", "its data only from a backup" },
        { "DFU-11", "dfu", "does not allow an older iOS" },
        { "DFU-14", "dfu", "Not with a wet, cracked or bent device" },
        { "DFU-17", "dfu", "Entering and leaving it changes nothing" },
        { "ERR-3", "corrupt-backup", "nearly always the files are whole" },
        { "FAQ-1", "recovery-mode", "SMS wait at the network" },
        { "FAQ-3", "deleted-photos", "30 days" },
        { "FAQ-10", "recovery-mode", "getting iOS back needs one" },
        { "FW-7", "downgrade", "Apple signs only the newest version" },
        { "ICL-2", "icloud-restore", "Settings > General > Transfer or Reset" },
        { "ICL-3", "icloud-restore", "if the device still works, make one now" },
        { "ICL-5", "icloud-restore", "20 to 60 minutes" },
        { "ICL-7", "icloud-stuck", "iCloud Account & Sign In" },
        { "ICL-8", "icloud-stuck", "wait 30 seconds" },
        { "ICL-9", "icloud-stuck", "Reset All Settings" },
        { "ICL-11", "icloud-stuck", "restore a backup from a computer" },
        { "ICL-13", "storage", "Sign out of iCloud and in again" },
        { "ICL-14", "deleted-messages", "not in a backup on the computer" },
        { "INT-4", "apple-logo", "an empty battery during an installation" },
        { "REC-11", "buttons", "Restart by the buttons, with a hung screen too" },
        { "REC-14", "disabled", "forgotten passcode" },
        { "REV-12", "wet-or-broken", "Reset or erased already: the keys are gone" },
        { "REV-13", "without-itunes", "installs nothing on the phone" },
        { "RFB-9", "move-directly", "copy everything between themselves" },
        { "SAL-2", "before-selling", "stays enrolled through every erase" },
        { "SAL-3", "before-selling", "removes Activation Lock" },
        { "SAL-4", "before-selling", "Erase All Content and Settings" },
        { "SET-1", "after-restore", "choose where the data comes from" },
        { "SET-2", "after-restore", "location, microphone and notifications" },
        { "STO-3", "storage", "About three minutes" },
        { "STO-5", "storage", "beta of iOS 15" },
        { "STO-7", "storage", "Last: back up" },
        { "STO-8", "storage", "let a shop look at it" },
        { "UPR-14", "update-or-restore", "Update first, always" },
        { "UPR-14", "update-or-restore", "An older backup never comes back by itself" },
    };
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        bool ok = false;
        json_t *result = GUIDE(&ok, "--ios", "17", rows[i].topic);
        assert_true(ok);
        assert_string_equal(topic_of(result), rows[i].topic);
        if (!says(result, rows[i].words))
            fail_msg("%s: '%s' does not say '%s'", rows[i].promise, rows[i].topic, rows[i].words);
        json_decref(result);
    }
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
        cmocka_unit_test(each_promise_of_the_guides_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
