/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/file.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "firmware/ticket.h"

enum { FILE_CAP = 16 << 20 };

struct sample {
    const char *leaf;
    uint32_t chip;
    const char *generator; /* of the top-level ticket */
};
static const struct sample samples[] = {
    { "data/firmware/tickets/sshrd_0x8960.shsh", 0x8960, "0xf909e86cad8b3409" },
    { "data/firmware/tickets/sshrd_0x8000.shsh", 0x8000, "0x1111111111111111" },
    { "data/firmware/tickets/sshrd_0x8010.shsh", 0x8010, "0xcd211884a19012aa" },
    { "data/firmware/tickets/sshrd_0x8015.shsh", 0x8015, "0x1111111111111111" },
    { "data/firmware/tickets/pyimg4_A11.im4m", 0x8015, NULL },
};

static bool verifies(struct rv_ticket *ticket)
{
    struct rv_ctx ctx = { .log = NULL };
    struct rv_error err = { 0 };
    enum rv_trust trust = RV_TRUST_EXTRA;
    assert_fine(rv_ticket_verify_signature(&ctx, ticket, &trust, &err));
    return trust == RV_TRUST_APPLE;
}

static void every_real_ticket_verifies_to_apples_roots(void **state)
{
    (void)state;
    unsigned count = 0;
    for (size_t i = 0; i < RV_COUNT(samples); i++) {
        char path[4096];
        struct rv_error err = { 0 };
        TEST_SHARED_OR_SKIP(path, samples[i].leaf);
        RV_AUTO(rv_ticket) ticket = rv_ticket_load(path, &err);
        assert_fine(ticket != NULL);
        assert_true(verifies(ticket));
        count++;
        static const char *const more[] = { "updateInstall", "noNonce" };
        for (size_t k = 0; k < RV_COUNT(more); k++) {
            struct rv_span im4m = rv_plist_data(rv_plist_dict(rv_ticket_answer(ticket), more[k]), "ApImg4Ticket");
            if (im4m.ptr == NULL)
                continue;
            RV_AUTO(rv_ticket) other = rv_ticket_from_im4m(im4m, &err);
            assert_fine(other != NULL);
            assert_true(verifies(other));
            count++;
        }
    }
    assert_int_equal(count, 12);
}

static void nonces_are_digests_of_their_generators(void **state)
{
    (void)state;
    for (size_t i = 0; i < RV_COUNT(samples); i++) {
        char path[4096];
        struct rv_error err = { 0 };
        struct rv_span nonce;
        uint64_t chip = 0, generator = 0;
        uint8_t le[8], digest[RV_DIGEST_MAX];
        TEST_SHARED_OR_SKIP(path, samples[i].leaf);
        if (samples[i].generator == NULL)
            continue;
        RV_AUTO(rv_ticket) ticket = rv_ticket_load(path, &err);
        assert_fine(ticket != NULL);
        assert_true(rv_img4_property_uint(ticket->parsed.properties, "CHIP", &chip));
        assert_int_equal(chip, samples[i].chip);
        assert_true(rv_img4_property_octets(ticket->parsed.properties, "BNCH", &nonce));
        assert_string_equal(rv_plist_text(rv_ticket_answer(ticket), "generator"), samples[i].generator);
        assert_true(rv_text_number(samples[i].generator, 0, &generator));
        rv_put_u64le(le, generator);
        bool old = chip == 0x8960 || chip == 0x8000;
        assert_fine(rv_digest_once(old ? RV_DIGEST_SHA1 : RV_DIGEST_SHA384, rv_span(le, 8), digest, &err));
        assert_int_equal(nonce.len, old ? 20 : 32);
        assert_memory_equal(nonce.ptr, digest, nonce.len);
    }
}

