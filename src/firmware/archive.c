/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/archive.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PART = 256 * 1024 };

struct rv_archive {
    char *folder; /* NULL: a zip */
    int fd;
    struct rv_span bytes;
    struct rv_archive_source source; /* read NULL: none */
    uint64_t size;
    struct rv_zip_directory directory;
};

void rv_archive_free(struct rv_archive *archive)
{
    if (archive == NULL)
        return;
    rv_zip_directory_clear(&archive->directory);
    if (archive->fd >= 0)
        close(archive->fd);
    rv_free(archive->folder);
    rv_free(archive);
}

bool rv_archive_is_folder(const struct rv_archive *archive)
{
    return archive->folder != NULL;
}

static struct rv_archive *archive_new(struct rv_error *err)
{
    struct rv_archive *archive = rv_alloc(sizeof *archive);
    if (archive == NULL)
        rv_fail_nomem(err);
    else
        archive->fd = -1;
    return archive;
}

static bool read_at(const struct rv_archive *a, uint64_t at, void *to, size_t len, struct rv_error *err)
{
    if (a->fd >= 0)
        return rv_fd_read_at(a->fd, to, len, at, err);
    if (a->source.read != NULL)
        return a->source.read(a->source.context, at, to, len, err);
    if (at > a->bytes.len || len > a->bytes.len - at)
        return rv_fail(err, RV_E_CORRUPT, "the archive ends at %zu, %zu bytes at %llu are wanted", a->bytes.len, len,
                       (unsigned long long)at);
    if (len > 0)
        memcpy(to, a->bytes.ptr + at, len);
    return true;
}

static bool local_header(const struct rv_archive *a, const struct rv_zip_entry *e, uint64_t *data_offset,
                         struct rv_error *err)
{
    uint8_t header[RV_ZIP_LOCAL_HEADER + RV_ZIP_NAME_MAX];
    size_t len = RV_ZIP_LOCAL_HEADER + strlen(e->name);
    return read_at(a, e->header_at, header, len, err) && rv_zip_local_check(rv_span(header, len), e, data_offset, err);
}

static bool load_directory(struct rv_archive *a, struct rv_error *err)
{
    struct rv_zip_end end;
    size_t len = a->size < RV_ZIP_TAIL ? (size_t)a->size : RV_ZIP_TAIL;
    RV_AUTO(rv_blob) tail = rv_blob_new(len, err);
    if (tail == NULL || !read_at(a, a->size - len, tail->data, len, err) ||
        !rv_zip_find_end(rv_blob_span(tail), a->size, &end, err))
        return false;
    RV_AUTO(rv_blob) directory = rv_blob_new((size_t)end.directory_size, err);
    if (directory == NULL || !read_at(a, end.directory_at, directory->data, directory->len, err) ||
        !rv_zip_directory_parse(rv_blob_span(directory), &end, &a->directory, err))
        return false;
    /* Of a source each header would be a journey of its own: there only the wanted ones are looked at. */
    for (size_t i = 0; a->source.read == NULL && i < a->directory.count; i++) {
        const struct rv_zip_entry *e = &a->directory.entries[i];
        uint64_t offset = 0;
        if (!local_header(a, e, &offset, err))
            return false;
        if (offset + e->packed > end.directory_at - e->header_at)
            return rv_fail(err, RV_E_FORMAT, "zip: '%s' reaches into the directory", e->name);
    }
    return true;
}

struct rv_archive *rv_archive_open_source(const struct rv_archive_source *source, struct rv_error *err)
{
    RV_AUTO(rv_archive) archive = archive_new(err);
    if (archive == NULL)
        return NULL;
    archive->source = *source;
    archive->size = source->size;
    return load_directory(archive, err) ? rv_steal(&archive) : NULL;
}

struct rv_archive *rv_archive_open_bytes(struct rv_span zip, struct rv_error *err)
{
    RV_AUTO(rv_archive) archive = archive_new(err);
    if (archive == NULL)
        return NULL;
    archive->bytes = zip;
    archive->size = zip.len;
    return load_directory(archive, err) ? rv_steal(&archive) : NULL;
}

struct rv_archive *rv_archive_open(const char *path, struct rv_error *err)
{
    RV_AUTO(rv_archive) archive = archive_new(err);
    if (archive == NULL)
        return NULL;
    archive->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (archive->fd < 0 || fstat(archive->fd, &st) != 0) {
        rv_fail_sys(err, errno == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, errno, "opening %s", path);
        return NULL;
    }
    if (S_ISDIR(st.st_mode)) {
        archive->folder = rv_text_copy(path);
        if (archive->folder == NULL) {
            rv_fail_nomem(err);
            return NULL;
        }
        return rv_steal(&archive);
    }
    if (!S_ISREG(st.st_mode)) {
        rv_fail(err, RV_E_IO, "%s is neither a file nor a folder", path);
        return NULL;
    }
    archive->size = (uint64_t)st.st_size;
    return load_directory(archive, err) ? rv_steal(&archive) : NULL;
}

const char *rv_archive_name(const struct rv_archive *archive, size_t n)
{
    return n < archive->directory.count ? archive->directory.entries[n].name : NULL;
}

