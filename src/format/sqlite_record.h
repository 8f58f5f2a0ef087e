/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's smallest pieces: variable-length integers, serial types, values (SQLite file format document,
 * sections 1.6 and 2.1). Pure functions of bytes.
 */
#pragma once

#include "base/bytes.h"

enum rv_sq_encoding { RV_SQ_UTF8 = 1, RV_SQ_UTF16LE = 2, RV_SQ_UTF16BE = 3 };

/* What a serial type says, in the twelve classes that statistics are kept in. */
enum rv_sq_class {
    RV_SQ_NULL = 0,
    RV_SQ_INT1,
    RV_SQ_INT2,
    RV_SQ_INT3,
    RV_SQ_INT4,
    RV_SQ_INT6,
    RV_SQ_INT8,
    RV_SQ_REAL,
    RV_SQ_ZERO,
    RV_SQ_ONE,
    RV_SQ_TEXT,
    RV_SQ_BLOB,
    RV_SQ_CLASSES,
    RV_SQ_UNKNOWN /* bytes destroyed */
};

struct rv_sq_value {
    enum rv_sq_class kind;
    int64_t integer;      /* INT1..INT8, ZERO, ONE */
    double real;          /* REAL */
    struct rv_span bytes; /* TEXT, BLOB: borrowed from the record */
};

/* Fixed-size integers on pages; the caller has checked that the bytes are there. */
static inline uint32_t rv_sq_u16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}
static inline uint32_t rv_sq_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline bool rv_sq_page_size_legal(uint32_t size)
{
    return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

/** Length of the varint at p (1..9), 0 when it is cut by end. SQLite writes only shortest forms. */
unsigned rv_sq_varint_long(const uint8_t *p, const uint8_t *end, uint64_t *value);
static inline unsigned rv_sq_varint(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
    if (p < end && *p < 0x80) { /* nearly all of them */
        *value = *p;
        return 1;
    }
    if (end - p > 1 && p[1] < 0x80) { /* and nearly all others */
        *value = (uint64_t)(*p & 0x7F) << 7 | p[1];
        return 2;
    }
    return rv_sq_varint_long(p, end, value);
}
unsigned rv_sq_varint_size(uint64_t value);
/** The same, and 0 also for a form longer than needed: one that begins with seven zero bits (of nine bytes, eight). */
static inline unsigned rv_sq_varint_strict(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
    unsigned n = rv_sq_varint(p, end, value);
    return n > 1 && *p == 0x80 && (n < 9 || p[1] < 0xC0) ? 0 : n;
}

/** Class of a serial type; RV_SQ_UNKNOWN for the reserved 10 and 11. */
static inline enum rv_sq_class rv_sq_class_of(uint64_t serial)
{
    static const uint8_t small[12] = { RV_SQ_NULL, RV_SQ_INT1, RV_SQ_INT2, RV_SQ_INT3, RV_SQ_INT4,    RV_SQ_INT6,
                                       RV_SQ_INT8, RV_SQ_REAL, RV_SQ_ZERO, RV_SQ_ONE,  RV_SQ_UNKNOWN, RV_SQ_UNKNOWN };
    if (serial < 12)
        return (enum rv_sq_class)small[serial];
    return serial & 1 ? RV_SQ_TEXT : RV_SQ_BLOB;
}
/** Bytes that a value of this serial type takes in the body. */
static inline uint64_t rv_sq_body_size(uint64_t serial)
{
    static const uint8_t small[12] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0 };
    return serial < 12 ? small[serial] : (serial - 12) / 2;
}
/** Decodes one body value; body has exactly rv_sq_body_size(serial) bytes. */
struct rv_sq_value rv_sq_number(uint64_t serial, const uint8_t *body);
static inline struct rv_sq_value rv_sq_value(uint64_t serial, const uint8_t *body)
{
    if (serial >= 12)
        return (struct rv_sq_value){ .kind = serial & 1 ? RV_SQ_TEXT : RV_SQ_BLOB,
                                     .bytes = { body, (size_t)rv_sq_body_size(serial) } };
    if (serial == 0)
        return (struct rv_sq_value){ .kind = RV_SQ_NULL };
    return rv_sq_number(serial, body);
}
/** An integer that a shorter serial type could hold is never written by SQLite. */
bool rv_sq_shortest(enum rv_sq_class kind, int64_t value);

/* Sixteen bytes at once; the compiler has instructions for them, or splits them up. */
typedef uint8_t rv_sq_sixteen __attribute__((vector_size(16)));

/* What a text looks like; asked for once, because whole databases of texts are. */
struct rv_sq_text_look {
    size_t valid; /* 0: not valid in this encoding (or, UTF-16, odd length); else the count of characters + 1 */
    bool ascii, controls;
};
struct rv_sq_text_look rv_sq_text_look(struct rv_span text, enum rv_sq_encoding encoding);
/** Its `valid` alone. */
size_t rv_sq_text_valid(struct rv_span text, enum rv_sq_encoding encoding);
/** Control characters other than tab, line feed and carriage return. */
bool rv_sq_text_has_controls(struct rv_span text, enum rv_sq_encoding encoding);

/** Bytes of a cell's payload that lie on the b-tree page itself. */
uint32_t rv_sq_local_size(uint64_t payload, uint32_t usable, bool table_leaf);

/** Hash of a value, equal for equal values however they are stored. */
uint64_t rv_sq_value_hash(uint64_t seed, const struct rv_sq_value *value);
/** The same of a body value as it is stored. */
uint64_t rv_sq_body_hash(uint64_t seed, uint64_t serial, const uint8_t *body);
static inline uint64_t rv_sq_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ull;
    return hash ^ hash >> 29;
}

/** Values of a record that lies whole in `record`, at most `most`; returns how many could be read. */
unsigned rv_sq_record_values(struct rv_span record, struct rv_sq_value *out, unsigned most);
