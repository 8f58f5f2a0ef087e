/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/export.h"
#include "base/file.h"
#include "base/text.h"
#include "command/recover_select.h"
#include "command/verbs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct exporting {
    struct rv_run *run;
    const struct rv_selection *selection;
    const struct rv_writer *writer;
    struct rv_export out;
    uint64_t told;
};

static bool take(void *context, json_t *record, struct rv_error *err)
{
    struct exporting *e = context;
    if (!rv_selection_takes(e->selection, record))
        return true;
    e->out.counts.records++;
    if (e->out.counts.records - e->told >= 1000) {
        e->told = e->out.counts.records;
        rv_tell(e->run->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                                 .step = e->out.job->artifact->type,
                                                 .unit = "records",
                                                 .done = e->told,
                                                 .percent = -1 });
    }
    return e->writer->record(&e->out, record, err);
}

static json_t *summary_of(const struct exporting *e, const struct rv_job *job)
{
    json_t *j = rv_recover_counts(job);
    const struct rv_export_counts *c = &e->out.counts;
    json_object_set_new(j, "format", json_string(e->writer->format));
    json_object_set_new(j, "exported", json_integer((json_int_t)c->records));
    json_object_set_new(j, "files_written", json_integer((json_int_t)c->files));
    json_object_set_new(j, "media_copied", json_integer((json_int_t)c->media));
    json_object_set_new(j, "media_bytes", json_integer((json_int_t)c->media_bytes));
    json_object_set_new(j, "media_there_already", json_integer((json_int_t)c->media_kept));
    json_object_set_new(j, "media_not_found", json_integer((json_int_t)c->media_missing));
    return j;
}

static bool export_type(struct exporting *e, struct rv_source *source, const struct rv_artifact *artifact,
                        json_t *types, struct rv_error *err)
{
    struct rv_job job = { .source = source,
                          .artifact = artifact,
                          .carve = rv_selection_carves(e->selection),
                          .older = e->selection->older,
                          .no_earlier = !rv_selection_compares(e->selection),
                          .record = take,
                          .context = e };
    e->out.job = &job;
    e->out.counts = (struct rv_export_counts){ 0 };
    e->out.own = NULL;
    e->out.format = e->writer->format;
    e->told = 0;
    rv_tell_step(e->run->ctx, artifact->type, artifact->title);
    bool fine = rv_job_run(&job, err) && e->writer->end(&e->out, err);
    e->writer->clear(&e->out);
    if (fine && (job.counts.files > 0 || rv_arg(e->run->args, "type") != NULL))
        json_array_append_new(types, summary_of(e, &job));
    rv_job_clear(&job);
    return fine || rv_while(err, "exporting %s", artifact->title);
}

/* An export into its own source would change it. What does not exist yet lies where its nearest folder lies. */
static bool target_is_apart(const char *from, const char *to, struct rv_error *err)
{
    char a[PATH_MAX], b[PATH_MAX];
    RV_AUTO_TEXT place = rv_text_copy(to);
    if (place == NULL)
        return rv_fail_nomem(err);
    while (realpath(place, b) == NULL) {
        char *slash = strrchr(place, '/');
        if (slash == place)
            slash[1] = '\0';
        else if (slash != NULL)
            *slash = '\0';
        else
            snprintf(place, strlen(place) + 1, ".");
    }
    size_t n = realpath(from, a) != NULL ? strlen(a) : 0;
    if (n > 0 && strncmp(a, b, n) == 0 && (b[n] == '/' || b[n] == '\0'))
        return rv_fail(err, RV_E_USAGE, "%s lies inside %s, which is never written to: name another folder", to, from);
    return true;
}

bool rv_recover_target_is_apart(const struct rv_source *source, const char *to, struct rv_error *err)
{
    for (; source != NULL; source = source->earlier)
        if (!target_is_apart(source->from, to, err))
            return false;
    return true;
}

static bool save_summary(const struct exporting *e, const json_t *types, struct rv_error *err)
{
    json_t *all = json_object();
    json_object_set(all, "from", json_object_get(e->run->result, "from"));
    json_object_set(all, "types", (json_t *)(uintptr_t)types);
    char *text = json_dumps(all, JSON_INDENT(2));
    RV_AUTO_TEXT path = rv_path_join(e->out.folder, "summary.json", err);
    bool fine = text != NULL && path != NULL && rv_file_write_atomic(path, rv_span(text, strlen(text)), 0600, err);
    free(text);
    json_decref(all);
    return fine;
}

