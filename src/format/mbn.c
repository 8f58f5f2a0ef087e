/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little endian. Source of all of it: idevicerestore src/mbn.c (facts only); not seen on a device by us [I].
 *
 *   mbn 1      0 u32 10, 16 u32 size without this header of 40 bytes
 *   mbn 2      0 d1 dc 4b 84 34 10 d7 73, 28 u32 size without this header of 80 bytes
 *   bin        1 04 00 ea 6c 69 48 55, 16 u32 whole size
 *   ELF        the end of the segment that begins last is the end of the file
 *   hash table of version 7, in the last segment: u32 reserved, u32 7, then the sizes of: common metadata, QTI
 *              metadata, OEM metadata, hash table, QTI signature, QTI certificates, OEM signature, OEM certificates;
 *              the parts follow in this order
 */
#include "format/mbn.h"

#include <string.h>

enum { V1_HEADER = 40, V2_HEADER = 80, V7_HEADER = 40, V7_FIELDS = 10, SEGMENTS_MAX = 1024 };

struct elf {
    bool wide;
    uint64_t table;
    unsigned count, entry;
};

static bool read_elf(struct rv_span in, struct elf *out, struct rv_error *err)
{
    if (in.len < 16 ||
        memcmp(in.ptr,
               "\x7f"
               "ELF",
               4) != 0 ||
        (in.ptr[4] != 1 && in.ptr[4] != 2))
        return rv_fail(err, RV_E_FORMAT, "modem image: no ELF file");
    struct elf elf = { .wide = in.ptr[4] == 2 };
    struct rv_reader r = { .in = in, .at = 16 + 2 + 2 + 4 };
    rv_read_span(&r, elf.wide ? 8 : 4);
    elf.table = elf.wide ? rv_read_u64le(&r) : rv_read_u32le(&r);
    rv_read_span(&r, (elf.wide ? 8 : 4) + 4 + 2);
    elf.entry = rv_read_u16le(&r);
    elf.count = rv_read_u16le(&r);
    unsigned least = elf.wide ? 56 : 32;
    if (r.bad || elf.count == 0 || elf.count > SEGMENTS_MAX || elf.entry < least || elf.table > in.len ||
        (uint64_t)elf.count * elf.entry > in.len - elf.table)
        return rv_fail(err, RV_E_FORMAT, "modem image: its ELF segments do not fit the file");
    *out = elf;
    return true;
}

static void read_segment(struct rv_span in, const struct elf *elf, unsigned index, uint64_t *at, uint64_t *size)
{
    struct rv_reader r = { .in = in, .at = (size_t)(elf->table + (uint64_t)index * elf->entry) };
    if (elf->wide) {
        rv_read_span(&r, 8);
        *at = rv_read_u64le(&r);
        rv_read_span(&r, 16);
        *size = rv_read_u64le(&r);
    } else {
        rv_read_span(&r, 4);
        *at = rv_read_u32le(&r);
        rv_read_span(&r, 8);
        *size = rv_read_u32le(&r);
    }
}

static bool elf_size(struct rv_span in, uint64_t *size, struct rv_error *err)
{
    struct elf elf = { 0 };
    if (!read_elf(in, &elf, err))
        return false;
    uint64_t last = 0, end = 0;
    for (unsigned i = 0; i < elf.count; i++) {
        uint64_t at = 0, len = 0;
        read_segment(in, &elf, i, &at, &len);
        if (at > in.len || len > in.len - at)
            return rv_fail(err, RV_E_CORRUPT, "modem image: segment %u reaches past the file", i);
        if (at >= last) {
            last = at;
            end = at + len;
        }
    }
    *size = end;
    return true;
}

static uint32_t u32_at(struct rv_span in, size_t at)
{
    struct rv_reader r = { .in = in, .at = at };
    return rv_read_u32le(&r);
}

static bool told_size(struct rv_span in, uint64_t *size, struct rv_error *err)
{
    if (in.len > V2_HEADER && memcmp(in.ptr, "\xD1\xDC\x4B\x84\x34\x10\xD7\x73", 8) == 0)
        *size = (uint64_t)u32_at(in, 28) + V2_HEADER;
    else if (in.len > V1_HEADER && u32_at(in, 0) == 10)
        *size = (uint64_t)u32_at(in, 16) + V1_HEADER;
    else if (in.len > 24 && memcmp(in.ptr + 1, "\x04\x00\xEA\x6C\x69\x48\x55", 7) == 0)
        *size = u32_at(in, 16);
    else if (in.len > 4 && memcmp(in.ptr,
                                  "\x7f"
                                  "ELF",
                                  4) == 0)
        return elf_size(in, size, err);
    else
        return rv_fail(err, RV_E_FORMAT, "modem image: %zu bytes of an unknown kind", in.len);
    return true;
}

bool rv_mbn_stitch(struct rv_blob *image, struct rv_span blob, struct rv_error *err)
{
    uint64_t size = 0;
    if (!told_size(rv_blob_span(image), &size, err))
        return false;
    if (size != image->len)
        return rv_fail(err, RV_E_CORRUPT, "modem image: its header says %llu bytes, it has %zu",
                       (unsigned long long)size, image->len);
    if (blob.len == 0 || blob.len > image->len)
        return rv_fail(err, RV_E_FORMAT, "modem image: a signature of %zu bytes for an image of %zu", blob.len,
                       image->len);
    memcpy(image->data + image->len - blob.len, blob.ptr, blob.len);
    return true;
}

/* ---- version 7 ---- */

struct v7 {
    uint64_t head; /* header, metadata and hash table */
    uint64_t qti, oem;
};

static bool read_v7(struct rv_span in, const char *of, struct v7 *out, struct rv_error *err)
{
    uint32_t f[V7_FIELDS];
    struct rv_reader r = { .in = in };
    for (size_t i = 0; i < V7_FIELDS; i++)
        f[i] = rv_read_u32le(&r);
    if (r.bad || f[1] != 7)
        return rv_fail(err, RV_E_FORMAT, "modem image: %s holds no hash table of version 7", of);
    out->head = (uint64_t)V7_HEADER + f[2] + f[3] + f[4] + f[5];
    out->qti = (uint64_t)f[6] + f[7];
    out->oem = (uint64_t)f[8] + f[9];
    return true;
}

bool rv_mbn_stitch_v7(struct rv_blob *image, struct rv_span blob, struct rv_error *err)
{
    struct rv_span in = rv_blob_span(image);
    struct elf elf = { 0 };
    struct v7 new, old;
    uint64_t at = 0, size = 0;
    if (!read_elf(in, &elf, err) || !read_v7(blob, "the signature", &new, err))
        return false;
    read_segment(in, &elf, elf.count - 1, &at, &size);
    if (at == 0 || at > in.len || size > in.len - at)
        return rv_fail(err, RV_E_CORRUPT, "modem image: its last segment reaches past the file");
    if (!read_v7(rv_span_part(in, (size_t)at, (size_t)size), "the image", &old, err))
        return false;
    if (old.head + old.qti + old.oem > size)
        return rv_fail(err, RV_E_CORRUPT, "modem image: its hash table is larger than its segment");
    /* The blob leaves out the QTI part; that of the image stays where it is. */
    uint64_t oem_at = new.head + old.qti;
    if (new.head + new.oem > blob.len || oem_at + new.oem > size)
        return rv_fail(err, RV_E_FORMAT, "modem image: the signature does not fit its place");
    memcpy(image->data + at, blob.ptr, (size_t) new.head);
    memcpy(image->data + at + oem_at, blob.ptr + new.head, (size_t) new.oem);
    return true;
}
