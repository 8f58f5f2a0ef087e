/* SPDX-License-Identifier: Apache-2.0 */
/* What is said and refused before an installation, what its end means, and which backup is the newest: each limit. */
#include "support/rv_test.h"

#include "base/file.h"
#include "base/mem.h"
#include "restore/internal.h"

#include <plist/plist.h>
#include <unistd.h>

static char told[8192];
static unsigned asked;
static bool answer;

static void hear(void *context, const struct rv_event *event)
{
    (void)context;
    size_t at = strlen(told);
    const char *mark = event->kind == RV_EVENT_WARNING ? "! " : "";
    snprintf(told + at, sizeof told - at, "%s%s\n", mark, event->text != NULL ? event->text : "");
}

static bool reply(void *context, const struct rv_question *question)
{
    (void)context;
    assert_string_equal(question->id, "find-my");
    asked++;
    return answer;
}

static struct rv_ctx ctx = { .event = hear, .ask = reply };
static struct rv_restore_options options;
static struct rv_restore restore = { .ctx = &ctx, .options = &options };

static const char *telling(enum rv_mode mode, enum rv_behavior behavior, const char *product, struct rv_stake stake)
{
    restore.device = (struct rv_device){ .mode = mode };
    snprintf(restore.device.identity.product_type, sizeof restore.device.identity.product_type, "%s", product);
    options.behavior = behavior;
    told[0] = '\0';
    rv_stake_tell(&restore, &stake);
    return told;
}

#define CABLE_OF(end)                                                                                                  \
    "Cable: use one that carries data (" end                                                                           \
    " at the device), straight into the computer, and leave it in until the end.\n"
#define LIGHTNING CABLE_OF("lightning")
#define BATTERY   "Battery of the device: "
#define NO_TRUST  "Battery: the device does not tell without being trusted; charge it if in doubt.\n"

static void an_update_changes_nothing_for_the_owner(void **state)
{
    (void)state;
    assert_string_equal(
        telling(RV_MODE_NORMAL, RV_BEHAVIOR_UPDATE, "iPhone10,6",
                (struct rv_stake){
                    .find_my = RV_YES, .battery_percent = 80, .charging = RV_YES, .activation = "Activated" }),
        "Find My is on. An Update keeps everything, so nothing changes for its owner.\n" BATTERY
        "80 %, charging.\n" LIGHTNING);
    assert_string_equal(
        telling(RV_MODE_NORMAL, RV_BEHAVIOR_UPDATE, "iPhone10,6",
                (struct rv_stake){ .find_my = RV_NO, .battery_percent = 50, .activation = "Unactivated" }),
        "Activation: the device calls itself \"Unactivated\".\n" BATTERY "50 %.\n" LIGHTNING);
    assert_string_equal(telling(RV_MODE_NORMAL, RV_BEHAVIOR_UPDATE, "", (struct rv_stake){ .battery_percent = -1 }),
                        "Find My and Activation Lock: the device does not tell them without being trusted. An Update "
                        "leaves them as they are.\n" NO_TRUST CABLE_OF("the one that came with it"));
    assert_string_equal(
        telling(RV_MODE_DFU, RV_BEHAVIOR_UPDATE, "iPhone16,1", (struct rv_stake){ .battery_percent = -1 }),
        "Find My and Activation Lock: cannot be read in this mode. An Update leaves them as they "
        "are.\nBattery: cannot be read in DFU mode; if the device was empty, let it charge for half an "
        "hour first.\n" CABLE_OF("usb-c"));
}

