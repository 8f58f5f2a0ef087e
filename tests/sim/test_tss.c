/* SPDX-License-Identifier: Apache-2.0 */
/* What the signing server asks of a request: each fault by itself, and the tickets of coprocessors and baseband. */
#include "sim/tss.h"

#include "base/file.h"
#include "sim/image4.h"
#include "sim/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *pki;
static struct rv_blob *root;

static int set_up(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    pki = getenv("REVIVE_TEST_PKI");
    pki = pki ? pki : "/tmp/revive-test-pki";
    if (!sim_pki_make(pki, &err))
        return -1;
    RV_AUTO_TEXT path = rv_path_join(pki, "root.der", &err);
    root = rv_file_read(path, 1 << 20, &err);
    return root ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rv_blob_free(root);
    return 0;
}

static plist_t base_request(void)
{
    plist_t r = plist_new_dict();
    plist_dict_set_item(r, "@HostPlatformInfo", plist_new_string("mac"));
    plist_dict_set_item(r, "@VersionInfo", plist_new_string("libauthinstall-1104.0.9"));
    plist_dict_set_item(r, "@UUID", plist_new_string("9D3C6A4E-0000-4000-8000-000000000001"));
    return r;
}

static plist_t ap_request(void)
{
    char bytes[64];
    memset(bytes, 7, sizeof bytes);
    plist_t r = base_request(), ibss = plist_new_dict(), ftap = plist_new_dict();
    plist_dict_set_item(r, "@ApImg4Ticket", plist_new_bool(1));
    plist_dict_set_item(r, "ApECID", plist_new_uint(0x1c22334455667788ULL));
    plist_dict_set_item(r, "ApChipID", plist_new_uint(0x8015));
    plist_dict_set_item(r, "ApBoardID", plist_new_uint(0x0e));
    plist_dict_set_item(r, "ApSecurityDomain", plist_new_uint(1));
    plist_dict_set_item(r, "ApProductionMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApSecurityMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApNonce", plist_new_data(bytes, 32));
    plist_dict_set_item(r, "SepNonce", plist_new_data(bytes, 20));
    plist_dict_set_item(r, "UniqueBuildID", plist_new_data(bytes, 20));
    plist_dict_set_item(ibss, "Digest", plist_new_data(bytes, 48));
    plist_dict_set_item(ibss, "Trusted", plist_new_bool(1));
    plist_dict_set_item(r, "iBSS", ibss);
    plist_dict_set_item(ftap, "Digest", plist_new_data("", 0));
    plist_dict_set_item(ftap, "Trusted", plist_new_bool(1));
    plist_dict_set_item(r, "ftap", ftap);
    return r;
}

/* Asks; frees the request. The whole reply's plist (or NULL) goes to *reply when wanted. */
static int ask_of(const struct sim_tss *tss, plist_t request, plist_t *reply, struct sim_tss_summary *summary)
{
    struct rv_error err = { 0 };
    struct sim_tss_summary own;
    char *xml = NULL;
    uint32_t len = 0;
    plist_to_xml(request, &xml, &len);
    plist_free(request);
    RV_AUTO(rv_blob) body = sim_tss_answer(tss, rv_span(xml, len), summary ? summary : &own, &err);
    free(xml);
    if (!body)
        fail_msg("%s", err.text[0]);
    RV_AUTO_TEXT text = rv_text_copy_n((const char *)body->data, body->len);
    assert_int_equal(strncmp(text, "STATUS=", 7), 0);
    const char *plist = strstr(text, "<?xml");
    int status = (int)strtol(text + 7, NULL, 10);
    assert_true((status == 0) == (plist != NULL));
    assert_true((status == 0) == (strstr(text, "&MESSAGE=SUCCESS&REQUEST_STRING=") != NULL));
    if (reply)
        *reply = plist ? sim_plist_parse(rv_span(plist, strlen(plist))) : NULL;
    return status;
}

static int ask(plist_t request)
{
    const struct sim_tss tss = { .pki = pki };
    return ask_of(&tss, request, NULL, NULL);
}

