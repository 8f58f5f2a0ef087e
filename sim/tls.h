/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as the device speaks it: server, with the certificate that the host made for it when pairing. */
#pragma once

#include "sim/device.h"
#include "sim/wire.h"

/** Runs the handshake as the pairing of host_id wants it; the client's certificate must belong to that pairing. */
bool sim_tls_accept(struct sim_device *device, struct sim_wire *wire, const char *host_id);
/** close_notify, then back to plaintext on the same socket. Does nothing on a plain wire. */
void sim_tls_close(struct sim_wire *wire);
