/* SPDX-License-Identifier: Apache-2.0 */
/* A device that has started is not yet a device that stays on. */
#pragma once

#include "device/device.h"

#include <jansson.h>

enum { RV_STAYS_MS = 60000 }; /* longer than the Normal mode of a boot loop is seen [I] */

/**
 * Watches a device that has just reached Normal mode (`now`) for a minute. False, REFUSED with the advice
 * back-in-recovery: it went away again or fell back to Recovery mode; result "now" says where it is then.
 */
bool rv_command_stays(struct rv_fleet *fleet, const struct rv_device *now, json_t *result, struct rv_error *err);