/* The real ticket of an A11 with each of some hundred bits turned: never accepted, always with a reason. */
static void a_turned_bit_anywhere_is_refused(void **state)
{
    (void)state;
    char path[4096];
    struct rv_error err = { 0 };
    TEST_SHARED_OR_SKIP(path, "data/firmware/tickets/pyimg4_A11.im4m");
    RV_AUTO(rv_blob) file = rv_file_read(path, FILE_CAP, &err);
    assert_fine(file != NULL);
    uint64_t seed = 20260401;
    unsigned refused = 0;
    for (unsigned n = 0; n < 150; n++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t bit = (size_t)(seed >> 33) % (file->len * 8);
        file->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        struct rv_error why = { 0 };
        struct rv_ctx ctx = { .log = NULL };
        enum rv_trust trust;
        RV_AUTO(rv_ticket) ticket = rv_ticket_from_im4m(rv_blob_span(file), &why);
        bool accepted = ticket != NULL && rv_ticket_verify_signature(&ctx, ticket, &trust, &why);
        if (accepted)
            print_error("bit %zu of %zu turned, and the ticket is accepted\n", bit, file->len * 8);
        assert_false(accepted);
        assert_true(why.depth > 0 && why.code != RV_OK);
        refused++;
        file->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(refused, 150);
}

static void every_mismatch_has_its_own_words(void **state)
{
    (void)state;
    char path[4096];
    struct rv_error err = { 0 };
    uint64_t ecid = 0, board = 0;
    struct rv_span nonce;
    TEST_SHARED_OR_SKIP(path, "data/firmware/tickets/sshrd_0x8015.shsh");
    RV_AUTO(rv_ticket) ticket = rv_ticket_load(path, &err);
    assert_fine(ticket != NULL);
    assert_true(rv_img4_property_uint(ticket->parsed.properties, "ECID", &ecid));
    assert_true(rv_img4_property_uint(ticket->parsed.properties, "BORD", &board));
    assert_true(rv_img4_property_octets(ticket->parsed.properties, "BNCH", &nonce));
    struct rv_target right = {
        .ecid = ecid, .chip = 0x8015, .board = (uint32_t)board, .have_chip = true, .have_board = true, .ap_nonce = nonce
    };
    assert_fine(rv_ticket_verify_target(ticket, &right, &err));

    struct rv_target t = right;
    t.ecid ^= 1;
    assert_false(rv_ticket_verify_target(ticket, &t, &err));
    assert_true(test_error_says(&err, "another device (ECID)"));
    t = right;
    t.chip = 0x8010;
    assert_false(rv_ticket_verify_target(ticket, &t, &err));
    assert_true(test_error_says(&err, "another chip: 0x8015, the device has 0x8010"));
    t = right;
    t.board ^= 8;
    assert_false(rv_ticket_verify_target(ticket, &t, &err));
    assert_true(test_error_says(&err, "another board"));
    t = right;
    t.ap_nonce = rv_span("nonsense nonsense nonsense nonsen", 32);
    assert_false(rv_ticket_verify_target(ticket, &t, &err));
    assert_true(test_error_says(&err, "another one-time number"));
    assert_int_equal(err.code, RV_E_CORRUPT);
}

static void a_file_that_is_no_ticket_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *words;
    } cases[] = {
        { "empty", "", "no bytes" },
        { "text", "hello", "neither an XML nor a binary" },
        { "no ticket", "<plist version=\"1.0\"><dict><key>a</key><string>b</string></dict></plist>",
          "no ApImg4Ticket" },
        { "old", "<plist version=\"1.0\"><dict><key>APTicket</key><data>AAAA</data></dict></plist>", "32-bit" },
        { "short", "\x30\x06\x16\x04IM4M", "missing" },
        { "payload", "\x30\x06\x16\x04IM4P", "without a ticket" },
    };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        char path[] = "/tmp/revive-ticket-XXXXXX";
        struct rv_error err = { 0 };
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, cases[i].text, strlen(cases[i].text)), strlen(cases[i].text));
        close(fd);
        assert_null(rv_ticket_load(path, &err));
        assert_true(test_error_says(&err, cases[i].words));
        assert_int_equal(err.advice, RV_ADVICE_BAD_TICKET);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_real_ticket_verifies_to_apples_roots),
        cmocka_unit_test(nonces_are_digests_of_their_generators),
        cmocka_unit_test(a_turned_bit_anywhere_is_refused),
        cmocka_unit_test(every_mismatch_has_its_own_words),
        cmocka_unit_test(a_file_that_is_no_ticket_says_so),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/tickets", tests, NULL, NULL);
}
