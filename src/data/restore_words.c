/* SPDX-License-Identifier: Apache-2.0 */
#include "data/restore_words.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>

struct rv_log_mark {
    const char *text;
    int phase;
    bool whole;        /* the line holds nothing else */
    bool whole_number; /* no digit follows */
};
struct rv_log_pair {
    const char *text, *what;
};
struct rv_log_status {
    const char *words;
    int64_t status;
};
struct rv_log_number {
    const char *text;
    int add;    /* to a number that is not 0 */
    bool error; /* only where the line speaks of an error */
};

static const struct rv_operation_row operation_rows[] = {
#include "restore_operations_table.inc"
};
static const struct rv_checkpoint_row checkpoint_rows[] = {
#include "restore_checkpoints_table.inc"
};
#include "restore_log_table.inc"

_Static_assert(RV_COUNT(log_phases) == RV_LOG_PHASES, "the header says how many phases there are");

const struct rv_operation_row *rv_operation_row(uint64_t operation)
{
    for (size_t i = 0; i < RV_COUNT(operation_rows); i++)
        if (operation_rows[i].operation == operation)
            return &operation_rows[i];
    return NULL;
}

const struct rv_checkpoint_row *rv_checkpoint_row(uint64_t id)
{
    /* The upper 32 bits carry flags, and so may bits above the step number. */
    for (size_t i = 0; i < RV_COUNT(checkpoint_rows); i++)
        if (checkpoint_rows[i].id == (id & 0xFFFF))
            return &checkpoint_rows[i];
    return NULL;
}

const char *rv_checkpoint_name(uint64_t id)
{
    const struct rv_checkpoint_row *row = rv_checkpoint_row(id);
    return row == NULL ? NULL : row->name;
}

const struct rv_log_phase *rv_log_phase(int phase)
{
    return phase >= 0 && phase < RV_LOG_PHASES ? &log_phases[phase] : NULL;
}

int rv_log_phase_done(void)
{
    return RV_LOG_PHASES - 1;
}

const struct rv_log_tool *rv_log_tool(const char *line)
{
    for (size_t i = 0; i < RV_COUNT(log_tools); i++)
        if (strstr(line, log_tools[i].text) != NULL)
            return &log_tools[i];
    return NULL;
}

static bool marks(const struct rv_log_mark *mark, const char *line)
{
    if (mark->whole)
        return strcmp(line, mark->text) == 0;
    const char *at = strstr(line, mark->text);
    return at != NULL && !(mark->whole_number && isdigit((unsigned char)at[strlen(mark->text)]));
}

int rv_log_line_phase(const char *line)
{
    for (size_t i = 0; i < RV_COUNT(log_marks); i++)
        if (marks(&log_marks[i], line))
            return log_marks[i].phase;
    return -1;
}

static const char *first_pair(const struct rv_log_pair *pairs, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(text, pairs[i].text) != NULL)
            return pairs[i].what;
    return NULL;
}

const char *rv_log_text_part(const char *text)
{
    return first_pair(log_parts, RV_COUNT(log_parts), text);
}

const char *rv_log_text_cure(const char *text)
{
    return first_pair(log_cures, RV_COUNT(log_cures), text);
}

bool rv_log_status(const char *words, int64_t *status)
{
    for (size_t i = 0; i < RV_COUNT(log_statuses); i++)
        if (strcmp(words, log_statuses[i].words) == 0) {
            *status = log_statuses[i].status;
            return true;
        }
    return false;
}

/* A signed decimal number at the start of the text. */
static bool number_at(const char *at, int64_t *out)
{
    enum { DIGITS_MAX = 18 };
    bool minus = *at == '-';
    int64_t value = 0;
    size_t digits = 0;
    for (at += minus; isdigit((unsigned char)at[digits]) && digits < DIGITS_MAX; digits++)
        value = value * 10 + (at[digits] - '0');
    *out = minus ? -value : value;
    return digits > 0 && digits < DIGITS_MAX;
}

bool rv_log_line_number(const char *line, int64_t *number)
{
    for (size_t i = 0; i < RV_COUNT(log_numbers); i++) {
        const char *at = strstr(line, log_numbers[i].text);
        int64_t value = 0;
        if (at == NULL || (log_numbers[i].error && strcasestr(line, "error") == NULL) ||
            !number_at(at + strlen(log_numbers[i].text), &value))
            continue;
        *number = value != 0 ? value + log_numbers[i].add : 0;
        return true;
    }
    return false;
}
