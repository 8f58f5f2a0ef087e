/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammar (certain; public: PyIMG4, img4lib, and twelve real tickets):
 *
 *   IMG4  SEQUENCE { "IMG4", IM4P, [0] { IM4M }, [1] { IM4R } OPTIONAL }
 *   IM4P  SEQUENCE { "IM4P", type(4), version, OCTETS payload, OCTETS keybags OPTIONAL,
 *                    SEQUENCE { INTEGER 1, INTEGER plain size } OPTIONAL, [0] { SEQUENCE { "PAYP", SET } } OPTIONAL }
 *   IM4M  SEQUENCE { "IM4M", INTEGER 0, SET { [PRIVATE MANB] { SEQUENCE { "MANB", SET {
 *                    [PRIVATE MANP] { SEQUENCE { "MANP", SET OF Prop } },
 *                    [PRIVATE 4cc]  { SEQUENCE { 4cc, SET OF Prop } } ... } } } },
 *                    OCTETS signature, SEQUENCE OF Certificate | IM4C }
 *   IM4R  SEQUENCE { "IM4R", SET OF Prop }
 *   Prop  [PRIVATE tag] { SEQUENCE { tag, value } }
 *
 * The order of the private elements is not relied on.
 */
#include "format/img4.h"

#include <string.h>

enum { IM4R_MAX = 64 * 1024, STITCH_EXTRA = 1024 };

/* The outer SEQUENCE with its name; nothing may follow it. r is left after the name. */
static bool open_whole(struct rv_span in, const char *name, struct rv_reader *r, struct rv_error *err)
{
    struct rv_reader all = { .in = in };
    struct rv_der sequence, text;
    if (!rv_der_expect(&all, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, name, &sequence, err))
        return false;
    if (all.at != in.len)
        return rv_fail(err, RV_E_FORMAT, "%s: %zu bytes follow its end at offset %zu", name, in.len - all.at, all.at);
    *r = rv_der_inside(&sequence);
    if (!rv_der_expect(r, RV_DER_UNIVERSAL, RV_DER_TEXT, name, &text, err))
        return false;
    if (!rv_der_text_is(&text, name))
        return rv_fail(err, RV_E_FORMAT, "this is no %s", name);
    return true;
}

bool rv_img4_kind(struct rv_span in, enum rv_img4_kind *kind, struct rv_error *err)
{
    static const char *const names[] = {
        [RV_IMG4_IMG4] = "IMG4", [RV_IMG4_IM4P] = "IM4P", [RV_IMG4_IM4M] = "IM4M", [RV_IMG4_IM4R] = "IM4R"
    };
    struct rv_reader r = { .in = in };
    struct rv_der sequence, text;
    if (!rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, "an Image4 file", &sequence, err))
        return false;
    r = rv_der_inside(&sequence);
    if (!rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_TEXT, "the name of an Image4 file", &text, err))
        return false;
    for (unsigned i = 0; i < RV_COUNT(names); i++) {
        if (rv_der_text_is(&text, names[i])) {
            *kind = (enum rv_img4_kind)i;
            return true;
        }
    }
    return rv_fail(err, RV_E_FORMAT, "no Image4 file: its name is none of IMG4, IM4P, IM4M, IM4R");
}

/* ---- IM4P ---- */

static enum rv_im4p_compression compression_of(struct rv_span payload)
{
    if (payload.len >= 8 && memcmp(payload.ptr, "complzss", 8) == 0)
        return RV_IM4P_LZSS;
    if (payload.len >= 4 && memcmp(payload.ptr, "bvx", 3) == 0)
        return RV_IM4P_LZFSE;
    return RV_IM4P_PLAIN;
}

