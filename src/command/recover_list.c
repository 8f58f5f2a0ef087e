/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "command/recover_select.h"
#include "command/recover_verdict.h"
#include "command/recover_words.h"
#include "command/verbs.h"
#include "recover/sqlite_rebuild.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

static bool show(void *context, const char *lines, bool part, struct rv_error *err)
{
    (void)err;
    rv_tell(context,
            &(struct rv_event){ .kind = part ? RV_EVENT_ROW_PART : RV_EVENT_ROW, .text = lines, .percent = -1 });
    return true;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static void add_timing(struct rv_run *run, const char *path, const struct timespec *start)
{
    struct timespec now;
    struct stat st = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
    json_object_set_new(run->result, "timing", json_integer(1));
    json_object_set_new(run->result, "file", json_string(path));
    json_object_set_new(run->result, "seconds", json_real(seconds));
    json_object_set_new(run->result, "bytes", number(stat(path, &st) == 0 ? (uint64_t)st.st_size : 0));
}

static bool print(struct rv_run *run, const char *from, struct rv_sq_verdict *verdict, struct rv_error *err)
{
    bool all = rv_arg_flag(run->args, "all-rows");
    struct rv_sq_scan_options options = { .live = all, .salvage = all, .lines = show };
    options.for_people = !rv_arg_flag(run->args, "json");
    return rv_sq_scan(run->ctx, from, &options, NULL, run->ctx, verdict, err);
}

/* Into a new database: live rows in their tables, the others beside them. */
static bool save(struct rv_run *run, const char *from, const char *to, struct rv_sq_verdict *verdict,
                 struct rv_error *err)
{
    struct rv_sq_scan_options options = { .live = true, .salvage = true, .schema = rv_sq_rebuild_schema };
    struct rv_sq_rebuilt saved;
    RV_AUTO(rv_sq_rebuild) rebuild = rv_sq_rebuild_new(run->ctx, to, err);
    if (rebuild == NULL || !rv_sq_scan(run->ctx, from, &options, rv_sq_rebuild_row, rebuild, verdict, err) ||
        !rv_sq_rebuild_finish(rebuild, &saved, err))
        return false;
    json_t *j = json_object();
    json_object_set_new(j, "file", json_string(to));
    json_object_set_new(j, "tables", number(saved.tables));
    json_object_set_new(j, "live_rows", number(saved.live_rows));
    json_object_set_new(j, "recovered_tables", number(saved.recovered_tables));
    json_object_set_new(j, "recovered_rows", number(saved.recovered_rows));
    json_object_set_new(j, "left_out", number(saved.left_out));
    json_object_set_new(run->result, "saved", j);
    return true;
}

static bool run_raw(struct rv_run *run, const char *from, struct rv_error *err)
{
    const char *to = rv_arg(run->args, "to");
    struct rv_sq_verdict verdict;
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    bool fine = to != NULL ? save(run, from, to, &verdict, err) : print(run, from, &verdict, err);
    add_timing(run, from, &start);
    if (!fine)
        return rv_while(err, "searching %s", from);
    json_object_set_new(run->result, "verdict", rv_recover_verdict_json(&verdict));
    if (!verdict.damaged)
        return true;
    rv_fail(err, RV_E_CORRUPT, "%s is damaged; %llu live and %llu other rows could be read all the same%s%s", from,
            (unsigned long long)verdict.live_rows, (unsigned long long)verdict.deleted_rows,
            to != NULL ? ", and were saved in " : "", to != NULL ? to : "");
    return rv_advise(err, RV_ADVICE_DAMAGED_DATABASE);
}

/* ---- records ---- */

enum { PAGE_ROWS = 100 };

struct listing {
    struct rv_run *run;
    const struct rv_selection *selection;
    struct rv_job *job;
    uint64_t skip, left, shown; /* by the page that is wanted */
    bool paged, more, head;
};

static bool show_record(void *context, json_t *record, struct rv_error *err)
{
    struct listing *l = context;
    if (!rv_selection_takes(l->selection, record))
        return true;
    if (l->skip > 0) {
        l->skip--;
        return true;
    }
    if (l->paged && l->left == 0) {
        l->job->enough = l->more = true;
        return true;
    }
    l->left -= l->paged;
    l->shown++;
    if (!l->run->json && !l->head) {
        l->head = true;
        rv_recover_head(l->run->ctx, l->job->artifact);
    }
    return l->run->json ? rv_recover_line(l->run->ctx, record, err)
                        : rv_recover_row(l->run->ctx, l->job->artifact, record, err);
}

static bool read_page(const struct rv_args *args, struct listing *l, struct rv_error *err)
{
    const char *page = rv_arg(args, "page");
    uint64_t number;
    if (page == NULL)
        return true;
    if (!rv_text_number(page, 10, &number) || number == 0 || number > UINT32_MAX)
        return rv_fail(err, RV_E_USAGE, "--page %s: pages are counted from 1", page);
    l->paged = true;
    l->skip = (number - 1) * PAGE_ROWS;
    l->left = PAGE_ROWS;
    return true;
}

static bool list_types(struct rv_run *run, struct listing *l, struct rv_source *source, struct rv_error *err)
{
    json_t *types = json_array();
    json_object_set_new(run->result, "types", types);
    for (size_t i = 0; rv_artifacts[i] != NULL && !l->more; i++) {
        struct rv_job job = { .source = source,
                              .artifact = rv_artifacts[i],
                              .carve = rv_selection_carves(l->selection),
                              .lazy = l->paged,
                              .older = l->selection->older,
                              .no_earlier = !rv_selection_compares(l->selection),
                              .record = show_record,
                              .context = l };
        if (!l->selection->types[i])
            continue;
        l->job = &job;
        l->head = false;
        bool fine = rv_job_run(&job, err);
        if (fine && (job.counts.files > 0 || rv_arg(run->args, "type") != NULL))
            json_array_append_new(types, rv_recover_counts(&job));
        rv_job_clear(&job);
        if (!fine)
            return rv_while(err, "reading %s of %s", rv_artifacts[i]->title, source->from);
    }
    return true;
}

static bool run_records(struct rv_run *run, struct rv_error *err)
{
    struct rv_selection selection;
    struct listing l = { .run = run, .selection = &selection };
    if (!rv_selection_read(run->args, &selection, err) || !read_page(run->args, &l, err))
        return false;
    RV_AUTO(rv_source) source = rv_recover_source(run, err);
    if (source == NULL || !list_types(run, &l, source, err))
        return false;
    json_object_set_new(run->result, "shown", number(l.shown));
    json_object_set_new(run->result, "more", json_boolean(l.more));
    return true;
}

static bool run_list(struct rv_run *run, struct rv_error *err)
{
    const char *from = rv_arg(run->args, "from");
    if (from == NULL && rv_arg_flag(run->args, "raw"))
        return rv_fail(err, RV_E_USAGE, "--raw lists the rows of one database: name it with --from");
    if (!rv_arg_flag(run->args, "raw") && rv_arg(run->args, "to") != NULL)
        return rv_fail(err, RV_E_USAGE, "--to writes raw rows: add --raw, or use `revive recover export`");
    return rv_arg_flag(run->args, "raw") ? run_raw(run, from, err) : run_records(run, err);
}

static const struct rv_option options[] = {
    RV_RECOVER_SOURCE,
    RV_RECOVER_FILTERS,
    { "page", 0, "N", "a hundred records, and no more; 1 is the first page" },
    { "all-rows", 0, NULL, "earlier versions of living records too; with --raw live rows too" },
    { "raw", 0, NULL, "rows of one SQLite file as they are stored, one JSON line each" },
    { "to", 0, "FILE",
      "with --raw: write all of it into a new, clean SQLite file: the tables with their live rows, and beside each "
      "what is no longer live, in a table named ..._recovered" },
};

const struct rv_command rv_verb_recover_list = {
    .name = "recover list",
    .summary = "List records of a type, or the rows of a database: live, recently deleted, deleted",
    .about = "One line a record: messages, contacts, calls and the others, from what lives, from an app's own Recently "
             "Deleted, and from deleted rows found in freed bytes; those carry how sure they are (confidence). "
             "With --raw the rows of one database are listed as they are stored, its pages read by revive itself; "
             "the last line is then a verdict: what can still be inside this file, what cannot, and why. "
             "Nothing is written to the source. Exit 5 when a raw file is damaged.",
    .example = "revive recover list --from BACKUP --type messages --deleted --json\n"
               "    prints each deleted message as one JSON line",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_LONG,
    .run = run_list,
};
