/* SPDX-License-Identifier: Apache-2.0 */
/* The open index of a backup; of manifest.c, told to its neighbours. */
#pragma once

#include "backup/backup.h"

void rv_backup_index_free(struct rv_backup_index *index);
