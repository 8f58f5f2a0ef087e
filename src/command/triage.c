/* SPDX-License-Identifier: Apache-2.0 */
#include "command/triage.h"

#include "proto/lockdown.h"
#include "restore/restore.h"

#include <string.h>

static bool in(const struct rv_findings *f, enum rv_mode mode)
{
    return f->device->mode == mode;
}

static bool is_denied(const struct rv_findings *f)
{
    return f->device->denied;
}

static bool is_held(const struct rv_findings *f)
{
    return f->held;
}

static bool is_unfinished(const struct rv_findings *f)
{
    return f->job_open && !in(f, RV_MODE_NORMAL);
}

/* iBSS and iBEC say which they are; the device's own iBoot does not (usb-modes 4.2). */
static bool is_left_half_way(const struct rv_findings *f)
{
    return in(f, RV_MODE_RECOVERY) && f->have_env &&
           (strcmp(f->env.boot_stage, "1") == 0 || strcmp(f->env.boot_stage, "2") == 0);
}

static bool has_radio_error(const struct rv_findings *f)
{
    return in(f, RV_MODE_RECOVERY) && f->have_env && f->env.radio_error[0] != '\0' &&
           strcmp(f->env.radio_error, "0") != 0 && strcmp(f->env.radio_error, "0x0") != 0;
}

static bool is_told_to_stay(const struct rv_findings *f)
{
    return in(f, RV_MODE_RECOVERY) && f->have_env && strcmp(f->env.auto_boot, "false") == 0;
}

static bool is_stuck(const struct rv_findings *f)
{
    return in(f, RV_MODE_RECOVERY) && f->have_env;
}

static bool is_recovery(const struct rv_findings *f)
{
    return in(f, RV_MODE_RECOVERY);
}

static bool is_dfu(const struct rv_findings *f)
{
    return in(f, RV_MODE_DFU);
}

static bool is_restore(const struct rv_findings *f)
{
    return in(f, RV_MODE_RESTORE);
}

static bool is_port_dfu(const struct rv_findings *f)
{
    return in(f, RV_MODE_PORT_DFU);
}

static bool is_kis(const struct rv_findings *f)
{
    return in(f, RV_MODE_KIS);
}

static bool is_without_mux(const struct rv_findings *f)
{
    return in(f, RV_MODE_NORMAL) && f->device->silent && f->mux_missing;
}

static bool is_silent(const struct rv_findings *f)
{
    return in(f, RV_MODE_NORMAL) && f->device->silent;
}

static bool is_well(const struct rv_findings *f)
{
    return in(f, RV_MODE_NORMAL) && f->trusted;
}

static bool is_locked(const struct rv_findings *f)
{
    return in(f, RV_MODE_NORMAL) && f->trust_advice == RV_ADVICE_UNLOCK;
}

static bool is_lost(const struct rv_findings *f)
{
    return in(f, RV_MODE_NORMAL) && f->trust_advice == RV_ADVICE_LOST_MODE;
}

static bool is_managed(const struct rv_findings *f)
{
    return in(f, RV_MODE_NORMAL) && f->trust_advice == RV_ADVICE_MANAGED;
}

static bool is_untrusted(const struct rv_findings *f)
{
    return in(f, RV_MODE_NORMAL);
}

static bool always(const struct rv_findings *f)
{
    (void)f;
    return true;
}

#define UPDATE "revive update --latest"

