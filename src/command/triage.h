/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what is seen to the one next thing to do: a table of situations, in the order in which they are
 * asked. The order of remedies is always the gentlest first: restart, exit Recovery, Update, Restore.
 */
#pragma once

#include "command/recovery_env.h"
#include "device/device.h"

/** Everything the decision stands on; made up by tests. */
struct rv_findings {
    const struct rv_device *device;
    bool mux_missing;
    bool held;     /* Recovery: another program has claimed it */
    bool have_env; /* Recovery: env was read */
    struct rv_recovery_env env;
    bool trusted;                /* Normal: a session was possible */
    enum rv_advice trust_advice; /* why not */
    bool job_open;               /* this computer has an unfinished update or restore of it */
};

struct rv_situation {
    const char *id;      /* stable: "stuck-auto-boot-off" */
    const char *words;   /* what state it is in, for a frightened person */
    const char *command; /* the one next thing; NULL: something to do by hand */
    const char *why;     /* what that does, and what it does to the data; or what to do by hand */
    bool (*holds)(const struct rv_findings *findings);
};
extern const struct rv_situation rv_situations[];
extern const size_t rv_situation_count;

/** The first that holds; never NULL (the last row holds always). */
const struct rv_situation *rv_triage(const struct rv_findings *findings);

/** Asks `findings->device` (set by the caller, with mux_missing). What it does not tell stays unknown. */
bool rv_findings_gather(struct rv_fleet *fleet, struct rv_findings *findings, struct rv_error *err);
