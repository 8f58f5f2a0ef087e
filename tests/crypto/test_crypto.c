/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/signature.h"
#include "data/roots.h"

static void digests_equal_the_published_vectors(void **state)
{
    (void)state;
    static const struct {
        enum rv_digest_kind kind;
        const char *text, *hex;
    } vectors[] = {
        { RV_DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { RV_DIGEST_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
        { RV_DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { RV_DIGEST_SHA384, "abc",
          "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
    };
    for (size_t i = 0; i < RV_COUNT(vectors); i++) {
        struct rv_error err = { 0 };
        uint8_t once[RV_DIGEST_MAX], parts[RV_DIGEST_MAX];
        char hex[2 * RV_DIGEST_MAX + 1];
        struct rv_span in = rv_span(vectors[i].text, strlen(vectors[i].text));
        size_t len = rv_digest_size(vectors[i].kind);
        assert_fine(rv_digest_once(vectors[i].kind, in, once, &err));
        assert_string_equal(rv_text_hex(rv_span(once, len), hex, sizeof hex), vectors[i].hex);
        RV_AUTO(rv_digest) digest = rv_digest_new(vectors[i].kind, &err);
        for (size_t k = 0; k < in.len; k++)
            rv_digest_add(digest, rv_span(in.ptr + k, 1));
        rv_digest_end(digest, parts);
        assert_memory_equal(once, parts, len);
        enum rv_digest_kind kind;
        assert_true(rv_digest_kind_of(len, &kind) && kind == vectors[i].kind);
    }
    enum rv_digest_kind kind;
    assert_false(rv_digest_kind_of(0, &kind));
    assert_false(rv_digest_kind_of(64, &kind));
}

/* A7 to A9: SHA-1 of the generator; later: the first 32 bytes of its SHA-384. */
static void nonces_follow_from_generators(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint8_t generator[8], digest[RV_DIGEST_MAX];
    char hex[2 * RV_DIGEST_MAX + 1];
    rv_put_u64le(generator, UINT64_C(0x1111111111111111));
    assert_fine(rv_digest_once(RV_DIGEST_SHA1, rv_span(generator, 8), digest, &err));
    assert_string_equal(rv_text_hex(rv_span(digest, 20), hex, sizeof hex), "3a88b7c3802f2f0510abc432104a15ebd8bd7154");
    assert_fine(rv_digest_once(RV_DIGEST_SHA384, rv_span(generator, 8), digest, &err));
    assert_string_equal(rv_text_hex(rv_span(digest, 32), hex, sizeof hex),
                        "27325c8258be46e69d9ee57fa9a8fbc28b873df434e5e702a8b27999551138ae");
}

static void apples_roots_are_certificates_and_sign_themselves(void **state)
{
    (void)state;
    assert_true(rv_root_count >= 5);
    for (size_t i = 0; i < rv_root_count; i++) {
        struct rv_error err = { 0 };
        RV_AUTO(rv_blob) der = rv_certificate_der(rv_roots[i].der, &err);
        assert_fine(der != NULL);
        assert_true(rv_span_equal(rv_blob_span(der), rv_roots[i].der));
    }
}

static void bytes_that_are_no_certificate_are_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    size_t root = 9;
    struct rv_span wrong = RV_SPAN_TEXT("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    struct rv_span apple = rv_roots[0].der, five[5] = { apple, apple, apple, apple, apple };
    assert_null(rv_certificate_der(wrong, &err));
    assert_int_equal(err.code, RV_E_FORMAT);
    assert_null(rv_certificate_der(rv_span("", 0), &err));
    assert_null(rv_certificate_extension(wrong, "1.2.3", &err));
    assert_int_equal(err.code, RV_E_FORMAT);
    assert_null(rv_certificate_extension(apple, "1.2.3.4", &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    assert_false(rv_signature_verify(wrong, wrong, RV_DIGEST_SHA384, &wrong, 1, &apple, 1, &root, &err));
    assert_int_equal(err.code, RV_E_FORMAT);
    assert_false(rv_signature_verify(wrong, wrong, RV_DIGEST_SHA384, five, 5, &apple, 1, &root, &err));
    assert_false(rv_signature_verify(wrong, wrong, RV_DIGEST_SHA384, five, 0, &apple, 1, &root, &err));
    assert_false(rv_signature_verify(wrong, wrong, RV_DIGEST_SHA384, five, 1, &apple, 1, &root, &err));
    assert_int_equal(err.code, RV_E_REFUSED); /* a certificate, and not its signature */
    assert_int_equal(root, 9);
}

static void random_bytes_differ(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint8_t a[32], b[32];
    assert_fine(rv_random(a, 32, &err) && rv_random(b, 32, &err));
    assert_memory_not_equal(a, b, 32);
}

static void eight_messages_side_by_side_have_the_digests_of_each(void **state)
{
    (void)state;
    static const size_t lengths[] = { 0, 1, 55, 56, 63, 64, 65, 128, 1000, 4096, 131072 };
    enum { LONGEST = 131072, STRIDE = LONGEST + 21 }; /* odd places, as the bytes behind a header have */
    uint8_t *bytes = malloc((size_t)RV_DIGEST_LANES * STRIDE);
    assert_non_null(bytes);
    uint64_t seed = 11;
    for (size_t i = 0; i < (size_t)RV_DIGEST_LANES * STRIDE; i++)
        bytes[i] = (uint8_t)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 56);
    for (size_t n = 0; n < RV_COUNT(lengths); n++) {
        struct rv_error err = { 0 };
        uint8_t got[RV_DIGEST_LANES][20], want[RV_DIGEST_MAX];
        const uint8_t *in[RV_DIGEST_LANES];
        uint8_t *out[RV_DIGEST_LANES];
        for (size_t i = 0; i < RV_DIGEST_LANES; i++) {
            in[i] = bytes + i * STRIDE;
            out[i] = got[i];
        }
        assert_fine(rv_digest_sha1_lanes(in, lengths[n], out, &err));
        for (size_t i = 0; i < RV_DIGEST_LANES; i++) {
            assert_fine(rv_digest_once(RV_DIGEST_SHA1, rv_span(in[i], lengths[n]), want, &err));
            assert_memory_equal(got[i], want, sizeof got[i]);
        }
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_equal_the_published_vectors),
        cmocka_unit_test(eight_messages_side_by_side_have_the_digests_of_each),
        cmocka_unit_test(nonces_follow_from_generators),
        cmocka_unit_test(apples_roots_are_certificates_and_sign_themselves),
        cmocka_unit_test(bytes_that_are_no_certificate_are_refused),
        cmocka_unit_test(random_bytes_differ),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
