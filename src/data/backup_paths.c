/* SPDX-License-Identifier: Apache-2.0 */
#include "data/backup_paths.h"

const unsigned char rv_backup_paths_packed[] = {
#include "backup_paths_table.inc"
};
const size_t rv_backup_paths_packed_size = sizeof rv_backup_paths_packed;
