/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_rebuild.h"

#include "base/file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 512, TEXT_MAX = 1 << 30 };

struct destination {
    sqlite3_stmt *own, *beside; /* NULL: cannot be made, or not needed yet */
    bool made, tried;
};

struct rv_sq_rebuild {
    struct rv_ctx *ctx;
    struct rv_atomic_file *file;
    sqlite3 *db;
    const struct rv_sq_db *from; /* while the search goes on */
    struct destination *to;      /* by table */
    unsigned table_count;
    struct rv_sq_text *texts; /* what is made last */
    unsigned text_count;
    struct rv_buf text;
    struct rv_sq_rebuilt counts;
};

static bool fail_sql(struct rv_sq_rebuild *r, const char *what, struct rv_error *err)
{
    int code = sqlite3_errcode(r->db);
    return rv_fail(err,
                   code == SQLITE_FULL    ? RV_E_NOSPACE
                   : code == SQLITE_NOMEM ? RV_E_NOMEM
                                          : RV_E_IO,
                   "%s: %s", what, sqlite3_errmsg(r->db));
}

/*
 * The schema's texts come from a damaged, perhaps hostile file. They may make things in this database and nothing else:
 * no other files, no settings, no library to load.
 */
static int allow(void *context, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)context;
    (void)a;
    (void)c;
    (void)d;
    if (action == SQLITE_ATTACH || action == SQLITE_DETACH || action == SQLITE_PRAGMA)
        return SQLITE_DENY;
    return action == SQLITE_FUNCTION && b != NULL && strcasecmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
}

static int stop_when_asked(void *context)
{
    struct rv_sq_rebuild *r = context;
    return rv_cancel_asked(&r->ctx->cancel);
}

