/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/artifact.h"

#include "artifact/readers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct rv_artifact *const rv_artifacts[] = {
    /* clang-format off: one a line */
    &rv_artifact_messages,
    &rv_artifact_contacts,
    &rv_artifact_calls,
    &rv_artifact_photos,
    &rv_artifact_notes,
    &rv_artifact_whatsapp,
    &rv_artifact_calendar,
    &rv_artifact_reminders,
    &rv_artifact_voicemail,
    &rv_artifact_memos,
    &rv_artifact_bookmarks,
    &rv_artifact_history,
    &rv_artifact_tabs,
    &rv_artifact_kik,
    &rv_artifact_viber,
    &rv_artifact_line,
    &rv_artifact_imo,
    &rv_artifact_health,
    &rv_artifact_podcasts,
    &rv_artifact_books,
    &rv_artifact_music,
    &rv_artifact_accounts,
    &rv_artifact_screen_time,
    &rv_artifact_wallet,
    &rv_artifact_apps,
    &rv_artifact_wifi,
    /* clang-format on */
    NULL,
};

const struct rv_artifact *rv_artifact_find(const char *type)
{
    for (size_t i = 0; rv_artifacts[i] != NULL; i++)
        if (strcmp(rv_artifacts[i]->type, type) == 0)
            return rv_artifacts[i];
    return NULL;
}

static bool read_one(void *context, const struct rv_source_file *file, struct rv_error *err)
{
    struct rv_job *job = context;
    struct rv_error failed = { 0 };
    const char *key = file->at != NULL ? file->at : file->path;
    if (job->enough || json_object_get(job->done, key) != NULL)
        return true;
    json_object_set_new_nocheck(job->done, key, json_true());
    job->file = file;
    job->counts.files++;
    if (!rv_cancel_point(&job->source->ctx->cancel, err))
        return false;
    if (job->artifact->read(job, file, &failed))
        return rv_cancel_point(&job->source->ctx->cancel, err);
    if (failed.code == RV_E_CANCELLED || failed.code == RV_E_NOMEM || failed.code == RV_E_NOSPACE ||
        failed.code == RV_E_UNFINISHED || failed.code == RV_E_IO) {
        *err = failed;
        return rv_while(err, "reading %s", file->path);
    }
    if (failed.code == RV_E_NOT_FOUND) {
        job->counts.files--;
        rv_job_note(job, "%s is listed and its bytes are missing: this backup is not complete", file->path);
        return true;
    }
    job->counts.broken++; /* one unreadable file is no reason to leave the others */
    rv_job_note(job, "%s could not be read: %s", file->path, failed.depth > 0 ? failed.text[0] : "unknown reason");
    return true;
}

bool rv_job_run(struct rv_job *job, struct rv_error *err)
{
    bool several = job->source->earlier != NULL && !job->no_earlier;
    return several ? rv_job_run_several(job, err) : rv_job_run_one(job, err);
}

bool rv_job_run_one(struct rv_job *job, struct rv_error *err)
{
    if (job->done == NULL)
        job->done = json_object();
    for (size_t i = 0; i < job->artifact->place_count && !job->enough; i++)
        if (!rv_source_each(job->source, &job->artifact->places[i], read_one, job, err))
            return false;
    job->file = NULL;
    return true;
}

void rv_job_clear(struct rv_job *job)
{
    json_decref(job->done);
    json_decref(job->notes);
    job->done = job->notes = NULL;
}

bool rv_job_emit(struct rv_job *job, enum rv_record_state state, json_t *record, struct rv_error *err)
{
    if (job->sift != NULL && record != NULL && !rv_sift_takes(job, &state, record)) {
        json_decref(record);
        return true;
    }
    job->counts.by_state[state]++;
    if (record == NULL)
        return job->count_only || rv_fail_nomem(err);
    bool fine = job->record == NULL || job->record(job->context, record, err);
    json_decref(record);
    return fine;
}

void rv_job_note(struct rv_job *job, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (job->notes == NULL)
        job->notes = json_array();
    for (size_t i = 0; i < json_array_size(job->notes); i++)
        if (strcmp(json_string_value(json_array_get(job->notes, i)), text) == 0)
            return;
    json_array_append_new(job->notes, json_string(text));
}
