/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little endian. Source: idevicerestore src/fls.c, src/fls.h (facts only); not seen on a device by us [I].
 *
 *   element       u32 type, u32 size with this header, u32 0, ...
 *   type 0x0c     28 u32 data size, 36 u32 absolute offset of the data; data at 40: its own 16 u32 size, 20 u32
 *                 offset of the signature, which runs to the end of the data
 *   0x10, 0x14    12 u32 data size, 20 u32 absolute offset of the data; data at 24
 *   others        data at 12
 */
#include "format/fls.h"

#include <string.h>

enum { TYPE_SECURITY = 0x0C, TYPE_10 = 0x10, TYPE_14 = 0x14, SECURITY_HEADER = 40, OTHER_HEADER = 24, LEAST = 12 };

struct element {
    uint32_t type, size;
    size_t at;
};

static bool next_element(struct rv_span in, size_t at, struct element *out, struct rv_error *err)
{
    struct rv_reader r = { .in = in, .at = at };
    out->type = rv_read_u32le(&r);
    out->size = rv_read_u32le(&r);
    out->at = at;
    uint32_t least = out->type == TYPE_SECURITY                     ? SECURITY_HEADER
                     : out->type == TYPE_10 || out->type == TYPE_14 ? OTHER_HEADER
                                                                    : LEAST;
    if (r.bad || out->size < least || out->size > in.len - at)
        return rv_fail(err, RV_E_FORMAT, "fls: the element at offset %zu does not fit", at);
    return true;
}

/* The security element; all others are walked too, so that the file is known to be whole. */
static bool find_security(struct rv_span in, struct element *found, struct rv_error *err)
{
    bool have = false;
    struct element e;
    for (size_t at = 0; at < in.len; at += e.size) {
        if (!next_element(in, at, &e, err))
            return false;
        if (e.type == TYPE_SECURITY && !have) {
            *found = e;
            have = true;
        }
    }
    return have || rv_fail(err, RV_E_FORMAT, "fls: it has no security element");
}

/* After bytes were added or taken away inside one element, those behind it have moved. */
static void fix_offsets(struct rv_blob *out)
{
    struct rv_error ignored;
    struct element e;
    for (size_t at = 0; at < out->len && next_element(rv_blob_span(out), at, &e, &ignored); at += e.size) {
        if (e.type == TYPE_SECURITY)
            rv_put_u32le(out->data + at + 36, (uint32_t)(at + SECURITY_HEADER));
        else if (e.type == TYPE_10 || e.type == TYPE_14)
            rv_put_u32le(out->data + at + 20, (uint32_t)(at + OTHER_HEADER));
    }
}

static uint32_t u32_at(struct rv_span in, size_t at)
{
    struct rv_reader r = { .in = in, .at = at };
    return rv_read_u32le(&r);
}

/* in[0..cut) + insert + in[resume..end), with the sizes of the security element adjusted. */
static struct rv_blob *splice(struct rv_span in, const struct element *e, size_t cut, struct rv_span insert,
                              size_t resume, struct rv_error *err)
{
    uint64_t len = (uint64_t)cut + insert.len + (in.len - resume);
    if (len > UINT32_MAX) {
        rv_fail(err, RV_E_LIMIT, "fls: %llu bytes", (unsigned long long)len);
        return NULL;
    }
    struct rv_blob *out = rv_blob_new((size_t)len, err);
    if (out == NULL)
        return NULL;
    memcpy(out->data, in.ptr, cut);
    if (insert.len > 0)
        memcpy(out->data + cut, insert.ptr, insert.len);
    if (in.len > resume)
        memcpy(out->data + cut + insert.len, in.ptr + resume, in.len - resume);
    uint32_t grown = (uint32_t)(insert.len - (resume - cut)); /* wraps when it shrank, and back below */
    rv_put_u32le(out->data + e->at + 4, e->size + grown);
    rv_put_u32le(out->data + e->at + 28, u32_at(in, e->at + 28) + grown);
    fix_offsets(out);
    return out;
}

struct rv_blob *rv_fls_sign(struct rv_span fls, struct rv_span blob, struct rv_error *err)
{
    struct element e;
    if (!find_security(fls, &e, err))
        return NULL;
    size_t data = e.at + SECURITY_HEADER, data_len = e.size - SECURITY_HEADER;
    uint32_t told = u32_at(fls, e.at + 28);
    uint32_t inner = data_len >= 24 ? u32_at(fls, data + 16) : 0,
             signature = data_len >= 24 ? u32_at(fls, data + 20) : 0;
    if (data_len < 24 || inner != told || told != data_len || signature < 24 || signature > data_len) {
        rv_fail(err, RV_E_FORMAT, "fls: the sizes of the security element at offset %zu do not agree", e.at);
        return NULL;
    }
    struct rv_blob *out = splice(fls, &e, data + signature, blob, data + data_len, err);
    if (out != NULL)
        rv_put_u32le(out->data + data + 16, (uint32_t)(signature + blob.len));
    return out;
}

struct rv_blob *rv_fls_insert_ticket(struct rv_span fls, struct rv_span ticket, struct rv_error *err)
{
    enum { TICKET_MAX = 1024 * 1024 };
    struct element e;
    if (!find_security(fls, &e, err))
        return NULL;
    if (ticket.len == 0 || ticket.len > TICKET_MAX) {
        rv_fail(err, RV_E_FORMAT, "fls: a ticket of %zu bytes", ticket.len);
        return NULL;
    }
    RV_AUTO(rv_blob) padded = rv_blob_new((ticket.len + 3) & ~(size_t)3, err);
    if (padded == NULL)
        return NULL;
    memset(padded->data, 0xFF, padded->len);
    memcpy(padded->data, ticket.ptr, ticket.len);
    size_t data = e.at + SECURITY_HEADER;
    return splice(fls, &e, data, rv_blob_span(padded), data, err);
}
