/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source: idevicerestore src/ftab.c, src/ftab.h (facts only) [I].
 *
 *   0   u32le 1, u32le 0xFFFFFFFF, 6 x u32 0
 *   32  tag of the whole ("rkos"), 36 "ftab", 40 u32le count, 44 u32 0
 *   48  count x { tag, u32le offset, u32le size, u32 0 }, then the contents
 */
#include "format/ftab.h"

#include <string.h>

enum { HEADER = 48, ENTRY = 16, ENTRIES_MAX = 256 };

struct entry {
    struct rv_span tag, content;
};

static uint32_t count_of(struct rv_span in)
{
    struct rv_reader r = { .in = in, .at = 40 };
    return rv_read_u32le(&r);
}

static bool entry_at(struct rv_span in, uint32_t index, struct entry *out)
{
    struct rv_reader r = { .in = in, .at = HEADER + (size_t)index * ENTRY };
    out->tag = rv_read_span(&r, 4);
    uint32_t at = rv_read_u32le(&r), size = rv_read_u32le(&r);
    out->content = rv_span_part(in, at, size);
    return !r.bad && out->content.ptr != NULL;
}

bool rv_ftab_check(struct rv_span ftab, struct rv_error *err)
{
    if (ftab.len < HEADER || memcmp(ftab.ptr + 36, "ftab", 4) != 0)
        return rv_fail(err, RV_E_FORMAT, "ftab: %zu bytes are none", ftab.len);
    uint32_t count = count_of(ftab);
    if (count > ENTRIES_MAX || (size_t)count * ENTRY > ftab.len - HEADER)
        return rv_fail(err, RV_E_FORMAT, "ftab: %u entries do not fit", count);
    for (uint32_t i = 0; i < count; i++) {
        struct entry e;
        if (!entry_at(ftab, i, &e))
            return rv_fail(err, RV_E_FORMAT, "ftab: entry %u lies outside", i);
    }
    return true;
}

bool rv_ftab_find(struct rv_span ftab, const char *tag, struct rv_span *out)
{
    struct rv_error ignored;
    if (!rv_ftab_check(ftab, &ignored))
        return false;
    for (uint32_t i = 0; i < count_of(ftab); i++) {
        struct entry e;
        if (entry_at(ftab, i, &e) && memcmp(e.tag.ptr, tag, 4) == 0) {
            *out = e.content;
            return true;
        }
    }
    return false;
}

static bool collect(struct rv_span ftab, const char *tag, struct rv_span content, struct entry *to, uint32_t *count)
{
    uint32_t n = count_of(ftab);
    bool replaced = false;
    for (uint32_t i = 0; i < n; i++) {
        entry_at(ftab, i, &to[i]);
        if (memcmp(to[i].tag.ptr, tag, 4) == 0) {
            to[i].content = content;
            replaced = true;
        }
    }
    if (!replaced && n == ENTRIES_MAX)
        return false;
    if (!replaced)
        to[n++] = (struct entry){ .tag = rv_span(tag, 4), .content = content };
    *count = n;
    return true;
}

struct rv_blob *rv_ftab_with(struct rv_span ftab, const char *tag, struct rv_span content, struct rv_error *err)
{
    struct entry entries[ENTRIES_MAX];
    uint32_t count = 0;
    uint64_t total = HEADER;
    if (!rv_ftab_check(ftab, err))
        return NULL;
    if (!collect(ftab, tag, content, entries, &count)) {
        rv_fail(err, RV_E_LIMIT, "ftab: more than %d entries", ENTRIES_MAX);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        total += ENTRY + entries[i].content.len;
    if (total > UINT32_MAX) {
        rv_fail(err, RV_E_LIMIT, "ftab: %llu bytes", (unsigned long long)total);
        return NULL;
    }
    struct rv_blob *out = rv_blob_new((size_t)total, err);
    if (out == NULL)
        return NULL;
    memcpy(out->data, ftab.ptr, HEADER);
    rv_put_u32le(out->data + 40, count);
    size_t at = HEADER + (size_t)count * ENTRY;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *row = out->data + HEADER + (size_t)i * ENTRY;
        memcpy(row, entries[i].tag.ptr, 4);
        rv_put_u32le(row + 4, (uint32_t)at);
        rv_put_u32le(row + 8, (uint32_t)entries[i].content.len);
        if (entries[i].content.len > 0)
            memcpy(out->data + at, entries[i].content.ptr, entries[i].content.len);
        at += entries[i].content.len;
    }
    return out;
}
