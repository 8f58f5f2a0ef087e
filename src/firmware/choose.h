/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of an identity from a BuildManifest alone. */
#pragma once

#include "firmware/firmware.h"

/** As rv_ipsw_choose(); borrowed from manifest. CORRUPT with the advice that fits, USAGE when ambiguous. */
plist_t rv_manifest_choose(plist_t manifest, const struct rv_target *target, enum rv_behavior behavior,
                           struct rv_error *err);
