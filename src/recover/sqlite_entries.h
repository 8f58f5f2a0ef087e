/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Found rows before it is known whether they still live or were found twice. Their number has no bound, memory has:
 * blocks of them go to a nameless file, and a filter of a few bits each tells which live rows, and which of them among
 * each other, may be equal. Only those are looked at one by one.
 */
#pragma once

#include "format/sqlite_carve.h"

struct rv_sq_entry {
    struct rv_sq_hit hit;
    bool rowid_known;
    int64_t rowid;
    uint64_t hash;  /* of table and values */
    uint64_t trace; /* rv_sq_trace() of its record */
    bool loose;     /* an equal row may be stored in other bytes */
    /*
     * The state it was found in, and what replaced that (sqlite_timeline.h); 0 unknown. Once all are settled: of all
     * copies of the row the first and the last commit, and the one it was gone with.
     */
    uint32_t first, last, gone;
};

/* Hash of a row as one of this table: values in stored order, without the rowid's column and trailing NULLs. */
uint64_t rv_sq_row_hash(const struct rv_sq_row *row, uint16_t table);
/** The same of a record whose serial types are known, its values not decoded. */
uint64_t rv_sq_frame_hash(const struct rv_sq_row *row, uint16_t table, const struct rv_sq_record *record);
/** The same of a record that lies whole in `record`, without decoding it. False: not readable. */
bool rv_sq_record_hash(const struct rv_sq_table *table, uint16_t number, struct rv_span record, uint64_t *hash);

/**
 * Stands for a record by little of it: its length and the last bytes that lie on the page itself. Equal rows of a table
 * have equal traces unless an entry is `loose`.
 */
uint64_t rv_sq_trace(uint16_t table, uint64_t payload, struct rv_span body);

/** Stands for a row's number in its table, whatever its values are. */
uint64_t rv_sq_rowid_hash(uint16_t table, int64_t rowid);

/* A live row that may equal an entry, or (hash of its rowid) be its newer version. */
struct rv_sq_key {
    uint64_t hash;
    int64_t rowid;
    bool rowid_known;
};

enum { RV_SQ_BLOCK = 1024 }; /* entries */

struct rv_sq_entries;
/** file_bytes: how much there is to find in, for the filter's size. */
struct rv_sq_entries *rv_sq_entries_new(uint64_t file_bytes, struct rv_error *err);
void rv_sq_entries_free(struct rv_sq_entries *entries);
RV_DEFINE_AUTO(rv_sq_entries)

bool rv_sq_entries_add(struct rv_sq_entries *entries, const struct rv_sq_entry *entry, struct rv_error *err);
uint64_t rv_sq_entries_count(const struct rv_sq_entries *entries);
/** Entries block * RV_SQ_BLOCK and on, their count in `count`; `room` holds RV_SQ_BLOCK. NULL on failure. Any thread.
 */
const struct rv_sq_entry *rv_sq_entries_block(const struct rv_sq_entries *entries, uint32_t block,
                                              struct rv_sq_entry *room, uint32_t *count, struct rv_error *err);
bool rv_sq_entries_has_table(const struct rv_sq_entries *entries, uint16_t table);
/** Has an entry of this table a known rowid? */
bool rv_sq_entries_has_rowids(const struct rv_sq_entries *entries, uint16_t table);

/** Has an entry of this table the mark `loose`? Then traces prove nothing. */
bool rv_sq_entries_loose(const struct rv_sq_entries *entries, uint16_t table);

/** May an entry have this hash, or trace, or rowid's hash? Any thread, once all are added. */
bool rv_sq_entries_may_have(const struct rv_sq_entries *entries, uint64_t hash);
/** That question will be asked soon. */
void rv_sq_entries_expect(const struct rv_sq_entries *entries, uint64_t hash);
/** This one will be added soon. */
void rv_sq_entries_expect_entry(const struct rv_sq_entries *entries, const struct rv_sq_entry *entry);
/** A live row for which that was true. */
bool rv_sq_entries_add_live(struct rv_sq_entries *entries, const struct rv_sq_key *key, struct rv_error *err);

/**
 * Strikes out what lives, what was found twice, and the weaker of two readings of one place in several images.
 * rival_pages: bit by page number - 1, pages up to `pages` that have several images; NULL none. struck: entries that
 * equal live rows.
 */
bool rv_sq_entries_settle(struct rv_sq_entries *entries, const uint8_t *rival_pages, uint32_t pages, uint64_t *struck,
                          struct rv_error *err);
bool rv_sq_entries_dead(const struct rv_sq_entries *entries, uint64_t number);
/** A row of the same table and rowid lives, with other values. */
bool rv_sq_entries_older(const struct rv_sq_entries *entries, uint64_t number);
