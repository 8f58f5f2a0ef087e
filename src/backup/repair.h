/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A damaged backup made into one that a phone takes, in a new folder: nothing that is still readable is left out, and
 * what is lost is listed. The damaged folder is only read.
 */
#pragma once

#include "backup/backup.h"
#include "backup/findings.h"

struct rv_repair_options {
    const char *to;       /* folder that the new backup's folder is made in */
    const char *password; /* NULL: none */
    /* Asked before the new backup gets its name: is what lies in this folder whole? NULL: not asked. */
    bool (*prove)(void *context, const char *folder, struct rv_error *err);
    void *context;
    const char *for_ios; /* the system of the phone that is to take it, older than the backup's; NULL: as it is */
    bool link;           /* hard links instead of copies where a file needs no mending */
};

/** The folder, below `to`, of files that nothing names. */
extern const char rv_repair_nameless[];

struct rv_repaired {
    char *folder; /* the new backup; caller frees */
    uint64_t files_kept, rows_kept;
    uint64_t files_mended;   /* content or entry put right */
    uint64_t files_named;    /* had no entry: found by name, or in an older copy */
    uint64_t files_nameless; /* lie beside, in "files without a name" */
    uint64_t databases_saved;
    bool index_rebuilt, lists_rebuilt, keys_of_older_copy;
};

/** What was lost goes to `lost`. CORRUPT with advice: nothing is left to save, or its keys are lost. */
bool rv_backup_repair(struct rv_backup *broken, const struct rv_repair_options *options, struct rv_findings *lost,
                      struct rv_repaired *out, struct rv_error *err);
