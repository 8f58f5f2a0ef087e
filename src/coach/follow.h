/* SPDX-License-Identifier: Apache-2.0 */
/* The coach at work: the machine with a real bus, a real clock and somebody who listens to its events. */
#pragma once

#include "coach/coach.h"
#include "device/device.h"

struct rv_coached {
    enum rv_coach_end end;
    unsigned misses;
    const struct rv_coach_verdict *last; /* of the last miss; NULL: none */
    bool seen;                           /* the device was on the bus at least once */
    struct rv_device device;             /* what is known of it, if it was seen */
};

/** `device` may be NULL: the first that comes is meant. Speaks in events RV_EVENT_COACH. False: cancelled, or broken.
 */
bool rv_coach_follow(struct rv_fleet *fleet, const struct rv_coach_setup *setup, const struct rv_device *device,
                     struct rv_coached *out, struct rv_error *err);
/** Are the reboot and the cable of this device such as the setup asks? Sets reboot_works and old_lightning. */
void rv_coach_setup_for(struct rv_coach_setup *setup, const struct rv_identity *identity);
