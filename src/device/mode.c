/* SPDX-License-Identifier: Apache-2.0 */
#include "device/mode.h"

static const struct {
    const char *name, *words;
    enum rv_mode_event event;
    uint32_t slowest_ms; /* until it shows, from any mode that may come before */
} modes[RV_MODE_COUNT] = {
    [RV_MODE_NONE] = { "none", "not attached", RV_SEES_NOTHING, 30000 },
    [RV_MODE_NORMAL] = { "normal", "Normal mode", RV_SEES_NORMAL, 900000 }, /* "Attempting data recovery" */
    [RV_MODE_RECOVERY] = { "recovery", "Recovery mode", RV_SEES_RECOVERY, 60000 },
    [RV_MODE_DFU] = { "dfu", "DFU mode", RV_SEES_DFU, 60000 },
    [RV_MODE_RESTORE] = { "restore", "Restore mode", RV_SEES_RESTORE, 300000 },
    [RV_MODE_PORT_DFU] = { "port-dfu", "port DFU mode", RV_SEES_PORT_DFU, 60000 },
    [RV_MODE_KIS] = { "kis", "debug USB mode", RV_SEES_KIS, 60000 },
};

const char *rv_mode_name(enum rv_mode mode)
{
    return (unsigned)mode < RV_MODE_COUNT ? modes[mode].name : "unknown";
}

const char *rv_mode_words(enum rv_mode mode)
{
    return (unsigned)mode < RV_MODE_COUNT ? modes[mode].words : "an unknown mode";
}

enum rv_mode_event rv_mode_seen(enum rv_mode mode)
{
    return (unsigned)mode < RV_MODE_COUNT ? modes[mode].event : RV_SEES_NOTHING;
}

uint32_t rv_mode_patience_ms(unsigned bits)
{
    uint32_t slowest = modes[RV_MODE_NONE].slowest_ms;
    for (int mode = 0; mode < RV_MODE_COUNT; mode++)
        if ((bits & RV_MODE_BIT(mode)) != 0 && modes[mode].slowest_ms > slowest)
            slowest = modes[mode].slowest_ms;
    return slowest * 2;
}

#define STAYS(mode)                                                                                                    \
    {                                                                                                                  \
        mode, RV_MOVE_STAYS, "no change"                                                                               \
    }
#define USUAL(mode, note)                                                                                              \
    {                                                                                                                  \
        mode, RV_MOVE_USUAL, note                                                                                      \
    }
#define ODD(mode, note)                                                                                                \
    {                                                                                                                  \
        mode, RV_MOVE_ODD, note                                                                                        \
    }
#define IMPOSSIBLE(mode)                                                                                               \
    {                                                                                                                  \
        mode, RV_MOVE_IMPOSSIBLE, "impossible: the bus is read afresh"                                                 \
    }

