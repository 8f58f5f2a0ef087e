/* SPDX-License-Identifier: Apache-2.0 */
/* One found row as one JSON line; written by hand because millions of them stream by. */
#include "recover/sqlite_scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline __attribute__((always_inline)) bool put(struct rv_buf *out, const char *text, struct rv_error *err)
{
    return rv_buf_add(out, rv_span(text, strlen(text)), err); /* of a literal the compiler knows the length */
}

static bool put_string(struct rv_buf *out, struct rv_span utf8, struct rv_error *err)
{
    static const char hex[] = "0123456789abcdef";
    if (!put(out, "\"", err))
        return false;
    size_t from = 0;
    for (size_t i = 0; i < utf8.len; i++) {
        uint8_t c = utf8.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
            continue;
        char escape[8] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15], 0 };
        if (c == '"' || c == '\\') {
            escape[1] = (char)c;
            escape[2] = '\0';
        }
        if (!rv_buf_add(out, rv_span(utf8.ptr + from, i - from), err) || !put(out, escape, err))
            return false;
        from = i + 1;
    }
    return rv_buf_add(out, rv_span(utf8.ptr + from, utf8.len - from), err) && put(out, "\"", err);
}

static bool put_blob(struct rv_buf *out, struct rv_span bytes, struct rv_error *err)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t *to;
    if (!put(out, "{\"b\":\"", err) || (to = rv_buf_reserve(out, 2 * bytes.len, err)) == NULL)
        return false;
    for (size_t i = 0; i < bytes.len; i++) {
        to[2 * i] = (uint8_t)hex[bytes.ptr[i] >> 4];
        to[2 * i + 1] = (uint8_t)hex[bytes.ptr[i] & 15];
    }
    out->len += 2 * bytes.len;
    return put(out, "\"}", err);
}

/* Decimal digits of v; at least `least` of them. */
static bool put_digits(struct rv_buf *out, uint64_t v, unsigned least, struct rv_error *err)
{
    char digits[24];
    unsigned at = sizeof digits;
    while (v != 0 || sizeof digits - at < least) {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    }
    return rv_buf_add(out, rv_span(digits + at, sizeof digits - at), err);
}

static bool put_integer(struct rv_buf *out, int64_t v, struct rv_error *err)
{
    return (v >= 0 || put(out, "-", err)) && put_digits(out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 1, err);
}

/*
 * The shortest decimal that reads back as the same double, by exact integers: v = m / 2^f with m of 53 bits, and a
 * decimal d / 10^k names v when it lies within half a step of m. For numbers of everyday size: 10^k and m * 10^k fit.
 */
static bool put_everyday(struct rv_buf *out, double v, bool *done, struct rv_error *err)
{
    enum { DECIMALS_MAX = 19 };
    double size = fabs(v);
    int exponent;
    *done = size >= 0.01 && size < 9007199254740992.0;
    if (!*done)
        return true;
    uint64_t m = (uint64_t)ldexp(frexp(size, &exponent), 53), ten = 1;
    unsigned f = (unsigned)(53 - exponent), k = 0;
    unsigned narrow = m == 1ull << 52; /* below a power of two the doubles lie twice as close */
    for (; k < DECIMALS_MAX; k++, ten *= 10) {
        __uint128_t exact = (__uint128_t)m * ten;
        uint64_t d = (uint64_t)((exact + ((__uint128_t)1 << f >> 1)) >> f);
        __uint128_t there = (__uint128_t)d << f, off = there > exact ? there - exact : exact - there;
        if (k > 0 && (off << (1 + narrow)) < ten)
            return (v > 0 || put(out, "-", err)) && put_digits(out, d / ten, 1, err) && put(out, ".", err) &&
                   put_digits(out, d % ten, k, err);
    }
    *done = false;
    return true;
}

static bool put_real(struct rv_buf *out, double v, struct rv_error *err)
{
    char text[40];
    bool done;
    if (!put_everyday(out, v, &done, err))
        return false;
    if (done)
        return true;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    bool whole = strpbrk(text, ".en") == NULL;
    return put(out, text, err) && (!whole || put(out, ".0", err));
}

