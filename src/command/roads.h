/* SPDX-License-Identifier: Apache-2.0 */
/* The roads of single verbs, without the choosing of a device: what `revive rescue` goes along one after another. */
#pragma once

#include "command/command.h"
#include "data/coaching.h"
#include "device/device.h"

/** Restarts by software, waits, and watches whether it stays (REFUSED with back-in-recovery when it does not). */
bool rv_command_restart(struct rv_run *run, struct rv_fleet *fleet, const struct rv_device *device,
                        struct rv_error *err);
/** Out of Recovery mode by software; watched likewise. */
bool rv_command_exit(struct rv_run *run, struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err);

struct rv_coaching {
    enum rv_coach_goal goal;
    const struct rv_device *device; /* NULL: none is seen; then --model must name it */
    bool buttons_only;              /* software is not to try first; a running device is restarted by force */
};
/** Leads fingers there; --model and --tries of the run's arguments count. */
bool rv_command_coach(struct rv_run *run, struct rv_fleet *fleet, const struct rv_coaching *what, struct rv_error *err);

/** The device's name typed, or --yes. Else USAGE. */
bool rv_command_agree_erase(struct rv_run *run, const struct rv_device *device, struct rv_error *err);
