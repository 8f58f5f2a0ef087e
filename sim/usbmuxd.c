/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/services.h"

bool sim_usbmuxd_start(struct sim_device *const *devices, size_t count, const char *address, struct rv_error *err)
{
    (void)devices;
    (void)count;
    return rv_fail(err, RV_E_UNSUPPORTED, "no usbmuxd socket yet (%s)", address);
}
