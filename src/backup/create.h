/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup of an attached phone, and a backup brought onto one. The last good backup is not touched until its successor
 * is whole, verified and safe on the disk: work goes on in a folder beside it that shares unchanged files by hard
 * links, and the two change names in one step.
 */
#pragma once

#include "backup/choice.h"
#include "backup/findings.h"
#include "backup/serve.h"
#include "proto/lockdown.h"

struct rv_create_options {
    const char *to;       /* folder of backups */
    const char *password; /* of the backup, for verifying an encrypted one whole; NULL: not known */
    bool full;
    struct rv_choice *only; /* NULL: the whole phone */
    const char *only_words; /* as the person gave them */
};

struct rv_created {
    char *folder; /* caller frees */
    struct rv_served served;
    bool incremental; /* began with the files of the last one */
    bool went_on;     /* with what a broken-off run had left */
    bool encrypted, read_back;
    uint64_t files;    /* of the index; 0: locked */
    uint64_t left_out; /* rows that were not asked for */
};

/** UNFINISHED when it broke off after files had come: the last backup is as it was, the same command goes on. */
bool rv_backup_create(struct rv_ctx *ctx, struct rv_lockdown *link, const struct rv_create_options *options,
                      struct rv_created *out, struct rv_error *err);

struct rv_bring_options { /* every one is sent: absent ones would take the device's own defaults */
    bool system_files, settings, reboot, remove_others;
    const char *password;
    bool any_version;          /* let the phone judge */
    struct rv_choice *without; /* what stays behind; NULL: nothing */
};
struct rv_brought {
    struct rv_served served;
    uint64_t left_out; /* rows */
};
/** Preflight, then the phone fetches what it wants. The backup is only read. */
bool rv_backup_bring(struct rv_ctx *ctx, struct rv_lockdown *link, const char *folder, struct rv_bring_options *options,
                     struct rv_brought *out, struct rv_error *err);

/** Sets (no old), changes, or removes (no new) the password that the phone encrypts its backups with. */
bool rv_backup_change_password(struct rv_ctx *ctx, struct rv_lockdown *link, const char *old_password,
                               const char *new_password, struct rv_error *err);

/** Opens the backup agent; *major, *minor: of the phone's system. */
struct rv_mb2 *rv_backup_agent(struct rv_lockdown *link, unsigned *major, unsigned *minor, struct rv_error *err);
/** A conversation that ended before its answer: UNFINISHED with this advice, if anything had begun. */
void rv_backup_broke_off(struct rv_error *err, bool begun, enum rv_advice advice);
/** A text of lockdown; "" when it is not told. */
void rv_backup_value(struct rv_lockdown *link, const char *domain, const char *key, char *out, size_t room);
/** Is it told, and true? */
bool rv_backup_flag(struct rv_lockdown *link, const char *domain, const char *key);
/** The phone says that its set-up is not finished. */
bool rv_backup_setup_waits(struct rv_lockdown *link);
/** Info.plist of a new backup: the phone's names and numbers, its apps with their receipts and icons. Caller frees. */
plist_t rv_backup_info(struct rv_lockdown *link, struct rv_sync *sync, const char *udid, struct rv_error *err);
