/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page images in a write-ahead log or a rollback journal (SQLite file format document sections 3 and 4;
 * SQLite src/wal.c, src/pager.c). Nothing is applied to any file: images are listed by what they are.
 */
#pragma once

#include "format/sqlite_db.h"

enum rv_sq_image_state {
    RV_SQ_IMAGE_CURRENT,     /* the committed version of its page */
    RV_SQ_IMAGE_OLDER,       /* committed, superseded by a later commit */
    RV_SQ_IMAGE_STALE,       /* from before the log was restarted */
    RV_SQ_IMAGE_UNCOMMITTED, /* never committed, or torn */
    RV_SQ_IMAGE_BEFORE       /* a journal's before-image */
};

struct rv_sq_image {
    const uint8_t *page;
    uint32_t number;
    uint32_t salt;     /* generation */
    uint32_t snapshot; /* index + 1 of the frame that ends its transaction */
    enum rv_sq_image_state state;
};

struct rv_sq_images {
    struct rv_sq_image *items;
    uint32_t count;
    uint32_t page_size;
    uint32_t pages_after; /* database size after the last commit, 0: no commit */
    bool hot;             /* journal: its images are the real state */
    bool damaged;
};

/* Told of each frame before it is read: who maps the log can let go of what lies behind. NULL: nobody is. */
struct rv_sq_reader {
    void (*reading)(void *context, const uint8_t *bytes);
    void *context;
};

/** False with FORMAT when the bytes are no such log (one that is too short for a page gives true and no images). */
bool rv_sq_wal_read(struct rv_span wal, const struct rv_sq_reader *reader, struct rv_sq_images *out,
                    struct rv_error *err);
/** page_size: of the database, used where the journal's header was zeroed. */
bool rv_sq_journal_read(struct rv_span journal, uint32_t page_size, struct rv_sq_images *out, struct rv_error *err);
void rv_sq_images_clear(struct rv_sq_images *images);
