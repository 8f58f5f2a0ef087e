/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/diskimage.h"

bool sim_udif_trailer_read(struct rv_span trailer, uint64_t file_size, struct sim_udif_trailer *out,
                           struct rv_error *err)
{
    (void)trailer, (void)file_size, (void)out;
    return rv_fail(err, RV_E_UNSUPPORTED, "disk images: not built in yet");
}
