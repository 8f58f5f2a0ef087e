/* SPDX-License-Identifier: Apache-2.0 */
/* What has no file of its own yet. */
#include "firmware/firmware.h"

static void *not_yet(const char *what, struct rv_error *err)
{
    rv_fail(err, RV_E_UNSUPPORTED, "%s is not built yet", what);
    return NULL;
}

struct rv_blob *rv_baseband_personalise(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity, uint64_t ecid,
                                        plist_t arguments, struct rv_error *err)
{
    (void)ctx;
    (void)ipsw;
    (void)identity;
    (void)ecid;
    (void)arguments;
    return not_yet("the baseband", err);
}
