/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/db.h"

#include "base/text.h"
#include "recover/sqlite_open.h"
#include "recover/sqlite_rebuild.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { CHECKED_MAX = 64 << 20 }; /* bytes that the library's own check goes through in an instant */

struct rv_db {
    struct rv_job *job;
    const struct rv_source_file *file;
    sqlite3 *db;
    bool carved, searched; /* a database of found rows is attached as "carved" */
    char *pages;           /* what the carver reads */
    json_t *columns;       /* schema.table -> its columns in small letters, of tables that were asked about */
};

struct rv_rows {
    struct rv_db *db;
    sqlite3_stmt *s;
    enum rv_pass pass;
    const char *table;
    int known;         /* first of the carver's own columns */
    int identity;      /* column, -1 none */
    json_t *seen;      /* identities given already, of the carved pass */
    sqlite3_stmt *has; /* whether an identity lives */
    bool started;
};

/* ---- opening ---- */

static int no_collation(void *context, int n, const void *a, int m, const void *b)
{
    (void)context;
    int way = memcmp(a, b, (size_t)(n < m ? n : m));
    return way != 0 ? way : n - m;
}

/* Collations that the phone's library has and this one lacks: rows are read, their order is not relied on. */
static void need_collation(void *context, sqlite3 *db, int encoding, const char *name)
{
    (void)context;
    sqlite3_create_collation(db, name, encoding, NULL, no_collation);
}

static int stop_when_asked(void *context)
{
    struct rv_db *db = context;
    return rv_cancel_asked(&db->job->source->ctx->cancel);
}