static int ask_without(const char *key)
{
    plist_t request = ap_request();
    assert_non_null(plist_dict_get_item(request, key));
    plist_dict_remove_item(request, key);
    return ask(request);
}

static int ask_with(const char *key, plist_t value)
{
    plist_t request = ap_request();
    plist_dict_set_item(request, key, value);
    return ask(request);
}

static void a_whole_request_is_signed(void **state)
{
    (void)state;
    const struct sim_tss tss = { .pki = pki };
    struct sim_tss_summary summary;
    plist_t reply = NULL;
    assert_int_equal(ask_of(&tss, ap_request(), &reply, &summary), 0);
    struct rv_span ticket = sim_plist_data(reply, "ApImg4Ticket");
    struct sim_identity who = {
        .ecid = 0x1c22334455667788ULL, .chip = 0x8015, .board = 0x0e, .domain = 1, .ap_nonce_len = 32
    };
    memset(who.ap_nonce, 7, 32);
    memset(who.sep_nonce, 7, 20);
    char why[200] = "";
    if (!sim_ticket_accept(ticket, rv_blob_span(root), &who, SIM_IMAGE_NEEDS_NONCE | SIM_IMAGE_NEEDS_SEP_NONCE, why,
                           sizeof why))
        fail_msg("%s", why);
    uint8_t digest[64];
    assert_int_equal(sim_ticket_digest(ticket, "ibss", digest, sizeof digest), 48);
    assert_int_equal(sim_ticket_digest(ticket, "ftap", digest, sizeof digest), 32); /* the server's own */
    assert_int_equal(sim_ticket_octets(ticket, "srvn").len, 20);
    assert_string_equal(summary.kind, "ApImg4Ticket");
    assert_int_equal(summary.components, 2);
    plist_free(reply);
}

static void each_missing_field_has_its_status(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int status;
    } cases[] = { { "ApECID", 100 },         { "ApChipID", 100 },
                  { "ApBoardID", 100 },      { "ApSecurityDomain", 100 },
                  { "UniqueBuildID", 100 },  { "ApNonce", 5 },
                  { "SepNonce", 5 },         { "ApProductionMode", 126 },
                  { "ApSecurityMode", 126 }, { "@HostPlatformInfo", 126 },
                  { "@VersionInfo", 126 },   { "@UUID", 126 },
                  { "@ApImg4Ticket", 100 } };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        int status = ask_without(cases[i].key);
        if (status != cases[i].status)
            fail_msg("without %s: STATUS %d", cases[i].key, status);
    }
}

static void wrong_values_are_refused(void **state)
{
    (void)state;
    char bytes[64] = { 1 };
    assert_int_equal(ask_with("ApNonce", plist_new_data(bytes, 20)), 5); /* an A11 has 32 */
    assert_int_equal(ask_with("ApNonce", plist_new_data(bytes, 0)), 5);
    assert_int_equal(ask_with("SepNonce", plist_new_data(bytes, 32)), 5);
    assert_int_equal(ask_with("ApChipID", plist_new_string("0x8015")), 100); /* a request has integers */
    assert_int_equal(ask_with("ApECID", plist_new_uint(0)), 94);
    plist_t short_digest = plist_new_dict();
    plist_dict_set_item(short_digest, "Digest", plist_new_data(bytes, 20)); /* SHA-1 for an A11 */
    assert_int_equal(ask_with("iBEC", short_digest), 126);
    assert_int_equal(ask_with("iBEC", plist_new_dict()), 126);
    plist_t nothing = ap_request();
    plist_dict_remove_item(nothing, "iBSS");
    plist_dict_remove_item(nothing, "ftap");
    assert_int_equal(ask(nothing), 126);
}

