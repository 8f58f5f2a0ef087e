/* SPDX-License-Identifier: Apache-2.0 */
#include "format/sqlite_record.h"

#include <endian.h>
#include <string.h>

unsigned rv_sq_varint_long(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) {
        if (p + i >= end)
            return 0;
        v = v << 7 | (p[i] & 0x7F);
        if ((p[i] & 0x80) == 0) {
            *value = v;
            return i + 1;
        }
    }
    if (p + 8 >= end)
        return 0;
    *value = v << 8 | p[8];
    return 9;
}

unsigned rv_sq_varint_size(uint64_t value)
{
    unsigned n = 1;
    while (n < 9 && value > 0x7F) {
        value >>= 7;
        n++;
    }
    return n;
}

static uint32_t be32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

/* A big-endian integer of 1, 2, 3, 4, 6 or 8 bytes. */
static int64_t signed_be(const uint8_t *p, unsigned n)
{
    switch (n) {
    case 1:
        return (int8_t)p[0];
    case 2:
        return (int16_t)(p[0] << 8 | p[1]);
    case 3:
        return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8) >> 8;
    case 4:
        return (int32_t)be32(p);
    case 6:
        return (int64_t)((uint64_t)be32(p) << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16) >> 16;
    default:
        return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
    }
}

struct rv_sq_value rv_sq_number(uint64_t serial, const uint8_t *body)
{
    struct rv_sq_value v = { .kind = rv_sq_class_of(serial) };
    if (v.kind >= RV_SQ_INT1 && v.kind <= RV_SQ_INT8) {
        v.integer = signed_be(body, (unsigned)rv_sq_body_size(serial));
    } else if (v.kind == RV_SQ_ONE) {
        v.integer = 1;
    } else if (v.kind == RV_SQ_REAL) {
        uint64_t bits = (uint64_t)signed_be(body, 8);
        memcpy(&v.real, &bits, sizeof bits);
    }
    return v;
}

bool rv_sq_shortest(enum rv_sq_class kind, int64_t v)
{
    switch (kind) {
    case RV_SQ_INT1:
        return true; /* 0 and 1 are stored so by schema formats below 4 */
    case RV_SQ_INT2:
        return v < -128 || v > 127;
    case RV_SQ_INT3:
        return v < -32768 || v > 32767;
    case RV_SQ_INT4:
        return v < -8388608 || v > 8388607;
    case RV_SQ_INT6:
        return v < -2147483648LL || v > 2147483647LL;
    case RV_SQ_INT8:
        return v < -140737488355328LL || v > 140737488355327LL;
    default:
        return true;
    }
}

/* Is there a byte above 0x7F; is there one that may be a control character (tabs and line ends accused too)? */
struct bits_seen {
    bool high, low;
};

static struct bits_seen look_at_bytes(struct rv_span t)
{
    rv_sq_sixteen high = { 0 }, low = { 0 }, v;
    size_t i = 0;
    for (; i + sizeof v <= t.len; i += sizeof v) {
        memcpy(&v, t.ptr + i, sizeof v);
        high |= v;
        low |= (rv_sq_sixteen)(v < 0x20) | (rv_sq_sixteen)(v == 0x7F);
    }
    if (i < t.len) {
        memset(&v, ' ', sizeof v);
        if (t.len >= sizeof v) /* the last sixteen, some of them twice */
            memcpy(&v, t.ptr + t.len - sizeof v, sizeof v);
        else
            memcpy(&v, t.ptr, t.len);
        high |= v;
        low |= (rv_sq_sixteen)(v < 0x20) | (rv_sq_sixteen)(v == 0x7F);
    }
    uint64_t h[2], l[2];
    memcpy(h, &high, sizeof h);
    memcpy(l, &low, sizeof l);
    return (struct bits_seen){ ((h[0] | h[1]) & 0x8080808080808080ull) != 0, (l[0] | l[1]) != 0 };
}

