/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_scan_inside.h"

#include <math.h>
#include <string.h>

enum { REPORT_STEPS = 4 }; /* jobs a block of entries */

/* ---- jobs in rounds: threads do them, one thread takes what they leave, in order ---- */

struct stage {
    struct rv_sq_scan_state *scan;
    bool (*run)(struct rv_sq_worker *worker, struct rv_sq_batch *batch, uint32_t from, uint32_t to,
                struct rv_error *err);
    bool (*take)(struct rv_sq_scan_state *scan, struct rv_sq_batch *batch, struct rv_error *err);
    uint32_t items, step; /* items a job */
    uint32_t first;       /* of the round */
};

static bool run_job(void *context, unsigned worker, uint32_t job, struct rv_error *err)
{
    struct stage *stage = context;
    struct rv_sq_scan_state *s = stage->scan;
    uint32_t from = stage->first + job * stage->step, left = stage->items - from;
    return rv_cancel_point(&s->ctx->cancel, err) && stage->run(&s->workers[worker], &s->batches[job], from,
                                                               from + (left < stage->step ? left : stage->step), err);
}

static bool take_lines(struct rv_sq_scan_state *s, struct rv_sq_batch *b, struct rv_error *err)
{
    enum { KEPT_BYTES = 1 << 20 };
    bool fine = b->lines.len == 0 || (rv_buf_add(&b->lines, rv_span("", 1), err) &&
                                      s->options->lines(s->context, (const char *)b->lines.data, err));
    b->lines.len = 0;
    if (b->lines.room > KEPT_BYTES)
        rv_buf_clear(&b->lines);
    return fine;
}

static bool run_stage(struct rv_sq_scan_state *s, struct stage stage, unsigned workers, struct rv_error *err)
{
    stage.scan = s;
    for (; stage.first < stage.items; stage.first += RV_SQ_ROUND * stage.step) {
        uint32_t jobs = (stage.items - stage.first - 1) / stage.step + 1;
        jobs = jobs < RV_SQ_ROUND ? jobs : RV_SQ_ROUND;
        if (!rv_sq_workers_run(workers, jobs, run_job, &stage, err))
            return false;
        for (uint32_t i = 0; i < jobs; i++)
            if (!stage.take(s, &s->batches[i], err))
                return false;
        if (jobs < RV_SQ_ROUND)
            break; /* items near UINT32_MAX must not wrap */
    }
    return true;
}

/* Jobs of so many bytes of pages. */
static uint32_t pages_of(const struct rv_sq_scan_state *s, uint32_t bytes)
{
    return bytes / s->db.page_size > 0 ? bytes / s->db.page_size : 1;
}

/* Rows that are handed to a function of the caller's come from its own thread. */
static unsigned row_workers(const struct rv_sq_scan_state *s)
{
    return s->options->lines != NULL ? s->worker_count : 1;
}

static bool emit(struct rv_sq_worker *w, struct rv_sq_batch *b, const struct rv_sq_found *found, struct rv_error *err)
{
    struct rv_sq_scan_state *s = w->scan;
    if (s->options->lines == NULL)
        return s->found(s->context, found, err);
    return (b->lines.len == 0 || rv_buf_add(&b->lines, rv_span("\n", 1), err)) &&
           (s->options->for_people ? rv_sq_found_text : rv_sq_found_json)(found, s->db.encoding, &b->lines, err);
}

/* ---- live leaves ---- */

static void note_pages(struct rv_sq_worker *w, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n <= to; n++) {
        const uint8_t *page = rv_sq_page(&w->scan->db, n); /* of the file or of the log */
        if (page != NULL)
            rv_sq_window_read(&w->window, page);
    }
}

static bool check_leaves(struct rv_sq_worker *w, struct rv_sq_batch *b, uint32_t from, uint32_t to,
                         struct rv_error *err)
{
    const uint8_t *first = rv_sq_file_page(&w->scan->db, from + 1);
    if (first != NULL)
        rv_sq_window_expect(&w->window, first, (size_t)(to - from) * w->scan->db.page_size);
    note_pages(w, from + 1, to);
    return rv_sq_db_check_leaves(&w->scan->db, from + 1, to, &b->leaves, err);
}

