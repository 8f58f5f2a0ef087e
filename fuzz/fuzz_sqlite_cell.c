/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cell under every assumption: whole, scarred in each layout, with a lying length. First byte: table and layout;
 * the rest: bytes that end where the page ends.
 */
#include "fuzz_copy.h"

#include "format/sqlite_carver.h"
#include "recover/sqlite_entries.h"

enum { LIMIT_MAX = 4096 };

static const char *const schemas[] = {
    "CREATE TABLE m(id INTEGER PRIMARY KEY, key TEXT UNIQUE, words TEXT, n REAL, b BLOB)",
    "CREATE TABLE kv(k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID",
    "CREATE TABLE n(a INT NOT NULL, b NUMERIC, c)",
};

/* What was accepted lies inside its bounds, and its values can be weighed. */
static void check(const struct rv_sq_spot *spot, const struct rv_sq_parsed *p)
{
    assert(p->count <= spot->table->stored && p->end <= spot->limit && p->end >= spot->at);
    assert(p->local <= p->payload && (uint64_t)p->record + p->local <= spot->limit);
    uint64_t total = p->head;
    for (unsigned i = 0; i < p->count; i++)
        total += rv_sq_body_size(spot->serials[i]);
    assert(total == p->payload);
    double bits = rv_sq_cell_bits(spot, p);
    assert(bits == bits);
}

/* Two ways to the hash of a row must agree: values one by one, and the record as it lies. */
static void check_hash(const struct rv_sq_spot *spot, const struct rv_sq_parsed *p)
{
    static struct rv_sq_row row;
    uint64_t hash = 0, at = p->head;
    if (p->local < p->payload)
        return;
    row.table = spot->table;
    row.count = p->count;
    for (unsigned i = 0; i < p->count; i++) {
        row.values[i] = rv_sq_value(spot->serials[i], spot->page + p->record + at);
        at += rv_sq_body_size(spot->serials[i]);
    }
    assert(rv_sq_record_hash(spot->table, 3, rv_span(spot->page + p->record, p->local), &hash));
    assert(hash == rv_sq_row_hash(&row, 3));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t serials[RV_SQ_COLUMNS_MAX];
    struct rv_error err = { 0 };
    if (size < 6 || size > LIMIT_MAX)
        return 0;
    const char *sql = schemas[data[0] % RV_COUNT(schemas)];
    struct rv_sq_table *table = rv_sq_table_parse(rv_span(sql, strlen(sql)), &err);
    struct rv_span page = fuzz_copy(data + 1, size - 1);
    struct rv_sq_db db = { .page_size = LIMIT_MAX, .usable = (uint32_t)page.len, .page_count = 1000 };
    struct rv_sq_spot spot = { &db, table, page.ptr, 0, (uint32_t)page.len, serials };
    struct rv_sq_parsed p;
    struct rv_sq_cell cell;
    db.encoding = RV_SQ_UTF8;
    db.usable = db.usable < 480 ? 480 : db.usable; /* no smaller page exists: local sizes are computed from it */
    rv_sq_table_settle(table);
    if (rv_sq_cell_whole(&spot, &p)) {
        check(&spot, &p);
        check_hash(&spot, &p);
    }
    for (unsigned layout = 2; layout <= 9; layout++)
        for (unsigned columns = 1; columns <= table->stored; columns++)
            if (rv_sq_cell_scarred(&spot, (struct rv_sq_scar){ layout, columns, data[0] }, &p))
                check(&spot, &p);
    for (uint32_t end = 4; end <= page.len; end += 1 + end / 8)
        if (rv_sq_cell_lenient(&spot, end, &p))
            assert(p.end == end && p.count <= table->stored);
    if (page.len >= 480 && rv_sq_cell_read(&db, page.ptr, 0, data[0] & 1, &cell))
        assert(cell.end <= page.len && cell.local_at + cell.local <= cell.end && cell.local <= cell.payload);
    rv_sq_table_free(table);
    free((void *)(uintptr_t)page.ptr);
    return 0;
}
