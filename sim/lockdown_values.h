/* SPDX-License-Identifier: Apache-2.0 */
/* What GetValue and SetValue of lockdown know: domains and their keys. */
#pragma once

#include "sim/device.h"

/** Dictionary of a domain (NULL: the general one); an unknown domain is empty. trusted: inside a session. */
plist_t sim_values_domain(struct sim_device *device, const char *domain, bool trusted);
/** A value to free, or NULL with lockdown's error name in *refusal. */
plist_t sim_values_get(struct sim_device *device, const char *domain, const char *key, bool trusted,
                       const char **refusal);
/** NULL when done, else lockdown's error name. */
const char *sim_values_set(struct sim_device *device, const char *domain, const char *key, plist_t value, bool trusted);
const char *sim_values_remove(struct sim_device *device, const char *domain, const char *key, bool trusted);
