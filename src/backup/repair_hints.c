/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of files whose rows are destroyed, out of the pages of Manifest.db's own indexes: each entry of an index holds
 * one column and the number of its row (SQLite file format, section 2.5: index b-tree pages). Domain and path of one
 * number give a name when their hash is a file that is here.
 */
#include "backup/mending.h"
#include "base/file.h"
#include "crypto/cbc.h"
#include "format/sqlite_record.h"

#include <fcntl.h>
#include <string.h>

enum {
    HEAD = 3 /* of a data object of 44 bytes */,
    PAGE = 4096,
    INTERIOR = 2,
    LEAF = 10,
    INTERIOR_HEAD = 12,
    LEAF_HEAD = 8,
    TRIES_MAX = 8000000
};
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

/* ---- keys in the bytes of rows that are no longer rows ---- */

enum { NEAR = 1200, KEYS_MAX = 1 << 16, LOOKS_MAX = 4000000 };

struct loose_keys {
    struct rv_mending *m;
    struct rv_span bytes;
    size_t *at; /* of the keys */
    size_t count, looks;
};

static bool collect_keys(struct loose_keys *k, struct rv_error *err)
{
    struct rv_span key, rest = k->bytes;
    k->at = rv_alloc_array(KEYS_MAX, sizeof *k->at);
    if (k->at == NULL)
        return rv_fail_nomem(err);
    while (k->count < KEYS_MAX && rv_mbfile_salvage_key(rest, &key)) {
        if ((size_t)(key.ptr - k->bytes.ptr) >= HEAD)
            k->at[k->count++] = (size_t)(key.ptr - k->bytes.ptr);
        rest = rv_span(key.ptr + key.len, k->bytes.len - (size_t)(key.ptr - k->bytes.ptr) - key.len);
    }
    return true;
}

/* The last block, opened with the right key, ends in padding. */
static bool opens(struct rv_mending *m, const struct rv_stock_file *file, const uint8_t key[32])
{
    uint8_t tail[2 * RV_CBC_BLOCK] = { 0 };
    struct rv_error none = { 0 };
    size_t len = file->size >= sizeof tail ? sizeof tail : RV_CBC_BLOCK;
    RV_AUTO(rv_cbc) cbc = rv_cbc_new(&none);
    RV_AUTO_FD fd = rv_place_open(m->b->dir, file->place, O_RDONLY | O_NONBLOCK, &none);
    return cbc != NULL && fd >= 0 && file->size >= RV_CBC_BLOCK && file->size % RV_CBC_BLOCK == 0 &&
           rv_fd_read_at(fd, tail, len, file->size - len, &none) && rv_cbc_start(cbc, false, key, &none) &&
           rv_cbc_run(cbc, tail, len, tail, &none) && rv_cbc_padding(tail + len - RV_CBC_BLOCK) > 0;
}

/* A record has some hundred bytes and names its file: a key beside that name that opens the file is the file's. */
static struct rv_span key_beside(struct loose_keys *k, const struct rv_stock_file *file, const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < k->count && k->looks < LOOKS_MAX; i++, k->looks++) {
        size_t from = k->at[i] > NEAR ? k->at[i] - NEAR : 0;
        size_t to = k->bytes.len - k->at[i] > NEAR ? k->at[i] + NEAR : k->bytes.len;
        struct rv_span wrapped = rv_span(k->bytes.ptr + k->at[i], RV_MBFILE_KEY);
        struct rv_error none = { 0 };
        uint8_t key[32];
        if (memmem(k->bytes.ptr + from, to - from, path, len) == NULL ||
            !rv_backup_file_key(k->m->b->keys, wrapped, key, &none))
            continue;
        bool fits = opens(k->m, file, key);
        rv_wipe(key, sizeof key);
        if (fits)
            return rv_span(wrapped.ptr - HEAD, HEAD + RV_MBFILE_KEY);
    }
    return rv_span(NULL, 0);
}

static bool give_keys(struct loose_keys *k, struct rv_error *err)
{
    static const char wanting[] = "SELECT id, path, scrap FROM rows WHERE record IS NULL OR rank >= ?1";
    static const char give[] = "UPDATE rows SET scrap = ?1 WHERE id = ?2";
    sqlite3_stmt *s = NULL, *put = NULL;
    bool fine = sqlite3_prepare_v2(k->m->rows, wanting, -1, &s, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(k->m->rows, give, -1, &put, NULL) == SQLITE_OK &&
                sqlite3_bind_int(s, 1, RV_RANK_OLDER) == SQLITE_OK;
    while (fine && sqlite3_step(s) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(s, 0);
        struct rv_span key, scrap = rv_span(sqlite3_column_blob(s, 2), (size_t)sqlite3_column_bytes(s, 2));
        const struct rv_stock_file *file = rv_mbfile_salvage_key(scrap, &key) ? NULL : rv_stock_find(k->m, id);
        key = file != NULL ? key_beside(k, file, (const char *)sqlite3_column_text(s, 1)) : rv_span(NULL, 0);
        if (key.len == 0)
            continue;
        sqlite3_reset(put);
        sqlite3_bind_blob64(put, 1, key.ptr, key.len, SQLITE_STATIC);
        sqlite3_bind_text(put, 2, id, -1, SQLITE_STATIC);
        fine = sqlite3_step(put) == SQLITE_DONE && rv_cancel_point(&k->m->ctx->cancel, err);
    }
    sqlite3_finalize(s);
    sqlite3_finalize(put);
    return fine || err->code != RV_OK ? fine : rv_fail(err, RV_E_IO, "giving keys: %s", sqlite3_errmsg(k->m->rows));
}

bool rv_mend_loose_keys(struct rv_mending *m, struct rv_error *err)
{
    struct loose_keys k = { .m = m };
    struct rv_error none = { 0 };
    const char *path = rv_backup_index_path(m->b);
    RV_AUTO(rv_blob) bytes = path != NULL && !m->mbdb ? rv_file_read(path, index_max, &none) : NULL;
    if (bytes == NULL)
        return true;
    k.bytes = rv_blob_span(bytes);
    bool fine = collect_keys(&k, err) && give_keys(&k, err);
    rv_free(k.at);
    return fine;
}
