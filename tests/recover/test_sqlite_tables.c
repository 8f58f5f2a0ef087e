/* SPDX-License-Identifier: Apache-2.0 */
/* What a CREATE text says of a table, and texts in three encodings: the SQLite library is asked the same. */
#include "support/rv_test.h"

#include "base/mem.h"
#include "format/sqlite_learn.h"
#include "format/sqlite_schema.h"

#include <sqlite3.h>

static struct rv_span span_of(const char *text)
{
    return rv_span(text, strlen(text));
}

static sqlite3_stmt *ask(sqlite3 *db, const char *words)
{
    sqlite3_stmt *rows = NULL;
    if (sqlite3_prepare_v2(db, words, -1, &rows, NULL) != SQLITE_OK)
        fail_msg("%s: %s", words, sqlite3_errmsg(db));
    return rows;
}

static int64_t number(sqlite3 *db, const char *words)
{
    sqlite3_stmt *row = ask(db, words);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return n;
}

/* What a text of figures becomes in a column, tells its affinity. */
static const char *figures_become(enum rv_sq_affinity affinity)
{
    return affinity == RV_SQ_AFF_REAL                                       ? "real"
           : affinity == RV_SQ_AFF_INTEGER || affinity == RV_SQ_AFF_NUMERIC ? "integer"
                                                                            : "text";
}

/* Names, NOT NULL, places in the key, what is generated and what is stored, column by column. */
static void same_columns(sqlite3 *db, const struct rv_sq_table *t)
{
    char *words = sqlite3_mprintf("select name, \"notnull\", pk, hidden from pragma_table_xinfo(%Q)", t->name);
    sqlite3_stmt *row = ask(db, words);
    unsigned stored = 0, i = 0;
    for (; sqlite3_step(row) == SQLITE_ROW; i++) {
        assert_true(i < t->count);
        const struct rv_sq_column *c = &t->columns[i];
        int hidden = sqlite3_column_int(row, 3);
        assert_string_equal(c->name, (const char *)sqlite3_column_text(row, 0));
        /* A key of a table without rowids is never NULL; its text need not say so. */
        if (!t->without_rowid || c->pk == 0)
            assert_int_equal(c->not_null, sqlite3_column_int(row, 1));
        assert_int_equal(c->pk, sqlite3_column_int(row, 2));
        assert_int_equal(c->generated, hidden == 2 || hidden == 3);
        assert_int_equal(c->generated_virtual, hidden == 2);
        stored += hidden != 2;
    }
    assert_int_equal(i, t->count);
    assert_int_equal(stored, t->stored);
    sqlite3_finalize(row);
    sqlite3_free(words);
    words = sqlite3_mprintf("select wr from pragma_table_list where name = %Q", t->name);
    assert_int_equal(t->without_rowid, number(db, words));
    sqlite3_free(words);
}

