/* SPDX-License-Identifier: Apache-2.0 */
/* Whole restores from the host's side: a right host, and many that are not. */
#include "restore_rig.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int make_world(void **state)
{
    static const struct rig_form form = { NULL, "11.1.2", "15B202", "11.2", "15C114" };
    (void)state;
    rig_world_make(&form);
    return 0;
}

static int drop_world(void **state)
{
    (void)state;
    return rig_world_drop();
}

/* ---- right hosts ---- */

static void an_update_installs_the_new_system_and_keeps_every_byte_of_user_data(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_done(rig);
    assert_false(rig_hash_is(rig, "system.img", rig->system_before));
    assert_true(rig_hash_is(rig, "data.img", rig->data_before));
    assert_int_equal(rig->host.progress[11], 0);
    assert_int_equal(rig->host.progress[42], 0);
    assert_int_equal(rig->host.progress[41], 1);
    assert_true(rig->host.progress[14] > 1);
}

static void an_erase_changes_both(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, true, RIGHT, NULL);
    rig_assert_done(rig);
    assert_false(rig_hash_is(rig, "data.img", rig->data_before));
    assert_int_equal(rig->host.progress[11], 1);
    assert_int_equal(rig->host.progress[41], 0);
}

static void requests_come_in_the_order_of_an_11_ramdisk(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, RIGHT, NULL);
    assert_string_equal(rig->host.requests,
                        "NORData RootTicket FDRTrustData SystemImageData KernelCache DeviceTree FUDData FUDData "
                        "BasebandData BasebandData FirmwareUpdaterData FirmwareUpdaterData");
    rig_assert_done(rig);
}

static void chatter_and_unknown_keys_are_tolerated(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, EXTRA_WORDS, NULL);
    rig_assert_done(rig);
}

static void a_host_that_leaves_after_the_last_status_does_no_harm(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, NO_FINAL_WORD, NULL);
    rig_assert_done(rig);
}

static void questions_before_the_restore_are_answered(void **state)
{
    struct rig *rig = *state;
    rig_boot(rig, false);
    int fd = host_connect(rig->device, 62078);
    assert_true(fd >= 0);
    struct sim_identity who;
    sim_device_identity(rig->device, &who);
    plist_t ask = plist_new_dict();
    plist_dict_set_item(ask, "Request", plist_new_string("QueryType"));
    plist_t answer = host_request(fd, ask);
    assert_non_null(answer);
    assert_string_equal(plist_get_string_ptr(plist_dict_get_item(answer, "Type"), NULL), "com.apple.mobile.restored");
    uint64_t number = 0;
    plist_get_uint_val(plist_dict_get_item(answer, "RestoreProtocolVersion"), &number);
    assert_int_equal(number, 14);
    plist_free(answer);

    ask = plist_new_dict();
    plist_dict_set_item(ask, "Request", plist_new_string("QueryValue"));
    plist_dict_set_item(ask, "QueryKey", plist_new_string("HardwareInfo"));
    answer = host_request(fd, ask);
    plist_t info = plist_dict_get_item(answer, "HardwareInfo");
    assert_non_null(info);
    plist_get_uint_val(plist_dict_get_item(info, "UniqueChipID"), &number);
    assert_true(number == who.ecid);
    plist_get_uint_val(plist_dict_get_item(info, "ChipID"), &number);
    assert_int_equal(number, 0x8015);
    plist_free(answer);

    ask = plist_new_dict();
    plist_dict_set_item(ask, "Request", plist_new_string("Goodbye"));
    answer = host_request(fd, ask);
    assert_string_equal(plist_get_string_ptr(plist_dict_get_item(answer, "Result"), NULL), "Success");
    plist_free(answer);
    close(fd);
    assert_int_equal(sim_device_mode(rig->device, NULL), SIM_RESTORE);
}

static void reboot_leaves_restore_mode_with_nothing_changed(void **state)
{
    struct rig *rig = *state;
    rig_boot(rig, false);
    int fd = host_connect(rig->device, 62078);
    plist_t ask = plist_new_dict();
    plist_dict_set_item(ask, "Request", plist_new_string("Reboot"));
    plist_free(host_request(fd, ask));
    close(fd);
    assert_true(wait_for_mode(rig->device, SIM_RECOVERY, RIG_SETTLE_MS)); /* auto-boot was set to false before */
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
    assert_true(rig_hash_is(rig, "data.img", rig->data_before));
}

