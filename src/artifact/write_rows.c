/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines (all there is) and CSV (RFC 4180; cells that a spreadsheet would compute are made inert). */
#include "artifact/writers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALL_SHAPES = 0xFFFF };

static struct rv_sheet *sheet_of(struct rv_export *out, const char *ending, bool *new, struct rv_error *err)
{
    char name[RV_NAME_MAX + 32];
    *new = out->own == NULL;
    if (out->own != NULL)
        return out->own;
    struct rv_sheet *sheet = rv_alloc(sizeof *sheet);
    if (sheet == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    out->own = sheet;
    rv_export_name(out, "", out->job->artifact->type, ending, name);
    return rv_sheet_open(out, sheet, "", name, err) ? sheet : NULL;
}

static bool close_rows(struct rv_export *out, struct rv_error *err)
{
    return out->own == NULL || rv_sheet_close(out, out->own, err);
}

static void clear_rows(struct rv_export *out)
{
    if (out->own != NULL)
        rv_sheet_clear(out->own);
    rv_free(out->own);
    out->own = NULL;
}

static bool write_line(struct rv_export *out, json_t *record, struct rv_error *err)
{
    bool new;
    struct rv_sheet *sheet = sheet_of(out, ".jsonl", &new, err);
    char *text = sheet != NULL ? json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    bool fine = text != NULL && rv_sheet_add(sheet, err, text) && rv_sheet_add(sheet, err, "\n");
    free(text);
    return fine;
}

static bool cell(struct rv_export *out, struct rv_sheet *sheet, const char *text, struct rv_error *err)
{
    bool formula = !out->plain_cells && *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
    if (formula && *text == '+') { /* a telephone number is none */
        size_t rest = strspn(text + 1, "0123456789 ()-");
        formula = text[1 + rest] != '\0' || rest == 0;
    }
    if (strpbrk(text, "\",\r\n") == NULL && !formula && *text != ' ')
        return rv_sheet_add(sheet, err, text);
    if (!rv_sheet_add(sheet, err, formula ? "\"'" : "\""))
        return false;
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\"");
        if (!rv_buf_add(&sheet->text, rv_span(at, length), err) ||
            (at[length] == '"' && !rv_sheet_add(sheet, err, "\"\"")))
            return false;
        at += length + (at[length] == '"');
    }
    return rv_sheet_add(sheet, err, "\"");
}

static const char *const always[] = { "state", "confidence", "source.path", "source.table", "source.rowid" };

static bool each_cell(struct rv_export *out, struct rv_sheet *sheet, const json_t *record, struct rv_error *err)
{
    const struct rv_artifact *a = out->job->artifact;
    const char *const *columns = a->cells != NULL ? a->cells : a->columns;
    size_t count = 0;
    while (columns[count] != NULL)
        count++;
    for (size_t i = 0; i < count + RV_COUNT(always); i++) {
        const char *key = i < count ? columns[i] : always[i - count];
        RV_AUTO_TEXT text = record != NULL ? rv_record_whole_cell(record, key) : rv_text_copy(key);
        if (text == NULL)
            return rv_fail_nomem(err);
        if ((i > 0 && !rv_sheet_add(sheet, err, ",")) || !cell(out, sheet, text, err))
            return false;
    }
    return rv_sheet_add(sheet, err, "\r\n");
}

static bool write_cells(struct rv_export *out, json_t *record, struct rv_error *err)
{
    bool new;
    struct rv_sheet *sheet = sheet_of(out, ".csv", &new, err);
    if (sheet == NULL || (new && !(rv_sheet_add(sheet, err, "\xEF\xBB\xBF") && each_cell(out, sheet, NULL, err))))
        return false;
    return each_cell(out, sheet, record, err);
}

const struct rv_writer rv_writer_jsonl = { "jsonl", ALL_SHAPES, 0, write_line, close_rows, clear_rows };
const struct rv_writer rv_writer_csv = { "csv", ALL_SHAPES, 1u << RV_SHAPE_ROWS, write_cells, close_rows, clear_rows };
