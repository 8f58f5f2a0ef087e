/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a repair: lists and keys, stock, rows, files one by one, parents, index, lists, secured on the disk. */
#include "backup/repair.h"

#include "backup/content.h"
#include "backup/find.h"
#include "backup/mending.h"
#include "base/file.h"
#include "format/mbdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TELL_EVERY = 64, RECORD_MAX = 1 << 20, PROTECTION_CLASSES = 12, GAPS_MAX = 16 << 20 };
const char rv_repair_nameless[] = "files without a name";

/* ---- rows ---- */

/* A phone's usual owner: root of its own domains, mobile elsewhere. */
static void fill_defaults(struct rv_mending *m, const struct rv_backup_row *row, uint32_t mode, struct rv_mbfile *f)
{
    static const char *const roots[] = { "RootDomain", "SystemPreferencesDomain", "DatabaseDomain" };
    static uint64_t inode = 1ULL << 40;
    const struct rv_stock_file *stock = rv_stock_find(m, row->id);
    struct stat st;
    struct rv_error none = { 0 };
    *f = (struct rv_mbfile){ .mode = mode, .uid = 501, .gid = 501, .inode = inode++ };
    for (size_t i = 0; i < RV_COUNT(roots); i++)
        if (strcmp(row->domain, roots[i]) == 0)
            f->uid = f->gid = 0;
    f->modified = time(NULL);
    if (stock != NULL && S_ISREG(mode)) {
        f->size = stock->size;
        if (rv_place_stat(m->b->dir, stock->place, &st, &none))
            f->modified = st.st_mtim.tv_sec;
        f->protection = strncmp(row->domain, "App", 3) == 0 ? 3 : 4;
    }
    f->changed = f->born = f->modified;
    snprintf(f->path, sizeof f->path, "%s", row->path);
}

bool rv_mend_read_record(struct rv_mending *m, struct rv_span record, struct rv_backup_row *row,
                         struct rv_mbdb_record *room)
{
    struct rv_error none = { 0 };
    if (record.len == 0)
        return false;
    if (!m->mbdb)
        return rv_mbfile_parse(record, &room->file, &none);
    struct rv_mbdb db = { .in = record };
    if (!rv_mbdb_next(&db, room, &none))
        return false;
    row->properties = room->properties;
    row->property_count = room->property_count;
    return true;
}

/* A record in which a few bytes were changed: what is no longer said is put as phones usually have it. */
static void complete_record(const struct rv_backup_row *row, struct rv_mbfile *f)
{
    uint32_t kind = (row->flags & RV_MBFILE_DIRECTORY) != 0 ? S_IFDIR
                    : (row->flags & RV_MBFILE_LINK) != 0    ? S_IFLNK
                                                            : S_IFREG;
    if (!S_ISREG(f->mode) && !S_ISDIR(f->mode) && !S_ISLNK(f->mode))
        f->mode = kind | (kind == S_IFREG ? 0644 : 0755);
    if (f->protection >= PROTECTION_CLASSES)
        f->protection = f->key.len > 0 ? f->key.ptr[0] : kind == S_IFREG ? 3 : 0;
    f->modified = f->modified > 0 ? f->modified : time(NULL);
    f->changed = f->changed > 0 ? f->changed : f->modified;
    f->born = f->born > 0 ? f->born : f->modified;
}

struct writing {
    struct rv_mending *m;
    struct rv_index_writer *index;
    struct rv_mbdb_record *room;
    sqlite3_stmt *done; /* rows that are in the new index */
    uint64_t at, total;
};

static bool note_done(struct writing *w, const struct rv_backup_row *row, struct rv_error *err)
{
    sqlite3_reset(w->done);
    sqlite3_bind_text(w->done, 1, row->domain, -1, SQLITE_STATIC);
    sqlite3_bind_text(w->done, 2, row->path, -1, SQLITE_STATIC);
    return sqlite3_step(w->done) == SQLITE_DONE ||
           rv_fail(err, RV_E_IO, "noting a row: %s", sqlite3_errmsg(w->m->rows));
}

