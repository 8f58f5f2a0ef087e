/* SPDX-License-Identifier: Apache-2.0 */
/* Fingers on the running device: buttons.c tells what they lead to, life.c makes it so. Times scale as all others. */
#include "sim/model.h"

#include "data/devices.h"

#include <string.h>

enum { LAST_OLD_CHIP = 0x8015 }; /* A11 */

static double scale_of(const struct sim_device *device)
{
    return device->scale > 0.001 ? device->scale : 0.001;
}

static uint64_t hand_now(const struct sim_device *device)
{
    return (uint64_t)((double)(sim_now_ms() - device->hands_epoch_ms) / scale_of(device)) + 1;
}

void sim_hands_init(struct sim_device *device)
{
    const struct rv_device_row *row = rv_device_by_product(device->identity.product, device->identity.model);
    const struct sim_windows *windows = row != NULL ? sim_windows_of(row->buttons) : NULL;
    device->hands_epoch_ms = sim_now_ms();
    device->has_buttons = windows != NULL;
    if (windows != NULL)
        sim_buttons_init(&device->buttons, windows, device->seed);
}

bool sim_hands_move(struct sim_device *device, enum sim_button button, bool down)
{
    sim_lock(device);
    bool has = device->has_buttons;
    if (has) {
        while (sim_hands_due_locked(device) <= sim_now_ms())
            sim_hands_act_locked(device);
        sim_buttons_move(&device->buttons, hand_now(device), button, down);
        pthread_cond_broadcast(&device->changed);
    }
    sim_unlock(device);
    return has;
}

uint64_t sim_hands_due_locked(const struct sim_device *device)
{
    uint64_t due = device->has_buttons ? sim_buttons_due(&device->buttons) : UINT64_MAX;
    if (due >= UINT64_MAX / 4)
        return UINT64_MAX;
    return device->hands_epoch_ms + (uint64_t)((double)due * scale_of(device));
}

/* Apple's USB-C cables keep older devices with a Lightning socket out of DFU (many reports: checkra1n issues 395, 441).
 */
static bool cable_forbids_dfu(struct sim_device *device)
{
    char cable[32];
    const struct rv_device_row *row = rv_device_by_product(device->identity.product, NULL);
    sim_setting_text_locked(device, "cable", "", cable, sizeof cable);
    return strcmp(cable, "usb-c-lightning") == 0 && row != NULL && strcmp(row->port, "lightning") == 0 &&
           device->identity.chip <= LAST_OLD_CHIP;
}

void sim_hands_act_locked(struct sim_device *device)
{
    struct sim_buttons *buttons = &device->buttons;
    /* What is due by the wall clock is due by the hands' clock too, a rounding apart. */
    uint64_t due = sim_buttons_due(buttons), now = hand_now(device);
    switch (sim_buttons_act(buttons, now > due ? now : due)) {
    case SIM_PUSH_RESET:
        sim_record(device, "buttons", "held until it restarts");
        plist_dict_remove_item(device->settings, "hung");
        sim_life_black_locked(device);
        break;
    case SIM_PUSH_LOGO:
        sim_record(device, "buttons", "the Apple logo shows");
        break;
    case SIM_PUSH_TO_BOOT:
        sim_record(device, "buttons", "let go: its system starts");
        sim_life_arrive_locked(device, SIM_TO_BOOT, 0);
        break;
    case SIM_PUSH_TO_RECOVERY:
        sim_record(device, "buttons", "held past the logo: Recovery");
        sim_life_arrive_locked(device, SIM_TO_RECOVERY, buttons->to_recovery_ms);
        break;
    case SIM_PUSH_TO_DFU:
        if (cable_forbids_dfu(device)) {
            sim_record(device, "buttons", "DFU was asked for, but this cable cannot do it");
            sim_life_arrive_locked(device, SIM_TO_BOOT, 0);
        } else {
            sim_record(device, "buttons", "DFU");
            sim_life_arrive_locked(device, SIM_TO_ROM, buttons->to_dfu_ms);
        }
        break;
    case SIM_PUSH_EMERGENCY:
        sim_record(device, "buttons", "counts down to an emergency call");
        break;
    case SIM_PUSH_NOTHING:
        break;
    }
}

/* A boot loop comes and goes by itself; to fingers that hold on it is one and the same. */
void sim_hands_body_locked(struct sim_device *device)
{
    static const enum sim_body bodies[] = {
        [SIM_OFF] = SIM_BODY_OFF, [SIM_NORMAL] = SIM_BODY_RUNS,  [SIM_RECOVERY] = SIM_BODY_RECOVERY,
        [SIM_DFU] = SIM_BODY_DFU, [SIM_RESTORE] = SIM_BODY_RUNS,
    };
    enum sim_body body = bodies[device->mode];
    if (device->has_buttons && !(device->looping && device->buttons.body == body))
        sim_buttons_body(&device->buttons, hand_now(device), body);
}

bool sim_hands_start_locked(struct sim_device *device, bool cold)
{
    if (!device->has_buttons)
        return false;
    if (sim_buttons_held(&device->buttons) && !device->looping) {
        sim_buttons_start(&device->buttons, hand_now(device), cold);
        return true;
    }
    if (!device->looping)
        sim_buttons_body(&device->buttons, hand_now(device), SIM_BODY_STARTING);
    return false;
}

const char *sim_hands_screen_locked(const struct sim_device *device)
{
    static const char *const steady[] = {
        [SIM_OFF] = "black", [SIM_NORMAL] = "home",  [SIM_RECOVERY] = "cable",
        [SIM_DFU] = "black", [SIM_RESTORE] = "logo",
    };
    if (device->plan.phase != SIM_AWAY)
        return steady[device->mode];
    if (!device->has_buttons || device->plan.target == SIM_TO_ROM || device->plan.target == SIM_TO_NOTHING)
        return "black";
    return device->buttons.start == SIM_START_ROM ? "black" : "logo";
}
