/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the log of a restore, of whatever tool wrote it, in one pass and in a fixed amount of memory: how far it
 * came, which step failed, and the deepest reason that was written down.
 */
#pragma once

#include "base/bytes.h"

enum { RV_LOG_CAUSES = 8, RV_LOG_TEXT = 240, RV_LOG_LINE = 8192, RV_LOG_STEPS = 16 };

/** What the log tells, after rv_log_reader_end(). */
struct rv_log_story {
    const char *tool; /* "restored", "idevicerestore", "finder", "revive"; NULL: not told */
    uint64_t lines;
    int phase; /* rv_log_phase; -1: none was seen */
    bool failed, step_known, number_known, inner_known;
    uint32_t step; /* the first one that failed and was not survived */
    char step_name[64];
    double step_s;  /* seconds in that step; negative: not told */
    int64_t number; /* as iTunes and Finder show it */
    uint32_t inner_step;
    int64_t inner_number; /* beneath it, in a domain of its own */
    char inner_domain[40];
    int64_t operation; /* the last that progress was told of; -1 none */
    size_t cause_count;
    char causes[RV_LOG_CAUSES][RV_LOG_TEXT]; /* deepest last */
    const char *message;                     /* key of a known message (data/errors.json), or NULL */
};

struct rv_log_step {
    uint32_t step;
    int64_t code;
    char domain[40];
};

/** The reader's own state; zeroed by rv_log_reader_init. */
struct rv_log_reader {
    struct rv_log_story story;
    char line[RV_LOG_LINE];
    size_t len;
    bool begun_known, reasons_open;
    uint32_t begun_step;
    uint64_t begun_ms;
    size_t reason_count; /* of a numbered list "n: Domain/x: text" */
    char reasons[RV_LOG_CAUSES][RV_LOG_TEXT];
    size_t step_count;
    struct rv_log_step steps[RV_LOG_STEPS];
};

void rv_log_reader_init(struct rv_log_reader *reader);
void rv_log_reader_add(struct rv_log_reader *reader, struct rv_span part);
const struct rv_log_story *rv_log_reader_end(struct rv_log_reader *reader);
