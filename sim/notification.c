/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three small conversations in property lists: notification_proxy, heartbeat, preboardservice_v2.
 * Sources: libimobiledevice 1.3.0 src/notification_proxy.c, src/heartbeat.c, include/libimobiledevice/preboard.h.
 */
#include "sim/service_list.h"

#include <poll.h>
#include <string.h>

enum { REQUEST_MAX = 65536, PREBOARD_MAX = 4 * 1024 * 1024, HEARTBEAT_S = 10 };

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

void sim_notification_serve(struct sim_device *device, struct sim_wire *wire)
{
    bool goes_on = true;
    while (goes_on) {
        plist_t request = sim_wire_plist_read(wire, REQUEST_MAX, -1);
        const char *command = sim_plist_text(request, "Command"), *name = sim_plist_text(request, "Name");
        goes_on = command != NULL;
        if (goes_on && strcmp(command, "Shutdown") == 0) {
            send_pair(wire, "Command", "ProxyDeath", NULL, NULL);
            goes_on = false;
        } else if (goes_on && strcmp(command, "PostNotification") == 0 && name != NULL) {
            sim_record(device, "notification", "posted %s", name);
        }
        plist_free(request);
    }
}

/* The next beat comes after the interval; a host that hangs up or speaks out of turn ends it. */
static bool quiet_until_next_beat(const struct sim_wire *wire)
{
    struct pollfd p = { .fd = wire->fd, .events = POLLIN };
    return poll(&p, 1, HEARTBEAT_S * 1000) == 0;
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

/* A phone with a passcode would ask for it here; one that needs none says Skip. */
static bool preboard_one(struct sim_device *device, struct sim_wire *wire)
{
    plist_t request = sim_wire_plist_read(wire, PREBOARD_MAX, -1);
    const char *command = sim_plist_text(request, "Command");
    bool good = command != NULL;
    if (good) {
        bool commit = strcmp(command, "CommitStashbag") == 0;
        sim_record(device, "preboard", "%s answered", command);
        plist_t reply = plist_new_dict();
        plist_dict_set_item(reply, commit ? "StashbagCommitComplete" : "Skip", plist_new_bool(1));
        good = sim_wire_plist_write(wire, reply);
        plist_free(reply);
    }
    plist_free(request);
    return good;
}

void sim_preboard_serve(struct sim_device *device, struct sim_wire *wire)
{
    while (preboard_one(device, wire))
        continue;
}
