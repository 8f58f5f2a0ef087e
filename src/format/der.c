/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of an element (ITU-T X.690, certain):
 *
 *   identifier    class (2 bits), constructed (1), tag number (5); 31: the number follows in groups of seven
 *                 bits, high bit set on all but the last
 *   length        0..127, or 0x80 + n and n bytes big endian; 0x80 alone (indefinite) is refused
 *   body
 */
#include "format/der.h"

#include <string.h>

enum { LONG_TAG = 31, TAG_GROUPS_MAX = 5, LENGTH_BYTES_MAX = 8 };

uint32_t rv_der_4cc(const char *tag)
{
    if (tag == NULL || strnlen(tag, 5) != 4)
        return 0;
    const uint8_t *t = (const uint8_t *)tag;
    return RV_DER_4CC(t[0], t[1], t[2], t[3]);
}

static bool read_tag(struct rv_reader *r, uint8_t first, uint32_t *tag)
{
    *tag = first & 31;
    if (*tag != LONG_TAG)
        return true;
    uint64_t v = 0;
    for (unsigned i = 0; i < TAG_GROUPS_MAX; i++) {
        uint8_t b = rv_read_u8(r);
        v = v << 7 | (b & 127);
        if ((b & 128) == 0) {
            *tag = (uint32_t)v;
            return !r->bad && v <= UINT32_MAX;
        }
    }
    return false;
}

static bool read_length(struct rv_reader *r, uint64_t *len)
{
    uint8_t first = rv_read_u8(r);
    *len = first;
    if (first < 128)
        return !r->bad;
    unsigned n = first & 127;
    if (n == 0 || n > LENGTH_BYTES_MAX)
        return false;
    *len = 0;
    for (unsigned i = 0; i < n; i++)
        *len = *len << 8 | rv_read_u8(r);
    return !r->bad;
}

bool rv_der_next(struct rv_reader *r, struct rv_der *out, struct rv_error *err)
{
    size_t at = r->at;
    if (r->bad || at >= r->in.len)
        return rv_fail(err, RV_E_FORMAT, "DER: an element is missing at offset %zu", at);
    struct rv_reader ahead = *r;
    uint8_t first = rv_read_u8(&ahead);
    uint32_t tag = 0;
    uint64_t len = 0;
    if (!read_tag(&ahead, first, &tag))
        return rv_fail(err, RV_E_FORMAT, "DER: the tag at offset %zu is cut short or too long", at);
    if (!read_length(&ahead, &len))
        return rv_fail(err, RV_E_FORMAT, "DER: the length of the element at offset %zu is cut short or unusable", at);
    size_t left = rv_reader_left(&ahead);
    struct rv_span body = rv_read_span(&ahead, len);
    if (ahead.bad)
        return rv_fail(err, RV_E_FORMAT, "DER: the element at offset %zu says %llu bytes, %zu are there", at,
                       (unsigned long long)len, left);
    *out = (struct rv_der){ .cls = (enum rv_der_class)(first >> 6),
                            .constructed = (first & 0x20) != 0,
                            .tag = tag,
                            .whole = rv_span(r->in.ptr + at, ahead.at - at),
                            .body = body };
    *r = ahead;
    return true;
}

bool rv_der_is(const struct rv_der *element, enum rv_der_class cls, uint32_t tag)
{
    bool container = cls != RV_DER_UNIVERSAL || tag == RV_DER_SEQUENCE || tag == RV_DER_SET;
    return element->cls == cls && element->tag == tag && element->constructed == container;
}

bool rv_der_expect(struct rv_reader *r, enum rv_der_class cls, uint32_t tag, const char *what, struct rv_der *out,
                   struct rv_error *err)
{
    struct rv_reader ahead = *r;
    struct rv_der element;
    if (!rv_der_next(&ahead, &element, err))
        return rv_while(err, "reading %s", what);
    if (!rv_der_is(&element, cls, tag))
        return rv_fail(err, RV_E_FORMAT, "DER: %s was expected at offset %zu, tag %u of class %d is there", what, r->at,
                       element.tag, (int)element.cls);
    *out = element;
    *r = ahead;
    return true;
}

struct rv_reader rv_der_inside(const struct rv_der *element)
{
    return (struct rv_reader){ .in = element->body };
}

