/* SPDX-License-Identifier: Apache-2.0 */
/* One file of a backup at any place of it: what `read.c` gives from its beginning to its end, byte for byte. */
#pragma once

#include "backup/backup.h"

struct rv_backup_view;
/** NOT_FOUND, DENIED (locked), CORRUPT (its key), IO. One thread at a time. */
struct rv_backup_view *rv_backup_view_open(const struct rv_backup *backup, const struct rv_backup_row *row,
                                           struct rv_error *err);
void rv_backup_view_free(struct rv_backup_view *view);
RV_DEFINE_AUTO(rv_backup_view)
/** Plain bytes, as many as rv_backup_read_file gives. */
uint64_t rv_backup_view_size(const struct rv_backup_view *view);
/** At most len bytes from `at` on; *got is less only at the end. */
bool rv_backup_view_read(struct rv_backup_view *view, uint64_t at, void *to, size_t len, size_t *got,
                         struct rv_error *err);
