/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/file.h"
#include "base/text.h"
#include "firmware/choose.h"

enum { FILE_CAP = 32 << 20 };

static plist_t load(const char *path)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) file = rv_file_read(path, FILE_CAP, &err);
    assert_fine(file != NULL);
    plist_t p = rv_plist_parse(rv_blob_span(file), &err);
    assert_fine(p != NULL);
    return p;
}

enum outcome { CHOSEN, NO_UPDATE, BAD, WRONG };
struct row {
    const char *leaf, *product, *model;
    uint32_t chip, board;
    enum outcome update, erase;
};

/* What each real manifest must give. The behaviours of the 26.2.1 file were edited by somebody. */
static const struct row rows[] = {
    { "iPhone10,3_iPhone10,6_11.2_15C114", "iPhone10,6", "D221AP", 0x8015, 0x0E, CHOSEN, CHOSEN },
    { "iPhone10,3_iPhone10,6_11.2_15C114", "iPhone10,3", "d22ap", 0x8015, 0x06, CHOSEN, CHOSEN },
    { "iPhone10,3_iPhone10,6_11.2_15C114", "iPhone10,3", "d22ap", 0x8015, 0x0E, WRONG, WRONG },
    { "iPhone10,3_iPhone10,6_11.2_15C114", "iPhone10,4", "d201ap", 0x8015, 0x0A, WRONG, WRONG },
    { "iPhone13,2_13,3_26.2.1_23C71", "iPhone13,2", "D53gAP", 0x8101, 0x0C, NO_UPDATE, CHOSEN },
    { "iPhone13,2_13,3_26.2.1_23C71", "iPhone13,3", "d53pap", 0x8101, 0x0E, NO_UPDATE, CHOSEN },
    { "iPhone3,1_7.1.2_11D257", "iPhone3,1", "n90ap", 0x8930, 0x00, CHOSEN, CHOSEN },
    { "iPhone4,1_8.4.1_12H321_OTA", "iPhone4,1", "n94ap", 0x8940, 0x08, NO_UPDATE, BAD },
    { "iPhone6,1_10.3.3_14G60_OTA", "iPhone6,1", "n51ap", 0x8960, 0x00, NO_UPDATE, BAD },
    { "iPhone9,1_9,3_10,1_10,4_15.4_19E241", "iPhone9,3", "d101ap", 0x8010, 0x0C, CHOSEN, CHOSEN },
    { "iPhone9,1_9,3_10,1_10,4_15.4_19E241", "iPhone10,1", "d20ap", 0x8015, 0x02, CHOSEN, CHOSEN },
    { "iPhone9,1_9,3_10,1_10,4_15.4_19E241", "iPhone10,1", NULL, 0x8015, 0x02, CHOSEN, CHOSEN },
};

static void check(plist_t manifest, const struct row *row, enum rv_behavior behavior, enum outcome want)
{
    struct rv_error err = { 0 };
    struct rv_target target = { .product_type = row->product,
                                .hardware_model = row->model,
                                .chip = row->chip,
                                .board = row->board,
                                .have_chip = true,
                                .have_board = true };
    plist_t identity = rv_manifest_choose(manifest, &target, behavior, &err);
    if (want == CHOSEN) {
        assert_fine(identity != NULL);
        plist_t info = rv_plist_dict(identity, "Info");
        if (row->model != NULL)
            assert_true(rv_text_equal_nocase(rv_plist_text(info, "DeviceClass"), row->model));
        assert_string_equal(rv_plist_text(info, "RestoreBehavior"), behavior == RV_BEHAVIOR_ERASE ? "Erase" : "Update");
        assert_string_equal(rv_plist_text(info, "Variant"), behavior == RV_BEHAVIOR_ERASE
                                                                ? "Customer Erase Install (IPSW)"
                                                                : "Customer Upgrade Install (IPSW)");
        return;
    }
    assert_null(identity);
    assert_int_equal(err.code, RV_E_CORRUPT);
    assert_int_equal(err.advice, want == NO_UPDATE ? RV_ADVICE_NO_UPDATE_IDENTITY
                                 : want == BAD     ? RV_ADVICE_BAD_FIRMWARE
                                                   : RV_ADVICE_WRONG_FIRMWARE);
}

static void every_sample_manifest_gives_the_right_identity_or_the_right_refusal(void **state)
{
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        char leaf[256], path[4096];
        snprintf(leaf, sizeof leaf, "data/firmware/buildmanifest/%s.plist", rows[i].leaf);
        TEST_SHARED_OR_SKIP(path, leaf);
        RV_AUTO_PLIST manifest = load(path);
        check(manifest, &rows[i], RV_BEHAVIOR_UPDATE, rows[i].update);
        check(manifest, &rows[i], RV_BEHAVIOR_ERASE, rows[i].erase);
    }
}

/* ---- made here ---- */

