/* SPDX-License-Identifier: Apache-2.0 */
/* One meaning of a number as JSON: the same for `explain` and for every error that carries a number. */
#pragma once

#include "command/command.h"
#include "data/errors.h"

/** New reference; null where there is no row. */
json_t *rv_fact_json(const struct rv_fact *fact);
