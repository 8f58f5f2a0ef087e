/* SPDX-License-Identifier: Apache-2.0 */
/* What changed between two backups: files by name, told apart by size, time and digest of their entries. */
#pragma once

#include "backup/backup.h"

enum rv_backup_change { RV_BACKUP_ADDED, RV_BACKUP_REMOVED, RV_BACKUP_CHANGED };
typedef bool rv_backup_change_fn(void *context, enum rv_backup_change change, const char *domain, const char *path,
                                 uint64_t size, struct rv_error *err);

struct rv_backup_difference {
    uint64_t added, removed, changed, same;
};
/** Both indexes are open. */
bool rv_backup_differ(struct rv_backup *from, struct rv_backup *to, rv_backup_change_fn *fn, void *context,
                      struct rv_backup_difference *out, struct rv_error *err);
