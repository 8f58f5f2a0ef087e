/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "format/img4.h"
#include "format/plist.h"

enum { CAP = 64 << 20 };

static struct rv_blob *shared(const char *leaf)
{
    struct rv_error err = { 0 };
    char path[4096], name[256];
    snprintf(name, sizeof name, "data/firmware/%s", leaf);
    if (test_shared(name, path, sizeof path) == NULL)
        return NULL;
    struct rv_blob *blob = rv_file_read(path, CAP, &err);
    assert_fine(blob != NULL);
    return blob;
}

static struct rv_span manifest_digest(plist_t manifest, const char *board, const char *component)
{
    plist_t identities = rv_plist_array(manifest, "BuildIdentities");
    for (uint32_t i = 0; i < plist_array_get_size(identities); i++) {
        plist_t identity = plist_array_get_item(identities, i);
        if (strcmp(rv_plist_text(rv_plist_dict(identity, "Info"), "DeviceClass"), board) == 0)
            return rv_plist_data(rv_plist_dict(rv_plist_dict(identity, "Manifest"), component), "Digest");
    }
    return rv_span(NULL, 0);
}

static void digests_of_real_files_are_the_manifests_also_when_retagged(void **state)
{
    (void)state;
    static const struct {
        const char *file, *component, *retag;
    } rows[] = { { "im4p/DeviceTree.d22ap.im4p", "DeviceTree", NULL },
                 { "im4p/DeviceTree.d22ap.im4p", "RestoreDeviceTree", "rdtr" },
                 { "im4p/applelogo@3x~iphone.im4p", "AppleLogo", NULL },
                 { "im4p/applelogo@3x~iphone.im4p", "RestoreLogo", "rlgo" } };
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) text = shared("buildmanifest/iPhone10,3_iPhone10,6_11.2_15C114.plist");
    if (text == NULL)
        skip();
    RV_AUTO_PLIST manifest = rv_plist_parse(rv_blob_span(text), &err);
    assert_fine(manifest != NULL);
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        uint8_t digest[RV_DIGEST_MAX];
        RV_AUTO(rv_blob) file = shared(rows[i].file);
        size_t at = 0;
        struct rv_im4p p;
        assert_fine(rv_im4p_parse(rv_blob_span(file), &p, &err));
        assert_true(rv_im4p_find_type(rv_span(file->data, 64), &at));
        assert_int_equal(at, p.type_at);
        if (rows[i].retag != NULL)
            assert_fine(rv_im4p_retag(file, rows[i].retag, &err));
        assert_fine(rv_digest_once(RV_DIGEST_SHA384, rv_blob_span(file), digest, &err));
        struct rv_span want = manifest_digest(manifest, "d22ap", rows[i].component);
        assert_int_equal(want.len, 48);
        assert_memory_equal(digest, want.ptr, 48);
    }
}

static void a_real_ticket_names_its_objects(void **state)
{
    (void)state;
    static const char expected[] = "acfw aopf avef bat0 bat1 batF chg0 chg1 dtre ftap ftsp glyP ibec ibot ibss illb "
                                   "ispf isys krnl liqd logo msys mtfw rdsk rdtr recm rfta rfts rkrn rlgo rosi rsep "
                                   "rtsc sepi trst";
    struct rv_error err = { 0 };
    struct rv_im4m m;
    RV_AUTO(rv_blob) file = shared("tickets/pyimg4_A11.im4m");
    if (file == NULL)
        skip();
    assert_fine(rv_im4m_parse(rv_blob_span(file), &m, &err));
    char got[400] = "", tag[5];
    struct rv_reader r = { .in = m.objects };
    struct rv_span properties, digest;
    while (rv_im4m_object_next(&r, tag, &properties)) {
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "", tag);
        assert_true(rv_img4_property_octets(properties, "DGST", &digest));
    }
    assert_string_equal(got, expected);
    assert_int_equal(m.chain_len, 1);
    assert_int_equal(m.signature.len, 512);
    uint64_t chip = 0;
    assert_true(rv_img4_property_uint(m.properties, "CHIP", &chip));
    assert_int_equal(chip, 0x8015);
}

static void a_real_generator_is_read_and_written_alike(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_span properties, generator;
    RV_AUTO(rv_blob) file = shared("im4p/pyimg4_generator.im4r");
    if (file == NULL)
        skip();
    assert_fine(rv_im4r_parse(rv_blob_span(file), &properties, &err));
    assert_true(rv_img4_property_octets(properties, "BNCN", &generator));
    assert_int_equal(generator.len, 8);
    struct rv_im4r_item item = { .name = "BNCN", .octets = generator };
    RV_AUTO(rv_blob) ours = rv_im4r_make(&item, 1, &err);
    assert_fine(ours != NULL);
    assert_true(rv_span_equal(rv_blob_span(ours), rv_blob_span(file)));
}