static void add_identity(plist_t manifest, const char *board, const char *variant, const char *behavior)
{
    plist_t identities = rv_plist_array(manifest, "BuildIdentities");
    plist_t identity = plist_new_dict(), info = plist_new_dict();
    plist_dict_set_item(identity, "ApChipID", plist_new_string("0x8015"));
    plist_dict_set_item(identity, "ApBoardID", plist_new_uint(14));
    plist_dict_set_item(info, "DeviceClass", plist_new_string(board));
    plist_dict_set_item(info, "Variant", plist_new_string(variant));
    if (behavior != NULL)
        plist_dict_set_item(info, "RestoreBehavior", plist_new_string(behavior));
    plist_dict_set_item(identity, "Info", info);
    plist_array_append_item(identities, identity);
}

static plist_t new_manifest(void)
{
    plist_t manifest = plist_new_dict(), types = plist_new_array();
    plist_array_append_item(types, plist_new_string("iPhone10,6"));
    plist_dict_set_item(manifest, "SupportedProductTypes", types);
    plist_dict_set_item(manifest, "BuildIdentities", plist_new_array());
    return manifest;
}

static const struct rv_target x = { .product_type = "iPhone10,6",
                                    .hardware_model = "d221ap",
                                    .chip = 0x8015,
                                    .board = 14,
                                    .have_chip = true,
                                    .have_board = true };

static void an_update_never_becomes_an_erase(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_PLIST manifest = new_manifest();
    add_identity(manifest, "d221ap", "Customer Erase Install (IPSW)", "Erase");
    assert_null(rv_manifest_choose(manifest, &x, RV_BEHAVIOR_UPDATE, &err));
    assert_int_equal(err.advice, RV_ADVICE_NO_UPDATE_IDENTITY);
    add_identity(manifest, "d221ap", "Customer Upgrade Install (IPSW)", "Erase");
    assert_null(rv_manifest_choose(manifest, &x, RV_BEHAVIOR_UPDATE, &err));
    assert_int_equal(err.advice, RV_ADVICE_NO_UPDATE_IDENTITY);
    assert_true(test_error_says(&err, "contradicts itself"));
    RV_AUTO_PLIST silent = new_manifest();
    add_identity(silent, "d221ap", "Customer Upgrade Install (IPSW)", NULL);
    assert_null(rv_manifest_choose(silent, &x, RV_BEHAVIOR_UPDATE, &err));
    assert_true(test_error_says(&err, "behaviour 'none'"));
}

static void research_variants_are_passed_over_and_customer_ones_preferred(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_PLIST manifest = new_manifest();
    add_identity(manifest, "d221ap", "Research Customer Upgrade Install (IPSW)", "Update");
    assert_null(rv_manifest_choose(manifest, &x, RV_BEHAVIOR_UPDATE, &err));
    add_identity(manifest, "d221ap", "Developer Upgrade Install (IPSW)", "Update");
    plist_t identity = rv_manifest_choose(manifest, &x, RV_BEHAVIOR_UPDATE, &err);
    assert_fine(identity != NULL);
    assert_string_equal(rv_plist_text(rv_plist_dict(identity, "Info"), "Variant"), "Developer Upgrade Install (IPSW)");
    add_identity(manifest, "D221AP", "Customer Upgrade Install (IPSW)", "Update");
    identity = rv_manifest_choose(manifest, &x, RV_BEHAVIOR_UPDATE, &err);
    assert_string_equal(rv_plist_text(rv_plist_dict(identity, "Info"), "Variant"), "Customer Upgrade Install (IPSW)");
}

static void two_boards_and_an_unknown_device_are_not_guessed_between(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_target unknown = { .product_type = "iPhone10,6" };
    RV_AUTO_PLIST manifest = new_manifest();
    add_identity(manifest, "d221ap", "Customer Upgrade Install (IPSW)", "Update");
    assert_non_null(rv_manifest_choose(manifest, &unknown, RV_BEHAVIOR_UPDATE, &err));
    add_identity(manifest, "d22ap", "Customer Upgrade Install (IPSW)", "Update");
    assert_null(rv_manifest_choose(manifest, &unknown, RV_BEHAVIOR_UPDATE, &err));
    assert_int_equal(err.code, RV_E_USAGE);
}

static void a_refusal_names_both_models(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_target other = { .product_type = "iPhone13,2", .hardware_model = "d53gap" };
    RV_AUTO_PLIST manifest = new_manifest();
    add_identity(manifest, "d221ap", "Customer Upgrade Install (IPSW)", "Update");
    assert_null(rv_manifest_choose(manifest, &other, RV_BEHAVIOR_UPDATE, &err));
    assert_true(test_error_says(&err, "this firmware is for iPhone10,6; the device is iPhone13,2 (d53gap)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_manifest_gives_the_right_identity_or_the_right_refusal),
        cmocka_unit_test(an_update_never_becomes_an_erase),
        cmocka_unit_test(research_variants_are_passed_over_and_customer_ones_preferred),
        cmocka_unit_test(two_boards_and_an_unknown_device_are_not_guessed_between),
        cmocka_unit_test(a_refusal_names_both_models),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/choose", tests, NULL, NULL);
}
