/* SPDX-License-Identifier: Apache-2.0 */
/* What an error number, a message or the log of a restore means, and what to do. No device is needed. */
#include "care/explanation.h"

#include "base/file.h"
#include "base/text.h"
#include "command/error_words.h"
#include "command/verbs.h"
#include "data/restore_words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MAX = 2000, PART = 64 * 1024 };

static json_t *texts_json(const char *const *texts)
{
    json_t *list = json_array();
    for (; texts != NULL && *texts != NULL; texts++)
        json_array_append_new(list, json_string(*texts));
    return list;
}

static json_t *parts_json(const char *const *parts)
{
    json_t *list = json_array();
    for (; parts != NULL && *parts != NULL; parts++)
        json_array_append_new(list, json_string(rv_fact_part_words(*parts)));
    return list;
}

json_t *rv_fact_json(const struct rv_fact *fact)
{
    if (fact == NULL)
        return json_null();
    const struct rv_fact_domain *domain = rv_fact_domain(fact->domain);
    json_t *j = json_pack("{s:s, s:s, s:s, s:s}", "domain", fact->domain, "domain_words",
                          domain != NULL ? domain->words : fact->domain, "name", fact->name, "meaning", fact->meaning);
    if (fact->numbered) {
        json_object_set_new(j, "code", json_integer(fact->low));
        if (fact->low >= 0xE8000000) {
            char hex[24];
            snprintf(hex, sizeof hex, "0x%08llX", (unsigned long long)fact->low);
            json_object_set_new(j, "hex", json_string(hex));
            json_object_set_new(j, "signed", json_integer(fact->low - 0x100000000));
        }
    }
    if (fact->range)
        json_object_set_new(j, "range", json_pack("[I, I]", (json_int_t)fact->low, (json_int_t)fact->high));
    if (fact->key != NULL)
        json_object_set_new(j, "message", json_string(fact->key));
    if (fact->symbol != NULL)
        json_object_set_new(j, "symbol", json_string(fact->symbol));
    json_object_set_new(j, "causes", texts_json(fact->causes));
    json_object_set_new(j, "actions", texts_json(fact->actions));
    json_object_set_new(j, "phase", json_string(fact->phase));
    json_object_set_new(j, "phase_words", json_string(rv_fact_phase_words(fact->phase)));
    json_object_set_new(j, "points_at", texts_json(fact->parts));
    json_object_set_new(j, "points_at_words", parts_json(fact->parts));
    json_object_set_new(j, "certainty", json_string(fact->sure));
    json_object_set_new(j, "certainty_words", json_string(rv_fact_sure_words(fact->sure)));
    json_object_set_new(j, "worth_a_retry", json_boolean(fact->transient));
    return j;
}

/* ---- numbers and words ---- */

static bool join_words(const struct rv_args *args, char *out, size_t out_size, struct rv_error *err)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < args->words; i++) {
        int n = snprintf(out + used, out_size - used, "%s%s", i > 0 ? " " : "", args->positional[i]);
        if (n < 0 || (size_t)n >= out_size - used)
            return rv_fail(err, RV_E_USAGE, "that is too long: name the number, the message, or the file of a log");
        used += (size_t)n;
    }
    return true;
}

/* "logs/2026.txt" was meant as a file, "MBErrorDomain/205" was not. */
static bool looks_like_path(const char *words, const struct rv_explained *found)
{
    return found->domain == NULL && strchr(words, ' ') == NULL &&
           (strchr(words, '/') != NULL || rv_text_ends(words, ".log") || rv_text_ends(words, ".txt"));
}

