/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/signature.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

/*
 * The chain is checked link by link, not by X509_verify_cert: the manifest certificates carry a critical
 * extension of Apple's own, their CA's dates have run out while the tickets stay valid, and one of the CAs
 * signs with SHA-1, which OpenSSL's default security level refuses (docs: firmware 3.6, measured on 12 tickets).
 */

enum { CHAIN_MAX = 4 };

struct chain {
    X509 *at[CHAIN_MAX];
    size_t count;
};

static void chain_clear(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        X509_free(chain->at[i]);
    chain->count = 0;
    ERR_clear_error();
}

static void chain_auto(struct chain *chain)
{
    chain_clear(chain);
}

static X509 *certificate(struct rv_span der)
{
    const unsigned char *at = der.ptr;
    X509 *x = der.len > 0 && der.len < 64 * 1024 ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    if (x != NULL && at != der.ptr + der.len) { /* something trails it */
        X509_free(x);
        return NULL;
    }
    return x;
}

static bool load_chain(struct chain *to, const struct rv_span *der, size_t count, struct rv_error *err)
{
    if (count == 0 || count > CHAIN_MAX)
        return rv_fail(err, RV_E_FORMAT, "the signature comes with %zu certificates", count);
    for (size_t i = 0; i < count; i++) {
        X509 *x = certificate(der[i]);
        if (x == NULL)
            return rv_fail(err, RV_E_FORMAT, "certificate %zu of the signature cannot be read", i);
        to->at[to->count++] = x;
    }
    return true;
}

/* Did `issuer` sign `subject`: by name and by key. */
static bool signed_by(X509 *subject, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    return key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
           X509_NAME_cmp(X509_get_issuer_name(subject), X509_get_subject_name(issuer)) == 0 &&
           X509_verify(subject, key) == 1;
}

/* An issuer inside the chain must be marked as a CA: a leaf of one device's ticket may not sign another's. */
static bool may_issue(X509 *x)
{
    return X509_check_ca(x) == 1;
}

static bool find_root(X509 *last, const struct rv_span *roots, size_t root_count, size_t *root_index)
{
    for (size_t i = 0; i < root_count; i++) {
        X509 *root = certificate(roots[i]);
        bool fits = root != NULL && signed_by(last, root);
        X509_free(root);
        if (fits) {
            *root_index = i;
            return true;
        }
    }
    return false;
}

static const EVP_MD *method(enum rv_digest_kind kind)
{
    return kind == RV_DIGEST_SHA1 ? EVP_sha1() : kind == RV_DIGEST_SHA256 ? EVP_sha256() : EVP_sha384();
}

static bool check_signature(X509 *leaf, enum rv_digest_kind digest, struct rv_span signed_bytes,
                            struct rv_span signature, struct rv_error *err)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return rv_fail(err, RV_E_REFUSED, "the signing certificate holds no RSA key");
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL; /* owned by state */
    if (state == NULL)
        return rv_fail_nomem(err);
    bool fine = EVP_DigestVerifyInit(state, &parameters, method(digest), NULL, key) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PADDING) == 1 &&
                EVP_DigestVerify(state, signature.ptr, signature.len, signed_bytes.ptr, signed_bytes.len) == 1;
    EVP_MD_CTX_free(state);
    return fine || rv_fail(err, RV_E_REFUSED, "the signature does not fit the signed bytes");
}

bool rv_signature_verify(struct rv_span signed_bytes, struct rv_span signature, enum rv_digest_kind digest,
                         const struct rv_span *chain, size_t chain_len, const struct rv_span *roots, size_t root_count,
                         size_t *root_index, struct rv_error *err)
{
    __attribute__((cleanup(chain_auto))) struct chain held = { .count = 0 };
    if (!load_chain(&held, chain, chain_len, err))
        return false;
    if (!check_signature(held.at[held.count - 1], digest, signed_bytes, signature, err))
        return false;
    for (size_t i = held.count - 1; i > 0; i--) {
        if (!may_issue(held.at[i - 1]) || !signed_by(held.at[i], held.at[i - 1]))
            return rv_fail(err, RV_E_REFUSED, "certificate %zu of the signature was not issued by the one before it",
                           i);
    }
    if (!find_root(held.at[0], roots, root_count, root_index))
        return rv_fail(err, RV_E_REFUSED, "the signature's certificates do not end at a known root");
    return true;
}

struct rv_blob *rv_certificate_der(struct rv_span file, struct rv_error *err)
{
    enum { FILE_MAX = 1024 * 1024 };
    X509 *x = certificate(file);
    if (x == NULL && file.len > 0 && file.len < FILE_MAX) {
        char no_password[] = ""; /* without one OpenSSL asks at the terminal */
        BIO *bio = BIO_new_mem_buf(file.ptr, (int)file.len);
        x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, no_password) : NULL;
        BIO_free(bio);
    }
    unsigned char *der = NULL;
    int len = x != NULL ? i2d_X509(x, &der) : -1;
    X509_free(x);
    ERR_clear_error();
    if (len <= 0) {
        rv_fail(err, RV_E_FORMAT, "this is no certificate, neither DER nor PEM");
        return NULL;
    }
    struct rv_blob *blob = rv_blob_copy(rv_span(der, (size_t)len), err);
    OPENSSL_free(der);
    return blob;
}

struct rv_blob *rv_certificate_extension(struct rv_span der, const char *oid, struct rv_error *err)
{
    X509 *x = certificate(der);
    if (x == NULL) {
        rv_fail(err, RV_E_FORMAT, "a certificate cannot be read");
        return NULL;
    }
    ASN1_OBJECT *name = OBJ_txt2obj(oid, 1);
    int at = name != NULL ? X509_get_ext_by_OBJ(x, name, -1) : -1;
    ASN1_OBJECT_free(name);
    const ASN1_OCTET_STRING *content = at >= 0 ? X509_EXTENSION_get_data(X509_get_ext(x, at)) : NULL;
    struct rv_blob *blob = NULL;
    if (content == NULL)
        rv_fail(err, RV_E_NOT_FOUND, "the certificate has no extension %s", oid);
    else
        blob = rv_blob_copy(rv_span(ASN1_STRING_get0_data(content), (size_t)ASN1_STRING_length(content)), err);
    X509_free(x);
    return blob;
}
