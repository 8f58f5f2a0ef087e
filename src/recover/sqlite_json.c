/* SPDX-License-Identifier: Apache-2.0 */
/* One found row as one JSON line; written by hand because millions of them stream by. */
#include "recover/sqlite_scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the next byte goes. Room is asked for first: for a row's frame at once, for each value by its size. */
struct pen {
    struct rv_buf *out;
    uint8_t *at, *end;
    const struct rv_sq_drain *drain; /* NULL: all of it stays in `out` */
};

static bool pen_grow(struct pen *pen, size_t most, struct rv_error *err)
{
    if (pen->at != NULL)
        pen->out->len = (size_t)(pen->at - pen->out->data);
    pen->at = rv_buf_reserve(pen->out, most, err);
    pen->end = pen->out->data + pen->out->room;
    return pen->at != NULL;
}

static inline bool pen_room(struct pen *pen, size_t most, struct rv_error *err)
{
    return (size_t)(pen->end - pen->at) >= most || pen_grow(pen, most, err);
}

/* Between the pieces of a long value. */
static bool pen_drain(struct pen *pen, struct rv_error *err)
{
    enum { MUCH = 1 << 20 };
    if (pen->drain == NULL || (size_t)(pen->at - pen->out->data) < MUCH)
        return true;
    pen->out->len = (size_t)(pen->at - pen->out->data);
    pen->at = NULL;
    return pen->drain->run(pen->drain->context, pen->out, err) && pen_grow(pen, 1, err);
}

static inline __attribute__((always_inline)) void put(struct pen *pen, const char *text)
{
    size_t len = strlen(text); /* of a literal the compiler knows it */
    memcpy(pen->at, text, len);
    pen->at += len;
}

static const char hex[] = "0123456789abcdef";
enum { PIECE = 1 << 16 }; /* bytes of a value that are written between two looks at how long the line has become */
enum { ESCAPED = 6 };     /* bytes that one byte of text takes at most */

static bool must_escape(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
}