static void same_affinity(sqlite3 *db, const struct rv_sq_table *t, unsigned i)
{
    if (t->columns[i].generated)
        return;
    char *words =
        sqlite3_mprintf("create table of as select \"%w\" as c from \"%w\" where 0; insert into of values ('12')",
                        t->columns[i].name, t->name);
    assert_int_equal(sqlite3_exec(db, words, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(words);
    sqlite3_stmt *row = ask(db, "select typeof(c) from of");
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(row, 0), figures_become(t->columns[i].affinity));
    sqlite3_finalize(row);
    assert_int_equal(sqlite3_exec(db, "drop table of", NULL, NULL, NULL), SQLITE_OK);
}

/* An alias of the rowid: the rowid is what is written there. */
static void same_alias(sqlite3 *db, const struct rv_sq_table *t)
{
    for (unsigned i = 0; i < t->count && !t->without_rowid; i++) {
        if (t->columns[i].pk == 0)
            continue;
        char *words = sqlite3_mprintf("insert into \"%w\"(\"%w\") values (77)", t->name, t->columns[i].name);
        assert_int_equal(sqlite3_exec(db, words, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(t->ipk == (int)i, sqlite3_last_insert_rowid(db) == 77);
        sqlite3_free(words);
    }
}

static void a_table_is_read_as_the_library_reads_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "create table plain(a, b text, c integer, d real, e blob, f numeric)",
        "CREATE TABLE m(ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, n INTEGER DEFAULT 0)",
        "create table if not exists main.placed(x integer primary key, y varchar(20) not null)",
        "create table back(x integer primary key desc, y)",
        "create table nearly(x int primary key, y)",
        "create table \"two words\"(\"a b\" text, [c d] integer, `e`, 'f' real, \"g\"\"h\" blob)",
        "create table [odd]([x]integer primary key,[y]text)",
        "create table said( -- what it is, (for once)\n a integer, /* and , this ) too */ b text /**/, c real)",
        "create table keyed(a text, b integer, c, primary key(b, a)) without rowid",
        "create table both(a text, b integer, primary key(b, a))",
        "create table one(a text, b integer, primary key(b))",
        "create table named(a, b, constraint k primary key (a asc), constraint u unique (b) on conflict ignore)",
        "create table checked(a integer check (a > (1 + 2)), b text collate nocase references m(n) on delete cascade,"
        " check (a <> b), foreign key (b) references m(n))",
        "create table made(a integer, b as (a + 1), c integer generated always as (a * (2)) stored,"
        " d text generated always as ('x') virtual, e)",
        "create table types(a double precision, b floating, c charint, d clob(9), e decimal(10, 5), f unsigned big int,"
        " g native character(70), h datetime, i blobby)",
        "create table nulls(a null, b not null, c text null default 'not null')",
        "create table strict1(a integer, b text) strict",
        "create table wide(x integer not null primary key, y int null unique, z text default (lower('A, B')) not null)",
        "create table order1(a, b text primary key, c) without rowid",
    };
    struct rv_error err = { 0 };
    for (size_t n = 0; n < RV_COUNT(texts); n++) {
        sqlite3 *db = NULL;
        assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
        if (sqlite3_exec(db, texts[n], NULL, NULL, NULL) != SQLITE_OK)
            fail_msg("%s: %s", texts[n], sqlite3_errmsg(db));
        RV_AUTO(rv_sq_table) t = rv_sq_table_parse(span_of(texts[n]), &err);
        assert_works(t != NULL, &err);
        assert_string_equal(t->sql, texts[n]);
        same_columns(db, t);
        for (unsigned i = 0; i < t->count && strstr(texts[n], ") strict") == NULL; i++)
            same_affinity(db, t, i);
        if (strstr(texts[n], "not null") == NULL && strstr(texts[n], "NOT NULL") == NULL)
            same_alias(db, t);
        sqlite3_close(db);
    }
}

static void a_value_that_old_rows_do_not_hold_is_the_one_the_library_gives(void **state)
{
    (void)state;
    static const char *const defaults[] = {
        "integer default 5",          "integer default -5", "integer default +7", "integer default 010",
        "integer default 0x1F",       "real default 1.5",   "text default 12",    "text default -12",
        "text default 'it''s'",       "default null",       "default true",       "default false",
        "text default \"w\" not null"
    };
    struct rv_error err = { 0 };
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (size_t n = 0; n < RV_COUNT(defaults); n++) {
        char *words = sqlite3_mprintf("create table t(a, b %s, c)", defaults[n]);
        RV_AUTO(rv_sq_table) t = rv_sq_table_parse(span_of(words), &err);
        assert_works(t != NULL, &err);
        assert_int_equal(t->count, 3);
        assert_int_equal(sqlite3_exec(db, words, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "insert into t(a) values (1)", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_stmt *row = ask(db, "select b from t");
        assert_int_equal(sqlite3_step(row), SQLITE_ROW);
        const struct rv_sq_value *v = &t->columns[1].fallback;
        switch (sqlite3_column_type(row, 0)) {
        case SQLITE_INTEGER:
            assert_true(v->kind == RV_SQ_INT8 || v->kind == RV_SQ_ONE || v->kind == RV_SQ_ZERO);
            assert_int_equal(v->integer, sqlite3_column_int64(row, 0));
            break;
        case SQLITE_FLOAT:
            assert_true(v->kind == RV_SQ_REAL && v->real >= 1.5 && v->real <= 1.5);
            break;
        case SQLITE_TEXT:
            assert_int_equal(v->kind, RV_SQ_TEXT);
            assert_int_equal(v->bytes.len, sqlite3_column_bytes(row, 0));
            assert_memory_equal(v->bytes.ptr, sqlite3_column_text(row, 0), v->bytes.len);
            break;
        default:
            assert_int_equal(v->kind, RV_SQ_NULL);
        }
        sqlite3_finalize(row);
        assert_int_equal(sqlite3_exec(db, "drop table t", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_free(words);
    }
    sqlite3_close(db);
}

static void what_stores_no_rows_is_no_table(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "drop table t",
                                         "create view v as select 1",
                                         "create index i on t(a)",
                                         "create virtual table f using fts5(a)",
                                         "create table t",
                                         "create table t(",
                                         "create table t as select 1",
                                         "create table t()",
                                         "create table t(a as (1))" };
    for (size_t i = 0; i < RV_COUNT(texts); i++) {
        struct rv_error err = { 0 };
        struct rv_sq_table *t = rv_sq_table_parse(span_of(texts[i]), &err);
        if (t != NULL)
            fail_msg("taken for a table: %s", texts[i]);
        assert_true(err.code == RV_E_FORMAT);
    }
}

static void tables_of_one_form_differ_in_their_names_only(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static const char first[] = "create table t(a integer primary key, b text not null, c)";
    static const struct {
        const char *text;
        bool same;
    } others[] = {
        { "create table other(x integer primary key, y varchar(9) not null, z blob)", true },
        { "create table t(a integer primary key, b text not null)", false },
        { "create table t(a integer primary key, b text not null, c, d)", false },
        { "create table t(a integer primary key desc, b text not null, c)", false }, /* no alias of the rowid */
        { "create table t(a integer primary key, b text, c)", false },
        { "create table t(a integer primary key, b integer not null, c)", false },
        { "create table t(a integer, b text not null primary key, c)", false },
    };
    RV_AUTO(rv_sq_table) a = rv_sq_table_parse(RV_SPAN_TEXT(first), &err);
    assert_works(a != NULL, &err);
    for (size_t i = 0; i < RV_COUNT(others); i++) {
        RV_AUTO(rv_sq_table) b = rv_sq_table_parse(span_of(others[i].text), &err);
        assert_works(b != NULL, &err);
        assert_int_equal(rv_sq_table_same_form(a, b), others[i].same);
    }
    RV_AUTO(rv_sq_table) with = rv_sq_table_parse(RV_SPAN_TEXT("create table t(a text primary key)"), &err);
    RV_AUTO(rv_sq_table)
    out = rv_sq_table_parse(RV_SPAN_TEXT("create table t(a text primary key) without rowid"), &err);
    assert_false(rv_sq_table_same_form(with, out));
}

static void texts_of_three_encodings_are_the_same_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t characters;
        bool ascii, controls;
    } texts[] = {
        { "plain words", 11, true, false },
        { "tab\tand\nline\r", 13, true, false },
        { "a\x01z", 3, true, true },
        { "a\x1Fz", 3, true, true },
        { "a z", 3, true, false },
        { "\x7F", 1, true, true },
        { "gr\u00FC\u00DFe", 5, false, false },
        { "\u07FF\u0800\uFFFD", 3, false, false },
        { "\U0001F600 you", 5, false, false },
        { "\U0010FFFF", 1, false, false },
        { "\u0100\u4E00", 2, false, false },
    };
    static const enum rv_sq_encoding wide[] = { RV_SQ_UTF16LE, RV_SQ_UTF16BE };
    static const char *const names[] = { "utf-16le", "utf-16be" };
    struct rv_error err = { 0 };
    struct rv_buf out = RV_BUF(4096);
    for (size_t n = 0; n < RV_COUNT(texts); n++) {
        struct rv_sq_text_look look = rv_sq_text_look(span_of(texts[n].text), RV_SQ_UTF8);
        assert_int_equal(look.valid, texts[n].characters + 1);
        assert_int_equal(look.ascii, texts[n].ascii);
        assert_int_equal(look.controls, texts[n].controls);
        for (size_t e = 0; e < 2; e++) {
            sqlite3 *db = NULL;
            assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
            char *words = sqlite3_mprintf("pragma encoding='%s'; create table t(a)", names[e]);
            assert_int_equal(sqlite3_exec(db, words, NULL, NULL, NULL), SQLITE_OK);
            sqlite3_free(words);
            words =
                sqlite3_mprintf("select cast(%Q as blob)", texts[n].text); /* its bytes in the database's encoding */
            sqlite3_stmt *row = ask(db, words);
            assert_int_equal(sqlite3_step(row), SQLITE_ROW);
            struct rv_span raw = rv_span(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0));
            look = rv_sq_text_look(raw, wide[e]);
            assert_int_equal(look.valid, texts[n].characters + 1);
            assert_int_equal(look.ascii, texts[n].ascii);
            assert_int_equal(look.controls, texts[n].controls);
            assert_works(rv_sq_text_to_utf8(raw, wide[e], &out, &err), &err);
            assert_int_equal(out.len, strlen(texts[n].text));
            assert_memory_equal(out.data, texts[n].text, out.len);
            assert_int_equal(rv_sq_text_valid(rv_span(raw.ptr, raw.len - 1), wide[e]), 0); /* half a unit */
            sqlite3_finalize(row);
            sqlite3_free(words);
            sqlite3_close(db);
        }
    }
    rv_buf_clear(&out);
    assert_int_equal(rv_sq_text_valid(rv_span("\xDC\x00\x00\x41", 4), RV_SQ_UTF16BE), 0);
    assert_int_equal(rv_sq_text_valid(rv_span("\x00\x41\xD8\x00", 4), RV_SQ_UTF16BE), 0);
    assert_int_equal(rv_sq_text_valid(rv_span("\xD8\x00\x00\x41", 4), RV_SQ_UTF16BE), 0);
    assert_int_equal(rv_sq_text_valid(rv_span("\xD8\x00\xE0\x00", 4), RV_SQ_UTF16BE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_read_as_the_library_reads_it),
        cmocka_unit_test(a_value_that_old_rows_do_not_hold_is_the_one_the_library_gives),
        cmocka_unit_test(what_stores_no_rows_is_no_table),
        cmocka_unit_test(tables_of_one_form_differ_in_their_names_only),
        cmocka_unit_test(texts_of_three_encodings_are_the_same_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
