/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

struct rv_digest {
    EVP_MD_CTX *state;
};

static const EVP_MD *method(enum rv_digest_kind kind)
{
    switch (kind) {
    case RV_DIGEST_SHA1:
        return EVP_sha1();
    case RV_DIGEST_SHA256:
        return EVP_sha256();
    case RV_DIGEST_SHA384:
        return EVP_sha384();
    }
    rv_assert(false);
}

size_t rv_digest_size(enum rv_digest_kind kind)
{
    return (size_t)EVP_MD_get_size(method(kind));
}

bool rv_digest_kind_of(size_t len, enum rv_digest_kind *out)
{
    static const enum rv_digest_kind kinds[] = { RV_DIGEST_SHA1, RV_DIGEST_SHA256, RV_DIGEST_SHA384 };
    for (size_t i = 0; i < RV_COUNT(kinds); i++) {
        if (rv_digest_size(kinds[i]) == len) {
            *out = kinds[i];
            return true;
        }
    }
    return false;
}

bool rv_digest_once(enum rv_digest_kind kind, struct rv_span in, uint8_t out[RV_DIGEST_MAX], struct rv_error *err)
{
    if (EVP_Digest(in.len ? (const void *)in.ptr : "", in.len, out, NULL, method(kind), NULL) != 1)
        return rv_fail_nomem(err);
    return true;
}

struct rv_digest *rv_digest_new(enum rv_digest_kind kind, struct rv_error *err)
{
    struct rv_digest *digest = rv_alloc(sizeof *digest);
    if (digest != NULL)
        digest->state = EVP_MD_CTX_new();
    if (digest == NULL || digest->state == NULL || EVP_DigestInit_ex(digest->state, method(kind), NULL) != 1) {
        rv_digest_free(digest);
        rv_fail_nomem(err);
        return NULL;
    }
    return digest;
}

void rv_digest_add(struct rv_digest *digest, struct rv_span in)
{
    if (in.len > 0)
        rv_assert(EVP_DigestUpdate(digest->state, in.ptr, in.len) == 1);
}

void rv_digest_end(struct rv_digest *digest, uint8_t out[RV_DIGEST_MAX])
{
    rv_assert(EVP_DigestFinal_ex(digest->state, out, NULL) == 1);
}

void rv_digest_free(struct rv_digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->state);
    rv_free(digest);
}

bool rv_random(void *to, size_t len, struct rv_error *err)
{
    enum { MOST = 1 << 20 };
    if (len > MOST || RAND_bytes(to, (int)len) != 1)
        return rv_fail(err, RV_E_IO, "this computer gave no random numbers");
    return true;
}
