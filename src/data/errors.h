/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What error numbers and messages of iTunes, Finder, the phone and the usual tools mean, compiled from
 * data/errors.json. The same number may stand in several domains; one typed alone is looked up in a fixed order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rv_fact {
    const char *domain;
    bool numbered, range; /* one number; or every number between low and high of which nothing closer is known */
    int64_t low, high;
    const char *key; /* of a message without a number, else NULL */
    const char *name, *meaning;
    const char *const *causes, *const *actions, *const *parts, *const *match; /* NULL-terminated; match may be NULL */
    const char *phase, *sure;
    const char *symbol, *wire; /* "kAMDMuxError", lockdown's word; NULL none */
    int libimobiledevice;      /* its number for the same thing; 0 none */
    int see;                   /* number that says the same; 0 none */
    bool transient;            /* worth a second try as it is */
};

struct rv_fact_domain {
    const char *id, *words;
    unsigned order; /* 0: only when it is named */
    const char *const *aliases;
};

extern const struct rv_fact *const rv_facts;
extern const size_t rv_fact_count;
extern const struct rv_fact_domain *const rv_fact_domains;
extern const size_t rv_fact_domain_count;

/** The row of a number; domain NULL: the first in the order of lookup. NULL: not known. */
const struct rv_fact *rv_fact_find(const char *domain, int64_t code);
/** The narrowest family that the number belongs to, likewise. */
const struct rv_fact *rv_fact_family(const char *domain, int64_t code);
/** Family whose numbers come nearest to a number of no family at all; never NULL. */
const struct rv_fact *rv_fact_nearest_family(int64_t code);
/** By its own name: "kAMDMuxError", "InvalidHostID", LOCKDOWN_E_INVALID_HOST_ID, "activation-lock". */
const struct rv_fact *rv_fact_by_name(const char *name, size_t len);
/** The message of which the longest known piece stands in the text (any case). */
const struct rv_fact *rv_fact_by_message(const char *text);
const struct rv_fact_domain *rv_fact_domain(const char *id);

/* Words for ids; the id itself when unknown. */
const char *rv_fact_part_words(const char *part);
const char *rv_fact_phase_words(const char *phase);
const char *rv_fact_sure_words(const char *sure);
