/* SPDX-License-Identifier: Apache-2.0 */
/* The person's own way, step by step, compiled from data/guides.json. */
#pragma once

#include <stddef.h>

enum rv_guide_computer { RV_GUIDE_ANY, RV_GUIDE_FINDER, RV_GUIDE_ITUNES, RV_GUIDE_APPLE_DEVICES };

/* Texts hold names in braces, such as {reset-menu}, that depend on the iOS and on the computer's program. */
struct rv_guide_word {
    const char *word;
    int until; /* last major iOS it is right for; 0: every later one */
    enum rv_guide_computer computer;
    const char *text;
};

struct rv_guide_verb_line {
    const char *verb; /* shown where the command table has it */
    const char *line;
};

struct rv_guide_row {
    const char *id, *title;
    const char *const *questions; /* as people ask, NULL-terminated */
    const char *answer;
    const char *const *steps;
    const struct rv_guide_verb_line *verb_lines; /* verb NULL ends */
};
extern const struct rv_guide_row rv_guide_rows[]; /* sorted by id */
extern const size_t rv_guide_row_count;

/** The words for {name} of `len` characters; ios 0: the newest. NULL when there is no such name. */
const char *rv_guide_word(const char *name, size_t len, int ios, enum rv_guide_computer computer);
