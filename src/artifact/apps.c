/* SPDX-License-Identifier: Apache-2.0 */
/* What apps keep for a person: the files of their Documents folders, and those of Files' "On My iPhone". */
#include "artifact/readers.h"
#include "artifact/record.h"

#include <string.h>

static bool read_file(struct rv_job *job, const struct rv_source_file *file, struct rv_error *err)
{
    const char *name = strrchr(file->path, '/'), *app = strchr(file->domain, '-');
    bool trash = strstr(file->path, "/.Trash/") != NULL;
    enum rv_record_state state = trash ? RV_TRASHED : RV_LIVE;
    if (job->count_only)
        return rv_job_emit(job, state, NULL, err);
    name = name != NULL ? name + 1 : file->path;
    json_t *record =
        json_pack("{s:s,s:s,s:{}}", "type", job->artifact->type, "state", rv_record_state_names[state], "source");
    json_t *source = json_object_get(record, "source");
    rv_put_words(source, "domain", file->domain);
    rv_put_text(source, "path", rv_words(file->path));
    json_object_set_new(record, "id", json_sprintf("%s/%s", file->domain, file->path));
    rv_put_time(record, "date", (double)file->modified, RV_UNIX);
    rv_put_text(record, "app", rv_words(app != NULL ? app + 1 : file->domain));
    rv_put_text(record, "folder", rv_span(file->path, name > file->path ? (size_t)(name - file->path - 1) : 0));
    rv_put_text(record, "name", rv_words(name));
    rv_put_number(record, "bytes", (int64_t)file->size);
    json_object_set_new(record, "original", rv_media_json(job, file->domain, file->path, name, NULL));
    return rv_job_emit(job, state, record, err);
}

static const struct rv_place places[] = {
    { "AppDomain-*", "Documents/**", NULL },
    { "AppDomainGroup-group.com.apple.FileProvider.LocalStorage", "File Provider Storage/**", NULL },
};
static const char *const shown[] = { "date", "app", "bytes", "name", NULL };
static const char *const cells[] = { "date", "app", "folder", "name", "bytes", NULL };

const struct rv_artifact rv_artifact_apps = {
    .type = "app-files",
    .title = "Files of apps",
    .places = places,
    .place_count = RV_COUNT(places),
    .shape = RV_SHAPE_MEDIA,
    .read = read_file,
    .absent = "no app kept files of its own in its Documents folder, or this source is no whole backup",
    .columns = shown,
    .cells = cells,
};
