/* SPDX-License-Identifier: Apache-2.0 */
#include "command/triage.h"

#include <string.h>

static bool in(const struct rv_findings *f, enum rv_mode mode)
{
    return f->device->mode == mode;
}

static bool is_denied(const struct rv_findings *f)
{
    return f->device->denied;
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

/* The verb does not fetch the firmware yet. */
#define UPDATE "revive update --ipsw FILE"
#define FIRMWARE_FILE                                                                                                  \
    ". FILE is the full firmware file for this model, the newest one, downloaded from Apple: its name ends in .ipsw"

const struct rv_situation rv_situations[] = {
    { "denied", "It is attached, but this user may not talk to it over USB", NULL,
      "Install revive's udev rule (it comes with the package) and plug the device in again, or run revive once as root "
      "(sudo)",
      is_denied },
    { "unfinished", "An update of this device was begun on this computer and broke off", "revive resume",
      "It goes on where it stopped; an Update keeps the data", is_unfinished },
    { "half-way", "It waits in the middle of an installation that broke off", UPDATE,
      "It installs iOS from the start and keeps the data" FIRMWARE_FILE, is_left_half_way },
    { "radio-failed", "Its cellular part failed to start, and that keeps it in Recovery mode", UPDATE,
      "It installs iOS and the cellular firmware again and keeps the data; if it comes back here, the device needs "
      "service" FIRMWARE_FILE,
      has_radio_error },
    { "told-to-stay", "It is in Recovery mode because a setting tells it to stay there; the system may be whole",
      "revive recovery exit", "It mends the setting and starts the system again; no data is touched", is_told_to_stay },
    { "stuck", "It is in Recovery mode: its own system does not start, or somebody held the buttons", UPDATE,
      "It installs iOS again and keeps the data. Did you hold the buttons yourself? Then `revive recovery exit` "
      "first" FIRMWARE_FILE,
      is_stuck },
    { "recovery", "It is in Recovery mode, and its settings could not be read", "revive recovery exit",
      "It starts the system again; no data is touched. If it comes back here: `" UPDATE "`" FIRMWARE_FILE,
      is_recovery },
    { "dfu", "It is in DFU mode: black screen, waiting for a computer", UPDATE,
      "It installs iOS again and keeps the data. Got here by mistake? `revive coach exit-dfu` leads you "
      "out by the buttons: nothing is lost" FIRMWARE_FILE,
      is_dfu },
    { "restore", "It is in Restore mode: an installation broke off, and not one that this computer remembers", NULL,
      "Force a restart with the buttons: `revive coach exit-recovery` leads you (iPhone 8 and later: tap Volume Up, "
      "tap Volume Down, hold the side button until the Apple logo). It comes back in Recovery mode: then `" UPDATE
      "`, which keeps the data" FIRMWARE_FILE,
      is_restore },
    { "port-dfu", "Only its USB-C port answers (port DFU)", NULL,
      "Unplug the cable, force a restart with the buttons and plug in again, directly into the computer", is_port_dfu },
    { "kis", "It answers on its debug interface only, which revive does not speak", NULL,
      "Force a restart with the buttons: nothing is lost", is_kis },
    { "no-mux", "It is on, but this computer's usbmux service is missing", NULL,
      "Install and start it: sudo apt install usbmuxd; sudo systemctl start usbmuxd. Then plug the device in again",
      is_without_mux },
    { "silent", "It is on USB, but does not answer yet: it may still be starting", NULL,
      "Wait two minutes, unlock it if it asks for the passcode, and run `revive` again. If the Apple logo comes and "
      "goes "
      "for ever, that is a boot loop: put it into Recovery mode with its buttons, as `revive coach recovery` says, "
      "then `" UPDATE "`" FIRMWARE_FILE,
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
