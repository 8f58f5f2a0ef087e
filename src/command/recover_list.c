/* SPDX-License-Identifier: Apache-2.0 */
#include "command/verbs.h"
#include "recover/sqlite_rebuild.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

static bool show(void *context, const char *lines, struct rv_error *err)
{
    (void)err;
    rv_tell(context, &(struct rv_event){ .kind = RV_EVENT_ROW, .text = lines, .percent = -1 });
    return true;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* What can still be inside and what cannot (why: freed bytes are wiped by the system library from iOS 12 on). */
static const char *verdict_words(const struct rv_sq_verdict *v)
{
    if (v->freeblocks >= 5 && v->freeblocks_zeroed * 10 >= v->freeblocks * 9)
        return "Deleted rows inside pages were wiped when they were deleted (iOS 12 and later do so). What can still "
               "be found: whole freed pages, older page images in a -wal or -journal file, older backups.";
    if (v->residue_bytes == 0)
        return "Nothing is left to recover inside this file. Look into older backups of the device.";
    return "Freed bytes were not wiped: deleted rows are found as far as newer ones did not overwrite them.";
}

static json_t *verdict_json(const struct rv_sq_verdict *v)
{
    json_t *j = json_object();
    json_object_set_new(j, "damaged", json_boolean(v->damaged));
    json_object_set_new(j, "wal", json_boolean(v->wal));
    json_object_set_new(j, "journal", json_boolean(v->journal));
    json_object_set_new(j, "auto_vacuum", json_boolean(v->auto_vacuum));
    json_object_set_new(j, "last_writer", number(v->writer));
    json_object_set_new(j, "page_size", number(v->page_size));
    json_object_set_new(j, "pages", number(v->page_count));
    json_object_set_new(j, "free_pages", number(v->free_pages));
    json_object_set_new(j, "lost_pages", number(v->lost_pages));
    json_object_set_new(j, "freeblocks", number(v->freeblocks));
    json_object_set_new(j, "freeblocks_wiped", number(v->freeblocks_zeroed));
    json_object_set_new(j, "free_pages_wiped", number(v->free_pages_zeroed));
    json_object_set_new(j, "residue_bytes", number(v->residue_bytes));
    json_object_set_new(j, "live_rows", number(v->live_rows));
    json_object_set_new(j, "deleted_rows", number(v->deleted_rows));
    json_object_set_new(j, "missing_rowids", number(v->missing_rowids));
    json_object_set_new(j, "copies_of_live_rows", number(v->struck));
    json_object_set_new(j, "words", json_string(verdict_words(v)));
    return j;
}

static void add_timing(struct rv_run *run, const char *path, const struct timespec *start)
{
    struct timespec now;
    struct stat st = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
    json_object_set_new(run->result, "timing", json_integer(1));
    json_object_set_new(run->result, "seconds", json_real(seconds));
    json_object_set_new(run->result, "bytes", number(stat(path, &st) == 0 ? (uint64_t)st.st_size : 0));
}

static bool print(struct rv_run *run, const char *from, struct rv_sq_verdict *verdict, struct rv_error *err)
{
    bool all = rv_arg_flag(run->args, "all-rows");
    struct rv_sq_scan_options options = { .live = all, .salvage = all, .lines = show };
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

static bool run_list(struct rv_run *run, struct rv_error *err)
{
    const char *from = rv_arg(run->args, "from");
    if (from == NULL)
        return rv_fail(err, RV_E_USAGE, "--from FILE is missing: which database?");
    if (!rv_arg_flag(run->args, "raw"))
        return rv_fail(err, RV_E_UNSUPPORTED,
                       "only the rows of a single database file can be listed so far: add --raw");
    const char *to = rv_arg(run->args, "to");
    struct rv_sq_verdict verdict;
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    bool fine = to != NULL ? save(run, from, to, &verdict, err) : print(run, from, &verdict, err);
    add_timing(run, from, &start);
    if (!fine)
        return rv_while(err, "searching %s", from);
    json_object_set_new(run->result, "verdict", verdict_json(&verdict));
    if (!verdict.damaged)
        return true;
    rv_fail(err, RV_E_CORRUPT, "%s is damaged; %llu live and %llu other rows could be read all the same%s%s", from,
            (unsigned long long)verdict.live_rows, (unsigned long long)verdict.deleted_rows,
            to != NULL ? ", and were saved in " : "", to != NULL ? to : "");
    return rv_advise(err, RV_ADVICE_DAMAGED_DATABASE);
}

static const struct rv_option options[] = {
    { "from", 0, "FILE", "a SQLite file; its -wal and -journal are found by themselves" },
    { "raw", 0, NULL, "rows as they are stored, one JSON line each" },
    { "deleted", 0, NULL, "rows that are no longer live (the default)" },
    { "all-rows", 0, NULL, "live rows too; of a damaged file everything that can be read" },
    { "to", 0, "FILE",
      "write all of it into a new, clean SQLite file: the tables with their live rows, and beside each "
      "what is no longer live, in a table named ..._recovered" },
};

const struct rv_command rv_verb_recover_list = {
    .name = "recover list",
    .summary = "List rows of a database: live, older, deleted, or out of a damaged file",
    .about = "Reads the file's pages itself, never through a database library, and never writes to it. Each row comes "
             "with its source, the page and offset it was found at, and how sure it is (confidence). The last line "
             "is a verdict: what can still be inside this file, what cannot, and why. Exit 5 when the file is damaged.",
    .example = "revive recover list --from sms.db --raw --deleted --json\n"
               "    prints each deleted or older row of sms.db as one JSON line",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_LONG,
    .run = run_list,
};
