/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page a month for each conversation, the way a phone shows it: others left, me right. Everything that people wrote
 * is escaped, scripts are forbidden by the page itself, and files that a browser would run are named but not linked.
 */
#include "artifact/html.h"
#include "artifact/writers.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct chat_page {
    char chat[300]; /* identity of the open conversation */
    char folder[2 * RV_NAME_MAX + 64];
    char attachments[2 * RV_NAME_MAX + 80];
    char month[16];
    struct rv_sheet page;
    json_t *by_id;  /* chat id -> its entry in chats */
    json_t *chats;  /* of the whole export: {id, title, folder, months, count} */
    json_t *open;   /* the conversation that is being written, of chats */
    json_t *late;   /* chat id -> records that were found after the conversation was written: deleted ones */
    uint64_t count; /* messages of the page */
};

static const char *chat_title(const json_t *record, char *out, size_t size)
{
    const json_t *chat = json_object_get(record, "chat");
    const char *name = rv_get(chat, "name");
    out[0] = '\0';
    if (*name != '\0') {
        snprintf(out, size, "%s", name);
    } else if (json_is_true(json_object_get(chat, "group"))) {
        size_t i;
        json_t *one;
        json_array_foreach (json_object_get(chat, "participants"), i, one)
            if (i < 6)
                snprintf(out + strlen(out), size - strlen(out), "%s%s", i > 0 ? ", " : "", json_string_value(one));
    }
    if (*out == '\0')
        snprintf(out, size, "%s", *rv_get(chat, "id") ? rv_get(chat, "id") : "unknown");
    return out;
}

static bool runs_in_a_browser(const char *name)
{
    static const char *const endings[] = { ".html", ".htm",   ".xhtml", ".xht", ".svg", ".svgz",     ".xml", ".xsl",
                                           ".mht",  ".mhtml", ".js",    ".mjs", ".swf", ".pdf.html", ".hta", ".shtml" };
    for (size_t i = 0; i < RV_COUNT(endings); i++) {
        size_t n = strlen(name), m = strlen(endings[i]);
        if (n >= m && strcasecmp(name + n - m, endings[i]) == 0)
            return true;
    }
    return false;
}

static const char *media_kind(const char *name)
{
    static const struct {
        const char *ending, *kind;
    } kinds[] = { { ".jpg", "img" },    { ".jpeg", "img" },   { ".png", "img" },   { ".gif", "img" },
                  { ".webp", "img" },   { ".mp4", "video" },  { ".m4v", "video" }, { ".mov", "video" },
                  { ".webm", "video" }, { ".m4a", "audio" },  { ".mp3", "audio" }, { ".wav", "audio" },
                  { ".ogg", "audio" },  { ".opus", "audio" }, { ".aac", "audio" } };
    size_t n = strlen(name);
    for (size_t i = 0; i < RV_COUNT(kinds); i++)
        if (n > strlen(kinds[i].ending) && strcasecmp(name + n - strlen(kinds[i].ending), kinds[i].ending) == 0)
            return kinds[i].kind;
    return "";
}

static bool put_media(struct rv_export *out, struct rv_sheet *s, const json_t *media, double date, struct rv_error *err)
{
    struct chat_page *p = out->own;
    char name[RV_NAME_MAX + 32], address[4 * RV_NAME_MAX + 64];
    if (json_is_true(json_object_get(media, "hidden")))
        return true;
    if (!rv_export_media(out, media, p->attachments, date, name, err))
        return false;
    if (*name == '\0') {
        const char *state = rv_get(media, "state");
        return rv_sheet_add(s, err, "<div class=file>") && rv_html_add(s, rv_get(media, "name"), err) &&
               rv_sheet_put(s, err, " <i>(%s)</i></div>",
                            strcmp(state, "in_icloud") == 0   ? "in iCloud: it was never on this phone"
                            : strcmp(state, "temporary") == 0 ? "a temporary file: never backed up"
                                                              : "not in this backup");
    }
    const char *kind = media_kind(name);
    rv_html_address(name, address, sizeof address);
    if (strcmp(kind, "img") == 0)
        return rv_sheet_put(s, err, "<a href=\"attachments/%s\"><img loading=lazy alt=\"", address) &&
               rv_html_add(s, name, err) && rv_sheet_put(s, err, "\" src=\"attachments/%s\"></a>", address);
    if (*kind != '\0' &&
        !rv_sheet_put(s, err, "<%s controls preload=none src=\"attachments/%s\"></%s>", kind, address, kind))
        return false;
    if (runs_in_a_browser(name))
        return rv_sheet_add(s, err, "<div class=file>") && rv_html_add(s, name, err) &&
               rv_sheet_add(s, err,
                            " <i>(in the folder attachments; not linked, since a browser would run it)</i></div>");
    return rv_sheet_put(s, err, "<div class=file><a href=\"attachments/%s\">", address) && rv_html_add(s, name, err) &&
           rv_sheet_add(s, err, "</a></div>");
}

