/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database of the phone for a reader: live rows through the SQLite library on a read-only original or a private copy,
 * deleted rows by the carver beside them, under the same names of columns. The schema is what the file says; a column
 * that is not there reads as NULL.
 */
#pragma once

#include "artifact/record.h"

enum rv_pass { RV_PASS_LIVE, RV_PASS_CARVED, RV_PASSES };

struct rv_db;
/** Opens job->file; with job->carve searched for deleted rows. A damaged one is read as far as it can be. */
struct rv_db *rv_db_open(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err);
void rv_db_free(struct rv_db *db);
RV_DEFINE_AUTO(rv_db)

bool rv_db_has_table(const struct rv_db *db, const char *table);
bool rv_db_has(const struct rv_db *db, const char *table, const char *column);
/** First table whose name matches (LIKE, '\' escapes) and that has columns matching both patterns; freed by rv_free. */
char *rv_db_join_table(const struct rv_db *db, const char *table, const char *a, const char *b, char **a_column,
                       char **b_column);
/** One number of a statement, or `fallback`. */
int64_t rv_db_number(const struct rv_db *db, const char *sql, int64_t fallback);
/** Core Data's number of an entity in this very file; -1 none. */
int64_t rv_db_entity(const struct rv_db *db, const char *name);

/* Rows of one table. Columns are asked for by name, the number of the row first; a missing one is NULL. */
struct rv_query {
    const char *table;
    const char *const *columns;
    size_t count;
    const char *extra; /* ", j.x, (SELECT …)": more values of the live pass; NULL in the carved one */
    size_t extra_count;
    const char *rest;     /* behind "FROM table t": JOIN, WHERE, ORDER BY of the live pass */
    const char *identity; /* a column by which two versions of a row are the same; NULL none */
    enum rv_pass pass;
};

struct rv_rows;
/** NULL with err->code RV_OK: there is no such table in this pass. */
struct rv_rows *rv_rows_new(struct rv_db *db, const struct rv_query *query, struct rv_error *err);
void rv_rows_free(struct rv_rows *rows);
RV_DEFINE_AUTO(rv_rows)
/** Parameters ?1, ?2 … of `rest`; starts from the first row. */
void rv_rows_bind(struct rv_rows *rows, int at, int64_t value);
void rv_rows_bind_text(struct rv_rows *rows, int at, struct rv_span value);
/** The next row; false at the end. A page that cannot be read ends the rows and is counted as broken. */
bool rv_rows_next(struct rv_rows *rows);

bool rv_rows_null(const struct rv_rows *rows, int column);
int64_t rv_rows_int(const struct rv_rows *rows, int column);
double rv_rows_real(const struct rv_rows *rows, int column);
/** Text or bytes, until the next row; ptr NULL when NULL. */
struct rv_span rv_rows_text(const struct rv_rows *rows, int column);
/** The same as a NUL-ended copy; "" when NULL. rv_free. */
char *rv_rows_copy(const struct rv_rows *rows, int column);

/** A record of this row: type, state, source, how sure. The state of the carved pass is RV_CARVED whatever is given. */
json_t *rv_rows_record(const struct rv_rows *rows, enum rv_record_state state);
enum rv_record_state rv_rows_state(const struct rv_rows *rows, enum rv_record_state live);
