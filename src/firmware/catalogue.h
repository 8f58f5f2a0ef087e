/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which firmware exists for a model, where it is, and whether it is still signed: Apple's list for iTunes and
 * the community's ipsw.me, one row a source. Lists are kept for a day in the cache folder.
 */
#pragma once

#include "base/ctx.h"

#include <stddef.h>

enum rv_signing { RV_SIGNING_UNKNOWN, RV_SIGNING_YES, RV_SIGNING_NO };

struct rv_release {
    char version[32], build[32], url[512];
    char sha1[41], sha256[65]; /* hex; "" not told */
    uint64_t size_bytes;       /* 0: not told */
    enum rv_signing signing;
    const char *source; /* name of the source that told first */
};

enum { RV_RELEASES_MAX = 1024 };

struct rv_catalogue {
    size_t count;
    struct rv_release rows[RV_RELEASES_MAX]; /* newest first */
};

/**
 * Every known release for a product type ("iPhone10,6"). A source that does not answer is told as a warning; NETWORK
 * only when none does and no list of an earlier day is kept. NOT_FOUND: they answered, and know no such model.
 * Free with rv_catalogue_free.
 */
struct rv_catalogue *rv_catalogue_load(struct rv_ctx *ctx, const char *product, struct rv_error *err);
void rv_catalogue_free(struct rv_catalogue *catalogue);
static inline void rv_catalogue_auto(struct rv_catalogue **catalogue)
{
    rv_catalogue_free(*catalogue);
}

/** The newest that is signed, as far as is known; or that version or build. NOT_FOUND says what there is. */
const struct rv_release *rv_catalogue_pick(const struct rv_catalogue *catalogue, const char *wanted,
                                           struct rv_error *err);

/** <0, 0, >0 as of numbers separated by points: "9.3.5" < "10.0". */
int rv_version_compare(const char *a, const char *b);