static bool fits_top(const char *name, const char *start, const char *end, const char *best)
{
    return strchr(name, '/') == NULL && rv_text_starts(name, start) && rv_text_ends(name, end) &&
           strlen(name) >= strlen(start) + strlen(end) && (best == NULL || strlen(name) < strlen(best));
}

static bool keep(char **best, const char *name)
{
    char *copy = rv_text_copy(name);
    rv_free(*best);
    *best = copy;
    return copy != NULL;
}

static bool find_in_folder(const char *path, const char *start, const char *end, char **best, struct rv_error *err)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return rv_fail_sys(err, RV_E_IO, errno, "opening the folder %s", path);
    const struct dirent *entry;
    bool fine = true;
    while (fine && (entry = readdir(folder)) != NULL) {
        if (fits_top(entry->d_name, start, end, *best))
            fine = keep(best, entry->d_name) || rv_fail_nomem(err);
    }
    closedir(folder);
    return fine;
}

char *rv_archive_find_top(const struct rv_archive *archive, const char *start, const char *end, struct rv_error *err)
{
    RV_AUTO_TEXT best = NULL;
    if (archive->folder != NULL && !find_in_folder(archive->folder, start, end, &best, err))
        return NULL;
    for (size_t i = 0; i < archive->directory.count; i++) {
        const char *name = archive->directory.entries[i].name;
        if (fits_top(name, start, end, best) && !keep(&best, name)) {
            rv_fail_nomem(err);
            return NULL;
        }
    }
    if (best == NULL)
        rv_fail(err, RV_E_NOT_FOUND, "there is no %s%s at its top", start, end);
    return rv_steal(&best);
}

/* ---- one file ---- */

static bool place_in_folder(const struct rv_archive *a, const char *name, struct rv_archive_place *out,
                            struct rv_error *err)
{
    RV_AUTO_TEXT path = rv_path_join(a->folder, name, err);
    if (path == NULL)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        int why = errno;
        if (fd < 0 && why == ELOOP)
            return rv_fail(err, RV_E_FORMAT, "%s is a symbolic link: put the file itself there", path);
        if (fd < 0)
            return rv_fail_sys(err, why == ENOENT || why == ENOTDIR ? RV_E_NOT_FOUND : RV_E_IO, why, "opening %s",
                               path);
        close(fd);
        return rv_fail(err, RV_E_IO, "%s is not a file", path);
    }
    *out = (struct rv_archive_place){
        .fd = fd, .own_fd = true, .packed = (uint64_t)st.st_size, .plain = (uint64_t)st.st_size
    };
    return true;
}

bool rv_archive_place(const struct rv_archive *archive, const char *name, struct rv_archive_place *out,
                      struct rv_error *err)
{
    if (!rv_zip_name_safe(rv_span(name, strlen(name))))
        return rv_fail(err, RV_E_FORMAT, "'%.100s' is no path inside a firmware file", name);
    if (archive->folder != NULL)
        return place_in_folder(archive, name, out, err);
    const struct rv_zip_entry *e = rv_zip_directory_find(&archive->directory, name);
    uint64_t offset = 0;
    if (e == NULL)
        return rv_fail(err, RV_E_NOT_FOUND, "'%s' is not in the firmware file", name);
    if (e->link)
        return rv_fail(err, RV_E_FORMAT, "'%s' is a symbolic link: a firmware file has none", name);
    if (!local_header(archive, e, &offset, err))
        return false;
    *out = (struct rv_archive_place){ .fd = archive->fd,
                                      .bytes = archive->bytes,
                                      .source = archive->source.read != NULL ? &archive->source : NULL,
                                      .deflated = e->method == RV_ZIP_DEFLATED,
                                      .at = e->header_at + offset,
                                      .packed = e->packed,
                                      .plain = e->plain,
                                      .have_crc = true,
                                      .crc = e->crc };
    return true;
}

void rv_archive_place_clear(struct rv_archive_place *place)
{
    if (place->own_fd && place->fd >= 0)
        close(place->fd);
    place->fd = -1;
    place->own_fd = false;
}

bool rv_archive_place_read(const struct rv_archive_place *place, uint64_t offset, void *to, size_t len,
                           struct rv_error *err)
{
    if (offset > place->packed || len > place->packed - offset)
        return rv_fail(err, RV_E_CORRUPT, "%zu bytes at %llu are wanted of a file of %llu", len,
                       (unsigned long long)offset, (unsigned long long)place->packed);
    if (place->fd >= 0)
        return rv_fd_read_at(place->fd, to, len, place->at + offset, err);
    if (place->source != NULL)
        return place->source->read(place->source->context, place->at + offset, to, len, err);
    struct rv_span part = rv_span_part(place->bytes, (size_t)(place->at + offset), len);
    if (part.ptr == NULL)
        return rv_fail(err, RV_E_CORRUPT, "the archive ends before its content");
    if (len > 0)
        memcpy(to, part.ptr, len);
    return true;
}

