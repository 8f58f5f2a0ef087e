/* SPDX-License-Identifier: Apache-2.0 */
/* Keys out of passwords, out of other keys, and out of agreements; published vectors, and OpenSSL beside us. */
#include "support/rv_test.h"

#include "backup/backup.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/wrap.h"

#include <openssl/evp.h>

static void is_hex(const uint8_t *bytes, size_t len, const char *wanted)
{
    char text[2 * 64 + 1];
    assert_string_equal(rv_text_hex(rv_span(bytes, len), text, sizeof text), wanted);
}

static void passwords_make_the_published_keys(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint8_t key[RV_KEY];
    /* RFC 6070 (its 20 bytes come first), RFC 7914 section 11 (its first 32). */
    assert_works(rv_pbkdf2(RV_DIGEST_SHA1, RV_SPAN_TEXT("password"), RV_SPAN_TEXT("salt"), 4096, key, &err), &err);
    is_hex(key, 20, "4b007901b765489abead49d926f721d065a429c1");
    assert_works(rv_pbkdf2(RV_DIGEST_SHA1, RV_SPAN_TEXT("password"), RV_SPAN_TEXT("salt"), 1, key, &err), &err);
    is_hex(key, 20, "0c60c80f961f0e71f3a9b524af6012062fe037a6");
    assert_works(rv_pbkdf2(RV_DIGEST_SHA256, RV_SPAN_TEXT("passwd"), RV_SPAN_TEXT("salt"), 1, key, &err), &err);
    is_hex(key, RV_KEY, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    assert_fails(rv_pbkdf2(RV_DIGEST_SHA1, RV_SPAN_TEXT("p"), RV_SPAN_TEXT("s"), 0, key, &err), &err, RV_E_FORMAT);
    err = (struct rv_error){ 0 };
    assert_fails(rv_pbkdf2(RV_DIGEST_SHA1, RV_SPAN_TEXT("p"), RV_SPAN_TEXT("s"), 1U << 31, key, &err), &err,
                 RV_E_FORMAT);
    assert_works(rv_pbkdf2(RV_DIGEST_SHA1, rv_span(NULL, 0), RV_SPAN_TEXT("s"), 1, key, &err), &err);
}

static void a_wrapped_key_opens_with_the_key_it_was_wrapped_with_only(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint8_t kek[RV_KEY], key[RV_KEY], wrapped[RV_WRAPPED_KEY], out[RV_KEY];
    /* RFC 3394 section 4.6 */
    rv_text_unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 64, kek, sizeof kek);
    rv_text_unhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f", 64, key, sizeof key);
    assert_works(rv_key_wrap(kek, key, wrapped, &err), &err);
    is_hex(wrapped, sizeof wrapped, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
    assert_works(rv_key_unwrap(kek, wrapped, out, &err), &err);
    assert_memory_equal(out, key, sizeof key);
    memset(out, 0xEE, sizeof out);
    for (size_t i = 0; i < sizeof wrapped; i += 13) {
        err = (struct rv_error){ 0 };
        wrapped[i] ^= 1;
        assert_fails(rv_key_unwrap(kek, wrapped, out, &err), &err, RV_E_REFUSED);
        wrapped[i] ^= 1;
    }
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0xEE); /* nothing half comes out */
    err = (struct rv_error){ 0 };
    kek[31] ^= 1;
    assert_fails(rv_key_unwrap(kek, wrapped, out, &err), &err, RV_E_REFUSED);
}

/* A pair of X25519 keys by OpenSSL. */
static void make_pair(uint8_t secret[32], uint8_t open[32])
{
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    size_t a = 32, b = 32;
    assert_non_null(pair);
    assert_int_equal(EVP_PKEY_get_raw_private_key(pair, secret, &a), 1);
    assert_int_equal(EVP_PKEY_get_raw_public_key(pair, open, &b), 1);
    EVP_PKEY_free(pair);
}

