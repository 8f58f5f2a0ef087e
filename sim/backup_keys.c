/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/backup_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { BAG_MAX = 65536, WPKY = 40, BY_DEVICE = 1, BY_PASSWORD = 2, ROUNDS_MAX = 50000000 };
enum { DEVICE_ONLY_FROM = 9, PLAIN_LAST = 4 };

/* ---- small pieces of cryptography ---- */

static bool aes_wrap(const uint8_t kek[SIM_KEY], bool wrap, struct rv_span in, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    bool good = false;
    if (ctx != NULL) {
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        good = EVP_CipherInit_ex(ctx, EVP_aes_256_wrap(), NULL, kek, NULL, wrap) == 1 &&
               EVP_CipherUpdate(ctx, out, &len, in.ptr, (int)in.len) == 1 && len > 0;
    }
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

EVP_CIPHER_CTX *sim_cipher_new(const uint8_t key[SIM_KEY], bool encrypt)
{
    static const uint8_t iv[16];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, iv, encrypt) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

struct rv_blob *sim_cipher_all(const uint8_t key[SIM_KEY], bool encrypt, struct rv_span in, struct rv_error *err)
{
    int len = 0, last = 0;
    EVP_CIPHER_CTX *ctx = sim_cipher_new(key, encrypt);
    RV_AUTO(rv_blob) out = rv_blob_new(in.len + 32, err);
    bool good = ctx != NULL && out != NULL && in.len < INT32_MAX - 64 &&
                EVP_CipherUpdate(ctx, out->data, &len, in.ptr, (int)in.len) == 1 &&
                EVP_CipherFinal_ex(ctx, out->data + len, &last) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!good) {
        rv_fail(err, RV_E_CORRUPT, "it cannot be %scrypted", encrypt ? "en" : "de");
        return NULL;
    }
    out->len = (size_t)(len + last);
    return rv_steal(&out);
}

void sim_password_hash(const char *password, struct rv_span salt, uint8_t out[32])
{
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    unsigned len = 32;
    memset(out, 0, 32);
    if (sum != NULL && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1) {
        EVP_DigestUpdate(sum, password, strlen(password));
        EVP_DigestUpdate(sum, salt.ptr, salt.len);
        EVP_DigestFinal_ex(sum, out, &len);
    }
    EVP_MD_CTX_free(sum);
}

/* ---- the password's key ---- */

struct lock {
    struct rv_span salt, double_salt;
    uint32_t rounds, double_rounds;
};

static bool derive(const char *password, const struct lock *lock, uint8_t kek[SIM_KEY])
{
    uint8_t first[SIM_KEY];
    const char *secret = password;
    int len = (int)strlen(password);
    if (lock->rounds == 0 || lock->rounds > ROUNDS_MAX || lock->double_rounds > ROUNDS_MAX)
        return false;
    if (lock->double_salt.len > 0) {
        if (lock->double_rounds == 0 ||
            PKCS5_PBKDF2_HMAC(password, len, lock->double_salt.ptr, (int)lock->double_salt.len,
                              (int)lock->double_rounds, EVP_sha256(), SIM_KEY, first) != 1)
            return false;
        secret = (const char *)first;
        len = SIM_KEY;
    }
    return PKCS5_PBKDF2_HMAC(secret, len, lock->salt.ptr, (int)lock->salt.len, (int)lock->rounds, EVP_sha1(), SIM_KEY,
                             kek) == 1;
}

/* ---- writing ---- */

static bool put(struct rv_buf *out, const char tag[5], struct rv_span value, struct rv_error *err)
{
    uint8_t head[8];
    memcpy(head, tag, 4);
    rv_put_u32be(head + 4, (uint32_t)value.len);
    return rv_buf_add(out, rv_span(head, sizeof head), err) && rv_buf_add(out, value, err);
}

static bool put_number(struct rv_buf *out, const char tag[5], uint32_t number, struct rv_error *err)
{
    uint8_t value[4];
    rv_put_u32be(value, number);
    return put(out, tag, rv_span(value, sizeof value), err);
}

