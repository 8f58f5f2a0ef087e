/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/apple.h"

bool sim_factory_make(const struct sim_factory *what, struct rv_error *err)
{
    return rv_fail(err, RV_E_UNSUPPORTED, "%s: not built in yet", what->out);
}

bool sim_factory_system_hash(const char *ipsw, char out[97], struct rv_error *err)
{
    out[0] = '\0';
    return rv_fail(err, RV_E_UNSUPPORTED, "%s: not built in yet", ipsw);
}

bool sim_factory_lay_system(const char *ipsw, const char *system_img, struct rv_error *err)
{
    (void)system_img;
    return rv_fail(err, RV_E_UNSUPPORTED, "%s: not built in yet", ipsw);
}
