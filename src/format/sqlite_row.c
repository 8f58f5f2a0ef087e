/* SPDX-License-Identifier: Apache-2.0 */
/* A hit decoded: its record with the overflow chain, value by value. */
#include "format/sqlite_carver.h"

/* Where a live row's chain was led astray: pages are mostly handed out in order, so the next one is tried. */
static uint32_t mended_next(struct rv_sq_carver *c, uint32_t here, uint32_t next, uint32_t step)
{
    const struct rv_sq_db *db = c->db;
    c->visited[step % RV_SQ_VISITED_MAX] = here;
    bool astray = next < 2 || next > db->page_count ||
                  (db->kind[next - 1] >= RV_SQ_PAGE_TABLE_INNER && db->kind[next - 1] <= RV_SQ_PAGE_INDEX_LEAF);
    uint32_t known = step < RV_SQ_VISITED_MAX ? step + 1 : RV_SQ_VISITED_MAX;
    for (uint32_t i = 0; next != here + 1 && i < known && !astray; i++)
        astray = c->visited[i] == next; /* a loop */
    if (!astray)
        return next;
    c->mended = true;
    return here < db->page_count && db->kind[here] == RV_SQ_PAGE_UNKNOWN ? here + 1 : 0;
}

/* The record's bytes: on the page itself, or put together with its overflow chain. */
static bool assemble(struct rv_sq_carver *c, const struct rv_sq_hit *hit, const struct rv_sq_parsed *p,
                     struct rv_span *record)
{
    struct rv_error err;
    c->payload.len = 0;
    c->mended = false;
    *record = rv_span(hit->page + p->record, p->local);
    if (p->local == p->payload)
        return true;
    if (!rv_buf_add(&c->payload, *record, &err))
        return false;
    uint64_t left = p->payload - p->local;
    uint32_t next = p->overflow;
    for (uint32_t step = 0; left > 0; step++) {
        const uint8_t *page = c->page(c->page_context, next, hit->snapshot);
        size_t here = left < c->db->usable - 4 ? (size_t)left : c->db->usable - 4;
        if (page == NULL || !rv_buf_add(&c->payload, rv_span(page + 4, here), &err))
            return false;
        left -= here;
        *record = rv_buf_span(&c->payload);
        if (left == 0)
            return rv_sq_u32(page) == 0 || c->visited != NULL; /* the chain of a whole row ends with its bytes */
        next = c->visited != NULL ? mended_next(c, next, rv_sq_u32(page), step) : rv_sq_u32(page);
    }
    return true;
}

bool rv_sq_row_frame(struct rv_sq_carver *c, const struct rv_sq_hit *hit, struct rv_sq_row *row,
                     struct rv_sq_record *out)
{
    struct rv_sq_parsed p;
    struct rv_sq_spot spot = rv_sq_spot_at(c, hit->page, hit->table, hit->at, c->db->usable);
    struct rv_sq_scar scar = { hit->layout, hit->columns, hit->first_serial };
    spot.known = hit->origin != RV_SQ_FROM_TABLE;
    bool fine = hit->layout == 0                      ? rv_sq_cell_whole(&spot, &p)
                : hit->layout == RV_SQ_LAYOUT_LENIENT ? rv_sq_cell_lenient(&spot, hit->end, &p)
                                                      : rv_sq_cell_scarred(&spot, scar, &p);
    if (!fine || !assemble(c, hit, &p, &out->bytes))
        return false;
    out->head = p.head;
    out->on_page = p.local == p.payload;
    out->serials = c->serials;
    row->table = spot.table;
    row->rowid = p.rowid;
    row->rowid_known = p.rowid_known;
    row->mended = c->mended;
    row->count = p.count;
    row->payload = p.payload;
    row->body = p.head <= p.local ? rv_span(hit->page + p.record + p.head, p.local - p.head) : rv_span(NULL, 0);
    return true;
}

bool rv_sq_row_values(struct rv_sq_carver *c, const struct rv_sq_hit *hit, struct rv_sq_row *row,
                      const struct rv_sq_record *record)
{
    bool weighed = hit->origin != RV_SQ_FROM_TABLE && record->on_page; /* its texts were looked at before */
    uint64_t at = record->head;
    for (unsigned i = 0; i < row->count; i++) {
        uint64_t size = rv_sq_body_size(c->serials[i]);
        if (at + size > record->bytes.len)
            return false;
        row->values[i] = rv_sq_value(c->serials[i], record->bytes.ptr + at);
        if (!weighed && row->values[i].kind == RV_SQ_TEXT &&
            rv_sq_text_valid(row->values[i].bytes, c->db->encoding) == 0)
            return false;
        at += size;
    }
    return true;
}

bool rv_sq_row_read(struct rv_sq_carver *c, const struct rv_sq_hit *hit, struct rv_sq_row *row)
{
    struct rv_sq_record record;
    return rv_sq_row_frame(c, hit, row, &record) && rv_sq_row_values(c, hit, row, &record);
}

/* Does a row of this table begin at `at`, whole or with its first bytes destroyed? */
static bool row_begins(struct rv_sq_carver *c, const struct rv_sq_hit *hit, uint32_t at)
{
    enum { LAYOUT_LEAST = 4, LAYOUT_LAST = 6 };
    static const double likely = 12;
    struct rv_sq_parsed p;
    struct rv_sq_spot spot = rv_sq_spot_at(c, hit->page, hit->table, at, c->db->usable);
    if (rv_sq_cell_whole(&spot, &p) && p.class_bits + rv_sq_cell_bits(&spot, &p) >= likely)
        return true;
    for (unsigned layout = LAYOUT_LEAST; layout <= LAYOUT_LAST; layout++)
        if (rv_sq_cell_scarred(&spot, (struct rv_sq_scar){ layout, spot.table->stored, 0 }, &p) &&
            p.class_bits + rv_sq_cell_bits(&spot, &p) >= likely)
            return true;
    return false;
}

/* Body bytes of a number. */
static uint32_t value_bytes(const struct rv_sq_value *v)
{
    static const uint8_t sizes[RV_SQ_CLASSES] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0 };
    return v->kind < RV_SQ_CLASSES ? sizes[v->kind] : 0;
}

bool rv_sq_row_cut_tail(struct rv_sq_carver *c, const struct rv_sq_hit *hit, struct rv_sq_row *row)
{
    const uint8_t *end = row->body.ptr + row->body.len;
    for (uint32_t at = (uint32_t)(row->body.ptr - hit->page); at < hit->end; at++) {
        if (!row_begins(c, hit, at))
            continue;
        const uint8_t *cut = hit->page + at;
        for (unsigned i = row->count; i-- > 0;) { /* a value ends where the next one begins */
            const struct rv_sq_value *v = &row->values[i];
            bool bytes = v->kind == RV_SQ_TEXT || v->kind == RV_SQ_BLOB;
            const uint8_t *start = bytes ? v->bytes.ptr : end - value_bytes(v);
            if (end <= cut)
                break;
            if (start < end)
                row->values[i] = (struct rv_sq_value){ .kind = RV_SQ_UNKNOWN };
            end = start;
        }
        return true;
    }
    return false;
}
