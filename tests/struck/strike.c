/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into a build of revive for tests (with --wrap for each name below): counts whatever it changes on the disk and
 * strikes at the Nth of these. Between two changes nothing on the disk differs, so these are all the places there are.
 *
 * REVIVE_STRIKE=   kill N    kill -9 before the Nth change; of a write half is done
 *                  full N    from the Nth change on nothing more fits on the disk
 *                  gone N    from the Nth change on the disk answers nothing but errors
 *                  list FILE says one line a change, for whoever chooses N
 * REVIVE_STRUCK_DISK=simple    the file system has no hard links, and cannot exchange names or refuse to replace
 */
#include "strike.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { UNREAD, NOTHING, KILL, FULL, GONE, LIST };
static struct {
    _Atomic int kind;
    _Atomic unsigned long count;
    unsigned long at;
    int list;
} strike;

static enum kind read_order(void)
{
    static const char *const words[] = { [KILL] = "kill ", [FULL] = "full ", [GONE] = "gone ", [LIST] = "list " };
    const char *text = getenv("REVIVE_STRIKE");
    for (int kind = KILL; text != NULL && kind <= LIST; kind++) {
        size_t len = strlen(words[kind]);
        if (strncmp(text, words[kind], len) != 0)
            continue;
        strike.at = strtoul(text + len, NULL, 10);
        if (kind == LIST)
            strike.list =
                (int)syscall(SYS_openat, AT_FDCWD, text + len, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        return (enum kind)kind;
    }
    return NOTHING;
}

static void tell(const char *what, const char *name)
{
    char line[512];
    int len = snprintf(line, sizeof line, "%s\t%.400s\n", what, name);
    if (len > 0)
        (void)syscall(SYS_write, strike.list, line, (size_t)len);
}

/* What is to happen at this change: 0, or the error it shall have. half: of a write that is cut by the end. */
static int due(const char *what, const char *name, bool grows, bool *half)
{
    if (strike.kind == UNREAD)
        strike.kind = (int)read_order(); /* the first change comes before there are threads that write */
    if (strike.kind == NOTHING)
        return 0;
    unsigned long now = ++strike.count;
    if (strike.kind == LIST)
        tell(what, name);
    if (strike.kind == LIST || now < strike.at)
        return 0;
    if (strike.kind == KILL && half != NULL)
        *half = true;
    else if (strike.kind == KILL)
        (void)raise(SIGKILL);
    return strike.kind == FULL ? (grows ? ENOSPC : 0) : strike.kind == GONE ? EIO : 0;
}

static bool is_simple(void)
{
    const char *disk = getenv("REVIVE_STRUCK_DISK");
    return disk != NULL && strcmp(disk, "simple") == 0;
}

#define FAIL_WHEN_DUE(what, name, grows)                                                                               \
    do {                                                                                                               \
        int why = due(what, name, grows, NULL);                                                                        \
        if (why != 0) {                                                                                                \
            errno = why;                                                                                               \
            return -1;                                                                                                 \
        }                                                                                                              \
    } while (0)

static bool is_file(int fd)
{
    struct stat st;
    return fd > 2 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- contents ---- */

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    bool half = false;
    char text[24];
    snprintf(text, sizeof text, "%zu", len);
    int why = is_file(fd) ? due("write", text, true, &half) : 0;
    if (half) {
        (void)__real_write(fd, bytes, len / 2);
        (void)raise(SIGKILL);
    }
    if (why == 0)
        return __real_write(fd, bytes, len);
    errno = why;
    return -1;
}

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    FAIL_WHEN_DUE("write", "0", true);
    return __real_pwrite64(fd, bytes, len, at);
}

ssize_t __wrap_copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags)
{
    FAIL_WHEN_DUE("copy", "", true);
    return __real_copy_file_range(in, in_at, out, out_at, len, flags);
}

int __wrap_syncfs(int fd)
{
    FAIL_WHEN_DUE("syncfs", "", false);
    return __real_syncfs(fd);
}

int __wrap_fsync(int fd)
{
    FAIL_WHEN_DUE("fsync", "", false);
    return __real_fsync(fd);
}

/* ---- names ---- */

static mode_t mode_of(int flags, va_list args)
{
    return (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
}

int __wrap_openat64(int at, const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    if ((flags & (O_CREAT | O_TRUNC)) != 0)
        FAIL_WHEN_DUE("create", name, true);
    return __real_openat64(at, name, flags, mode);
}

int __wrap_open64(const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    if ((flags & (O_CREAT | O_TRUNC)) != 0)
        FAIL_WHEN_DUE("create", name, true);
    return __real_open64(name, flags, mode);
}

int __wrap_mkostemp64(char *name, int flags)
{
    FAIL_WHEN_DUE("create", name, true);
    return __real_mkostemp64(name, flags);
}

int __wrap_mkdir(const char *name, mode_t mode)
{
    FAIL_WHEN_DUE("mkdir", name, true);
    return __real_mkdir(name, mode);
}

int __wrap_mkdirat(int at, const char *name, mode_t mode)
{
    FAIL_WHEN_DUE("mkdir", name, true);
    return __real_mkdirat(at, name, mode);
}

int __wrap_linkat(int at, const char *name, int to, const char *to_name, int flags)
{
    if (is_simple()) {
        errno = EPERM;
        return -1;
    }
    FAIL_WHEN_DUE("link", to_name, true);
    return __real_linkat(at, name, to, to_name, flags);
}

int __wrap_rename(const char *name, const char *to_name)
{
    FAIL_WHEN_DUE("rename", to_name, false);
    return __real_rename(name, to_name);
}

int __wrap_renameat(int at, const char *name, int to, const char *to_name)
{
    FAIL_WHEN_DUE("rename", to_name, false);
    return __real_renameat(at, name, to, to_name);
}

int __wrap_renameat2(int at, const char *name, int to, const char *to_name, unsigned flags)
{
    if (is_simple() && flags != 0) {
        errno = EINVAL;
        return -1;
    }
    FAIL_WHEN_DUE("exchange", to_name, false);
    return __real_renameat2(at, name, to, to_name, flags);
}

int __wrap_unlink(const char *name)
{
    FAIL_WHEN_DUE("remove", name, false);
    return __real_unlink(name);
}

int __wrap_unlinkat(int at, const char *name, int flags)
{
    FAIL_WHEN_DUE("remove", name, false);
    return __real_unlinkat(at, name, flags);
}

int __wrap_rmdir(const char *name)
{
    FAIL_WHEN_DUE("remove", name, false);
    return __real_rmdir(name);
}
