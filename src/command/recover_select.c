/* SPDX-License-Identifier: Apache-2.0 */
#include "command/recover_select.h"

#include "artifact/record.h"
#include "base/text.h"
#include "command/args.h"
#include "command/backup_pick.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Calls `take` for each word of "a,b,c". */
static bool each_word(const char *list, bool (*take)(struct rv_selection *, const char *, struct rv_error *),
                      struct rv_selection *out, struct rv_error *err)
{
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        RV_AUTO_TEXT word = rv_text_copy_n(list, length);
        if (word == NULL)
            return rv_fail_nomem(err);
        if (length > 0 && !take(out, word, err))
            return false;
        list += length;
        list += *list == ',';
    }
    return true;
}

static bool take_type(struct rv_selection *out, const char *word, struct rv_error *err)
{
    const char *names[32];
    size_t count = 0;
    for (; rv_artifacts[count] != NULL && count < RV_COUNT(names); count++) {
        names[count] = rv_artifacts[count]->type;
        if (strcmp(word, names[count]) == 0)
            return out->types[count] = true;
    }
    const char *near = rv_nearest_name(word, names, count);
    return rv_fail(err, RV_E_USAGE, "there is no type \"%s\"%s%s%s", word, near != NULL ? "; did you mean \"" : "",
                   near != NULL ? near : "", near != NULL ? "\"?" : ": `revive recover scan` lists them");
}

static bool take_state(struct rv_selection *out, const char *word, struct rv_error *err)
{
    static const struct {
        const char *word;
        enum rv_record_state state;
    } words[] = { { "live", RV_LIVE },
                  { "recently-deleted", RV_TRASHED },
                  { "recently_deleted", RV_TRASHED },
                  { "deleted", RV_CARVED },
                  { "carved", RV_CARVED },
                  { "in-older-backup", RV_EARLIER },
                  { "in_older_backup", RV_EARLIER } };
    if (strcmp(word, "deleted") == 0) /* wherever it was found again */
        out->states[RV_EARLIER] = true;
    for (size_t i = 0; i < RV_COUNT(words); i++)
        if (strcmp(word, words[i].word) == 0)
            return out->states[words[i].state] = true;
    return rv_fail(err, RV_E_USAGE, "--state %s: live, recently-deleted, deleted and in-older-backup are known", word);
}

static bool take_date(const char *text, const char *option, bool end, double *out, struct rv_error *err)
{
    if (text == NULL)
        return true;
    if (!rv_time_parse(text, out))
        return rv_fail(err, RV_E_USAGE, "--%s %s is no date: write 2024-03-01 or 2024-03-01T18:00:00", option, text);
    *out += end && strlen(text) == 10 ? 86399 : 0;
    return true;
}

bool rv_selection_read(const struct rv_args *args, struct rv_selection *out, struct rv_error *err)
{
    const char *types = rv_arg(args, "type"), *states = rv_arg(args, "state");
    *out = (struct rv_selection){ .older = rv_arg_flag(args, "all-rows"),
                                  .with = rv_arg(args, "with"),
                                  .search = rv_arg(args, "search") };
    for (size_t i = 0; types == NULL && rv_artifacts[i] != NULL && i < RV_COUNT(out->types); i++)
        out->types[i] = !rv_artifacts[i]->on_request;
    bool deleted = rv_arg_flag(args, "deleted");
    for (size_t i = 0; states == NULL && i < RV_RECORD_STATES; i++)
        out->states[i] = !deleted || i != RV_LIVE;
    return (types == NULL || each_word(types, take_type, out, err)) &&
           (states == NULL || each_word(states, take_state, out, err)) &&
           take_date(rv_arg(args, "since"), "since", false, &out->since, err) &&
           take_date(rv_arg(args, "until"), "until", true, &out->until, err);
}

bool rv_selection_compares(const struct rv_selection *selection)
{
    return selection->states[RV_EARLIER] || selection->states[RV_CARVED];
}

bool rv_selection_carves(const struct rv_selection *selection)
{
    return selection->states[RV_CARVED] || selection->older;
}

/* Capitals and small letters alike, in ASCII; other letters to the letter. */
static bool holds(const char *text, const char *wanted)
{
    return strcasestr(text, wanted) != NULL;
}

