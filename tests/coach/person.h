/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual person: hears what the coach says, and does it as people do. All from a seed. */
#pragma once

#include "coach/phone.h"

enum person_slip {
    SLIP_NONE,
    SLIP_EARLY_ALL,   /* lets go of everything, too early */
    SLIP_EARLY_POWER, /* lets go of power, too early */
    SLIP_LATE,        /* hears one thing seconds late */
    SLIP_WRONG,       /* presses another button than the second one */
    SLIP_NO_POWER,    /* does not press power at all */
    SLIP_LONG_TAP,
    SLIP_SLOW_TAPS,
    SLIP_SHORT_TAP,
    SLIP_LOGO,   /* lets go when the logo shows */
    SLIP_FINGER, /* one finger slips off for a moment */
    SLIP_COUNT
};

struct person_move {
    uint64_t at;
    enum sim_button button;
    bool down;
    bool if_still; /* only while the button is meant to be held */
};

enum { PERSON_MOVES = 32 };
struct person {
    uint64_t seed;
    struct phone *phone;
    enum sim_button second;
    bool heeds;            /* makes at most two tries that go wrong */
    enum person_slip slip; /* of this try */
    unsigned slips, tries;
    bool drilled;         /* slip, slip_step and amount are ordered for the first try, the others go well */
    uint32_t amount_ms;   /* 0: drawn */
    unsigned slip_step;   /* the how-manieth thing said in this try it happens at */
    unsigned heard;       /* things said in this try */
    unsigned wanted;      /* buttons that it means to hold */
    uint64_t busy_until;  /* with a tap */
    bool gave_up;         /* till the next try */
    bool lets_go_at_logo; /* as told */
    uint64_t unplug_at, slide_at, plug_at, give_up_at;
    struct person_move moves[PERSON_MOVES];
    unsigned move_count;
};

void person_init(struct person *person, struct phone *phone, bool heeds, uint64_t seed);
void person_hears(struct person *person, const struct rv_coach_word *word, const struct rv_coach_step *step);
/** Fingers and eyes up to the phone's now. */
void person_acts(struct person *person);
uint32_t person_draw(struct person *person, uint32_t least, uint32_t most);
/** The latest moment at which this person has let go after hearing so now. */
uint64_t person_has_let_go(const struct person *person);
/** RV_COACH_WHY bits that name this slip. */
unsigned person_reasons(const struct person *person);
