/* SPDX-License-Identifier: Apache-2.0 */
/* The log of one run: the file that --log names, or one of the few kept for long-running commands. */
#pragma once

#include "cli/face.h"

/**
 * Sets ctx->log. --log FILE that cannot be opened is an error; the kept log of a long-running command that
 * cannot be opened (full disk) is a warning, because the device matters more. --no-trace: memory only.
 */
bool rv_logs_open(struct rv_face *face, struct rv_ctx *ctx, const struct rv_args *args, struct rv_error *err);
