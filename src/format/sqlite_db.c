/* SPDX-License-Identifier: Apache-2.0 */
#include "format/sqlite_db.h"

#include <stdlib.h>
#include <string.h>

const uint8_t *rv_sq_file_page(const struct rv_sq_db *db, uint32_t number)
{
    int64_t at = db->base + (int64_t)(number - 1) * db->page_size;
    if (number == 0 || at < 0 || (uint64_t)at + db->page_size > db->file.len)
        return NULL;
    if (db->reading != NULL)
        db->reading(db->reading_context, db->file.ptr + at);
    return db->file.ptr + at;
}

const uint8_t *rv_sq_page(const struct rv_sq_db *db, uint32_t number)
{
    if (number == 0 || number > db->page_count)
        return NULL;
    const uint8_t *newer = db->overlay != NULL ? db->overlay[number - 1] : NULL;
    if (newer == NULL)
        return rv_sq_file_page(db, number);
    if (db->reading != NULL)
        db->reading(db->reading_context, newer);
    return newer;
}

bool rv_sq_page_header(const struct rv_sq_db *db, const uint8_t *page, uint32_t number, struct rv_sq_page_header *out)
{
    uint32_t at = number == 1 ? 100 : 0;
    const uint8_t *p = page + at;
    struct rv_sq_page_header h = { .type = p[0], .at = at, .freeblock = rv_sq_u16(p + 1), .cells = rv_sq_u16(p + 3) };
    h.content = rv_sq_u16(p + 5) ? rv_sq_u16(p + 5) : 65536;
    bool inner = h.type == 2 || h.type == 5;
    if (!inner && h.type != 10 && h.type != 13)
        return false;
    h.pointers = at + (inner ? 12 : 8);
    h.right = inner ? rv_sq_u32(p + 8) : 0;
    if (h.content > db->page_size || h.pointers + 2 * h.cells > db->usable || h.freeblock + 4 > db->usable)
        return false;
    *out = h;
    return true;
}

bool rv_sq_cell_read(const struct rv_sq_db *db, const uint8_t *page, uint32_t at, bool table_leaf,
                     struct rv_sq_cell *out)
{
    const uint8_t *end = page + db->usable;
    struct rv_sq_cell c = { .at = at };
    uint64_t rowid = 0;
    if (at + 4 > db->usable)
        return false;
    unsigned n = rv_sq_varint(page + at, end, &c.payload);
    if (n == 0 || c.payload > (uint64_t)db->page_count * db->page_size + db->page_size)
        return false;
    c.local_at = at + n;
    if (table_leaf) {
        unsigned m = rv_sq_varint(page + c.local_at, end, &rowid);
        if (m == 0)
            return false;
        c.local_at += m;
    }
    c.rowid = (int64_t)rowid;
    c.local = rv_sq_local_size(c.payload, db->usable, table_leaf);
    c.end = c.local_at + c.local;
    if (c.local < c.payload) {
        if (c.end + 4 > db->usable)
            return false;
        c.overflow = rv_sq_u32(page + c.end);
        c.end += 4;
    }
    if (c.end - at < 4)
        c.end = at + 4;
    if (c.end > db->usable)
        return false;
    *out = c;
    return true;
}

/* ---- opening: header, or a vote of the pages ---- */

/* Header and cell pointers of one page look like a b-tree page of this size. */
static bool page_votes(struct rv_span file, size_t at, uint32_t size)
{
    struct rv_sq_db probe = { .page_size = size, .usable = size, .page_count = UINT32_MAX / size };
    struct rv_sq_page_header h;
    const uint8_t *page = file.ptr + at;
    if (!rv_sq_page_header(&probe, page, 2, &h) || h.cells == 0 || h.content < h.pointers + 2 * h.cells)
        return false;
    uint32_t least = size;
    for (uint32_t i = 0; i < h.cells; i++) {
        uint32_t p = rv_sq_cell_pointer(page, &h, i);
        if (p < h.content || p + 4 > size)
            return false;
        least = p < least ? p : least;
    }
    return least < h.content + 4096;
}

