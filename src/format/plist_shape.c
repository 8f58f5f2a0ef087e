/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML: elements must be balanced; comments, processing instructions, a DOCTYPE without internal subset and
 * CDATA sections are passed over. Binary ("bplist00", Apple CFBinaryPList.c, certain):
 *
 *   offset        field
 *   0             "bplist00"
 *   8             objects: marker byte (type in the high, length in the low four bits), then the content
 *   table         count x offset, each `offset_size` bytes big endian
 *   end-32        5 unused, sort version, offset_size, ref_size, u64be count, u64be root, u64be table
 */
#include "format/plist_shape.h"

#include <string.h>

/* ---- XML ---- */

struct xml {
    struct rv_span in;
    size_t at, values;
    unsigned depth;
    struct rv_span open[RV_PLIST_DEPTH_MAX]; /* names of the elements we are inside */
};

static size_t find(const struct xml *x, size_t from, const char *what)
{
    const void *hit = from <= x->in.len ? memmem(x->in.ptr + from, x->in.len - from, what, strlen(what)) : NULL;
    return hit == NULL ? SIZE_MAX : (size_t)((const uint8_t *)hit - x->in.ptr);
}

static bool starts(const struct xml *x, const char *what)
{
    size_t n = strlen(what);
    return x->in.len - x->at >= n && memcmp(x->in.ptr + x->at, what, n) == 0;
}

static bool skip_to(struct xml *x, const char *end, struct rv_error *err)
{
    size_t at = find(x, x->at, end);
    if (at == SIZE_MAX)
        return rv_fail(err, RV_E_FORMAT, "XML property list: '%s' is missing after offset %zu", end, x->at);
    x->at = at + strlen(end);
    return true;
}

static bool skip_doctype(struct xml *x, struct rv_error *err)
{
    size_t end = find(x, x->at, ">");
    if (end != SIZE_MAX && memchr(x->in.ptr + x->at, '[', end - x->at) != NULL)
        return rv_fail(err, RV_E_FORMAT, "XML property list: entities are declared at offset %zu", x->at);
    return skip_to(x, ">", err);
}

static struct rv_span element_name(const struct xml *x, size_t from, size_t end)
{
    size_t at = from;
    while (at < end && strchr(" \t\r\n/", x->in.ptr[at]) == NULL)
        at++;
    return rv_span(x->in.ptr + from, at - from);
}

static bool open_element(struct xml *x, size_t end, struct rv_error *err)
{
    struct rv_span name = element_name(x, x->at + 1, end);
    if (name.len == 0)
        return rv_fail(err, RV_E_FORMAT, "XML property list: an element without name at offset %zu", x->at);
    if (++x->values > RV_PLIST_VALUES_MAX)
        return rv_fail(err, RV_E_LIMIT, "XML property list: more than %d values", RV_PLIST_VALUES_MAX);
    if (x->in.ptr[end - 1] != '/') {
        if (x->depth >= RV_PLIST_DEPTH_MAX)
            return rv_fail(err, RV_E_FORMAT, "XML property list: deeper than %d levels at offset %zu",
                           RV_PLIST_DEPTH_MAX, x->at);
        x->open[x->depth++] = name;
    }
    x->at = end + 1;
    return true;
}

static bool close_element(struct xml *x, size_t end, struct rv_error *err)
{
    struct rv_span name = element_name(x, x->at + 2, end);
    if (x->depth == 0 || !rv_span_equal(name, x->open[x->depth - 1]))
        return rv_fail(err, RV_E_FORMAT, "XML property list: offset %zu closes what is not open", x->at);
    x->depth--;
    x->at = end + 1;
    return true;
}

static bool take_markup(struct xml *x, struct rv_error *err)
{
    if (starts(x, "<!--"))
        return skip_to(x, "-->", err);
    if (starts(x, "<![CDATA["))
        return skip_to(x, "]]>", err);
    if (starts(x, "<?"))
        return skip_to(x, "?>", err);
    if (starts(x, "<!"))
        return skip_doctype(x, err);
    size_t end = find(x, x->at, ">");
    if (end == SIZE_MAX)
        return rv_fail(err, RV_E_FORMAT, "XML property list: cut short inside the element at offset %zu", x->at);
    if (memchr(x->in.ptr + x->at + 1, '<', end - x->at - 1) != NULL)
        return rv_fail(err, RV_E_FORMAT, "XML property list: '<' inside the element at offset %zu", x->at);
    return starts(x, "</") ? close_element(x, end, err) : open_element(x, end, err);
}

bool rv_plist_shape_xml(struct rv_span in, struct rv_error *err)
{
    struct xml x = { .in = in };
    if (in.len == 0)
        return rv_fail(err, RV_E_FORMAT, "a property list of no bytes");
    if (memchr(in.ptr, '\0', in.len) != NULL && in.ptr[in.len - 1] != '\0')
        return rv_fail(err, RV_E_FORMAT, "neither an XML nor a binary property list");
    for (;;) {
        const uint8_t *next = memchr(in.ptr + x.at, '<', in.len - x.at);
        if (next == NULL)
            break;
        x.at = (size_t)(next - in.ptr);
        if (!take_markup(&x, err))
            return false;
    }
    if (x.depth != 0)
        return rv_fail(err, RV_E_FORMAT, "XML property list: cut short, %u elements are still open", x.depth);
    if (x.values == 0)
        return rv_fail(err, RV_E_FORMAT, "neither an XML nor a binary property list");
    return true;
}

/* ---- binary ---- */

struct walk {
    struct rv_span in;
    uint64_t table, count, root;
    unsigned offset_size, ref_size;
    uint64_t values;
};

