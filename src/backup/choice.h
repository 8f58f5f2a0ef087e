/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a backup, named in a person's words: an index without the rest. A phone takes what the index names and asks
 * for nothing else, so an index is all that has to change.
 */
#pragma once

#include "backup/backup.h"
#include "base/private.h"

enum { RV_CHOICE_MAX = 32, RV_CHOICE_WORD = 160 };

struct rv_choice {
    char words[RV_CHOICE_MAX][RV_CHOICE_WORD]; /* "settings", "keychain", a domain or its pattern, an app's bundle id */
    bool met[RV_CHOICE_MAX];                   /* something belongs to it */
    unsigned count;
    bool only; /* these alone; else all but these */
};

/** "keychain,org.example.app". USAGE: too many, too long, none. */
bool rv_choice_parse(const char *list, bool only, struct rv_choice *out, struct rv_error *err);
bool rv_choice_keeps(struct rv_choice *choice, const char *domain, const char *path);
bool rv_choice_has(const struct rv_choice *choice, const char *word);

struct rv_trimmed {
    struct rv_private folder; /* holds the new index under its own name */
    int dir;
    uint64_t kept, left_out, bytes; /* rows; plain bytes of the files that are kept */
};
/** The backup's index (opened) without what the choice leaves out; encrypted as the backup is. */
bool rv_choice_trim(struct rv_choice *choice, struct rv_backup *backup, struct rv_trimmed *out, struct rv_error *err);
void rv_trimmed_clear(struct rv_trimmed *trimmed);
/** Name of the index of such a backup. */
const char *rv_choice_index_name(const struct rv_backup *backup);
