/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/image4.h"

#include "base/file.h"
#include "sim/pki.h"
#include "sim/tss.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One device, one image, one ticket for it; made once for all tests. */
static struct {
    struct sim_identity who, old;
    struct rv_blob *root, *ibss, *rdsk, *ticket, *ibss_img4, *rdsk_img4;
    struct rv_blob *old_ibss_img4, *old_ticket;
    const char *pki;
    char why[200];
} g;

static void set_digest(plist_t request, const char *component, const struct rv_blob *im4p, bool sha1)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_Digest(im4p->data, im4p->len, digest, &len, sha1 ? EVP_sha1() : EVP_sha384(), NULL);
    plist_t entry = plist_new_dict();
    plist_dict_set_item(entry, "Digest", plist_new_data((const char *)digest, len));
    plist_dict_set_item(entry, "Trusted", plist_new_bool(1));
    plist_dict_set_item(entry, "EPRO", plist_new_bool(1));
    plist_dict_set_item(entry, "ESEC", plist_new_bool(1));
    plist_dict_set_item(request, component, entry);
}

static plist_t request_for(const struct sim_identity *who, bool sha1)
{
    plist_t r = plist_new_dict();
    plist_dict_set_item(r, "@ApImg4Ticket", plist_new_bool(1));
    plist_dict_set_item(r, "ApECID", plist_new_uint(who->ecid));
    plist_dict_set_item(r, "ApChipID", plist_new_uint(who->chip));
    plist_dict_set_item(r, "ApBoardID", plist_new_uint(who->board));
    plist_dict_set_item(r, "ApSecurityDomain", plist_new_uint(who->domain));
    plist_dict_set_item(r, "ApProductionMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApSecurityMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApNonce", plist_new_data((const char *)who->ap_nonce, who->ap_nonce_len));
    plist_dict_set_item(r, "SepNonce", plist_new_data((const char *)who->sep_nonce, 20));
    plist_dict_set_item(r, "UniqueBuildID", plist_new_data("01234567890123456789", 20));
    set_digest(r, "iBSS", g.ibss, sha1);
    set_digest(r, "RestoreRamDisk", g.rdsk, sha1);
    return r;
}

static struct rv_blob *must(struct rv_blob *blob, const struct rv_error *err)
{
    if (!blob)
        fail_msg("%s", err->text[0]);
    return blob;
}

static struct rv_blob *sign(const struct sim_identity *who, bool sha1)
{
    struct rv_error err = { 0 };
    plist_t request = request_for(who, sha1);
    struct rv_blob *ticket = must(sim_sign_ticket(g.pki, request, &err), &err);
    plist_free(request);
    return ticket;
}

