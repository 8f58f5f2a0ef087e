/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows in bytes that no live cell owns: gaps, freeblocks, freed pages, older page images.
 *
 * What a delete destroys is at most the first four bytes of a cell (a freeblock's header: u16 next, u16
 * size); everything else is solved from the serial types that survive, the table's form and the extent
 * (SQLite src/btree.c freeSpace, dropCell). Candidates of one region compete: the best tiling without
 * overlaps wins, measured in bits of evidence.
 */
#pragma once

#include "format/sqlite_db.h"
#include "format/sqlite_learn.h"

enum rv_sq_origin {
    RV_SQ_FROM_TABLE,     /* a live cell */
    RV_SQ_FROM_GAP,       /* between pointer array and cell content */
    RV_SQ_FROM_FREEBLOCK, /* a hole between live cells */
    RV_SQ_FROM_FREE_PAGE, /* a page on the freelist, or lost */
    RV_SQ_FROM_WAL,       /* an older image of the page */
    RV_SQ_FROM_JOURNAL,
    RV_SQ_ORIGINS
};

/** A live cell of a damaged database: its payload length lies, its record header and its end agree. */
enum { RV_SQ_LAYOUT_LENIENT = 15 };

/** Where a row was found; enough to decode it again. Millions of them are kept. */
struct rv_sq_hit {
    const uint8_t *page; /* the image */
    uint32_t number;     /* its page number */
    uint32_t at, end;    /* bytes on the page */
    uint32_t snapshot;   /* for overflow chains of older images */
    float bits;          /* evidence */
    uint16_t table;
    uint16_t columns; /* stored columns present */
    uint8_t layout;   /* 0 whole cell; k: record header begins at at + k, four bytes destroyed */
    uint8_t origin;
    uint8_t first_serial; /* solved, layout 2 */
    bool exact;           /* its end is a proven boundary */
    bool whole_image;     /* taken from a cell pointer array that was valid then */
};

struct rv_sq_row {
    const struct rv_sq_table *table;
    int64_t rowid;
    bool rowid_known;
    bool mended;                                  /* its overflow chain was led astray and guessed */
    unsigned count;                               /* stored values present */
    struct rv_span body;                          /* the record's bytes on the page itself, without its header */
    uint64_t payload;                             /* bytes of the whole record */
    struct rv_sq_value values[RV_SQ_COLUMNS_MAX]; /* stored order; borrowed from page or carver until the next call */
};

/** How older images find their overflow pages. */
typedef const uint8_t *rv_sq_page_fn(void *context, uint32_t number, uint32_t snapshot);
typedef bool rv_sq_hit_fn(void *context, const struct rv_sq_hit *hit, struct rv_error *err);

struct rv_sq_carver;
struct rv_sq_carver *rv_sq_carver_new(const struct rv_sq_db *db, rv_sq_page_fn *page, void *page_context,
                                      struct rv_error *err);
/** From now on overflow chains that lead astray are mended by guess (live rows of damaged databases). */
bool rv_sq_carver_mend(struct rv_sq_carver *carver, struct rv_error *err);
void rv_sq_carver_free(struct rv_sq_carver *carver);
RV_DEFINE_AUTO(rv_sq_carver)

/** What to search: one page image. */
struct rv_sq_target {
    const uint8_t *page;
    uint32_t number;
    uint32_t snapshot;
    uint16_t owner; /* RV_SQ_NO_TABLE: decide by fit */
    enum rv_sq_origin origin;
    bool cells_are_rows;  /* take the cells of the pointer array too (freed pages, older images) */
    uint32_t start;       /* first searchable byte (trunk pages: behind the leaf list) */
    const uint8_t *later; /* the page's next image, where rows that did not change are found again; NULL none */
    bool no_header;       /* the page header is gone: one region from start to the end */
};
/** Calls `found` for each accepted row of the image. */
bool rv_sq_carve(struct rv_sq_carver *carver, const struct rv_sq_target *target, rv_sq_hit_fn *found, void *context,
                 struct rv_error *err);

/** Decodes a hit again. False when an overflow page is missing. */
bool rv_sq_row_read(struct rv_sq_carver *carver, const struct rv_sq_hit *hit, struct rv_sq_row *row);

/* A record as it lies, put together with its overflow pages; borrowed from page or carver until the next call. */
struct rv_sq_record {
    struct rv_span bytes;    /* from the header's (perhaps destroyed) first byte on */
    uint64_t head;           /* bytes of the header */
    const uint64_t *serials; /* of the row's `count` values */
    bool on_page;            /* without overflow pages */
};
/** The same in two steps: all but the values, which is enough to compare rows; then those. */
bool rv_sq_row_frame(struct rv_sq_carver *carver, const struct rv_sq_hit *hit, struct rv_sq_row *row,
                     struct rv_sq_record *record);
bool rv_sq_row_values(struct rv_sq_carver *carver, const struct rv_sq_hit *hit, struct rv_sq_row *row,
                      const struct rv_sq_record *record);

/**
 * A row whose end nothing proves may have lost its tail to a newer row that was deleted later: its values from the one
 * on in which another row of a known table begins become UNKNOWN. True when there were any. After rv_sq_row_read().
 */
bool rv_sq_row_cut_tail(struct rv_sq_carver *carver, const struct rv_sq_hit *hit, struct rv_sq_row *row);

/** True when at least half of a leaf page's cells fit a known table. */
bool rv_sq_page_fits(struct rv_sq_carver *carver, const uint8_t *page, uint32_t number);
/**
 * A table made up from a leaf page that fits none: as many columns as most of its cells have, statistics
 * of those cells, no name. NULL when the cells do not agree or memory is out.
 */
struct rv_sq_table *rv_sq_table_infer(struct rv_sq_carver *carver, const uint8_t *page, uint32_t number);
/** The same from the gap of a page: three or more whole cells back to back that fit no known table. */
struct rv_sq_table *rv_sq_table_infer_gap(struct rv_sq_carver *carver, const uint8_t *page, uint32_t number);
