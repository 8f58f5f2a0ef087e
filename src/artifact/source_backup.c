/* SPDX-License-Identifier: Apache-2.0 */
/* A backup's folder as a source: files by domain and path out of its index, decrypted when the backup was unlocked. */
#include "artifact/source.h"

#include "artifact/record.h"
#include "backup/backup.h"
#include "backup/facts.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the index says of one file, kept until its bytes are wanted; sorted by id. */
struct row {
    char id[RV_BACKUP_ID];
    char *domain, *path;
    uint64_t size;
    int64_t modified;
    uint8_t key[RV_MBFILE_KEY];
    uint8_t key_len, protection;
    uint32_t mode;
};

struct own {
    struct rv_backup *backup;
    struct rv_backup_reader *reader;
    struct row *rows;
    size_t count, room;
};

enum { ROWS_MAX = 4 * 1000 * 1000 };

static bool keep(void *context, const struct rv_backup_row *from, struct rv_error *err)
{
    struct own *o = context;
    if (from->file == NULL || rv_mbfile_kind(from->file) != RV_MBFILE_FILE)
        return true;
    if (o->count == o->room) {
        size_t room = o->room ? o->room * 2 : 1024;
        struct row *more = room <= ROWS_MAX ? rv_realloc_array(o->rows, room, sizeof *more) : NULL;
        if (more == NULL)
            return rv_fail(err, RV_E_LIMIT, "a backup of more than %d files", ROWS_MAX);
        o->rows = more;
        o->room = room;
    }
    struct row *row = &o->rows[o->count];
    *row = (struct row){ .domain = rv_text_copy(from->domain),
                         .path = rv_text_copy(from->path),
                         .size = from->file->size,
                         .modified = from->file->modified,
                         .protection = from->file->protection,
                         .mode = from->file->mode };
    if (row->domain == NULL || row->path == NULL)
        return rv_fail_nomem(err);
    memcpy(row->id, from->id, sizeof row->id);
    if (from->file->key.len <= sizeof row->key && from->file->key.len > 0) {
        memcpy(row->key, from->file->key.ptr, from->file->key.len);
        row->key_len = (uint8_t)from->file->key.len;
    }
    o->count++;
    return true;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->id, ((const struct row *)b)->id);
}

static void backup_free(struct rv_source *source)
{
    struct own *o = source->own;
    for (size_t i = 0; o != NULL && i < o->count; i++) {
        rv_free(o->rows[i].domain);
        rv_free(o->rows[i].path);
    }
    if (o != NULL) {
        rv_wipe(o->rows, o->count * sizeof *o->rows);
        rv_free(o->rows);
        rv_backup_reader_free(o->reader);
        rv_backup_free(o->backup);
    }
    rv_free(o);
}

static bool give(const struct row *row, rv_source_fn *found, void *context, struct rv_error *err)
{
    struct rv_source_file file = { row->domain, row->path, NULL, row->size, row->modified };
    return found(context, &file, err);
}

static struct row *row_of(const struct own *o, const char *domain, const char *path)
{
    struct row wanted;
    struct rv_error quiet = { 0 };
    if (o->count == 0 || !rv_backup_id(domain, path, wanted.id, &quiet))
        return NULL;
    return bsearch(&wanted, o->rows, o->count, sizeof *o->rows, by_id);
}

static bool backup_each(struct rv_source *source, const struct rv_place *place, rv_source_fn *found, void *context,
                        struct rv_error *err)
{
    const struct own *o = source->own;
    if (strchr(place->path, '*') == NULL) {
        const struct row *row = row_of(o, place->domain, place->path);
        return row == NULL || give(row, found, context, err);
    }
    for (size_t i = 0; i < o->count; i++)
        if (rv_path_matches(place->domain, o->rows[i].domain) && rv_path_matches(place->path, o->rows[i].path) &&
            !give(&o->rows[i], found, context, err))
            return false;
    return true;
}

static bool write_piece(void *context, struct rv_span bytes, struct rv_error *err)
{
    return rv_fd_write_all(*(int *)context, bytes, err);
}

static bool backup_fetch(struct rv_source *source, const struct rv_source_file *file, const char *to, char **at,
                         struct rv_error *err)
{
    struct own *o = source->own;
    const struct row *row = row_of(o, file->domain, file->path);
    if (row == NULL)
        return rv_fail(err, RV_E_NOT_FOUND, "%s %s is not in the backup", file->domain, file->path);
    struct rv_mbfile *mb = rv_alloc(sizeof *mb);
    RV_AUTO_FD fd = mb != NULL ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    bool fine = mb != NULL && (fd >= 0 || rv_fail_sys(err, RV_E_IO, errno, "making a work copy %s", to));
    if (mb == NULL)
        return rv_fail_nomem(err);
    mb->size = row->size;
    mb->mode = row->mode;
    mb->protection = row->protection;
    mb->key = rv_span(row->key, row->key_len);
    struct rv_backup_row one = { .domain = row->domain, .path = row->path, .flags = RV_MBFILE_FILE, .file = mb };
    struct rv_backup_read done;
    struct rv_backup_wish wish = { .plain = write_piece, .context = &fd };
    memcpy(one.id, row->id, sizeof one.id);
    fine = fine && rv_backup_read_file(o->reader, o->backup, &one, &wish, &done, err);
    rv_free(mb);
    if (!fine) {
        unlink(to);
        return rv_while(err, "taking %s out of the backup", file->path);
    }
    *at = rv_text_copy(to);
    return *at != NULL || rv_fail_nomem(err);
}

const struct rv_source_kind rv_source_of_backup = { "backup", backup_each, backup_fetch, backup_free };

bool rv_source_is_backup(const char *path)
{
    static const char *const marks[] = { "Manifest.db", "Manifest.mbdb", "Manifest.plist" };
    char name[4096];
    for (size_t i = 0; i < RV_COUNT(marks); i++)
        if (snprintf(name, sizeof name, "%s/%s", path, marks[i]) < (int)sizeof name && rv_file_exists(name))
            return true;
    return false;
}

struct rv_source *rv_source_of(struct rv_ctx *ctx, struct rv_backup *backup, struct rv_error *err)
{
    RV_AUTO(rv_source) source = rv_source_new(ctx, &rv_source_of_backup, backup->path, err);
    struct own *o = source != NULL ? rv_alloc(sizeof *o) : NULL;
    char date[40];
    if (o == NULL) {
        rv_backup_free(backup);
        rv_fail_nomem(err);
        return NULL;
    }
    source->own = o;
    o->backup = backup;
    o->reader = rv_backup_reader_new(err);
    int64_t made = rv_backup_date(backup);
    if (made != 0 && (source->date = rv_text_copy(rv_time_text((double)made, date, sizeof date))) == NULL)
        rv_fail_nomem(err);
    if (err->code != RV_OK || o->reader == NULL || !rv_backup_open_index(backup, err) ||
        !rv_backup_each(backup, keep, o, err))
        return NULL;
    qsort(o->rows, o->count, sizeof *o->rows, by_id);
    return rv_steal(&source);
}
