/* SPDX-License-Identifier: Apache-2.0 */
/* Digests over OpenSSL. */
#pragma once

#include "base/bytes.h"

enum rv_digest_kind { RV_DIGEST_SHA1, RV_DIGEST_SHA256, RV_DIGEST_SHA384 };
enum { RV_DIGEST_MAX = 48 };

size_t rv_digest_size(enum rv_digest_kind kind);
/** By length: 20, 32, 48 bytes. False for others. */
bool rv_digest_kind_of(size_t len, enum rv_digest_kind *out);
bool rv_digest_once(enum rv_digest_kind kind, struct rv_span in, uint8_t out[RV_DIGEST_MAX], struct rv_error *err);
enum { RV_DIGEST_LANES = 8 };
/** SHA-1, 20 bytes each, of that many messages of one length; fastest when it is a multiple of 64. */
bool rv_digest_sha1_lanes(const uint8_t *const in[RV_DIGEST_LANES], size_t len, uint8_t *const out[RV_DIGEST_LANES],
                          struct rv_error *err);

struct rv_digest; /* streaming */
struct rv_digest *rv_digest_new(enum rv_digest_kind kind, struct rv_error *err);
void rv_digest_add(struct rv_digest *digest, struct rv_span in);
void rv_digest_end(struct rv_digest *digest, uint8_t out[RV_DIGEST_MAX]);
void rv_digest_free(struct rv_digest *digest);
RV_DEFINE_AUTO(rv_digest)

bool rv_random(void *to, size_t len, struct rv_error *err);