static bool is_done(struct writing *w, const char *domain, const char *path)
{
    sqlite3_stmt *s = NULL;
    bool done = sqlite3_prepare_v2(w->m->rows, "SELECT 1 FROM done WHERE domain = ?1 AND path = ?2", -1, &s, NULL) ==
                    SQLITE_OK &&
                sqlite3_bind_text(s, 1, domain, -1, SQLITE_STATIC) == SQLITE_OK &&
                sqlite3_bind_text(s, 2, path, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return done;
}

static bool write_row(struct writing *w, struct rv_backup_row *row, bool remake, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) record = RV_BUF(RECORD_MAX);
    if (!w->m->mbdb && remake) {
        if (!rv_mbfile_format(row->file, &record, err))
            return false;
        row->record = rv_buf_span(&record);
    }
    w->m->out->rows_kept++;
    return rv_index_writer_add(w->index, row, err) && note_done(w, row, err);
}

static bool same_record(const struct rv_mbfile *before_path, uint64_t size, struct rv_span digest,
                        const uint8_t now[20], bool had_digest)
{
    return (!had_digest || memcmp(digest.ptr, now, 20) == 0) && before_path->size == size;
}

/* The record as it was, or made of what is left. False: anew. */
static bool settle_record(struct writing *w, struct rv_backup_row *row, struct rv_span scrap)
{
    struct rv_mending *m = w->m;
    struct rv_mbfile *f = &w->room->file;
    struct rv_span key = rv_span(NULL, 0);
    bool readable = rv_mend_read_record(m, row->record, row, w->room);
    bool lost_key = !readable || f->key.len == 0;
    bool own_key =
        m->encrypted &&
        ((scrap.len > 0 && rv_mbfile_salvage_key(scrap, &key)) ||
         (lost_key && !m->mbdb && (row->flags & RV_MBFILE_FILE) != 0 && rv_mbfile_salvage_key(row->record, &key)));
    if (!readable)
        fill_defaults(m, row, (row->flags & 7) == RV_MBFILE_DIRECTORY ? 040755 : 0100644, f);
    m->sizeless = own_key || !readable;
    if (own_key) {
        f->key = key;
        f->digest = rv_span(NULL, 0);
        f->protection = key.ptr[0];
        m->borrowed = false;
    }
    return readable && !own_key;
}

static bool mend_row(struct writing *w, struct rv_backup_row *row, struct rv_span scrap, const char *old_id,
                     struct rv_error *err)
{
    struct rv_mending *m = w->m;
    struct rv_mbfile *f = &w->room->file;
    uint8_t digest[20] = { 0 };
    bool readable = settle_record(w, row, scrap), remake = !readable;
    if (!readable && (row->flags & 7) == RV_MBFILE_LINK)
        return true; /* where it led to is lost */
    if (strcmp(f->path, row->path) != 0) {
        snprintf(f->path, sizeof f->path, "%s", row->path);
        remake = true;
    }
    if (readable && (m->mbdb ? f->protection >= PROTECTION_CLASSES : !f->complete)) {
        complete_record(row, f);
        remake = true;
    }
    row->flags = rv_mbfile_kind(f);
    row->file = f;
    if (row->flags == RV_MBFILE_FILE) {
        uint64_t size = f->size;
        struct rv_span before = f->digest;
        if (!rv_mend_file(m, old_id, row, f, digest, err))
            return err->code == RV_OK;
        bool had = before.len == 20;
        remake = remake || !same_record(f, size, before, digest, had);
        f->digest = had ? rv_span(digest, 20) : rv_span(NULL, 0);
        m->out->files_kept++;
        m->out->files_mended += !readable;
    } else if (!m->encrypted && f->key.len > 0) {
        f->key = rv_span(NULL, 0);
        remake = true;
    }
    return write_row(w, row, remake, err);
}

/* ---- parents of what is kept ---- */

static bool write_folder(struct writing *w, const char *domain, const char *path, struct rv_error *err)
{
    struct rv_backup_row row = { .domain = domain, .path = path, .flags = RV_MBFILE_DIRECTORY };
    if (is_done(w, domain, path))
        return true;
    if (!rv_backup_id(domain, path, row.id, err))
        return false;
    fill_defaults(w->m, &row, 040755, &w->room->file);
    row.file = &w->room->file;
    return write_row(w, &row, true, err);
}