static bool put_balloon(struct rv_sheet *s, const json_t *b, struct rv_error *err)
{
    static const char *const keys[] = { "app",
                                        "title",
                                        "summary",
                                        "site",
                                        "caption",
                                        "subcaption",
                                        "secondary-subcaption",
                                        "tertiary-subcaption",
                                        "image-title",
                                        "image-subtitle",
                                        "fallback" };
    bool any = false;
    if (b == NULL)
        return true;
    if (!rv_sheet_add(s, err, "<div class=card>"))
        return false;
    for (size_t i = 0; i < RV_COUNT(keys); i++)
        if (*rv_get(b, keys[i]) != '\0') {
            any = true;
            if (!rv_sheet_add(s, err, "<div>") || !rv_html_add(s, rv_get(b, keys[i]), err) ||
                !rv_sheet_add(s, err, "</div>"))
                return false;
        }
    if (!any && *rv_get(b, "url") == '\0' &&
        !rv_html_add(s,
                     strcmp(rv_get(b, "kind"), "handwriting") == 0     ? "Handwritten message"
                     : strcmp(rv_get(b, "kind"), "digital_touch") == 0 ? "Digital Touch message"
                                                                       : rv_get(b, "bundle"),
                     err))
        return false;
    return (*rv_get(b, "url") == '\0' || rv_html_add_linked(s, rv_get(b, "url"), err)) &&
           rv_sheet_add(s, err, "</div>");
}

static bool put_event(struct rv_sheet *s, const json_t *r, struct rv_error *err)
{
    static const struct {
        const char *event, *words;
    } all[] = { { "added", " added " },
                { "removed", " removed " },
                { "renamed", " named the group " },
                { "left", " left the group" },
                { "photo_set", " set the group's picture" },
                { "photo_removed", " removed the group's picture" },
                { "location_shared", " began to share a location" },
                { "location_stopped", " stopped sharing a location" },
                { "audio_kept", " kept an audio message" },
                { "call", " called" } };
    const char *words = " ";
    for (size_t i = 0; i < RV_COUNT(all); i++)
        if (strcmp(all[i].event, rv_get(r, "happened")) == 0)
            words = all[i].words;
    const char *who = *rv_get(r, "from_name") ? rv_get(r, "from_name")
                      : *rv_get(r, "from")    ? rv_get(r, "from")
                                              : "somebody";
    return rv_sheet_add(s, err, "<p class=event>") && rv_html_add(s, who, err) && rv_sheet_add(s, err, words) &&
           rv_html_add(s, *rv_get(r, "title") ? rv_get(r, "title") : rv_get(r, "who"), err) &&
           rv_sheet_add(s, err, "</p>\n");
}

/* Texts of a list, apart from the one that is shown as the message itself. */
static bool put_list(struct rv_sheet *s, const json_t *list, const char *head, const char *but, struct rv_error *err)
{
    size_t i;
    json_t *one;
    json_array_foreach ((json_t *)(uintptr_t)list, i, one)
        if (strcmp(rv_get(one, "text"), but) != 0 &&
            (!rv_sheet_put(s, err, "<div class=aside>%s", head) || !rv_html_add(s, rv_get(one, "text"), err) ||
             !rv_sheet_add(s, err, "</div>")))
            return false;
    return true;
}

