/* SPDX-License-Identifier: Apache-2.0 */
#include "format/keybag.h"

#include <stddef.h>
#include <string.h>

enum where { HEADER = 1, CLASS = 2 };

/* Numbers are four bytes, everything else is bytes of a fixed size (0: a salt, any size up to its room). */
struct field {
    char tag[5];
    enum where where;
    uint8_t size;
    bool number;
    size_t offset;
};

#define IN_BAG(member)   offsetof(struct rv_keybag, member)
#define IN_CLASS(member) offsetof(struct rv_keybag_class, member)
static const struct field fields[] = {
    { "VERS", HEADER, 4, true, IN_BAG(version) },
    { "TYPE", HEADER, 4, true, IN_BAG(type) },
    { "UUID", HEADER, 16, false, IN_BAG(uuid) },
    { "HMCK", HEADER, 40, false, IN_BAG(hmac_key) },
    { "WRAP", HEADER, 4, true, IN_BAG(wrap) },
    { "SALT", HEADER, 0, false, IN_BAG(salt) },
    { "ITER", HEADER, 4, true, IN_BAG(rounds) },
    { "DPIC", HEADER, 4, true, IN_BAG(double_rounds) },
    { "DPSL", HEADER, 0, false, IN_BAG(double_salt) },
    { "CLAS", CLASS, 4, true, IN_CLASS(number) },
    { "WRAP", CLASS, 4, true, IN_CLASS(wrap) },
    { "KTYP", CLASS, 4, true, IN_CLASS(key_type) },
    { "WPKY", CLASS, RV_KEYBAG_WPKY, false, IN_CLASS(wrapped) },
    { "PBKY", CLASS, 32, false, IN_CLASS(public_key) },
};

static const struct field *find_field(struct rv_span tag, enum where where)
{
    for (size_t i = 0; i < RV_COUNT(fields); i++)
        if (fields[i].where == where && memcmp(fields[i].tag, tag.ptr, 4) == 0)
            return &fields[i];
    return NULL;
}

static bool take(const struct field *f, struct rv_span value, void *to)
{
    uint8_t *at = (uint8_t *)to + f->offset;
    if (f->size == 0) {
        struct rv_keybag_salt *salt = (struct rv_keybag_salt *)(void *)at;
        if (value.len == 0 || value.len > sizeof salt->bytes)
            return false;
        memcpy(salt->bytes, value.ptr, value.len);
        salt->len = (uint32_t)value.len;
        return true;
    }
    if (value.len != f->size)
        return false;
    if (f->number) {
        struct rv_reader r = { .in = value };
        uint32_t number = rv_read_u32be(&r);
        memcpy(at, &number, sizeof number);
    } else {
        memcpy(at, value.ptr, value.len);
    }
    return true;
}

static bool read_bag(struct rv_span in, struct rv_keybag *bag, struct rv_error *err)
{
    struct rv_reader r = { .in = in };
    struct rv_keybag_class *cls = NULL;
    bool seen_uuid = false;
    while (r.at < in.len) {
        size_t at = r.at;
        struct rv_span tag = rv_read_span(&r, 4);
        struct rv_span value = rv_read_span(&r, rv_read_u32be(&r));
        if (r.bad)
            return rv_fail(err, RV_E_FORMAT, "keybag cut short at byte %zu of %zu", at, in.len);
        if (memcmp(tag.ptr, "UUID", 4) == 0 && seen_uuid && value.len == 16) {
            if (bag->count == RV_KEYBAG_CLASSES_MAX)
                return rv_fail(err, RV_E_LIMIT, "keybag with more than %u classes", (unsigned)RV_KEYBAG_CLASSES_MAX);
            cls = &bag->classes[bag->count++];
            memcpy(cls->uuid, value.ptr, 16);
            continue;
        }
        seen_uuid = seen_uuid || memcmp(tag.ptr, "UUID", 4) == 0;
        const struct field *f = find_field(tag, cls != NULL ? CLASS : HEADER);
        if (f == NULL)
            continue;
        if (!take(f, value, cls != NULL ? (void *)cls : (void *)bag))
            return rv_fail(err, RV_E_FORMAT, "%s at byte %zu of a keybag has %zu bytes", f->tag, at, value.len);
        if (cls != NULL) {
            cls->has_key = cls->has_key || f->offset == IN_CLASS(wrapped);
            cls->has_public = cls->has_public || f->offset == IN_CLASS(public_key);
        } else {
            bag->has_hmac = bag->has_hmac || f->offset == IN_BAG(hmac_key);
        }
    }
    return true;
}

