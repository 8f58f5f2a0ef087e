/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/source.h"

#include "base/file.h"
#include "base/text.h"
#include "recover/sqlite_open.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TABLE_NAMES_MAX = 64 };

void rv_source_file_clear(struct rv_source_file *file)
{
    rv_free(file->domain);
    rv_free(file->path);
    rv_free(file->at);
    *file = (struct rv_source_file){ 0 };
}

bool rv_path_matches(const char *pattern, const char *path)
{
    const char *star = NULL, *back = NULL;
    bool deep = false;
    while (*path != '\0') {
        if (*pattern == '*') {
            deep = pattern[1] == '*';
            pattern += deep ? 2 : 1;
            star = pattern;
            back = path;
        } else if (*pattern == *path) {
            pattern++;
            path++;
        } else if (star != NULL && (deep || *back != '/')) {
            pattern = star;
            path = ++back;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

struct rv_source *rv_source_new(struct rv_ctx *ctx, const struct rv_source_kind *kind, const char *from,
                                struct rv_error *err)
{
    RV_AUTO(rv_source) source = rv_alloc(sizeof *source);
    if (source == NULL || (source->from = rv_text_copy(from)) == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    source->ctx = ctx;
    source->kind = kind;
    return rv_steal(&source);
}

struct rv_source *rv_source_open(struct rv_ctx *ctx, const char *from, struct rv_error *err)
{
    struct stat st;
    if (stat(from, &st) != 0) {
        rv_fail_sys(err, errno == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, errno, "looking at %s", from);
        return NULL;
    }
    RV_AUTO(rv_source)
    source = rv_source_new(ctx, S_ISDIR(st.st_mode) ? &rv_source_of_folder : &rv_source_of_file, from, err);
    if (source == NULL)
        return NULL;
    if (S_ISDIR(st.st_mode) && !rv_source_folder_open(source, err))
        return NULL;
    return rv_steal(&source);
}

/* ---- work copies: private, and gone for good ---- */

static const char work_name[] = "revive-recover-";

/*
 * Overwritten in place and secured before the name goes, so that deleted words do not stay in freed blocks. A file
 * system that never writes in place (btrfs, most flash below any of them) may keep the old blocks until it uses them.
 */
void rv_source_wipe_file(const char *path)
{
    enum { PIECE = 1 << 18 };
    struct stat st;
    struct rv_error quiet = { 0 };
    RV_AUTO_FD fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    /* by a second name it is somebody's file, not a copy */
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size > 0) {
        RV_AUTO(rv_blob) zeros = rv_blob_new(PIECE, &quiet);
        bool fine = zeros != NULL;
        if (fine)
            memset(zeros->data, 0, zeros->len);
        for (off_t left = st.st_size; fine && left > 0; left -= PIECE)
            fine = rv_fd_write_all(fd, rv_span(zeros->data, left < PIECE ? (size_t)left : PIECE), &quiet);
        fdatasync(fd);
    }
    unlink(path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)where;
    if (type == FTW_F)
        rv_source_wipe_file(path);
    else
        remove(path);
    return 0;
}

void rv_source_wipe(const char *folder)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *work_base(void)
{
    const char *base = getenv("TMPDIR");
    return base != NULL && *base == '/' ? base : "/tmp";
}

/* What a run left behind that was killed, or stopped at once: a folder of ours whose process is gone. */
static void wipe_leftovers(void)
{
    DIR *dir = opendir(work_base());
    struct dirent *e;
    while (dir != NULL && (e = readdir(dir)) != NULL) {
        uint64_t pid;
        char number[24], path[1024];
        struct stat st;
        if (strncmp(e->d_name, work_name, sizeof work_name - 1) != 0)
            continue;
        snprintf(number, sizeof number, "%.20s", e->d_name + sizeof work_name - 1);
        number[strcspn(number, "-")] = '\0';
        snprintf(path, sizeof path, "%.500s/%.300s", work_base(), e->d_name);
        if (rv_text_number(number, 10, &pid) && pid > 1 && pid < INT32_MAX && kill((pid_t)pid, 0) != 0 &&
            errno == ESRCH && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid())
            rv_source_wipe(path);
    }
    if (dir != NULL)
        closedir(dir);
}

void rv_source_free(struct rv_source *source)
{
    if (source == NULL)
        return;
    if (source->kind != NULL && source->kind->free != NULL)
        source->kind->free(source);
    if (source->work != NULL)
        rv_source_wipe(source->work);
    for (size_t i = 0; i < source->made_count; i++) {
        rv_free(source->made[i].of);
        rv_free(source->made[i].path);
    }
    rv_free(source->made);
    rv_source_free(source->beside);
    rv_source_free(source->earlier);
    rv_free(source->work);
    rv_free(source->from);
    rv_free(source->date);
    if (source->note_passwords != NULL)
        rv_wipe(source->note_passwords, strlen(source->note_passwords));
    rv_free(source->note_passwords);
    rv_free(source);
}

char *rv_source_work_new(struct rv_error *err)
{
    static bool looked;
    char name[512];
    if (!looked)
        wipe_leftovers();
    looked = true;
    snprintf(name, sizeof name, "%.400s/%s%ld-XXXXXX", work_base(), work_name, (long)getpid());
    char *folder = NULL;
    if (mkdtemp(name) == NULL) /* 0700 by its own rules */
        rv_fail_sys(err, RV_E_IO, errno, "making a private folder %s for work copies", name);
    else if ((folder = rv_text_copy(name)) == NULL)
        rv_fail_nomem(err);
    return folder;
}

char *rv_source_work_folder(struct rv_source *source, struct rv_error *err)
{
    char leaf[32];
    if (source->work == NULL && (source->work = rv_source_work_new(err)) == NULL)
        return NULL;
    snprintf(leaf, sizeof leaf, "%u", ++source->copies);
    RV_AUTO_TEXT folder = rv_path_join(source->work, leaf, err);
    if (folder == NULL || !rv_dir_make(folder, err))
        return NULL;
    return rv_steal(&folder);
}

bool rv_source_each(struct rv_source *source, const struct rv_place *place, rv_source_fn *found, void *context,
                    struct rv_error *err)
{
    return source->kind->each(source, place, found, context, err);
}

static bool keep_first(void *context, const struct rv_source_file *file, struct rv_error *err)
{
    struct rv_source_file *to = context;
    if (to->path != NULL)
        return true;
    *to = *file;
    to->domain = rv_text_copy(file->domain);
    to->path = rv_text_copy(file->path);
    to->at = rv_text_copy(file->at);
    return to->path != NULL || rv_fail_nomem(err);
}

bool rv_source_find(struct rv_source *source, const char *domain, const char *path, struct rv_source_file *out,
                    struct rv_error *err)
{
    struct rv_place place = { domain, path, NULL };
    *out = (struct rv_source_file){ 0 };
    if (!rv_source_each(source, &place, keep_first, out, err)) {
        rv_source_file_clear(out);
        return false;
    }
    return out->path != NULL || rv_fail(err, RV_E_NOT_FOUND, "%s %s is not in %s", domain, path, source->from);
}

bool rv_source_find_media(struct rv_source *source, const char *domain, const char *path, struct rv_source_file *out,
                          struct rv_source **owner, struct rv_error *err)
{
    for (struct rv_source *at = source; at != NULL; at = at->earlier)
        for (struct rv_source *one = at; one != NULL; one = one->beside) {
            struct rv_error gone = { 0 };
            *owner = one;
            if (rv_source_find(one, domain, path, out, &gone))
                return true;
            if (gone.code != RV_E_NOT_FOUND) {
                *err = gone;
                return false;
            }
        }
    return rv_fail(err, RV_E_NOT_FOUND, "%s %s is not in %s", domain, path, source->from);
}

/* Where its bytes are, copied out of a backup when needed. */
static bool locate(struct rv_source *source, const struct rv_source_file *file, const char *folder, const char *leaf,
                   char **at, struct rv_error *err)
{
    RV_AUTO_TEXT to = rv_path_join(folder, leaf, err);
    return to != NULL && source->kind->fetch(source, file, to, at, err);
}

struct rv_blob *rv_source_read(struct rv_source *source, const struct rv_source_file *file, size_t cap,
                               struct rv_error *err)
{
    if (file->at != NULL)
        return rv_file_read(file->at, cap, err);
    RV_AUTO_TEXT folder = rv_source_work_folder(source, err);
    char *at = NULL;
    if (folder == NULL || !locate(source, file, folder, "file", &at, err))
        return NULL;
    struct rv_blob *bytes = rv_file_read(at, cap, err);
    rv_source_wipe_file(at);
    rv_free(at);
    return bytes;
}

static bool copy_file(struct rv_ctx *ctx, const char *from, const char *to, struct rv_error *err)
{
    enum { PIECE = 1 << 20 };
    RV_AUTO_FD in = open(from, O_RDONLY | O_CLOEXEC);
    RV_AUTO_FD out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    RV_AUTO(rv_blob) room = rv_blob_new(PIECE, err);
    if (room == NULL)
        return false;
    if (in < 0 || out < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "making a work copy of %s", from);
    for (;;) {
        ssize_t n = read(in, room->data, room->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "reading %s", from);
        if (n == 0)
            return true;
        if (!rv_cancel_point(&ctx->cancel, err))
            return false;
        if (!rv_fd_write_all(out, rv_span(room->data, (size_t)n), err))
            return rv_while(err, "making a work copy of %s", from);
    }
}

/* A sibling that holds something. */
static bool sibling(const char *path, const char *ending, char *out, size_t size)
{
    struct stat st;
    return snprintf(out, size, "%s%s", path, ending) < (int)size && stat(out, &st) == 0 && st.st_size > 0;
}

static bool copy_with_siblings(struct rv_source *source, const char *from, char **path, struct rv_error *err)
{
    static const char *const endings[] = { "", "-wal", "-journal" }; /* -shm is made anew from the log */
    RV_AUTO_TEXT folder = rv_source_work_folder(source, err);
    RV_AUTO_TEXT to = folder != NULL ? rv_path_join(folder, "database", err) : NULL;
    char a[4096], b[4096];
    if (to == NULL)
        return false;
    for (size_t i = 0; i < RV_COUNT(endings); i++) {
        snprintf(b, sizeof b, "%s%s", to, endings[i]);
        if ((i == 0 || sibling(from, endings[i], a, sizeof a)) && !copy_file(source->ctx, i == 0 ? from : a, b, err))
            return false;
    }
    *path = rv_steal(&to);
    return true;
}

/* Out of a backup: each sibling is a file of its own there. */
static bool fetch_with_siblings(struct rv_source *source, const struct rv_source_file *file, char **path,
                                bool *immutable, struct rv_error *err)
{
    static const char *const endings[] = { "", "-wal", "-journal" };
    RV_AUTO_TEXT folder = rv_source_work_folder(source, err);
    *immutable = true;
    for (size_t i = 0; folder != NULL && i < RV_COUNT(endings); i++) {
        struct rv_error gone = { 0 };
        struct rv_source_file one = { 0 };
        char name[4096], leaf[32];
        char *at = NULL;
        snprintf(name, sizeof name, "%s%s", file->path, endings[i]);
        snprintf(leaf, sizeof leaf, "database%s", endings[i]);
        bool there = rv_source_find(source, file->domain, name, &one, i == 0 ? err : &gone);
        bool fine = there && locate(source, &one, folder, leaf, &at, i == 0 ? err : &gone);
        bool filled = fine && one.size > 0;
        rv_source_file_clear(&one);
        if (i == 0 && !fine)
            return false;
        if (i == 0)
            *path = at;
        else
            rv_free(at);
        *immutable = *immutable && (i == 0 || !filled);
    }
    return folder != NULL;
}

static bool copy_database(struct rv_source *source, const struct rv_source_file *file, char **path, bool *immutable,
                          struct rv_error *err)
{
    char name[4096];
    if (file->at == NULL)
        return fetch_with_siblings(source, file, path, immutable, err);
    *immutable = !sibling(file->at, "-wal", name, sizeof name) && !sibling(file->at, "-journal", name, sizeof name);
    if (!*immutable)
        return copy_with_siblings(source, file->at, path, err);
    *path = rv_text_copy(file->at);
    return *path != NULL || rv_fail_nomem(err);
}

bool rv_source_database(struct rv_source *source, const struct rv_source_file *file, char **path, bool *immutable,
                        struct rv_error *err)
{
    char name[4096];
    if (file->at != NULL)
        snprintf(name, sizeof name, "%s", file->at);
    else
        snprintf(name, sizeof name, "%s-%s", file->domain, file->path);
    *path = NULL;
    for (size_t i = 0; i < source->made_count; i++)
        if (strcmp(source->made[i].of, name) == 0) {
            *immutable = source->made[i].immutable;
            *path = rv_text_copy(source->made[i].path);
            return *path != NULL || rv_fail_nomem(err);
        }
    struct rv_source_copy *more = rv_realloc_array(source->made, source->made_count + 1, sizeof *more);
    if (more == NULL)
        return rv_fail_nomem(err);
    source->made = more;
    if (!copy_database(source, file, path, immutable, err)) {
        rv_free(rv_steal(path));
        return false;
    }
    more[source->made_count] = (struct rv_source_copy){ rv_text_copy(name), rv_text_copy(*path), *immutable };
    if (more[source->made_count].of == NULL || more[source->made_count].path == NULL)
        return rv_fail_nomem(err);
    source->made_count++;
    return true;
}

bool rv_database_has_tables(const char *path, bool immutable, const char *tables)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    bool all =
        rv_sqlite_open(path, immutable, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_master WHERE type='table' AND name=?1", -1, &s, NULL) == SQLITE_OK;
    if (db != NULL) /* a look must not fold the log into the copy: it is searched for deleted rows later */
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    while (all && *tables != '\0') {
        int length = (int)strcspn(tables, " ");
        all = length < TABLE_NAMES_MAX && sqlite3_bind_text(s, 1, tables, length, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_step(s) == SQLITE_ROW;
        sqlite3_reset(s);
        tables += length;
        tables += strspn(tables, " ");
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    return all;
}