static bool put_tapbacks(struct rv_sheet *s, const json_t *list, struct rv_error *err)
{
    static const char *const kinds[][2] = {
        { "loved", "\xE2\x9D\xA4\xEF\xB8\x8F" },      { "liked", "\xF0\x9F\x91\x8D" },
        { "disliked", "\xF0\x9F\x91\x8E" },           { "laughed", "\xF0\x9F\x98\x82" },
        { "emphasized", "\xE2\x80\xBC\xEF\xB8\x8F" }, { "questioned", "\xE2\x9D\x93" }
    };
    size_t i;
    json_t *one;
    if (json_array_size(list) == 0)
        return true;
    if (!rv_sheet_add(s, err, "<div class=tap>"))
        return false;
    json_array_foreach ((json_t *)(uintptr_t)list, i, one) {
        const char *sign = *rv_get(one, "emoji") ? rv_get(one, "emoji") : rv_get(one, "kind");
        for (size_t k = 0; k < RV_COUNT(kinds); k++)
            if (strcmp(kinds[k][0], rv_get(one, "kind")) == 0)
                sign = kinds[k][1];
        if (!rv_sheet_add(s, err, "<span title=\"") || !rv_html_add(s, rv_get(one, "from"), err) ||
            !rv_sheet_add(s, err, "\">") || !rv_html_add(s, sign, err) || !rv_sheet_add(s, err, "</span> "))
            return false;
    }
    return rv_sheet_add(s, err, "</div>");
}

static bool put_foot(struct rv_sheet *s, const json_t *r, struct rv_error *err)
{
    char when[40];
    rv_record_cell(r, "date", when, sizeof when);
    bool fine = rv_sheet_add(s, err, "<div class=foot>") && rv_html_add(s, when, err);
    if (*rv_get(r, "effect"))
        fine = fine && rv_sheet_add(s, err, " \xC2\xB7 sent with ") && rv_html_add(s, rv_get(r, "effect"), err);
    if (strcmp(rv_get(r, "status"), "not_delivered") == 0)
        fine = fine && rv_sheet_add(s, err, " \xC2\xB7 not delivered");
    char how[160];
    rv_record_state_words(r, how, sizeof how);
    if (*how != '\0')
        fine = fine && rv_sheet_add(s, err, " \xC2\xB7 ") && rv_html_add(s, how, err);
    return fine && rv_sheet_add(s, err, "</div>");
}

static bool put_message(struct rv_export *out, struct rv_sheet *s, const json_t *r, struct rv_error *err)
{
    bool mine = json_is_true(json_object_get(r, "from_me"));
    double date = 0;
    size_t i;
    json_t *one;
    if (*rv_get(r, "happened") != '\0')
        return put_event(s, r, err);
    rv_time_parse(rv_get(r, "date"), &date);
    const char *state = rv_get(r, "state");
    bool fine = rv_sheet_put(s, err, "<div class=\"m %s %s\" id=\"", mine ? "me" : "you",
                             strcmp(state, "live") == 0 ? "" : "gone") &&
                rv_html_add(s, rv_get(r, "guid"), err) && rv_sheet_add(s, err, "\">");
    if (!mine && json_is_true(json_object_get(json_object_get(r, "chat"), "group")))
        fine = fine && rv_sheet_add(s, err, "<div class=who>") &&
               rv_html_add(s, *rv_get(r, "from_name") ? rv_get(r, "from_name") : rv_get(r, "from"), err) &&
               rv_sheet_add(s, err, "</div>");
    if (*rv_get(r, "reply_to"))
        fine = fine && rv_sheet_add(s, err, "<div class=aside><a href=\"#") &&
               rv_html_add(s, rv_get(r, "reply_to"), err) && rv_sheet_add(s, err, "\">in reply to</a></div>");
    if (*rv_get(r, "subject"))
        fine = fine && rv_sheet_add(s, err, "<b>") && rv_html_add(s, rv_get(r, "subject"), err) &&
               rv_sheet_add(s, err, "</b><br>");
    if (*rv_get(r, "text"))
        fine = fine && rv_sheet_add(s, err, "<div class=t dir=auto>") &&
               rv_html_add_linked(s, rv_get(r, "text"), err) && rv_sheet_add(s, err, "</div>");
    if (json_is_true(json_object_get(r, "unsent")))
        fine = fine && rv_sheet_add(s, err, "<i>unsent a message</i>");
    if (json_is_true(json_object_get(r, "undecodable")))
        fine = fine && rv_sheet_add(s, err, "<i>(could not decode)</i>");
    if (json_is_true(json_object_get(r, "audio_expired")))
        fine = fine && rv_sheet_add(s, err, "<i>an audio message that expired</i>");
    json_array_foreach (json_object_get(r, "attachments"), i, one)
        fine = fine && put_media(out, s, one, date, err);
    fine = fine && put_balloon(s, json_object_get(r, "balloon"), err);
    fine = fine && put_list(s, json_object_get(r, "edits"), "earlier: ", rv_get(r, "text"), err);
    fine = fine && put_list(s, json_object_get(r, "deleted_parts"), "deleted part: ", "", err);
    return fine && put_tapbacks(s, json_object_get(r, "tapbacks"), err) && put_foot(s, r, err) &&
           rv_sheet_add(s, err, "</div>\n");
}

