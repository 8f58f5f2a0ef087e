/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/backup_link.h"

#include "sim/transcript.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NO_TEXT "___EmptyParameterString___"
enum { MESSAGE_MAX = 64 << 20, UPLOAD_BLOCK = 32768, OUT_CAP = 4 << 20, FLUSH_AT = 256 << 10, TROUBLE_MAX = 1024 };
enum { BLOCK_END = 0x00, BLOCK_HOST_ERROR = 0x06, BLOCK_DEVICE_ERROR = 0x0b, BLOCK_DATA = 0x0c };

void sim_link_init(struct sim_link *link, struct sim_wire *wire)
{
    memset(link, 0, sizeof *link);
    link->wire = wire;
    link->out = (struct rv_buf)RV_BUF(OUT_CAP);
    link->flush_at = FLUSH_AT;
}

void sim_link_clear(struct sim_link *link)
{
    rv_buf_clear(&link->out);
}

bool sim_link_break(struct sim_link *link, const char *fmt, ...)
{
    va_list args;
    if (link->gone)
        return false;
    link->gone = true;
    va_start(args, fmt);
    (void)vsnprintf(link->why, sizeof link->why, fmt, args);
    va_end(args);
    return false;
}

/* ---- bytes ---- */

bool sim_link_flush(struct sim_link *link)
{
    if (link->gone)
        return false;
    bool sent = link->out.len == 0 || sim_wire_write(link->wire, rv_buf_span(&link->out));
    link->out.len = 0;
    return sent || sim_link_break(link, "the host hung up");
}

bool sim_link_put(struct sim_link *link, struct rv_span bytes)
{
    struct rv_error err = { 0 };
    if (!rv_buf_add(&link->out, bytes, &err))
        return sim_link_break(link, "no memory");
    return link->out.len < link->flush_at || sim_link_flush(link);
}

static bool put_number(struct sim_link *link, uint32_t number)
{
    uint8_t bytes[4];
    rv_put_u32be(bytes, number);
    return sim_link_put(link, rv_span(bytes, sizeof bytes));
}

/* Up to len bytes that are already here or come next; an empty span at the end. */
static struct rv_span take_some(struct sim_link *link, size_t len)
{
    if (link->in_at == link->in_len) {
        link->in_at = 0;
        link->in_len = sim_wire_read_some(link->wire, link->in, sizeof link->in, -1);
    }
    size_t part = link->in_len - link->in_at < len ? link->in_len - link->in_at : len;
    struct rv_span taken = rv_span(link->in + link->in_at, part);
    link->in_at += part;
    return taken;
}

static bool take(struct sim_link *link, void *to, size_t len)
{
    uint8_t *at = to;
    while (len > 0) {
        struct rv_span part = take_some(link, len);
        if (part.len == 0)
            return sim_link_break(link, "the host hung up");
        memcpy(at, part.ptr, part.len);
        at += part.len;
        len -= part.len;
    }
    return true;
}

static bool take_number(struct sim_link *link, uint32_t *number)
{
    uint8_t bytes[4];
    if (!take(link, bytes, sizeof bytes))
        return false;
    struct rv_reader r = { .in = { bytes, sizeof bytes } };
    *number = rv_read_u32be(&r);
    return true;
}

/* ---- messages ---- */

const char *sim_link_name(plist_t message)
{
    plist_t first = PLIST_IS_ARRAY(message) ? plist_array_get_item(message, 0) : NULL;
    return PLIST_IS_STRING(first) ? plist_get_string_ptr(first, NULL) : "";
}

plist_t sim_link_read(struct sim_link *link)
{
    uint32_t len = 0;
    struct rv_error err = { 0 };
    if (!sim_link_flush(link) || !take_number(link, &len))
        return NULL;
    if (len == 0 || len > MESSAGE_MAX) {
        sim_link_break(link, "a message of %u bytes", len);
        return NULL;
    }
    RV_AUTO(rv_blob) body = rv_blob_new(len, &err);
    if (body == NULL || !take(link, body->data, len))
        return NULL;
    plist_t message = sim_plist_parse(rv_blob_span(body));
    if (sim_link_name(message)[0] == 0) {
        plist_free(message);
        sim_link_break(link, "what came is no message");
        return NULL;
    }
    sim_transcript_plist(link->wire->heard, link->wire->who, "message", message);
    if (strcmp(sim_link_name(message), "DLMessageDisconnect") == 0) {
        plist_free(message);
        sim_link_break(link, "the host said goodbye");
        return NULL;
    }
    return message;
}

