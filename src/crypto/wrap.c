/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/wrap.h"

#include <openssl/evp.h>

bool rv_pbkdf2(enum rv_digest_kind kind, struct rv_span password, struct rv_span salt, uint32_t rounds,
               uint8_t out[RV_KEY], struct rv_error *err)
{
    const EVP_MD *md = kind == RV_DIGEST_SHA1 ? EVP_sha1() : EVP_sha256();
    static const char nothing[1] = "";
    const char *words = password.len > 0 ? (const char *)password.ptr : nothing;
    if (rounds == 0 || rounds > INT32_MAX)
        return rv_fail(err, RV_E_FORMAT, "a key made in %u rounds", rounds);
    if (PKCS5_PBKDF2_HMAC(words, (int)password.len, salt.ptr, (int)salt.len, (int)rounds, md, RV_KEY, out) != 1)
        return rv_fail(err, RV_E_IO, "OpenSSL cannot make a key of the password");
    return true;
}

static bool run_wrap(bool wrap, const EVP_CIPHER *cipher, const uint8_t *kek, struct rv_span in, uint8_t *out, int want)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t room[RV_WRAPPED_KEY + 16];
    int len = 0, last = 0;
    if (c == NULL)
        return false;
    EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    bool fine = EVP_CipherInit_ex(c, cipher, NULL, kek, NULL, wrap) == 1 &&
                EVP_CipherUpdate(c, room, &len, in.ptr, (int)in.len) == 1 &&
                EVP_CipherFinal_ex(c, room + len, &last) == 1 && len + last == want;
    EVP_CIPHER_CTX_free(c);
    for (int i = 0; fine && i < want; i++)
        out[i] = room[i];
    rv_wipe(room, sizeof room);
    return fine;
}

bool rv_key_unwrap(const uint8_t kek[RV_KEY], const uint8_t wrapped[RV_WRAPPED_KEY], uint8_t out[RV_KEY],
                   struct rv_error *err)
{
    return run_wrap(false, EVP_aes_256_wrap(), kek, rv_span(wrapped, RV_WRAPPED_KEY), out, RV_KEY) ||
           rv_fail(err, RV_E_REFUSED, "a wrapped key does not open with this key");
}

bool rv_key_unwrap_short(const uint8_t kek[RV_SHORT_KEY], const uint8_t wrapped[RV_SHORT_KEY + 8],
                         uint8_t out[RV_SHORT_KEY], struct rv_error *err)
{
    return run_wrap(false, EVP_aes_128_wrap(), kek, rv_span(wrapped, RV_SHORT_KEY + 8), out, RV_SHORT_KEY) ||
           rv_fail(err, RV_E_REFUSED, "a wrapped key does not open with this key");
}

bool rv_gcm_open(const uint8_t key[RV_SHORT_KEY], struct rv_span iv, const uint8_t tag[16], struct rv_span in,
                 uint8_t *out, struct rv_error *err)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t copy[16], none[16];
    int len = 0, last = 0;
    for (size_t i = 0; i < sizeof copy; i++)
        copy[i] = tag[i];
    bool fine = c != NULL && in.len <= INT32_MAX && iv.len > 0 && iv.len <= 64 &&
                EVP_DecryptInit_ex(c, EVP_aes_128_gcm(), NULL, NULL, NULL) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_IVLEN, (int)iv.len, NULL) == 1 &&
                EVP_DecryptInit_ex(c, NULL, NULL, key, iv.ptr) == 1 &&
                EVP_DecryptUpdate(c, out, &len, in.ptr, (int)in.len) == 1 && (size_t)len == in.len &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, copy) == 1 && EVP_DecryptFinal_ex(c, none, &last) == 1;
    EVP_CIPHER_CTX_free(c);
    return fine || rv_fail(err, RV_E_CORRUPT, "what was sealed does not open, or was changed");
}

bool rv_key_wrap(const uint8_t kek[RV_KEY], const uint8_t key[RV_KEY], uint8_t out[RV_WRAPPED_KEY],
                 struct rv_error *err)
{
    return run_wrap(true, EVP_aes_256_wrap(), kek, rv_span(key, RV_KEY), out, RV_WRAPPED_KEY) ||
           rv_fail(err, RV_E_IO, "OpenSSL cannot wrap a key");
}

bool rv_key_agree(const uint8_t secret[32], const uint8_t theirs[32], uint8_t out[32], struct rv_error *err)
{
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, 32);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, 32);
    EVP_PKEY_CTX *c = own != NULL ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    size_t len = 32;
    bool fine = c != NULL && peer != NULL && EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, peer) == 1 &&
                EVP_PKEY_derive(c, out, &len) == 1 && len == 32;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    return fine || rv_fail(err, RV_E_REFUSED, "a key agreement failed");
}
