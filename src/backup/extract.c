/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/extract.h"

#include "backup/place.h"
#include "backup/sorts.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 9999, TELL_EVERY = 64 };
static const char part_name[] = ".revive-part";

struct extracting {
    struct rv_backup *b;
    const struct rv_extract_options *options;
    struct rv_findings *findings;
    struct rv_extracted out;
    struct rv_backup_reader *reader;
    int to, fd;
    bool cannot_write; /* the trouble is of the disk that the files go to, not of the backup */
    uint64_t rows, total;
};

static bool is_wanted(const struct extracting *x, const struct rv_backup_row *row)
{
    const struct rv_extract_options *o = x->options;
    return (o->domain == NULL || fnmatch(o->domain, row->domain, 0) == 0) &&
           (o->path == NULL || fnmatch(o->path, row->path, 0) == 0) &&
           (o->sort == NULL || strcmp(rv_backup_sorts[rv_backup_sort_of(row->domain, row->path)].id, o->sort) == 0);
}

static bool write_piece(void *context, struct rv_span bytes, struct rv_error *err)
{
    struct extracting *x = context;
    x->cannot_write = !rv_fd_write_all(x->fd, bytes, err);
    return !x->cannot_write;
}

/* Names that differ in case alone meet on some disks: the second becomes "name~2". What is there already stays. */
static bool give_name(struct extracting *x, int folder, const char *leaf, struct rv_error *err)
{
    char name[RV_PLACE_PART_MAX + 8];
    for (unsigned n = 1; n < NAMES_MAX; n++) {
        int len = n == 1 ? snprintf(name, sizeof name, "%s", leaf) : snprintf(name, sizeof name, "%.240s~%u", leaf, n);
        if (len < 0 || rv_place_rename_new(folder, part_name, folder, name) == 0)
            return true;
        if (errno != EEXIST)
            return rv_fail_sys(err, RV_E_IO, errno, "giving %.100s its name", leaf);
    }
    (void)x;
    return rv_fail(err, RV_E_LIMIT, "too many files are called %.100s", leaf);
}

static bool is_there(int folder, const char *leaf, const struct rv_mbfile *file)
{
    struct stat st;
    return fstatat(folder, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == file->size && st.st_mtim.tv_sec == file->modified;
}

static bool write_file(struct extracting *x, const struct rv_backup_row *row, int folder, const char *leaf,
                       struct rv_error *err)
{
    struct rv_backup_wish wish = { .plain = write_piece, .context = x };
    struct rv_backup_read got;
    x->fd = openat(folder, part_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    x->cannot_write = x->fd < 0;
    if (x->fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "creating %.100s", row->path);
    const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = row->file->modified } };
    bool fine = rv_backup_read_file(x->reader, x->b, row, &wish, &got, err);
    futimens(x->fd, times);
    close(x->fd);
    if (fine) {
        fine = give_name(x, folder, leaf, err);
        x->cannot_write = !fine;
    }
    if (!fine) {
        unlinkat(folder, part_name, 0);
        return false;
    }
    x->out.files++;
    x->out.bytes += got.plain;
    return true;
}

/* A file or a link stands where this name needs a folder: no phone names files so, and the others still come. */
static bool is_in_the_way(struct extracting *x, const struct rv_backup_row *row, const struct rv_error *why)
{
    if (why->sys != ENOTDIR && why->sys != ELOOP)
        return false;
    rv_findings_add(x->findings, RV_FIND_ROW_NAME, row->domain, row->path, why->text[0]);
    x->out.failed++;
    return true;
}

static bool extract_file(struct extracting *x, const struct rv_backup_row *row, const char *name, struct rv_error *err)
{
    const char *leaf;
    char stored_at[64];
    uint64_t stored;
    if (!rv_backup_locate(x->b, row->id, stored_at, &stored) && row->file->size > 0) {
        rv_findings_add(x->findings, RV_FIND_FILE_MISSING, row->domain, row->path, NULL);
        x->out.failed++;
        return true;
    }
    struct rv_error why = { 0 };
    RV_AUTO_FD folder = rv_place_parent(x->to, name, true, &leaf, &why);
    if (folder < 0 && is_in_the_way(x, row, &why))
        return true;
    if (folder < 0) {
        *err = why;
        return false;
    }
    if (is_there(folder, leaf, row->file)) {
        x->out.present++;
        return true;
    }
    if (write_file(x, row, folder, leaf, &why))
        return true;
    if (x->cannot_write || why.code == RV_E_NOMEM || why.code == RV_E_DENIED) {
        *err = why;
        return false;
    }
    rv_findings_add(x->findings, why.code == RV_E_IO ? RV_FIND_FILE_UNREADABLE : RV_FIND_FILE_KEY, row->domain,
                    row->path, why.text[0]);
    x->out.failed++;
    return true;
}

static void tell(struct extracting *x)
{
    if (x->rows % TELL_EVERY == 0 || x->rows == x->total)
        rv_tell(x->b->ctx,
                &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                    .step = "extract",
                                    .unit = "files",
                                    .done = x->rows,
                                    .total = x->total,
                                    .percent = x->total > 0 ? 100.0 * (double)x->rows / (double)x->total : -1 });
}

static bool take_row(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct extracting *x = context;
    char name[RV_PLACE_MAX * 2];
    struct rv_error why = { 0 };
    x->rows++;
    tell(x);
    if (!rv_cancel_point(&x->b->ctx->cancel, err))
        return false;
    if (!is_wanted(x, row))
        return true;
    int len = snprintf(name, sizeof name, "%s%s%s", row->domain, *row->path != '\0' ? "/" : "", row->path);
    if (strchr(row->domain, '/') != NULL || !rv_place_check(rv_span(name, (size_t)len), &why)) {
        rv_findings_add(x->findings, RV_FIND_ROW_NAME, row->domain, row->path, why.text[0]);
        x->out.failed++;
        return true;
    }
    if (row->file == NULL) {
        rv_findings_add(x->findings, RV_FIND_ROW_RECORD, row->domain, row->path, NULL);
        x->out.failed++;
        return true;
    }
    if (rv_mbfile_kind(row->file) == RV_MBFILE_FILE)
        return extract_file(x, row, name, err);
    if (rv_mbfile_kind(row->file) == RV_MBFILE_LINK) {
        x->out.links++;
        return true;
    }
    if (rv_place_folder(x->to, name, &why)) {
        x->out.folders++;
        return true;
    }
    if (is_in_the_way(x, row, &why))
        return true;
    *err = why;
    return false;
}

bool rv_backup_extract(struct rv_backup *b, const char *to, const struct rv_extract_options *options,
                       struct rv_findings *findings, struct rv_extracted *out, struct rv_error *err)
{
    struct extracting x = { .b = b, .options = options, .findings = findings, .to = -1 };
    x.total = rv_backup_rows(b);
    x.reader = rv_backup_reader_new(err);
    bool fine = x.reader != NULL && rv_dir_make(to, err);
    if (fine) {
        x.to = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fine = x.to >= 0 || rv_fail_sys(err, RV_E_IO, errno, "opening %s", to);
    }
    fine = fine && rv_backup_each(b, take_row, &x, err);
    if (x.to >= 0) {
        if (fine && syncfs(x.to) != 0)
            fine = rv_fail_sys(err, RV_E_IO, errno, "securing %s on the disk", to);
        close(x.to);
    }
    rv_backup_reader_free(x.reader);
    *out = x.out;
    return fine;
}
