/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/fold.h"

#include <string.h>

enum { LINE_MAX = 64 << 20, OCTETS = 75 };

void rv_fold_begin(struct rv_folded *line, const char *name)
{
    *line = (struct rv_folded){ .text = RV_BUF(LINE_MAX) };
    rv_fold_plain(line, name);
    rv_fold_plain(line, ":");
}

void rv_fold_plain(struct rv_folded *line, const char *text)
{
    struct rv_error quiet = { 0 };
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x20 && *text != 0x7F)
            rv_buf_add(&line->text, rv_span(text, 1), &quiet);
}

void rv_fold_value(struct rv_folded *line, const char *value)
{
    struct rv_error quiet = { 0 };
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            rv_buf_add_text(&line->text, "\\n", &quiet);
        else if (strchr("\\,;", *value) != NULL)
            rv_buf_add_format(&line->text, &quiet, "\\%c", *value);
        else if (((unsigned char)*value >= 0x20 && *value != 0x7F) || *value == '\t')
            rv_buf_add(&line->text, rv_span(value, 1), &quiet);
    }
}

bool rv_fold_end(struct rv_sheet *sheet, struct rv_folded *line, struct rv_error *err)
{
    const char *text = (const char *)line->text.data;
    size_t left = line->text.len, room = OCTETS;
    bool fine = true;
    while (fine && left > 0) {
        size_t n = left < room ? left : room;
        while (n < left && n > 1 && ((unsigned char)text[n] & 0xC0) == 0x80) /* not inside a character */
            n--;
        fine = rv_buf_add(&sheet->text, rv_span(text, n), err) && rv_sheet_add(sheet, err, left > n ? "\r\n " : "\r\n");
        text += n;
        left -= n;
        room = OCTETS - 1;
    }
    rv_buf_clear(&line->text);
    return fine;
}

bool rv_fold_line(struct rv_sheet *sheet, const char *name, const char *value, struct rv_error *err)
{
    struct rv_folded line;
    if (value == NULL || *value == '\0')
        return true;
    rv_fold_begin(&line, name);
    rv_fold_value(&line, value);
    return rv_fold_end(sheet, &line, err);
}