static void an_erase_warns_of_the_lock(void **state)
{
    (void)state;
    assert_string_equal(
        telling(RV_MODE_NORMAL, RV_BEHAVIOR_ERASE, "iPhone10,6",
                (struct rv_stake){ .find_my = RV_YES, .battery_percent = 0 }),
        "! Find My is ON. After erasing, the device is locked (Activation Lock): it can only be used "
        "again with the Apple Account of its owner. Turn it off first if you can: Settings, the name at "
        "the top, Find My. revive does not go round this lock.\n" BATTERY "0 %.\n" LIGHTNING);
    assert_string_equal(
        telling(RV_MODE_NORMAL, RV_BEHAVIOR_ERASE, "iPhone10,6", (struct rv_stake){ .battery_percent = -1 }),
        "! Whether Find My is on cannot be read without being trusted. If it is on, the device is locked "
        "after erasing (Activation Lock) and asks for the Apple Account of its owner: have it at "
        "hand.\n" NO_TRUST LIGHTNING);
    assert_string_equal(
        telling(RV_MODE_RECOVERY, RV_BEHAVIOR_ERASE, "iPhone10,6",
                (struct rv_stake){ .battery_percent = -1, .fill_known = true }),
        "! Whether Find My is on cannot be read in Recovery mode. If it is on, the device is locked "
        "after erasing (Activation Lock) and asks for the Apple Account of its owner: have it at hand.\n"
        "Battery: cannot be read in Recovery mode; if the device was empty, let it charge for half an "
        "hour first.\n" LIGHTNING);
    assert_string_equal(telling(RV_MODE_NORMAL, RV_BEHAVIOR_ERASE, "iPhone10,6",
                                (struct rv_stake){ .find_my = RV_NO, .battery_percent = 100 }),
                        BATTERY "100 %.\n" LIGHTNING);
}

static void power_and_room_have_their_limits(void **state)
{
    static const struct {
        int percent;
        bool warned;
    } rows[] = { { 19, false }, { 20, true }, { 49, true }, { 50, false } };
    char wanted[600];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        snprintf(wanted, sizeof wanted, BATTERY "%d %%.\n", rows[i].percent);
        if (rows[i].warned)
            snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted),
                     "! The battery is at %d %%: enough to begin, but let it charge to 50 %% if you can wait.\n",
                     rows[i].percent);
        strncat(wanted, LIGHTNING, sizeof wanted - strlen(wanted) - 1);
        assert_string_equal(telling(RV_MODE_NORMAL, RV_BEHAVIOR_UPDATE, "iPhone10,6",
                                    (struct rv_stake){ .find_my = RV_NO, .battery_percent = rows[i].percent }),
                            wanted);
    }
    assert_string_equal(telling(RV_MODE_NORMAL, RV_BEHAVIOR_UPDATE, "iPhone10,6",
                                (struct rv_stake){ .find_my = RV_NO,
                                                   .battery_percent = 80,
                                                   .host_on_battery = RV_YES,
                                                   .fill_known = true,
                                                   .device_free = 999999999,
                                                   .fullest = "photos and videos" }),
                        "! The device is nearly full: 1.0 GB free; most is taken by photos and videos. If the Update "
                        "stops for want of room, delete or copy away some of that first; `revive storage` shows what "
                        "fills it.\n" BATTERY
                        "80 %.\n! This computer runs on its battery: plug it in, so that it lasts "
                        "until the end.\n" LIGHTNING);
    assert_string_equal(
        telling(
            RV_MODE_NORMAL, RV_BEHAVIOR_UPDATE, "iPhone10,6",
            (struct rv_stake){ .find_my = RV_NO, .battery_percent = 80, .fill_known = true, .device_free = 5000000 }),
        "! The device is nearly full: 5.0 MB free. If the Update stops for want of room, delete or copy "
        "away some of that first; `revive storage` shows what fills it.\n" BATTERY "80 %.\n" LIGHTNING);
    assert_string_equal(
        telling(RV_MODE_NORMAL, RV_BEHAVIOR_UPDATE, "iPhone10,6",
                (struct rv_stake){
                    .find_my = RV_NO, .battery_percent = 80, .fill_known = true, .device_free = 1000000000 }),
        BATTERY "80 %.\n" LIGHTNING);
}

