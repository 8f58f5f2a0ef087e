/* SPDX-License-Identifier: Apache-2.0 */
#include "format/sqlite_wal.h"

#include <string.h>

enum { WAL_HEADER = 32, FRAME_HEADER = 24 };

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

struct sum {
    uint32_t a, b;
};

static struct sum add_words(struct sum s, struct rv_span in, bool big)
{
    for (size_t i = 0; i + 8 <= in.len; i += 8) {
        s.a += (big ? rv_sq_u32(in.ptr + i) : le32(in.ptr + i)) + s.b;
        s.b += (big ? rv_sq_u32(in.ptr + i + 4) : le32(in.ptr + i + 4)) + s.a;
    }
    return s;
}

static bool frame_sum_holds(struct sum seed, const uint8_t *frame, uint32_t page_size, bool big)
{
    struct sum s = add_words(seed, rv_span(frame, 8), big);
    s = add_words(s, rv_span(frame + FRAME_HEADER, page_size), big);
    return s.a == rv_sq_u32(frame + 16) && s.b == rv_sq_u32(frame + 20);
}

static void tell(const struct rv_sq_reader *reader, const uint8_t *frame)
{
    if (reader->reading != NULL)
        reader->reading(reader->context, frame);
}

/* Each frame's snapshot is the next commit frame of its generation. */
static void set_snapshots(struct rv_sq_images *out, struct rv_span wal, const struct rv_sq_reader *reader)
{
    uint32_t frame_size = out->page_size + FRAME_HEADER;
    uint32_t end = out->count, salt = 0;
    for (uint32_t i = out->count; i-- > 0;) {
        const uint8_t *frame = wal.ptr + WAL_HEADER + (size_t)i * frame_size;
        tell(reader, frame);
        if (out->items[i].salt != salt || rv_sq_u32(frame + 4) != 0) {
            end = i + 1;
            salt = out->items[i].salt;
        }
        out->items[i].snapshot = end;
    }
}

static void mark_current(struct rv_sq_images *out, uint32_t committed)
{
    for (uint32_t i = 0; i < committed; i++)
        out->items[i].state = RV_SQ_IMAGE_OLDER;
    /* The last frame of a page at or before the last commit is its version: walk back with a small seen set. */
    uint32_t most = 0;
    for (uint32_t i = 0; i < committed; i++)
        most = out->items[i].number > most ? out->items[i].number : most;
    uint8_t *seen = most < (1u << 28) ? rv_alloc((size_t)most / 8 + 1) : NULL;
    for (uint32_t i = committed; seen != NULL && i-- > 0;) {
        uint32_t n = out->items[i].number;
        if (!(seen[n / 8] & 1u << n % 8))
            out->items[i].state = RV_SQ_IMAGE_CURRENT;
        seen[n / 8] |= (uint8_t)(1u << n % 8);
    }
    rv_free(seen);
}

bool rv_sq_wal_read(struct rv_span wal, const struct rv_sq_reader *reader, struct rv_sq_images *out,
                    struct rv_error *err)
{
    memset(out, 0, sizeof *out);
    if (wal.len < WAL_HEADER + FRAME_HEADER)
        return true;
    uint32_t magic = rv_sq_u32(wal.ptr), size = rv_sq_u32(wal.ptr + 8);
    bool big = magic & 1;
    if ((magic & ~1u) != 0x377f0682 || !rv_sq_page_size_legal(size))
        return rv_fail(err, RV_E_FORMAT, "the write-ahead log has no valid header");
    uint32_t frame_size = size + FRAME_HEADER;
    uint32_t frames = (uint32_t)((wal.len - WAL_HEADER) / frame_size);
    out->page_size = size;
    out->items = rv_alloc_array(frames, sizeof *out->items);
    if (out->items == NULL)
        return rv_fail_nomem(err);
    struct sum head = add_words((struct sum){ 0, 0 }, rv_span(wal.ptr, 24), big);
    bool chain = head.a == rv_sq_u32(wal.ptr + 24) && head.b == rv_sq_u32(wal.ptr + 28);
    out->damaged = !chain;
    struct sum seed = head;
    uint32_t committed = 0;
    for (uint32_t i = 0; i < frames; i++) {
        const uint8_t *frame = wal.ptr + WAL_HEADER + (size_t)i * frame_size;
        tell(reader, frame);
        bool sum = frame_sum_holds(seed, frame, size, big);
        bool salts = memcmp(frame + 8, wal.ptr + 16, 8) == 0;
        chain = chain && salts && sum && rv_sq_u32(frame) > 0;
        struct rv_sq_image *image = &out->items[i];
        *image = (struct rv_sq_image){ frame + FRAME_HEADER, rv_sq_u32(frame), rv_sq_u32(frame + 8), 0,
                                       salts ? RV_SQ_IMAGE_UNCOMMITTED : RV_SQ_IMAGE_STALE };
        if (chain && rv_sq_u32(frame + 4) != 0) {
            committed = i + 1;
            out->pages_after = rv_sq_u32(frame + 4);
        }
        seed = (struct sum){ rv_sq_u32(frame + 16), rv_sq_u32(frame + 20) };
    }
    out->count = frames;
    mark_current(out, committed);
    set_snapshots(out, wal, reader);
    return true;
}