static void a_body_that_is_no_request_is_refused(void **state)
{
    (void)state;
    const struct sim_tss tss = { .pki = pki };
    struct sim_tss_summary summary;
    struct rv_error err = { 0 };
    static const struct {
        const char *body;
        int status;
    } cases[] = { { "", 511 },
                  { "hello, this is no property list", 551 },
                  { "<?xml version=\"1.0\"?><plist><array/></plist>", 551 } };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        RV_AUTO(rv_blob) reply = sim_tss_answer(&tss, rv_span(cases[i].body, strlen(cases[i].body)), &summary, &err);
        assert_non_null(reply);
        assert_int_equal(summary.status, cases[i].status);
    }
}

static void it_refuses_everything_or_one_build_when_told_to(void **state)
{
    (void)state;
    const struct sim_tss all = { .pki = pki, .refuse_status = 94 };
    struct sim_tss_summary summary;
    plist_t reply = NULL;
    assert_int_equal(ask_of(&all, ap_request(), &reply, &summary), 94);
    assert_null(reply);
    assert_string_equal(summary.message, "This device isn't eligible for the requested build.");
    const struct sim_tss unknown = { .pki = pki, .files = "/nonexistent" };
    assert_int_equal(ask_of(&unknown, ap_request(), NULL, NULL), 94);
}

static void an_older_chip_gets_the_older_chain(void **state)
{
    (void)state;
    char bytes[32] = { 3 };
    plist_t request = ap_request(), ibss = plist_new_dict();
    plist_dict_set_item(request, "ApChipID", plist_new_uint(0x8960));
    plist_dict_set_item(request, "ApNonce", plist_new_data(bytes, 20));
    plist_dict_set_item(ibss, "Digest", plist_new_data(bytes, 20));
    plist_dict_set_item(request, "iBSS", ibss);
    const struct sim_tss tss = { .pki = pki };
    plist_t reply = NULL;
    assert_int_equal(ask_of(&tss, request, &reply, NULL), 0);
    struct sim_identity who = {
        .ecid = 0x1c22334455667788ULL, .chip = 0x8960, .board = 0x0e, .domain = 1, .ap_nonce = { 3 }, .ap_nonce_len = 20
    };
    char why[200] = "";
    if (!sim_ticket_accept(sim_plist_data(reply, "ApImg4Ticket"), rv_blob_span(root), &who, SIM_IMAGE_NEEDS_NONCE, why,
                           sizeof why))
        fail_msg("%s", why);
    plist_free(reply);
}

static plist_t peripheral_request(const char *ticket, const char *nonce_key)
{
    plist_t r = base_request();
    plist_dict_set_item(r, "@BBTicket", plist_new_bool(1));
    char key[64];
    snprintf(key, sizeof key, "@%s", ticket);
    plist_dict_set_item(r, key, plist_new_bool(1));
    if (nonce_key)
        plist_dict_set_item(r, nonce_key, plist_new_data("0123456789abcdef", 16));
    return r;
}

static void a_coprocessor_gets_a_ticket_that_only_it_takes(void **state)
{
    (void)state;
    const struct sim_tss tss = { .pki = pki };
    plist_t reply = NULL;
    char why[200];
    plist_t request = peripheral_request("SE,Ticket", "SE,Nonce");
    assert_int_equal(ask(plist_copy(request)), 126); /* whose secure element? */
    plist_dict_set_item(request, "SE,ChipID", plist_new_uint(0x73));
    plist_dict_set_item(request, "SE,ID", plist_new_data("id", 2));
    plist_dict_set_item(request, "SE,RootKeyIdentifier", plist_new_data("key", 3));
    assert_int_equal(ask_of(&tss, request, &reply, NULL), 0);
    struct rv_span ticket = sim_plist_data(reply, "SE,Ticket");
    assert_null(plist_dict_get_item(reply, "BBTicket"));
    assert_true(sim_peripheral_ticket_accept(ticket, rv_blob_span(root), "SE,Ticket", RV_SPAN_TEXT("0123456789abcdef"),
                                             why, sizeof why));
    assert_false(sim_peripheral_ticket_accept(ticket, rv_blob_span(root), "Savage,Ticket",
                                              RV_SPAN_TEXT("0123456789abcdef"), why, sizeof why));
    assert_false(sim_peripheral_ticket_accept(ticket, rv_blob_span(root), "SE,Ticket", RV_SPAN_TEXT("0123456789abcdeX"),
                                              why, sizeof why));
    struct sim_identity who = { .chip = 0x8015, .ap_nonce_len = 32 };
    assert_false(sim_ticket_accept(ticket, rv_blob_span(root), &who, 0, why, sizeof why));
    plist_free(reply);
    assert_int_equal(ask_of(&tss, ap_request(), &reply, NULL), 0);
    assert_false(sim_peripheral_ticket_accept(sim_plist_data(reply, "ApImg4Ticket"), rv_blob_span(root), "SE,Ticket",
                                              RV_SPAN_TEXT(""), why, sizeof why));
    assert_string_equal(why, "the signing certificate is one for the application processor");
    plist_free(reply);
    assert_int_equal(ask(peripheral_request("Savage,Ticket", NULL)), 5);
    assert_int_equal(ask(peripheral_request("Wireless1,Ticket", "Wireless1,Nonce")), 0);
}

