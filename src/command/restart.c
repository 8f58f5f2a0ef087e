/* SPDX-License-Identifier: Apache-2.0 */
#include "command/device_json.h"
#include "command/roads.h"
#include "command/stays.h"
#include "command/verbs.h"
#include "proto/iboot.h"
#include "proto/lockdown.h"
#include "proto/plist_frame.h"

#include <string.h>

enum { TRUST_WAIT_MS = 120000, ANSWER_TIMEOUT_MS = 30000, START_TIMEOUT_MS = 2 * 180000 };

#define DIAGNOSTICS "com.apple.mobile.diagnostics_relay"

/* The device waits with the restart until the connection closes (device-services 5.5). */
static bool ask(struct rv_stream *stream, const char *action, struct rv_error *err)
{
    RV_AUTO_PLIST request = plist_new_dict();
    plist_dict_set_item(request, "Request", plist_new_string(action));
    plist_dict_set_item(request, "WaitForDisconnect", plist_new_bool(1));
    if (!rv_plist_send(stream, request, false, ANSWER_TIMEOUT_MS, err))
        return false;
    RV_AUTO_PLIST reply = rv_plist_receive(stream, ANSWER_TIMEOUT_MS, err);
    if (reply == NULL)
        return false;
    const char *status = rv_plist_text(reply, "Status");
    if (status == NULL || strcmp(status, "Success") != 0)
        return rv_fail(err, RV_E_REFUSED, "the device answers %.40s to the order %s",
                       status != NULL ? status : "nothing", action);
    return true;
}

static bool order_running(struct rv_ctx *ctx, const struct rv_device *device, const char *action, struct rv_error *err)
{
    if (device->mux.handle == 0) {
        rv_fail(err, RV_E_GONE, "the device is on USB, but the usbmux service does not list it");
        return rv_advise(err, RV_ADVICE_NO_MUX);
    }
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(ctx, &device->mux, err);
    if (link == NULL || !rv_lockdown_pair(link, TRUST_WAIT_MS, err))
        return false;
    RV_AUTO(rv_stream) stream = rv_lockdown_service(link, DIAGNOSTICS, err);
    return stream != NULL && ask(stream, action, err);
}

static bool restart_recovery(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    RV_AUTO(rv_usb) usb = rv_device_open_usb(fleet, device, err);
    return usb != NULL && rv_iboot_command(usb, "reboot", err);
}

static bool restart(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    if (device->mode == RV_MODE_NORMAL)
        return order_running(rv_fleet_ctx(fleet), device, "Restart", err);
    if (device->mode == RV_MODE_RECOVERY)
        return restart_recovery(fleet, device, err);
    rv_fail(err, RV_E_UNSUPPORTED, "a device in %s takes no restart over the cable", rv_mode_words(device->mode));
    return device->mode == RV_MODE_DFU ? rv_advise(err, RV_ADVICE_LEAVE_DFU) : false;
}

bool rv_command_restart(struct rv_run *run, struct rv_fleet *fleet, const struct rv_device *device,
                        struct rv_error *err)
{
    struct rv_device now;
    json_object_set_new(run->result, "was", json_string(rv_mode_name(device->mode)));
    rv_tell_step(run->ctx, "restart", "Telling the device to restart");
    if (!restart(fleet, device, err)) {
        if (err->code != RV_E_CANCELLED && err->code != RV_E_GONE && device->mode == RV_MODE_NORMAL)
            rv_tell_note(run->ctx,
                         "Its buttons restart it too: `revive coach exit-recovery --buttons-only` shows how.");
        return rv_while(err, "restarting the device");
    }
    rv_tell_step(run->ctx, "await-start", "Waiting for the device to start");
    unsigned modes = RV_MODE_BIT(RV_MODE_NORMAL) | RV_MODE_BIT(RV_MODE_RECOVERY);
    if (!rv_fleet_await(fleet, device->identity.ecid, modes, device, START_TIMEOUT_MS, &now, err)) {
        rv_command_broken_off(fleet, device, err);
        return rv_while(err, "restarting the device");
    }
    rv_command_now(run->result, &now);
    if (now.mode == RV_MODE_RECOVERY && device->mode == RV_MODE_NORMAL) {
        rv_fail(err, RV_E_REFUSED, "the device restarted into Recovery mode: its system does not start");
        return rv_advise(err, RV_ADVICE_BACK_IN_RECOVERY);
    }
    return now.mode != RV_MODE_NORMAL || rv_command_stays(fleet, &now, run->result, err);
}

