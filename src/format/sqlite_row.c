/* SPDX-License-Identifier: Apache-2.0 */
/* A hit decoded: its record with the overflow chain, value by value. */
#include "format/sqlite_carver.h"

static bool assemble(struct rv_sq_carver *c, const struct rv_sq_hit *hit, const struct rv_sq_parsed *p)
{
    struct rv_error err;
    c->payload.len = 0;
    if (!rv_buf_add(&c->payload, rv_span(hit->page + p->record, p->local), &err))
        return false;
    uint64_t left = p->payload - p->local;
    uint32_t next = p->overflow;
    while (left > 0) {
        const uint8_t *page = c->page(c->page_context, next, hit->snapshot);
        size_t here = left < c->db->usable - 4 ? (size_t)left : c->db->usable - 4;
        if (page == NULL || !rv_buf_add(&c->payload, rv_span(page + 4, here), &err))
            return false;
        left -= here;
        next = rv_sq_u32(page);
        if (left == 0 && next != 0)
            return false; /* the chain of a whole row ends with its bytes */
    }
    return true;
}

bool rv_sq_row_read(struct rv_sq_carver *c, const struct rv_sq_hit *hit, struct rv_sq_row *row)
{
    const struct rv_sq_table *t = c->db->tables[hit->table];
    struct rv_sq_parsed p;
    struct rv_sq_spot spot = rv_sq_spot_at(c, hit->page, hit->table, hit->at, c->db->usable);
    struct rv_sq_scar scar = { hit->layout, hit->columns, hit->first_serial };
    bool fine = hit->layout == 0                      ? rv_sq_cell_whole(&spot, &p)
                : hit->layout == RV_SQ_LAYOUT_LENIENT ? rv_sq_cell_lenient(&spot, hit->end, &p)
                                                      : rv_sq_cell_scarred(&spot, scar, &p);
    if (!fine || !assemble(c, hit, &p))
        return false;
    row->table = t;
    row->rowid = p.rowid;
    row->rowid_known = p.rowid_known;
    row->count = p.count;
    uint64_t at = p.head;
    for (unsigned i = 0; i < p.count; i++) {
        uint64_t size = rv_sq_body_size(c->serials[i]);
        if (at + size > c->payload.len)
            return false;
        row->values[i] = rv_sq_value(c->serials[i], c->payload.data + at);
        if (row->values[i].kind == RV_SQ_TEXT && rv_sq_text_valid(row->values[i].bytes, c->db->encoding) == 0)
            return false;
        at += size;
    }
    return true;
}