static void without_start_restore_the_device_reboots(void **state)
{
    struct rig *rig = *state;
    sim_setting_put(rig->device, "restored.start_ms", "200");
    rig_boot(rig, false);
    assert_true(wait_for_mode(rig->device, SIM_RECOVERY, RIG_SETTLE_MS));
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void after_a_failure_the_next_attempt_tells_of_it_and_succeeds(void **state)
{
    struct rig *rig = *state;
    rig_fault(rig, "restored.status", "install_kernel_cache:1015 x1");
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_failed(rig, 1015, "install_kernel_cache [0]D(ordered failure");
    host_close(&rig->host);
    rig_boot(rig, false);
    int fd = host_connect(rig->device, 62078);
    plist_t ask = plist_new_dict();
    plist_dict_set_item(ask, "Request", plist_new_string("QueryValue"));
    plist_dict_set_item(ask, "QueryKey", plist_new_string("SavedDebugInfo"));
    plist_t answer = host_request(fd, ask);
    plist_t exit_status = plist_dict_get_item(plist_dict_get_item(answer, "SavedDebugInfo"), "PreviousExitStatus");
    assert_string_equal(plist_get_string_ptr(exit_status, NULL), "0x100");
    plist_free(answer);
    close(fd);
    host_restore(&rig->host);
    assert_int_equal(rig->host.previous_logs, 1);
    rig_assert_done(rig);
    assert_true(rig_hash_is(rig, "data.img", rig->data_before));
}

/* ---- wrong tickets and images ---- */

static void a_ticket_for_another_nonce_is_refused(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, OTHER_TICKET, NULL);
    rig_assert_failed(rig, -1, "ticket_hash differs");
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void the_erase_ticket_is_refused_by_an_update_ramdisk(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, OTHER_ERASE_TICKET, NULL);
    rig_assert_failed(rig, -1, "update_ticket");
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void a_flipped_bit_in_the_kernel_cache_is_refused(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, FLIPPED_COMPONENT, "KernelCache");
    rig_assert_failed(rig, -1, "image4 validation of KernelCache failed");
}

static void a_flipped_bit_in_iboot_is_refused_before_anything_is_written(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, FLIPPED_COMPONENT, "iBoot");
    rig_assert_failed(rig, 51, "load_sep_os");
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void a_flipped_bit_in_fud_firmware_is_refused(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, FLIPPED_COMPONENT, "AOP");
    rig_assert_failed(rig, -1, "install_fud");
}

static void answers_without_what_was_asked_for_are_refused(void **state)
{
    static const struct {
        const char *request;
        int status;
    } rows[] = { { "NORData", 51 }, { "RootTicket", -1 },  { "KernelCache", -1 },        { "DeviceTree", -1 },
                 { "FUDData", -1 }, { "BasebandData", 1 }, { "FirmwareUpdaterData", -1 } };
    struct rig *rig = *state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        rig_restore(rig, false, MISSING_KEY, rows[i].request);
        rig_assert_failed(rig, rows[i].status, "CHECKPOINT FAILURE");
        assert_non_null(strstr(rig->host.requests, rows[i].request));
        host_close(&rig->host);
    }
}

/* ---- the image ---- */

static void a_piece_that_misses_its_checksum_ends_the_run(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, CORRUPT_PIECE, NULL);
    rig_assert_failed(rig, 14, "ASR: Checksum failed");
}

static void an_image_that_is_not_the_signed_one_ends_the_run(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, OTHER_IMAGE, NULL);
    rig_assert_failed(rig, 14, "asr_and_invert_image");
}

static void a_short_image_ends_the_run(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, SHORT_IMAGE, NULL);
    rig_assert_failed(rig, 14, "the stream of the image broke off");
}

static void an_out_of_band_answer_that_differs_from_the_stream_ends_the_run(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, LYING_READS, NULL);
    rig_assert_failed(rig, 14, "differs from what was read out of band");
}

static void packet_info_without_the_checksums_asked_for_is_refused(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, NO_CHECKSUMS, NULL);
    rig_assert_failed(rig, 14, "checksums of 0 bytes");
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void the_image_is_read_out_of_band_as_measured(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_done(rig);
    assert_int_equal(rig->host.initiates, 1);
    assert_true(rig->host.oob_reads >= 13 + 5 + 3); /* two passes, the first chunks, three odd places */
}

static void a_broken_off_update_leaves_a_phone_that_another_update_repairs(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, SHORT_IMAGE, NULL);
    rig_assert_failed(rig, 14, "ASR");
    sim_nvram_set(rig->device, "auto-boot", "true", true);
    sim_device_reboot(rig->device, "test");
    assert_true(wait_for_mode(rig->device, SIM_OFF, RIG_SETTLE_MS));
    assert_true(wait_for_mode(rig->device, SIM_RECOVERY, RIG_SETTLE_MS)); /* the system does not start any more */
    host_close(&rig->host);
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_done(rig);
    assert_true(rig_hash_is(rig, "data.img", rig->data_before));
}

/* ---- hosts that go or fall silent ---- */

