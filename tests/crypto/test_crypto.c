/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/text.h"
#include "crypto/cbc.h"
#include "crypto/digest.h"
#include "crypto/signature.h"
#include "data/roots.h"

/* NIST SP 800-38A F.1.5, AES-256; the second block is entered so that the chain makes the published plain text of it.
 */
static const uint8_t cbc_key[32] = { 0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae,
                                     0xf0, 0x85, 0x7d, 0x77, 0x81, 0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61,
                                     0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4 };
static const uint8_t cbc_plain[2][RV_CBC_BLOCK] = {
    { 0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a },
    { 0xae, 0x2d, 0x8a, 0x57, 0x1e, 0x03, 0xac, 0x9c, 0x9e, 0xb7, 0x6f, 0xac, 0x45, 0xaf, 0x8e, 0x51 }
};
static const uint8_t cbc_cipher[2][RV_CBC_BLOCK] = {
    { 0xf3, 0xee, 0xd1, 0xbd, 0xb5, 0xd2, 0xa0, 0x3c, 0x06, 0x4b, 0x5a, 0x7e, 0x3d, 0xb1, 0x81, 0xf8 },
    { 0x59, 0x1c, 0xcb, 0x10, 0xd4, 0x10, 0xed, 0x26, 0xdc, 0x5b, 0xa7, 0x4a, 0x31, 0x36, 0x28, 0x70 }
};

static void cbc_chains_the_published_blocks_also_in_pieces(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint8_t in[2 * RV_CBC_BLOCK], out[2 * RV_CBC_BLOCK];
    RV_AUTO(rv_cbc) cbc = rv_cbc_new(&err);
    assert_non_null(cbc);
    memcpy(in, cbc_plain[0], RV_CBC_BLOCK);
    for (size_t i = 0; i < RV_CBC_BLOCK; i++)
        in[RV_CBC_BLOCK + i] = cbc_plain[1][i] ^ cbc_cipher[0][i];
    for (size_t piece = RV_CBC_BLOCK; piece <= sizeof in; piece += RV_CBC_BLOCK) {
        assert_true(rv_cbc_start(cbc, true, cbc_key, &err));
        for (size_t at = 0; at < sizeof in; at += piece)
            assert_true(rv_cbc_run(cbc, in + at, piece, out + at, &err));
        assert_memory_equal(out, cbc_cipher, sizeof out);
        assert_true(rv_cbc_start(cbc, false, cbc_key, &err));
        for (size_t at = 0; at < sizeof in; at += piece)
            assert_true(rv_cbc_run(cbc, out + at, piece, out + at, &err));
        assert_memory_equal(out, in, sizeof out);
    }
}

static void padding_is_counted_only_where_each_byte_of_it_agrees(void **state)
{
    (void)state;
    uint8_t block[RV_CBC_BLOCK];
    for (unsigned n = 1; n <= RV_CBC_BLOCK; n++) {
        memset(block, 0xAA, sizeof block);
        memset(block + RV_CBC_BLOCK - n, (int)n, n);
        assert_int_equal(rv_cbc_padding(block), n);
        if (n > 1) {
            block[RV_CBC_BLOCK - n] ^= 1;
            assert_int_equal(rv_cbc_padding(block), 0);
        }
    }
    for (unsigned wrong = 0; wrong < 256; wrong = wrong == 0 ? RV_CBC_BLOCK + 1 : wrong + 1) {
        memset(block, (int)wrong, sizeof block);
        assert_int_equal(rv_cbc_padding(block), 0);
    }
}

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
        cmocka_unit_test(cbc_chains_the_published_blocks_also_in_pieces),
        cmocka_unit_test(padding_is_counted_only_where_each_byte_of_it_agrees),
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
