/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files inside a zip on disk, a zip in memory (a .bbfw inside an IPSW), or a folder: one way to read them.
 * Nothing is unpacked to disk. Every byte of a zip that is read to the end is checked against its CRC.
 */
#pragma once

#include "base/bytes.h"
#include "format/zip_directory.h"

struct rv_archive;

/** A zip file or a folder. */
struct rv_archive *rv_archive_open(const char *path, struct rv_error *err);
/** A zip that lies neither on a disk nor in memory: `read` gives exactly len bytes at `at`. */
struct rv_archive_source {
    bool (*read)(void *context, uint64_t at, void *to, size_t len, struct rv_error *err);
    void *context;
    uint64_t size;
};
/** *source is copied; its context must live until rv_archive_free. Entries are looked at one by one, when wanted. */
struct rv_archive *rv_archive_open_source(const struct rv_archive_source *source, struct rv_error *err);
/** A zip in memory, borrowed until rv_archive_free. */
struct rv_archive *rv_archive_open_bytes(struct rv_span zip, struct rv_error *err);
void rv_archive_free(struct rv_archive *archive);
RV_DEFINE_AUTO(rv_archive)
bool rv_archive_is_folder(const struct rv_archive *archive);

/** Name of the n-th entry of a zip, NULL past the end and for folders. */
const char *rv_archive_name(const struct rv_archive *archive, size_t n);
/** Name of a file at the top whose name has this start and end, new memory; the shortest. NOT_FOUND. */
char *rv_archive_find_top(const struct rv_archive *archive, const char *start, const char *end, struct rv_error *err);

/** Where a file's bytes are. */
struct rv_archive_place {
    int fd;                                 /* -1: in memory, or of a source */
    struct rv_span bytes;                   /* the whole zip in memory */
    const struct rv_archive_source *source; /* NULL: none */
    bool own_fd;                            /* the receiver closes fd */
    bool deflated;
    uint64_t at, packed, plain;
    bool have_crc;
    uint32_t crc;
};
/** NOT_FOUND; DENIED and others from the disk. */
bool rv_archive_place(const struct rv_archive *archive, const char *name, struct rv_archive_place *out,
                      struct rv_error *err);
void rv_archive_place_clear(struct rv_archive_place *place);
/** Exactly len packed bytes at `offset` from the start of the file's data. */
bool rv_archive_place_read(const struct rv_archive_place *place, uint64_t offset, void *to, size_t len,
                           struct rv_error *err);

typedef bool rv_archive_sink(void *context, struct rv_span part, struct rv_error *err);
/** Pushes the whole file, unpacked, in parts of at most 256 KiB, and checks its size and CRC. CORRUPT. */
bool rv_archive_stream(const struct rv_archive *archive, const char *name, rv_archive_sink *sink, void *context,
                       struct rv_error *err);
/** The whole file, at most cap bytes. */
struct rv_blob *rv_archive_read(const struct rv_archive *archive, const char *name, size_t cap_bytes,
                                struct rv_error *err);
