/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens, told upwards by value: the JSON Lines of the command line and the bars of the terminal.
 * A receiver may not block and may not keep pointers past the call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rv_event_kind {
    RV_EVENT_STEP,     /* a named step begins: `step` stable id, `text` words for a person */
    RV_EVENT_PROGRESS, /* done/total/unit inside `step`; `percent` overall */
    RV_EVENT_WARNING,  /* text */
    RV_EVENT_NOTE,     /* text: something worth a line in the terminal */
    RV_EVENT_ROW,      /* text: one line of a listing, printed as it is */
    RV_EVENT_ROW_PART, /* the same, without its end: the next row event goes on with it */
    RV_EVENT_COACH,    /* what fingers are to do now: `coach` */
    RV_EVENT_OFFER,    /* a rescue has found out what is next: `offer`; `step` is its id, `text` why */
    RV_EVENT_DEVICE,   /* attach, detach, mode change: text, `step` is the new mode's name */
};

enum { RV_EVENT_DRAWING_MAX = 12, RV_EVENT_DRAWING_WIDTH = 80 };

/* The button coach speaks: a face may draw it, large. */
struct rv_event_coach {
    const char *said;       /* "beat", "tick", "verdict", "note", "end" */
    const char *big;        /* a few words for large letters; "" none */
    const char *hold, *tap; /* which buttons, stable names: "power home"; "" none */
    const char *outcome;    /* of a verdict: "stayed", "normal", "recovery", "dfu", "nothing"; else NULL */
    unsigned attempt;       /* from 1 */
    int seconds_left;       /* -1: until something happens */
    char drawing[RV_EVENT_DRAWING_MAX][RV_EVENT_DRAWING_WIDTH]; /* first line "": none */
};

/* The next rung of a rescue: a face may show it large, before the question comes. */
struct rv_event_offer {
    const char *state, *subject;            /* "stuck"; "iPhone X in Recovery mode" */
    const char *why, *title, *words, *data; /* what is wrong; what to do; what that is; "untouched", "kept", "erased" */
    unsigned number;                        /* of the step in this rescue, from 1 */
};

struct rv_event {
    enum rv_event_kind kind;
    const char *step;
    const char *text;
    const char *unit; /* "bytes", "files", "seconds" */
    uint64_t done, total;
    double percent;                     /* of the whole job, 0..100; negative: unknown */
    const struct rv_event_coach *coach; /* of RV_EVENT_COACH */
    const struct rv_event_offer *offer; /* of RV_EVENT_OFFER */
};

typedef void rv_event_fn(void *context, const struct rv_event *event);

/** A yes-or-no question (or, with `type_exactly`, words to be typed). No face attached: the answer is no. */
struct rv_question {
    const char *id;
    const char *text;
    const char *type_exactly; /* NULL: y/n */
};
typedef bool rv_question_fn(void *context, const struct rv_question *question);
/** Asks for a password without showing it. False: nobody answered. */
typedef bool rv_secret_fn(void *context, const char *text, char *out, size_t room);
