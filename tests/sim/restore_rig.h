/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of whole restores share: keys, two firmware files of one model, a device for each test. */
#pragma once

#include "restore_host.h"

enum { RIG_SETTLE_MS = 20000 };

struct rig_form {
    const char *product; /* NULL: iPhone X */
    const char *old_version, *old_build, *new_version, *new_build;
};

/* Made once: keys, the firmware that is installed and the one to install. */
struct rig_world {
    struct rig_form form;
    char dir[256], pki[300], root[400], old_ipsw[300], new_ipsw[300], new_system[97];
    unsigned serial;
};
extern struct rig_world rig_world;

struct rig {
    struct sim_device *device;
    struct host host;
    char system_before[97], data_before[97];
};

void rig_world_make(const struct rig_form *form);
int rig_world_drop(void);
int rig_set_up(void **state);
int rig_tear_down(void **state);

void rig_must(bool good, const struct rv_error *err);
void rig_boot(struct rig *rig, bool erase);
void rig_restore(struct rig *rig, bool erase, enum wrong wrong, const char *what);
bool rig_hash_is(struct rig *rig, const char *leaf, const char *hash);
void rig_fault(struct rig *rig, const char *name, const char *value);

/** Refused, as a device refuses: a status and its log, back in Recovery, and in an Update no user data touched. */
void rig_assert_failed(struct rig *rig, int64_t status, const char *log_word);
/** The host saw no end; the device went back to Recovery by itself. */
void rig_assert_given_up(struct rig *rig);
void rig_assert_done(struct rig *rig);
