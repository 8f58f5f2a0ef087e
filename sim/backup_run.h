/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the backup agent, from its preconditions to the code it ends with. */
#pragma once

#include "sim/backup_link.h"
#include "sim/backup_manifest.h"
#include "sim/service_list.h"

enum { SIM_OWN_PATH = 4096, SIM_HOST_PATH = 700 };

/* MBErrorDomain, as far as it is known. Source: public reports; a decompilation of the agent, as facts. */
enum sim_mb {
    MB_OK = 0,
    MB_INTERNAL = 1,
    MB_MULTIPLE = 2,
    MB_INVALID = 11,
    MB_MANAGED = 22,
    MB_CLOUD_RESTORE = 25,
    MB_IO = 100,
    MB_DRIVE_READ = 103,
    MB_DRIVE_WRITE = 104,
    MB_DRIVE_FULL = 105,
    MB_DEVICE_FULL = 106,
    MB_CANCELLED = 202,
    MB_VERSION = 203,
    MB_EMPTY = 204,
    MB_CORRUPT = 205,
    MB_PASSWORD = 207,
    MB_LOCKED = 208,
    MB_FIND_MY = 211,
    MB_SETUP = 212,
};

struct sim_backup {
    struct sim_device *device;
    struct sim_link link;
    plist_t request, options; /* borrowed; options may be NULL */
    char udid[64];
    char source[SIM_HOST_PATH / 2]; /* folder at the host */
    unsigned major, minor;          /* of the system that makes or reads the backup */
    bool old_form;                  /* Manifest.mbdb and flat names */
    bool encrypted;
    struct sim_bag bag;
    struct rv_blob *bag_bytes; /* NULL: not made yet */
    struct rv_blob *salt;      /* of the weak check of the password */
    char password[256];        /* what the device encrypts with; "": it does not */
    int code;                  /* what it ends with */
    char words[600];
    char at[24]; /* the step it is at */
};

/** Ends the request: returns false. The first cause stands. */
bool sim_backup_fail(struct sim_backup *run, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** The link is gone: nothing can be answered any more. */
bool sim_backup_gone(struct sim_backup *run);
/** Called at every step by its name: faults, cancel. False ends the request. */
bool sim_backup_step(struct sim_backup *run, const char *step);
bool sim_backup_flag(struct sim_backup *run, const char *setting, bool otherwise);
uint64_t sim_backup_number(struct sim_backup *run, const char *setting, uint64_t otherwise);

/** A file of the agent's own: STATE/backup/LEAF. */
void sim_backup_path(struct sim_backup *run, const char *leaf, char out[SIM_OWN_PATH]);
/** "FOLDER/LEAF" at the host. */
void sim_backup_host(struct sim_backup *run, const char *leaf, char out[SIM_HOST_PATH]);
/** Where the content of a file stands at the host, below FOLDER or FOLDER/Snapshot. */
void sim_backup_host_file(struct sim_backup *run, const char *id, bool snapshot, char out[SIM_HOST_PATH]);

/** Fetches one file of the host into STATE/backup/LEAF. *missing: the host has none (that is no failure). */
bool sim_backup_fetch(struct sim_backup *run, const char *host_leaf, const char *leaf, bool *missing);
/** The file just fetched; NULL when it is longer than the cap. */
struct rv_blob *sim_backup_fetched(struct sim_backup *run, const char *leaf);
/** An answer of the host while its files are being written. */
bool sim_backup_wrote(struct sim_backup *run, bool alive, int status, const char *what);

/* backup_plists.c */
struct sim_status {
    unsigned version; /* 3.3: 33 */
    char uuid[64], backup_state[16], snapshot_state[16];
    bool full;
};
/** False: code 11 of the plist, or 203 of its version; *code says which. */
bool sim_status_parse(struct rv_span in, struct sim_status *out, int *code);
bool sim_status_upload(struct sim_backup *run, const struct sim_status *status);
/** The manifest's property list as this device writes it. */
plist_t sim_properties_make(struct sim_backup *run, struct rv_span manifest_key);
bool sim_upload_plist(struct sim_backup *run, plist_t plist, const char *host_leaf);
bool sim_upload_file(struct sim_backup *run, const char *leaf, const char *host_leaf, const uint8_t *key);
const char *sim_status_version(const struct sim_backup *run);
void sim_uuid(char out[40]);

/* backup_secret.c: the keys the device keeps for backups. */
bool sim_secret_load(struct sim_backup *run);
bool sim_secret_change(struct sim_backup *run, const char *old_password, const char *new_password);

/* backup_make.c, backup_restore.c */
bool sim_backup_make(struct sim_backup *run);
bool sim_backup_restore(struct sim_backup *run);
/** backup_hostile.c: one thing that harms, if such is ordered. */
bool sim_backup_hostile(struct sim_backup *run);
/** Of a Manifest.db that came encrypted. */
bool sim_backup_decrypt(struct sim_backup *run, const struct sim_bag *bag, plist_t properties, const char *leaf);
