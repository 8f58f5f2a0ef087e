/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a device as the bus shows it: which mode may follow which. */
#pragma once

#include "device/device.h"

/** What one look at the bus can tell about a followed device. */
enum rv_mode_event {
    RV_SEES_NOTHING, /* it is on no bus */
    RV_SEES_NORMAL,
    RV_SEES_RECOVERY,
    RV_SEES_DFU,
    RV_SEES_RESTORE,
    RV_SEES_PORT_DFU,
    RV_SEES_KIS,
    RV_SEES_COUNT
};

enum rv_mode_move {
    RV_MOVE_STAYS,
    RV_MOVE_USUAL,
    RV_MOVE_ODD,        /* happens when somebody holds buttons or something failed */
    RV_MOVE_IMPOSSIBLE, /* no device does that: our look was too coarse, or two devices were mixed up */
};

struct rv_mode_cell {
    enum rv_mode next;
    enum rv_mode_move move;
    const char *note;
};

/** The cell of mode_table[mode][event]; every cell is filled. */
const struct rv_mode_cell *rv_mode_step(enum rv_mode mode, enum rv_mode_event event);
enum rv_mode_event rv_mode_seen(enum rv_mode mode);

/** Mode by USB product id; RV_MODE_NONE for products that are no phone, tablet or player. */
enum rv_mode rv_mode_of_product(uint16_t product);

/** Twice the slowest known time until a device shows one of `modes` (usb-modes section 16). */
uint32_t rv_mode_patience_ms(unsigned modes);
