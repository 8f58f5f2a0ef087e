/* SPDX-License-Identifier: Apache-2.0 */
/* The udev rule that the package installs (data/70-revive.rules), for a revive that runs without one. */
#pragma once

#define RV_UDEV_RULES_NAME "70-revive.rules"
extern const char rv_udev_rules[];
