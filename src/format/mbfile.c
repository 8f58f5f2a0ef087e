/* SPDX-License-Identifier: Apache-2.0 */
#include "format/mbfile.h"

#include "format/bplist.h"

#include <string.h>
#include <sys/stat.h>

enum rv_mbfile_kind rv_mbfile_kind(const struct rv_mbfile *file)
{
    return S_ISDIR(file->mode) ? RV_MBFILE_DIRECTORY : S_ISLNK(file->mode) ? RV_MBFILE_LINK : RV_MBFILE_FILE;
}

/* ---- reading ---- */

struct archive {
    struct rv_bplist list;
    struct rv_bplist_value objects, self;
};

static bool open_archive(struct rv_span blob, struct archive *a, struct rv_error *err)
{
    struct rv_bplist_value top, v;
    if (!rv_bplist_open(blob, &a->list, err))
        return false;
    if (!rv_bplist_at(&a->list, a->list.top, &top) || !rv_bplist_find(&a->list, &top, "$objects", &a->objects) ||
        a->objects.kind != RV_BPLIST_ARRAY || !rv_bplist_find(&a->list, &top, "$top", &v) ||
        !rv_bplist_find(&a->list, &v, "root", &v) || v.kind != RV_BPLIST_UID)
        return rv_fail(err, RV_E_FORMAT, "a property list that is no archive of an object");
    if (!rv_bplist_member(&a->list, &a->objects, (uint64_t)v.integer, &a->self) || a->self.kind != RV_BPLIST_DICT)
        return rv_fail(err, RV_E_FORMAT, "an archive without its object");
    return true;
}

static uint64_t integer_of(const struct archive *a, const char *key)
{
    struct rv_bplist_value v;
    bool found = rv_bplist_find(&a->list, &a->self, key, &v);
    return found && (v.kind == RV_BPLIST_INTEGER || v.kind == RV_BPLIST_BOOL) ? (uint64_t)v.integer : 0;
}

/* What a key's reference leads to; data may be wrapped once more, as NS.data. */
static bool object_of(const struct archive *a, const char *key, struct rv_bplist_value *out)
{
    struct rv_bplist_value v;
    if (!rv_bplist_find(&a->list, &a->self, key, &v))
        return false;
    if (v.kind == RV_BPLIST_UID && !rv_bplist_member(&a->list, &a->objects, (uint64_t)v.integer, &v))
        return false;
    if (v.kind == RV_BPLIST_DICT && !rv_bplist_find(&a->list, &v, "NS.data", &v))
        return false;
    *out = v;
    return true;
}

static struct rv_span data_of(const struct archive *a, const char *key)
{
    struct rv_bplist_value v;
    return object_of(a, key, &v) && v.kind == RV_BPLIST_DATA ? v.bytes : rv_span(NULL, 0);
}

static bool says(const struct archive *a, const struct rv_bplist_value *dict, const char *key, const char *word)
{
    struct rv_bplist_value v;
    char text[64];
    return rv_bplist_find(&a->list, dict, key, &v) && rv_bplist_text(&v, text, sizeof text) >= 0 &&
           strcmp(text, word) == 0;
}

/* What reads archives refuses those that lack any of this. */
static bool is_complete(const struct archive *a, const struct rv_mbfile *f)
{
    static const char *const numbers[] = { "Birth", "GroupID", "InodeNumber",     "LastModified", "LastStatusChange",
                                           "Mode",  "Size",    "ProtectionClass", "UserID" };
    enum { CLASSES = 12 };
    struct rv_bplist_value top, v;
    for (size_t i = 0; i < RV_COUNT(numbers); i++)
        if (!rv_bplist_find(&a->list, &a->self, numbers[i], &v) || v.kind != RV_BPLIST_INTEGER || v.integer < 0)
            return false;
    return rv_bplist_at(&a->list, a->list.top, &top) && says(a, &top, "$archiver", "NSKeyedArchiver") &&
           rv_bplist_find(&a->list, &top, "$version", &v) && v.kind == RV_BPLIST_INTEGER && v.integer == 100000 &&
           rv_bplist_find(&a->list, &a->self, "$class", &v) && v.kind == RV_BPLIST_UID &&
           rv_bplist_member(&a->list, &a->objects, (uint64_t)v.integer, &v) && v.kind == RV_BPLIST_DICT &&
           says(a, &v, "$classname", "MBFile") && f->protection < CLASSES &&
           (S_ISREG(f->mode) || S_ISDIR(f->mode) || S_ISLNK(f->mode));
}

