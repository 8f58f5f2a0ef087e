/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_scan.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The file is mapped; pages that were read count as memory in use until they are let go of. The last few
 * chunks stay, whatever order the trees are walked in; older ones go (and come back from the page cache).
 */
enum { CHUNK_BITS = 20, CHUNKS_KEPT = 16 };

struct window {
    struct rv_span file;
    uintptr_t chunks[CHUNKS_KEPT]; /* a ring of chunk numbers, 0 none */
    uintptr_t last;
    unsigned at;
};

/* A found row before it is known whether it still lives or was found twice. */
struct entry {
    struct rv_sq_hit hit;
    uint64_t hash; /* of table and values */
    int64_t rowid;
    bool rowid_known, dead;
};

struct scan {
    struct rv_ctx *ctx;
    const struct rv_sq_scan_options *options;
    struct rv_sq_db db;
    struct rv_sq_images wal, journal;
    struct window *window; /* NULL: the bytes are not ours to let go of */
    struct rv_sq_carver *carver, *live_carver;
    struct entry *entries;
    size_t count, room;
    uint32_t *buckets; /* hash -> entry + 1, chained by next */
    uint32_t *next;
    size_t bucket_mask;
    struct rv_sq_row *row;
    struct rv_sq_verdict *verdict;
    rv_sq_found_fn *found;
    void *context;
};

/* ---- files ---- */

static bool map_file(const char *path, struct rv_span *out, struct rv_error *err)
{
    *out = rv_span(NULL, 0);
    RV_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOATIME);
    if (fd < 0 && errno == EPERM)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rv_fail_sys(err, errno == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, errno, "opening %s", path);
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return rv_fail(err, RV_E_IO, "%s is not a file", path);
    if (st.st_size == 0)
        return true;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return rv_fail_sys(err, RV_E_IO, errno, "mapping %s", path);
    *out = rv_span(map, (size_t)st.st_size);
    return true;
}

static void unmap(struct rv_span file)
{
    if (file.ptr != NULL)
        munmap((void *)(uintptr_t)file.ptr, file.len);
}

