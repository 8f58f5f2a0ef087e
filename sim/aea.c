/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/aea.h"

#include "base/text.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

enum { PROFILE = 1, FIXED = 12, ROOT_HEAD = 32 + 48 + 32, DIGEST = 32, POINT = 65, BLOCK = 16 };
static const char key_url[] = "https://wkms-public.apple.com/fcs-keys/";
static const char url_record[] = "com.apple.wkms.fcs-key-url", key_record[] = "com.apple.wkms.fcs-response";

static void digest_of(const char *purpose, struct rv_span a, struct rv_span b, uint8_t out[DIGEST])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(md, purpose, strlen(purpose)) == 1 && EVP_DigestUpdate(md, a.ptr, a.len) == 1 &&
        EVP_DigestUpdate(md, b.ptr, b.len) == 1)
        (void)EVP_DigestFinal_ex(md, out, NULL);
    EVP_MD_CTX_free(md);
}

/* ---- the head ---- */

bool sim_aea_is(struct rv_span start)
{
    return start.len >= 4 && memcmp(start.ptr, "AEA1", 4) == 0;
}

/* Records of the authentication data: u32 length with itself, name, NUL, value. */
static bool read_record(struct rv_reader *data, struct sim_aea *out)
{
    uint32_t len = rv_read_u32le(data);
    struct rv_span record = len >= 4 ? rv_read_span(data, len - 4) : rv_span(NULL, 0);
    const uint8_t *end = record.len > 0 ? memchr(record.ptr, 0, record.len) : NULL;
    if (data->bad || end == NULL)
        return false;
    size_t name_len = (size_t)(end - record.ptr), value_len = record.len - name_len - 1;
    if (strcmp((const char *)record.ptr, url_record) != 0)
        return true;
    if (value_len >= sizeof out->url)
        return false;
    memcpy(out->url, end + 1, value_len);
    out->url[value_len] = 0;
    return true;
}

bool sim_aea_read(struct rv_span start, struct sim_aea *out, struct rv_error *err)
{
    *out = (struct sim_aea){ .body = 0 };
    struct rv_reader r = { .in = start };
    (void)rv_read_span(&r, 4);
    uint32_t profile = rv_read_u32le(&r); /* the fourth byte is the strength of scrypt: none */
    uint32_t length = rv_read_u32le(&r);
    struct rv_reader data = { .in = rv_read_span(&r, length) };
    struct rv_span salt = rv_read_span(&r, SIM_AEA_SALT);
    (void)rv_read_span(&r, ROOT_HEAD);
    if (!sim_aea_is(start) || r.bad || profile != PROFILE)
        return rv_fail(err, RV_E_FORMAT, "the wrapped image has no readable head");
    while (data.at < data.in.len)
        if (!read_record(&data, out))
            return rv_fail(err, RV_E_FORMAT, "the wrapped image has damaged authentication data");
    memcpy(out->salt, salt.ptr, SIM_AEA_SALT);
    out->body = r.at;
    return out->url[0] != 0 || rv_fail(err, RV_E_FORMAT, "the wrapped image names no key");
}

static bool put_u32(struct rv_buf *out, uint32_t value, struct rv_error *err)
{
    uint8_t bytes[4];
    rv_put_u32le(bytes, value);
    return rv_buf_add(out, rv_span(bytes, sizeof bytes), err);
}

static bool put_record(struct rv_buf *out, const char *name, const char *value, struct rv_error *err)
{
    return put_u32(out, (uint32_t)(4 + strlen(name) + 1 + strlen(value)), err) &&
           rv_buf_add(out, rv_span(name, strlen(name) + 1), err) && rv_buf_add_text(out, value, err);
}

/* The wrapped key of a real file is opened with the private key; ours is only of the same length. */
static bool put_wrapped_key(struct rv_buf *out, const char *name, struct rv_error *err)
{
    uint8_t point[POINT] = { 4 }, wrapped[48];
    char point_text[128], wrapped_text[96], json[320];
    for (size_t i = 0; i < 2; i++)
        digest_of(i ? "y" : "x", rv_span(name, strlen(name)), rv_span(NULL, 0), point + 1 + DIGEST * i);
    digest_of("wrapped", rv_span(name, strlen(name)), rv_span(NULL, 0), wrapped);
    memcpy(wrapped + DIGEST, point + 1, sizeof wrapped - DIGEST);
    EVP_EncodeBlock((unsigned char *)point_text, point, sizeof point);
    EVP_EncodeBlock((unsigned char *)wrapped_text, wrapped, sizeof wrapped);
    snprintf(json, sizeof json, "{\"enc-request\":\"%s\",\"wrapped-key\":\"%s\"}", point_text, wrapped_text);
    return put_record(out, key_record, json, err);
}

