/* SPDX-License-Identifier: Apache-2.0 */
#include "format/note.h"

#include "format/protobuf.h"

#include <string.h>
#include <zlib.h>

enum { RUNS_MAX = 1 << 20, FIRST_ROOM = 1 << 16 };

struct rv_blob *rv_note_inflate(struct rv_span in, size_t cap, bool *whole, struct rv_error *err)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)in.ptr,
                   .avail_in = (uInt)(in.len > UINT32_MAX ? UINT32_MAX : in.len) };
    struct rv_buf out = { .cap = cap };
    *whole = false;
    if (inflateInit2(&z, 15 + 32) != Z_OK) { /* 32: gzip or zlib, by its header */
        rv_fail_nomem(err);
        return NULL;
    }
    int code = Z_OK;
    bool room = true;
    while (code == Z_OK && room) {
        size_t more = out.len < FIRST_ROOM ? FIRST_ROOM : out.len;
        more = more > cap - out.len ? cap - out.len : more;
        uint8_t *to = more > 0 ? rv_buf_reserve(&out, more, err) : NULL;
        room = to != NULL;
        z.next_out = to;
        z.avail_out = (uInt)more;
        if (room) {
            code = inflate(&z, Z_NO_FLUSH);
            out.len += more - z.avail_out;
            if (code == Z_OK && z.avail_in == 0 && z.avail_out > 0)
                code = Z_BUF_ERROR; /* cut */
        }
    }
    inflateEnd(&z);
    *whole = code == Z_STREAM_END;
    struct rv_blob *blob = out.len > 0 || *whole ? rv_blob_copy(rv_buf_span(&out), err) : NULL;
    rv_buf_clear(&out);
    if (blob == NULL)
        rv_fail(err, RV_E_FORMAT, "%zu bytes are not compressed as a note is", in.len);
    return blob;
}

static void take_paragraph(struct rv_span in, struct rv_note_run *run)
{
    struct rv_proto p = { .in = { .in = in } };
    while (rv_proto_next(&p)) {
        if (p.field == 1)
            run->style = (int32_t)(int64_t)p.number;
        else if (p.field == 4)
            run->indent = p.number < 64 ? (int32_t)p.number : 0;
        else if (p.field == 5)
            run->done = rv_proto_number(p.bytes, 2, 0) != 0;
        else if (p.field == 8)
            run->quote = p.number != 0;
    }
}

static struct rv_note_run take_run(struct rv_span in)
{
    struct rv_note_run run = { .style = RV_NOTE_BODY };
    struct rv_proto p = { .in = { .in = in } };
    while (rv_proto_next(&p)) {
        switch (p.field) {
        case 1:
            run.length = p.number > UINT32_MAX ? UINT32_MAX : (uint32_t)p.number;
            break;
        case 2:
            take_paragraph(p.bytes, &run);
            break;
        case 5:
            run.bold = (p.number & 1) != 0;
            run.italic = (p.number & 2) != 0;
            break;
        case 6:
            run.underlined = p.number != 0;
            break;
        case 7:
            run.struck = p.number != 0;
            break;
        case 9:
            run.link = p.bytes;
            break;
        case 12:
            run.attachment = rv_proto_bytes(p.bytes, 1);
            run.uti = rv_proto_bytes(p.bytes, 2);
            break;
        default:
            break;
        }
    }
    return run;
}

static bool read_body(struct rv_span in, struct rv_note *out, struct rv_error *err)
{
    struct rv_proto p = { .in = { .in = in } };
    size_t room = 0;
    while (rv_proto_next(&p)) {
        if (p.field == 2 && p.bytes.ptr != NULL)
            out->text = p.bytes;
        if (p.field != 5 || p.bytes.ptr == NULL)
            continue;
        if (out->count == room) {
            room = room ? room * 2 : 64;
            struct rv_note_run *more = room <= RUNS_MAX ? rv_realloc_array(out->runs, room, sizeof *more) : NULL;
            if (more == NULL)
                return rv_fail_nomem(err);
            out->runs = more;
        }
        out->runs[out->count++] = take_run(p.bytes);
    }
    return true;
}

bool rv_note_read(struct rv_span in, struct rv_note *out, struct rv_error *err)
{
    *out = (struct rv_note){ 0 };
    struct rv_span document = rv_proto_bytes(in, 2);
    struct rv_span note = rv_proto_bytes(document, 3);
    if (note.ptr == NULL)
        return rv_fail(err, RV_E_FORMAT, "no note in %zu bytes", in.len);
    if (!read_body(note, out, err)) {
        rv_note_clear(out);
        return false;
    }
    if (out->text.ptr == NULL)
        out->text = rv_span("", 0);
    return true;
}

void rv_note_clear(struct rv_note *note)
{
    rv_free(note->runs);
    *note = (struct rv_note){ 0 };
}