static void a_real_payload_with_compression_is_read(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_im4p p;
    enum rv_img4_kind kind;
    RV_AUTO(rv_blob) file = shared("im4p/pyimg4_test.im4p"), *payload = shared("im4p/pyimg4_test.payload");
    if (file == NULL)
        skip();
    assert_fine(rv_img4_kind(rv_blob_span(file), &kind, &err));
    assert_int_equal(kind, RV_IMG4_IM4P);
    assert_fine(rv_im4p_parse(rv_blob_span(file), &p, &err));
    assert_true(p.payload.len > 0);
    assert_non_null(payload);
}

/* ---- made here ---- */

static void wrap(struct rv_buf *to, enum rv_der_class cls, uint32_t tag, struct rv_buf *body)
{
    struct rv_error err = { 0 };
    assert_fine(rv_der_put(to, cls, true, tag, rv_buf_span(body), &err));
    rv_buf_clear(body);
}

static struct rv_blob *small_im4p(const char *type, const char *payload, bool keybags, uint64_t plain)
{
    struct rv_error err = { 0 };
    struct rv_buf in = RV_BUF(4096), out = RV_BUF(4096), size = RV_BUF(64);
    assert_fine(rv_der_put_text(&in, "IM4P", &err) && rv_der_put_text(&in, type, &err) &&
                rv_der_put_text(&in, "v", &err) && rv_der_put_octets(&in, rv_span(payload, strlen(payload)), &err));
    if (keybags)
        assert_fine(rv_der_put_octets(&in, RV_SPAN_TEXT("keys"), &err));
    if (plain != 0) {
        assert_fine(rv_der_put_uint(&size, 1, &err) && rv_der_put_uint(&size, plain, &err));
        wrap(&in, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, &size);
    }
    wrap(&out, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, &in);
    struct rv_blob *blob = rv_blob_copy(rv_buf_span(&out), &err);
    rv_buf_clear(&out);
    return blob;
}

static void payloads_tell_their_kind(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        bool keybags;
        uint64_t plain;
        enum rv_im4p_compression want;
    } cases[] = { { "plain", false, 0, RV_IM4P_PLAIN },
                  { "complzss........", false, 0, RV_IM4P_LZSS },
                  { "bvx2....bvx$", false, 9000, RV_IM4P_LZFSE },
                  { "\x91\x92\x93", true, 0x154A00, RV_IM4P_LZFSE } };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        struct rv_error err = { 0 };
        struct rv_im4p p;
        RV_AUTO(rv_blob) file = small_im4p("ibss", cases[i].payload, cases[i].keybags, cases[i].plain);
        assert_fine(rv_im4p_parse(rv_blob_span(file), &p, &err));
        assert_int_equal(p.compression, cases[i].want);
        assert_int_equal(p.plain_size, cases[i].plain);
        assert_int_equal(p.keybags.len, cases[i].keybags ? 4 : 0);
        assert_string_equal(p.type, "ibss");
    }
}

static void a_type_must_have_four_characters(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_im4p p;
    RV_AUTO(rv_blob) longer = small_im4p("ibsss", "x", false, 0), *good = small_im4p("ibss", "x", false, 0);
    assert_false(rv_im4p_parse(rv_blob_span(longer), &p, &err));
    assert_true(test_error_says(&err, "5 characters"));
    assert_false(rv_im4p_retag(good, "abc", &err));
    assert_false(rv_im4p_retag(longer, "abcd", &err));
    assert_fine(rv_im4p_retag(good, "rdsk", &err));
    assert_fine(rv_im4p_parse(rv_blob_span(good), &p, &err));
    assert_string_equal(p.type, "rdsk");
}

/* [PRIVATE name] { SEQUENCE { inner_name, INTEGER } } */
static void put_property(struct rv_buf *to, const char *name, const char *inner_name, uint64_t v)
{
    struct rv_error err = { 0 };
    struct rv_buf in = RV_BUF(256), sequence = RV_BUF(256);
    assert_fine(rv_der_put_text(&in, inner_name, &err) && rv_der_put_uint(&in, v, &err));
    wrap(&sequence, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, &in);
    wrap(to, RV_DER_PRIVATE, rv_der_4cc(name), &sequence);
}

