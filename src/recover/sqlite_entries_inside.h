/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the store of found rows; shared by sqlite_entries.c and sqlite_settle.c only. */
#pragma once

#include "recover/sqlite_entries.h"

enum { RV_SQ_BLOCK_BYTES = RV_SQ_BLOCK * sizeof(struct rv_sq_entry) };

/* Some bits for each hash that was put in. */
struct rv_sq_filter {
    uint64_t *words;
    uint64_t mask;
};
bool rv_sq_filter_has(const struct rv_sq_filter *filter, uint64_t hash);

/* Live keys, in memory as far as they fit, the rest in a nameless file. */
struct rv_sq_keys {
    struct rv_sq_key *room;
    size_t in_room;
    uint64_t spilled; /* those before the ones in `room` */
    int file;         /* -1 none */
};

struct rv_sq_entries {
    struct rv_sq_entry **blocks; /* NULL: in the file */
    size_t block_room;
    uint64_t count;
    int spill;                      /* -1 none */
    struct rv_sq_filter all, twice; /* twice: hashes that came again, and some few others */
    uint64_t twice_count;
    struct rv_sq_keys live;
    uint8_t *dead, *older; /* by number, a bit each */
    uint8_t has_table[RV_SQ_TABLES_MAX], has_rowids[RV_SQ_TABLES_MAX], loose[RV_SQ_TABLES_MAX];
};

/** Keys from..from + most of all, into `to`; how many there were in `count`. */
bool rv_sq_keys_read(const struct rv_sq_keys *keys, uint64_t from, struct rv_sq_key *to, size_t most, size_t *count,
                     struct rv_error *err);
uint64_t rv_sq_keys_count(const struct rv_sq_keys *keys);
/** Puts a block back that rv_sq_entries_block() gave and that was changed. */
bool rv_sq_entries_put_block(struct rv_sq_entries *entries, uint32_t block, const struct rv_sq_entry *from,
                             struct rv_error *err);
