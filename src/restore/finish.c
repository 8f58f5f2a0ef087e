/* SPDX-License-Identifier: Apache-2.0 */
/* After status 0 the device restarts by itself: wait for the running system and ask it which one it is. */
#include "restore/internal.h"
#include "restore/patience.h"

#include "proto/lockdown.h"

#include <stdio.h>
#include <string.h>

enum {
    LOCKDOWN_PAUSE_MS = 1000,
};

static bool read_text(struct rv_lockdown *link, const char *key, char *out, size_t out_size, struct rv_error *err)
{
    plist_t value = rv_lockdown_get(link, NULL, key, err);
    if (value == NULL)
        return false;
    const char *text = plist_get_node_type(value) == PLIST_STRING ? plist_get_string_ptr(value, NULL) : NULL;
    bool fine = text != NULL || rv_fail(err, RV_E_PROTOCOL, "%s is not text", key);
    if (fine)
        snprintf(out, out_size, "%s", text);
    plist_free(value);
    return fine;
}

static bool read_version(struct rv_restore *r, struct rv_error *err)
{
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(r->ctx, &r->device.mux, err);
    return link != NULL && read_text(link, "ProductVersion", r->result->version, sizeof r->result->version, err) &&
           read_text(link, "BuildVersion", r->result->build, sizeof r->result->build, err);
}

static bool confirm_version(struct rv_restore *r, struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&r->ctx->clock, RV_WAIT_LOCKDOWN_MS);
    while (!read_version(r, err)) {
        if (err->code == RV_E_CANCELLED || rv_deadline_left_ms(&deadline) == 0 ||
            !rv_clock_pause(&r->ctx->clock, LOCKDOWN_PAUSE_MS, "the system is still starting", &r->ctx->cancel, err))
            return rv_while(err, "asking the started system for its version");
    }
    const struct rv_firmware_version *wanted = rv_ipsw_version(r->ipsw);
    if (strcmp(r->result->build, wanted->build) == 0)
        return true;
    rv_fail(err, RV_E_CORRUPT, "the device runs %.20s (%.20s), not %.20s (%.20s)", r->result->version, r->result->build,
            wanted->version, wanted->build);
    return rv_advise(err, RV_ADVICE_RESTORE_FAILED);
}

bool rv_step_finish(struct rv_restore *r, struct rv_error *err)
{
    struct rv_device now;
    unsigned modes = RV_MODE_BIT(RV_MODE_NORMAL) | RV_MODE_BIT(RV_MODE_RECOVERY) | RV_MODE_BIT(RV_MODE_DFU);
    if (!rv_fleet_await(r->fleet, r->device.identity.ecid, modes, NULL, RV_WAIT_START_MS, &now, err)) {
        if (err->code == RV_E_TIMEOUT)
            err->apple = rv_number_of_mode(rv_restore_where(r, NULL, 1));
        rv_while(err, "waiting for the first start after the installation");
        return rv_advise(err, RV_ADVICE_NOT_BACK);
    }
    r->device = now;
    if (now.mode != RV_MODE_NORMAL) {
        rv_fail(err, RV_E_REFUSED, "the installation ended well, but the device came back in %s",
                rv_mode_words(now.mode));
        err->apple = rv_number_of_mode(now.mode);
        return rv_advise(err, RV_ADVICE_NOT_BACK);
    }
    return confirm_version(r, err);
}
