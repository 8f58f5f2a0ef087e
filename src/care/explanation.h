/* SPDX-License-Identifier: Apache-2.0 */
/* From what a person has in hand (a number in any spelling, a name, a message, a log) to rows of data/errors.json. */
#pragma once

#include "care/restore_log.h"
#include "data/errors.h"

enum { RV_EXPLAIN_FACTS = 8 };

struct rv_explained {
    bool number_known;
    int64_t number;                                /* as looked up */
    const char *domain;                            /* that was named; NULL: none */
    const struct rv_fact *facts[RV_EXPLAIN_FACTS]; /* nearest first */
    size_t count;                                  /* 0: not known */
    const struct rv_fact *family;                  /* of a number that is not known; may be NULL */
    bool nearest;                                  /* the number is of no family: `family` only comes nearest */
    int64_t signing_status;                        /* STATUS (or HTTP) that an unknown 3100-3999 wraps; -1 none */
};

/** False: nothing in the words can be looked up. */
bool rv_explain_words(const char *words, struct rv_explained *out);

/** What a log's story comes down to. Borrows from the story and the tables. */
struct rv_diagnosis {
    const struct rv_fact *fact;   /* of the number, or of a known message; NULL none */
    const struct rv_fact *inner;  /* of the number beneath it; NULL none */
    const struct rv_fact *family; /* where the number is not known */
    const struct rv_fact *cure;   /* whose actions to take: never NULL where something failed */
    const char *part;             /* of the phone or the computer; NULL unknown */
};
void rv_diagnose(const struct rv_log_story *story, struct rv_diagnosis *out);
