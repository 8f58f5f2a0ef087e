/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/html.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* file: besides 'self': a page opened from a disk has no origin of its own in some browsers. */
static const char head[] =
    "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' file: data:; media-src "
    "'self' "
    "file:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'\">\n"
    "<meta name=\"referrer\" content=\"no-referrer\"><meta name=\"viewport\" content=\"width=device-width\">\n<title>";
static const char style[] =
    "</title>\n<style>\n"
    "body{font:16px/1.35 system-ui,sans-serif;max-width:46em;margin:1em auto;padding:0 "
    "1em;background:#fff;color:#111}\n"
    "main{display:flex;flex-direction:column;gap:.35em}\n"
    ".m{max-width:75%;padding:.5em .8em;border-radius:1.1em;overflow-wrap:anywhere}\n"
    ".you{align-self:flex-start;background:#e9e9eb}.me{align-self:flex-end;background:#0b6fde;color:#fff}\n"
    ".gone{outline:2px dashed #c33;outline-offset:1px}.t{white-space:pre-wrap}\n"
    ".who,.foot,.aside{font-size:.78em;opacity:.75}.event{align-self:center;font-size:.85em;color:#666;margin:.3em}\n"
    ".me a{color:#fff}img,video{max-width:100%;max-height:30em;border-radius:.7em;display:block}\n"
    ".card{border:1px solid #8888;border-radius:.7em;padding:.4em .6em;margin:.2em 0}.tap{font-size:.9em}\n"
    "h1{font-size:1.4em}.nav{font-size:.9em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2em "
    ".5em}\n"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}.you{background:#333}a{color:#8bf}}\n"
    "</style></head><body>\n";

bool rv_html_begin(struct rv_sheet *sheet, const char *title, struct rv_error *err)
{
    return rv_sheet_add(sheet, err, head) && rv_html_add(sheet, title, err) && rv_sheet_add(sheet, err, style);
}

bool rv_html_end(struct rv_sheet *sheet, struct rv_error *err)
{
    return rv_sheet_add(sheet, err, "\n</body></html>\n");
}

/* Characters that turn the direction of what follows (U+202A..202E, U+2066..2069) and controls: dropped. */
static size_t dropped(const unsigned char *s)
{
    if ((s[0] < 0x20 && s[0] != '\n' && s[0] != '\t') || s[0] == 0x7F)
        return 1;
    if (s[0] == 0xC2 && s[1] >= 0x80 && s[1] < 0xA0)
        return 2;
    bool turns = s[0] == 0xE2 &&
                 ((s[1] == 0x80 && s[2] >= 0xAA && s[2] <= 0xAE) || (s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9));
    return turns ? 3 : 0;
}

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '`':
        return "&#96;";
    default:
        return NULL;
    }
}

static bool add_n(struct rv_sheet *sheet, const char *text, size_t length, struct rv_error *err)
{
    size_t from = 0;
    for (size_t i = 0; i < length;) {
        size_t drop = dropped((const unsigned char *)text + i);
        const char *as = entity(text[i]);
        if (drop == 0 && as == NULL) {
            i++;
            continue;
        }
        if (!rv_buf_add(&sheet->text, rv_span(text + from, i - from), err) ||
            (as != NULL && !rv_buf_add_text(&sheet->text, as, err)))
            return false;
        i += drop > 0 ? drop : 1;
        from = i;
    }
    return from >= length || rv_buf_add(&sheet->text, rv_span(text + from, length - from), err);
}

bool rv_html_add(struct rv_sheet *sheet, const char *text, struct rv_error *err)
{
    return add_n(sheet, text, strlen(text), err) && rv_sheet_add(sheet, err, "");
}

bool rv_html_add_linked(struct rv_sheet *sheet, const char *text, struct rv_error *err)
{
    while (*text != '\0') {
        const char *http = strcasestr(text, "http");
        while (http != NULL && strncasecmp(http, "http://", 7) != 0 && strncasecmp(http, "https://", 8) != 0)
            http = strcasestr(http + 4, "http");
        if (http == NULL)
            return rv_html_add(sheet, text, err);
        size_t length = strcspn(http, " \t\r\n<>\"'`\x7F");
        if (!add_n(sheet, text, (size_t)(http - text), err) ||
            !rv_sheet_add(sheet, err, "<a rel=\"noreferrer noopener\" href=\"") || !add_n(sheet, http, length, err) ||
            !rv_sheet_add(sheet, err, "\">") || !add_n(sheet, http, length, err) || !rv_sheet_add(sheet, err, "</a>"))
            return false;
        text = http + length;
    }
    return true;
}

void rv_html_address(const char *name, char *out, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (const unsigned char *s = (const unsigned char *)name; *s != '\0' && n + 4 < size; s++) {
        bool plain = (*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') ||
                     strchr("-_.~", *s) != NULL;
        if (plain) {
            out[n++] = (char)*s;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[*s >> 4];
        out[n++] = hex[*s & 15];
    }
    out[n] = '\0';
}
