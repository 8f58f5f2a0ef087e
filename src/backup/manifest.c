/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a backup: Manifest.db by the SQLite library, on a private copy when it is encrypted or has a log beside
 * it (nothing may be written into a backup's folder), or Manifest.mbdb.
 */
#include "backup/index.h"
#include "backup/place.h"
#include "base/file.h"
#include "base/private.h"
#include "base/text.h"
#include "crypto/cbc.h"
#include "crypto/digest.h"
#include "format/mbdb.h"
#include "recover/sqlite_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 18, MBDB_MAX = 1 << 30, WINDOW = 1 << 20, WINDOW_MAX = 32 << 20 };

struct rv_backup_index {
    sqlite3 *db;
    sqlite3_stmt *has;
    char *path;             /* plain bytes of Manifest.db */
    struct rv_private copy; /* none: the backup's own file is read */
    int mbdb;               /* Manifest.mbdb; -1: it is a Manifest.db */
    uint8_t (*ids)[20];     /* of mbdb, sorted */
    uint64_t rows;
};

/* ---- the private copy ---- */

void rv_backup_index_free(struct rv_backup_index *x)
{
    if (x == NULL)
        return;
    sqlite3_finalize(x->has);
    sqlite3_close(x->db);
    rv_private_remove(&x->copy);
    if (x->mbdb >= 0)
        close(x->mbdb);
    rv_free(x->ids);
    rv_free(x->path);
    rv_free(x);
}

static bool make_folder(struct rv_backup_index *x, struct rv_error *err)
{
    if (!rv_private_make(&x->copy, err))
        return false;
    x->path = rv_path_join(x->copy.path, "Manifest.db", err);
    return x->path != NULL;
}

/* A private copy of what the disk can read. */
static bool copy_past_bad_spots(struct rv_backup *b, struct rv_backup_index *x, const char *name, struct rv_error *err)
{
    uint64_t unreadable = 0, at = 0;
    RV_AUTO(rv_blob) piece = rv_blob_new(PIECE, err);
    RV_AUTO_TEXT path = rv_path_join(x->copy.path, name, err);
    RV_AUTO_FD in = rv_place_open(b->dir, name, O_RDONLY, err);
    RV_AUTO_FD out = in < 0 || path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (piece == NULL || in < 0 || out < 0)
        return err->code != RV_OK ? false : rv_fail_sys(err, RV_E_IO, errno, "copying %s", name);
    for (;;) {
        ssize_t n = rv_place_read_past(in, piece->data, piece->len, at, &unreadable);
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "reading %s", name);
        if (n == 0)
            return true;
        if (!rv_fd_write_all(out, rv_span(piece->data, (size_t)n), err))
            return false;
        at += (uint64_t)n;
    }
}

static bool copy_of(struct rv_backup *b, const struct rv_backup_index *x, const char *name, struct rv_error *err)
{
    RV_AUTO_FD to = open(x->copy.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return to >= 0 ? rv_place_copy(b->dir, name, to, name, err)
                   : rv_fail_sys(err, RV_E_IO, errno, "opening %s", x->copy.path);
}

/* The last block's padding may be missing or wrong: the database says in its header how long it is. */
static bool cut_padding(int fd, uint64_t size, const uint8_t last[RV_CBC_BLOCK], struct rv_error *err)
{
    uint64_t end = size - rv_cbc_padding(last);
    return ftruncate(fd, (off_t)end) == 0 || rv_fail_sys(err, RV_E_IO, errno, "shortening the index");
}

static bool decrypt_to(int in, int out, const uint8_t key[32], bool past_bad_spots, struct rv_error *err)
{
    uint64_t unreadable = 0;
    RV_AUTO(rv_cbc) cbc = rv_cbc_new(err);
    RV_AUTO(rv_blob) piece = rv_blob_new(PIECE, err);
    uint8_t last[RV_CBC_BLOCK] = { 0 };
    uint64_t at = 0;
    if (cbc == NULL || piece == NULL || !rv_cbc_start(cbc, false, key, err))
        return false;
    for (;;) {
        ssize_t n = past_bad_spots ? rv_place_read_past(in, piece->data, piece->len, at, &unreadable)
                                   : pread(in, piece->data, piece->len, (off_t)at);
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "reading Manifest.db");
        size_t whole = (size_t)n / RV_CBC_BLOCK * RV_CBC_BLOCK;
        if (whole == 0)
            break;
        if (!rv_cbc_run(cbc, piece->data, whole, piece->data, err) ||
            !rv_fd_write_all(out, rv_span(piece->data, whole), err))
            return false;
        memcpy(last, piece->data + whole - RV_CBC_BLOCK, RV_CBC_BLOCK);
        at += whole;
    }
    return at == 0 || cut_padding(out, at, last, err);
}

