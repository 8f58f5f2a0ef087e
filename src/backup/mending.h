/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a repair share (repair.c, repair_gather.c, repair_files.c, repair_lists.c, repair_index.c). */
#pragma once

#include "backup/place.h"
#include "backup/repair.h"
#include "format/mbdb.h"

#include <sqlite3.h>

/* A stored file of the damaged folder, wherever it lies and whatever was done to its name. */
struct rv_stock_file {
    char id[RV_BACKUP_ID];
    bool in_snapshot;
    uint64_t size;
    char place[120]; /* below the folder */
};
struct rv_stock {
    struct rv_stock_file *files; /* by id; for each id the better one first */
    size_t count, room;
    struct rv_stock_file *strays; /* called as no stored file is; an id once they are known again */
    size_t stray_count, stray_room;
};

struct rv_mending {
    struct rv_ctx *ctx;
    struct rv_backup *b; /* the damaged one */
    const struct rv_repair_options *options;
    struct rv_findings *lost;
    struct rv_repaired *out;
    struct rv_stock stock;
    bool snapshot_first; /* its files are newer than those of the same name in place */
    sqlite3 *rows;       /* private: rows(id, domain, path, flags, record, rank, scrap) */
    sqlite3_stmt *put_row;
    bool mbdb, encrypted;
    bool sizeless;      /* nothing says how long the file of the row in hand was: its padding, or what is there */
    bool borrowed;      /* the row in hand is of an older copy: what it says of size and digest is of an older file */
    struct rv_buf gaps; /* bytes between whole records of a broken Manifest.mbdb, a zero after each gap */
    plist_t info, status, manifest; /* of the new backup */
    int to;                         /* its folder */
    struct rv_backup_reader *reader;
};

/* Ranks of rows: a lower one stays when two speak of the same file. */
enum {
    RV_RANK_INDEX,
    RV_RANK_SALVAGED,
    RV_RANK_DELETED,
    RV_RANK_OLDER,
    RV_RANK_NAMED,
    RV_RANK_STRANGE /* a name that no phone gives: perhaps a byte of it was changed */
};

bool rv_stock_take(struct rv_mending *m, struct rv_error *err);
bool rv_stock_add(struct rv_stock *stock, const struct rv_stock_file *file, struct rv_error *err);
void rv_stock_sort(struct rv_mending *m);
const struct rv_stock_file *rv_stock_find(const struct rv_mending *m, const char *id);
void rv_stock_clear(struct rv_stock *stock);

/** Manifest.plist, Info.plist, Status.plist for the new backup; unlocks what is to be unlocked. */
bool rv_mend_lists(struct rv_mending *m, struct rv_error *err);
bool rv_mend_write_lists(struct rv_mending *m, struct rv_error *err);

bool rv_mend_open_rows(struct rv_mending *m, struct rv_error *err);
/** Names that may go on: no "..", nothing absolute. */
bool rv_mend_name_is_fine(const char *domain, const char *path);
bool rv_mend_has_row(struct rv_mending *m, const char *id);
bool rv_mend_put_row(struct rv_mending *m, const struct rv_backup_row *row, int rank, struct rv_error *err);
/** Every source of rows: indexes, their salvage, older copies, known names. */
bool rv_mend_gather(struct rv_mending *m, struct rv_error *err);
/** Rows in which a few bytes were changed, and what stands between broken ones. */
bool rv_mend_odd_rows(struct rv_mending *m, struct rv_error *err);
bool rv_mend_note_gap(struct rv_mending *m, struct rv_span bytes, struct rv_error *err);
/** Files that have lost their names, by rows whose file is missing and by what is in them. */
bool rv_mend_strays(struct rv_mending *m, struct rv_error *err);
/** The record as it was stored, read again; false: it must be made anew. */
bool rv_mend_read_record(struct rv_mending *m, struct rv_span record, struct rv_backup_row *row,
                         struct rv_mbdb_record *room);
bool rv_mend_name_files(struct rv_mending *m, struct rv_error *err);
/** Pairs that may be domain and path of a file, out of the pages of the damaged index's own indexes. */
typedef bool rv_mend_name_fn(void *context, const char *domain, const char *path, struct rv_error *err);
bool rv_mend_index_names(struct rv_mending *m, rv_mend_name_fn *fn, void *context, struct rv_error *err);
/** Encrypted: keys that still stand in the damaged index, given to rows that have lost theirs. */
bool rv_mend_loose_keys(struct rv_mending *m, struct rv_error *err);
/** The schema of Manifest.db. */
extern const char rv_index_schema[];

/**
 * Puts a row's file into the new folder, mended when it must be. file: its record, changed as the file demands.
 * False with err->code 0: the file is lost (told), its row goes.
 */
bool rv_mend_file(struct rv_mending *m, const char *old_id, struct rv_backup_row *row, struct rv_mbfile *file,
                  uint8_t digest[20], struct rv_error *err);

struct rv_index_writer;
struct rv_index_writer *rv_index_writer_new(struct rv_mending *m, struct rv_error *err);
bool rv_index_writer_add(struct rv_index_writer *w, const struct rv_backup_row *row, struct rv_error *err);
bool rv_index_writer_finish(struct rv_index_writer *w, struct rv_error *err);
void rv_index_writer_free(struct rv_index_writer *w);
RV_DEFINE_AUTO(rv_index_writer)