/* ---- pages ---- */

static bool end_page(struct rv_export *out, struct chat_page *p, struct rv_error *err)
{
    if (p->page.file == NULL)
        return true;
    json_t *month = json_object();
    json_object_set_new(month, "page", json_string(p->month));
    json_object_set_new(month, "count", json_integer((json_int_t)p->count));
    json_array_append_new(json_object_get(p->open, "months"), month);
    p->count = 0;
    return rv_sheet_add(&p->page, err, "</main>") && rv_html_end(&p->page, err) && rv_sheet_close(out, &p->page, err);
}

static bool begin_page(struct rv_export *out, struct chat_page *p, const json_t *record, const char *month,
                       struct rv_error *err)
{
    char title[200], file[40];
    if (!end_page(out, p, err))
        return false;
    snprintf(p->month, sizeof p->month, "%s", month);
    snprintf(file, sizeof file, "%s.html", month);
    chat_title(record, title, sizeof title);
    return rv_sheet_open(out, &p->page, p->folder, file, err) && rv_html_begin(&p->page, title, err) &&
           rv_sheet_add(&p->page, err, "<h1>") && rv_html_add(&p->page, title, err) &&
           rv_sheet_put(&p->page, err,
                        "</h1><p class=nav><a href=\"index.html\">all months</a> \xC2\xB7 %s</p><main>\n", month);
}

static bool write_index(struct rv_export *out, struct chat_page *p, struct rv_error *err)
{
    struct rv_sheet s = { 0 };
    size_t i;
    json_t *one, *chat = p->open;
    bool fine = rv_sheet_open(out, &s, p->folder, "index.html", err) && rv_html_begin(&s, rv_get(chat, "title"), err) &&
                rv_sheet_add(&s, err, "<p class=nav><a href=\"../index.html\">all conversations</a></p><h1>") &&
                rv_html_add(&s, rv_get(chat, "title"), err) && rv_sheet_add(&s, err, "</h1><ul>\n");
    json_array_foreach (json_object_get(chat, "months"), i, one)
        fine = fine && rv_sheet_put(&s, err, "<li><a href=\"%s.html\">%s</a> (%lld)</li>\n", rv_get(one, "page"),
                                    rv_get(one, "page"), (long long)json_integer_value(json_object_get(one, "count")));
    fine = fine && rv_sheet_add(&s, err, "</ul>") && rv_html_end(&s, err) && rv_sheet_close(out, &s, err);
    rv_sheet_clear(&s);
    return fine;
}

/* The folder of a conversation, the one it got when it was begun. */
static void enter(struct rv_export *out, struct chat_page *p, json_t *chat)
{
    p->open = chat;
    snprintf(p->chat, sizeof p->chat, "%s", rv_get(chat, "id"));
    snprintf(p->folder, sizeof p->folder, "%s/%s", out->job->artifact->type, rv_get(chat, "folder"));
    snprintf(p->attachments, sizeof p->attachments, "%s/attachments", p->folder);
    *p->month = '\0';
}

static bool end_chat(struct rv_export *out, struct chat_page *p, struct rv_error *err)
{
    size_t i;
    json_t *one;
    json_int_t sum = 0;
    if (p->open == NULL)
        return true;
    if (!end_page(out, p, err) || !write_index(out, p, err))
        return false;
    json_array_foreach (json_object_get(p->open, "months"), i, one)
        sum += json_integer_value(json_object_get(one, "count"));
    json_object_set_new(p->open, "count", json_integer(sum));
    p->open = NULL;
    *p->chat = '\0';
    return true;
}

