/* SPDX-License-Identifier: Apache-2.0 */
/* A device that is in the mode a test says: for tests of ports, lockdown and the mux link without a boot. */
#pragma once

#include "sim/device.h"

/** In Normal mode, in a fresh temporary folder, with iOS 11.2 (setting "stub_version": another). */
struct sim_device *stub_device_new(void);
/** Hangs up, waits for the services, removes the folder. */
void stub_device_free(struct sim_device *device);
/** Removes the folder alone, for devices that a server holds until the process ends. */
void stub_device_clean(struct sim_device *device);
void stub_device_enter(struct sim_device *device, enum sim_mode mode);
/** What the device was asked to do last: "reboot", "shutdown", "recovery" or "". */
const char *stub_device_asked(struct sim_device *device);
/** Whether the record holds a line whose text contains this. */
bool stub_device_recorded(struct sim_device *device, const char *text);
