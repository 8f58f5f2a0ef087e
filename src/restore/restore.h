/* SPDX-License-Identifier: Apache-2.0 */
/* Update and Restore: a plan is a table of steps, the runner is the only loop, the journal makes it resumable. */
#pragma once

#include "base/host.h"
#include "device/device.h"
#include "firmware/firmware.h"

struct rv_restore_options {
    enum rv_behavior behavior;
    const char *ipsw_path;   /* firmware file */
    const char *ticket_path; /* NULL: ask the signing server */
    const char *selector;    /* device, as rv_fleet_pick; NULL: the only one */
    uint64_t ecid;           /* nonzero: this device (resume) */
    bool dry_run;            /* prints the plan, changes nothing */
    bool consent;            /* erase: the person typed the name */
    bool waited;             /* rv_restore_find was patient already: look once */
};

/** What preflight found out about the owner, the power and the room; unknown is an answer. */
struct rv_stake {
    enum rv_known find_my, activation_lock, charging, host_on_battery;
    char activation[32];         /* ActivationState; "" unknown */
    int battery_percent;         /* of the device; -1: unknown */
    bool trusted;                /* the device told what it tells only to computers that it trusts */
    bool room_known, host_awake; /* host_awake: this computer was kept from sleeping */
    uint64_t room_bytes;         /* free where revive keeps its notes */
    bool fill_known;
    uint64_t device_free; /* on the device, where fill_known */
    const char *fullest;  /* words of what takes most of it; NULL unknown */
};

struct rv_restore_result {
    struct rv_stake stake; /* valid where stake_known */
    bool stake_known;
    struct rv_device device;     /* as it is at the end */
    char version[32], build[32]; /* installed */
    bool data_kept;              /* Update that ended in Normal mode with the user partition untouched by us */
    bool not_apple;              /* signed by the extra root */
    enum rv_mode started_in;
    unsigned resumed;         /* times this job was taken up again */
    const char *failed_step;  /* NULL: none; its name in the plan */
    enum rv_code failed_code; /* what it failed with, before the break was called UNFINISHED */
};

/** The one device that is meant; `patient` waits for one that is starting and tells no ECID yet, or restarts after a
 * break. */
bool rv_restore_find(struct rv_ctx *ctx, struct rv_fleet *fleet, const char *selector, bool patient,
                     struct rv_device *out, struct rv_error *err);

/** Runs the whole job. UNFINISHED (exit 7) when it broke off after work had begun: resume goes on. */
bool rv_restore_run(struct rv_fleet *fleet, const struct rv_restore_options *options, struct rv_restore_result *result,
                    struct rv_error *err);

/** Journal entry of an unfinished job for a device (ecid 0: the newest). NOT_FOUND. */
struct rv_job {
    uint64_t ecid;
    enum rv_behavior behavior;
    char ipsw_path[4096], ticket_path[4096];
    uint64_t ipsw_size;
    int64_t ipsw_mtime;            /* seconds */
    char last_step[64], state[32]; /* "running", "failed", "done" */
    char why[400];                 /* last words of a failed run */
    char started[32];              /* ISO 8601 */
    unsigned attempts;             /* runs so far */
    bool not_apple;                /* its ticket was signed by the extra root */
};
bool rv_job_find(struct rv_ctx *ctx, uint64_t ecid, struct rv_job *out, struct rv_error *err);
bool rv_job_list(struct rv_ctx *ctx, struct rv_job *out, size_t max, size_t *count, struct rv_error *err);

/** The steps of a plan in order, for --dry-run and the man page: how many there are; at most max are written. */
struct rv_step_words {
    const char *name, *words;
    bool erases;
};
size_t rv_plan_words(enum rv_mode from, enum rv_behavior behavior, struct rv_step_words *out, size_t max);

/** Newest backup of a device on this computer; false: none found. `when` is UTC "2026-11-02 18:04". */
bool rv_backup_newest(struct rv_ctx *ctx, const struct rv_identity *identity, char *when, size_t when_size, char *path,
                      size_t path_size);
