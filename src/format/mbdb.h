/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest.mbdb, the index of backups made by iOS 4 to 9: "mbdb" 05 00, then records to the end.
 *
 *   str domain, path, link target, digest (20 raw bytes), key (u32le class + 40 bytes)     str: u16 length, FFFF null
 *   u16 mode, u64 inode, u32 uid, gid, mtime, ctime, birth, u64 size, u8 class, u8 n, n x (str name, str value)
 *
 * Numbers are big-endian. certain: iphone-dataprotection, iphonebackuptools, mbdbtool.
 */
#pragma once

#include "format/mbfile.h"

enum { RV_MBDB_DOMAIN_MAX = 1024 };

struct rv_mbdb_record {
    struct rv_mbfile file; /* digest, key: views of the input */
    char domain[RV_MBDB_DOMAIN_MAX + 1];
    struct rv_span properties; /* name and value pairs as they lie */
    uint8_t property_count;
    size_t at, end;
};

struct rv_mbdb {
    struct rv_span in;
    size_t at; /* of the next record */
};

/** FORMAT: the first six bytes are wrong. */
bool rv_mbdb_open(struct rv_span in, struct rv_mbdb *out, struct rv_error *err);
/** False at the end (err->code 0) and at a record that is cut or lies (FORMAT with its offset). */
bool rv_mbdb_next(struct rv_mbdb *db, struct rv_mbdb_record *out, struct rv_error *err);
/** After a bad record: moves on to the next place that reads as one. False: there is none. */
bool rv_mbdb_skip(struct rv_mbdb *db);

bool rv_mbdb_begin(struct rv_buf *out, struct rv_error *err);
/** properties are written as they lie. */
bool rv_mbdb_add(const struct rv_mbdb_record *record, struct rv_buf *out, struct rv_error *err);
