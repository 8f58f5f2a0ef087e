/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-CBC from a zero vector, in pieces of whole blocks and without padding: who reads decides what padding means.
 */
#pragma once

#include "base/bytes.h"

enum { RV_CBC_BLOCK = 16 };

struct rv_cbc;
struct rv_cbc *rv_cbc_new(struct rv_error *err);
void rv_cbc_free(struct rv_cbc *cbc);
RV_DEFINE_AUTO(rv_cbc)
/** Begins a new stream; one object serves many. */
bool rv_cbc_start(struct rv_cbc *cbc, bool encrypt, const uint8_t key[32], struct rv_error *err);
/** len: a multiple of the block; in and out may be the same. */
bool rv_cbc_run(struct rv_cbc *cbc, const uint8_t *in, size_t len, uint8_t *out, struct rv_error *err);
/** Bytes of padding at the end of a last decrypted block (1..16), or 0: it is none. */
unsigned rv_cbc_padding(const uint8_t block[RV_CBC_BLOCK]);