bool rv_der_text_is(const struct rv_der *element, const char *text)
{
    return rv_der_is(element, RV_DER_UNIVERSAL, RV_DER_TEXT) &&
           rv_span_equal(element->body, rv_span(text, strlen(text)));
}

bool rv_der_uint(const struct rv_der *element, uint64_t *out)
{
    struct rv_span b = element->body;
    if (!rv_der_is(element, RV_DER_UNIVERSAL, RV_DER_INTEGER) || b.len == 0 || (b.ptr[0] & 128) != 0)
        return false;
    while (b.len > 1 && b.ptr[0] == 0)
        b = rv_span(b.ptr + 1, b.len - 1);
    if (b.len > 8)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < b.len; i++)
        v = v << 8 | b.ptr[i];
    *out = v;
    return true;
}

/* ---- writing ---- */

static size_t put_tag(uint8_t *to, enum rv_der_class cls, bool constructed, uint32_t tag)
{
    uint8_t first = (uint8_t)((unsigned)cls << 6 | (constructed ? 0x20u : 0));
    if (tag < LONG_TAG) {
        to[0] = (uint8_t)(first | tag);
        return 1;
    }
    to[0] = first | LONG_TAG;
    unsigned groups = 1;
    while (groups < TAG_GROUPS_MAX && tag >> (7 * groups) != 0)
        groups++;
    for (unsigned i = 0; i < groups; i++) {
        unsigned shift = 7 * (groups - 1 - i);
        to[1 + i] = (uint8_t)((tag >> shift & 127) | (i + 1 < groups ? 128 : 0));
    }
    return 1 + groups;
}

static size_t put_length(uint8_t *to, size_t len)
{
    if (len < 128) {
        to[0] = (uint8_t)len;
        return 1;
    }
    unsigned n = 1;
    while (n < sizeof len && len >> (8 * n) != 0)
        n++;
    to[0] = (uint8_t)(0x80 | n);
    for (unsigned i = 0; i < n; i++)
        to[1 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
    return 1 + n;
}

enum { HEADER_MAX = 1 + TAG_GROUPS_MAX + 1 + LENGTH_BYTES_MAX };

size_t rv_der_header_size(uint32_t tag, size_t body_len)
{
    uint8_t header[HEADER_MAX];
    return put_tag(header, RV_DER_UNIVERSAL, false, tag) + put_length(header, body_len);
}

bool rv_der_put_header(struct rv_buf *to, enum rv_der_class cls, bool constructed, uint32_t tag, size_t body_len,
                       struct rv_error *err)
{
    uint8_t header[HEADER_MAX];
    size_t n = put_tag(header, cls, constructed, tag);
    n += put_length(header + n, body_len);
    return rv_buf_add(to, rv_span(header, n), err);
}

bool rv_der_put(struct rv_buf *to, enum rv_der_class cls, bool constructed, uint32_t tag, struct rv_span body,
                struct rv_error *err)
{
    return rv_der_put_header(to, cls, constructed, tag, body.len, err) && rv_buf_add(to, body, err);
}

bool rv_der_put_uint(struct rv_buf *to, uint64_t value, struct rv_error *err)
{
    uint8_t bytes[9] = { 0 };
    rv_put_u64be(bytes + 1, value);
    size_t at = 1;
    while (at < 8 && bytes[at] == 0)
        at++;
    if ((bytes[at] & 128) != 0)
        at--;
    return rv_der_put(to, RV_DER_UNIVERSAL, false, RV_DER_INTEGER, rv_span(bytes + at, 9 - at), err);
}

bool rv_der_put_bool(struct rv_buf *to, bool value, struct rv_error *err)
{
    uint8_t byte = value ? 0xFF : 0;
    return rv_der_put(to, RV_DER_UNIVERSAL, false, RV_DER_BOOLEAN, rv_span(&byte, 1), err);
}

bool rv_der_put_text(struct rv_buf *to, const char *text, struct rv_error *err)
{
    return rv_der_put(to, RV_DER_UNIVERSAL, false, RV_DER_TEXT, rv_span(text, strlen(text)), err);
}

bool rv_der_put_octets(struct rv_buf *to, struct rv_span value, struct rv_error *err)
{
    return rv_der_put(to, RV_DER_UNIVERSAL, false, RV_DER_OCTETS, value, err);
}
