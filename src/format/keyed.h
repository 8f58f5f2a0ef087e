/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed archives (NSKeyedArchiver) as a person's apps keep them: objects reached by name, references followed. */
#pragma once

#include "format/plist.h"

struct rv_keyed {
    plist_t objects; /* array; borrowed from the list */
    plist_t root;
};

/** FORMAT when the list is no keyed archive. `whole` stays the caller's and must outlive it. */
bool rv_keyed_open(plist_t whole, struct rv_keyed *out, struct rv_error *err);
/** What a value stands for: a reference is followed, $null is NULL. */
plist_t rv_keyed_follow(const struct rv_keyed *archive, plist_t value);
/** A named part of an object, or a key of an archived dictionary; NULL when missing. */
plist_t rv_keyed_get(const struct rv_keyed *archive, plist_t object, const char *key);
/** A string, an archived string, or the address of an archived URL; ptr NULL else. Borrowed. */
struct rv_span rv_keyed_text(const struct rv_keyed *archive, plist_t value);
