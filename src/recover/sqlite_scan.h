/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SQLite file and its siblings (-wal, -journal), searched for rows: live, older versions, deleted.
 * The files are opened read-only and never through the SQLite library, which would roll back journals and
 * reset logs.
 */
#pragma once

#include "base/ctx.h"
#include "format/sqlite_carve.h"
#include "format/sqlite_wal.h"
#include "recover/sqlite_files.h"
#include "recover/sqlite_timeline.h"

enum rv_sq_status {
    RV_SQ_LIVE,
    RV_SQ_DELETED,
    RV_SQ_OLDER_VERSION, /* the row lives, with other values */
    RV_SQ_SALVAGED       /* of a page that the damage cut off: perhaps live */
};

struct rv_sq_found {
    const struct rv_sq_row *row;
    const struct rv_sq_hit *hit;
    enum rv_sq_status status;
    double confidence;
    const char *reason; /* why so sure, in a few words */
    bool damaged;       /* the file is: a text with control characters that its fellows have not was changed */
    bool partial;       /* values that a newer row overwrote are UNKNOWN */
    bool table_uncertain;
    uint32_t commit_first, commit_last, commit_gone; /* of the verdict's commits, from 1; 0 unknown */
    enum rv_sq_encoding encoding;
};
typedef bool rv_sq_found_fn(void *context, const struct rv_sq_found *found, struct rv_error *err);

enum { RV_SQ_COMMITS_SHOWN = 64, RV_SQ_MISSING_SHOWN = 64, RV_SQ_TABLE_NAME = 64 };

/* Numbers that a table gave away and no live row has. */
struct rv_sq_missing {
    char table[RV_SQ_TABLE_NAME]; /* UTF-8, cut */
    uint64_t live, highest, missing;
    bool sequence; /* highest is SQLite's own count (sqlite_sequence); else the highest live one */
};

struct rv_sq_verdict {
    bool damaged, wal, journal, auto_vacuum;
    uint32_t writer, page_size, page_count, free_pages, lost_pages;
    uint32_t freeblocks, freeblocks_zeroed; /* of live pages */
    uint32_t free_pages_zeroed;
    uint64_t residue_bytes;  /* searchable bytes that are not zero */
    uint64_t missing_rowids; /* of all tables that count up */
    struct rv_sq_missing missing[RV_SQ_MISSING_SHOWN];
    unsigned missing_count;
    uint64_t live_rows, deleted_rows, struck; /* struck: copies of live rows, not reported */
    /* What the log or journal holds, in order: the last RV_SQ_COMMITS_SHOWN of commit_count. */
    struct rv_sq_commit commits[RV_SQ_COMMITS_SHOWN];
    uint32_t commit_count, generations, uncommitted_frames;
    uint32_t overflow_pages_free; /* freed pages without a b-tree header: what long rows left */
    uint32_t tables_dropped;      /* whose CREATE text was found deleted */
    uint64_t by_origin[RV_SQ_ORIGINS], partial_rows;
};

/**
 * JSON lines, parted by line ends, none at the end. `part`: the last one is not finished, the next call goes on with
 * it. Any thread, never two at once, in the order of the rows.
 */
typedef bool rv_sq_lines_fn(void *context, const char *lines, bool part, struct rv_error *err);

/** Told of the tables before the first row; a row's table is tables[hit->table]. */
typedef bool rv_sq_schema_fn(void *context, const struct rv_sq_db *db, struct rv_error *err);

struct rv_sq_scan_options {
    bool live;               /* report live rows too */
    bool salvage;            /* the database is damaged: everything readable, wherever it lies */
    unsigned threads;        /* 0: as many as there are processors; the result is the same */
    bool for_people;         /* lines: rows to be read on a terminal, not JSON */
    rv_sq_lines_fn *lines;   /* rows as JSON (threads write them) instead of calls of `found`; NULL none */
    rv_sq_schema_fn *schema; /* NULL none */
};

/** Finds rows and calls `found` for each. FORMAT: no SQLite pages in the file. */
bool rv_sq_scan(struct rv_ctx *ctx, const char *path, const struct rv_sq_scan_options *options, rv_sq_found_fn *found,
                void *context, struct rv_sq_verdict *verdict, struct rv_error *err);

/** The same on bytes in memory; wal and journal may be empty. The bytes stay as they are. */
bool rv_sq_scan_bytes(struct rv_ctx *ctx, const struct rv_sq_files *files, const struct rv_sq_scan_options *options,
                      rv_sq_found_fn *found, void *context, struct rv_sq_verdict *verdict, struct rv_error *err);

/**
 * The value that SQL would show in a declared column: the rowid in its column, defaults where a row is older than the
 * column, numbers of REAL columns as such. UNKNOWN: lost, or computed. `ours`: its text is UTF-8 whatever the database
 * is.
 */
struct rv_sq_value rv_sq_shown_value(const struct rv_sq_row *row, unsigned declared, bool *ours);
/* Names of origins and states, as they are printed. */
extern const char *const rv_sq_origin_names[RV_SQ_ORIGINS];
extern const char *const rv_sq_status_names[];

/** A text with control characters in a column whose texts have none: bytes were changed, or are no text. */
bool rv_sq_text_strange(const struct rv_sq_table *table, unsigned place, const struct rv_sq_value *value,
                        enum rv_sq_encoding encoding);

/** The same row as a few lines for a person. */
bool rv_sq_found_text(const struct rv_sq_found *found, enum rv_sq_encoding encoding, struct rv_buf *out,
                      struct rv_error *err);

/** One JSON object (no line end): table, rowid, values, source, status, confidence, page, offset. */
bool rv_sq_found_json(const struct rv_sq_found *found, enum rv_sq_encoding encoding, struct rv_buf *out,
                      struct rv_error *err);

/** Empties a buffer in the midst of a row that has become long. */
struct rv_sq_drain {
    bool (*run)(void *context, struct rv_buf *out, struct rv_error *err);
    void *context;
};
/** The same for rows of any length: what is in `out` is drained whenever it has become much. */
bool rv_sq_found_json_drained(const struct rv_sq_found *found, enum rv_sq_encoding encoding, struct rv_buf *out,
                              const struct rv_sq_drain *drain, struct rv_error *err);
