/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clean database made of what was found: the original tables with their live rows, and beside each table T a table
 * T_recovered with what is no longer live (or would break a rule of T), how sure it is, and where it was found.
 */
#pragma once

#include "recover/sqlite_scan.h"

struct rv_sq_rebuilt {
    uint64_t live_rows;      /* in their own tables */
    uint64_t recovered_rows; /* in *_recovered tables */
    uint32_t tables, recovered_tables;
    uint32_t left_out; /* indexes, views, triggers that could not be made again */
};

struct rv_sq_rebuild;
/** Appears under `path` only when it is finished and checked. USAGE: something has that name already. */
struct rv_sq_rebuild *rv_sq_rebuild_new(struct rv_ctx *ctx, const char *path, struct rv_error *err);
/* What a search is given: options.schema, and `found` (options.lines NULL). Their context is the rebuild. */
rv_sq_schema_fn rv_sq_rebuild_schema;
rv_sq_found_fn rv_sq_rebuild_row;
/** Makes the rest of the schema, asks the library whether all is sound, and gives the file its name. */
bool rv_sq_rebuild_finish(struct rv_sq_rebuild *rebuild, struct rv_sq_rebuilt *out, struct rv_error *err);
/** Without a finish nothing stays behind. */
void rv_sq_rebuild_free(struct rv_sq_rebuild *rebuild);
RV_DEFINE_AUTO(rv_sq_rebuild)
