/* SPDX-License-Identifier: Apache-2.0 */
/* Where the pages of a database lie, when its beginning is damaged, shifted or gone. */
#include "support/rv_test.h"

#include "base/file.h"
#include "format/sqlite_db.h"

#include <sqlite3.h>

enum { GARBAGE = 1234 };

/* A database of rows that fill pages by sixes; `room` bytes of garbage before it. */
static struct rv_blob *made(void **state, unsigned page_size, unsigned rows, size_t room)
{
    char path[600], words[200];
    struct rv_error err = { 0 };
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/%u.db", (char *)*state, page_size);
    remove(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    snprintf(words, sizeof words, "pragma page_size=%u; create table t(a integer primary key, b text)", page_size);
    assert_int_equal(sqlite3_exec(db, words, NULL, NULL, NULL), SQLITE_OK);
    snprintf(words, sizeof words,
             "with recursive c(x) as (select 1 union all select x + 1 from c where x < %u) insert into t select x, "
             "hex(randomblob(%u)) from c",
             rows, page_size / 12);
    assert_int_equal(sqlite3_exec(db, words, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    RV_AUTO(rv_blob) file = rv_file_read(path, 1 << 25, &err);
    assert_works(file != NULL, &err);
    struct rv_blob *out = rv_blob_new(room + file->len, &err);
    assert_non_null(out);
    for (size_t i = 0; i < room; i++)
        out->data[i] = (uint8_t)(i * 7 + 200);
    memcpy(out->data + room, file->data, file->len);
    return out;
}

static void lies_at(const struct rv_blob *file, unsigned page_size, int64_t base, bool good)
{
    struct rv_error err = { 0 };
    struct rv_sq_db db;
    assert_works(rv_sq_db_open(&db, rv_blob_span(file), &err), &err);
    assert_int_equal(db.page_size, page_size);
    assert_int_equal(db.base, base);
    assert_int_equal(db.header_good, good);
    assert_int_equal(db.damaged, !good);
    assert_int_equal(db.page_count, ((int64_t)file->len - base) / page_size);
    rv_sq_db_clear(&db);
}

static void every_page_size_is_read_from_the_header_and_found_without_it(void **state)
{
    for (unsigned size = 512; size <= 65536; size *= 2) {
        RV_AUTO(rv_blob) file = made(state, size, 200, 0);
        lies_at(file, size, 0, true);
        memset(file->data, 0, 100);
        lies_at(file, size, 0, false);
    }
}

static void a_database_behind_garbage_is_found_by_its_header_or_by_its_pages(void **state)
{
    static const unsigned sizes[] = { 1024, 4096 };
    for (size_t i = 0; i < RV_COUNT(sizes); i++) {
        RV_AUTO(rv_blob) file = made(state, sizes[i], 200, GARBAGE);
        lies_at(file, sizes[i], GARBAGE, false);
        memset(file->data + GARBAGE, 0, 100);
        /* Without a header it is the distance to some page that is found, and whole pages of garbage are pages too. */
        struct rv_error err = { 0 };
        struct rv_sq_db db;
        assert_works(rv_sq_db_open(&db, rv_blob_span(file), &err), &err);
        assert_int_equal(db.page_size, sizes[i]);
        assert_int_equal((db.base % sizes[i] + sizes[i]) % sizes[i], GARBAGE % sizes[i]);
        rv_sq_db_clear(&db);
    }
}

static void a_header_that_lies_about_the_page_size_is_not_believed(void **state)
{
    static const uint16_t lies[] = { 512, 1024, 1000, 0 };
    for (size_t i = 0; i < RV_COUNT(lies); i++) {
        RV_AUTO(rv_blob) file = made(state, 2048, 200, 0);
        file->data[16] = (uint8_t)(lies[i] >> 8);
        file->data[17] = (uint8_t)lies[i];
        lies_at(file, 2048, 0, false);
    }
}

static void leading_pages_that_are_gone_are_counted_by_where_the_others_point(void **state)
{
    RV_AUTO(rv_blob) file = made(state, 1024, 1200, 0); /* more leaves than one inner page can name */
    for (int gone = 1; gone <= 5; gone++) {
        struct rv_error err = { 0 };
        struct rv_sq_db db;
        struct rv_span rest = rv_span(file->data + (size_t)gone * 1024, file->len - (size_t)gone * 1024);
        assert_works(rv_sq_db_open(&db, rest, &err), &err);
        assert_int_equal(db.page_size, 1024);
        assert_int_equal(db.base, -gone * 1024);
        assert_int_equal(db.page_count, file->len / 1024);
        assert_null(rv_sq_file_page(&db, (uint32_t)gone));
        assert_ptr_equal(rv_sq_file_page(&db, (uint32_t)gone + 1), rest.ptr);
        rv_sq_db_clear(&db);
    }
}

static void what_is_no_database_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_sq_db db;
    RV_AUTO(rv_blob) file = rv_blob_new(100000, &err);
    assert_non_null(file);
    memset(file->data, 0, file->len);
    assert_fails(rv_sq_db_open(&db, rv_blob_span(file), &err), &err, RV_E_FORMAT);
    err = (struct rv_error){ 0 };
    for (size_t i = 0; i < file->len; i++)
        file->data[i] = (uint8_t)(i * i >> 7);
    assert_fails(rv_sq_db_open(&db, rv_blob_span(file), &err), &err, RV_E_FORMAT);
    err = (struct rv_error){ 0 };
    assert_fails(rv_sq_db_open(&db, rv_span("SQLite format 3", 16), &err), &err, RV_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_size_is_read_from_the_header_and_found_without_it),
        cmocka_unit_test(a_database_behind_garbage_is_found_by_its_header_or_by_its_pages),
        cmocka_unit_test(a_header_that_lies_about_the_page_size_is_not_believed),
        cmocka_unit_test(leading_pages_that_are_gone_are_counted_by_where_the_others_point),
        cmocka_unit_test(what_is_no_database_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
