/* SPDX-License-Identifier: Apache-2.0 */
/* Restores of every generation: the same questions to each, and each one's own. */
#include "restore_rig.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int make_12(void **state)
{
    static const struct rig_form form = { "iPhone10,6", "12.3", "16F156", "12.4", "16G77" };
    (void)state;
    rig_world_make(&form);
    return 0;
}

static int make_13(void **state)
{
    static const struct rig_form form = { "iPhone10,6", "13.1", "17A844", "13.2.3", "17B111" };
    (void)state;
    rig_world_make(&form);
    return 0;
}

static int make_15(void **state)
{
    static const struct rig_form form = { "iPhone9,3", "15.1", "19B74", "15.4", "19E241" };
    (void)state;
    rig_world_make(&form);
    return 0;
}

static int make_iphone11(void **state)
{
    static const struct rig_form form = { "iPhone12,1", "26.1", "23B85", "26.2.1", "23C71" };
    (void)state;
    rig_world_make(&form);
    return 0;
}

static int make_iphone12(void **state)
{
    static const struct rig_form form = { "iPhone13,2", "26.1", "23B85", "26.2.1", "23C71" };
    (void)state;
    rig_world_make(&form);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    return rig_world_drop();
}

/* ---- what holds for all ---- */

static void an_update_keeps_every_byte_of_user_data(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_done(rig);
    assert_true(rig_hash_is(rig, "data.img", rig->data_before));
    assert_int_equal(rig->host.progress[11], 0);
    assert_int_equal(rig->host.progress[50], 0);
}

static void an_erase_changes_both_volumes(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, true, RIGHT, NULL);
    rig_assert_done(rig);
    assert_false(rig_hash_is(rig, "data.img", rig->data_before));
    assert_int_equal(rig->host.progress[11], 1);
    assert_int_equal(rig->host.progress[12], 1);
    assert_int_equal(rig->host.progress[50], 1);
}

static void a_ticket_for_another_nonce_is_refused(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, OTHER_TICKET, NULL);
    rig_assert_failed(rig, -1, "ticket_hash differs");
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

static void an_image_that_is_not_the_signed_one_is_refused(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, OTHER_IMAGE, NULL);
    rig_assert_failed(rig, 14, "the image is not the one that is signed");
}

static void flipped(struct rig *rig, const char *component, int64_t status, const char *word)
{
    rig_restore(rig, false, FLIPPED_COMPONENT, component);
    rig_assert_failed(rig, status, word);
    host_close(&rig->host);
}

/* ---- 12 ---- */

static void a_12_ramdisk_asks_for_the_ticket_first_and_fud_whole(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, true, RIGHT, NULL);
    rig_assert_done(rig);
    assert_string_equal(rig->host.requests, "RootTicket NORData FDRTrustData SystemImageData KernelCache DeviceTree "
                                            "FUDData FUDData BasebandData BasebandData FirmwareUpdaterData "
                                            "FirmwareUpdaterData");
}

/* ---- 13 ---- */

static void a_13_ramdisk_asks_for_fud_by_list(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, RIGHT, NULL);
    rig_assert_done(rig);
    assert_non_null(strstr(rig->host.requests, "DeviceTree FUDData FUDData FUDData FUDData BasebandData"));
    host_close(&rig->host);
    flipped(rig, "Multitouch", -1, "install_fud");
}

/* ---- 15 ---- */

static void a_15_ramdisk_asks_in_the_order_of_its_log(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, true, RIGHT, NULL);
    rig_assert_done(rig);
    assert_string_equal(rig->host.requests,
                        "RootTicket NORData FDRTrustData SystemImageData PersonalizedData PersonalizedData EANData "
                        "FUDData FUDData FUDData FUDData FUDData FUDData FUDData FUDData BasebandData BasebandData "
                        "KernelCache DeviceTree SystemImageRootHash SystemImageCanonicalMetadata SystemImageRootHash");
    assert_int_equal(rig->host.progress[80], 1);
    assert_int_equal(rig->host.progress[77], 1);
}