static bool decrypt_index(struct rv_backup *b, struct rv_backup_index *x, struct rv_span wrapped, struct rv_error *err)
{
    uint8_t key[32];
    if (!b->unlocked) {
        rv_fail(err, RV_E_DENIED, "the backup %s is encrypted: its password is needed", b->path);
        return rv_advise(err, RV_ADVICE_BACKUP_PASSWORD_NEEDED);
    }
    if (!rv_backup_file_key(b->keys, wrapped, key, err) || !make_folder(x, err))
        return rv_while(err, "opening the index of %s", b->path);
    RV_AUTO_FD in = rv_place_open(b->dir, "Manifest.db", O_RDONLY, err);
    RV_AUTO_FD out = in < 0 ? -1 : open(x->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool fine = out >= 0 && decrypt_to(in, out, key, b->past_bad_spots, err);
    rv_wipe(key, sizeof key);
    return fine;
}

/* iOS 10.0 and 10.1 left it plain in encrypted backups; ManifestKey alone does not tell. */
static bool is_plain(struct rv_backup *b)
{
    struct rv_error none = { 0 };
    char magic[16] = "";
    RV_AUTO_FD fd = rv_place_open(b->dir, "Manifest.db", O_RDONLY, &none);
    return fd >= 0 && rv_fd_read_at(fd, magic, sizeof magic, 0, &none) && memcmp(magic, "SQLite format 3", 16) == 0;
}

static bool exists(struct rv_backup *b, const char *name)
{
    struct stat st;
    struct rv_error none = { 0 };
    return rv_place_stat(b->dir, name, &st, &none) && st.st_size > 0;
}

/* A stranger's folder may hold a pipe or a link of that name: the library would wait for it, or follow it. */
static bool is_file(struct rv_backup *b, struct rv_error *err)
{
    struct stat st;
    return rv_place_stat(b->dir, "Manifest.db", &st, err) &&
           (S_ISREG(st.st_mode) || rv_fail(err, RV_E_CORRUPT, "Manifest.db is not a file"));
}

static bool settle_path(struct rv_backup *b, struct rv_backup_index *x, struct rv_error *err)
{
    if (!is_file(b, err))
        return false;
    struct rv_span wrapped = rv_plist_data(b->manifest.plist, "ManifestKey");
    if (wrapped.len > 0 && !is_plain(b))
        return decrypt_index(b, x, wrapped, err);
    if (exists(b, "Manifest.db-wal"))
        return make_folder(x, err) && copy_of(b, x, "Manifest.db", err) && copy_of(b, x, "Manifest.db-wal", err);
    if (b->past_bad_spots)
        return make_folder(x, err) && copy_past_bad_spots(b, x, "Manifest.db", err);
    x->path = rv_path_join(b->path, "Manifest.db", err);
    return x->path != NULL;
}

/* ---- Manifest.db ---- */

static bool fail_sql(struct rv_backup_index *x, struct rv_error *err)
{
    int code = x->db != NULL ? sqlite3_errcode(x->db) : SQLITE_NOMEM;
    return rv_fail(err, code == SQLITE_NOMEM ? RV_E_NOMEM : RV_E_CORRUPT, "Manifest.db: %s",
                   x->db != NULL ? sqlite3_errmsg(x->db) : "no memory");
}

static bool open_db(struct rv_backup *b, struct rv_backup_index *x, struct rv_error *err)
{
    if (!settle_path(b, x, err))
        return false;
    bool copy_with_log = x->copy.path[0] != '\0' && exists(b, "Manifest.db-wal");
    if (rv_sqlite_open(x->path, !copy_with_log, &x->db) != SQLITE_OK)
        return fail_sql(x, err);
    sqlite3_exec(x->db, "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0", NULL, NULL, NULL);
    if (sqlite3_prepare_v2(x->db, "SELECT 1 FROM Files WHERE fileID = ?1", -1, &x->has, NULL) != SQLITE_OK)
        return fail_sql(x, err);
    return true;
}

static const char *column_text(sqlite3_stmt *s, int i)
{
    const char *text = (const char *)sqlite3_column_text(s, i);
    return text != NULL ? text : "";
}

static bool each_of_db(struct rv_backup_index *x, rv_backup_row_fn *fn, void *context, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    struct rv_mbfile *file = rv_alloc(sizeof *file);
    bool fine = file != NULL || rv_fail_nomem(err);
    if (fine && sqlite3_prepare_v2(x->db, "SELECT fileID, domain, relativePath, flags, file FROM Files", -1, &s,
                                   NULL) != SQLITE_OK)
        fine = fail_sql(x, err);
    int code = SQLITE_DONE;
    while (fine && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct rv_backup_row row = { .domain = column_text(s, 1),
                                     .path = column_text(s, 2),
                                     .flags = (uint32_t)sqlite3_column_int(s, 3) };
        struct rv_error bad = { 0 };
        snprintf(row.id, sizeof row.id, "%s", column_text(s, 0));
        row.record = rv_span(sqlite3_column_blob(s, 4), (size_t)sqlite3_column_bytes(s, 4));
        row.file = rv_mbfile_parse(row.record, file, &bad) ? file : NULL;
        fine = fn(context, &row, err);
    }
    if (fine && code != SQLITE_DONE)
        fine = fail_sql(x, err);
    sqlite3_finalize(s);
    rv_free(file);
    return fine;
}

/* ---- Manifest.mbdb ---- */

bool rv_backup_id(const char *domain, const char *path, char out[RV_BACKUP_ID], struct rv_error *err)
{
    uint8_t digest[RV_DIGEST_MAX];
    char name[RV_MBDB_DOMAIN_MAX + RV_MBFILE_PATH_MAX + 2];
    int len = snprintf(name, sizeof name, "%s-%s", domain, path);
    if (len < 0 || (size_t)len >= sizeof name)
        return rv_fail(err, RV_E_LIMIT, "a domain and path of %d bytes", len);
    if (!rv_digest_once(RV_DIGEST_SHA1, rv_span(name, (size_t)len), digest, err))
        return false;
    rv_text_hex(rv_span(digest, 20), out, RV_BACKUP_ID);
    return true;
}

/*
 * A part of Manifest.mbdb at a time: a million records are some 150 MB. It grows only for a record that does not fit,
 * and none that is one has more than WINDOW_MAX bytes.
 */
struct window {
    int fd;
    uint8_t *bytes;
    size_t len, room;
    uint64_t at; /* in the file, of its first byte */
    bool last;   /* the file ends in it */
};

/* What lies before `from` is done with. False with an error; or without one: it can grow no more. */
static bool move_on(struct window *w, size_t from, struct rv_error *err)
{
    memmove(w->bytes, w->bytes + from, w->len - from);
    w->len -= from;
    w->at += from;
    if (w->len == w->room) {
        uint8_t *more = w->room < WINDOW_MAX ? rv_realloc_array(w->bytes, w->room * 2, 1) : NULL;
        if (more == NULL)
            return w->room < WINDOW_MAX && rv_fail_nomem(err);
        w->bytes = more;
        w->room *= 2;
    }
    while (w->len < w->room) {
        ssize_t n = pread(w->fd, w->bytes + w->len, w->room - w->len, (off_t)(w->at + w->len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "reading Manifest.mbdb");
        w->last = n == 0;
        if (n == 0)
            break;
        w->len += (size_t)n;
    }
    return true;
}

static bool hand_on_record(struct window *w, const struct rv_mbdb_record *rec, rv_backup_row_fn *fn, void *context,
                           struct rv_error *err)
{
    struct rv_backup_row row = { .domain = rec->domain,
                                 .path = rec->file.path,
                                 .flags = rv_mbfile_kind(&rec->file),
                                 .file = &rec->file,
                                 .record = rv_span(w->bytes + rec->at, rec->end - rec->at),
                                 .properties = rec->properties,
                                 .property_count = rec->property_count };
    return rv_backup_id(row.domain, row.path, row.id, err) && fn(context, &row, err);
}

/* All records; what is behind the first one that is none is not reached. */
static bool each_in(struct window *w, struct rv_mbdb_record *rec, rv_backup_row_fn *fn, void *context,
                    struct rv_error *err)
{
    struct rv_mbdb db;
    if (!move_on(w, 0, err) || !rv_mbdb_open(rv_span(w->bytes, w->len), &db, err))
        return false;
    for (;;) {
        struct rv_error why = { 0 };
        if (rv_mbdb_next(&db, rec, &why)) {
            if (!hand_on_record(w, rec, fn, context, err))
                return false;
            continue;
        }
        if (w->last && why.code == RV_OK)
            return true;
        if (w->last || !move_on(w, db.at, err)) {
            if (err->code == RV_OK)
                rv_fail(err, RV_E_CORRUPT, "Manifest.mbdb: the record at byte %llu is cut short or is not one",
                        (unsigned long long)(w->at + (w->last ? db.at : 0)));
            return false;
        }
        db = (struct rv_mbdb){ .in = rv_span(w->bytes, w->len) };
    }
}

static bool each_of_mbdb(struct rv_backup_index *x, rv_backup_row_fn *fn, void *context, struct rv_error *err)
{
    struct window w = { .fd = x->mbdb, .bytes = rv_alloc(WINDOW), .room = WINDOW };
    struct rv_mbdb_record *rec = rv_alloc(sizeof *rec);
    bool fine = (rec != NULL && w.bytes != NULL) || rv_fail_nomem(err);
    fine = fine && each_in(&w, rec, fn, context, err);
    rv_free(rec);
    rv_free(w.bytes);
    return fine;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 20);
}

struct id_list {
    uint8_t (*ids)[20];
    uint64_t count, room;
};

static bool take_id(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct id_list *list = context;
    if (list->count == list->room) {
        uint64_t room = list->room * 2 + 1024;
        void *more = rv_realloc_array(list->ids, room, 20);
        if (more == NULL)
            return rv_fail_nomem(err);
        list->ids = more;
        list->room = room;
    }
    rv_text_unhex(row->id, 40, list->ids[list->count++], 20);
    return true;
}

static bool open_mbdb(struct rv_backup *b, struct rv_backup_index *x, struct rv_error *err)
{
    struct id_list list = { .ids = NULL };
    struct rv_error end = { 0 };
    struct stat st;
    x->mbdb = rv_place_open(b->dir, "Manifest.mbdb", O_RDONLY | O_NONBLOCK, err);
    if (x->mbdb < 0)
        return false;
    if (fstat(x->mbdb, &st) != 0 || !S_ISREG(st.st_mode))
        return rv_fail(err, RV_E_CORRUPT, "Manifest.mbdb is not a file");
    /* where it breaks off is told when rows are asked for; one that does not begin as such is none */
    if (!each_of_mbdb(x, take_id, &list, &end) && (end.code == RV_E_FORMAT || end.code == RV_E_NOMEM)) {
        rv_free(list.ids);
        *err = end;
        return false;
    }
    if (list.count > 0)
        qsort(list.ids, list.count, 20, by_bytes);
    x->ids = list.ids;
    x->rows = list.count;
    return true;
}

/* ---- either ---- */

bool rv_backup_open_index(struct rv_backup *b, struct rv_error *err)
{
    if (b->index != NULL)
        return true;
    struct rv_backup_index *x = rv_alloc(sizeof *x);
    if (x == NULL)
        return rv_fail_nomem(err);
    x->mbdb = -1;
    bool fine = false;
    if (b->kind == RV_BACKUP_DB)
        fine = open_db(b, x, err);
    else if (b->kind == RV_BACKUP_MBDB)
        fine = open_mbdb(b, x, err);
    else if (b->kind == RV_BACKUP_MDINFO)
        rv_fail(err, RV_E_UNSUPPORTED, "%s was made by iOS 1 to 3 (.mdinfo files): revive reads iOS 4 and later",
                b->path);
    else
        rv_fail(err, RV_E_NOT_FOUND, "%s holds no Manifest.db and no Manifest.mbdb", b->path);
    rv_backup_index_free(b->shut);
    b->shut = fine ? NULL : x; /* its plain bytes may still be searched */
    b->index = fine ? x : NULL;
    return fine;
}

bool rv_backup_each(struct rv_backup *b, rv_backup_row_fn *fn, void *context, struct rv_error *err)
{
    return b->index->mbdb >= 0 ? each_of_mbdb(b->index, fn, context, err) : each_of_db(b->index, fn, context, err);
}

uint64_t rv_backup_rows(struct rv_backup *b)
{
    sqlite3_stmt *s = NULL;
    if (b->index->db == NULL || b->index->rows > 0)
        return b->index->rows;
    if (sqlite3_prepare_v2(b->index->db, "SELECT count(*) FROM Files", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        b->index->rows = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return b->index->rows;
}

struct rv_blob *rv_backup_mbdb_bytes(struct rv_backup *b, struct rv_error *err)
{
    struct stat st;
    uint64_t unreadable = 0;
    RV_AUTO_FD fd = rv_place_open(b->dir, "Manifest.mbdb", O_RDONLY | O_NONBLOCK, err);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > MBDB_MAX)
        return NULL;
    RV_AUTO(rv_blob) bytes = rv_blob_new((size_t)st.st_size, err);
    ssize_t n = bytes != NULL ? rv_place_read_past(fd, bytes->data, bytes->len, 0, &unreadable) : -1;
    if (n < 0)
        return NULL;
    bytes->len = (size_t)n;
    return rv_steal(&bytes);
}

bool rv_backup_has(struct rv_backup *b, const char *id)
{
    struct rv_backup_index *x = b->index;
    uint8_t raw[20];
    if (x->db == NULL)
        return rv_text_unhex(id, 40, raw, 20) == 20 && bsearch(raw, x->ids, x->rows, 20, by_bytes) != NULL;
    sqlite3_reset(x->has);
    return sqlite3_bind_text(x->has, 1, id, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(x->has) == SQLITE_ROW;
}

bool rv_backup_index_sound(struct rv_backup *b, int *user_version, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    struct rv_backup_index *x = b->index;
    *user_version = 2;
    if (x->db == NULL)
        return true;
    if (sqlite3_prepare_v2(x->db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        *user_version = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    s = NULL;
    bool asked = sqlite3_prepare_v2(x->db, "PRAGMA integrity_check(1)", -1, &s, NULL) == SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_ROW;
    bool sound = asked && strcmp(column_text(s, 0), "ok") == 0;
    if (!sound)
        rv_fail(err, RV_E_CORRUPT, "Manifest.db: %s", asked ? column_text(s, 0) : sqlite3_errmsg(x->db));
    sqlite3_finalize(s);
    return sound;
}

const char *rv_backup_index_path(const struct rv_backup *b)
{
    return b->index != NULL ? b->index->path : b->shut != NULL ? b->shut->path : NULL;
}

bool rv_backup_is_id(const char *name)
{
    return strlen(name) == 40 && strspn(name, "0123456789abcdef") == 40;
}

/* Below the folder: where finished backups of each generation have it, then where unfinished ones do. */
static void place_of(const char *id, unsigned form, char out[64])
{
    const char *head = form >= 2 ? "Snapshot/" : "";
    if (form % 2 == 0)
        snprintf(out, 64, "%s%.2s/%.40s", head, id, id);
    else
        snprintf(out, 64, "%s%.40s", head, id);
}

bool rv_backup_locate(const struct rv_backup *b, const char *id, char out[64], uint64_t *stored)
{
    for (unsigned form = 0; rv_backup_is_id(id) && form < 4; form++) {
        struct stat st;
        char place[64];
        place_of(id, form, place);
        if (fstatat(b->dir, place, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        memcpy(out, place, sizeof place);
        *stored = (uint64_t)st.st_size;
        return true;
    }
    return false;
}
