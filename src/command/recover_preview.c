/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "command/recover_select.h"
#include "command/verbs.h"

#include <string.h>

struct preview {
    struct rv_run *run;
    struct rv_job *job;
    const char *item;
    uint64_t number, at; /* of the item when it is a plain number: its place in the list, from 1 */
    bool plain;
};

static bool is_it(struct preview *p, const json_t *record)
{
    static const char *const keys[] = { "guid", "id", "uid" };
    p->at++;
    for (size_t i = 0; i < RV_COUNT(keys); i++) {
        const char *id = json_string_value(json_object_get(record, keys[i]));
        if (id != NULL && strcmp(id, p->item) == 0)
            return true;
    }
    return p->plain && p->at == p->number;
}

static bool look(void *context, json_t *record, struct rv_error *err)
{
    struct preview *p = context;
    (void)err;
    if (!is_it(p, record))
        return true;
    json_object_set(p->run->result, "item", record);
    p->job->enough = true;
    return true;
}

static bool run_preview(struct rv_run *run, struct rv_error *err)
{
    struct rv_selection selection;
    struct preview p = { .run = run, .item = rv_arg(run->args, "item") };
    const char *type = rv_arg(run->args, "type");
    const struct rv_artifact *artifact = type != NULL ? rv_artifact_find(type) : NULL;
    if (!rv_selection_read(run->args, &selection, err))
        return false;
    if (artifact == NULL || p.item == NULL)
        return rv_fail(err, RV_E_USAGE, "--type T and --item ID are needed: `revive recover list --json` shows both");
    p.plain = rv_text_number(p.item, 10, &p.number);
    RV_AUTO(rv_source) source = rv_recover_source(run, err);
    if (source == NULL)
        return false;
    struct rv_job job = { .source = source, .artifact = artifact, .carve = false, .record = look, .context = &p };
    p.job = &job;
    bool fine = rv_job_run(&job, err);
    if (fine && !job.enough) { /* not among what can be read at once: look for deleted ones too */
        rv_job_clear(&job);
        p.at = 0;
        job.carve = true;
        fine = rv_job_run(&job, err);
    }
    rv_job_clear(&job);
    if (!fine)
        return false;
    return job.enough || rv_fail(err, RV_E_NOT_FOUND, "no %s item %s in %s", artifact->type, p.item, source->from);
}

static const struct rv_option options[] = {
    RV_RECOVER_SOURCE,
    { "type", 0, "T", "its type" },
    { "item", 0, "ID", "its guid or id, or its number in the list" },
};

const struct rv_command rv_verb_recover_preview = {
    .name = "recover preview",
    .summary = "All that is known of one item",
    .about = "Prints one record whole: its text, its attachments and where they lie, and where it was found.",
    .example = "revive recover preview --from BACKUP --type notes --item 3\n    prints the third note with its text",
    .options = options,
    .option_count = RV_COUNT(options),
    .run = run_preview,
};
