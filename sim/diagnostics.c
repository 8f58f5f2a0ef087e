/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.apple.mobile.diagnostics_relay: {Request: X} -> {Status, Diagnostics?}. With WaitForDisconnect the action is put
 * off until the host hangs up. Source: libimobiledevice 1.3.0 src/diagnostics_relay.c.
 */
#include "base/text.h"
#include "sim/service_list.h"

#include <stdio.h>
#include <string.h>

enum { REQUEST_MAX = 1024 * 1024 };
enum action { NOTHING, RESTART, SHUTDOWN, SLEEP };

static uint64_t battery(struct sim_device *device)
{
    char text[16];
    uint64_t level;
    return sim_setting(device, "battery", text, sizeof text) && rv_text_number(text, 10, &level) ? level : 80;
}

static plist_t gas_gauge(struct sim_device *device)
{
    (void)device;
    plist_t gauge = plist_new_dict();
    plist_dict_set_item(gauge, "CycleCount", plist_new_uint(312));
    plist_dict_set_item(gauge, "DesignCapacity", plist_new_uint(2716));
    plist_dict_set_item(gauge, "FullChargeCapacity", plist_new_uint(2499));
    plist_dict_set_item(gauge, "Status", plist_new_string("Success"));
    plist_t out = plist_new_dict();
    plist_dict_set_item(out, "GasGauge", gauge);
    return out;
}

static plist_t power_source(struct sim_device *device)
{
    plist_t source = plist_new_dict();
    plist_dict_set_item(source, "AppleRawMaxCapacity", plist_new_uint(2499));
    plist_dict_set_item(source, "CurrentCapacity", plist_new_uint(battery(device)));
    plist_dict_set_item(source, "CycleCount", plist_new_uint(312));
    plist_dict_set_item(source, "DesignCapacity", plist_new_uint(2716));
    plist_dict_set_item(source, "ExternalConnected", plist_new_bool(1));
    plist_dict_set_item(source, "FullyCharged", plist_new_bool(battery(device) >= 100));
    plist_dict_set_item(source, "IsCharging", plist_new_bool(battery(device) < 100));
    plist_dict_set_item(source, "MaxCapacity", plist_new_uint(100));
    plist_dict_set_item(source, "Temperature", plist_new_uint(2590));
    plist_dict_set_item(source, "Voltage", plist_new_uint(4012));
    return source;
}

/* The registry of a real phone has thousands of entries; hosts read the battery's. */
static plist_t registry(struct sim_device *device, plist_t request)
{
    static const char *const batteries[] = { "IOPMPowerSource", "AppleARMPMUCharger", "AppleSmartBattery" };
    const char *name = sim_plist_text(request, "EntryClass");
    if (name == NULL)
        name = sim_plist_text(request, "EntryName");
    for (size_t i = 0; name != NULL && i < RV_COUNT(batteries); i++) {
        if (strcmp(name, batteries[i]) != 0)
            continue;
        plist_t out = plist_new_dict();
        plist_dict_set_item(out, "IORegistry", power_source(device));
        return out;
    }
    return NULL;
}

static enum action action_of(const char *name)
{
    if (strcmp(name, "Restart") == 0)
        return RESTART;
    if (strcmp(name, "Shutdown") == 0)
        return SHUTDOWN;
    return strcmp(name, "Sleep") == 0 ? SLEEP : NOTHING;
}

static bool send_status(struct sim_wire *wire, const char *status, plist_t diagnostics)
{
    plist_t reply = plist_new_dict();
    plist_dict_set_item(reply, "Status", plist_new_string(status));
    if (diagnostics != NULL)
        plist_dict_set_item(reply, "Diagnostics", diagnostics);
    bool good = sim_wire_plist_write(wire, reply);
    plist_free(reply);
    return good;
}

static bool answer(struct sim_device *device, struct sim_wire *wire, plist_t request, const char *name)
{
    bool all = strcmp(name, "All") == 0;
    if (all || strcmp(name, "GasGauge") == 0)
        return send_status(wire, "Success", gas_gauge(device));
    if (strcmp(name, "IORegistry") == 0) {
        plist_t found = registry(device, request);
        return send_status(wire, found != NULL ? "Success" : "Failure", found);
    }
    if (action_of(name) != NOTHING || strcmp(name, "Goodbye") == 0)
        return send_status(wire, "Success", NULL);
    return send_status(wire, "UnknownRequest", NULL);
}

static void act(struct sim_device *device, enum action action)
{
    switch (action) {
    case RESTART:
        sim_record(device, "diagnostics", "Restart");
        sim_device_reboot(device, "diagnostics_relay: Restart");
        break;
    case SHUTDOWN:
        sim_record(device, "diagnostics", "Shutdown");
        sim_device_shutdown(device);
        break;
    case SLEEP:
        sim_record(device, "diagnostics", "Sleep");
        break;
    case NOTHING:
        break;
    }
}

/* One request; false at the end of the conversation. */
static bool serve_one(struct sim_device *device, struct sim_wire *wire, enum action *pending)
{
    plist_t request = sim_wire_plist_read(wire, REQUEST_MAX, -1);
    const char *name = sim_plist_text(request, "Request");
    bool good = name != NULL && answer(device, wire, request, name);
    if (good) {
        enum action wanted = action_of(name);
        plist_t wait = plist_dict_get_item(request, "WaitForDisconnect");
        if (wanted != NOTHING && PLIST_IS_BOOLEAN(wait) && plist_bool_val_is_true(wait))
            *pending = wanted;
        else
            act(device, wanted);
        good = strcmp(name, "Goodbye") != 0;
    }
    plist_free(request);
    return good;
}

void sim_diagnostics_serve(struct sim_device *device, struct sim_wire *wire)
{
    enum action pending = NOTHING;
    unsigned generation = 0;
    sim_device_mode(device, &generation);
    while (serve_one(device, wire, &pending))
        continue;
    /* A connection that a mode change cut did not ask for another one. */
    unsigned now = 0;
    if (sim_device_mode(device, &now) == SIM_NORMAL && now == generation)
        act(device, pending);
}
