/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite in few words, for the databases that the device keeps and those that it puts into backups. */
#pragma once

#include "base/bytes.h"

#include <sqlite3.h>

/** NULL with the cause. create: made when absent. */
sqlite3 *sim_db_open(const char *path, bool create, struct rv_error *err);
bool sim_db_run(sqlite3 *db, const char *sql, struct rv_error *err);
/** A statement, or NULL. End it with sqlite3_finalize (a NULL is allowed). */
sqlite3_stmt *sim_db_prepare(sqlite3 *db, const char *sql, struct rv_error *err);
/** One step that gives no row; the statement is reset. */
bool sim_db_do(sqlite3_stmt *statement, struct rv_error *err);
/** The one number that the statement gives; otherwise when there is none. */
int64_t sim_db_number(sqlite3 *db, const char *sql, int64_t otherwise);
/** Text of a column; false when it does not fit, holds a NUL or is none. */
bool sim_db_text(sqlite3_stmt *statement, int column, char *out, size_t size);
