/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database and its siblings mapped read-only. Mapped pages that were read count as memory in use until they are let
 * go of; a window keeps the last few chunks, whatever order trees are walked in (older ones stay in the page cache).
 */
#pragma once

#include "base/bytes.h"

struct rv_sq_files {
    struct rv_span database, wal, journal; /* wal and journal may be empty */
};

/** Maps PATH, PATH-wal and PATH-journal. NOT_FOUND, IO. On failure nothing stays mapped. */
bool rv_sq_files_map(const char *path, struct rv_sq_files *files, struct rv_error *err);
void rv_sq_files_unmap(struct rv_sq_files *files);

enum { RV_SQ_CHUNKS_KEPT = 8 };

/* One a thread. With an empty span nothing is let go of: the bytes are somebody else's. */
struct rv_sq_window {
    struct rv_span file, log;
    uintptr_t chunks[RV_SQ_CHUNKS_KEPT]; /* a ring of chunk numbers, 0 none */
    uintptr_t last;
    unsigned at;
};
/** To be told of each page before it is read. */
void rv_sq_window_read(struct rv_sq_window *window, const uint8_t *page);
/** These bytes will all be read soon, in order. */
void rv_sq_window_expect(const struct rv_sq_window *window, const uint8_t *from, size_t len);
/** Lets go of all that is kept. */
void rv_sq_window_clear(struct rv_sq_window *window);