static bool put_value(struct rv_buf *out, const struct rv_sq_value *v, enum rv_sq_encoding encoding,
                      struct rv_error *err)
{
    struct rv_buf utf8 = RV_BUF(1u << 30);
    bool fine;
    switch (v->kind) {
    case RV_SQ_NULL:
        return put(out, "null", err);
    case RV_SQ_UNKNOWN:
        return put(out, "{\"?\":1}", err);
    case RV_SQ_REAL:
        if (!isfinite(v->real))
            return put(out, v->real > 0 ? "1e999" : "-1e999", err);
        return put_real(out, v->real, err);
    case RV_SQ_TEXT:
        if (encoding == RV_SQ_UTF8)
            return put_string(out, v->bytes, err);
        fine = rv_sq_text_to_utf8(v->bytes, encoding, &utf8, err) && put_string(out, rv_buf_span(&utf8), err);
        rv_buf_clear(&utf8);
        return fine;
    case RV_SQ_BLOB:
        return put_blob(out, v->bytes, err);
    default:
        return put_integer(out, v->integer, err);
    }
}

static const struct rv_sq_value *stored_value(const struct rv_sq_row *row, unsigned declared)
{
    for (unsigned i = 0; i < row->count; i++)
        if (row->table->order[i] == declared)
            return &row->values[i];
    return NULL;
}

/* Integers of REAL columns are stored short (file format document section 2.1). */
struct rv_sq_value rv_sq_shown_value(const struct rv_sq_row *row, unsigned declared, bool *ours)
{
    const struct rv_sq_column *column = &row->table->columns[declared];
    const struct rv_sq_value *stored = stored_value(row, declared);
    struct rv_sq_value v = stored != NULL ? *stored : column->fallback;
    *ours = stored == NULL; /* text from the schema is UTF-8 */
    if ((int)declared == row->table->ipk)
        return (struct rv_sq_value){ .kind = row->rowid_known ? RV_SQ_INT8 : RV_SQ_UNKNOWN, .integer = row->rowid };
    if (stored == NULL && column->generated_virtual)
        v.kind = RV_SQ_UNKNOWN;
    bool integer = (v.kind >= RV_SQ_INT1 && v.kind <= RV_SQ_INT8) || v.kind == RV_SQ_ZERO || v.kind == RV_SQ_ONE;
    if (column->affinity == RV_SQ_AFF_REAL && integer)
        v = (struct rv_sq_value){ .kind = RV_SQ_REAL, .real = (double)v.integer };
    return v;
}

static bool put_values(struct rv_buf *out, const struct rv_sq_row *row, enum rv_sq_encoding encoding,
                       struct rv_error *err)
{
    for (unsigned i = 0; i < row->table->count; i++) {
        bool ours;
        struct rv_sq_value v = rv_sq_shown_value(row, i, &ours);
        if ((i > 0 && !put(out, ",", err)) || !put_value(out, &v, ours ? RV_SQ_UTF8 : encoding, err))
            return false;
    }
    return true;
}

const char *const rv_sq_origin_names[RV_SQ_ORIGINS] = { "table", "gap", "freeblock", "free-page", "wal", "journal" };
const char *const rv_sq_status_names[] = { "live", "deleted", "updated", "recovered" };

bool rv_sq_found_json(const struct rv_sq_found *f, enum rv_sq_encoding encoding, struct rv_buf *out,
                      struct rv_error *err)
{
    const struct rv_sq_row *row = f->row;
    const char *name = row->table->name;
    if (!put(out, "{\"table\":", err) ||
        !(name != NULL && !f->table_uncertain ? put_string(out, rv_span(name, strlen(name)), err)
                                              : put(out, "null", err)))
        return false;
    bool fine =
        put(out, ",\"rowid\":", err) && (row->rowid_known ? put_integer(out, row->rowid, err) : put(out, "null", err));
    fine = fine && put(out, ",\"values\":[", err) && put_values(out, row, encoding, err);
    if (fine && f->table_uncertain && name != NULL)
        fine = put(out, "],\"table_likely\":", err) && put_string(out, rv_span(name, strlen(name)), err) &&
               put(out, ",\"note\":[\"a dropped table of the same form may have held it\"", err);
    unsigned thousandths = (unsigned)lround(f->confidence * 1000);
    fine = fine && put(out, "],\"source\":\"", err) && put(out, rv_sq_origin_names[f->hit->origin], err);
    fine = fine && put(out, "\",\"status\":\"", err) && put(out, rv_sq_status_names[f->status], err);
    fine = fine && put(out, "\",\"confidence\":", err) && put_digits(out, thousandths / 1000, 1, err);
    fine = fine && put(out, ".", err) && put_digits(out, thousandths % 1000, 3, err);
    fine = fine && put(out, ",\"page\":", err) && put_digits(out, f->hit->number, 1, err);
    return fine && put(out, ",\"offset\":", err) && put_digits(out, f->hit->at, 1, err) && put(out, "}", err);
}
