/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page image of 512 bytes and its overflow pages, searched under an assumption: a live page of a table, freed, an
 * older image, a trunk without a header. First byte: which; then pages; last byte: whose table's page it is.
 */
#include "fuzz_copy.h"

#include "format/sqlite_carve.h"

enum { PAGE = 512, PAGES_MAX = 4 };

static const char *const schemas[] = {
    "CREATE TABLE m(id INTEGER PRIMARY KEY, key TEXT UNIQUE, words TEXT, n REAL, b BLOB)",
    "CREATE TABLE kv(k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID",
    "CREATE TABLE n(a INT, b NUMERIC, c)",
};

struct search {
    struct rv_sq_db db;
    struct rv_sq_carver *carver;
    struct rv_sq_row row;
    const uint8_t *page;
};

static const uint8_t *any_page(void *context, uint32_t number, uint32_t snapshot)
{
    (void)snapshot;
    return rv_sq_page(context, number);
}

static bool check(void *context, const struct rv_sq_hit *hit, struct rv_error *err)
{
    struct search *s = context;
    (void)err;
    assert(hit->page == s->page && hit->at < hit->end && hit->end <= PAGE && hit->table < s->db.table_count);
    if (rv_sq_row_read(s->carver, hit, &s->row)) {
        assert(s->row.count >= 1 && s->row.count <= s->row.table->stored);
        assert(s->row.table == s->db.tables[hit->table]);
    }
    return true;
}

static void search_as(struct search *s, unsigned how, uint16_t owner)
{
    struct rv_error err = { 0 };
    struct rv_sq_target t = { .page = s->page, .number = 1 + how % 2, .owner = owner };
    t.number = t.number > s->db.page_count ? 1 : t.number;
    s->page = t.page = rv_sq_page(&s->db, t.number);
    t.origin = (enum rv_sq_origin)(how % RV_SQ_ORIGINS);
    t.cells_are_rows = how & 4;
    t.no_header = how & 8;
    t.start = how & 16 ? 40 : 8;
    if (!rv_sq_carve(s->carver, &t, check, s, &err))
        fuzz_failed(&err);
    if (owner != RV_SQ_NO_TABLE)
        return;
    rv_sq_page_fits(s->carver, t.page, t.number);
    rv_sq_table_free(rv_sq_table_infer(s->carver, t.page, t.number));
    rv_sq_table_free(rv_sq_table_infer_gap(s->carver, t.page, t.number));
}

/* What no input changes is made once. */
static struct search *prepared(void)
{
    static uint8_t kind[PAGES_MAX], tidy[PAGES_MAX];
    static uint16_t owner[PAGES_MAX];
    static struct search *s;
    struct rv_error err = { 0 };
    if (s != NULL)
        return s;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    s->db = (struct rv_sq_db){ .page_size = PAGE, .usable = PAGE, .schema_format = 4 };
    s->db.kind = kind;
    s->db.tidy = tidy;
    s->db.owner = owner;
    rv_sq_db_add_table_take(&s->db, rv_sq_table_master(&err));
    for (unsigned i = 0; i < RV_COUNT(schemas); i++)
        rv_sq_db_add_table_take(&s->db, rv_sq_table_parse(rv_span(schemas[i], strlen(schemas[i])), &err));
    for (unsigned i = 0; i < s->db.table_count; i++)
        rv_sq_table_settle(s->db.tables[i]);
    s->carver = rv_sq_carver_new(&s->db, any_page, &s->db, &err);
    if (s->carver == NULL)
        abort();
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 + PAGE)
        return 0;
    struct rv_span pages = fuzz_copy(data + 1, (size - 1) / PAGE * PAGE);
    struct search *s = prepared();
    pages.len = pages.len > PAGES_MAX * PAGE ? (size_t)PAGES_MAX * PAGE : pages.len;
    s->db.file = pages;
    s->db.usable = PAGE - (data[0] & 32);
    s->db.page_count = (uint32_t)(pages.len / PAGE);
    s->db.encoding = data[0] & 64 ? RV_SQ_UTF16LE : RV_SQ_UTF8;
    unsigned owner = data[size - 1] % (s->db.table_count + 1u);
    search_as(s, data[0], owner < s->db.table_count ? (uint16_t)owner : RV_SQ_NO_TABLE);
    free((void *)(uintptr_t)pages.ptr);
    return 0;
}