static bool begin_chat(struct rv_export *out, struct chat_page *p, const json_t *record, struct rv_error *err)
{
    char title[200], name[RV_NAME_MAX + 32];
    const char *id = rv_get(json_object_get(record, "chat"), "id");
    if (!end_chat(out, p, err))
        return false;
    json_t *chat = json_object_get(p->by_id, id);
    if (chat == NULL) {
        chat_title(record, title, sizeof title);
        rv_export_name(out, out->job->artifact->type, title, " ", name); /* a folder: no ending of its own */
        size_t length = strlen(name);
        while (length > 0 && name[length - 1] == ' ')
            name[--length] = '\0';
        chat = json_object();
        rv_put_words(chat, "id", id);
        rv_put_words(chat, "title", title);
        rv_put_words(chat, "folder", name);
        json_object_set_new(chat, "months", json_array());
        json_array_append_new(p->chats, chat);
        json_object_set_nocheck(p->by_id, id, chat);
    }
    enter(out, p, chat);
    return true;
}

/* Deleted messages that were found, as a page of their own in their conversation. */
static bool write_late(struct rv_export *out, struct chat_page *p, json_t *list, struct rv_error *err)
{
    size_t i;
    json_t *one = json_array_get(list, 0);
    if (!begin_chat(out, p, one, err) || !begin_page(out, p, one, "deleted", err))
        return false;
    json_array_foreach (list, i, one) {
        p->count++;
        if (!put_message(out, &p->page, one, err))
            return false;
    }
    return end_chat(out, p, err);
}

static struct chat_page *page_of(struct rv_export *out, struct rv_error *err)
{
    struct chat_page *p = out->own;
    if (p != NULL)
        return p;
    out->own = p = rv_alloc(sizeof *p);
    if (p == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    p->by_id = json_object();
    p->chats = json_array();
    p->late = json_object();
    return p;
}

static bool write_message(struct rv_export *out, json_t *record, struct rv_error *err)
{
    struct chat_page *p = page_of(out, err);
    const char *id = rv_get(json_object_get(record, "chat"), "id"), *date = rv_get(record, "date");
    char month[16] = "undated";
    if (p == NULL)
        return false;
    if (rv_record_comes_late(record)) { /* in no order: kept until the conversation is written */
        json_t *list = json_object_get(p->late, id);
        if (list == NULL) {
            list = json_array();
            json_object_set_new_nocheck(p->late, id, list);
        }
        return json_array_append(list, record) == 0 || rv_fail_nomem(err);
    }
    if ((p->open == NULL || strcmp(p->chat, id) != 0) && !begin_chat(out, p, record, err))
        return false;
    if (strlen(date) >= 7)
        snprintf(month, sizeof month, "%.7s", date);
    if (strcmp(month, p->month) != 0 && !begin_page(out, p, record, month, err))
        return false;
    p->count++;
    return put_message(out, &p->page, record, err);
}

static bool end_html(struct rv_export *out, struct rv_error *err)
{
    struct chat_page *p = out->own;
    struct rv_sheet s = { 0 };
    size_t i;
    json_t *one, *list;
    const char *key;
    void *next;
    if (p == NULL)
        return true;
    if (!end_chat(out, p, err))
        return false;
    json_object_foreach_safe(p->late, next, key, list) if (!write_late(out, p, list, err)) return false;
    bool fine = rv_sheet_open(out, &s, out->job->artifact->type, "index.html", err) &&
                rv_html_begin(&s, out->job->artifact->title, err) && rv_sheet_add(&s, err, "<h1>") &&
                rv_html_add(&s, out->job->artifact->title, err) && rv_sheet_add(&s, err, "</h1><ul>\n");
    json_array_foreach (p->chats, i, one) {
        char address[4 * RV_NAME_MAX + 64];
        rv_html_address(rv_get(one, "folder"), address, sizeof address);
        fine =
            fine && rv_sheet_put(&s, err, "<li><a href=\"%s/index.html\">", address) &&
            rv_html_add(&s, rv_get(one, "title"), err) &&
            rv_sheet_put(&s, err, "</a> (%lld)</li>\n", (long long)json_integer_value(json_object_get(one, "count")));
    }
    fine = fine && rv_sheet_add(&s, err, "</ul>") && rv_html_end(&s, err) && rv_sheet_close(out, &s, err);
    rv_sheet_clear(&s);
    return fine;
}

static void clear_html(struct rv_export *out)
{
    struct chat_page *p = out->own;
    if (p == NULL)
        return;
    rv_sheet_clear(&p->page);
    json_decref(p->by_id);
    json_decref(p->chats);
    json_decref(p->late);
    rv_free(p);
    out->own = NULL;
}

const struct rv_writer rv_writer_html = { "html",   1u << RV_SHAPE_CHAT, 1u << RV_SHAPE_CHAT, write_message,
                                          end_html, clear_html };