struct object {
    unsigned type;
    uint64_t refs;  /* how many references follow */
    uint64_t keys;  /* so many of them name the others */
    size_t refs_at; /* where; of a text: its content */
    uint64_t size;  /* bytes of a scalar's content */
};

static bool number_at(struct rv_span in, uint64_t at, unsigned size, uint64_t *out)
{
    if (size == 0 || size > 8 || at > in.len || size > in.len - at)
        return false;
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v = v << 8 | in.ptr[at + i];
    *out = v;
    return true;
}

static bool read_trailer(struct walk *w, struct rv_error *err)
{
    if (w->in.len < 8 + 32)
        return rv_fail(err, RV_E_FORMAT, "binary property list: %zu bytes are too few", w->in.len);
    size_t at = w->in.len - 32;
    w->offset_size = w->in.ptr[at + 6];
    w->ref_size = w->in.ptr[at + 7];
    number_at(w->in, at + 8, 8, &w->count);
    number_at(w->in, at + 16, 8, &w->root);
    number_at(w->in, at + 24, 8, &w->table);
    if (w->offset_size - 1u > 7 || w->ref_size - 1u > 7 || w->count == 0 || w->root >= w->count || w->table < 8 ||
        w->table > at || w->count > (at - w->table) / w->offset_size)
        return rv_fail(err, RV_E_FORMAT, "binary property list: the trailer at offset %zu does not fit", at);
    return true;
}

/* Bytes of a scalar's content after its marker and length. */
static uint64_t content_size(unsigned marker, uint64_t len)
{
    switch (marker >> 4) {
    case 0x1:
    case 0x2:
        return UINT64_C(1) << (marker & 7);
    case 0x3:
        return 8;
    case 0x4:
    case 0x5:
        return len;
    case 0x6:
        return len > UINT64_MAX / 2 ? UINT64_MAX : len * 2;
    case 0x8:
        return (marker & 15) + 1u;
    default:
        return 0;
    }
}

static bool read_object(const struct walk *w, uint64_t index, struct object *out, struct rv_error *err)
{
    uint64_t at = 0;
    number_at(w->in, w->table + index * w->offset_size, w->offset_size, &at);
    if (at < 8 || at >= w->table)
        return rv_fail(err, RV_E_FORMAT, "binary property list: value %llu lies outside", (unsigned long long)index);
    unsigned marker = w->in.ptr[at++], kind = marker >> 4;
    uint64_t len = marker & 15;
    if (len == 15 && kind >= 4 && kind != 8) {
        uint64_t size = at < w->table ? UINT64_C(1) << (w->in.ptr[at] & 3) : 0;
        if (size == 0 || (w->in.ptr[at] & 0xF0) != 0x10 || !number_at(w->in, at + 1, (unsigned)size, &len))
            return rv_fail(err, RV_E_FORMAT, "binary property list: no length at offset %llu", (unsigned long long)at);
        at += 1 + size;
    }
    bool many = kind >= 0xA;
    uint64_t refs = !many ? 0 : kind == 0xD ? (len > UINT64_MAX / 2 ? UINT64_MAX : len * 2) : len;
    if (at > w->table || content_size(marker, len) > w->table - at || refs > (w->table - at) / w->ref_size)
        return rv_fail(err, RV_E_FORMAT, "binary property list: value %llu is longer than the file",
                       (unsigned long long)index);
    *out = (struct object){ .type = kind,
                            .refs = refs,
                            .keys = kind == 0xD ? len : 0,
                            .refs_at = (size_t)at,
                            .size = content_size(marker, len) };
    return true;
}

/* libplist ends the program when a key is no text, or holds a zero. */
static bool check_key(const struct walk *w, const struct object *key, struct rv_error *err)
{
    enum { TEXT = 0x5, WIDE_TEXT = 0x6 };
    unsigned step = key->type == WIDE_TEXT ? 2 : 1;
    bool good = key->type == TEXT || key->type == WIDE_TEXT;
    for (uint64_t i = 0; good && i < key->size; i += step) {
        const uint8_t *unit = w->in.ptr + key->refs_at + i;
        good = (unit[0] | unit[step - 1]) != 0;
    }
    return good || rv_fail(err, RV_E_FORMAT, "binary property list: the key at offset %zu is no name", key->refs_at);
}

/* Depth first with a stack of our own; a loop of references runs into the depth, a fan into the count. */
bool rv_plist_shape_binary(struct rv_span in, struct rv_error *err)
{
    struct walk w = { .in = in };
    struct object stack[RV_PLIST_DEPTH_MAX];
    unsigned depth = 1;
    if (!read_trailer(&w, err) || !read_object(&w, w.root, &stack[0], err))
        return false;
    w.values = 1;
    while (depth > 0) {
        struct object *top = &stack[depth - 1];
        if (top->refs == 0) {
            depth--;
            continue;
        }
        uint64_t index = 0;
        number_at(in, top->refs_at, w.ref_size, &index);
        bool is_key = top->keys > 0;
        top->keys -= is_key;
        top->refs--;
        top->refs_at += w.ref_size;
        if (index >= w.count)
            return rv_fail(err, RV_E_FORMAT, "binary property list: reference to value %llu of %llu",
                           (unsigned long long)index, (unsigned long long)w.count);
        if (++w.values > RV_PLIST_VALUES_MAX)
            return rv_fail(err, RV_E_LIMIT, "binary property list: unfolds to more than %d values",
                           RV_PLIST_VALUES_MAX);
        if (depth == RV_PLIST_DEPTH_MAX)
            return rv_fail(err, RV_E_FORMAT, "binary property list: deeper than %d levels", RV_PLIST_DEPTH_MAX);
        if (!read_object(&w, index, &stack[depth], err) || (is_key && !check_key(&w, &stack[depth], err)))
            return false;
        depth++;
    }
    return true;
}