const struct rv_situation rv_situations[] = {
    { "denied", "It is attached, but this user may not talk to it over USB", NULL,
      "Install revive's udev rule (it comes with the package) and plug the device in again, or run revive once as root "
      "(sudo)",
      is_denied },
    { "held", "It is attached, but another program holds it", "revive doctor",
      "It names the programs that are known to do that. Close the one that holds the device (idevicerestore, "
      "irecovery, a "
      "virtual machine) and run `revive` again",
      is_held },
    { "unfinished", "An update of this device was begun on this computer and broke off", "revive resume",
      "It goes on where it stopped; an Update keeps the data", is_unfinished },
    { "half-way", "It waits in the middle of an installation that broke off", UPDATE,
      "It installs iOS from the start and keeps the data", is_left_half_way },
    { "radio-failed", "Its cellular part failed to start, and that keeps it in Recovery mode", UPDATE,
      "It installs iOS and the cellular firmware again and keeps the data; if it comes back here, the device needs "
      "service",
      has_radio_error },
    { "told-to-stay", "It is in Recovery mode because a setting tells it to stay there; the system may be whole",
      "revive recovery exit", "It mends the setting and starts the system again; no data is touched", is_told_to_stay },
    { "stuck", "It is in Recovery mode: its own system does not start, or somebody held the buttons", UPDATE,
      "It loads the newest iOS from Apple, installs it and keeps the data (--ipsw FILE instead of --latest takes a "
      "file "
      "that you have). Did you hold the buttons yourself? Then `revive recovery exit` first. `revive rescue` leads you "
      "through all of it",
      is_stuck },
    { "recovery", "It is in Recovery mode, and its settings could not be read", "revive recovery exit",
      "It starts the system again; no data is touched. If it comes back here: `" UPDATE "`, which keeps the data",
      is_recovery },
    { "dfu", "It is in DFU mode: black screen, waiting for a computer", UPDATE,
      "It installs iOS again and keeps the data. Got here by mistake? `revive coach exit-dfu` leads you "
      "out by the buttons: nothing is lost",
      is_dfu },
    { "restore", "It is in Restore mode: an installation broke off, and not one that this computer remembers",
      "revive rescue", "It ends what was begun and installs iOS whole; the data is kept. It asks before each step",
      is_restore },
    { "port-dfu", "Only its USB-C port answers (port DFU)", "revive rescue",
      "It leads you through a forced restart with the buttons; nothing is lost by that", is_port_dfu },
    { "kis", "It answers on its debug interface only, which revive does not speak", "revive rescue",
      "It leads you through a forced restart with the buttons; nothing is lost by that", is_kis },
    { "no-mux", "It is on, but this computer's usbmux service is missing", NULL,
      "Install and start it: sudo apt install usbmuxd; sudo systemctl start usbmuxd. Then plug the device in again",
      is_without_mux },
    { "silent", "It is on USB, but does not answer yet: it may still be starting", "revive rescue",
      "Wait two minutes first, and unlock it if it asks for the passcode. If the Apple logo comes and goes for ever, "
      "that "
      "is a boot loop: revive rescue recognises it, leads your fingers and asks before each step",
      is_silent },
    { "well", "It runs and trusts this computer", NULL, "There is nothing to mend", is_well },
    { "locked", "It runs and is locked", NULL, "Unlock it with its passcode, keep the screen on and run `revive` again",
      is_locked },
    { "lost", "It is in Lost Mode or protected by Find My", NULL,
      "Only its owner can go on: sign in at icloud.com/find and switch Lost Mode off", is_lost },
    { "managed", "It runs, and a company or school that manages it forbids computers to pair", NULL,
      "Ask the people who manage it. Recovery mode and `revive update` work without pairing", is_managed },
    { "untrusted", "It runs, but does not trust this computer yet", NULL,
      "Unlock it, tap Trust on its screen and enter the passcode; the question comes with `revive restart` or "
      "`revive recovery enter`, or when you plug it in again",
      is_untrusted },
    { "unknown", "It is attached, in a state that revive does not know", "revive list",
      "It shows what the bus tells about it", always },
};
const size_t rv_situation_count = RV_COUNT(rv_situations);

const struct rv_situation *rv_triage(const struct rv_findings *findings)
{
    size_t i = 0;
    while (i + 1 < rv_situation_count && !rv_situations[i].holds(findings))
        i++;
    return &rv_situations[i];
}

/* A device that cannot be asked is told of with what is known; only a cancel ends the run. */
bool rv_findings_gather(struct rv_fleet *fleet, struct rv_findings *f, struct rv_error *err)
{
    struct rv_ctx *ctx = rv_fleet_ctx(fleet);
    const struct rv_device *device = f->device;
    struct rv_error quiet = { 0 };
    struct rv_job job;
    if (device->identity.ecid != 0 && rv_job_find(ctx, device->identity.ecid, &job, &quiet))
        f->job_open = true;
    quiet = (struct rv_error){ 0 };
    if (device->mode == RV_MODE_RECOVERY && !device->denied) {
        RV_AUTO(rv_usb) usb = rv_device_open_usb(fleet, device, &quiet);
        f->have_env = usb != NULL && rv_recovery_env_read(usb, &f->env, &quiet);
        f->held = usb == NULL && quiet.code == RV_E_BUSY;
    } else if (device->mode == RV_MODE_NORMAL && !device->silent) {
        RV_AUTO(rv_lockdown) link = rv_lockdown_open(ctx, &device->mux, &quiet);
        f->trusted = link != NULL && rv_lockdown_session(link, &quiet);
        f->trust_advice = f->trusted ? RV_ADVICE_NONE : quiet.advice;
    }
    return rv_cancel_point(&ctx->cancel, err);
}
