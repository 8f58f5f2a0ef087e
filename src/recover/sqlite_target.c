/* SPDX-License-Identifier: Apache-2.0 */
/* What is searched: pages as they are now, older images of them, and the tables that rows may be of. */
#include "recover/sqlite_scan_inside.h"

#include <string.h>
#include <strings.h>

/* ---- pages for overflow chains ---- */

/* Free or lost pages only: a chain that runs into live pages was re-used. */
static const uint8_t *free_page(const struct rv_sq_db *db, uint32_t number)
{
    if (number == 0 || number > db->page_count)
        return NULL;
    enum rv_sq_page_kind kind = (enum rv_sq_page_kind)db->kind[number - 1];
    return kind == RV_SQ_PAGE_FREE || kind == RV_SQ_PAGE_UNKNOWN ? rv_sq_page(db, number) : NULL;
}

static const uint8_t *page_of_images(const struct rv_sq_scan_state *s, uint32_t number, uint32_t snapshot)
{
    if (snapshot == RV_SQ_SNAPSHOT_JOURNAL) {
        for (uint32_t i = 0; i < s->journal.count; i++)
            if (s->journal.items[i].number == number)
                return s->journal.items[i].page;
        return rv_sq_page(&s->db, number);
    }
    if (snapshot != RV_SQ_SNAPSHOT_FILE && snapshot <= s->wal.count) {
        uint32_t salt = s->wal.items[snapshot - 1].salt;
        for (uint32_t i = snapshot; i-- > 0 && s->wal.items[i].salt == salt;)
            if (s->wal.items[i].number == number)
                return s->wal.items[i].page;
    }
    return rv_sq_file_page(&s->db, number);
}

static const uint8_t *noted(struct rv_sq_worker *w, const uint8_t *page)
{
    if (page != NULL)
        rv_sq_window_read(&w->window, page);
    return page;
}

const uint8_t *rv_sq_page_for_residue(void *context, uint32_t number, uint32_t snapshot)
{
    struct rv_sq_worker *w = context;
    if (snapshot == RV_SQ_SNAPSHOT_CURRENT)
        return noted(w, free_page(&w->scan->db, number));
    return noted(w, page_of_images(w->scan, number, snapshot));
}

const uint8_t *rv_sq_page_for_live(void *context, uint32_t number, uint32_t snapshot)
{
    struct rv_sq_worker *w = context;
    (void)snapshot;
    return noted(w, rv_sq_page(&w->scan->db, number));
}

/* ---- images, numbered ---- */

static bool target_of_page(const struct rv_sq_scan_state *s, uint32_t number, struct rv_sq_target *out)
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

static uint16_t present_owner(const struct rv_sq_scan_state *s, uint32_t number)
{
    if (number == 0 || number > s->db.page_count)
        return RV_SQ_NO_TABLE;
    enum rv_sq_page_kind kind = (enum rv_sq_page_kind)s->db.kind[number - 1];
    bool leaf = kind == RV_SQ_PAGE_TABLE_LEAF || kind == RV_SQ_PAGE_INDEX_LEAF;
    return leaf ? s->db.owner[number - 1] : RV_SQ_NO_TABLE;
}

static bool target_of_image(struct rv_sq_worker *w, const uint8_t *page, uint32_t number, uint32_t snapshot,
                            enum rv_sq_origin origin, struct rv_sq_target *out)
{
    const struct rv_sq_scan_state *s = w->scan;
    struct rv_sq_page_header h;
    if (noted(w, page) == NULL || !rv_sq_page_header(&s->db, page, number, &h) || (h.type != 10 && h.type != 13))
        return false;
    *out = (struct rv_sq_target){ .page = page,
                                  .number = number,
                                  .snapshot = snapshot,
                                  .origin = origin,
                                  .cells_are_rows = true,
                                  .owner = present_owner(s, number) };
    if (out->owner != RV_SQ_NO_TABLE && s->db.tables[out->owner]->without_rowid != (h.type == 10))
        out->owner = RV_SQ_NO_TABLE;
    if (number == 1)
        out->owner = 0;
    return true;
}

