/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources: libimobiledevice issues 1582, 801 (a Manifest.plist of no bytes: 205); pymobiledevice3 issue 1857 (the agent
 * runs out of memory on an index of 1.5 GB).
 */
#include "backup/standing.h"

#include "backup/place.h"
#include "base/language.h"

static const int64_t index_bytes_max = (int64_t)1 << 30;

const char *const rv_standing_words[RV_STANDS_COUNT] = {
    [RV_STANDS_UPLOADING] =
        N_("The last backup in this folder was broken off while files came. What was there before is "
           "whole: the new one is built on that."),
    [RV_STANDS_ENDING] = N_("The last backup in this folder was broken off when all its files had come: the phone "
                            "finishes it first."),
    [RV_STANDS_BROKEN] =
        N_("The backup in this folder is broken: its lists are missing, empty or not readable. It is set "
           "aside, and a full one is made."),
    [RV_STANDS_HUGE] = N_("The last backup's index is so large that phones fail on it: a full backup is made."),
};

enum rv_standing rv_standing_of(struct rv_ctx *ctx, const char *folder)
{
    struct rv_error none = { 0 };
    struct stat st = { .st_size = 0 };
    RV_AUTO(rv_backup) b = rv_backup_look(ctx, folder, &none);
    if (b == NULL)
        return RV_STANDS_NONE;
    if (!b->info.exists && !b->status.exists && !b->manifest.exists && b->kind == RV_BACKUP_NO_INDEX)
        return RV_STANDS_NONE;
    const char *index = b->kind == RV_BACKUP_MBDB ? "Manifest.mbdb" : "Manifest.db";
    bool lists = b->manifest.plist != NULL && b->kind != RV_BACKUP_NO_INDEX &&
                 rv_place_stat(b->dir, index, &st, &none) && st.st_size > 0;
    if (b->state == RV_BACKUP_MOVING || b->state == RV_BACKUP_REMOVING)
        return RV_STANDS_ENDING;
    if (!lists || (b->state != RV_BACKUP_FINISHED && b->state != RV_BACKUP_UPLOADING))
        return RV_STANDS_BROKEN;
    if (st.st_size > index_bytes_max)
        return RV_STANDS_HUGE;
    return b->state == RV_BACKUP_FINISHED ? RV_STANDS_WHOLE : RV_STANDS_UPLOADING;
}
