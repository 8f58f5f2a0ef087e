/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/apple.h"

bool sim_apple_start(const struct sim_apple_options *options, unsigned *port, struct rv_error *err)
{
    (void)port;
    return rv_fail(err, RV_E_UNSUPPORTED, "server at %s: not built in yet", options->listen);
}
