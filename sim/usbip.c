/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/services.h"

bool sim_usbip_start(struct sim_device *const *d, size_t n, const char *a, struct rv_error *err)
{
    (void)d;
    (void)n;
    (void)a;
    return rv_fail(err, RV_E_UNSUPPORTED, "no");
}
