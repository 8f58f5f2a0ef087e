/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device in Restore mode says in numbers, and what the logs of restores say in words: rows of
 * data/restore_operations.json, data/restore_checkpoints.json and data/restore_log.json.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rv_operation_row {
    uint16_t operation, quiet_s;
    const char *id, *words;
    int phase;        /* index of rv_log_phase; -1: any */
    const char *part; /* of the phone, as data/errors.json names it; NULL none */
};
const struct rv_operation_row *rv_operation_row(uint64_t operation); /* NULL: unknown */

struct rv_checkpoint_row {
    uint16_t id;
    const char *name;
    int phase;
    const char *part;
    bool cleanup; /* comes after a failure too: says nothing about it */
};
const struct rv_checkpoint_row *rv_checkpoint_row(uint64_t id); /* NULL: unknown */
const char *rv_checkpoint_name(uint64_t id);                    /* NULL: unknown */

/* Phases of a restore in their order, from the files to the end. */
struct rv_log_phase {
    const char *id, *words;
};
enum { RV_LOG_PHASES = 13 };
const struct rv_log_phase *rv_log_phase(int phase); /* NULL: none was seen */
int rv_log_phase_done(void);

/* Pieces of lines and what they tell. */
struct rv_log_tool {
    const char *text, *tool;
    bool run; /* a new run begins here */
};
const struct rv_log_tool *rv_log_tool(const char *line); /* NULL: no */
/** The phase that a line tells, or -1. */
int rv_log_line_phase(const char *line);
/** The part of the phone that a text is about, or NULL. */
const char *rv_log_text_part(const char *text);
/** Key of the message row (data/errors.json) that cures what a text tells, or NULL. */
const char *rv_log_text_cure(const char *text);
/** idevicerestore prints some final statuses as words. */
bool rv_log_status(const char *words, int64_t *status);
/** The number that a line of a log tells (iTunes' own: a STATUS of the signing server is 3100 + STATUS). */
bool rv_log_line_number(const char *line, int64_t *number);
