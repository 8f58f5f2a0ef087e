/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cbc.h"

#include <openssl/evp.h>

struct rv_cbc {
    EVP_CIPHER_CTX *context;
    EVP_CIPHER *cipher;
};

struct rv_cbc *rv_cbc_new(struct rv_error *err)
{
    RV_AUTO(rv_cbc) cbc = rv_alloc(sizeof *cbc);
    if (cbc != NULL) {
        cbc->context = EVP_CIPHER_CTX_new();
        cbc->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    }
    if (cbc == NULL || cbc->context == NULL || cbc->cipher == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    return rv_steal(&cbc);
}

void rv_cbc_free(struct rv_cbc *cbc)
{
    if (cbc == NULL)
        return;
    EVP_CIPHER_CTX_free(cbc->context);
    EVP_CIPHER_free(cbc->cipher);
    rv_free(cbc);
}

bool rv_cbc_start(struct rv_cbc *cbc, bool encrypt, const uint8_t key[32], struct rv_error *err)
{
    static const uint8_t zero[RV_CBC_BLOCK];
    if (EVP_CipherInit_ex2(cbc->context, cbc->cipher, key, zero, encrypt, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(cbc->context, 0) != 1)
        return rv_fail(err, RV_E_IO, "OpenSSL cannot begin AES");
    return true;
}

bool rv_cbc_run(struct rv_cbc *cbc, const uint8_t *in, size_t len, uint8_t *out, struct rv_error *err)
{
    int done = 0;
    rv_assert(len % RV_CBC_BLOCK == 0 && len <= INT32_MAX);
    if (EVP_CipherUpdate(cbc->context, out, &done, in, (int)len) != 1 || (size_t)done != len)
        return rv_fail(err, RV_E_IO, "OpenSSL cannot go on with AES");
    return true;
}

unsigned rv_cbc_padding(const uint8_t block[RV_CBC_BLOCK])
{
    unsigned n = block[RV_CBC_BLOCK - 1];
    if (n == 0 || n > RV_CBC_BLOCK)
        return 0;
    for (unsigned i = RV_CBC_BLOCK - n; i < RV_CBC_BLOCK; i++)
        if (block[i] != n)
            return 0;
    return n;
}
