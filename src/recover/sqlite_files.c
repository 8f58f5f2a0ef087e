/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_files.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BITS = 19 };

static bool map_file(const char *path, struct rv_span *out, struct rv_error *err)
{
    *out = rv_span(NULL, 0);
    RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOATIME);
    if (fd < 0 && errno == EPERM)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rv_fail_sys(err, errno == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, errno, "opening %s", path);
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return rv_fail(err, RV_E_IO, "%s is not a file", path);
    if (st.st_size == 0)
        return true;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return rv_fail_sys(err, RV_E_IO, errno, "mapping %s", path);
    *out = rv_span(map, (size_t)st.st_size);
    return true;
}

static void unmap(struct rv_span *file)
{
    if (file->ptr != NULL)
        munmap((void *)(uintptr_t)file->ptr, file->len);
    *file = rv_span(NULL, 0);
}

static bool map_sibling(const char *path, const char *suffix, struct rv_span *out, struct rv_error *err)
{
    struct rv_buf name = RV_BUF(8192);
    bool fine = rv_buf_add_format(&name, err, "%s%s", path, suffix) && rv_buf_add(&name, rv_span("", 1), err);
    *out = rv_span(NULL, 0);
    if (fine && rv_file_exists((char *)name.data))
        fine = map_file((char *)name.data, out, err);
    rv_buf_clear(&name);
    return fine;
}

bool rv_sq_files_map(const char *path, struct rv_sq_files *files, struct rv_error *err)
{
    memset(files, 0, sizeof *files);
    if (map_file(path, &files->database, err) && map_sibling(path, "-wal", &files->wal, err) &&
        map_sibling(path, "-journal", &files->journal, err))
        return true;
    rv_sq_files_unmap(files);
    return false;
}

void rv_sq_files_unmap(struct rv_sq_files *files)
{
    unmap(&files->database);
    unmap(&files->wal);
    unmap(&files->journal);
}

static void drop_part(struct rv_span file, uintptr_t from, uintptr_t to)
{
    uintptr_t start = (uintptr_t)file.ptr, end = start + file.len;
    from = from < start ? start : from;
    to = to > end ? end : to;
    if (file.ptr != NULL && from < to)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

static void drop_chunk(const struct rv_sq_window *w, uintptr_t chunk)
{
    drop_part(w->file, chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS);
    drop_part(w->log, chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS);
}

void rv_sq_window_read(struct rv_sq_window *w, const uint8_t *page)
{
    uintptr_t chunk = (uintptr_t)page >> CHUNK_BITS;
    if (chunk == w->last || (w->file.ptr == NULL && w->log.ptr == NULL))
        return;
    w->last = chunk;
    for (unsigned i = 0; i < RV_SQ_CHUNKS_KEPT; i++)
        if (w->chunks[i] == chunk)
            return;
    if (w->chunks[w->at] != 0)
        drop_chunk(w, w->chunks[w->at]);
    w->chunks[w->at] = chunk;
    w->at = (w->at + 1) % RV_SQ_CHUNKS_KEPT;
}

void rv_sq_window_expect(const struct rv_sq_window *w, const uint8_t *from, size_t len)
{
    uintptr_t start = (uintptr_t)w->file.ptr, end = start + w->file.len, at = (uintptr_t)from & ~(uintptr_t)4095;
    if (w->file.ptr != NULL && at >= start && at < end)
        madvise((void *)at, len < end - at ? len : end - at, MADV_POPULATE_READ);
}

void rv_sq_window_clear(struct rv_sq_window *w)
{
    for (unsigned i = 0; i < RV_SQ_CHUNKS_KEPT; i++)
        if (w->chunks[i] != 0)
            drop_chunk(w, w->chunks[i]);
    *w = (struct rv_sq_window){ .file = w->file, .log = w->log };
}
