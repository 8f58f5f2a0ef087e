/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libplist behind one checked door: its import functions say nothing on failure (2.2.0), its getters
 * abort or return garbage on other types. Everything that reads a property list goes through here.
 */
#pragma once

#include "base/bytes.h"

#include <plist/plist.h>

/** RV_AUTO_PLIST p = …: plist_free at the end of the scope (roots only). */
#define RV_AUTO_PLIST __attribute__((cleanup(rv_plist_auto))) plist_t
void rv_plist_auto(plist_t *p);

/** XML or binary. FORMAT when it is neither or nests deeper than 64; LIMIT above 256 MiB. */
plist_t rv_plist_parse(struct rv_span in, struct rv_error *err);
/** Serialised, caller frees. */
struct rv_blob *rv_plist_format(plist_t p, bool binary, struct rv_error *err);

/* Getters: dict may be NULL or no dict; a missing or differently typed value gives the default. */
plist_t rv_plist_dict(plist_t dict, const char *key);        /* dict node or NULL; borrowed */
plist_t rv_plist_array(plist_t dict, const char *key);       /* array node or NULL; borrowed */
plist_t rv_plist_node(plist_t dict, const char *key);        /* any node or NULL; borrowed */
const char *rv_plist_text(plist_t dict, const char *key);    /* NULL when missing; borrowed from the node */
struct rv_span rv_plist_data(plist_t dict, const char *key); /* borrowed; ptr NULL when missing */
bool rv_plist_uint(plist_t dict, const char *key, uint64_t *out);
bool rv_plist_int(plist_t dict, const char *key, int64_t *out); /* 2^64-1 reads as -1 */
bool rv_plist_bool(plist_t dict, const char *key, bool fallback);
/** An integer or a text like "0x8015" (BuildManifest's chip and board ids). */
bool rv_plist_number(plist_t dict, const char *key, uint64_t *out);

/** Walks a dict in its own order. RV_AUTO_CLEAR(rv_plist_walk) w = { .dict = d }; while (rv_plist_walk(&w)) … */
struct rv_plist_walk {
    plist_t dict;
    const char *key; /* until the next step */
    plist_t value;   /* borrowed from dict */
    void *own;
    char *held;
};
bool rv_plist_walk(struct rv_plist_walk *walk);
void rv_plist_walk_clear(struct rv_plist_walk *walk);
