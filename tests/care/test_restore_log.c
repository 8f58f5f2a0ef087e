/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of restores, written here after the grammar that public logs show: what the person is told of each. */

#include "support/test.h"

#include "base/bytes.h"
#include "care/explanation.h"
#include "data/restore_words.h"

static struct rv_log_reader reader;
static struct rv_diagnosis diagnosis;

static const struct rv_log_story *read_log(const char *text, size_t piece)
{
    size_t len = strlen(text);
    rv_log_reader_init(&reader);
    for (size_t at = 0; at < len; at += piece)
        rv_log_reader_add(&reader, rv_span(text + at, len - at < piece ? len - at : piece));
    const struct rv_log_story *story = rv_log_reader_end(&reader);
    rv_diagnose(story, &diagnosis);
    return story;
}

static const char *phase_of(const struct rv_log_story *story)
{
    return story->phase < 0 ? "none" : rv_log_phase(story->phase)->id;
}

static const char *deepest(const struct rv_log_story *story)
{
    return story->cause_count == 0 ? "" : story->causes[story->cause_count - 1];
}

static const char device_log[] =
    "[07:05:00.0100-GMT]{3>6} CHECKPOINT BEGIN: RESTORED:[0x065B] restore_system_image\n"
    "[07:15:00.0100-GMT]{3>6} CHECKPOINT END: RESTORED:[0x065B] restore_system_image\n"
    "[07:20:00.0000-GMT]{3>6} CHECKPOINT BEGIN: RESTORED:[0x0635] update_device_firmware\n"
    "[07:30:23.0250-GMT]{3>6} CHECKPOINT FAILURE:(FAILURE:-1) (null):[0x0635] update_device_firmware "
    "[0]D(failed to update)[1]D(the updater failed (code 7))[2]D(too many loops for Savage)\n"
    "restore-step-results = {0x11070635:{0:-1};0x1107130D:{0:98}}\n"
    "restore-step-codes = {0x11070635:{0:-1};0x1107130D:{0:1016}}\n"
    "restore-step-domains = {0x11070635:{0:\"AMRestoreErrorDomain\"};0x1107130D:{0:\"RamrodErrorDomain\"}}\n"
    "[07:30:24.0000-GMT]{3>6} CHECKPOINT BEGIN: RESTORED:[0x067C] cleanup_boot_command\n"
    "[07:30:24.0100-GMT]{3>6} CHECKPOINT FAILURE:(FAILURE:-1) RESTORED:[0x067B] perform_restore_installing "
    "[0]D(outer)\n"
    "[07:30:25.0000-GMT]{3>6} CHECKPOINT BEGIN: RESTORED:[0x0648] cleanup_send_final_status\n";

static void the_first_failed_step_and_its_deepest_reason_are_told(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 4000; piece = piece * 7 + 1) { /* however it is cut into reads */
        const struct rv_log_story *story = read_log(device_log, piece);
        assert_string_equal(story->tool, "restored");
        assert_true(story->failed && story->step_known);
        assert_int_equal(story->step, 0x0635);
        assert_string_equal(story->step_name, "update_device_firmware");
        assert_int_equal(story->number, -1);
        assert_int_equal(story->cause_count, 3);
        assert_string_equal(story->causes[1], "the updater failed (code 7)");
        assert_string_equal(deepest(story), "too many loops for Savage");
        assert_string_equal(phase_of(story), "firmware");
        assert_true(story->step_s > 623.2 && story->step_s < 623.3); /* 07:20:00 to 07:30:23 and 250 ms */
        assert_true(story->inner_known);
        assert_string_equal(story->inner_domain, "RamrodErrorDomain");
        assert_int_equal(story->inner_number, 1016);
        assert_string_equal(rv_checkpoint_name(story->inner_step), "update_savage");
        assert_string_equal(diagnosis.part, "sensor"); /* Savage is the controller of camera and Face ID */
        assert_int_equal(diagnosis.fact->low, -1);
    }
}

