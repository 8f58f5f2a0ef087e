/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binary property lists read in place: no tree is built, every reference is checked when it is followed. For the
 * hundreds of thousands of file records of a backup, and for damaged ones.
 *
 *   "bplist00" objects, offset table, trailer of 32 bytes: [6] bytes an offset, [7] bytes a reference, u64be count,
 *   top object, place of the offset table.
 *
 * certain: CoreFoundation's CFBinaryPList.c, libplist.
 */
#pragma once

#include "base/bytes.h"

enum rv_bplist_kind {
    RV_BPLIST_NULL,
    RV_BPLIST_BOOL,
    RV_BPLIST_INTEGER,
    RV_BPLIST_REAL, /* its value is not read, nor that of a date: nobody asks for them */
    RV_BPLIST_DATE,
    RV_BPLIST_DATA,
    RV_BPLIST_ASCII,
    RV_BPLIST_UTF16,
    RV_BPLIST_UID,
    RV_BPLIST_ARRAY,
    RV_BPLIST_DICT
};

struct rv_bplist {
    struct rv_span in;
    uint8_t offset_size, ref_size;
    uint64_t count, top, table;
};

struct rv_bplist_value {
    enum rv_bplist_kind kind;
    int64_t integer;      /* BOOL, INTEGER, UID */
    struct rv_span bytes; /* DATA, ASCII, UTF16 (big-endian): a view of the input */
    uint64_t count, refs; /* ARRAY, DICT: members, and where their references begin */
};

/** FORMAT with what is wrong. */
bool rv_bplist_open(struct rv_span in, struct rv_bplist *out, struct rv_error *err);
/** The object of that number; false when it is not readable. */
bool rv_bplist_at(const struct rv_bplist *p, uint64_t number, struct rv_bplist_value *out);
/** Member i of an array, or value i of a dictionary. */
bool rv_bplist_member(const struct rv_bplist *p, const struct rv_bplist_value *of, uint64_t i,
                      struct rv_bplist_value *out);
/** The value of a key; false: it has none. */
bool rv_bplist_find(const struct rv_bplist *p, const struct rv_bplist_value *dict, const char *key,
                    struct rv_bplist_value *out);
/** Text as UTF-8 with a NUL; its length, or -1: no text, or more than the room. */
long rv_bplist_text(const struct rv_bplist_value *v, char *out, size_t room);