bool sim_aea_write(struct rv_buf *out, const char *name, struct rv_error *err)
{
    char url[SIM_AEA_URL_MAX];
    uint8_t salt[SIM_AEA_SALT], root[ROOT_HEAD];
    snprintf(url, sizeof url, "%s%s", key_url, name);
    digest_of("salt", rv_span(name, strlen(name)), rv_span(NULL, 0), salt);
    for (size_t at = 0; at < sizeof root; at += BLOCK) {
        uint8_t bytes[DIGEST];
        digest_of("root", rv_span(salt, sizeof salt), rv_span(&at, sizeof at), bytes);
        memcpy(root + at, bytes, sizeof root - at < BLOCK ? sizeof root - at : BLOCK);
    }
    RV_AUTO_CLEAR(rv_buf) data = RV_BUF(SIM_AEA_HEAD_MAX);
    return put_wrapped_key(&data, name, err) && put_record(&data, url_record, url, err) &&
           rv_buf_add_text(out, "AEA1", err) && put_u32(out, PROFILE, err) && put_u32(out, (uint32_t)data.len, err) &&
           rv_buf_add(out, rv_buf_span(&data), err) && rv_buf_add(out, rv_span(salt, sizeof salt), err) &&
           rv_buf_add(out, rv_span(root, sizeof root), err);
}

/* ---- the key ---- */

void sim_aea_key_name(const char *path, const char *version, const char *build, unsigned seed, char out[64])
{
    uint8_t digest[DIGEST];
    char text[512];
    snprintf(text, sizeof text, "%s %s %s %u", path, version, build, seed);
    digest_of("name", rv_span(text, strlen(text)), rv_span(NULL, 0), digest);
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof digest); /* 44 letters, "=" last as in real addresses */
    for (char *c = out; *c != 0; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
}

/* A key of P-256 from its private number. */
static EVP_PKEY *key_of_number(const BIGNUM *number)
{
    EVP_PKEY *key = NULL;
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = group != NULL ? EC_POINT_new(group) : NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    uint8_t public[POINT];
    OSSL_PARAM *params = NULL;
    bool good = point != NULL && build != NULL && ctx != NULL &&
                EC_POINT_mul(group, point, number, NULL, NULL, NULL) == 1 &&
                EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, public, sizeof public, NULL) == POINT &&
                OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1 &&
                OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, public, sizeof public) == 1;
    if (good)
        params = OSSL_PARAM_BLD_to_param(build);
    if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return key;
}

struct rv_blob *sim_aea_key_pem(const char *name, struct rv_error *err)
{
    uint8_t digest[DIGEST];
    digest_of("private", rv_span(name, strlen(name)), rv_span(NULL, 0), digest);
    digest[0] &= 0x7f; /* below the order of the curve */
    BIGNUM *number = BN_bin2bn(digest, sizeof digest, NULL);
    EVP_PKEY *key = number != NULL ? key_of_number(number) : NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    struct rv_blob *out = NULL;
    char *text = NULL;
    if (key != NULL && bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(bio, &text);
        out = rv_blob_copy(rv_span(text, (size_t)len), err);
    } else {
        rv_fail(err, RV_E_IO, "the key %s cannot be made", name);
    }
    BIO_free(bio);
    EVP_PKEY_free(key);
    BN_clear_free(number);
    return out;
}

bool sim_aea_key(struct rv_span pem, const uint8_t salt[SIM_AEA_SALT], uint8_t key[SIM_AEA_KEY])
{
    BIO *bio = pem.len > 0 && pem.len < SIM_AEA_HEAD_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY *private = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIGNUM *number = NULL;
    uint8_t bytes[DIGEST];
    bool good = private != NULL && EVP_PKEY_get_bn_param(private, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
                BN_bn2binpad(number, bytes, sizeof bytes) == sizeof bytes;
    if (good)
        digest_of("content", rv_span(bytes, sizeof bytes), rv_span(salt, SIM_AEA_SALT), key);
    BN_clear_free(number);
    EVP_PKEY_free(private);
    BIO_free(bio);
    return good;
}

/* ---- the content ---- */

struct evp_cipher_ctx_st *sim_aea_cipher(const uint8_t key[SIM_AEA_KEY], uint64_t at)
{
    uint8_t counter[BLOCK] = { 0 };
    uint64_t block = at / BLOCK;
    for (size_t i = 0; i < 8; i++)
        counter[BLOCK - 1 - i] = (uint8_t)(block >> (8 * i));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, key, counter) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

void sim_aea_cipher_free(struct evp_cipher_ctx_st *cipher)
{
    EVP_CIPHER_CTX_free(cipher);
}

bool sim_aea_crypt(struct evp_cipher_ctx_st *cipher, const uint8_t *from, uint8_t *to, size_t len)
{
    for (size_t at = 0; at < len;) {
        int room = len - at < (1 << 20) ? (int)(len - at) : 1 << 20, done = 0;
        if (EVP_EncryptUpdate(cipher, to + at, &done, from + at, room) != 1 || done != room)
            return false;
        at += (size_t)done;
    }
    return true;
}
