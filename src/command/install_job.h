/* SPDX-License-Identifier: Apache-2.0 */
/* What `update`, `restore` and `resume` share: run the job, put its outcome into the result. */
#pragma once

#include "command/command.h"
#include "restore/restore.h"

/** `options` lacks the device only when neither selector nor ECID is set: then the attached one is meant. */
bool rv_restore_verb(struct rv_run *run, struct rv_restore_options *options, struct rv_error *err);
