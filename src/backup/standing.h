/* SPDX-License-Identifier: Apache-2.0 */
/* What lies under a phone's name before the phone is asked: whole, broken off by whomever and where, or beyond use. */
#pragma once

#include "backup/backup.h"

enum rv_standing {
    RV_STANDS_NONE,      /* no backup */
    RV_STANDS_WHOLE,     /* finished, its lists can be read */
    RV_STANDS_UPLOADING, /* broken off while files came: what was there before is whole */
    RV_STANDS_ENDING,    /* broken off when all had come: the phone puts them in their places */
    RV_STANDS_BROKEN,    /* lists are missing, empty or not readable: a phone would answer 205 */
    RV_STANDS_HUGE,      /* whole, but its index is more than a phone can hold in memory */
    RV_STANDS_COUNT
};
/** For a person; NULL: nothing to be said. */
extern const char *const rv_standing_words[RV_STANDS_COUNT];
enum rv_standing rv_standing_of(struct rv_ctx *ctx, const char *folder);
