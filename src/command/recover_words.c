/* SPDX-License-Identifier: Apache-2.0 */
#include "command/recover_words.h"

#include "artifact/record.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_MAX = 400, ROW_MAX = 2000 };

bool rv_recover_line(struct rv_ctx *ctx, const json_t *record, struct rv_error *err)
{
    char *text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (text == NULL)
        return rv_fail_nomem(err);
    rv_tell(ctx, &(struct rv_event){ .kind = RV_EVENT_ROW, .text = text, .percent = -1 });
    free(text);
    return true;
}

static unsigned width_of(const struct rv_artifact *artifact, size_t column)
{
    static const unsigned widths[] = { 16, 18, 22, 60, 24, 24 };
    (void)artifact;
    return widths[column < RV_COUNT(widths) ? column : RV_COUNT(widths) - 1];
}

/* Columns that a cell takes on a terminal: characters of most scripts take one, East Asian ones and pictures two. */
static unsigned shown_width(const unsigned char *s, size_t *bytes)
{
    size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xE0) == 0xC0 ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : 4;
    *bytes = n;
    if (n == 4)
        return 2;
    if (n == 3) {
        uint32_t point = (uint32_t)(s[0] & 15) << 12 | (uint32_t)(s[1] & 63) << 6 | (s[2] & 63);
        return (point >= 0x1100 && point <= 0x115F) || (point >= 0x2E80 && point <= 0xD7A3 && point != 0x303F) ||
                       (point >= 0xF900 && point <= 0xFAFF) || (point >= 0xFF00 && point <= 0xFF60)
                   ? 2
               : point == 0x200D || (point >= 0xFE00 && point <= 0xFE0F) ? 0
                                                                         : 1;
    }
    return n == 2 && s[0] == 0xCC ? 0 : 1; /* combining marks */
}

/* A cell, cut to its width with an ellipsis and padded, at the end of `row`. */
static void put_cell(char *row, size_t size, const char *text, unsigned width, bool last)
{
    size_t at = strlen(row), bytes;
    unsigned used = 0;
    const unsigned char *s = (const unsigned char *)text;
    while (*s != '\0' && at + 8 < size) {
        unsigned w = shown_width(s, &bytes);
        bool ends = strlen((const char *)s) <= bytes; /* else there is room for the ellipsis to be kept */
        if (used + w > width - !ends) {
            memcpy(row + at, "\xE2\x80\xA6", 3);
            at += 3;
            used++;
            break;
        }
        memcpy(row + at, s, bytes);
        at += bytes;
        s += bytes;
        used += w;
    }
    while (!last && used++ < width + 2 && at + 2 < size)
        row[at++] = ' ';
    row[at] = '\0';
}

void rv_recover_head(struct rv_ctx *ctx, const struct rv_artifact *artifact)
{
    char row[ROW_MAX] = "";
    put_cell(row, sizeof row, "", 2, false);
    for (size_t i = 0; artifact->columns[i] != NULL; i++) {
        char name[64];
        const char *dot = strrchr(artifact->columns[i], '.');
        snprintf(name, sizeof name, "%.60s",
                 strcmp(artifact->columns[i], "chat.id") == 0 ? "chat"
                 : dot != NULL                                ? dot + 1
                                                              : artifact->columns[i]);
        for (char *c = name; *c != '\0'; c++)
            *c = (char)(*c == '_' ? ' ' : *c >= 'a' && *c <= 'z' ? *c - 32 : *c);
        put_cell(row, sizeof row, name, width_of(artifact, i), artifact->columns[i + 1] == NULL);
    }
    rv_tell(ctx, &(struct rv_event){ .kind = RV_EVENT_ROW, .text = row, .percent = -1 });
}

static void put_row(struct rv_ctx *ctx, const struct rv_artifact *artifact, const json_t *record)
{
    static const char *const marks[RV_RECORD_STATES] = { "", "\xE2\x99\xBB", "\xE2\x9C\x97",
                                                         "\xE2\x97\xB7" }; /* ♻ ✗ ◷ */
    const char *state = json_string_value(json_object_get(record, "state"));
    char row[ROW_MAX] = "", cell[CELL_MAX];
    for (size_t i = 0; i < RV_RECORD_STATES; i++)
        if (strcmp(state, rv_record_state_names[i]) == 0)
            put_cell(row, sizeof row, marks[i], 2, false);
    for (size_t i = 0; artifact->columns[i] != NULL; i++) {
        rv_record_cell(record, artifact->columns[i], cell, sizeof cell);
        put_cell(row, sizeof row, cell, width_of(artifact, i), artifact->columns[i + 1] == NULL);
    }
    rv_tell(ctx, &(struct rv_event){ .kind = RV_EVENT_ROW, .text = row, .percent = -1 });
}

bool rv_recover_row(struct rv_ctx *ctx, const struct rv_artifact *artifact, const json_t *record, struct rv_error *err)
{
    (void)err;
    put_row(ctx, artifact, record);
    return true;
}