static void what_must_not_be_begun_is_refused(void **state)
{
    static const struct {
        struct rv_stake stake;
        enum rv_behavior behavior;
        bool dry_run, yes, fine;
        unsigned asked;
        enum rv_code code;
    } rows[] = {
        { { .battery_percent = 19 }, RV_BEHAVIOR_UPDATE, false, true, false, 0, RV_E_REFUSED },
        { { .battery_percent = 0 }, RV_BEHAVIOR_UPDATE, false, true, false, 0, RV_E_REFUSED },
        { { .battery_percent = 20 }, RV_BEHAVIOR_UPDATE, false, true, true, 0, RV_OK },
        { { .battery_percent = -1 }, RV_BEHAVIOR_UPDATE, false, true, true, 0, RV_OK },
        { { .battery_percent = -1, .room_known = true, .room_bytes = 16777215 },
          RV_BEHAVIOR_UPDATE,
          false,
          true,
          false,
          0,
          RV_E_NOSPACE },
        { { .battery_percent = -1, .room_known = true, .room_bytes = 16777216 },
          RV_BEHAVIOR_UPDATE,
          false,
          true,
          true,
          0,
          RV_OK },
        { { .battery_percent = -1, .room_bytes = 0 }, RV_BEHAVIOR_UPDATE, false, true, true, 0, RV_OK },
        { { .battery_percent = -1, .activation_lock = RV_YES }, RV_BEHAVIOR_UPDATE, false, false, true, 0, RV_OK },
        { { .battery_percent = -1, .activation_lock = RV_YES }, RV_BEHAVIOR_ERASE, false, false, false, 1, RV_E_USAGE },
        { { .battery_percent = -1, .activation_lock = RV_YES }, RV_BEHAVIOR_ERASE, false, true, true, 1, RV_OK },
        { { .battery_percent = -1, .activation_lock = RV_YES }, RV_BEHAVIOR_ERASE, true, false, true, 0, RV_OK },
        { { .battery_percent = -1, .activation_lock = RV_NO }, RV_BEHAVIOR_ERASE, false, false, true, 0, RV_OK },
        { { .battery_percent = -1, .find_my = RV_YES }, RV_BEHAVIOR_ERASE, false, false, true, 0, RV_OK },
    };
    (void)state;
    ctx.state_dir = (char *)(uintptr_t) "/notes";
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        struct rv_error err = { 0 };
        asked = 0;
        answer = rows[i].yes;
        options = (struct rv_restore_options){ .behavior = rows[i].behavior, .dry_run = rows[i].dry_run };
        assert_int_equal(rv_stake_check(&restore, &rows[i].stake, &err), rows[i].fine);
        assert_int_equal(asked, rows[i].asked);
        assert_string_equal(rv_code_name(err.code), rv_code_name(rows[i].code));
        assert_int_equal(err.advice == RV_ADVICE_BATTERY_LOW, rows[i].code == RV_E_REFUSED);
    }
    struct rv_error err = { 0 };
    assert_false(rv_stake_check(&restore, &(struct rv_stake){ .battery_percent = 7 }, &err));
    assert_string_equal(err.text[0], "the battery is at 7 %; at least 20 % are wanted");
    ctx.state_dir = NULL;
}

/* ---- how it ended ---- */

static void the_deepest_reason_of_a_log_is_its_last(void **state)
{
    static const char *const rows[][2] = {
        { "[0]D(outer)[1]D(inner)", "inner" },
        { "[0]D(a (b (c)) d) e", "a (b (c)) d" },
        { "[0]D(cut", "cut" },
        { "[0]D(line\nnext)", "line" },
        { "[0]D()", "" },
        { "[0]D(ring\a)", "ring?" },
        { "nothing", "" },
        { "", "" },
    };
    char out[64];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        rv_status_cause(rows[i][0], out, sizeof out);
        assert_string_equal(out, rows[i][1]);
    }
    rv_status_cause(NULL, out, sizeof out);
    assert_string_equal(out, "");
    rv_status_cause("[0]D(123456)", out, 4);
    assert_string_equal(out, "123");
}

