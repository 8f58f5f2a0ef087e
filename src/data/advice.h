/* SPDX-License-Identifier: Apache-2.0 */
/* What a person should do, compiled from data/advice.json. */
#pragma once

#include "base/error.h"

struct rv_advice_row {
    const char *id;             /* "replug" */
    const char *title;          /* what happened, one line */
    const char *const *actions; /* in order, NULL-terminated */
    bool data_at_risk;
};
/** Never NULL; RV_ADVICE_NONE gives the row that fits the code. */
const struct rv_advice_row *rv_advice_for(const struct rv_error *err);
const struct rv_advice_row *rv_advice_row(enum rv_advice advice);