static void files_of_the_sealed_volume_are_checked(void **state)
{
    struct rig *rig = *state;
    flipped(rig, "SystemVolume", -1, "install_fud");
    rig_restore(rig, false, MISSING_KEY, "SystemImageRootHash");
    rig_assert_failed(rig, -1, "failed to install the root hash");
    host_close(&rig->host);
    rig_restore(rig, false, MISSING_KEY, "SystemImageCanonicalMetadata");
    rig_assert_failed(rig, 6, "failed to seal system volume");
}

static void another_image_than_the_named_one_is_refused(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, OTHER_NAME, NULL);
    rig_assert_failed(rig, -1, "asked for AOP, got iBoot");
}

/* ---- 26 ---- */

/* Each time the device asks for a file by its name. */
static void assert_asked(const struct rig *rig, const char *words)
{
    if (strstr(rig->host.requests, words) == NULL)
        fail_msg("no \"%s\" in:\n%s", words, rig->host.requests);
}

static void the_image_comes_beside_the_other_steps(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, true, RIGHT, NULL);
    rig_assert_done(rig);
    assert_true(rig->host.image_progress >= 7);
    assert_true(rig->host.progress[14] >= 7);
    assert_true(rig->host.async_waits == 13);
    assert_asked(rig, "URLAsset");
    assert_asked(rig, "ReceiptManifest FirmwareUpdaterData BuildIdentityDict SourceBootObjectV4 URLAsset "
                      "SourceBootObjectV4 SourceBootObjectV4 SourceBootObjectV4 SourceBootObjectV4 SourceBootObjectV4");
    assert_asked(rig, "KernelCache DeviceTree SystemImageRootHash SystemImageCanonicalMetadata SystemImageRootHash");
    assert_null(strstr(rig->host.requests, "StreamedImageDecryptionKey"));
}

static void a_key_may_come_at_the_second_asking(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, KEY_LATER, NULL);
    rig_assert_done(rig);
    assert_asked(rig, "StreamedImageDecryptionKey");
}

static void without_the_key_the_image_is_of_no_use(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, NO_KEY, NULL);
    rig_assert_failed(rig, 14, "fetched no key");
    host_close(&rig->host);
    rig_restore(rig, false, OTHER_KEY, NULL);
    rig_assert_failed(rig, 14, "fetched no key");
}

static void files_of_cryptexes_are_checked(void **state)
{
    struct rig *rig = *state;
    flipped(rig, "Cryptex1,SystemOS", 100, "is not what the cryptex ticket names");
    flipped(rig, "Cryptex1,AppTrustCache", 100, "failed to install splat");
}

static void a_cryptex_ticket_is_for_this_nonce_and_device(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, OTHER_NONCE, "Cryptex1");
    rig_assert_failed(rig, 100, "the cryptex ticket is not valid");
    host_close(&rig->host);
    rig_restore(rig, false, OTHER_UDID, NULL);
    rig_assert_failed(rig, 100, "another device's");
}

static void tickets_and_files_of_coprocessors_are_checked(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, OTHER_NONCE, "Rose");
    rig_assert_failed(rig, -1, "the ticket of Rose is not valid");
    host_close(&rig->host);
    flipped(rig, "BMU,FirmwareMap", -1, "the digest of BMU,FirmwareMap");
    flipped(rig, "SE,UpdatePayload", -1, "the digest of SE,UpdatePayload");
}

static void an_answer_on_the_wrong_connection_is_not_heard(void **state)
{
    struct rig *rig = *state;
    sim_setting_put(rig->device, "restored.reply_ms", "1500");
    rig_restore(rig, false, ON_CONTROL, "BasebandData");
    rig_assert_failed(rig, 1, "BasebandData: no host connected");
}

