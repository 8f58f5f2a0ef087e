/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.apple.preboardservice_v2: before an Update the device puts the key of its user volume aside (the "stash bag"),
 * so that the new system can open it at the first start (libimobiledevice src/preboard.c, idevicerestore normal.c).
 */
#pragma once

#include "proto/lockdown.h"

enum rv_stashbag {
    RV_STASHBAG_NONE, /* no passcode, or a system too old to know of it */
    RV_STASHBAG_MADE, /* to be committed with the ticket */
    RV_STASHBAG_LATE, /* the passcode was not typed in time */
};

/** Called when the device shows its question (true) and when it is gone again. */
typedef void rv_preboard_dialog_fn(void *context, bool shown);

/** `manifest`: unsigned IM4M of what will be installed. Waits for the person at the device. */
bool rv_preboard_create(struct rv_ctx *ctx, struct rv_lockdown *link, struct rv_span manifest,
                        rv_preboard_dialog_fn *dialog, void *context, enum rv_stashbag *out, struct rv_error *err);
/** `ticket`: the signed IM4M that will be installed with. */
bool rv_preboard_commit(struct rv_lockdown *link, struct rv_span ticket, struct rv_error *err);
