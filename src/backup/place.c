/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/place.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COPY_PIECE = 1 << 20, DEPTH_MAX = 64 };
static const unsigned long clone_request = 0x40049409; /* FICLONE of <linux/fs.h>: _IOW(0x94, 9, int) */

/* ---- names ---- */

static bool is_utf8(const uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t n = *p < 0x80                 ? 1
                   : *p >= 0xC2 && *p < 0xE0 ? 2
                   : *p >= 0xE0 && *p < 0xF0 ? 3
                   : *p >= 0xF0 && *p < 0xF5 ? 4
                                             : 0;
        if (n == 0 || n > len)
            return false;
        /* shortest form only, and no half of a pair of UTF-16 */
        if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) || (*p == 0xF0 && p[1] < 0x90) ||
            (*p == 0xF4 && p[1] > 0x8F))
            return false;
        for (size_t i = 1; i < n; i++)
            if ((p[i] & 0xC0) != 0x80)
                return false;
        p += n;
        len -= n;
    }
    return true;
}

static bool part_is_fine(const uint8_t *p, size_t len)
{
    return len > 0 && len <= RV_PLACE_PART_MAX && !(len == 1 && p[0] == '.') &&
           !(len == 2 && p[0] == '.' && p[1] == '.');
}

bool rv_place_check(struct rv_span name, struct rv_error *err)
{
    if (name.len == 0 || name.len > RV_PLACE_MAX)
        return rv_fail(err, RV_E_DENIED, "a name of %zu bytes is not used as a path", name.len);
    if (!is_utf8(name.ptr, name.len))
        return rv_fail(err, RV_E_DENIED, "a name that is no UTF-8 is not used as a path");
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 0x20 || name.ptr[i] == 0x7F)
            return rv_fail(err, RV_E_DENIED, "a name with control characters is not used as a path");
    unsigned depth = 0;
    for (size_t at = 0; at <= name.len; depth++) {
        const uint8_t *slash = at < name.len ? memchr(name.ptr + at, '/', name.len - at) : NULL;
        size_t len = (slash != NULL ? (size_t)(slash - name.ptr) : name.len) - at;
        if (!part_is_fine(name.ptr + at, len) || depth >= DEPTH_MAX)
            return rv_fail(err, RV_E_DENIED, "the name '%.*s' would lead out of its folder or is no path",
                           (int)(name.len < 80 ? name.len : 80), (const char *)name.ptr);
        at += len + 1;
    }
    return true;
}

/* ---- walking down ---- */

/*
 * The whole way in one call: Linux 5.6 and later follows no link and does not leave the root by itself. -1 with *walk:
 * this kernel cannot, or a folder is not there: go part by part.
 */
