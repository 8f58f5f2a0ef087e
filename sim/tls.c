/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/tls.h"

#include <openssl/ssl.h>

bool sim_tls_accept(struct sim_device *device, struct sim_wire *wire, const char *host_id)
{
    (void)device;
    (void)wire;
    (void)host_id;
    return false;
}

void sim_tls_close(struct sim_wire *wire)
{
    if (wire->tls == NULL)
        return;
    SSL_shutdown(wire->tls);
    SSL_free(wire->tls);
    wire->tls = NULL;
}
