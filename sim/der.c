/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/der.h"

#include <stdlib.h>
#include <string.h>

enum { SET_MAX = 512 }; /* elements of one SET; real tickets have about 60 */

static uint32_t long_tag(struct rv_reader *r)
{
    uint64_t number = 0;
    for (int i = 0; i < 5; i++) {
        uint8_t byte = rv_read_u8(r);
        if (i == 0 && byte == 0x80)
            r->bad = true; /* leading zero group */
        number = number << 7 | (byte & 0x7f);
        if (!(byte & 0x80)) {
            if (number < 31 || number > UINT32_MAX)
                r->bad = true;
            return r->bad ? 0 : (uint32_t)number;
        }
    }
    r->bad = true;
    return 0;
}

static uint64_t length_of(struct rv_reader *r)
{
    uint8_t byte = rv_read_u8(r);
    if (byte < 0x80)
        return byte;
    int count = byte & 0x7f;
    uint64_t len = 0;
    if (count == 0 || count > 4) { /* indefinite, or more than any image has */
        r->bad = true;
        return 0;
    }
    for (int i = 0; i < count && !r->bad; i++)
        len = len << 8 | rv_read_u8(r);
    uint64_t least = count == 1 ? 0x80 : 1ULL << (8 * (count - 1));
    if (!r->bad && len < least)
        r->bad = true;
    return r->bad ? 0 : len;
}

bool sim_der_next(struct rv_reader *r, struct sim_der *out)
{
    if (r->bad || r->at == r->in.len)
        return false;
    size_t start = r->at;
    uint8_t first = rv_read_u8(r);
    struct sim_der d = { .first = first, .number = first & 0x1f };
    if (d.number == 0x1f) {
        d.first &= 0xe0;
        d.number = long_tag(r);
    }
    d.body = rv_read_span(r, length_of(r));
    if (r->bad)
        return false;
    d.whole = rv_span_part(r->in, start, r->at - start);
    *out = d;
    return true;
}

struct rv_span sim_der_take(struct rv_reader *r, uint8_t first)
{
    struct sim_der d;
    if (!sim_der_next(r, &d) || d.first != first || d.number != (first & 0x1f)) {
        r->bad = true;
        return rv_span(NULL, 0);
    }
    return d.body;
}

void sim_der_magic(struct rv_reader *r, const char *text)
{
    struct rv_span got = sim_der_take(r, SIM_DER_IA5);
    if (!rv_span_equal(got, rv_span(text, strlen(text))))
        r->bad = true;
}

bool sim_der_private(struct rv_reader *r, uint32_t *number, struct rv_span *body)
{
    struct sim_der d;
    if (!sim_der_next(r, &d))
        return false;
    if (d.first != SIM_DER_PRIVATE || d.number <= 0x1f) {
        r->bad = true;
        return false;
    }
    *number = d.number;
    *body = d.body;
    return true;
}

uint64_t sim_der_integer(struct rv_reader *r)
{
    struct rv_span in = sim_der_take(r, SIM_DER_INTEGER);
    bool padded = in.len > 1 && in.ptr[0] == 0;
    bool wrong = in.len == 0 || in.len > 9 || (in.len == 9 && !padded);
    if (wrong || in.ptr[0] & 0x80 || (padded && !(in.ptr[1] & 0x80))) {
        r->bad = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < in.len; i++)
        value = value << 8 | in.ptr[i];
    return value;
}

bool sim_der_done(const struct rv_reader *r)
{
    return !r->bad && r->at == r->in.len;
}

uint32_t sim_fourcc(const char *text)
{
    if (!text || strlen(text) != 4)
        return 0;
    const unsigned char *t = (const unsigned char *)text;
    return SIM_FOURCC(t[0], t[1], t[2], t[3]);
}

/* ---- writing ---- */

static bool put_length(struct rv_buf *out, size_t len, struct rv_error *err)
{
    uint8_t bytes[5];
    size_t used = 1;
    if (len < 0x80) {
        bytes[0] = (uint8_t)len;
    } else {
        int count = len > 0xffffff ? 4 : len > 0xffff ? 3 : len > 0xff ? 2 : 1;
        bytes[0] = (uint8_t)(0x80 | count);
        for (int i = count - 1; i >= 0; i--)
            bytes[used++] = (uint8_t)(len >> (8 * i));
    }
    return rv_buf_add(out, rv_span(bytes, used), err);
}

bool sim_der_put(struct rv_buf *out, uint8_t first, struct rv_span body, struct rv_error *err)
{
    if (body.len > UINT32_MAX)
        return rv_fail(err, RV_E_LIMIT, "an element of %zu bytes does not fit IMG4", body.len);
    return rv_buf_add(out, rv_span(&first, 1), err) && put_length(out, body.len, err) &&
           (!body.len || rv_buf_add(out, body, err));
}

bool sim_der_put_private(struct rv_buf *out, uint32_t number, struct rv_span body, struct rv_error *err)
{
    uint8_t tag[6] = { 0xff };
    size_t used = 1;
    for (int shift = 28; shift >= 0; shift -= 7) {
        uint8_t group = (uint8_t)(number >> shift & 0x7f);
        if (used > 1 || group)
            tag[used++] = (uint8_t)(group | (shift ? 0x80 : 0));
    }
    return rv_buf_add(out, rv_span(tag, used), err) && put_length(out, body.len, err) &&
           (!body.len || rv_buf_add(out, body, err));
}

bool sim_der_put_integer(struct rv_buf *out, uint64_t value, struct rv_error *err)
{
    uint8_t bytes[9] = { 0 };
    rv_put_u64be(bytes + 1, value);
    size_t at = 1;
    while (at < 8 && bytes[at] == 0)
        at++;
    if (bytes[at] & 0x80)
        at--; /* keeps it positive */
    return sim_der_put(out, SIM_DER_INTEGER, rv_span(bytes + at, sizeof bytes - at), err);
}

bool sim_der_put_boolean(struct rv_buf *out, bool value, struct rv_error *err)
{
    uint8_t byte = value ? 0xff : 0;
    return sim_der_put(out, SIM_DER_BOOLEAN, rv_span(&byte, 1), err);
}

bool sim_der_put_text(struct rv_buf *out, const char *text, struct rv_error *err)
{
    return sim_der_put(out, SIM_DER_IA5, rv_span(text, strlen(text)), err);
}

static int by_bytes(const void *a, const void *b)
{
    const struct rv_span *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->ptr, y->ptr, len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

bool sim_der_put_set(struct rv_buf *out, struct rv_span elements, struct rv_error *err)
{
    struct rv_span each[SET_MAX];
    size_t count = 0;
    struct rv_reader r = { .in = elements };
    struct sim_der d;
    while (sim_der_next(&r, &d)) {
        if (count == SET_MAX)
            return rv_fail(err, RV_E_LIMIT, "more than %d elements in one set", SET_MAX);
        each[count++] = d.whole;
    }
    if (!sim_der_done(&r))
        return rv_fail(err, RV_E_FORMAT, "the elements of a set are no DER");
    qsort(each, count, sizeof each[0], by_bytes);
    uint8_t first = SIM_DER_SET;
    bool ok = rv_buf_add(out, rv_span(&first, 1), err) && put_length(out, elements.len, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = rv_buf_add(out, each[i], err);
    return ok;
}