static bool put_random(struct rv_buf *out, const char tag[5], size_t len, struct rv_error *err)
{
    uint8_t value[64];
    return RAND_bytes(value, (int)len) == 1 && put(out, tag, rv_span(value, len), err);
}

/* A class that only this device may open is sealed by its own key inside: what is wrapped then is not the key [I]. */
static bool put_class(struct rv_buf *out, struct sim_bag *bag, uint32_t class, const uint8_t kek[SIM_KEY],
                      struct rv_error *err)
{
    uint8_t inside[SIM_KEY], wrapped[WPKY];
    bool ours = bag->has[class];
    if (RAND_bytes(bag->keys[class], SIM_KEY) != 1 || RAND_bytes(inside, sizeof inside) != 1)
        return rv_fail(err, RV_E_IO, "no random numbers");
    if (!aes_wrap(kek, true, rv_span(ours ? bag->keys[class] : inside, SIM_KEY), wrapped))
        return rv_fail(err, RV_E_IO, "a class key cannot be wrapped");
    return put_random(out, "UUID", 16, err) && put_number(out, "CLAS", class, err) &&
           put_number(out, "WRAP", ours ? BY_PASSWORD : BY_DEVICE | BY_PASSWORD, err) &&
           put_number(out, "KTYP", 0, err) && put(out, "WPKY", rv_span(wrapped, sizeof wrapped), err);
}

struct rv_blob *sim_bag_make(struct sim_bag *bag, const struct sim_bag_form *form, struct rv_error *err)
{
    uint8_t salt[SIM_SALT], double_salt[SIM_SALT], kek[SIM_KEY];
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(BAG_MAX);
    struct lock lock = { .salt = rv_span(salt, sizeof salt), .rounds = form->rounds };
    bool twice = form->double_rounds > 0;
    if (twice) {
        lock.double_salt = rv_span(double_salt, sizeof double_salt);
        lock.double_rounds = form->double_rounds;
    }
    bool good = RAND_bytes(salt, sizeof salt) == 1 && RAND_bytes(double_salt, sizeof double_salt) == 1 &&
                derive(form->password, &lock, kek) && put_number(&out, "VERS", twice ? 4 : 3, err) &&
                put_number(&out, "TYPE", 1, err) && put_random(&out, "UUID", 16, err) &&
                put_random(&out, "HMCK", 40, err) && put_number(&out, "WRAP", BY_PASSWORD, err) &&
                put(&out, "SALT", lock.salt, err) && put_number(&out, "ITER", lock.rounds, err);
    if (twice)
        good = good && put_number(&out, "DPWT", 1, err) && put_number(&out, "DPIC", lock.double_rounds, err) &&
               put(&out, "DPSL", lock.double_salt, err);
    for (uint32_t class = 1; good && class < SIM_CLASSES; class ++) {
        bag->has[class] = form->password[0] != 0 ? class < DEVICE_ONLY_FROM : class <= PLAIN_LAST;
        good = put_class(&out, bag, class, kek, err);
    }
    OPENSSL_cleanse(kek, sizeof kek);
    if (good)
        return rv_blob_copy(rv_buf_span(&out), err);
    if (err->code == RV_OK)
        rv_fail(err, RV_E_IO, "no keybag could be made");
    return NULL;
}

/* ---- reading ---- */

struct class_entry {
    uint32_t class, wrap;
    struct rv_span key;
};

struct reading {
    struct lock lock;
    uint32_t type, version;
    struct class_entry classes[32];
    size_t count;
    bool in_class; /* the second UUID and those after it begin a class */
    bool bad;
};

static uint32_t number_of(struct reading *r, struct rv_span value)
{
    struct rv_reader in = { .in = value };
    uint32_t number = rv_read_u32be(&in);
    r->bad = r->bad || value.len != 4;
    return number;
}

