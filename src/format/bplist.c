/* SPDX-License-Identifier: Apache-2.0 */
#include "format/bplist.h"

#include <string.h>

enum { MAGIC = 8, TRAILER = 32 };

static uint64_t big_endian(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v = v << 8 | p[i];
    return v;
}

bool rv_bplist_open(struct rv_span in, struct rv_bplist *out, struct rv_error *err)
{
    if (in.len < MAGIC + TRAILER || memcmp(in.ptr, "bplist00", MAGIC) != 0)
        return rv_fail(err, RV_E_FORMAT, "not a binary property list (%zu bytes)", in.len);
    const uint8_t *t = in.ptr + in.len - TRAILER;
    struct rv_bplist p = { .in = in,
                           .offset_size = t[6],
                           .ref_size = t[7],
                           .count = big_endian(t + 8, 8),
                           .top = big_endian(t + 16, 8),
                           .table = big_endian(t + 24, 8) };
    size_t end = in.len - TRAILER;
    if (p.offset_size == 0 || p.offset_size > 8 || p.ref_size == 0 || p.ref_size > 8)
        return rv_fail(err, RV_E_FORMAT, "a property list with offsets of %u and references of %u bytes", p.offset_size,
                       p.ref_size);
    if (p.table > end || p.count == 0 || p.count > (end - p.table) / p.offset_size || p.top >= p.count)
        return rv_fail(err, RV_E_FORMAT, "a property list whose table of %llu objects lies outside of it",
                       (unsigned long long)p.count);
    *out = p;
    return true;
}

/* The size that follows an object's first byte: in its low half, or in an integer behind it. */
static bool read_size(struct rv_reader *r, uint8_t first, uint64_t *out)
{
    *out = first & 15;
    if (*out != 15)
        return true;
    uint8_t kind = rv_read_u8(r);
    if (r->bad || kind >> 4 != 1 || (kind & 15) > 3)
        return false;
    unsigned size = 1U << (kind & 15);
    struct rv_span raw = rv_read_span(r, size);
    if (r->bad)
        return false;
    *out = big_endian(raw.ptr, size);
    return true;
}

static bool read_number(struct rv_reader *r, uint8_t first, struct rv_bplist_value *out)
{
    unsigned size = 1U << (first & 7);
    struct rv_span raw = (first & 15) <= 4 ? rv_read_span(r, size) : rv_span(NULL, 0);
    if (raw.len == 0)
        return false;
    uint64_t v = big_endian(raw.ptr + (size > 8 ? size - 8 : 0), size > 8 ? 8 : size);
    if (first >> 4 == 1) {
        out->kind = RV_BPLIST_INTEGER;
        out->integer = (int64_t)v;
        return true;
    }
    out->kind = first >> 4 == 3 ? RV_BPLIST_DATE : RV_BPLIST_REAL;
    return size == 4 || size == 8;
}

static bool read_many(const struct rv_bplist *p, struct rv_reader *r, uint8_t first, struct rv_bplist_value *out)
{
    uint64_t size;
    if (!read_size(r, first, &size) || size > p->in.len)
        return false;
    bool dict = first >> 4 == 0xD;
    out->kind = dict ? RV_BPLIST_DICT : RV_BPLIST_ARRAY;
    out->count = size;
    out->refs = r->at;
    rv_read_span(r, size * p->ref_size * (dict ? 2 : 1));
    return !r->bad;
}

static bool read_bytes(struct rv_reader *r, uint8_t first, struct rv_bplist_value *out)
{
    uint64_t size;
    unsigned each = first >> 4 == 6 ? 2 : 1;
    if (!read_size(r, first, &size) || size > r->in.len)
        return false;
    out->kind = first >> 4 == 4 ? RV_BPLIST_DATA : first >> 4 == 5 ? RV_BPLIST_ASCII : RV_BPLIST_UTF16;
    out->bytes = rv_read_span(r, size * each);
    return !r->bad;
}