static bool write_parents(struct writing *w, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    bool fine =
        sqlite3_prepare_v2(w->m->rows, "SELECT domain, path FROM done WHERE domain NOT LIKE '%-' AND path <> ''", -1,
                           &s, NULL) == SQLITE_OK;
    while (fine && sqlite3_step(s) == SQLITE_ROW) {
        char domain[RV_MBDB_DOMAIN_MAX + 1], path[RV_MBFILE_PATH_MAX + 1];
        snprintf(domain, sizeof domain, "%s", (const char *)sqlite3_column_text(s, 0));
        snprintf(path, sizeof path, "%s", (const char *)sqlite3_column_text(s, 1));
        for (char *slash; fine && (slash = strrchr(path, '/')) != NULL;) {
            *slash = '\0';
            fine = write_folder(w, domain, path, err);
        }
        fine = fine && write_folder(w, domain, "", err);
    }
    sqlite3_finalize(s);
    return fine;
}

/* ---- the walk ---- */

static void tell(const struct writing *w)
{
    if (w->at % TELL_EVERY != 0 && w->at != w->total)
        return;
    double percent = w->total > 0 ? 100.0 * (double)w->at / (double)w->total : -1;
    rv_tell(w->m->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                           .step = "mend",
                                           .unit = "files",
                                           .done = w->at,
                                           .total = w->total,
                                           .percent = percent });
}

