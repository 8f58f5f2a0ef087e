/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mobilebackup2.h"

#include <string.h>

enum {
    ANSWER_MS = 60000,
    STREAM_MS = 120000, /* once a file is under way, its next byte comes soon */
    BUFFER = 1 << 18,
    MESSAGE_MAX = 64 << 20,
    NEWEST_MAJOR = 400,
    PIECE = 32 << 10 /* what the device's agent holds in memory at a time */
};
static const char absent[] = "___EmptyParameterString___";

struct rv_mb2 {
    struct rv_stream *stream;
    uint8_t *buffer; /* received and not yet used: [at, end) */
    size_t at, end;
    uint8_t *piece; /* a block with its head, to go in one write */
};

void rv_mb2_free(struct rv_mb2 *l)
{
    if (l == NULL)
        return;
    rv_stream_free(l->stream);
    rv_free(l->buffer);
    rv_free(l->piece);
    rv_free(l);
}

/* ---- bytes ---- */

static bool fill(struct rv_mb2 *l, uint32_t timeout_ms, struct rv_error *err)
{
    size_t got = 0;
    if (l->at < l->end)
        return true;
    l->at = l->end = 0;
    if (!rv_stream_receive_some(l->stream, l->buffer, BUFFER, &got, timeout_ms, err))
        return false;
    if (got == 0)
        return rv_fail(err, RV_E_GONE, "the device closed the connection of its backup agent");
    l->end = got;
    return true;
}

static bool take(struct rv_mb2 *l, void *to, size_t len, struct rv_error *err)
{
    for (uint8_t *p = to; len > 0;) {
        if (!fill(l, STREAM_MS, err))
            return err->code == RV_E_TIMEOUT ? rv_fail(err, RV_E_GONE, "the device stopped in the middle of a message")
                                             : false;
        size_t n = l->end - l->at < len ? l->end - l->at : len;
        memcpy(p, l->buffer + l->at, n);
        l->at += n;
        p += n;
        len -= n;
    }
    return true;
}

static bool take_u32(struct rv_mb2 *l, uint32_t *out, struct rv_error *err)
{
    uint8_t raw[4];
    if (!take(l, raw, sizeof raw, err))
        return false;
    struct rv_reader r = { .in = rv_span(raw, 4) };
    *out = rv_read_u32be(&r);
    return true;
}

/* ---- messages ---- */

static bool send_message(struct rv_mb2 *l, plist_t message, struct rv_error *err)
{
    RV_AUTO(rv_blob) body = rv_plist_format(message, true, err);
    if (body == NULL)
        return false;
    RV_AUTO_CLEAR(rv_buf) frame = RV_BUF(body->len + 4);
    uint8_t len[4];
    rv_put_u32be(len, (uint32_t)body->len);
    return rv_buf_add(&frame, rv_span(len, 4), err) && rv_buf_add(&frame, rv_blob_span(body), err) &&
           rv_stream_send(l->stream, rv_buf_span(&frame), ANSWER_MS, err);
}

static plist_t message_of(const char *name)
{
    plist_t message = plist_new_array();
    plist_array_append_item(message, plist_new_string(name));
    return message;
}

const char *rv_mb2_name(plist_t message)
{
    plist_t first = message != NULL ? plist_array_get_item(message, 0) : NULL;
    const char *name =
        first != NULL && plist_get_node_type(first) == PLIST_STRING ? plist_get_string_ptr(first, NULL) : NULL;
    return name != NULL ? name : "";
}

plist_t rv_mb2_receive(struct rv_mb2 *l, uint32_t timeout_ms, struct rv_error *err)
{
    uint32_t len;
    if (!fill(l, timeout_ms, err) || !take_u32(l, &len, err))
        return NULL;
    if (len == 0 || len > MESSAGE_MAX) {
        rv_fail(err, RV_E_PROTOCOL, "the backup agent announces a message of %u bytes", len);
        return NULL;
    }
    RV_AUTO(rv_blob) body = rv_blob_new(len, err);
    if (body == NULL || !take(l, body->data, len, err))
        return NULL;
    plist_t message = rv_plist_parse(rv_blob_span(body), err);
    if (message != NULL && plist_get_node_type(message) == PLIST_ARRAY && *rv_mb2_name(message) != '\0')
        return message;
    if (message != NULL) {
        plist_free(message);
        rv_fail(err, RV_E_PROTOCOL, "the backup agent sent a message without a name");
    }
    return NULL;
}

