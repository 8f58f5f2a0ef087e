/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong on Apple's side, as NAME=VALUE words: on the command line or, while it runs, GET /sim/set?NAME=VALUE.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct sim_apple_faults {
    int refuse_status;          /* tss.status=94: every request is answered so; 0 signs */
    char refuse_build[32];      /* tss.unsigned=15C114: this build is not signed any more */
    int http_status;            /* tss.http=503 */
    uint64_t delay_ms;          /* tss.slow=500 */
    bool silence;               /* tss.silence=1: takes the request, never answers */
    bool garbage;               /* tss.garbage=1: an answer without STATUS */
    uint64_t file_cut;          /* file.cut=N: the connection ends after N bytes of body */
    uint64_t file_throttle;     /* file.throttle=N: bytes a second */
    int64_t file_length;        /* file.length=N: Content-Length is wrong by N */
    uint64_t file_flip;         /* file.flip=N: bit 0 of byte N-1 of the file is changed on the way */
    bool file_no_etag;          /* file.no-etag=1: a state of the file is named by Last-Modified only */
    bool file_nameless;         /* file.nameless=1: by nothing at all */
    uint64_t file_shift;        /* file.shift=N: another range is sent and named, N bytes before the one asked for */
    uint64_t file_claim;        /* file.claim=N: Content-Range says that the file has N bytes more */
    bool file_no_ranges;        /* file.no-ranges=1: Range is ignored */
    bool file_redirect;         /* file.redirect=1: the file has moved to /moved/NAME, once */
    uint64_t file_change_after; /* file.change-after=N: the file is replaced once it was asked for N times */
    uint64_t file_change;       /* file.change=N: the ETag carries N, as of a file that was replaced */
};

/** "none" as name clears all. USAGE when nobody knows the name or the value is no number. */
bool sim_apple_fault_set(struct sim_apple_faults *faults, const char *name, const char *value, struct rv_error *err);
