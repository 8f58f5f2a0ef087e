/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/preboard.h"

#include "base/text.h"
#include "proto/plist_frame.h"

#include <stdio.h>
#include <string.h>

static const char service[] = "com.apple.preboardservice_v2";
enum {
    PASSCODE_MS = 130000, /* the reference client's patience with the person at the device */
    COMMIT_MS = 30000,
    SEND_MS = 30000,
    MESSAGES_MAX = 64, /* a device that talks for ever is none */
};

static bool give(struct rv_stream *stream, const char *command, struct rv_span manifest, struct rv_error *err)
{
    RV_AUTO_PLIST message = plist_new_dict();
    plist_dict_set_item(message, "Command", plist_new_string(command));
    plist_dict_set_item(message, "Manifest", plist_new_data((const char *)manifest.ptr, manifest.len));
    return rv_plist_send(stream, message, false, SEND_MS, err);
}

static bool refused(plist_t message, struct rv_error *err)
{
    if (rv_plist_node(message, "Error") == NULL)
        return false;
    char text[120];
    const char *words = rv_plist_text(message, "ErrorString");
    snprintf(text, sizeof text, "%s", words == NULL ? "no reason given" : words);
    rv_text_clean(text);
    rv_fail(err, RV_E_REFUSED, "the device answered with an error: %s", text);
    return true;
}

struct waiting {
    rv_preboard_dialog_fn *dialog;
    void *context;
    bool ended;
    enum rv_stashbag result;
};

static bool take(struct waiting *w, plist_t message, struct rv_error *err)
{
    if (refused(message, err))
        return false;
    w->ended = true;
    if (rv_plist_bool(message, "Skip", false)) {
        w->result = RV_STASHBAG_NONE;
    } else if (rv_plist_bool(message, "Timeout", false)) {
        w->result = RV_STASHBAG_LATE;
    } else if (rv_plist_bool(message, "HideDialog", false)) {
        w->dialog(w->context, false);
        w->result = RV_STASHBAG_MADE;
    } else {
        w->ended = false;
        if (rv_plist_bool(message, "ShowDialog", false))
            w->dialog(w->context, true);
    }
    return true;
}

bool rv_preboard_create(struct rv_ctx *ctx, struct rv_lockdown *link, struct rv_span manifest,
                        rv_preboard_dialog_fn *dialog, void *context, enum rv_stashbag *out, struct rv_error *err)
{
    struct waiting w = { .dialog = dialog, .context = context };
    struct rv_deadline deadline = rv_deadline_in(&ctx->clock, PASSCODE_MS);
    *out = RV_STASHBAG_NONE;
    RV_AUTO(rv_stream) stream = rv_lockdown_service(link, service, err);
    if (stream == NULL && err->code == RV_E_UNSUPPORTED) {
        memset(err, 0, sizeof *err); /* a system that does not have it needs none */
        return true;
    }
    if (stream == NULL || !give(stream, "CreateStashbag", manifest, err))
        return rv_while(err, "asking the device to put the key of its data aside");
    for (unsigned n = 0; n < MESSAGES_MAX && !w.ended; n++) {
        int left = rv_deadline_left_ms(&deadline);
        RV_AUTO_PLIST message = left <= 0 ? NULL : rv_plist_receive(stream, PASSCODE_MS, err);
        if (left <= 0 || (message == NULL && err->code == RV_E_TIMEOUT)) {
            memset(err, 0, sizeof *err);
            w.result = RV_STASHBAG_LATE;
            break;
        }
        if (message == NULL || !take(&w, message, err))
            return rv_while(err, "waiting for the passcode at the device");
    }
    *out = w.ended || w.result == RV_STASHBAG_LATE ? w.result : RV_STASHBAG_LATE;
    return true;
}

bool rv_preboard_commit(struct rv_lockdown *link, struct rv_span ticket, struct rv_error *err)
{
    RV_AUTO(rv_stream) stream = rv_lockdown_service(link, service, err);
    if (stream == NULL || !give(stream, "CommitStashbag", ticket, err))
        return rv_while(err, "asking the device to keep the key of its data");
    RV_AUTO_PLIST message = rv_plist_receive(stream, COMMIT_MS, err);
    if (message == NULL || refused(message, err))
        return rv_while(err, "waiting for the device to keep the key of its data");
    return rv_plist_bool(message, "StashbagCommitComplete", false) ||
           rv_fail(err, RV_E_PROTOCOL, "the device does not say that it kept the key of its data");
}