static void a_final_status_has_words_a_number_and_an_advice(void **state)
{
    struct rv_error err = { 0 };
    (void)state;
    assert_false(rv_status_fail(14, "[0]D(write failed)", "restore_system", &err));
    assert_int_equal(err.code, RV_E_REFUSED);
    assert_int_equal(err.depth, 3);
    assert_string_equal(err.text[0], "write failed");
    assert_string_equal(err.text[1], "the step 'restore_system' failed on the device");
    assert_string_equal(err.text[2],
                        "the device ended the installation with status 14: the system image could not be written");
    assert_int_equal(err.apple, 14);
    assert_int_equal(err.advice, RV_ADVICE_IMAGE_NOT_WRITTEN);
    err = (struct rv_error){ 0 };
    rv_status_fail(77, NULL, "", &err);
    assert_int_equal(err.depth, 2);
    assert_string_equal(err.text[0], "the device gave no reason");
    assert_string_equal(err.text[1], "the device ended the installation with status 77");
    assert_int_equal(err.apple, 77);
    assert_int_equal(err.advice, RV_ADVICE_RESTORE_FAILED);
    static const struct {
        int64_t status;
        const char *log;
        int32_t apple;
        enum rv_advice advice;
    } rows[] = {
        { 53, "x", 53, RV_ADVICE_FACTORY_DATA },
        { 53, "host version is unsupported", 53, RV_ADVICE_HOST_TOO_OLD },
        { 53, "No space left on device", 53, RV_ADVICE_LOW_SPACE },
        { 53, "No space left on device; host version is unsupported", 53, RV_ADVICE_HOST_TOO_OLD },
        { -5, NULL, -1, RV_ADVICE_RESTORE_FAILED },
        { INT32_MAX, NULL, -1, RV_ADVICE_RESTORE_FAILED },
        { INT32_MAX - 1ll, NULL, INT32_MAX - 1, RV_ADVICE_RESTORE_FAILED },
        { 2, NULL, 2, RV_ADVICE_RESTORE_FAILED },
        { 0, NULL, 0, RV_ADVICE_RESTORE_FAILED },
    };
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        err = (struct rv_error){ 0 };
        rv_status_fail(rows[i].status, rows[i].log, NULL, &err);
        assert_int_equal(err.apple, rows[i].apple);
        assert_int_equal(err.advice, rows[i].advice);
    }
}

static void modes_and_usb_have_the_numbers_of_itunes(void **state)
{
    (void)state;
    assert_int_equal(rv_number_of_mode(RV_MODE_NONE), 4005);
    assert_int_equal(rv_number_of_mode(RV_MODE_NORMAL), 4016);
    assert_int_equal(rv_number_of_mode(RV_MODE_RECOVERY), 4013);
    assert_int_equal(rv_number_of_mode(RV_MODE_DFU), 4014);
    assert_int_equal(rv_number_of_mode(RV_MODE_RESTORE), 4015);
    assert_int_equal(rv_number_of_mode(RV_MODE_PORT_DFU), 4012);
    assert_int_equal(rv_number_of_mode(RV_MODE_KIS), 4012);
    assert_int_equal(rv_number_of_mode(RV_MODE_COUNT), 4012);
    assert_int_equal(rv_number_of_usb(RV_E_GONE), 2015);
    assert_int_equal(rv_number_of_usb(RV_E_TIMEOUT), 2013);
    assert_int_equal(rv_number_of_usb(RV_E_BUSY), 2012);
    assert_int_equal(rv_number_of_usb(RV_E_DENIED), 2001);
    assert_int_equal(rv_number_of_usb(RV_E_PROTOCOL), 2006);
    assert_int_equal(rv_number_of_usb(RV_E_FORMAT), 0);
}

/* ---- the newest backup ---- */

static void put_info(const char *folder, const char *key, const char *value, int32_t seconds, bool dated)
{
    struct rv_error err = { 0 };
    char path[700], *xml = NULL;
    uint32_t len = 0;
    assert_works(rv_dir_make(folder, &err), &err);
    plist_t info = plist_new_dict();
    plist_dict_set_item(info, key, plist_new_string(value));
    if (dated)
        plist_dict_set_item(info, "Last Backup Date", plist_new_date(seconds, 0));
    plist_to_xml(info, &xml, &len);
    snprintf(path, sizeof path, "%s/Info.plist", folder);
    assert_works(rv_file_write_atomic(path, rv_span((const uint8_t *)xml, len), 0600, &err), &err);
    plist_free(info);
    free(xml);
}

