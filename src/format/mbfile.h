/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of a backup as its index describes it: the `file` column of Manifest.db (an archived MBFile object) or a
 * record of Manifest.mbdb.
 *
 * MBFile, in an NSKeyedArchiver property list: $top.root -> $objects[1] with RelativePath, Mode, Size, LastModified,
 * LastStatusChange, Birth, InodeNumber, UserID, GroupID, ProtectionClass, Flags; Digest, EncryptionKey, Target,
 * ExtendedAttributes where there are such.
 *
 * certain: the manifests that public tools read and write (mvt, iOSbackup, iphone_backup_decrypt, Nugget).
 */
#pragma once

#include "base/bytes.h"

enum { RV_MBFILE_PATH_MAX = 4096, RV_MBFILE_KEY = 44, RV_MBFILE_BLOB_MAX = 1 << 20 };

enum rv_mbfile_kind { RV_MBFILE_FILE = 1, RV_MBFILE_DIRECTORY = 2, RV_MBFILE_LINK = 4 }; /* as the column `flags` */

struct rv_mbfile {
    uint32_t mode; /* st_mode */
    uint64_t size, inode;
    int64_t modified, changed, born; /* unix seconds */
    uint32_t uid, gid, flags;
    uint8_t protection;        /* class 1..; 0: directories and links */
    struct rv_span digest;     /* 20 bytes, or empty; views of the record */
    struct rv_span key;        /* u32le class + 40 wrapped bytes, or empty */
    struct rv_span attributes; /* binary property list of extended attributes, or empty */
    bool complete;             /* every value that phones write is there and of its kind */
    char path[RV_MBFILE_PATH_MAX + 1];
    char target[RV_MBFILE_PATH_MAX + 1]; /* of a link */
};

enum rv_mbfile_kind rv_mbfile_kind(const struct rv_mbfile *file);

/** FORMAT: not an archive of an MBFile. Views in out are of `blob`. */
bool rv_mbfile_parse(struct rv_span blob, struct rv_mbfile *out, struct rv_error *err);
/** The key out of an archive that can no longer be read, by its form; false: it is not to be seen. A view of `blob`. */
bool rv_mbfile_salvage_key(struct rv_span blob, struct rv_span *key);
/** The archive; parse of it gives the same. Appends. */
bool rv_mbfile_format(const struct rv_mbfile *file, struct rv_buf *out, struct rv_error *err);