static void drop_chunk(const struct window *w, uintptr_t chunk)
{
    uintptr_t from = chunk << CHUNK_BITS, to = (chunk + 1) << CHUNK_BITS;
    uintptr_t start = (uintptr_t)w->file.ptr, end = start + w->file.len;
    from = from < start ? start : from;
    to = to > end ? end : to;
    if (from < to)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

static void reading(void *context, const uint8_t *page)
{
    struct window *w = context;
    uintptr_t chunk = (uintptr_t)page >> CHUNK_BITS;
    if (chunk == w->last)
        return;
    w->last = chunk;
    for (unsigned i = 0; i < CHUNKS_KEPT; i++)
        if (w->chunks[i] == chunk)
            return;
    if (w->chunks[w->at] != 0)
        drop_chunk(w, w->chunks[w->at]);
    w->chunks[w->at] = chunk;
    w->at = (w->at + 1) % CHUNKS_KEPT;
}

static bool map_sibling(const char *path, const char *suffix, struct rv_span *out, struct rv_error *err)
{
    struct rv_buf name = RV_BUF(8192);
    bool fine = rv_buf_add_format(&name, err, "%s%s", path, suffix) && rv_buf_add(&name, rv_span("", 1), err);
    *out = rv_span(NULL, 0);
    if (fine && rv_file_exists((char *)name.data))
        fine = map_file((char *)name.data, out, err);
    rv_buf_clear(&name);
    return fine;
}

/* ---- pages for overflow chains ---- */

enum { SNAPSHOT_CURRENT = 0, SNAPSHOT_FILE = UINT32_MAX, SNAPSHOT_JOURNAL = UINT32_MAX - 1 };

/* Free or lost pages only: a chain that runs into live pages was re-used. */
static const uint8_t *free_page(const struct rv_sq_db *db, uint32_t number)
{
    if (number == 0 || number > db->page_count)
        return NULL;
    enum rv_sq_page_kind kind = (enum rv_sq_page_kind)db->kind[number - 1];
    return kind == RV_SQ_PAGE_FREE || kind == RV_SQ_PAGE_UNKNOWN ? rv_sq_page(db, number) : NULL;
}

static const uint8_t *page_for_residue(void *context, uint32_t number, uint32_t snapshot)
{
    struct scan *s = context;
    if (snapshot == SNAPSHOT_CURRENT)
        return free_page(&s->db, number);
    if (snapshot == SNAPSHOT_JOURNAL) {
        for (uint32_t i = 0; i < s->journal.count; i++)
            if (s->journal.items[i].number == number)
                return s->journal.items[i].page;
        return rv_sq_page(&s->db, number);
    }
    if (snapshot != SNAPSHOT_FILE && snapshot <= s->wal.count) {
        uint32_t salt = s->wal.items[snapshot - 1].salt;
        for (uint32_t i = snapshot; i-- > 0 && s->wal.items[i].salt == salt;)
            if (s->wal.items[i].number == number)
                return s->wal.items[i].page;
    }
    return rv_sq_file_page(&s->db, number);
}

static const uint8_t *page_for_live(void *context, uint32_t number, uint32_t snapshot)
{
    struct scan *s = context;
    (void)snapshot;
    return rv_sq_page(&s->db, number);
}

/* ---- hashing rows ---- */

/* Values in stored order, without the rowid's column and without trailing NULLs (ALTER TABLE ADD COLUMN). */
static uint64_t hash_row(uint16_t table, const struct rv_sq_row *row)
{
    uint64_t h = rv_sq_mix(0x5265766976655351ull, table);
    unsigned count = row->count;
    while (count > 0 && row->values[count - 1].kind == RV_SQ_NULL)
        count--;
    for (unsigned i = 0; i < count; i++)
        if (row->table->order[i] != row->table->ipk)
            h = rv_sq_value_hash(h, &row->values[i]);
    return h;
}

/* ---- collecting ---- */

static bool collect(void *context, const struct rv_sq_hit *hit, struct rv_error *err)
{
    struct scan *s = context;
    if (s->db.tables[hit->table]->system)
        return true;
    if (!rv_sq_row_read(s->carver, hit, s->row))
        return true;
    if (s->count == s->room) {
        size_t room = s->room ? s->room * 2 : 256;
        struct entry *grown = rv_realloc_array(s->entries, room, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        s->entries = grown;
        s->room = room;
    }
    s->entries[s->count++] = (struct entry){
        .hit = *hit, .hash = hash_row(hit->table, s->row), .rowid = s->row->rowid, .rowid_known = s->row->rowid_known
    };
    return true;
}

/* A deleted row of sqlite_master: its table's rows may be anywhere. */
static bool collect_schema(void *context, const struct rv_sq_hit *hit, struct rv_error *err)
{
    struct scan *s = context;
    struct rv_error ignored;
    if (hit->table != 0 || !rv_sq_row_read(s->carver, hit, s->row) || s->row->count < 5 ||
        s->row->values[4].kind != RV_SQ_TEXT)
        return true;
    struct rv_buf sql = RV_BUF(1 << 20);
    struct rv_sq_table *table = NULL;
    if (rv_sq_text_to_utf8(s->row->values[4].bytes, s->db.encoding, &sql, err))
        table = rv_sq_table_parse(rv_buf_span(&sql), &ignored);
    rv_buf_clear(&sql);
    if (table == NULL)
        return true;
    for (unsigned i = 0; i < s->db.table_count; i++)
        if (s->db.tables[i]->name != NULL && strcasecmp(s->db.tables[i]->name, table->name) == 0 &&
            rv_sq_table_same_form(s->db.tables[i], table)) {
            rv_sq_table_free(table);
            return true; /* its rows are known under that name already */
        }
    table->dropped = true;
    int64_t root = s->row->values[3].integer;
    table->root = root > 1 && root <= UINT32_MAX ? (uint32_t)root : 0;
    rv_sq_db_add_table_take(&s->db, table);
    return true;
}

static bool target_of_page(struct scan *s, uint32_t number, struct rv_sq_target *out)
{
    enum rv_sq_page_kind kind = (enum rv_sq_page_kind)s->db.kind[number - 1];
    *out = (struct rv_sq_target){ .page = rv_sq_page(&s->db, number),
                                  .number = number,
                                  .owner = s->db.owner[number - 1],
                                  .origin = RV_SQ_FROM_TABLE };
    if (out->page == NULL)
        return false;
    switch (kind) {
    case RV_SQ_PAGE_TABLE_LEAF:
    case RV_SQ_PAGE_TABLE_INNER: /* a root that grew keeps what it held as a leaf */
    case RV_SQ_PAGE_INDEX_INNER:
    case RV_SQ_PAGE_INDEX_LEAF:
        return out->owner != RV_SQ_NO_TABLE;
    case RV_SQ_PAGE_FREE:
    case RV_SQ_PAGE_UNKNOWN:
        out->origin = RV_SQ_FROM_FREE_PAGE;
        out->cells_are_rows = true;
        return true;
    case RV_SQ_PAGE_TRUNK: {
        const uint8_t *p = out->page + 4;
        uint32_t leaves = rv_sq_u32(p);
        out->origin = RV_SQ_FROM_FREE_PAGE;
        out->no_header = true;
        out->start = leaves <= s->db.usable / 4 - 2 ? 8 + 4 * leaves : 8;
        return true;
    }
    default:
        return false;
    }
}

static uint16_t present_owner(const struct scan *s, uint32_t number)
{
    if (number == 0 || number > s->db.page_count)
        return RV_SQ_NO_TABLE;
    enum rv_sq_page_kind kind = (enum rv_sq_page_kind)s->db.kind[number - 1];
    bool leaf = kind == RV_SQ_PAGE_TABLE_LEAF || kind == RV_SQ_PAGE_INDEX_LEAF;
    return leaf ? s->db.owner[number - 1] : RV_SQ_NO_TABLE;
}

static bool carve_image(struct scan *s, const uint8_t *page, uint32_t number, uint32_t snapshot,
                        enum rv_sq_origin origin, rv_sq_hit_fn *fn, struct rv_error *err)
{
    struct rv_sq_page_header h;
    if (page == NULL || !rv_sq_page_header(&s->db, page, number, &h) || (h.type != 10 && h.type != 13))
        return true;
    struct rv_sq_target t = { .page = page,
                              .number = number,
                              .snapshot = snapshot,
                              .origin = origin,
                              .cells_are_rows = true,
                              .owner = present_owner(s, number) };
    if (t.owner != RV_SQ_NO_TABLE && s->db.tables[t.owner]->without_rowid != (h.type == 10))
        t.owner = RV_SQ_NO_TABLE;
    if (number == 1)
        t.owner = 0;
    return rv_sq_carve(s->carver, &t, fn, s, err);
}

static bool carve_images(struct scan *s, rv_sq_hit_fn *fn, struct rv_error *err)
{
    bool fine = true;
    for (uint32_t i = 0; fine && i < s->wal.count; i++) {
        const struct rv_sq_image *m = &s->wal.items[i];
        if (m->state == RV_SQ_IMAGE_OLDER || m->state == RV_SQ_IMAGE_STALE)
            fine = carve_image(s, m->page, m->number, m->snapshot, RV_SQ_FROM_WAL, fn, err);
    }
    for (uint32_t i = 0; fine && !s->journal.hot && i < s->journal.count; i++)
        fine = carve_image(s, s->journal.items[i].page, s->journal.items[i].number, SNAPSHOT_JOURNAL,
                           RV_SQ_FROM_JOURNAL, fn, err);
    /* What a WAL's committed pages replaced still stands in the database file. */
    for (uint32_t n = 1; fine && s->wal.pages_after != 0 && n <= s->db.page_count; n++)
        if (s->db.overlay[n - 1] != NULL)
            fine = carve_image(s, rv_sq_file_page(&s->db, n), n, SNAPSHOT_FILE, RV_SQ_FROM_WAL, fn, err);
    return fine;
}

static bool carve_everything(struct scan *s, rv_sq_hit_fn *fn, uint16_t only, struct rv_error *err)
{
    for (uint32_t n = 1; n <= s->db.page_count; n++) {
        struct rv_sq_target target;
        if (!target_of_page(s, n, &target) || (only != RV_SQ_NO_TABLE && target.owner != only && n != 1))
            continue;
        if (!rv_sq_carve(s->carver, &target, fn, s, err) || ((n & 255) == 0 && !rv_cancel_point(&s->ctx->cancel, err)))
            return false;
    }
    return carve_images(s, fn, err);
}

static uint16_t root_of(const struct scan *s, uint32_t number)
{
    uint16_t owner = s->db.owner[number - 1];
    return owner != RV_SQ_NO_TABLE && s->db.tables[owner]->root == number ? owner : RV_SQ_NO_TABLE;
}

/* Freed or lost leaf pages that fit no schema: their tables are made up from what they hold. */
static void infer_tables(struct scan *s)
{
    enum { INFERRED_MAX = 64 };
    unsigned made = 0;
    for (uint32_t n = 1; n <= s->db.page_count && made < INFERRED_MAX; n++) {
        enum rv_sq_page_kind kind = (enum rv_sq_page_kind)s->db.kind[n - 1];
        const uint8_t *page = rv_sq_page(&s->db, n);
        struct rv_sq_table *table = NULL;
        if (page == NULL || page[0] != 13)
            continue;
        if (kind == RV_SQ_PAGE_TABLE_LEAF && root_of(s, n) != RV_SQ_NO_TABLE) /* a root may be an older table's page */
            table = rv_sq_table_infer_gap(s->carver, page, n);
        else if ((kind == RV_SQ_PAGE_FREE || kind == RV_SQ_PAGE_UNKNOWN) && !rv_sq_page_fits(s->carver, page, n))
            table = rv_sq_table_infer(s->carver, page, n);
        if (table != NULL && rv_sq_db_add_table_take(&s->db, table) != RV_SQ_NO_TABLE)
            made++;
    }
}

/* ---- striking out what lives, and what was found twice ---- */

static bool build_buckets(struct scan *s, struct rv_error *err)
{
    size_t size = 64;
    while (size < s->count * 2)
        size *= 2;
    s->bucket_mask = size - 1;
    s->buckets = rv_alloc_array(size, sizeof *s->buckets);
    s->next = rv_alloc_array(s->count + 1, sizeof *s->next);
    if (s->buckets == NULL || s->next == NULL)
        return rv_fail_nomem(err);
    for (size_t i = 0; i < s->count; i++) {
        uint32_t *head = &s->buckets[s->entries[i].hash & s->bucket_mask];
        s->next[i] = *head;
        *head = (uint32_t)i + 1;
    }
    return true;
}

static void strike_equal(struct scan *s, uint64_t hash, int64_t rowid, bool rowid_known)
{
    for (uint32_t i = s->buckets[hash & s->bucket_mask]; i != 0; i = s->next[i - 1]) {
        struct entry *e = &s->entries[i - 1];
        if (e->hash != hash || e->dead)
            continue;
        if (!e->rowid_known || !rowid_known || e->rowid == rowid) {
            e->dead = true;
            s->verdict->struck++;
        }
    }
}

/* Where a cell must end: the next cell's start, or the end of the page. */
static uint32_t cell_boundary(const struct scan *s, const uint8_t *page, const struct rv_sq_page_header *h, uint32_t at)
{
    uint32_t end = s->db.usable;
    for (uint32_t i = 0; i < h->cells; i++) {
        uint32_t other = rv_sq_cell_pointer(page, h, i);
        if (other > at && other < end)
            end = other;
    }
    return end;
}

static bool each_live_row(struct scan *s, uint32_t number, bool report, struct rv_error *err)
{
    const uint8_t *page = rv_sq_page(&s->db, number);
    struct rv_sq_page_header h;
    if (page == NULL || !rv_sq_page_header(&s->db, page, number, &h))
        return true;
    struct rv_sq_hit hit = { .page = page,
                             .number = number,
                             .table = s->db.owner[number - 1],
                             .bits = 99,
                             .exact = true,
                             .whole_image = true,
                             .origin = RV_SQ_FROM_TABLE };
    for (uint32_t i = 0; i < h.cells; i++) {
        hit.at = rv_sq_cell_pointer(page, &h, i) + (h.type == 2 ? 4 : 0);
        hit.layout = 0;
        if (hit.at + 4 > s->db.usable)
            continue;
        if (!rv_sq_row_read(s->live_carver, &hit, s->row)) {
            hit.layout = RV_SQ_LAYOUT_LENIENT;
            hit.end = cell_boundary(s, page, &h, hit.at);
            if (!s->options->salvage || !rv_sq_row_read(s->live_carver, &hit, s->row))
                continue;
        }
        s->verdict->live_rows++;
        strike_equal(s, hash_row(hit.table, s->row), s->row->rowid, s->row->rowid_known);
        struct rv_sq_found found = { s->row, &hit, RV_SQ_LIVE, 1.0, false, s->db.encoding };
        if (report && !s->found(s->context, &found, err))
            return false;
    }
    return true;
}

static bool compare_with_live(struct scan *s, struct rv_error *err)
{
    RV_AUTO_TEXT has = rv_alloc(s->db.table_count);
    if (has == NULL)
        return rv_fail_nomem(err);
    for (size_t i = 0; i < s->count; i++)
        has[s->entries[i].hit.table] = 1;
    for (uint32_t n = 1; n <= s->db.page_count; n++) {
        enum rv_sq_page_kind kind = (enum rv_sq_page_kind)s->db.kind[n - 1];
        uint16_t owner = s->db.owner[n - 1];
        if (kind < RV_SQ_PAGE_TABLE_LEAF || kind > RV_SQ_PAGE_INDEX_LEAF || owner == RV_SQ_NO_TABLE ||
            s->db.tables[owner]->system || (!has[owner] && !s->options->live))
            continue;
        if ((kind != RV_SQ_PAGE_TABLE_LEAF) != s->db.tables[owner]->without_rowid)
            continue;
        if (!each_live_row(s, n, s->options->live, err))
            return false;
    }
    return true;
}

static bool stronger(const struct entry *a, const struct entry *b)
{
    if (a->hit.whole_image != b->hit.whole_image)
        return a->hit.whole_image;
    if (a->rowid_known != b->rowid_known)
        return a->rowid_known;
    return a->hit.bits > b->hit.bits;
}

/* Several copies of one version: one stays. */
static void merge_copies(struct scan *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        for (uint32_t k = e->dead ? 0 : s->buckets[e->hash & s->bucket_mask]; k != 0; k = s->next[k - 1]) {
            struct entry *o = &s->entries[k - 1];
            if (o == e || o->dead || o->hash != e->hash)
                continue;
            if (o->rowid_known && e->rowid_known && o->rowid != e->rowid)
                continue;
            if (stronger(o, e)) {
                e->dead = true;
                break;
            }
            o->dead = true;
        }
    }
}

static int by_place(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
    if (x->hit.number != y->hit.number)
        return x->hit.number < y->hit.number ? -1 : 1;
    if (x->hit.at != y->hit.at)
        return x->hit.at < y->hit.at ? -1 : 1;
    return x->hit.page < y->hit.page ? -1 : x->hit.page > y->hit.page;
}

/* Two readings of the same bytes (one place in several images): the better one stays. */
static bool drop_rival_readings(struct scan *s, struct rv_error *err)
{
    struct entry **sorted = rv_alloc_array(s->count, sizeof *sorted);
    if (sorted == NULL)
        return rv_fail_nomem(err);
    for (size_t i = 0; i < s->count; i++)
        sorted[i] = &s->entries[i];
    qsort(sorted, s->count, sizeof *sorted, by_place);
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = i + 1;
             k < s->count && sorted[k]->hit.number == sorted[i]->hit.number && sorted[k]->hit.at == sorted[i]->hit.at;
             k++) {
            struct entry *a = sorted[i], *b = sorted[k];
            if ((a->hit.layout != 2 && b->hit.layout != 2) || a->hash == b->hash)
                continue;
            struct entry *weak = stronger(a, b) ? b : a;
            if (weak->hit.layout == 2)
                weak->dead = true;
        }
    rv_free(sorted);
    return true;
}

