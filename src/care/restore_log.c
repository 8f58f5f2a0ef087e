/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of restored look like
 *   [11:22:35.0043-GMT]{3>6} CHECKPOINT FAILURE:(FAILURE:53) RESTORED:[0x067B] name [0]D(outer)[1]D(inner)
 *   restore-step-codes = {0x11070635:{0:-1};0x1107130D:{0:1016}}
 * (public logs: idevicerestore issues 352, 370, 658); those of computers say it in words. A failure after which
 * another step begins was survived; steps that clean up come after every failure and prove nothing.
 */
#include "care/restore_log.h"

#include "base/text.h"
#include "data/errors.h"
#include "data/restore_words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { DAY_MS = 24 * 60 * 60 * 1000, NUMBER_DIGITS_MAX = 18 };

void rv_log_reader_init(struct rv_log_reader *reader)
{
    memset(reader, 0, sizeof *reader);
    reader->story.phase = -1;
    reader->story.operation = -1;
    reader->story.step_s = -1;
}

/* ---- small readers; each moves *at past what it took ---- */

static bool take_text(const char **at, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

static bool take_number(const char **at, int64_t *out)
{
    const char *c = *at;
    bool minus = *c == '-';
    int64_t value = 0;
    size_t digits = 0;
    for (c += minus; isdigit((unsigned char)*c) && digits < NUMBER_DIGITS_MAX; c++, digits++)
        value = value * 10 + (*c - '0');
    *out = minus ? -value : value;
    *at = c;
    return digits > 0 && !isdigit((unsigned char)*c);
}

static bool take_hex(const char **at, uint32_t *out)
{
    const char *c = *at;
    uint32_t value = 0;
    size_t digits = 0;
    if (!take_text(&c, "0x"))
        return false;
    for (; isxdigit((unsigned char)*c) && digits < 8; c++, digits++)
        value = value << 4 | (uint32_t)(isdigit((unsigned char)*c) ? *c - '0' : tolower((unsigned char)*c) - 'a' + 10);
    *out = value;
    *at = c;
    return digits > 0 && !isxdigit((unsigned char)*c);
}

static void keep_text(char *to, size_t size, const char *from, size_t len)
{
    if (len >= size)
        len = size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
    rv_text_clean(to);
}

/* ---- causes ---- */

static void push(char (*list)[RV_LOG_TEXT], size_t *count, const char *text, size_t len)
{
    if (*count == RV_LOG_CAUSES) { /* the outermost says least */
        memmove(list[0], list[1], sizeof list[0] * (RV_LOG_CAUSES - 1));
        --*count;
    }
    keep_text(list[(*count)++], RV_LOG_TEXT, text, len);
}

static void push_cause(struct rv_log_story *story, const char *text, size_t len)
{
    push(story->causes, &story->cause_count, text, len);
}

/* An error of a computer's tool: what is said first lies deepest. */
static void put_outside(struct rv_log_story *story, const char *text)
{
    if (story->cause_count == RV_LOG_CAUSES)
        return;
    memmove(story->causes[1], story->causes[0], sizeof story->causes[0] * story->cause_count);
    keep_text(story->causes[0], RV_LOG_TEXT, text, strlen(text));
    story->cause_count++;
}

/* "[0]D(outer)[1]D(inner (with more))": each text up to its own closing parenthesis. */
static void take_chain(struct rv_log_story *story, const char *text)
{
    for (const char *at = text; (at = strstr(at, "]D(")) != NULL;) {
        at += 3;
        size_t len = 0;
        for (int open = 1; at[len] != '\0'; len++) {
            open += at[len] == '(' ? 1 : at[len] == ')' ? -1 : 0;
            if (open == 0)
                break;
        }
        push_cause(story, at, len);
        at += len;
    }
}

static void forget_failure(struct rv_log_reader *r)
{
    struct rv_log_story *story = &r->story;
    story->failed = story->step_known = story->number_known = story->inner_known = false;
    story->step_s = -1;
    story->cause_count = 0;
    story->message = NULL;
    r->step_count = 0;
}

static void reach(struct rv_log_reader *r, int phase)
{
    if (phase < 0 || phase <= r->story.phase)
        return;
    r->story.phase = phase;
    if (!r->story.step_known) /* what was complained of earlier did not stop it */
        forget_failure(r);
}

/* ---- restored ---- */

/* "[10:19:54.0263-GMT]": milliseconds of the day; the last figure counts them with four digits [I]. */
static bool line_time(const char *line, uint64_t *ms)
{
    int64_t part[4];
    for (size_t i = 0; i < 4; i++) {
        if (!take_text(&line, i == 0   ? "["
                              : i == 3 ? "."
                                       : ":") ||
            !take_number(&line, &part[i]) || part[i] < 0 || part[i] > 9999)
            return false;
    }
    *ms = (uint64_t)(((part[0] * 60 + part[1]) * 60 + part[2]) * 1000 + part[3] % 1000) % DAY_MS;
    return true;
}

struct checkpoint {
    char kind[16], name[64];
    int64_t code;
    uint32_t step;
    const char *rest;
};

static bool parse_checkpoint(const char *line, struct checkpoint *out)
{
    const char *at = strstr(line, "CHECKPOINT ");
    if (at == NULL)
        return false;
    at += strlen("CHECKPOINT ");
    size_t kind = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    if (kind == 0 || kind >= sizeof out->kind || at[kind] != ':')
        return false;
    keep_text(out->kind, sizeof out->kind, at, kind);
    at += kind + 1;
    out->code = -1;
    if (take_text(&at, "(FAILURE:") && !take_number(&at, &out->code))
        return false;
    at = strstr(at, "[0x");
    if (at == NULL)
        return false;
    at++;
    if (!take_hex(&at, &out->step) || !take_text(&at, "]"))
        return false;
    at += strspn(at, " ");
    size_t name = strcspn(at, " ");
    keep_text(out->name, sizeof out->name, at, name);
    out->rest = at + name;
    return true;
}

static void on_failure(struct rv_log_reader *r, const struct checkpoint *c, bool timed, uint64_t ms)
{
    struct rv_log_story *story = &r->story;
    if (story->failed && story->step_known)
        return; /* the step around it, or one that cleans up: the first names the cause */
    forget_failure(r);
    story->failed = story->step_known = story->number_known = true;
    story->step = c->step & 0xFFFF;
    story->number = c->code;
    snprintf(story->step_name, sizeof story->step_name, "%s", c->name);
    const struct rv_checkpoint_row *row = rv_checkpoint_row(c->step);
    if (row != NULL && row->phase > story->phase)
        story->phase = row->phase;
    if (timed && r->begun_known && r->begun_step == c->step)
        story->step_s = (double)((ms + DAY_MS - r->begun_ms) % DAY_MS) / 1000;
    take_chain(story, c->rest);
    bool listed = story->cause_count == 0;
    for (size_t i = 0; listed && i < r->reason_count; i++)
        push_cause(story, r->reasons[i], strlen(r->reasons[i]));
}

static void on_checkpoint(struct rv_log_reader *r, const struct checkpoint *c)
{
    const struct rv_checkpoint_row *row = rv_checkpoint_row(c->step);
    uint64_t ms = 0;
    bool timed = line_time(r->line, &ms);
    if (strcmp(c->kind, "FAILURE") == 0) {
        on_failure(r, c, timed, ms);
    } else if (strcmp(c->kind, "BEGIN") == 0) {
        if (row == NULL || !row->cleanup)
            forget_failure(r);
        r->begun_known = timed;
        r->begun_step = c->step;
        r->begun_ms = ms;
        r->reason_count = 0;
        reach(r, row == NULL ? -1 : row->phase);
    }
}

/* "restore-step-codes = {0x11070635:{0:-1};0x1107130D:{0:98}}": the last value of each step. */
static void take_steps(struct rv_log_reader *r, const char *at, bool domains)
{
    r->step_count = domains ? r->step_count : 0;
    while ((at = strstr(at, "0x")) != NULL) {
        uint32_t step = 0;
        int64_t index = 0, code = 0;
        if (!take_hex(&at, &step) || !take_text(&at, ":{") || !take_number(&at, &index) || !take_text(&at, ":"))
            continue;
        size_t place = 0;
        while (place < r->step_count && r->steps[place].step != step)
            place++;
        if (place == RV_LOG_STEPS || (domains && place == r->step_count))
            continue;
        struct rv_log_step *s = &r->steps[place];
        if (domains) {
            if (take_text(&at, "\""))
                keep_text(s->domain, sizeof s->domain, at, strcspn(at, "\""));
            continue;
        }
        if (take_number(&at, &code)) {
            *s = (struct rv_log_step){ .step = step, .code = code };
            r->step_count += place == r->step_count;
        }
    }
}

/* A log that begins late shows only the failure of the step around all others; the steps beneath have its number. */
static void find_step_within(struct rv_log_story *story, const struct rv_log_step *s)
{
    const struct rv_checkpoint_row *row = rv_checkpoint_row(s->step);
    if (strncmp(story->step_name, "perform_", 8) != 0 || s->code != story->number || row == NULL ||
        row->id == story->step)
        return;
    story->step = row->id;
    story->step_s = -1;
    snprintf(story->step_name, sizeof story->step_name, "%s", row->name);
    if (row->phase > story->phase)
        story->phase = row->phase;
}

/* A number of another domain lies beneath the one that is reported. */
static void find_inner(struct rv_log_reader *r)
{
    struct rv_log_story *story = &r->story;
    for (size_t i = 0; i < r->step_count; i++) {
        const struct rv_log_step *s = &r->steps[i];
        if (strcmp(s->domain, "AMRestoreErrorDomain") == 0)
            find_step_within(story, s);
        if (s->domain[0] == '\0' || strcmp(s->domain, "AMRestoreErrorDomain") == 0)
            continue;
        story->inner_known = true;
        story->inner_step = s->step & 0xFFFF;
        story->inner_number = s->code;
        snprintf(story->inner_domain, sizeof story->inner_domain, "%s", s->domain);
    }
}

static bool on_steps(struct rv_log_reader *r)
{
    if (strncmp(r->line, "restore-step-codes = ", 21) == 0)
        take_steps(r, r->line + 21, false);
    else if (strncmp(r->line, "restore-step-domains = ", 23) == 0)
        take_steps(r, r->line + 23, true);
    else
        return strncmp(r->line, "restore-step-", 13) == 0;
    if (r->story.step_known)
        find_inner(r);
    return true;
}

/* "10: AMFDRError/a: Failed to copy proxy information": a list that counts towards the cause. */
static bool on_reason(struct rv_log_reader *r)
{
    const char *at = r->line + strspn(r->line, " \t");
    int64_t n = 0;
    if (!take_number(&at, &n) || n < 0 || !take_text(&at, ": "))
        return false;
    size_t domain = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    if (domain == 0 || at[domain] != '/')
        return false;
    at += strcspn(at, ":");
    if (!take_text(&at, ": "))
        return false;
    if (n == 0)
        r->reason_count = 0;
    push(r->reasons, &r->reason_count, at, strlen(at));
    return true;
}

/* ---- computers ---- */

static void on_number(struct rv_log_story *story, int64_t number)
{
    if (number == 0)
        return; /* the words of the same line say that it ended well */
    story->failed = story->number_known = true;
    story->number = number;
}

/* "<Restore Device …>: operation 13 progress 66" and "Waiting for NAND (28)". */
static void on_operation(struct rv_log_reader *r)
{
    const char *at = strstr(r->line, "operation ");
    int64_t operation = -1;
    size_t len = strlen(r->line);
    if (at != NULL) {
        at += strlen("operation ");
        if (!take_number(&at, &operation) || !take_text(&at, " progress"))
            return;
    } else if (len >= 4 && r->line[len - 1] == ')') {
        at = strrchr(r->line, '(') != NULL ? strrchr(r->line, '(') + 1 : r->line;
        if (!take_number(&at, &operation) || strcmp(at, ")") != 0)
            return;
    }
    const struct rv_operation_row *row = operation < 0 ? NULL : rv_operation_row((uint64_t)operation);
    if (row == NULL)
        return;
    r->story.operation = operation;
    reach(r, row->phase);
}

static void on_error_words(struct rv_log_reader *r)
{
    const char *at = strstr(r->line, "ERROR: "), *own = strstr(r->line, " error cli: ");
    int64_t status = 0;
    if (own != NULL) {
        own += strlen(" error cli: ");
        own += strspn(own, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (take_text(&own, ": "))
            push_cause(&r->story, own, strlen(own));
    } else if (at != NULL) {
        put_outside(&r->story, at + strlen("ERROR: "));
    } else {
        at = strstr(r->line, "Status: ");
        if (at == NULL || !rv_log_status(at + strlen("Status: "), &status))
            return;
        on_number(&r->story, status);
    }
    r->story.failed = true;
}

static bool speaks_of_trouble(const char *line)
{
    static const char *const words[] = { "error", "fail", "could not", "couldn't", "unable", "corrupt", "not enough" };
    for (size_t i = 0; i < RV_COUNT(words); i++)
        if (strcasestr(line, words[i]) != NULL)
            return true;
    return false;
}

static void on_words(struct rv_log_reader *r)
{
    int64_t number = 0;
    on_operation(r);
    reach(r, rv_log_line_phase(r->line));
    if (r->story.step_known)
        return; /* the device has said it itself, and closer */
    on_error_words(r);
    if (rv_log_line_number(r->line, &number))
        on_number(&r->story, number);
    if (!speaks_of_trouble(r->line))
        return;
    const struct rv_fact *message = rv_fact_by_message(r->line);
    if (message != NULL && r->story.message == NULL)
        r->story.message = message->key;
}

static void end_line(struct rv_log_reader *r)
{
    struct checkpoint c;
    while (r->len > 0 && isspace((unsigned char)r->line[r->len - 1]))
        r->len--;
    r->line[r->len] = '\0';
    r->story.lines++;
    const struct rv_log_tool *tool = rv_log_tool(r->line);
    if (tool != NULL && tool->run) { /* a log may hold several runs: the last one counts */
        forget_failure(r);
        r->story.phase = r->story.operation = -1;
    }
    if (tool != NULL && (r->story.tool == NULL || tool->run))
        r->story.tool = tool->tool;
    if (parse_checkpoint(r->line, &c))
        on_checkpoint(r, &c);
    else if (!on_steps(r) && !on_reason(r))
        on_words(r);
    r->len = 0;
}

void rv_log_reader_add(struct rv_log_reader *reader, struct rv_span part)
{
    for (size_t i = 0; i < part.len; i++) {
        char c = (char)part.ptr[i];
        if (c == '\n')
            end_line(reader);
        else if (reader->len + 1 < sizeof reader->line) /* the rest of an endless line says nothing new */
            reader->line[reader->len++] = c == '\0' ? ' ' : c;
    }
}

const struct rv_log_story *rv_log_reader_end(struct rv_log_reader *reader)
{
    if (reader->len > 0)
        end_line(reader);
    return &reader->story;
}
