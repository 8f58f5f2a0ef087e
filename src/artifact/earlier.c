/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several backups of one phone read together: first what the newest holds, then what an earlier one holds and no newer
 * one (it was deleted in between, and its backup tells when at the latest it was there), then deleted rows of all of
 * them. What is the same thing is decided by its own identity, so nothing is shown twice.
 */
#include "artifact/record.h"

#include <stdio.h>
#include <string.h>

enum sift_pass { PASS_NEWEST, PASS_EARLIER, PASS_CARVED };

struct rv_sift {
    enum sift_pass pass;
    uint64_t *keys; /* open addressing; 0 is free */
    size_t count, room;
    const struct rv_source *newer; /* the backup after the one that is read */
    bool failed;
};

/* FNV-1a over the parts of an identity; two things of one number among millions are not met in practice. */
static uint64_t mix(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3ULL;
    return (hash ^ 0x1f) * 0x100000001b3ULL;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* Its own name where the phone gives it one; else its place in the table and its time. 0: it has none. */
static uint64_t key_of(const struct rv_job *job, const json_t *record)
{
    static const char *const names[] = { "guid", "id", "uid" };
    const json_t *source = json_object_get(record, "source"), *rowid = json_object_get(source, "rowid");
    uint64_t hash = mix(0xcbf29ce484222325ULL, job->artifact->type);
    char number[64];
    for (size_t i = 0; i < RV_COUNT(names); i++)
        if (*text_of(record, names[i]) != '\0')
            return mix(hash, text_of(record, names[i])) | 1;
    if (!json_is_integer(rowid))
        return 0;
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(rowid));
    hash = mix(mix(mix(hash, text_of(source, "path")), text_of(source, "table")), number);
    bool dated = job->artifact->shape == RV_SHAPE_ROWS; /* a date that no later change moves */
    return mix(hash, dated ? text_of(record, "date") : "") | 1;
}

static bool grow(struct rv_sift *sift)
{
    size_t room = sift->room ? sift->room * 2 : 4096;
    uint64_t *keys = rv_alloc(room * sizeof *keys);
    for (size_t i = 0; keys != NULL && i < sift->room; i++) {
        size_t at = (size_t)(sift->keys[i] >> 1) & (room - 1);
        while (sift->keys[i] != 0 && keys[at] != 0)
            at = (at + 1) & (room - 1);
        if (sift->keys[i] != 0)
            keys[at] = sift->keys[i];
    }
    if (keys == NULL)
        return false;
    rv_free(sift->keys);
    sift->keys = keys;
    sift->room = room;
    return true;
}

/* True when it was not there before. */
static bool add(struct rv_sift *sift, uint64_t key)
{
    if (sift->count * 4 >= sift->room * 3 && !grow(sift)) {
        sift->failed = true;
        return true;
    }
    size_t at = (size_t)(key >> 1) & (sift->room - 1);
    while (sift->keys[at] != 0 && sift->keys[at] != key)
        at = (at + 1) & (sift->room - 1);
    if (sift->keys[at] == key)
        return false;
    sift->keys[at] = key;
    sift->count++;
    return true;
}

static void label(const struct rv_job *job, const struct rv_sift *sift, json_t *record)
{
    json_t *source = json_object_get(record, "source");
    rv_put_words(source, "backup", job->source->date);
    rv_put_words(source, "backup_folder", job->source->from);
    if (sift->pass == PASS_EARLIER && sift->newer != NULL)
        rv_put_words(record, "deleted_before", sift->newer->date);
}

bool rv_sift_takes(struct rv_job *job, enum rv_record_state *state, json_t *record)
{
    struct rv_sift *sift = job->sift;
    uint64_t key = key_of(job, record);
    if ((sift->pass == PASS_CARVED) != (*state == RV_CARVED))
        return false;
    bool fresh = key == 0 || add(sift, key);
    if (sift->pass == PASS_NEWEST)
        return true;
    if (!fresh && json_object_get(record, "older_version") == NULL)
        return false;
    if (sift->pass == PASS_EARLIER) {
        if (key == 0)
            return false; /* whether it is still there cannot be told */
        *state = RV_EARLIER;
        json_object_set_new(record, "state", json_string(rv_record_state_names[RV_EARLIER]));
    }
    if (sift->newer != NULL)
        label(job, sift, record);
    return true;
}

/* One pass over one backup; only what it adds of records counts, files and marks are those of the newest. */
static bool pass(struct rv_job *job, struct rv_source *source, enum sift_pass which, struct rv_error *err)
{
    struct rv_source *newest = job->source;
    struct rv_counts before = job->counts;
    bool carve = job->carve;
    job->sift->pass = which;
    job->source = source;
    job->carve = which == PASS_CARVED && carve;
    json_object_clear(job->done);
    bool fine = rv_job_run_one(job, err);
    job->source = newest;
    job->carve = carve;
    if (which != PASS_NEWEST) {
        struct rv_counts after = job->counts;
        job->counts = before;
        memcpy(job->counts.by_state, after.by_state, sizeof after.by_state);
        job->counts.older = after.older;
        if (which == PASS_EARLIER) {
            job->counts.media = after.media;
            job->counts.missing_media = after.missing_media;
            job->counts.files += source != newest && before.files == 0 ? after.files : 0;
        }
    }
    return fine && (!job->sift->failed || rv_fail_nomem(err));
}

bool rv_job_run_several(struct rv_job *job, struct rv_error *err)
{
    struct rv_sift sift = { .pass = PASS_NEWEST };
    bool count_only = job->count_only;
    bool carve = job->carve;
    if (job->done == NULL)
        job->done = json_object();
    job->sift = &sift;
    job->count_only = false; /* identities are read from records */
    job->carve = false;
    bool fine = pass(job, job->source, PASS_NEWEST, err);
    job->carve = carve;
    const struct rv_source *newer = job->source;
    for (struct rv_source *at = job->source->earlier; fine && at != NULL && !job->enough; at = at->earlier) {
        sift.newer = newer;
        fine = pass(job, at, PASS_EARLIER, err);
        newer = at;
    }
    sift.newer = NULL;
    for (struct rv_source *at = job->source; fine && carve && at != NULL && !job->enough; at = at->earlier) {
        fine = pass(job, at, PASS_CARVED, err);
        sift.newer = at;
    }
    job->sift = NULL;
    job->count_only = count_only;
    rv_free(sift.keys);
    return fine;
}
