/* SPDX-License-Identifier: Apache-2.0 */
/* What can be recovered and what cannot, as a page for the person, or for who was asked to help. */
#include "artifact/html.h"
#include "command/recover_select.h"
#include "command/verbs.h"

#include <stdio.h>
#include <string.h>

static bool put_row(struct rv_sheet *s, const json_t *row, struct rv_error *err)
{
    static const char *const keys[] = { "live", "recently_deleted", "deleted", "in_older_backups" };
    bool fine =
        rv_sheet_add(s, err, "<tr><td>") && rv_html_add(s, rv_get(row, "title"), err) && rv_sheet_add(s, err, "</td>");
    for (size_t i = 0; fine && i < RV_COUNT(keys); i++)
        fine = rv_sheet_put(s, err, "<td>%lld</td>", (long long)json_integer_value(json_object_get(row, keys[i])));
    return fine && rv_sheet_add(s, err, "</tr>\n");
}

/* Reasons of the types that were found, or of those that were not. */
static bool put_why(struct rv_sheet *s, const json_t *types, bool found, struct rv_error *err)
{
    size_t i, k;
    json_t *row, *why;
    bool fine = rv_sheet_add(s, err, found ? "<h2>What to know</h2><ul>\n" : "<h2>Not in this source</h2><ul>\n");
    json_array_foreach ((json_t *)(uintptr_t)types, i, row)
        if ((json_integer_value(json_object_get(row, "files")) > 0) == found)
            json_array_foreach (json_object_get(row, "why"), k, why)
                fine = fine && rv_sheet_add(s, err, "<li>") && rv_html_add(s, rv_get(row, "title"), err) &&
                       rv_sheet_add(s, err, ": ") && rv_html_add(s, json_string_value(why), err) &&
                       rv_sheet_add(s, err, "</li>\n");
    return fine && rv_sheet_add(s, err, "</ul>\n");
}

static bool write_page(struct rv_export *out, const json_t *result, struct rv_error *err)
{
    const json_t *types = json_object_get(result, "types");
    struct rv_sheet s = { 0 };
    size_t i;
    json_t *one;
    bool fine = rv_sheet_open(out, &s, "", "report.html", err) && rv_html_begin(&s, "What can be recovered", err) &&
                rv_sheet_add(&s, err, "<h1>What can be recovered</h1><p>") &&
                rv_html_add(&s, rv_get(result, "from"), err) && rv_sheet_add(&s, err, "</p>\n");
    json_array_foreach (json_object_get(result, "backups"), i, one)
        fine = fine && rv_sheet_add(&s, err, "<p>backup of ") && rv_html_add(&s, rv_get(one, "date"), err) &&
               rv_sheet_add(&s, err, ": ") && rv_html_add(&s, rv_get(one, "folder"), err) &&
               rv_sheet_add(&s, err, "</p>\n");
    fine = fine && rv_sheet_add(&s, err,
                                "<table><tr><th></th><th>live</th><th>recently deleted</th><th>deleted, found "
                                "again</th><th>only in older backups</th></tr>\n");
    json_array_foreach ((json_t *)(uintptr_t)types, i, one)
        if (json_integer_value(json_object_get(one, "files")) > 0)
            fine = fine && put_row(&s, one, err);
    fine = fine && rv_sheet_add(&s, err, "</table>\n") && put_why(&s, types, true, err) &&
           put_why(&s, types, false, err) && rv_html_end(&s, err) && rv_sheet_close(out, &s, err);
    rv_sheet_clear(&s);
    return fine;
}

static bool run_report(struct rv_run *run, struct rv_error *err)
{
    struct rv_selection selection;
    struct rv_export out = { .folder = rv_arg(run->args, "to") };
    if (out.folder == NULL)
        return rv_fail(err, RV_E_USAGE, "--to FOLDER is missing: where shall report.html go?");
    if (!rv_selection_read(run->args, &selection, err))
        return false;
    RV_AUTO(rv_source) source = rv_recover_source(run, err);
    json_t *types = json_array();
    json_object_set_new(run->result, "types", types);
    if (source == NULL || !rv_recover_target_is_apart(source, out.folder, err) ||
        !rv_recover_scan(run, &selection, source, types, err) || !rv_dir_make(out.folder, err) ||
        !write_page(&out, run->result, err))
        return false;
    json_object_set_new(run->result, "to", json_string(out.folder));
    return true;
}

static const struct rv_option options[] = {
    RV_RECOVER_SOURCE,
    { "to", 0, "FOLDER", "where report.html goes; not inside the source" },
    { "type", 0, "T,...", "types: messages, contacts, calls ...; all without it" },
};

const struct rv_command rv_verb_recover_report = {
    .name = "recover report",
    .summary = "A page of what can be recovered, what cannot, and why",
    .about =
        "The counts of `revive recover scan` with every reason, as a page to print or to show to somebody. It holds "
        "no content of the phone.",
    .example = "revive recover report --from BACKUP --all-backups --to ~/rescued\n    writes ~/rescued/report.html",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_LONG,
    .run = run_report,
};
