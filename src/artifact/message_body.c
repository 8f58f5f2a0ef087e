/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/message_body.h"

#include "base/text.h"
#include "format/keyed.h"
#include "format/typedstream.h"
#include "format/utf16.h"

#include <stdio.h>
#include <string.h>

/* U+FFFC holds an attachment's place, U+FFFD an app's; both are three bytes that end in BF BC, BF BD. */
static struct rv_buf without_places(struct rv_span text)
{
    struct rv_buf out = RV_BUF(1 << 28);
    struct rv_error quiet = { 0 };
    for (size_t i = 0; i < text.len; i++) {
        bool place = i + 2 < text.len && text.ptr[i] == 0xEF && text.ptr[i + 1] == 0xBF &&
                     (text.ptr[i + 2] == 0xBC || text.ptr[i + 2] == 0xBD);
        if (place)
            i += 2;
        else
            rv_buf_add(&out, rv_span(text.ptr + i, 1), &quiet);
    }
    return out;
}

static json_t *shown_text(struct rv_span text)
{
    struct rv_buf plain = without_places(text);
    json_t *j = rv_text_json(rv_span(plain.data != NULL ? (const char *)plain.data : "", plain.len));
    rv_buf_clear(&plain);
    return j;
}

void rv_message_put_plain(json_t *record, struct rv_span text)
{
    json_object_set_new(record, "text", shown_text(text));
}

json_t *rv_message_styled_text(struct rv_span stream)
{
    struct rv_styled_text body;
    struct rv_error quiet = { 0 };
    if (stream.ptr == NULL || !rv_styled_text_read(stream, &body, &quiet))
        return NULL;
    json_t *j = shown_text(body.text);
    rv_styled_text_clear(&body);
    return j;
}

static void add_part(json_t *parts, const struct rv_styled_run *run, struct rv_span text)
{
    json_t *last = json_array_get(parts, json_array_size(parts) - 1);
    int64_t number = run->part < 0 ? 0 : run->part;
    bool same = last != NULL && json_integer_value(json_object_get(last, "part")) == number;
    if (!same) {
        last = json_object();
        json_object_set_new(last, "part", json_integer(number));
        json_array_append_new(parts, last);
    }
    if (run->transfer.ptr != NULL)
        rv_put_text(last, "attachment", run->transfer);
    rv_put_text(last, "link", run->link);
    rv_put_text(last, "transcript", run->transcript);
    json_t *piece = shown_text(text);
    const char *old = json_string_value(json_object_get(last, "text"));
    if (old != NULL && json_string_length(piece) > 0) {
        char *both = rv_alloc(strlen(old) + json_string_length(piece) + 1);
        if (both != NULL) {
            memcpy(both, old, strlen(old));
            memcpy(both + strlen(old), json_string_value(piece), json_string_length(piece));
            json_object_set_new(last, "text", json_string(both));
        }
        rv_free(both);
    } else if (old == NULL && json_string_length(piece) > 0) {
        json_object_set(last, "text", piece);
    }
    json_decref(piece);
}

bool rv_message_put_styled(json_t *record, struct rv_span stream)
{
    struct rv_styled_text body;
    struct rv_error quiet = { 0 };
    if (stream.ptr == NULL || !rv_styled_text_read(stream, &body, &quiet))
        return false;
    json_object_set_new(record, "text", shown_text(body.text));
    json_t *parts = json_array(), *mentions = json_array();
    size_t at = 0;
    bool rich = false;
    for (size_t i = 0; i < body.count; i++) {
        size_t length = rv_utf16_bytes(body.text, at, body.runs[i].length);
        add_part(parts, &body.runs[i], rv_span(body.text.ptr + at, length));
        rich = rich || body.runs[i].transfer.ptr != NULL || body.runs[i].transcript.ptr != NULL;
        if (body.runs[i].mention.ptr != NULL)
            json_array_append_new(mentions, rv_text_json(body.runs[i].mention));
        at += length;
    }
    if (rich || json_array_size(parts) > 1)
        json_object_set(record, "parts", parts);
    if (json_array_size(mentions) > 0)
        json_object_set(record, "mentions", mentions);
    rv_put_flag(record, "body_cut", !body.whole);
    json_decref(parts);
    json_decref(mentions);
    rv_styled_text_clear(&body);
    return true;
}

static double real_of(plist_t value)
{
    double real = 0;
    uint64_t whole = 0;
    if (value == NULL)
        return 0;
    if (plist_get_node_type(value) == PLIST_REAL)
        plist_get_real_val(value, &real);
    else if (plist_get_node_type(value) == PLIST_UINT) {
        plist_get_uint_val(value, &whole);
        real = (double)(int64_t)whole;
    }
    return real;
}