/* ---- reporting ---- */

/*
 * The share of right rows by bits of evidence, fitted on the corpora of docs/recovery.md: above 17 bits nearly all
 * are right, at 13 half of them are guesses. What is more likely wrong than right is not reported.
 */
static const double least_confidence = 0.5;

static double confidence_of(const struct entry *e)
{
    if (e->hit.whole_image)
        return 0.99;
    double c = 1 / (1 + exp(-((double)e->hit.bits - 13.5) / 1.2));
    if (e->hit.layout == 2 && !e->hit.exact)
        c *= 0.97;
    return c > 0.99 ? 0.99 : c;
}

/*
 * A young table on the page of a dropped one of the same form: rows with rowids above its highest may be
 * the old table's. The schema cookie counts every change of the schema, so it tells that tables are missing.
 */
static bool table_uncertain(const struct scan *s, const struct entry *e)
{
    const struct rv_sq_table *t = s->db.tables[e->hit.table];
    if (t->name == NULL || t->dropped || t->autoincrement || t->root != e->hit.number || t->rows == 0)
        return false;
    return s->db.schema_cookie > s->db.schema_objects && e->rowid_known && e->rowid > (int64_t)t->rowid_max;
}

static bool report_entries(struct scan *s, struct rv_error *err)
{
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        if (e->dead || confidence_of(e) < least_confidence)
            continue;
        if (s->window != NULL)
            reading(s->window, e->hit.page);
        if (!rv_sq_row_read(s->carver, &e->hit, s->row))
            continue;
        s->verdict->deleted_rows++;
        struct rv_sq_found found = { s->row,        &e->hit, RV_SQ_DELETED, confidence_of(e), table_uncertain(s, e),
                                     s->db.encoding };
        if (!s->found(s->context, &found, err))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool apply_logs(struct scan *s, struct rv_error *err)
{
    struct rv_sq_images *log = s->journal.hot ? &s->journal : &s->wal;
    if (log->pages_after == 0 || log->count == 0)
        return true;
    if (log->page_size != s->db.page_size)
        return true; /* of another database */
    if (!rv_sq_db_overlay(&s->db, log->pages_after, err))
        return false;
    for (uint32_t i = log->count; i-- > 0;) {
        const struct rv_sq_image *m = &log->items[i];
        bool use = s->journal.hot || m->state == RV_SQ_IMAGE_CURRENT;
        if (use && m->number >= 1 && m->number <= s->db.page_count)
            s->db.overlay[m->number - 1] = m->page; /* going back: a journal's first image of a page wins */
    }
    return true;
}

static bool open_all(struct scan *s, struct rv_span db, struct rv_span wal, struct rv_span journal,
                     struct rv_error *err)
{
    struct rv_error ignored;
    if (!rv_sq_db_open(&s->db, db, err))
        return false;
    if (s->window != NULL) {
        s->db.reading = reading;
        s->db.reading_context = s->window;
    }
    if (!rv_sq_wal_read(wal, &s->wal, &ignored))
        s->db.damaged = true;
    if (!rv_sq_journal_read(journal, s->db.page_size, &s->journal, &ignored))
        s->db.damaged = true;
    if (s->wal.count > 0 && s->wal.page_size != s->db.page_size)
        s->wal.count = s->wal.pages_after = 0;
    return apply_logs(s, err) && rv_sq_db_map(&s->db, err) && (!s->options->salvage || rv_sq_db_reassign(&s->db, err));
}

static bool all_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != 0)
            return false;
    return true;
}

