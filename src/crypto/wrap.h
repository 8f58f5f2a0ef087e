/* SPDX-License-Identifier: Apache-2.0 */
/* Keys made of passwords and keys wrapped by keys (RFC 8018, RFC 3394, RFC 7748), over OpenSSL. */
#pragma once

#include "base/bytes.h"
#include "crypto/digest.h"

enum { RV_KEY = 32, RV_WRAPPED_KEY = 40 };

/** RV_KEY bytes. Takes as long as `rounds` says: seconds for ten million. */
bool rv_pbkdf2(enum rv_digest_kind kind, struct rv_span password, struct rv_span salt, uint32_t rounds,
               uint8_t out[RV_KEY], struct rv_error *err);
/** REFUSED: the integrity check fails, so this is not the key it was wrapped with. */
bool rv_key_unwrap(const uint8_t kek[RV_KEY], const uint8_t wrapped[RV_WRAPPED_KEY], uint8_t out[RV_KEY],
                   struct rv_error *err);
bool rv_key_wrap(const uint8_t kek[RV_KEY], const uint8_t key[RV_KEY], uint8_t out[RV_WRAPPED_KEY],
                 struct rv_error *err);
/** X25519(secret, theirs). */
bool rv_key_agree(const uint8_t secret[32], const uint8_t theirs[32], uint8_t out[32], struct rv_error *err);

/* 128-bit keys, of notes that are locked with a password of their own. */
enum { RV_SHORT_KEY = 16 };
bool rv_key_unwrap_short(const uint8_t kek[RV_SHORT_KEY], const uint8_t wrapped[RV_SHORT_KEY + 8],
                         uint8_t out[RV_SHORT_KEY], struct rv_error *err);
/** AES-GCM without further data; out has room for in.len bytes. CORRUPT: the tag is another. */
bool rv_gcm_open(const uint8_t key[RV_SHORT_KEY], struct rv_span iv, const uint8_t tag[16], struct rv_span in,
                 uint8_t *out, struct rv_error *err);
