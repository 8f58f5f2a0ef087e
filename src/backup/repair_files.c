/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of the damaged backup into the new one: as it is when it is whole; else its entry is set to what is there,
 * an encrypted one is cut to whole blocks and closed again, a damaged database is saved row by row.
 */
#include "backup/content.h"
#include "backup/mending.h"
#include "backup/proof.h"
#include "backup/sorts.h"

#include "base/file.h"
#include "base/private.h"
#include "crypto/cbc.h"
#include "crypto/digest.h"
#include "recover/sqlite_rebuild.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 18, BLANK_LEAST = 64 };
static const char magic[] = "SQLite format 3";

struct measuring {
    struct rv_digest *stored, *plain;
    uint8_t head[RV_CONTENT_HEAD];
    size_t head_len;
    bool blank;
    int fd; /* of a private plain copy; -1 none */
};

static bool take_stored(void *context, struct rv_span bytes, struct rv_error *err)
{
    (void)err;
    rv_digest_add(((struct measuring *)context)->stored, bytes);
    return true;
}

static bool take_plain(void *context, struct rv_span bytes, struct rv_error *err)
{
    struct measuring *x = context;
    size_t want = sizeof x->head - x->head_len;
    size_t n = bytes.len < want ? bytes.len : want;
    memcpy(x->head + x->head_len, bytes.ptr, n);
    x->head_len += n;
    x->blank = x->blank && rv_content_is_blank(bytes);
    if (x->plain != NULL)
        rv_digest_add(x->plain, bytes);
    return x->fd < 0 || rv_fd_write_all(x->fd, bytes, err);
}

struct measured {
    struct rv_backup_read got;
    uint8_t stored[20], plain[20];
    bool database;
    bool odd; /* not what its name promises, or nothing but zeroes */
};

static bool measure(struct rv_mending *m, const struct rv_backup_row *row, int fd, struct measured *out,
                    struct rv_error *err)
{
    struct measuring x = { .fd = fd, .blank = true };
    uint8_t digest[RV_DIGEST_MAX];
    x.stored = rv_digest_new(RV_DIGEST_SHA1, err);
    x.plain = x.stored != NULL ? rv_digest_new(RV_DIGEST_SHA1, err) : NULL;
    struct rv_backup_wish wish = {
        .stored_too = take_stored, .plain = take_plain, .past_bad_spots = true, .context = &x
    };
    bool fine = x.plain != NULL && rv_backup_read_file(m->reader, m->b, row, &wish, &out->got, err);
    if (fine) {
        rv_digest_end(x.stored, digest);
        memcpy(out->stored, digest, 20);
        rv_digest_end(x.plain, digest);
        memcpy(out->plain, digest, 20);
        out->odd =
            out->got.plain >= BLANK_LEAST && (x.blank || !rv_content_fits(row->path, rv_span(x.head, x.head_len)));
        out->database = x.head_len == 16 && memcmp(x.head, magic, 16) == 0;
    }
    rv_digest_free(x.stored);
    rv_digest_free(x.plain);
    return fine;
}

static void place_in_new(const struct rv_mending *m, const char *id, char out[64])
{
    if (m->mbdb)
        snprintf(out, 64, "%.40s", id);
    else
        snprintf(out, 64, "%.2s/%.40s", id, id);
}

/* ---- as it is ---- */

static bool put_whole(struct rv_mending *m, const char *from, const char *id, struct rv_error *err)
{
    char to[64];
    const char *from_leaf, *to_leaf;
    place_in_new(m, id, to);
    if (m->options->link) {
        RV_AUTO_FD source = rv_place_parent(m->b->dir, from, false, &from_leaf, err);
        RV_AUTO_FD target = source < 0 ? -1 : rv_place_parent(m->to, to, true, &to_leaf, err);
        if (target < 0)
            return false;
        if (linkat(source, from_leaf, target, to_leaf, 0) == 0 || errno == EEXIST)
            return true;
    }
    return rv_place_copy(m->b->dir, from, m->to, to, err);
}

/* ---- changed: a private plain copy, mended, becomes the stored file ---- */

