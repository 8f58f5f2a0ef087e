/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TREE_DEPTH_MAX = 64 };

struct rv_blob *rv_file_read(const char *path, size_t cap_bytes, struct rv_error *err)
{
    RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        rv_fail_sys(err, errno == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, errno, "opening %s", path);
        return NULL;
    }
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        rv_fail(err, RV_E_IO, "%s is not a file", path);
        return NULL;
    }
    if ((uint64_t)st.st_size > cap_bytes) {
        rv_fail(err, RV_E_LIMIT, "%s has %llu bytes, more than %zu", path, (unsigned long long)st.st_size, cap_bytes);
        return NULL;
    }
    RV_AUTO(rv_blob) blob = rv_blob_new((size_t)st.st_size, err);
    if (blob == NULL || !rv_fd_read_at(fd, blob->data, blob->len, 0, err))
        return NULL;
    return rv_steal(&blob);
}

struct rv_atomic_file {
    int fd;
    bool done;
    char *final, *temporary;
};

struct rv_atomic_file *rv_atomic_file_new(const char *path, int mode, struct rv_error *err)
{
    RV_AUTO(rv_atomic_file) file = rv_alloc(sizeof *file);
    struct rv_buf name = RV_BUF(8192);
    if (file == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    file->fd = -1;
    file->final = rv_text_copy(path);
    if (file->final == NULL || !rv_buf_add_format(&name, err, "%s.part-XXXXXX", path) ||
        rv_buf_reserve(&name, 1, err) == NULL) {
        rv_buf_clear(&name);
        return NULL;
    }
    name.data[name.len] = '\0';
    file->temporary = (char *)name.data;
    file->fd = mkostemp(file->temporary, O_CLOEXEC);
    if (file->fd < 0) {
        rv_fail_sys(err, RV_E_IO, errno, "creating %s", path);
        file->done = true; /* there is nothing to remove */
        return NULL;
    }
    if (fchmod(file->fd, (mode_t)mode) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "setting access rights of %s", path);
        return NULL;
    }
    return rv_steal(&file);
}

bool rv_atomic_file_write(struct rv_atomic_file *file, struct rv_span bytes, struct rv_error *err)
{
    return rv_fd_write_all(file->fd, bytes, err) || rv_while(err, "writing %s", file->final);
}

int rv_atomic_file_fd(const struct rv_atomic_file *file)
{
    return file->fd;
}

const char *rv_atomic_file_path(const struct rv_atomic_file *file)
{
    return file->temporary;
}

static bool sync_folder_of(const char *path, struct rv_error *err)
{
    const char *slash = strrchr(path, '/');
    RV_AUTO_TEXT folder =
        slash == NULL ? rv_text_copy(".") : rv_text_copy_n(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL)
        return rv_fail_nomem(err);
    RV_AUTO_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != EROFS))
        return rv_fail_sys(err, RV_E_IO, errno, "securing the folder %s", folder);
    return true;
}

bool rv_atomic_file_publish(struct rv_atomic_file *file, struct rv_error *err)
{
    if (rename(file->temporary, file->final) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "giving %s its name", file->final);
    file->done = true;
    return true;
}

bool rv_atomic_file_commit(struct rv_atomic_file *file, struct rv_error *err)
{
    if (fsync(file->fd) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "securing %s on the disk", file->final);
    return rv_atomic_file_publish(file, err) && sync_folder_of(file->final, err);
}

void rv_atomic_file_free(struct rv_atomic_file *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    if (!file->done && file->temporary != NULL)
        unlink(file->temporary);
    rv_free(file->temporary);
    rv_free(file->final);
    rv_free(file);
}

bool rv_file_write_atomic(const char *path, struct rv_span bytes, int mode, struct rv_error *err)
{
    RV_AUTO(rv_atomic_file) file = rv_atomic_file_new(path, mode, err);
    return file != NULL && rv_atomic_file_write(file, bytes, err) && rv_atomic_file_commit(file, err);
}

bool rv_fd_write_all(int fd, struct rv_span bytes, struct rv_error *err)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return rv_fail_sys(err, RV_E_IO, n < 0 ? errno : EIO, "writing %zu bytes", bytes.len);
        bytes = rv_span(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return true;
}

bool rv_fd_read_at(int fd, void *to, size_t len, uint64_t offset, struct rv_error *err)
{
    uint8_t *at = to;
    while (len > 0) {
        ssize_t n = pread(fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rv_fail_sys(err, RV_E_IO, errno, "reading %zu bytes at %llu", len, (unsigned long long)offset);
        if (n == 0)
            return rv_fail(err, RV_E_CORRUPT, "the file ends at %llu, %zu bytes early", (unsigned long long)offset,
                           len);
        at += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return true;
}

bool rv_file_lock(const char *path, int *fd, struct rv_error *err)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "creating %s", path);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    close(*fd);
    *fd = -1;
    return rv_fail(err, RV_E_BUSY, "another program holds the lock %s", path);
}

bool rv_dir_make(const char *path, struct rv_error *err)
{
    RV_AUTO_TEXT copy = rv_text_copy(path);
    if (copy == NULL)
        return rv_fail_nomem(err);
    for (char *at = copy + 1;; at++) {
        char old = *at;
        if (old != '/' && old != '\0')
            continue;
        *at = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            return rv_fail_sys(err, RV_E_IO, errno, "making the folder %s", copy);
        *at = old;
        if (old == '\0')
            return true;
    }
}

static bool remove_tree(int at, const char *leaf, unsigned depth, struct rv_error *err)
{
    if (unlinkat(at, leaf, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return rv_fail_sys(err, RV_E_IO, errno, "removing %s", leaf);
    if (depth > TREE_DEPTH_MAX)
        return rv_fail(err, RV_E_LIMIT, "folders nest too deep to be removed: %s", leaf);
    int fd = openat(at, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool fine = dir != NULL || rv_fail_sys(err, RV_E_IO, errno, "removing the folder %s", leaf);
    for (struct dirent *e; fine && (e = readdir(dir)) != NULL;)
        fine = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
               remove_tree(dirfd(dir), e->d_name, depth + 1, err);
    if (dir != NULL)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return fine &&
           (unlinkat(at, leaf, AT_REMOVEDIR) == 0 || rv_fail_sys(err, RV_E_IO, errno, "removing the folder %s", leaf));
}

bool rv_tree_remove(int at, const char *name, struct rv_error *err)
{
    return remove_tree(at, name, 0, err);
}

bool rv_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *rv_path_join(const char *folder, const char *leaf, struct rv_error *err)
{
    size_t a = strlen(folder), b = strlen(leaf);
    char *joined = rv_alloc(a + b + 2);
    if (joined == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    memcpy(joined, folder, a);
    if (a > 0 && folder[a - 1] != '/')
        joined[a++] = '/';
    memcpy(joined + a, leaf, b + 1);
    return joined;
}
