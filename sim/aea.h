/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrapped images: "AEA1", authentication data with the address of a key, then encrypted bytes. The head is that of
 * real files (blacktop/ipsw pkg/aea, dhinakg/aeota); what follows it is our own: the image under one AES-256-CTR
 * stream whose key follows from the private key at that address. A host passes all of it on as it is.
 */
#pragma once

#include "base/bytes.h"

struct evp_cipher_ctx_st;

enum { SIM_AEA_HEAD_MAX = 4096, SIM_AEA_URL_MAX = 256, SIM_AEA_KEY = 32, SIM_AEA_SALT = 32 };

struct sim_aea {
    char url[SIM_AEA_URL_MAX]; /* com.apple.wkms.fcs-key-url */
    uint8_t salt[SIM_AEA_SALT];
    size_t body; /* where the encrypted bytes begin */
};

/** "aea1" first: whether a file is wrapped. */
bool sim_aea_is(struct rv_span start);
/** The head of a file; needs at most SIM_AEA_HEAD_MAX bytes of it. */
bool sim_aea_read(struct rv_span start, struct sim_aea *out, struct rv_error *err);
/** A head for an image whose key is called `name`. */
bool sim_aea_write(struct rv_buf *out, const char *name, struct rv_error *err);
/** Name of the key of a file, from what it is made of: letters of a URL. */
void sim_aea_key_name(const char *path, const char *version, const char *build, unsigned seed, char out[64]);
/** The private key that Apple's server hands out under a name: PEM, the same each time. */
struct rv_blob *sim_aea_key_pem(const char *name, struct rv_error *err);
/** Key of the encrypted bytes. False when the PEM holds no private key of the right kind. */
bool sim_aea_key(struct rv_span pem, const uint8_t salt[SIM_AEA_SALT], uint8_t key[SIM_AEA_KEY]);

/** En- and decrypts, front to back from `at` (a multiple of 16) on. */
struct evp_cipher_ctx_st *sim_aea_cipher(const uint8_t key[SIM_AEA_KEY], uint64_t at);
void sim_aea_cipher_free(struct evp_cipher_ctx_st *cipher);
bool sim_aea_crypt(struct evp_cipher_ctx_st *cipher, const uint8_t *from, uint8_t *to, size_t len);
