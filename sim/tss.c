/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/apple.h"

struct rv_blob *sim_sign_ticket(const char *pki, plist_t request, struct rv_error *err)
{
    (void)request;
    rv_fail(err, RV_E_UNSUPPORTED, "signing with %s: not built in yet", pki);
    return NULL;
}
