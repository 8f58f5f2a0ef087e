/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device does when fingers are on its buttons. No clock and no thread of its own: times come in, and what
 * happens goes out, so that a test can play a whole afternoon of presses in a moment and life.c can play one in
 * real time. Times are those of a real device, in milliseconds.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* UP and DOWN of an iPad without Home button: nearest to and farthest from the Top button. */
enum sim_button { SIM_BUTTON_POWER, SIM_BUTTON_HOME, SIM_BUTTON_UP, SIM_BUTTON_DOWN, SIM_BUTTON_COUNT };

/* What the buttons work on. */
enum sim_body {
    SIM_BODY_OFF,
    SIM_BODY_RUNS, /* its system: well, hung or in a boot loop, to the buttons it is the same */
    SIM_BODY_RECOVERY,
    SIM_BODY_DFU,
    SIM_BODY_STARTING, /* it has decided to start its system */
};

enum sim_push {
    SIM_PUSH_NOTHING,
    SIM_PUSH_RESET, /* the chip restarts: screen black, off the bus */
    SIM_PUSH_LOGO,  /* SecureROM is through, iBoot shows the Apple logo */
    SIM_PUSH_TO_BOOT,
    SIM_PUSH_TO_RECOVERY,
    SIM_PUSH_TO_DFU,
    SIM_PUSH_EMERGENCY, /* the running phone counts down to an emergency call: no coach may lead here */
};

struct sim_span_ms {
    uint32_t least, most;
};

/* One group of devices.json. Where the number of a device lies between least and most is drawn from its seed. */
struct sim_windows {
    const char *group;
    enum sim_button second; /* the one that goes with the power button */
    bool taps;              /* a restart is asked for by two taps of the volume buttons, then power alone */
    struct sim_span_ms reset, logo, confirm, hold, chord;
};
extern const struct sim_windows sim_windows[];
extern const size_t sim_windows_count;
const struct sim_windows *sim_windows_of(const char *group); /* NULL: no buttons to speak of */

enum sim_start { SIM_START_STILL, SIM_START_ROM, SIM_START_IBOOT };

struct sim_buttons {
    const struct sim_windows *windows;
    uint32_t reset_ms, logo_ms, confirm_ms, hold_ms, to_dfu_ms, to_recovery_ms; /* of this device */
    enum sim_body body;
    uint64_t body_since;
    bool down[SIM_BUTTON_COUNT];
    uint64_t since[SIM_BUTTON_COUNT]; /* of the present press, or of the last release */
    unsigned armed;                   /* taps: 1 after the first, 2 after the second, 3 power held after them */
    uint64_t armed_at;
    enum sim_start start;
    uint64_t start_since; /* of the ROM, then of iBoot */
    bool may_dfu;         /* this start was one that SecureROM takes for a request */
    uint64_t alone_since; /* power let go in time, the second held on; 0: not so */
    bool emergency;
};

void sim_buttons_init(struct sim_buttons *buttons, const struct sim_windows *windows, uint64_t seed);
/** The device is now this (arrived on the bus, or switched off). */
void sim_buttons_body(struct sim_buttons *buttons, uint64_t now_ms, enum sim_body body);
/** It starts for another reason than its buttons: a command, or (cold) power by the cable. */
void sim_buttons_start(struct sim_buttons *buttons, uint64_t now_ms, bool cold);
/** A finger; what was due before must have been acted on. */
void sim_buttons_move(struct sim_buttons *buttons, uint64_t now_ms, enum sim_button button, bool down);
bool sim_buttons_held(const struct sim_buttons *buttons);
/** When the next thing happens if no finger moves; UINT64_MAX: never. */
uint64_t sim_buttons_due(const struct sim_buttons *buttons);
/** The next thing that has happened by now; NOTHING when there is none left. */
enum sim_push sim_buttons_act(struct sim_buttons *buttons, uint64_t now_ms);
/** "power" and its like; the names people use are taken too ("side", "top", "near", "far"). */
bool sim_button_of(const char *word, enum sim_button *out);
