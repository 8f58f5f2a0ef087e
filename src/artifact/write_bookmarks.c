/* SPDX-License-Identifier: Apache-2.0 */
/* Bookmarks in the form that every browser imports (Netscape's). */
#include "artifact/writers.h"

#include "artifact/html.h"

#include <stdio.h>
#include <string.h>

struct shelf {
    struct rv_sheet sheet;
    json_t *open; /* folders that are open, outermost first */
};

static const char head[] =
    "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=UTF-8\">\n"
    "<TITLE>Bookmarks</TITLE>\n<H1>Bookmarks</H1>\n<DL><p>\n";

static bool close_one(struct shelf *shelf, struct rv_error *err)
{
    json_array_remove(shelf->open, json_array_size(shelf->open) - 1);
    return rv_sheet_add(&shelf->sheet, err, "</DL><p>\n");
}

/* Closes and opens folders until those of the bookmark are open. */
static bool go_to(struct shelf *shelf, const json_t *folders, struct rv_error *err)
{
    size_t same = 0;
    while (same < json_array_size(folders) && same < json_array_size(shelf->open) &&
           json_equal(json_array_get(folders, same), json_array_get(shelf->open, same)))
        same++;
    while (json_array_size(shelf->open) > same)
        if (!close_one(shelf, err))
            return false;
    for (; same < json_array_size(folders); same++) {
        const char *name = json_string_value(json_array_get(folders, same));
        bool bar = same == 0 && strcmp(name, "Favourites") == 0;
        json_array_append(shelf->open, json_array_get(folders, same));
        if (!rv_sheet_add(&shelf->sheet, err, bar ? "<DT><H3 PERSONAL_TOOLBAR_FOLDER=\"true\">" : "<DT><H3>") ||
            !rv_html_add(&shelf->sheet, name, err) || !rv_sheet_add(&shelf->sheet, err, "</H3>\n<DL><p>\n"))
            return false;
    }
    return true;
}

static bool write_bookmark(struct rv_export *out, json_t *record, struct rv_error *err)
{
    struct shelf *shelf = out->own;
    double date = 0;
    if (shelf == NULL) {
        char name[RV_NAME_MAX + 32];
        out->own = shelf = rv_alloc(sizeof *shelf);
        if (shelf == NULL)
            return rv_fail_nomem(err);
        shelf->open = json_array();
        rv_export_name(out, "", out->job->artifact->type, ".html", name);
        if (!rv_sheet_open(out, &shelf->sheet, "", name, err) || !rv_sheet_add(&shelf->sheet, err, head))
            return false;
    }
    struct rv_sheet *s = &shelf->sheet;
    if (!go_to(shelf, json_object_get(record, "folders"), err) || !rv_sheet_add(s, err, "<DT><A HREF=\"") ||
        !rv_html_add(s, rv_get(record, "url"), err) || !rv_sheet_add(s, err, "\""))
        return false;
    if (rv_time_parse(rv_get(record, "date"), &date) && !rv_sheet_put(s, err, " ADD_DATE=\"%.0f\"", date))
        return false;
    return rv_sheet_add(s, err, ">") &&
           rv_html_add(s, *rv_get(record, "title") ? rv_get(record, "title") : rv_get(record, "url"), err) &&
           rv_sheet_add(s, err, "</A>\n");
}

static bool end_bookmarks(struct rv_export *out, struct rv_error *err)
{
    struct shelf *shelf = out->own;
    if (shelf == NULL)
        return true;
    while (json_array_size(shelf->open) > 0)
        if (!close_one(shelf, err))
            return false;
    return rv_sheet_add(&shelf->sheet, err, "</DL><p>\n") && rv_sheet_close(out, &shelf->sheet, err);
}

static void clear_bookmarks(struct rv_export *out)
{
    struct shelf *shelf = out->own;
    if (shelf == NULL)
        return;
    rv_sheet_clear(&shelf->sheet);
    json_decref(shelf->open);
    rv_free(shelf);
    out->own = NULL;
}

enum { BOOKMARKS = 1u << RV_SHAPE_BOOKMARK };
const struct rv_writer rv_writer_bookmarks = { "bookmarks",    BOOKMARKS,     BOOKMARKS,
                                               write_bookmark, end_bookmarks, clear_bookmarks };