bool sim_link_send(struct sim_link *link, plist_t message)
{
    char *bytes = NULL;
    uint32_t len = 0;
    plist_to_bin(message, &bytes, &len);
    plist_free(message);
    bool sent =
        bytes != NULL && put_number(link, len) && sim_link_put(link, rv_span(bytes, len)) && sim_link_flush(link);
    plist_to_bin_free(bytes);
    return sent;
}

plist_t sim_link_words(const char *first, ...)
{
    va_list args;
    plist_t array = plist_new_array();
    va_start(args, first);
    for (const char *word = first; word != NULL; word = va_arg(args, const char *))
        plist_array_append_item(array, plist_new_string(word));
    va_end(args);
    return array;
}

/* ["DLMessageStatusResponse", code, text, detail]; negative codes come as two's complement. */
static bool take_status(struct sim_link *link, int *status, plist_t *detail)
{
    plist_t answer = sim_link_read(link);
    if (answer == NULL)
        return false;
    plist_t code = plist_array_get_item(answer, 1), last = plist_array_get_item(answer, 3);
    uint64_t number = 0;
    if (strcmp(sim_link_name(answer), "DLMessageStatusResponse") != 0 || !PLIST_IS_UINT(code)) {
        sim_link_break(link, "%s instead of a status", sim_link_name(answer));
        plist_free(answer);
        return false;
    }
    plist_get_uint_val(code, &number);
    int64_t wide = (int64_t)number;
    *status = wide <= 0 && wide > -1000 ? (int)wide : SIM_HOST_OTHER;
    if (detail != NULL)
        *detail = last != NULL ? plist_copy(last) : NULL;
    plist_free(answer);
    return true;
}

static bool ask(struct sim_link *link, plist_t message, int *status, plist_t *detail)
{
    return sim_link_send(link, message) && take_status(link, status, detail);
}

bool sim_link_make_folder(struct sim_link *link, const char *path, int *status)
{
    plist_t message = sim_link_words("DLMessageCreateDirectory", path, NO_TEXT, NULL);
    return ask(link, message, status, NULL);
}

bool sim_link_list(struct sim_link *link, const char *path, plist_t *entries, int *status)
{
    plist_t detail = NULL;
    *entries = NULL;
    if (!ask(link, sim_link_words("DLContentsOfDirectory", path, NO_TEXT, NULL), status, &detail))
        return false;
    if (*status == SIM_HOST_OK && PLIST_IS_DICT(detail))
        *entries = detail;
    else
        plist_free(detail);
    return true;
}

bool sim_link_free_space(struct sim_link *link, uint64_t *bytes, int *status)
{
    plist_t detail = NULL;
    *bytes = 0;
    if (!ask(link, sim_link_words("DLMessageGetFreeDiskSpace", NULL), status, &detail))
        return false;
    if (PLIST_IS_UINT(detail))
        plist_get_uint_val(detail, bytes);
    plist_free(detail);
    return true;
}

bool sim_link_purge(struct sim_link *link, uint64_t bytes, int *status)
{
    plist_t message = sim_link_words("DLMessagePurgeDiskSpace", NULL);
    plist_array_append_item(message, plist_new_uint(bytes));
    plist_array_append_item(message, plist_new_uint(0));
    return ask(link, message, status, NULL);
}

/* name, what, no text, progress */
static plist_t with_progress(struct sim_link *link, const char *name, plist_t what)
{
    plist_t message = sim_link_words(name, NULL);
    plist_array_append_item(message, what);
    plist_array_append_item(message, plist_new_string(NO_TEXT));
    plist_array_append_item(message, plist_new_real(link->progress));
    return message;
}

bool sim_link_move(struct sim_link *link, plist_t pairs, int *status)
{
    return ask(link, with_progress(link, "DLMessageMoveItems", pairs), status, NULL);
}

bool sim_link_remove(struct sim_link *link, plist_t paths, int *status)
{
    return ask(link, with_progress(link, "DLMessageRemoveItems", paths), status, NULL);
}

bool sim_link_copy(struct sim_link *link, const char *from, const char *to, int *status)
{
    return ask(link, sim_link_words("DLMessageCopyItem", from, to, NO_TEXT, NULL), status, NULL);
}

/* ---- device to host ---- */

bool sim_link_upload_begin(struct sim_link *link, uint64_t total_bytes)
{
    plist_t message = sim_link_words("DLMessageUploadFiles", NULL);
    plist_array_append_item(message, plist_new_dict());
    plist_array_append_item(message, plist_new_real(link->progress));
    plist_array_append_item(message, plist_new_uint(total_bytes));
    return sim_link_send(link, message);
}

