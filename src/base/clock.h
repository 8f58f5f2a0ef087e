/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: a clock that tests can replace, and deadlines on the monotonic clock.
 *
 * Every blocking call takes a deadline. Durations of the protocol tables are real-device values; the
 * setting REVIVE_DEADLINE_SCALE multiplies each of them once, in rv_deadline_in().
 */
#pragma once

#include "base/cancel.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct rv_clock {
    uint64_t (*now_ms)(struct rv_clock *clock);                                      /* monotonic */
    void (*sleep_ms)(struct rv_clock *clock, uint64_t ms, struct rv_cancel *cancel); /* wakes on cancel */
    double scale; /* factor on every duration; 1 for real devices */
    void *own;
};

/** The system's monotonic clock with scale 1; never freed. */
void rv_clock_system(struct rv_clock *out);

/** A clock that only pauses move: for tests. *now_ms is owned by the caller. */
void rv_clock_fake(struct rv_clock *out, uint64_t *now_ms);

uint64_t rv_clock_now(struct rv_clock *clock);

/**
 * A pause that a protocol truly demands; `why` says which and goes to the reader, not to a log.
 * Scaled; ends early with RV_E_CANCELLED.
 */
bool rv_clock_pause(struct rv_clock *clock, uint64_t ms, const char *why, struct rv_cancel *cancel,
                    struct rv_error *err);

struct rv_deadline {
    struct rv_clock *clock;
    uint64_t at_ms;
};
struct rv_deadline rv_deadline_in(struct rv_clock *clock, uint64_t ms);
/** Milliseconds left, 0 when past; fits an int for poll(). */
int rv_deadline_left_ms(const struct rv_deadline *deadline);
