/* SPDX-License-Identifier: Apache-2.0 */
#include "command/recover_select.h"
#include "command/verbs.h"

static bool scan_type(struct rv_run *run, struct rv_source *source, const struct rv_artifact *artifact, json_t *to,
                      struct rv_error *err)
{
    struct rv_job job = { .source = source, .artifact = artifact, .carve = true, .count_only = true };
    bool fine = rv_job_run(&job, err);
    if (fine)
        json_array_append_new(to, rv_recover_counts(&job));
    rv_job_clear(&job);
    (void)run;
    return fine;
}

bool rv_recover_scan(struct rv_run *run, const struct rv_selection *selection, struct rv_source *source, json_t *types,
                     struct rv_error *err)
{
    for (size_t i = 0; rv_artifacts[i] != NULL; i++) {
        if (!selection->types[i])
            continue;
        rv_tell_step(run->ctx, rv_artifacts[i]->type, rv_artifacts[i]->title);
        if (!scan_type(run, source, rv_artifacts[i], types, err))
            return rv_while(err, "looking for %s in %s", rv_artifacts[i]->title, source->from);
    }
    return true;
}

static bool run_scan(struct rv_run *run, struct rv_error *err)
{
    struct rv_selection selection;
    if (!rv_selection_read(run->args, &selection, err))
        return false;
    RV_AUTO(rv_source) source = rv_recover_source(run, err);
    json_t *types = json_array();
    json_object_set_new(run->result, "types", types);
    return source != NULL && rv_recover_scan(run, &selection, source, types, err);
}

static const struct rv_option options[] = {
    RV_RECOVER_SOURCE,
    { "type", 0, "T,...", "types: messages, contacts, calls ...; all without it" },
};

const struct rv_command rv_verb_recover_scan = {
    .name = "recover scan",
    .summary = "What can be recovered, by type, with counts",
    .about =
        "Counts what lives, what lies in an app's own Recently Deleted, and deleted rows that can still be read in "
        "the databases' freed bytes, logs and journals. Says what is not there and why. Nothing is written to the "
        "source; work copies are private and removed. Works with the network off.",
    .example = "revive recover scan --from ~/.local/share/revive/backups/00008030-0011223344556677\n"
               "    prints one line a type: live, recently deleted, deleted",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_LONG,
    .run = run_scan,
};
