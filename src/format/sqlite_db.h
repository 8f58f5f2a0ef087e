/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite database as bytes: where its pages lie (also in damaged, shifted or headerless files), which
 * page belongs to what, and which schemas there are. No I/O: spans of the files come in. Everything is
 * bounded by the page count; no recursion; a page is owned once, so loops end by themselves.
 *
 * certain: SQLite file format document (header, b-tree pages, freelist, pointer maps).
 */
#pragma once

#include "format/sqlite_schema.h"

enum rv_sq_page_kind {
    RV_SQ_PAGE_UNKNOWN,
    RV_SQ_PAGE_TABLE_INNER,
    RV_SQ_PAGE_TABLE_LEAF,
    RV_SQ_PAGE_INDEX_INNER,
    RV_SQ_PAGE_INDEX_LEAF,
    RV_SQ_PAGE_OVERFLOW,
    RV_SQ_PAGE_TRUNK,
    RV_SQ_PAGE_FREE,
    RV_SQ_PAGE_POINTER_MAP,
    RV_SQ_PAGE_LOCK
};

enum { RV_SQ_TABLES_MAX = 4096, RV_SQ_NO_TABLE = 0xFFFF };

struct rv_sq_index {
    uint32_t root;
    uint16_t table;
};

struct rv_sq_text {
    char *name, *sql; /* UTF-8 */
};

struct rv_sq_db {
    struct rv_span file;
    int64_t base; /* file offset of page 1; negative when leading pages are missing */
    uint32_t page_size, usable, page_count;
    enum rv_sq_encoding encoding;
    bool header_good; /* magic, page size and fixed bytes as they must be */
    bool damaged;     /* something that SQLite would refuse or misread */
    bool auto_vacuum, wal_mode;
    uint32_t writer; /* SQLITE_VERSION_NUMBER of the last writer, 0 unknown */
    uint32_t schema_format, schema_cookie, schema_objects;
    const uint8_t **overlay; /* by page - 1: newer image from WAL or journal; NULL array: none */
    uint8_t *kind;           /* enum rv_sq_page_kind by page - 1 */
    uint16_t *owner;         /* table index by page - 1 */
    uint8_t *tidy;           /* by page - 1: nothing but live cells and zeroes */
    struct rv_sq_table **tables;
    uint16_t table_count;
    struct rv_sq_index *indexes;
    uint32_t index_count;
    struct rv_sq_text *texts; /* of indexes, views, triggers and virtual tables */
    uint32_t text_count;
    uint32_t free_pages, lost_pages;
    uint64_t problems; /* findings, counted */
    bool careful;      /* each page is read before it is claimed */
    bool misled;       /* what was claimed unread was wrong: unmap, and map again with care */
    /* Told of each page of the file or log before it is read: who maps the file can let go of what lies behind. */
    void (*reading)(void *context, const uint8_t *page);
    void *reading_context;
};

/** Whether these bytes were wiped or never written; true of none. */
bool rv_sq_all_zero(const uint8_t *p, size_t len);

/** Reads the header, or finds page size and alignment by vote when it lies. FORMAT: no SQLite pages at all. */
bool rv_sq_db_open(struct rv_sq_db *db, struct rv_span file, struct rv_error *err);
void rv_sq_db_clear(struct rv_sq_db *db);

/** Current image of a page; NULL outside the file (or cut short). */
const uint8_t *rv_sq_page(const struct rv_sq_db *db, uint32_t number);
/** The page as it stands in the database file, without WAL or journal. */
const uint8_t *rv_sq_file_page(const struct rv_sq_db *db, uint32_t number);

/**
 * The page will be read next: cells are read in the order of their keys, memory is fast in the order of addresses, so
 * all of it is asked for now.
 */
void rv_sq_page_expect(const struct rv_sq_db *db, uint32_t number);

/** Makes room for overlays (WAL, journal); page_count may grow or shrink. */
bool rv_sq_db_overlay(struct rv_sq_db *db, uint32_t page_count, struct rv_error *err);

/** Reads the schema and walks all trees: fills kind, owner, tables, learned. Leaves' cells are not looked at yet. */
bool rv_sq_db_map(struct rv_sq_db *db, struct rv_error *err);

