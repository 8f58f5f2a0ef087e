/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the restore ramdisk does, step by step, is one table a generation (restored_11.c and its neighbours): this
 * file picks the one for a version. A later generation is one more table and one more row here.
 */
#include "base/text.h"
#include "sim/restored_run.h"

#include <stdlib.h>
#include <string.h>

static const struct restored_generation *const generations[] = {
    &sim_restored_11, &sim_restored_12, &sim_restored_13, &sim_restored_14,
    &sim_restored_16, &sim_restored_18, &sim_restored_26,
};

const struct restored_generation *restored_generation_for(const char *version)
{
    unsigned major = (unsigned)strtoul(version, NULL, 10);
    const struct restored_generation *best = generations[0];
    for (size_t i = 0; i < RV_COUNT(generations); i++)
        if (generations[i]->major_min <= major)
            best = generations[i];
    return best;
}

const struct restored_generation *restored_host_check(void)
{
    return &sim_restored_18;
}