static int set_up(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    const char *pki = getenv("REVIVE_TEST_PKI");
    g.pki = pki ? pki : "/tmp/revive-test-pki";
    if (!sim_pki_make(g.pki, &err))
        fail_msg("%s", err.text[0]);
    RV_AUTO_TEXT root = rv_path_join(g.pki, "root.der", &err);
    g.root = must(rv_file_read(root, 1 << 20, &err), &err);
    g.who = (struct sim_identity){
        .ecid = 0x8123456789abcdefULL, .chip = 0x8015, .board = 0x0e, .domain = 1, .ap_nonce_len = 32
    };
    memset(g.who.ap_nonce, 0xa5, 32);
    memset(g.who.sep_nonce, 0x5a, 20);
    g.old = g.who;
    g.old.chip = 0x8960;
    g.old.ap_nonce_len = 20;
    g.ibss = must(sim_im4p_make("ibss", "iBoot-4076.30.43", RV_SPAN_TEXT("first stage"), &err), &err);
    g.rdsk = must(sim_im4p_make("rdsk", "0", RV_SPAN_TEXT("ramdisk"), &err), &err);
    g.ticket = sign(&g.who, false);
    g.old_ticket = sign(&g.old, true);
    g.ibss_img4 = must(sim_img4_make(rv_blob_span(g.ibss), rv_blob_span(g.ticket), &err), &err);
    g.rdsk_img4 = must(sim_img4_make(rv_blob_span(g.rdsk), rv_blob_span(g.ticket), &err), &err);
    g.old_ibss_img4 = must(sim_img4_make(rv_blob_span(g.ibss), rv_blob_span(g.old_ticket), &err), &err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rv_blob_free(g.root);
    rv_blob_free(g.ibss);
    rv_blob_free(g.rdsk);
    rv_blob_free(g.ticket);
    rv_blob_free(g.old_ticket);
    rv_blob_free(g.ibss_img4);
    rv_blob_free(g.rdsk_img4);
    rv_blob_free(g.old_ibss_img4);
    return 0;
}

static bool accepts(struct rv_span img4, const char *tag, const struct sim_identity *who)
{
    g.why[0] = '\0';
    return sim_image4_accept(img4, tag, rv_blob_span(g.root), who, SIM_IMAGE_NEEDS_NONCE, NULL, NULL, g.why,
                             sizeof g.why);
}

static void a_signed_image_is_accepted_and_its_payload_handed_out(void **state)
{
    (void)state;
    struct rv_span payload, ticket;
    assert_true(sim_image4_accept(rv_blob_span(g.ibss_img4), "ibss", rv_blob_span(g.root), &g.who,
                                  SIM_IMAGE_NEEDS_NONCE | SIM_IMAGE_NEEDS_SEP_NONCE, &payload, &ticket, g.why,
                                  sizeof g.why));
    assert_true(rv_span_equal(payload, RV_SPAN_TEXT("first stage")));
    assert_true(rv_span_equal(ticket, rv_blob_span(g.ticket)));
    assert_true(accepts(rv_blob_span(g.rdsk_img4), "rdsk", &g.who));
}

static void an_a7_accepts_the_older_chain(void **state)
{
    (void)state;
    assert_true(accepts(rv_blob_span(g.old_ibss_img4), "ibss", &g.old));
    assert_false(accepts(rv_blob_span(g.old_ibss_img4), "ibss", &g.who));
    assert_string_equal(g.why, "2 certificates where this chip wants 1");
    assert_false(accepts(rv_blob_span(g.ibss_img4), "ibss", &g.old));
}

static void an_image_of_another_kind_is_refused(void **state)
{
    (void)state;
    assert_false(accepts(rv_blob_span(g.ibss_img4), "ibec", &g.who));
    assert_string_equal(g.why, "the image is ibss, wanted is ibec");
}

static void every_number_of_the_device_counts(void **state)
{
    (void)state;
    struct sim_identity other = g.who;
    other.ecid++;
    assert_false(accepts(rv_blob_span(g.ibss_img4), "ibss", &other));
    assert_non_null(strstr(g.why, "ECID"));
    other = g.who;
    other.board = 6;
    assert_false(accepts(rv_blob_span(g.ibss_img4), "ibss", &other));
    assert_non_null(strstr(g.why, "BORD"));
    other = g.who;
    other.chip = 0x8010;
    assert_false(accepts(rv_blob_span(g.ibss_img4), "ibss", &other));
    assert_non_null(strstr(g.why, "CHIP"));
    other = g.who;
    other.domain = 0;
    assert_false(accepts(rv_blob_span(g.ibss_img4), "ibss", &other));
    assert_non_null(strstr(g.why, "SDOM"));
}

static void the_nonce_counts_only_where_a_host_sends(void **state)
{
    (void)state;
    struct sim_identity later = g.who;
    later.ap_nonce[31] ^= 1;
    assert_false(accepts(rv_blob_span(g.ibss_img4), "ibss", &later));
    assert_non_null(strstr(g.why, "BNCH"));
    assert_true(sim_image4_accept(rv_blob_span(g.ibss_img4), "ibss", rv_blob_span(g.root), &later, 0, NULL, NULL, g.why,
                                  sizeof g.why));
    later = g.who;
    later.sep_nonce[0] ^= 1;
    assert_true(accepts(rv_blob_span(g.ibss_img4), "ibss", &later));
    assert_false(sim_image4_accept(rv_blob_span(g.ibss_img4), "ibss", rv_blob_span(g.root), &later,
                                   SIM_IMAGE_NEEDS_SEP_NONCE, NULL, NULL, g.why, sizeof g.why));
}

static void another_root_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_TEXT path = rv_path_join(g.pki, "tls-root.der", &err);
    RV_AUTO(rv_blob) other = must(rv_file_read(path, 1 << 20, &err), &err);
    assert_false(sim_ticket_accept(rv_blob_span(g.ticket), rv_blob_span(other), &g.who, 0, g.why, sizeof g.why));
    assert_string_equal(g.why, "the ticket's certificates do not lead to this chip's root");
    assert_false(sim_ticket_accept(rv_blob_span(g.ticket), RV_SPAN_TEXT("no root"), &g.who, 0, g.why, sizeof g.why));
}

static void no_single_flipped_bit_passes(void **state)
{
    (void)state;
    RV_AUTO_TEXT copy = rv_alloc(g.ibss_img4->len);
    uint32_t seed = 20261121;
    for (int i = 0; i < 400; i++) {
        memcpy(copy, g.ibss_img4->data, g.ibss_img4->len);
        seed = seed * 1664525 + 1013904223;
        size_t at = (seed >> 8) % g.ibss_img4->len;
        copy[at] = (char)(copy[at] ^ 1 << (seed & 7));
        if (accepts(rv_span(copy, g.ibss_img4->len), "ibss", &g.who))
            fail_msg("bit %u of byte %zu changed and the image was accepted", seed & 7, at);
    }
}