static bool take_compression(struct rv_im4p *p, const struct rv_der *sequence, struct rv_error *err)
{
    struct rv_reader r = rv_der_inside(sequence);
    struct rv_der number;
    uint64_t method = 0, size = 0;
    if (!rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_INTEGER, "the compression method", &number, err))
        return false;
    if (!rv_der_uint(&number, &method))
        return rv_fail(err, RV_E_FORMAT, "IM4P: the compression method is no number");
    if (!rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_INTEGER, "the uncompressed size", &number, err))
        return false;
    if (!rv_der_uint(&number, &size))
        return rv_fail(err, RV_E_FORMAT, "IM4P: the uncompressed size is no number of 64 bits");
    p->plain_size = size;
    if (method == 1)
        p->compression = RV_IM4P_LZFSE;
    return true;
}

bool rv_im4p_parse(struct rv_span in, struct rv_im4p *out, struct rv_error *err)
{
    struct rv_im4p p = { .whole = in };
    struct rv_reader r;
    struct rv_der type, version, payload;
    if (!open_whole(in, "IM4P", &r, err) ||
        !rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_TEXT, "the type of an IM4P", &type, err))
        return false;
    if (type.body.len != 4)
        return rv_fail(err, RV_E_FORMAT, "IM4P: its type has %zu characters, not 4", type.body.len);
    if (!rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_TEXT, "the version of an IM4P", &version, err) ||
        !rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_OCTETS, "the payload of an IM4P", &payload, err))
        return false;
    memcpy(p.type, type.body.ptr, 4);
    p.type_at = (size_t)(type.body.ptr - in.ptr);
    p.version = version.body;
    p.payload = payload.body;
    p.compression = compression_of(p.payload);
    while (r.at < r.in.len) {
        struct rv_der more;
        if (!rv_der_next(&r, &more, err))
            return rv_while(err, "reading what follows the payload of an IM4P");
        if (rv_der_is(&more, RV_DER_UNIVERSAL, RV_DER_OCTETS))
            p.keybags = more.body;
        else if (rv_der_is(&more, RV_DER_UNIVERSAL, RV_DER_SEQUENCE) && !take_compression(&p, &more, err))
            return false;
    }
    *out = p;
    return true;
}

/* Header of an element whose body need not be in the span. */
static bool peek(struct rv_span in, size_t *at, uint8_t want)
{
    if (rv_span_part(in, *at, 2).ptr == NULL || in.ptr[*at] != want)
        return false;
    uint8_t length = in.ptr[*at + 1];
    *at += 2;
    if (length >= 128)
        *at += length & 127u;
    return *at < in.len;
}

bool rv_im4p_find_type(struct rv_span start, size_t *type_at)
{
    static const uint8_t name_and_type[] = { 0x16, 4, 'I', 'M', '4', 'P', 0x16, 4 };
    size_t at = 0;
    if (!peek(start, &at, 0x30))
        return false;
    struct rv_span here = rv_span_part(start, at, sizeof name_and_type);
    if (!rv_span_equal(here, rv_span(name_and_type, sizeof name_and_type)))
        return false;
    at += sizeof name_and_type;
    if (rv_span_part(start, at, 4).ptr == NULL)
        return false;
    *type_at = at;
    return true;
}

bool rv_im4p_retag(struct rv_blob *im4p, const char *type, struct rv_error *err)
{
    struct rv_im4p parsed;
    if (rv_der_4cc(type) == 0)
        return rv_fail(err, RV_E_FORMAT, "'%.16s' is no type of an IM4P", type);
    if (!rv_im4p_parse(rv_blob_span(im4p), &parsed, err))
        return false;
    for (size_t i = 0; i < 4; i++)
        im4p->data[parsed.type_at + i] = (uint8_t)type[i];
    return true;
}

/* ---- properties ---- */

