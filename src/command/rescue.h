/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `revive rescue` share: one rescue, its rungs, and its story in the state folder. */
#pragma once

#include "command/command.h"
#include "data/ladder.h"
#include "device/device.h"

enum { RV_TRIES_MAX = 32, RV_TRY_TEXT = 200 };

/** One rung that was taken, or begun. */
struct rv_try {
    enum rv_rung_id rung;
    char began[32];          /* ISO 8601, UTC */
    char outcome[16];        /* "begun", "helped", "failed", "left-out", "stopped" */
    char step[64], code[24]; /* of an installation that failed: where, and as what */
    int itunes;
    char why[RV_TRY_TEXT]; /* the root of its failure; "" none */
};

/** What is remembered of one device's rescue: <state>/rescues/<ecid>.json. Without an ECID nothing is kept. */
struct rv_story {
    uint64_t ecid;
    char began[32], state[16]; /* "open", "done", "spent" */
    char symptom[24], model[64];
    uint32_t facts;
    struct rv_try tries[RV_TRIES_MAX];
    size_t count;
    bool goes_on; /* it was read from the folder */
};

/** One rescue of a device at a time: *lock is closed by the caller. A state folder that takes no lock stops nothing.
 * BUSY. */
bool rv_story_claim(struct rv_ctx *ctx, uint64_t ecid, int *lock, struct rv_error *err);
/** Takes up what an earlier run left open; a damaged or old file is none. */
void rv_story_load(struct rv_ctx *ctx, uint64_t ecid, struct rv_story *story);
/** Written whole or not at all; a folder that cannot be written is told, and stops nothing. */
void rv_story_save(struct rv_ctx *ctx, const struct rv_story *story);
/** All that are in the folder, for `report`; at most max. */
size_t rv_story_list(struct rv_ctx *ctx, struct rv_story *out, size_t max);
struct rv_try *rv_story_begin(struct rv_ctx *ctx, struct rv_story *story, enum rv_rung_id rung);
/** Ends the last try, keeps its failure (NULL: none) and derives the facts. */
void rv_story_end(struct rv_ctx *ctx, struct rv_story *story, const char *outcome, const struct rv_error *err);
json_t *rv_story_tries_json(const struct rv_story *story);

struct rv_rescue {
    struct rv_run *run;
    struct rv_fleet *fleet;
    struct rv_device device; /* as last seen */
    bool seen;
    bool watched; /* the last rung saw for a minute that it stays */
    enum rv_looks looks;
    char *ipsw;            /* once it is known */
    int lock;              /* of this device's story; -1: it has not told who it is */
    json_t *installations; /* results of the update and restore runs */
    struct rv_story story;
};

/** Goes along one rung's road. The run's result stays clean: what the road tells goes to the story. */
bool rv_rescue_take(struct rv_rescue *rescue, enum rv_rung_id rung, struct rv_error *err);
