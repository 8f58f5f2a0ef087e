/* SPDX-License-Identifier: Apache-2.0 */
/* From a running system, or from a restore program that an earlier run left waiting, into Recovery mode. */
#include "restore/internal.h"
#include "restore/patience.h"

#include "proto/lockdown.h"
#include "proto/restored.h"

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
    bool asked = link != NULL && rv_lockdown_enter_recovery(link, err);
    if (!asked && err->code != RV_E_GONE) {
        r->touched = false; /* the system still runs */
        return rv_while(err, "asking the device to enter Recovery mode");
    }
    /* One that left by itself may be in a boot loop, and that ends in Recovery mode too. */
    struct rv_error left = *err;
    if (rv_restore_await(r, RV_MODE_BIT(RV_MODE_RECOVERY), RV_MODE_BIT(RV_MODE_DFU),
                         asked ? RV_WAIT_LEAVE_MS + RV_WAIT_RETURN_MS : RV_WAIT_LOOP_MS, err))
        return true;
    if (asked)
        return rv_while(err, "waiting for the device in Recovery mode");
    r->touched = false;
    *err = left;
    return rv_while(err, "asking the device to enter Recovery mode");
}

bool rv_step_leave_restore(struct rv_restore *r, struct rv_error *err)
{
    struct rv_error attempt = { 0 };
    RV_AUTO(rv_restored) link = rv_restored_open(r->ctx, &r->device.mux, RV_WAIT_RESTORED_MS, &attempt);
    if (link == NULL || !rv_restored_reboot(link, &attempt)) {
        rv_log(r->ctx->log, RV_LOG_INFO, "restore", "the restore program does not answer: %s", attempt.text[0]);
        rv_tell_note(r->ctx, "The device still waits for the computer that is gone: it restarts by itself soon.");
    }
    /* The earlier run may have been killed after the last word: then the new system starts. */
    unsigned modes = RV_MODE_BIT(RV_MODE_RECOVERY) | RV_MODE_BIT(RV_MODE_DFU) | RV_MODE_BIT(RV_MODE_NORMAL);
    if (!rv_restore_await(r, modes, 0, RV_WAIT_DEAF_MS + RV_WAIT_RETURN_MS, err)) {
        rv_while(err, "waiting for the device to leave Restore mode");
        return rv_advise(err, RV_ADVICE_DEVICE_SILENT);
    }
    if (r->device.mode != RV_MODE_NORMAL)
        return true;
    r->finished = r->result->resumed > 0 && rv_step_finish(r, &attempt);
    return r->finished || rv_step_enter_recovery(r, err);
}
