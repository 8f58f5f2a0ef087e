/* SPDX-License-Identifier: Apache-2.0 */
#include "command/verbs.h"

static bool run_status(struct rv_run *run, struct rv_error *err)
{
    (void)run;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

const struct rv_command rv_verb_status = {
    .name = "",
    .summary = "Say what is attached, what state it is in, and the one next thing to do",
    .flags = 0,
    .run = run_status,
};
