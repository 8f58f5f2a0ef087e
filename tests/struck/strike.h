/* SPDX-License-Identifier: Apache-2.0 */
/* The two names that the linker's --wrap gives each function that changes the disk. */
#pragma once

#include <sys/types.h>

#define STRUCK(type, name, ...)                                                                                        \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __real_##name(__VA_ARGS__)

STRUCK(ssize_t, write, int fd, const void *bytes, size_t len);
STRUCK(ssize_t, pwrite64, int fd, const void *bytes, size_t len, off64_t at);
STRUCK(ssize_t, copy_file_range, int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags);
STRUCK(int, syncfs, int fd);
STRUCK(int, fsync, int fd);
STRUCK(int, openat64, int at, const char *name, int flags, ...);
STRUCK(int, open64, const char *name, int flags, ...);
STRUCK(int, mkostemp64, char *name, int flags);
STRUCK(int, mkdir, const char *name, mode_t mode);
STRUCK(int, mkdirat, int at, const char *name, mode_t mode);
STRUCK(int, linkat, int at, const char *name, int to, const char *to_name, int flags);
STRUCK(int, rename, const char *name, const char *to_name);
STRUCK(int, renameat, int at, const char *name, int to, const char *to_name);
STRUCK(int, renameat2, int at, const char *name, int to, const char *to_name, unsigned flags);
STRUCK(int, unlink, const char *name);
STRUCK(int, unlinkat, int at, const char *name, int flags);
STRUCK(int, rmdir, const char *name);