static bool take_leaves(struct rv_sq_scan_state *s, struct rv_sq_batch *b, struct rv_error *err)
{
    (void)err;
    rv_sq_db_take_leaves(&s->db, &b->leaves);
    rv_sq_leaves_clear(&b->leaves);
    return true;
}

/* ---- collecting what is no longer live ---- */

struct collecting {
    struct rv_sq_worker *worker;
    struct rv_sq_batch *batch;
};

/* Equal values in other bytes: columns added later, and 0 and 1, which old schema formats store as a byte. */
static bool stored_loosely(const struct rv_sq_db *db, const struct rv_sq_row *row)
{
    bool loose = db->schema_format != 4 || row->count < row->table->stored;
    for (unsigned i = 0; i < row->count && !loose; i++)
        loose = row->values[i].kind == RV_SQ_INT1 && (row->values[i].integer & ~1ll) == 0;
    return loose;
}

/* What lies in the holes of an image was gone before: no telling when. */
static struct rv_sq_moment moment_of(const struct rv_sq_scan_state *s, const struct rv_sq_hit *hit)
{
    if (!hit->whole_image)
        return (struct rv_sq_moment){ 0 };
    if (hit->origin == RV_SQ_FROM_JOURNAL)
        return rv_sq_timeline_journal(&s->timeline);
    if (hit->origin != RV_SQ_FROM_WAL)
        return (struct rv_sq_moment){ 0 };
    return hit->snapshot == RV_SQ_SNAPSHOT_FILE ? rv_sq_timeline_file(&s->timeline, hit->number)
                                                : rv_sq_timeline_frame(&s->timeline, hit->page);
}

