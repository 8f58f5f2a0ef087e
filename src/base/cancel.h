/* SPDX-License-Identifier: Apache-2.0 */
/* One flag per session that any thread or signal handler may raise, and an fd that poll() can watch. */
#pragma once

#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>

struct rv_cancel {
    atomic_int asked; /* times */
    int fds[2];       /* pipe; fds[0] becomes readable when asked */
};

bool rv_cancel_init(struct rv_cancel *cancel, struct rv_error *err);
void rv_cancel_clear(struct rv_cancel *cancel);
/** Async-signal-safe. */
void rv_cancel_ask(struct rv_cancel *cancel);
/** NULL is "never cancelled". */
bool rv_cancel_asked(const struct rv_cancel *cancel);
/** Pollable, or -1 for NULL. */
int rv_cancel_fd(const struct rv_cancel *cancel);
/** True to go on; false with RV_E_CANCELLED when asked. */
bool rv_cancel_point(const struct rv_cancel *cancel, struct rv_error *err);
