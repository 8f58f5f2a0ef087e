/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/fixture.h"

#include "base/file.h"

static struct fixture f;
static struct rv_ipsw *ipsw;
static plist_t identity;

static int start(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    fixture_start(&f);
    ipsw = rv_ipsw_open(&f.ctx, f.content, &err);
    assert_fine(ipsw != NULL);
    identity = fixture_identity(ipsw, RV_BEHAVIOR_UPDATE);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rv_ipsw_free(ipsw);
    fixture_end(&f);
    return 0;
}

static void a_right_ticket_verifies_and_is_called_not_apples(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_target target = fixture_target();
    enum rv_trust trust = RV_TRUST_APPLE;
    struct fixture_ticket what = FIXTURE_TICKET;
    RV_AUTO(rv_ticket) ticket = fixture_ticket(&f, identity, &what);
    assert_fine(rv_ticket_verify(&f.ctx, ticket, identity, &target, &trust, &err));
    assert_int_equal(trust, RV_TRUST_EXTRA);
}

static void without_the_extra_root_the_same_ticket_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_target target = fixture_target();
    enum rv_trust trust = RV_TRUST_APPLE;
    struct fixture_ticket what = FIXTURE_TICKET;
    RV_AUTO(rv_ticket) ticket = fixture_ticket(&f, identity, &what);
    f.ctx.settings.trust_root = NULL;
    assert_false(rv_ticket_verify(&f.ctx, ticket, identity, &target, &trust, &err));
    f.ctx.settings.trust_root = f.root;
    assert_true(test_error_says(&err, "do not end at a known root"));
    assert_int_equal(err.code, RV_E_CORRUPT);
}

static void every_lie_of_a_ticket_is_refused_with_its_own_words(void **state)
{
    (void)state;
    static const uint8_t other_nonce[32] = { 9 };
    const struct {
        struct fixture_ticket what;
        const char *words;
    } lies[] = {
        { { .ecid = 1, .chip = FIXTURE_CHIP, .board = FIXTURE_BOARD, .nonce = fixture_nonce },
          "another device (ECID)" },
        { { .ecid = FIXTURE_ECID, .chip = 0x8010, .board = FIXTURE_BOARD, .nonce = fixture_nonce },
          "certificate is for another CHIP" },
        { { .ecid = FIXTURE_ECID, .chip = FIXTURE_CHIP, .board = 6, .nonce = fixture_nonce }, "another board" },
        { { .ecid = FIXTURE_ECID, .chip = FIXTURE_CHIP, .board = FIXTURE_BOARD, .nonce = other_nonce },
          "another one-time number" },
        { { .ecid = FIXTURE_ECID,
            .chip = FIXTURE_CHIP,
            .board = FIXTURE_BOARD,
            .nonce = fixture_nonce,
            .leave_out = "rkrn" },
          "does not cover RestoreKernelCache" },
        { { .ecid = FIXTURE_ECID,
            .chip = FIXTURE_CHIP,
            .board = FIXTURE_BOARD,
            .nonce = fixture_nonce,
            .wrong = "ibec" },
          "another iBEC" },
        { { .ecid = FIXTURE_ECID,
            .chip = FIXTURE_CHIP,
            .board = FIXTURE_BOARD,
            .nonce = fixture_nonce,
            .no_production = true },
          "demands CPRO" },
        { { .ecid = FIXTURE_ECID,
            .chip = FIXTURE_CHIP,
            .board = FIXTURE_BOARD,
            .nonce = fixture_nonce,
            .other_root = true },
          "known root" },
        { { .ecid = FIXTURE_ECID,
            .chip = FIXTURE_CHIP,
            .board = FIXTURE_BOARD,
            .nonce = fixture_nonce,
            .leaf_signs_leaf = true },
          "not issued by the one before it" },
    };
    for (size_t i = 0; i < RV_COUNT(lies); i++) {
        struct rv_error err = { 0 };
        struct rv_target target = fixture_target();
        enum rv_trust trust = RV_TRUST_APPLE;
        RV_AUTO(rv_ticket) ticket = fixture_ticket(&f, identity, &lies[i].what);
        assert_false(rv_ticket_verify(&f.ctx, ticket, identity, &target, &trust, &err));
        assert_true(test_error_says(&err, lies[i].words));
        assert_int_equal(err.code, RV_E_CORRUPT);
        assert_int_equal(err.advice, RV_ADVICE_BAD_TICKET);
    }
}

static void a_ticket_of_the_erase_part_does_not_cover_the_update(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_target target = fixture_target();
    enum rv_trust trust = RV_TRUST_APPLE;
    struct fixture_ticket what = FIXTURE_TICKET;
    RV_AUTO(rv_ticket) ticket = fixture_ticket(&f, fixture_identity(ipsw, RV_BEHAVIOR_ERASE), &what);
    assert_false(rv_ticket_verify(&f.ctx, ticket, identity, &target, &trust, &err));
    assert_true(test_error_says(&err, "another RestoreRamDisk"));
}

