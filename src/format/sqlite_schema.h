/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE TABLE text -> columns. Only what decides how rows are stored is read: names, declared types
 * (affinity), NOT NULL, PRIMARY KEY, WITHOUT ROWID. Hostile text gives an error or fewer columns, never more.
 */
#pragma once

#include "format/sqlite_record.h"

enum rv_sq_affinity { RV_SQ_AFF_BLOB, RV_SQ_AFF_TEXT, RV_SQ_AFF_NUMERIC, RV_SQ_AFF_INTEGER, RV_SQ_AFF_REAL };

enum { RV_SQ_COLUMNS_MAX = 2000 };

/* What live rows of a table were seen to hold in one stored column. */
struct rv_sq_learned {
    uint32_t seen[RV_SQ_CLASSES];
    int64_t int_min, int_max;
    uint64_t divisor; /* greatest common divisor of the integers: dates in nanoseconds are whole seconds */
    double real_min, real_max;
    uint32_t length_max, length_min; /* text or blob bytes */
    uint32_t with_controls;          /* texts that hold control characters */
    uint32_t ascii;                  /* texts of ASCII only */
};

struct rv_sq_column {
    char *name;
    enum rv_sq_affinity affinity;
    bool not_null, generated, generated_virtual;
    uint8_t pk;         /* place in the PRIMARY KEY from 1, 0 none */
    bool exact_integer; /* declared as INTEGER, to the letter */
    /* What rows from before ALTER TABLE ADD COLUMN show; UNKNOWN: an expression. Its bytes (UTF-8) are owned. */
    struct rv_sq_value fallback;
};

struct rv_sq_table {
    char *name;
    char *sql;                     /* its CREATE text in UTF-8; NULL: made up */
    struct rv_sq_column *columns;  /* in declared order */
    uint16_t *order;               /* stored order: order[i] = declared column */
    struct rv_sq_learned *learned; /* by stored place */
    float (*class_bits)[12];       /* by stored place: rv_sq_table_settle() */
    uint8_t first_serials[256];    /* the one-byte types that the first stored column can have; the same */
    uint16_t first_serial_count;
    uint16_t count;        /* declared columns */
    uint16_t stored;       /* stored columns */
    uint16_t least_stored; /* fewest columns seen in a row (ALTER TABLE ADD COLUMN) */
    int ipk;               /* declared column that is the rowid, -1 none */
    bool without_rowid;
    bool dropped; /* its CREATE text was itself found deleted */
    bool autoincrement;
    bool system; /* sqlite_master, sqlite_sequence ... */
    uint32_t root;
    uint32_t rows; /* live rows learned from */
    uint64_t live; /* live rows */
    uint64_t rowid_max;
    uint64_t sequence; /* of sqlite_sequence, 0 none */
};

/** FORMAT when the text is no table that stores rows (a view, a virtual table). Caller frees. */
struct rv_sq_table *rv_sq_table_parse(struct rv_span sql, struct rv_error *err);
/** The five columns of sqlite_master. */
struct rv_sq_table *rv_sq_table_master(struct rv_error *err);
void rv_sq_table_free(struct rv_sq_table *table);
RV_DEFINE_AUTO(rv_sq_table)
/** Same columns, types and keys (names apart)? */
bool rv_sq_table_same_form(const struct rv_sq_table *a, const struct rv_sq_table *b);