/* secure_delete leaves zeroed freeblocks; FAST (Apple's default from iOS 12 on) spares whole freed pages. */
static void count_residue(struct scan *s, uint32_t number)
{
    struct rv_sq_verdict *v = s->verdict;
    const uint8_t *page = rv_sq_page(&s->db, number);
    struct rv_sq_page_header h;
    enum rv_sq_page_kind kind = (enum rv_sq_page_kind)s->db.kind[number - 1];
    if (page == NULL)
        return;
    if (kind == RV_SQ_PAGE_FREE || kind == RV_SQ_PAGE_UNKNOWN) {
        bool wiped = all_zero(page, s->db.usable);
        v->free_pages_zeroed += wiped;
        v->residue_bytes += wiped ? 0 : s->db.usable;
        return;
    }
    if ((kind != RV_SQ_PAGE_TABLE_LEAF && kind != RV_SQ_PAGE_INDEX_LEAF) ||
        !rv_sq_page_header(&s->db, page, number, &h))
        return;
    uint32_t block = h.freeblock;
    for (unsigned i = 0; block != 0 && block + 4 <= s->db.usable && i < s->db.usable / 4; i++) {
        uint32_t next = rv_sq_u16(page + block), size = rv_sq_u16(page + block + 2);
        if (size < 4 || block + size > s->db.usable || (next != 0 && next < block + size))
            break;
        bool wiped = all_zero(page + block + 4, size - 4);
        v->freeblocks++;
        v->freeblocks_zeroed += wiped;
        v->residue_bytes += wiped ? 0 : size;
        block = next;
    }
    uint32_t gap = h.pointers + 2 * h.cells;
    if (h.content > gap && h.content <= s->db.usable && !all_zero(page + gap, h.content - gap))
        v->residue_bytes += h.content - gap;
}