static void a_personalised_component_is_payload_and_ticket_in_one(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_img4 image;
    struct fixture_ticket what = FIXTURE_TICKET;
    RV_AUTO(rv_ticket) ticket = fixture_ticket(&f, identity, &what);
    static const char *const names[][2] = { { "iBSS", "ibss" },
                                            { "iBEC", "ibec" },
                                            { "RestoreDeviceTree", "rdtr" },
                                            { "RestoreRamDisk", "rdsk" },
                                            { "RestoreKernelCache", "rkrn" } };
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        RV_AUTO(rv_blob) img4 = rv_personalise(ipsw, identity, names[i][0], ticket, &err);
        assert_fine(img4 != NULL);
        assert_fine(rv_img4_parse(rv_blob_span(img4), &image, &err));
        assert_string_equal(image.im4p.type, names[i][1]);
        assert_true(rv_span_equal(image.im4m.whole, rv_ticket_im4m(ticket)));
        assert_int_equal(image.im4r.len, 0);
        RV_AUTO(rv_blob) plain = rv_ipsw_component(ipsw, identity, names[i][0], &err);
        assert_true(rv_span_equal(image.im4p.whole, rv_blob_span(plain)));
    }
    RV_AUTO(rv_blob) os = rv_personalise(ipsw, identity, "OS", ticket, &err);
    assert_fine(os != NULL);
    assert_int_equal(os->len, FIXTURE_IMAGE);
}

static void a_component_that_the_ticket_does_not_cover_is_not_joined(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct fixture_ticket what = FIXTURE_TICKET;
    what.wrong = "ibec";
    what.leave_out = "ibss";
    RV_AUTO(rv_ticket) ticket = fixture_ticket(&f, identity, &what);
    assert_null(rv_personalise(ipsw, identity, "iBEC", ticket, &err));
    assert_true(test_error_says(&err, "joining iBEC"));
    assert_int_equal(err.code, RV_E_CORRUPT);
    assert_int_equal(err.advice, RV_ADVICE_BAD_TICKET);
    assert_null(rv_personalise(ipsw, identity, "iBSS", ticket, &err));
    assert_true(test_error_says(&err, "does not cover 'ibss'"));
}

static void measured_boot_and_nonce_slots_go_into_the_restore_info(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_img4 image;
    struct rv_span properties, value;
    uint64_t slot = 9;
    struct fixture_ticket what = FIXTURE_TICKET;
    RV_AUTO(rv_ticket) plain = fixture_ticket(&f, identity, &what);
    plist_t answer = plist_new_dict(), tbm = plist_new_dict();
    plist_dict_set_item(tbm, "ucon", plist_new_data("abc", 3));
    plist_dict_set_item(tbm, "ucer", plist_new_data("defg", 4));
    plist_dict_set_item(answer, "RestoreSEP-TBM", tbm);
    struct rv_span im4m = rv_ticket_im4m(plain);
    plist_dict_set_item(answer, "ApImg4Ticket", plist_new_data((const char *)im4m.ptr, im4m.len));
    RV_AUTO(rv_ticket) ticket = rv_ticket_take_answer(answer, true, &err);
    assert_fine(ticket != NULL);
    RV_AUTO(rv_blob) img4 = rv_personalise(ipsw, identity, "RestoreSEP", ticket, &err);
    assert_fine(img4 != NULL);
    assert_fine(rv_img4_parse(rv_blob_span(img4), &image, &err));
    assert_fine(rv_im4r_parse(image.im4r, &properties, &err));
    assert_true(rv_img4_property_octets(properties, "ucon", &value));
    assert_true(rv_span_equal(value, RV_SPAN_TEXT("abc")));
    assert_true(rv_img4_property_octets(properties, "ucer", &value));
    assert_true(rv_span_equal(value, RV_SPAN_TEXT("defg")));
    assert_false(rv_img4_property_uint(properties, "snid", &slot));
}

static void a_ticket_survives_every_form_of_file(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    char path[120];
    struct fixture_ticket what = FIXTURE_TICKET;
    RV_AUTO(rv_ticket) ticket = fixture_ticket(&f, identity, &what);
    RV_AUTO(rv_blob) img4 = rv_personalise(ipsw, identity, "iBSS", ticket, &err);
    RV_AUTO_PLIST answer = plist_new_dict();
    struct rv_span im4m = rv_ticket_im4m(ticket);
    plist_dict_set_item(answer, "ApImg4Ticket", plist_new_data((const char *)im4m.ptr, im4m.len));
    RV_AUTO(rv_blob) xml = rv_plist_format(answer, false, &err), *binary = rv_plist_format(answer, true, &err);
    const struct rv_span forms[] = { im4m, rv_blob_span(img4), rv_blob_span(xml), rv_blob_span(binary) };
    snprintf(path, sizeof path, "%s/ticket", f.folder);
    for (size_t i = 0; i < RV_COUNT(forms); i++) {
        assert_fine(rv_file_write_atomic(path, forms[i], 0600, &err));
        RV_AUTO(rv_ticket) again = rv_ticket_load(path, &err);
        assert_fine(again != NULL);
        assert_true(rv_span_equal(rv_ticket_im4m(again), im4m));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_ticket_verifies_and_is_called_not_apples),
        cmocka_unit_test(without_the_extra_root_the_same_ticket_is_refused),
        cmocka_unit_test(every_lie_of_a_ticket_is_refused_with_its_own_words),
        cmocka_unit_test(a_ticket_of_the_erase_part_does_not_cover_the_update),
        cmocka_unit_test(a_personalised_component_is_payload_and_ticket_in_one),
        cmocka_unit_test(a_component_that_the_ticket_does_not_cover_is_not_joined),
        cmocka_unit_test(measured_boot_and_nonce_slots_go_into_the_restore_info),
        cmocka_unit_test(a_ticket_survives_every_form_of_file),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/personalise", tests, start, end);
}
