/* SPDX-License-Identifier: Apache-2.0 */
/* The reverse proxy of Restore mode: the device reaches Apple's factory-data servers through this computer. */
#pragma once

#include "transport/mux.h"

enum { RV_FDR_PORT = 1082 };

struct rv_fdr;

/** Starts the thread that serves it. A device without this service (32-bit ones) is served by doing nothing. */
struct rv_fdr *rv_fdr_start(struct rv_ctx *ctx, const struct rv_mux_id *id, struct rv_error *err);
/** Ends all its connections and threads. */
void rv_fdr_free(struct rv_fdr *fdr);
RV_DEFINE_AUTO(rv_fdr)

/* For tests, and for peers that are already connected. */
struct rv_fdr_host {
    char name[256];
    uint16_t port;
};
/**
 * One connection of the device (docs/restore.md section 4): a ping, or SOCKS5. `reach` connects to a host and
 * returns a socket, or -errno. The stream stays the caller's.
 */
typedef int rv_fdr_reach_fn(void *context, const struct rv_fdr_host *host);
bool rv_fdr_serve_conn(struct rv_ctx *ctx, struct rv_stream *stream, rv_fdr_reach_fn *reach, void *context,
                       struct rv_error *err);
