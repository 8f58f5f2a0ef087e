/* SPDX-License-Identifier: Apache-2.0 */
/* A backup as a read-only folder of this computer, by FUSE: domain/path, decrypted while it is read. */
#pragma once

#include "backup/backup.h"

struct rv_mounted {
    uint64_t files, bytes; /* in the folder */
    uint64_t links;        /* shown as texts that say where they led */
    uint64_t left_out;     /* rows of which no path can be made */
    uint64_t read;         /* bytes that programs have read */
    uint64_t unreadable;   /* files that could not be read when they were asked for */
};

/**
 * Shows it in the folder `at` (made and removed again when it is not there) until the cancel of ctx, or until somebody
 * unmounts it: both are true. The index must be open. USAGE: the folder is not empty; UNSUPPORTED: no FUSE here.
 */
bool rv_backup_mount(struct rv_backup *backup, const char *at, struct rv_mounted *out, struct rv_error *err);