bool rv_mb2_answer(struct rv_mb2 *l, int code, const char *text, plist_t value, struct rv_error *err)
{
    RV_AUTO_PLIST message = message_of("DLMessageStatusResponse");
    plist_array_append_item(message, plist_new_uint((uint64_t)(int64_t)code));
    plist_array_append_item(message, plist_new_string(text != NULL ? text : absent));
    plist_array_append_item(message, value != NULL ? value : plist_new_dict());
    return send_message(l, message, err);
}

bool rv_mb2_request(struct rv_mb2 *l, plist_t request, struct rv_error *err)
{
    RV_AUTO_PLIST message = message_of("DLMessageProcessMessage");
    plist_array_append_item(message, request);
    return send_message(l, message, err);
}

bool rv_mb2_goodbye(struct rv_mb2 *l, struct rv_error *err)
{
    RV_AUTO_PLIST message = message_of("DLMessageDisconnect");
    plist_array_append_item(message, plist_new_string(absent));
    return send_message(l, message, err);
}

void rv_mb2_stop(struct rv_mb2 *l)
{
    rv_stream_shutdown(l->stream);
}

/* ---- greeting ---- */

static bool agree_on_link(struct rv_mb2 *l, struct rv_error *err)
{
    uint64_t major = 0;
    RV_AUTO_PLIST theirs = rv_mb2_receive(l, ANSWER_MS, err);
    plist_t number = theirs != NULL ? plist_array_get_item(theirs, 1) : NULL;
    if (theirs == NULL)
        return false;
    if (strcmp(rv_mb2_name(theirs), "DLMessageVersionExchange") != 0 || number == NULL ||
        plist_get_node_type(number) != PLIST_UINT)
        return rv_fail(err, RV_E_PROTOCOL, "the backup agent begins with %.60s", rv_mb2_name(theirs));
    plist_get_uint_val(number, &major);
    if (major > NEWEST_MAJOR)
        return rv_fail(err, RV_E_UNSUPPORTED, "the backup agent speaks version %llu of its link, revive up to %d",
                       (unsigned long long)major, NEWEST_MAJOR);
    RV_AUTO_PLIST ours = message_of("DLMessageVersionExchange");
    plist_array_append_item(ours, plist_new_string("DLVersionsOk"));
    plist_array_append_item(ours, plist_new_uint(major));
    if (!send_message(l, ours, err))
        return false;
    RV_AUTO_PLIST ready = rv_mb2_receive(l, ANSWER_MS, err);
    if (ready == NULL)
        return false;
    return strcmp(rv_mb2_name(ready), "DLMessageDeviceReady") == 0 ||
           rv_fail(err, RV_E_PROTOCOL, "the backup agent is not ready: %.60s", rv_mb2_name(ready));
}

static bool agree_on_protocol(struct rv_mb2 *l, struct rv_error *err)
{
    plist_t hello = plist_new_dict(), versions = plist_new_array();
    plist_dict_set_item(hello, "MessageName", plist_new_string("Hello"));
    plist_array_append_item(versions, plist_new_real(2.0));
    plist_array_append_item(versions, plist_new_real(2.1));
    plist_dict_set_item(hello, "SupportedProtocolVersions", versions);
    if (!rv_mb2_request(l, hello, err))
        return false;
    RV_AUTO_PLIST reply = rv_mb2_receive(l, ANSWER_MS, err);
    uint64_t code = 0;
    plist_t dict = reply != NULL ? plist_array_get_item(reply, 1) : NULL;
    if (reply == NULL)
        return false;
    if (!rv_plist_uint(dict, "ErrorCode", &code) || code != 0)
        return rv_fail(err, RV_E_UNSUPPORTED, "the backup agent speaks no version of the protocol that revive knows");
    return true;
}

