/* SPDX-License-Identifier: Apache-2.0 */
#include "format/typedstream.h"

#include <string.h>

enum {
    TAG_I16 = 0x81,
    TAG_I32 = 0x82,
    TAG_FLOAT = 0x83,
    TAG_NEW = 0x84,
    TAG_NIL = 0x85,
    TAG_END = 0x86,
    FIRST_REFERENCE = -110,
    DEPTH_MAX = 48,
    STRINGS_MAX = 4096,
    ITEMS_MAX = 1 << 17,
    PAIRS_MAX = 1 << 17,
    RUNS_MAX = 1 << 17
};

enum kind { KIND_OTHER, KIND_CLASS, KIND_STRING, KIND_NUMBER, KIND_DICTIONARY, KIND_STYLED };

/* What is kept of a class, C string or object: enough for attributes of a text. */
struct item {
    enum kind kind;
    struct rv_span name; /* of a class; its first known ancestor decides `makes` */
    enum kind makes;     /* of a class: what its objects are */
    struct rv_span text; /* STRING; of another object the last string inside */
    int64_t number;      /* NUMBER */
    uint32_t pairs;      /* DICTIONARY: its newest pair's number from 1, 0 none */
};

struct pair {
    int32_t key, value; /* items; -1 nil */
    uint32_t older;     /* the pair before it in the same dictionary, from 1; 0 none */
};

struct stream {
    struct rv_reader in;
    struct rv_span *strings;
    size_t string_count;
    struct item *items;
    size_t item_count, item_room;
    struct pair *pairs;
    size_t pair_count, pair_room;
    struct rv_styled_text *out;
    size_t run_room;
    bool text_seen;
    unsigned depth;
};

static bool spoil(struct stream *s)
{
    s->in.bad = true;
    return false;
}

static uint8_t peek(const struct stream *s)
{
    return s->in.bad || s->in.at >= s->in.in.len ? TAG_END : s->in.in.ptr[s->in.at];
}

static int64_t read_integer(struct stream *s)
{
    uint8_t head = rv_read_u8(&s->in);
    if (head == TAG_I16)
        return (int16_t)rv_read_u16le(&s->in);
    if (head == TAG_I32)
        return (int32_t)rv_read_u32le(&s->in);
    if (head >= TAG_FLOAT && head <= TAG_END)
        spoil(s);
    return (int8_t)head;
}

static uint64_t read_length(struct stream *s)
{
    uint8_t head = peek(s);
    int64_t n = read_integer(s);
    if (head == TAG_I16)
        return (uint16_t)n;
    if (head == TAG_I32)
        return (uint32_t)n;
    return (uint8_t)n;
}

static bool grow(void **list, size_t *room, size_t count, size_t each, size_t most)
{
    if (count < *room)
        return true;
    size_t more = *room ? *room * 2 : 64;
    void *bigger = count < most ? rv_realloc_array(*list, more, each) : NULL;
    if (bigger == NULL)
        return false;
    *list = bigger;
    *room = more;
    return true;
}

static int32_t new_item(struct stream *s)
{
    if (!grow((void **)&s->items, &s->item_room, s->item_count, sizeof *s->items, ITEMS_MAX)) {
        spoil(s);
        return -1;
    }
    memset(&s->items[s->item_count], 0, sizeof *s->items);
    return (int32_t)s->item_count++;
}

/* A type encoding or a class name: written once, then referred to. */
static struct rv_span read_shared(struct stream *s)
{
    struct rv_span none = { 0 };
    uint8_t head = peek(s);
    if (head == TAG_NIL) {
        s->in.at++;
        return none;
    }
    if (head != TAG_NEW) {
        int64_t number = read_integer(s) - FIRST_REFERENCE;
        if (number < 0 || (size_t)number >= s->string_count) {
            spoil(s);
            return none;
        }
        return s->strings[number];
    }
    s->in.at++;
    struct rv_span text = rv_read_span(&s->in, read_length(s));
    if (s->in.bad || s->string_count >= STRINGS_MAX) {
        spoil(s);
        return none;
    }
    s->strings[s->string_count++] = text;
    return text;
}

