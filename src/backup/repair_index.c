/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The new index. Manifest.db: page size 4096, auto_vacuum full, header marked WAL, user_version 2 (a phone throws away
 * what has less), encrypted with the ManifestKey when the backup is. Manifest.mbdb: record by record.
 */
#include "backup/mending.h"

#include "base/file.h"
#include "base/private.h"
#include "crypto/cbc.h"
#include "format/mbdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 18, MBDB_MAX = 1 << 30 };

const char rv_index_schema[] =
    "PRAGMA page_size=4096; PRAGMA auto_vacuum=FULL; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
    "CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB);"
    "CREATE INDEX FilesDomainIdx ON Files(domain);"
    "CREATE INDEX FilesRelativePathIdx ON Files(relativePath);"
    "CREATE INDEX FilesFlagsIdx ON Files(flags);"
    "CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB);"
    "PRAGMA user_version=2";

struct rv_index_writer {
    struct rv_mending *m;
    sqlite3 *db;
    sqlite3_stmt *put;
    struct rv_private folder; /* of plain bytes */
    char path[RV_PRIVATE_PATH + 16];
    struct rv_buf mbdb;
};

static bool fail_sql(struct rv_index_writer *w, struct rv_error *err)
{
    return rv_fail(err, sqlite3_errcode(w->db) == SQLITE_FULL ? RV_E_NOSPACE : RV_E_IO, "writing the new index: %s",
                   sqlite3_errmsg(w->db));
}

static bool begin_db(struct rv_index_writer *w, struct rv_error *err)
{
    if (!rv_private_make(&w->folder, err))
        return false;
    snprintf(w->path, sizeof w->path, "%s/Manifest.db", w->folder.path);
    if (sqlite3_open(w->path, &w->db) != SQLITE_OK ||
        sqlite3_exec(w->db, rv_index_schema, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(w->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(w->db, "INSERT OR IGNORE INTO Files VALUES(?1,?2,?3,?4,?5)", -1, &w->put, NULL) != SQLITE_OK)
        return fail_sql(w, err);
    return true;
}

struct rv_index_writer *rv_index_writer_new(struct rv_mending *m, struct rv_error *err)
{
    RV_AUTO(rv_index_writer) w = rv_alloc(sizeof *w);
    if (w == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    w->m = m;
    w->mbdb.cap = MBDB_MAX;
    return (m->mbdb ? rv_mbdb_begin(&w->mbdb, err) : begin_db(w, err)) ? rv_steal(&w) : NULL;
}

void rv_index_writer_free(struct rv_index_writer *w)
{
    if (w == NULL)
        return;
    sqlite3_finalize(w->put);
    sqlite3_close(w->db);
    rv_private_remove(&w->folder);
    rv_buf_clear(&w->mbdb);
    rv_free(w);
}

static bool add_mbdb(struct rv_index_writer *w, const struct rv_backup_row *row, struct rv_error *err)
{
    struct rv_mbdb_record *rec = rv_alloc(sizeof *rec);
    if (rec == NULL)
        return rv_fail_nomem(err);
    snprintf(rec->domain, sizeof rec->domain, "%s", row->domain);
    rec->file = *row->file;
    rec->properties = row->properties;
    rec->property_count = row->property_count;
    bool fine = rv_mbdb_add(rec, &w->mbdb, err);
    rv_free(rec);
    return fine;
}

bool rv_index_writer_add(struct rv_index_writer *w, const struct rv_backup_row *row, struct rv_error *err)
{
    if (w->m->mbdb)
        return add_mbdb(w, row, err);
    sqlite3_reset(w->put);
    sqlite3_bind_text(w->put, 1, row->id, -1, SQLITE_STATIC);
    sqlite3_bind_text(w->put, 2, row->domain, -1, SQLITE_STATIC);
    sqlite3_bind_text(w->put, 3, row->path, -1, SQLITE_STATIC);
    sqlite3_bind_int(w->put, 4, (int)row->flags);
    sqlite3_bind_blob64(w->put, 5, row->record.ptr, row->record.len, SQLITE_STATIC);
    return sqlite3_step(w->put) == SQLITE_DONE || fail_sql(w, err);
}

static bool is_sound(struct rv_index_writer *w, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    bool sound = sqlite3_prepare_v2(w->db, "PRAGMA integrity_check(1)", -1, &s, NULL) == SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
    sqlite3_finalize(s);
    return sound || fail_sql(w, err);
}

/* Plain or encrypted, into the new folder. */
static bool put_in_place(struct rv_index_writer *w, struct rv_error *err)
{
    struct rv_mending *m = w->m;
    uint8_t key[32];
    struct rv_span wrapped = rv_plist_data(m->manifest, "ManifestKey");
    bool encrypt = m->encrypted && wrapped.len > 0;
    RV_AUTO(rv_blob) piece = rv_blob_new(PIECE + RV_CBC_BLOCK, err);
    RV_AUTO(rv_cbc) cbc = rv_cbc_new(err);
    RV_AUTO_FD in = open(w->path, O_RDWR | O_CLOEXEC);
    RV_AUTO_FD out = rv_place_create(m->to, "Manifest.db", O_WRONLY | O_TRUNC, err);
    if (piece == NULL || cbc == NULL || in < 0 || out < 0 ||
        (encrypt && (!rv_backup_file_key(m->b->keys, wrapped, key, err) || !rv_cbc_start(cbc, true, key, err))))
        return err->code != RV_OK ? false : rv_fail_sys(err, RV_E_IO, errno, "opening the new index");
    rv_wipe(key, sizeof key);
    (void)!pwrite(in, "\2\2", 2, 18); /* as phones leave it */
    for (;;) {
        ssize_t n = read(in, piece->data, PIECE);
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "reading the new index");
        size_t len = (size_t)n;
        if (encrypt && len < PIECE) { /* pages are whole blocks: a block of padding alone ends it */
            memset(piece->data + len, RV_CBC_BLOCK, RV_CBC_BLOCK);
            len += RV_CBC_BLOCK;
        }
        if ((encrypt && !rv_cbc_run(cbc, piece->data, len, piece->data, err)) ||
            !rv_fd_write_all(out, rv_span(piece->data, len), err))
            return false;
        if (n < PIECE)
            return true;
    }
}

bool rv_index_writer_finish(struct rv_index_writer *w, struct rv_error *err)
{
    if (w->m->mbdb)
        return rv_place_write(w->m->to, "Manifest.mbdb", rv_buf_span(&w->mbdb), err);
    sqlite3_finalize(w->put);
    w->put = NULL;
    if (sqlite3_exec(w->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK || !is_sound(w, err))
        return err->code != RV_OK ? false : fail_sql(w, err);
    sqlite3_close(w->db);
    w->db = NULL;
    return put_in_place(w, err);
}
