/* SPDX-License-Identifier: Apache-2.0 */
/* What a search says about the file it searched. */
#pragma once

#include "recover/sqlite_scan.h"

#include <jansson.h>

/** Counts, and sentences made of them; a new reference. */
json_t *rv_recover_verdict_json(const struct rv_sq_verdict *verdict);