static uint64_t count_rows(struct rv_mending *m)
{
    sqlite3_stmt *s = NULL;
    uint64_t count = 0;
    if (sqlite3_prepare_v2(m->rows, "SELECT count(*) FROM rows", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        count = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return count;
}

static bool mend_one(struct writing *w, sqlite3_stmt *s, struct rv_error *err)
{
    char old_id[RV_BACKUP_ID];
    struct rv_backup_row row = { .domain = (const char *)sqlite3_column_text(s, 1),
                                 .path = (const char *)sqlite3_column_text(s, 2),
                                 .flags = (uint32_t)sqlite3_column_int(s, 3) };
    row.record = rv_span(sqlite3_column_blob(s, 4), (size_t)sqlite3_column_bytes(s, 4));
    snprintf(old_id, sizeof old_id, "%s", (const char *)sqlite3_column_text(s, 0));
    w->at++;
    struct rv_span scrap = rv_span(sqlite3_column_blob(s, 6), (size_t)sqlite3_column_bytes(s, 6));
    w->m->borrowed = sqlite3_column_int(s, 5) >= RV_RANK_OLDER;
    tell(w);
    if (!rv_backup_id(row.domain, row.path, row.id, err))
        return false;
    if (is_done(w, row.domain, row.path))
        return true; /* the same file under another id */
    return mend_row(w, &row, scrap, old_id, err);
}

static bool walk_rows(struct writing *w, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    /* rows whose id fits their names come before those that were tampered with */
    bool fine =
        sqlite3_prepare_v2(w->m->rows,
                           "SELECT id, domain, path, flags, record, rank, scrap FROM rows ORDER BY domain, path, rank",
                           -1, &s, NULL) == SQLITE_OK ||
        rv_fail(err, RV_E_IO, "reading the rows: %s", sqlite3_errmsg(w->m->rows));
    while (fine && sqlite3_step(s) == SQLITE_ROW)
        fine = rv_cancel_point(&w->m->ctx->cancel, err) && mend_one(w, s, err);
    sqlite3_finalize(s);
    return fine;
}

static bool write_all(struct rv_mending *m, struct rv_error *err)
{
    struct writing w = { .m = m, .total = count_rows(m) };
    RV_AUTO(rv_index_writer) index = rv_index_writer_new(m, err);
    w.index = index;
    w.room = rv_alloc(sizeof *w.room);
    bool fine = index != NULL && (w.room != NULL || rv_fail_nomem(err));
    fine = fine &&
           (sqlite3_exec(m->rows, "CREATE TABLE done(domain TEXT, path TEXT, PRIMARY KEY(domain, path)) WITHOUT ROWID",
                         NULL, NULL, NULL) == SQLITE_OK &&
            sqlite3_prepare_v2(m->rows, "INSERT OR IGNORE INTO done VALUES(?1, ?2)", -1, &w.done, NULL) == SQLITE_OK);
    rv_tell_step(m->ctx, "mend", "Putting every file that can be read into the new backup");
    fine = fine && walk_rows(&w, err) && write_parents(&w, err);
    sqlite3_finalize(w.done);
    rv_free(w.room);
    if (fine && m->out->files_kept == 0 && m->encrypted && m->stock.count > 0) {
        rv_fail(err, RV_E_CORRUPT,
                "the index, with the key of each of its %zu files, is lost: no copy in Snapshot or beside it",
                m->stock.count);
        rv_while(err, "it is encrypted: the password alone opens none of its files");
        return rv_advise(err, RV_ADVICE_BACKUP_KEYS_LOST);
    }
    if (fine && m->out->files_kept == 0) {
        rv_fail(err, RV_E_CORRUPT, "no file of %s can be brought back", m->b->path);
        return rv_advise(err, RV_ADVICE_REPAIR_NOTHING_LEFT);
    }
    return fine && rv_index_writer_finish(index, err);
}

/* ---- files that nothing names are kept beside the new backup, for people to look through ---- */

static bool keep_one(struct rv_mending *m, int beside, const struct rv_stock_file *file, struct rv_error *err)
{
    char name[RV_PLACE_PART_MAX + 64];
    uint8_t head[RV_CONTENT_HEAD];
    uint64_t unreadable = 0;
    struct rv_error why = { 0 };
    const char *slash = strrchr(file->place, '/'), *leaf = slash != NULL ? slash + 1 : file->place;
    RV_AUTO_FD fd = rv_place_open(m->b->dir, file->place, O_RDONLY | O_NONBLOCK, &why);
    ssize_t n = fd >= 0 ? rv_place_read_past(fd, head, sizeof head, 0, &unreadable) : 0;
    const struct rv_content *content = n > 0 ? rv_content_of(rv_span(head, (size_t)n)) : NULL;
    snprintf(name, sizeof name, "%s/%s%s", rv_repair_nameless, file->id[0] != '\0' ? file->id : leaf,
             content != NULL ? content->ending : "");
    if (fd >= 0 && rv_place_copy(m->b->dir, file->place, beside, name, &why))
        m->out->files_nameless++;
    else if (why.code == RV_E_NOSPACE)
        return rv_fail(err, why.code, "%s", why.text[0]);
    return true;
}

static bool keep_nameless(struct rv_mending *m, int beside, struct rv_error *err)
{
    const struct rv_stock *stock = &m->stock;
    bool fine = true;
    if (m->encrypted)
        return true; /* their keys are lost with their entries */
    for (size_t i = 0; fine && i < stock->count; i++) {
        const struct rv_stock_file *file = &stock->files[i];
        bool again = i > 0 && strcmp(file->id, stock->files[i - 1].id) == 0;
        if (!again && file->size > 0 && !rv_mend_has_row(m, file->id))
            fine = keep_one(m, beside, file, err);
    }
    for (size_t i = 0; fine && i < stock->stray_count; i++)
        if (stock->strays[i].id[0] == '\0')
            fine = keep_one(m, beside, &stock->strays[i], err);
    return fine;
}

/* ---- the folder ---- */

static void name_new_folder(const struct rv_mending *m, char *out, size_t room)
{
    const char *id = rv_plist_text(m->info, "Target Identifier"), *slash = strrchr(m->b->path, '/');
    const char *own = slash != NULL ? slash + 1 : m->b->path;
    size_t len = rv_backup_udid_of(own);
    if (id == NULL || rv_backup_udid_of(id) != strlen(id))
        snprintf(out, room, "%.*s", len > 0 ? (int)len : 60, own);
    else
        snprintf(out, room, "%s", id);
}

/* Only what has been read back gets the name under which it is taken for a backup. */
static bool prove(struct rv_mending *m, const char *working, struct rv_error *err)
{
    RV_AUTO_TEXT path = rv_path_join(m->options->to, working, err);
    return path != NULL && (m->options->prove == NULL || m->options->prove(m->options->context, path, err));
}

static bool fill_folder(struct rv_mending *m, const char *name, int beside, struct rv_error *err)
{
    char working[96];
    snprintf(working, sizeof working, ".%.70s.mending", name);
    if (!rv_place_remove(beside, working, err) || !rv_place_folder(beside, working, err))
        return false;
    m->to = rv_place_open(beside, working, O_RDONLY | O_DIRECTORY, err);
    bool fine = m->to >= 0 && write_all(m, err) && rv_mend_write_lists(m, err) && keep_nameless(m, beside, err);
    if (fine && syncfs(m->to) != 0)
        fine = rv_fail_sys(err, RV_E_IO, errno, "securing the new backup on the disk");
    if (m->to >= 0)
        close(m->to);
    struct rv_error ignored = { 0 };
    fine = fine && prove(m, working, err);
    fine = fine && (rv_place_rename_new(beside, working, beside, name) == 0 ||
                    rv_fail_sys(err, RV_E_IO, errno, "giving the new backup its name %s", name));
    if (!fine)
        rv_place_remove(beside, working, &ignored);
    return fine;
}

static bool make_new(struct rv_mending *m, struct rv_error *err)
{
    char name[80];
    struct stat st;
    struct rv_error none = { 0 };
    name_new_folder(m, name, sizeof name);
    if (!rv_dir_make(m->options->to, err))
        return false;
    RV_AUTO_FD beside = open(m->options->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (beside < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", m->options->to);
    if (rv_place_stat(beside, name, &st, &none))
        return rv_fail(err, RV_E_USAGE, "%s/%s exists already: nothing is overwritten, name another place with --to",
                       m->options->to, name);
    m->out->folder = rv_path_join(m->options->to, name, err);
    return m->out->folder != NULL && fill_folder(m, name, beside, err);
}

static void clear(struct rv_mending *m)
{
    const plist_t lists[] = { m->info, m->status, m->manifest };
    for (size_t i = 0; i < RV_COUNT(lists); i++)
        if (lists[i] != NULL)
            plist_free(lists[i]);
    rv_buf_clear(&m->gaps);
    sqlite3_finalize(m->put_row);
    sqlite3_close(m->rows);
    rv_stock_clear(&m->stock);
    rv_backup_reader_free(m->reader);
}

/* Which generation the new one is: as the old one was, or as its files lie. */
static bool is_mbdb(const struct rv_backup *b)
{
    struct stat st;
    struct rv_error none = { 0 };
    if (rv_place_stat(b->dir, "Manifest.mbdb", &st, &none) ||
        rv_place_stat(b->dir, "Snapshot/Manifest.mbdb", &st, &none))
        return !rv_place_stat(b->dir, "Manifest.db", &st, &none);
    return b->kind == RV_BACKUP_MBDB;
}

bool rv_backup_repair(struct rv_backup *b, const struct rv_repair_options *options, struct rv_findings *lost,
                      struct rv_repaired *out, struct rv_error *err)
{
    struct rv_mending m = {
        .ctx = b->ctx, .b = b, .options = options, .lost = lost, .out = out, .to = -1, .gaps = RV_BUF(GAPS_MAX)
    };
    struct stat st;
    struct rv_error none = { 0 };
    *out = (struct rv_repaired){ .folder = NULL };
    b->past_bad_spots = true;
    m.mbdb = is_mbdb(b);
    b->kind = m.mbdb ? RV_BACKUP_MBDB : RV_BACKUP_DB;
    bool top = rv_place_stat(b->dir, m.mbdb ? "Manifest.mbdb" : "Manifest.db", &st, &none) && st.st_size > 0;
    m.snapshot_first = b->state == RV_BACKUP_MOVING || !top;
    m.reader = rv_backup_reader_new(err);
    bool fine = m.reader != NULL && rv_stock_take(&m, err) && rv_mend_lists(&m, err);
    if (fine)
        rv_tell_step(m.ctx, "gather", "Gathering what is left of the index");
    fine = fine && rv_mend_open_rows(&m, err) && rv_mend_gather(&m, err) && make_new(&m, err);
    clear(&m);
    return fine || rv_while(err, "mending %s", b->path);
}