static bool collect(void *context, const struct rv_sq_hit *hit, struct rv_error *err)
{
    struct collecting *c = context;
    struct rv_sq_worker *w = c->worker;
    struct rv_sq_batch *b = c->batch;
    if (w->scan->db.tables[hit->table]->system || !rv_sq_row_read(w->carver, hit, w->row))
        return true;
    if (b->entry_count == b->entry_room) {
        size_t room = b->entry_room ? b->entry_room * 2 : 256;
        struct rv_sq_entry *grown = rv_realloc_array(b->entries, room, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        b->entries = grown;
        b->entry_room = room;
    }
    struct rv_sq_entry *e = &b->entries[b->entry_count++];
    *e = (struct rv_sq_entry){ .hit = *hit, .rowid_known = w->row->rowid_known };
    e->rowid = e->rowid_known ? w->row->rowid : 0;
    e->hash = rv_sq_row_hash(w->row, hit->table);
    e->trace = rv_sq_trace(hit->table, w->row->payload, w->row->body);
    e->loose = stored_loosely(&w->scan->db, w->row);
    struct rv_sq_moment moment = moment_of(w->scan, hit);
    e->commit = moment.commit;
    e->gone = moment.gone;
    return true;
}

static bool carve_items(struct rv_sq_worker *w, struct rv_sq_batch *b, uint32_t from, uint32_t to, struct rv_error *err)
{
    struct rv_sq_scan_state *s = w->scan;
    struct collecting c = { w, b };
    for (uint32_t i = from; i < to; i++) {
        struct rv_sq_target target;
        bool now = i < s->db.page_count;
        if (now && s->db.tidy[i])
            continue; /* neither residue nor rows */
        if (now) {
            note_pages(w, i + 1, i + 1);
            rv_sq_page_expect(&s->db, i + 2);
            rv_sq_count_residue(&s->db, i + 1, &w->sums);
        }
        if (rv_sq_target_at(w, i, &target) && !rv_sq_carve(w->carver, &target, collect, &c, err))
            return false;
    }
    return true;
}

static bool take_entries(struct rv_sq_scan_state *s, struct rv_sq_batch *b, struct rv_error *err)
{
    enum { AHEAD = 8 };
    for (size_t i = 0; i < b->entry_count; i++) {
        if (i + AHEAD < b->entry_count)
            rv_sq_entries_expect(s->entries, b->entries[i + AHEAD].hash);
        if (!rv_sq_entries_add(s->entries, &b->entries[i], err))
            return false;
    }
    b->entry_count = 0;
    return true;
}

/* ---- how sure ---- */

/* What is more likely wrong than right is not reported. */
static const double least_confidence = 0.5;

struct belief {
    double confidence;
    const char *reason;
};

bool rv_sq_text_strange(const struct rv_sq_table *t, unsigned place, const struct rv_sq_value *v,
                        enum rv_sq_encoding encoding)
{
    enum { FELLOWS_LEAST = 8, ONE_IN = 20 };
    const struct rv_sq_learned *s = &t->learned[place];
    uint32_t seen = s->seen[RV_SQ_TEXT];
    return v->kind == RV_SQ_TEXT && seen >= FELLOWS_LEAST && (uint64_t)s->with_controls * ONE_IN <= seen &&
           rv_sq_text_has_controls(v->bytes, encoding);
}

static bool any_text_strange(const struct rv_sq_row *row, enum rv_sq_encoding encoding)
{
    for (unsigned i = 0; i < row->count; i++)
        if (rv_sq_text_strange(row->table, i, &row->values[i], encoding))
            return true;
    return false;
}

/* The last bytes of a record whose end nothing proves may be a newer row's: which values show that? */
static struct belief belief_of_open_end(const struct rv_sq_row *row)
{
    unsigned last = row->count;
    while (last > 1 && (row->values[last - 1].kind == RV_SQ_NULL || row->values[last - 1].kind == RV_SQ_ZERO ||
                        row->values[last - 1].kind == RV_SQ_ONE))
        last--;
    switch (last > 0 ? row->values[last - 1].kind : RV_SQ_NULL) {
    case RV_SQ_BLOB:
        return (struct belief){ 0.96, "its end is open, and any bytes make a blob" };
    case RV_SQ_REAL:
        return (struct belief){ 0.95, "its end is open, and most bytes make a number" };
    default:
        return (struct belief){ 0.98, "its end is open, but its last value reads well" };
    }
}

/*
 * Shares of right rows as they were counted on databases with a known history (docs/recovery.md): what decides is
 * whether the end of the row is proven, then what its last value is. Evidence is seldom doubtful: below 14 bits no
 * row was right, above 18 nearly all were.
 */
static struct belief belief_of(const struct rv_sq_db *db, const struct rv_sq_entry *e, const struct rv_sq_row *row)
{
    static const double half = 16, spread = 0.6;
    if (e->hit.whole_image)
        return (struct belief){ 0.99, "an older list of cells names it" };
    double c = 1 / (1 + exp((half - (double)e->hit.bits) / spread));
    struct belief b = { 0.99, "it fills its place exactly" };
    if (!e->hit.exact)
        b = belief_of_open_end(row);
    if (c < b.confidence)
        b = (struct belief){ c, "its bytes would seldom make such a row by chance" };
    if (any_text_strange(row, db->encoding))
        b = (struct belief){ e->hit.exact && e->hit.layout == 0 && !db->damaged ? 0.7 : 0.05,
                             "its text has control characters like no other" };
    return b;
}

/* ---- live rows ---- */

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
    struct belief belief = { 1.0, "its page's list of cells names it" };
    if (w->row->mended) /* the row's lengths and its text's encoding hold */
        belief = (struct belief){ 0.95, "its overflow chain led astray and was mended" };
    else if (s->db.damaged)
        belief = (struct belief){ 0.99, "its page's list of cells names it, in a damaged file" };
    struct rv_sq_found found = { .row = w->row, .hit = hit, .confidence = belief.confidence };
    found.reason = belief.reason;
    found.damaged = s->db.damaged;
    found.status = RV_SQ_LIVE;
    found.encoding = s->db.encoding;
    return note_live(w, b, hit->table, &key, err) && emit(w, b, &found, err);
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

static bool live_pages(struct rv_sq_worker *w, struct rv_sq_batch *b, uint32_t from, uint32_t to, struct rv_error *err)
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
        note_pages(w, n, n);
        rv_sq_page_expect(&s->db, n + 1);
        if (!live_page(w, b, n, err))
            return false;
    }
    return true;
}

static bool take_live(struct rv_sq_scan_state *s, struct rv_sq_batch *b, struct rv_error *err)
{
    for (size_t i = 0; i < b->key_count; i++)
        if (!rv_sq_entries_add_live(s->entries, &b->keys[i], err))
            return false;
    b->key_count = 0;
    return take_lines(s, b, err);
}

