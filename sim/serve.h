/* SPDX-License-Identifier: Apache-2.0 */
/* Listening on "UNIX:/path" or "127.0.0.1:PORT", one thread a connection: what the USB/IP and control faces share. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/** Owns fd; called on a thread of its own. */
typedef void sim_serve_fn(void *context, int fd);
/** Binds and accepts until the process ends. A stale socket file is replaced; a live one is an error. */
bool sim_serve_start(const char *address, sim_serve_fn *fn, void *context, struct rv_error *err);