static void count_missing_rowids(struct scan *s)
{
    for (unsigned i = 0; i < s->db.table_count; i++) {
        const struct rv_sq_table *t = s->db.tables[i];
        if (t->autoincrement && t->rowid_max > t->live)
            s->verdict->missing_rowids += t->rowid_max - t->live;
    }
}

static void fill_verdict(struct scan *s)
{
    struct rv_sq_verdict *v = s->verdict;
    for (uint32_t n = 1; n <= s->db.page_count; n++)
        count_residue(s, n);
    count_missing_rowids(s);
    v->damaged = s->db.damaged;
    v->wal = s->wal.count > 0;
    v->journal = s->journal.count > 0;
    v->auto_vacuum = s->db.auto_vacuum;
    v->writer = s->db.writer;
    v->page_size = s->db.page_size;
    v->page_count = s->db.page_count;
    v->free_pages = s->db.free_pages;
    v->lost_pages = s->db.lost_pages;
}

static void settle(struct scan *s)
{
    for (unsigned i = 0; i < s->db.table_count; i++)
        rv_sq_table_settle(s->db.tables[i]);
}

static bool search(struct scan *s, struct rv_error *err)
{
    s->carver = rv_sq_carver_new(&s->db, page_for_residue, s, err);
    s->live_carver = rv_sq_carver_new(&s->db, page_for_live, s, err);
    s->row = rv_alloc(sizeof *s->row);
    if (s->row == NULL)
        return rv_fail_nomem(err);
    settle(s);
    return s->carver != NULL && s->live_carver != NULL && carve_everything(s, collect_schema, 0, err) &&
           (infer_tables(s), settle(s), carve_everything(s, collect, RV_SQ_NO_TABLE, err)) && build_buckets(s, err) &&
           compare_with_live(s, err) && drop_rival_readings(s, err) && (merge_copies(s), report_entries(s, err));
}