static void a_cut_image_is_refused_at_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < g.ibss_img4->len; len += 7) {
        struct rv_error err = { 0 };
        RV_AUTO(rv_blob) cut = must(rv_blob_copy(rv_span(g.ibss_img4->data, len), &err), &err);
        assert_false(accepts(rv_blob_span(cut), "ibss", &g.who));
    }
}

static void something_behind_the_image_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) more = must(rv_blob_new(g.ibss_img4->len + 1, &err), &err);
    memcpy(more->data, g.ibss_img4->data, g.ibss_img4->len);
    assert_false(accepts(rv_blob_span(more), "ibss", &g.who));
}

static void a_ticket_that_does_not_name_the_image_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) logo = must(sim_im4p_make("logo", "0", RV_SPAN_TEXT("logo"), &err), &err);
    RV_AUTO(rv_blob) img4 = must(sim_img4_make(rv_blob_span(logo), rv_blob_span(g.ticket), &err), &err);
    assert_false(accepts(rv_blob_span(img4), "logo", &g.who));
    assert_string_equal(g.why, "the ticket does not name logo");
    RV_AUTO(rv_blob) other = must(sim_im4p_make("ibss", "0", RV_SPAN_TEXT("other stage"), &err), &err);
    RV_AUTO(rv_blob) swapped = must(sim_img4_make(rv_blob_span(other), rv_blob_span(g.ticket), &err), &err);
    assert_false(accepts(rv_blob_span(swapped), "ibss", &g.who));
    assert_string_equal(g.why, "ibss is not the image that was signed");
}

static void an_image_without_a_ticket_is_refused(void **state)
{
    (void)state;
    assert_false(accepts(rv_blob_span(g.ibss), "ibss", &g.who));
    assert_string_equal(g.why, "the bytes are no IMG4");
    assert_false(accepts(rv_span(NULL, 0), "ibss", &g.who));
}

static void lengths_that_lie_or_are_not_canonical_are_refused(void **state)
{
    (void)state;
    static const uint8_t indefinite[] = { 0x30, 0x80, 0x16, 4, 'I', 'M', 'G', '4', 0, 0 };
    static const uint8_t huge[] = { 0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x16, 4, 'I', 'M', 'G', '4' };
    static const uint8_t padded[] = { 0x30, 0x81, 0x06, 0x16, 4, 'I', 'M', 'G', '4' };
    static const uint8_t nested[64] = { 0x30, 62, 0x30, 60, 0x30, 58, 0x30, 56, 0x30, 54, 0x30, 52 };
    assert_false(accepts(rv_span(indefinite, sizeof indefinite), "ibss", &g.who));
    assert_false(accepts(rv_span(huge, sizeof huge), "ibss", &g.who));
    assert_false(accepts(rv_span(padded, sizeof padded), "ibss", &g.who));
    assert_false(accepts(rv_span(nested, sizeof nested), "ibss", &g.who));
}

static void a_digest_is_found_by_tag(void **state)
{
    (void)state;
    uint8_t want[64], got[64];
    unsigned len = 0;
    EVP_Digest(g.rdsk->data, g.rdsk->len, want, &len, EVP_sha384(), NULL);
    assert_int_equal(sim_ticket_digest(rv_blob_span(g.ticket), "rdsk", got, sizeof got), 48);
    assert_memory_equal(want, got, 48);
    assert_int_equal(sim_ticket_digest(rv_blob_span(g.ticket), "rdsk", got, 47), 0);
    assert_int_equal(sim_ticket_digest(rv_blob_span(g.ticket), "krnl", got, sizeof got), 0);
    assert_true(rv_span_equal(sim_ticket_octets(rv_blob_span(g.ticket), "BNCH"), rv_span(g.who.ap_nonce, 32)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_image_is_accepted_and_its_payload_handed_out),
        cmocka_unit_test(an_a7_accepts_the_older_chain),
        cmocka_unit_test(an_image_of_another_kind_is_refused),
        cmocka_unit_test(every_number_of_the_device_counts),
        cmocka_unit_test(the_nonce_counts_only_where_a_host_sends),
        cmocka_unit_test(another_root_is_refused),
        cmocka_unit_test(no_single_flipped_bit_passes),
        cmocka_unit_test(a_cut_image_is_refused_at_every_length),
        cmocka_unit_test(something_behind_the_image_is_refused),
        cmocka_unit_test(a_ticket_that_does_not_name_the_image_is_refused),
        cmocka_unit_test(an_image_without_a_ticket_is_refused),
        cmocka_unit_test(lengths_that_lie_or_are_not_canonical_are_refused),
        cmocka_unit_test(a_digest_is_found_by_tag),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