/* Does any of sixteen bytes need an escape? */
static bool any_escape(const uint8_t *p)
{
    rv_sq_sixteen v;
    uint64_t halves[2];
    memcpy(&v, p, sizeof v);
    rv_sq_sixteen guilty =
        (rv_sq_sixteen)(v < 0x20) | (rv_sq_sixteen)(v == '"') | (rv_sq_sixteen)(v == '\\') | (rv_sq_sixteen)(v == 0x7F);
    memcpy(halves, &guilty, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

static uint8_t *put_escaped(uint8_t *to, uint8_t c)
{
    if (!must_escape(c)) {
        *to++ = c;
        return to;
    }
    *to++ = '\\';
    if (c == '"' || c == '\\') {
        *to++ = c;
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = (uint8_t)hex[c >> 4];
    to[4] = (uint8_t)hex[c & 15];
    return to + 5;
}

enum { AT_ONCE = 16 }; /* so many bytes behind a text's end may be written to */

static void put_text(struct pen *pen, struct rv_span utf8)
{
    uint8_t *to = pen->at, rest[AT_ONCE];
    for (size_t i = 0, n; i < utf8.len; i += n) {
        const uint8_t *from = utf8.ptr + i;
        n = utf8.len - i < AT_ONCE ? utf8.len - i : AT_ONCE;
        if (n < AT_ONCE) {
            memset(rest, ' ', sizeof rest);
            from = memcpy(rest, from, n);
        }
        if (any_escape(from)) {
            for (size_t k = 0; k < n; k++)
                to = put_escaped(to, from[k]);
            continue;
        }
        memcpy(to, from, AT_ONCE);
        to += n;
    }
    pen->at = to;
}

/* Long ones piece by piece: they seldom need the room that they might. */
static bool add_string(struct pen *pen, struct rv_span utf8, struct rv_error *err)
{
    size_t at = 0;
    do {
        size_t len = utf8.len - at < PIECE ? utf8.len - at : PIECE;
        if (!pen_room(pen, len * ESCAPED + 2 + AT_ONCE, err))
            return false;
        if (at == 0)
            put(pen, "\"");
        if (len > 0) /* an empty text may have no bytes at all */
            put_text(pen, rv_span(utf8.ptr + at, len));
        at += len;
        if (at == utf8.len)
            put(pen, "\"");
        if (!pen_drain(pen, err))
            return false;
    } while (at < utf8.len);
    return true;
}

static bool add_blob(struct pen *pen, struct rv_span bytes, struct rv_error *err)
{
    if (!pen_room(pen, 16, err))
        return false;
    put(pen, "{\"b\":\"");
    for (size_t at = 0, end; at < bytes.len; at = end) {
        end = bytes.len - at < PIECE ? bytes.len : at + PIECE;
        if (!pen_room(pen, 2 * (end - at) + 16, err))
            return false;
        for (size_t i = at; i < end; i++) {
            *pen->at++ = (uint8_t)hex[bytes.ptr[i] >> 4];
            *pen->at++ = (uint8_t)hex[bytes.ptr[i] & 15];
        }
        if (!pen_drain(pen, err))
            return false;
    }
    if (!pen_room(pen, 16, err))
        return false;
    put(pen, "\"}");
    return true;
}

/* Decimal digits of v; at least `least` of them. */
static void put_digits(struct pen *pen, uint64_t v, unsigned least)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    uint8_t digits[24];
    unsigned at = sizeof digits;
    for (; v >= 10; v /= 100) {
        at -= 2;
        memcpy(digits + at, pairs + v % 100 * 2, 2);
    }
    if (v > 0)
        digits[--at] = (uint8_t)('0' + v);
    while (sizeof digits - at < least)
        digits[--at] = '0';
    for (; at < sizeof digits; at++)
        *pen->at++ = digits[at];
}

static void put_integer(struct pen *pen, int64_t v)
{
    if (v < 0)
        put(pen, "-");
    put_digits(pen, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 1);
}

static uint64_t power_of_ten(unsigned k)
{
    static const uint64_t powers[] = {
        1,
        10,
        100,
        1000,
        10000,
        100000,
        1000000,
        10000000,
        100000000,
        1000000000,
        10000000000,
        100000000000,
        1000000000000,
        10000000000000,
        100000000000000,
        1000000000000000,
        10000000000000000,
        100000000000000000,
        1000000000000000000,
        10000000000000000000u,
    };
    return powers[k];
}

/* m / 2^f rounded to k decimals, as an integer; and whether those read back as the same double. */
static uint64_t decimals(uint64_t m, unsigned f, unsigned k, bool *same)
{
    uint64_t ten = power_of_ten(k);
    unsigned narrow = m == 1ull << 52; /* below a power of two the doubles lie twice as close */
    __uint128_t exact = (__uint128_t)m * ten;
    uint64_t d = (uint64_t)((exact + ((__uint128_t)1 << f >> 1)) >> f);
    __uint128_t there = (__uint128_t)d << f, off = there > exact ? there - exact : exact - there;
    *same = (off << (1 + narrow)) < ten;
    return d;
}

/*
 * The shortest decimal that reads back as the same double, by exact integers: v = m / 2^f with m of 53 bits, and a
 * decimal d / 10^k names v when it lies within half a step of m. For numbers of everyday size: 10^k and m * 10^k fit.
 * Fifteen digits that name it are its shortest form with zeroes behind; else it takes sixteen or seventeen.
 */
static bool put_everyday(struct pen *pen, double v)
{
    enum { SURE_DIGITS = 15, DIGITS_MAX = 17 };
    double size = fabs(v);
    bool same = false;
    uint64_t d = 0, stored;
    if (!(size >= 0.1 && size < 1e14))
        return false;
    memcpy(&stored, &size, sizeof stored);
    uint64_t m = (stored & ((1ull << 52) - 1)) | 1ull << 52;
    unsigned f = (unsigned)(1023 + 52 - (stored >> 52)), whole = 1;
    while (power_of_ten(whole) <= (uint64_t)size)
        whole++;
    unsigned k = SURE_DIGITS - whole;
    for (; k + whole <= DIGITS_MAX && !same; k += !same)
        d = decimals(m, f, k, &same);
    if (!same)
        return false;
    for (; k > 1 && d % 10 == 0; k--)
        d /= 10;
    if (v < 0)
        put(pen, "-");
    put_digits(pen, d / power_of_ten(k), 1);
    put(pen, ".");
    put_digits(pen, d % power_of_ten(k), k);
    return true;
}

enum { NUMBER_MAX = 64 }; /* bytes of any number */

static void put_real(struct pen *pen, double v)
{
    char text[NUMBER_MAX / 2];
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

static bool add_number(struct pen *pen, const struct rv_sq_value *v, struct rv_error *err)
{
    if (!pen_room(pen, NUMBER_MAX, err))
        return false;
    if (v->kind == RV_SQ_NULL)
        put(pen, "null");
    else if (v->kind == RV_SQ_UNKNOWN)
        put(pen, "{\"?\":1}");
    else if (v->kind == RV_SQ_REAL)
        put_real(pen, v->real);
    else
        put_integer(pen, v->integer);
    return true;
}

enum { FRAME_MAX = 1024 }; /* bytes of what a row has beside its names and values */

static bool add_value(struct pen *pen, const struct rv_sq_value *v, enum rv_sq_encoding encoding, struct rv_error *err)
{
    if (v->kind == RV_SQ_BLOB)
        return add_blob(pen, v->bytes, err);
    if (v->kind != RV_SQ_TEXT)
        return add_number(pen, v, err);
    if (encoding == RV_SQ_UTF8)
        return add_string(pen, v->bytes, err);
    struct rv_buf utf8 = RV_BUF(1u << 30);
    bool fine = rv_sq_text_to_utf8(v->bytes, encoding, &utf8, err) && add_string(pen, rv_buf_span(&utf8), err);
    rv_buf_clear(&utf8);
    return fine;
}

static const struct rv_sq_value *stored_value(const struct rv_sq_row *row, unsigned declared)
{
    if (declared < row->count && row->table->order[declared] == declared)
        return &row->values[declared]; /* nearly always */
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

/* A text that the damage of the file changed is no known value; what is left of it is shown all the same. */
static bool add_changed_text(struct pen *pen, const struct rv_sq_value *v, enum rv_sq_encoding encoding,
                             struct rv_error *err)
{
    if (!pen_room(pen, FRAME_MAX, err))
        return false;
    put(pen, "{\"?\":1,\"text\":");
    if (!add_value(pen, v, encoding, err) || !pen_room(pen, 1, err))
        return false;
    put(pen, "}");
    return true;
}

static bool is_changed(const struct rv_sq_found *f, unsigned declared)
{
    for (unsigned i = 0; f->damaged && i < f->row->count; i++)
        if (f->row->table->order[i] == declared)
            return rv_sq_text_strange(f->row->table, i, &f->row->values[i], f->encoding);
    return false;
}

static bool add_values(struct pen *pen, const struct rv_sq_found *f, enum rv_sq_encoding encoding, struct rv_error *err)
{
    const struct rv_sq_row *row = f->row;
    for (unsigned i = 0; i < row->table->count; i++) {
        bool ours;
        struct rv_sq_value v = rv_sq_shown_value(row, i, &ours);
        if (!pen_room(pen, 1, err))
            return false;
        if (i > 0)
            put(pen, ",");
        if (v.kind == RV_SQ_TEXT && !ours && is_changed(f, i)) {
            if (!add_changed_text(pen, &v, encoding, err))
                return false;
            continue;
        }
        if (!add_value(pen, &v, ours ? RV_SQ_UTF8 : encoding, err))
            return false;
    }
    return true;
}

const char *const rv_sq_origin_names[RV_SQ_ORIGINS] = { "table", "gap", "freeblock", "free-page", "wal", "journal" };
const char *const rv_sq_status_names[] = { "live", "deleted", "updated", "recovered" };

static bool add_name(struct pen *pen, const char *name, struct rv_error *err)
{
    if (name != NULL)
        return add_string(pen, rv_span(name, strlen(name)), err);
    return add_number(pen, &(struct rv_sq_value){ .kind = RV_SQ_NULL }, err);
}

static void put_number(struct pen *pen, const char *name, uint64_t value)
{
    put(pen, name);
    put_digits(pen, value, 1);
}

static bool add_begin(struct pen *pen, const struct rv_sq_found *f, struct rv_error *err)
{
    const struct rv_sq_row *row = f->row;
    if (!pen_room(pen, FRAME_MAX, err))
        return false;
    put(pen, "{\"table\":");
    if (!add_name(pen, f->table_uncertain ? NULL : row->table->name, err) || !pen_room(pen, FRAME_MAX, err))
        return false;
    put(pen, ",\"rowid\":");
    if (row->rowid_known)
        put_integer(pen, row->rowid);
    else
        put(pen, "null");
    put(pen, ",\"values\":[");
    return true;
}

static bool add_end(struct pen *pen, const struct rv_sq_found *f, struct rv_error *err)
{
    unsigned thousandths = (unsigned)lround(f->confidence * 1000);
    const char *name = f->row->table->name;
    if (!pen_room(pen, FRAME_MAX, err))
        return false;
    put(pen, "]");
    if (f->table_uncertain && name != NULL) {
        put(pen, ",\"table_likely\":");
        if (!add_name(pen, name, err) || !pen_room(pen, FRAME_MAX, err))
            return false;
        put(pen, ",\"note\":[\"a dropped table of the same form may have held it\"]");
    }
    put(pen, ",\"source\":\"");
    put(pen, rv_sq_origin_names[f->hit->origin]);
    put(pen, "\",\"status\":\"");
    put(pen, rv_sq_status_names[f->status]);
    put_number(pen, "\",\"confidence\":", thousandths / 1000);
    put(pen, ".");
    put_digits(pen, thousandths % 1000, 3);
    if (f->reason != NULL) {
        put(pen, ",\"reason\":\"");
        put(pen, f->reason);
        put(pen, "\"");
    }
    put_number(pen, ",\"page\":", f->hit->number);
    put_number(pen, ",\"offset\":", f->hit->at);
    if (f->partial)
        put(pen, ",\"partial\":true");
    if (f->commit_first != 0) {
        put_number(pen, ",\"commit\":{\"first\":", f->commit_first);
        put_number(pen, ",\"last\":", f->commit_last);
        if (f->commit_gone != 0)
            put_number(pen, ",\"gone\":", f->commit_gone);
        put(pen, "}");
    }
    put(pen, "}");
    return true;
}

bool rv_sq_found_json(const struct rv_sq_found *f, enum rv_sq_encoding encoding, struct rv_buf *out,
                      struct rv_error *err)
{
    return rv_sq_found_json_drained(f, encoding, out, NULL, err);
}

bool rv_sq_found_json_drained(const struct rv_sq_found *f, enum rv_sq_encoding encoding, struct rv_buf *out,
                              const struct rv_sq_drain *drain, struct rv_error *err)
{
    struct pen pen = { .out = out, .drain = drain };
    bool fine = pen_grow(&pen, FRAME_MAX, err);
    fine = fine && add_begin(&pen, f, err) && add_values(&pen, f, encoding, err) && add_end(&pen, f, err);
    if (pen.at != NULL)
        out->len = (size_t)(pen.at - out->data);
    return fine;
}
