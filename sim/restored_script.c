/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the restore ramdisk does, step by step, is one table a generation (restored_11.c and its neighbours): this
 * file picks the one for a version. A later generation is one more table and one more row here.
 */
#include "base/text.h"
#include "sim/restored_run.h"

#include <stdlib.h>
#include <string.h>

/* From the logs of idevicerestore issues 647, 675 and 735 (an iPhone 14 Pro on 18.0 for what is optional). */
static const struct restored_need data_needs_16[] = {
    { "BasebandData", true },
    { "BuildIdentityDict", true },
    { "FDRTrustData", true },
    { "FUDData", true },
    { "FirmwareUpdaterData", true },
    { "FirmwareUpdaterDataV3", false },
    { "KernelCache", true },
    { "MessageUseStreamedImageFile", true },
    { "NORData", true },
    { "PersonalizedData", true },
    { "RootTicket", true },
    { "SourceBootObjectV4", true },
    { "SystemImageData", true },
    { "URLAsset", false },
    { "UpdateVolumeOverlayRootDataCount", false },
};
static const struct restored_need message_needs_16[] = {
    { "CheckpointMsg", true }, { "CrashLog", false },      { "DataRequestMsg", true },
    { "ProgressMsg", true },   { "RestoredCrash", false }, { "StatusMsg", true },
};

static const struct restored_generation *const generations[] = {
    &sim_restored_11,
    &sim_restored_12,
    &sim_restored_13,
    &sim_restored_14,
};

/* The comparison alone, for ramdisks from 16 on and for the setting "restored.host_check". */
static const struct restored_generation host_check_16 = {
    .major_min = 16,
    .major_max = 99,
    .protocol = 15,
    .checkpoint_names = true,
    .data_needs = data_needs_16,
    .data_need_count = RV_COUNT(data_needs_16),
    .message_needs = message_needs_16,
    .message_need_count = RV_COUNT(message_needs_16),
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
    return &host_check_16;
}