/* ---- reporting ---- */

/*
 * A young table on the page of a dropped one of the same form: rows with rowids above its highest may be
 * the old table's. The schema cookie counts every change of the schema, so it tells that tables are missing.
 */
static bool table_uncertain(const struct rv_sq_scan_state *s, const struct rv_sq_entry *e)
{
    const struct rv_sq_table *t = s->db.tables[e->hit.table];
    if (t->name == NULL || t->dropped || t->autoincrement || t->root != e->hit.number || t->rows == 0)
        return false;
    return s->db.schema_cookie > s->db.schema_objects && e->rowid_known && e->rowid > (int64_t)t->rowid_max;
}

/* In a damaged file whole cells of a page that no tree leads to any more may well be live. */
static enum rv_sq_status status_of(const struct rv_sq_scan_state *s, const struct rv_sq_entry *e, uint64_t number)
{
    bool lost = e->hit.origin == RV_SQ_FROM_FREE_PAGE && s->db.kind[e->hit.number - 1] == RV_SQ_PAGE_UNKNOWN;
    if (rv_sq_entries_older(s->entries, number))
        return RV_SQ_OLDER_VERSION;
    return lost && s->options->salvage && s->db.damaged && e->hit.whole_image ? RV_SQ_SALVAGED : RV_SQ_DELETED;
}

/* An image that did not change a row was passed over: back to the first of them. */
static uint32_t first_commit(struct rv_sq_worker *w, const struct rv_sq_hit *hit, uint32_t commit)
{
    const struct rv_sq_scan_state *s = w->scan;
    const struct rv_sq_timeline *t = &s->timeline;
    uint32_t place = rv_sq_timeline_index(t, hit->page);
    if (place == 0 || !hit->whole_image)
        return commit;
    while ((place = t->earlier[place - 1]) != 0) {
        bool file = place == RV_SQ_IN_FILE;
        const uint8_t *page = file ? rv_sq_file_page(&s->db, hit->number) : s->wal.items[place - 1].page;
        if (page != NULL)
            rv_sq_window_read(&w->window, page);
        if (page == NULL || memcmp(page + hit->at, hit->page + hit->at, hit->end - hit->at) != 0)
            break;
        uint32_t here = file ? t->file_commit : t->commit_of[place - 1];
        commit = here < commit ? here : commit;
        if (file)
            break;
    }
    return commit;
}

/* What is said of an entry that stays; false when it is too doubtful. Its row has been read. */
static bool describe(struct rv_sq_worker *w, const struct rv_sq_entry *e, uint64_t number, struct rv_sq_found *out)
{
    struct rv_sq_scan_state *s = w->scan;
    struct belief belief = belief_of(&s->db, e, w->row);
    struct rv_sq_seen seen = rv_sq_entries_seen(s->entries, e, number);
    bool local = w->row->payload == rv_sq_local_size(w->row->payload, s->db.usable, !w->row->table->without_rowid);
    bool cut = !e->hit.exact && local && rv_sq_row_cut_tail(w->carver, &e->hit, w->row);
    if (cut)
        belief = (struct belief){ 0.95, "a newer row begins in its tail: what lies there is unknown" };
    *out = (struct rv_sq_found){ .row = w->row, .hit = &e->hit, .partial = cut };
    out->confidence = belief.confidence;
    out->reason = belief.reason;
    out->damaged = s->db.damaged;
    out->status = status_of(s, e, number);
    out->table_uncertain = table_uncertain(s, e);
    out->encoding = s->db.encoding;
    out->commit_first = first_commit(w, &e->hit, seen.first);
    out->commit_last = seen.last;
    out->commit_gone = seen.gone;
    if (cut && out->status == RV_SQ_OLDER_VERSION)
        return false; /* what is left of it may be all the same in the row that lives */
    return belief.confidence >= least_confidence || (s->db.damaged && e->hit.whole_image);
}

