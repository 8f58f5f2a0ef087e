/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a search; shared by the files that do it (sqlite_scan.c and what it names) only. */
#pragma once

#include "recover/sqlite_entries.h"
#include "recover/sqlite_scan.h"
#include "recover/sqlite_timeline.h"
#include "recover/sqlite_workers.h"

struct rv_sq_scan_state;

/* One thread's own things. */
struct rv_sq_worker {
    struct rv_sq_scan_state *scan;
    struct rv_sq_carver *carver, *live_carver;
    struct rv_sq_row *row;
    struct rv_sq_entry *block; /* RV_SQ_BLOCK entries */
    struct rv_buf payload;
    struct rv_sq_window window;
    struct rv_sq_verdict sums;
};

/* What one job leaves behind; taken in the order of the jobs, so that threads change nothing. */
struct rv_sq_batch {
    struct rv_sq_entry *entries;
    struct rv_sq_key *keys;
    size_t entry_count, entry_room, key_count, key_room;
    struct rv_buf lines;
    struct rv_sq_leaves leaves;
    uint32_t job; /* that fills it */
};

struct rv_sq_scan_state {
    struct rv_ctx *ctx;
    const struct rv_sq_scan_options *options;
    struct rv_sq_db db;
    struct rv_sq_images wal, journal;
    struct rv_sq_timeline timeline;
    struct rv_sq_entries *entries;
    struct rv_sq_worker workers[RV_SQ_WORKERS_MAX];
    unsigned worker_count;
    struct rv_sq_crew *crew; /* at work */
    struct rv_sq_batch batches[RV_SQ_AHEAD];
    struct rv_sq_verdict *verdict;
    rv_sq_found_fn *found;
    void *context;
};

enum { RV_SQ_SNAPSHOT_CURRENT = 0, RV_SQ_SNAPSHOT_FILE = UINT32_MAX, RV_SQ_SNAPSHOT_JOURNAL = UINT32_MAX - 1 };

/* sqlite_scan.c */
/** Gives a row away, or makes a line of it for whoever takes the batch. */
bool rv_sq_emit(struct rv_sq_worker *worker, struct rv_sq_batch *batch, const struct rv_sq_found *found,
                struct rv_error *err);
bool rv_sq_take_lines(struct rv_sq_scan_state *scan, struct rv_sq_batch *batch, struct rv_error *err);
/** Pages from..to will be read. */
void rv_sq_note_pages(struct rv_sq_worker *worker, uint32_t from, uint32_t to);

struct rv_sq_belief {
    double confidence;
    const char *reason;
};

/* sqlite_live.c: live rows of pages from + 1 to `to` that concern found ones. */
bool rv_sq_live_pages(struct rv_sq_worker *worker, struct rv_sq_batch *batch, uint32_t from, uint32_t to,
                      struct rv_error *err);
bool rv_sq_take_live(struct rv_sq_scan_state *scan, struct rv_sq_batch *batch, struct rv_error *err);

/* sqlite_report.c: RV_SQ_REPORT_STEPS jobs a block of entries; `from` is the job. */
enum { RV_SQ_REPORT_STEPS = 4 };
bool rv_sq_report_block(struct rv_sq_worker *worker, struct rv_sq_batch *batch, uint32_t from, uint32_t to,
                        struct rv_error *err);

/* sqlite_target.c: images that are searched, numbered from 0; the pages as they are now come first, in order. */
uint32_t rv_sq_target_count(const struct rv_sq_scan_state *scan);
bool rv_sq_target_at(struct rv_sq_worker *worker, uint32_t item, struct rv_sq_target *out);
const uint8_t *rv_sq_page_for_residue(void *worker, uint32_t number, uint32_t snapshot);
const uint8_t *rv_sq_page_for_live(void *worker, uint32_t number, uint32_t snapshot);
/* A bit by page number - 1: several images of the page are searched. NULL: of none, or memory is out (`fine` false). */
uint8_t *rv_sq_pages_with_images(const struct rv_sq_scan_state *scan, bool *fine);
/* Tables whose CREATE text was deleted, and nameless ones made up from pages that fit no table. */
bool rv_sq_find_tables(struct rv_sq_scan_state *scan, struct rv_error *err);

/* sqlite_verdict.c */
void rv_sq_count_residue(const struct rv_sq_db *db, uint32_t number, struct rv_sq_verdict *sums);
void rv_sq_fill_verdict(struct rv_sq_scan_state *scan);
