/* SPDX-License-Identifier: Apache-2.0 */
/* Index entries as a second source: which table do the rows of a leaf page belong to? */
#include "format/sqlite_db.h"
#include "format/sqlite_learn.h"

#include <string.h>

enum { ENTRIES_MAX = 4 << 20, SAMPLE = 24 };

struct set {
    uint64_t *slots;
    size_t mask, count;
};

static bool grow(struct set *set, struct rv_error *err)
{
    size_t room = set->slots ? (set->mask + 1) * 2 : 1024;
    uint64_t *slots = rv_alloc_array(room, sizeof *slots);
    if (slots == NULL)
        return rv_fail_nomem(err);
    for (size_t i = 0; set->slots != NULL && i <= set->mask; i++) {
        size_t at = set->slots[i] & (room - 1);
        while (set->slots[i] != 0 && slots[at] != 0)
            at = (at + 1) & (room - 1);
        if (set->slots[i] != 0)
            slots[at] = set->slots[i];
    }
    rv_free(set->slots);
    set->slots = slots;
    set->mask = room - 1;
    return true;
}

static bool has(const struct set *set, uint64_t key)
{
    for (size_t at = key & set->mask; set->slots != NULL && set->slots[at] != 0; at = (at + 1) & set->mask)
        if (set->slots[at] == key)
            return true;
    return false;
}

static bool add(struct set *set, uint64_t key, struct rv_error *err)
{
    if (set->count >= ENTRIES_MAX || has(set, key))
        return true;
    if ((set->slots == NULL || set->count * 2 > set->mask) && !grow(set, err))
        return false;
    size_t at = key & set->mask;
    while (set->slots[at] != 0)
        at = (at + 1) & set->mask;
    set->slots[at] = key;
    set->count++;
    return true;
}

static uint64_t key_of(uint16_t table, const struct rv_sq_value *value, int64_t rowid)
{
    uint64_t h = rv_sq_mix(rv_sq_value_hash(rv_sq_mix(77, table), value), (uint64_t)rowid);
    return h ? h : 1;
}

/* A value that two tables hardly share by chance: small numbers and short words meet everywhere. */
static bool distinctive(const struct rv_sq_value *v)
{
    if (v->kind == RV_SQ_TEXT || v->kind == RV_SQ_BLOB)
        return v->bytes.len >= 4;
    return v->kind == RV_SQ_REAL || v->integer > 1023 || v->integer < -1023;
}

static bool add_page(struct rv_sq_db *db, struct set *set, uint32_t number, struct rv_error *err)
{
    enum { KEYS_MAX = 32 };
    const uint8_t *page = rv_sq_page(db, number);
    struct rv_sq_page_header h;
    struct rv_sq_value v[KEYS_MAX];
    struct rv_sq_cell cell;
    if (page == NULL || !rv_sq_page_header(db, page, number, &h))
        return true;
    for (uint32_t i = 0; i < h.cells; i++) {
        uint32_t at = rv_sq_cell_pointer(page, &h, i) + (h.type == 2 ? 4 : 0);
        if (!rv_sq_cell_read(db, page, at, false, &cell) || cell.overflow != 0)
            continue;
        unsigned n = rv_sq_record_values(rv_span(page + cell.local_at, cell.local), v, KEYS_MAX);
        if (n >= 2 && n < KEYS_MAX && distinctive(&v[0]) &&
            !add(set, key_of(db->owner[number - 1], &v[0], v[n - 1].integer), err))
            return false;
    }
    return true;
}

/* How many of the sampled cells have an entry in an index of this table. */
static unsigned named_by(const struct rv_sq_db *db, const struct set *set, const uint8_t *page,
                         const struct rv_sq_page_header *h, uint16_t table)
{
    enum { COLUMNS_MAX = 64 };
    struct rv_sq_value v[COLUMNS_MAX];
    struct rv_sq_cell cell;
    unsigned named = 0;
    for (uint32_t i = 0; i < h->cells && i < SAMPLE; i++) {
        if (!rv_sq_cell_read(db, page, rv_sq_cell_pointer(page, h, i), true, &cell))
            continue;
        unsigned n = rv_sq_record_values(rv_span(page + cell.local_at, cell.local), v, COLUMNS_MAX);
        bool hit = false;
        if (n < COLUMNS_MAX && (n > db->tables[table]->stored || n < db->tables[table]->least_stored))
            continue; /* small numbers meet by chance; the form of another table does not */
        for (unsigned k = 0; k < n && !hit; k++)
            hit = distinctive(&v[k]) && has(set, key_of(table, &v[k], cell.rowid));
        named += hit;
    }
    return named;
}

static void reassign_page(struct rv_sq_db *db, const struct set *set, const uint8_t *indexed, uint32_t number)
{
    const uint8_t *page = rv_sq_page(db, number);
    struct rv_sq_page_header h;
    if (page == NULL || !rv_sq_page_header(db, page, number, &h) || h.type != 13 || h.cells == 0)
        return;
    unsigned sampled = h.cells < SAMPLE ? h.cells : SAMPLE;
    uint16_t owner = db->owner[number - 1], best = owner;
    unsigned most = owner == RV_SQ_NO_TABLE || !indexed[owner] ? 0 : named_by(db, set, page, &h, owner);
    if (most * 2 >= sampled)
        return;
    for (uint16_t t = 0; t < db->table_count; t++) {
        unsigned named = indexed[t] && t != owner ? named_by(db, set, page, &h, t) : 0;
        if (named > most && named * 2 >= sampled) {
            most = named;
            best = t;
        }
    }
    if (best == owner)
        return;
    db->owner[number - 1] = best;
    db->kind[number - 1] = RV_SQ_PAGE_TABLE_LEAF;
    db->damaged = true;
    db->problems++;
}

bool rv_sq_db_reassign(struct rv_sq_db *db, struct rv_error *err)
{
    struct set set = { 0 };
    uint8_t *indexed = rv_alloc(db->table_count);
    bool fine = indexed != NULL || rv_fail_nomem(err);
    for (uint32_t i = 0; fine && i < db->index_count; i++)
        indexed[db->indexes[i].table] = 1;
    for (uint32_t n = 1; fine && db->index_count > 0 && n <= db->page_count; n++) {
        enum rv_sq_page_kind kind = (enum rv_sq_page_kind)db->kind[n - 1];
        uint16_t owner = db->owner[n - 1];
        if ((kind == RV_SQ_PAGE_INDEX_LEAF || kind == RV_SQ_PAGE_INDEX_INNER) && owner != RV_SQ_NO_TABLE &&
            !db->tables[owner]->without_rowid)
            fine = add_page(db, &set, n, err);
    }
    for (uint32_t n = 2; fine && set.count > 0 && n <= db->page_count; n++)
        if (db->kind[n - 1] == RV_SQ_PAGE_TABLE_LEAF || db->kind[n - 1] == RV_SQ_PAGE_UNKNOWN)
            reassign_page(db, &set, indexed, n);
    rv_free(set.slots);
    rv_free(indexed);
    return fine;
}