static void a_failure_after_which_another_step_begins_was_survived(void **state)
{
    (void)state;
    const struct rv_log_story *story =
        read_log("[07:00:00.0000-GMT]{3>6} CHECKPOINT BEGIN: RESTORED:[0x1303] update_baseband_legacy\n"
                 "[07:00:10.0000-GMT]{3>6} CHECKPOINT FAILURE:(FAILURE:-1) FIRMWARE:[0x1303] update_baseband_legacy "
                 "[0]D(modem did not answer)\n"
                 "[07:00:11.0000-GMT]{3>6} CHECKPOINT BEGIN: RESTORED:[0x063C] verify_fdr_data\n",
                 100);
    assert_false(story->failed);
    assert_int_equal(story->cause_count, 0);
}

static void factory_data_behind_a_proxy_points_at_the_network(void **state)
{
    (void)state;
    /* The form of a numbered list whose last line is the reason. */
    const struct rv_log_story *story =
        read_log("0: RamrodErrorDomain/3ec: verifying failed\n"
                 "9: AMFDRError/8: sending failed\n"
                 "10: AMFDRError/a: Failed to copy proxy information and proxy is enabled.\n"
                 "[18:09:36.0245-GMT]{4>6} CHECKPOINT FAILURE:(FAILURE:53) (null):[0x063C] verify_fdr_data\n",
                 4096);
    assert_int_equal(story->number, 53);
    assert_string_equal(deepest(story), "Failed to copy proxy information and proxy is enabled.");
    assert_string_equal(diagnosis.part, "network");
    assert_string_equal(diagnosis.cure->key, "fdr-offline");
    assert_non_null(strstr(diagnosis.cure->actions[0], "Internet access"));
}

static void itunes_logs_tell_their_number(void **state)
{
    (void)state;
    const struct rv_log_story *story =
        read_log("2011-06-01 10:00:00.000 [1:2]: restore library built May  1 2011 at 00:00:00\r\n"
                 "2011-06-01 10:00:01.000 [1:2]: <Restore Device 0x1>: operation 13 progress 50\r\n"
                 "2011-06-01 10:09:00.000 [1:2]: <Restore Device 0x1>: operation 18 progress 0\r\n"
                 "2011-06-01 10:09:01.000 [1:2]: device returned AMR error 37\r\n"
                 "2011-06-01 10:09:02.000 [1:2]: <Restore Device 0x1>: Restore failed (result = 37)\r\n",
                 333);
    assert_string_equal(story->tool, "finder");
    assert_int_equal(story->number, 37);
    assert_string_equal(diagnosis.fact->name, "firmware could not be flashed"); /* 37: LLB, iBoot and so on */
    assert_string_equal(phase_of(story), "firmware");
    assert_string_equal(rv_operation_row((uint64_t)story->operation)->id, "flash-firmware");

    story =
        read_log("<Restore Device 0x1>: operation 19 progress 0\nradio-error = 512\ndevice returned AMR error 1013\n"
                 "iTunes: Restore error 1013\n",
                 50);
    assert_int_equal(story->number, 1013);
    assert_string_equal(diagnosis.part, "baseband");
    assert_string_equal(phase_of(story), "baseband");
}

static void an_operation_is_known_by_its_number_in_brackets_at_the_end_of_a_line(void **state)
{
    (void)state;
    const struct rv_log_story *story = read_log("Creating filesystem (12)\n", 7);
    assert_int_equal(story->operation, 12);
    story = read_log("Creating filesystem (12)\nsomething else (17 of 20)\n(13x)\n(14) behind\n", 7);
    assert_int_equal(story->operation, 12);
    story = read_log("operation 13 progress 10\noperation 18 process 10\n", 7);
    assert_int_equal(story->operation, 13);
}

static void finder_logs_tell_the_fall_back_to_recovery(void **state)
{
    (void)state;
    const struct rv_log_story *story =
        read_log("Changing state from 'Idle' to 'Restoring'\n<Recovery Mode Device 0x1>: operation 7 progress 100\n"
                 "Changing state from 'Restoring' to 'Error'\nRestore completed, status:4013\n",
                 50);
    assert_string_equal(story->tool, "finder");
    assert_int_equal(story->number, 4013);
    assert_string_equal(diagnosis.fact->domain, "amrestorable");
    assert_string_equal(diagnosis.part, "usb");

    story = read_log("Restore completed, status:0\n", 50);
    assert_false(story->failed);
    assert_string_equal(phase_of(story), "done");
}

