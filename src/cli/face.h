/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal or pipe that one run talks to: what it can show, and the one place that shows it. */
#pragma once

#include "base/ctx.h"
#include "base/mem.h"
#include "command/args.h"

#include <pthread.h>
#include <stdio.h>

struct rv_progress {
    char step[64], words[256]; /* the step that runs */
    char rate_step[256];       /* the part that the rate belongs to */
    uint64_t begun_ms, begun_done, heard_ms, last_print_ms;
    double percent; /* of the whole job, as far as it was told */
    bool line_open; /* a bar stands on the terminal's last line */
};

/* What the coach shows until its next word. */
struct rv_coach_screen {
    unsigned lines; /* on the terminal, below the last line that stays */
    char big[192];
    char drawing[RV_EVENT_DRAWING_MAX][RV_EVENT_DRAWING_WIDTH];
};

struct rv_face {
    const struct rv_command *command;
    bool json, lines; /* --json; events as JSON Lines */
    bool quiet, verbose;
    bool tty_err; /* live bar, questions */
    bool colour_out, colour_err;
    unsigned width; /* of the terminal behind stderr */
    struct rv_ctx *ctx;
    pthread_mutex_t lock; /* events come from any thread */
    struct rv_progress progress;
    struct rv_coach_screen coach;
    json_t *warnings; /* of a command that prints one document */
};

void rv_face_init(struct rv_face *face, const struct rv_command *command, const struct rv_args *args);
void rv_face_clear(struct rv_face *face);

/** ANSI sequence or "" where there is no colour; style: "bold", "dim", "red", "green", "yellow", "off". */
const char *rv_style(bool colour, const char *style);

/* Receivers for rv_ctx; context is the face. */
void rv_face_event(void *context, const struct rv_event *event);
bool rv_face_ask(void *context, const struct rv_question *question);
bool rv_face_secret(void *context, const char *text, char *out, size_t room);

/* progress.c, json_lines.c, coach_screen.c: one event each; the face's lock is held. */
void rv_progress_show(struct rv_face *face, const struct rv_event *event);
void rv_json_line_show(struct rv_face *face, const struct rv_event *event);
/* print_rescue.c */
void rv_offer_show(struct rv_face *face, const struct rv_event *event);
void rv_coach_show(struct rv_face *face, const struct rv_event *event);
void rv_coach_screen_end(struct rv_face *face);
/** Ends a live bar so that other text can follow. */
void rv_progress_end(struct rv_face *face);

/** help.c: `revive --help`, `revive VERB --help`, both on stdout. */
void rv_print_help(const struct rv_face *face, const struct rv_command *command);

/** print_error.c: the four parts, on stderr as text, or as JSON on stdout. `result`: what is known besides. */
void rv_print_error(struct rv_face *face, const struct rv_error *err, json_t *result);
/** print_result.c: the verb's JSON as it is, or as words for a person. */
void rv_print_result(struct rv_face *face, json_t *result);
/** One document or line on stdout, and out of the buffer. */
void rv_print_json(const struct rv_face *face, const json_t *value);
