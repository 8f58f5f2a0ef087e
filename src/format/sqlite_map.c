/* SPDX-License-Identifier: Apache-2.0 */
/* Which page belongs to what: trees from sqlite_master, overflow chains, freelist; and what live rows look like. */
#include "format/sqlite_db.h"
#include "format/sqlite_learn.h"

#include <string.h>
#include <strings.h>

struct stack {
    uint32_t *pages;
    size_t count, room;
};

static bool push(struct stack *s, uint32_t page, struct rv_error *err)
{
    if (s->count == s->room) {
        size_t room = s->room ? s->room * 2 : 256;
        uint32_t *grown = rv_realloc_array(s->pages, room, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        s->pages = grown;
        s->room = room;
    }
    s->pages[s->count++] = page;
    return true;
}

static void trouble(struct rv_sq_db *db)
{
    db->problems++;
    db->damaged = true;
}

/* Claims a page; false when it is outside or somebody owns it already. */
static bool claim(struct rv_sq_db *db, uint32_t page, enum rv_sq_page_kind kind, uint16_t owner)
{
    if (page == 0 || page > db->page_count || db->kind[page - 1] != RV_SQ_PAGE_UNKNOWN) {
        trouble(db);
        return false;
    }
    __atomic_store_n(&db->kind[page - 1], (uint8_t)kind, __ATOMIC_RELAXED); /* leaves are looked at meanwhile */
    db->owner[page - 1] = owner;
    return true;
}

/* Follows the overflow chain of a live cell; its length is known, so loops end. */
static void claim_chain(struct rv_sq_db *db, const struct rv_sq_chain *chain)
{
    uint64_t left = chain->left, here = db->usable - 4;
    uint32_t page = chain->page;
    while (left > 0) {
        const uint8_t *bytes = rv_sq_page(db, page);
        if (bytes == NULL || !claim(db, page, RV_SQ_PAGE_OVERFLOW, chain->owner))
            return;
        left -= left < here ? left : here;
        page = rv_sq_u32(bytes);
    }
    if (page != 0)
        trouble(db);
}

struct walk {
    struct rv_sq_db *db;
    struct stack todo;
    uint16_t owner;
    uint32_t leaves; /* met so far */
    struct rv_error *err;
};

/* Every leaf of small tables, ever fewer of large ones: statistics need no more. */
static bool worth_learning(uint32_t leaf)
{
    return leaf < 256 || (leaf < 16384 ? leaf % 64 == 0 : leaf % 512 == 0);
}

static enum rv_sq_page_kind kind_of(uint8_t type)
{
    switch (type) {
    case 2:
        return RV_SQ_PAGE_INDEX_INNER;
    case 5:
        return RV_SQ_PAGE_TABLE_INNER;
    case 10:
        return RV_SQ_PAGE_INDEX_LEAF;
    default:
        return RV_SQ_PAGE_TABLE_LEAF;
    }
}

static void visit_leaf(struct walk *w, const uint8_t *page, const struct rv_sq_page_header *h)
{
    struct rv_sq_db *db = w->db;
    struct rv_sq_table *table = w->owner == RV_SQ_NO_TABLE ? NULL : db->tables[w->owner];
    bool table_leaf = h->type == 13;
    bool learn = table != NULL && table_leaf != table->without_rowid && worth_learning(w->leaves);
    w->leaves++;
    for (uint32_t i = 0; learn && i < h->cells; i++) {
        struct rv_sq_cell cell;
        if (rv_sq_cell_read(db, page, rv_sq_cell_pointer(page, h, i), table_leaf, &cell))
            rv_sq_learn(table, rv_span(page + cell.local_at, cell.local), cell.payload, db->encoding);
    }
}

/* ---- leaves, in ranges ---- */

static bool note_chain(struct rv_sq_leaves *out, const struct rv_sq_cell *cell, uint16_t owner, struct rv_error *err)
{
    if (out->chain_count == out->chain_room) {
        size_t room = out->chain_room ? out->chain_room * 2 : 64;
        struct rv_sq_chain *grown = rv_realloc_array(out->chains, room, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        out->chains = grown;
        out->chain_room = room;
    }
    out->chains[out->chain_count++] = (struct rv_sq_chain){ cell->payload - cell->local, cell->overflow, owner };
    return true;
}

bool rv_sq_all_zero(const uint8_t *p, size_t len)
{
    return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

void rv_sq_page_expect(const struct rv_sq_db *db, uint32_t number)
{
    enum { LINE = 64, BYTES_MAX = 8192 };
    const uint8_t *page = rv_sq_page(db, number);
    for (uint32_t at = 0; page != NULL && at < db->page_size && at < BYTES_MAX; at += LINE)
        __builtin_prefetch(page + at);
}

/* Chains are claimed while other leaves are looked at; that makes no page a leaf, nor a leaf something else. */
static enum rv_sq_page_kind kind_meanwhile(const struct rv_sq_db *db, uint32_t number)
{
    return (enum rv_sq_page_kind)__atomic_load_n(&db->kind[number - 1], __ATOMIC_RELAXED);
}

static bool check_leaf(struct rv_sq_db *db, uint32_t number, struct rv_sq_leaves *out, struct rv_error *err)
{
    const uint8_t *page = rv_sq_page(db, number);
    struct rv_sq_page_header h;
    if (page == NULL || !rv_sq_page_header(db, page, number, &h) || kind_of(h.type) != kind_meanwhile(db, number)) {
        out->misled = true; /* a child was taken for a leaf because its sister is one */
        return true;
    }
    uint64_t filled = h.content + page[h.at + 7]; /* fragments are counted in the page header */
    uint64_t rowid_max = 0;
    uint16_t owner = db->owner[number - 1];
    bool table_leaf = h.type == 13;
    for (uint32_t i = 0; i < h.cells; i++) {
        struct rv_sq_cell cell;
        int64_t rowid;
        uint32_t local_at, at = rv_sq_cell_pointer(page, &h, i),
                           end = table_leaf ? rv_sq_cell_short(db, page, at, &rowid, &local_at) : 0;
        if (end != 0) {
            filled += end - at;
            rowid_max = (uint64_t)rowid > rowid_max ? (uint64_t)rowid : rowid_max; /* seven bits each: not negative */
            continue;
        }
        if (!rv_sq_cell_read(db, page, at, table_leaf, &cell)) {
            out->problems++;
            continue;
        }
        filled += cell.end - cell.at;
        if (cell.overflow != 0 && !note_chain(out, &cell, owner, err))
            return false;
        if (cell.rowid > 0 && (uint64_t)cell.rowid > rowid_max)
            rowid_max = (uint64_t)cell.rowid;
    }
    if (owner != RV_SQ_NO_TABLE && table_leaf) {
        struct rv_sq_leaf_sums *sums = &out->sums[owner];
        sums->cells += h.cells;
        sums->rowid_max = rowid_max > sums->rowid_max ? rowid_max : sums->rowid_max;
    }
    uint32_t gap = h.pointers + 2 * h.cells;
    db->tidy[number - 1] =
        h.freeblock == 0 && filled == db->usable && h.content >= gap && rv_sq_all_zero(page + gap, h.content - gap);
    return true;
}

bool rv_sq_db_check_leaves(struct rv_sq_db *db, uint32_t from, uint32_t to, struct rv_sq_leaves *out,
                           struct rv_error *err)
{
    if (out->sums == NULL)
        out->sums = rv_alloc_array(db->table_count, sizeof *out->sums);
    if (out->sums == NULL)
        return rv_fail_nomem(err);
    for (uint32_t n = from; n <= to; n++) {
        rv_sq_page_expect(db, n + 1);
        enum rv_sq_page_kind kind = kind_meanwhile(db, n);
        if ((kind == RV_SQ_PAGE_TABLE_LEAF || kind == RV_SQ_PAGE_INDEX_LEAF) && !check_leaf(db, n, out, err))
            return false;
    }
    return true;
}

void rv_sq_leaves_clear(struct rv_sq_leaves *leaves)
{
    rv_free(leaves->chains);
    rv_free(leaves->sums);
    *leaves = (struct rv_sq_leaves){ 0 };
}

void rv_sq_db_take_leaves(struct rv_sq_db *db, const struct rv_sq_leaves *leaves)
{
    for (uint64_t i = 0; i < leaves->problems; i++)
        trouble(db);
    for (size_t i = 0; i < leaves->chain_count; i++)
        claim_chain(db, &leaves->chains[i]);
    for (unsigned i = 0; leaves->sums != NULL && i < db->table_count; i++) {
        const struct rv_sq_leaf_sums *sums = &leaves->sums[i];
        db->tables[i]->live += sums->cells;
        if (sums->rowid_max > db->tables[i]->rowid_max)
            db->tables[i]->rowid_max = sums->rowid_max;
    }
    db->misled |= leaves->misled;
}

/* ---- trees ---- */

static bool push_child(struct walk *w, uint32_t child, bool index)
{
    struct rv_sq_db *db = w->db;
    const uint8_t *page = rv_sq_page(db, child);
    struct rv_sq_page_header h;
    if (page == NULL || !rv_sq_page_header(db, page, child, &h) || (h.type == 2 || h.type == 10) != index) {
        trouble(db);
        return true;
    }
    if (!claim(db, child, kind_of(h.type), w->owner))
        return true;
    return push(&w->todo, child, w->err);
}

/*
 * All leaves of a tree lie equally deep: where one child is a leaf, its sisters are. In a large tree they are claimed
 * without being read; check_leaf() reads them, in the order of the file, and tells if one was something else.
 */
static bool skip_leaf(struct walk *w, uint32_t child, enum rv_sq_page_kind sister)
{
    bool leaf = sister == RV_SQ_PAGE_TABLE_LEAF || sister == RV_SQ_PAGE_INDEX_LEAF;
    if (!leaf || w->db->careful || w->leaves < 256 || worth_learning(w->leaves) || rv_sq_page(w->db, child) == NULL)
        return false;
    w->leaves += claim(w->db, child, sister, w->owner);
    return true;
}

static enum rv_sq_page_kind kind_of_page(const struct rv_sq_db *db, uint32_t number)
{
    return number == 0 || number > db->page_count ? RV_SQ_PAGE_UNKNOWN : (enum rv_sq_page_kind)db->kind[number - 1];
}

static bool visit_inner(struct walk *w, const uint8_t *page, const struct rv_sq_page_header *h)
{
    struct rv_sq_db *db = w->db;
    bool index = h->type == 2;
    enum rv_sq_page_kind sister = RV_SQ_PAGE_UNKNOWN;
    for (uint32_t i = 0; i < h->cells; i++) {
        uint32_t at = rv_sq_cell_pointer(page, h, i);
        struct rv_sq_cell cell;
        if (at + 5 > db->usable) {
            trouble(db);
            continue;
        }
        uint32_t child = rv_sq_u32(page + at);
        if (!skip_leaf(w, child, sister) && !push_child(w, child, index))
            return false;
        sister = i == 0 ? kind_of_page(db, child) : sister;
        if (index && rv_sq_cell_read(db, page, at + 4, false, &cell) && cell.overflow != 0)
            claim_chain(db, &(struct rv_sq_chain){ cell.payload - cell.local, cell.overflow, w->owner });
    }
    return push_child(w, h->right, index);
}

static bool walk_tree(struct rv_sq_db *db, uint32_t root, uint16_t owner, bool index, struct rv_error *err)
{
    struct walk w = { .db = db, .owner = owner, .err = err };
    bool fine = push_child(&w, root, index);
    while (fine && w.todo.count > 0) {
        uint32_t number = w.todo.pages[--w.todo.count];
        const uint8_t *page = rv_sq_page(db, number);
        struct rv_sq_page_header h;
        if (page == NULL || !rv_sq_page_header(db, page, number, &h))
            continue;
        if (h.type == 10 || h.type == 13)
            visit_leaf(&w, page, &h);
        else
            fine = visit_inner(&w, page, &h);
    }
    rv_free(w.todo.pages);
    return fine;
}

/* ---- schema ---- */

struct entry {
    uint32_t root;
    uint16_t table; /* an index: RV_SQ_NO_TABLE until its table is known */
    char *of;       /* an index: its table's name */
};

struct schema {
    struct entry *entries;
    size_t count, room;
};

static bool note_entry(struct schema *s, uint32_t root, uint16_t table, struct rv_span of, struct rv_error *err)
{
    if (s->count == s->room) {
        struct entry *grown = rv_realloc_array(s->entries, s->room ? s->room * 2 : 64, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        s->entries = grown;
        s->room = s->room ? s->room * 2 : 64;
    }
    s->entries[s->count++] =
        (struct entry){ root, table, of.ptr ? rv_text_copy_n((const char *)of.ptr, of.len) : NULL };
    return true;
}

/* UTF-16 names and SQL to UTF-8 (ASCII kept, others as they decode); `out` is cleared first. */
bool rv_sq_text_to_utf8(struct rv_span text, enum rv_sq_encoding encoding, struct rv_buf *out, struct rv_error *err)
{
    out->len = 0;
    if (encoding == RV_SQ_UTF8)
        return rv_buf_add(out, text, err);
    for (size_t i = 0; i + 2 <= text.len; i += 2) {
        const uint8_t *p = text.ptr + i;
        uint32_t u = encoding == RV_SQ_UTF16LE ? (uint32_t)(p[0] | p[1] << 8) : (uint32_t)(p[0] << 8 | p[1]);
        if (u >= 0xD800 && u < 0xDC00 && i + 4 <= text.len) {
            uint32_t low = encoding == RV_SQ_UTF16LE ? (uint32_t)(p[2] | p[3] << 8) : (uint32_t)(p[2] << 8 | p[3]);
            if (low >= 0xDC00 && low < 0xE000) {
                u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
                i += 2;
            }
        }
        uint8_t b[4];
        size_t n = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
        for (size_t k = n; k-- > 1; u >>= 6)
            b[k] = (uint8_t)(0x80 | (u & 0x3F));
        static const uint8_t lead[5] = { 0, 0, 0xC0, 0xE0, 0xF0 };
        b[0] = (uint8_t)(lead[n] | u);
        if (!rv_buf_add(out, rv_span(b, n), err))
            return false;
    }
    return true;
}

static bool text_is(struct rv_span utf8, const char *word)
{
    return utf8.len == strlen(word) && memcmp(utf8.ptr, word, utf8.len) == 0;
}

/* Assembles a payload with its overflow chain; false when a page is missing. */
bool rv_sq_payload(const struct rv_sq_db *db, const uint8_t *page, const struct rv_sq_cell *cell, struct rv_buf *out,
                   struct rv_error *err)
{
    out->len = 0;
    if (!rv_buf_add(out, rv_span(page + cell->local_at, cell->local), err))
        return false;
    uint64_t left = cell->payload - cell->local;
    uint32_t next = cell->overflow;
    while (left > 0) {
        const uint8_t *bytes = rv_sq_page(db, next);
        size_t here = left < db->usable - 4 ? (size_t)left : db->usable - 4;
        if (bytes == NULL)
            return rv_fail(err, RV_E_CORRUPT, "overflow page %u is missing", next);
        if (!rv_buf_add(out, rv_span(bytes + 4, here), err))
            return false;
        left -= here;
        next = rv_sq_u32(bytes);
    }
    return true;
}

/* What has no rows of its own: kept for whoever builds the database anew. */
static bool note_text(struct rv_sq_db *db, struct rv_span name, struct rv_span sql, struct rv_buf *text,
                      struct rv_error *err)
{
    enum { TEXTS_MAX = 8192 };
    if (db->text_count >= TEXTS_MAX)
        return true;
    if (db->text_count % 64 == 0) {
        struct rv_sq_text *grown = rv_realloc_array(db->texts, db->text_count + 64, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        db->texts = grown;
    }
    if (!rv_sq_text_to_utf8(name, db->encoding, text, err))
        return false;
    struct rv_sq_text copy = { .name = rv_text_copy_n((const char *)text->data, text->len) };
    if (rv_sq_text_to_utf8(sql, db->encoding, text, err))
        copy.sql = rv_text_copy_n((const char *)text->data, text->len);
    if (copy.name != NULL && copy.sql != NULL) {
        db->texts[db->text_count++] = copy;
        return true;
    }
    rv_free(copy.name);
    rv_free(copy.sql);
    return rv_fail_nomem(err);
}

static bool take_schema_row(struct rv_sq_db *db, struct schema *s, struct rv_span record, struct rv_buf *text,
                            struct rv_error *err)
{
    struct rv_sq_value v[5];
    struct rv_error ignored;
    if (rv_sq_record_values(record, v, 5) < 5 || v[0].kind != RV_SQ_TEXT || v[1].kind != RV_SQ_TEXT)
        return true;
    db->schema_objects++;
    uint32_t root = v[3].integer > 0 && v[3].integer <= UINT32_MAX ? (uint32_t)v[3].integer : 0;
    if (!rv_sq_text_to_utf8(v[0].bytes, db->encoding, text, err))
        return false;
    bool index = text_is(rv_buf_span(text), "index"), is_table = text_is(rv_buf_span(text), "table") && root != 0;
    if (index && root != 0 &&
        !(rv_sq_text_to_utf8(v[2].bytes, db->encoding, text, err) &&
          note_entry(s, root, RV_SQ_NO_TABLE, rv_buf_span(text), err)))
        return false;
    if (v[4].kind != RV_SQ_TEXT)
        return true;
    if (!is_table)
        return note_text(db, v[1].bytes, v[4].bytes, text, err);
    if (!rv_sq_text_to_utf8(v[4].bytes, db->encoding, text, err))
        return false;
    struct rv_sq_table *table = rv_sq_table_parse(rv_buf_span(text), &ignored);
    if (table == NULL)
        return true; /* damaged text: its pages are found as lost ones */
    /* The name column tells the name after ALTER TABLE RENAME in old files. */
    table->root = root;
    uint16_t number = rv_sq_db_add_table_take(db, table);
    return number == RV_SQ_NO_TABLE || note_entry(s, root, number, rv_span(NULL, 0), err);
}

static bool read_schema(struct rv_sq_db *db, struct schema *s, struct rv_error *err)
{
    struct rv_buf payload = RV_BUF(64 << 20), text = RV_BUF(64 << 20);
    struct rv_error local;
    bool fine = true;
    for (uint32_t number = 1; fine && number <= db->page_count; number++) {
        const uint8_t *page = rv_sq_page(db, number);
        struct rv_sq_page_header h;
        if (db->kind[number - 1] != RV_SQ_PAGE_TABLE_LEAF || db->owner[number - 1] != 0 || page == NULL ||
            !rv_sq_page_header(db, page, number, &h))
            continue;
        for (uint32_t i = 0; fine && i < h.cells; i++) {
            struct rv_sq_cell cell;
            if (rv_sq_cell_read(db, page, rv_sq_cell_pointer(page, &h, i), true, &cell) &&
                rv_sq_payload(db, page, &cell, &payload, &local))
                fine = take_schema_row(db, s, rv_buf_span(&payload), &text, err);
        }
    }
    rv_buf_clear(&payload);
    rv_buf_clear(&text);
    return fine;
}

/* ---- pages outside trees ---- */

static void mark_fixed_pages(struct rv_sq_db *db)
{
    uint64_t lock = 0x40000000ull / db->page_size + 1;
    if (lock <= db->page_count)
        db->kind[lock - 1] = RV_SQ_PAGE_LOCK;
    if (!db->auto_vacuum)
        return;
    uint32_t step = db->usable / 5 + 1;
    for (uint64_t page = 2; page <= db->page_count; page += step)
        db->kind[page - 1 + (page == lock)] = RV_SQ_PAGE_POINTER_MAP;
}

static void walk_freelist(struct rv_sq_db *db)
{
    const uint8_t *first = rv_sq_page(db, 1);
    if (first == NULL || memcmp(first, "SQLite format 3", 16) != 0)
        return;
    uint32_t trunk = rv_sq_u32(first + 32), told = rv_sq_u32(first + 36);
    while (trunk != 0) {
        const uint8_t *page = rv_sq_page(db, trunk);
        if (page == NULL || !claim(db, trunk, RV_SQ_PAGE_TRUNK, RV_SQ_NO_TABLE))
            break;
        db->free_pages++;
        uint32_t count = rv_sq_u32(page + 4);
        if (count > db->usable / 4 - 2) {
            trouble(db);
            count = 0;
        }
        for (uint32_t i = 0; i < count; i++)
            if (claim(db, rv_sq_u32(page + 8 + 4 * i), RV_SQ_PAGE_FREE, RV_SQ_NO_TABLE))
                db->free_pages++;
        trunk = rv_sq_u32(page);
    }
    if (told != db->free_pages)
        trouble(db);
}

static bool note_indexes(struct rv_sq_db *db, struct schema *s, struct rv_error *err)
{
    db->indexes = rv_alloc_array(s->count, sizeof *db->indexes);
    if (db->indexes == NULL)
        return rv_fail_nomem(err);
    for (size_t i = 0; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        for (uint16_t t = 0; e->of != NULL && t < db->table_count && e->table == RV_SQ_NO_TABLE; t++)
            if (strcasecmp(db->tables[t]->name, e->of) == 0)
                e->table = t;
        if (e->of != NULL && e->table != RV_SQ_NO_TABLE)
            db->indexes[db->index_count++] = (struct rv_sq_index){ e->root, e->table };
    }
    return true;
}

bool rv_sq_db_map(struct rv_sq_db *db, struct rv_error *err)
{
    db->kind = rv_alloc(db->page_count);
    db->tidy = rv_alloc(db->page_count);
    db->owner = rv_alloc_array(db->page_count, sizeof *db->owner);
    struct rv_sq_table *master = rv_sq_table_master(err);
    if (db->kind == NULL || db->tidy == NULL || db->owner == NULL || master == NULL) {
        rv_sq_table_free(master);
        return rv_fail_nomem(err);
    }
    for (uint32_t i = 0; i < db->page_count; i++)
        db->owner[i] = RV_SQ_NO_TABLE;
    if (rv_sq_db_add_table_take(db, master) == RV_SQ_NO_TABLE)
        return rv_fail_nomem(err);
    master->root = 1;
    mark_fixed_pages(db);

    struct schema s = { 0 };
    bool fine = rv_sq_page(db, 1) == NULL || walk_tree(db, 1, 0, false, err);
    fine = fine && read_schema(db, &s, err);
    fine = fine && note_indexes(db, &s, err);
    for (size_t i = 0; fine && i < s.count; i++) {
        uint16_t table = s.entries[i].table;
        bool index = s.entries[i].of != NULL || table == RV_SQ_NO_TABLE || db->tables[table]->without_rowid;
        fine = walk_tree(db, s.entries[i].root, table, index, err);
    }
    for (size_t i = 0; i < s.count; i++)
        rv_free(s.entries[i].of);
    rv_free(s.entries);
    return fine;
}

void rv_sq_db_map_rest(struct rv_sq_db *db)
{
    walk_freelist(db);
    for (uint32_t i = 0; i < db->page_count; i++)
        db->lost_pages += db->kind[i] == RV_SQ_PAGE_UNKNOWN;
}
