/* SPDX-License-Identifier: Apache-2.0 */
/* Apple's public root certificates (DER), compiled from data/certs with their fingerprints checked at build. */
#pragma once

#include "base/bytes.h"

struct rv_root {
    const char *name;
    struct rv_span der;
};
extern const struct rv_root rv_roots[];
extern const size_t rv_root_count;