static bool encrypt_stream(int in, int out, const uint8_t key[32], struct rv_digest *digest, struct rv_error *err)
{
    RV_AUTO(rv_blob) piece = rv_blob_new(PIECE + RV_CBC_BLOCK, err);
    RV_AUTO(rv_cbc) cbc = rv_cbc_new(err);
    if (piece == NULL || cbc == NULL || (key != NULL && !rv_cbc_start(cbc, true, key, err)))
        return false;
    for (;;) {
        size_t len = 0;
        ssize_t n = 1;
        while (len < PIECE && (n = read(in, piece->data + len, PIECE - len)) > 0)
            len += (size_t)n;
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "reading a private copy");
        bool last = len < PIECE;
        if (last && key != NULL) {
            size_t padding = RV_CBC_BLOCK - len % RV_CBC_BLOCK;
            memset(piece->data + len, (int)padding, padding);
            len += padding;
        }
        if ((key != NULL && !rv_cbc_run(cbc, piece->data, len, piece->data, err)) ||
            !rv_fd_write_all(out, rv_span(piece->data, len), err))
            return false;
        rv_digest_add(digest, rv_span(piece->data, len));
        if (last)
            return true;
    }
}

static bool put_changed(struct rv_mending *m, const char *path, const struct rv_backup_row *row, uint8_t digest[20],
                        struct rv_error *err)
{
    char to[64];
    uint8_t key[32], whole[RV_DIGEST_MAX];
    bool encrypted = m->encrypted && row->file->key.len > 0;
    place_in_new(m, row->id, to);
    if (encrypted && !rv_backup_file_key(m->b->keys, row->file->key, key, err))
        return false;
    RV_AUTO(rv_digest) sum = rv_digest_new(RV_DIGEST_SHA1, err);
    RV_AUTO_FD in = open(path, O_RDONLY | O_CLOEXEC);
    RV_AUTO_FD out = in < 0 ? -1 : rv_place_create(m->to, to, O_WRONLY | O_TRUNC, err);
    bool fine = sum != NULL && out >= 0 && encrypt_stream(in, out, encrypted ? key : NULL, sum, err);
    rv_wipe(key, sizeof key);
    if (!fine)
        return err->code != RV_OK ? false : rv_fail_sys(err, RV_E_IO, errno, "opening a private copy");
    rv_digest_end(sum, whole);
    memcpy(digest, whole, 20);
    return true;
}