struct rv_mb2 *rv_mb2_take(struct rv_stream *stream, struct rv_error *err)
{
    RV_AUTO(rv_mb2) l = rv_alloc(sizeof *l);
    if (l == NULL) {
        rv_stream_free(stream);
        rv_fail_nomem(err);
        return NULL;
    }
    l->stream = stream;
    l->buffer = rv_alloc(BUFFER);
    l->piece = rv_alloc(PIECE + 5);
    if (l->buffer == NULL || l->piece == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    if (!agree_on_link(l, err) || !agree_on_protocol(l, err)) {
        rv_while(err, "greeting the backup agent");
        return NULL;
    }
    return rv_steal(&l);
}

/* ---- files that come ---- */

bool rv_mb2_read_path(struct rv_mb2 *l, char out[RV_MB2_PATH_MAX + 1], struct rv_error *err)
{
    uint32_t len;
    if (!take_u32(l, &len, err))
        return false;
    if (len > RV_MB2_PATH_MAX)
        return rv_fail(err, RV_E_PROTOCOL, "the device announces a path of %u bytes", len);
    if (!take(l, out, len, err))
        return false;
    out[len] = '\0';
    return strlen(out) == len || rv_fail(err, RV_E_PROTOCOL, "the device sends a path with a NUL inside");
}

bool rv_mb2_read_block(struct rv_mb2 *l, uint8_t *code, uint32_t *len, struct rv_error *err)
{
    if (!take_u32(l, len, err))
        return false;
    if (*len == 0 || *len > RV_MB2_BLOCK_MAX)
        return rv_fail(err, RV_E_PROTOCOL, "the device announces a block of %u bytes", *len);
    --*len;
    return take(l, code, 1, err);
}

bool rv_mb2_read_some(struct rv_mb2 *l, size_t room, struct rv_span *out, struct rv_error *err)
{
    if (!fill(l, STREAM_MS, err))
        return err->code == RV_E_TIMEOUT ? rv_fail(err, RV_E_GONE, "the device stopped in the middle of a file")
                                         : false;
    size_t n = l->end - l->at < room ? l->end - l->at : room;
    *out = rv_span(l->buffer + l->at, n);
    l->at += n;
    return true;
}

/* ---- files that go ---- */

bool rv_mb2_send_path(struct rv_mb2 *l, const char *path, struct rv_error *err)
{
    uint8_t raw[4 + RV_MB2_PATH_MAX];
    size_t len = strlen(path);
    if (len > RV_MB2_PATH_MAX)
        return rv_fail(err, RV_E_LIMIT, "a path of %zu bytes", len);
    rv_put_u32be(raw, (uint32_t)len);
    memcpy(raw + 4, path, len);
    return rv_stream_send(l->stream, rv_span(raw, len + 4), STREAM_MS, err);
}

bool rv_mb2_send_block(struct rv_mb2 *l, uint8_t code, struct rv_span bytes, struct rv_error *err)
{
    do {
        size_t len = bytes.len < PIECE ? bytes.len : PIECE;
        rv_put_u32be(l->piece, (uint32_t)len + 1);
        l->piece[4] = code;
        if (len > 0)
            memcpy(l->piece + 5, bytes.ptr, len);
        if (!rv_stream_send(l->stream, rv_span(l->piece, len + 5), STREAM_MS, err))
            return false;
        bytes = rv_span(bytes.ptr + len, bytes.len - len);
    } while (bytes.len > 0);
    return true;
}

bool rv_mb2_send_end(struct rv_mb2 *l, struct rv_error *err)
{
    static const uint8_t zero[4];
    return rv_stream_send(l->stream, rv_span(zero, sizeof zero), STREAM_MS, err);
}
