/* SPDX-License-Identifier: Apache-2.0 */
/* The services that lockdown starts. */
#pragma once

#include "sim/services.h"

struct sim_service {
    const char *name;
    sim_service_fn *serve;
    bool open; /* started without a session too */
};

/** NULL when the device has no such service. */
const struct sim_service *sim_service_find(const char *name);
/** Since iOS 13 nearly all services speak TLS; the setting "service_tls" (yes|no) overrides the version. */
bool sim_service_wants_tls(struct sim_device *device);
/** Whether the installed system is of this version or newer. */
bool sim_system_since(struct sim_device *device, unsigned major, unsigned minor);

void sim_afc_serve(struct sim_device *device, struct sim_wire *wire);
void sim_diagnostics_serve(struct sim_device *device, struct sim_wire *wire);
void sim_heartbeat_serve(struct sim_device *device, struct sim_wire *wire);
void sim_notification_serve(struct sim_device *device, struct sim_wire *wire);
void sim_preboard_serve(struct sim_device *device, struct sim_wire *wire);
