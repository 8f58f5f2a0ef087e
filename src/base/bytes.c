/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool rv_span_equal(struct rv_span a, struct rv_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

struct rv_span rv_span_part(struct rv_span in, size_t at, size_t len)
{
    if (at > in.len || len > in.len - at)
        return (struct rv_span){ NULL, 0 };
    return rv_span(in.ptr + at, len);
}

struct rv_blob *rv_blob_new(size_t len, struct rv_error *err)
{
    struct rv_blob *blob = rv_alloc(sizeof *blob);
    if (blob != NULL)
        blob->data = rv_alloc(len);
    if (blob == NULL || blob->data == NULL) {
        rv_free(blob);
        rv_fail_nomem(err);
        return NULL;
    }
    blob->len = len;
    return blob;
}

struct rv_blob *rv_blob_copy(struct rv_span in, struct rv_error *err)
{
    struct rv_blob *blob = rv_blob_new(in.len, err);
    if (blob != NULL && in.len > 0)
        memcpy(blob->data, in.ptr, in.len);
    return blob;
}

void rv_blob_free(struct rv_blob *blob)
{
    if (blob != NULL) {
        rv_free(blob->data);
        rv_free(blob);
    }
}

uint8_t *rv_buf_reserve(struct rv_buf *buf, size_t more, struct rv_error *err)
{
    if (more > buf->cap || buf->len > buf->cap - more) {
        rv_fail(err, RV_E_LIMIT, "more than %zu bytes where at most that many are allowed", buf->cap);
        return NULL;
    }
    size_t need = buf->len + more;
    if (need > buf->room || buf->data == NULL) {
        size_t room = buf->room ? buf->room : 256;
        while (room < need)
            room = room > buf->cap / 2 ? buf->cap : room * 2;
        uint8_t *grown = rv_realloc_array(buf->data, room, 1);
        if (grown == NULL) {
            rv_fail_nomem(err);
            return NULL;
        }
        buf->data = grown;
        buf->room = room;
    }
    return buf->data + buf->len;
}

bool rv_buf_add(struct rv_buf *buf, struct rv_span in, struct rv_error *err)
{
    uint8_t *to = rv_buf_reserve(buf, in.len, err);
    if (to == NULL)
        return false;
    if (in.len > 0)
        memcpy(to, in.ptr, in.len);
    buf->len += in.len;
    return true;
}

bool rv_buf_add_text(struct rv_buf *buf, const char *text, struct rv_error *err)
{
    return rv_buf_add(buf, rv_span(text, strlen(text)), err);
}

bool rv_buf_add_format(struct rv_buf *buf, struct rv_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (need < 0)
        return rv_fail(err, RV_E_FORMAT, "text cannot be formatted");
    uint8_t *to = rv_buf_reserve(buf, (size_t)need + 1, err);
    if (to == NULL)
        return false;
    va_start(ap, fmt);
    vsnprintf((char *)to, (size_t)need + 1, fmt, ap);
    va_end(ap);
    buf->len += (size_t)need;
    return true;
}

void rv_buf_drop(struct rv_buf *buf, size_t n)
{
    rv_assert(n <= buf->len);
    if (n > 0)
        memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
}

void rv_buf_clear(struct rv_buf *buf)
{
    rv_free(buf->data);
    buf->data = NULL;
    buf->len = buf->room = 0;
}

struct rv_span rv_read_span(struct rv_reader *r, uint64_t len)
{
    if (r->bad || r->at > r->in.len || len > r->in.len - r->at) {
        r->bad = true;
        return (struct rv_span){ NULL, 0 };
    }
    struct rv_span part = rv_span(r->in.ptr + r->at, (size_t)len);
    r->at += (size_t)len;
    return part;
}

static uint64_t read_le(struct rv_reader *r, unsigned n)
{
    struct rv_span s = rv_read_span(r, n);
    uint64_t v = 0;
    for (size_t i = s.len; i-- > 0;)
        v = v << 8 | s.ptr[i];
    return v;
}

static uint64_t read_be(struct rv_reader *r, unsigned n)
{
    struct rv_span s = rv_read_span(r, n);
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++)
        v = v << 8 | s.ptr[i];
    return v;
}

uint8_t rv_read_u8(struct rv_reader *r)
{
    return (uint8_t)read_le(r, 1);
}

uint16_t rv_read_u16le(struct rv_reader *r)
{
    return (uint16_t)read_le(r, 2);
}

uint32_t rv_read_u32le(struct rv_reader *r)
{
    return (uint32_t)read_le(r, 4);
}

uint64_t rv_read_u64le(struct rv_reader *r)
{
    return read_le(r, 8);
}

uint16_t rv_read_u16be(struct rv_reader *r)
{
    return (uint16_t)read_be(r, 2);
}

uint32_t rv_read_u32be(struct rv_reader *r)
{
    return (uint32_t)read_be(r, 4);
}

uint64_t rv_read_u64be(struct rv_reader *r)
{
    return read_be(r, 8);
}

static void put_le(uint8_t *to, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        to[i] = (uint8_t)(v >> (8 * i));
}

static void put_be(uint8_t *to, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        to[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void rv_put_u16le(uint8_t *to, uint16_t v)
{
    put_le(to, v, 2);
}

void rv_put_u32le(uint8_t *to, uint32_t v)
{
    put_le(to, v, 4);
}

void rv_put_u64le(uint8_t *to, uint64_t v)
{
    put_le(to, v, 8);
}

void rv_put_u16be(uint8_t *to, uint16_t v)
{
    put_be(to, v, 2);
}

void rv_put_u32be(uint8_t *to, uint32_t v)
{
    put_be(to, v, 4);
}

void rv_put_u64be(uint8_t *to, uint64_t v)
{
    put_be(to, v, 8);
}