static void put_edits(json_t *record, plist_t list)
{
    json_t *edits = json_array();
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = rv_plist_dict(list, "ec") };
    while (walk.dict != NULL && rv_plist_walk(&walk)) {
        uint64_t part = 0;
        rv_text_number(walk.key, 10, &part);
        if (plist_get_node_type(walk.value) != PLIST_ARRAY)
            continue;
        for (uint32_t i = 0; i < plist_array_get_size(walk.value) && i < 1000; i++) {
            plist_t one = plist_array_get_item(walk.value, i);
            json_t *text =
                plist_get_node_type(one) == PLIST_DICT ? rv_message_styled_text(rv_plist_data(one, "t")) : NULL;
            if (text == NULL)
                continue;
            json_t *edit = json_object();
            json_object_set_new(edit, "part", json_integer((json_int_t)part));
            json_object_set_new(edit, "text", text);
            rv_put_time(edit, "at", real_of(rv_plist_node(one, "d")), RV_COCOA);
            json_array_append_new(edits, edit);
        }
    }
    if (json_array_size(edits) > 0)
        json_object_set(record, "edits", edits);
    json_decref(edits);
}

void rv_message_put_history(json_t *record, struct rv_span summary)
{
    struct rv_error quiet = { 0 };
    RV_AUTO_PLIST list = summary.len > 0 ? rv_plist_parse(summary, &quiet) : NULL;
    if (list == NULL || plist_get_node_type(list) != PLIST_DICT)
        return;
    put_edits(record, list);
    plist_t gone = rv_plist_array(list, "rp");
    uint32_t count = gone != NULL ? plist_array_get_size(gone) : 0;
    const char *text = json_string_value(json_object_get(record, "text"));
    if (count == 0)
        return;
    json_t *parts = json_array();
    for (uint32_t i = 0; i < count && i < 1000; i++)
        json_array_append_new(parts, json_integer((json_int_t)real_of(plist_array_get_item(gone, i))));
    json_object_set_new(record, "unsent_parts", parts);
    rv_put_flag(record, "unsent", text == NULL || *text == '\0');
}

/* ---- balloons ---- */

static void put_keyed(json_t *to, const char *key, const struct rv_keyed *a, plist_t object, const char *name)
{
    if (json_object_get(to, key) == NULL)
        rv_put_text(to, key, rv_keyed_text(a, rv_keyed_get(a, object, name)));
}

static void put_link(json_t *balloon, const struct rv_keyed *a)
{
    static const char *const of_special[] = { "name",  "address",  "artist",         "album",
                                              "title", "subtitle", "storeIdentifier" };
    plist_t data = rv_keyed_get(a, a->root, "richLinkMetadata");
    if (data == NULL)
        data = rv_keyed_get(a, a->root, "metadata");
    if (data == NULL)
        data = a->root;
    put_keyed(balloon, "title", a, data, "title");
    put_keyed(balloon, "summary", a, data, "summary");
    put_keyed(balloon, "url", a, data, "URL");
    put_keyed(balloon, "url", a, data, "originalURL");
    put_keyed(balloon, "site", a, data, "siteName");
    put_keyed(balloon, "item", a, data, "itemType");
    plist_t special = rv_keyed_get(a, data, "specialization");
    json_t *more = json_object();
    for (size_t i = 0; special != NULL && i < RV_COUNT(of_special); i++)
        put_keyed(more, of_special[i], a, special, of_special[i]);
    if (json_object_size(more) > 0)
        json_object_set(balloon, "about", more);
    json_decref(more);
}

static void put_app(json_t *balloon, const struct rv_keyed *a)
{
    static const char *const words[] = { "caption",     "subcaption",    "secondary-subcaption", "tertiary-subcaption",
                                         "image-title", "image-subtitle" };
    plist_t info = rv_keyed_get(a, a->root, "userInfo");
    put_keyed(balloon, "app", a, a->root, "an");
    put_keyed(balloon, "fallback", a, a->root, "ldtext");
    put_keyed(balloon, "url", a, a->root, "URL");
    for (size_t i = 0; info != NULL && i < RV_COUNT(words); i++)
        put_keyed(balloon, words[i], a, info, words[i]);
}

void rv_message_put_balloon(json_t *record, struct rv_span bundle, struct rv_span payload)
{
    static const struct {
        const char *ending, *kind;
    } kinds[] = { { "URLBalloonProvider", "link" },
                  { "HandwritingProvider", "handwriting" },
                  { "DigitalTouchBalloonProvider", "digital_touch" } };
    struct rv_error quiet = { 0 };
    RV_AUTO_TEXT name = bundle.len > 0 ? rv_text_copy_n((const char *)bundle.ptr, bundle.len) : NULL;
    if (name == NULL)
        return;
    json_t *balloon = json_object();
    const char *kind = "app";
    for (size_t i = 0; i < RV_COUNT(kinds); i++)
        if (rv_text_ends(name, kinds[i].ending))
            kind = kinds[i].kind;
    json_object_set_new(balloon, "kind", json_string(kind));
    rv_put_words(balloon, "bundle", name);
    bool archived = strcmp(kind, "link") == 0 || strcmp(kind, "app") == 0;
    RV_AUTO_PLIST list = archived && payload.len > 0 ? rv_plist_parse(payload, &quiet) : NULL;
    struct rv_keyed archive;
    if (list != NULL && rv_keyed_open(list, &archive, &quiet)) {
        if (strcmp(kind, "link") == 0)
            put_link(balloon, &archive);
        else
            put_app(balloon, &archive);
    }
    json_object_set_new(record, "balloon", balloon);
}
