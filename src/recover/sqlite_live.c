/* SPDX-License-Identifier: Apache-2.0 */
/* Live rows: which found rows still live or are older versions of one that does; with --all-rows they are reported. */
#include "recover/sqlite_scan_inside.h"

/* Where a cell must end: the next cell's start, or the end of the page. */
static uint32_t cell_boundary(const struct rv_sq_scan_state *s, const uint8_t *page, const struct rv_sq_page_header *h,
                              uint32_t at)
{
    uint32_t end = s->db.usable;
    for (uint32_t i = 0; i < h->cells; i++) {
        uint32_t other = rv_sq_cell_pointer(page, h, i);
        if (other > at && other < end)
            end = other;
    }
    return end;
}

static bool note_key(struct rv_sq_batch *b, struct rv_sq_key key, struct rv_error *err)
{
    if (b->key_count == b->key_room) {
        size_t room = b->key_room ? b->key_room * 2 : 64;
        struct rv_sq_key *grown = rv_realloc_array(b->keys, room, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        b->keys = grown;
        b->key_room = room;
    }
    b->keys[b->key_count++] = key;
    return true;
}

/* A live row: its copies are struck out, older versions of it are known as such. */
static bool note_live(struct rv_sq_worker *w, struct rv_sq_batch *b, uint16_t table, const struct rv_sq_key *key,
                      struct rv_error *err)
{
    const struct rv_sq_entries *entries = w->scan->entries;
    w->sums.live_rows++;
    if (rv_sq_entries_may_have(entries, key->hash) && !note_key(b, *key, err))
        return false;
    if (!key->rowid_known || !rv_sq_entries_has_rowids(entries, table))
        return true;
    struct rv_sq_key newer = { rv_sq_rowid_hash(table, key->rowid), key->rowid, true };
    return !rv_sq_entries_may_have(entries, newer.hash) || note_key(b, newer, err);
}

/* Only the hash of a live row is needed to strike out its copies. */
static bool live_key(struct rv_sq_worker *w, uint16_t table, const uint8_t *page, uint32_t at, struct rv_sq_key *key)
{
    const struct rv_sq_db *db = &w->scan->db;
    const struct rv_sq_table *t = db->tables[table];
    struct rv_sq_cell cell;
    struct rv_error ignored;
    if (at + 4 > db->usable || !rv_sq_cell_read(db, page, at, !t->without_rowid, &cell))
        return false;
    *key = (struct rv_sq_key){ .rowid_known = !t->without_rowid, .rowid = cell.rowid };
    struct rv_span record = rv_span(page + cell.local_at, cell.local);
    if (cell.local < cell.payload) {
        if (!rv_sq_payload(db, page, &cell, &w->payload, &ignored))
            return false;
        record = rv_buf_span(&w->payload);
    }
    return rv_sq_record_hash(t, table, record, &key->hash);
}

static bool hash_live_cells(struct rv_sq_worker *w, struct rv_sq_batch *b, uint16_t table, const uint8_t *page,
                            const struct rv_sq_page_header *h, struct rv_error *err)
{
    struct rv_sq_key key;
    for (uint32_t i = 0; i < h->cells; i++)
        if (live_key(w, table, page, rv_sq_cell_pointer(page, h, i) + (h->type == 2 ? 4 : 0), &key) &&
            !note_live(w, b, table, &key, err))
            return false;
    return true;
}

/* A live cell of which only its trace is taken, until the filter knows that. */
struct traced {
    uint64_t trace, newer; /* newer: stands for its rowid */
    uint32_t at;
};

static bool trace_cell(const struct rv_sq_db *db, uint16_t table, const uint8_t *page, uint32_t at, struct traced *out)
{
    uint32_t record = 0;
    int64_t rowid = 0;
    uint32_t end = rv_sq_cell_short(db, page, at, &rowid, &record);
    struct rv_sq_cell cell = { .rowid = rowid, .local_at = record, .local = end - record, .payload = end - record };
    if (end == 0 && (at + 4 > db->usable || !rv_sq_cell_read(db, page, at, true, &cell)))
        return false;
    const uint8_t *p = page + cell.local_at;
    uint64_t head = 0;
    if (cell.local == 0 || rv_sq_varint(p, p + cell.local, &head) == 0 || head > cell.local)
        return false;
    out->trace = rv_sq_trace(table, cell.payload, rv_span(p + head, cell.local - head));
    out->newer = rv_sq_rowid_hash(table, cell.rowid);
    out->at = at;
    return true;
}

/*
 * The same by traces, in groups: all of a group's questions to the filter are on their way before the first is asked.
 * Nearly all live rows are dismissed so, and few are read whole.
 */
static bool trace_live_cells(struct rv_sq_worker *w, struct rv_sq_batch *b, uint16_t table, const uint8_t *page,
                             const struct rv_sq_page_header *h, struct rv_error *err)
{
    enum { GROUP = 64 };
    const struct rv_sq_entries *entries = w->scan->entries;
    bool rowids = rv_sq_entries_has_rowids(entries, table);
    struct traced group[GROUP];
    struct rv_sq_key key;
    for (uint32_t i = 0; i < h->cells;) {
        unsigned count = 0;
        for (; i < h->cells && count < GROUP; i++) {
            if (!trace_cell(&w->scan->db, table, page, rv_sq_cell_pointer(page, h, i), &group[count]))
                continue;
            rv_sq_entries_expect(entries, group[count].trace);
            if (rowids)
                rv_sq_entries_expect(entries, group[count].newer);
            count++;
        }
        for (unsigned k = 0; k < count; k++) {
            bool known = rv_sq_entries_may_have(entries, group[k].trace) ||
                         (rowids && rv_sq_entries_may_have(entries, group[k].newer));
            w->sums.live_rows += !known;
            if (known && live_key(w, table, page, group[k].at, &key) && !note_live(w, b, table, &key, err))
                return false;
        }
    }
    return true;
}

static bool report_live_cell(struct rv_sq_worker *w, struct rv_sq_batch *b, struct rv_sq_hit *hit,
                             const struct rv_sq_page_header *h, struct rv_error *err)
{
    struct rv_sq_scan_state *s = w->scan;
    if (!rv_sq_row_read(w->live_carver, hit, w->row)) {
        hit->layout = RV_SQ_LAYOUT_LENIENT;
        hit->end = cell_boundary(s, hit->page, h, hit->at);
        if (!s->options->salvage || !rv_sq_row_read(w->live_carver, hit, w->row))
            return true;
    }
    struct rv_sq_key key = { rv_sq_row_hash(w->row, hit->table), w->row->rowid, w->row->rowid_known };
    struct rv_sq_belief belief = { 1.0, "its page's list of cells names it" };
    if (w->row->mended) /* the row's lengths and its text's encoding hold */
        belief = (struct rv_sq_belief){ 0.95, "its overflow chain led astray and was mended" };
    else if (s->db.damaged)
        belief = (struct rv_sq_belief){ 0.99, "its page's list of cells names it, in a damaged file" };
    struct rv_sq_found found = { .row = w->row, .hit = hit, .confidence = belief.confidence };
    found.reason = belief.reason;
    found.damaged = s->db.damaged;
    found.status = RV_SQ_LIVE;
    found.encoding = s->db.encoding;
    return note_live(w, b, hit->table, &key, err) && rv_sq_emit(w, b, &found, err);
}

static bool live_page(struct rv_sq_worker *w, struct rv_sq_batch *b, uint32_t number, struct rv_error *err)
{
    struct rv_sq_scan_state *s = w->scan;
    const uint8_t *page = rv_sq_page(&s->db, number);
    uint16_t owner = s->db.owner[number - 1];
    struct rv_sq_page_header h;
    if (page == NULL || !rv_sq_page_header(&s->db, page, number, &h))
        return true;
    if (!s->options->live && h.type == 13 && !rv_sq_entries_loose(s->entries, owner))
        return trace_live_cells(w, b, owner, page, &h, err);
    if (!s->options->live)
        return hash_live_cells(w, b, owner, page, &h, err);
    for (uint32_t i = 0; i < h.cells; i++) {
        struct rv_sq_hit hit = { .page = page, .number = number, .table = owner, .bits = 99, .exact = true };
        hit.whole_image = true;
        hit.origin = RV_SQ_FROM_TABLE;
        hit.at = rv_sq_cell_pointer(page, &h, i) + (h.type == 2 ? 4 : 0);
        if (hit.at + 4 > s->db.usable)
            continue;
        if (!report_live_cell(w, b, &hit, &h, err))
            return false;
    }
    return true;
}

bool rv_sq_live_pages(struct rv_sq_worker *w, struct rv_sq_batch *b, uint32_t from, uint32_t to, struct rv_error *err)
{
    struct rv_sq_scan_state *s = w->scan;
    for (uint32_t n = from + 1; n <= to; n++) {
        enum rv_sq_page_kind kind = (enum rv_sq_page_kind)s->db.kind[n - 1];
        uint16_t owner = s->db.owner[n - 1];
        if (kind < RV_SQ_PAGE_TABLE_LEAF || kind > RV_SQ_PAGE_INDEX_LEAF || owner == RV_SQ_NO_TABLE ||
            s->db.tables[owner]->system || (!rv_sq_entries_has_table(s->entries, owner) && !s->options->live))
            continue;
        if ((kind != RV_SQ_PAGE_TABLE_LEAF) != s->db.tables[owner]->without_rowid)
            continue;
        rv_sq_note_pages(w, n, n);
        rv_sq_page_expect(&s->db, n + 1);
        if (!live_page(w, b, n, err))
            return false;
    }
    return true;
}

bool rv_sq_take_live(struct rv_sq_scan_state *s, struct rv_sq_batch *b, struct rv_error *err)
{
    for (size_t i = 0; i < b->key_count; i++)
        if (!rv_sq_entries_add_live(s->entries, &b->keys[i], err))
            return false;
    b->key_count = 0;
    return rv_sq_take_lines(s, b, err);
}
