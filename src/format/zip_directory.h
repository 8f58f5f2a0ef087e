/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of contents of a ZIP file, and everything a hostile one may try: names that leave the folder,
 * names twice, entries that overlap, sizes that cannot be, encryption. A pure function of bytes: the caller
 * reads the end of the file, then the directory.
 */
#pragma once

#include "base/bytes.h"

enum {
    RV_ZIP_TAIL = 66 * 1024, /* bytes from the end of the file that hold the end records */
    RV_ZIP_ENTRIES_MAX = 100 * 1000,
    RV_ZIP_DIRECTORY_MAX = 64 * 1024 * 1024,
    RV_ZIP_NAME_MAX = 1024,
    RV_ZIP_LOCAL_HEADER = 30
};

struct rv_zip_end {
    uint64_t entries, directory_at, directory_size;
};
/** From the last RV_ZIP_TAIL bytes (or the whole file when it is smaller). */
bool rv_zip_find_end(struct rv_span tail, uint64_t file_size, struct rv_zip_end *out, struct rv_error *err);

enum rv_zip_method { RV_ZIP_STORED = 0, RV_ZIP_DEFLATED = 8 };

struct rv_zip_entry {
    char *name; /* owned by the directory; ends with '/' for a folder */
    bool link;  /* a symbolic link: its content names another place */
    enum rv_zip_method method;
    uint16_t flags;
    uint32_t crc;
    uint64_t packed, plain; /* sizes */
    uint64_t header_at;     /* of the local header */
};
struct rv_zip_directory {
    struct rv_zip_entry *entries; /* by name */
    size_t count;
};
bool rv_zip_directory_parse(struct rv_span directory, const struct rv_zip_end *end, struct rv_zip_directory *out,
                            struct rv_error *err);
void rv_zip_directory_clear(struct rv_zip_directory *directory);
const struct rv_zip_entry *rv_zip_directory_find(const struct rv_zip_directory *directory, const char *name);

/**
 * The local header (30 bytes and the name, as many as `directory entry` says) agrees with the entry; its checksum
 * and sizes too, unless the writer put them behind the content. Its dates and what it needs are never used.
 * *data_offset: of the content, from the header's start.
 */
bool rv_zip_local_check(struct rv_span header, const struct rv_zip_entry *entry, uint64_t *data_offset,
                        struct rv_error *err);

/** A path that stays inside a folder: no "..", no leading '/', no backslash, no drive, no control characters. */
bool rv_zip_name_safe(struct rv_span name);
