/* SPDX-License-Identifier: Apache-2.0 */
/* The apps on the device; invented. */
#pragma once

#include <stddef.h>

struct sim_app {
    const char *bundle, *name, *version, *maker;
};
/** The nth, or NULL. */
const struct sim_app *sim_app(size_t n);
