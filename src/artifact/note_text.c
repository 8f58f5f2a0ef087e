/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/note_text.h"

#include "base/text.h"
#include "format/note.h"
#include "format/utf16.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 64 << 20 };

/* Markdown's own signs as text; tags stay text in whatever shows the page. */
static void add_escaped(struct rv_buf *out, struct rv_span text, struct rv_error *err)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("\\`*_[]<>#&|~", text.ptr[i]) != NULL && text.ptr[i] != '\0')
            rv_buf_add_text(out, "\\", err);
        rv_buf_add(out, rv_span(text.ptr + i, 1), err);
    }
}

static void add_run(struct rv_buf *out, const struct rv_note_run *run, struct rv_span text, struct rv_error *err)
{
    bool blank = true;
    for (size_t i = 0; i < text.len; i++)
        blank = blank && (text.ptr[i] == ' ' || text.ptr[i] == '\t');
    if (text.len == 0)
        return;
    if (run->style == RV_NOTE_MONOSPACED || blank) {
        rv_buf_add(out, text, err);
        return;
    }
    const char *mark = run->bold && run->italic ? "***" : run->bold ? "**" : run->italic ? "*" : "";
    rv_buf_add_text(out, run->link.len > 0 ? "[" : "", err);
    rv_buf_add_text(out, run->struck ? "~~" : "", err);
    rv_buf_add_text(out, mark, err);
    add_escaped(out, text, err);
    rv_buf_add_text(out, mark, err);
    rv_buf_add_text(out, run->struck ? "~~" : "", err);
    if (run->link.len > 0) {
        rv_buf_add_text(out, "](<", err);
        for (size_t i = 0; i < run->link.len; i++)
            if (strchr("<>\n\r\\", run->link.ptr[i]) == NULL)
                rv_buf_add(out, rv_span(run->link.ptr + i, 1), err);
        rv_buf_add_text(out, ">)", err);
    }
}

/* What a line begins with, by the attributes of its paragraph. */
static void add_head(struct rv_buf *out, const struct rv_note_run *run, unsigned *number, struct rv_error *err)
{
    for (int i = 0; i < run->indent && run->style >= RV_NOTE_DOTTED; i++)
        rv_buf_add_text(out, "    ", err);
    *number = run->style == RV_NOTE_NUMBERED ? *number + 1 : 0;
    rv_buf_add_text(out, run->quote ? "> " : "", err);
    switch (run->style) {
    case RV_NOTE_TITLE:
        rv_buf_add_text(out, "# ", err);
        break;
    case RV_NOTE_HEADING:
        rv_buf_add_text(out, "## ", err);
        break;
    case RV_NOTE_SUBHEADING:
        rv_buf_add_text(out, "### ", err);
        break;
    case RV_NOTE_DOTTED:
    case RV_NOTE_DASHED:
        rv_buf_add_text(out, "- ", err);
        break;
    case RV_NOTE_NUMBERED:
        rv_buf_add_format(out, err, "%u. ", *number);
        break;
    case RV_NOTE_CHECK:
        rv_buf_add_text(out, run->done ? "- [x] " : "- [ ] ", err);
        break;
    default:
        break;
    }
}

struct page {
    struct rv_buf out, line;
    unsigned number;
    bool fenced;
};

static void end_line(struct page *p, const struct rv_note_run *run, struct rv_error *err)
{
    bool fence = run->style == RV_NOTE_MONOSPACED;
    if (fence != p->fenced)
        rv_buf_add_text(&p->out, "````\n", err);
    p->fenced = fence;
    if (!fence && p->line.len > 0)
        add_head(&p->out, run, &p->number, err);
    rv_buf_add(&p->out, rv_buf_span(&p->line), err);
    bool list = run->style >= RV_NOTE_DOTTED || fence;
    rv_buf_add_text(&p->out, list || p->line.len == 0 ? "\n" : "  \n", err); /* two blanks: the line ends here */
    p->line.len = 0;
}

static json_t *markdown_of(const struct rv_note *note, json_t *places)
{
    struct page p = { .out = RV_BUF(TEXT_MAX), .line = RV_BUF(TEXT_MAX) };
    struct rv_note_run last = { .style = RV_NOTE_BODY };
    struct rv_error quiet = { 0 };
    size_t at = 0;
    for (size_t i = 0; i <= note->count && at < note->text.len; i++) {
        struct rv_note_run run =
            i < note->count ? note->runs[i] : (struct rv_note_run){ .style = RV_NOTE_BODY, .length = UINT32_MAX };
        size_t end = at + rv_utf16_bytes(note->text, at, run.length);
        if (run.attachment.ptr != NULL) {
            json_t *place = json_object();
            rv_put_text(place, "id", run.attachment);
            rv_put_text(place, "uti", run.uti);
            json_array_append_new(places, place);
        }
        while (at < end) {
            const uint8_t *newline = memchr(note->text.ptr + at, '\n', end - at);
            size_t stop = newline != NULL ? (size_t)(newline - note->text.ptr) : end;
            if (run.attachment.ptr != NULL)
                rv_buf_add(&p.line, rv_span(note->text.ptr + at, stop - at), &quiet);
            else
                add_run(&p.line, &run, rv_span(note->text.ptr + at, stop - at), &quiet);
            if (newline != NULL)
                end_line(&p, &run, &quiet);
            at = stop + (newline != NULL);
        }
        last = run;
    }
    if (p.line.len > 0)
        end_line(&p, &last, &quiet);
    if (p.fenced)
        rv_buf_add_text(&p.out, "````\n", &quiet);
    json_t *text = rv_text_json(rv_span(p.out.len > 0 ? (const char *)p.out.data : "", p.out.len));
    rv_buf_clear(&p.out);
    rv_buf_clear(&p.line);
    return text;
}

