/* SPDX-License-Identifier: Apache-2.0 */
#include "command/verbs.h"

static bool run_list(struct rv_run *run, struct rv_error *err)
{
    (void)run;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

const struct rv_command rv_verb_list = {
    .name = "list",
    .summary = "List the attached devices in all modes",
    .flags = 0,
    .run = run_list,
};