/*
 * The page's next image, if rows in it are looked at too: another image of the log, the file's, or the page as it is
 * now while it is a leaf of a tree. `place`: as in the timeline.
 */
static const uint8_t *later_image(const struct rv_sq_scan_state *s, uint32_t number, uint32_t place)
{
    if (number == 0 || number > s->db.page_count)
        return NULL;
    bool now = place == 0;
    if (place == RV_SQ_IN_FILE)
        now = s->db.overlay == NULL || s->db.overlay[number - 1] == NULL;
    else if (place != 0)
        now = s->wal.items[place - 1].state == RV_SQ_IMAGE_CURRENT;
    enum rv_sq_page_kind kind = (enum rv_sq_page_kind)s->db.kind[number - 1];
    if (now)
        return (kind == RV_SQ_PAGE_TABLE_LEAF || kind == RV_SQ_PAGE_INDEX_LEAF) &&
                       s->db.owner[number - 1] != RV_SQ_NO_TABLE && !s->options->salvage
                   ? rv_sq_page(&s->db, number)
                   : NULL;
    return place == RV_SQ_IN_FILE ? rv_sq_file_page(&s->db, number) : s->wal.items[place - 1].page;
}

/* A journal that is rolled back holds the present, not the past. */
static uint32_t journal_images(const struct rv_sq_scan_state *s)
{
    return s->journal.hot ? 0 : s->journal.count;
}

