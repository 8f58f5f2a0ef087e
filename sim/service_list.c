/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/service_list.h"

#include <stdlib.h>
#include <string.h>

static const struct sim_service services[] = {
    { "com.apple.afc", sim_afc_serve, false },
    { "com.apple.crashreportcopymobile", sim_crash_copy_serve, false },
    { "com.apple.crashreportmover", sim_crash_mover_serve, false },
    { "com.apple.mobile.assertion_agent", sim_assertion_serve, false },
    { "com.apple.mobile.diagnostics_relay", sim_diagnostics_serve, false },
    { "com.apple.mobile.house_arrest", sim_house_arrest_serve, false },
    { "com.apple.mobile.heartbeat", sim_heartbeat_serve, false },
    { "com.apple.mobile.insecure_notification_proxy", sim_notification_serve, true },
    { "com.apple.mobile.installation_proxy", sim_installation_serve, false },
    { "com.apple.mobile.notification_proxy", sim_notification_serve, false },
    { "com.apple.mobilebackup2", sim_backup_serve, false },
    { "com.apple.preboardservice_v2", sim_preboard_serve, false },
    { "com.apple.springboardservices", sim_springboard_serve, false },
    { "com.apple.syslog_relay", sim_syslog_serve, false },
};

const struct sim_service *sim_service_find(const char *name)
{
    for (size_t i = 0; i < RV_COUNT(services); i++)
        if (strcmp(services[i].name, name) == 0)
            return &services[i];
    return NULL;
}

void sim_running(struct sim_device *device, char version[32], char build[32])
{
    char played[32];
    sim_installed(device, version, build);
    if (sim_setting(device, "system", played, sizeof played) && played[0] != 0)
        memcpy(version, played, sizeof played);
}

bool sim_system_since(struct sim_device *device, unsigned major, unsigned minor)
{
    char version[32], build[32];
    sim_running(device, version, build);
    char *end = NULL;
    unsigned long has_major = strtoul(version, &end, 10);
    unsigned long has_minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    return has_major > major || (has_major == major && has_minor >= minor);
}

bool sim_service_wants_tls(struct sim_device *device)
{
    char text[32];
    if (sim_setting(device, "service_tls", text, sizeof text) && text[0] != '\0')
        return strcmp(text, "yes") == 0;
    return sim_system_since(device, 13, 0);
}