static void a_host_that_falls_silent_is_given_up(void **state)
{
    static const char *const requests[] = { "NORData", "RootTicket", "KernelCache", "BasebandData" };
    struct rig *rig = *state;
    sim_setting_put(rig->device, "restored.reply_ms", "2500");
    for (size_t i = 0; i < RV_COUNT(requests); i++) {
        rig_restore(rig, false, SILENT, requests[i]);
        rig_assert_given_up(rig);
        host_close(&rig->host);
    }
}

static void a_host_that_never_connects_to_asr_is_refused(void **state)
{
    struct rig *rig = *state;
    sim_setting_put(rig->device, "restored.reply_ms", "2500");
    rig_restore(rig, false, NO_IMAGE, NULL);
    rig_assert_failed(rig, 14, "no host connected");
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void a_host_that_leaves_is_noticed(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, LEAVES, "FDRTrustData");
    rig_assert_given_up(rig);
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void bytes_that_are_no_property_list_end_the_run(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, GARBAGE, "RootTicket");
    rig_assert_given_up(rig);
}

static void an_erase_broken_off_after_the_wipe_has_lost_the_data_and_says_nothing_else(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, true, LEAVES, "SystemImageData");
    assert_false(rig->host.ended);
    assert_true(wait_for_mode(rig->device, SIM_RECOVERY, RIG_SETTLE_MS));
    assert_false(rig_hash_is(rig, "data.img", rig->data_before));
}

/* ---- faults to order ---- */

static void faults_of_asr_that_a_good_host_survives(void **state)
{
    static const char *const faults[] = { "asr.refuse", "asr.second_initiate", "asr.split", "asr.joined" };
    struct rig *rig = *state;
    for (size_t i = 0; i < RV_COUNT(faults); i++) {
        rig_fault(rig, faults[i], i == 2 ? "yes x12" : "yes");
        rig_restore(rig, false, RIGHT, NULL);
        rig_assert_done(rig);
        if (i == 0)
            assert_true(rig->host.asr_connected_twice);
        if (i == 1)
            assert_int_equal(rig->host.initiates, 2);
        rig_fault(rig, faults[i], "");
        host_close(&rig->host);
    }
    assert_true(rig_hash_is(rig, "data.img", rig->data_before));
}

static void faults_of_asr_that_end_the_run(void **state)
{
    static const struct {
        const char *name, *value;
    } rows[] = { { "asr.unknown", "yes" }, { "asr.close", "1" }, { "asr.digest", "yes" }, { "asr.no_space", "yes" } };
    struct rig *rig = *state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        rig_fault(rig, rows[i].name, rows[i].value);
        rig_restore(rig, false, RIGHT, NULL);
        rig_assert_failed(rig, 14, "asr_and_invert_image");
        rig_fault(rig, rows[i].name, "");
        host_close(&rig->host);
    }
}

static void unknown_requests_and_messages_do_not_stop_a_host_that_answers(void **state)
{
    struct rig *rig = *state;
    rig_fault(rig, "restored.unknown_request", "install_fud x1");
    rig_fault(rig, "restored.unknown_message", "update_ticket x1");
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_done(rig);
    assert_int_equal(rig->host.unknown_messages, 1);
    assert_non_null(strstr(rig->host.requests, "DataNobodyHasHeardOf"));
}

static void messages_that_are_none_and_lying_lengths_can_be_ordered(void **state)
{
    static const char *const faults[] = { "restored.malformed", "restored.oversize" };
    struct rig *rig = *state;
    for (size_t i = 0; i < RV_COUNT(faults); i++) {
        rig_fault(rig, faults[i], "wait_for_storage x1");
        rig_restore(rig, false, RIGHT, NULL);
        close(rig->host.fd);
        rig->host.fd = -1;
        rig_assert_given_up(rig);
        host_close(&rig->host);
    }
}

static void a_reboot_in_the_middle_lands_in_recovery(void **state)
{
    struct rig *rig = *state;
    rig_fault(rig, "restored.reboot", "update_iBoot x1");
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_given_up(rig);
}

static void a_cable_pulled_in_the_middle_shows_recovery_when_plugged_in_again(void **state)
{
    struct rig *rig = *state;
    rig_fault(rig, "restored.vanish", "install_kernel_cache x1");
    rig_restore(rig, false, RIGHT, NULL);
    assert_false(rig->host.ended);
    assert_int_equal(sim_device_mode(rig->device, NULL), SIM_OFF);
    sim_device_plug(rig->device);
    rig_assert_given_up(rig);
    host_close(&rig->host);
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_done(rig);
    assert_true(rig_hash_is(rig, "data.img", rig->data_before));
}