/* ---- rollback journal ---- */

static const uint8_t journal_magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };

static uint32_t record_sum(uint32_t nonce, const uint8_t *page, uint32_t size)
{
    uint32_t sum = nonce;
    for (int64_t i = (int64_t)size - 200; i > 0; i -= 200)
        sum += page[i];
    return sum;
}

/* Reads records from `at` as long as they hold together; returns the offset behind the last. */
static size_t take_records(struct rv_span j, size_t at, uint32_t size, uint32_t limit, uint32_t nonce,
                           struct rv_sq_images *out)
{
    for (uint32_t i = 0; i < limit && at + 8 + size <= j.len; i++, at += 8 + (size_t)size) {
        uint32_t number = rv_sq_u32(j.ptr + at);
        const uint8_t *page = j.ptr + at + 4;
        if (number == 0 || record_sum(nonce, page, size) != rv_sq_u32(page + size))
            break;
        out->items[out->count++] = (struct rv_sq_image){ page, number, 0, 1, RV_SQ_IMAGE_BEFORE };
    }
    return at;
}

/* The nonce of a zeroed header follows from the first record's own checksum. */
static bool guess_nonce(struct rv_span j, size_t at, uint32_t size, uint32_t *nonce)
{
    if (at + 8 + size > j.len)
        return false;
    const uint8_t *page = j.ptr + at + 4;
    *nonce = rv_sq_u32(page + size) - record_sum(0, page, size);
    return rv_sq_u32(j.ptr + at) != 0;
}

/* The segments from `at` on, each with a header of its own; false where a header is none. */
static bool take_segments(struct rv_span j, size_t at, struct rv_sq_images *out)
{
    while (at + 28 <= j.len && memcmp(j.ptr + at, journal_magic, 8) == 0) {
        uint32_t count = rv_sq_u32(j.ptr + at + 8), nonce = rv_sq_u32(j.ptr + at + 12),
                 sector = rv_sq_u32(j.ptr + at + 20);
        uint32_t size = rv_sq_u32(j.ptr + at + 24);
        if (!rv_sq_page_size_legal(size) || size != out->page_size || sector < 32 || sector > 65536)
            return false;
        /* A count of 0 was not synced yet: as many records as their checksums prove. */
        size_t end = take_records(j, at + sector, size, count ? count : UINT32_MAX, nonce, out);
        at = (end + sector - 1) / sector * sector;
    }
    return true;
}

bool rv_sq_journal_read(struct rv_span j, uint32_t page_size, struct rv_sq_images *out, struct rv_error *err)
{
    memset(out, 0, sizeof *out);
    out->page_size = page_size;
    if (j.len < 512 + 8 + 512)
        return true;
    out->items = rv_alloc_array(j.len / 520 + 1, sizeof *out->items);
    if (out->items == NULL)
        return rv_fail_nomem(err);
    if (memcmp(j.ptr, journal_magic, 8) != 0) {
        uint32_t nonce;
        for (size_t sector = 512; sector <= 4096 && out->count == 0; sector *= 8)
            if (guess_nonce(j, sector, page_size, &nonce)) {
                size_t end = take_records(j, sector, page_size, UINT32_MAX, nonce, out);
                take_segments(j, (end + sector - 1) / sector * sector, out); /* only the first header is emptied */
            }
        return true;
    }
    out->pages_after = rv_sq_u32(j.ptr + 16);
    out->page_size = rv_sq_u32(j.ptr + 24);
    if (!take_segments(j, 0, out))
        return rv_fail(err, RV_E_FORMAT, "the rollback journal has no valid header");
    out->hot = out->count > 0;
    return true;
}

void rv_sq_images_clear(struct rv_sq_images *images)
{
    rv_free(images->items);
    memset(images, 0, sizeof *images);
}
