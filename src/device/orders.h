/* SPDX-License-Identifier: Apache-2.0 */
/* Mode changes that a device makes when it is told to; where it then is, rv_fleet_await sees. */
#pragma once

#include "device/device.h"

/** A device in Normal mode restarts into Recovery mode (lockdown's EnterRecovery). */
bool rv_device_order_recovery(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err);
/** A device in Recovery mode is to start its system from now on. REFUSED: iBoot does not keep that setting. */
bool rv_device_order_auto_boot(struct rv_usb *usb, struct rv_error *err);
/** The same, and it restarts at once. */
bool rv_device_order_exit(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err);