static void a_host_without_the_required_types_is_told_that_it_is_too_old(void **state)
{
    struct rig *rig = *state;
    sim_setting_put(rig->device, "restored.host_check", "yes");
    rig_boot(rig, false);
    rig->host.options = plist_new_dict();
    host_restore(&rig->host);
    rig_assert_failed(rig, 100, "You may need to update your host tools");
    assert_non_null(strstr(rig->host.log, "(required): MessageUseStreamedImageFile"));
    assert_non_null(strstr(rig->host.log, "(optional): URLAsset"));
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void a_restored_that_skips_writing_is_caught_by_the_hash(void **state)
{
    struct rig *rig = *state;
    sim_setting_put(rig->device, "skip_write", "yes");
    rig_restore(rig, false, RIGHT, NULL);
    assert_true(rig->host.ended);
    assert_int_equal(rig->host.status, 0);
    assert_true(wait_for_mode(rig->device, SIM_NORMAL, RIG_SETTLE_MS));
    assert_false(rig_hash_is(rig, "system.img", rig_world.new_system));
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void a_phone_that_discards_the_image_still_takes_the_right_one_only(void **state)
{
    struct rig *rig = *state;
    sim_setting_put(rig->device, "asr.discard", "yes");
    rig_restore(rig, false, OTHER_IMAGE, NULL);
    rig_assert_failed(rig, 14, "asr_and_invert_image");
}

static void a_phone_that_discards_the_image_starts_all_the_same(void **state)
{
    struct rig *rig = *state;
    sim_setting_put(rig->device, "asr.discard", "yes");
    rig_restore(rig, false, RIGHT, NULL);
    assert_true(rig->host.ended);
    assert_int_equal(rig->host.status, 0);
    assert_true(wait_for_mode(rig->device, SIM_NORMAL, RIG_SETTLE_MS));
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void a_damaged_user_partition_stops_an_update_but_not_an_erase(void **state)
{
    struct rig *rig = *state;
    sim_setting_put(rig->device, "data_damaged", "yes");
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_failed(rig, 27, "the data volume cannot be mounted");
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
    host_close(&rig->host);
    rig_restore(rig, true, RIGHT, NULL);
    rig_assert_done(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_update_installs_the_new_system_and_keeps_every_byte_of_user_data),
        TEST(an_erase_changes_both),
        TEST(requests_come_in_the_order_of_an_11_ramdisk),
        TEST(chatter_and_unknown_keys_are_tolerated),
        TEST(a_host_that_leaves_after_the_last_status_does_no_harm),
        TEST(questions_before_the_restore_are_answered),
        TEST(reboot_leaves_restore_mode_with_nothing_changed),
        TEST(without_start_restore_the_device_reboots),
        TEST(after_a_failure_the_next_attempt_tells_of_it_and_succeeds),
        TEST(a_ticket_for_another_nonce_is_refused),
        TEST(the_erase_ticket_is_refused_by_an_update_ramdisk),
        TEST(a_flipped_bit_in_the_kernel_cache_is_refused),
        TEST(a_flipped_bit_in_iboot_is_refused_before_anything_is_written),
        TEST(a_flipped_bit_in_fud_firmware_is_refused),
        TEST(answers_without_what_was_asked_for_are_refused),
        TEST(a_piece_that_misses_its_checksum_ends_the_run),
        TEST(an_image_that_is_not_the_signed_one_ends_the_run),
        TEST(a_short_image_ends_the_run),
        TEST(an_out_of_band_answer_that_differs_from_the_stream_ends_the_run),
        TEST(packet_info_without_the_checksums_asked_for_is_refused),
        TEST(the_image_is_read_out_of_band_as_measured),
        TEST(a_broken_off_update_leaves_a_phone_that_another_update_repairs),
        TEST(a_host_that_falls_silent_is_given_up),
        TEST(a_host_that_never_connects_to_asr_is_refused),
        TEST(a_host_that_leaves_is_noticed),
        TEST(bytes_that_are_no_property_list_end_the_run),
        TEST(an_erase_broken_off_after_the_wipe_has_lost_the_data_and_says_nothing_else),
        TEST(faults_of_asr_that_a_good_host_survives),
        TEST(faults_of_asr_that_end_the_run),
        TEST(unknown_requests_and_messages_do_not_stop_a_host_that_answers),
        TEST(messages_that_are_none_and_lying_lengths_can_be_ordered),
        TEST(a_reboot_in_the_middle_lands_in_recovery),
        TEST(a_cable_pulled_in_the_middle_shows_recovery_when_plugged_in_again),
        TEST(a_host_without_the_required_types_is_told_that_it_is_too_old),
        TEST(a_phone_that_discards_the_image_still_takes_the_right_one_only),
        TEST(a_phone_that_discards_the_image_starts_all_the_same),
        TEST(a_restored_that_skips_writing_is_caught_by_the_hash),
        TEST(a_damaged_user_partition_stops_an_update_but_not_an_erase),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("sim/restored", tests, make_world, drop_world);
}