static uint32_t count_votes(struct rv_span file, size_t shift, uint32_t size)
{
    uint32_t votes = 0;
    size_t step = size;
    if (file.len / size > 4096)
        step = file.len / size / 4096 * size;
    for (size_t at = shift; at + size <= file.len; at += step)
        votes += page_votes(file, at, size);
    return votes;
}

static bool header_plausible(struct rv_span file)
{
    if (file.len < 100)
        return false;
    const uint8_t *h = file.ptr;
    uint32_t size = rv_sq_u16(h + 16) == 1 ? 65536 : rv_sq_u16(h + 16);
    return memcmp(h, "SQLite format 3", 16) == 0 && rv_sq_page_size_legal(size) && size - h[20] >= 480 && h[21] == 64 &&
           h[22] == 32 && h[23] == 32 && (h[18] == 1 || h[18] == 2) && (h[19] == 1 || h[19] == 2);
}

static void read_header(struct rv_sq_db *db, const uint8_t *h)
{
    db->page_size = rv_sq_u16(h + 16) == 1 ? 65536 : rv_sq_u16(h + 16);
    db->usable = db->page_size - h[20];
    db->auto_vacuum = rv_sq_u32(h + 52) != 0;
    db->wal_mode = h[18] == 2;
    db->schema_format = rv_sq_u32(h + 44);
    db->schema_cookie = rv_sq_u32(h + 40);
    db->writer = rv_sq_u32(h + 96);
    uint32_t encoding = rv_sq_u32(h + 56);
    db->encoding = encoding >= 1 && encoding <= 3 ? (enum rv_sq_encoding)encoding : RV_SQ_UTF8;
}

/* The same, but one is enough: sound files need not be read from end to end here. */
static bool any_vote(struct rv_span file, size_t shift, uint32_t size)
{
    size_t step = size * (file.len / size > 4096 ? file.len / size / 4096 : 1);
    for (size_t at = shift; at + size <= file.len; at += step)
        if (page_votes(file, at, size))
            return true;
    return false;
}

/*
 * Pages of some other size than the header's make up a good part of the file: the header lies. One alone proves
 * nothing: a page whose cell pointers were led astray looks like a sound one of twice the size.
 */
static bool other_votes(struct rv_span file, uint32_t told)
{
    enum { SHARE = 4, SAMPLED = 4096 };
    for (uint32_t size = 512; size <= 65536; size *= 2) {
        uint64_t pages = file.len / size, looked = pages > SAMPLED ? SAMPLED : pages;
        uint32_t votes = size != told ? count_votes(file, 0, size) : 0;
        if (votes > 1 && (uint64_t)votes * SHARE >= looked)
            return true;
    }
    return false;
}

/* The size and alignment for which most pages look right. */
static bool vote(struct rv_sq_db *db, struct rv_error *err)
{
    uint64_t best = 0;
    size_t best_shift = 0;
    uint32_t best_size = 0;
    for (uint32_t size = 512; size <= 65536; size *= 2) {
        uint64_t score = (uint64_t)count_votes(db->file, 0, size) * size;
        if (score > best) {
            best = score;
            best_size = size;
        }
    }
    /* Garbage in front: the distance to the first page is any number below the page size. */
    for (uint32_t size = 512; best == 0 && size <= 16384; size *= 2)
        for (size_t shift = 1; shift < size; shift++) {
            if (shift + 2 * (size_t)size > db->file.len)
                break;
            uint64_t score = 0;
            for (size_t at = shift; at + size <= db->file.len && at < shift + 8 * (size_t)size; at += size)
                score += page_votes(db->file, at, size);
            if (score < 2)
                continue;
            score = (uint64_t)count_votes(db->file, shift, size) * size;
            if (score > best) {
                best = score;
                best_size = size;
                best_shift = shift;
            }
        }
    if (best == 0)
        return rv_fail(err, RV_E_FORMAT, "no SQLite pages are in this file");
    db->page_size = db->usable = best_size;
    db->base = (int64_t)best_shift;
    db->encoding = RV_SQ_UTF8;
    return true;
}

