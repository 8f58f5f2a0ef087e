/* SPDX-License-Identifier: Apache-2.0 */
#include "data/advice.h"

#include <stddef.h>

static const struct rv_advice_row rows[RV_ADVICE_COUNT] = {
#include "advice_table.inc"
};

static const enum rv_advice by_code[RV_E_CODE_COUNT] = {
#include "advice_defaults.inc"
};

const struct rv_advice_row *rv_advice_row(enum rv_advice advice)
{
    return &rows[(unsigned)advice < RV_ADVICE_COUNT ? advice : RV_ADVICE_NONE];
}

const struct rv_advice_row *rv_advice_for(const struct rv_error *err)
{
    if (err->advice != RV_ADVICE_NONE || (unsigned)err->code >= RV_E_CODE_COUNT)
        return rv_advice_row(err->advice);
    return rv_advice_row(by_code[err->code]);
}
