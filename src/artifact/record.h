/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a record: text made fit, times with their raw number, the files it names. */
#pragma once

#include "artifact/artifact.h"

/* What a number of seconds counts from, and in what (docs/records.md). */
enum rv_epoch {
    RV_COCOA, /* seconds since 2001, or nanoseconds when it is that large */
    RV_UNIX,  /* seconds since 1970 */
    RV_UNIX_MS,
    RV_COCOA_OR_UNIX /* Safari: what is beyond 2032 counted from 2001 is counted from 1970 */
};
/** Unix seconds; false for 0, which stands for "none". */
bool rv_epoch_to_unix(double raw, enum rv_epoch epoch, double *out);
/** "2023-07-02T14:13:20Z", with a fraction when there is one. out holds 40. */
char *rv_time_text(double unix_seconds, char *out, size_t size);
/** Unix seconds of such a text, or of a date alone ("2023-07-02"). */
bool rv_time_parse(const char *text, double *out);

/** Sets key, and key_raw when `raw` is wanted by the type's main date. Nothing for "none". */
void rv_put_time(json_t *record, const char *key, double raw, enum rv_epoch epoch);
/** Broken UTF-8 becomes U+FFFD. Nothing when ptr is NULL. */
void rv_put_text(json_t *record, const char *key, struct rv_span text);
void rv_put_words(json_t *record, const char *key, const char *text); /* NULL or "": nothing */
void rv_put_number(json_t *record, const char *key, int64_t value);
void rv_put_real(json_t *record, const char *key, double value);
void rv_put_flag(json_t *record, const char *key, bool value); /* only when true */
/** Text as a JSON string, made fit. */
json_t *rv_text_json(struct rv_span text);
struct rv_span rv_words(const char *text);
/** Base64, for bytes that could not be understood. */
void rv_put_bytes(json_t *record, const char *key, struct rv_span bytes);

/**
 * {"domain","path","name","bytes"?,"state"}: a file that the record names. State "present", or `why` it is not
 * ("in_icloud", "not_in_source"). Counts it.
 */
json_t *rv_media_json(struct rv_job *job, const char *domain, const char *path, const char *name, const char *why);

/**
 * What a table shows of a record under a key ("chat.id" reaches inside): a date in local time, lists with commas, what
 * stands for a message without words. One line, fit for eyes.
 */
void rv_record_cell(const json_t *record, const char *key, char *out, size_t size);
/** Is it deleted and was found again, in freed space or in an earlier backup? Such come after all that live. */
bool rv_record_comes_late(const json_t *record);
/** How a record that does not live came here: "deleted; found again, 87 % sure"; "" for one that lives. */
void rv_record_state_words(const json_t *record, char *out, size_t size);
/** The same whole, times as ISO 8601, for CSV. New memory. */
char *rv_record_whole_cell(const json_t *record, const char *key);
