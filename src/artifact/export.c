/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/export.h"

#include "artifact/writers.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

const struct rv_writer *const rv_writers[] = {
    &rv_writer_html,
    &rv_writer_vcard,
    &rv_writer_vcard4,
    &rv_writer_icalendar,
    &rv_writer_markdown,
    &rv_writer_media,
    &rv_writer_bookmarks,
    &rv_writer_csv,
    &rv_writer_jsonl,
    &rv_writer_mbox,
    NULL,
};

const struct rv_writer *rv_writer_find(const struct rv_artifact *artifact, const char *format)
{
    for (size_t i = 0; rv_writers[i] != NULL; i++) {
        const struct rv_writer *w = rv_writers[i];
        if (format == NULL ? (w->first_for >> artifact->shape & 1)
                           : strcmp(w->format, format) == 0 && (w->shapes >> artifact->shape & 1))
            return w;
    }
    return format == NULL ? &rv_writer_csv : NULL;
}

const char *rv_get(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));
    return text != NULL ? text : "";
}

/* Names that Windows keeps for itself, with any ending. */
static bool reserved(const char *name)
{
    static const char *const names[] = { "CON", "PRN", "AUX", "NUL" };
    size_t length = strcspn(name, ".");
    for (size_t i = 0; i < RV_COUNT(names); i++)
        if (length == 3 && strncasecmp(name, names[i], 3) == 0)
            return true;
    return length == 4 && (strncasecmp(name, "COM", 3) == 0 || strncasecmp(name, "LPT", 3) == 0) && name[3] >= '0' &&
           name[3] <= '9';
}

/* Cut to so many bytes, not inside a character, without blanks and dots at the end. */
static void cut(char *name, size_t most)
{
    size_t length = strlen(name);
    if (length > most) {
        length = most;
        while (length > 0 && ((unsigned char)name[length] & 0xC0) == 0x80)
            length--;
    }
    while (length > 0 && (name[length - 1] == ' ' || name[length - 1] == '.'))
        length--;
    name[length] = '\0';
}

static json_t *taken_in(struct rv_export *out, const char *folder)
{
    if (out->names == NULL)
        out->names = json_object();
    json_t *taken = json_object_get(out->names, folder);
    if (taken == NULL) {
        taken = json_object();
        json_object_set_new_nocheck(out->names, folder, taken);
    }
    return taken;
}

static bool take_name(json_t *taken, const char *name)
{
    char small[RV_NAME_MAX + 40];
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < sizeof small; i++) /* other systems do not tell capitals apart */
        small[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    small[i] = '\0';
    if (json_object_get(taken, small) != NULL)
        return false;
    json_object_set_new_nocheck(taken, small, json_true());
    return true;
}

void rv_export_name(struct rv_export *out, const char *folder, const char *text, const char *ending, char *name)
{
    char safe[256], stem[RV_NAME_MAX + 2], clean[1024];
    size_t size = RV_NAME_MAX + 32;
    snprintf(clean, sizeof clean, "%s", text);
    rv_text_clean(clean); /* also ends a character that was cut in two */
    rv_path_safe_leaf(*clean != '\0' ? clean : "unnamed", safe, sizeof safe);
    const char *dot = *ending == '\0' ? strrchr(safe, '.') : NULL; /* a file's own name keeps its ending */
    char own[24] = "";
    if (dot != NULL && dot > safe && strlen(dot) < 16) {
        snprintf(own, sizeof own, "%s", dot);
        safe[dot - safe] = '\0';
        ending = own;
    }
    snprintf(stem, sizeof stem, "%s%.*s", reserved(safe) ? "_" : "", RV_NAME_MAX, safe);
    cut(stem, RV_NAME_MAX - strlen(ending));
    if (*stem == '\0')
        snprintf(stem, sizeof stem, "_");
    json_t *taken = taken_in(out, folder);
    snprintf(name, size, "%s%s", stem, ending);
    for (unsigned k = 2; !take_name(taken, name) && k < 1000000; k++)
        snprintf(name, size, "%s (%u)%s", stem, k, ending);
}

/* ---- text files ---- */

enum { SHEET_KEEPS = 1 << 16, SHEET_MOST = 1 << 28 };

static char *target_path(struct rv_export *out, const char *folder, const char *name, struct rv_error *err)
{
    RV_AUTO_TEXT dir = *folder != '\0' ? rv_path_join(out->folder, folder, err) : rv_text_copy(out->folder);
    if (dir == NULL || !rv_dir_make(dir, err))
        return NULL;
    return rv_path_join(dir, name, err);
}

bool rv_sheet_open(struct rv_export *out, struct rv_sheet *sheet, const char *folder, const char *name,
                   struct rv_error *err)
{
    *sheet = (struct rv_sheet){ .text = RV_BUF(SHEET_MOST) };
    RV_AUTO_TEXT path = target_path(out, folder, name, err);
    sheet->file = path != NULL ? rv_atomic_file_new(path, 0600, err) : NULL;
    return sheet->file != NULL;
}