/* A header in the middle of the file (garbage in front) or one whose page size lies. */
static bool find_header(struct rv_sq_db *db)
{
    const uint8_t *hit = memmem(db->file.ptr, db->file.len < 1 << 20 ? db->file.len : 1 << 20, "SQLite format 3", 16);
    if (hit == NULL || (size_t)(hit - db->file.ptr) + 512 > db->file.len)
        return false;
    struct rv_span rest = rv_span(hit, db->file.len - (size_t)(hit - db->file.ptr));
    uint32_t size = rv_sq_u16(hit + 16) == 1 ? 65536 : rv_sq_u16(hit + 16);
    read_header(db, hit);
    db->base = hit - db->file.ptr;
    if (header_plausible(rest) && (rest.len < 3 * (size_t)size || count_votes(rest, size, size) > 0 || rest.len < 4096))
        return true;
    uint32_t best = 0;
    uint64_t most = 0;
    for (uint32_t s = 512; s <= 65536; s *= 2) {
        uint64_t score = (uint64_t)count_votes(rest, s, s) * s;
        if (score > most) {
            most = score;
            best = s;
        }
    }
    if (best == 0)
        return header_plausible(rest);
    db->page_size = db->usable = best;
    return true;
}

/* Pages before the first one are missing when child pointers all miss by the same distance. */
enum { NO_CHILD, LEAF_CHILD, INNER_CHILD, CHILDREN };

static unsigned child_kind(const struct rv_sq_db *db, uint32_t child, uint8_t parent_type)
{
    const uint8_t *page = child == 0 ? NULL : rv_sq_file_page(db, child);
    struct rv_sq_page_header h;
    if (page == NULL || !rv_sq_page_header(db, page, child, &h))
        return NO_CHILD;
    bool inner = h.type == parent_type, leaf = h.type == (parent_type == 5 ? 13 : 10);
    return inner ? INNER_CHILD : leaf ? LEAF_CHILD : NO_CHILD;
}

static uint32_t fitting_children(const struct rv_sq_db *db, uint32_t pages)
{
    uint32_t fits = 0;
    for (uint32_t number = 1; number <= pages; number++) {
        const uint8_t *page = rv_sq_file_page(db, number);
        struct rv_sq_page_header h;
        if (page == NULL || !rv_sq_page_header(db, page, 2, &h) || h.right == 0)
            continue;
        uint32_t kinds[CHILDREN] = { 0 };
        kinds[child_kind(db, h.right, h.type)]++;
        /* All of them: it is the last ones that lie outside of the file for a wrong distance. */
        for (uint32_t i = 0; i < h.cells; i++) {
            uint32_t at = rv_sq_cell_pointer(page, &h, i);
            if (at + 4 <= db->usable)
                kinds[child_kind(db, rv_sq_u32(page + at), h.type)]++;
        }
        /* All children of a page are on one floor. */
        fits += kinds[LEAF_CHILD] > kinds[INNER_CHILD] ? kinds[LEAF_CHILD] : kinds[INNER_CHILD];
    }
    return fits;
}

static void find_missing_pages(struct rv_sq_db *db)
{
    enum { SHIFT_MAX = 16, LOOK_MAX = 20000 };
    int64_t base = db->base, best_base = base;
    uint32_t pages = (uint32_t)((db->file.len - (size_t)base) / db->page_size), best = 0;
    pages = pages > LOOK_MAX ? LOOK_MAX : pages;
    for (int shift = 0; shift <= SHIFT_MAX; shift++) {
        db->base = base - (int64_t)shift * db->page_size;
        uint32_t fits = fitting_children(db, pages + (uint32_t)shift);
        if (fits > best) {
            best = fits;
            best_base = db->base;
        }
    }
    db->base = best_base;
}

