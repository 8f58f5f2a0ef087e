/* SPDX-License-Identifier: Apache-2.0 */
/* A file that stays on its server, read by ranges: always the same state of it, or an error. One thread at a time. */
#pragma once

#include "base/ctx.h"
#include "base/mem.h"

struct rv_remote;

/**
 * Asks for its size with its first byte. UNSUPPORTED: the server does not give parts; NOT_FOUND, NETWORK.
 * A file without ETag and Last-Modified is known by its size alone.
 */
struct rv_remote *rv_remote_open(struct rv_ctx *ctx, const char *url, struct rv_error *err);
void rv_remote_free(struct rv_remote *remote);
RV_DEFINE_AUTO(rv_remote)
uint64_t rv_remote_size(const struct rv_remote *remote);
/** Bytes of the file that came from the server so far. */
uint64_t rv_remote_fetched(const struct rv_remote *remote);

/**
 * Exactly len bytes; fits rv_archive_source. A connection that ends early is taken up again where it ended, a few
 * times. CORRUPT: outside the file, or it was replaced; PROTOCOL: the server sends another part; NETWORK.
 */
bool rv_remote_read(void *remote, uint64_t at, void *to, size_t len, struct rv_error *err);