/* What a live cell has outside its page. */
struct rv_sq_chain {
    uint64_t left;
    uint32_t page;
    uint16_t owner;
};

/** Forgets what rv_sq_db_map() found. */
void rv_sq_db_unmap(struct rv_sq_db *db);

struct rv_sq_leaf_sums {
    uint64_t cells, rowid_max;
};

/* Findings of a range of leaf pages: ranges are independent of each other. */
struct rv_sq_leaves {
    struct rv_sq_chain *chains;
    size_t chain_count, chain_room;
    uint64_t problems;
    struct rv_sq_leaf_sums *sums; /* by table */
    bool misled;                  /* a page that was taken for a leaf is none */
};
/**
 * Looks at the cells of the live leaf pages from..to: chains, highest rowids, and whether a page is tidy (that alone
 * is written into db).
 */
bool rv_sq_db_check_leaves(struct rv_sq_db *db, uint32_t from, uint32_t to, struct rv_sq_leaves *out,
                           struct rv_error *err);
void rv_sq_leaves_clear(struct rv_sq_leaves *leaves);
/** Takes the findings of a range into db; call in the order of ranges, the same for each run. */
void rv_sq_db_take_leaves(struct rv_sq_db *db, const struct rv_sq_leaves *leaves);
/** When all leaves are taken: freelist, and what nobody owns. */
void rv_sq_db_map_rest(struct rv_sq_db *db);

/** Adds a table (takes ownership, on failure too). Returns its index or RV_SQ_NO_TABLE when full or out of memory. */
uint16_t rv_sq_db_add_table_take(struct rv_sq_db *db, struct rv_sq_table *table);

struct rv_sq_page_header {
    uint8_t type;                      /* 2, 5, 10, 13 */
    uint32_t at;                       /* 100 on page 1, else 0 */
    uint32_t cells, pointers, content; /* count, offset of the pointer array, start of cell content */
    uint32_t freeblock, right;
};
/** Plausible b-tree page header? Bounds are checked, cells are not. */
bool rv_sq_page_header(const struct rv_sq_db *db, const uint8_t *page, uint32_t number, struct rv_sq_page_header *out);
static inline uint32_t rv_sq_cell_pointer(const uint8_t *page, const struct rv_sq_page_header *header, uint32_t index)
{
    return rv_sq_u16(page + header->pointers + 2 * index);
}

/** A cell of a leaf page taken at its word. */
struct rv_sq_cell {
    uint64_t payload;
    int64_t rowid;
    uint32_t at, local_at, local, end; /* offsets on the page; end is one past the cell */
    uint32_t overflow;                 /* first overflow page, 0 none */
};
bool rv_sq_cell_read(const struct rv_sq_db *db, const uint8_t *page, uint32_t at, bool table_leaf,
                     struct rv_sq_cell *out);

/*
 * A cell of a table leaf without overflow pages, away from the end of the page: nearly all there are. Returns its end,
 * and where its record begins; 0 when rv_sq_cell_read() has to look.
 */
static inline uint32_t rv_sq_cell_short(const struct rv_sq_db *db, const uint8_t *page, uint32_t at, int64_t *rowid,
                                        uint32_t *local_at)
{
    enum { HEAD_MAX = 2 + 9 };
    const uint8_t *p = page + at;
    if (at + HEAD_MAX > db->usable)
        return 0;
    uint32_t payload = *p++;
    if (payload >= 0x80) {
        payload = (payload & 0x7F) << 7 | *p;
        if (*p++ >= 0x80)
            return 0;
    }
    uint64_t v = *p & 0x7F;
    for (unsigned i = 0; i < 7 && *p >= 0x80; i++)
        v = v << 7 | (*++p & 0x7F);
    if (*p++ >= 0x80 || payload > db->usable - 35)
        return 0;
    *local_at = (uint32_t)(p - page);
    *rowid = (int64_t)v;
    uint32_t end = *local_at + payload;
    return end >= at + 4 && end <= db->usable ? end : 0;
}

/**
 * Damaged databases: leaf pages are given to the table whose index entries name their rows, where the tree
 * says otherwise (root or child pointers that lead into another table).
 */
bool rv_sq_db_reassign(struct rv_sq_db *db, struct rv_error *err);
