/* SPDX-License-Identifier: Apache-2.0 */
#include "data/ladder.h"

#include "base/mem.h"

#include <string.h>

#include "rescue_table.inc"

const char *rv_fate_name(enum rv_fate fate)
{
    static const char *const names[] = { "untouched", "kept", "erased" };
    return (unsigned)fate < RV_COUNT(names) ? names[fate] : "untouched";
}

const struct rv_symptom *rv_symptom(const char *id)
{
    for (size_t i = 0; i < rv_symptom_count; i++)
        if (strcmp(rv_symptoms[i].id, id) == 0)
            return &rv_symptoms[i];
    return NULL;
}

const struct rv_rung *rv_rung(const char *id)
{
    for (size_t i = 0; i < RV_RUNG_COUNT; i++)
        if (strcmp(rv_rungs[i].id, id) == 0)
            return &rv_rungs[i];
    return NULL;
}

static bool names_state(const struct rv_decision *row, const char *state)
{
    if (row->states[0] == NULL)
        return true;
    for (size_t i = 0; row->states[i] != NULL; i++)
        if (strcmp(row->states[i], state) == 0)
            return true;
    return false;
}

static bool fits(const struct rv_decision *row, const char *state, enum rv_looks looks, uint32_t facts)
{
    return names_state(row, state) && (row->looks == 0 || (row->looks & RV_LADDER_BIT(looks)) != 0) &&
           (facts & row->after) == row->after && (facts & row->not_after) == 0;
}

const struct rv_decision *rv_decide(const char *state, enum rv_looks looks, uint32_t facts)
{
    size_t i = 0;
    while (i + 1 < rv_decision_count && !fits(&rv_decisions[i], state, looks, facts))
        i++;
    return &rv_decisions[i];
}