static bool flush(struct rv_sheet *sheet, struct rv_error *err)
{
    bool fine = rv_atomic_file_write(sheet->file, rv_buf_span(&sheet->text), err);
    sheet->text.len = 0;
    return fine;
}

bool rv_sheet_add(struct rv_sheet *sheet, struct rv_error *err, const char *text)
{
    return rv_buf_add_text(&sheet->text, text, err) && (sheet->text.len < SHEET_KEEPS || flush(sheet, err));
}

bool rv_sheet_put(struct rv_sheet *sheet, struct rv_error *err, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return length >= 0 && length < (int)sizeof text ? rv_sheet_add(sheet, err, text)
                                                    : rv_fail(err, RV_E_LIMIT, "a line of %d bytes", length);
}

bool rv_sheet_close(struct rv_export *out, struct rv_sheet *sheet, struct rv_error *err)
{
    bool fine = flush(sheet, err) && rv_atomic_file_publish(sheet->file, err);
    rv_sheet_clear(sheet);
    out->counts.files += fine;
    return fine;
}

void rv_sheet_clear(struct rv_sheet *sheet)
{
    rv_atomic_file_free(sheet->file);
    rv_buf_clear(&sheet->text);
    *sheet = (struct rv_sheet){ 0 };
}

/* ---- media ---- */

static void set_time(const char *path, double seconds)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)seconds } };
    utimensat(AT_FDCWD, path, times, 0);
}

static bool copy_bytes(const char *from, const char *to, uint64_t *bytes, struct rv_error *err)
{
    enum { PIECE = 1 << 18 };
    RV_AUTO_FD in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0)
        return rv_fail_sys(err, RV_E_NOT_FOUND, errno, "opening %s", from);
    RV_AUTO(rv_atomic_file) file = rv_atomic_file_new(to, 0600, err);
    if (file == NULL)
        return false;
    int target = rv_atomic_file_fd(file);
    ssize_t n;
    while ((n = copy_file_range(in, NULL, target, NULL, PIECE * 16, 0)) > 0)
        *bytes += (uint64_t)n;
    if (n < 0) { /* across file systems that cannot: by hand, from where it stands */
        RV_AUTO(rv_blob) room = rv_blob_new(PIECE, err);
        if (room == NULL)
            return false;
        while ((n = read(in, room->data, room->len)) > 0) {
            if (!rv_fd_write_all(target, rv_span(room->data, (size_t)n), err))
                return rv_while(err, "copying %s", from);
            *bytes += (uint64_t)n;
        }
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "reading %s", from);
    }
    return rv_atomic_file_publish(file, err);
}

/* Out of a backup straight into the target folder, under its name when it is whole; of a folder: a copy. */
static bool bring(struct rv_source *owner, const struct rv_source_file *file, const char *to, uint64_t *bytes,
                  struct rv_error *err)
{
    char part[4096];
    char *at = NULL;
    struct stat st;
    if (snprintf(part, sizeof part, "%s.part", to) >= (int)sizeof part)
        return rv_fail(err, RV_E_LIMIT, "a path of %zu bytes", strlen(to));
    unlink(part); /* of a run that was killed */
    bool fine = owner->kind->fetch(owner, file, part, &at, err);
    if (fine && strcmp(at, part) != 0)
        fine = copy_bytes(at, to, bytes, err);
    else if (fine && (stat(part, &st) != 0 || rename(part, to) != 0))
        fine = rv_fail_sys(err, errno == ENOSPC ? RV_E_NOSPACE : RV_E_IO, errno, "naming %s", to);
    else if (fine)
        *bytes = (uint64_t)st.st_size;
    if (!fine)
        unlink(part);
    rv_free(at);
    return fine;
}

bool rv_export_media(struct rv_export *out, const json_t *media, const char *folder, double modified, char *name,
                     struct rv_error *err)
{
    struct rv_source_file file = { 0 };
    struct rv_source *owner = NULL;
    struct rv_error gone = { 0 };
    struct stat st;
    *name = '\0';
    if (strcmp(rv_get(media, "state"), "present") != 0 ||
        !rv_source_find_media(out->job->source, rv_get(media, "domain"), rv_get(media, "path"), &file, &owner, &gone)) {
        out->counts.media_missing++;
        return true;
    }
    rv_export_name(out, folder, rv_get(media, "name"), "", name);
    RV_AUTO_TEXT to = target_path(out, folder, name, err);
    bool there = to != NULL && stat(to, &st) == 0 && (uint64_t)st.st_size == file.size; /* by an earlier run */
    bool fine = to != NULL;
    out->counts.media_kept += there;
    if (fine && !there) {
        uint64_t bytes = 0;
        if (bring(owner, &file, to, &bytes, &gone)) {
            set_time(to, modified != 0 ? modified : (double)file.modified);
            out->counts.media++;
            out->counts.media_bytes += bytes;
        } else if (gone.code == RV_E_NOSPACE || gone.code == RV_E_CANCELLED) {
            *err = gone;
            fine = false;
        } else { /* this one cannot be read; the others can */
            out->counts.media_missing++;
            *name = '\0';
        }
    }
    rv_source_file_clear(&file);
    return fine;
}
