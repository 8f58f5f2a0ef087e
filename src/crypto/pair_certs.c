/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X.509 v3, empty subject and issuer, serial 0, ten years, SHA-256. That is what libimobiledevice makes
 * (but for its SHA-1) and what lockdownd accepts; a "proper" certificate with names is not wanted there.
 */
#include "crypto/pair_certs.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { KEY_BITS = 2048, PEM_MAX = 16 * 1024, YEARS_10_DAYS = 3650 };

static struct rv_blob *take_bio(BIO *bio, struct rv_error *err)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    if (len <= 0) {
        rv_fail_nomem(err);
        return NULL;
    }
    return rv_blob_copy(rv_span(data, (size_t)len), err);
}

static struct rv_blob *certificate_pem(X509 *certificate, struct rv_error *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct rv_blob *out = NULL;
    if (bio != NULL && PEM_write_bio_X509(bio, certificate) == 1)
        out = take_bio(bio, err);
    else
        rv_fail_nomem(err);
    BIO_free(bio);
    return out;
}

static struct rv_blob *key_pem(EVP_PKEY *key, struct rv_error *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    struct rv_blob *out = NULL;
    /* PKCS#1, the form that every reader of pair records knows. */
    if (bio != NULL && PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        out = take_bio(bio, err);
    else
        rv_fail_nomem(err);
    BIO_free(bio);
    return out;
}

static EVP_PKEY *read_public_key(struct rv_span pem, struct rv_error *err)
{
    EVP_PKEY *key = NULL;
    if (pem.len > 0 && pem.len <= PEM_MAX) {
        BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
        OSSL_DECODER_CTX *decoder =
            OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, "RSA", EVP_PKEY_PUBLIC_KEY, NULL, NULL);
        if (bio != NULL && decoder != NULL)
            OSSL_DECODER_from_bio(decoder, bio);
        OSSL_DECODER_CTX_free(decoder);
        BIO_free(bio);
    }
    if (key == NULL)
        rv_fail(err, RV_E_FORMAT, "the device's public key is no RSA key in PEM form");
    return key;
}

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, NULL, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

enum role { ROLE_ROOT, ROLE_HOST, ROLE_DEVICE };

static X509 *make_certificate(enum role role, EVP_PKEY *subject_key, EVP_PKEY *signer)
{
    X509 *c = X509_new();
    if (c == NULL)
        return NULL;
    bool ok = X509_set_version(c, X509_VERSION_3) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(c), 0) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(c), 0) != NULL &&
              X509_time_adj_ex(X509_getm_notAfter(c), YEARS_10_DAYS, 0, NULL) != NULL &&
              X509_set_pubkey(c, subject_key) == 1 &&
              add_extension(c, NID_basic_constraints, role == ROLE_ROOT ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (ok && role == ROLE_DEVICE)
        ok = add_extension(c, NID_subject_key_identifier, "hash");
    if (ok && role != ROLE_ROOT)
        ok = add_extension(c, NID_key_usage, "critical,digitalSignature,keyEncipherment");
    if (ok && X509_sign(c, signer, EVP_sha256()) > 0)
        return c;
    X509_free(c);
    return NULL;
}

static struct rv_blob *make_pem(enum role role, EVP_PKEY *subject_key, EVP_PKEY *signer, struct rv_error *err)
{
    X509 *certificate = make_certificate(role, subject_key, signer);
    if (certificate == NULL) {
        rv_fail(err, RV_E_NOMEM, "making a certificate for the pair record");
        return NULL;
    }
    struct rv_blob *pem = certificate_pem(certificate, err);
    X509_free(certificate);
    return pem;
}

bool rv_pair_certs_make(struct rv_span device_public_key, struct rv_pair_certs *out, struct rv_error *err)
{
    struct rv_pair_certs made = { 0 };
    EVP_PKEY *device = read_public_key(device_public_key, err);
    if (device == NULL)
        return false;
    EVP_PKEY *root = EVP_RSA_gen(KEY_BITS), *host = EVP_RSA_gen(KEY_BITS);
    bool ok = root != NULL && host != NULL;
    if (!ok)
        rv_fail(err, RV_E_NOMEM, "making keys for the pair record");
    ok = ok && (made.root_certificate = make_pem(ROLE_ROOT, root, root, err)) != NULL &&
         (made.host_certificate = make_pem(ROLE_HOST, host, root, err)) != NULL &&
         (made.device_certificate = make_pem(ROLE_DEVICE, device, root, err)) != NULL &&
         (made.root_key = key_pem(root, err)) != NULL && (made.host_key = key_pem(host, err)) != NULL;
    EVP_PKEY_free(device);
    EVP_PKEY_free(root);
    EVP_PKEY_free(host);
    if (!ok) {
        rv_pair_certs_clear(&made);
        return false;
    }
    *out = made;
    return true;
}

static void free_secret(struct rv_blob *blob)
{
    if (blob != NULL)
        rv_wipe(blob->data, blob->len);
    rv_blob_free(blob);
}

void rv_pair_certs_clear(struct rv_pair_certs *certs)
{
    rv_blob_free(certs->root_certificate);
    rv_blob_free(certs->host_certificate);
    rv_blob_free(certs->device_certificate);
    free_secret(certs->root_key);
    free_secret(certs->host_key);
    *certs = (struct rv_pair_certs){ 0 };
}

bool rv_uuid_make(char out[37], struct rv_error *err)
{
    uint8_t b[16];
    if (RAND_bytes(b, sizeof b) != 1)
        return rv_fail(err, RV_E_IO, "this computer gives no random numbers");
    b[6] = (b[6] & 0x0F) | 0x40;
    b[8] = (b[8] & 0x3F) | 0x80;
    snprintf(out, 37, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return true;
}
