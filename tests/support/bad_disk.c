/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk with bad sectors, for a program that is started with this library before it: reading BAD_DISK_BYTES from
 * BAD_DISK_FROM on, of the file BAD_DISK_FILE, fails as such disks do.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static off_t number(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? strtoll(text, NULL, 10) : 0;
}

static int is_bad(int fd)
{
    char link[64], path[4096];
    const char *name = getenv("BAD_DISK_FILE");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = name != NULL ? readlink(link, path, sizeof path - 1) : -1;
    if (len < 0)
        return 0;
    path[len] = '\0';
    return strcmp(path, name) == 0;
}

/* How much of a read can be had; -1: it begins in a bad place. */
static ssize_t readable(int fd, off_t at, size_t want)
{
    off_t from = number("BAD_DISK_FROM"), to = from + number("BAD_DISK_BYTES");
    if (!is_bad(fd) || at >= to || at + (off_t)want <= from)
        return (ssize_t)want;
    errno = EIO;
    return at < from ? (ssize_t)(from - at) : -1;
}

ssize_t read(int fd, void *to, size_t want)
{
    static ssize_t (*real)(int, void *, size_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "read");
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t can = at < 0 ? (ssize_t)want : readable(fd, at, want);
    return can < 0 ? -1 : real(fd, to, (size_t)can);
}

ssize_t pread(int fd, void *to, size_t want, off_t at)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pread");
    ssize_t can = readable(fd, at, want);
    return can < 0 ? -1 : real(fd, to, (size_t)can, at);
}

ssize_t pread64(int fd, void *to, size_t want, off_t at)
{
    return pread(fd, to, want, at);
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags)
{
    (void)in, (void)in_at, (void)out, (void)out_at, (void)len, (void)flags;
    errno = EXDEV;
    return -1;
}