bool rv_mbfile_parse(struct rv_span blob, struct rv_mbfile *out, struct rv_error *err)
{
    struct archive a;
    struct rv_bplist_value v;
    if (blob.len > RV_MBFILE_BLOB_MAX)
        return rv_fail(err, RV_E_LIMIT, "a file record of %zu bytes", blob.len);
    if (!open_archive(blob, &a, err))
        return false;
    if (!object_of(&a, "RelativePath", &v) || rv_bplist_text(&v, out->path, sizeof out->path) < 0)
        return rv_fail(err, RV_E_FORMAT, "a file record without RelativePath");
    out->target[0] = '\0';
    if (object_of(&a, "Target", &v) && rv_bplist_text(&v, out->target, sizeof out->target) < 0)
        return rv_fail(err, RV_E_FORMAT, "the file record of a link that leads to no text");
    out->mode = (uint32_t)integer_of(&a, "Mode");
    out->size = integer_of(&a, "Size");
    out->inode = integer_of(&a, "InodeNumber");
    out->modified = (int64_t)integer_of(&a, "LastModified");
    out->changed = (int64_t)integer_of(&a, "LastStatusChange");
    out->born = (int64_t)integer_of(&a, "Birth");
    out->uid = (uint32_t)integer_of(&a, "UserID");
    out->gid = (uint32_t)integer_of(&a, "GroupID");
    out->flags = (uint32_t)integer_of(&a, "Flags");
    out->protection = (uint8_t)integer_of(&a, "ProtectionClass");
    out->digest = data_of(&a, "Digest");
    out->key = data_of(&a, "EncryptionKey");
    out->attributes = data_of(&a, "ExtendedAttributes");
    out->complete = is_complete(&a, out);
    if (out->key.len != 0 && out->key.len != RV_MBFILE_KEY && out->key.len != RV_MBFILE_KEY + 32)
        return rv_fail(err, RV_E_FORMAT, "a file record with a key of %zu bytes", out->key.len);
    return true;
}

bool rv_mbfile_salvage_key(struct rv_span blob, struct rv_span *key)
{
    /* A data object of 44 bytes, its size as one byte or four; then the number of a class, little-endian. */
    static const struct {
        uint8_t bytes[6];
        size_t len;
    } heads[] = { { { 0x4F, 0x10, RV_MBFILE_KEY }, 3 }, { { 0x4F, 0x12, 0, 0, 0, RV_MBFILE_KEY }, 6 } };
    enum { CLASSES = 12 };
    for (size_t i = 0; i < RV_COUNT(heads); i++)
        for (size_t at = 0; at + heads[i].len + RV_MBFILE_KEY <= blob.len; at++) {
            const uint8_t *p = blob.ptr + at + heads[i].len;
            if (memcmp(blob.ptr + at, heads[i].bytes, heads[i].len) == 0 && p[0] > 0 && p[0] < CLASSES && p[1] == 0 &&
                p[2] == 0 && p[3] == 0) {
                *key = rv_span(p, RV_MBFILE_KEY);
                return true;
            }
        }
    return false;
}

/* ---- writing ---- */

enum { OBJECTS_MAX = 96, UIDS_MAX = 16 };

struct writer {
    struct rv_buf *out;
    size_t begin;
    uint32_t offsets[OBJECTS_MAX];
    unsigned count;
    struct rv_error *err;
    bool bad;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
    w->bad = w->bad || !rv_buf_add(w->out, rv_span(bytes, len), w->err);
}

static unsigned begin_object(struct writer *w)
{
    rv_assert(w->count < OBJECTS_MAX);
    w->offsets[w->count] = (uint32_t)(w->out->len - w->begin);
    return w->count++;
}

static void put_head(struct writer *w, uint8_t kind, size_t size)
{
    uint8_t head[6] = { (uint8_t)(kind << 4 | (size < 15 ? size : 15)) };
    if (size < 15) {
        put(w, head, 1);
        return;
    }
    head[1] = 0x12;
    rv_put_u32be(head + 2, (uint32_t)size);
    put(w, head, sizeof head);
}

