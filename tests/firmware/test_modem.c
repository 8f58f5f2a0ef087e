/* SPDX-License-Identifier: Apache-2.0 */
/* The modem's zip: request, stitching and what must not happen to it. Fixtures are made here. */
#include "support/test.h"

#include "base/text.h"
#include "firmware/archive.h"
#include "firmware/baseband.h"

#include <zip.h>

enum { IMAGE = 300, MAV25 = 0x1F30E1 };

static plist_t make_identity(void)
{
    plist_t identity = plist_new_dict(), manifest = plist_new_dict(), firmware = plist_new_dict(),
            info = plist_new_dict(), own = plist_new_dict();
    plist_dict_set_item(identity, "ApChipID", plist_new_string("0x8015"));
    plist_dict_set_item(identity, "ApBoardID", plist_new_string("0x0E"));
    plist_dict_set_item(identity, "ApSecurityDomain", plist_new_string("0x01"));
    plist_dict_set_item(identity, "UniqueBuildID", plist_new_data("12345678901234567890", 20));
    plist_dict_set_item(identity, "BbChipID", plist_new_string("0x00000068"));
    plist_dict_set_item(identity, "BbSkeyId", plist_new_data("", 0));
    plist_dict_set_item(identity, "BbProvisioningManifestKeyHash", plist_new_data("hash", 4));
    plist_dict_set_item(info, "FDRSupport", plist_new_bool(1));
    plist_dict_set_item(identity, "Info", info);
    static const char *const digests[] = { "PSI-PartialDigest", "PSI2-PartialDigest", "RestorePSI-PartialDigest",
                                           "RestorePSI2-PartialDigest", "EBL-DownloadDigest" };
    for (size_t i = 0; i < RV_COUNT(digests); i++)
        plist_dict_set_item(firmware, digests[i], plist_new_data("digest", 6));
    plist_dict_set_item(own, "Path", plist_new_string("Firmware/x.bbfw"));
    plist_dict_set_item(firmware, "Info", own);
    plist_dict_set_item(manifest, "BasebandFirmware", firmware);
    plist_dict_set_item(identity, "Manifest", manifest);
    return identity;
}

static void the_request_names_the_modem_and_drops_the_other_revision(void **state)
{
    (void)state;
    static const struct {
        uint32_t certificate;
        const char *kept, *dropped;
    } cases[] = { { 0x26F3FACC, "PSI-PartialDigest", "PSI2-PartialDigest" },
                  { 0x8399785A, "RestorePSI-PartialDigest", "RestorePSI2-PartialDigest" },
                  { 0x11111111, "PSI2-PartialDigest", "PSI-PartialDigest" } };
    RV_AUTO_PLIST identity = make_identity();
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        struct rv_error err = { 0 };
        uint64_t v = 0;
        RV_AUTO_PLIST arguments = plist_new_dict();
        plist_dict_set_item(arguments, "ChipID", plist_new_uint(0x68));
        plist_dict_set_item(arguments, "CertID", plist_new_uint(cases[i].certificate));
        plist_dict_set_item(arguments, "ChipSerialNo", plist_new_data("serial", 6));
        plist_dict_set_item(arguments, "Nonce", plist_new_data("nonce", 5));
        RV_AUTO_PLIST request = rv_baseband_request(identity, 77, arguments, &err);
        assert_fine(request != NULL);
        assert_true(rv_plist_bool(request, "@BBTicket", false));
        assert_true(rv_plist_uint(request, "BbChipID", &v) && v == 0x68);
        assert_true(rv_plist_uint(request, "BbGoldCertId", &v) && v == cases[i].certificate);
        assert_true(rv_plist_uint(request, "ApECID", &v) && v == 77);
        assert_int_equal(rv_plist_data(request, "BbSNUM").len, 6);
        assert_int_equal(rv_plist_data(request, "BbNonce").len, 5);
        assert_non_null(rv_plist_data(request, "BbSkeyId").ptr); /* empty, and sent all the same */
        assert_true(rv_plist_bool(request, "ApProductionMode", false));
        plist_t firmware = rv_plist_dict(request, "BasebandFirmware");
        assert_null(rv_plist_node(firmware, "Info"));
        assert_non_null(rv_plist_node(firmware, cases[i].kept));
        assert_null(rv_plist_node(firmware, cases[i].dropped));
        assert_non_null(rv_plist_node(firmware, "EBL-DownloadDigest"));
    }
}