/* A number is the same however it is written: the last nine digits decide. */
static bool same_number(const char *text, const char *wanted)
{
    char a[64], b[64];
    size_t n = 0, m = 0;
    for (; *text != '\0' && n + 1 < sizeof a; text++)
        if (isdigit((unsigned char)*text))
            a[n++] = *text;
    for (; *wanted != '\0' && m + 1 < sizeof b; wanted++)
        if (isdigit((unsigned char)*wanted))
            b[m++] = *wanted;
    size_t least = n < m ? n : m;
    return least >= 7 &&
           memcmp(a + n - (least > 9 ? 9 : least), b + m - (least > 9 ? 9 : least), least > 9 ? 9 : least) == 0;
}

static bool any_text(const json_t *value, const char *wanted, bool person, int depth)
{
    const char *key;
    json_t *one;
    size_t i;
    if (json_is_string(value))
        return holds(json_string_value(value), wanted) || (person && same_number(json_string_value(value), wanted));
    if (depth > 8)
        return false;
    json_array_foreach ((json_t *)(uintptr_t)value, i, one)
        if (any_text(one, wanted, person, depth + 1))
            return true;
    if (json_is_object(value))
        json_object_foreach ((json_t *)(uintptr_t)value, key, one)
            if (strcmp(key, "source") != 0 && any_text(one, wanted, person, depth + 1))
                return true;
    return false;
}

static bool with_person(const json_t *record, const char *person)
{
    static const char *const keys[] = { "from",      "from_name",    "chat",   "who",    "name",
                                        "number",    "participants", "phones", "emails", "attendees",
                                        "organizer", "sender",       "first",  "last",   "organization" };
    for (size_t i = 0; i < RV_COUNT(keys); i++)
        if (any_text(json_object_get(record, keys[i]), person, true, 0))
            return true;
    return false;
}

bool rv_selection_takes(const struct rv_selection *s, const json_t *record)
{
    const char *state = json_string_value(json_object_get(record, "state"));
    const char *date = json_string_value(json_object_get(record, "date"));
    double at = 0;
    for (size_t i = 0; i < RV_RECORD_STATES; i++)
        if (!s->states[i] && strcmp(state, rv_record_state_names[i]) == 0)
            return false;
    if ((s->since != 0 || s->until != 0) && (date == NULL || !rv_time_parse(date, &at)))
        return false;
    if ((s->since != 0 && at < s->since) || (s->until != 0 && at > s->until))
        return false;
    return (s->with == NULL || with_person(record, s->with)) &&
           (s->search == NULL || any_text(record, s->search, false, 0));
}

json_t *rv_recover_counts(const struct rv_job *job)
{
    const struct rv_counts *c = &job->counts;
    json_t *j = json_object();
    json_object_set_new(j, "type", json_string(job->artifact->type));
    json_object_set_new(j, "title", json_string(job->artifact->title));
    json_object_set_new(j, "files", json_integer((json_int_t)c->files));
    json_object_set_new(j, "live", json_integer((json_int_t)c->by_state[RV_LIVE]));
    json_object_set_new(j, "recently_deleted", json_integer((json_int_t)c->by_state[RV_TRASHED]));
    json_object_set_new(j, "deleted", json_integer((json_int_t)c->by_state[RV_CARVED]));
    if (job->source->earlier != NULL)
        json_object_set_new(j, "in_older_backups", json_integer((json_int_t)c->by_state[RV_EARLIER]));
    json_object_set_new(j, "older_versions", json_integer((json_int_t)c->older));
    json_object_set_new(j, "tombstones", json_integer((json_int_t)c->tombstones));
    json_object_set_new(j, "broken", json_integer((json_int_t)c->broken));
    if (c->media + c->missing_media > 0) {
        json_object_set_new(j, "media", json_integer((json_int_t)c->media));
        json_object_set_new(j, "media_missing", json_integer((json_int_t)c->missing_media));
    }
    json_t *why = job->notes != NULL ? json_deep_copy(job->notes) : json_array();
    if (c->files == 0)
        json_array_append_new(why, json_string(job->artifact->absent));
    if (json_array_size(why) > 0)
        json_object_set(j, "why", why);
    json_decref(why);
    return j;
}
