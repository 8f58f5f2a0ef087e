/* SPDX-License-Identifier: Apache-2.0 */
#include "command/device_json.h"
#include "command/verbs.h"

#include <stdio.h>
#include <string.h>

enum { DEVICES_MAX = 64, WATCH_SLICE_MS = 500 };

static void set_mux(json_t *result, bool missing)
{
    json_object_set_new(result, "usbmux", json_string(missing ? "missing" : "ok"));
}

static json_t *all_json(const struct rv_device *devices, size_t count)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *one = rv_device_json(&devices[i]);
        json_object_set_new(one, "index", json_integer((json_int_t)i + 1));
        json_array_append_new(all, one);
    }
    return all;
}

/* One line of news: what came, went, or changed its mode. */
static void tell_news(struct rv_ctx *ctx, const struct rv_device *device, bool there)
{
    char text[256];
    const struct rv_identity *id = &device->identity;
    const char *name = id->name[0] != '\0' ? id->name : "Apple device";
    const char *which = id->serial[0] != '\0' ? id->serial : id->udid;
    snprintf(text, sizeof text, "%s%s%s: %s", name, which[0] != '\0' ? " " : "", which,
             there ? rv_mode_words(device->mode) : "gone");
    struct rv_event event = {
        .kind = RV_EVENT_DEVICE, .step = there ? rv_mode_name(device->mode) : "none", .text = text, .percent = -1
    };
    rv_tell(ctx, &event);
}

static bool same_device(const struct rv_device *a, const struct rv_device *b)
{
    if (a->identity.ecid != 0 || b->identity.ecid != 0)
        return a->identity.ecid == b->identity.ecid;
    if (a->identity.udid[0] != '\0')
        return strcmp(a->identity.udid, b->identity.udid) == 0;
    return strcmp(a->usb.port, b->usb.port) == 0;
}

static const struct rv_device *find(const struct rv_device *wanted, const struct rv_device *in, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (same_device(wanted, &in[i]))
            return &in[i];
    return NULL;
}

struct watch {
    struct rv_device before[DEVICES_MAX], now[DEVICES_MAX];
    size_t before_count, now_count;
};

static void compare(struct rv_ctx *ctx, const struct watch *watch)
{
    for (size_t i = 0; i < watch->before_count; i++)
        if (find(&watch->before[i], watch->now, watch->now_count) == NULL)
            tell_news(ctx, &watch->before[i], false);
    for (size_t i = 0; i < watch->now_count; i++) {
        const struct rv_device *old = find(&watch->now[i], watch->before, watch->before_count);
        if (old == NULL || old->mode != watch->now[i].mode)
            tell_news(ctx, &watch->now[i], true);
    }
}

/* Until the person stops it; that is its orderly end. */
static bool follow(struct rv_fleet *fleet, json_t *result, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct watch), err);
    if (room == NULL)
        return false;
    struct watch *watch = (struct watch *)(void *)room->data;
    bool mux_missing = false;
    for (;;) {
        bool ok = rv_fleet_scan(fleet, watch->now, DEVICES_MAX, &watch->now_count, &mux_missing, err);
        if (ok) {
            compare(rv_fleet_ctx(fleet), watch);
            memcpy(watch->before, watch->now, sizeof watch->now);
            watch->before_count = watch->now_count;
            ok = rv_usb_bus_wait(rv_fleet_usb(fleet), WATCH_SLICE_MS, err);
        }
        if (ok)
            continue;
        if (err->code != RV_E_CANCELLED)
            return false;
        json_object_set_new(result, "devices", all_json(watch->before, watch->before_count));
        set_mux(result, mux_missing);
        return true;
    }
}

static bool run_list(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL)
        return false;
    if (rv_arg_flag(run->args, "watch"))
        return follow(fleet, run->result, err);
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_device) * DEVICES_MAX, err);
    size_t count = 0;
    bool mux_missing = false;
    if (room == NULL)
        return false;
    struct rv_device *devices = (struct rv_device *)(void *)room->data;
    if (!rv_fleet_scan(fleet, devices, DEVICES_MAX, &count, &mux_missing, err))
        return false;
    json_object_set_new(run->result, "devices", all_json(devices, count));
    set_mux(run->result, mux_missing);
    return true;
}

static const struct rv_option options[] = {
    { "watch", 'w', NULL, "go on and tell what comes, goes and changes its mode, until Ctrl-C" },
};

const struct rv_command rv_verb_list = {
    .name = "list",
    .summary = "List the attached devices in all modes",
    .about =
        "Every iPhone, iPad and iPod touch on this computer's USB, in Normal, Recovery, DFU and Restore mode, with "
        "the number that -d takes.",
    .example = "revive list --watch\n    follows a phone through its modes while you hold its buttons",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_WATCH,
    .run = run_list,
};
