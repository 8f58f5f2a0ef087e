/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest that a stash bag is asked for with: which components it names, and what it says of the device. */
#include "support/rv_test.h"

#include "firmware/manifest_local.h"
#include "format/der.h"
#include "format/img4.h"

static plist_t from_xml(const char *body)
{
    char text[4096];
    struct rv_error err = { 0 };
    int len = snprintf(text, sizeof text, "<?xml version=\"1.0\"?><plist version=\"1.0\">%s</plist>", body);
    plist_t p = rv_plist_parse(rv_span(text, (size_t)len), &err);
    assert_non_null(p);
    return p;
}

#define ENTRY(name, trusted, flag)                                                                                     \
    "<key>" name "</key><dict><key>Digest</key><data>AQIDBA==</data><key>Trusted</key><" trusted "/>"                  \
    "<key>Info</key><dict><key>" flag "</key><true/></dict></dict>"

static const char identity_xml[] =
    "<dict><key>ApChipID</key><string>0x8101</string><key>ApBoardID</key><string>0x0C</string><key>Manifest</"
    "key><dict>" ENTRY("LLB", "true", "IsFirmwarePayload") ENTRY("SEP", "true", "IsSecondaryFirmwarePayload")
        ENTRY("AOP", "true", "IsFUDFirmware") ENTRY("DCP", "true", "IsiBootEANFirmware")
            ENTRY("Multitouch", "false", "IsFUDFirmware") ENTRY("KernelCache", "true", "Nothing")
                ENTRY("Nameless,Thing", "true", "IsFUDFirmware") "</dict></dict>";

/* The content of MANB: SEQUENCE { "IM4M", 0, SET { [MANB] SEQUENCE { "MANB", SET } } }. */
static struct rv_span body_of(struct rv_span manifest)
{
    struct rv_error err = { 0 };
    struct rv_reader r = { .in = manifest };
    struct rv_der whole, part;
    assert_works(rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, "the whole", &whole, &err), &err);
    assert_int_equal(r.at, manifest.len);
    struct rv_reader in = rv_der_inside(&whole);
    assert_works(rv_der_next(&in, &part, &err) && rv_der_text_is(&part, "IM4M"), &err);
    assert_works(rv_der_expect(&in, RV_DER_UNIVERSAL, RV_DER_INTEGER, "version", &part, &err), &err);
    assert_works(rv_der_expect(&in, RV_DER_UNIVERSAL, RV_DER_SET, "body", &part, &err), &err);
    assert_int_equal(in.at, in.in.len); /* no signature, no certificates */
    struct rv_reader set = rv_der_inside(&part);
    assert_works(rv_der_expect(&set, RV_DER_PRIVATE, rv_der_4cc("MANB"), "MANB", &part, &err), &err);
    struct rv_reader group = rv_der_inside(&part);
    assert_works(rv_der_expect(&group, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, "MANB's content", &part, &err), &err);
    struct rv_reader inner = rv_der_inside(&part);
    assert_works(rv_der_next(&inner, &part, &err) && rv_der_text_is(&part, "MANB"), &err);
    assert_works(rv_der_expect(&inner, RV_DER_UNIVERSAL, RV_DER_SET, "the groups", &part, &err), &err);
    return part.body;
}

static void it_names_the_trusted_firmware_of_the_device_and_nothing_else(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_PLIST identity = from_xml(identity_xml);
    RV_AUTO(rv_blob) manifest = rv_manifest_local(identity, &err);
    assert_works(manifest != NULL, &err);
    struct rv_span groups = body_of(rv_blob_span(manifest));
    struct rv_reader r = { .in = groups };
    char name[5], seen[64] = "";
    struct rv_der value;
    while (rv_img4_property_next(&r, name, &value)) {
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s", name);
        uint64_t number = 0;
        if (strcmp(name, "MANP") == 0) {
            assert_true(rv_img4_property_uint(value.body, "CHIP", &number) && number == 0x8101);
            assert_true(rv_img4_property_uint(value.body, "BORD", &number) && number == 0x0C);
            assert_true(rv_img4_property_uint(value.body, "SDOM", &number) && number == 1);
        } else {
            struct rv_span digest;
            assert_true(rv_img4_property_octets(value.body, "DGST", &digest) && digest.len == 4);
        }
    }
    assert_int_equal(r.at, r.in.len);
    assert_string_equal(seen, "MANPillbsepiaopfdcpf");
}

static void a_build_of_no_known_chip_has_none(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_PLIST identity = from_xml("<dict><key>Manifest</key><dict/></dict>");
    assert_fails(rv_manifest_local(identity, &err) != NULL, &err, RV_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_names_the_trusted_firmware_of_the_device_and_nothing_else),
        cmocka_unit_test(a_build_of_no_known_chip_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