static void a_file_without_an_end_is_waited_for_in_vain(void **state)
{
    struct rig *rig = *state;
    sim_setting_put(rig->device, "restored.reply_ms", "1500");
    rig_restore(rig, false, NO_END, "SE,UpdatePayload");
    rig_assert_given_up(rig);
}

static void a_failure_inside_ends_the_checkpoints_around_it(void **state)
{
    struct rig *rig = *state;
    rig_restore(rig, false, MISSING_KEY, "KernelCache");
    rig_assert_failed(rig, -1, "RESTORED:[0x0E00]");
    assert_non_null(strstr(rig->host.log, "CHECKPOINT FAILURE:(FAILURE:-1) RESTORED:[0x067B]"));
    assert_non_null(strstr(rig->host.log, "cleanup_send_crash_logs"));
}

static void a_host_that_announces_too_little_is_told_so(void **state)
{
    struct rig *rig = *state;
    rig_boot(rig, false);
    rig->host.options = plist_new_dict();
    host_restore(&rig->host);
    rig_assert_failed(rig, 100, "You may need to update your host tools");
    assert_true(rig_hash_is(rig, "system.img", rig->system_before));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
#define COMMON                                                                                                         \
    TEST(an_update_keeps_every_byte_of_user_data), TEST(an_erase_changes_both_volumes),                                \
        TEST(a_ticket_for_another_nonce_is_refused), TEST(an_image_that_is_not_the_signed_one_is_refused)

int main(int argc, char **argv)
{
    const struct CMUnitTest of_12[] = { COMMON, TEST(a_12_ramdisk_asks_for_the_ticket_first_and_fud_whole) };
    const struct CMUnitTest of_13[] = { COMMON, TEST(a_13_ramdisk_asks_for_fud_by_list) };
    const struct CMUnitTest of_15[] = { COMMON, TEST(a_15_ramdisk_asks_in_the_order_of_its_log),
                                        TEST(files_of_the_sealed_volume_are_checked),
                                        TEST(another_image_than_the_named_one_is_refused) };
    const struct CMUnitTest of_iphone11[] = { COMMON,
                                              TEST(the_image_comes_beside_the_other_steps),
                                              TEST(a_key_may_come_at_the_second_asking),
                                              TEST(without_the_key_the_image_is_of_no_use),
                                              TEST(files_of_cryptexes_are_checked),
                                              TEST(a_cryptex_ticket_is_for_this_nonce_and_device),
                                              TEST(tickets_and_files_of_coprocessors_are_checked),
                                              TEST(an_answer_on_the_wrong_connection_is_not_heard),
                                              TEST(a_file_without_an_end_is_waited_for_in_vain),
                                              TEST(a_failure_inside_ends_the_checkpoints_around_it),
                                              TEST(a_host_that_announces_too_little_is_told_so) };
    const struct CMUnitTest of_iphone12[] = { TEST(an_update_keeps_every_byte_of_user_data),
                                              TEST(an_erase_changes_both_volumes) };
    /* One generation a run: a program prints one plan. */
    const char *which = argc > 1 ? argv[1] : "";
    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (strcmp(which, "12") == 0)
        return cmocka_run_group_tests_name("sim/generations 12", of_12, make_12, drop);
    if (strcmp(which, "13") == 0)
        return cmocka_run_group_tests_name("sim/generations 13", of_13, make_13, drop);
    if (strcmp(which, "15") == 0)
        return cmocka_run_group_tests_name("sim/generations 15", of_15, make_15, drop);
    if (strcmp(which, "26-iphone11") == 0)
        return cmocka_run_group_tests_name("sim/generations 26 iPhone 11", of_iphone11, make_iphone11, drop);
    if (strcmp(which, "26-iphone12") == 0)
        return cmocka_run_group_tests_name("sim/generations 26 iPhone 12", of_iphone12, make_iphone12, drop);
    fprintf(stderr, "usage: test_sim_generations 12|13|15|26-iphone11|26-iphone12\n");
    return 2;
}
