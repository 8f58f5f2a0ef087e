/* SPDX-License-Identifier: Apache-2.0 */
#include "format/sqlite_carver.h"

#include <string.h>

enum { LAYOUT_MAX = 9 };

/* Accept at least so many bits; owner: the page belongs to the table. */
static const double accept_owner = 9, accept_other = 20, accept_ownerless = 16;
static const double exact_bonus = 5, fragment_bonus = 3;

struct rv_sq_carver *rv_sq_carver_new(const struct rv_sq_db *db, rv_sq_page_fn *page, void *page_context,
                                      struct rv_error *err)
{
    RV_AUTO(rv_sq_carver) c = rv_alloc(sizeof *c);
    if (c == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    c->db = db;
    c->page = page;
    c->page_context = page_context;
    c->payload = (struct rv_buf)RV_BUF(1u << 30);
    c->room = db->page_size + 8;
    c->first = rv_alloc_array(c->room, sizeof *c->first);
    c->choice = rv_alloc_array(c->room, sizeof *c->choice);
    c->best = rv_alloc_array(c->room, sizeof *c->best);
    c->taken = rv_alloc(c->room);
    c->stays = rv_alloc(c->room);
    if (c->first == NULL || c->choice == NULL || c->best == NULL || c->taken == NULL || c->stays == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    return rv_steal(&c);
}

bool rv_sq_carver_mend(struct rv_sq_carver *c, struct rv_error *err)
{
    c->visited = rv_alloc_array(RV_SQ_VISITED_MAX, sizeof *c->visited);
    return c->visited != NULL || rv_fail_nomem(err);
}

void rv_sq_carver_free(struct rv_sq_carver *c)
{
    if (c == NULL)
        return;
    rv_buf_clear(&c->payload);
    rv_free(c->visited);
    rv_free(c->candidates);
    rv_free(c->first);
    rv_free(c->choice);
    rv_free(c->best);
    rv_free(c->taken);
    rv_free(c->stays);
    rv_free(c);
}

/* Bytes that tell something: rows of NULLs and constants alone prove nothing. */
static bool says_something(struct rv_sq_carver *c, const struct rv_sq_parsed *p)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < p->count; i++)
        bytes += rv_sq_body_size(c->serials[i]);
    return bytes >= 2;
}

