/* SPDX-License-Identifier: Apache-2.0 */
/* A device in a pocket: the virtual iPhone's buttons, and just enough life around them for a clock that is a number. */
#pragma once

#include "coach/coach.h"
#include "sim/buttons.h"

/* How this device is, before anybody touches it. */
struct phone_nature {
    enum rv_coach_sight at_start; /* NOTHING: switched off, cable in */
    bool trusts;                  /* takes EnterRecovery */
    bool hung;                    /* runs, answers nothing, cannot be switched off by its slider */
    bool looping;                 /* its system starts, dies, starts */
    bool stays;                   /* auto-boot is false */
    bool deaf;                    /* iBoot takes no orders (no rights on USB, a volatile stage) */
    bool bad_cable;               /* cannot lead into DFU */
    unsigned boot_ms;
};

enum phone_screen { SCREEN_BLACK, SCREEN_LOGO, SCREEN_CABLE, SCREEN_HOME };

struct phone {
    struct phone_nature nature;
    struct sim_buttons buttons;
    uint64_t now;
    enum rv_coach_sight sight; /* on the bus, were the cable in */
    bool plugged, off;
    unsigned arrivals;
    enum phone_screen screen;
    enum rv_coach_sight coming; /* what arrives at coming_at */
    uint64_t coming_at, leaving_at, order_at;
    enum rv_coach_order order;
    enum rv_coach_answer answer;
    bool left;           /* has gone black since phone_mark */
    bool emergency_call; /* was dialled */
};

void phone_init(struct phone *phone, const char *group, const struct phone_nature *nature, uint64_t seed);
/** Lets everything happen that is due. */
void phone_until(struct phone *phone, uint64_t now);
void phone_finger(struct phone *phone, enum sim_button button, bool down);
void phone_plug(struct phone *phone, bool in);
void phone_slide_off(struct phone *phone);
void phone_obey(struct phone *phone, enum rv_coach_order order);
/** What the host's side of the cable shows now. */
enum rv_coach_sight phone_sight(const struct phone *phone);
/** What becomes of it when nobody touches it any more. */
enum rv_coach_came phone_outcome(struct phone phone, uint64_t let_go_at);
