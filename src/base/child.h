/* SPDX-License-Identifier: Apache-2.0 */
/* Another program run to its end: words, settings, what it prints line by line; no shell. */
#pragma once

#include "base/cancel.h"

#include <stdbool.h>
#include <stddef.h>

enum { RV_CHILD_LINE_MAX = 64 << 20, RV_CHILD_SECRET = 3 };

/** One line without its end; it may be changed and is gone after the call. */
typedef void rv_child_line_fn(void *context, bool complaint, char *line);

struct rv_child {
    const char *const *words;    /* the program's path first; NULL-terminated */
    const char *const *settings; /* "NAME=VALUE" put over this environment, "NAME" taken out of it; NULL-terminated */
    const char *folder;          /* it stands there; NULL: here */
    int secret;                  /* what it finds as descriptor RV_CHILD_SECRET; -1: nothing */
    rv_child_line_fn *line;      /* of its output, and (a complaint) of its error output */
    void *context;
};

/**
 * True when it has ended, with its exit code. CANCELLED: it was asked to end (SIGINT) and has ended; UNSUPPORTED: it
 * cannot be started; IO: a signal ended it; LIMIT: a line without an end.
 */
bool rv_child_run(const struct rv_child *child, const struct rv_cancel *cancel, int *exit_code, struct rv_error *err);

/** Bytes for RV_CHILD_SECRET that lie in no file and in no list of words; close it after. -1. */
int rv_child_secret(const char *text, struct rv_error *err);
