/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of revive-sim and the reading of their words. */
#pragma once

#include "base/bytes.h"

/* Words of the command line; used ones are struck out (NULL), so that leftovers are seen. */
struct sim_words {
    int count;
    char **word;
    int wrong; /* a value was missing or no number */
};

struct sim_verb {
    const char *name;
    int (*run)(struct sim_words *words);
    const char *what, *use, *example;
};

/** Value of the next --name VALUE, or NULL. Call again for options that may come more than once. */
const char *sim_option(struct sim_words *words, const char *name);
bool sim_flag(struct sim_words *words, const char *name);
uint64_t sim_option_number(struct sim_words *words, const char *name, uint64_t otherwise);
/** The next word that is no option, or NULL. */
const char *sim_word(struct sim_words *words);
/** After all options are taken: 0, or 2 when words are left, and says so. */
int sim_words_end(const struct sim_words *words);
/** Prints the chain; returns 1. */
int sim_complain(const struct rv_error *err);

int sim_verb_apple(struct sim_words *words);
int sim_verb_ctl(struct sim_words *words);
int sim_verb_ipsw(struct sim_words *words);
int sim_verb_ipsw_damage(struct sim_words *words);
int sim_verb_ipsw_hash(struct sim_words *words);
int sim_verb_new(struct sim_words *words);
int sim_verb_pki(struct sim_words *words);
int sim_verb_run(struct sim_words *words);
int sim_verb_stage(struct sim_words *words);
