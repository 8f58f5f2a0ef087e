/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/plist_frame.h"

enum { LENGTH = 4, BODY_MS = 30000 /* once a message has begun, its rest is under way */ };

bool rv_plist_send(struct rv_stream *stream, plist_t message, bool binary, uint32_t timeout_ms, struct rv_error *err)
{
    RV_AUTO(rv_blob) body = rv_plist_format(message, binary, err);
    if (body == NULL)
        return false;
    if (body->len > RV_PLIST_FRAME_MAX)
        return rv_fail(err, RV_E_LIMIT, "a message of %zu bytes", body->len);
    /* One write: a length and a body that come apart in time are needless trouble for the other side. */
    RV_AUTO_CLEAR(rv_buf) frame = RV_BUF(LENGTH + body->len);
    uint8_t length[LENGTH];
    rv_put_u32be(length, (uint32_t)body->len);
    return rv_buf_add(&frame, rv_span(length, sizeof length), err) && rv_buf_add(&frame, rv_blob_span(body), err) &&
           rv_stream_send(stream, rv_buf_span(&frame), timeout_ms, err);
}

plist_t rv_plist_receive(struct rv_stream *stream, uint32_t timeout_ms, struct rv_error *err)
{
    uint8_t raw[LENGTH];
    if (!rv_stream_receive(stream, raw, sizeof raw, timeout_ms, err))
        return NULL;
    struct rv_reader r = { .in = rv_span(raw, sizeof raw) };
    uint32_t len = rv_read_u32be(&r);
    if (len == 0 || len > RV_PLIST_FRAME_MAX) {
        rv_fail(err, RV_E_PROTOCOL, "the device announces a message of %u bytes", len);
        return NULL;
    }
    RV_AUTO(rv_blob) body = rv_blob_new(len, err);
    if (body == NULL)
        return NULL;
    if (!rv_stream_receive(stream, body->data, body->len, timeout_ms > BODY_MS ? timeout_ms : BODY_MS, err)) {
        /* Half a frame is no pause between messages: the exchange has lost its step. */
        if (err->code == RV_E_TIMEOUT)
            rv_fail(err, RV_E_GONE, "the device stopped in the middle of a message of %u bytes", len);
        return NULL;
    }
    plist_t message = rv_plist_parse(rv_blob_span(body), err);
    if (message == NULL)
        rv_while(err, "reading a message of %u bytes", len);
    return message;
}
