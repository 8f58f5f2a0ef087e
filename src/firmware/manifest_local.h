/* SPDX-License-Identifier: Apache-2.0 */
/* The unsigned manifest of a build, made here: what a stash bag is asked for with. */
#pragma once

#include "firmware/firmware.h"

struct rv_blob *rv_manifest_local(plist_t identity, struct rv_error *err);
