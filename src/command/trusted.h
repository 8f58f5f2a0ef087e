/* SPDX-License-Identifier: Apache-2.0 */
/* A running device that trusts this computer, for the verbs that read from it. */
#pragma once

#include "command/command.h"
#include "device/device.h"
#include "proto/lockdown.h"

/**
 * The device that -d names (result "device"), in Normal mode, with a session: asks for trust where it is missing and
 * waits for the tap. UNSUPPORTED in another mode, with the way out.
 */
struct rv_lockdown *rv_command_trusted(struct rv_run *run, struct rv_device *device, struct rv_error *err);