static bool add_candidate(struct rv_sq_carver *c, const struct rv_sq_candidate *candidate, struct rv_error *err)
{
    if (c->candidate_count == c->candidate_room) {
        size_t room = c->candidate_room ? c->candidate_room * 2 : 1024;
        struct rv_sq_candidate *grown = rv_realloc_array(c->candidates, room, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        c->candidates = grown;
        c->candidate_room = room;
    }
    struct rv_sq_candidate *to = &c->candidates[c->candidate_count];
    *to = *candidate;
    to->next = c->first[to->at];
    c->first[to->at] = (int32_t)c->candidate_count++;
    return true;
}

/* ---- candidates of one region ---- */

struct region {
    const uint8_t *page;
    uint32_t number, start, end;
    bool leaf_of_index; /* page type 10: WITHOUT ROWID tables only; 13: rowid tables only */
    bool any_type;
    uint16_t owner;
    enum rv_sq_origin origin;
    bool scar_at_start; /* a freeblock of the present chain begins here */
};

static double table_prior(const struct rv_sq_carver *c, const struct region *r, uint16_t table)
{
    if (table == r->owner)
        return 4;
    if (c->db->tables[table]->dropped)
        return c->db->tables[table]->root == r->number ? 5 : 1;
    return r->owner == RV_SQ_NO_TABLE ? 0 : -6;
}

/* A reading of the bytes at `at`, before it is weighed. */
struct reading {
    uint16_t table;
    uint32_t at;
    unsigned layout;
    double extra; /* evidence beside types and values */
};

static bool offer(struct rv_sq_carver *c, const struct region *r, struct reading what, const struct rv_sq_parsed *p,
                  struct rv_error *err)
{
    const struct rv_sq_table *t = c->db->tables[what.table];
    struct rv_sq_spot spot = rv_sq_spot_at(c, r->page, what.table, what.at, r->end);
    double values = rv_sq_cell_bits(&spot, p);
    if (values < RV_SQ_IMPOSSIBLE || !says_something(c, p))
        return true;
    double bits = p->class_bits + values + what.extra + table_prior(c, r, what.table);
    if (p->rowid_known)
        bits += p->rowid < 1 ? -6 : t->rowid_max && (uint64_t)p->rowid > t->rowid_max * 2 + 64 ? -4 : 2;
    if (bits < 0)
        return true;
    struct rv_sq_candidate candidate = { .at = what.at, .end = p->end, .table = what.table, .bits = bits };
    candidate.layout = (uint8_t)what.layout;
    candidate.columns = (uint16_t)p->count;
    candidate.first_serial = what.layout == 2 ? (uint8_t)c->serials[0] : 0;
    return add_candidate(c, &candidate, err);
}

/* 0: no freeblock header can have stood here; else bits for how well it fits. */
static double scar_bits(const struct rv_sq_carver *c, const struct region *r, uint32_t at)
{
    uint32_t next = rv_sq_u16(r->page + at), size = rv_sq_u16(r->page + at + 2);
    if (size < 4 || at + size > c->db->usable || (next != 0 && (next < at + size || next + 4 > c->db->usable)))
        return 0;
    return at == r->start && r->scar_at_start ? 6 : 2;
}

/* Header length and first serial type are gone: each type that the first column can have is tried. */
static bool try_first_serials(struct rv_sq_carver *c, const struct region *r, struct reading what, unsigned columns,
                              struct rv_error *err)
{
    struct rv_sq_spot spot = rv_sq_spot_at(c, r->page, what.table, what.at, r->end);
    const struct rv_sq_table *t = spot.table;
    uint32_t told = what.at + rv_sq_u16(r->page + what.at + 2);
    double scar = what.extra;
    for (unsigned skip = 0; skip < 2; skip++) {
        struct rv_sq_parsed tail, p;
        bool there = rv_sq_cell_tail(&spot, 1, skip, columns, &tail);
        for (unsigned i = 0; there && i < t->first_serial_count; i++) {
            uint64_t serial = t->first_serials[i];
            if (rv_sq_scar_skip(serial) != skip || (skip == 1 && r->page[what.at + 4] != (serial & 0x7F)))
                continue; /* the second byte of a long serial type survives */
            if (!rv_sq_cell_headless(&spot, &tail, (struct rv_sq_scar){ 2, columns, serial }, &p))
                continue;
            what.extra = scar + (p.end == told ? 4 : -2);
            if (!offer(c, r, what, &p, err))
                return false;
        }
    }
    return true;
}

/* The strongest candidate that begins at `at`, NULL none. */
static const struct rv_sq_candidate *strongest_at(const struct rv_sq_carver *c, uint32_t at)
{
    const struct rv_sq_candidate *best = NULL;
    for (int32_t i = c->first[at]; i >= 0; i = c->candidates[i].next)
        if (best == NULL || c->candidates[i].bits > best->bits)
            best = &c->candidates[i];
    return best;
}

static const double beyond_doubt = 36;

/* One layout: of 3 the count of columns is open too (rows from before an ALTER TABLE ADD COLUMN have fewer). */
static bool try_layout(struct rv_sq_carver *c, const struct region *r, struct reading what, struct rv_error *err)
{
    struct rv_sq_spot spot = rv_sq_spot_at(c, r->page, what.table, what.at, r->end);
    const struct rv_sq_table *t = spot.table;
    uint32_t told = what.at + rv_sq_u16(r->page + what.at + 2);
    unsigned least = what.layout == 3 ? t->least_stored : t->stored;
    double scar = what.extra + (what.layout >= 4 ? 6 : 1);
    struct rv_sq_parsed p;
    for (unsigned columns = t->stored; columns >= least && columns > 0; columns--) {
        if (!rv_sq_cell_scarred(&spot, (struct rv_sq_scar){ what.layout, columns, 0 }, &p))
            continue;
        what.extra = scar + (p.end == told ? 4 : 0);
        if (!offer(c, r, what, &p, err))
            return false;
    }
    return true;
}

/* The byte where a record's header length would stand; longer ones than 127 begin with a continued byte. */
static bool head_possible(const struct rv_sq_table *t, const struct region *r, uint32_t at)
{
    enum { SERIAL_MAX = 9 };
    uint32_t head = at < r->end ? r->page[at] : 0;
    return head > t->least_stored &&
           (head >= 0x80 || (head <= r->end - at && head <= 1 + (uint32_t)t->stored * SERIAL_MAX));
}

static bool try_scars(struct rv_sq_carver *c, const struct region *r, uint16_t table, uint32_t at, double scar,
                      struct rv_error *err)
{
    const struct rv_sq_table *t = c->db->tables[table];
    uint32_t told = at + rv_sq_u16(r->page + at + 2);
    for (unsigned layout = 4; layout <= LAYOUT_MAX; layout++)
        if (head_possible(t, r, at + layout) && !try_layout(c, r, (struct reading){ table, at, layout, scar }, err))
            return false;
    /* A record that is whole, beyond doubt, and fills the hole as the scar says: nothing else is to be read here. */
    const struct rv_sq_candidate *best = told == r->end ? strongest_at(c, at) : NULL;
    if (best != NULL && best->end == told && best->bits >= beyond_doubt)
        return true;
    if (!try_layout(c, r, (struct reading){ table, at, 3, scar }, err))
        return false;
    for (unsigned columns = t->stored; columns >= t->least_stored && columns > 1; columns--)
        if (!try_first_serials(c, r, (struct reading){ table, at, 2, scar }, columns, err))
            return false;
    return true;
}

/* What can begin at a place, whatever the table: most bytes are turned away here. */
struct outlook {
    bool row, entry; /* a whole cell with a rowid; without */
    double scar;     /* bits for a freeblock header, 0 none */
};

static struct outlook look_at(const struct rv_sq_carver *c, const struct region *r, uint32_t at)
{
    const uint8_t *p = r->page + at, *end = r->page + r->end;
    struct outlook out = { .scar = scar_bits(c, r, at) };
    uint64_t payload = 0, rowid = 0, head = 0;
    unsigned n = *p < 2 ? 0 : rv_sq_varint_strict(p, end, &payload), m;
    if (n == 0)
        return out;
    m = rv_sq_varint_strict(p + n, end, &head);
    out.entry = m != 0 && head >= 2 && head <= payload && head <= (uint64_t)(end - p) - n;
    m = rv_sq_varint_strict(p + n, end, &rowid);
    n += m;
    out.row = m != 0 && rv_sq_varint_strict(p + n, end, &head) != 0 && head >= 2 && head <= payload &&
              head <= (uint64_t)(end - p) - n;
    return out;
}

static bool try_table(struct rv_sq_carver *c, const struct region *r, uint16_t table, uint32_t at,
                      const struct outlook *outlook, struct rv_error *err)
{
    static const double whole = 12; /* payload length and header length both hold */
    struct rv_sq_spot spot = rv_sq_spot_at(c, r->page, table, at, r->end);
    struct rv_sq_parsed p;
    if ((spot.table->without_rowid ? outlook->entry : outlook->row) && rv_sq_cell_whole(&spot, &p) &&
        !offer(c, r, (struct reading){ table, at, 0, whole }, &p, err))
        return false;
    /* Half destroyed rows of tables that live elsewhere could not be told from chance. */
    bool likely = r->owner == RV_SQ_NO_TABLE || r->owner == table || spot.table->dropped;
    return !likely || outlook->scar <= 0 || try_scars(c, r, table, at, outlook->scar, err);
}

static bool table_may_lie_here(const struct rv_sq_carver *c, const struct region *r, uint16_t table)
{
    const struct rv_sq_table *t = c->db->tables[table];
    if (!r->any_type && t->without_rowid != r->leaf_of_index)
        return false;
    return table != 0 || r->owner == 0; /* schema rows lie in schema pages */
}

/*
 * All readings of a region. A reading beyond doubt needs no rivals: neither other tables at its place nor
 * other starts inside it. So residue costs time by the row, and only unexplained bytes cost it by the byte.
 */
static bool gather(struct rv_sq_carver *c, const struct region *r, struct rv_error *err)
{
    c->candidate_count = 0;
    memset(c->first + r->start, 0xFF, (r->end - r->start + 1) * sizeof *c->first);
    for (uint32_t at = r->start; at + 4 <= r->end;) {
        const struct rv_sq_candidate *best = NULL;
        struct outlook outlook = look_at(c, r, at);
        if (!outlook.row && !outlook.entry && outlook.scar <= 0) {
            at++;
            continue;
        }
        if (r->owner != RV_SQ_NO_TABLE && table_may_lie_here(c, r, r->owner)) {
            if (!try_table(c, r, r->owner, at, &outlook, err))
                return false;
            best = strongest_at(c, at);
        }
        for (uint16_t table = 0; table < c->db->table_count && (best == NULL || best->bits < beyond_doubt); table++)
            if (table != r->owner && table_may_lie_here(c, r, table) && !try_table(c, r, table, at, &outlook, err))
                return false;
        best = strongest_at(c, at);
        at = best != NULL && best->bits >= beyond_doubt ? best->end : at + 1;
    }
    return true;
}

/* ---- the best tiling ---- */

/* A reading ends where a region or the next reading does: then nothing is left unexplained. */
static bool ends_exactly(const struct rv_sq_carver *c, const struct region *r, uint32_t end)
{
    return end == r->end || c->choice[end] >= 0;
}

static double end_bits(const struct region *r, uint32_t end, bool exact)
{
    return exact ? exact_bonus : r->end - end <= 3 ? fragment_bonus : 0;
}

static void tile(struct rv_sq_carver *c, const struct region *r)
{
    static const double skip_cost = 0.02;
    c->best[r->end] = 0;
    c->choice[r->end] = -1;
    for (uint32_t at = r->end; at-- > r->start;) {
        c->best[at] = c->best[at + 1] - (r->page[at] ? skip_cost : 0);
        c->choice[at] = -1;
        for (int32_t i = c->first[at]; i >= 0; i = c->candidates[i].next) {
            const struct rv_sq_candidate *k = &c->candidates[i];
            double total = k->bits + end_bits(r, k->end, ends_exactly(c, r, k->end)) + c->best[k->end];
            if (total > c->best[at]) {
                c->best[at] = total;
                c->choice[at] = i;
            }
        }
    }
}

static double threshold(const struct region *r, uint16_t table, const struct rv_sq_carver *c)
{
    if (table == r->owner)
        return accept_owner;
    if (r->owner == RV_SQ_NO_TABLE)
        return accept_ownerless;
    return c->db->tables[table]->dropped ? accept_ownerless : accept_other;
}

static bool report(struct rv_sq_carver *c, const struct region *r, const struct rv_sq_candidate *k, bool exact,
                   struct rv_error *err)
{
    double bits = k->bits + end_bits(r, k->end, exact);
    if (bits < threshold(r, k->table, c))
        return true;
    struct rv_sq_hit hit = { .page = c->target->page, .number = c->target->number, .at = k->at, .end = k->end };
    hit.table = k->table;
    hit.layout = k->layout;
    hit.origin = (uint8_t)r->origin;
    hit.first_serial = k->first_serial;
    hit.columns = k->columns;
    hit.snapshot = c->target->snapshot;
    hit.bits = (float)bits;
    hit.exact = exact;
    return c->found(c->found_context, &hit, err);
}

static bool report_tiles(struct rv_sq_carver *c, const struct region *r, struct rv_error *err)
{
    for (uint32_t at = r->start; at < r->end;) {
        if (c->choice[at] < 0) {
            at++;
            continue;
        }
        const struct rv_sq_candidate *k = &c->candidates[c->choice[at]];
        if (!report(c, r, k, ends_exactly(c, r, k->end), err))
            return false;
        at = k->end;
    }
    return true;
}

static bool carve_region(struct rv_sq_carver *c, const struct region *r, struct rv_error *err)
{
    uint32_t from = r->start;
    while (from < r->end && r->page[from] == 0)
        from++;
    if (r->end - from < 5)
        return true;
    if (!gather(c, r, err))
        return false;
    if (c->candidate_count == 0)
        return true;
    if (c->candidate_count == 1) /* without a rival it is chosen: nearly all holes of one row */
        return report(c, r, &c->candidates[0], c->candidates[0].end == r->end, err);
    tile(c, r);
    return report_tiles(c, r, err);
}

/* ---- one page ---- */

/* Holes are met in the order of the page and freeblocks are chained in it: the chain is followed but once. */
static bool known_freeblock(struct rv_sq_carver *c, uint32_t at)
{
    while (c->block != 0 && c->block < at && c->block + 4 <= c->db->usable) {
        uint32_t next = rv_sq_u16(c->target->page + c->block);
        c->block = next > c->block ? next : 0;
    }
    return c->block == at && at != 0 && at + 4 <= c->db->usable;
}

/* Cells of interior pages own their bytes; in WITHOUT ROWID trees they are rows too (behind the child pointer). */
static void own_inner_cells(struct rv_sq_carver *c)
{
    const uint8_t *page = c->target->page;
    for (uint32_t i = 0; i < c->header.cells; i++) {
        uint32_t at = rv_sq_cell_pointer(page, &c->header, i);
        struct rv_sq_cell cell;
        uint64_t rowid;
        if (at < c->header.pointers + 2 * c->header.cells || at + 5 > c->db->usable)
            continue;
        uint32_t end = at + 4;
        if (c->header.type == 5)
            end += rv_sq_varint(page + end, page + c->db->usable, &rowid);
        else if (rv_sq_cell_read(c->db, page, at + 4, false, &cell))
            end = cell.end;
        memset(c->taken + at, 1, end - at);
    }
}

/* Marks the cells of the page's next image; false when that is no page of the kind. */
static bool mark_later(struct rv_sq_carver *c)
{
    const struct rv_sq_target *target = c->target;
    struct rv_sq_page_header h;
    if (target->later == NULL || !rv_sq_page_header(c->db, target->later, target->number, &h) ||
        h.type != c->header.type)
        return false;
    memset(c->stays, 0, c->room);
    for (uint32_t i = 0; i < h.cells; i++) {
        uint32_t at = rv_sq_cell_pointer(target->later, &h, i);
        if (at < c->db->usable)
            c->stays[at] = 1;
    }
    return true;
}

/* The cells of the pointer array: owned, and of older images rows themselves. */
static bool take_cells(struct rv_sq_carver *c, struct rv_error *err)
{
    const struct rv_sq_target *target = c->target;
    bool compare = mark_later(c);
    for (uint32_t i = 0; i < c->header.cells; i++) {
        uint32_t at = rv_sq_cell_pointer(target->page, &c->header, i);
        struct rv_sq_cell cell;
        struct rv_sq_parsed p;
        bool row = false;
        if (!target->cells_are_rows && c->header.type == 13 && at >= c->header.pointers + 2 * c->header.cells) {
            int64_t rowid;
            uint32_t local_at, end = rv_sq_cell_short(c->db, target->page, at, &rowid, &local_at);
            memset(c->taken + at, 1, end > at ? end - at : 0);
            if (end != 0)
                continue;
        }
        if (at < c->header.pointers + 2 * c->header.cells ||
            !rv_sq_cell_read(c->db, target->page, at, c->header.type == 13, &cell))
            continue;
        if (compare && c->stays[at] && cell.overflow == 0 &&
            memcmp(target->page + at, target->later + at, cell.end - at) == 0) {
            memset(c->taken + at, 1, cell.end - at);
            continue; /* the next image tells of it, or it lives */
        }
        if (target->cells_are_rows && c->owner != RV_SQ_NO_TABLE) {
            struct rv_sq_spot spot = rv_sq_spot_at(c, target->page, c->owner, at, c->db->usable);
            row = rv_sq_cell_whole(&spot, &p) && rv_sq_cell_bits(&spot, &p) > RV_SQ_IMPOSSIBLE;
        }
        if (target->cells_are_rows && !row)
            continue; /* its bytes stay searchable */
        memset(c->taken + at, 1, cell.end - at);
        if (!row)
            continue;
        struct rv_sq_hit hit = { .page = target->page, .number = target->number, .at = at, .end = p.end };
        hit.table = c->owner;
        hit.origin = (uint8_t)target->origin;
        hit.snapshot = target->snapshot;
        hit.bits = 60;
        hit.exact = hit.whole_image = true;
        if (!c->found(c->found_context, &hit, err))
            return false;
    }
    return true;
}

static bool carve_free(struct rv_sq_carver *c, uint32_t at, uint32_t end, bool gap, struct rv_error *err)
{
    const struct rv_sq_target *target = c->target;
    struct region r = { .page = target->page, .number = target->number, .start = at, .end = end, .owner = c->owner };
    r.leaf_of_index = c->has_header && (c->header.type == 10 || c->header.type == 2);
    r.any_type = !c->has_header;
    r.origin = target->origin != RV_SQ_FROM_TABLE ? target->origin : gap ? RV_SQ_FROM_GAP : RV_SQ_FROM_FREEBLOCK;
    /* A hole may begin with up to three stray bytes before its freeblock. */
    for (uint32_t k = 0; !gap && k <= 3 && at + k + 4 <= end && !r.scar_at_start; k++)
        if (known_freeblock(c, at + k)) {
            r.start = at + k;
            r.scar_at_start = true;
        }
    return carve_region(c, &r, err);
}

static bool carve_between(struct rv_sq_carver *c, uint32_t from, struct rv_error *err)
{
    uint32_t usable = c->db->usable;
    bool gap = true;
    for (uint32_t at = from; at < usable; gap = false) {
        const uint8_t *free_at = memchr(c->taken + at, 0, usable - at);
        if (free_at == NULL)
            return true;
        gap = gap && free_at == c->taken + at;
        at = (uint32_t)(free_at - c->taken);
        const uint8_t *taken_at = memchr(free_at, 1, usable - at);
        uint32_t end = taken_at != NULL ? (uint32_t)(taken_at - c->taken) : usable;
        if (!carve_free(c, at, end, gap, err))
            return false;
        at = end;
    }
    return true;
}

static bool carve_page(struct rv_sq_carver *c, struct rv_error *err)
{
    const struct rv_sq_page_header *h = &c->header;
    const struct rv_sq_target *target = c->target;
    uint32_t from = h->pointers + 2 * h->cells;
    if (!target->cells_are_rows && target->number <= c->db->page_count && c->db->tidy[target->number - 1])
        return true; /* nothing was ever deleted here */
    memset(c->taken, 0, c->room);
    c->block = h->freeblock;
    if (h->type == 2 || h->type == 5) {
        if (c->owner == RV_SQ_NO_TABLE || c->db->tables[c->owner]->without_rowid != (h->type == 2))
            return true;
        own_inner_cells(c);
        return carve_between(c, from, err);
    }
    if (c->owner == RV_SQ_NO_TABLE && h->cells > 0)
        c->owner = rv_sq_fit_table(c, target->page, target->number, h);
    if (h->type == 10 && (c->owner == RV_SQ_NO_TABLE || !c->db->tables[c->owner]->without_rowid))
        return true; /* entries of an index are no rows */
    return take_cells(c, err) && carve_between(c, from, err);
}

bool rv_sq_carve(struct rv_sq_carver *c, const struct rv_sq_target *target, rv_sq_hit_fn *found, void *context,
                 struct rv_error *err)
{
    c->target = target;
    c->owner = target->owner;
    c->found = found;
    c->found_context = context;
    c->has_header = !target->no_header && rv_sq_page_header(c->db, target->page, target->number, &c->header);
    if (c->has_header)
        return carve_page(c, err);
    if (!target->no_header && target->cells_are_rows)
        return true; /* overflow content or a pointer map: no rows begin there */
    memset(c->taken, 0, c->room);
    c->block = 0;
    return carve_between(c, target->start, err);
}