static bool run(struct rv_sq_rebuild *r, const char *sql)
{
    return sqlite3_exec(r->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* One statement of somebody else's, and no second one behind it. */
static bool run_theirs(struct rv_sq_rebuild *r, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_set_authorizer(r->db, allow, r);
    bool fine = strncasecmp(sql, "CREATE", 6) == 0 &&
                sqlite3_prepare_v2(r->db, sql, -1, &statement, NULL) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_finalize(statement);
    sqlite3_set_authorizer(r->db, NULL, NULL);
    return fine;
}

struct rv_sq_rebuild *rv_sq_rebuild_new(struct rv_ctx *ctx, const char *path, struct rv_error *err)
{
    if (rv_file_exists(path)) {
        rv_fail(err, RV_E_USAGE, "%s exists already: name a new file, nothing is overwritten", path);
        return NULL;
    }
    RV_AUTO(rv_sq_rebuild) r = rv_alloc(sizeof *r);
    if (r == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    r->ctx = ctx;
    r->text.cap = TEXT_MAX;
    r->file = rv_atomic_file_new(path, 0600, err);
    if (r->file == NULL)
        return NULL;
    if (sqlite3_open(rv_atomic_file_path(r->file), &r->db) != SQLITE_OK ||
        !run(r, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA ignore_check_constraints=ON; "
                "PRAGMA trusted_schema=OFF; BEGIN")) {
        fail_sql(r, "beginning a new database", err);
        return NULL;
    }
    sqlite3_progress_handler(r->db, 100000, stop_when_asked, r);
    return rv_steal(&r);
}

static void close_statements(struct rv_sq_rebuild *r)
{
    for (unsigned i = 0; r->to != NULL && i < r->table_count; i++) {
        sqlite3_finalize(r->to[i].own);
        sqlite3_finalize(r->to[i].beside);
    }
    rv_free(r->to);
    r->to = NULL;
}

void rv_sq_rebuild_free(struct rv_sq_rebuild *r)
{
    if (r == NULL)
        return;
    close_statements(r);
    for (unsigned i = 0; i < r->text_count; i++) {
        rv_free(r->texts[i].name);
        rv_free(r->texts[i].sql);
    }
    rv_free(r->texts);
    rv_buf_clear(&r->text);
    sqlite3_close(r->db);
    rv_atomic_file_free(r->file);
    rv_free(r);
}

/* ---- tables ---- */

static bool name_is_taken(struct rv_sq_rebuild *r, const char *name)
{
    sqlite3_stmt *s = NULL;
    bool taken = sqlite3_prepare_v2(r->db, "SELECT 1 FROM sqlite_master WHERE name = ?1 COLLATE NOCASE", -1, &s,
                                    NULL) == SQLITE_OK &&
                 sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return taken;
}

static bool has_column(const struct rv_sq_table *t, const char *name)
{
    for (unsigned i = 0; i < t->count; i++)
        if (t->columns[i].name != NULL && strcasecmp(t->columns[i].name, name) == 0)
            return true;
    return false;
}

/* Whether a declared column is given a value: generated ones compute theirs. */
static bool is_given(const struct rv_sq_table *t, unsigned column)
{
    return !t->columns[column].generated;
}

/* The name that reaches the rowid of a table without INTEGER PRIMARY KEY; NULL: none does. */
static const char *rowid_name(const struct rv_sq_table *t)
{
    static const char *const names[] = { "rowid", "_rowid_", "oid" };
    for (unsigned i = 0; t->ipk < 0 && !t->without_rowid && i < RV_COUNT(names); i++)
        if (!has_column(t, names[i]))
            return names[i];
    return NULL;
}

static sqlite3_stmt *prepare_text(struct rv_sq_rebuild *r, sqlite3_str *sql)
{
    char *text = sqlite3_str_finish(sql);
    sqlite3_stmt *s = NULL;
    if (text != NULL)
        sqlite3_prepare_v2(r->db, text, -1, &s, NULL);
    sqlite3_free(text);
    return s;
}

static void make_own(struct rv_sq_rebuild *r, const struct rv_sq_table *t, struct destination *to)
{
    if (t->sql == NULL || t->dropped || t->system || !run_theirs(r, t->sql))
        return;
    to->made = true;
    r->counts.tables++;
    unsigned given = rowid_name(t) != NULL;
    sqlite3_str *sql = sqlite3_str_new(r->db);
    sqlite3_str_appendf(sql, "INSERT INTO \"%w\"(%s", t->name, given ? rowid_name(t) : "");
    for (unsigned i = 0; i < t->count; i++)
        if (is_given(t, i))
            sqlite3_str_appendf(sql, "%s\"%w\"", given++ > 0 ? "," : "", t->columns[i].name);
    sqlite3_str_appendall(sql, ") VALUES(?");
    for (unsigned i = 1; i < given; i++)
        sqlite3_str_appendall(sql, ",?");
    sqlite3_str_appendall(sql, ")");
    to->own = prepare_text(r, sql);
}

/* T_recovered: the columns without types (values stay as they were stored), then what is known of each row. */
static bool make_beside(struct rv_sq_rebuild *r, uint16_t number, struct rv_error *err)
{
    static const char *const known[] = { "rowid", "status", "confidence", "source", "page", "offset", "cell" };
    const struct rv_sq_table *t = r->from->tables[number];
    struct destination *to = &r->to[number];
    char name[NAME_MAX_BYTES];
    to->tried = true;
    snprintf(name, sizeof name, "%.400s_recovered", t->name != NULL ? t->name : "nameless");
    for (unsigned k = 2; name_is_taken(r, name) && k < 10000; k++)
        snprintf(name, sizeof name, "%.400s_recovered_%u", t->name != NULL ? t->name : "nameless", k);
    sqlite3_str *sql = sqlite3_str_new(r->db);
    sqlite3_str_appendf(sql, "CREATE TABLE \"%w\"(", name);
    for (unsigned i = 0; i < t->count; i++)
        if (t->columns[i].name != NULL)
            sqlite3_str_appendf(sql, "\"%w\",", t->columns[i].name);
        else
            sqlite3_str_appendf(sql, "c%u,", i + 1);
    for (unsigned i = 0; i < RV_COUNT(known); i++) {
        char own[64];
        snprintf(own, sizeof own, "_%s", known[i]);
        for (unsigned k = 2; has_column(t, own) && k < 100; k++)
            snprintf(own, sizeof own, "_%s_%u", known[i], k);
        sqlite3_str_appendf(sql, "%s%s", i > 0 ? "," : "", own);
    }
    sqlite3_str_appendall(sql, ")");
    char *text = sqlite3_str_finish(sql);
    bool fine = text != NULL && run(r, text);
    sqlite3_free(text);
    if (!fine)
        return fail_sql(r, "making a table for recovered rows", err);
    r->counts.recovered_tables++;
    sql = sqlite3_str_new(r->db);
    sqlite3_str_appendf(sql, "INSERT INTO \"%w\" VALUES(?", name);
    for (unsigned i = 1; i < t->count + RV_COUNT(known); i++)
        sqlite3_str_appendall(sql, ",?");
    sqlite3_str_appendall(sql, ")");
    to->beside = prepare_text(r, sql);
    return to->beside != NULL || fail_sql(r, "preparing rows", err);
}

bool rv_sq_rebuild_schema(void *context, const struct rv_sq_db *db, struct rv_error *err)
{
    struct rv_sq_rebuild *r = context;
    r->from = db;
    r->to = rv_alloc_array(db->table_count, sizeof *r->to);
    r->texts = rv_alloc_array((size_t)db->text_count + 1, sizeof *r->texts);
    if (r->to == NULL || r->texts == NULL)
        return rv_fail_nomem(err);
    r->table_count = db->table_count;
    for (unsigned i = 0; i < db->table_count; i++)
        make_own(r, db->tables[i], &r->to[i]);
    for (; r->text_count < db->text_count; r->text_count++) {
        struct rv_sq_text *copy = &r->texts[r->text_count];
        copy->name = rv_text_copy(db->texts[r->text_count].name);
        copy->sql = rv_text_copy(db->texts[r->text_count].sql);
        if (copy->name == NULL || copy->sql == NULL)
            return rv_fail_nomem(err);
    }
    return true;
}

/* ---- rows ---- */

static bool bind(struct rv_sq_rebuild *r, sqlite3_stmt *s, int at, const struct rv_sq_value *v,
                 enum rv_sq_encoding encoding, struct rv_error *err)
{
    int code;
    switch (v->kind) {
    case RV_SQ_NULL:
    case RV_SQ_UNKNOWN:
        code = sqlite3_bind_null(s, at);
        break;
    case RV_SQ_REAL:
        code = sqlite3_bind_double(s, at, v->real);
        break;
    case RV_SQ_BLOB:
        code =
            sqlite3_bind_blob64(s, at, v->bytes.len ? (const void *)v->bytes.ptr : "", v->bytes.len, SQLITE_TRANSIENT);
        break;
    case RV_SQ_TEXT:
        if (!rv_sq_text_to_utf8(v->bytes, encoding, &r->text, err))
            return false;
        code = sqlite3_bind_text64(s, at, r->text.len ? (const char *)r->text.data : "", r->text.len, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
        break;
    default:
        code = sqlite3_bind_int64(s, at, v->integer);
    }
    return code == SQLITE_OK || fail_sql(r, "taking a value", err);
}

static bool bind_columns(struct rv_sq_rebuild *r, sqlite3_stmt *s, int at, const struct rv_sq_found *f, bool all,
                         struct rv_error *err)
{
    const struct rv_sq_table *t = f->row->table;
    for (unsigned i = 0; i < t->count; i++) {
        bool ours;
        if (!all && !is_given(t, i))
            continue;
        struct rv_sq_value v = rv_sq_shown_value(f->row, i, &ours);
        if (!bind(r, s, at++, &v, ours ? RV_SQ_UTF8 : f->encoding, err))
            return false;
    }
    return true;
}

/* False without an error: the table's own rules refuse the row (a number twice, a missing value). */
static bool put_own(struct rv_sq_rebuild *r, sqlite3_stmt *s, const struct rv_sq_found *f, struct rv_error *err)
{
    bool rowid = rowid_name(f->row->table) != NULL;
    if (rowid)
        sqlite3_bind_int64(s, 1, f->row->rowid);
    bool fine = bind_columns(r, s, 1 + rowid, f, false, err) && sqlite3_step(s) == SQLITE_DONE;
    sqlite3_reset(s);
    r->counts.live_rows += fine;
    return fine;
}

static bool put_beside(struct rv_sq_rebuild *r, sqlite3_stmt *s, const struct rv_sq_found *f, struct rv_error *err)
{
    int at = f->row->table->count;
    const struct rv_sq_hit *hit = f->hit;
    if (!bind_columns(r, s, 1, f, true, err))
        return false;
    if (f->row->rowid_known)
        sqlite3_bind_int64(s, ++at, f->row->rowid);
    else
        sqlite3_bind_null(s, ++at);
    sqlite3_bind_text(s, ++at, rv_sq_status_names[f->status], -1, SQLITE_STATIC);
    sqlite3_bind_double(s, ++at, f->confidence);
    sqlite3_bind_text(s, ++at, rv_sq_origin_names[hit->origin], -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, ++at, hit->number);
    sqlite3_bind_int64(s, ++at, hit->at);
    if (hit->end > hit->at)
        sqlite3_bind_blob(s, ++at, hit->page + hit->at, (int)(hit->end - hit->at), SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(s, ++at);
    bool fine = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_reset(s);
    r->counts.recovered_rows += fine;
    return fine || fail_sql(r, "writing a recovered row", err);
}

bool rv_sq_rebuild_row(void *context, const struct rv_sq_found *f, struct rv_error *err)
{
    struct rv_sq_rebuild *r = context;
    struct destination *to = &r->to[f->hit->table];
    struct rv_error refused = { 0 };
    bool live = f->status == RV_SQ_LIVE || f->status == RV_SQ_SALVAGED;
    if (live && to->own != NULL && put_own(r, to->own, f, &refused))
        return true;
    if (!to->tried && !make_beside(r, f->hit->table, err))
        return false;
    return put_beside(r, to->beside, f, err);
}

/* ---- the end ---- */

/* Virtual tables are a row of the schema alone: their content lies in ordinary tables that exist by now. */
static bool note_virtual(struct rv_sq_rebuild *r, const struct rv_sq_text *text)
{
    sqlite3_stmt *s = NULL;
    bool fine = run(r, "PRAGMA writable_schema=ON") &&
                sqlite3_prepare_v2(r->db, "INSERT INTO sqlite_master VALUES('table', ?1, ?1, 0, ?2)", -1, &s, NULL) ==
                    SQLITE_OK &&
                sqlite3_bind_text(s, 1, text->name, -1, SQLITE_STATIC) == SQLITE_OK &&
                sqlite3_bind_text(s, 2, text->sql, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return run(r, "PRAGMA writable_schema=OFF") && fine;
}

static void make_rest(struct rv_sq_rebuild *r)
{
    for (unsigned i = 0; i < r->text_count; i++) {
        bool is_virtual = strncasecmp(r->texts[i].sql, "CREATE VIRTUAL", 14) == 0;
        r->counts.left_out += !(is_virtual ? note_virtual(r, &r->texts[i]) : run_theirs(r, r->texts[i].sql));
    }
}

static bool is_sound(struct rv_sq_rebuild *r, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    bool asked = sqlite3_prepare_v2(r->db, "PRAGMA integrity_check(1)", -1, &s, NULL) == SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_ROW;
    const char *answer = asked ? (const char *)sqlite3_column_text(s, 0) : NULL;
    bool sound = answer != NULL && strcmp(answer, "ok") == 0;
    if (!sound)
        rv_fail(err, RV_E_CORRUPT, "the new database does not pass the library's check: %s",
                answer != NULL ? answer : sqlite3_errmsg(r->db));
    sqlite3_finalize(s);
    return sound;
}

bool rv_sq_rebuild_finish(struct rv_sq_rebuild *r, struct rv_sq_rebuilt *out, struct rv_error *err)
{
    close_statements(r);
    make_rest(r);
    if (!run(r, "COMMIT"))
        return fail_sql(r, "finishing the new database", err);
    if (!is_sound(r, err))
        return false;
    if (sqlite3_close(r->db) != SQLITE_OK)
        return fail_sql(r, "closing the new database", err);
    r->db = NULL;
    *out = r->counts;
    return rv_atomic_file_commit(r->file, err);
}