static bool scan_files(struct scan *s, const struct rv_sq_files *files, struct rv_error *err)
{
    memset(s->verdict, 0, sizeof *s->verdict);
    bool fine = open_all(s, files->database, files->wal, files->journal, err);
    if (fine) {
        fine = search(s, err);
        fill_verdict(s);
    }
    rv_sq_carver_free(s->carver);
    rv_sq_carver_free(s->live_carver);
    rv_free(s->row);
    rv_free(s->entries);
    rv_free(s->buckets);
    rv_free(s->next);
    rv_sq_images_clear(&s->wal);
    rv_sq_images_clear(&s->journal);
    rv_sq_db_clear(&s->db);
    return fine;
}

bool rv_sq_scan_bytes(struct rv_ctx *ctx, const struct rv_sq_files *files, const struct rv_sq_scan_options *options,
                      rv_sq_found_fn *found, void *context, struct rv_sq_verdict *verdict, struct rv_error *err)
{
    struct scan s = { .ctx = ctx, .options = options, .found = found, .context = context, .verdict = verdict };
    return scan_files(&s, files, err);
}

bool rv_sq_scan(struct rv_ctx *ctx, const char *path, const struct rv_sq_scan_options *options, rv_sq_found_fn *found,
                void *context, struct rv_sq_verdict *verdict, struct rv_error *err)
{
    struct rv_sq_files files = { 0 };
    struct window window = { 0 };
    struct scan s = { .ctx = ctx, .options = options, .found = found, .context = context, .verdict = verdict };
    s.window = &window;
    memset(verdict, 0, sizeof *verdict);
    bool fine = map_file(path, &files.database, err) && map_sibling(path, "-wal", &files.wal, err) &&
                map_sibling(path, "-journal", &files.journal, err);
    window.file = files.database;
    fine = fine && scan_files(&s, &files, err);
    unmap(files.database);
    unmap(files.wal);
    unmap(files.journal);
    return fine;
}