static bool report_block(struct rv_sq_worker *w, struct rv_sq_batch *b, uint32_t from, uint32_t to,
                         struct rv_error *err)
{
    struct rv_sq_scan_state *s = w->scan;
    uint32_t count = 0, part = RV_SQ_BLOCK / REPORT_STEPS;
    const struct rv_sq_entry *entries = rv_sq_entries_block(s->entries, from / REPORT_STEPS, w->block, &count, err);
    (void)to;
    if (entries == NULL)
        return false;
    for (uint32_t i = from % REPORT_STEPS * part; i < count && i < (from % REPORT_STEPS + 1) * part; i++) {
        const struct rv_sq_entry *e = &entries[i];
        uint64_t number = (uint64_t)(from / REPORT_STEPS) * RV_SQ_BLOCK + i;
        struct rv_sq_found found;
        if (rv_sq_entries_dead(s->entries, number))
            continue;
        rv_sq_window_read(&w->window, e->hit.page);
        if (!rv_sq_row_read(w->carver, &e->hit, w->row) || !describe(w, e, number, &found))
            continue;
        w->sums.deleted_rows++;
        w->sums.partial_rows += found.partial;
        w->sums.by_origin[e->hit.origin]++;
        if (!emit(w, b, &found, err))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool apply_logs(struct rv_sq_scan_state *s, struct rv_error *err)
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

static void reading(void *window, const uint8_t *page)
{
    rv_sq_window_read(window, page);
}

static bool open_all(struct rv_sq_scan_state *s, const struct rv_sq_files *files, const struct rv_sq_files *mapped,
                     struct rv_error *err)
{
    struct rv_sq_window window = { .log = mapped != NULL ? mapped->wal : rv_span(NULL, 0) };
    struct rv_sq_reader reader = { reading, &window };
    struct rv_error ignored;
    if (!rv_sq_db_open(&s->db, files->database, err))
        return false;
    if (!rv_sq_wal_read_by(files->wal, &reader, &s->wal, &ignored))
        s->db.damaged = true;
    if (!rv_sq_journal_read(files->journal, s->db.page_size, &s->journal, &ignored))
        s->db.damaged = true;
    if (s->wal.count > 0 && s->wal.page_size != s->db.page_size)
        s->wal.count = s->wal.pages_after = 0;
    return apply_logs(s, err) &&
           rv_sq_timeline_make(&s->timeline, files->wal, &s->wal, &s->journal, s->db.page_count, err);
}

/* Trees are walked by one thread; then their leaves are looked at by all. */
static bool map_trees(struct rv_sq_scan_state *s, struct rv_error *err)
{
    s->db.reading = reading;
    s->db.reading_context = &s->workers[0].window;
    bool fine = rv_sq_db_map(&s->db, err);
    s->db.reading = NULL; /* each thread has a window of its own */
    struct stage leaves = { .run = check_leaves, .take = take_leaves, .items = s->db.page_count };
    leaves.step = pages_of(s, 1 << 20);
    return fine && run_stage(s, leaves, s->worker_count, err);
}

static bool map(struct rv_sq_scan_state *s, struct rv_error *err)
{
    if (!map_trees(s, err))
        return false;
    if (s->db.misled) {
        rv_sq_db_unmap(&s->db);
        s->db.damaged = s->db.careful = true;
        if (!map_trees(s, err))
            return false;
    }
    rv_sq_db_map_rest(&s->db);
    return !s->options->salvage || rv_sq_db_reassign(&s->db, err);
}

static bool hire(struct rv_sq_scan_state *s, const struct rv_sq_files *mapped, struct rv_error *err)
{
    s->worker_count = s->options->threads != 0 ? s->options->threads : rv_sq_workers_count();
    if (s->worker_count > RV_SQ_WORKERS_MAX)
        s->worker_count = RV_SQ_WORKERS_MAX;
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct rv_sq_worker *w = &s->workers[i];
        w->scan = s;
        if (mapped != NULL) {
            w->window.file = mapped->database;
            w->window.log = mapped->wal;
        }
        w->payload.cap = 1u << 30;
        w->carver = rv_sq_carver_new(&s->db, rv_sq_page_for_residue, w, err);
        w->live_carver = w->carver != NULL ? rv_sq_carver_new(&s->db, rv_sq_page_for_live, w, err) : NULL;
        if (w->live_carver == NULL || (s->options->salvage && !rv_sq_carver_mend(w->live_carver, err)))
            return false;
        w->row = rv_alloc(sizeof *w->row);
        w->block = rv_alloc_array(RV_SQ_BLOCK, sizeof *w->block);
        if (w->row == NULL || w->block == NULL)
            return rv_fail_nomem(err);
    }
    for (unsigned i = 0; i < RV_SQ_ROUND; i++)
        s->batches[i].lines.cap = 2u << 30;
    return true;
}

static void dismiss(struct rv_sq_scan_state *s)
{
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct rv_sq_worker *w = &s->workers[i];
        rv_sq_carver_free(w->carver);
        rv_sq_carver_free(w->live_carver);
        rv_free(w->row);
        rv_free(w->block);
        rv_buf_clear(&w->payload);
    }
    for (unsigned i = 0; i < RV_SQ_ROUND; i++) {
        struct rv_sq_batch *b = &s->batches[i];
        rv_free(b->entries);
        rv_free(b->keys);
        rv_buf_clear(&b->lines);
        rv_sq_leaves_clear(&b->leaves);
    }
}

