/* SPDX-License-Identifier: Apache-2.0 */
/* Where a companion program of this one stands. */
#pragma once

#include "base/error.h"

/** Path of `name` beside the running program, else in PATH; the caller frees. NOT_FOUND. */
char *rv_program_find(const char *name, struct rv_error *err);