static bool explain_words(struct rv_run *run, const char *words, struct rv_error *err)
{
    struct rv_explained found;
    bool something = rv_explain_words(words, &found);
    if (looks_like_path(words, &found)) {
        rv_fail(err, RV_E_NOT_FOUND, "there is no file %.150s", words);
        return rv_advise(err, RV_ADVICE_EXPLAIN_WHAT);
    }
    if (!something) {
        rv_fail(err, RV_E_USAGE, "'%.100s' is neither a file nor an error number, nor a message that revive knows",
                words);
        return rv_advise(err, RV_ADVICE_EXPLAIN_WHAT);
    }
    json_t *meanings = json_array();
    for (size_t i = 0; i < found.count; i++)
        json_array_append_new(meanings, rv_fact_json(found.facts[i]));
    char clean[200];
    snprintf(clean, sizeof clean, "%s", words);
    rv_text_clean(clean);
    json_object_set_new(run->result, "kind", json_string("code"));
    json_object_set_new(run->result, "query", json_string(clean));
    json_object_set_new(run->result, "known", json_boolean(found.count > 0));
    json_object_set_new(run->result, "code", found.number_known ? json_integer(found.number) : json_null());
    json_object_set_new(run->result, "meanings", meanings);
    if (found.count > 0)
        return true;
    json_object_set_new(run->result, "family", rv_fact_json(found.family));
    json_object_set_new(run->result, "of_the_family", json_boolean(found.family != NULL && !found.nearest));
    json_object_set_new(run->result, "signing_status",
                        found.signing_status >= 0 ? json_integer(found.signing_status) : json_null());
    return true;
}

/* ---- logs ---- */

static json_t *phase_json(const struct rv_log_story *story)
{
    const struct rv_log_phase *phase = rv_log_phase(story->phase);
    return phase == NULL ? json_null() : json_pack("{s:s, s:s}", "id", phase->id, "words", phase->words);
}

static json_t *step_json(const struct rv_log_story *story)
{
    char id[16];
    if (!story->step_known)
        return json_null();
    snprintf(id, sizeof id, "0x%04X", (unsigned)story->step);
    json_t *j = json_pack("{s:s, s:s}", "id", id, "name", story->step_name);
    json_object_set_new(j, "seconds", story->step_s < 0 ? json_null() : json_real(story->step_s));
    return j;
}

static json_t *operation_json(const struct rv_log_story *story)
{
    const struct rv_operation_row *row = story->operation < 0 ? NULL : rv_operation_row((uint64_t)story->operation);
    return row == NULL ? json_null() : json_pack("{s:i, s:s}", "number", (int)row->operation, "words", row->words);
}

static json_t *inner_json(const struct rv_log_story *story, const struct rv_diagnosis *d)
{
    const char *step = story->inner_known ? rv_checkpoint_name(story->inner_step) : NULL;
    if (!story->inner_known)
        return json_null();
    json_t *j = json_pack("{s:s, s:I}", "domain", story->inner_domain, "code", (json_int_t)story->inner_number);
    json_object_set_new(j, "step", step == NULL ? json_null() : json_string(step));
    json_object_set_new(j, "name", d->inner == NULL ? json_null() : json_string(d->inner->name));
    json_object_set_new(j, "meaning", d->inner == NULL ? json_null() : json_string(d->inner->meaning));
    return j;
}

static void tell_log(struct rv_run *run, const struct rv_log_story *story)
{
    struct rv_diagnosis d;
    rv_diagnose(story, &d);
    bool done = story->phase == rv_log_phase_done() && !story->failed;
    json_t *causes = json_array(), *out = run->result;
    for (size_t i = 0; i < story->cause_count; i++)
        json_array_append_new(causes, json_string(story->causes[i]));
    json_object_set_new(out, "kind", json_string("log"));
    json_object_set_new(out, "tool", story->tool == NULL ? json_null() : json_string(story->tool));
    json_object_set_new(out, "lines", json_integer((json_int_t)story->lines));
    json_object_set_new(out, "outcome", json_string(story->failed ? "failed" : done ? "done" : "broken-off"));
    json_object_set_new(out, "phase", phase_json(story));
    json_object_set_new(out, "step", step_json(story));
    json_object_set_new(out, "operation", operation_json(story));
    json_object_set_new(out, "code", story->failed && story->number_known ? json_integer(story->number) : json_null());
    json_object_set_new(out, "known", json_boolean(d.fact != NULL));
    json_object_set_new(out, "meaning", rv_fact_json(d.fact != NULL ? d.fact : d.family));
    json_object_set_new(out, "inner", inner_json(story, &d));
    json_object_set_new(out, "deepest_cause",
                        story->cause_count > 0 ? json_string(story->causes[story->cause_count - 1]) : json_null());
    json_object_set_new(out, "causes", causes);
    json_object_set_new(out, "part", d.part == NULL ? json_null() : json_string(d.part));
    json_object_set_new(out, "part_words", d.part == NULL ? json_null() : json_string(rv_fact_part_words(d.part)));
    json_object_set_new(out, "actions", d.cure == NULL ? json_array() : texts_json(d.cure->actions));
}

