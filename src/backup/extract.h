/* SPDX-License-Identifier: Apache-2.0 */
/* Files out of a backup, decrypted, as TO/domain/path with their times. */
#pragma once

#include "backup/backup.h"
#include "backup/findings.h"

struct rv_extract_options {
    const char *domain; /* pattern of shell; NULL any */
    const char *path;   /* pattern of shell over the whole path; NULL any */
    const char *sort;   /* id of sorts.h; NULL any */
};

struct rv_extracted {
    uint64_t files, bytes, folders, links; /* links are counted and not made */
    uint64_t present;                      /* were there already, whole */
    uint64_t failed;                       /* told as findings */
};

/** What cannot be read becomes a finding; false: it cannot go on (disk full, cancelled, index broken off). */
bool rv_backup_extract(struct rv_backup *backup, const char *to, const struct rv_extract_options *options,
                       struct rv_findings *findings, struct rv_extracted *out, struct rv_error *err);