static struct rv_blob *im4r_of(struct rv_buf *properties)
{
    struct rv_error err = { 0 };
    struct rv_buf in = RV_BUF(100000), out = RV_BUF(100000);
    assert_fine(rv_der_put_text(&in, "IM4R", &err));
    wrap(&in, RV_DER_UNIVERSAL, RV_DER_SET, properties);
    wrap(&out, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, &in);
    struct rv_blob *blob = rv_blob_copy(rv_buf_span(&out), &err);
    rv_buf_clear(&out);
    return blob;
}

static void what_is_there_twice_or_under_another_name_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_span properties;
    struct rv_buf twice = RV_BUF(4096), lie = RV_BUF(4096), many = RV_BUF(100000);
    put_property(&twice, "ECID", "ECID", 1);
    put_property(&twice, "CHIP", "CHIP", 1);
    put_property(&twice, "ECID", "ECID", 2);
    RV_AUTO(rv_blob) a = im4r_of(&twice);
    assert_false(rv_im4r_parse(rv_blob_span(a), &properties, &err));
    assert_true(test_error_says(&err, "there twice"));
    put_property(&lie, "ECID", "CHIP", 1);
    RV_AUTO(rv_blob) b = im4r_of(&lie);
    assert_false(rv_im4r_parse(rv_blob_span(b), &properties, &err));
    assert_true(test_error_says(&err, "name and tag differ"));
    for (unsigned i = 0; i < 600; i++) {
        char name[16];
        snprintf(name, sizeof name, "%04u", i);
        put_property(&many, name, name, i);
    }
    RV_AUTO(rv_blob) c = im4r_of(&many);
    assert_false(rv_im4r_parse(rv_blob_span(c), &properties, &err));
    assert_int_equal(err.code, RV_E_LIMIT);
}

static void every_prefix_and_every_tail_is_refused_or_read_never_crashes(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_im4p p;
    RV_AUTO(rv_blob) file = small_im4p("ibss", "some payload", true, 77);
    for (size_t n = 0; n < file->len; n++) {
        RV_AUTO(rv_blob) cut = rv_blob_copy(rv_span(file->data, n), &err); /* exact size: a read past it is seen */
        assert_false(rv_im4p_parse(rv_blob_span(cut), &p, &err));
        assert_true(err.depth > 0);
    }
    RV_AUTO(rv_blob) more = rv_blob_new(file->len + 3, &err);
    memcpy(more->data, file->data, file->len);
    assert_false(rv_im4p_parse(rv_blob_span(more), &p, &err));
    assert_true(test_error_says(&err, "follow its end"));
}

static void stitching_refuses_what_is_no_ticket(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) file = small_im4p("ibss", "x", false, 0);
    assert_null(rv_img4_stitch(rv_blob_span(file), rv_blob_span(file), rv_span(NULL, 0), &err));
    assert_true(test_error_says(&err, "no IM4M"));
    RV_AUTO(rv_blob) ticket = shared("tickets/pyimg4_A11.im4m");
    if (ticket == NULL)
        return;
    struct rv_img4 image;
    struct rv_im4r_item item = { .name = "snid", .number = 2 };
    RV_AUTO(rv_blob) im4r = rv_im4r_make(&item, 1, &err);
    RV_AUTO(rv_blob) img4 = rv_img4_stitch(rv_blob_span(file), rv_blob_span(ticket), rv_blob_span(im4r), &err);
    assert_fine(img4 != NULL);
    assert_fine(rv_img4_parse(rv_blob_span(img4), &image, &err));
    assert_true(rv_span_equal(image.im4p.whole, rv_blob_span(file)));
    assert_true(rv_span_equal(image.im4m.whole, rv_blob_span(ticket)));
    assert_true(rv_span_equal(image.im4r, rv_blob_span(im4r)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_of_real_files_are_the_manifests_also_when_retagged),
        cmocka_unit_test(a_real_ticket_names_its_objects),
        cmocka_unit_test(a_real_generator_is_read_and_written_alike),
        cmocka_unit_test(a_real_payload_with_compression_is_read),
        cmocka_unit_test(payloads_tell_their_kind),
        cmocka_unit_test(a_type_must_have_four_characters),
        cmocka_unit_test(what_is_there_twice_or_under_another_name_is_refused),
        cmocka_unit_test(every_prefix_and_every_tail_is_refused_or_read_never_crashes),
        cmocka_unit_test(stitching_refuses_what_is_no_ticket),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("format/img4", tests, NULL, NULL);
}
