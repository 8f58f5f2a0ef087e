/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a running system, or from a restore program that an earlier run left waiting, into Recovery mode. While the
 * system runs it tells what later modes do not: the modem's state, and the one-time numbers that survive the restart
 * into Recovery mode, so that a refused signature or an unanswered question leaves the phone running as it was.
 */
#include "base/language.h"
#include "restore/internal.h"
#include "restore/patience.h"

#include "firmware/manifest_local.h"
#include "proto/lockdown.h"
#include "proto/preboard.h"
#include "proto/restored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRUST_WAIT_MS = 120000 };

/* ---- what the running system tells ---- */

/* From 14.5 on any door of a running system wants trust (libimobiledevice issues 1121 and 1175). */
static bool wants_trust(const char *version)
{
    char *rest = NULL;
    unsigned long major = strtoul(version, &rest, 10);
    unsigned long minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
    return major > 14 || (major == 14 && minor >= 5);
}

/* A link inside a session where this computer is trusted; *trusted false: without one, and none is needed. */
static struct rv_lockdown *open_link(struct rv_restore *r, bool *trusted, struct rv_error *err)
{
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(r->ctx, &r->device.mux, err);
    struct rv_error untrusted = { 0 };
    if (link == NULL)
        return NULL;
    *trusted = rv_lockdown_session(link, &untrusted);
    if (!*trusted && wants_trust(r->device.identity.version)) {
        if (!rv_lockdown_pair(link, TRUST_WAIT_MS, err))
            return NULL;
        *trusted = true;
    }
    return rv_steal(&link);
}

static size_t take_bytes(plist_t value, uint8_t to[RV_NONCE_MAX])
{
    uint64_t len = 0;
    const char *bytes = value != NULL && PLIST_IS_DATA(value) ? plist_get_data_ptr(value, &len) : NULL;
    if (bytes == NULL || len > RV_NONCE_MAX)
        return 0;
    memcpy(to, bytes, (size_t)len);
    return (size_t)len;
}

static plist_t told(struct rv_lockdown *link, const char *key)
{
    struct rv_error untold = { 0 };
    return rv_lockdown_get(link, NULL, key, &untold);
}

/* Some releases tell the Secure Enclave's among ApParameters, others under its own key (idevicerestore normal.c). */
static void read_nonces(struct rv_restore *r, struct rv_lockdown *link)
{
    struct rv_identity *id = &r->device.identity;
    RV_AUTO_PLIST ap = told(link, "ApNonce");
    RV_AUTO_PLIST parameters = told(link, "ApParameters");
    RV_AUTO_PLIST sep = told(link, "SEPNonce");
    plist_t among = rv_plist_node(parameters, "SepNonce");
    id->ap_nonce_len = take_bytes(ap, id->ap_nonce);
    id->sep_nonce_len = take_bytes(among != NULL ? among : sep, id->sep_nonce);
    if (id->sep_nonce_len == 0)
        id->ap_nonce_len = 0; /* a ticket for half of the numbers would be for nothing */
}

static bool says_yes(plist_t value)
{
    uint8_t yes = 0;
    if (value != NULL && PLIST_IS_BOOLEAN(value))
        plist_get_bool_val(value, &yes);
    return yes != 0;
}

static void read_values(struct rv_restore *r, struct rv_lockdown *link)
{
    RV_AUTO_PLIST telephone = told(link, "TelephonyCapability");
    RV_AUTO_PLIST sidp = told(link, "HasSiDP");
    read_nonces(r, link);
    r->has_stash_bag = says_yes(sidp);
    rv_plist_auto(&r->modem_state);
    if (says_yes(telephone))
        r->modem_state = told(link, "FirmwarePreflightInfo");
}

bool rv_step_sign_early(struct rv_restore *r, struct rv_error *err)
{
    bool trusted = false;
    RV_AUTO(rv_lockdown) link = open_link(r, &trusted, err);
    if (link == NULL)
        return rv_while(err, "asking the running system what is needed for its signature");
    if (trusted)
        read_values(r, link);
    if (r->device.identity.ap_nonce_len == 0) {
        rv_tell_note(r->ctx, "The device does not tell its one-time number here: the signature is asked for later.");
        return true;
    }
    return r->options->ticket_path != NULL || rv_restore_sign(r, err);
}

/* ---- the stash bag ---- */

static void tell_dialog(void *context, bool shown)
{
    struct rv_restore *r = context;
    if (shown)
        rv_tell_warning(r->ctx, "Look at the device and type its passcode there: with it the new system can open your "
                                "data at once.");
    else
        rv_tell_note(r->ctx, "The passcode was accepted.");
}

static bool make_stash_bag(struct rv_restore *r, enum rv_stashbag *made, struct rv_error *err)
{
    bool trusted = false;
    RV_AUTO(rv_blob) manifest = rv_manifest_local(r->identity, err);
    RV_AUTO(rv_lockdown) link = manifest == NULL ? NULL : open_link(r, &trusted, err);
    return link != NULL && rv_preboard_create(r->ctx, link, rv_blob_span(manifest), tell_dialog, r, made, err) &&
           (*made != RV_STASHBAG_MADE || rv_preboard_commit(link, rv_ticket_im4m(r->ticket), err));
}

/* Nothing is lost without one, but the first start takes long and asks for the passcode: the person decides. */
static bool go_without(struct rv_restore *r, const char *why, struct rv_error *err)
{
    char text[500];
    snprintf(text, sizeof text,
             _("The device did not put the key of your data aside (%.200s). The update works without it, and your data "
               "stays, but the first start will say \"Attempting data recovery\", take long and ask for the passcode. "
               "Go on all the same?"),
             why);
    struct rv_question question = { "without-stash-bag", text, NULL };
    return rv_ask(r->ctx, &question, err);
}

bool rv_step_stash_bag(struct rv_restore *r, struct rv_error *err)
{
    enum rv_stashbag made = RV_STASHBAG_NONE;
    struct rv_error why = { 0 };
    if (!r->has_stash_bag)
        return true;
    if (r->ticket == NULL) { /* a bag is kept for what is signed, and that is not known yet */
        rv_tell_note(r->ctx, "The key of your data cannot be put aside before the signature is there: the first start "
                             "will ask for the passcode.");
        return true;
    }
    bool fine = make_stash_bag(r, &made, &why);
    if (!fine && (why.code == RV_E_CANCELLED || why.code == RV_E_GONE || why.code == RV_E_NOMEM)) {
        *err = why;
        return false;
    }
    if (fine && made != RV_STASHBAG_LATE) {
        rv_log(r->ctx->log, RV_LOG_INFO, "restore", "stash bag: %s", made == RV_STASHBAG_MADE ? "kept" : "not needed");
        return true;
    }
    return go_without(r, fine ? "the passcode was not typed in time" : why.text[0], err);
}

/* ---- Recovery mode ---- */

bool rv_step_enter_recovery(struct rv_restore *r, struct rv_error *err)
{
    bool trusted = false;
    RV_AUTO(rv_lockdown) link = open_link(r, &trusted, err);
    bool asked = link != NULL && rv_lockdown_enter_recovery(link, err);
    if (!asked && (link == NULL || err->code != RV_E_GONE)) {
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
