/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of backups share: which backup is meant, its password, its facts as JSON. */
#pragma once

#include "backup/backup.h"
#include "backup/findings.h"
#include "command/command.h"

/** Options that go into a verb's own table. */
#define RV_BACKUP_IN_OPTION                                                                                            \
    {                                                                                                                  \
        "in", 0, "DIR", "look there: a folder of backups, a home, or the top of an attached disk"                      \
    }
#define RV_BACKUP_PASSWORD_OPTION                                                                                      \
    {                                                                                                                  \
        "password-file", 0, "FILE",                                                                                    \
            "the backup's password, in the first line of this file (else REVIVE_BACKUP_PASSWORD, else it is asked "    \
            "for)"                                                                                                     \
    }

/** The folder that a word means: a path, or folder name, UDID, phone's name or number of `backup list`. Caller frees.
 */
char *rv_backup_pick_path(struct rv_run *run, const char *word, struct rv_error *err);
/** The same, opened; NULL word: the only one that is found. */
struct rv_backup *rv_backup_pick(struct rv_run *run, const char *word, struct rv_error *err);

/** Password from --password-file, the environment, or the person; wipe it after. False with advice: none. */
enum { RV_BACKUP_PASSWORD_MAX = 1024 };
bool rv_backup_password(struct rv_run *run, const char *file_option, const char *prompt,
                        char out[RV_BACKUP_PASSWORD_MAX], struct rv_error *err);
/** Unlocks it when it is encrypted. */
bool rv_backup_pick_unlock(struct rv_run *run, struct rv_backup *backup, struct rv_error *err);

/** {"folder","name","udid","device","product","version","date","age_days","encrypted","state",…}; new reference. */
json_t *rv_backup_json(const struct rv_backup *backup, const char *place);
/** {"damage","kinds":[…],"files":[…],"by_sort":[…]}; new reference. */
json_t *rv_findings_json(const struct rv_findings *findings);
/** The same in words, one line each, on the way out (not with --json). */
void rv_findings_tell(struct rv_run *run, const struct rv_findings *findings);
/** What a repair found: lost, or mended. */
void rv_findings_tell_mended(struct rv_run *run, const struct rv_findings *findings);
void rv_say(struct rv_run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
