/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flight recorder: a ring of recent lines and, when asked for, a file. Identifiers of devices and
 * people are masked unless the person asked otherwise; secrets are never handed to it.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum rv_log_level { RV_LOG_ERROR, RV_LOG_INFO, RV_LOG_DEBUG };

struct rv_log;

/** path NULL: ring only. The file is created 0600; it may already exist (appended). */
struct rv_log *rv_log_new(const char *path, bool identifiers, struct rv_error *err);
void rv_log_free(struct rv_log *log);
/** Thread safe; log NULL: nothing. `room` is the folder's name, such as "restored". */
void rv_log(struct rv_log *log, enum rv_log_level level, const char *room, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/** Path of the file, or NULL. Borrowed from log. */
const char *rv_log_path(const struct rv_log *log);
/** Registers a text (UDID, ECID, serial) that is to be masked from now on. */
void rv_log_mask(struct rv_log *log, const char *identifier);
/** Copies the last lines of the ring into out (NUL-terminated). */
void rv_log_recent(struct rv_log *log, char *out, uint32_t out_size);
/** Lines up to this level also go to a descriptor such as stderr; fd -1 ends that. */
void rv_log_echo(struct rv_log *log, int fd, enum rv_log_level most);
