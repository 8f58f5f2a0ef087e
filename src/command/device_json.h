/* SPDX-License-Identifier: Apache-2.0 */
/* What a device is, as JSON: the same keys in every verb's result. */
#pragma once

#include "device/device.h"

#include <jansson.h>

/**
 * {"mode","mode_words","name","product_type","hardware_model","ecid","udid","serial","chip","board","port",
 * "device_name","version","build","answers","permitted"}; unknown ones are left out. New reference.
 */
json_t *rv_device_json(const struct rv_device *device);
/** Sets a text when it is not empty, cleaned for a terminal. */
void rv_json_set_text(json_t *object, const char *key, const char *text);
void rv_json_set_count(json_t *object, const char *key, uint64_t value);
void rv_json_set_hex(json_t *object, const char *key, uint64_t value, int digits);
/** The device that -d names, or the only one; its JSON goes to result "device". */
bool rv_command_pick(struct rv_fleet *fleet, const char *selector, json_t *result, struct rv_device *out,
                     struct rv_error *err);
/** Where the device is at the end: "now" and "device". */
void rv_command_now(json_t *result, const struct rv_device *device);
/** A wait that ended with the device on no bus, after it had been told something: broken off (exit 7). False. */
bool rv_command_broken_off(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err);
