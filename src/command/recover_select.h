/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `recover` have in common: the source, which types, which records of them. */
#pragma once

#include "artifact/artifact.h"
#include "command/backup_pick.h"
#include "command/command.h"

/* Filters of list and export. */
struct rv_selection {
    bool types[32]; /* by place in rv_artifacts */
    bool states[RV_RECORD_STATES];
    bool older;
    double since, until; /* Unix seconds; 0 none */
    const char *with, *search;
};
/** From --type, --state, --deleted, --all-rows, --since, --until, --with, --search. USAGE. */
bool rv_selection_read(const struct rv_args *args, struct rv_selection *out, struct rv_error *err);
bool rv_selection_takes(const struct rv_selection *selection, const json_t *record);
/** Does a search for deleted rows have to be made? */
bool rv_selection_carves(const struct rv_selection *selection);
/** Do earlier backups have to be read? */
bool rv_selection_compares(const struct rv_selection *selection);

/**
 * What --from names (recover_source.c): a file, a folder, a backup, several backups of one phone, the attached phone
 * (also when nothing is named). Says in the result where it reads.
 */
struct rv_source *rv_recover_source(struct rv_run *run, struct rv_error *err);
/** recover_device.c: the attached phone by its newest backup, or by one that is made for this run, and its media. */
struct rv_source *rv_recover_device(struct rv_run *run, struct rv_error *err);
/** A backup as a source, unlocked; a damaged one by a repaired copy that is wiped at the end. Takes it over. */
struct rv_source *rv_recover_backup(struct rv_run *run, struct rv_backup *backup, struct rv_error *err);
/** Puts the other backups of that phone that are on this computer behind `source`. */
bool rv_recover_add_earlier(struct rv_run *run, struct rv_source *source, const char *udid, struct rv_error *err);
/** recover_export.c: the chosen records into `to`; a row each type goes to `types`. */
bool rv_recover_export(struct rv_run *run, const struct rv_selection *selection, struct rv_source *source,
                       const char *to, json_t *types, struct rv_error *err);
/** USAGE when `to` lies inside one of the sources. */
bool rv_recover_target_is_apart(const struct rv_source *source, const char *to, struct rv_error *err);
/** recover_scan.c: counts of the chosen types, a row each to `types`. */
bool rv_recover_scan(struct rv_run *run, const struct rv_selection *selection, struct rv_source *source, json_t *types,
                     struct rv_error *err);
/** One type's counts, and why there is nothing or something is missing; new reference. */
json_t *rv_recover_counts(const struct rv_job *job);

#define RV_RECOVER_SOURCE                                                                                              \
    { "from", 0, "SOURCE",                                                                                             \
      "a backup (its folder, id, or number in `revive backup list`), a folder of extracted files, one database, or "   \
      "`device`, which is meant without it; several backups of one phone: --from again" },                             \
        { "all-backups", 0, NULL, "the phone's other backups on this computer too: what was deleted between them" },   \
        { "fresh", 0, NULL, "with the phone: a new backup for this run, removed after it" },                           \
        { "notes-password-file", 0, "FILE", "your own passwords of locked notes, one a line" },                        \
        RV_BACKUP_PASSWORD_OPTION
#define RV_RECOVER_FILTERS                                                                                             \
    { "type", 0, "T,...", "types: messages, contacts, calls ...; all without it" },                                    \
        { "state", 0, "S,...", "live, recently-deleted, deleted, in-older-backup; all without it" },                   \
        { "deleted", 0, NULL, "short for --state recently-deleted,deleted" },                                          \
        { "since", 0, "DATE", "from this day on: 2024-03-01, or with a time 2024-03-01T18:00:00 (UTC)" },              \
        { "until", 0, "DATE", "up to the end of this day, or to this time" },                                          \
        { "with", 0, "PERSON", "with this person: a number, an address or a part of a name" },                         \
    {                                                                                                                  \
        "search", 0, "TEXT", "whose text holds this, capital or small"                                                 \
    }
