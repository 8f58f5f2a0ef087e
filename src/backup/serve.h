/* SPDX-License-Identifier: Apache-2.0 */
/* What a device may do with the folder that is served to it while a request of the backup agent runs. */
#pragma once

#include "backup/sync.h"
#include "base/ctx.h"

struct rv_served {
    uint64_t files_in, bytes_in, files_out, bytes_out;
};

struct rv_serving {
    struct rv_ctx *ctx;
    struct rv_mb2 *link;
    int root;         /* folder that paths begin in */
    const char *name; /* the one folder in it that the device may touch */
    bool read_only;
    bool may_ask_passcode; /* iOS 16.1 and later: say so when it is silent */
    struct rv_sync *sync;  /* NULL: nobody listens to what the phone's screen says */
    uint64_t asked_ms;     /* since when the phone asks for its passcode; 0: it does not */
    const char *instead;   /* a file of that folder that is taken from instead_root; NULL: none */
    int instead_root;
    bool in_parts;   /* only what changed comes: what the device announces is more than that */
    bool asked;      /* the request has left, or part of it */
    uint64_t unread; /* files of its own that the device could not read */
    struct rv_served count;
    uint64_t unsecured;          /* files that came since all was secured on the disk */
    struct rv_error trouble;     /* the first of this computer's disk: the device tells of it as a number of its own */
    uint64_t drained;            /* bytes that came for files which this computer could not or would not write */
    uint64_t announced, told_ms; /* bytes the device says will come; when progress was told last */
};

/** Sends the request (taken) and serves until the device's answer. An answer with a number is an error with advice. */
bool rv_backup_serve(struct rv_serving *s, plist_t request, struct rv_error *err);
/** A number of MBErrorDomain as an error. */
bool rv_backup_refused(int64_t code, const char *words, struct rv_error *err);
