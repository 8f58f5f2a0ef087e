/* SPDX-License-Identifier: Apache-2.0 */
/* Following one device through its mode changes (usb-modes 7.4 and section 16). */
#include "device/fleet_parts.h"
#include "device/mode.h"

#include <stdio.h>
#include <string.h>

enum { SLICE_MS = 250 };

bool rv_device_same_presence(const struct rv_device *a, const struct rv_device *b)
{
    if (a->mode != b->mode)
        return false;
    if (a->mux.handle != 0 || b->mux.handle != 0)
        return a->mux.handle == b->mux.handle;
    return a->usb.bus == b->usb.bus && a->usb.address == b->usb.address;
}

struct hunt {
    uint64_t ecid;
    unsigned modes;
    const struct rv_device *previous;
    bool has_left;          /* `previous` was seen to be away */
    enum rv_mode last;      /* where it was at the last look */
    struct rv_device other; /* something else that was seen, for the error's words */
    bool saw_other;
};

/* Is this our device? By ECID; where a mode does not tell it, by UDID or the port of the cable. */
static bool is_ours(const struct hunt *hunt, const struct rv_device *device)
{
    const struct rv_device *previous = hunt->previous;
    if (hunt->ecid != 0 && device->identity.ecid != 0)
        return device->identity.ecid == hunt->ecid;
    if (previous == NULL)
        return false;
    if (previous->identity.udid[0] != '\0' && device->identity.udid[0] != '\0')
        return strcmp(previous->identity.udid, device->identity.udid) == 0;
    return previous->usb.port[0] != '\0' && device->usb.port[0] != '\0' && previous->usb.bus == device->usb.bus &&
           strcmp(previous->usb.port, device->usb.port) == 0;
}

static void note_move(struct rv_fleet *fleet, struct hunt *hunt, enum rv_mode now)
{
    if (now == hunt->last)
        return;
    const struct rv_mode_cell *cell = rv_mode_step(hunt->last, rv_mode_seen(now));
    rv_log(fleet->ctx->log, cell->move == RV_MOVE_IMPOSSIBLE ? RV_LOG_ERROR : RV_LOG_INFO, "device", "%s -> %s (%s)",
           rv_mode_name(hunt->last), rv_mode_name(now), cell->note);
    char text[RV_TEXT_SHORT] = "The device has left the USB bus";
    if (now != RV_MODE_NONE)
        snprintf(text, sizeof text, "The device is in %s", rv_mode_words(now));
    struct rv_event event = { .kind = RV_EVENT_DEVICE, .step = rv_mode_name(now), .text = text, .percent = -1 };
    rv_tell(fleet->ctx, &event);
    hunt->last = now;
}

/* One look. True when the device is where it should be; *out is set. */
static bool look_once(struct rv_fleet *fleet, struct hunt *hunt, struct rv_device *list, size_t count,
                      struct rv_device *out)
{
    const struct rv_device *found = NULL;
    bool old_there = false;
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(hunt, &list[i])) {
            hunt->other = list[i];
            hunt->saw_other = true;
            continue;
        }
        bool old = hunt->previous != NULL && !hunt->has_left && rv_device_same_presence(hunt->previous, &list[i]);
        old_there = old_there || old;
        /* Of two entries the new presence counts; a silent one has not come all the way. */
        if (!old && (found == NULL || found->silent))
            found = &list[i];
    }
    if (hunt->previous != NULL && !old_there)
        hunt->has_left = true;
    if (found != NULL && !found->silent)
        note_move(fleet, hunt, found->mode);
    else if (!old_there && found == NULL)
        note_move(fleet, hunt, RV_MODE_NONE);
    if (found != NULL && !found->silent && (hunt->modes & RV_MODE_BIT(found->mode)) != 0) {
        *out = *found;
        return true;
    }
    bool away = found == NULL && !old_there;
    if (away && (hunt->modes & RV_MODE_BIT(RV_MODE_NONE)) != 0) {
        *out = (struct rv_device){ .mode = RV_MODE_NONE };
        return true;
    }
    return false;
}

static bool fail_late(const struct hunt *hunt, uint32_t timeout_ms, bool there_old, struct rv_error *err)
{
    char wanted[RV_ERROR_TEXT] = "", seen[RV_ERROR_TEXT] = "it is on no bus";
    size_t at = 0;
    for (int mode = 0; mode < RV_MODE_COUNT; mode++) {
        if ((hunt->modes & RV_MODE_BIT(mode)) == 0 || at >= sizeof wanted)
            continue;
        int n =
            snprintf(wanted + at, sizeof wanted - at, "%s%s", at == 0 ? "" : " or ", rv_mode_words((enum rv_mode)mode));
        at += n > 0 ? (size_t)n : 0;
    }
    if (there_old)
        snprintf(seen, sizeof seen, "it has not left %s", rv_mode_words(hunt->previous->mode));
    else if (hunt->last != RV_MODE_NONE)
        snprintf(seen, sizeof seen, "it is in %s", rv_mode_words(hunt->last));
    else if (hunt->saw_other) {
        char other[RV_ERROR_TEXT];
        rv_device_describe(&hunt->other, other, sizeof other);
        snprintf(seen, sizeof seen, "only another device is there: %.150s", other);
    }
    rv_fail(err, RV_E_TIMEOUT, "%s", seen);
    return rv_while(err, "waiting up to %u s for the device: %.120s", timeout_ms / 1000, wanted);
}

bool rv_fleet_await(struct rv_fleet *fleet, uint64_t ecid, unsigned modes, const struct rv_device *previous,
                    uint32_t timeout_ms, struct rv_device *out, struct rv_error *err)
{
    if (timeout_ms == 0)
        timeout_ms = rv_mode_patience_ms(modes);
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_device) * RV_FLEET_MAX, err);
    if (room == NULL)
        return false;
    struct rv_device *list = (struct rv_device *)(void *)room->data;
    struct hunt hunt = { .ecid = ecid, .modes = modes, .previous = previous };
    hunt.last = previous != NULL ? previous->mode : RV_MODE_NONE;
    struct rv_deadline deadline = rv_deadline_in(&fleet->ctx->clock, timeout_ms);
    for (bool last_look = false;; last_look = rv_deadline_left_ms(&deadline) == 0) {
        size_t count = 0;
        bool mux_missing = false;
        /* A bus that cannot be read this moment (a hub resets) is a bus on which nothing is seen. */
        if (!rv_fleet_look(fleet, list, RV_FLEET_MAX, &count, &mux_missing, err)) {
            if (err->code == RV_E_CANCELLED || err->code == RV_E_NOMEM)
                return false;
            rv_log(fleet->ctx->log, RV_LOG_INFO, "device", "a look failed: %s", err->text[0]);
        } else if (look_once(fleet, &hunt, list, count, out)) {
            return true;
        }
        if (last_look)
            return fail_late(&hunt, timeout_ms, previous != NULL && !hunt.has_left, err);
        if (!rv_usb_bus_wait(fleet->sources.bus, SLICE_MS, err)) {
            if (err->code == RV_E_CANCELLED)
                return false;
            if (!rv_clock_pause(&fleet->ctx->clock, SLICE_MS, "the USB bus gives no events", &fleet->ctx->cancel, err))
                return false;
        }
    }
}
