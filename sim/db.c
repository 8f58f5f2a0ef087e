/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/db.h"

#include <string.h>

enum { BUSY_MS = 20000 };

static bool db_fail(sqlite3 *db, const char *what, struct rv_error *err)
{
    int code = db != NULL ? sqlite3_errcode(db) : SQLITE_NOMEM;
    return rv_fail(err, code == SQLITE_FULL ? RV_E_NOSPACE : RV_E_CORRUPT, "%s: %s", what,
                   db != NULL ? sqlite3_errmsg(db) : "out of memory");
}

sqlite3 *sim_db_open(const char *path, bool create, struct rv_error *err)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        db_fail(db, path, err);
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, BUSY_MS);
    return db;
}

bool sim_db_run(sqlite3 *db, const char *sql, struct rv_error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK || db_fail(db, sql, err);
}

sqlite3_stmt *sim_db_prepare(sqlite3 *db, const char *sql, struct rv_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        db_fail(db, sql, err);
    return statement;
}

bool sim_db_do(sqlite3_stmt *statement, struct rv_error *err)
{
    int code = sqlite3_step(statement);
    bool good = code == SQLITE_DONE || code == SQLITE_ROW || db_fail(sqlite3_db_handle(statement), "a row", err);
    sqlite3_reset(statement);
    return good;
}

int64_t sim_db_number(sqlite3 *db, const char *sql, int64_t otherwise)
{
    struct rv_error ignored = { 0 };
    sqlite3_stmt *statement = sim_db_prepare(db, sql, &ignored);
    if (statement != NULL && sqlite3_step(statement) == SQLITE_ROW)
        otherwise = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return otherwise;
}

bool sim_db_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const void *text = sqlite3_column_text(statement, column);
    size_t len = (size_t)sqlite3_column_bytes(statement, column);
    if (text == NULL || len >= size || memchr(text, 0, len) != NULL)
        return false;
    memcpy(out, text, len);
    out[len] = 0;
    return true;
}
