/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the password to the keys of files. iOS 10.2 and later: PBKDF2-SHA256 with DPSL and DPIC, then PBKDF2-SHA1 with
 * SALT and ITER; before: the second alone. Which one is told by the presence of DPSL.
 *
 * certain: iphone-dataprotection, iphone_backup_decrypt, the keybag of a backup that devices accept.
 */
#include "backup/backup.h"
#include "crypto/pair_certs.h"
#include "crypto/wrap.h"

#include <string.h>

static bool derive(const struct rv_keybag *bag, const char *password, uint8_t out[RV_KEY], struct rv_error *err)
{
    struct rv_span words = rv_span(password, strlen(password));
    uint8_t first[RV_KEY];
    bool fine = true;
    if (bag->double_salt.len > 0) {
        fine = rv_pbkdf2(RV_DIGEST_SHA256, words, rv_span(bag->double_salt.bytes, bag->double_salt.len),
                         bag->double_rounds, first, err);
        words = rv_span(first, sizeof first);
    }
    fine = fine && rv_pbkdf2(RV_DIGEST_SHA1, words, rv_span(bag->salt.bytes, bag->salt.len), bag->rounds, out, err);
    rv_wipe(first, sizeof first);
    return fine;
}

bool rv_backup_open_keybag(const struct rv_keybag *bag, const char *password, struct rv_backup_key keys[RV_BACKUP_KEYS],
                           struct rv_error *err)
{
    uint8_t kek[RV_KEY];
    unsigned opened = 0, tried = 0;
    struct rv_error refused = { 0 };
    if (!derive(bag, password, kek, err))
        return false;
    for (unsigned i = 0; i < bag->count; i++) {
        const struct rv_keybag_class *c = &bag->classes[i];
        if (!c->has_key || (c->wrap & RV_KEYBAG_WRAP_PASSWORD) == 0 || c->number >= RV_BACKUP_KEYS)
            continue;
        tried++;
        uint8_t key[RV_KEY];
        if (!rv_key_unwrap(kek, c->wrapped, key, &refused))
            continue;
        opened++;
        if ((c->wrap & RV_KEYBAG_WRAP_DEVICE) ==
            0) { /* else it is still wrapped by a key that never leaves the phone */
            struct rv_backup_key *to = &keys[c->number];
            to->known = true;
            memcpy(to->key, key, sizeof to->key);
            memcpy(to->public_key, c->public_key, sizeof to->public_key);
            to->curve = c->key_type == 1 && c->has_public;
        }
        rv_wipe(key, sizeof key);
    }
    rv_wipe(kek, sizeof kek);
    if (opened > 0)
        return true;
    if (tried == 0)
        return rv_fail(err, RV_E_CORRUPT, "the keybag holds no key that a password opens");
    rv_fail(err, RV_E_REFUSED, "none of the %u keys of this backup opens with this password", tried);
    return rv_advise(err, RV_ADVICE_BACKUP_PASSWORD_WRONG);
}

bool rv_backup_mend_keybag(struct rv_keybag *bag, const char *password, unsigned *mended, struct rv_error *err)
{
    uint8_t kek[RV_KEY], key[RV_KEY];
    bool fine = derive(bag, password, kek, err);
    *mended = 0;
    for (unsigned i = 0; fine && i < bag->count; i++) {
        struct rv_keybag_class *c = &bag->classes[i];
        struct rv_error refused = { 0 };
        if (!c->has_key || (c->wrap & RV_KEYBAG_WRAP_PASSWORD) == 0 || rv_key_unwrap(kek, c->wrapped, key, &refused))
            continue;
        fine = rv_random(key, sizeof key, err) && rv_key_wrap(kek, key, c->wrapped, err);
        *mended += fine;
    }
    rv_wipe(key, sizeof key);
    rv_wipe(kek, sizeof kek);
    return fine;
}

bool rv_backup_unlock(struct rv_backup *b, const char *password, struct rv_error *err)
{
    if (!b->has_keybag) {
        rv_fail(err, RV_E_CORRUPT, "Manifest.plist of %s holds no readable keybag: the keys of this backup are lost",
                b->path);
        return rv_advise(err, RV_ADVICE_BACKUP_KEYS_LOST);
    }
    b->unlocked = rv_backup_open_keybag(&b->keybag, password, b->keys, err);
    return b->unlocked || rv_while(err, "unlocking the backup %s", b->path);
}

/* Curve classes: the file's key is wrapped by what X25519 makes of the class key and a key beside it. */
static bool curve_key(const struct rv_backup_key *cls, struct rv_span wrapped, uint8_t out[RV_KEY],
                      struct rv_error *err)
{
    uint8_t kdf[4 + 32 * 3] = { 0, 0, 0, 1 }, kek[RV_DIGEST_MAX];
    if (!rv_key_agree(cls->key, wrapped.ptr, kdf + 4, err))
        return false;
    memcpy(kdf + 36, wrapped.ptr, 32);
    memcpy(kdf + 68, cls->public_key, 32);
    bool fine = rv_digest_once(RV_DIGEST_SHA256, rv_span(kdf, sizeof kdf), kek, err) &&
                rv_key_unwrap(kek, wrapped.ptr + 32, out, err);
    rv_wipe(kdf, sizeof kdf);
    rv_wipe(kek, sizeof kek);
    return fine;
}

bool rv_backup_file_key(const struct rv_backup_key keys[RV_BACKUP_KEYS], struct rv_span in, uint8_t out[32],
                        struct rv_error *err)
{
    struct rv_reader r = { .in = in };
    uint32_t number = rv_read_u32le(&r);
    if (r.bad || (in.len != RV_MBFILE_KEY && in.len != RV_MBFILE_KEY + 32))
        return rv_fail(err, RV_E_CORRUPT, "a file's key of %zu bytes", in.len);
    if (number >= RV_BACKUP_KEYS || !keys[number].known)
        return rv_fail(err, RV_E_CORRUPT, "the key of protection class %u is not in this backup", number);
    struct rv_span wrapped = rv_span(in.ptr + 4, in.len - 4);
    bool fine = wrapped.len == RV_WRAPPED_KEY ? rv_key_unwrap(keys[number].key, wrapped.ptr, out, err)
                                              : curve_key(&keys[number], wrapped, out, err);
    if (!fine && err->code == RV_E_REFUSED)
        err->code = RV_E_CORRUPT; /* the password was right: the key itself is damaged */
    return fine;
}