static unsigned put_integer(struct writer *w, uint64_t v)
{
    uint8_t raw[9] = { 0x13 };
    unsigned n = begin_object(w);
    rv_put_u64be(raw + 1, v);
    put(w, raw, sizeof raw);
    return n;
}

static unsigned put_uid(struct writer *w, unsigned uid)
{
    uint8_t raw[2] = { 0x80, (uint8_t)uid };
    unsigned n = begin_object(w);
    put(w, raw, sizeof raw);
    return n;
}

static unsigned put_data(struct writer *w, struct rv_span data)
{
    unsigned n = begin_object(w);
    put_head(w, 4, data.len);
    put(w, data.ptr, data.len);
    return n;
}

/* UTF-8 of a path as UTF-16; a byte that is none becomes U+FFFD, which keeps the record readable. */
static size_t utf16_of(const char *text, uint8_t *out)
{
    size_t used = 0;
    for (const uint8_t *p = (const uint8_t *)text; *p != '\0';) {
        unsigned more = *p < 0x80 ? 0 : *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : *p >= 0xC0 ? 1 : 4;
        uint32_t c = more == 0 ? *p : more == 4 ? 0xFFFD : *p & (0x3FU >> more);
        p++;
        for (unsigned i = 0; more < 4 && i < more; i++, p++) {
            if ((*p & 0xC0) != 0x80) {
                c = 0xFFFD;
                break;
            }
            c = c << 6 | (*p & 0x3F);
        }
        if (c >= 0x10000) {
            rv_put_u16be(out + used, (uint16_t)(0xD800 + ((c - 0x10000) >> 10 & 0x3FF)));
            used += 2;
            c = 0xDC00 + ((c - 0x10000) & 0x3FF);
        }
        rv_put_u16be(out + used, (uint16_t)c);
        used += 2;
    }
    return used;
}

static unsigned put_text(struct writer *w, const char *text)
{
    bool ascii = true;
    uint8_t wide[2 * RV_MBFILE_PATH_MAX + 2];
    unsigned n = begin_object(w);
    for (const char *p = text; *p != '\0'; p++)
        ascii = ascii && (*p & 0x80) == 0;
    size_t len = strnlen(text, RV_MBFILE_PATH_MAX);
    if (ascii) {
        put_head(w, 5, len);
        put(w, text, len);
        return n;
    }
    size_t size = utf16_of(text, wide);
    put_head(w, 6, size / 2);
    put(w, wide, size);
    return n;
}

static unsigned put_members(struct writer *w, uint8_t kind, const uint8_t *refs, size_t members, size_t ref_count)
{
    unsigned n = begin_object(w);
    put_head(w, kind, members);
    put(w, refs, ref_count);
    return n;
}

struct pairs {
    uint8_t keys[32], values[32];
    unsigned count;
};

static void pair(struct pairs *p, unsigned key, unsigned value)
{
    rv_assert(p->count < sizeof p->keys);
    p->keys[p->count] = (uint8_t)key;
    p->values[p->count++] = (uint8_t)value;
}

static unsigned put_dict(struct writer *w, const struct pairs *p)
{
    uint8_t refs[64];
    memcpy(refs, p->keys, p->count);
    memcpy(refs + p->count, p->values, p->count);
    return put_members(w, 0xD, refs, p->count, 2 * (size_t)p->count);
}

static unsigned put_class(struct writer *w, const char *name, const char *mutable_of)
{
    uint8_t names[3];
    struct pairs p = { .count = 0 };
    unsigned count = 0;
    names[count++] = (uint8_t)put_text(w, name);
    if (mutable_of != NULL)
        names[count++] = (uint8_t)put_text(w, mutable_of);
    names[count++] = (uint8_t)put_text(w, "NSObject");
    unsigned classes = put_members(w, 0xA, names, count, count);
    pair(&p, put_text(w, "$classname"), put_text(w, name));
    pair(&p, put_text(w, "$classes"), classes);
    return put_dict(w, &p);
}

