/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The button coach as a machine without a clock, a bus or a mouth: looks go in (what time it is, what the bus shows),
 * words come out (what to press, what went wrong, what software shall do). follow.c gives it real ones.
 */
#pragma once

#include "base/bytes.h"
#include "data/coaching.h"

#include <stdint.h>

enum rv_coach_sight { RV_COACH_SEES_NOTHING, RV_COACH_SEES_NORMAL, RV_COACH_SEES_RECOVERY, RV_COACH_SEES_DFU };
enum rv_coach_answer { RV_COACH_UNANSWERED, RV_COACH_OBEYED, RV_COACH_REFUSED };

/** One look, at least ten a second while buttons are held. Times are a person's: milliseconds, from anywhere. */
struct rv_coach_look {
    uint64_t now_ms;
    enum rv_coach_sight sight;
    unsigned arrivals;           /* how often the device has come onto the bus: a short absence shows here only */
    enum rv_coach_answer answer; /* to the last order */
};

struct rv_coach_setup {
    const struct rv_coach_group *group;
    enum rv_coach_goal goal;
    bool restart;       /* it runs, and is to be restarted by its buttons all the same */
    bool by_software;   /* orders may be given */
    bool reboot_works;  /* DFU can be reached by a restart from Recovery at a known moment (A8 to A11) */
    bool old_lightning; /* A11 and older with that socket: a USB-C cable keeps it out of DFU */
    unsigned tries_max;
};

enum rv_coach_said {
    RV_COACH_SAYS_BEAT,    /* a new thing to do; hold and tap tell which buttons */
    RV_COACH_SAYS_TICK,    /* the same, a second later */
    RV_COACH_SAYS_ORDER,   /* software is to do something; answered by look.answer */
    RV_COACH_SAYS_VERDICT, /* a try has failed: what happened, and why */
    RV_COACH_SAYS_NOTE,
    RV_COACH_SAYS_END, /* rv_coach_end tells how */
};

enum { RV_COACH_TEXT = 400, RV_COACH_BIG = 160 };

struct rv_coach_word {
    enum rv_coach_said said;
    const char *id;
    char text[RV_COACH_TEXT], big[RV_COACH_BIG];
    unsigned hold, tap;
    unsigned attempt; /* from 1 */
    int seconds_left; /* -1: until something happens */
    enum rv_coach_order order;
    const struct rv_coach_verdict *verdict;
};

enum rv_coach_end {
    RV_COACH_GOES_ON,
    RV_COACH_REACHED,
    RV_COACH_TRIES_SPENT,
    RV_COACH_SYSTEM_FAILS, /* it was let out of Recovery and came back: buttons cannot help */
};

enum rv_coach_phase {
    RV_COACH_CHOOSING,
    RV_COACH_ORDERED,
    RV_COACH_GETTING_READY,
    RV_COACH_STEPPING,
    RV_COACH_LETTING_GO,
    RV_COACH_RESTING,
    RV_COACH_ENDED
};

struct rv_coach {
    struct rv_coach_setup setup;
    enum rv_coach_phase phase;
    uint64_t phase_since, sight_since;
    enum rv_coach_sight sight; /* at the last look */
    unsigned arrivals;
    bool begun; /* a first look was taken */
    enum rv_coach_end end;
    unsigned misses, misses_by_reboot;
    bool order_failed[4]; /* by order */
    enum rv_coach_order order;
    unsigned order_arrivals;
    enum rv_coach_goal leg; /* what the present script leads to; Recovery may be on the way to DFU */
    const struct rv_coach_script *script;
    size_t step;
    enum rv_coach_sight start_sight;
    unsigned start_arrivals;
    bool left;    /* the device has left the bus in this try */
    bool blind;   /* leaving tells nothing: it was not there, or comes and goes by itself */
    bool looping; /* it was seen to come and go by itself */
    bool pending; /* words of the present phase are still to be said */
    unsigned ticks;
    const struct rv_coach_verdict *verdict; /* to be said */
    const char *note;                       /* to be said */
};

void rv_coach_begin(struct rv_coach *coach, const struct rv_coach_setup *setup);
/** Takes a look; true: *word is to be said or done, look again at once. */
bool rv_coach_step(struct rv_coach *coach, const struct rv_coach_look *look, struct rv_coach_word *word);

/* button_words.c */
/** Text with the names of this group's buttons. */
void rv_coach_fill(const struct rv_coach_group *group, const char *text, char *out, size_t size);
/** Line `index` of the drawing, held buttons marked; false behind the last. */
bool rv_coach_draw(const struct rv_coach_group *group, unsigned hold, unsigned tap, size_t index, char *out,
                   size_t size);
/** "Side button + Volume Down button"; "" for none. */
void rv_coach_buttons(const struct rv_coach_group *group, unsigned buttons, char *out, size_t size);