static bool run_restart(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    return fleet != NULL && rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, &device, err) &&
           rv_command_restart(run, fleet, &device, err);
}

const struct rv_command rv_verb_restart = {
    .name = "restart",
    .summary = "Restart a device",
    .about = "Restarts a device in Normal mode (it must trust this computer) or in Recovery mode, waits until it is "
             "there again and watches for a minute whether it stays on. No data is touched.",
    .example = "revive restart\n    the first thing to try with a device that misbehaves",
    .flags = RV_COMMAND_DEVICE | RV_COMMAND_LONG,
    .run = run_restart,
};

/* ---- shutdown ---- */

enum { LEAVES_MS = 2 * 60000, OFF_SECONDS = 30 };

/* Long enough that what hangs in it has lost its power: the half minute that every instruction asks for. */
static bool count_off(struct rv_run *run, struct rv_error *err)
{
    rv_tell_step(run->ctx, "stay-off", "Leaving it off for 30 seconds: unplug it meanwhile");
    for (unsigned s = 0; s <= OFF_SECONDS; s++) {
        rv_tell(run->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                              .step = "stay-off",
                                              .unit = "seconds",
                                              .done = s,
                                              .total = OFF_SECONDS,
                                              .percent = 100.0 * s / OFF_SECONDS });
        if (s < OFF_SECONDS &&
            !rv_clock_pause(&run->ctx->clock, 1000, "the device is to stay off", &run->ctx->cancel, err))
            return false;
    }
    rv_tell_note(run->ctx,
                 "Now hold its side (or top) button until the Apple logo shows, or plug it in: that starts it too.");
    return true;
}

static bool run_shutdown(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device, now;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL || !rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, &device, err))
        return false;
    json_object_set_new(run->result, "was", json_string(rv_mode_name(device.mode)));
    if (device.mode != RV_MODE_NORMAL)
        return rv_fail(err, RV_E_UNSUPPORTED,
                       "a device in %s takes no such order; a forced restart with its buttons "
                       "leads out",
                       rv_mode_words(device.mode));
    rv_tell_step(run->ctx, "shutdown", "Telling the device to switch itself off");
    if (!order_running(run->ctx, &device, "Shutdown", err))
        return rv_while(err, "switching the device off");
    rv_tell_step(run->ctx, "await-off", "Waiting for it to leave the cable");
    if (!rv_fleet_await(fleet, device.identity.ecid, RV_MODE_BIT(RV_MODE_NONE), &device, LEAVES_MS, &now, err))
        return rv_while(err, "switching the device off");
    json_object_set_new(run->result, "now", json_string(rv_mode_name(RV_MODE_NONE)));
    return !rv_arg_flag(run->args, "wait") || count_off(run, err);
}

static const struct rv_option shutdown_options[] = {
    { "wait", 0, NULL, "count the 30 seconds that it should stay off, then say how to start it" },
};

const struct rv_command rv_verb_shutdown = {
    .name = "shutdown",
    .summary = "Switch a running device off",
    .about =
        "Switches a device in Normal mode off (it must trust this computer), and waits until it has left the cable. No "
        "data is touched. Off for half a minute and on again is the remedy of many instructions: --wait counts.",
    .example = "revive shutdown --wait\n    off, 30 seconds, and how to start it again",
    .options = shutdown_options,
    .option_count = RV_COUNT(shutdown_options),
    .flags = RV_COMMAND_DEVICE | RV_COMMAND_LONG,
    .run = run_shutdown,
};