struct push {
    const struct rv_archive_place *place;
    rv_archive_sink *sink;
    void *context;
    uint8_t *packed, *plain; /* PART bytes each */
    uint64_t done;
    unsigned long crc;
};

static bool push_part(struct push *p, const uint8_t *bytes, size_t len, struct rv_error *err)
{
    if (len > p->place->plain - p->done)
        return rv_fail(err, RV_E_CORRUPT, "it unpacks to more than the %llu bytes that it says",
                       (unsigned long long)p->place->plain);
    p->crc = crc32(p->crc, bytes, (uInt)len);
    p->done += len;
    return len == 0 || p->sink(p->context, rv_span(bytes, len), err);
}

static bool push_stored(struct push *p, struct rv_error *err)
{
    for (uint64_t at = 0; at < p->place->packed;) {
        uint64_t left = p->place->packed - at;
        size_t len = left < PART ? (size_t)left : PART;
        if (!rv_archive_place_read(p->place, at, p->packed, len, err) || !push_part(p, p->packed, len, err))
            return false;
        at += len;
    }
    return true;
}

/* One fill of the output; *end when the deflate stream has ended. */
static bool inflate_some(struct push *p, z_stream *z, bool *end, struct rv_error *err)
{
    z->next_out = p->plain;
    z->avail_out = PART;
    int result = inflate(z, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return rv_fail(err, RV_E_CORRUPT, "its packed bytes are damaged: %s",
                       z->msg != NULL ? z->msg : "no reason told");
    *end = result == Z_STREAM_END;
    return push_part(p, p->plain, PART - z->avail_out, err);
}

static bool push_inflated(struct push *p, z_stream *z, struct rv_error *err)
{
    bool end = false;
    uint64_t at = 0;
    while (!end) {
        if (z->avail_in == 0) {
            uint64_t left = p->place->packed - at;
            size_t len = left < PART ? (size_t)left : PART;
            if (len == 0)
                return rv_fail(err, RV_E_CORRUPT, "its packed bytes end in the middle");
            if (!rv_archive_place_read(p->place, at, p->packed, len, err))
                return false;
            at += len;
            z->next_in = p->packed;
            z->avail_in = (uInt)len;
        }
        if (!inflate_some(p, z, &end, err))
            return false;
    }
    return (at == p->place->packed && z->avail_in == 0) ||
           rv_fail(err, RV_E_CORRUPT, "it has packed bytes behind its end");
}

static bool push_whole(struct push *p, struct rv_error *err)
{
    if (!p->place->deflated) {
        if (!push_stored(p, err))
            return false;
    } else {
        z_stream z = { .next_in = NULL };
        if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
            return rv_fail_nomem(err);
        bool fine = push_inflated(p, &z, err);
        inflateEnd(&z);
        if (!fine)
            return false;
    }
    if (p->done != p->place->plain)
        return rv_fail(err, RV_E_CORRUPT, "it has %llu bytes, not the %llu that it says", (unsigned long long)p->done,
                       (unsigned long long)p->place->plain);
    if (p->place->have_crc && (uint32_t)p->crc != p->place->crc)
        return rv_fail(err, RV_E_CORRUPT, "its checksum is %08lx, not %08x", p->crc, p->place->crc);
    return true;
}

bool rv_archive_stream(const struct rv_archive *archive, const char *name, rv_archive_sink *sink, void *context,
                       struct rv_error *err)
{
    struct rv_archive_place place;
    if (!rv_archive_place(archive, name, &place, err))
        return false;
    struct push p = { .place = &place, .sink = sink, .context = context, .crc = crc32(0, NULL, 0) };
    p.packed = rv_alloc(PART);
    p.plain = rv_alloc(PART);
    bool fine = p.packed != NULL && p.plain != NULL ? push_whole(&p, err) : rv_fail_nomem(err);
    rv_free(p.packed);
    rv_free(p.plain);
    rv_archive_place_clear(&place);
    return fine || rv_while(err, "reading '%s'", name);
}

struct fill {
    struct rv_blob *to;
    size_t at;
};

static bool fill_blob(void *context, struct rv_span part, struct rv_error *err)
{
    struct fill *fill = context;
    if (part.len > fill->to->len - fill->at)
        return rv_fail(err, RV_E_CORRUPT, "it grew while it was read");
    memcpy(fill->to->data + fill->at, part.ptr, part.len);
    fill->at += part.len;
    return true;
}

struct rv_blob *rv_archive_read(const struct rv_archive *archive, const char *name, size_t cap_bytes,
                                struct rv_error *err)
{
    struct rv_archive_place place;
    if (!rv_archive_place(archive, name, &place, err))
        return NULL;
    uint64_t size = place.plain;
    rv_archive_place_clear(&place);
    if (size > cap_bytes) {
        rv_fail(err, RV_E_LIMIT, "'%s' has %llu bytes, more than %zu", name, (unsigned long long)size, cap_bytes);
        return NULL;
    }
    RV_AUTO(rv_blob) blob = rv_blob_new((size_t)size, err);
    struct fill fill = { .to = blob };
    if (blob == NULL || !rv_archive_stream(archive, name, fill_blob, &fill, err))
        return NULL;
    return rv_steal(&blob);
}