static bool put_text(struct sim_link *link, const char *text)
{
    return put_number(link, (uint32_t)strlen(text)) && sim_link_put(link, rv_span(text, strlen(text)));
}

bool sim_link_upload_file(struct sim_link *link, const char *device_path, const char *host_path)
{
    return put_text(link, device_path) && put_text(link, host_path);
}

static bool put_block(struct sim_link *link, uint8_t code, struct rv_span bytes)
{
    uint8_t head[5];
    rv_put_u32be(head, (uint32_t)bytes.len + 1);
    head[4] = code;
    return sim_link_put(link, rv_span(head, sizeof head)) && sim_link_put(link, bytes);
}

bool sim_link_upload_bytes(struct sim_link *link, struct rv_span bytes)
{
    bool sent = true;
    while (sent && bytes.len > 0) {
        size_t part = bytes.len < UPLOAD_BLOCK ? bytes.len : UPLOAD_BLOCK;
        sent = put_block(link, BLOCK_DATA, rv_span(bytes.ptr, part));
        bytes = rv_span(bytes.ptr + part, bytes.len - part);
    }
    return sent;
}

bool sim_link_upload_done(struct sim_link *link, const char *trouble)
{
    if (trouble == NULL)
        return put_block(link, BLOCK_END, rv_span("", 0));
    return put_block(link, BLOCK_DEVICE_ERROR, rv_span(trouble, strlen(trouble)));
}

bool sim_link_upload_end(struct sim_link *link, int *status)
{
    return put_number(link, 0) && sim_link_flush(link) && take_status(link, status, NULL);
}

/* ---- host to device ---- */

static bool take_text(struct sim_link *link, uint32_t len, char *to, size_t size)
{
    if (len >= size)
        return sim_link_break(link, "a text of %u bytes", len);
    to[len] = 0;
    return take(link, to, len) && (memchr(to, 0, len) == NULL || sim_link_break(link, "a text with a NUL"));
}

static bool take_block(struct sim_link *link, uint32_t len, const struct sim_sink *sink, size_t index)
{
    while (len > 0) {
        struct rv_span part = take_some(link, len);
        if (part.len == 0)
            return sim_link_break(link, "the host hung up in the middle of a file");
        sink->bytes(sink->context, index, part);
        len -= (uint32_t)part.len;
    }
    return true;
}

static bool take_file(struct sim_link *link, const struct sim_sink *sink, size_t index)
{
    for (;;) {
        uint32_t len = 0;
        uint8_t code = 0;
        char trouble[TROUBLE_MAX];
        if (!take_number(link, &len) || (len == 0 && !sim_link_break(link, "a block without a code")) ||
            !take(link, &code, 1))
            return false;
        len--;
        switch (code) {
        case BLOCK_DATA:
            if (len > SIM_LINK_BLOCK_MAX)
                return sim_link_break(link, "a block of %u bytes: more than the backup agent may hold", len);
            if (!take_block(link, len, sink, index))
                return false;
            break;
        case BLOCK_END:
            if (len != 0)
                return sim_link_break(link, "an end with %u bytes", len);
            sink->done(sink->context, index, NULL);
            return true;
        case BLOCK_HOST_ERROR:
            if (!take_text(link, len, trouble, sizeof trouble))
                return false;
            sink->done(sink->context, index, trouble);
            return true;
        default:
            return sim_link_break(link, "a block of kind 0x%02x", code);
        }
    }
}

bool sim_link_download(struct sim_link *link, plist_t paths, const struct sim_sink *sink, int *status, plist_t *detail)
{
    plist_t wanted = plist_copy(paths); /* paths go with the message */
    plist_t message = with_progress(link, "DLMessageDownloadFiles", paths);
    uint32_t count = plist_array_get_size(wanted);
    bool alive = sim_link_send(link, message);
    for (uint32_t i = 0; alive; i++) {
        uint32_t len = 0;
        char path[SIM_LINK_PATH_MAX + 1];
        alive = take_number(link, &len);
        if (!alive || len == 0)
            break;
        alive = take_text(link, len, path, sizeof path);
        if (alive && (i >= count || strcmp(path, plist_get_string_ptr(plist_array_get_item(wanted, i), NULL)) != 0))
            alive = sim_link_break(link, "a file that was not asked for, or not yet: %.100s", path);
        alive = alive && take_file(link, sink, i);
    }
    plist_free(wanted);
    return alive && take_status(link, status, detail);
}