/* [PRIVATE 4cc] { SEQUENCE { 4cc, value } } */
static bool read_private(struct rv_reader *r, uint32_t *tag, struct rv_der *value, struct rv_error *err)
{
    struct rv_der outer, sequence, name;
    size_t at = r->at;
    if (!rv_der_next(r, &outer, err))
        return false;
    if (outer.cls != RV_DER_PRIVATE || !outer.constructed)
        return rv_fail(err, RV_E_FORMAT, "Image4: no private element at offset %zu of the set", at);
    struct rv_reader in = rv_der_inside(&outer);
    if (!rv_der_expect(&in, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, "a named value", &sequence, err))
        return false;
    if (in.at != in.in.len)
        return rv_fail(err, RV_E_FORMAT, "Image4: bytes follow the named value at offset %zu of the set", at);
    in = rv_der_inside(&sequence);
    if (!rv_der_expect(&in, RV_DER_UNIVERSAL, RV_DER_TEXT, "the name of a value", &name, err) ||
        !rv_der_next(&in, value, err))
        return false;
    uint8_t expected[4];
    rv_put_u32be(expected, outer.tag);
    if (!rv_span_equal(name.body, rv_span(expected, 4)) || in.at != in.in.len)
        return rv_fail(err, RV_E_FORMAT, "Image4: name and tag differ at offset %zu of the set", at);
    *tag = outer.tag;
    return true;
}

/* Every element of the set is a property, and no name is there twice. */
static bool check_set(struct rv_span set, bool objects, unsigned *budget, struct rv_error *err)
{
    uint32_t seen[RV_IM4M_ENTRIES_MAX];
    size_t count = 0;
    struct rv_reader r = { .in = set };
    while (r.at < set.len) {
        struct rv_der value;
        uint32_t tag = 0;
        size_t at = r.at;
        if (!read_private(&r, &tag, &value, err))
            return false;
        if (count == RV_COUNT(seen) || *budget == 0)
            return rv_fail(err, RV_E_LIMIT, "Image4: more than %d entries", RV_IM4M_ENTRIES_MAX);
        for (size_t i = 0; i < count; i++) {
            if (seen[i] == tag)
                return rv_fail(err, RV_E_FORMAT, "Image4: an entry is there twice at offset %zu of the set", at);
        }
        if (objects && !rv_der_is(&value, RV_DER_UNIVERSAL, RV_DER_SET))
            return rv_fail(err, RV_E_FORMAT, "Image4: the object at offset %zu has no set of properties", at);
        seen[count++] = tag;
        (*budget)--;
    }
    return true;
}

static void tag_text(uint32_t tag, char name[5])
{
    uint8_t bytes[4];
    rv_put_u32be(bytes, tag);
    for (size_t i = 0; i < 4; i++)
        name[i] = (char)bytes[i];
    name[4] = '\0';
}

bool rv_img4_property_next(struct rv_reader *r, char name[5], struct rv_der *value)
{
    struct rv_error ignored;
    uint32_t tag = 0;
    if (r->at >= r->in.len || !read_private(r, &tag, value, &ignored))
        return false;
    tag_text(tag, name);
    return true;
}

bool rv_img4_property(struct rv_span set, const char *name, struct rv_der *value)
{
    struct rv_reader r = { .in = set };
    struct rv_der found;
    char at[5];
    while (rv_img4_property_next(&r, at, &found)) {
        if (memcmp(at, name, 5) == 0) {
            *value = found;
            return true;
        }
    }
    return false;
}

bool rv_img4_property_uint(struct rv_span set, const char *name, uint64_t *value)
{
    struct rv_der found;
    return rv_img4_property(set, name, &found) && rv_der_uint(&found, value);
}

bool rv_img4_property_octets(struct rv_span set, const char *name, struct rv_span *value)
{
    struct rv_der found;
    if (!rv_img4_property(set, name, &found) || !rv_der_is(&found, RV_DER_UNIVERSAL, RV_DER_OCTETS))
        return false;
    *value = found.body;
    return true;
}

/* ---- IM4M ---- */

bool rv_im4m_object_next(struct rv_reader *r, char tag[5], struct rv_span *properties)
{
    struct rv_der value;
    while (rv_img4_property_next(r, tag, &value)) {
        if (memcmp(tag, "MANP", 4) == 0)
            continue;
        *properties = value.body;
        return true;
    }
    return false;
}

bool rv_im4m_object(const struct rv_im4m *im4m, const char *tag, struct rv_span *properties)
{
    struct rv_der value;
    if (strcmp(tag, "MANP") == 0 || !rv_img4_property(im4m->objects, tag, &value))
        return false;
    *properties = value.body;
    return true;
}