static void the_first_request_goes_without_nonce(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint64_t v = 0;
    RV_AUTO_PLIST identity = make_identity(), empty = plist_new_dict();
    RV_AUTO_PLIST request = rv_baseband_request(identity, 1, NULL, &err);
    assert_fine(request != NULL);
    assert_null(rv_plist_node(request, "BbNonce"));
    assert_true(rv_plist_uint(request, "BbChipID", &v) && v == 0x68); /* then the firmware's own */
    assert_null(rv_baseband_request(empty, 1, NULL, &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
}

/* ---- stitching ---- */

static void add(zip_t *zip, const char *name, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len);
    memcpy(copy, bytes, len);
    assert_true(zip_file_add(zip, name, zip_source_buffer(zip, copy, len, 1), 0) >= 0);
}

static void make_image(uint8_t image[IMAGE])
{
    memset(image, 0x22, IMAGE);
    rv_put_u32le(image, 10);
    rv_put_u32le(image + 16, IMAGE - 40);
}

static struct rv_blob *make_bbfw(const char *const *names, size_t count)
{
    struct rv_error err = { 0 };
    char path[] = "/tmp/revive-bbfw-XXXXXX";
    uint8_t image[IMAGE];
    int why = 0;
    close(mkstemp(path));
    zip_t *zip = zip_open(path, ZIP_TRUNCATE, &why);
    assert_non_null(zip);
    make_image(image);
    for (size_t i = 0; i < count; i++)
        add(zip, names[i], image, IMAGE);
    assert_int_equal(zip_close(zip), 0);
    FILE *in = fopen(path, "rb");
    static uint8_t bytes[65536];
    size_t len = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    unlink(path);
    return rv_blob_copy(rv_span(bytes, len), &err);
}

static plist_t make_answer(const char *const *keys, size_t count)
{
    plist_t answer = plist_new_dict(), firmware = plist_new_dict();
    plist_dict_set_item(answer, "BBTicket", plist_new_data("the ticket", 10));
    for (size_t i = 0; i < count; i++)
        plist_dict_set_item(firmware, keys[i], plist_new_data(keys[i], strlen(keys[i])));
    plist_dict_set_item(answer, "BasebandFirmware", firmware);
    return answer;
}

static void check_end(const struct rv_archive *zip, const char *name, const char *end)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) file = rv_archive_read(zip, name, 1 << 20, &err);
    assert_fine(file != NULL);
    assert_int_equal(file->len, IMAGE);
    assert_memory_equal(file->data + file->len - strlen(end), end, strlen(end));
}

static void every_blob_finds_its_file_and_the_ticket_lies_beside_them(void **state)
{
    (void)state;
    static const char *const names[] = {
        "sbl1.mbn", "restoresbl1.mbn", "qdsp6sw.mbn", "Info.plist", "acdb.mbn", "x.txt"
    };
    static const char *const keys[] = { "SBL1-HashTableDigest-Blob", "RestoreSBL1-Blob", "SBL1-PartialDigest" };
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) bbfw = make_bbfw(names, RV_COUNT(names));
    RV_AUTO_PLIST answer = make_answer(keys, RV_COUNT(keys));
    RV_AUTO(rv_blob) out = rv_baseband_stitch(rv_blob_span(bbfw), answer, 0x68, &err);
    assert_fine(out != NULL);
    RV_AUTO(rv_archive) zip = rv_archive_open_bytes(rv_blob_span(out), &err);
    assert_fine(zip != NULL);
    check_end(zip, "sbl1.mbn", "SBL1-HashTableDigest-Blob");
    check_end(zip, "restoresbl1.mbn", "RestoreSBL1-Blob");
    check_end(zip, "qdsp6sw.mbn", "\x22\x22\x22\x22");
    RV_AUTO(rv_blob) ticket = rv_archive_read(zip, "bbticket.der", 100, &err);
    assert_fine(ticket != NULL);
    assert_true(rv_span_equal(rv_blob_span(ticket), RV_SPAN_TEXT("the ticket")));
    unsigned count = 0;
    while (rv_archive_name(zip, count) != NULL) {
        assert_false(rv_text_ends(rv_archive_name(zip, count), ".plist"));
        assert_false(rv_text_ends(rv_archive_name(zip, count), ".txt"));
        count++;
    }
    assert_int_equal(count, 5);
}

static void a_blob_without_a_file_stops_everything(void **state)
{
    (void)state;
    static const char *const names[] = { "sbl1.mbn" }, *const lost[] = { "SBL1-Blob", "RestoreSBL1-Blob" },
                             *const odd[] = { "Something-Blob" }, *const fine[] = { "SBL1-Blob" };
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) bbfw = make_bbfw(names, 1);
    RV_AUTO_PLIST a = make_answer(lost, 2);
    assert_null(rv_baseband_stitch(rv_blob_span(bbfw), a, 0x68, &err));
    assert_true(test_error_says(&err, "restoresbl1.mbn"));
    RV_AUTO_PLIST b = make_answer(odd, 1);
    assert_null(rv_baseband_stitch(rv_blob_span(bbfw), b, 0x68, &err));
    assert_true(test_error_says(&err, "'Something-Blob' is not known"));
    RV_AUTO_PLIST c = make_answer(fine, 1);
    plist_dict_remove_item(c, "BBTicket");
    assert_null(rv_baseband_stitch(rv_blob_span(bbfw), c, 0x68, &err));
    assert_int_equal(err.code, RV_E_PROTOCOL);
    RV_AUTO_PLIST d = make_answer(fine, 1);
    assert_null(rv_baseband_stitch(rv_span(bbfw->data, bbfw->len - 5), d, 0x68, &err));
    assert_null(rv_baseband_stitch(rv_blob_span(bbfw), d, MAV25, &err)); /* there it is called xbl_sc.elf */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_names_the_modem_and_drops_the_other_revision),
        cmocka_unit_test(the_first_request_goes_without_nonce),
        cmocka_unit_test(every_blob_finds_its_file_and_the_ticket_lies_beside_them),
        cmocka_unit_test(a_blob_without_a_file_stops_everything),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/modem", tests, NULL, NULL);
}
