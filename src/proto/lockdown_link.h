/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a lockdown link, shared by lockdown.c and its pairing half, lockdown_pair.c. */
#pragma once

#include "proto/lockdown.h"

struct rv_lockdown {
    struct rv_ctx *ctx;
    struct rv_mux_id id;
    struct rv_stream *stream; /* NULL: lost, opened again with the next request */
    struct rv_blob *record;   /* serialised pair record while in a session */
    bool session;
    uint32_t timeout_ms;
};

/** New request dictionary with Request and Label; caller frees. */
plist_t rv_lockdown_request(const char *name);
/** Sends it (takes ownership, on failure too) and gives the reply without Error; caller frees. */
plist_t rv_lockdown_ask_take(struct rv_lockdown *link, plist_t request, struct rv_error *err);
/** Starts a session by this pair record, as usbmuxd keeps it; DENIED with advice when it is no good. */
bool rv_lockdown_session_by(struct rv_lockdown *link, struct rv_span record_bytes, struct rv_error *err);
/** Turns the device's error name into a code and an advice; returns false. */
bool rv_lockdown_fail(struct rv_error *err, const char *name);