static void both_sides_of_an_agreement_have_the_same_key(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint8_t mine[32], my_open[32], theirs[32], their_open[32], here[32], there[32];
    static const uint8_t base_point[32] = { 9 }, nothing[32];
    make_pair(mine, my_open);
    make_pair(theirs, their_open);
    assert_works(rv_key_agree(mine, their_open, here, &err) && rv_key_agree(theirs, my_open, there, &err), &err);
    assert_memory_equal(here, there, 32);
    assert_works(rv_key_agree(mine, base_point, here, &err), &err); /* RFC 7748: the public key, by definition */
    assert_memory_equal(here, my_open, 32);
    assert_fails(rv_key_agree(mine, nothing, here, &err), &err, RV_E_REFUSED);
}

/* The key of a file as its record holds it: the class, then the key wrapped by the key of the class. */
static void a_files_key_opens_by_its_class_also_by_an_agreement(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static struct rv_backup_key keys[RV_BACKUP_KEYS];
    uint8_t file_key[RV_KEY], out[RV_KEY], record[4 + 32 + RV_WRAPPED_KEY] = { 3 };
    for (unsigned i = 0; i < sizeof file_key; i++)
        file_key[i] = (uint8_t)(i * 3);
    keys[3].known = true;
    memset(keys[3].key, 0x33, sizeof keys[3].key);
    assert_works(rv_key_wrap(keys[3].key, file_key, record + 4, &err), &err);
    assert_works(rv_backup_file_key(keys, rv_span(record, 4 + RV_WRAPPED_KEY), out, &err), &err);
    assert_memory_equal(out, file_key, sizeof out);
    static const size_t lengths[] = { 0, 3, 4, 43, 45, 75, 77 };
    for (size_t i = 0; i < RV_COUNT(lengths); i++) {
        err = (struct rv_error){ 0 };
        uint8_t longer[80] = { 3 };
        assert_fails(rv_backup_file_key(keys, rv_span(longer, lengths[i]), out, &err), &err, RV_E_CORRUPT);
    }
    err = (struct rv_error){ 0 };
    record[0] = 4; /* a class that the backup has no key of */
    assert_fails(rv_backup_file_key(keys, rv_span(record, 4 + RV_WRAPPED_KEY), out, &err), &err, RV_E_CORRUPT);
    err = (struct rv_error){ 0 };
    record[1] = 1; /* and a number that is no class */
    assert_fails(rv_backup_file_key(keys, rv_span(record, 4 + RV_WRAPPED_KEY), out, &err), &err, RV_E_CORRUPT);
    err = (struct rv_error){ 0 };
    record[0] = 3;
    record[1] = 0;
    record[20] ^= 1; /* damaged: the password was right, so nobody is told that it was wrong */
    assert_fails(rv_backup_file_key(keys, rv_span(record, 4 + RV_WRAPPED_KEY), out, &err), &err, RV_E_CORRUPT);
    /* A curve class: what wraps it is the digest of 1, the agreed key, and both public keys. */
    uint8_t secret[32], open[32], kdf[4 + 96] = { 0, 0, 0, 1 }, kek[RV_DIGEST_MAX];
    make_pair(keys[3].key, keys[3].public_key);
    make_pair(secret, open);
    assert_works(rv_key_agree(secret, keys[3].public_key, kdf + 4, &err), &err);
    memcpy(kdf + 36, open, 32);
    memcpy(kdf + 68, keys[3].public_key, 32);
    assert_works(rv_digest_once(RV_DIGEST_SHA256, rv_span(kdf, sizeof kdf), kek, &err), &err);
    memcpy(record + 4, open, 32);
    assert_works(rv_key_wrap(kek, file_key, record + 36, &err), &err);
    memset(out, 0, sizeof out);
    assert_works(rv_backup_file_key(keys, rv_span(record, sizeof record), out, &err), &err);
    assert_memory_equal(out, file_key, sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_make_the_published_keys),
        cmocka_unit_test(a_wrapped_key_opens_with_the_key_it_was_wrapped_with_only),
        cmocka_unit_test(both_sides_of_an_agreement_have_the_same_key),
        cmocka_unit_test(a_files_key_opens_by_its_class_also_by_an_agreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
