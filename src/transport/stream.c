/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/stream.h"

struct rv_stream *rv_stream_take_fd(struct rv_ctx *ctx, int fd, struct rv_error *err)
{
    (void)ctx;
    (void)fd;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

void rv_stream_free(struct rv_stream *stream)
{
    (void)stream;
}

bool rv_stream_send(struct rv_stream *stream, struct rv_span bytes, uint32_t timeout_ms, struct rv_error *err)
{
    (void)stream;
    (void)bytes;
    (void)timeout_ms;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_stream_receive(struct rv_stream *stream, void *to, size_t len, uint32_t timeout_ms, struct rv_error *err)
{
    (void)stream;
    (void)to;
    (void)len;
    (void)timeout_ms;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_stream_receive_some(struct rv_stream *stream, void *to, size_t room, size_t *got, uint32_t timeout_ms,
                            struct rv_error *err)
{
    (void)stream;
    (void)to;
    (void)room;
    (void)got;
    (void)timeout_ms;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

void rv_stream_shutdown(struct rv_stream *stream)
{
    (void)stream;
}

bool rv_stream_start_tls(struct rv_stream *stream, const struct rv_tls_identity *identity, uint32_t timeout_ms,
                         struct rv_error *err)
{
    (void)stream;
    (void)identity;
    (void)timeout_ms;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_stream_stop_tls(struct rv_stream *stream, uint32_t timeout_ms, struct rv_error *err)
{
    (void)stream;
    (void)timeout_ms;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}
