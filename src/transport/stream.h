/* SPDX-License-Identifier: Apache-2.0 */
/* An ordered byte stream with deadlines and cancel, plain or inside TLS. One thread reads, one may write. */
#pragma once

#include "base/bytes.h"
#include "base/ctx.h"

struct rv_stream;

/** Takes ownership of a connected socket, on failure too. */
struct rv_stream *rv_stream_take_fd(struct rv_ctx *ctx, int fd, struct rv_error *err);
void rv_stream_free(struct rv_stream *stream);
RV_DEFINE_AUTO(rv_stream)

/** All bytes within timeout_ms of no progress (scaled). GONE, TIMEOUT, CANCELLED. */
bool rv_stream_send(struct rv_stream *stream, struct rv_span bytes, uint32_t timeout_ms, struct rv_error *err);
/** Exactly len bytes. TIMEOUT leaves already read bytes in the stream's buffer: calling again is safe. */
bool rv_stream_receive(struct rv_stream *stream, void *to, size_t len, uint32_t timeout_ms, struct rv_error *err);
/** What is there, at least one byte; *got 0 at the orderly end. */
bool rv_stream_receive_some(struct rv_stream *stream, void *to, size_t room, size_t *got, uint32_t timeout_ms,
                            struct rv_error *err);
/** Asks for room in the socket, so that a long stream goes on while one end has no processor. */
void rv_stream_widen(struct rv_stream *stream, int bytes);
/** Makes calls blocked in other threads return GONE. */
void rv_stream_shutdown(struct rv_stream *stream);

/**
 * Client side of TLS as lockdown sessions want it: TLS 1.0 and later at security level 0 (old devices
 * need it), our certificate from the pair record, the device's certificate compared by key with the
 * record's DeviceCertificate (PEM) when that is not empty.
 */
struct rv_tls_identity {
    struct rv_span certificate_pem, key_pem, device_certificate_pem;
};
bool rv_stream_start_tls(struct rv_stream *stream, const struct rv_tls_identity *identity, uint32_t timeout_ms,
                         struct rv_error *err);
/** Ends TLS after StopSession; the stream goes on in the clear. */
bool rv_stream_stop_tls(struct rv_stream *stream, uint32_t timeout_ms, struct rv_error *err);