static bool read_log(struct rv_run *run, int fd, const char *name, struct rv_error *err)
{
    struct rv_log_reader *reader = rv_alloc(sizeof *reader);
    uint8_t *part = rv_alloc(PART);
    ssize_t got = 0;
    bool fine = reader != NULL && part != NULL ? true : rv_fail_nomem(err);
    if (fine)
        rv_log_reader_init(reader);
    while (fine && (got = read(fd, part, PART)) != 0) {
        if (got > 0)
            rv_log_reader_add(reader, rv_span(part, (size_t)got));
        else if (errno != EINTR)
            fine = rv_fail_sys(err, RV_E_IO, errno, "reading %s", name);
        fine = fine && rv_cancel_point(&run->ctx->cancel, err);
    }
    if (fine) {
        const struct rv_log_story *story = rv_log_reader_end(reader);
        if (story->tool == NULL && story->phase < 0 && !story->failed && story->message == NULL) {
            rv_fail(err, RV_E_NOT_FOUND, "%s holds nothing that the log of a restore would hold (%llu lines read)",
                    name, (unsigned long long)story->lines);
            fine = rv_advise(err, RV_ADVICE_EXPLAIN_WHAT);
        } else {
            tell_log(run, story);
        }
    }
    rv_free(reader);
    rv_free(part);
    return fine;
}

static bool run_explain(struct rv_run *run, struct rv_error *err)
{
    const char *first = rv_arg_word(run->args, 0);
    char words[WORDS_MAX];
    if (first == NULL) {
        rv_fail(err, RV_E_USAGE, "which number, message or log?");
        return rv_advise(err, RV_ADVICE_EXPLAIN_WHAT);
    }
    if (run->args->words == 1 && strcmp(first, "-") == 0)
        return read_log(run, STDIN_FILENO, "standard input", err);
    struct stat st;
    if (run->args->words == 1 && stat(first, &st) == 0) {
        int fd = S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) ? open(first, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0)
            return rv_fail_sys(err, RV_E_IO, S_ISDIR(st.st_mode) ? EISDIR : errno, "opening %s", first);
        bool fine = read_log(run, fd, first, err);
        close(fd);
        return fine;
    }
    return join_words(run->args, words, sizeof words, err) && explain_words(run, words, err);
}

const struct rv_command rv_verb_explain = {
    .name = "explain",
    .summary = "Say what an error number or a restore log means, and what to do",
    .words = "CODE|LOG",
    .about = "A number in any spelling (4013, 0xE8000015, -402653163, \"(14)\", MBErrorDomain/205, STATUS=94), a name "
             "(kAMDPasswordProtectedError), a message of iTunes or Finder, or the log of a restore: of iTunes, Finder, "
             "idevicerestore, revive itself or the phone; \"-\" reads it from standard input. Of a log it says how far "
             "the restore came, the deepest reason written down, the part of the phone that it points at, and what to "
             "do next. It says how sure each meaning is, and says so when a number is not known. Needs no device. The "
             "whole table: man 7 revive-errors.",
    .example =
        "revive explain 4013\n    says that the phone fell back into Recovery mode, why, and what to try in order",
    .run = run_explain,
};