/* SET { [PRIVATE MANB] { SEQUENCE { "MANB", SET } } } */
static bool take_body(struct rv_im4m *m, const struct rv_der *set, struct rv_error *err)
{
    struct rv_reader r = rv_der_inside(set);
    struct rv_der objects, properties;
    uint32_t tag = 0;
    unsigned budget = 16 * RV_IM4M_ENTRIES_MAX;
    if (!read_private(&r, &tag, &objects, err))
        return rv_while(err, "reading the body of a ticket");
    if (tag != rv_der_4cc("MANB") || !rv_der_is(&objects, RV_DER_UNIVERSAL, RV_DER_SET) || r.at != r.in.len)
        return rv_fail(err, RV_E_FORMAT, "IM4M: the signed part is not one MANB");
    if (!check_set(objects.body, true, &budget, err))
        return rv_while(err, "reading the objects of a ticket");
    if (!rv_img4_property(objects.body, "MANP", &properties))
        return rv_fail(err, RV_E_FORMAT, "IM4M: there is no MANP");
    r = (struct rv_reader){ .in = objects.body };
    char name[5];
    struct rv_der value;
    while (rv_img4_property_next(&r, name, &value)) {
        if (!check_set(value.body, false, &budget, err))
            return rv_while(err, "reading the properties of '%s' in a ticket", name);
    }
    m->properties = properties.body;
    m->objects = objects.body;
    return true;
}

static bool take_chain(struct rv_im4m *m, const struct rv_der *sequence, struct rv_error *err)
{
    struct rv_reader r = rv_der_inside(sequence);
    while (r.at < r.in.len) {
        struct rv_der certificate;
        if (!rv_der_next(&r, &certificate, err))
            return rv_while(err, "reading the certificates of a ticket");
        if (rv_der_text_is(&certificate, "IM4C"))
            return true;
        if (!rv_der_is(&certificate, RV_DER_UNIVERSAL, RV_DER_SEQUENCE))
            return rv_fail(err, RV_E_FORMAT, "IM4M: certificate %zu is none", m->chain_len);
        if (m->chain_len == RV_IM4M_CERTIFICATES_MAX)
            return rv_fail(err, RV_E_LIMIT, "IM4M: more than %d certificates", RV_IM4M_CERTIFICATES_MAX);
        m->chain[m->chain_len++] = certificate.whole;
    }
    return true;
}

bool rv_im4m_parse(struct rv_span in, struct rv_im4m *out, struct rv_error *err)
{
    struct rv_im4m m = { .whole = in };
    struct rv_reader r;
    struct rv_der version, body, signature, chain;
    if (!open_whole(in, "IM4M", &r, err) ||
        !rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_INTEGER, "the version of a ticket", &version, err) ||
        !rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_SET, "the body of a ticket", &body, err))
        return false;
    m.signed_bytes = body.whole;
    if (!take_body(&m, &body, err) ||
        !rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_OCTETS, "the signature of a ticket", &signature, err) ||
        !rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, "the certificates of a ticket", &chain, err) ||
        !take_chain(&m, &chain, err))
        return false;
    if (r.at != r.in.len)
        return rv_fail(err, RV_E_FORMAT, "IM4M: %zu bytes follow the certificates", r.in.len - r.at);
    m.signature = signature.body;
    *out = m;
    return true;
}

/* ---- IM4R, IMG4 ---- */

bool rv_im4r_parse(struct rv_span in, struct rv_span *properties, struct rv_error *err)
{
    struct rv_reader r;
    struct rv_der set;
    unsigned budget = RV_IM4M_ENTRIES_MAX;
    if (!open_whole(in, "IM4R", &r, err) ||
        !rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_SET, "the properties of an IM4R", &set, err) ||
        !check_set(set.body, false, &budget, err))
        return false;
    *properties = set.body;
    return true;
}

