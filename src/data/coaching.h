/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which buttons lead where, and what to say meanwhile: compiled from data/coach.json. Texts hold the places {P}, {H},
 * {U} (names of the buttons), {p_place}, {h_place}, {u_place} and {device}. Times are what Apple's pages and the
 * guides of palera1n and Legacy-iOS-Kit tell people; how long a device is away from the bus is [I].
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { RV_BUTTON_POWER = 1 << 0, RV_BUTTON_SECOND = 1 << 1, RV_BUTTON_UP = 1 << 2 };

enum rv_coach_kind { RV_COACH_PAIR, RV_COACH_TAPS };
enum rv_coach_goal { RV_COACH_RECOVERY, RV_COACH_DFU, RV_COACH_EXIT_RECOVERY, RV_COACH_EXIT_DFU, RV_COACH_GOAL_COUNT };
enum rv_coach_route { RV_COACH_BY_BUTTONS, RV_COACH_BY_REBOOT, RV_COACH_BY_CABLE };
/* When a step ends well. */
enum rv_coach_until {
    RV_COACH_UNTIL_COUNT,     /* its seconds are over */
    RV_COACH_UNTIL_GONE,      /* the device has left the bus: its screen is black */
    RV_COACH_UNTIL_GOAL,      /* the device shows what was wanted */
    RV_COACH_UNTIL_UNPLUGGED, /* the person has pulled the cable, or there was none */
};
/* What software does instead of, or between, fingers. */
enum rv_coach_order { RV_COACH_ORDER_NONE, RV_COACH_ORDER_REBOOT, RV_COACH_ORDER_RECOVERY, RV_COACH_ORDER_EXIT };
/* What a try came to. */
enum rv_coach_came {
    RV_COACH_CAME_GOAL,
    RV_COACH_CAME_STAYED, /* it never left the bus */
    RV_COACH_CAME_NORMAL,
    RV_COACH_CAME_RECOVERY,
    RV_COACH_CAME_DFU,
    RV_COACH_CAME_NOTHING, /* it left and did not come back */
};
enum {
    RV_COACH_WHY_TOO_SHORT = 1 << 0,
    RV_COACH_WHY_TOO_LONG = 1 << 1,
    RV_COACH_WHY_WRONG_BUTTON = 1 << 2,
    RV_COACH_WHY_TAP = 1 << 3,
    RV_COACH_WHY_LOGO = 1 << 4,
    RV_COACH_WHY_CABLE = 1 << 5,
    RV_COACH_WHY_SYSTEM = 1 << 6,
};

struct rv_coach_group {
    const char *id; /* as in devices.json */
    enum rv_coach_kind kind;
    const char *device; /* "iPhone" */
    const char *power, *power_also, *power_place, *second, *second_id, *second_place, *up, *up_place, *note;
    const char *const *drawing; /* lines with {P}, {H}, {U} where a button's mark goes; NULL-terminated */
};

struct rv_coach_step {
    const char *id;
    unsigned hold, tap; /* RV_BUTTON bits: down during the step; pressed and let go at its begin */
    enum rv_coach_until until;
    enum rv_coach_order order; /* given at its begin */
    unsigned limit_s;          /* longest, where something is waited for */
    unsigned expect_s;         /* what is counted down; 0: no count */
    unsigned least_s;          /* a device that leaves sooner did so for another reason */
    const char *say, *big, *print;
};

struct rv_coach_script {
    const char *id;
    enum rv_coach_kind kind;
    enum rv_coach_goal goal;
    enum rv_coach_route route;
    const struct rv_coach_step *steps;
    size_t count;
};

struct rv_coach_verdict {
    const char *id;
    unsigned goals; /* bits */
    enum rv_coach_came came;
    unsigned reasons; /* RV_COACH_WHY bits that the words name */
    const char *title, *words;
};

struct rv_coach_unguided {
    const char *id, *words;
};

struct rv_coach_text {
    const char *id, *words;
};

/* What the person sees at the end: our own picture of it. */
struct rv_coach_screen {
    const char *id; /* name of the goal */
    const char *words;
    const char *const *drawing; /* NULL-terminated */
};

const struct rv_coach_group *rv_coach_group(const char *id); /* NULL: no buttons lead there */
/** Why the devices of a group without buttons cannot be coached; NULL for the others. */
const char *rv_coach_unguided(const char *id);
const struct rv_coach_script *rv_coach_script(enum rv_coach_kind kind, enum rv_coach_goal goal,
                                              enum rv_coach_route route); /* NULL: there is no such way */
/** Never NULL for an outcome that is not the goal. */
const struct rv_coach_verdict *rv_coach_verdict(enum rv_coach_goal goal, enum rv_coach_came came);
const char *rv_coach_text(const char *id);                       /* the id must exist */
const struct rv_coach_screen *rv_coach_screen(const char *goal); /* NULL: none to be drawn */
const char *rv_coach_goal_name(enum rv_coach_goal goal);         /* "exit-dfu" */

/** The group of a product type; of one that no table knows, the newest of its family (*guessed). NULL: neither. */
const char *rv_coach_group_of(const char *product, bool *guessed);
