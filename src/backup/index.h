/* SPDX-License-Identifier: Apache-2.0 */
/* The open index of a backup; of manifest.c, told to its neighbours. */
#pragma once

#include "backup/backup.h"

/** What the disk can read of Manifest.mbdb, zeroes for the rest; NULL: nothing. */
struct rv_blob *rv_backup_mbdb_bytes(struct rv_backup *backup, struct rv_error *err);
void rv_backup_index_free(struct rv_backup_index *index);
