/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed spans, owned blobs, capped growing buffers, and a reader with a sticky failure flag. */
#pragma once

#include "base/error.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rv_span {
    const uint8_t *ptr;
    size_t len;
};

#define RV_SPAN_TEXT(s) ((struct rv_span){ (const uint8_t *)(s), sizeof(s) - 1 })
static inline struct rv_span rv_span(const void *ptr, size_t len)
{
    return (struct rv_span){ (const uint8_t *)ptr, len };
}
bool rv_span_equal(struct rv_span a, struct rv_span b);
/** The part [at, at+len) of a span; an empty span with ptr NULL when it does not fit. */
struct rv_span rv_span_part(struct rv_span in, size_t at, size_t len);

/** Owned bytes on the heap. */
struct rv_blob {
    uint8_t *data;
    size_t len;
};
struct rv_blob *rv_blob_new(size_t len, struct rv_error *err); /* zeroed */
struct rv_blob *rv_blob_copy(struct rv_span in, struct rv_error *err);
void rv_blob_free(struct rv_blob *blob);
RV_DEFINE_AUTO(rv_blob)
static inline struct rv_span rv_blob_span(const struct rv_blob *blob)
{
    return rv_span(blob->data, blob->len);
}

/** Growing bytes with a cap. `struct rv_buf b = RV_BUF(limit)`; rv_buf_clear() frees. */
struct rv_buf {
    uint8_t *data;
    size_t len, room, cap;
};
#define RV_BUF(cap_bytes)                                                                                              \
    {                                                                                                                  \
        .cap = (cap_bytes)                                                                                             \
    }
/** Appends; RV_E_LIMIT past the cap, RV_E_NOMEM. The content is unchanged on failure. */
bool rv_buf_add(struct rv_buf *buf, struct rv_span in, struct rv_error *err);
bool rv_buf_add_text(struct rv_buf *buf, const char *text, struct rv_error *err);
bool rv_buf_add_format(struct rv_buf *buf, struct rv_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/** Makes room for `more` bytes past len and returns the place; the caller adds to len himself. */
uint8_t *rv_buf_reserve(struct rv_buf *buf, size_t more, struct rv_error *err);
/** Drops the first n bytes. */
void rv_buf_drop(struct rv_buf *buf, size_t n);
void rv_buf_clear(struct rv_buf *buf);
static inline struct rv_span rv_buf_span(const struct rv_buf *buf)
{
    return rv_span(buf->data, buf->len);
}

/** A cursor. Reading past the end sets `bad`, returns zeroes, and stays bad. */
struct rv_reader {
    struct rv_span in;
    size_t at;
    bool bad;
};
struct rv_span rv_read_span(struct rv_reader *r, uint64_t len);
uint8_t rv_read_u8(struct rv_reader *r);
uint16_t rv_read_u16le(struct rv_reader *r);
uint32_t rv_read_u32le(struct rv_reader *r);
uint64_t rv_read_u64le(struct rv_reader *r);
uint16_t rv_read_u16be(struct rv_reader *r);
uint32_t rv_read_u32be(struct rv_reader *r);
uint64_t rv_read_u64be(struct rv_reader *r);
static inline size_t rv_reader_left(const struct rv_reader *r)
{
    return r->bad ? 0 : r->in.len - r->at;
}

void rv_put_u16le(uint8_t *to, uint16_t v);
void rv_put_u32le(uint8_t *to, uint32_t v);
void rv_put_u64le(uint8_t *to, uint64_t v);
void rv_put_u16be(uint8_t *to, uint16_t v);
void rv_put_u32be(uint8_t *to, uint32_t v);
void rv_put_u64be(uint8_t *to, uint64_t v);
