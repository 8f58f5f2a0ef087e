/* SPDX-License-Identifier: Apache-2.0 */
/* Measures a property list without building it: how deep, how many values, does it hold together. */
#pragma once

#include "base/bytes.h"

enum {
    RV_PLIST_DEPTH_MAX = 64,
    RV_PLIST_VALUES_MAX = 2 * 1000 * 1000 /* a BuildManifest of eight identities has 40,000 */
};

/** FORMAT: not balanced, or nests too deep; LIMIT: too many values. */
bool rv_plist_shape_xml(struct rv_span in, struct rv_error *err);
/** The same for bplist00, with every reference counted as often as it is reached. */
bool rv_plist_shape_binary(struct rv_span in, struct rv_error *err);
