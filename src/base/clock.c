/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <limits.h>
#include <poll.h>
#include <time.h>

enum { DEADLINE_MIN_MS = 3000 };

static uint64_t system_now(struct rv_clock *clock)
{
    (void)clock;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void system_sleep(struct rv_clock *clock, uint64_t ms, struct rv_cancel *cancel)
{
    uint64_t end = system_now(clock) + ms;
    for (;;) {
        uint64_t now = system_now(clock);
        if (now >= end || rv_cancel_asked(cancel))
            return;
        struct pollfd p = { .fd = rv_cancel_fd(cancel), .events = POLLIN };
        uint64_t left = end - now;
        poll(&p, 1, left > 60000 ? 60000 : (int)left);
    }
}

void rv_clock_system(struct rv_clock *out)
{
    *out = (struct rv_clock){ .now_ms = system_now, .sleep_ms = system_sleep, .scale = 1 };
}

static uint64_t fake_now(struct rv_clock *clock)
{
    return *(uint64_t *)clock->own;
}

static void fake_sleep(struct rv_clock *clock, uint64_t ms, struct rv_cancel *cancel)
{
    (void)cancel;
    *(uint64_t *)clock->own += ms;
}

void rv_clock_fake(struct rv_clock *out, uint64_t *now_ms)
{
    *out = (struct rv_clock){ .now_ms = fake_now, .sleep_ms = fake_sleep, .scale = 1, .own = now_ms };
}

uint64_t rv_clock_now(struct rv_clock *clock)
{
    return clock->now_ms(clock);
}

static uint64_t scaled(const struct rv_clock *clock, uint64_t ms)
{
    return clock->scale > 0 ? (uint64_t)((double)ms * clock->scale) : ms;
}

bool rv_clock_pause(struct rv_clock *clock, uint64_t ms, const char *why, struct rv_cancel *cancel,
                    struct rv_error *err)
{
    (void)why;
    if (!rv_cancel_point(cancel, err))
        return false;
    clock->sleep_ms(clock, scaled(clock, ms), cancel);
    return rv_cancel_point(cancel, err);
}

struct rv_deadline rv_deadline_in(struct rv_clock *clock, uint64_t ms)
{
    /* A scale makes a device faster, not this computer: no deadline shrinks below three seconds for that. */
    uint64_t wait = scaled(clock, ms);
    if (wait < DEADLINE_MIN_MS)
        wait = ms < DEADLINE_MIN_MS ? ms : DEADLINE_MIN_MS;
    return (struct rv_deadline){ clock, rv_clock_now(clock) + wait };
}

int rv_deadline_left_ms(const struct rv_deadline *deadline)
{
    uint64_t now = rv_clock_now(deadline->clock);
    if (now >= deadline->at_ms)
        return 0;
    uint64_t left = deadline->at_ms - now;
    return left > INT_MAX ? INT_MAX : (int)left;
}
