/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/flat.h"

#include <stdio.h>
#include <string.h>

/* Has the file every "TABLE.COLUMN" of the list? */
static bool has_all(const struct rv_db *db, const char *needs)
{
    char table[100], column[100];
    while (*needs != '\0') {
        size_t length = strcspn(needs, " "), dot = strcspn(needs, ".");
        snprintf(table, sizeof table, "%.*s", (int)dot, needs);
        snprintf(column, sizeof column, "%.*s", (int)(length - dot - 1), needs + dot + 1);
        if (!rv_db_has(db, table, column))
            return false;
        needs += length;
        needs += strspn(needs, " ");
    }
    return true;
}

static void put(json_t *record, const struct rv_flat_field *f, const struct rv_rows *rows, int at)
{
    static const enum rv_epoch epochs[] = {
        [RV_FLAT_COCOA] = RV_COCOA, [RV_FLAT_UNIX] = RV_UNIX, [RV_FLAT_MS] = RV_UNIX_MS
    };
    const char *dot = strchr(f->key, '.'), *key = dot != NULL ? dot + 1 : f->key;
    char head[32];
    if (rv_rows_null(rows, at))
        return;
    if (dot != NULL) {
        snprintf(head, sizeof head, "%.*s", (int)(dot - f->key), f->key);
        json_t *inside = json_object_get(record, head);
        if (inside == NULL)
            json_object_set_new(record, head, inside = json_object());
        record = inside;
    }
    if (f->kind == RV_FLAT_TEXT) {
        if (rv_rows_text(rows, at).len > 0)
            rv_put_text(record, key, rv_rows_text(rows, at));
    } else if (f->kind == RV_FLAT_NUMBER) {
        rv_put_number(record, key, rv_rows_int(rows, at));
    } else if (f->kind == RV_FLAT_REAL) {
        rv_put_real(record, key, rv_rows_real(rows, at));
    } else if (f->kind == RV_FLAT_FLAG) {
        rv_put_flag(record, key, rv_rows_int(rows, at) != 0);
    } else {
        rv_put_time(record, key, rv_rows_real(rows, at), epochs[f->kind]);
    }
}

/* The columns of the query, and behind them one expression for each field that comes from elsewhere. */
static size_t lay_out(const struct rv_db *db, const struct rv_flat *flat, const char **columns, struct rv_buf *extra)
{
    struct rv_error quiet = { 0 };
    size_t count = 1;
    columns[0] = "ROWID"; /* the number of the row stands first */
    for (size_t i = 0; i < flat->count; i++) {
        const struct rv_flat_field *f = &flat->fields[i];
        if (f->column != NULL)
            columns[count++] = f->column;
        else
            rv_buf_add_format(extra, &quiet, ",(%s)", has_all(db, f->needs) ? f->sql : "NULL");
    }
    rv_buf_add(extra, rv_span("", 1), &quiet);
    return count;
}

static bool give(struct rv_job *job, const struct rv_flat *flat, const struct rv_rows *rows, struct rv_error *err)
{
    json_t *record = rv_rows_record(rows, RV_LIVE);
    for (size_t i = 0; i < flat->count; i++)
        put(record, &flat->fields[i], rows, (int)i + 1);
    if (flat->finish != NULL && !flat->finish(job, record)) {
        json_decref(record);
        return true;
    }
    bool trashed = flat->trash != NULL && json_integer_value(json_object_get(record, flat->trash)) != 0;
    enum rv_record_state state = rv_rows_state(rows, trashed ? RV_TRASHED : RV_LIVE);
    if (flat->trash != NULL)
        json_object_del(record, flat->trash);
    json_object_set_new(record, "state", json_string(rv_record_state_names[state]));
    return rv_job_emit(job, state, record, err);
}

bool rv_flat_read(struct rv_job *job, struct rv_db *db, const struct rv_flat *flat, struct rv_error *err)
{
    const char *columns[RV_FLAT_FIELDS + 1];
    struct rv_buf extra = RV_BUF(1 << 16);
    bool fine = flat->count <= RV_FLAT_FIELDS;
    size_t count = fine ? lay_out(db, flat, columns, &extra) : 0;
    for (enum rv_pass pass = RV_PASS_LIVE; fine && pass < RV_PASSES; pass++) {
        struct rv_query q = { .table = flat->table,
                              .columns = columns,
                              .count = count,
                              .extra = (const char *)extra.data,
                              .extra_count = flat->count + 1 - count,
                              .rest = flat->rest,
                              .identity = flat->identity,
                              .pass = pass };
        RV_AUTO(rv_rows) rows = rv_rows_new(db, &q, err);
        fine = err->code == RV_OK;
        while (fine && rows != NULL && !job->enough && rv_rows_next(rows))
            fine = give(job, flat, rows, err);
    }
    rv_buf_clear(&extra);
    return fine;
}