static int32_t read_reference(struct stream *s)
{
    int64_t number = read_integer(s) - FIRST_REFERENCE;
    if (s->in.bad || number < 0 || (size_t)number >= s->item_count) {
        spoil(s);
        return -1;
    }
    return (int32_t)number;
}

static bool is(struct rv_span a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.ptr, b, a.len) == 0;
}

static enum kind made_by(struct rv_span name)
{
    static const struct {
        const char *name;
        enum kind kind;
    } known[] = { { "NSString", KIND_STRING },           { "NSMutableString", KIND_STRING },
                  { "NSNumber", KIND_NUMBER },           { "NSValue", KIND_NUMBER },
                  { "NSDictionary", KIND_DICTIONARY },   { "NSMutableDictionary", KIND_DICTIONARY },
                  { "NSAttributedString", KIND_STYLED }, { "NSMutableAttributedString", KIND_STYLED } };
    for (size_t i = 0; i < RV_COUNT(known); i++)
        if (is(name, known[i].name))
            return known[i].kind;
    return KIND_OTHER;
}

/* A class with its ancestors. Returns its item, -1 nil. */
static int32_t read_class(struct stream *s)
{
    int32_t first = -1, last = -1;
    for (unsigned i = 0; i < DEPTH_MAX && !s->in.bad; i++) {
        uint8_t head = peek(s);
        if (head == TAG_NIL) {
            s->in.at++;
            return first;
        }
        int32_t at;
        if (head == TAG_NEW) {
            s->in.at++;
            struct rv_span name = read_shared(s);
            read_integer(s); /* its version */
            at = new_item(s);
            if (at < 0 || s->in.bad)
                return -1;
            s->items[at].kind = KIND_CLASS;
            s->items[at].name = name;
            s->items[at].makes = made_by(name);
        } else {
            at = read_reference(s);
            if (at < 0 || s->items[at].kind != KIND_CLASS) {
                spoil(s);
                return -1;
            }
        }
        for (int32_t k = first; k >= 0 && k <= last; k++) /* classes of one chain stand in a row */
            if (s->items[k].kind == KIND_CLASS && s->items[k].makes == KIND_OTHER)
                s->items[k].makes = s->items[at].makes;
        if (first < 0)
            first = at;
        if (head != TAG_NEW)
            return first;
        last = at;
    }
    spoil(s);
    return -1;
}

struct value {
    char code;
    struct rv_span bytes; /* '+', '*', '[' */
    int64_t number;
    int32_t object; /* '@': item, -1 nil */
};

static int32_t read_object(struct stream *s);

