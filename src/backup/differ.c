/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/differ.h"

#include <sqlite3.h>
#include <string.h>

struct differing {
    sqlite3 *db; /* private: the first backup's files */
    sqlite3_stmt *put, *get;
    rv_backup_change_fn *fn;
    void *context;
    struct rv_backup_difference count;
};

static bool fail_sql(struct differing *d, struct rv_error *err)
{
    return rv_fail(err, RV_E_IO, "comparing: %s", sqlite3_errmsg(d->db));
}

static bool take_first(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct differing *d = context;
    if ((row->flags & RV_MBFILE_FILE) == 0 || row->file == NULL)
        return true;
    sqlite3_reset(d->put);
    sqlite3_bind_text(d->put, 1, row->domain, -1, SQLITE_STATIC);
    sqlite3_bind_text(d->put, 2, row->path, -1, SQLITE_STATIC);
    sqlite3_bind_int64(d->put, 3, (sqlite3_int64)row->file->size);
    sqlite3_bind_int64(d->put, 4, row->file->modified);
    sqlite3_bind_blob(d->put, 5, row->file->digest.ptr, (int)row->file->digest.len, SQLITE_STATIC);
    return sqlite3_step(d->put) == SQLITE_DONE || fail_sql(d, err);
}

/* Entries of encrypted backups made under different keys have different digests: size and time tell then. */
static bool is_same(sqlite3_stmt *s, const struct rv_mbfile *f)
{
    size_t len = (size_t)sqlite3_column_bytes(s, 2);
    bool digests = len == 20 && f->digest.len == 20 && f->key.len == 0;
    if (sqlite3_column_int64(s, 0) != (sqlite3_int64)f->size)
        return false;
    return digests ? memcmp(sqlite3_column_blob(s, 2), f->digest.ptr, 20) == 0
                   : sqlite3_column_int64(s, 1) == f->modified;
}

static bool compare_second(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct differing *d = context;
    if ((row->flags & RV_MBFILE_FILE) == 0 || row->file == NULL)
        return true;
    sqlite3_reset(d->get); /* takes the row out of the first: what is left at the end was removed */
    sqlite3_bind_text(d->get, 1, row->domain, -1, SQLITE_STATIC);
    sqlite3_bind_text(d->get, 2, row->path, -1, SQLITE_STATIC);
    if (sqlite3_step(d->get) != SQLITE_ROW) {
        d->count.added++;
        return d->fn(d->context, RV_BACKUP_ADDED, row->domain, row->path, row->file->size, err);
    }
    bool same = is_same(d->get, row->file);
    while (sqlite3_step(d->get) == SQLITE_ROW)
        continue;
    d->count.same += same;
    d->count.changed += !same;
    return same || d->fn(d->context, RV_BACKUP_CHANGED, row->domain, row->path, row->file->size, err);
}

static bool tell_removed(struct differing *d, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    bool fine = sqlite3_prepare_v2(d->db, "SELECT domain, path, size FROM f ORDER BY domain, path", -1, &s, NULL) ==
                    SQLITE_OK ||
                fail_sql(d, err);
    while (fine && sqlite3_step(s) == SQLITE_ROW) {
        d->count.removed++;
        fine = d->fn(d->context, RV_BACKUP_REMOVED, (const char *)sqlite3_column_text(s, 0),
                     (const char *)sqlite3_column_text(s, 1), (uint64_t)sqlite3_column_int64(s, 2), err);
    }
    sqlite3_finalize(s);
    return fine;
}

static bool open_table(struct differing *d, struct rv_error *err)
{
    static const char schema[] =
        "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; CREATE TABLE f(domain TEXT, path TEXT, "
        "size INTEGER, modified INTEGER, digest BLOB, PRIMARY KEY(domain, path)) WITHOUT ROWID; BEGIN";
    return (sqlite3_open("", &d->db) == SQLITE_OK && sqlite3_exec(d->db, schema, NULL, NULL, NULL) == SQLITE_OK &&
            sqlite3_prepare_v2(d->db, "INSERT OR REPLACE INTO f VALUES(?1,?2,?3,?4,?5)", -1, &d->put, NULL) ==
                SQLITE_OK &&
            sqlite3_prepare_v2(d->db, "DELETE FROM f WHERE domain = ?1 AND path = ?2 RETURNING size, modified, digest",
                               -1, &d->get, NULL) == SQLITE_OK) ||
           fail_sql(d, err);
}

bool rv_backup_differ(struct rv_backup *from, struct rv_backup *to, rv_backup_change_fn *fn, void *context,
                      struct rv_backup_difference *out, struct rv_error *err)
{
    struct differing d = { .fn = fn, .context = context };
    bool fine = open_table(&d, err) && rv_backup_each(from, take_first, &d, err) &&
                rv_backup_each(to, compare_second, &d, err) && tell_removed(&d, err);
    sqlite3_finalize(d.put);
    sqlite3_finalize(d.get);
    sqlite3_close(d.db);
    *out = d.count;
    return fine;
}
