/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a backup: one kind a row, with words for a person; and what a repair lost. */
#pragma once

#include "base/error.h"

#include <pthread.h>
#include <stdint.h>

enum rv_finding_kind {
    RV_FIND_INFO_MISSING,
    RV_FIND_INFO_BAD,
    RV_FIND_STATUS_MISSING,
    RV_FIND_STATUS_BAD,
    RV_FIND_UNFINISHED,
    RV_FIND_MANIFEST_MISSING,
    RV_FIND_MANIFEST_BAD,
    RV_FIND_KEYBAG,
    RV_FIND_ENCRYPTION_DISAGREES,
    RV_FIND_FOLDER_NAME,
    RV_FIND_INDEX_MISSING,
    RV_FIND_INDEX_DAMAGED,
    RV_FIND_INDEX_VERSION,
    RV_FIND_INDEX_LOG,
    RV_FIND_LAYOUT,
    RV_FIND_SNAPSHOT,
    RV_FIND_ROW_ID,
    RV_FIND_ROW_NAME,
    RV_FIND_ROW_FLAGS,
    RV_FIND_ROW_RECORD,
    RV_FIND_FILE_MISSING,
    RV_FIND_FILE_EMPTY,
    RV_FIND_FILE_SIZE,
    RV_FIND_FILE_DIGEST,
    RV_FIND_FILE_KEY,
    RV_FIND_FILE_PADDING,
    RV_FIND_FILE_UNREADABLE,
    RV_FIND_FILE_PARTLY,
    RV_FIND_FILE_CONTENT,
    RV_FIND_DATABASE,
    RV_FIND_UNREFERENCED,
    RV_FIND_FOREIGN_NAME,
    RV_FIND_KINDS
};

struct rv_finding_row {
    const char *id;
    bool damage;  /* false: worth saying, no device minds */
    bool of_file; /* about a file of the person: counted by sort */
    const char *words;
};
extern const struct rv_finding_row rv_finding_rows[RV_FIND_KINDS];

struct rv_finding {
    enum rv_finding_kind kind;
    char *domain, *path, *detail; /* NULL none */
};

enum { RV_FINDINGS_KEPT = 5000, RV_FINDINGS_SORTS = 32 };

/* Threads may add. */
struct rv_findings {
    pthread_mutex_t lock;
    uint64_t counts[RV_FIND_KINDS];
    uint64_t lost_by_sort[RV_FINDINGS_SORTS]; /* files of which something is wrong */
    struct rv_finding *kept;
    uint32_t kept_count, kept_room;
};
void rv_findings_init(struct rv_findings *f);
void rv_findings_clear(struct rv_findings *f);
/** Never fails: what does not fit any more is only counted. */
void rv_findings_add(struct rv_findings *f, enum rv_finding_kind kind, const char *domain, const char *path,
                     const char *detail);
uint64_t rv_findings_damage(const struct rv_findings *f);
