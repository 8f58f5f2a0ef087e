/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/apple.h"

bool sim_pki_make(const char *folder, struct rv_error *err)
{
    return rv_fail(err, RV_E_UNSUPPORTED, "keys for %s: not built in yet", folder);
}