uint32_t rv_sq_target_count(const struct rv_sq_scan_state *s)
{
    uint64_t replaced = s->wal.pages_after != 0 ? s->db.page_count : 0;
    uint64_t count = (uint64_t)s->db.page_count + s->wal.count + journal_images(s) + replaced;
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

bool rv_sq_target_at(struct rv_sq_worker *w, uint32_t item, struct rv_sq_target *out)
{
    const struct rv_sq_scan_state *s = w->scan;
    if (item < s->db.page_count)
        return target_of_page(s, item + 1, out);
    item -= s->db.page_count;
    if (item < s->wal.count) {
        const struct rv_sq_image *m = &s->wal.items[item];
        if ((m->state != RV_SQ_IMAGE_OLDER && m->state != RV_SQ_IMAGE_STALE) ||
            !target_of_image(w, m->page, m->number, m->snapshot, RV_SQ_FROM_WAL, out))
            return false;
        if (s->timeline.commit_of != NULL && s->timeline.commit_of[item] != 0)
            out->later = noted(w, later_image(s, m->number, s->timeline.later[item]));
        return true;
    }
    item -= s->wal.count;
    if (item < journal_images(s)) {
        const struct rv_sq_image *m = &s->journal.items[item];
        return target_of_image(w, m->page, m->number, RV_SQ_SNAPSHOT_JOURNAL, RV_SQ_FROM_JOURNAL, out);
    }
    item -= journal_images(s);
    /* What a WAL's committed pages replaced still stands in the database file. */
    if (s->db.overlay == NULL || s->db.overlay[item] == NULL ||
        !target_of_image(w, rv_sq_file_page(&s->db, item + 1), item + 1, RV_SQ_SNAPSHOT_FILE, RV_SQ_FROM_WAL, out))
        return false;
    if (s->timeline.after_file != NULL && item < s->timeline.pages && s->timeline.after_file[item] != 0)
        out->later = noted(w, later_image(s, item + 1, s->timeline.after_file[item]));
    return true;
}

uint8_t *rv_sq_pages_with_images(const struct rv_sq_scan_state *s, bool *fine)
{
    *fine = true;
    if (s->wal.count == 0 && s->journal.count == 0)
        return NULL;
    uint8_t *bits = rv_alloc(s->db.page_count / 8 + 1);
    *fine = bits != NULL;
    for (int log = 0; bits != NULL && log < 2; log++) {
        const struct rv_sq_images *images = log == 0 ? &s->wal : &s->journal;
        for (uint32_t i = 0; i < images->count; i++) {
            uint32_t n = images->items[i].number;
            if (n >= 1 && n <= s->db.page_count)
                bits[(n - 1) / 8] |= (uint8_t)(1u << (n - 1) % 8);
        }
    }
    return bits;
}

/* ---- tables ---- */

/* A deleted row of sqlite_master: its table's rows may be anywhere. */
static bool collect_schema(void *context, const struct rv_sq_hit *hit, struct rv_error *err)
{
    struct rv_sq_worker *w = context;
    struct rv_sq_scan_state *s = w->scan;
    struct rv_error ignored;
    if (hit->table != 0 || !rv_sq_row_read(w->carver, hit, w->row) || w->row->count < 5 ||
        w->row->values[4].kind != RV_SQ_TEXT)
        return true;
    struct rv_buf sql = RV_BUF(1 << 20);
    struct rv_sq_table *table = NULL;
    if (rv_sq_text_to_utf8(w->row->values[4].bytes, s->db.encoding, &sql, err))
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
    int64_t root = w->row->values[3].integer;
    table->root = root > 1 && root <= UINT32_MAX ? (uint32_t)root : 0;
    rv_sq_db_add_table_take(&s->db, table);
    return true;
}

static uint16_t root_of(const struct rv_sq_scan_state *s, uint32_t number)
{
    uint16_t owner = s->db.owner[number - 1];
    return owner != RV_SQ_NO_TABLE && s->db.tables[owner]->root == number ? owner : RV_SQ_NO_TABLE;
}

/* Freed or lost leaf pages that fit no schema: their tables are made up from what they hold. */
static void infer_tables(struct rv_sq_scan_state *s, struct rv_sq_worker *w)
{
    enum { INFERRED_MAX = 64 };
    unsigned made = 0;
    for (uint32_t n = 1; n <= s->db.page_count && made < INFERRED_MAX; n++) {
        enum rv_sq_page_kind kind = (enum rv_sq_page_kind)s->db.kind[n - 1];
        bool root = kind == RV_SQ_PAGE_TABLE_LEAF && root_of(s, n) != RV_SQ_NO_TABLE;
        struct rv_sq_table *table = NULL;
        if (!root && kind != RV_SQ_PAGE_FREE && kind != RV_SQ_PAGE_UNKNOWN)
            continue;
        const uint8_t *page = noted(w, rv_sq_page(&s->db, n));
        if (page == NULL || page[0] != 13)
            continue;
        if (root) /* it may have been an older table's page */
            table = rv_sq_table_infer_gap(w->carver, page, n);
        else if (!rv_sq_page_fits(w->carver, page, n))
            table = rv_sq_table_infer(w->carver, page, n);
        if (table != NULL && rv_sq_db_add_table_take(&s->db, table) != RV_SQ_NO_TABLE)
            made++;
    }
}

static void settle(struct rv_sq_scan_state *s)
{
    for (unsigned i = 0; i < s->db.table_count; i++)
        rv_sq_table_settle(s->db.tables[i]);
}

bool rv_sq_find_tables(struct rv_sq_scan_state *s, struct rv_error *err)
{
    struct rv_sq_worker *w = &s->workers[0];
    settle(s);
    for (uint32_t i = 0, count = rv_sq_target_count(s); i < count; i++) {
        bool live = i < s->db.page_count;
        struct rv_sq_target target;
        if ((live && s->db.owner[i] != 0 && i != 0) || !rv_sq_target_at(w, i, &target))
            continue;
        if (!live && target.owner != 0 && target.owner != RV_SQ_NO_TABLE)
            continue; /* no schema rows lie there */
        noted(w, target.page);
        if (!rv_sq_carve(w->carver, &target, collect_schema, w, err))
            return false;
    }
    infer_tables(s, w);
    settle(s);
    return true;
}
