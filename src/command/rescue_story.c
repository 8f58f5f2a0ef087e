/* SPDX-License-Identifier: Apache-2.0 */
/* What was tried with a device, so that a rescue that was killed goes on, and a shop can read it. */
#include "command/rescue.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { STORY_MAX = 256 * 1024, KEPT_SECONDS = 14 * 24 * 3600 };

static void put_now(char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static char *folder_of(struct rv_ctx *ctx, struct rv_error *err)
{
    return rv_path_join(ctx->state_dir, "rescues", err);
}

static char *path_of(struct rv_ctx *ctx, uint64_t ecid, const char *ending, struct rv_error *err)
{
    char leaf[32];
    RV_AUTO_TEXT folder = folder_of(ctx, err);
    snprintf(leaf, sizeof leaf, "%016llx.%s", (unsigned long long)ecid, ending);
    return folder != NULL ? rv_path_join(folder, leaf, err) : NULL;
}

/* ---- reading ---- */

static void take_text(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(out, size, "%s", text != NULL ? text : "");
    rv_text_clean(out);
}

static bool take_try(const json_t *object, struct rv_try *one)
{
    const char *id = json_string_value(json_object_get(object, "rung"));
    const struct rv_rung *rung = id != NULL ? rv_rung(id) : NULL;
    if (rung == NULL)
        return false;
    *one = (struct rv_try){ .rung = (enum rv_rung_id)(rung - rv_rungs) };
    take_text(object, "began", one->began, sizeof one->began);
    take_text(object, "outcome", one->outcome, sizeof one->outcome);
    take_text(object, "step", one->step, sizeof one->step);
    take_text(object, "code", one->code, sizeof one->code);
    take_text(object, "why", one->why, sizeof one->why);
    one->itunes = (int)json_integer_value(json_object_get(object, "itunes_code"));
    return true;
}

static bool read_story(const char *path, struct rv_story *story)
{
    struct rv_error unread = { 0 };
    char ecid[32];
    size_t i;
    json_t *one;
    RV_AUTO(rv_blob) bytes = rv_file_read(path, STORY_MAX, &unread);
    json_t *all = bytes != NULL ? json_loadb((const char *)bytes->data, bytes->len, 0, NULL) : NULL;
    memset(story, 0, sizeof *story);
    take_text(all, "ecid", ecid, sizeof ecid);
    take_text(all, "began", story->began, sizeof story->began);
    take_text(all, "state", story->state, sizeof story->state);
    take_text(all, "symptom", story->symptom, sizeof story->symptom);
    take_text(all, "model", story->model, sizeof story->model);
    story->facts = (uint32_t)json_integer_value(json_object_get(all, "facts"));
    json_array_foreach (json_object_get(all, "tries"), i, one)
        if (story->count < RV_TRIES_MAX && take_try(one, &story->tries[story->count]))
            story->count++;
    json_decref(all);
    return rv_text_number(ecid, 0, &story->ecid) && story->ecid != 0;
}

static bool is_fresh(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && time(NULL) - st.st_mtime < KEPT_SECONDS;
}

bool rv_story_claim(struct rv_ctx *ctx, uint64_t ecid, int *lock, struct rv_error *err)
{
    struct rv_error unlocked = { 0 };
    RV_AUTO_TEXT folder = folder_of(ctx, &unlocked);
    RV_AUTO_TEXT path = path_of(ctx, ecid, "lock", &unlocked);
    if (path == NULL || !rv_dir_make(folder, &unlocked) || rv_file_lock(path, lock, &unlocked) ||
        unlocked.code != RV_E_BUSY)
        return true;
    *err = unlocked;
    return rv_advise(err, RV_ADVICE_JOB_BUSY);
}

void rv_story_load(struct rv_ctx *ctx, uint64_t ecid, struct rv_story *story)
{
    struct rv_error unread = { 0 };
    struct rv_story earlier;
    RV_AUTO_TEXT path = path_of(ctx, ecid, "json", &unread);
    story->ecid = ecid;
    if (path == NULL || !is_fresh(path) || !read_story(path, &earlier) || earlier.ecid != ecid ||
        strcmp(earlier.state, "done") == 0)
        return;
    /* What this run did before the device told who it is comes behind. */
    for (size_t i = 0; i < story->count && earlier.count < RV_TRIES_MAX; i++)
        earlier.tries[earlier.count++] = story->tries[i];
    earlier.facts |= story->facts;
    if (story->symptom[0] != '\0')
        snprintf(earlier.symptom, sizeof earlier.symptom, "%s", story->symptom);
    *story = earlier;
    story->goes_on = true;
    /* A rung that was only begun when the program was killed is as good as not taken. */
    if (story->count > 0 && strcmp(story->tries[story->count - 1].outcome, "begun") == 0)
        snprintf(story->tries[story->count - 1].outcome, sizeof story->tries[0].outcome, "stopped");
}

size_t rv_story_list(struct rv_ctx *ctx, struct rv_story *out, size_t max)
{
    struct rv_error unread = { 0 };
    size_t count = 0;
    RV_AUTO_TEXT folder = folder_of(ctx, &unread);
    DIR *dir = folder != NULL ? opendir(folder) : NULL;
    for (const struct dirent *e; dir != NULL && count < max && (e = readdir(dir)) != NULL;) {
        RV_AUTO_TEXT path = rv_text_ends(e->d_name, ".json") ? rv_path_join(folder, e->d_name, &unread) : NULL;
        if (path != NULL && read_story(path, &out[count]))
            count++;
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

/* ---- writing ---- */

static json_t *try_json(const struct rv_try *one)
{
    json_t *out =
        json_pack("{s:s, s:s, s:s}", "rung", rv_rungs[one->rung].id, "began", one->began, "outcome", one->outcome);
    json_object_set_new(out, "step", one->step[0] != '\0' ? json_string(one->step) : json_null());
    json_object_set_new(out, "code", one->code[0] != '\0' ? json_string(one->code) : json_null());
    json_object_set_new(out, "itunes_code", one->itunes != 0 ? json_integer(one->itunes) : json_null());
    json_object_set_new(out, "why", one->why[0] != '\0' ? json_string(one->why) : json_null());
    return out;
}

json_t *rv_story_tries_json(const struct rv_story *story)
{
    json_t *list = json_array();
    for (size_t i = 0; i < story->count; i++)
        json_array_append_new(list, try_json(&story->tries[i]));
    return list;
}

static bool write_story(struct rv_ctx *ctx, const struct rv_story *story, struct rv_error *err)
{
    char ecid[24];
    RV_AUTO_TEXT folder = folder_of(ctx, err);
    RV_AUTO_TEXT path = folder != NULL ? path_of(ctx, story->ecid, "json", err) : NULL;
    if (path == NULL || !rv_dir_make(folder, err))
        return false;
    snprintf(ecid, sizeof ecid, "0x%llX", (unsigned long long)story->ecid);
    json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o}", "ecid", ecid, "began", story->began, "state",
                            story->state, "symptom", story->symptom, "model", story->model, "facts",
                            (json_int_t)story->facts, "tries", rv_story_tries_json(story));
    char *text = json_dumps(all, JSON_INDENT(1));
    json_decref(all);
    if (text == NULL)
        return rv_fail_nomem(err);
    bool fine = rv_file_write_atomic(path, rv_span((const uint8_t *)text, strlen(text)), 0600, err);
    free(text);
    return fine;
}

void rv_story_save(struct rv_ctx *ctx, const struct rv_story *story)
{
    struct rv_error unwritten = { 0 };
    if (story->ecid != 0 && !write_story(ctx, story, &unwritten))
        rv_tell_warning(ctx, "What was tried could not be written down: %s", unwritten.text[0]);
}

/* ---- the story goes on ---- */

struct rv_try *rv_story_begin(struct rv_ctx *ctx, struct rv_story *story, enum rv_rung_id rung)
{
    if (story->count == RV_TRIES_MAX)
        story->count--;
    struct rv_try *one = &story->tries[story->count++];
    *one = (struct rv_try){ .rung = rung };
    put_now(one->began, sizeof one->began);
    snprintf(one->outcome, sizeof one->outcome, "begun");
    if (story->began[0] == '\0')
        snprintf(story->began, sizeof story->began, "%s", one->began);
    snprintf(story->state, sizeof story->state, "open");
    rv_story_save(ctx, story);
    return one;
}

static bool is_same(const struct rv_try *a, const struct rv_try *b)
{
    return a->step[0] != '\0' && strcmp(a->step, b->step) == 0 && strcmp(a->code, b->code) == 0 &&
           a->itunes == b->itunes && strcmp(a->outcome, b->outcome) == 0;
}

void rv_story_end(struct rv_ctx *ctx, struct rv_story *story, const char *outcome, const struct rv_error *err)
{
    struct rv_try *one = &story->tries[story->count - 1];
    snprintf(one->outcome, sizeof one->outcome, "%s", outcome);
    if (err != NULL)
        snprintf(one->why, sizeof one->why, "%s", err->text[0]);
    if (strcmp(outcome, "stopped") != 0) {
        story->facts |= RV_LADDER_BIT(one->rung) | RV_LADDER_BIT(RV_FACT_TRIED);
        story->facts &= ~RV_LADDER_BIT(RV_FACT_BOOT_PHASE);
        /* The restore software runs from here on: what fails then fails in the same software, whatever loaded it. */
        if (one->step[0] != '\0' && strcmp(one->step, "install") != 0 && strcmp(one->step, "finish") != 0)
            story->facts |= RV_LADDER_BIT(RV_FACT_BOOT_PHASE);
        for (size_t i = 0; strcmp(outcome, "failed") == 0 && i + 1 < story->count; i++)
            if (is_same(&story->tries[i], one))
                story->facts |= RV_LADDER_BIT(RV_FACT_SAME_TWICE);
    }
    rv_story_save(ctx, story);
}