bool rv_note_put_body(json_t *record, struct rv_span zipped, struct rv_error *why)
{
    struct rv_note note;
    bool whole;
    RV_AUTO(rv_blob) body = rv_note_inflate(zipped, RV_NOTE_INFLATED_MAX, &whole, why);
    if (body == NULL || !rv_note_read(rv_blob_span(body), &note, why))
        return false;
    json_t *places = json_array();
    rv_put_text(record, "text", note.text);
    json_object_set_new(record, "markdown", markdown_of(&note, places));
    if (json_array_size(places) > 0)
        json_object_set(record, "places", places);
    rv_put_flag(record, "body_cut", !whole);
    json_decref(places);
    rv_note_clear(&note);
    return true;
}

json_t *rv_note_table_json(struct rv_span zipped)
{
    struct rv_note_table table;
    struct rv_error quiet = { 0 };
    bool whole;
    RV_AUTO(rv_blob) data = rv_note_inflate(zipped, RV_NOTE_INFLATED_MAX, &whole, &quiet);
    if (data == NULL || !rv_note_table_read(rv_blob_span(data), &table, &quiet))
        return NULL;
    json_t *rows = json_array();
    for (size_t y = 0; y < table.rows; y++) {
        json_t *row = json_array();
        for (size_t x = 0; x < table.columns; x++) {
            struct rv_span cell = table.cells[y * table.columns + x];
            json_array_append_new(row, rv_text_json(cell.ptr != NULL ? cell : rv_span("", 0)));
        }
        json_array_append_new(rows, row);
    }
    rv_note_table_clear(&table);
    return rows;
}

/* ---- HTML of old notes ---- */

static size_t add_entity(struct rv_buf *out, struct rv_span in, size_t at, struct rv_error *err)
{
    static const struct {
        const char *name, *text;
    } known[] = { { "&amp;", "&" },   { "&lt;", "<" },   { "&gt;", ">" },
                  { "&quot;", "\"" }, { "&apos;", "'" }, { "&nbsp;", " " } };
    for (size_t i = 0; i < RV_COUNT(known); i++) {
        size_t n = strlen(known[i].name);
        if (in.len - at >= n && memcmp(in.ptr + at, known[i].name, n) == 0) {
            rv_buf_add_text(out, known[i].text, err);
            return n;
        }
    }
    const uint8_t *end = memchr(in.ptr + at, ';', in.len - at < 12 ? in.len - at : 12);
    char digits[12] = "";
    uint64_t point = 0;
    if (end != NULL && in.ptr[at + 1] == '#') {
        memcpy(digits, in.ptr + at + 2, (size_t)(end - in.ptr) - at - 2);
        bool hex = (digits[0] | 0x20) == 'x';
        if (rv_text_number(digits + hex, hex ? 16 : 10, &point) && point >= 32 && point < 0x110000) {
            char utf8[5] = "";
            if (point < 0x80)
                utf8[0] = (char)point;
            else if (point < 0x800)
                utf8[0] = (char)(0xC0 | point >> 6), utf8[1] = (char)(0x80 | (point & 63));
            else if (point < 0x10000)
                utf8[0] = (char)(0xE0 | point >> 12), utf8[1] = (char)(0x80 | (point >> 6 & 63)),
                utf8[2] = (char)(0x80 | (point & 63));
            else
                utf8[0] = (char)(0xF0 | point >> 18), utf8[1] = (char)(0x80 | (point >> 12 & 63)),
                utf8[2] = (char)(0x80 | (point >> 6 & 63)), utf8[3] = (char)(0x80 | (point & 63));
            rv_buf_add_text(out, utf8, err);
            return (size_t)(end - in.ptr) - at + 1;
        }
    }
    rv_buf_add_text(out, "&", err);
    return 1;
}

static bool tag_is(struct rv_span in, size_t at, const char *name)
{
    size_t n = strlen(name);
    return in.len - at > n && strncasecmp((const char *)in.ptr + at, name, n) == 0 &&
           strchr(" \t\r\n/>", in.ptr[at + n]) != NULL;
}

json_t *rv_note_text_of_html(struct rv_span html)
{
    struct rv_buf out = RV_BUF(TEXT_MAX);
    struct rv_error quiet = { 0 };
    for (size_t i = 0; i < html.len;) {
        if (html.ptr[i] == '&') {
            i += add_entity(&out, html, i, &quiet);
        } else if (html.ptr[i] == '<') {
            const uint8_t *end = memchr(html.ptr + i, '>', html.len - i);
            bool breaks = tag_is(html, i, "<br") ||
                          ((tag_is(html, i, "<div") || tag_is(html, i, "<p") || tag_is(html, i, "<li")) &&
                           out.len > 0 && out.data[out.len - 1] != '\n');
            if (breaks)
                rv_buf_add_text(&out, "\n", &quiet);
            i = end != NULL ? (size_t)(end - html.ptr) + 1 : html.len;
        } else {
            rv_buf_add(&out, rv_span(html.ptr + i++, 1), &quiet);
        }
    }
    json_t *text = rv_text_json(rv_span(out.len > 0 ? (const char *)out.data : "", out.len));
    rv_buf_clear(&out);
    return text;
}
