/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small conversations in property lists: notification_proxy, heartbeat, assertion_agent.
 * Sources: libimobiledevice 1.3.0 src/notification_proxy.c, src/heartbeat.c; pymobiledevice3
 * services/power_assertion.py.
 */
#include "sim/notices.h"
#include "sim/service_list.h"

#include <stdio.h>
#include <string.h>

enum { REQUEST_MAX = 65536, HEARTBEAT_S = 10, LOOK_MS = 100, OBSERVED_MAX = 32 };
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

/* What one host wants to hear of. */
struct observer {
    struct sim_device *device;
    struct sim_wire *wire;
    bool wants_pairing, trusted;
    char observed[OBSERVED_MAX][SIM_NOTICE_MAX];
    size_t observed_count;
    uint64_t told; /* so many notices have been looked at */
};

void sim_notice_post(struct sim_device *device, const char *name)
{
    struct sim_notices *notices = sim_device_notices(device);
    pthread_mutex_lock(&notices->lock);
    (void)snprintf(notices->name[notices->count++ % SIM_NOTICES], SIM_NOTICE_MAX, "%s", name);
    pthread_mutex_unlock(&notices->lock);
}

static bool observes(const struct observer *o, const char *name)
{
    for (size_t i = 0; i < o->observed_count; i++)
        if (strcmp(o->observed[i], name) == 0)
            return true;
    return false;
}

/* The next notice that was posted since this host was last told. */
static bool next_notice(struct observer *o, char name[SIM_NOTICE_MAX])
{
    struct sim_notices *notices = sim_device_notices(o->device);
    pthread_mutex_lock(&notices->lock);
    if (notices->count - o->told > SIM_NOTICES)
        o->told = notices->count - SIM_NOTICES;
    bool any = o->told < notices->count;
    if (any)
        memcpy(name, notices->name[o->told++ % SIM_NOTICES], SIM_NOTICE_MAX);
    pthread_mutex_unlock(&notices->lock);
    return any;
}

static bool tell_of_notices(struct observer *o)
{
    char name[SIM_NOTICE_MAX];
    bool good = true;
    while (good && next_notice(o, name))
        if (observes(o, name))
            good = send_pair(o->wire, "Command", "RelayNotification", "Name", plist_new_string(name));
    return good;
}

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
    if (name != NULL && strcmp(command, "PostNotification") == 0) {
        sim_record(o->device, "notification", "posted %s", name);
        sim_notice_post(o->device, name);
    }
    if (name != NULL && strcmp(command, "ObserveNotification") == 0 && strcmp(name, REQUEST_PAIR) == 0)
        o->wants_pairing = true;
    if (name != NULL && strcmp(command, "ObserveNotification") == 0 && o->observed_count < OBSERVED_MAX &&
        strlen(name) < SIM_NOTICE_MAX)
        (void)snprintf(o->observed[o->observed_count++], SIM_NOTICE_MAX, "%s", name);
    return true;
}

void sim_notification_serve(struct sim_device *device, struct sim_wire *wire)
{
    struct observer o = { .device = device, .wire = wire, .trusted = trusted_now(device) };
    bool goes_on = true;
    struct sim_notices *notices = sim_device_notices(device);
    pthread_mutex_lock(&notices->lock);
    o.told = notices->count;
    pthread_mutex_unlock(&notices->lock);
    while (goes_on) {
        if (!sim_wire_waits(wire, LOOK_MS)) {
            goes_on = tell_of_trust(&o) && tell_of_notices(&o);
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

/* The device stays awake for as long as the connection stands, or until the time the host named. */
void sim_assertion_serve(struct sim_device *device, struct sim_wire *wire)
{
    plist_t request = sim_wire_plist_read(wire, REQUEST_MAX, -1);
    const char *command = sim_plist_text(request, "CommandKey"), *type = sim_plist_text(request, "AssertionTypeKey");
    plist_t limit = PLIST_IS_DICT(request) ? plist_dict_get_item(request, "AssertionTimeoutKey") : NULL;
    bool good = command != NULL && strcmp(command, "CommandCreateAssertion") == 0 && type != NULL && limit != NULL &&
                sim_plist_text(request, "AssertionNameKey") != NULL;
    if (good) {
        sim_record(device, "assertion", "begins: %s", type);
        sim_setting_put(device, "kept_awake", "yes");
    }
    plist_free(request);
    plist_t answer = plist_new_dict();
    plist_dict_set_item(answer, "Status", plist_new_string(good ? "Success" : "Error"));
    if (sim_wire_plist_write(wire, answer) && good)
        (void)sim_wire_waits(wire, -1); /* the end of the connection, or a word too many */
    plist_free(answer);
    if (!good)
        return;
    sim_setting_put(device, "kept_awake", "");
    sim_record(device, "assertion", "ends");
}
