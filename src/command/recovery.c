/* SPDX-License-Identifier: Apache-2.0 */
#include "command/verbs.h"

static bool run_recovery_enter(struct rv_run *run, struct rv_error *err)
{
    (void)run;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

const struct rv_command rv_verb_recovery_enter = {
    .name = "recovery enter",
    .summary = "Put a device into Recovery mode",
    .flags = RV_COMMAND_DEVICE,
    .run = run_recovery_enter,
};

static bool run_recovery_exit(struct rv_run *run, struct rv_error *err)
{
    (void)run;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

const struct rv_command rv_verb_recovery_exit = {
    .name = "recovery exit",
    .summary = "Bring a device out of Recovery mode",
    .flags = RV_COMMAND_DEVICE,
    .run = run_recovery_exit,
};
