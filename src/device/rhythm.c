/* SPDX-License-Identifier: Apache-2.0 */
#include "device/rhythm.h"

#include "device/identity.h"
#include "device/mode.h"

#include <string.h>

enum {
    QUIET_MS = 60000,   /* longer than a loop shows its system, and than it is away, between two looks [I] */
    MOVING_MS = 180000, /* some loops take as long: a watchdog of iOS restarts it after three minutes [I] */
    DEPARTURES = 2,
    SLICE_MS = 100,
};

enum rv_rhythm_verdict rv_rhythm_look(struct rv_rhythm *rhythm, uint64_t now_ms, enum rv_mode mode, unsigned presence)
{
    if (!rhythm->begun) {
        rhythm->begun = true;
        rhythm->begun_ms = now_ms;
        rhythm->presence = mode == RV_MODE_NONE ? 0 : presence;
    }
    if (mode != RV_MODE_NONE && mode != RV_MODE_NORMAL)
        return RV_RHYTHM_STEADY;
    unsigned now = mode == RV_MODE_NONE ? 0 : presence;
    if (now != rhythm->presence) {
        rhythm->departures += rhythm->presence != 0; /* an absence too short to be seen is one all the same */
        rhythm->arrivals += now != 0;
        rhythm->presence = now;
    }
    if (rhythm->departures >= DEPARTURES)
        return RV_RHYTHM_LOOP;
    bool moved = rhythm->departures + rhythm->arrivals > 0;
    if (now_ms - rhythm->begun_ms < (moved ? MOVING_MS : QUIET_MS))
        return RV_RHYTHM_OPEN;
    return now != 0 ? RV_RHYTHM_STEADY : RV_RHYTHM_ABSENT;
}

static bool is_ours(const struct rv_device *device, const struct rv_usb_id *id, enum rv_mode mode)
{
    struct rv_identity seen = { 0 };
    rv_identity_from_usb(&seen, mode, id->serial);
    if (mode == RV_MODE_NONE || rv_identity_is_mac_part(&seen))
        return false;
    if (device == NULL)
        return true;
    const struct rv_identity *own = &device->identity;
    if (own->ecid != 0 && seen.ecid != 0)
        return own->ecid == seen.ecid;
    if (own->udid[0] != '\0' && seen.udid[0] != '\0')
        return strcmp(own->udid, seen.udid) == 0;
    return device->usb.port[0] == '\0' || (device->usb.bus == id->bus && strcmp(device->usb.port, id->port) == 0);
}

static void find(struct rv_fleet *fleet, const struct rv_device *device, enum rv_mode *mode, unsigned *presence)
{
    struct rv_usb_id ids[RV_USB_DEVICES_MAX];
    struct rv_error unread = { 0 }; /* a bus that cannot be read this moment shows nothing */
    size_t count = 0;
    *mode = RV_MODE_NONE;
    if (!rv_usb_bus_list(rv_fleet_usb(fleet), ids, RV_COUNT(ids), &count, &unread))
        return;
    for (size_t i = 0; i < count; i++) {
        enum rv_mode here = rv_mode_of_product(ids[i].product);
        if (!is_ours(device, &ids[i], here))
            continue;
        *mode = here;
        *presence = (unsigned)ids[i].bus << 8 | ids[i].address;
        return;
    }
}

bool rv_fleet_watch_rhythm(struct rv_fleet *fleet, const struct rv_device *device, enum rv_rhythm_verdict *out,
                           struct rv_error *err)
{
    struct rv_ctx *ctx = rv_fleet_ctx(fleet);
    struct rv_rhythm rhythm = { 0 };
    uint64_t begun = rv_clock_now(&ctx->clock);
    double scale = ctx->clock.scale > 0 ? ctx->clock.scale : 1;
    for (;;) {
        enum rv_mode mode;
        unsigned presence = 0;
        find(fleet, device, &mode, &presence);
        uint64_t now = (uint64_t)((double)(rv_clock_now(&ctx->clock) - begun) / scale);
        *out = rv_rhythm_look(&rhythm, now, mode, presence);
        if (*out != RV_RHYTHM_OPEN)
            return true;
        uint32_t slice = (uint32_t)(SLICE_MS * (scale < 1 ? scale : 1)) + 1;
        if (!rv_usb_bus_wait(rv_fleet_usb(fleet), slice, err))
            return false;
    }
}
