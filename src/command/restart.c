/* SPDX-License-Identifier: Apache-2.0 */
#include "command/verbs.h"

static bool run_restart(struct rv_run *run, struct rv_error *err)
{
    (void)run;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

const struct rv_command rv_verb_restart = {
    .name = "restart",
    .summary = "Restart a device",
    .flags = RV_COMMAND_DEVICE,
    .run = run_restart,
};