bool rv_sq_db_open(struct rv_sq_db *db, struct rv_span file, struct rv_error *err)
{
    memset(db, 0, sizeof *db);
    db->file = file;
    if (file.len < 512)
        return rv_fail(err, RV_E_FORMAT, "%zu bytes are too few for a SQLite database", file.len);
    if (header_plausible(file)) {
        read_header(db, file.ptr);
        uint32_t size = db->page_size;
        uint32_t pages = (uint32_t)(file.len / size);
        db->header_good = pages < 3 || any_vote(file, size, size) || !other_votes(file, size);
    }
    if (!db->header_good) {
        db->damaged = true;
        if (!find_header(db)) {
            if (!vote(db, err))
                return false;
            find_missing_pages(db);
        }
    }
    int64_t bytes = (int64_t)file.len - db->base;
    db->page_count = bytes < 0 ? 0 : (uint32_t)((uint64_t)bytes / db->page_size);
    if (db->page_count == 0)
        return rv_fail(err, RV_E_FORMAT, "the file is shorter than one page of %u bytes", db->page_size);
    if (db->header_good) {
        uint32_t told = rv_sq_u32(file.ptr + 28);
        if (rv_sq_u32(file.ptr + 24) == rv_sq_u32(file.ptr + 92) && told != 0 && told != db->page_count)
            db->damaged = db->damaged || told > db->page_count || file.len % db->page_size != 0;
    }
    return true;
}

bool rv_sq_db_overlay(struct rv_sq_db *db, uint32_t page_count, struct rv_error *err)
{
    if ((uint64_t)page_count > db->file.len / 512 + (1u << 24))
        return rv_fail(err, RV_E_LIMIT, "%u pages are more than the files can hold", page_count);
    const uint8_t **overlay = rv_alloc_array(page_count, sizeof *overlay);
    if (overlay == NULL)
        return rv_fail_nomem(err);
    if (db->overlay != NULL)
        memcpy(overlay, db->overlay, sizeof *overlay * (page_count < db->page_count ? page_count : db->page_count));
    rv_free(db->overlay);
    db->overlay = overlay;
    db->page_count = page_count;
    return true;
}

uint16_t rv_sq_db_add_table_take(struct rv_sq_db *db, struct rv_sq_table *table)
{
    struct rv_sq_table **grown = NULL;
    if (db->table_count < RV_SQ_TABLES_MAX)
        grown = rv_realloc_array(db->tables, (size_t)db->table_count + 1, sizeof *grown);
    if (grown == NULL) {
        rv_sq_table_free(table);
        return RV_SQ_NO_TABLE;
    }
    db->tables = grown;
    db->tables[db->table_count] = table;
    return db->table_count++;
}

void rv_sq_db_unmap(struct rv_sq_db *db)
{
    for (unsigned i = 0; i < db->table_count; i++)
        rv_sq_table_free(db->tables[i]);
    for (unsigned i = 0; i < db->text_count; i++) {
        rv_free(db->texts[i].name);
        rv_free(db->texts[i].sql);
    }
    rv_free(db->tables);
    rv_free(db->texts);
    rv_free(db->indexes);
    rv_free(db->kind);
    rv_free(db->owner);
    rv_free(db->tidy);
    db->tables = NULL;
    db->texts = NULL;
    db->indexes = NULL;
    db->kind = db->tidy = NULL;
    db->owner = NULL;
    db->table_count = 0;
    db->text_count = db->index_count = db->schema_objects = 0;
    db->free_pages = db->lost_pages = 0;
    db->problems = 0;
    db->misled = false;
}

void rv_sq_db_clear(struct rv_sq_db *db)
{
    rv_sq_db_unmap(db);
    rv_free(db->overlay);
    memset(db, 0, sizeof *db);
}