static bool settle_entries(struct rv_sq_scan_state *s, struct rv_error *err)
{
    bool fine;
    uint8_t *rivals = rv_sq_pages_with_images(s, &fine);
    fine = (fine || rv_fail_nomem(err)) && rv_sq_entries_settle(s->entries, rivals, &s->verdict->struck, err);
    rv_free(rivals);
    return fine;
}

static bool search(struct rv_sq_scan_state *s, struct rv_error *err)
{
    struct stage carve = { .run = carve_items, .take = take_entries, .step = pages_of(s, 128 << 10) };
    struct stage live = { .run = live_pages, .take = take_live, .items = s->db.page_count };
    struct stage report = { .run = report_block, .take = take_lines, .step = 1 };
    live.step = pages_of(s, 64 << 10);
    if (!rv_sq_find_tables(s, err) || (s->options->schema != NULL && !s->options->schema(s->context, &s->db, err)))
        return false;
    carve.items = rv_sq_target_count(s);
    if (!run_stage(s, carve, s->worker_count, err) || !run_stage(s, live, row_workers(s), err) ||
        !settle_entries(s, err))
        return false;
    report.items = (uint32_t)((rv_sq_entries_count(s->entries) + RV_SQ_BLOCK - 1) / RV_SQ_BLOCK * REPORT_STEPS);
    return run_stage(s, report, row_workers(s), err);
}

/* mapped: the files again where their pages can be let go of, else NULL. */
static bool scan_files(struct rv_sq_scan_state *s, const struct rv_sq_files *files, const struct rv_sq_files *mapped,
                       struct rv_error *err)
{
    memset(s->verdict, 0, sizeof *s->verdict);
    bool fine = open_all(s, files, mapped, err) && hire(s, mapped, err) && map(s, err);
    if (fine) {
        s->entries = rv_sq_entries_new(files->database.len + files->wal.len + files->journal.len, err);
        fine = s->entries != NULL && search(s, err);
        rv_sq_fill_verdict(s);
    }
    dismiss(s);
    rv_sq_entries_free(s->entries);
    rv_sq_timeline_clear(&s->timeline);
    rv_sq_images_clear(&s->wal);
    rv_sq_images_clear(&s->journal);
    rv_sq_db_clear(&s->db);
    return fine;
}

bool rv_sq_scan_bytes(struct rv_ctx *ctx, const struct rv_sq_files *files, const struct rv_sq_scan_options *options,
                      rv_sq_found_fn *found, void *context, struct rv_sq_verdict *verdict, struct rv_error *err)
{
    struct rv_sq_scan_state s = { .ctx = ctx, .options = options, .found = found, .context = context };
    s.verdict = verdict;
    return scan_files(&s, files, NULL, err);
}

bool rv_sq_scan(struct rv_ctx *ctx, const char *path, const struct rv_sq_scan_options *options, rv_sq_found_fn *found,
                void *context, struct rv_sq_verdict *verdict, struct rv_error *err)
{
    struct rv_sq_files files;
    struct rv_sq_scan_state s = { .ctx = ctx, .options = options, .found = found, .context = context };
    s.verdict = verdict;
    memset(verdict, 0, sizeof *verdict);
    if (!rv_sq_files_map(path, &files, err))
        return false;
    bool fine = scan_files(&s, &files, &files, err);
    rv_sq_files_unmap(&files);
    return fine;
}
