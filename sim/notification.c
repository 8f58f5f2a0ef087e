/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two small conversations in property lists: notification_proxy, heartbeat.
 * Sources: libimobiledevice 1.3.0 src/notification_proxy.c, src/heartbeat.c.
 */
#include "sim/service_list.h"

#include <string.h>

enum { REQUEST_MAX = 65536, HEARTBEAT_S = 10, LOOK_MS = 200 };
#define REQUEST_PAIR "com.apple.mobile.lockdown.request_pair"

static bool send_pair(struct sim_wire *wire, const char *key, const char *text, const char *key2, plist_t value)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, key, plist_new_string(text));
    if (key2 != NULL)
        plist_dict_set_item(dict, key2, value);
    bool good = sim_wire_plist_write(wire, dict);
    plist_free(dict);
    return good;
}

/* What one host wants to hear of; of all names only this one is ever sent by itself. */
struct observer {
    struct sim_device *device;
    struct sim_wire *wire;
    bool wants_pairing, trusted;
};

static bool trusted_now(struct sim_device *device)
{
    char text[16];
    return sim_setting(device, "trust", text, sizeof text) && strcmp(text, "yes") == 0;
}

/* When the person has tapped Trust, hosts that wait for it are told to ask again: usbmuxd's preflight does. */
static bool tell_of_trust(struct observer *o)
{
    bool now = trusted_now(o->device), tapped = now && !o->trusted;
    o->trusted = now;
    if (!tapped || !o->wants_pairing)
        return true;
    sim_record(o->device, "notification", "told a host that it may pair now");
    return send_pair(o->wire, "Command", "RelayNotification", "Name", plist_new_string(REQUEST_PAIR));
}

static bool answer_proxy(struct observer *o, plist_t request)
{
    const char *command = sim_plist_text(request, "Command"), *name = sim_plist_text(request, "Name");
    if (command == NULL)
        return false;
    if (strcmp(command, "Shutdown") == 0) {
        send_pair(o->wire, "Command", "ProxyDeath", NULL, NULL);
        return false;
    }
    if (name != NULL && strcmp(command, "PostNotification") == 0)
        sim_record(o->device, "notification", "posted %s", name);
    if (name != NULL && strcmp(command, "ObserveNotification") == 0 && strcmp(name, REQUEST_PAIR) == 0)
        o->wants_pairing = true;
    return true;
}

void sim_notification_serve(struct sim_device *device, struct sim_wire *wire)
{
    struct observer o = { .device = device, .wire = wire, .trusted = trusted_now(device) };
    bool goes_on = true;
    while (goes_on) {
        if (!sim_wire_waits(wire, LOOK_MS)) {
            goes_on = tell_of_trust(&o);
            continue;
        }
        plist_t request = sim_wire_plist_read(wire, REQUEST_MAX, -1);
        goes_on = answer_proxy(&o, request);
        plist_free(request);
    }
}

/* The next beat comes after the interval; a host that hangs up or speaks out of turn ends it. */
static bool quiet_until_next_beat(struct sim_wire *wire)
{
    return !sim_wire_waits(wire, HEARTBEAT_S * 1000);
}

void sim_heartbeat_serve(struct sim_device *device, struct sim_wire *wire)
{
    (void)device;
    bool alive = true;
    while (alive && send_pair(wire, "Command", "Marco", "Interval", plist_new_uint(HEARTBEAT_S))) {
        plist_t answer = sim_wire_plist_read(wire, REQUEST_MAX, 2 * HEARTBEAT_S * 1000);
        const char *command = sim_plist_text(answer, "Command");
        alive = command != NULL && strcmp(command, "Polo") == 0 && quiet_until_next_beat(wire);
        plist_free(answer);
    }
}
