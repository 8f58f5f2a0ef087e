/* SPDX-License-Identifier: Apache-2.0 */
/* Apple Software Restore, the host's side: the device reads where it wants, then takes the whole image. */
#pragma once

#include "base/ctx.h"
#include "transport/stream.h"

enum {
    RV_ASR_PORT = 12345,
    RV_ASR_PIECE = 131072,          /* bytes between two checksums */
    RV_ASR_MESSAGE_MAX = 64 * 1024, /* a message has under 1 KiB; more is no message */
};

/** Where the image comes from: exactly len bytes at any offset inside. One thread at a time. */
struct rv_asr_source {
    uint64_t size;
    bool (*read)(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err);
    void *context;
};

/** Called with bytes of the image sent so far; may be called from another thread than the caller's. */
typedef void rv_asr_sent_fn(void *context, uint64_t sent, uint64_t total);

struct rv_asr_job {
    struct rv_asr_source source;
    rv_asr_sent_fn *sent; /* may be NULL */
    void *sent_context;
    uint32_t quiet_ms; /* longest silence before the image begins; 0: 60 s */
};

/**
 * Serves one run to its end. The stream stays the caller's. PROTOCOL: the device asked for something that
 * cannot be; GONE/TIMEOUT tell how many bytes had been sent. Success means only "all bytes were taken":
 * whether they were right arrives on the control connection.
 */
bool rv_asr_serve(struct rv_ctx *ctx, struct rv_stream *stream, const struct rv_asr_job *job, struct rv_error *err);