static void idevicerestore_logs_tell_the_first_error_as_the_reason(void **state)
{
    (void)state;
    const struct rv_log_story *story =
        read_log("idevicerestore 1.0.0\nExtracting BuildManifest from IPSW\nTrying to fetch new SHSH blob\n"
                 "ERROR: TSS request failed (status=94, message=This device isn't eligible for the requested build.)\n"
                 "ERROR: Unable to get SHSH blobs for this device\nERROR: Unable to restore device\n",
                 64);
    assert_string_equal(story->tool, "idevicerestore");
    assert_int_equal(story->number, 3194); /* 3100 + STATUS */
    assert_string_equal(phase_of(story), "signing");
    assert_non_null(strstr(deepest(story), "status=94"));
    assert_string_equal(story->causes[0], "Unable to restore device");
    assert_string_equal(diagnosis.part, "tss");

    story = read_log("idevicerestore 1.0.0\nAbout to restore device...\nERROR: Device failed to enter restore mode.\n"
                     "ERROR: Unable to restore device\n",
                     64);
    assert_string_equal(phase_of(story), "waiting");
    assert_string_equal(diagnosis.fact->key, "restore-mode-timeout");

    story = read_log("Connected to com.apple.mobile.restored, version 15\nUpdating baseband (19)\n"
                     "Status: X-Gold Baseband Update Failed. Defective Unit?\n",
                     64);
    assert_int_equal(story->number, 1015);
    assert_string_equal(diagnosis.part, "baseband");
}

static void the_last_of_several_runs_counts(void **state)
{
    (void)state;
    const struct rv_log_story *story = read_log("idevicerestore 1.0.0\nSending iBEC (1 bytes)\nERROR: Unable to send\n"
                                                "idevicerestore 1.0.0\nSending iBEC (1 bytes)\nDONE\n",
                                                7);
    assert_false(story->failed);
    assert_string_equal(phase_of(story), "done");
}

static void revives_own_log_tells_how_far_it_came(void **state)
{
    (void)state;
    const struct rv_log_story *story =
        read_log("2026-11-02T10:00:00.000Z info cli: revive 0.1.0 update\n"
                 "2026-11-02T10:00:01.000Z info restore: step sign begins\n"
                 "2026-11-02T10:00:02.000Z info restore: step install begins\n"
                 "2026-11-02T10:10:02.000Z info restore: final status 14\n"
                 "2026-11-02T10:10:02.000Z error cli: UNFINISHED: broken off after work had begun\n"
                 "2026-11-02T10:10:02.000Z error cli: UNFINISHED: the image connection was lost\n"
                 "2026-11-02T10:10:02.000Z error cli: iTunes number 14\n",
                 90);
    assert_string_equal(story->tool, "revive");
    assert_int_equal(story->number, 14);
    assert_string_equal(phase_of(story), "start");
    assert_string_equal(deepest(story), "the image connection was lost");
}

static void a_log_that_stops_in_the_middle_claims_nothing(void **state)
{
    (void)state;
    const struct rv_log_story *story = read_log("Connected to com.apple.mobile.restored, version 15\n"
                                                "About to send filesystem...\nConnected to ASR",
                                                64);
    assert_false(story->failed);
    assert_string_equal(phase_of(story), "image");
    assert_null(diagnosis.cure);
}

static void hostile_logs_are_read_to_their_end(void **state)
{
    (void)state;
    enum { BIG = 192 * 1024 };
    char *text = malloc(BIG + 1);
    assert_non_null(text);
    /* one line without end; then chains, steps and reasons without end */
    static const char *const pieces[] = { "A",
                                          "[0]D(",
                                          "]D(",
                                          "0x",
                                          "{0:",
                                          "CHECKPOINT ",
                                          "CHECKPOINT FAILURE:(FAILURE:",
                                          "restore-step-codes = {0x1:{0:1};",
                                          "1: E/1: \n",
                                          "ERROR: x\n",
                                          "(((((",
                                          "\n",
                                          "99999999999999999999999)\n",
                                          "operation 99999999999999999999 progress\n" };
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        size_t len = strlen(pieces[p]);
        for (size_t at = 0; at < BIG; at++)
            text[at] = pieces[p][at % len];
        text[BIG] = '\0';
        const struct rv_log_story *story = read_log(text, 65536);
        assert_true(story->cause_count <= RV_LOG_CAUSES);
    }
    free(text);
}