static bool choose(struct exporting *e, const struct rv_artifact *artifact, bool *skip, struct rv_error *err)
{
    const char *format = rv_arg(e->run->args, "format");
    e->writer = rv_writer_find(artifact, format);
    *skip = e->writer == NULL && rv_arg(e->run->args, "type") == NULL;
    if (e->writer != NULL || *skip)
        return true;
    rv_fail(err, RV_E_USAGE, "%s cannot be written as %s; they can be as:", artifact->type, format);
    for (size_t i = 0; rv_writers[i] != NULL; i++)
        if (rv_writers[i]->shapes >> artifact->shape & 1)
            snprintf(err->text[0] + strlen(err->text[0]), RV_ERROR_TEXT - strlen(err->text[0]), " %s",
                     rv_writers[i]->format);
    return false;
}

static bool known_format(const char *format, struct rv_error *err)
{
    for (size_t i = 0; rv_writers[i] != NULL; i++)
        if (format == NULL || strcmp(rv_writers[i]->format, format) == 0)
            return true;
    return rv_fail(err, RV_E_USAGE, "--format %s: see --help for the formats", format);
}

bool rv_recover_export(struct rv_run *run, const struct rv_selection *selection, struct rv_source *source,
                       const char *to, json_t *types, struct rv_error *err)
{
    struct exporting e = {
        .run = run, .selection = selection, .out.folder = to, .out.plain_cells = rv_arg_flag(run->args, "plain-cells")
    };
    bool fine = rv_recover_target_is_apart(source, to, err) && rv_dir_make(to, err);
    for (size_t i = 0; fine && rv_artifacts[i] != NULL; i++) {
        bool skip = !selection->types[i];
        fine = skip || choose(&e, rv_artifacts[i], &skip, err);
        fine = fine && (skip || export_type(&e, source, rv_artifacts[i], types, err));
    }
    json_decref(e.out.names);
    return fine && save_summary(&e, types, err);
}

static bool run_export(struct rv_run *run, struct rv_error *err)
{
    struct rv_selection selection;
    const char *to = rv_arg(run->args, "to");
    if (to == NULL || *to == '\0')
        return rv_fail(err, RV_E_USAGE, "--to FOLDER is missing: where shall it go?");
    if (!rv_selection_read(run->args, &selection, err) || !known_format(rv_arg(run->args, "format"), err))
        return false;
    RV_AUTO(rv_source) source = rv_recover_source(run, err);
    json_t *types = json_array();
    json_object_set_new(run->result, "to", json_string(to));
    json_object_set_new(run->result, "types", types);
    return source != NULL && rv_recover_export(run, &selection, source, to, types, err);
}

static const struct rv_option options[] = {
    RV_RECOVER_SOURCE,
    { "to", 0, "FOLDER", "where the files go; not inside the source" },
    RV_RECOVER_FILTERS,
    { "format", 0, "F",
      "instead of what fits the type best: html, vcard, vcard4, icalendar, markdown, originals, bookmarks, mbox, csv, "
      "jsonl" },
    { "all-rows", 0, NULL, "earlier versions of living records too" },
    { "plain-cells", 0, NULL, "CSV cells that begin with = + - @ as they are; without it they are made inert" },
};

const struct rv_command rv_verb_recover_export = {
    .name = "recover export",
    .summary = "Recover data into files that other programs read",
    .about =
        "Each type in the form that fits it: conversations as pages with their pictures, contacts as vCard, calendars "
        "as "
        "iCalendar, notes as Markdown, lists as CSV; --format jsonl holds all that is known of each record. The same "
        "command again copies only the media that are missing. Ends with a summary of what is missing and why, kept in "
        "summary.json. Nothing is written to the source.",
    .example = "revive recover export --from BACKUP --to ~/rescued --type messages --with \"+44 7700 900123\"\n"
               "    writes the conversation as pages, one a month, with its pictures",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_LONG,
    .run = run_export,
};