static void take_class_tag(struct reading *r, const char tag[5], struct rv_span value)
{
    struct class_entry *entry = &r->classes[r->count - 1];
    if (strcmp(tag, "CLAS") == 0)
        entry->class = number_of(r, value);
    else if (strcmp(tag, "WRAP") == 0)
        entry->wrap = number_of(r, value);
    else if (strcmp(tag, "WPKY") == 0)
        entry->key = value;
}

static void take_tag(struct reading *r, const char tag[5], struct rv_span value)
{
    if (strcmp(tag, "UUID") == 0) {
        if (r->in_class && ++r->count > RV_COUNT(r->classes))
            r->bad = true;
        r->bad = r->bad || value.len != 16;
        r->in_class = true;
    } else if (r->count > 0 && !r->bad) {
        take_class_tag(r, tag, value);
    } else if (strcmp(tag, "VERS") == 0) {
        r->version = number_of(r, value);
    } else if (strcmp(tag, "TYPE") == 0) {
        r->type = number_of(r, value);
    } else if (strcmp(tag, "SALT") == 0) {
        r->lock.salt = value;
    } else if (strcmp(tag, "ITER") == 0) {
        r->lock.rounds = number_of(r, value);
    } else if (strcmp(tag, "DPSL") == 0) {
        r->lock.double_salt = value;
    } else if (strcmp(tag, "DPIC") == 0) {
        r->lock.double_rounds = number_of(r, value);
    }
}

static bool read_tags(struct reading *r, struct rv_span in)
{
    struct rv_reader reader = { .in = in };
    while (rv_reader_left(&reader) > 0 && !r->bad) {
        char tag[5] = "";
        struct rv_span name = rv_read_span(&reader, 4);
        struct rv_span value = rv_read_span(&reader, rv_read_u32be(&reader));
        if (reader.bad)
            return false;
        memcpy(tag, name.ptr, 4);
        take_tag(r, tag, value);
    }
    return !r->bad && r->count > 0 && r->type == 1 && r->version >= 3 && r->version <= 5 &&
           r->lock.salt.len == SIM_SALT;
}

enum sim_bag_verdict sim_bag_open(struct sim_bag *bag, struct rv_span in, const char *password)
{
    struct reading r = { 0 };
    uint8_t kek[SIM_KEY];
    memset(bag, 0, sizeof *bag);
    if (in.len > BAG_MAX || !read_tags(&r, in) || !derive(password, &r.lock, kek))
        return SIM_BAG_MALFORMED;
    size_t opened = 0;
    for (size_t i = 0; i < r.count; i++) {
        const struct class_entry *entry = &r.classes[i];
        if (entry->wrap != BY_PASSWORD || entry->class >= SIM_CLASSES)
            continue;
        if (entry->key.len != WPKY)
            return SIM_BAG_MALFORMED;
        if (!aes_wrap(kek, false, entry->key, bag->keys[entry->class]))
            return SIM_BAG_WRONG_PASSWORD;
        bag->has[entry->class] = true;
        opened++;
    }
    OPENSSL_cleanse(kek, sizeof kek);
    return opened > 0 ? SIM_BAG_OPEN : SIM_BAG_MALFORMED;
}

/* ---- keys of files ---- */

bool sim_key_wrap(const struct sim_bag *bag, uint32_t class, const uint8_t key[SIM_KEY], uint8_t out[SIM_WRAPPED])
{
    if (class >= SIM_CLASSES || !bag->has[class])
        return false;
    rv_put_u32le(out, class);
    return aes_wrap(bag->keys[class], true, rv_span(key, SIM_KEY), out + 4);
}

bool sim_key_unwrap(const struct sim_bag *bag, struct rv_span wrapped, uint8_t key[SIM_KEY])
{
    struct rv_reader r = { .in = wrapped };
    uint32_t class = rv_read_u32le(&r);
    return wrapped.len == SIM_WRAPPED && class < SIM_CLASSES && bag->has[class] &&
           aes_wrap(bag->keys[class], false, rv_span(wrapped.ptr + 4, WPKY), key);
}