static void what_a_log_quotes_cannot_reach_the_terminal(void **state)
{
    (void)state;
    const struct rv_log_story *story = read_log("ERROR: \033]0;owned\007 and \xff\xfe\n", 5);
    assert_true(story->failed);
    assert_null(strpbrk(deepest(story), "\033\007\xff"));
}

static const struct rv_log_story *shared_log(const char *leaf)
{
    char name[256], path[512], text[8192];
    snprintf(name, sizeof name, "data/firmware/logs/%s", leaf);
    const char *found = test_shared(name, path, sizeof path);
    FILE *file = found == NULL ? NULL : fopen(found, "r");
    if (file == NULL)
        skip();
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    return read_log(text, 512);
}

static void real_logs_give_the_reason_that_their_issues_name(void **state)
{
    (void)state;
    /* idevicerestore issue 352: Apple's server answered 403 to a request for factory data. */
    const struct rv_log_story *story = shared_log("fdr_403.log");
    assert_int_equal(story->number, 53);
    assert_int_equal(story->step, 0x0634); /* fdr_recover, beneath perform_restore_installing */
    assert_non_null(strstr(deepest(story), "returned status 403"));
    assert_string_equal(diagnosis.part, "sensor");
    assert_string_equal(diagnosis.cure->key, "fdr-offline");
    /* issue 658: the updater of Savage gave up. */
    story = shared_log("savage_loops.log");
    assert_int_equal(story->number, -1);
    assert_non_null(strstr(deepest(story), "Exceeded maximum loops for Savage"));
    assert_int_equal(story->inner_number, 1016);
    assert_string_equal(diagnosis.part, "sensor");
    story = shared_log("host_erase_iphone6_ios12_success.log");
    assert_false(story->failed);
    assert_string_equal(phase_of(story), "done");
    story = shared_log("restored_start_a7_ios10.log");
    assert_false(story->failed);
    assert_string_equal(phase_of(story), "start");
}

static void a_number_is_an_error_number_only_where_a_line_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool told;
        int64_t number;
    } lines[] = {
        { "Error Domain=AMRestoreErrorDomain Code:1015 x", true, 1015 },
        { "postal Code:1015", false, 0 }, /* "Code:" alone is many things */
        { "AMR error -9", true, -9 },
        { "Restore completed, status:0", true, 0 },
        { "STATUS=94 and more", true, 3194 },
        { "STATUS=0", true, 0 },
        { "AMR error x", false, 0 },
        { "AMR error -", false, 0 },
        { "AMR error 999999999999999999", false, 0 }, /* longer than any number of an error */
        { "AMR error 99999999999999999", true, 99999999999999999 },
        { "a line without one", false, 0 },
    };
    for (size_t i = 0; i < RV_COUNT(lines); i++) {
        int64_t number = -77;
        bool told = rv_log_line_number(lines[i].line, &number);
        if (told != lines[i].told || (told && number != lines[i].number))
            fail_msg("%s: %d, %lld", lines[i].line, told, (long long)number);
    }
    int64_t status = 0;
    assert_false(rv_log_status("words that no status has", &status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_an_error_number_only_where_a_line_says_so),
        cmocka_unit_test(the_first_failed_step_and_its_deepest_reason_are_told),
        cmocka_unit_test(a_failure_after_which_another_step_begins_was_survived),
        cmocka_unit_test(factory_data_behind_a_proxy_points_at_the_network),
        cmocka_unit_test(itunes_logs_tell_their_number),
        cmocka_unit_test(an_operation_is_known_by_its_number_in_brackets_at_the_end_of_a_line),
        cmocka_unit_test(finder_logs_tell_the_fall_back_to_recovery),
        cmocka_unit_test(idevicerestore_logs_tell_the_first_error_as_the_reason),
        cmocka_unit_test(the_last_of_several_runs_counts),
        cmocka_unit_test(revives_own_log_tells_how_far_it_came),
        cmocka_unit_test(a_log_that_stops_in_the_middle_claims_nothing),
        cmocka_unit_test(hostile_logs_are_read_to_their_end),
        cmocka_unit_test(what_a_log_quotes_cannot_reach_the_terminal),
        cmocka_unit_test(real_logs_give_the_reason_that_their_issues_name),
    };
    return cmocka_run_group_tests_name("care/restore_log", tests, NULL, NULL);
}
