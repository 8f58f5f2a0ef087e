/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows for the new index, from whatever still has them: the index that counts, what its pages still hold when it is
 * damaged, the Snapshot's, and older copies beside this backup. A row is believed when its id is the hash of its names.
 */
#include "backup/find.h"
#include "backup/index.h"
#include "backup/mending.h"
#include "base/file.h"
#include "format/mbdb.h"
#include "recover/sqlite_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool rv_mend_open_rows(struct rv_mending *m, struct rv_error *err)
{
    static const char schema[] = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
                                 "CREATE TABLE rows(id TEXT PRIMARY KEY, domain TEXT, path TEXT, flags INTEGER, record "
                                 "BLOB, rank INTEGER, scrap BLOB)"
                                 " WITHOUT ROWID; BEGIN";
    static const char put[] =
        "INSERT INTO rows VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(id) DO UPDATE SET domain=?2, path=?3,"
        " flags=?4, record=?5, rank=?6, scrap=coalesce(scrap, ?7) WHERE ?6 < rank OR (record IS NULL AND ?5 IS NOT "
        "NULL)";
    /* "": a private file of the library that nobody else sees and that goes with it */
    if (sqlite3_open("", &m->rows) != SQLITE_OK || sqlite3_exec(m->rows, schema, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(m->rows, put, -1, &m->put_row, NULL) != SQLITE_OK)
        return rv_fail(err, RV_E_IO, "making a private table: %s", sqlite3_errmsg(m->rows));
    return true;
}

bool rv_mend_put_row(struct rv_mending *m, const struct rv_backup_row *row, int rank, struct rv_error *err)
{
    sqlite3_stmt *s = m->put_row;
    sqlite3_reset(s);
    sqlite3_bind_text(s, 1, row->id, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, row->domain, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, row->path, -1, SQLITE_STATIC);
    sqlite3_bind_int(s, 4, (int)row->flags);
    sqlite3_bind_null(s, 5);
    sqlite3_bind_null(s, 7);
    if (row->record.len > 0) /* what cannot be read may still hold the file's key */
        sqlite3_bind_blob64(s, row->file != NULL ? 5 : 7, row->record.ptr, row->record.len, SQLITE_STATIC);
    sqlite3_bind_int(s, 6, rank);
    if (sqlite3_step(s) == SQLITE_DONE)
        return true;
    return rv_fail(err, sqlite3_errcode(m->rows) == SQLITE_FULL ? RV_E_NOSPACE : RV_E_IO, "keeping a row: %s",
                   sqlite3_errmsg(m->rows));
}

struct gathering {
    struct rv_mending *m;
    int rank;
    bool only_stocked; /* rows of files that are here, and have no row yet */
    uint64_t taken;
};

bool rv_mend_name_is_fine(const char *domain, const char *path)
{
    struct rv_error why = { 0 };
    return rv_place_check(rv_span(domain, strlen(domain)), &why) && strchr(domain, '/') == NULL &&
           (*path == '\0' || rv_place_check(rv_span(path, strlen(path)), &why));
}

bool rv_mend_has_row(struct rv_mending *m, const char *id)
{
    sqlite3_stmt *s = NULL;
    bool has = sqlite3_prepare_v2(m->rows, "SELECT 1 FROM rows WHERE id = ?1", -1, &s, NULL) == SQLITE_OK &&
               sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return has;
}

static bool take_row(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct gathering *g = context;
    struct rv_backup_row fixed = *row;
    char id[RV_BACKUP_ID];
    if (!rv_cancel_point(&g->m->ctx->cancel, err))
        return false;
    if ((row->flags & 16) != 0 && row->record.len == 0)
        return true; /* a placeholder of an unfinished run */
    bool same = rv_backup_id(row->domain, row->path, id, err) && strcmp(id, row->id) == 0;
    if (!same && row->file != NULL && rv_backup_id(row->domain, row->file->path, id, err) && strcmp(id, row->id) == 0) {
        fixed.path = row->file->path; /* the column was changed; id and record agree */
        same = true;
    }
    if (!rv_mend_name_is_fine(fixed.domain, fixed.path)) {
        if (g->rank <= RV_RANK_SALVAGED)
            return rv_mend_put_row(g->m, &fixed, RV_RANK_STRANGE, err);
        return true;
    }
    if (g->only_stocked && (!same || rv_stock_find(g->m, row->id) == NULL || rv_mend_has_row(g->m, row->id)))
        return true;
    g->taken++;
    return rv_mend_put_row(g->m, &fixed, g->rank, err);
}

/* ---- rows out of damaged pages ---- */

static bool take_text(const struct rv_sq_value *v, char *out, size_t room)
{
    if (v->kind != RV_SQ_TEXT || v->bytes.len >= room)
        return false;
    if (v->bytes.len > 0)
        memcpy(out, v->bytes.ptr, v->bytes.len);
    out[v->bytes.len] = '\0';
    return true;
}

static bool take_found(void *context, const struct rv_sq_found *found, struct rv_error *err)
{
    struct gathering *g = context;
    static const int ranks[] = { RV_RANK_SALVAGED, RV_RANK_DELETED, RV_RANK_DELETED, RV_RANK_SALVAGED };
    const struct rv_sq_row *r = found->row;
    struct rv_error bad = { 0 };
    char domain[RV_MBDB_DOMAIN_MAX], path[RV_MBFILE_PATH_MAX], id[RV_BACKUP_ID];
    struct rv_backup_row row = { .domain = domain, .path = path };
    if (r->count < 4 || !take_text(&r->values[1], domain, sizeof domain) ||
        !take_text(&r->values[2], path, sizeof path) || !rv_backup_id(domain, path, row.id, err))
        return true;
    if (take_text(&r->values[0], id, sizeof id) && strcmp(id, row.id) != 0)
        return true; /* not a row of Files, or not in one piece */
    bool number = r->values[3].kind != RV_SQ_UNKNOWN && r->values[3].kind != RV_SQ_NULL;
    row.flags = number && r->values[3].integer > 0 ? (uint32_t)r->values[3].integer : RV_MBFILE_FILE;
    struct rv_mbfile *file = rv_alloc(sizeof *file);
    if (file == NULL)
        return rv_fail_nomem(err);
    if (r->count > 4 && r->values[4].kind == RV_SQ_BLOB) {
        row.record = r->values[4].bytes;
        row.file = rv_mbfile_parse(row.record, file, &bad) && strcmp(file->path, path) == 0 ? file : NULL;
    }
    struct gathering one = *g;
    one.rank = ranks[found->status];
    one.only_stocked = one.rank == RV_RANK_DELETED || g->only_stocked;
    bool fine = take_row(&one, &row, err);
    rv_free(file);
    return fine;
}

static bool may_go_on(const struct rv_error *why, struct rv_error *err)
{
    if (why->code == RV_E_FORMAT || why->code == RV_E_CORRUPT || why->code == RV_E_NOT_FOUND)
        return true;
    *err = *why;
    return false;
}

/* The first page of an empty index: what the search learns the columns from. */
static bool lend_schema(struct rv_blob *bytes, struct rv_error *err)
{
    enum { PAGE = 4096 };
    sqlite3 *db = NULL;
    sqlite3_int64 len = 0;
    bool made =
        sqlite3_open(":memory:", &db) == SQLITE_OK && sqlite3_exec(db, rv_index_schema, NULL, NULL, NULL) == SQLITE_OK;
    unsigned char *own = made ? sqlite3_serialize(db, "main", &len, 0) : NULL;
    bool fine = own != NULL && len >= PAGE && bytes->len >= PAGE;
    if (fine) {
        memcpy(bytes->data, own, PAGE);
        rv_put_u32be(bytes->data + 28, (uint32_t)(bytes->len / PAGE));
    }
    sqlite3_free(own);
    sqlite3_close(db);
    return fine || rv_fail(err, RV_E_FORMAT, "no page of the index is whole");
}

/* An index whose first page is gone has forgotten its columns, and they are always the same. */
static bool salvage_lent(struct gathering *g, const char *path, const struct rv_sq_scan_options *options,
                         struct rv_error *err)
{
    struct rv_sq_verdict verdict;
    struct rv_error why = { 0 };
    RV_AUTO(rv_blob) bytes = rv_file_read(path, (size_t)4 << 30, &why);
    if (bytes == NULL || !lend_schema(bytes, &why))
        return may_go_on(&why, err);
    struct rv_sq_files files = { .database = rv_blob_span(bytes) };
    return rv_sq_scan_bytes(g->m->ctx, &files, options, take_found, g, &verdict, &why) || may_go_on(&why, err);
}

static bool knows_its_columns(const char *path)
{
    static const char word[] = "CREATE TABLE Files";
    uint8_t page[4096];
    struct rv_error none = { 0 };
    RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && rv_fd_read_at(fd, page, sizeof page, 0, &none) &&
           memmem(page, sizeof page, word, sizeof word - 1) != NULL;
}

static bool salvage(struct gathering *g, const char *path, struct rv_error *err)
{
    struct rv_sq_scan_options options = { .live = true, .salvage = true, .threads = 1 };
    struct rv_sq_verdict verdict;
    struct rv_error why = { 0 };
    g->m->out->index_rebuilt = true;
    if (!knows_its_columns(path))
        return salvage_lent(g, path, &options, err);
    return rv_sq_scan(g->m->ctx, path, &options, take_found, g, &verdict, &why) || may_go_on(&why, err);
}

/* ---- Manifest.mbdb goes on behind damage ---- */

static bool salvage_mbdb(struct gathering *g, struct rv_backup *source, struct rv_error *err)
{
    struct rv_mbdb db;
    size_t gap;
    struct rv_error why = { 0 };
    RV_AUTO(rv_blob) bytes = rv_backup_mbdb_bytes(source, &why);
    struct rv_mbdb_record *rec = rv_alloc(sizeof *rec);
    bool fine = rec != NULL || rv_fail_nomem(err);
    if (bytes == NULL || bytes->len < 6) {
        rv_free(rec);
        return fine;
    }
    db = (struct rv_mbdb){ .in = rv_blob_span(bytes), .at = 6 };
    do {
        while (fine && rv_mbdb_next(&db, rec, &why)) {
            struct rv_backup_row row = { .domain = rec->domain,
                                         .path = rec->file.path,
                                         .flags = rv_mbfile_kind(&rec->file),
                                         .file = &rec->file,
                                         .record = rv_span(bytes->data + rec->at, rec->end - rec->at) };
            fine = rv_backup_id(row.domain, row.path, row.id, err) && take_row(g, &row, err);
        }
        gap = db.at;
    } while (fine && why.code != RV_OK && (rv_mbdb_skip(&db) || db.at > gap) &&
             rv_mend_note_gap(g->m, rv_span(bytes->data + gap, db.at - gap), err) && db.at < bytes->len);
    rv_free(rec);
    return fine;
}

/* ---- sources ---- */

static bool gather_from(struct rv_mending *m, struct rv_backup *source, int rank, struct rv_error *err)
{
    struct gathering g = { .m = m, .rank = rank, .only_stocked = rank >= RV_RANK_DELETED };
    struct rv_error why = { 0 };
    int version;
    if (source->kind == RV_BACKUP_MBDB)
        return salvage_mbdb(&g, source, err);
    bool open = rv_backup_open_index(source, &why);
    if (!open && (why.code == RV_E_NOMEM || why.code == RV_E_NOSPACE || why.code == RV_E_CANCELLED)) {
        *err = why;
        return false;
    }
    if (open && rv_backup_index_sound(source, &version, &why))
        return rv_backup_each(source, take_row, &g, err);
    if (rank == RV_RANK_OLDER || rv_backup_index_path(source) == NULL)
        return true;
    rv_tell_step(m->ctx, "salvage", "Searching the damaged index page by page");
    if (!salvage(&g, rv_backup_index_path(source), err))
        return false;
    why.code = RV_OK;
    return !open || rv_backup_each(source, take_row, &g, &why) || why.code == RV_E_CORRUPT ||
           rv_fail(err, why.code, "%s", why.text[0]);
}

static struct rv_backup *look_inside(struct rv_mending *m, const char *path, const char *tail)
{
    char name[RV_PLACE_MAX];
    struct rv_error none = { 0 };
    snprintf(name, sizeof name, "%s/%s", path, tail);
    struct rv_backup *b = rv_backup_look(m->ctx, name, &none);
    if (b == NULL)
        return NULL;
    b->past_bad_spots = true;
    /* A copy with the same bag opens with the same keys; another one with its own. */
    if (m->encrypted && b->has_keybag && memcmp(b->keybag.uuid, m->b->keybag.uuid, 16) == 0) {
        memcpy(b->keys, m->b->keys, sizeof b->keys);
        b->unlocked = true;
    } else if (m->encrypted && b->has_keybag && m->options->password != NULL) {
        rv_backup_unlock(b, m->options->password, &none);
    }
    return b;
}

/* Encrypted: an older copy's rows hold keys that only its own keybag opens. */
static bool rows_are_usable(const struct rv_mending *m, const struct rv_backup *other)
{
    return !m->encrypted || (other->has_keybag && memcmp(other->keybag.uuid, m->b->keybag.uuid, 16) == 0);
}

/* Other folders beside this one; with a dot only what revive keeps of this phone while it makes a new backup. */
static bool may_be_older(const char *name, const char *own)
{
    size_t len = rv_backup_udid_of(own);
    if (*name != '.')
        return strcmp(name, own) != 0;
    return len > 0 && strncmp(name + 1, own, len) == 0 && strstr(name, ".mending") == NULL;
}

static bool gather_older(struct rv_mending *m, struct rv_error *err)
{
    RV_AUTO_TEXT parent = rv_text_copy(m->b->path);
    char *slash = parent != NULL ? strrchr(parent, '/') : NULL;
    struct dirent **names = NULL;
    bool fine = true;
    if (slash == NULL)
        return parent != NULL || rv_fail_nomem(err);
    *slash = '\0';
    int count = scandir(*parent != '\0' ? parent : "/", &names, NULL, alphasort);
    for (int i = count; i-- > 0;) { /* the latest date first */
        if (fine && may_be_older(names[i]->d_name, slash + 1)) {
            RV_AUTO(rv_backup) other = look_inside(m, parent, names[i]->d_name);
            if (other != NULL && other->kind == m->b->kind && rows_are_usable(m, other))
                fine = gather_from(m, other, RV_RANK_OLDER, err);
        }
        free(names[i]);
    }
    free(names);
    return fine;
}

bool rv_mend_gather(struct rv_mending *m, struct rv_error *err)
{
    RV_AUTO(rv_backup) snapshot = look_inside(m, m->b->path, "Snapshot");
    bool has_snapshot = snapshot != NULL && snapshot->kind != RV_BACKUP_NO_INDEX;
    bool top = m->b->kind == RV_BACKUP_MBDB || m->b->kind == RV_BACKUP_DB;
    if (has_snapshot && m->snapshot_first && !gather_from(m, snapshot, RV_RANK_INDEX, err))
        return false;
    int rank = has_snapshot && m->snapshot_first ? RV_RANK_DELETED : RV_RANK_INDEX;
    if (top && !gather_from(m, m->b, rank, err))
        return false;
    if (has_snapshot && !m->snapshot_first && !gather_from(m, snapshot, RV_RANK_DELETED, err))
        return false;
    return gather_older(m, err) && rv_mend_odd_rows(m, err) && rv_mend_strays(m, err) && rv_mend_name_files(m, err);
}
