/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keybags of backups: a key for each protection class, wrapped by what follows from the password.
 * Sources: dinosec/iphone-dataprotection python_scripts/keystore/keybag.py; dunhamsteve/ios; pyiosbackup.
 */
#pragma once

#include "base/bytes.h"

#include <openssl/types.h>

enum { SIM_CLASSES = 12, SIM_KEY = 32, SIM_WRAPPED = 44, SIM_SALT = 20 };

struct sim_bag {
    uint8_t keys[SIM_CLASSES][SIM_KEY];
    bool has[SIM_CLASSES]; /* usable with the password alone */
};

struct sim_bag_form {
    const char *password;   /* "": the backup is not encrypted */
    uint32_t double_rounds; /* SHA-256 before SHA-1, as since 10.2; 0: none */
    uint32_t rounds;
};
/** Draws class keys and writes the bag down; NULL on failure. */
struct rv_blob *sim_bag_make(struct sim_bag *bag, const struct sim_bag_form *form, struct rv_error *err);

enum sim_bag_verdict { SIM_BAG_OPEN, SIM_BAG_WRONG_PASSWORD, SIM_BAG_MALFORMED };
enum sim_bag_verdict sim_bag_open(struct sim_bag *bag, struct rv_span in, const char *password);

/** u32 LE class and the wrapped key. */
bool sim_key_wrap(const struct sim_bag *bag, uint32_t class, const uint8_t key[SIM_KEY], uint8_t out[SIM_WRAPPED]);
bool sim_key_unwrap(const struct sim_bag *bag, struct rv_span wrapped, uint8_t key[SIM_KEY]);

/** SHA-256(password, salt): the weak check that stands in the manifest. */
void sim_password_hash(const char *password, struct rv_span salt, uint8_t out[32]);

/** AES-256-CBC, zero IV, PKCS#7, in pieces. NULL: no memory. */
EVP_CIPHER_CTX *sim_cipher_new(const uint8_t key[SIM_KEY], bool encrypt);
/** Whole files; NULL when the padding is wrong. */
struct rv_blob *sim_cipher_all(const uint8_t key[SIM_KEY], bool encrypt, struct rv_span in, struct rv_error *err);