static size_t utf8_characters(struct rv_span t)
{
    size_t count = 0;
    for (size_t i = 0; i < t.len; count++) {
        uint8_t c = t.ptr[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t n = (c & 0xE0) == 0xC0 && c >= 0xC2   ? 2
                   : (c & 0xF0) == 0xE0              ? 3
                   : (c & 0xF8) == 0xF0 && c <= 0xF4 ? 4
                                                     : 0;
        if (n == 0 || n > t.len - i)
            return 0;
        for (size_t k = 1; k < n; k++)
            if ((t.ptr[i + k] & 0xC0) != 0x80)
                return 0;
        i += n;
    }
    return count + 1;
}

static uint16_t utf16_unit(struct rv_span t, size_t at, enum rv_sq_encoding encoding)
{
    const uint8_t *p = t.ptr + at;
    return (uint16_t)(encoding == RV_SQ_UTF16LE ? p[0] | p[1] << 8 : p[0] << 8 | p[1]);
}

static size_t utf16_characters(struct rv_span t, enum rv_sq_encoding encoding)
{
    size_t count = 0;
    if (t.len % 2 != 0)
        return 0;
    for (size_t i = 0; i < t.len; i += 2, count++) {
        uint16_t u = utf16_unit(t, i, encoding);
        if (u >= 0xDC00 && u <= 0xDFFF)
            return 0;
        if (u < 0xD800 || u > 0xDBFF)
            continue;
        if (t.len - i < 4)
            return 0;
        i += 2;
        uint16_t low = utf16_unit(t, i, encoding);
        if (low < 0xDC00 || low > 0xDFFF)
            return 0;
    }
    return count + 1;
}

static bool is_control(unsigned u)
{
    return (u < 0x20 && u != 9 && u != 10 && u != 13) || u == 0x7F;
}

static bool has_controls(struct rv_span t, enum rv_sq_encoding encoding)
{
    unsigned found = 0;
    for (size_t i = 0; encoding == RV_SQ_UTF8 && i < t.len; i++)
        found |= is_control(t.ptr[i]);
    for (size_t i = 0; encoding != RV_SQ_UTF8 && i + 2 <= t.len; i += 2)
        found |= is_control(utf16_unit(t, i, encoding));
    return found != 0;
}

/* Every second byte of ASCII in UTF-16 is zero. */
static bool utf16_ascii(struct rv_span t, enum rv_sq_encoding encoding)
{
    uint8_t seen = 0, high = 0;
    for (size_t i = 0; i < t.len; i++)
        seen |= t.ptr[i];
    for (size_t i = encoding == RV_SQ_UTF16LE; i < t.len; i += 2)
        high |= t.ptr[i];
    return seen < 0x80 && high == 0;
}

struct rv_sq_text_look rv_sq_text_look(struct rv_span t, enum rv_sq_encoding encoding)
{
    if (encoding != RV_SQ_UTF8)
        return (struct rv_sq_text_look){ utf16_characters(t, encoding), utf16_ascii(t, encoding),
                                         has_controls(t, encoding) };
    struct bits_seen seen = look_at_bytes(t);
    return (struct rv_sq_text_look){ seen.high ? utf8_characters(t) : t.len + 1, !seen.high,
                                     seen.low && has_controls(t, encoding) };
}

size_t rv_sq_text_valid(struct rv_span text, enum rv_sq_encoding encoding)
{
    return encoding != RV_SQ_UTF8     ? utf16_characters(text, encoding)
           : look_at_bytes(text).high ? utf8_characters(text)
                                      : text.len + 1;
}

bool rv_sq_text_has_controls(struct rv_span text, enum rv_sq_encoding encoding)
{
    return (encoding != RV_SQ_UTF8 || look_at_bytes(text).low) && has_controls(text, encoding);
}

uint32_t rv_sq_local_size(uint64_t payload, uint32_t usable, bool table_leaf)
{
    uint32_t most = table_leaf ? usable - 35 : (usable - 12) * 64 / 255 - 23;
    uint32_t least = (usable - 12) * 32 / 255 - 23;
    if (payload <= most)
        return (uint32_t)payload;
    uint32_t k = least + (uint32_t)((payload - least) % (usable - 4));
    return k <= most ? k : least;
}

/* Values of different types differ though their bytes are the same. */
enum { HASH_NULL = 1, HASH_INTEGER, HASH_REAL, HASH_TEXT, HASH_BLOB };

static uint64_t hash_bytes(uint64_t h, const uint8_t *p, size_t len)
{
    uint64_t word = 0;
    h = rv_sq_mix(h, len);
    for (size_t i = 0; i + 8 < len; i += 8) {
        memcpy(&word, p + i, 8);
        h = rv_sq_mix(h, word);
    }
    if (len >= 8) { /* the last eight, some of them twice */
        memcpy(&word, p + len - 8, 8);
        return rv_sq_mix(h, word);
    }
    word = 0;
    for (size_t i = 0; i < len; i++)
        word = word << 8 | p[i];
    return len > 0 ? rv_sq_mix(h, word) : h;
}

uint64_t rv_sq_value_hash(uint64_t h, const struct rv_sq_value *v)
{
    uint64_t bits;
    switch (v->kind) {
    case RV_SQ_NULL:
        return rv_sq_mix(h, HASH_NULL);
    case RV_SQ_REAL:
        memcpy(&bits, &v->real, sizeof bits);
        return rv_sq_mix(h + HASH_REAL, bits);
    case RV_SQ_TEXT:
        return hash_bytes(h + HASH_TEXT, v->bytes.ptr, v->bytes.len);
    case RV_SQ_BLOB:
        return hash_bytes(h + HASH_BLOB, v->bytes.ptr, v->bytes.len);
    default:
        return rv_sq_mix(h + HASH_INTEGER, (uint64_t)v->integer);
    }
}

uint64_t rv_sq_body_hash(uint64_t h, uint64_t serial, const uint8_t *body)
{
    if (serial >= 12)
        return hash_bytes(h + (serial & 1 ? HASH_TEXT : HASH_BLOB), body, (size_t)rv_sq_body_size(serial));
    if (serial == 0 || serial > 9)
        return rv_sq_mix(h, HASH_NULL);
    if (serial == 8 || serial == 9)
        return rv_sq_mix(h + HASH_INTEGER, serial - 8);
    uint64_t v = (uint64_t)signed_be(body, (unsigned)rv_sq_body_size(serial));
    return rv_sq_mix(h + (serial == 7 ? HASH_REAL : HASH_INTEGER), v);
}

unsigned rv_sq_record_values(struct rv_span record, struct rv_sq_value *out, unsigned most)
{
    const uint8_t *end = record.ptr + record.len;
    uint64_t head = 0, serial = 0;
    unsigned n = rv_sq_varint(record.ptr, end, &head), count = 0;
    if (n == 0 || head > record.len)
        return 0;
    uint64_t body = head;
    for (uint64_t at = n; at < head && count < most; at += n) {
        n = rv_sq_varint(record.ptr + at, record.ptr + head, &serial);
        uint64_t size = rv_sq_body_size(serial);
        if (n == 0 || size > record.len - body)
            return count;
        out[count++] = rv_sq_value(serial, record.ptr + body);
        body += size;
    }
    return count;
}
