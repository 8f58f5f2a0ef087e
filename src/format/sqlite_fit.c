/* SPDX-License-Identifier: Apache-2.0 */
/* Which table do the cells of a page belong to? And tables that no schema tells of. */
#include "format/sqlite_carver.h"

/* How well the cells of an image fit a table: mean bits of up to 32 of them. */
static double page_fit(struct rv_sq_carver *c, const uint8_t *page, const struct rv_sq_page_header *h, uint16_t table,
                       unsigned *parsed_cells)
{
    double sum = 0;
    unsigned good = 0;
    for (uint32_t i = 0; i < h->cells && i < 32; i++) {
        struct rv_sq_parsed p;
        uint32_t at = rv_sq_cell_pointer(page, h, i);
        struct rv_sq_spot spot = rv_sq_spot_at(c, page, table, at, c->db->usable);
        if (at < h->pointers || at + 4 > c->db->usable || !rv_sq_cell_whole(&spot, &p))
            continue;
        double values = rv_sq_cell_bits(&spot, &p);
        if (values < RV_SQ_IMPOSSIBLE)
            continue;
        sum += p.class_bits + values;
        good++;
    }
    *parsed_cells = good;
    return good ? sum / good : -1000;
}

uint16_t rv_sq_fit_table(struct rv_sq_carver *c, const uint8_t *page, uint32_t number,
                         const struct rv_sq_page_header *h)
{
    static const double own_root = 3;
    uint16_t best = RV_SQ_NO_TABLE;
    double most = 0;
    for (uint16_t table = 0; table < c->db->table_count; table++) {
        unsigned good = 0;
        if (c->db->tables[table]->without_rowid != (h->type == 10))
            continue;
        double fit = page_fit(c, page, h, table, &good) + (c->db->tables[table]->root == number ? own_root : 0);
        if (good * 2 < (h->cells < 32 ? h->cells : 32))
            continue;
        if (best == RV_SQ_NO_TABLE || fit > most) {
            best = table;
            most = fit;
        }
    }
    return best;
}

bool rv_sq_page_fits(struct rv_sq_carver *c, const uint8_t *page, uint32_t number)
{
    struct rv_sq_page_header h;
    return rv_sq_page_header(c->db, page, number, &h) && h.cells > 0 && (h.type == 10 || h.type == 13) &&
           rv_sq_fit_table(c, page, number, &h) != RV_SQ_NO_TABLE;
}

/* Columns of a strictly valid rowid-table cell, 0: not valid. */
static unsigned cell_columns(const struct rv_sq_db *db, const uint8_t *page, uint32_t at, struct rv_sq_cell *cell)
{
    uint64_t head = 0, serial = 0, total;
    if (!rv_sq_cell_read(db, page, at, true, cell) || cell->rowid < 1)
        return 0;
    const uint8_t *record = page + cell->local_at;
    unsigned n = rv_sq_varint_strict(record, record + cell->local, &head), count = 0;
    if (n == 0 || head > cell->local)
        return 0;
    total = head;
    for (uint64_t k = n; k < head; count++) {
        n = rv_sq_varint_strict(record + k, record + head, &serial);
        if (n == 0 || serial == 10 || serial == 11)
            return 0;
        k += n;
        total += rv_sq_body_size(serial);
    }
    return total == cell->payload && count <= RV_SQ_COLUMNS_MAX ? count : 0;
}

static struct rv_sq_table *nameless_table(unsigned columns)
{
    struct rv_error ignored;
    RV_AUTO(rv_sq_table) t = rv_alloc(sizeof *t);
    if (t == NULL)
        return NULL;
    t->columns = rv_alloc_array(columns, sizeof *t->columns);
    t->order = rv_alloc_array(columns, sizeof *t->order);
    t->learned = rv_alloc_array(columns, sizeof *t->learned);
    if (t->columns == NULL || t->order == NULL || t->learned == NULL) {
        rv_fail_nomem(&ignored);
        return NULL;
    }
    t->count = t->stored = t->least_stored = (uint16_t)columns;
    t->ipk = -1;
    t->dropped = true;
    for (unsigned i = 0; i < columns; i++) {
        t->order[i] = (uint16_t)i;
        t->learned[i].int_min = INT64_MAX;
        t->learned[i].int_max = INT64_MIN;
        t->learned[i].length_min = UINT32_MAX;
    }
    return rv_steal(&t);
}

