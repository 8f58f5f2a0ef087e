/* SPDX-License-Identifier: Apache-2.0 */
#include "command/device_json.h"
#include "command/roads.h"
#include "command/stays.h"
#include "command/verbs.h"
#include "device/orders.h"

#include <string.h>

enum { ENTER_TIMEOUT_MS = 2 * 60000, EXIT_TIMEOUT_MS = 2 * 90000 }; /* twice the slowest of usb-modes section 16 */

/* --- enter --- */

static bool enter(struct rv_fleet *fleet, const struct rv_device *device, struct rv_device *now, struct rv_error *err)
{
    struct rv_ctx *ctx = rv_fleet_ctx(fleet);
    rv_tell_step(ctx, "ask-recovery", "Telling the device to restart into Recovery mode");
    if (!rv_device_order_recovery(fleet, device, err)) {
        if (err->code != RV_E_CANCELLED && err->code != RV_E_GONE)
            rv_tell_note(ctx, "Its buttons lead into Recovery mode too: `revive coach recovery` shows how.");
        return false;
    }
    rv_tell_step(ctx, "await-recovery", "Waiting for Recovery mode");
    return rv_fleet_await(fleet, device->identity.ecid, RV_MODE_BIT(RV_MODE_RECOVERY), device, ENTER_TIMEOUT_MS, now,
                          err) ||
           rv_command_broken_off(fleet, device, err);
}

static bool check_can_enter(const struct rv_device *device, struct rv_error *err)
{
    if (device->mode != RV_MODE_NORMAL)
        return rv_fail(err, RV_E_UNSUPPORTED, "the device is in %s; only from Normal mode can it be asked",
                       rv_mode_words(device->mode));
    if (device->mux.handle != 0)
        return true;
    rv_fail(err, RV_E_GONE, "the device is on USB, but the usbmux service does not list it");
    return rv_advise(err, RV_ADVICE_NO_MUX);
}

static bool run_enter(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device, now;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL || !rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, &device, err))
        return false;
    json_object_set_new(run->result, "was", json_string(rv_mode_name(device.mode)));
    now = device;
    if (device.mode != RV_MODE_RECOVERY && (!check_can_enter(&device, err) || !enter(fleet, &device, &now, err)))
        return false;
    rv_command_now(run->result, &now);
    return true;
}

const struct rv_command rv_verb_recovery_enter = {
    .name = "recovery enter",
    .summary = "Put a device into Recovery mode",
    .about = "Asks a device in Normal mode to restart into Recovery mode, the picture of a cable and a computer. "
             "Nothing on it is changed; `revive recovery exit` brings it back.",
    .example = "revive recovery enter\n    and the device waits in Recovery mode",
    .flags = RV_COMMAND_DEVICE | RV_COMMAND_LONG,
    .run = run_enter,
};

/* --- exit --- */

/* Where usbmux is missing Normal mode is known by its USB id alone. */
static bool seen_on_usb(struct rv_fleet *fleet, const struct rv_device *device, struct rv_device *now)
{
    struct rv_device list[RV_USB_DEVICES_MAX];
    size_t count = 0;
    struct rv_error ignored = { 0 };
    if (!rv_fleet_scan(fleet, list, RV_COUNT(list), &count, NULL, &ignored))
        return false;
    for (size_t i = 0; i < count; i++) {
        bool ours = list[i].identity.ecid != 0 ? list[i].identity.ecid == device->identity.ecid
                                               : strcmp(list[i].usb.port, device->usb.port) == 0;
        if (!ours || list[i].mode != RV_MODE_NORMAL)
            continue;
        *now = list[i];
        return true;
    }
    return false;
}

static bool await_start(struct rv_fleet *fleet, const struct rv_device *device, struct rv_device *now,
                        struct rv_error *err)
{
    rv_tell_step(rv_fleet_ctx(fleet), "await-normal", "Waiting for the device to start");
    unsigned modes = RV_MODE_BIT(RV_MODE_NORMAL) | RV_MODE_BIT(RV_MODE_RECOVERY);
    if (!rv_fleet_await(fleet, device->identity.ecid, modes, device, EXIT_TIMEOUT_MS, now, err)) {
        if (err->code != RV_E_TIMEOUT || !seen_on_usb(fleet, device, now))
            return rv_command_broken_off(fleet, device, err);
        rv_tell_warning(rv_fleet_ctx(fleet), "The device has started, but it does not answer yet.");
    }
    if (now->mode == RV_MODE_NORMAL)
        return true;
    rv_fail(err, RV_E_REFUSED, "the device restarted and came back in Recovery mode: its system does not start");
    return rv_advise(err, RV_ADVICE_BACK_IN_RECOVERY);
}

static bool check_can_exit(const struct rv_device *device, struct rv_error *err)
{
    if (device->denied) {
        rv_fail(err, RV_E_DENIED, "this user may not open the USB device at %s", device->usb.port);
        return rv_advise(err, RV_ADVICE_USB_RIGHTS);
    }
    if (device->mode == RV_MODE_RECOVERY)
        return true;
    rv_fail(err, RV_E_UNSUPPORTED, "the device is in %s, not in Recovery mode", rv_mode_words(device->mode));
    return device->mode == RV_MODE_DFU ? rv_advise(err, RV_ADVICE_LEAVE_DFU) : false;
}

bool rv_command_exit(struct rv_run *run, struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    struct rv_device now;
    rv_tell_step(run->ctx, "exit-recovery", "Telling the device to start its system again");
    if (!check_can_exit(device, err))
        return rv_while(err, "leaving Recovery mode");
    if (!rv_device_order_exit(fleet, device, err)) {
        if (err->code == RV_E_REFUSED)
            rv_tell_note(run->ctx, "Its buttons may do it: `revive coach exit-recovery` shows how.");
        return rv_while(err, "leaving Recovery mode");
    }
    if (!await_start(fleet, device, &now, err) || !rv_command_stays(fleet, &now, run->result, err))
        return rv_while(err, "leaving Recovery mode");
    rv_command_now(run->result, &now);
    return true;
}

static bool run_exit(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL || !rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, &device, err))
        return false;
    json_object_set_new(run->result, "was", json_string(rv_mode_name(device.mode)));
    if (device.mode != RV_MODE_NORMAL)
        return rv_command_exit(run, fleet, &device, err);
    rv_command_now(run->result, &device);
    return true;
}

const struct rv_command rv_verb_recovery_exit = {
    .name = "recovery exit",
    .summary = "Bring a device out of Recovery mode",
    .about =
        "Tells the device to start its own system again and mends the setting that keeps it in Recovery mode. No "
        "data is touched. Then it is watched for a minute: when it goes away again or comes back in Recovery mode, "
        "its system does not start, and `revive update --latest` is next, which keeps the data too.",
    .example = "revive recovery exit\n    and the device starts as usual",
    .flags = RV_COMMAND_DEVICE | RV_COMMAND_LONG,
    .run = run_exit,
};
