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
/** Version and build as the running system tells them: the setting "system" ("9.3.5") plays another, for the services
 *  alone. */
void sim_running(struct sim_device *device, char version[32], char build[32]);
/** Whether the running system is of this version or newer. */
bool sim_system_since(struct sim_device *device, unsigned major, unsigned minor);

void sim_afc_serve(struct sim_device *device, struct sim_wire *wire);
void sim_house_arrest_serve(struct sim_device *device, struct sim_wire *wire);
void sim_backup_serve(struct sim_device *device, struct sim_wire *wire);
/** AFC over crash reports that the mover has gathered. */
void sim_crash_copy_serve(struct sim_device *device, struct sim_wire *wire);
void sim_crash_mover_serve(struct sim_device *device, struct sim_wire *wire);
void sim_diagnostics_serve(struct sim_device *device, struct sim_wire *wire);
void sim_heartbeat_serve(struct sim_device *device, struct sim_wire *wire);
void sim_assertion_serve(struct sim_device *device, struct sim_wire *wire);
void sim_installation_serve(struct sim_device *device, struct sim_wire *wire);
void sim_springboard_serve(struct sim_device *device, struct sim_wire *wire);
void sim_notification_serve(struct sim_device *device, struct sim_wire *wire);
/** Tells every host that observes this name; any thread. */
void sim_notice_post(struct sim_device *device, const char *name);
void sim_preboard_serve(struct sim_device *device, struct sim_wire *wire);
void sim_syslog_serve(struct sim_device *device, struct sim_wire *wire);
