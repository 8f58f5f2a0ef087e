/* SPDX-License-Identifier: Apache-2.0 */
/* Where backups lie: revive's own folder, and those of iTunes, Finder and Apple Devices, here and on attached disks. */
#pragma once

#include "base/ctx.h"

/** A folder that is, or was once, a backup. `place`: what made the folder it lies in ("Finder", "revive" …). */
typedef bool rv_backup_found_fn(void *context, const char *path, const char *place, struct rv_error *err);

/** in: NULL everywhere; else that folder: a backup, a folder of backups, a home or the top of a disk. */
bool rv_backup_find(struct rv_ctx *ctx, const char *in, rv_backup_found_fn *fn, void *context, struct rv_error *err);
/** Is there anything in this folder that only a backup has? */
bool rv_backup_is_folder(const char *path);
/** Name of a phone, perhaps with "-20261102-093000" behind it: length of the name, 0: it is none. */
size_t rv_backup_udid_of(const char *folder);
