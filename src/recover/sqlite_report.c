/* SPDX-License-Identifier: Apache-2.0 */
/* Found rows that stay, each with what is known of it: how sure, its state, when it was there. */
#include "recover/sqlite_scan_inside.h"

#include <math.h>
#include <string.h>

/* ---- how sure ---- */

/* What is more likely wrong than right is not reported. */
static const double least_confidence = 0.5;

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
static struct rv_sq_belief belief_of_open_end(const struct rv_sq_row *row)
{
    unsigned last = row->count;
    while (last > 1 && (row->values[last - 1].kind == RV_SQ_NULL || row->values[last - 1].kind == RV_SQ_ZERO ||
                        row->values[last - 1].kind == RV_SQ_ONE))
        last--;
    switch (last > 0 ? row->values[last - 1].kind : RV_SQ_NULL) {
    case RV_SQ_BLOB:
        return (struct rv_sq_belief){ 0.96, "its end is open, and any bytes make a blob" };
    case RV_SQ_REAL:
        return (struct rv_sq_belief){ 0.95, "its end is open, and most bytes make a number" };
    default:
        return (struct rv_sq_belief){ 0.98, "its end is open, but its last value reads well" };
    }
}

/*
 * Shares of right rows as they were counted on databases with a known history (docs/recovery.md): what decides is
 * whether the end of the row is proven, then what its last value is. Evidence is seldom doubtful: below 14 bits no
 * row was right, above 18 nearly all were.
 */
static struct rv_sq_belief belief_of(const struct rv_sq_db *db, const struct rv_sq_entry *e,
                                     const struct rv_sq_row *row)
{
    static const double half = 16, spread = 0.6;
    if (e->hit.whole_image)
        return (struct rv_sq_belief){ 0.99, "an older list of cells names it" };
    double c = 1 / (1 + exp((half - (double)e->hit.bits) / spread));
    struct rv_sq_belief b = { 0.99, "it fills its place exactly" };
    if (!e->hit.exact)
        b = belief_of_open_end(row);
    if (c < b.confidence)
        b = (struct rv_sq_belief){ c, "its bytes would seldom make such a row by chance" };
    if (any_text_strange(row, db->encoding))
        b = (struct rv_sq_belief){ e->hit.exact && e->hit.layout == 0 && !db->damaged ? 0.5 : 0.05,
                                   "its text has control characters like no other" };
    return b;
}

/* ---- what is said of a row ---- */

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
    struct rv_sq_belief belief = belief_of(&s->db, e, w->row);
    bool local = w->row->payload == rv_sq_local_size(w->row->payload, s->db.usable, !w->row->table->without_rowid);
    bool cut = !e->hit.exact && local && rv_sq_row_cut_tail(w->carver, &e->hit, w->row);
    if (cut)
        belief = (struct rv_sq_belief){ 0.95, "a newer row begins in its tail: what lies there is unknown" };
    *out = (struct rv_sq_found){ .row = w->row, .hit = &e->hit, .partial = cut };
    out->confidence = belief.confidence;
    out->reason = belief.reason;
    out->damaged = s->db.damaged;
    out->status = status_of(s, e, number);
    out->table_uncertain = table_uncertain(s, e);
    out->encoding = s->db.encoding;
    out->commit_first = first_commit(w, &e->hit, e->first);
    out->commit_last = e->last;
    out->commit_gone = e->gone;
    if (cut && out->status == RV_SQ_OLDER_VERSION)
        return false; /* what is left of it may be all the same in the row that lives */
    return belief.confidence >= least_confidence || (s->db.damaged && e->hit.whole_image);
}

bool rv_sq_report_block(struct rv_sq_worker *w, struct rv_sq_batch *b, uint32_t from, uint32_t to, struct rv_error *err)
{
    struct rv_sq_scan_state *s = w->scan;
    uint32_t count = 0, part = RV_SQ_BLOCK / RV_SQ_REPORT_STEPS;
    const struct rv_sq_entry *entries =
        rv_sq_entries_block(s->entries, from / RV_SQ_REPORT_STEPS, w->block, &count, err);
    (void)to;
    if (entries == NULL)
        return false;
    for (uint32_t i = from % RV_SQ_REPORT_STEPS * part; i < count && i < (from % RV_SQ_REPORT_STEPS + 1) * part; i++) {
        const struct rv_sq_entry *e = &entries[i];
        uint64_t number = (uint64_t)(from / RV_SQ_REPORT_STEPS) * RV_SQ_BLOCK + i;
        struct rv_sq_found found;
        if (rv_sq_entries_dead(s->entries, number))
            continue;
        rv_sq_window_read(&w->window, e->hit.page);
        if (!rv_sq_row_read(w->carver, &e->hit, w->row) || !describe(w, e, number, &found))
            continue;
        w->sums.deleted_rows++;
        w->sums.partial_rows += found.partial;
        w->sums.by_origin[e->hit.origin]++;
        if (!rv_sq_emit(w, b, &found, err))
            return false;
    }
    return true;
}
