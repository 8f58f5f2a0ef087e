/* SPDX-License-Identifier: Apache-2.0 */
/* From a running system, or from a restore program that an earlier run left waiting, into Recovery mode. */
#include "restore/internal.h"

#include "proto/lockdown.h"
#include "proto/restored.h"

enum {
    LEAVE_MS = 60000,
    RETURN_MS = 60000,
    RESTORED_OPEN_MS = 10000,
    RESTORED_DEAF_MS = 180000, /* restored restarts the device 120 s after it opened its port in vain */
};

bool rv_step_sign_early(struct rv_restore *r, struct rv_error *err)
{
    /* Asked before Recovery mode, so that a refusal leaves the device running. */
    if (r->device.identity.ap_nonce_len == 0) {
        rv_tell_note(r->ctx, "The device does not tell its one-time number here: the signature is asked for later.");
        return true;
    }
    return r->options->ticket_path != NULL || rv_restore_sign(r, err);
}

bool rv_step_enter_recovery(struct rv_restore *r, struct rv_error *err)
{
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(r->ctx, &r->device.mux, err);
    if (link == NULL || !rv_lockdown_enter_recovery(link, err)) {
        r->touched = false; /* the system still runs */
        return rv_while(err, "asking the device to enter Recovery mode");
    }
    struct rv_device now;
    if (!rv_fleet_await(r->fleet, r->device.identity.ecid, RV_MODE_BIT(RV_MODE_RECOVERY), &r->device,
                        LEAVE_MS + RETURN_MS, &now, err))
        return rv_while(err, "waiting for the device in Recovery mode");
    r->device = now;
    return true;
}

bool rv_step_leave_restore(struct rv_restore *r, struct rv_error *err)
{
    struct rv_error attempt = { 0 };
    RV_AUTO(rv_restored) link = rv_restored_open(r->ctx, &r->device.mux, RESTORED_OPEN_MS, &attempt);
    if (link == NULL || !rv_restored_reboot(link, &attempt)) {
        rv_log(r->ctx->log, RV_LOG_INFO, "restore", "the restore program does not answer: %s", attempt.text[0]);
        rv_tell_note(r->ctx, "The device still waits for the computer that is gone: it restarts by itself soon.");
    }
    struct rv_device now;
    unsigned modes = RV_MODE_BIT(RV_MODE_RECOVERY) | RV_MODE_BIT(RV_MODE_DFU);
    if (!rv_fleet_await(r->fleet, r->device.identity.ecid, modes, &r->device, RESTORED_DEAF_MS + RETURN_MS, &now,
                        err)) {
        rv_while(err, "waiting for the device to leave Restore mode");
        return rv_advise(err, RV_ADVICE_DEVICE_SILENT);
    }
    r->device = now;
    return true;
}