/* Tables that the salvage adds beside the app's own would be strange to the app. */
static bool drop_added(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    bool fine = sqlite3_open(path, &db) == SQLITE_OK;
    while (fine) {
        char *sql = NULL;
        if (sqlite3_prepare_v2(
                db,
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%\\_recovered%' ESCAPE "
                "'\\' LIMIT 1",
                -1, &s, NULL) == SQLITE_OK &&
            sqlite3_step(s) == SQLITE_ROW)
            sql = sqlite3_mprintf("DROP TABLE \"%w\"", sqlite3_column_text(s, 0));
        sqlite3_finalize(s);
        s = NULL;
        if (sql == NULL)
            break;
        fine = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
        sqlite3_free(sql);
    }
    fine = fine && sqlite3_exec(db, "VACUUM", NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_close(db);
    return fine;
}

/* The rows that live, into a new database of the same tables. False: nothing could be had. */
static bool save_database(struct rv_mending *m, const char *path, const char *saved)
{
    struct rv_error none = { 0 };
    struct rv_sq_scan_options options = { .live = true, .salvage = true, .threads = 1, .schema = rv_sq_rebuild_schema };
    struct rv_sq_verdict verdict;
    struct rv_sq_rebuilt counts = { 0 };
    RV_AUTO(rv_sq_rebuild) rebuild = rv_sq_rebuild_new(m->ctx, saved, &none);
    return rebuild != NULL && rv_sq_scan(m->ctx, path, &options, rv_sq_rebuild_row, rebuild, &verdict, &none) &&
           rv_sq_rebuild_finish(rebuild, &counts, &none) && counts.live_rows > 0 && drop_added(saved);
}

struct private_copy {
    struct rv_private folder;
    char path[RV_PRIVATE_PATH + 8], saved[RV_PRIVATE_PATH + 8];
};

static bool make_private(struct private_copy *p, struct rv_error *err)
{
    if (!rv_private_make(&p->folder, err))
        return false;
    snprintf(p->path, sizeof p->path, "%s/plain", p->folder.path);
    snprintf(p->saved, sizeof p->saved, "%s/saved", p->folder.path);
    return true;
}

static bool mend_inside(struct rv_mending *m, const struct private_copy *p, struct rv_backup_row *row,
                        struct rv_mbfile *file, const struct measured *x, uint8_t digest[20], struct rv_error *err)
{
    const char *content = p->path;
    char why[128];
    struct stat st;
    if (x->database && !rv_backup_database_sound(p->path, why, sizeof why)) {
        rv_findings_add(m->lost, RV_FIND_DATABASE, row->domain, row->path, why);
        if (save_database(m, p->path, p->saved)) {
            content = p->saved;
            m->out->databases_saved++;
        }
    }
    if (stat(content, &st) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "looking at a private copy");
    file->size = (uint64_t)st.st_size;
    m->out->files_mended++;
    return put_changed(m, content, row, digest, err);
}

/* Decrypts into a private copy, mends there, closes it again. */
static bool put_mended(struct rv_mending *m, struct rv_backup_row *row, struct rv_mbfile *file, uint8_t digest[20],
                       struct rv_error *err)
{
    struct private_copy p;
    struct measured x = { .database = false };
    if (!make_private(&p, err))
        return false;
    int fd = open(p.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool fine = fd >= 0 && measure(m, row, fd, &x, err);
    if (fd >= 0)
        close(fd);
    else
        rv_fail_sys(err, RV_E_IO, errno, "making a private copy");
    fine = fine && mend_inside(m, &p, row, file, &x, digest, err);
    rv_private_remove(&p.folder);
    return fine;
}

static bool is_sound_database(struct rv_mending *m, const struct rv_backup_row *row, const struct measured *x)
{
    struct private_copy p;
    struct measured again;
    char why[128];
    struct rv_error none = { 0 };
    if (!x->database || rv_backup_database_of(row->domain, row->path) == NULL || !make_private(&p, &none))
        return true;
    int fd = open(p.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool sound = fd < 0 || !measure(m, row, fd, &again, &none) || rv_backup_database_sound(p.path, why, sizeof why);
    if (fd >= 0)
        close(fd);
    rv_private_remove(&p.folder);
    return sound;
}

/* ---- the decision ---- */

struct fit {
    bool size, digest; /* as the entry says */
    bool proven;       /* its digest is there, and fits */
    uint64_t was;      /* plain size of the entry */
};

static bool lose(struct rv_mending *m, enum rv_finding_kind kind, const struct rv_backup_row *row, const char *why,
                 struct rv_error *err)
{
    rv_findings_add(m->lost, kind, row->domain, row->path, why);
    err->code = RV_OK;
    err->depth = 0;
    return false;
}

static bool put_empty(struct rv_mending *m, const struct rv_backup_row *row, uint8_t digest[20], struct rv_error *err)
{
    char to[64];
    uint8_t sum[RV_DIGEST_MAX];
    place_in_new(m, row->id, to);
    if (!rv_digest_once(RV_DIGEST_SHA1, rv_span("", 0), sum, err))
        return false;
    memcpy(digest, sum, 20);
    return rv_place_write(m->to, to, rv_span("", 0), err);
}

/* What is wrong with the file, told; false: nothing of it can be had. */
static bool tell_harm(struct rv_mending *m, const struct rv_backup_row *row, const struct measured *x,
                      const struct fit *fit)
{
    char words[96];
    if (x->got.unreadable > 0) {
        snprintf(words, sizeof words, "%llu of %llu bytes", (unsigned long long)x->got.unreadable,
                 (unsigned long long)x->got.stored);
        bool all = x->got.unreadable >= x->got.stored;
        rv_findings_add(m->lost, all ? RV_FIND_FILE_UNREADABLE : RV_FIND_FILE_PARTLY, row->domain, row->path, words);
        return !all;
    }
    if (m->borrowed)
        return true; /* what an older copy says of it need not be true of this one */
    if (!fit->size && fit->was > 0 && x->got.stored != 0)
        rv_findings_add(m->lost, RV_FIND_FILE_SIZE, row->domain, row->path, NULL);
    if (!fit->digest)
        rv_findings_add(m->lost, RV_FIND_FILE_DIGEST, row->domain, row->path, NULL);
    else if (x->odd && !fit->proven)
        rv_findings_add(m->lost, RV_FIND_FILE_CONTENT, row->domain, row->path, NULL);
    return true;
}

/* Whether the file is what its entry says. digest: set to that of what is stored, as the entry had it. */
static struct fit compare(const struct rv_mbfile *file, const struct measured *x, bool encrypted, uint8_t digest[20])
{
    struct fit fit = { .was = file->size };
    uint64_t want = encrypted ? (file->size / 16 + 1) * 16 : file->size;
    bool of_plain = file->digest.len == 20 && memcmp(file->digest.ptr, x->plain, 20) == 0;
    bool of_stored = file->digest.len == 20 && memcmp(file->digest.ptr, x->stored, 20) == 0;
    fit.proven = of_plain || of_stored;
    fit.size = x->got.stored == want && !x->got.padding_bad;
    fit.digest = file->digest.len != 20 || fit.proven;
    memcpy(digest, of_plain ? x->plain : x->stored, 20);
    return fit;
}

static bool put_file(struct rv_mending *m, struct rv_backup_row *row, struct rv_mbfile *file, uint8_t digest[20],
                     struct rv_error *err)
{
    struct measured x = { .database = false };
    bool encrypted = m->encrypted && file->key.len > 0;
    if (!measure(m, row, -1, &x, err)) {
        if (err->code == RV_E_NOMEM || err->code == RV_E_CANCELLED)
            return false;
        return lose(m, err->code == RV_E_IO ? RV_FIND_FILE_UNREADABLE : RV_FIND_FILE_KEY, row, err->text[0], err);
    }
    if (m->sizeless) {
        file->size = x.got.plain;
        x.got.padding_bad = false; /* of valid padding the stored size is what the plain one makes it */
    }
    struct fit fit = compare(file, &x, encrypted, digest);
    if (x.got.plain == 0 && file->size > 0)
        return lose(m, RV_FIND_FILE_EMPTY, row, NULL, err);
    if (m->borrowed && encrypted && (!fit.size || !fit.digest))
        return lose(m, RV_FIND_FILE_KEY, row, "its key stood in its entry, which is lost; an older copy's does not fit",
                    err);
    if (!tell_harm(m, row, &x, &fit)) {
        err->code = RV_OK;
        return false;
    }
    bool rewrite = x.got.unreadable > 0 || (encrypted && !fit.size && x.got.stored != 0) ||
                   (x.database && (!fit.size || !fit.digest)) || !is_sound_database(m, row, &x);
    if (rewrite)
        return put_mended(m, row, file, digest, err);
    m->out->files_mended += !fit.size || !fit.digest;
    file->size = x.got.plain;
    return put_whole(m, row->place, row->id, err);
}

bool rv_mend_file(struct rv_mending *m, const char *old_id, struct rv_backup_row *row, struct rv_mbfile *file,
                  uint8_t digest[20], struct rv_error *err)
{
    const struct rv_stock_file *stock = rv_stock_find(m, old_id);
    if (stock == NULL)
        return file->size == 0 ? put_empty(m, row, digest, err) : lose(m, RV_FIND_FILE_MISSING, row, NULL, err);
    if (stock->size == 0 && file->size > 0)
        return lose(m, RV_FIND_FILE_EMPTY, row, NULL, err);
    if (m->encrypted && file->key.len == 0)
        return lose(m, RV_FIND_FILE_KEY, row, "its key stood in its entry, which is lost", err);
    row->place = stock->place;
    row->file = file;
    return put_file(m, row, file, digest, err);
}
