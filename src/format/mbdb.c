/* SPDX-License-Identifier: Apache-2.0 */
#include "format/mbdb.h"

#include <string.h>
#include <sys/stat.h>

enum { MAGIC = 6, NULL_LENGTH = 0xFFFF, FIXED = 40, STRINGS = 5 };
static const uint8_t magic[MAGIC] = { 'm', 'b', 'd', 'b', 5, 0 };

bool rv_mbdb_open(struct rv_span in, struct rv_mbdb *out, struct rv_error *err)
{
    if (in.len < MAGIC || memcmp(in.ptr, magic, MAGIC) != 0)
        return rv_fail(err, RV_E_FORMAT, "Manifest.mbdb does not begin as one (%zu bytes)", in.len);
    *out = (struct rv_mbdb){ .in = in, .at = MAGIC };
    return true;
}

static struct rv_span read_string(struct rv_reader *r)
{
    uint16_t len = rv_read_u16be(r);
    return len == NULL_LENGTH ? rv_span(NULL, 0) : rv_read_span(r, len);
}

static bool take_text(struct rv_span in, char *out, size_t room)
{
    if (in.len >= room)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        out[i] = (char)in.ptr[i];
        if (out[i] == '\0')
            return false;
    }
    out[in.len] = '\0';
    return true;
}

static void read_fixed(struct rv_reader *r, struct rv_mbfile *f)
{
    f->mode = rv_read_u16be(r);
    f->inode = rv_read_u64be(r);
    f->uid = rv_read_u32be(r);
    f->gid = rv_read_u32be(r);
    f->modified = (int32_t)rv_read_u32be(r);
    f->changed = (int32_t)rv_read_u32be(r);
    f->born = (int32_t)rv_read_u32be(r);
    f->size = rv_read_u64be(r);
    f->protection = rv_read_u8(r);
    f->flags = 0;
}

/* Whether what was read can be a record at all: damage shows as impossible kinds and lengths. */
static bool is_likely(const struct rv_mbdb_record *rec)
{
    const struct rv_mbfile *f = &rec->file;
    bool kind = S_ISREG(f->mode) || S_ISDIR(f->mode) || S_ISLNK(f->mode);
    bool key = f->key.len == 0 || f->key.len == RV_MBFILE_KEY || f->key.len == RV_MBFILE_KEY + 32;
    return kind && key && rec->domain[0] != '\0' && (f->digest.len == 0 || f->digest.len == 20) && f->size < 1ULL << 48;
}

static bool read_record(struct rv_reader *r, struct rv_mbdb_record *rec)
{
    struct rv_mbfile *f = &rec->file;
    struct rv_span domain = read_string(r), path = read_string(r), target = read_string(r);
    f->digest = read_string(r);
    f->key = read_string(r);
    f->attributes = rv_span(NULL, 0);
    read_fixed(r, f);
    rec->property_count = rv_read_u8(r);
    size_t begin = r->at;
    for (unsigned i = 0; i < 2U * rec->property_count && !r->bad; i++)
        read_string(r);
    if (r->bad || !take_text(domain, rec->domain, sizeof rec->domain) || !take_text(path, f->path, sizeof f->path) ||
        !take_text(target, f->target, sizeof f->target))
        return false;
    rec->properties = rv_span(r->in.ptr + begin, r->at - begin);
    return is_likely(rec);
}

bool rv_mbdb_next(struct rv_mbdb *db, struct rv_mbdb_record *out, struct rv_error *err)
{
    err->code = RV_OK;
    if (db->at >= db->in.len)
        return false;
    struct rv_reader r = { .in = db->in, .at = db->at };
    out->at = db->at;
    if (!read_record(&r, out))
        return rv_fail(err, RV_E_FORMAT, "Manifest.mbdb: the record at byte %zu of %zu %s", db->at, db->in.len,
                       r.bad ? "is cut short" : "is not one");
    out->end = db->at = r.at;
    return true;
}

/* Names of domains are long words with capitals; no other string of a record reads like one. */
static bool begins_domain(struct rv_span in, size_t at)
{
    struct rv_reader r = { .in = in, .at = at };
    struct rv_span name = read_string(&r);
    size_t letters = 0;
    if (r.bad || name.len < 8 || name.len > 256)
        return false;
    for (size_t i = 0; i + 6 <= name.len; i++)
        letters += memcmp(name.ptr + i, "Domain", 6) == 0;
    return letters > 0 && name.ptr[0] >= 'A' && name.ptr[0] <= 'Z';
}

bool rv_mbdb_skip(struct rv_mbdb *db)
{
    struct rv_mbdb_record rec;
    for (size_t at = db->at + 1; at + FIXED < db->in.len; at++) {
        struct rv_reader r = { .in = db->in, .at = at };
        if (!begins_domain(db->in, at) || !read_record(&r, &rec))
            continue;
        db->at = at;
        return true;
    }
    db->at = db->in.len;
    return false;
}

bool rv_mbdb_begin(struct rv_buf *out, struct rv_error *err)
{
    return rv_buf_add(out, rv_span(magic, MAGIC), err);
}

static bool add_string(struct rv_buf *out, struct rv_span s, struct rv_error *err)
{
    uint8_t len[2];
    rv_put_u16be(len, s.ptr == NULL || s.len >= NULL_LENGTH ? NULL_LENGTH : (uint16_t)s.len);
    return rv_buf_add(out, rv_span(len, 2), err) && (s.ptr == NULL || s.len >= NULL_LENGTH || rv_buf_add(out, s, err));
}

static struct rv_span text_or_null(const char *text, bool null_when_empty)
{
    return *text == '\0' && null_when_empty ? rv_span(NULL, 0) : rv_span(text, strlen(text));
}

bool rv_mbdb_add(const struct rv_mbdb_record *rec, struct rv_buf *out, struct rv_error *err)
{
    const struct rv_mbfile *f = &rec->file;
    uint8_t fixed[FIXED];
    const struct rv_span strings[STRINGS] = { text_or_null(rec->domain, false), text_or_null(f->path, false),
                                              text_or_null(f->target, true), f->digest, f->key };
    for (unsigned i = 0; i < STRINGS; i++)
        if (!add_string(out, strings[i], err))
            return false;
    rv_put_u16be(fixed, (uint16_t)f->mode);
    rv_put_u64be(fixed + 2, f->inode);
    rv_put_u32be(fixed + 10, f->uid);
    rv_put_u32be(fixed + 14, f->gid);
    rv_put_u32be(fixed + 18, (uint32_t)f->modified);
    rv_put_u32be(fixed + 22, (uint32_t)f->changed);
    rv_put_u32be(fixed + 26, (uint32_t)f->born);
    rv_put_u64be(fixed + 30, f->size);
    fixed[38] = f->protection;
    fixed[39] = rec->property_count;
    return rv_buf_add(out, rv_span(fixed, FIXED), err) && rv_buf_add(out, rec->properties, err);
}