/* As a device generates it and a host completes it from the build identity. */
static plist_t cryptex_request(void)
{
    static const char *const numbers[] = { "Cryptex1,ChipID", "Cryptex1,NonceDomain", "Cryptex1,ProductClass",
                                           "Cryptex1,SubType", "Cryptex1,Type" };
    static const char *const parts[] = { "Cryptex1,SystemOS", "Cryptex1,AppVolume" };
    plist_t r = base_request();
    char bytes[48] = { 7 };
    plist_dict_set_item(r, "@Cryptex1,Ticket", plist_new_bool(1));
    plist_dict_set_item(r, "ApProductionMode", plist_new_bool(1));
    plist_dict_set_item(r, "ApSecurityMode", plist_new_bool(1));
    plist_dict_set_item(r, "Cryptex1,Nonce", plist_new_data(bytes, 32));
    plist_dict_set_item(r, "Cryptex1,UDID", plist_new_data(bytes, 24));
    plist_dict_set_item(r, "Cryptex1,Version", plist_new_string("23.3.71.0.0,0"));
    plist_dict_set_item(r, "Cryptex1,PreauthorizationVersion", plist_new_string("23.3.71.0.0,0"));
    for (size_t i = 0; i < RV_COUNT(numbers); i++)
        plist_dict_set_item(r, numbers[i], plist_new_uint(i + 1));
    for (size_t i = 0; i < RV_COUNT(parts); i++) {
        plist_t part = plist_new_dict();
        bytes[1] = (char)i;
        plist_dict_set_item(part, "Digest", plist_new_data(bytes, 48));
        plist_dict_set_item(r, parts[i], part);
    }
    return r;
}

static void a_cryptex_ticket_names_its_parts_and_its_device(void **state)
{
    (void)state;
    const struct sim_tss tss = { .pki = pki };
    plist_t reply = NULL;
    char why[200], bytes[48] = { 7 };
    uint8_t digest[64];
    assert_int_equal(ask_of(&tss, cryptex_request(), &reply, NULL), 0);
    struct rv_span ticket = sim_plist_data(reply, "Cryptex1,Ticket");
    assert_true(sim_peripheral_ticket_accept(ticket, rv_blob_span(root), "Cryptex1,Ticket", rv_span(bytes, 32), why,
                                             sizeof why));
    assert_true(rv_span_equal(sim_ticket_octets(ticket, "udid"), rv_span(bytes, 24)));
    assert_int_equal(sim_ticket_digest(ticket, "csos", digest, sizeof digest), 48);
    assert_memory_equal(digest, bytes, 48);
    assert_int_equal(sim_ticket_digest(ticket, "casy", digest, sizeof digest), 48);
    assert_int_equal(sim_ticket_digest(ticket, "caos", digest, sizeof digest), 0);
    plist_free(reply);
}

