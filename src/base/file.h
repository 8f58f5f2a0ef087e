/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole reads with a cap, and writes that appear under their final name complete or not at all. */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/** Reads a whole regular file of at most cap bytes. NOT_FOUND, LIMIT, IO. */
struct rv_blob *rv_file_read(const char *path, size_t cap_bytes, struct rv_error *err);

/**
 * Writes `bytes` to a temporary name in the same folder, fsyncs, renames, fsyncs the folder.
 * On any failure nothing is left and an older file of that name is untouched.
 */
bool rv_file_write_atomic(const char *path, struct rv_span bytes, int mode, struct rv_error *err);

/** The same for content that comes in pieces. */
struct rv_atomic_file;
struct rv_atomic_file *rv_atomic_file_new(const char *path, int mode, struct rv_error *err);
bool rv_atomic_file_write(struct rv_atomic_file *file, struct rv_span bytes, struct rv_error *err);
int rv_atomic_file_fd(const struct rv_atomic_file *file);
/** Its temporary name, for a library that opens files itself. */
const char *rv_atomic_file_path(const struct rv_atomic_file *file);
/** Makes it visible. The object stays to be freed. */
bool rv_atomic_file_commit(struct rv_atomic_file *file, struct rv_error *err);
/** The same without waiting for the disk: for thousands of files of which each can be made again. */
bool rv_atomic_file_publish(struct rv_atomic_file *file, struct rv_error *err);
/** Without a commit the temporary file is removed. */
void rv_atomic_file_free(struct rv_atomic_file *file);
RV_DEFINE_AUTO(rv_atomic_file)

/** All of it, through EINTR and short writes. */
bool rv_fd_write_all(int fd, struct rv_span bytes, struct rv_error *err);
/** Exactly len bytes at offset; CORRUPT when the file ends before. */
bool rv_fd_read_at(int fd, void *to, size_t len, uint64_t offset, struct rv_error *err);

/** A lock file (made if it is missing) that one program at a time holds until *fd is closed; never waits. BUSY, IO. */
bool rv_file_lock(const char *path, int *fd, struct rv_error *err);

/** mkdir -p with mode 0700 for what is missing. */
bool rv_dir_make(const char *path, struct rv_error *err);
/** A file or a whole tree below a folder; links are not followed, what is not there is no error. */
bool rv_tree_remove(int at, const char *name, struct rv_error *err);
bool rv_file_exists(const char *path);

/** "a/b" joined into new memory, or NULL. */
char *rv_path_join(const char *folder, const char *leaf, struct rv_error *err);
