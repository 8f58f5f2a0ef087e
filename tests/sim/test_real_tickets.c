/* SPDX-License-Identifier: Apache-2.0 */
/* The device's reader against tickets that Apple signed: the grammar, the chain, the limits of the leaf. */
#include "sim/image4.h"

#include "base/file.h"
#include "sim/wire.h"
#include "support/test.h"

#include <string.h>

enum { CAP = 1 << 20 };

static struct rv_blob *load(const char *leaf)
{
    char path[1024], name[256];
    struct rv_error err = { 0 };
    snprintf(name, sizeof name, "data/firmware/%s", leaf);
    const char *found = test_shared(name, path, sizeof path);
    return found ? rv_file_read(found, CAP, &err) : NULL;
}

static uint64_t number_in(struct rv_span ticket, const char *property)
{
    /* Found by its bytes: [tag] SEQUENCE { IA5 name, INTEGER }: a second way to the same number. */
    for (size_t i = 0; i + 8 < ticket.len; i++) {
        if (ticket.ptr[i] != 0x16 || ticket.ptr[i + 1] != 4 || memcmp(ticket.ptr + i + 2, property, 4) != 0 ||
            ticket.ptr[i + 6] != 2)
            continue;
        uint64_t value = 0;
        for (size_t n = 0; n < ticket.ptr[i + 7] && i + 8 + n < ticket.len; n++)
            value = value << 8 | ticket.ptr[i + 8 + n];
        return value;
    }
    return 0;
}

static void check(struct rv_span ticket, const char *root_name, size_t nonce_len, const char *name)
{
    char why[200] = "";
    RV_AUTO(rv_blob) root = load(root_name);
    assert_non_null(root);
    struct rv_span nonce = sim_ticket_octets(ticket, "BNCH"), sep = sim_ticket_octets(ticket, "snon");
    assert_int_equal(nonce.len, nonce_len);
    struct sim_identity who = { .ecid = number_in(ticket, "ECID"),
                                .chip = (uint32_t)number_in(ticket, "CHIP"),
                                .board = (uint32_t)number_in(ticket, "BORD"),
                                .domain = 1,
                                .ap_nonce_len = nonce_len };
    memcpy(who.ap_nonce, nonce.ptr, nonce.len);
    if (sep.len == sizeof who.sep_nonce)
        memcpy(who.sep_nonce, sep.ptr, sep.len);
    if (!sim_ticket_accept(ticket, rv_blob_span(root), &who, SIM_IMAGE_NEEDS_NONCE, why, sizeof why))
        fail_msg("%s: %s", name, why);
    who.ecid ^= 1;
    assert_false(sim_ticket_accept(ticket, rv_blob_span(root), &who, 0, why, sizeof why));
    who.ecid ^= 1;
    who.ap_nonce[0] ^= 1;
    assert_false(sim_ticket_accept(ticket, rv_blob_span(root), &who, SIM_IMAGE_NEEDS_NONCE, why, sizeof why));
}

static void raw_tickets_of_three_generations_verify(void **state)
{
    (void)state;
    static const struct {
        const char *file, *root;
        size_t nonce_len;
    } cases[] = { { "tickets/A7.im4m", "certs/AppleRootCA.der", 20 },
                  { "tickets/A10.im4m", "certs/AppleSecureBootRootCA-G2.der", 32 },
                  { "tickets/pyimg4_A11.im4m", "certs/AppleSecureBootRootCA-G2.der", 32 } };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        RV_AUTO(rv_blob) ticket = load(cases[i].file);
        assert_non_null(ticket);
        check(rv_blob_span(ticket), cases[i].root, cases[i].nonce_len, cases[i].file);
    }
}

static void saved_answers_of_the_real_server_verify(void **state)
{
    (void)state;
    static const struct {
        const char *file, *root;
        size_t nonce_len;
    } cases[] = { { "tickets/sshrd_0x8960.shsh", "certs/AppleRootCA.der", 20 },
                  { "tickets/sshrd_0x8000.shsh", "certs/AppleRootCA.der", 20 },
                  { "tickets/sshrd_0x8010.shsh", "certs/AppleSecureBootRootCA-G2.der", 32 },
                  { "tickets/sshrd_0x8015.shsh", "certs/AppleSecureBootRootCA-G2.der", 32 } };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        RV_AUTO(rv_blob) file = load(cases[i].file);
        assert_non_null(file);
        plist_t saved = sim_plist_parse(rv_blob_span(file));
        check(sim_plist_data(saved, "ApImg4Ticket"), cases[i].root, cases[i].nonce_len, cases[i].file);
        plist_free(saved);
    }
}

static void a_real_image_is_read(void **state)
{
    (void)state;
    char tag[5];
    struct rv_span payload;
    RV_AUTO(rv_blob) tree = load("im4p/DeviceTree.d22ap.im4p");
    assert_non_null(tree);
    assert_true(sim_im4p_read(rv_blob_span(tree), tag, &payload));
    assert_string_equal(tag, "dtre");
    assert_true(payload.len > 1000);
}

int main(void)
{
    RV_AUTO(rv_blob) there = load("tickets/A7.im4m");
    if (!there) {
        puts("1..0 # SKIP no samples here");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_tickets_of_three_generations_verify),
        cmocka_unit_test(saved_answers_of_the_real_server_verify),
        cmocka_unit_test(a_real_image_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
