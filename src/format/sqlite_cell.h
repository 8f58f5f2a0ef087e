/* SPDX-License-Identifier: Apache-2.0 */
/* One cell of a leaf page under a table's form: whole, with its first four bytes destroyed, or with a lying length. */
#pragma once

#include "format/sqlite_db.h"
#include "format/sqlite_learn.h"

enum { RV_SQ_IMPOSSIBLE = -50 };

/** Where a cell is looked for, and as a row of which table. */
struct rv_sq_spot {
    const struct rv_sq_db *db;
    const struct rv_sq_table *table;
    const uint8_t *page;
    uint32_t at, limit; /* first byte; no byte at or behind limit belongs to it */
    uint64_t *serials;  /* out: RV_SQ_COLUMNS_MAX serial types */
    bool known;         /* it was weighed before: no class_bits */
};

struct rv_sq_parsed {
    unsigned count;
    uint64_t payload, head; /* record bytes; header bytes */
    uint32_t record;        /* offset of the record (may begin in destroyed bytes) */
    uint32_t local, end, overflow;
    int64_t rowid;
    bool rowid_known;
    double class_bits; /* evidence of the serial types */
};

/** A cell whose bytes are all there. */
bool rv_sq_cell_whole(const struct rv_sq_spot *spot, struct rv_sq_parsed *out);

/* What is assumed of the destroyed bytes. */
struct rv_sq_scar {
    unsigned layout;       /* bytes of payload length and rowid before the record header */
    unsigned columns;      /* stored columns, where the header length is lost */
    uint64_t first_serial; /* layout 2: the first serial type */
};
/**
 * A cell whose first four bytes were overwritten. Layout 2: header length and first serial type are gone;
 * 3: the header length is gone; 4 and more: the record is whole.
 */
bool rv_sq_cell_scarred(const struct rv_sq_spot *spot, struct rv_sq_scar scar, struct rv_sq_parsed *out);

/* Of a long first serial type only the first byte was destroyed: the next begins so many bytes behind the scar. */
static inline unsigned rv_sq_scar_skip(uint64_t first_serial)
{
    return rv_sq_varint_size(first_serial) - 1;
}
/**
 * The same in two steps, for many guesses at one place: the serial types of columns first.. that survived; then one
 * guess of layout 2 or 3. `tail` is no cell yet: its `record` is where the header ends.
 */
bool rv_sq_cell_tail(const struct rv_sq_spot *spot, unsigned first, unsigned skip, unsigned columns,
                     struct rv_sq_parsed *tail);
bool rv_sq_cell_headless(const struct rv_sq_spot *spot, const struct rv_sq_parsed *tail, struct rv_sq_scar scar,
                         struct rv_sq_parsed *out);

/** A live cell of a damaged database that ends at `end`: its payload length is not believed. */
bool rv_sq_cell_lenient(const struct rv_sq_spot *spot, uint32_t end, struct rv_sq_parsed *out);

/** Evidence of the values that lie on the page itself; below RV_SQ_IMPOSSIBLE: refused. */
double rv_sq_cell_bits(const struct rv_sq_spot *spot, const struct rv_sq_parsed *parsed);