static void a_cryptex_request_must_be_whole(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int status;
    } cases[] = { { "Cryptex1,Nonce", 5 },        { "Cryptex1,UDID", 126 },
                  { "Cryptex1,ChipID", 126 },     { "Cryptex1,ProductClass", 126 },
                  { "Cryptex1,Version", 126 },    { "Cryptex1,PreauthorizationVersion", 126 },
                  { "ApProductionMode", 126 },    { "ApSecurityMode", 126 },
                  { "Cryptex1,NonceDomain", 126 } };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        plist_t request = cryptex_request();
        plist_dict_remove_item(request, cases[i].key);
        assert_int_equal(ask(request), cases[i].status);
    }
    plist_t text = cryptex_request(); /* a manifest's "0xFF10" is not a number */
    plist_dict_set_item(text, "Cryptex1,ChipID", plist_new_string("0xFF10"));
    assert_int_equal(ask(text), 126);
    plist_t none = cryptex_request();
    plist_dict_remove_item(none, "Cryptex1,SystemOS");
    plist_dict_remove_item(none, "Cryptex1,AppVolume");
    assert_int_equal(ask(none), 126);
}

static plist_t baseband_request(void)
{
    plist_t r = base_request(), firmware = plist_new_dict();
    char bytes[40] = { 9 };
    plist_dict_set_item(r, "@BBTicket", plist_new_bool(1));
    plist_dict_set_item(r, "ApECID", plist_new_uint(5));
    plist_dict_set_item(r, "BbChipID", plist_new_uint(0x65));
    plist_dict_set_item(r, "BbGoldCertId", plist_new_uint(1));
    plist_dict_set_item(r, "BbSNUM", plist_new_data(bytes, 12));
    plist_dict_set_item(r, "BbNonce", plist_new_data(bytes, 20));
    plist_dict_set_item(r, "BbProvisioningManifestKeyHash", plist_new_data(bytes, 32));
    plist_dict_set_item(r, "BbActivationManifestKeyHash", plist_new_data(bytes, 0));
    plist_dict_set_item(firmware, "PSI-PartialDigest", plist_new_data(bytes, 40));
    plist_dict_set_item(firmware, "EBL-DownloadDigest", plist_new_data(bytes, 32));
    plist_dict_set_item(r, "BasebandFirmware", firmware);
    return r;
}

static void the_baseband_gets_a_ticket_and_a_blob_for_each_signed_element(void **state)
{
    (void)state;
    const struct sim_tss tss = { .pki = pki };
    plist_t reply = NULL;
    assert_int_equal(ask_of(&tss, baseband_request(), &reply, NULL), 0);
    assert_true(sim_plist_data(reply, "BBTicket").len > 0);
    plist_t blobs = plist_dict_get_item(reply, "BasebandFirmware");
    assert_int_equal(plist_dict_get_size(blobs), 1);
    assert_int_equal(sim_plist_data(blobs, "PSI-Blob").len % 256, 0);
    plist_free(reply);
    static const struct {
        const char *key;
        int status;
    } cases[] = { { "BbChipID", 8 },
                  { "BbGoldCertId", 8 },
                  { "BbSNUM", 126 },
                  { "BasebandFirmware", 8 },
                  { "BbProvisioningManifestKeyHash", 8 } };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        plist_t request = baseband_request();
        plist_dict_remove_item(request, cases[i].key);
        assert_int_equal(ask(request), cases[i].status);
    }
    plist_t serial = baseband_request();
    plist_dict_set_item(serial, "BbSNUM", plist_new_data("", 0));
    assert_int_equal(ask(serial), 49);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_request_is_signed),
        cmocka_unit_test(each_missing_field_has_its_status),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(a_body_that_is_no_request_is_refused),
        cmocka_unit_test(it_refuses_everything_or_one_build_when_told_to),
        cmocka_unit_test(an_older_chip_gets_the_older_chain),
        cmocka_unit_test(a_coprocessor_gets_a_ticket_that_only_it_takes),
        cmocka_unit_test(a_cryptex_ticket_names_its_parts_and_its_device),
        cmocka_unit_test(a_cryptex_request_must_be_whole),
        cmocka_unit_test(the_baseband_gets_a_ticket_and_a_blob_for_each_signed_element),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