/* Rows: the mode it was in. A look can miss a short absence, so cells from mode to mode are filled too. */
static const struct rv_mode_cell mode_table[RV_MODE_COUNT][RV_SEES_COUNT] = {
    [RV_MODE_NONE] = {
        [RV_SEES_NOTHING] = STAYS(RV_MODE_NONE),
        [RV_SEES_NORMAL] = USUAL(RV_MODE_NORMAL, "plugged in, or the system has started"),
        [RV_SEES_RECOVERY] = USUAL(RV_MODE_RECOVERY, "iBoot waits for a computer"),
        [RV_SEES_DFU] = USUAL(RV_MODE_DFU, "the ROM or iBSS waits for a computer"),
        [RV_SEES_RESTORE] = USUAL(RV_MODE_RESTORE, "the restore system has started"),
        [RV_SEES_PORT_DFU] = ODD(RV_MODE_PORT_DFU, "the USB-C port's own controller waits"),
        [RV_SEES_KIS] = ODD(RV_MODE_KIS, "the ROM waits on its debug interface"),
    },
    [RV_MODE_NORMAL] = {
        [RV_SEES_NOTHING] = USUAL(RV_MODE_NONE, "unplugged, restarting, or on the way to Recovery"),
        [RV_SEES_NORMAL] = STAYS(RV_MODE_NORMAL),
        [RV_SEES_RECOVERY] = USUAL(RV_MODE_RECOVERY, "entered Recovery mode"),
        [RV_SEES_DFU] = ODD(RV_MODE_DFU, "put into DFU by its buttons"),
        [RV_SEES_RESTORE] = IMPOSSIBLE(RV_MODE_RESTORE),
        [RV_SEES_PORT_DFU] = ODD(RV_MODE_PORT_DFU, "put into DFU by its buttons; the port answers"),
        [RV_SEES_KIS] = ODD(RV_MODE_KIS, "put into DFU by its buttons"),
    },
    [RV_MODE_RECOVERY] = {
        [RV_SEES_NOTHING] = USUAL(RV_MODE_NONE, "restarting, or loading the next stage"),
        [RV_SEES_NORMAL] = USUAL(RV_MODE_NORMAL, "left Recovery mode, the system has started"),
        [RV_SEES_RECOVERY] = STAYS(RV_MODE_RECOVERY),
        [RV_SEES_DFU] = ODD(RV_MODE_DFU, "put into DFU by its buttons"),
        [RV_SEES_RESTORE] = USUAL(RV_MODE_RESTORE, "the restore system has started"),
        [RV_SEES_PORT_DFU] = ODD(RV_MODE_PORT_DFU, "put into DFU by its buttons; the port answers"),
        [RV_SEES_KIS] = ODD(RV_MODE_KIS, "put into DFU by its buttons"),
    },
    [RV_MODE_DFU] = {
        [RV_SEES_NOTHING] = USUAL(RV_MODE_NONE, "loading the next stage, or left DFU"),
        [RV_SEES_NORMAL] = ODD(RV_MODE_NORMAL, "left DFU by a forced restart"),
        [RV_SEES_RECOVERY] = USUAL(RV_MODE_RECOVERY, "the uploaded stage has started"),
        [RV_SEES_DFU] = STAYS(RV_MODE_DFU),
        [RV_SEES_RESTORE] = IMPOSSIBLE(RV_MODE_RESTORE),
        [RV_SEES_PORT_DFU] = ODD(RV_MODE_PORT_DFU, "the port's controller answers instead"),
        [RV_SEES_KIS] = ODD(RV_MODE_KIS, "the debug interface answers instead"),
    },
    [RV_MODE_RESTORE] = {
        [RV_SEES_NOTHING] = USUAL(RV_MODE_NONE, "restarting after the installation, or unplugged"),
        [RV_SEES_NORMAL] = USUAL(RV_MODE_NORMAL, "installed, the system has started"),
        [RV_SEES_RECOVERY] = ODD(RV_MODE_RECOVERY, "the installation failed, or the system does not load"),
        [RV_SEES_DFU] = ODD(RV_MODE_DFU, "put into DFU by its buttons"),
        [RV_SEES_RESTORE] = STAYS(RV_MODE_RESTORE),
        [RV_SEES_PORT_DFU] = IMPOSSIBLE(RV_MODE_PORT_DFU),
        [RV_SEES_KIS] = IMPOSSIBLE(RV_MODE_KIS),
    },
    [RV_MODE_PORT_DFU] = {
        [RV_SEES_NOTHING] = USUAL(RV_MODE_NONE, "unplugged or reset"),
        [RV_SEES_NORMAL] = ODD(RV_MODE_NORMAL, "forced restart"),
        [RV_SEES_RECOVERY] = ODD(RV_MODE_RECOVERY, "forced restart"),
        [RV_SEES_DFU] = USUAL(RV_MODE_DFU, "the port let the device's own ROM through"),
        [RV_SEES_RESTORE] = IMPOSSIBLE(RV_MODE_RESTORE),
        [RV_SEES_PORT_DFU] = STAYS(RV_MODE_PORT_DFU),
        [RV_SEES_KIS] = USUAL(RV_MODE_KIS, "the port let the device's own ROM through"),
    },
    [RV_MODE_KIS] = {
        [RV_SEES_NOTHING] = USUAL(RV_MODE_NONE, "unplugged or reset"),
        [RV_SEES_NORMAL] = ODD(RV_MODE_NORMAL, "forced restart"),
        [RV_SEES_RECOVERY] = ODD(RV_MODE_RECOVERY, "forced restart"),
        [RV_SEES_DFU] = ODD(RV_MODE_DFU, "the ROM changed its interface"),
        [RV_SEES_RESTORE] = IMPOSSIBLE(RV_MODE_RESTORE),
        [RV_SEES_PORT_DFU] = ODD(RV_MODE_PORT_DFU, "the port's controller answers instead"),
        [RV_SEES_KIS] = STAYS(RV_MODE_KIS),
    },
};

const struct rv_mode_cell *rv_mode_step(enum rv_mode mode, enum rv_mode_event event)
{
    rv_assert((unsigned)mode < RV_MODE_COUNT && (unsigned)event < RV_SEES_COUNT);
    return &mode_table[mode][event];
}

/* usb.ids and the ranges that usbmuxd accepts; Watches, HomePods and Macs are left out by intent. */
static const struct {
    uint16_t first, last;
    enum rv_mode mode;
} products[] = {
    { 0x1222, 0x1222, RV_MODE_DFU }, /* WTF of the first two iPhones */
    { 0x1227, 0x1227, RV_MODE_DFU }, { 0x1280, 0x1283, RV_MODE_RECOVERY }, { 0x1290, 0x12AF, RV_MODE_NORMAL },
    { 0x1881, 0x1881, RV_MODE_KIS }, { 0xF014, 0xF014, RV_MODE_PORT_DFU },
};

enum rv_mode rv_mode_of_product(uint16_t product)
{
    for (size_t i = 0; i < RV_COUNT(products); i++)
        if (product >= products[i].first && product <= products[i].last)
            return products[i].mode;
    return RV_MODE_NONE;
}