static bool open_library(struct rv_db *db, const char *path, bool immutable, struct rv_error *err)
{
    if (rv_sqlite_open(path, immutable, &db->db) != SQLITE_OK)
        return rv_fail(err, RV_E_IO, "opening %s: %s", path, db->db != NULL ? sqlite3_errmsg(db->db) : "no memory");
    sqlite3_db_config(db->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_collation_needed(db->db, NULL, need_collation);
    sqlite3_exec(db->db, "PRAGMA cache_size=-16000", NULL, NULL, NULL); /* rows are asked for out of their order */
    sqlite3_progress_handler(db->db, 100000, stop_when_asked, db);
    return true;
}

/* A sound schema, and first pages that can be read: the rest shows while reading. */
static bool is_readable(struct rv_db *db)
{
    return sqlite3_exec(db->db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) == SQLITE_OK;
}

/* Rows that the library cannot see, as a database of their own; with `all` the live ones of a damaged file too. */
static char *search(struct rv_db *db, const char *path, bool all, struct rv_sq_verdict *verdict, struct rv_error *err)
{
    RV_AUTO_TEXT folder = rv_source_work_folder(db->job->source, err);
    char to[4096];
    struct rv_sq_rebuilt made;
    struct rv_sq_scan_options options = { .live = all, .salvage = all, .schema = rv_sq_rebuild_schema };
    if (folder == NULL)
        return NULL;
    snprintf(to, sizeof to, "%s/%s", folder, all ? "whole" : "found");
    RV_AUTO(rv_sq_rebuild) rebuild = rv_sq_rebuild_new(db->job->source->ctx, to, err);
    if (rebuild == NULL ||
        !rv_sq_scan(db->job->source->ctx, path, &options, rv_sq_rebuild_row, rebuild, verdict, err) ||
        !rv_sq_rebuild_finish(rebuild, &made, err))
        return NULL;
    return rv_text_copy(to);
}

static bool attach(struct rv_db *db, const char *path)
{
    char *uri = rv_sqlite_address(path, true);
    char *sql = uri != NULL ? sqlite3_mprintf("ATTACH %Q AS carved", uri) : NULL;
    bool fine = sql != NULL && sqlite3_exec(db->db, sql, NULL, NULL, NULL) == SQLITE_OK;
    json_object_clear(db->columns);
    sqlite3_free(sql);
    sqlite3_free(uri);
    return fine;
}

/* The library cannot go on: everything that the pages hold goes into a new database, and that is read. */
static bool open_salvaged(struct rv_db *db, const char *path, struct rv_error *err)
{
    struct rv_sq_verdict verdict;
    sqlite3_close(db->db);
    db->db = NULL;
    json_object_clear(db->columns);
    RV_AUTO_TEXT whole = search(db, path, true, &verdict, err);
    if (whole == NULL || !open_library(db, whole, true, err))
        return rv_while(err, "reading the damaged database %s", db->file->path);
    db->carved = attach(db, whole);
    rv_job_note(db->job, "%s is damaged: %llu rows could be read from its pages all the same", db->file->path,
                (unsigned long long)verdict.live_rows);
    return true;
}

static bool check(struct rv_db *db)
{
    sqlite3_stmt *s = NULL;
    bool fine = sqlite3_prepare_v2(db->db, "PRAGMA quick_check(1)", -1, &s, NULL) == SQLITE_OK &&
                sqlite3_step(s) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
    sqlite3_finalize(s);
    return fine;
}

static bool find_deleted(struct rv_db *db, const char *path, struct rv_error *err)
{
    struct rv_sq_verdict verdict;
    struct rv_error failed = { 0 };
    db->searched = true;
    RV_AUTO_TEXT found = search(db, path, false, &verdict, &failed);
    if (failed.code == RV_E_CANCELLED || failed.code == RV_E_NOSPACE) {
        *err = failed;
        return false;
    }
    if (found == NULL) {
        rv_job_note(db->job, "deleted rows of %s could not be searched for: %s", db->file->path, failed.text[0]);
        return true;
    }
    if (verdict.damaged && !db->job->lazy && !check(db))
        return open_salvaged(db, path, err);
    db->carved = attach(db, found);
    if (verdict.freeblocks >= 5 && verdict.freeblocks_zeroed * 10 >= verdict.freeblocks * 9)
        rv_job_note(db->job,
                    "deleted rows inside %s were wiped when they were deleted, as iOS 12 and later do; older "
                    "backups of this phone may still hold them",
                    db->file->path);
    return true;
}

struct rv_db *rv_db_open(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    RV_AUTO(rv_db) db = rv_alloc(sizeof *db);
    RV_AUTO_TEXT path = NULL;
    bool immutable;
    if (db == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    db->job = job;
    db->file = file;
    db->columns = json_object();
    if (!rv_source_database(job->source, file, &path, &immutable, err) || !open_library(db, path, immutable, err))
        return NULL;
    const char *pages = file->at != NULL ? file->at : path; /* the carver reads the original: no library touched it */
    bool searches = job->carve && !job->lazy;               /* which tells damage too */
    if (!is_readable(db) || (!searches && file->size <= CHECKED_MAX && !check(db))) {
        if (!open_salvaged(db, pages, err))
            return NULL;
    } else if (searches && !find_deleted(db, pages, err)) {
        return NULL;
    }
    db->pages = rv_text_copy(pages);
    return rv_steal(&db);
}

void rv_db_free(struct rv_db *db)
{
    if (db == NULL)
        return;
    sqlite3_close(db->db);
    json_decref(db->columns);
    rv_free(db->pages);
    rv_free(db);
}

/* ---- what the file has ---- */

static bool any(const struct rv_db *db, const char *sql, const char *a, const char *b)
{
    sqlite3_stmt *s = NULL;
    bool is = sqlite3_prepare_v2(db->db, sql, -1, &s, NULL) == SQLITE_OK &&
              sqlite3_bind_text(s, 1, a, -1, SQLITE_STATIC) == SQLITE_OK &&
              (b == NULL || sqlite3_bind_text(s, 2, b, -1, SQLITE_STATIC) == SQLITE_OK) &&
              sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return is;
}

bool rv_db_has_table(const struct rv_db *db, const char *table)
{
    return any(db, "SELECT 1 FROM main.sqlite_master WHERE type='table' AND name=?1 COLLATE NOCASE", table, NULL);
}

static void small_letters(const char *text, char *out, size_t size)
{
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < size; i++)
        out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    out[i] = '\0';
}

/* Asked of the library once a table: a conversation each asks again. */
static const json_t *columns_of(const struct rv_db *db, const char *schema, const char *table)
{
    char key[600], name[300];
    sqlite3_stmt *s = NULL;
    snprintf(key, sizeof key, "%s.%.500s", schema, table);
    json_t *list = json_object_get(db->columns, key);
    if (list != NULL)
        return list;
    list = json_object();
    if (sqlite3_prepare_v2(db->db, "SELECT name FROM pragma_table_info(?1,?2)", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_text(s, 2, schema, -1, SQLITE_STATIC) == SQLITE_OK)
        while (sqlite3_step(s) == SQLITE_ROW) {
            small_letters((const char *)sqlite3_column_text(s, 0), name, sizeof name);
            json_object_set_new_nocheck(list, name, json_true());
        }
    sqlite3_finalize(s);
    json_object_set_new_nocheck(db->columns, key, list);
    return list;
}

static bool has_column(const struct rv_db *db, const char *schema, const char *table, const char *column)
{
    char name[300];
    small_letters(column, name, sizeof name);
    return json_object_get(columns_of(db, schema, table), name) != NULL;
}

bool rv_db_has(const struct rv_db *db, const char *table, const char *column)
{
    return has_column(db, "main", table, column);
}

char *rv_db_join_table(const struct rv_db *db, const char *table, const char *a, const char *b, char **a_column,
                       char **b_column)
{
    static const char sql[] =
        "SELECT m.name, x.name, y.name FROM main.sqlite_master m, pragma_table_info(m.name,'main') x, "
        "pragma_table_info(m.name,'main') y WHERE m.type='table' AND m.name LIKE ?1 ESCAPE '\\' AND "
        "x.name LIKE ?2 ESCAPE '\\' AND y.name LIKE ?3 ESCAPE '\\' AND x.name<>y.name AND "
        "x.name NOT LIKE 'Z\\_FOK%' ESCAPE '\\' AND y.name NOT LIKE 'Z\\_FOK%' ESCAPE '\\' ORDER BY m.name LIMIT 1";
    sqlite3_stmt *s = NULL;
    char *name = NULL;
    *a_column = *b_column = NULL;
    if (sqlite3_prepare_v2(db->db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_text(s, 2, a, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_text(s, 3, b, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
        name = rv_text_copy((const char *)sqlite3_column_text(s, 0));
        *a_column = rv_text_copy((const char *)sqlite3_column_text(s, 1));
        *b_column = rv_text_copy((const char *)sqlite3_column_text(s, 2));
    }
    sqlite3_finalize(s);
    return name;
}

int64_t rv_db_number(const struct rv_db *db, const char *sql, int64_t fallback)
{
    sqlite3_stmt *s = NULL;
    int64_t value = fallback;
    if (sqlite3_prepare_v2(db->db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW &&
        sqlite3_column_type(s, 0) != SQLITE_NULL)
        value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

int64_t rv_db_entity(const struct rv_db *db, const char *name)
{
    char *sql = sqlite3_mprintf("SELECT Z_ENT FROM main.Z_PRIMARYKEY WHERE Z_NAME=%Q", name);
    int64_t number = sql != NULL ? rv_db_number(db, sql, -1) : -1;
    sqlite3_free(sql);
    return number;
}

/* ---- rows ---- */

static const char *const known_columns[] = { "_rowid", "_status", "_confidence", "_source", "_page" };
enum { KNOWN_ROWID, KNOWN_STATUS, KNOWN_CONFIDENCE, KNOWN_SOURCE, KNOWN_PAGE };

static void add_column(struct rv_db *db, sqlite3_str *sql, const char *schema, const char *table, const char *column,
                       enum rv_pass pass)
{
    if (has_column(db, schema, table, column))
        sqlite3_str_appendf(sql, "t.\"%w\"", column);
    else if (strcasecmp(column, "ROWID") == 0)
        sqlite3_str_appendall(sql, pass == RV_PASS_LIVE ? "t.rowid" : "t.\"_rowid\"");
    else
        sqlite3_str_appendall(sql, "NULL");
}

static sqlite3_stmt *prepare(struct rv_db *db, const struct rv_query *q, const char *table)
{
    const char *schema = q->pass == RV_PASS_LIVE ? "main" : "carved";
    sqlite3_str *sql = sqlite3_str_new(db->db);
    sqlite3_stmt *s = NULL;
    sqlite3_str_appendall(sql, "SELECT ");
    for (size_t i = 0; i < q->count; i++) {
        sqlite3_str_appendall(sql, i > 0 ? "," : "");
        add_column(db, sql, schema, table, q->columns[i], q->pass);
    }
    if (q->pass == RV_PASS_LIVE) {
        sqlite3_str_appendf(sql, "%s FROM main.\"%w\" t %s", q->extra != NULL ? q->extra : "", table,
                            q->rest != NULL ? q->rest : "");
    } else {
        for (size_t i = 0; i < q->extra_count; i++)
            sqlite3_str_appendall(sql, ",NULL");
        for (size_t i = 0; i < RV_COUNT(known_columns); i++)
            sqlite3_str_appendf(sql, ",t.\"%w\"", known_columns[i]);
        sqlite3_str_appendf(sql, " FROM carved.\"%w\" t ORDER BY t.\"_confidence\" DESC, t.rowid", table);
    }
    char *text = sqlite3_str_finish(sql);
    if (text != NULL)
        sqlite3_prepare_v2(db->db, text, -1, &s, NULL);
    sqlite3_free(text);
    return s;
}

static void watch_identity(struct rv_rows *rows, const struct rv_query *q)
{
    rows->identity = -1;
    for (size_t i = 0; q->identity != NULL && i < q->count; i++)
        if (strcmp(q->columns[i], q->identity) == 0 && rv_db_has(rows->db, q->table, q->identity))
            rows->identity = (int)i;
    if (rows->identity < 0 || q->pass != RV_PASS_CARVED)
        return;
    char *sql = sqlite3_mprintf("SELECT 1 FROM main.\"%w\" WHERE \"%w\"=?1", q->table, q->identity);
    if (sql != NULL)
        sqlite3_prepare_v2(rows->db->db, sql, -1, &rows->has, NULL);
    sqlite3_free(sql);
    rows->seen = json_object();
}

struct rv_rows *rv_rows_new(struct rv_db *db, const struct rv_query *q, struct rv_error *err)
{
    char name[512];
    err->code = RV_OK;
    if (q->pass == RV_PASS_CARVED && db->job->lazy && db->job->carve && !db->job->enough && !db->searched &&
        !find_deleted(db, db->pages, err))
        return NULL;
    if (!rv_db_has_table(db, q->table) || (q->pass == RV_PASS_CARVED && !db->carved))
        return NULL;
    snprintf(name, sizeof name, "%.400s%s", q->table, q->pass == RV_PASS_CARVED ? "_recovered" : "");
    if (q->pass == RV_PASS_CARVED &&
        !any(db, "SELECT 1 FROM carved.sqlite_master WHERE type='table' AND name=?1", name, NULL))
        return NULL;
    RV_AUTO(rv_rows) rows = rv_alloc(sizeof *rows);
    if (rows == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    rows->db = db;
    rows->pass = q->pass;
    rows->table = q->table;
    rows->known = (int)(q->count + q->extra_count);
    rows->s = prepare(db, q, name);
    if (rows->s == NULL) {
        rv_fail(err, RV_E_FORMAT, "asking %s for rows of %s: %s", db->file->path, q->table, sqlite3_errmsg(db->db));
        return NULL;
    }
    watch_identity(rows, q);
    return rv_steal(&rows);
}

void rv_rows_free(struct rv_rows *rows)
{
    if (rows == NULL)
        return;
    sqlite3_finalize(rows->s);
    sqlite3_finalize(rows->has);
    json_decref(rows->seen);
    rv_free(rows);
}

static void start_over(struct rv_rows *rows)
{
    if (rows->started)
        sqlite3_reset(rows->s);
    rows->started = false;
}

void rv_rows_bind(struct rv_rows *rows, int at, int64_t value)
{
    start_over(rows);
    sqlite3_bind_int64(rows->s, at, value);
}

void rv_rows_bind_text(struct rv_rows *rows, int at, struct rv_span value)
{
    start_over(rows);
    sqlite3_bind_text64(rows->s, at, value.ptr != NULL ? (const char *)value.ptr : "", value.len, SQLITE_TRANSIENT,
                        SQLITE_UTF8);
}

/* Of carved rows: an earlier version of one that lives, or of one that was given already. */
static bool is_older(struct rv_rows *rows)
{
    const char *status = (const char *)sqlite3_column_text(rows->s, rows->known + KNOWN_STATUS);
    bool older = status != NULL && strcmp(status, rv_sq_status_names[RV_SQ_OLDER_VERSION]) == 0;
    if (older || rows->identity < 0)
        return older;
    const char *id = (const char *)sqlite3_column_text(rows->s, rows->identity);
    if (id == NULL || *id == '\0')
        return false;
    sqlite3_bind_value(rows->has, 1, sqlite3_column_value(rows->s, rows->identity));
    older = sqlite3_step(rows->has) == SQLITE_ROW;
    sqlite3_reset(rows->has);
    char key[256];
    snprintf(key, sizeof key, "%s", id);
    if (!older)
        older = json_object_get(rows->seen, key) != NULL;
    json_object_set_new_nocheck(rows->seen, key, json_true());
    return older;
}

bool rv_rows_next(struct rv_rows *rows)
{
    for (;;) {
        rows->started = true;
        int code = sqlite3_step(rows->s);
        if (code == SQLITE_ROW && rows->pass == RV_PASS_CARVED && is_older(rows)) {
            rows->db->job->counts.older++;
            if (!rows->db->job->older)
                continue;
        }
        if (code == SQLITE_ROW)
            return true;
        if (code != SQLITE_DONE && code != SQLITE_INTERRUPT) {
            rows->db->job->counts.broken++;
            rv_job_note(
                rows->db->job,
                "a page of %s could not be read; rows of %s behind it may be missing: a search for deleted rows "
                "(no --state, no --page) reads them too",
                rows->db->file->path, rows->table);
        }
        return false;
    }
}

bool rv_rows_null(const struct rv_rows *rows, int column)
{
    return sqlite3_column_type(rows->s, column) == SQLITE_NULL;
}

int64_t rv_rows_int(const struct rv_rows *rows, int column)
{
    return sqlite3_column_int64(rows->s, column);
}

double rv_rows_real(const struct rv_rows *rows, int column)
{
    return sqlite3_column_double(rows->s, column);
}

struct rv_span rv_rows_text(const struct rv_rows *rows, int column)
{
    int type = sqlite3_column_type(rows->s, column);
    if (type == SQLITE_NULL)
        return (struct rv_span){ 0 };
    const void *bytes =
        type == SQLITE_BLOB ? sqlite3_column_blob(rows->s, column) : (const void *)sqlite3_column_text(rows->s, column);
    size_t length = (size_t)sqlite3_column_bytes(rows->s, column);
    return rv_span(bytes != NULL ? bytes : "", length);
}

char *rv_rows_copy(const struct rv_rows *rows, int column)
{
    struct rv_span text = rv_rows_text(rows, column);
    return rv_text_copy_n(text.ptr != NULL ? (const char *)text.ptr : "", text.len);
}

enum rv_record_state rv_rows_state(const struct rv_rows *rows, enum rv_record_state live)
{
    return rows->pass == RV_PASS_CARVED ? RV_CARVED : live;
}

json_t *rv_rows_record(const struct rv_rows *rows, enum rv_record_state state)
{
    const struct rv_job *job = rows->db->job;
    json_t *record = json_object(), *source = json_object();
    state = rv_rows_state(rows, state);
    json_object_set_new(record, "type", json_string(job->artifact->type));
    json_object_set_new(record, "state", json_string(rv_record_state_names[state]));
    rv_put_words(source, "domain", rows->db->file->domain);
    rv_put_words(source, "path", rows->db->file->path);
    rv_put_words(source, "table", rows->table);
    int rowid = rows->pass == RV_PASS_CARVED && rv_rows_null(rows, 0) ? rows->known + KNOWN_ROWID : 0;
    if (!rv_rows_null(rows, rowid))
        rv_put_number(source, "rowid", rv_rows_int(rows, rowid));
    if (rows->pass == RV_PASS_LIVE) {
        json_object_set_new(record, "source", source);
        return record;
    }
    rv_put_text(source, "found_in", rv_rows_text(rows, rows->known + KNOWN_SOURCE));
    rv_put_number(source, "page", rv_rows_int(rows, rows->known + KNOWN_PAGE));
    json_object_set_new(record, "source", source);
    rv_put_real(record, "confidence", rv_rows_real(rows, rows->known + KNOWN_CONFIDENCE));
    struct rv_span status = rv_rows_text(rows, rows->known + KNOWN_STATUS);
    rv_put_flag(record, "older_version", rv_span_equal(status, rv_words(rv_sq_status_names[RV_SQ_OLDER_VERSION])));
    return record;
}
