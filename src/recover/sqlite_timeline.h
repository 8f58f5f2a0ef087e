/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of what a write-ahead log and a journal hold: commits numbered from 1, the oldest first. Generations of a
 * log are ordered by salt-1, which each restart raises by one; the database file stands between what was restarted over
 * and the present generation, for it holds what the last checkpoint wrote (SQLite src/wal.c; file format document
 * section 4). A journal holds the state before the last transaction.
 */
#pragma once

#include "format/sqlite_wal.h"

enum rv_sq_commit_kind {
    RV_SQ_COMMIT_STALE,   /* of a generation that the log was restarted over */
    RV_SQ_COMMIT_FILE,    /* the database file, without the log */
    RV_SQ_COMMIT_CURRENT, /* of the present generation */
    RV_SQ_COMMIT_BEFORE,  /* the journal */
    RV_SQ_COMMIT_NOW,     /* beside a journal: the file as it is */
    RV_SQ_COMMIT_KINDS
};

struct rv_sq_commit {
    enum rv_sq_commit_kind kind;
    uint32_t generation; /* from 1; 0 no log */
    uint32_t frames;     /* page images that it wrote, those still there */
};

struct rv_sq_timeline {
    const struct rv_sq_images *wal;
    const uint8_t *wal_start;
    struct rv_sq_commit *commits; /* [0] is commit 1 */
    uint32_t commit_count, file_commit, generations;
    uint32_t *commit_of;  /* by frame; 0: never committed */
    uint32_t *after_file; /* by page - 1: frame + 1 that replaced the file's page, 0 none did */
    uint32_t *later;      /* by frame: frame + 1 of the page's next image, 0 none, RV_SQ_IN_FILE the file's */
    uint32_t *earlier;    /* the same for the one before, of the present generation and the file */
    uint32_t pages;
};

/** No log and no journal: an empty one. */
bool rv_sq_timeline_make(struct rv_sq_timeline *line, struct rv_span wal_file, const struct rv_sq_images *wal,
                         const struct rv_sq_images *journal, uint32_t pages, struct rv_error *err);
void rv_sq_timeline_clear(struct rv_sq_timeline *line);

#define RV_SQ_IN_FILE UINT32_MAX

/* Where an image stands: the commit it is the state of, and the one that replaced it; 0: not known. */
struct rv_sq_moment {
    uint32_t commit, gone;
};
struct rv_sq_moment rv_sq_timeline_frame(const struct rv_sq_timeline *line, const uint8_t *page);
struct rv_sq_moment rv_sq_timeline_file(const struct rv_sq_timeline *line, uint32_t page_number);
struct rv_sq_moment rv_sq_timeline_journal(const struct rv_sq_timeline *line);

/* Frame + 1 of an image that lies in the log; 0 it does not. */
uint32_t rv_sq_timeline_index(const struct rv_sq_timeline *line, const uint8_t *page);
