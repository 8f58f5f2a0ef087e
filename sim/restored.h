/* SPDX-License-Identifier: Apache-2.0 */
/* The restore environment of the ramdisk: what the model has to tell it. */
#pragma once

#include "sim/device.h"

/**
 * The ramdisk's kernel is up (the device has just attached in Restore mode): from now on a host must send
 * StartRestore within 120 s of device time, or the device reboots. Returns at once.
 */
void sim_restored_begin(struct sim_device *device);
