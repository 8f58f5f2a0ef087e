/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a host sends, for holding two hosts against each other: one JSON line a transfer or message, in order, with
 * long bytes as length and SHA-256. Off unless opened; a file of bounded size.
 *
 *   {"ms":12,"on":"recovery","what":"command","value":{"setup":"4000000000000600","text":"saveenv"}}
 */
#pragma once

#include "base/bytes.h"

#include <plist/plist.h>

struct sim_transcript;

/** NULL on failure. Every function below takes NULL for "nobody wants to know". */
struct sim_transcript *sim_transcript_new(const char *path, struct rv_error *err);
void sim_transcript_free(struct sim_transcript *transcript);

/** `on`: who heard it; `what`: the kind (both constant text); `value`: JSON. */
void sim_transcript_line(struct sim_transcript *transcript, const char *on, const char *what, struct rv_span value);
void sim_transcript_text(struct sim_transcript *transcript, const char *on, const char *what, const char *text);
void sim_transcript_number(struct sim_transcript *transcript, const char *on, const char *what, uint64_t value);
void sim_transcript_plist(struct sim_transcript *transcript, const char *on, const char *what, plist_t message);
