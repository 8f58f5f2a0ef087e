/* SPDX-License-Identifier: Apache-2.0 */
/* `revive guide`: a topic's steps in the words of the device's iOS and of the computer's own program. */
#include "base/language.h"
#include "base/text.h"
#include "command/args.h"
#include "command/verbs.h"
#include "data/guides.h"
#include "device/device.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 2048, WORD_LETTERS_MIN = 3, IOS_MAX = 99 };

static const struct {
    const char *name;
    enum rv_guide_computer computer;
} computers[] = {
    { "finder", RV_GUIDE_FINDER },
    { "itunes", RV_GUIDE_ITUNES },
    { "apple-devices", RV_GUIDE_APPLE_DEVICES },
};

struct wording {
    int ios; /* 0: newest */
    enum rv_guide_computer computer;
};

/* The text with each {name} replaced; names were checked when the table was made. */
static json_t *worded(const char *text, const struct wording *wording)
{
    char out[TEXT_MAX];
    size_t used = 0;
    text = rv_translated(text);
    while (*text != '\0' && used < sizeof out - 1) {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        const char *word =
            end != NULL ? rv_guide_word(text + 1, (size_t)(end - text - 1), wording->ios, wording->computer) : NULL;
        if (word == NULL) {
            out[used++] = *text++;
            continue;
        }
        word = rv_translated(word);
        size_t len = strnlen(word, sizeof out - 1 - used);
        memcpy(out + used, word, len);
        used += len;
        text = end + 1;
    }
    return json_stringn(out, used);
}

static bool have_verb(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; rv_commands[i] != NULL; i++)
        if (strncmp(rv_commands[i]->name, name, len) == 0 && strchr(" ", rv_commands[i]->name[len]) != NULL)
            return true;
    return false;
}

static void set_topic(json_t *result, const struct rv_guide_row *row, const struct wording *wording)
{
    json_t *steps = json_array(), *commands = json_array();
    json_object_set_new(result, "topic", json_string(row->id));
    json_object_set_new(result, "title", json_string(row->title));
    json_object_set_new(result, "answer", worded(row->answer, wording));
    for (size_t i = 0; row->steps[i] != NULL; i++)
        json_array_append_new(steps, worded(row->steps[i], wording));
    for (const struct rv_guide_verb_line *line = row->verb_lines; line->verb != NULL; line++)
        if (have_verb(line->verb))
            json_array_append_new(commands, worded(line->line, wording));
    json_object_set_new(result, "steps", steps);
    json_object_set_new(result, "with_revive", commands);
    json_object_set_new(result, "ios", wording->ios != 0 ? json_integer(wording->ios) : json_null());
}

static void set_topics(json_t *result)
{
    json_t *topics = json_array();
    for (size_t i = 0; i < rv_guide_row_count; i++)
        json_array_append_new(topics,
                              json_pack("{s:s, s:s}", "topic", rv_guide_rows[i].id, "title", rv_guide_rows[i].title));
    json_object_set_new(result, "topics", topics);
}

/* How many of the asked words stand in the text; short words ("is", "my") say nothing. */
static size_t words_shared(const char *asked, const char *text)
{
    size_t shared = 0;
    while (*asked != '\0') {
        char word[64];
        size_t len = 0;
        while (*asked != '\0' && !isalnum((unsigned char)*asked))
            asked++;
        while (isalnum((unsigned char)*asked) || *asked == '\'') {
            if (len < sizeof word - 1)
                word[len++] = *asked;
            asked++;
        }
        word[len] = '\0';
        shared += len > WORD_LETTERS_MIN && strcasestr(text, word) != NULL;
    }
    return shared;
}

/* Its name, or the topic whose title and questions share most words with what was typed; NULL: none shares any. */
static const struct rv_guide_row *find_topic(const char *asked)
{
    const struct rv_guide_row *best = NULL;
    size_t best_score = 0;
    for (size_t i = 0; i < rv_guide_row_count; i++) {
        const struct rv_guide_row *row = &rv_guide_rows[i];
        if (rv_text_equal_nocase(row->id, asked))
            return row;
        size_t score = words_shared(asked, row->title);
        for (size_t q = 0; row->questions[q] != NULL; q++) {
            size_t one = words_shared(asked, row->questions[q]);
            score = one > score ? one : score;
        }
        if (score > best_score) {
            best = row;
            best_score = score;
        }
    }
    return best;
}

static void join_words(const struct rv_args *args, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < args->words && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "", args->positional[i]);
}

/* 17 of "17.5.1"; 0 when it is no version. */
static int major_of(const char *version)
{
    char *end = NULL;
    long major = strtol(version, &end, 10);
    return end != version && (*end == '\0' || *end == '.') && major > 0 && major <= IOS_MAX ? (int)major : 0;
}

/* The iOS of the one device that tells it; a guide never fails because nothing is attached. */
static int attached_ios(struct rv_ctx *ctx, const char *selector)
{
    struct rv_error ignored = { 0 };
    struct rv_device device;
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(ctx, &ignored);
    if (fleet == NULL || !rv_fleet_pick(fleet, selector, &device, &ignored))
        return 0;
    return major_of(device.identity.version);
}

static bool read_wording(struct rv_run *run, struct wording *wording, struct rv_error *err)
{
    const char *ios = rv_arg(run->args, "ios"), *computer = rv_arg(run->args, "computer");
    *wording = (struct wording){ 0 };
    if (ios != NULL) {
        wording->ios = major_of(ios);
        if (wording->ios == 0)
            return rv_fail(err, RV_E_USAGE, "'%.40s' is not an iOS version; write it as 17 or 17.5", ios);
    } else {
        wording->ios = attached_ios(run->ctx, rv_arg(run->args, "device"));
    }
    for (size_t i = 0; computer != NULL && i < RV_COUNT(computers); i++) {
        if (rv_text_equal_nocase(computers[i].name, computer)) {
            wording->computer = computers[i].computer;
            return true;
        }
    }
    return computer == NULL || rv_fail(err, RV_E_USAGE, "'%.40s' is not finder, itunes or apple-devices", computer);
}

static bool run_guide(struct rv_run *run, struct rv_error *err)
{
    char asked[256];
    struct wording wording;
    join_words(run->args, asked, sizeof asked);
    if (asked[0] == '\0') {
        set_topics(run->result);
        return true;
    }
    if (!read_wording(run, &wording, err))
        return false;
    const struct rv_guide_row *row = find_topic(asked);
    if (row == NULL) {
        set_topics(run->result);
        return rv_fail(err, RV_E_USAGE, "no guide speaks about '%.80s'; `revive guide` lists the topics", asked);
    }
    set_topic(run->result, row, &wording);
    return true;
}

static const struct rv_option guide_options[] = {
    { "computer", 0, "NAME", "in the words of finder, itunes or apple-devices" },
    { "ios", 0, "VERSION", "in the words of that iOS (default: the attached device's, or the newest)" },
};

const struct rv_command rv_verb_guide = {
    .name = "guide",
    .summary = "What you can do yourself, step by step, and answers to common questions",
    .words = "[TOPIC or question]",
    .about =
        "Without a topic: the list of topics. With one, or with a question in your own words: what is going on and "
        "what to do, in order, in the words of the menus that your device's iOS shows. Needs no device.",
    .example = "revive guide storage --ios 14\n    why the storage page does not load, in the words of iOS 14",
    .options = guide_options,
    .option_count = RV_COUNT(guide_options),
    .flags = RV_COMMAND_DEVICE,
    .run = run_guide,
};