struct rv_sq_table *rv_sq_table_infer(struct rv_sq_carver *c, const uint8_t *page, uint32_t number)
{
    struct rv_sq_page_header h;
    struct rv_sq_cell cell;
    if (!rv_sq_page_header(c->db, page, number, &h) || h.type != 13 || h.cells < 2)
        return NULL;
    unsigned columns = 0, agree = 0;
    for (uint32_t i = 0; i < h.cells && agree * 2 < h.cells; i++) { /* the first that most cells share */
        unsigned want = cell_columns(c->db, page, rv_sq_cell_pointer(page, &h, i), &cell);
        agree = 0;
        for (uint32_t k = 0; want > 1 && k < h.cells; k++)
            agree += cell_columns(c->db, page, rv_sq_cell_pointer(page, &h, k), &cell) == want;
        columns = want;
        if (i > 4)
            break;
    }
    if (columns < 2 || agree * 2 < h.cells)
        return NULL;
    struct rv_sq_table *t = nameless_table(columns);
    for (uint32_t i = 0; t != NULL && i < h.cells; i++)
        if (cell_columns(c->db, page, rv_sq_cell_pointer(page, &h, i), &cell) == columns)
            rv_sq_learn(t, rv_span(page + cell.local_at, cell.local), cell.payload, c->db->encoding);
    return t;
}

static bool cell_fits_known(struct rv_sq_carver *c, const uint8_t *page, uint32_t at)
{
    for (uint16_t i = 0; i < c->db->table_count; i++) {
        struct rv_sq_parsed p;
        struct rv_sq_spot spot = rv_sq_spot_at(c, page, i, at, c->db->usable);
        if (!spot.table->without_rowid && rv_sq_cell_whole(&spot, &p) && rv_sq_cell_bits(&spot, &p) > RV_SQ_IMPOSSIBLE)
            return true;
    }
    return false;
}

/* One cell of a known table is enough: its neighbours are of that table too, though damaged. */
static bool chain_fits_known(struct rv_sq_carver *c, const uint8_t *page, uint32_t at, unsigned chain)
{
    struct rv_sq_cell cell;
    for (; chain > 0 && cell_columns(c->db, page, at, &cell) > 0; chain--, at = cell.end)
        if (cell_fits_known(c, page, at))
            return true;
    return false;
}

struct rv_sq_table *rv_sq_table_infer_gap(struct rv_sq_carver *c, const uint8_t *page, uint32_t number)
{
    enum { CHAIN_LEAST = 3 };
    struct rv_sq_page_header h;
    struct rv_sq_cell cell, next;
    if (!rv_sq_page_header(c->db, page, number, &h) || h.type != 13)
        return NULL;
    uint32_t end = h.content < c->db->usable ? h.content : c->db->usable;
    for (uint32_t at = h.pointers + 2 * h.cells; at + 4 < end; at++) {
        unsigned columns = page[at] ? cell_columns(c->db, page, at, &cell) : 0, chain = 1;
        if (columns < 2 || cell.end > end)
            continue;
        for (next = cell; next.end + 4 < end; chain++)
            if (cell_columns(c->db, page, next.end, &next) != columns || next.end > end)
                break;
        if (chain < CHAIN_LEAST || chain_fits_known(c, page, at, chain))
            continue;
        struct rv_sq_table *t = nameless_table(columns);
        for (uint32_t k = at; t != NULL && chain-- > 0 && cell_columns(c->db, page, k, &cell) == columns; k = cell.end)
            rv_sq_learn(t, rv_span(page + cell.local_at, cell.local), cell.payload, c->db->encoding);
        return t;
    }
    return NULL;
}
