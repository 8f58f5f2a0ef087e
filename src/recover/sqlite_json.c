/* SPDX-License-Identifier: Apache-2.0 */
/* One found row as one JSON line; written by hand because millions of them stream by. */
#include "recover/sqlite_scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the next byte goes. Room was asked for before: for a row's frame at once, for each value by its size. */
struct pen {
    uint8_t *at;
};

static bool pen_room(struct rv_buf *out, size_t most, struct pen *pen, struct rv_error *err)
{
    pen->at = rv_buf_reserve(out, most, err);
    return pen->at != NULL;
}

static bool pen_down(struct rv_buf *out, const struct pen *pen)
{
    out->len = (size_t)(pen->at - out->data);
    return true;
}

static inline __attribute__((always_inline)) void put(struct pen *pen, const char *text)
{
    size_t len = strlen(text); /* of a literal the compiler knows it */
    memcpy(pen->at, text, len);
    pen->at += len;
}

static const char hex[] = "0123456789abcdef";
enum { ESCAPED = 6 }; /* bytes that one byte of text takes at most */

static bool must_escape(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
}

/* Can any of eight bytes need an escape? The borrow of one byte may accuse the next; nothing guilty goes free. */
static bool may_escape(const uint8_t *p)
{
    const uint64_t ones = 0x0101010101010101ull;
    uint64_t w;
    memcpy(&w, p, sizeof w);
    uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\', delete = w ^ ones * 0x7F;
    uint64_t low = (w - ones * 0x20) & ~w;
    return ((low | ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((delete - ones) & ~delete)) & ones << 7) !=
           0;
}

static void put_text(struct pen *pen, struct rv_span utf8)
{
    uint8_t *to = pen->at;
    for (size_t i = 0; i < utf8.len;) {
        if (utf8.len - i >= 8 && !may_escape(utf8.ptr + i)) {
            memcpy(to, utf8.ptr + i, 8);
            to += 8;
            i += 8;
            continue;
        }
        uint8_t c = utf8.ptr[i++];
        if (!must_escape(c)) {
            *to++ = c;
            continue;
        }
        *to++ = '\\';
        if (c == '"' || c == '\\') {
            *to++ = c;
        } else {
            memcpy(to, "u00", 3);
            to[3] = (uint8_t)hex[c >> 4];
            to[4] = (uint8_t)hex[c & 15];
            to += 5;
        }
    }
    pen->at = to;
}

/* Long ones piece by piece: they seldom need the room that they might. */
static bool add_string(struct rv_buf *out, struct rv_span utf8, struct rv_error *err)
{
    enum { PIECE = 1 << 16 };
    struct pen pen;
    size_t at = 0;
    do {
        size_t len = utf8.len - at < PIECE ? utf8.len - at : PIECE;
        if (!pen_room(out, len * ESCAPED + 2, &pen, err))
            return false;
        if (at == 0)
            put(&pen, "\"");
        put_text(&pen, rv_span(utf8.ptr + at, len));
        at += len;
        if (at == utf8.len)
            put(&pen, "\"");
        pen_down(out, &pen);
    } while (at < utf8.len);
    return true;
}

static bool add_blob(struct rv_buf *out, struct rv_span bytes, struct rv_error *err)
{
    struct pen pen;
    if (!pen_room(out, 2 * bytes.len + 16, &pen, err))
        return false;
    put(&pen, "{\"b\":\"");
    for (size_t i = 0; i < bytes.len; i++) {
        *pen.at++ = (uint8_t)hex[bytes.ptr[i] >> 4];
        *pen.at++ = (uint8_t)hex[bytes.ptr[i] & 15];
    }
    put(&pen, "\"}");
    return pen_down(out, &pen);
}

/* Decimal digits of v; at least `least` of them. */
static void put_digits(struct pen *pen, uint64_t v, unsigned least)
{
    uint8_t digits[24];
    unsigned at = sizeof digits;
    while (v != 0 || sizeof digits - at < least) {
        digits[--at] = (uint8_t)('0' + v % 10);
        v /= 10;
    }
    memcpy(pen->at, digits + at, sizeof digits - at);
    pen->at += sizeof digits - at;
}

static void put_integer(struct pen *pen, int64_t v)
{
    if (v < 0)
        put(pen, "-");
    put_digits(pen, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 1);
}

/*
 * The shortest decimal that reads back as the same double, by exact integers: v = m / 2^f with m of 53 bits, and a
 * decimal d / 10^k names v when it lies within half a step of m. For numbers of everyday size: 10^k and m * 10^k fit.
 */
static bool put_everyday(struct pen *pen, double v)
{
    enum { DECIMALS_MAX = 19 };
    double size = fabs(v);
    int exponent;
    if (!(size >= 0.01 && size < 9007199254740992.0))
        return false;
    uint64_t m = (uint64_t)ldexp(frexp(size, &exponent), 53), ten = 1;
    unsigned f = (unsigned)(53 - exponent), k = 0;
    unsigned narrow = m == 1ull << 52; /* below a power of two the doubles lie twice as close */
    for (; k < DECIMALS_MAX; k++, ten *= 10) {
        __uint128_t exact = (__uint128_t)m * ten;
        uint64_t d = (uint64_t)((exact + ((__uint128_t)1 << f >> 1)) >> f);
        __uint128_t there = (__uint128_t)d << f, off = there > exact ? there - exact : exact - there;
        if (k == 0 || (off << (1 + narrow)) >= ten)
            continue;
        if (v < 0)
            put(pen, "-");
        put_digits(pen, d / ten, 1);
        put(pen, ".");
        put_digits(pen, d % ten, k);
        return true;
    }
    return false;
}

