/* SPDX-License-Identifier: Apache-2.0 */
/* What a database still holds of what was deleted, and what proves that something is missing. */
#include "recover/sqlite_scan_inside.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* secure_delete leaves zeroed freeblocks; FAST (Apple's default from iOS 12 on) spares whole freed pages. */
void rv_sq_count_residue(const struct rv_sq_db *db, uint32_t number, struct rv_sq_verdict *v)
{
    const uint8_t *page = rv_sq_page(db, number);
    struct rv_sq_page_header h;
    enum rv_sq_page_kind kind = (enum rv_sq_page_kind)db->kind[number - 1];
    if (page == NULL)
        return;
    if (kind == RV_SQ_PAGE_FREE || kind == RV_SQ_PAGE_UNKNOWN) {
        bool wiped = rv_sq_all_zero(page, db->usable);
        v->free_pages_zeroed += wiped;
        v->residue_bytes += wiped ? 0 : db->usable;
        v->overflow_pages_free += !wiped && !rv_sq_page_header(db, page, number, &h);
        return;
    }
    if ((kind != RV_SQ_PAGE_TABLE_LEAF && kind != RV_SQ_PAGE_INDEX_LEAF) || !rv_sq_page_header(db, page, number, &h))
        return;
    uint32_t block = h.freeblock;
    for (unsigned i = 0; block != 0 && block + 4 <= db->usable && i < db->usable / 4; i++) {
        uint32_t next = rv_sq_u16(page + block), size = rv_sq_u16(page + block + 2);
        if (size < 4 || block + size > db->usable || (next != 0 && next < block + size))
            break;
        bool wiped = rv_sq_all_zero(page + block + 4, size - 4);
        v->freeblocks++;
        v->freeblocks_zeroed += wiped;
        v->residue_bytes += wiped ? 0 : size;
        block = next;
    }
    uint32_t gap = h.pointers + 2 * h.cells;
    if (h.content > gap && h.content <= db->usable && !rv_sq_all_zero(page + gap, h.content - gap))
        v->residue_bytes += h.content - gap;
}

/* sqlite_sequence(name, seq): the highest rowid that an AUTOINCREMENT table ever gave away. */
static void read_sequence(struct rv_sq_scan_state *s, const uint8_t *page, const struct rv_sq_page_header *h)
{
    for (uint32_t i = 0; i < h->cells; i++) {
        struct rv_sq_cell cell;
        struct rv_sq_value v[2];
        struct rv_error ignored;
        struct rv_buf name = RV_BUF(1 << 16);
        bool fine = rv_sq_cell_read(&s->db, page, rv_sq_cell_pointer(page, h, i), true, &cell) &&
                    rv_sq_record_values(rv_span(page + cell.local_at, cell.local), v, 2) == 2 &&
                    v[0].kind == RV_SQ_TEXT && v[1].integer > 0 &&
                    rv_sq_text_to_utf8(v[0].bytes, s->db.encoding, &name, &ignored) &&
                    rv_buf_add(&name, rv_span("", 1), &ignored);
        for (unsigned t = 0; fine && t < s->db.table_count; t++)
            if (s->db.tables[t]->name != NULL && strcasecmp(s->db.tables[t]->name, (char *)name.data) == 0)
                s->db.tables[t]->sequence = (uint64_t)v[1].integer;
        rv_buf_clear(&name);
    }
}

static void read_sequences(struct rv_sq_scan_state *s)
{
    for (uint32_t n = 1; n <= s->db.page_count; n++) {
        uint16_t owner = s->db.owner[n - 1];
        const char *name = owner != RV_SQ_NO_TABLE ? s->db.tables[owner]->name : NULL;
        const uint8_t *page;
        struct rv_sq_page_header h;
        if (name != NULL && s->db.kind[n - 1] == RV_SQ_PAGE_TABLE_LEAF && strcasecmp(name, "sqlite_sequence") == 0 &&
            (page = rv_sq_page(&s->db, n)) != NULL && rv_sq_page_header(&s->db, page, n, &h))
            read_sequence(s, page, &h);
    }
}

/* Rowids that count up leave gaps; some applications choose them by other rules, and gaps there mean nothing. */
static bool counts_up(const struct rv_sq_table *t, uint64_t highest)
{
    enum { FEW = 100000, TIMES = 16 };
    return t->sequence > 0 || highest <= t->live * TIMES + FEW;
}

static void count_missing_rowids(struct rv_sq_scan_state *s)
{
    struct rv_sq_verdict *v = s->verdict;
    read_sequences(s);
    for (unsigned i = 0; i < s->db.table_count; i++) {
        const struct rv_sq_table *t = s->db.tables[i];
        uint64_t highest = t->sequence > t->rowid_max ? t->sequence : t->rowid_max;
        if (t->name == NULL || t->system || t->dropped || t->without_rowid || highest <= t->live ||
            !counts_up(t, highest))
            continue;
        v->missing_rowids += highest - t->live;
        if (v->missing_count == RV_SQ_MISSING_SHOWN)
            continue;
        struct rv_sq_missing *m = &v->missing[v->missing_count++];
        snprintf(m->table, sizeof m->table, "%s", t->name);
        for (size_t end = strlen(m->table); end == sizeof m->table - 1 && end > 0 && (m->table[end - 1] & 0x80);)
            m->table[--end] = '\0'; /* a name that was cut ends with a whole letter */
        m->live = t->live;
        m->highest = highest;
        m->missing = highest - t->live;
        m->sequence = t->sequence >= t->rowid_max && t->sequence > 0;
    }
}

static void fill_commits(struct rv_sq_scan_state *s)
{
    struct rv_sq_verdict *v = s->verdict;
    const struct rv_sq_timeline *t = &s->timeline;
    uint32_t shown = t->commit_count < RV_SQ_COMMITS_SHOWN ? t->commit_count : RV_SQ_COMMITS_SHOWN;
    for (uint32_t i = 0; i < shown; i++)
        v->commits[i] = t->commits[t->commit_count - shown + i];
    v->commit_count = t->commit_count;
    v->generations = t->generations;
    for (uint32_t i = 0; i < s->wal.count; i++)
        v->uncommitted_frames += s->wal.items[i].state == RV_SQ_IMAGE_UNCOMMITTED;
}

void rv_sq_fill_verdict(struct rv_sq_scan_state *s)
{
    struct rv_sq_verdict *v = s->verdict;
    for (unsigned i = 0; i < s->worker_count; i++) {
        const struct rv_sq_verdict *sums = &s->workers[i].sums;
        v->freeblocks += sums->freeblocks;
        v->freeblocks_zeroed += sums->freeblocks_zeroed;
        v->free_pages_zeroed += sums->free_pages_zeroed;
        v->residue_bytes += sums->residue_bytes;
        v->live_rows += sums->live_rows;
        v->deleted_rows += sums->deleted_rows;
        v->partial_rows += sums->partial_rows;
        v->overflow_pages_free += sums->overflow_pages_free;
        for (unsigned k = 0; k < RV_SQ_ORIGINS; k++)
            v->by_origin[k] += sums->by_origin[k];
    }
    fill_commits(s);
    for (unsigned i = 0; i < s->db.table_count; i++)
        v->tables_dropped += s->db.tables[i]->dropped && s->db.tables[i]->name != NULL;
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
