/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of files whose rows are destroyed, out of the pages of Manifest.db's own indexes: each entry of an index holds
 * one column and the number of its row (SQLite file format, section 2.5: index b-tree pages). Domain and path of one
 * number give a name when their hash is a file that is here.
 */
#include "backup/mending.h"
#include "base/file.h"
#include "format/sqlite_record.h"

#include <string.h>

enum { PAGE = 4096, INTERIOR = 2, LEAF = 10, INTERIOR_HEAD = 12, LEAF_HEAD = 8, TRIES_MAX = 8000000 };
static const size_t index_max = (size_t)4 << 30;

struct hints {
    struct rv_mending *m;
    sqlite3_stmt *put;
};

static bool put_hint(struct hints *h, const struct rv_sq_value v[2], struct rv_error *err)
{
    sqlite3_reset(h->put);
    sqlite3_bind_int64(h->put, 1, v[1].integer);
    sqlite3_bind_text64(h->put, 2, (const char *)v[0].bytes.ptr, v[0].bytes.len, SQLITE_STATIC, SQLITE_UTF8);
    return sqlite3_step(h->put) == SQLITE_DONE ||
           rv_fail(err, RV_E_IO, "noting a name: %s", sqlite3_errmsg(h->m->rows));
}

static bool is_row_number(const struct rv_sq_value *v)
{
    return (v->kind >= RV_SQ_INT1 && v->kind <= RV_SQ_INT8) || v->kind == RV_SQ_ONE;
}

/* An entry: length, then a record of a text and a row's number. What is none is passed over. */
static bool take_entry(struct hints *h, const uint8_t *page, unsigned at, struct rv_error *err)
{
    const uint8_t *end = page + PAGE, *p = page + at;
    struct rv_sq_value v[3];
    uint64_t len = 0;
    unsigned n = rv_sq_varint(p, end, &len);
    if (n == 0 || len > (uint64_t)(end - p) - n || len > rv_sq_local_size(len, PAGE, false))
        return true;
    if (rv_sq_record_values(rv_span(p + n, (size_t)len), v, 3) != 2 || v[0].kind != RV_SQ_TEXT || v[0].bytes.len == 0 ||
        v[0].bytes.len > RV_MBFILE_PATH_MAX || memchr(v[0].bytes.ptr, 0, v[0].bytes.len) != NULL ||
        !is_row_number(&v[1]))
        return true;
    return put_hint(h, v, err);
}

static bool take_page(struct hints *h, const uint8_t *page, struct rv_error *err)
{
    if (page[0] != LEAF && page[0] != INTERIOR)
        return true;
    unsigned head = page[0] == LEAF ? LEAF_HEAD : INTERIOR_HEAD, cells = rv_sq_u16(page + 3);
    if (head + 2 * cells > PAGE)
        return true;
    for (unsigned i = 0; i < cells; i++) {
        unsigned at = rv_sq_u16(page + head + 2 * (size_t)i) + (page[0] == INTERIOR ? 4 : 0);
        if (at >= head + 2 * cells && at < PAGE && !take_entry(h, page, at, err))
            return false;
    }
    return true;
}

static bool try_query(struct hints *h, const char *sql, rv_mend_name_fn *fn, void *context, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    bool fine = sqlite3_prepare_v2(h->m->rows, sql, -1, &s, NULL) == SQLITE_OK ||
                rv_fail(err, RV_E_IO, "joining names: %s", sqlite3_errmsg(h->m->rows));
    for (unsigned tries = 0; fine && tries < TRIES_MAX && sqlite3_step(s) == SQLITE_ROW; tries++)
        fine = rv_cancel_point(&h->m->ctx->cancel, err) &&
               fn(context, (const char *)sqlite3_column_text(s, 0), (const char *)sqlite3_column_text(s, 1), err);
    sqlite3_finalize(s);
    return fine;
}

bool rv_mend_index_names(struct rv_mending *m, rv_mend_name_fn *fn, void *context, struct rv_error *err)
{
    static const char pairs[] = "SELECT a.text, b.text FROM hint a JOIN hint b ON a.row = b.row AND a.text <> b.text";
    static const char crossed[] =
        "SELECT d.domain, p.text FROM (SELECT DISTINCT domain FROM rows) d, (SELECT DISTINCT text FROM hint) p";
    struct hints h = { .m = m };
    struct rv_error none = { 0 };
    const char *path = rv_backup_index_path(m->b);
    RV_AUTO(rv_blob) bytes = path != NULL ? rv_file_read(path, index_max, &none) : NULL;
    if (bytes == NULL || m->mbdb)
        return true;
    bool fine =
        (sqlite3_exec(m->rows, "CREATE TABLE hint(row INTEGER, text TEXT, PRIMARY KEY(row, text)) WITHOUT ROWID", NULL,
                      NULL, NULL) == SQLITE_OK &&
         sqlite3_prepare_v2(m->rows, "INSERT OR IGNORE INTO hint VALUES(?1, ?2)", -1, &h.put, NULL) == SQLITE_OK) ||
        rv_fail(err, RV_E_IO, "making a private table: %s", sqlite3_errmsg(m->rows));
    for (size_t at = PAGE; fine && at + PAGE <= bytes->len; at += PAGE)
        fine = take_page(&h, bytes->data + at, err);
    sqlite3_finalize(h.put);
    return fine && try_query(&h, pairs, fn, context, err) && try_query(&h, crossed, fn, context, err);
}