/* $objects as they are numbered by UID; [0] "$null", [1] the file, then what it refers to. */
struct uids {
    uint8_t refs[UIDS_MAX];
    unsigned count;
};

static unsigned add_uid(struct uids *u, unsigned object)
{
    rv_assert(u->count < UIDS_MAX);
    u->refs[u->count] = (uint8_t)object;
    return u->count++;
}

static void put_numbers(struct writer *w, const struct rv_mbfile *f, struct pairs *self)
{
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        { "LastModified", (uint64_t)f->modified },
        { "Flags", f->flags },
        { "GroupID", f->gid },
        { "LastStatusChange", (uint64_t)f->changed },
        { "Birth", (uint64_t)f->born },
        { "Size", f->size },
        { "Mode", f->mode },
        { "UserID", f->uid },
        { "InodeNumber", f->inode },
        { "ProtectionClass", f->protection },
    };
    for (size_t i = 0; i < RV_COUNT(numbers); i++)
        pair(self, put_text(w, numbers[i].key), put_integer(w, numbers[i].value));
}

static void put_references(struct writer *w, const struct rv_mbfile *f, struct pairs *self, struct uids *u)
{
    unsigned uid = add_uid(u, put_text(w, f->path));
    pair(self, put_text(w, "RelativePath"), put_uid(w, uid));
    if (f->digest.len > 0) {
        uid = add_uid(u, put_data(w, f->digest));
        pair(self, put_text(w, "Digest"), put_uid(w, uid));
    }
    if (f->attributes.len > 0) {
        uid = add_uid(u, put_data(w, f->attributes));
        pair(self, put_text(w, "ExtendedAttributes"), put_uid(w, uid));
    }
    if (f->target[0] != '\0') {
        uid = add_uid(u, put_text(w, f->target));
        pair(self, put_text(w, "Target"), put_uid(w, uid));
    }
    if (f->key.len > 0) {
        struct pairs data = { .count = 0 };
        unsigned class_uid = add_uid(u, put_class(w, "NSMutableData", "NSData"));
        pair(&data, put_text(w, "NS.data"), put_data(w, f->key));
        pair(&data, put_text(w, "$class"), put_uid(w, class_uid));
        uid = add_uid(u, put_dict(w, &data));
        pair(self, put_text(w, "EncryptionKey"), put_uid(w, uid));
    }
    uid = add_uid(u, put_class(w, "MBFile", NULL));
    pair(self, put_text(w, "$class"), put_uid(w, uid));
}

static void put_trailer(struct writer *w, unsigned top)
{
    uint8_t raw[32] = { 0 };
    uint64_t table = w->out->len - w->begin;
    for (unsigned i = 0; i < w->count; i++) {
        uint8_t offset[4];
        rv_put_u32be(offset, w->offsets[i]);
        put(w, offset, sizeof offset);
    }
    raw[6] = 4;
    raw[7] = 1;
    rv_put_u64be(raw + 8, w->count);
    rv_put_u64be(raw + 16, top);
    rv_put_u64be(raw + 24, table);
    put(w, raw, sizeof raw);
}

bool rv_mbfile_format(const struct rv_mbfile *f, struct rv_buf *out, struct rv_error *err)
{
    struct writer w = { .out = out, .begin = out->len, .err = err };
    struct pairs self = { .count = 0 }, top = { .count = 0 }, whole = { .count = 0 };
    struct uids u = { .count = 0 };
    put(&w, "bplist00", 8);
    add_uid(&u, put_text(&w, "$null"));
    add_uid(&u, 0); /* the file itself, once it is written */
    put_numbers(&w, f, &self);
    put_references(&w, f, &self, &u);
    u.refs[1] = (uint8_t)put_dict(&w, &self);
    pair(&top, put_text(&w, "root"), put_uid(&w, 1));
    unsigned objects = put_members(&w, 0xA, u.refs, u.count, u.count);
    pair(&whole, put_text(&w, "$version"), put_integer(&w, 100000));
    pair(&whole, put_text(&w, "$archiver"), put_text(&w, "NSKeyedArchiver"));
    pair(&whole, put_text(&w, "$top"), put_dict(&w, &top));
    pair(&whole, put_text(&w, "$objects"), objects);
    put_trailer(&w, put_dict(&w, &whole));
    return !w.bad;
}