static double read_real(struct stream *s, char code)
{
    if (peek(s) != TAG_FLOAT)
        return (double)read_integer(s);
    s->in.at++;
    if (code == 'f') {
        uint32_t bits = rv_read_u32le(&s->in);
        float v;
        memcpy(&v, &bits, sizeof v);
        return (double)v;
    }
    uint64_t bits = rv_read_u64le(&s->in);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void read_c_string(struct stream *s, struct value *out)
{
    uint8_t head = peek(s);
    if (head == TAG_NIL) {
        s->in.at++;
        return;
    }
    if (head != TAG_NEW) {
        int32_t at = read_reference(s);
        if (at >= 0)
            out->bytes = s->items[at].text;
        return;
    }
    s->in.at++;
    out->bytes = read_shared(s);
    int32_t at = new_item(s);
    if (at >= 0)
        s->items[at].text = out->bytes;
}

/* One value of the encoding at *code; moves *code past it. */
static void read_value(struct stream *s, struct rv_span encoding, size_t *at, struct value *out)
{
    char code = (char)encoding.ptr[(*at)++];
    *out = (struct value){ .code = code, .object = -1 };
    switch (code) {
    case '@':
        out->object = read_object(s);
        break;
    case '#':
        out->object = read_class(s);
        break;
    case '+':
        out->bytes = rv_read_span(&s->in, read_length(s));
        break;
    case '*':
        read_c_string(s, out);
        break;
    case '%':
    case ':':
        out->bytes = read_shared(s);
        break;
    case 'c':
    case 'C':
        out->number = (int8_t)rv_read_u8(&s->in);
        break;
    case 'f':
    case 'd': {
        double v = read_real(s, code);
        out->number = v > -9e15 && v < 9e15 ? (int64_t)v : 0;
        break;
    }
    case '[': {
        uint64_t n = 0;
        while (*at < encoding.len && encoding.ptr[*at] >= '0' && encoding.ptr[*at] <= '9' && n < 1u << 30)
            n = n * 10 + (uint64_t)(encoding.ptr[(*at)++] - '0');
        bool bytes = *at + 1 < encoding.len && (encoding.ptr[*at] | 0x20) == 'c' && encoding.ptr[*at + 1] == ']';
        *at += 2;
        if (!bytes) {
            spoil(s);
            return;
        }
        out->bytes = rv_read_span(&s->in, n);
        break;
    }
    case 's':
    case 'S':
    case 'i':
    case 'I':
    case 'l':
    case 'L':
    case 'q':
    case 'Q':
        out->number = read_integer(s);
        break;
    default: /* structures, unions, pointers: none of them stands in a text's attributes that are shown */
        spoil(s);
    }
}

static void keep_pair(struct stream *s, int32_t dictionary, int32_t key, int32_t value)
{
    if (!grow((void **)&s->pairs, &s->pair_room, s->pair_count, sizeof *s->pairs, PAIRS_MAX)) {
        spoil(s);
        return;
    }
    s->pairs[s->pair_count++] = (struct pair){ key, value, s->items[dictionary].pairs };
    s->items[dictionary].pairs = (uint32_t)s->pair_count;
}

static struct rv_span text_of(const struct stream *s, int32_t item)
{
    return item >= 0 ? s->items[item].text : (struct rv_span){ 0 };
}

static void take_attribute(const struct stream *s, const struct pair *pair, struct rv_styled_run *run)
{
    static const struct {
        const char *key;
        size_t to;
    } known[] = {
        { "__kIMFileTransferGUIDAttributeName", offsetof(struct rv_styled_run, transfer) },
        { "__kIMLinkAttributeName", offsetof(struct rv_styled_run, link) },
        { "__kIMMentionConfirmedMention", offsetof(struct rv_styled_run, mention) },
        { "__kIMFilenameAttributeName", offsetof(struct rv_styled_run, file_name) },
        { "IMAudioTranscription", offsetof(struct rv_styled_run, transcript) },
    };
    struct rv_span key = text_of(s, pair->key);
    if (is(key, "__kIMMessagePartAttributeName") && pair->value >= 0)
        run->part = s->items[pair->value].number;
    for (size_t i = 0; i < RV_COUNT(known); i++)
        if (is(key, known[i].key))
            *(struct rv_span *)(void *)((char *)run + known[i].to) = text_of(s, pair->value);
}

static void keep_run(struct stream *s, int32_t dictionary, uint32_t length)
{
    if (!grow((void **)&s->out->runs, &s->run_room, s->out->count, sizeof *s->out->runs, RUNS_MAX)) {
        spoil(s);
        return;
    }
    struct rv_styled_run *run = &s->out->runs[s->out->count++];
    *run = (struct rv_styled_run){ .length = length, .part = -1 };
    if (dictionary < 0 || s->items[dictionary].kind != KIND_DICTIONARY)
        return;
    for (uint32_t i = s->items[dictionary].pairs; i > 0; i = s->pairs[i - 1].older)
        take_attribute(s, &s->pairs[i - 1], run);
}

/* Groups of an object until its end; what they mean depends on what the object is. */
struct body {
    int32_t object, key;
    unsigned groups;
    int32_t dictionaries[256]; /* of a styled text, by their number - 1 */
    int64_t dictionary_count, wanted;
    uint32_t run_length;
    bool own_runs, half; /* half: a key waits for its value, a run for its dictionary */
};

static void take_styled(struct stream *s, struct body *b, const struct value *v, unsigned place)
{
    if (v->code == '@' && b->groups == 0) {
        b->own_runs = !s->text_seen;
        if (b->own_runs && v->object >= 0) {
            s->out->text = s->items[v->object].text;
            s->text_seen = true;
        }
    } else if (v->code == '@' && b->half) {
        b->half = false;
        if (b->dictionary_count < (int64_t)RV_COUNT(b->dictionaries))
            b->dictionaries[b->dictionary_count] = v->object;
        b->dictionary_count++;
        if (b->own_runs)
            keep_run(s, v->object, b->run_length);
    } else if (v->code == 'i' && place == 0) {
        b->wanted = v->number;
    } else if (v->code == 'I' && place == 1) {
        b->run_length = (uint32_t)v->number;
        b->half = b->wanted > b->dictionary_count;
        bool known = b->wanted >= 1 && b->wanted <= (int64_t)RV_COUNT(b->dictionaries);
        if (!b->half && b->own_runs)
            keep_run(s, known ? b->dictionaries[b->wanted - 1] : -1, b->run_length);
    }
}

static void take(struct stream *s, struct body *b, enum kind kind, const struct value *v, unsigned place)
{
    struct item *self = &s->items[b->object];
    if (kind == KIND_STRING && v->code == '+') {
        self->text = v->bytes;
    } else if (kind == KIND_NUMBER && v->code != '*') {
        self->number = v->number;
    } else if (kind == KIND_DICTIONARY && v->code == '@') {
        if (b->half)
            keep_pair(s, b->object, b->key, v->object);
        else
            b->key = v->object;
        b->half = !b->half;
    } else if (kind == KIND_STYLED) {
        take_styled(s, b, v, place);
    } else if (kind == KIND_OTHER && v->object >= 0) {
        self->text = text_of(s, v->object); /* an address: its string */
    }
}

static void read_groups(struct stream *s, struct body *b, enum kind kind)
{
    while (!s->in.bad && peek(s) != TAG_END) {
        struct rv_span encoding = read_shared(s);
        size_t at = 0;
        for (unsigned place = 0; at < encoding.len && !s->in.bad; place++) {
            struct value v;
            read_value(s, encoding, &at, &v);
            if (!s->in.bad)
                take(s, b, kind, &v, place);
        }
        if (encoding.len == 0)
            spoil(s);
        b->groups++;
    }
    if (s->in.at >= s->in.in.len)
        spoil(s);
    else
        s->in.at++; /* the end mark */
}

static int32_t read_object(struct stream *s)
{
    uint8_t head = peek(s);
    if (head == TAG_NIL) {
        s->in.at++;
        return -1;
    }
    if (head != TAG_NEW)
        return read_reference(s);
    if (++s->depth > DEPTH_MAX) {
        spoil(s);
        return -1;
    }
    s->in.at++;
    int32_t object = new_item(s); /* its number is taken before its class's */
    int32_t class = read_class(s);
    if (object < 0 || s->in.bad)
        return -1;
    enum kind kind = class >= 0 ? s->items[class].makes : KIND_OTHER;
    s->items[object].kind = kind;
    struct body b = { .object = object, .key = -1 };
    read_groups(s, &b, kind);
    if (s->in.bad && kind == KIND_STRING && !s->text_seen && s->items[object].text.ptr != NULL) {
        s->out->text = s->items[object].text; /* broken behind its first text: that text stands */
        s->text_seen = true;
    }
    s->depth--;
    return object;
}

/* A string's bytes behind its encoding's '+': their count, then they themselves. */
static bool bytes_behind(struct rv_span in, size_t at, struct rv_span *text)
{
    struct stream s = { .in = { .in = in, .at = at } };
    uint64_t length = read_length(&s);
    if (s.in.bad)
        return false;
    size_t left = in.len - s.in.at;
    if (length > left) { /* a lying length: up to the mark behind every string */
        const uint8_t *mark = memmem(in.ptr + s.in.at, left, "\x86\x84", 2);
        length = mark != NULL ? (uint64_t)(mark - (in.ptr + s.in.at)) : left;
    }
    *text = rv_span(in.ptr + s.in.at, (size_t)length);
    return true;
}

/* The stream does not hold together: the first thing that looks like a string's encoding ("+") and bytes. */
static bool salvage(struct rv_span in, struct rv_span *text)
{
    enum { NEAR = 24 }; /* bytes between a class's name and its object's first group */
    for (size_t i = 0; i + 2 < in.len; i++)
        if (in.ptr[i] == 0x01 && in.ptr[i + 1] == '+' && bytes_behind(in, i + 2, text))
            return true;
    const uint8_t *name = memmem(in.ptr, in.len, "NSString", 8);
    size_t from = name != NULL ? (size_t)(name - in.ptr) + 8 : in.len;
    for (size_t i = from; i < in.len && i < from + NEAR; i++)
        if (in.ptr[i] == '+' && bytes_behind(in, i + 1, text))
            return true;
    return false;
}

/* What of a text is UTF-8: a length that lies leads into the stream's own marks, which are not. */
static size_t valid_bytes(struct rv_span text)
{
    size_t at = 0;
    while (at < text.len) {
        uint8_t c = text.ptr[at];
        size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
        if (n == 0 || n > text.len - at)
            return at;
        for (size_t i = 1; i < n; i++)
            if ((text.ptr[at + i] & 0xC0) != 0x80)
                return at;
        at += n;
    }
    return at;
}

bool rv_styled_text_read(struct rv_span stream, struct rv_styled_text *out, struct rv_error *err)
{
    static const char magic[] = "streamtyped";
    *out = (struct rv_styled_text){ 0 };
    struct stream s = { .in = { .in = stream }, .out = out };
    if (stream.len < 2 + sizeof magic - 1 || stream.ptr[0] != 4 || stream.ptr[1] != sizeof magic - 1 ||
        memcmp(stream.ptr + 2, magic, sizeof magic - 1) != 0)
        return rv_fail(err, RV_E_FORMAT, "%zu bytes of styled text do not begin as a typed stream", stream.len);
    s.strings = rv_alloc_array(STRINGS_MAX, sizeof *s.strings);
    if (s.strings == NULL)
        return rv_fail_nomem(err);
    s.in.at = 2 + sizeof magic - 1;
    read_integer(&s); /* system version, 1000 */
    struct rv_span encoding = read_shared(&s);
    int32_t root = !s.in.bad && is(encoding, "@") ? read_object(&s) : -1;
    out->whole = !s.in.bad && root >= 0;
    if (out->whole && !s.text_seen) {
        out->text = s.items[root].text;
        s.text_seen = s.items[root].kind == KIND_STRING;
    }
    rv_free(s.strings);
    rv_free(s.items);
    rv_free(s.pairs);
    if (out->text.ptr == NULL && !s.text_seen && !salvage(stream, &out->text)) {
        rv_styled_text_clear(out);
        return rv_fail(err, RV_E_FORMAT, "no text in %zu bytes of typed stream", stream.len);
    }
    if (!out->whole) {
        out->count = 0;
        out->text.len = valid_bytes(out->text);
    }
    return true;
}

void rv_styled_text_clear(struct rv_styled_text *text)
{
    rv_free(text->runs);
    *text = (struct rv_styled_text){ 0 };
}