bool rv_img4_parse(struct rv_span in, struct rv_img4 *out, struct rv_error *err)
{
    struct rv_img4 image = { .im4r = { NULL, 0 } };
    struct rv_reader r;
    struct rv_der part;
    if (!open_whole(in, "IMG4", &r, err) ||
        !rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_SEQUENCE, "the payload of an IMG4", &part, err) ||
        !rv_im4p_parse(part.whole, &image.im4p, err) ||
        !rv_der_expect(&r, RV_DER_CONTEXT, 0, "the ticket of an IMG4", &part, err) ||
        !rv_im4m_parse(part.body, &image.im4m, err))
        return false;
    if (r.at < r.in.len) {
        struct rv_span ignored;
        if (!rv_der_expect(&r, RV_DER_CONTEXT, 1, "the restore info of an IMG4", &part, err) ||
            !rv_im4r_parse(part.body, &ignored, err))
            return false;
        image.im4r = part.body;
    }
    *out = image;
    return true;
}

static bool put_named(struct rv_buf *to, enum rv_der_class cls, uint32_t tag, struct rv_span body, struct rv_error *err)
{
    return body.len == 0 || rv_der_put(to, cls, true, tag, body, err);
}

struct rv_blob *rv_img4_stitch(struct rv_span im4p, struct rv_span im4m, struct rv_span im4r, struct rv_error *err)
{
    struct rv_im4p payload;
    struct rv_im4m ticket;
    if (!rv_im4p_parse(im4p, &payload, err) || !rv_im4m_parse(im4m, &ticket, err))
        return NULL;
    size_t len = 6 + im4p.len + rv_der_header_size(0, im4m.len) + im4m.len;
    if (im4r.len > 0)
        len += rv_der_header_size(1, im4r.len) + im4r.len;
    struct rv_buf out = RV_BUF(len + STITCH_EXTRA);
    bool fine = rv_buf_reserve(&out, len + 16, err) != NULL &&
                rv_der_put_header(&out, RV_DER_UNIVERSAL, true, RV_DER_SEQUENCE, len, err) &&
                rv_der_put_text(&out, "IMG4", err) && rv_buf_add(&out, im4p, err) &&
                put_named(&out, RV_DER_CONTEXT, 0, im4m, err) && put_named(&out, RV_DER_CONTEXT, 1, im4r, err);
    struct rv_blob *blob = fine ? rv_blob_copy(rv_buf_span(&out), err) : NULL;
    rv_buf_clear(&out);
    return blob;
}

static bool put_item(struct rv_buf *set, const struct rv_im4r_item *item, struct rv_error *err)
{
    struct rv_buf inner = RV_BUF(IM4R_MAX), sequence = RV_BUF(IM4R_MAX);
    bool fine = rv_der_put_text(&inner, item->name, err) &&
                (item->octets.ptr != NULL ? rv_der_put_octets(&inner, item->octets, err)
                                          : rv_der_put_uint(&inner, item->number, err)) &&
                rv_der_put(&sequence, RV_DER_UNIVERSAL, true, RV_DER_SEQUENCE, rv_buf_span(&inner), err) &&
                rv_der_put(set, RV_DER_PRIVATE, true, rv_der_4cc(item->name), rv_buf_span(&sequence), err);
    rv_buf_clear(&inner);
    rv_buf_clear(&sequence);
    return fine;
}

struct rv_blob *rv_im4r_make(const struct rv_im4r_item *items, size_t count, struct rv_error *err)
{
    struct rv_buf set = RV_BUF(IM4R_MAX), inner = RV_BUF(IM4R_MAX), out = RV_BUF(IM4R_MAX);
    bool fine = rv_der_put_text(&inner, "IM4R", err);
    for (size_t i = 0; fine && i < count; i++)
        fine = put_item(&set, &items[i], err);
    fine = fine && rv_der_put(&inner, RV_DER_UNIVERSAL, true, RV_DER_SET, rv_buf_span(&set), err) &&
           rv_der_put(&out, RV_DER_UNIVERSAL, true, RV_DER_SEQUENCE, rv_buf_span(&inner), err);
    struct rv_blob *blob = fine ? rv_blob_copy(rv_buf_span(&out), err) : NULL;
    rv_buf_clear(&set);
    rv_buf_clear(&inner);
    rv_buf_clear(&out);
    return blob;
}
