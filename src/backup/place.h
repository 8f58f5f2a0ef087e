/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where a name that a device or a backup gave becomes a path of this computer. Names are hostile: "..",
 * absolute, empty, too long, with control characters or broken UTF-8 are refused, and no link on the way is followed.
 */
#pragma once

#include "base/bytes.h"

#include <sys/stat.h>
#include <sys/types.h>

enum { RV_PLACE_MAX = 4096, RV_PLACE_PART_MAX = 255 };

/** Is it a relative path that stays below where it begins? DENIED with what is wrong. */
bool rv_place_check(struct rv_span name, struct rv_error *err);

/** Opens below a folder; makes nothing but the file itself (O_CREAT). -1: NOT_FOUND, DENIED, IO. */
int rv_place_open(int root, const char *name, int flags, struct rv_error *err);
/** The same, and the folders on the way are made. */
int rv_place_create(int root, const char *name, int flags, struct rv_error *err);
/** The folder that holds the last part (a new descriptor), and that part. make: with missing folders. */
int rv_place_parent(int root, const char *name, bool make, const char **leaf, struct rv_error *err);
bool rv_place_folder(int root, const char *name, struct rv_error *err); /* mkdir -p */
bool rv_place_stat(int root, const char *name, struct stat *st, struct rv_error *err);
/** A file or a whole tree; what is not there is no error. */
bool rv_place_remove(int root, const char *name, struct rv_error *err);
bool rv_place_move(int root, const char *from, const char *to, struct rv_error *err); /* replaces files */
/** The last step of a name: errno EEXIST when it is taken. Also where the file system cannot refuse that by itself. */
int rv_place_rename_new(int from, const char *old, int to, const char *name);
/** A file by reflink, or bytes; to_root may be another file system. Times are kept. */
bool rv_place_copy(int from_root, const char *from, int to_root, const char *to, struct rv_error *err);
/** Bytes under a final name, whole or not at all; not secured against loss of power. */
bool rv_place_write(int root, const char *name, struct rv_span bytes, struct rv_error *err);
/** NOT_FOUND, LIMIT, IO. */
struct rv_blob *rv_place_read(int root, const char *name, size_t cap, struct rv_error *err);

/**
 * `want` bytes from `at` on, fewer at the end of the file, -1 with errno. Where the disk cannot read there are zeroes,
 * and *unreadable grows by as many bytes.
 */
ssize_t rv_place_read_past(int fd, uint8_t *to, size_t want, uint64_t at, uint64_t *unreadable);

/** Each entry of a folder; kind as in st_mode's type (0: something else). Return false to stop. */
typedef bool rv_place_entry_fn(void *context, const char *name, const struct stat *st, struct rv_error *err);
bool rv_place_each(int root, const char *name, rv_place_entry_fn *fn, void *context, struct rv_error *err);
