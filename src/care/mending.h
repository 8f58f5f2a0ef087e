/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few troubles of this computer that revive can mend itself, by the same commands that a person would type. They
 * are shown before, agreed to, and run with sudo unless this is root already.
 */
#pragma once

#include "care/checkup.h"

/** The commands as a person would type them, one a line; "" where there is nothing to run. */
void rv_mending_show(enum rv_fix fix, char *out, size_t size);
/** Runs them one after another; the first that fails ends it. Asks nothing: that was done. */
bool rv_mending_run(struct rv_ctx *ctx, enum rv_fix fix, struct rv_error *err);
