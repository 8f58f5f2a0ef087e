/* SPDX-License-Identifier: Apache-2.0 */
#include "format/sqlite_learn.h"

#include <math.h>

enum { IMPOSSIBLE = -100, PRIOR_WEIGHT = 3 };

static void learn_bytes(struct rv_sq_learned *s, const struct rv_sq_value *v, uint32_t whole,
                        enum rv_sq_encoding encoding)
{
    s->length_max = whole > s->length_max ? whole : s->length_max;
    s->length_min = whole < s->length_min ? whole : s->length_min;
    if (v->kind != RV_SQ_TEXT)
        return;
    struct rv_sq_text_look look = rv_sq_text_look(v->bytes, encoding);
    s->ascii += look.ascii;
    s->with_controls += look.controls;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void learn_value(struct rv_sq_learned *s, const struct rv_sq_value *v, uint32_t whole,
                        enum rv_sq_encoding encoding)
{
    s->seen[v->kind]++;
    if (v->kind >= RV_SQ_INT1 && v->kind <= RV_SQ_INT8) {
        s->int_min = v->integer < s->int_min ? v->integer : s->int_min;
        s->int_max = v->integer > s->int_max ? v->integer : s->int_max;
        if (s->divisor != 1)
            s->divisor = common_divisor(v->integer < 0 ? 0 - (uint64_t)v->integer : (uint64_t)v->integer, s->divisor);
    } else if (v->kind == RV_SQ_REAL) {
        bool first = s->seen[RV_SQ_REAL] == 1;
        s->real_min = first || v->real < s->real_min ? v->real : s->real_min;
        s->real_max = first || v->real > s->real_max ? v->real : s->real_max;
    } else if (v->kind == RV_SQ_TEXT || v->kind == RV_SQ_BLOB) {
        learn_bytes(s, v, whole, encoding);
    }
}

void rv_sq_learn(struct rv_sq_table *t, struct rv_span local, uint64_t payload, enum rv_sq_encoding encoding)
{
    const uint8_t *end = local.ptr + local.len;
    uint64_t head = 0, serial = 0;
    unsigned n = rv_sq_varint(local.ptr, end, &head);
    if (n == 0 || head > local.len || head > payload)
        return;
    size_t at = n;
    uint64_t body = head;
    unsigned place = 0;
    for (; at < head && place < t->stored; place++) {
        n = rv_sq_varint(local.ptr + at, local.ptr + head, &serial);
        enum rv_sq_class kind = rv_sq_class_of(serial);
        if (n == 0 || kind == RV_SQ_UNKNOWN)
            return;
        at += n;
        uint64_t size = rv_sq_body_size(serial), room = body < local.len ? local.len - body : 0;
        struct rv_sq_value v = { .kind = kind };
        if (size <= room)
            v = rv_sq_value(serial, local.ptr + body);
        else if (kind >= RV_SQ_TEXT) /* goes on in overflow pages: its head will do */
            v.bytes = rv_span(local.ptr + (body < local.len ? body : 0), (size_t)room);
        learn_value(&t->learned[place], &v, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size, encoding);
        body += size;
    }
    if (place > 0) {
        t->rows++;
        if (place < t->least_stored)
            t->least_stored = (uint16_t)place;
    }
}

/* Shares of each class by affinity before anything was seen [inferred from how applications declare columns]. */
static const double priors[5][RV_SQ_CLASSES] = {
    /*              null  i1    i2    i3    i4    i6    i8    real  zero  one   text  blob */
    [RV_SQ_AFF_BLOB] = { .16, .03, .03, .03, .03, .03, .03, .04, .03, .03, .16, .40 },
    [RV_SQ_AFF_TEXT] = { .16, .0006, .0006, .0006, .0006, .0006, .0006, .0006, .0006, .0006, .81, .02 },
    [RV_SQ_AFF_NUMERIC] = { .10, .08, .08, .08, .10, .06, .08, .25, .06, .05, .05, .01 },
    [RV_SQ_AFF_INTEGER] = { .10, .20, .13, .10, .14, .07, .10, .005, .08, .06, .01, .003 },
    [RV_SQ_AFF_REAL] = { .10, .02, .02, .02, .03, .02, .01, .70, .03, .02, .02, .01 },
};
/* Shares of each class when bytes that are no header are read as serial types. */
static const double noise[RV_SQ_CLASSES] = { .10, .012, .012, .012, .012, .012, .012, .012, .012, .012, .40, .38 };

double rv_sq_class_odds(const struct rv_sq_table *t, unsigned place, enum rv_sq_class kind)
{
    const struct rv_sq_column *column = &t->columns[t->order[place]];
    const struct rv_sq_learned *s = &t->learned[place];
    if (kind >= RV_SQ_CLASSES)
        return IMPOSSIBLE;
    if (t->order[place] == t->ipk)
        return kind == RV_SQ_NULL ? 3 : IMPOSSIBLE;
    uint32_t rows = 0;
    for (unsigned i = 0; i < RV_SQ_CLASSES; i++)
        rows += s->seen[i];
    if (s->seen[kind] == 0) {
        if (kind == RV_SQ_NULL && column->not_null)
            return IMPOSSIBLE;
        bool number = kind >= RV_SQ_INT1 && kind <= RV_SQ_ONE;
        if (column->affinity == RV_SQ_AFF_TEXT && number)
            return IMPOSSIBLE; /* TEXT affinity turns every number into text */
    }
    double p = (s->seen[kind] + PRIOR_WEIGHT * priors[column->affinity][kind]) / (rows + PRIOR_WEIGHT);
    double bits = log2(p / noise[kind]);
    return bits < -9 ? -9 : bits;
}

void rv_sq_table_settle(struct rv_sq_table *t)
{
    rv_free(t->class_bits);
    t->class_bits = NULL;
    float(*bits)[12] = rv_alloc_array(t->stored, sizeof *bits);
    for (unsigned i = 0; bits != NULL && i < t->stored; i++)
        for (unsigned k = 0; k < RV_SQ_CLASSES; k++)
            bits[i][k] = (float)rv_sq_class_odds(t, i, (enum rv_sq_class)k);
    t->class_bits = bits;
    t->first_serial_count = 0;
    for (unsigned serial = 0; serial < 256; serial++)
        if (serial != 10 && serial != 11 && rv_sq_class_bits(t, 0, rv_sq_class_of(serial)) >= IMPOSSIBLE / 2.0)
            t->first_serials[t->first_serial_count++] = (uint8_t)serial;
}

static double integer_bits(const struct rv_sq_learned *s, int64_t v)
{
    if (s->int_min > s->int_max)
        return 0;
    uint32_t n = 0;
    for (unsigned i = RV_SQ_INT1; i <= RV_SQ_INT8; i++)
        n += s->seen[i];
    if (n >= 4 && s->divisor >= 1000 && s->divisor <= INT64_MAX && v % (int64_t)s->divisor != 0)
        return n < 20 ? -10 : -20;
    if (n >= 8 && s->int_min >= 0 && v < 0)
        return n < 20 ? -3 : -6; /* counts, numbers, dates: no slack below zero */
    double low = (double)s->int_min, high = (double)s->int_max, x = (double)v;
    double span = high - low;
    double slack = span * (n < 8 ? 1.0 : 0.25) + 16;
    if (x >= low - slack && x <= high + slack)
        return fabs(x) > 65536 && span < fabs(x) ? 4 : 1.5;
    return n < 4 ? -1 : n < 20 ? -3 : -6;
}

static double real_bits(const struct rv_sq_learned *s, double v)
{
    if (!isfinite(v))
        return isnan(v) ? IMPOSSIBLE : -8;
    uint32_t n = s->seen[RV_SQ_REAL];
    double magnitude = fabs(v);
    if (magnitude != 0 && (magnitude < 1e-30 || magnitude > 1e30))
        return n < 8 ? -12 : -30; /* bytes of something else */
    if (n == 0)
        return magnitude > 1e-6 && magnitude < 1e15 ? 3 : -2;
    double span = s->real_max - s->real_min;
    double slack = span * (n < 8 ? 2.0 : 0.5) + fabs(s->real_max) * 0.1 + 1;
    return v >= s->real_min - slack && v <= s->real_max + slack ? 6 : n < 8 ? -2 : -6;
}

static double text_bits(const struct rv_sq_learned *s, struct rv_span text, enum rv_sq_encoding encoding)
{
    struct rv_sq_text_look look = rv_sq_text_look(text, encoding);
    if (look.valid == 0)
        return IMPOSSIBLE;
    double bits = (look.valid - 1 < 24 ? (double)(look.valid - 1) : 24) * 0.35;
    if (look.controls)
        bits -= s->with_controls > 0 ? 1 : 14;
    uint32_t n = s->seen[RV_SQ_TEXT];
    if (n >= 4 && s->length_max > 0) {
        if (text.len > 4 * (size_t)s->length_max + 64)
            bits -= 5;
        if (n >= 8 && s->length_min == s->length_max)
            bits += text.len == s->length_max ? 4 : -8;
    }
    if (n >= 8 && s->ascii == n && !look.ascii)
        bits -= encoding == RV_SQ_UTF8 ? 4 : 12; /* any two bytes are some letter of UTF-16 */
    return bits;
}

double rv_sq_value_bits(const struct rv_sq_table *t, unsigned place, const struct rv_sq_value *v,
                        enum rv_sq_encoding encoding)
{
    const struct rv_sq_learned *s = &t->learned[place];
    if (v->kind >= RV_SQ_INT1 && v->kind <= RV_SQ_INT8) {
        /* Old schema formats store 0 and 1 in one byte; nothing else is ever longer than needed. */
        if (!rv_sq_shortest(v->kind, v->integer))
            return s->seen[v->kind] > 0 && t->rows > 0 && v->kind == RV_SQ_INT1 ? 0 : -12;
        return integer_bits(s, v->integer);
    }
    if (v->kind == RV_SQ_REAL)
        return real_bits(s, v->real);
    if (v->kind == RV_SQ_TEXT)
        return text_bits(s, v->bytes, encoding);
    if (v->kind == RV_SQ_BLOB)
        return s->seen[RV_SQ_BLOB] >= 4 && v->bytes.len > 4 * (size_t)s->length_max + 64 ? -5 : 0;
    return 0;
}