static int open_at_once(int root, const char *name, int flags, bool *walk)
{
    struct open_how how = { .flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
                            .mode = (flags & O_CREAT) != 0 ? 0600 : 0,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
    int fd = (int)syscall(SYS_openat2, root, name, &how, sizeof how);
    *walk = fd < 0 && errno != EACCES && errno != EMFILE && errno != ENFILE && errno != ENOSPC && errno != EEXIST;
    return fd;
}

static int step_into(int at, const char *part, bool make, struct rv_error *err)
{
    int next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0 && errno == ENOENT && make) {
        if (mkdirat(at, part, 0700) != 0 && errno != EEXIST) {
            rv_fail_sys(err, RV_E_IO, errno, "making the folder %s", part);
            return -1;
        }
        next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (next < 0)
        rv_fail_sys(err, errno == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, errno, "opening the folder %s", part);
    return next;
}

static int opened(int fd, const char *name, struct rv_error *err)
{
    if (fd < 0)
        rv_fail_sys(err, errno == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, errno, "opening %.100s", name);
    return fd;
}

static int walk_to_parent(int root, const char *name, bool make, struct rv_error *err)
{
    int at = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0) {
        rv_fail_sys(err, RV_E_IO, errno, "opening a backup's folder");
        return -1;
    }
    for (const char *slash; (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        char part[RV_PLACE_PART_MAX + 1];
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        int next = step_into(at, part, make, err);
        close(at);
        if (next < 0)
            return -1;
        at = next;
    }
    return at;
}

int rv_place_parent(int root, const char *name, bool make, const char **leaf, struct rv_error *err)
{
    if (!rv_place_check(rv_span(name, strlen(name)), err))
        return -1;
    const char *last = strrchr(name, '/');
    char folder[RV_PLACE_MAX + 1] = ".";
    bool walk;
    if (last != NULL)
        snprintf(folder, sizeof folder, "%.*s", (int)(last - name), name);
    *leaf = last != NULL ? last + 1 : name;
    int at = open_at_once(root, folder, O_RDONLY | O_DIRECTORY, &walk);
    return at >= 0 || !walk ? opened(at, name, err) : walk_to_parent(root, name, make, err);
}

static int open_in(int root, const char *name, int flags, bool make, struct rv_error *err)
{
    const char *leaf;
    bool walk;
    if (!rv_place_check(rv_span(name, strlen(name)), err))
        return -1;
    int fd = open_at_once(root, name, flags, &walk);
    if (fd >= 0 || !walk)
        return opened(fd, name, err);
    RV_AUTO_FD parent = rv_place_parent(root, name, make, &leaf, err);
    return parent < 0 ? -1 : opened(openat(parent, leaf, flags | O_NOFOLLOW | O_CLOEXEC, 0600), name, err);
}

int rv_place_open(int root, const char *name, int flags, struct rv_error *err)
{
    return open_in(root, name, flags, false, err);
}

int rv_place_create(int root, const char *name, int flags, struct rv_error *err)
{
    return open_in(root, name, flags | O_CREAT, true, err);
}

bool rv_place_folder(int root, const char *name, struct rv_error *err)
{
    const char *leaf;
    RV_AUTO_FD parent = rv_place_parent(root, name, true, &leaf, err);
    RV_AUTO_FD made = parent < 0 ? -1 : step_into(parent, leaf, true, err);
    return made >= 0;
}

bool rv_place_stat(int root, const char *name, struct stat *st, struct rv_error *err)
{
    const char *leaf;
    RV_AUTO_FD parent = rv_place_parent(root, name, false, &leaf, err);
    if (parent < 0)
        return false;
    if (fstatat(parent, leaf, st, AT_SYMLINK_NOFOLLOW) != 0)
        return rv_fail_sys(err, errno == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, errno, "looking at %.100s", name);
    return true;
}

/* ---- changing ---- */

bool rv_place_remove(int root, const char *name, struct rv_error *err)
{
    const char *leaf;
    struct rv_error missing = { 0 };
    RV_AUTO_FD parent = rv_place_parent(root, name, false, &leaf, &missing);
    if (parent < 0) {
        if (missing.code == RV_E_NOT_FOUND)
            return true;
        *err = missing;
        return false;
    }
    return rv_tree_remove(parent, leaf, err);
}

bool rv_place_move(int root, const char *from, const char *to, struct rv_error *err)
{
    const char *from_leaf, *to_leaf;
    RV_AUTO_FD source = rv_place_parent(root, from, false, &from_leaf, err);
    RV_AUTO_FD target = source < 0 ? -1 : rv_place_parent(root, to, true, &to_leaf, err);
    if (target < 0)
        return false;
    if (renameat(source, from_leaf, target, to_leaf) == 0)
        return true;
    int why = errno;
    if (why != EISDIR && why != ENOTEMPTY && why != EEXIST && why != ENOTDIR)
        return rv_fail_sys(err, why == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, why, "moving %.80s", from);
    return rv_tree_remove(target, to_leaf, err) && (renameat(source, from_leaf, target, to_leaf) == 0 ||
                                                    rv_fail_sys(err, RV_E_IO, errno, "moving %.80s", from));
}

int rv_place_rename_new(int from, const char *old, int to, const char *name)
{
    struct stat st;
    if (renameat2(from, old, to, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(from, old, to, name);
}

static bool copy_bytes(int in, int out, struct rv_error *err)
{
    if (ioctl(out, clone_request, in) == 0)
        return true;
    RV_AUTO(rv_blob) piece = rv_blob_new(COPY_PIECE, err);
    if (piece == NULL)
        return false;
    for (;;) {
        ssize_t n = copy_file_range(in, NULL, out, NULL, COPY_PIECE, 0);
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            n = read(in, piece->data, piece->len);
            if (n > 0 && !rv_fd_write_all(out, rv_span(piece->data, (size_t)n), err))
                return false;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "copying a file");
        if (n == 0)
            return true;
    }
}

bool rv_place_copy(int from_root, const char *from, int to_root, const char *to, struct rv_error *err)
{
    struct stat st;
    RV_AUTO_FD in = rv_place_open(from_root, from, O_RDONLY | O_NONBLOCK, err);
    if (in < 0 || fstat(in, &st) != 0 || !S_ISREG(st.st_mode))
        return in >= 0 ? rv_fail(err, RV_E_IO, "%.100s is not a file", from) : false;
    RV_AUTO_FD out = rv_place_create(to_root, to, O_WRONLY | O_TRUNC, err);
    if (out < 0)
        return false;
    const struct timespec times[2] = { st.st_atim, st.st_mtim };
    if (!copy_bytes(in, out, err))
        return rv_while(err, "copying %.100s", from);
    futimens(out, times);
    return true;
}

bool rv_place_write(int root, const char *name, struct rv_span bytes, struct rv_error *err)
{
    const char *leaf;
    char temporary[RV_PLACE_PART_MAX + 16];
    RV_AUTO_FD parent = rv_place_parent(root, name, true, &leaf, err);
    if (parent < 0)
        return false;
    snprintf(temporary, sizeof temporary, ".%.240s.part", leaf);
    RV_AUTO_FD fd = openat(parent, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "creating %.100s", name);
    bool fine = rv_fd_write_all(fd, bytes, err) && (renameat(parent, temporary, parent, leaf) == 0 ||
                                                    rv_fail_sys(err, RV_E_IO, errno, "giving %.100s its name", name));
    if (!fine)
        unlinkat(parent, temporary, 0);
    return fine;
}

struct rv_blob *rv_place_read(int root, const char *name, size_t cap, struct rv_error *err)
{
    struct stat st;
    RV_AUTO_FD fd = rv_place_open(root, name, O_RDONLY | O_NONBLOCK, err);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        rv_fail(err, RV_E_IO, "%.100s is not a file", name);
        return NULL;
    }
    if ((uint64_t)st.st_size > cap) {
        rv_fail(err, RV_E_LIMIT, "%.100s has %llu bytes", name, (unsigned long long)st.st_size);
        return NULL;
    }
    RV_AUTO(rv_blob) blob = rv_blob_new((size_t)st.st_size, err);
    return blob != NULL && rv_fd_read_at(fd, blob->data, blob->len, 0, err) ? rv_steal(&blob) : NULL;
}

ssize_t rv_place_read_past(int fd, uint8_t *to, size_t want, uint64_t at, uint64_t *unreadable)
{
    enum { SPOT = 4096 }; /* what a kernel reads at once around a bad sector */
    size_t have = 0;
    while (have < want) {
        ssize_t n = pread(fd, to + have, want - have, (off_t)(at + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EIO) {
            size_t left = SPOT - (at + have) % SPOT;
            n = (ssize_t)(left < want - have ? left : want - have);
            memset(to + have, 0, (size_t)n);
            *unreadable += (uint64_t)n;
        }
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

bool rv_place_each(int root, const char *name, rv_place_entry_fn *fn, void *context, struct rv_error *err)
{
    int fd = strcmp(name, ".") == 0 ? openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                    : rv_place_open(root, name, O_RDONLY | O_DIRECTORY, err);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return err->code != RV_OK ? false : rv_fail_sys(err, RV_E_IO, errno, "listing %.100s", name);
    }
    bool fine = true;
    for (struct dirent *e; fine && (e = readdir(dir)) != NULL;) {
        struct stat st;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            fine = fn(context, e->d_name, &st, err);
    }
    closedir(dir);
    return fine;
}