enum { NUMBER_MAX = 48 }; /* bytes of any number */

static void put_real(struct pen *pen, double v)
{
    char text[NUMBER_MAX - 8];
    if (!isfinite(v)) {
        if (v < 0)
            put(pen, "-");
        put(pen, "1e999");
        return;
    }
    if (put_everyday(pen, v))
        return;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    put_text(pen, rv_span(text, strlen(text)));
    if (strpbrk(text, ".en") == NULL)
        put(pen, ".0");
}

static bool add_number(struct rv_buf *out, const struct rv_sq_value *v, struct rv_error *err)
{
    struct pen pen;
    if (!pen_room(out, NUMBER_MAX, &pen, err))
        return false;
    if (v->kind == RV_SQ_NULL)
        put(&pen, "null");
    else if (v->kind == RV_SQ_UNKNOWN)
        put(&pen, "{\"?\":1}");
    else if (v->kind == RV_SQ_REAL)
        put_real(&pen, v->real);
    else
        put_integer(&pen, v->integer);
    return pen_down(out, &pen);
}

static bool add_value(struct rv_buf *out, const struct rv_sq_value *v, enum rv_sq_encoding encoding,
                      struct rv_error *err)
{
    if (v->kind == RV_SQ_BLOB)
        return add_blob(out, v->bytes, err);
    if (v->kind != RV_SQ_TEXT)
        return add_number(out, v, err);
    if (encoding == RV_SQ_UTF8)
        return add_string(out, v->bytes, err);
    struct rv_buf utf8 = RV_BUF(1u << 30);
    bool fine = rv_sq_text_to_utf8(v->bytes, encoding, &utf8, err) && add_string(out, rv_buf_span(&utf8), err);
    rv_buf_clear(&utf8);
    return fine;
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

static bool add_values(struct rv_buf *out, const struct rv_sq_row *row, enum rv_sq_encoding encoding,
                       struct rv_error *err)
{
    for (unsigned i = 0; i < row->table->count; i++) {
        bool ours;
        struct rv_sq_value v = rv_sq_shown_value(row, i, &ours);
        if ((i > 0 && !rv_buf_add(out, RV_SPAN_TEXT(","), err)) ||
            !add_value(out, &v, ours ? RV_SQ_UTF8 : encoding, err))
            return false;
    }
    return true;
}

const char *const rv_sq_origin_names[RV_SQ_ORIGINS] = { "table", "gap", "freeblock", "free-page", "wal", "journal" };
const char *const rv_sq_status_names[] = { "live", "deleted", "updated", "recovered" };

static bool add_name(struct rv_buf *out, const char *name, struct rv_error *err)
{
    return name != NULL ? add_string(out, rv_span(name, strlen(name)), err)
                        : rv_buf_add(out, RV_SPAN_TEXT("null"), err);
}

static void put_number(struct pen *pen, const char *name, uint64_t value)
{
    put(pen, name);
    put_digits(pen, value, 1);
}

static bool add_end(struct rv_buf *out, const struct rv_sq_found *f, struct rv_error *err)
{
    enum { FRAME_MAX = 512 };
    struct pen pen;
    unsigned thousandths = (unsigned)lround(f->confidence * 1000);
    if (!pen_room(out, FRAME_MAX, &pen, err))
        return false;
    put(&pen, "],\"source\":\"");
    put(&pen, rv_sq_origin_names[f->hit->origin]);
    put(&pen, "\",\"status\":\"");
    put(&pen, rv_sq_status_names[f->status]);
    put_number(&pen, "\",\"confidence\":", thousandths / 1000);
    put(&pen, ".");
    put_digits(&pen, thousandths % 1000, 3);
    put_number(&pen, ",\"page\":", f->hit->number);
    put_number(&pen, ",\"offset\":", f->hit->at);
    put(&pen, "}");
    return pen_down(out, &pen);
}

bool rv_sq_found_json(const struct rv_sq_found *f, enum rv_sq_encoding encoding, struct rv_buf *out,
                      struct rv_error *err)
{
    const struct rv_sq_row *row = f->row;
    struct rv_sq_value rowid = { .kind = row->rowid_known ? RV_SQ_INT8 : RV_SQ_NULL, .integer = row->rowid };
    const char *name = row->table->name;
    bool likely = f->table_uncertain && name != NULL;
    return rv_buf_add(out, RV_SPAN_TEXT("{\"table\":"), err) && add_name(out, likely ? NULL : name, err) &&
           rv_buf_add(out, RV_SPAN_TEXT(",\"rowid\":"), err) && add_number(out, &rowid, err) &&
           rv_buf_add(out, RV_SPAN_TEXT(",\"values\":["), err) && add_values(out, row, encoding, err) &&
           (!likely ||
            (rv_buf_add(out, RV_SPAN_TEXT("],\"table_likely\":"), err) && add_name(out, name, err) &&
             rv_buf_add(out, RV_SPAN_TEXT(",\"note\":[\"a dropped table of the same form may have held it\""), err))) &&
           add_end(out, f, err);
}