static bool read_value(const struct rv_bplist *p, struct rv_reader *r, struct rv_bplist_value *out)
{
    uint8_t first = rv_read_u8(r);
    struct rv_span raw;
    if (r->bad)
        return false;
    switch (first >> 4) {
    case 0:
        out->kind = first == 8 || first == 9 ? RV_BPLIST_BOOL : RV_BPLIST_NULL;
        out->integer = first == 9;
        return first == 0 || first == 8 || first == 9;
    case 1:
    case 2:
    case 3:
        return read_number(r, first, out);
    case 4:
    case 5:
    case 6:
        return read_bytes(r, first, out);
    case 8:
        raw = rv_read_span(r, (first & 15) + 1U);
        if (r->bad || raw.len > 8)
            return false;
        out->kind = RV_BPLIST_UID;
        out->integer = (int64_t)big_endian(raw.ptr, (unsigned)raw.len);
        return true;
    case 0xA:
    case 0xC:
    case 0xD:
        return read_many(p, r, first, out);
    default:
        return false;
    }
}

bool rv_bplist_at(const struct rv_bplist *p, uint64_t number, struct rv_bplist_value *out)
{
    if (number >= p->count)
        return false;
    uint64_t at = big_endian(p->in.ptr + p->table + number * p->offset_size, p->offset_size);
    if (at < MAGIC || at >= p->table)
        return false;
    struct rv_reader r = { .in = rv_span(p->in.ptr, (size_t)p->table), .at = (size_t)at };
    struct rv_bplist_value v = { .kind = RV_BPLIST_NULL };
    if (!read_value(p, &r, &v))
        return false;
    *out = v;
    return true;
}

static uint64_t reference(const struct rv_bplist *p, const struct rv_bplist_value *of, uint64_t i)
{
    return big_endian(p->in.ptr + of->refs + i * p->ref_size, p->ref_size);
}

bool rv_bplist_member(const struct rv_bplist *p, const struct rv_bplist_value *of, uint64_t i,
                      struct rv_bplist_value *out)
{
    if ((of->kind != RV_BPLIST_ARRAY && of->kind != RV_BPLIST_DICT) || i >= of->count)
        return false;
    return rv_bplist_at(p, reference(p, of, of->kind == RV_BPLIST_DICT ? of->count + i : i), out);
}

bool rv_bplist_find(const struct rv_bplist *p, const struct rv_bplist_value *dict, const char *key,
                    struct rv_bplist_value *out)
{
    size_t len = strlen(key);
    if (dict->kind != RV_BPLIST_DICT)
        return false;
    for (uint64_t i = 0; i < dict->count; i++) {
        struct rv_bplist_value name;
        if (rv_bplist_at(p, reference(p, dict, i), &name) && name.kind == RV_BPLIST_ASCII && name.bytes.len == len &&
            memcmp(name.bytes.ptr, key, len) == 0)
            return rv_bplist_member(p, dict, i, out);
    }
    return false;
}

static unsigned put_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = { 0, 0xC0, 0xE0, 0xF0 };
    for (unsigned i = more; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[more] | c);
    return more + 1;
}

static long utf16_text(struct rv_span in, char *out, size_t room)
{
    struct rv_reader r = { .in = in };
    size_t used = 0;
    while (rv_reader_left(&r) >= 2) {
        uint32_t c = rv_read_u16be(&r);
        if (c >= 0xD800 && c < 0xDC00 && rv_reader_left(&r) >= 2) {
            uint32_t low = rv_read_u16be(&r);
            if (low < 0xDC00 || low > 0xDFFF)
                return -1;
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        } else if (c >= 0xD800 && c < 0xE000) {
            return -1;
        }
        char utf8[4];
        unsigned n = put_utf8(c, utf8);
        if (used + n >= room)
            return -1;
        memcpy(out + used, utf8, n);
        used += n;
    }
    out[used] = '\0';
    return (long)used;
}

long rv_bplist_text(const struct rv_bplist_value *v, char *out, size_t room)
{
    if (v->kind == RV_BPLIST_UTF16)
        return utf16_text(v->bytes, out, room);
    if (v->kind != RV_BPLIST_ASCII || v->bytes.len >= room)
        return -1;
    if (v->bytes.len > 0)
        memcpy(out, v->bytes.ptr, v->bytes.len);
    out[v->bytes.len] = '\0';
    return (long)v->bytes.len;
}
