/* SPDX-License-Identifier: Apache-2.0 */
/* A backup being made: shared by what judges the one that the host has (backup_judge.c) and what sends (backup_make.c).
 */
#pragma once

#include "sim/backup_run.h"

enum { SIM_MAKE_FOLDERS = 256 };

struct sim_make {
    struct sim_backup *run;
    struct sim_user *user;
    struct sim_status status;
    enum { RESUME_NOTHING, RESUME_MOVING, RESUME_REMOVING } resume; /* the host's is one that this device left so */
    bool full, had_one; /* had_one: the host has files of an earlier backup */
    sqlite3 *was, *now;
    sqlite3_stmt *find_was, *put_now;
    struct sim_totals totals;
    uint64_t sent_files, sent_bytes, kept_files, scanned;
    size_t batch_files;
    uint64_t batch_bytes;
    bool batch_open;
    bool folders_made[SIM_MAKE_FOLDERS];
    sqlite3_stmt *moved; /* ids of uploaded files, in the order of their upload */
    char error[200];
};

/** The host's Status.plist: full, incremental, or a backup of this device's own to be gone on with. Like all here false
 *  only when the request ends. */
bool sim_make_judge_status(struct sim_make *m);
/** Its Manifest.plist, which the caller frees: the encryption must be this device's own. */
bool sim_make_judge_properties(struct sim_make *m, plist_t *properties);
bool sim_make_open_was(struct sim_make *m, plist_t properties);
/** Whether all files of the host's manifest are there. */
bool sim_make_compare_files(struct sim_make *m);
/** Every name in the backup's folders, or in those of Snapshot, into a new table `there` of a database. */
bool sim_make_list_all(struct sim_make *m, sqlite3 *db, bool snapshot);
/** From now on this backup can be gone on with. */
bool sim_make_note_ours(struct sim_make *m);
