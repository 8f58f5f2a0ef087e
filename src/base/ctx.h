/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one run of a command stands on: time, log, cancel, events, questions, settings, folders.
 * First argument where needed; there are no globals but const tables.
 */
#pragma once

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/event.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>

/** From the environment (rv_ctx_init); every one is shown by `revive doctor`. NULL: Apple's own, or none. */
struct rv_settings {
    char *apple_tss;       /* REVIVE_APPLE_TSS: URL of the signing server */
    char *apple_catalog;   /* REVIVE_APPLE_CATALOG: URL of Apple's list of firmware */
    char *ipsw_me;         /* REVIVE_IPSW_ME: what a product type is appended to, for the community's list */
    char *trust_root;      /* REVIVE_TRUST_ROOT: file, DER or PEM certificate accepted besides Apple's roots */
    char *usb;             /* REVIVE_USB: "libusb" (default), "usbip:UNIX:/path" or "usbip:HOST:PORT" */
    double deadline_scale; /* REVIVE_DEADLINE_SCALE */
};

/* Pair records of this run alone: under --no-trace none is given to the usbmux daemon, which would keep it. */
enum { RV_PAIRINGS_MAX = 16 };
struct rv_pairings {
    size_t count;
    struct {
        char udid[64];
        struct rv_blob *record; /* owned; wiped when it goes */
    } rows[RV_PAIRINGS_MAX];
};

struct rv_ctx {
    struct rv_clock clock;
    struct rv_cancel cancel;
    struct rv_log *log; /* may be NULL */
    rv_event_fn *event; /* may be NULL */
    void *event_context;
    rv_question_fn *ask; /* may be NULL: every answer is no */
    void *ask_context;
    rv_secret_fn *secret;         /* may be NULL; its context is that of ask */
    bool assume_yes;              /* --yes */
    struct rv_pairings *pairings; /* --no-trace: nothing of this run stays on this computer; else NULL */
    struct rv_settings settings;
    char *config_dir, *cache_dir, *state_dir, *data_dir; /* XDG, each with /revive; not made yet */
};

/** Fills every field from the environment; log, event and ask stay NULL for the caller to set. */
bool rv_ctx_init(struct rv_ctx *ctx, struct rv_error *err);
void rv_ctx_clear(struct rv_ctx *ctx);
/** From here on no device is remembered and no pairing kept. */
bool rv_ctx_leave_no_trace(struct rv_ctx *ctx, struct rv_error *err);

/**
 * Puts a question to the person. True: yes (or --yes). Else false with USAGE: nobody could be asked, or the
 * answer was no; nothing may have been begun.
 */
bool rv_ask(struct rv_ctx *ctx, const struct rv_question *question, struct rv_error *err);

void rv_tell_step(struct rv_ctx *ctx, const char *step, const char *text);
void rv_tell_note(struct rv_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rv_tell_warning(struct rv_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rv_tell(struct rv_ctx *ctx, const struct rv_event *event);
