/* SPDX-License-Identifier: Apache-2.0 */
/* What a list of backups shows: cheap to have, the index is not opened. */
#pragma once

#include "backup/backup.h"

struct rv_backup_size {
    uint64_t bytes, files;
};
/** All that lies in the folder. */
struct rv_backup_size rv_backup_measure(const struct rv_backup *backup);
/** Unix seconds of "Last Backup Date", else of Manifest.plist or Status.plist; 0: none says. */
int64_t rv_backup_date(const struct rv_backup *backup);

struct rv_backup_part {
    uint64_t files, bytes;
};
/** What is inside, by the sorts of sorts.h (`sorts`: rv_backup_sort_count of them), and by domain. */
struct rv_backup_domain {
    char *name;
    struct rv_backup_part part;
};
struct rv_backup_content {
    struct rv_backup_part total, sorts[32];
    struct rv_backup_domain *domains; /* by bytes, most first */
    uint32_t domain_count, domain_room;
    int64_t newest; /* last change of any file */
};
bool rv_backup_content_read(struct rv_backup *backup, struct rv_backup_content *out, struct rv_error *err);
void rv_backup_content_clear(struct rv_backup_content *content);
