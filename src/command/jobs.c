/* SPDX-License-Identifier: Apache-2.0 */
/* `revive status`: what this computer has begun with devices, and how far it came. */
#include "base/bytes.h"
#include "base/text.h"
#include "command/device_json.h"
#include "command/rescue.h"
#include "command/verbs.h"
#include "restore/restore.h"

#include <string.h>

enum { JOBS_MAX = 64 };

static json_t *job_json(const struct rv_job *job)
{
    json_t *one = json_object();
    bool done = strcmp(job->state, "done") == 0;
    rv_json_set_hex(one, "ecid", job->ecid, 16);
    json_object_set_new(one, "behaviour", json_string(job->behavior == RV_BEHAVIOR_UPDATE ? "update" : "erase"));
    rv_json_set_text(one, "state", job->state);
    rv_json_set_text(one, "started", job->started);
    rv_json_set_text(one, "last_step", job->last_step);
    rv_json_set_text(one, "why", job->why);
    rv_json_set_text(one, "ipsw", job->ipsw_path);
    json_object_set_new(one, "attempts", json_integer(job->attempts));
    json_object_set_new(one, "next", done ? json_null() : json_string("revive resume"));
    return one;
}

static json_t *rescue_json(const struct rv_story *story)
{
    json_t *one = json_object();
    bool open = strcmp(story->state, "open") == 0;
    rv_json_set_hex(one, "ecid", story->ecid, 16);
    rv_json_set_text(one, "name", story->model);
    rv_json_set_text(one, "state", story->state);
    rv_json_set_text(one, "started", story->began);
    json_object_set_new(one, "tries", rv_story_tries_json(story));
    json_object_set_new(one, "next", open ? json_string("revive rescue") : json_null());
    return one;
}

static bool put_rescues(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_story) * JOBS_MAX, err);
    if (room == NULL)
        return false;
    struct rv_story *stories = (struct rv_story *)(void *)room->data;
    size_t count = rv_story_list(run->ctx, stories, JOBS_MAX);
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(all, rescue_json(&stories[i]));
    json_object_set_new(run->result, "rescues", all);
    return true;
}

static bool run_jobs(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_job) * JOBS_MAX, err);
    size_t count = 0;
    if (room == NULL)
        return false;
    struct rv_job *jobs = (struct rv_job *)(void *)room->data;
    if (!rv_job_list(run->ctx, jobs, JOBS_MAX, &count, err))
        return rv_while(err, "reading the jobs of this computer");
    json_t *all = json_array();
    for (size_t i = 0; i < count && i < JOBS_MAX; i++)
        json_array_append_new(all, job_json(&jobs[i]));
    json_object_set_new(run->result, "jobs", all);
    return put_rescues(run, err);
}

const struct rv_command rv_verb_jobs = {
    .name = "status",
    .summary = "Show the jobs of this computer: running, interrupted, done",
    .about = "Updates, restores and rescues begun on this computer, how far each came, and how it is taken up again.",
    .example = "revive status\n    shows an update that was interrupted; `revive resume` goes on with it",
    .run = run_jobs,
};
