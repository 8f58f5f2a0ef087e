/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BackupKeyBag of Manifest.plist: the keys of the protection classes, wrapped by a key made of the password.
 *
 *   tag[4] u32be length value …   header: VERS TYPE UUID HMCK WRAP SALT ITER (DPWT DPIC DPSL from iOS 10.2 on),
 *   then a group a class, begun by its UUID: CLAS WRAP KTYP WPKY (PBKY)
 *
 * certain: iphone-dataprotection keystore, iOSbackup, the bag of a backup that devices accept.
 */
#pragma once

#include "base/bytes.h"

enum { RV_KEYBAG_CLASSES_MAX = 32, RV_KEYBAG_SALT_MAX = 64, RV_KEYBAG_WPKY = 40, RV_KEYBAG_KEY = 32 };
enum { RV_KEYBAG_WRAP_DEVICE = 1, RV_KEYBAG_WRAP_PASSWORD = 2 };

struct rv_keybag_class {
    uint8_t uuid[16];
    uint32_t number, wrap, key_type;
    bool has_key, has_public;
    uint8_t wrapped[RV_KEYBAG_WPKY];
    uint8_t public_key[32];
};

struct rv_keybag_salt {
    uint8_t bytes[RV_KEYBAG_SALT_MAX];
    uint32_t len; /* 0: none */
};

struct rv_keybag {
    uint32_t version, type, wrap, rounds;
    uint8_t uuid[16], hmac_key[40];
    bool has_hmac;
    struct rv_keybag_salt salt;
    struct rv_keybag_salt double_salt; /* DPSL: the password is protected twice */
    uint32_t double_rounds;
    struct rv_keybag_class classes[RV_KEYBAG_CLASSES_MAX];
    unsigned count;
};

/** FORMAT with the offset of the first thing wrong. */
bool rv_keybag_parse(struct rv_span in, struct rv_keybag *out, struct rv_error *err);
/** What can be read of a damaged one: whole classes in front of the damage. False: no class, or no salt. */
bool rv_keybag_salvage(struct rv_span in, struct rv_keybag *out);
bool rv_keybag_format(const struct rv_keybag *bag, struct rv_buf *out, struct rv_error *err);
