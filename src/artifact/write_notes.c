/* SPDX-License-Identifier: Apache-2.0 */
/* Notes as Markdown, a file each in its folder; tables inside, other attachments beside them. */
#include "artifact/writers.h"

#include "artifact/html.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static bool add_cell(struct rv_sheet *s, const char *text, struct rv_error *err)
{
    for (; *text != '\0'; text++) {
        char escaped[3] = { '\\', *text, '\0' };
        const char *as = *text == '\n' ? "<br>" : strchr("\\`*_[]<>#&|~", *text) != NULL ? escaped : NULL;
        if (as != NULL ? !rv_sheet_add(s, err, as) : !rv_buf_add(&s->text, rv_span(text, 1), err))
            return false;
    }
    return true;
}

static bool put_table(struct rv_sheet *s, const json_t *rows, struct rv_error *err)
{
    size_t y, x;
    json_t *row, *cell;
    bool fine = rv_sheet_add(s, err, "\n\n");
    json_array_foreach ((json_t *)(uintptr_t)rows, y, row) {
        json_array_foreach (row, x, cell)
            fine = fine && rv_sheet_add(s, err, "| ") && add_cell(s, json_string_value(cell), err) &&
                   rv_sheet_add(s, err, " ");
        fine = fine && rv_sheet_add(s, err, "|\n");
        for (x = 0; y == 0 && x < json_array_size(row); x++)
            fine = fine && rv_sheet_add(s, err, "| --- ");
        fine = fine && (y > 0 || rv_sheet_add(s, err, "|\n"));
    }
    return fine && rv_sheet_add(s, err, "\n");
}

static bool put_attachment(struct rv_export *out, struct rv_sheet *s, const json_t *a, const char *folder,
                           struct rv_error *err)
{
    char name[RV_NAME_MAX + 32], address[4 * RV_NAME_MAX + 64], beside[2 * RV_NAME_MAX + 100];
    const json_t *file = json_object_get(a, "file");
    const char *shown = *rv_get(a, "shown")   ? rv_get(a, "shown")
                        : *rv_get(a, "title") ? rv_get(a, "title")
                                              : rv_get(a, "url");
    if (json_object_get(a, "table") != NULL)
        return put_table(s, json_object_get(a, "table"), err);
    if (file != NULL) {
        snprintf(beside, sizeof beside, "%s/attachments", folder);
        if (!rv_export_media(out, file, beside, 0, name, err))
            return false;
        rv_html_address(name, address, sizeof address);
        if (*name != '\0')
            return rv_sheet_add(s, err, "![") && add_cell(s, name, err) &&
                   rv_sheet_put(s, err, "](attachments/%s)", address);
        return rv_sheet_add(s, err, "*(") && add_cell(s, rv_get(file, "name"), err) &&
               rv_sheet_add(s, err, ": not in this backup)*");
    }
    if (*shown != '\0')
        return add_cell(s, shown, err);
    return rv_sheet_add(s, err, "*(attachment: ") &&
           add_cell(s, *rv_get(a, "uti") ? rv_get(a, "uti") : "unknown", err) && rv_sheet_add(s, err, ")*");
}

/* Each U+FFFC stands for one attachment, in order. */
static bool put_body(struct rv_export *out, struct rv_sheet *s, const json_t *record, const char *folder,
                     struct rv_error *err)
{
    const char *text = rv_get(record, "markdown");
    const json_t *list = json_object_get(record, "attachments");
    for (size_t i = 0; *text != '\0'; i++) {
        const char *place = strstr(text, "\xEF\xBF\xBC");
        size_t length = place != NULL ? (size_t)(place - text) : strlen(text);
        if (!rv_buf_add(&s->text, rv_span(text, length), err) || !rv_sheet_add(s, err, ""))
            return false;
        if (place == NULL)
            return true;
        if (i < json_array_size(list) && !put_attachment(out, s, json_array_get(list, i), folder, err))
            return false;
        text = place + 3;
    }
    return true;
}

static bool put_about(struct rv_sheet *s, const json_t *record, struct rv_error *err)
{
    bool fine = rv_sheet_add(s, err, "\n---\n");
    if (*rv_get(record, "created"))
        fine = fine && rv_sheet_put(s, err, "created %s  \n", rv_get(record, "created"));
    if (*rv_get(record, "modified"))
        fine = fine && rv_sheet_put(s, err, "changed %s  \n", rv_get(record, "modified"));
    char how[160];
    rv_record_state_words(record, how, sizeof how);
    if (*how != '\0')
        fine = fine && rv_sheet_put(s, err, "%s  \n", how);
    return fine;
}

static bool write_note(struct rv_export *out, json_t *record, struct rv_error *err)
{
    char part[RV_NAME_MAX + 32], folder[2 * RV_NAME_MAX + 64], name[RV_NAME_MAX + 32];
    const char *in = rv_record_comes_late(record)                               ? "Deleted, found again"
                     : strcmp(rv_get(record, "state"), "recently_deleted") == 0 ? "Recently Deleted"
                     : *rv_get(record, "folder")                                ? rv_get(record, "folder")
                                                                                : "Notes";
    struct rv_sheet s = { 0 };
    rv_path_safe_leaf(in, part, RV_NAME_MAX);
    snprintf(folder, sizeof folder, "%s/%s", out->job->artifact->type, part);
    rv_export_name(out, folder, *rv_get(record, "title") ? rv_get(record, "title") : "Note", ".md", name);
    bool fine = rv_sheet_open(out, &s, folder, name, err);
    if (json_is_true(json_object_get(record, "locked")))
        fine = fine && rv_sheet_add(&s, err, "# ") && add_cell(&s, rv_get(record, "title"), err) &&
               rv_sheet_put(&s, err, "\n\nThis note is locked by %s. Its text was not opened.\n",
                            rv_get(record, "locked_by"));
    else if (*rv_get(record, "markdown"))
        fine = fine && put_body(out, &s, record, folder, err);
    else
        fine = fine && add_cell(&s, rv_get(record, "text"), err);
    if (json_is_true(json_object_get(record, "undecodable")))
        fine = fine && rv_sheet_add(&s, err, "\n*(the text could not be decoded; --format jsonl keeps its bytes)*\n");
    fine = fine && put_about(&s, record, err) && rv_sheet_close(out, &s, err);
    rv_sheet_clear(&s);
    return fine;
}

static bool end_notes(struct rv_export *out, struct rv_error *err)
{
    (void)out;
    (void)err;
    return true;
}

static void clear_notes(struct rv_export *out)
{
    (void)out;
}

enum { NOTES = 1u << RV_SHAPE_NOTE };
const struct rv_writer rv_writer_markdown = { "markdown", NOTES, NOTES, write_note, end_notes, clear_notes };
