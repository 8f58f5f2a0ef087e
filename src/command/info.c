/* SPDX-License-Identifier: Apache-2.0 */
#include "command/verbs.h"

static bool run_info(struct rv_run *run, struct rv_error *err)
{
    (void)run;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

const struct rv_command rv_verb_info = {
    .name = "info",
    .summary = "Show everything that can be read from a device in its present mode",
    .flags = RV_COMMAND_DEVICE,
    .run = run_info,
};