bool rv_keybag_parse(struct rv_span in, struct rv_keybag *out, struct rv_error *err)
{
    struct rv_keybag bag = { .count = 0 };
    if (!read_bag(in, &bag, err))
        return false;
    if (bag.salt.len == 0 || bag.rounds == 0)
        return rv_fail(err, RV_E_FORMAT, "keybag without SALT or ITER (%zu bytes)", in.len);
    if (bag.count == 0)
        return rv_fail(err, RV_E_FORMAT, "keybag without a class (%zu bytes)", in.len);
    *out = bag;
    return true;
}

bool rv_keybag_salvage(struct rv_span in, struct rv_keybag *out)
{
    struct rv_keybag bag = { .count = 0 };
    struct rv_error ignored = { 0 };
    bool whole = read_bag(in, &bag, &ignored);
    if (!whole && bag.count > 0 && !bag.classes[bag.count - 1].has_key)
        bag.count--; /* the damage begins in it */
    if (bag.salt.len == 0 || bag.rounds == 0 || bag.count == 0)
        return false;
    *out = bag;
    return true;
}

static bool add_tag(struct rv_buf *out, const char *tag, struct rv_span value, struct rv_error *err)
{
    uint8_t head[8];
    memcpy(head, tag, 4);
    rv_put_u32be(head + 4, (uint32_t)value.len);
    return rv_buf_add(out, rv_span(head, 8), err) && rv_buf_add(out, value, err);
}

static bool add_number(struct rv_buf *out, const char *tag, uint32_t number, struct rv_error *err)
{
    uint8_t raw[4];
    rv_put_u32be(raw, number);
    return add_tag(out, tag, rv_span(raw, 4), err);
}

static bool add_class(const struct rv_keybag_class *c, struct rv_buf *out, struct rv_error *err)
{
    return add_tag(out, "UUID", rv_span(c->uuid, 16), err) && add_number(out, "CLAS", c->number, err) &&
           add_number(out, "WRAP", c->wrap, err) && add_number(out, "KTYP", c->key_type, err) &&
           (!c->has_key || add_tag(out, "WPKY", rv_span(c->wrapped, sizeof c->wrapped), err)) &&
           (!c->has_public || add_tag(out, "PBKY", rv_span(c->public_key, sizeof c->public_key), err));
}

bool rv_keybag_format(const struct rv_keybag *bag, struct rv_buf *out, struct rv_error *err)
{
    bool fine = add_number(out, "VERS", bag->version, err) && add_number(out, "TYPE", bag->type, err) &&
                add_tag(out, "UUID", rv_span(bag->uuid, 16), err) &&
                add_tag(out, "HMCK", rv_span(bag->hmac_key, 40), err) && add_number(out, "WRAP", bag->wrap, err) &&
                add_tag(out, "SALT", rv_span(bag->salt.bytes, bag->salt.len), err) &&
                add_number(out, "ITER", bag->rounds, err);
    if (fine && bag->double_salt.len > 0)
        fine = add_number(out, "DPWT", 1, err) && add_number(out, "DPIC", bag->double_rounds, err) &&
               add_tag(out, "DPSL", rv_span(bag->double_salt.bytes, bag->double_salt.len), err);
    for (unsigned i = 0; fine && i < bag->count; i++)
        fine = add_class(&bag->classes[i], out, err);
    return fine;
}