static void the_newest_backup_of_a_device_is_found_wherever_it_lies(void **state)
{
    static const struct {
        const char *folder, *key, *value;
        int32_t seconds; /* since 2001 */
        bool dated;
        const char *when; /* newest from here on; NULL: as before */
    } rows[] = {
        { "data/revive/backups/other", "Serial Number", "OTHER", 900000000, true, NULL },
        { "data/revive/backups/undated", "Serial Number", "SERIAL1", 0, false, NULL },
        { "data/revive/backups/.hidden", "Serial Number", "SERIAL1", 900000000, true, NULL },
        { "data/revive/backups/one", "Serial Number", "serial1", 700000000, true, "2023-03-08 20:26" },
        { "home/MobileSync/Backup/older", "Unique Identifier", "UDID-1", 699999999, true, NULL },
        { "home/MobileSync/Backup/two", "Unique Identifier", "udid-1", 700000060, true, "2023-03-08 20:27" },
        { "home/.local/share/MobileSync/Backup/three", "Serial Number", "SERIAL1", 700086400, true,
          "2023-03-09 20:26" },
        { "home/Library/Application Support/MobileSync/Backup/four", "Serial Number", "SERIAL1", 731536000, true,
          "2024-03-07 20:26" },
    };
    struct rv_identity identity = { .ecid = 1 };
    char when[40] = "", path[1024] = "", folder[600], root[512], wanted[1024] = "";
    void *scratch = NULL;
    const char *newest = NULL;
    (void)state;
    assert_int_equal(scratch_make(&scratch), 0);
    snprintf(root, sizeof root, "%s", (char *)scratch);
    snprintf(folder, sizeof folder, "%s/data", root);
    setenv("XDG_DATA_HOME", folder, 1);
    char *home = getenv("HOME") != NULL ? strdup(getenv("HOME")) : NULL;
    snprintf(folder, sizeof folder, "%s/home", root);
    setenv("HOME", folder, 1);
    struct rv_ctx own;
    struct rv_error err = { 0 };
    assert_works(rv_ctx_init(&own, &err), &err);
    snprintf(identity.serial, sizeof identity.serial, "SERIAL1");
    snprintf(identity.udid, sizeof identity.udid, "UDID-1");
    assert_false(rv_backup_newest(&own, &identity, when, sizeof when, path, sizeof path));
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        snprintf(folder, sizeof folder, "%s/%s", root, rows[i].folder);
        put_info(folder, rows[i].key, rows[i].value, rows[i].seconds, rows[i].dated);
        if (rows[i].when != NULL)
            snprintf(wanted, sizeof wanted, "%s", folder);
        newest = rows[i].when != NULL ? rows[i].when : newest;
        assert_int_equal(rv_backup_newest(&own, &identity, when, sizeof when, path, sizeof path), newest != NULL);
        assert_string_equal(when, newest != NULL ? newest : "");
        assert_string_equal(path, wanted);
    }
    identity.serial[0] = identity.udid[0] = '\0'; /* who it is is not known: none is its own */
    put_info(folder, "Serial Number", "", 800000000, true);
    assert_false(rv_backup_newest(&own, &identity, when, sizeof when, path, sizeof path));
    if (home != NULL)
        setenv("HOME", home, 1);
    free(home);
    rv_ctx_clear(&own);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_changes_nothing_for_the_owner),
        cmocka_unit_test(an_erase_warns_of_the_lock),
        cmocka_unit_test(power_and_room_have_their_limits),
        cmocka_unit_test(what_must_not_be_begun_is_refused),
        cmocka_unit_test(the_deepest_reason_of_a_log_is_its_last),
        cmocka_unit_test(a_final_status_has_words_a_number_and_an_advice),
        cmocka_unit_test(modes_and_usb_have_the_numbers_of_itunes),
        cmocka_unit_test(the_newest_backup_of_a_device_is_found_wherever_it_lies),
    };
    return cmocka_run_group_tests_name("restore/stakes", tests, NULL, NULL);
}
