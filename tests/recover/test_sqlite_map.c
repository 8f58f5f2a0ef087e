/* SPDX-License-Identifier: Apache-2.0 */
/* Pages, trees and cells of whole databases: dbstat and SELECT of the SQLite library say the same. */
#include "support/rv_test.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/sqlite_db.h"
#include "format/sqlite_learn.h"

#include <sqlite3.h>

/* Values at both sides of every size that an integer is stored in. */
static const char *const numbers[] = {
    "0",
    "1",
    "2",
    "-1",
    "127",
    "128",
    "-128",
    "-129",
    "32767",
    "32768",
    "-32768",
    "-32769",
    "8388607",
    "8388608",
    "-8388608",
    "-8388609",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "140737488355327",
    "140737488355328",
    "-140737488355328",
    "-140737488355329",
    "9223372036854775807",
    "-9223372036854775807",
    "1.5",
    "-0.25",
    "1e300",
    "null",
};

struct world {
    sqlite3 *sql;
    struct rv_blob *file;
    struct rv_sq_db db;
};

static void sql(struct world *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = sqlite3_vmprintf(fmt, ap);
    va_end(ap);
    char *message = NULL;
    if (sqlite3_exec(w->sql, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
    sqlite3_free(text);
}

static sqlite3_stmt *ask(struct world *w, const char *words)
{
    sqlite3_stmt *rows = NULL;
    if (sqlite3_prepare_v2(w->sql, words, -1, &rows, NULL) != SQLITE_OK)
        fail_msg("%s: %s", words, sqlite3_errmsg(w->sql));
    return rows;
}

static int64_t number(struct world *w, const char *fmt, const char *name)
{
    char *words = sqlite3_mprintf(fmt, name);
    sqlite3_stmt *row = ask(w, words);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    sqlite3_free(words);
    return n;
}

static void begin(void **state, struct world *w, const char *pragmas)
{
    char path[600];
    snprintf(path, sizeof path, "%s/map.db", (char *)*state);
    remove(path);
    memset(w, 0, sizeof *w);
    assert_int_equal(sqlite3_open(path, &w->sql), SQLITE_OK);
    sql(w, "%s", pragmas);
}

/* Reads the file as the recovery of rows does: trees, leaves, then the rest. */
static void map(void **state, struct world *w)
{
    char path[600];
    struct rv_error err = { 0 };
    struct rv_sq_leaves leaves = { 0 };
    snprintf(path, sizeof path, "%s/map.db", (char *)*state);
    w->file = rv_file_read(path, 1 << 26, &err);
    assert_works(w->file != NULL, &err);
    assert_works(rv_sq_db_open(&w->db, rv_blob_span(w->file), &err), &err);
    assert_works(rv_sq_db_map(&w->db, &err), &err);
    assert_works(rv_sq_db_check_leaves(&w->db, 1, w->db.page_count, &leaves, &err), &err);
    rv_sq_db_take_leaves(&w->db, &leaves);
    rv_sq_leaves_clear(&leaves);
    rv_sq_db_map_rest(&w->db);
}

static void end(struct world *w)
{
    rv_sq_db_clear(&w->db);
    rv_blob_free(w->file);
    sqlite3_close(w->sql);
}

/* Kind and owner of each page that belongs to a tree; what is left is free, or a pointer map. */
static void pages_are_what_dbstat_says(struct world *w)
{
    sqlite3_stmt *row = ask(w, "select s.pageno, s.pagetype, coalesce(m.tbl_name, s.name), coalesce(m.type, 'table') = "
                               "'index' or instr(upper(coalesce(m.sql, '')), 'WITHOUT ROWID') > 0 from dbstat s left "
                               "join sqlite_master m on m.name = s.name");
    uint32_t seen = 0, free_pages = 0, maps = 0;
    while (sqlite3_step(row) == SQLITE_ROW) {
        uint32_t page = (uint32_t)sqlite3_column_int(row, 0);
        const char *type = (const char *)sqlite3_column_text(row, 1), *of = (const char *)sqlite3_column_text(row, 2);
        bool index = sqlite3_column_int(row, 3), inner = strcmp(type, "internal") == 0;
        assert_true(page >= 1 && page <= w->db.page_count);
        unsigned kind = strcmp(type, "overflow") == 0 ? RV_SQ_PAGE_OVERFLOW
                        : index                       ? (inner ? RV_SQ_PAGE_INDEX_INNER : RV_SQ_PAGE_INDEX_LEAF)
                                                      : (inner ? RV_SQ_PAGE_TABLE_INNER : RV_SQ_PAGE_TABLE_LEAF);
        if (w->db.kind[page - 1] != kind)
            fail_msg("page %u of %s is %u, it is a %s page", page, of, w->db.kind[page - 1], type);
        assert_true(w->db.owner[page - 1] < w->db.table_count);
        const char *owner = w->db.tables[w->db.owner[page - 1]]->name;
        if (strcmp(owner, of) != 0 && strcmp(of, "sqlite_schema") != 0)
            fail_msg("page %u belongs to %s, not to %s", page, of, owner);
        seen++;
    }
    sqlite3_finalize(row);
    for (uint32_t i = 0; i < w->db.page_count; i++) {
        free_pages += w->db.kind[i] == RV_SQ_PAGE_FREE || w->db.kind[i] == RV_SQ_PAGE_TRUNK;
        maps += w->db.kind[i] == RV_SQ_PAGE_POINTER_MAP;
    }
    assert_int_equal(free_pages, number(w, "pragma freelist_count", NULL));
    assert_int_equal(w->db.free_pages, free_pages);
    assert_int_equal(seen + free_pages + maps, w->db.page_count);
    assert_int_equal(w->db.page_count, number(w, "pragma page_count", NULL));
    assert_true((maps > 0) == w->db.auto_vacuum);
    assert_int_equal(w->db.lost_pages, 0);
    assert_int_equal(w->db.problems, 0);
    assert_false(w->db.damaged);
}

static void tables_hold_what_count_says(struct world *w)
{
    unsigned tables = 0;
    for (unsigned i = 0; i < w->db.table_count; i++) {
        const struct rv_sq_table *t = w->db.tables[i];
        if (t->system || t->without_rowid)
            continue;
        assert_int_equal(t->live, number(w, "select count(*) from %Q", t->name));
        assert_int_equal(t->rowid_max, number(w, "select coalesce(max(rowid), 0) from %Q", t->name));
        assert_int_equal(t->root, number(w, "select rootpage from sqlite_master where name = %Q", t->name));
        tables++;
    }
    assert_int_equal(tables, number(w,
                                    "select count(*) from sqlite_master where type = 'table' and name not like "
                                    "'sqlite%%' and instr(upper(sql), 'WITHOUT ROWID') = 0",
                                    NULL));
    assert_int_equal(w->db.schema_objects, number(w, "select count(*) from sqlite_master", NULL));
}

static void fill(struct world *w)
{
    sql(w, "create table v(id integer primary key autoincrement, a, b); create index vb on v(b);"
           "create table other(x text, y blob); create table keyed(k text primary key, n) without rowid;"
           "create view seen as select a from v; create trigger tr after insert on other begin select 1; end;"
           "create index oy on other(y, x) where x is not null; begin");
    for (size_t i = 0; i < RV_COUNT(numbers); i++)
        sql(w, "insert into v(id, a, b) values (%lld, %s, 'text %d')", (long long)(i * i * i * 7 + i + 1), numbers[i],
            (int)i);
    for (unsigned i = 0; i < 120; i++) /* around every limit at which a row leaves its page */
        sql(w, "insert into v(a, b) values (zeroblob(%u), hex(randomblob(%u)))", i % 5, i * i / 3);
    for (unsigned i = 0; i < 300; i++)
        sql(w, "insert into other values (%Q, randomblob(%u))", i % 7 ? "gr\u00FC\u00DFe \U0001F600" : NULL, i);
    for (unsigned i = 0; i < 100; i++)
        sql(w, "insert into keyed values ('key %u', %u)", i * 37 % 101, i);
    sql(w, "commit");
}

static const char *const worlds[] = {
    "pragma page_size=512",
    "pragma page_size=1024; pragma encoding='utf-16le'",
    "pragma page_size=4096",
    "pragma page_size=512; pragma auto_vacuum=full",
    "pragma page_size=1024; pragma auto_vacuum=incremental; pragma encoding='utf-16be'",
    "pragma page_size=65536",
};

static void every_page_has_the_kind_and_the_owner_that_the_library_gives_it(void **state)
{
    for (size_t i = 0; i < RV_COUNT(worlds); i++) {
        struct world w;
        begin(state, &w, worlds[i]);
        fill(&w);
        map(state, &w);
        pages_are_what_dbstat_says(&w);
        tables_hold_what_count_says(&w);
        end(&w);
    }
}

static void pages_that_were_given_back_are_free(void **state)
{
    for (size_t i = 0; i < RV_COUNT(worlds); i++) {
        struct world w;
        begin(state, &w, worlds[i]);
        fill(&w);
        sql(&w,
            "create table gone(a); insert into gone select b from v; drop table gone; delete from v where id %% 3 = 0;"
            "delete from other where rowid > 100");
        map(state, &w);
        pages_are_what_dbstat_says(&w);
        tables_hold_what_count_says(&w);
        if (strstr(worlds[i], "auto_vacuum=full") == NULL && strstr(worlds[i], "65536") == NULL)
            assert_true(w.db.free_pages > 3);
        end(&w);
    }
}

/* ---- rows ---- */

static void same_value(const struct rv_sq_value *v, sqlite3_stmt *row, int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
        assert_int_equal(v->kind, RV_SQ_NULL);
        break;
    case SQLITE_INTEGER:
        assert_true(v->kind >= RV_SQ_INT1 && v->kind <= RV_SQ_ONE && v->kind != RV_SQ_REAL);
        assert_int_equal(v->integer, sqlite3_column_int64(row, column));
        assert_true(v->kind == RV_SQ_ZERO || v->kind == RV_SQ_ONE || rv_sq_shortest(v->kind, v->integer));
        break;
    case SQLITE_FLOAT: {
        double wanted = sqlite3_column_double(row, column);
        assert_int_equal(v->kind, RV_SQ_REAL);
        assert_memory_equal(&v->real, &wanted, sizeof wanted);
        break;
    }
    default: /* texts as they are stored, too: UTF-8 here */
        assert_int_equal(v->kind, sqlite3_column_type(row, column) == SQLITE_TEXT ? RV_SQ_TEXT : RV_SQ_BLOB);
        assert_int_equal(v->bytes.len, sqlite3_column_bytes(row, column));
        if (v->bytes.len > 0)
            assert_memory_equal(v->bytes.ptr, sqlite3_column_blob(row, column), v->bytes.len);
    }
}

/* The row of each cell of a table's leaf, by its rowid. */
static unsigned same_rows(struct world *w, uint32_t number, struct rv_buf *payload)
{
    struct rv_error err = { 0 };
    const uint8_t *page = rv_sq_page(&w->db, number);
    struct rv_sq_page_header h;
    assert_true(rv_sq_page_header(&w->db, page, number, &h));
    for (uint32_t i = 0; i < h.cells; i++) {
        struct rv_sq_cell cell;
        struct rv_sq_value values[8];
        uint32_t at = rv_sq_cell_pointer(page, &h, i), local_at = 0;
        int64_t rowid = 0;
        assert_true(rv_sq_cell_read(&w->db, page, at, true, &cell));
        uint32_t end_of_it = rv_sq_cell_short(&w->db, page, at, &rowid, &local_at);
        if (end_of_it != 0)
            assert_true(end_of_it == cell.end && rowid == cell.rowid && local_at == cell.local_at &&
                        cell.overflow == 0);
        assert_works(rv_sq_payload(&w->db, page, &cell, payload, &err), &err);
        assert_int_equal(payload->len, cell.payload);
        assert_int_equal(rv_sq_record_values(rv_buf_span(payload), values, RV_COUNT(values)), 3);
        assert_int_equal(values[0].kind, RV_SQ_NULL); /* the rowid stands for it */
        char *words = sqlite3_mprintf("select a, b from v where id = %lld", (long long)cell.rowid);
        sqlite3_stmt *row = ask(w, words);
        assert_int_equal(sqlite3_step(row), SQLITE_ROW);
        same_value(&values[1], row, 0);
        same_value(&values[2], row, 1);
        sqlite3_finalize(row);
        sqlite3_free(words);
    }
    return h.cells;
}

static void every_row_is_read_as_select_gives_it(void **state)
{
    static const char *const sizes[] = { "pragma page_size=512", "pragma page_size=1024", "pragma page_size=65536" };
    struct rv_buf payload = RV_BUF(1 << 20);
    for (size_t i = 0; i < RV_COUNT(sizes); i++) {
        struct world w;
        unsigned rows = 0;
        begin(state, &w, sizes[i]);
        fill(&w);
        map(state, &w);
        for (uint32_t page = 1; page <= w.db.page_count; page++)
            if (w.db.kind[page - 1] == RV_SQ_PAGE_TABLE_LEAF &&
                strcmp(w.db.tables[w.db.owner[page - 1]]->name, "v") == 0)
                rows += same_rows(&w, page, &payload);
        assert_int_equal(rows, RV_COUNT(numbers) + 120);
        end(&w);
    }
    rv_buf_clear(&payload);
}

static void a_row_whose_overflow_page_is_gone_is_said_to_be_cut(void **state)
{
    struct world w;
    struct rv_error err = { 0 };
    struct rv_buf payload = RV_BUF(1 << 20);
    begin(state, &w, "pragma page_size=512");
    fill(&w);
    map(state, &w);
    const uint8_t *page = NULL;
    struct rv_sq_cell cell = { 0 };
    for (uint32_t n = 1; n <= w.db.page_count && cell.overflow == 0; n++) {
        struct rv_sq_page_header h;
        page = rv_sq_page(&w.db, n);
        if (w.db.kind[n - 1] == RV_SQ_PAGE_TABLE_LEAF && rv_sq_page_header(&w.db, page, n, &h))
            for (uint32_t i = 0; i < h.cells && cell.overflow == 0; i++)
                assert_true(rv_sq_cell_read(&w.db, page, rv_sq_cell_pointer(page, &h, i), true, &cell));
    }
    assert_true(cell.overflow != 0);
    cell.overflow = w.db.page_count + 1;
    assert_fails(rv_sq_payload(&w.db, page, &cell, &payload, &err), &err, RV_E_CORRUPT);
    rv_buf_clear(&payload);
    end(&w);
}

/* ---- varints ---- */

static unsigned put_varint(uint8_t *to, uint64_t v)
{
    uint8_t turned[10];
    unsigned n = 0;
    if (v >> 56 != 0) { /* nine bytes: the last one is whole */
        to[8] = (uint8_t)v;
        v >>= 8;
        for (int i = 7; i >= 0; i--, v >>= 7)
            to[i] = (uint8_t)(0x80 | (v & 0x7F));
        return 9;
    }
    do
        turned[n++] = (uint8_t)(v & 0x7F);
    while ((v >>= 7) != 0);
    for (unsigned i = 0; i < n; i++)
        to[i] = turned[n - 1 - i] | (i + 1 < n ? 0x80 : 0);
    return n;
}

static void varints_are_read_at_every_length_and_never_beyond_their_end(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits++)
        for (int away = -1; away <= 1; away++) {
            uint64_t v = (bits == 64 ? 0 : (uint64_t)1 << bits) + (uint64_t)(int64_t)away, got = 0;
            uint8_t bytes[10] = { 0 };
            unsigned n = put_varint(bytes, v);
            assert_int_equal(rv_sq_varint(bytes, bytes + n, &got), n);
            assert_true(got == v);
            assert_int_equal(rv_sq_varint_size(v), n);
            assert_int_equal(rv_sq_varint_strict(bytes, bytes + n, &got), n);
            assert_int_equal(rv_sq_varint(bytes, bytes + n - 1, &got), 0);
            if (n < 8) { /* the same number with a needless zero before it */
                memmove(bytes + 1, bytes, n);
                bytes[0] = 0x80;
                assert_int_equal(rv_sq_varint(bytes, bytes + n + 1, &got), n + 1);
                assert_true(got == v);
                assert_int_equal(rv_sq_varint_strict(bytes, bytes + n + 1, &got), 0);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_has_the_kind_and_the_owner_that_the_library_gives_it),
        cmocka_unit_test(pages_that_were_given_back_are_free),
        cmocka_unit_test(every_row_is_read_as_select_gives_it),
        cmocka_unit_test(a_row_whose_overflow_page_is_gone_is_said_to_be_cut),
        cmocka_unit_test(varints_are_read_at_every_length_and_never_beyond_their_end),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
