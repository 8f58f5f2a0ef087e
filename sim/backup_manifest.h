/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest.db: Files(fileID, domain, relativePath, flags, file), the last an archived MBFile. The generations before
 * iOS 10 keep the same in Manifest.mbdb; both become rows here.
 * Sources: a public backup of 14.3; jsharkey13/iphone_backup_decrypt; dinosec/iphone-dataprotection backups/backup4.py.
 */
#pragma once

#include "sim/backup_keys.h"
#include "sim/user_files.h"

struct sim_row {
    struct sim_file file;
    unsigned flags; /* 1 file, 2 folder, 4 link; more while a backup is under way */
    bool has_digest, has_key;
    uint8_t digest[20], key[SIM_WRAPPED];
};
enum { SIM_ROW_FILE = 1, SIM_ROW_FOLDER = 2, SIM_ROW_LINK = 4, SIM_ROW_SNAPSHOT = 8, SIM_ROW_KINDS = 7 };

unsigned sim_row_kind(uint32_t mode);
/** The archived MBFile, and back. Domain and id are not in it. */
struct rv_blob *sim_row_archive(const struct sim_row *row, struct rv_error *err);
bool sim_row_parse(struct rv_span archive, struct sim_row *row);

/** A new one, in a transaction that sim_manifest_finish ends. */
sqlite3 *sim_manifest_new(const char *path, struct rv_error *err);
bool sim_manifest_property(sqlite3 *db, const char *key, struct rv_span value, struct rv_error *err);
/** Closes it, in the form in which devices ship it. */
bool sim_manifest_finish(sqlite3 *db, struct rv_error *err);

/** Any one that came from outside: NULL when it is none. below_2: its user_version is too old. */
sqlite3 *sim_manifest_open(const char *path, bool *below_2, struct rv_error *err);
/** What SQLite says of it, pages of 4096 bytes, both tables, a folder's row for each row. */
bool sim_manifest_sound(sqlite3 *db, struct rv_error *err);
/** domain, path, flags and archive of the statement "SELECT fileID,domain,relativePath,flags,file FROM Files". */
bool sim_manifest_row(sqlite3_stmt *statement, struct sim_row *row);
/** Properties "salt" and "passwordHash"; NULL when absent. */
struct rv_blob *sim_manifest_property_get(sqlite3 *db, const char *key);

/** Whether a name may be put to disk by a restore: relative, no "..", nothing empty. */
bool sim_path_is_safe(const char *path);

/* backup_mbdb.c */
/** Reads Manifest.mbdb into a new Manifest.db at `path`. */
bool sim_mbdb_read(struct rv_span in, const char *path, struct rv_error *err);
struct rv_blob *sim_mbdb_write(sqlite3 *db, struct rv_error *err);
