/* SPDX-License-Identifier: Apache-2.0 */
/* Lays a device as it leaves the factory: identity, signed boot images for its ECID, system volume, user data. */
#include "sim/model.h"

bool sim_device_create(const struct sim_create *what, struct rv_error *err)
{
    (void)what;
    return rv_fail(err, RV_E_UNSUPPORTED, "not yet");
}
