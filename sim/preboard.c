/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preboardservice_v2: before an Update a phone with a passcode keeps what opens its data (the stash bag), for which
 * its owner types the passcode on the phone. Commands and reply keys as idevicerestore reads and sends them
 * (src/normal.c; preboard.h of libimobiledevice); how long the dialogue stands is [I].
 *
 * Settings: "passcode" (yes: there is one), "passcode_entry" (yes: the owner types it, wrong: it fails, no: nobody
 * does), "stashbag" (what came of it: "created", "committed").
 */
#include "sim/image4.h"
#include "sim/service_list.h"

#include <string.h>

enum { PREBOARD_MAX = 4 * 1024 * 1024, DIALOGUE_MS = 120000, TYPING_MS = 4000, LOOK_MS = 200 };

static bool answer(struct sim_wire *wire, const char *key)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, key, plist_new_bool(1));
    bool sent = sim_wire_plist_write(wire, dict);
    plist_free(dict);
    return sent;
}

static bool refuse(struct sim_device *device, struct sim_wire *wire, const char *why)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "Error", plist_new_bool(1));
    plist_dict_set_item(dict, "ErrorString", plist_new_string(why));
    bool sent = sim_wire_plist_write(wire, dict);
    plist_free(dict);
    sim_record(device, "preboard", "refused: %s", why);
    return sent;
}

static bool is(struct sim_device *device, const char *name, const char *value)
{
    char text[24];
    return sim_setting(device, name, text, sizeof text) && strcmp(text, value) == 0;
}

/* The person at the phone; a test may change its mind meanwhile. False: nobody typed in time, or the host left. */
static bool passcode_is_typed(struct sim_device *device, struct sim_wire *wire, bool *gone)
{
    double scale = sim_time_scale(device);
    int left = (int)(DIALOGUE_MS * scale);
    for (left = left < LOOK_MS ? LOOK_MS : left; left > 0; left -= LOOK_MS) {
        if (!is(device, "passcode_entry", "no"))
            return true;
        if (sim_wire_waits(wire, LOOK_MS)) {
            *gone = true;
            return false;
        }
    }
    return false;
}

static bool ask_person(struct sim_device *device, struct sim_wire *wire)
{
    bool gone = false;
    if (!answer(wire, "ShowDialog"))
        return false;
    sim_record(device, "preboard", "the passcode is asked for");
    sim_pause(device, TYPING_MS);
    if (!passcode_is_typed(device, wire, &gone)) {
        sim_record(device, "preboard", gone ? "the host left the dialogue" : "nobody typed the passcode");
        return !gone && answer(wire, "Timeout");
    }
    if (is(device, "passcode_entry", "wrong"))
        return refuse(device, wire, "The passcode was wrong too often.");
    sim_setting_put(device, "stashbag", "created");
    sim_record(device, "preboard", "the stash bag is created");
    return answer(wire, "HideDialog");
}

/* An unsigned IM4M that the host built: what will be asked of the signing server. */
static bool is_manifest(struct rv_span manifest)
{
    return manifest.len > 16 && manifest.ptr[0] == 0x30 && memmem(manifest.ptr, 16, "IM4M", 4) != NULL;
}

static bool create(struct sim_device *device, struct sim_wire *wire, struct rv_span manifest)
{
    if (!is(device, "passcode", "yes")) {
        sim_record(device, "preboard", "no passcode: skipped");
        return answer(wire, "Skip");
    }
    if (!is_manifest(manifest))
        return refuse(device, wire, "The manifest is missing or cannot be read.");
    return ask_person(device, wire);
}

static bool commit(struct sim_device *device, struct sim_wire *wire, struct rv_span ticket)
{
    char why[160] = "";
    struct sim_identity who;
    sim_device_identity(device, &who);
    if (!is(device, "passcode", "yes"))
        return answer(wire, "StashbagCommitComplete");
    if (!is(device, "stashbag", "created"))
        return refuse(device, wire, "There is no stash bag to commit.");
    if (!sim_ticket_accept(ticket, sim_trust_root(device), &who, 0, why, sizeof why))
        return refuse(device, wire, why[0] != 0 ? why : "The ticket is not valid.");
    sim_setting_put(device, "stashbag", "committed");
    sim_record(device, "preboard", "the stash bag is committed");
    return answer(wire, "StashbagCommitComplete");
}

void sim_preboard_serve(struct sim_device *device, struct sim_wire *wire)
{
    for (bool good = true; good;) {
        plist_t request = sim_wire_plist_read(wire, PREBOARD_MAX, -1);
        const char *command = sim_plist_text(request, "Command");
        struct rv_span manifest = sim_plist_data(request, "Manifest");
        good = command != NULL;
        if (good)
            sim_record(device, "preboard", "%s", command);
        if (good && strcmp(command, "CreateStashbag") == 0)
            good = create(device, wire, manifest);
        else if (good && strcmp(command, "CommitStashbag") == 0)
            good = commit(device, wire, manifest);
        else if (good)
            good = refuse(device, wire, "Unknown command");
        plist_free(request);
    }
}
