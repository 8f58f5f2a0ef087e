/* SPDX-License-Identifier: Apache-2.0 */
/* Every structure against its grammar, every file against the index, both ways. Nothing is written into the folder. */
#pragma once

#include "backup/backup.h"
#include "backup/findings.h"

struct rv_verify_options {
    bool quick;       /* sizes and names; contents are not read */
    unsigned threads; /* 0: as many as processors */
};

struct rv_verified {
    uint64_t rows, files, bytes; /* in the index; looked at; read */
    uint64_t digests;            /* files whose digest was compared */
    uint64_t decrypted;
    bool index_read; /* the rows could be read to their end */
};

/** Findings are no error: false only when the check itself cannot go on (cancelled, no memory, password needed). */
bool rv_backup_verify(struct rv_backup *backup, const struct rv_verify_options *options, struct rv_findings *findings,
                      struct rv_verified *out, struct rv_error *err);
/** The property lists alone; no password is needed. */
void rv_backup_check_lists(struct rv_backup *backup, struct rv_findings *findings);
/** A key of Manifest.plist whose value is of another kind than phones write; NULL: none. */
const char *rv_backup_wrong_kind(plist_t manifest);
/** Asks the SQLite library whether this file (a private copy) is whole; why: its words. */
bool rv_backup_database_sound(const char *path, char *why, size_t room);
