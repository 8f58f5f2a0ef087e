/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of a table look like, learned from live ones; and how well a candidate fits. */
#pragma once

#include "format/sqlite_db.h"

/** Takes one live row's record (its local part) into the table's statistics. */
void rv_sq_learn(struct rv_sq_table *table, struct rv_span local, uint64_t payload, enum rv_sq_encoding encoding);

/** Fixes the statistics into a table of odds; until then (or without memory) they are computed each time. */
void rv_sq_table_settle(struct rv_sq_table *table);

/** log2 odds that stored column `place` holds a value of this class; below -50: impossible. */
double rv_sq_class_odds(const struct rv_sq_table *table, unsigned place, enum rv_sq_class kind);
static inline double rv_sq_class_bits(const struct rv_sq_table *table, unsigned place, enum rv_sq_class kind)
{
    return table->class_bits != NULL && kind < RV_SQ_CLASSES ? (double)table->class_bits[place][kind]
                                                             : rv_sq_class_odds(table, place, kind);
}
/** log2 odds of the value itself (ranges, lengths, text form); below -50: impossible. */
double rv_sq_value_bits(const struct rv_sq_table *table, unsigned place, const struct rv_sq_value *value,
                        enum rv_sq_encoding encoding);

/* sqlite_map.c */
bool rv_sq_text_to_utf8(struct rv_span text, enum rv_sq_encoding encoding, struct rv_buf *out, struct rv_error *err);
bool rv_sq_payload(const struct rv_sq_db *db, const uint8_t *page, const struct rv_sq_cell *cell, struct rv_buf *out,
                   struct rv_error *err);
