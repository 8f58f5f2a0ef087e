/* SPDX-License-Identifier: Apache-2.0 */
/* Rows come back out of databases that the SQLite library wrote: the library is the oracle for what was there. */
#include "sqlite_fixture.h"

#include "crypto/digest.h"

static void digest_of(const char *leaf, uint8_t out[RV_DIGEST_MAX])
{
    char path[512];
    struct rv_error err = { 0 };
    path_of(path, leaf);
    RV_AUTO(rv_blob) bytes = rv_file_read(path, 64 << 20, &err);
    assert_non_null(bytes);
    assert_fine(rv_digest_once(RV_DIGEST_SHA256, rv_blob_span(bytes), out, &err));
}

static void every_deleted_row_comes_back_and_no_other(void **state)
{
    (void)state;
    static const char *const forms[] = { "",
                                         "PRAGMA page_size=1024",
                                         "PRAGMA page_size=65536",
                                         "PRAGMA encoding='UTF-16le'",
                                         "PRAGMA encoding='UTF-16be'",
                                         "PRAGMA auto_vacuum=1",
                                         "PRAGMA auto_vacuum=2; PRAGMA page_size=8192" };
    for (unsigned f = 0; f < RV_COUNT(forms); f++) {
        char leaf[32];
        snprintf(leaf, sizeof leaf, "deleted-%u.db", f);
        sqlite3 *db = create(leaf, forms[f]);
        fill(db, ROWS);
        sql(db, "DELETE FROM message WHERE id %% 5 = 2");
        sqlite3_close(db);
        uint8_t before[RV_DIGEST_MAX], after[RV_DIGEST_MAX];
        digest_of(leaf, before);
        scan(leaf, false, &result);
        digest_of(leaf, after);
        assert_memory_equal(before, after, 32); /* the only copy is never written to */
        unsigned hits = 0;
        for (unsigned i = 1; i <= ROWS; i++) {
            assert_true(i % 5 == 2 || !found_key(&result, i)); /* a live row is never sold as deleted */
            hits += i % 5 == 2 && found_key(&result, i);
        }
        assert_int_equal(result.count, hits); /* nothing made up, nothing twice */
        assert_true(hits >= ROWS / 5 * 97 / 100);
        assert_false(result.verdict.damaged);
    }
}

static void a_database_without_deletions_gives_nothing(void **state)
{
    (void)state;
    sqlite3 *db = create("untouched.db", "");
    fill(db, ROWS);
    sqlite3_close(db);
    scan("untouched.db", false, &result);
    assert_int_equal(result.count, 0);
}

static void wiped_rows_are_told_as_wiped(void **state)
{
    (void)state;
    sqlite3 *db = create("wiped.db", "");
    sql(db, "PRAGMA secure_delete=1");
    fill(db, ROWS);
    sql(db, "DELETE FROM message WHERE id %% 5 = 2");
    sqlite3_close(db);
    scan("wiped.db", false, &result);
    assert_int_equal(result.count, 0);
    assert_true(result.verdict.freeblocks >= 20);
    assert_int_equal(result.verdict.freeblocks_zeroed, result.verdict.freeblocks);
    assert_int_equal(result.verdict.missing_rowids, ROWS / 5);
}

static void an_emptied_and_a_dropped_table_come_back(void **state)
{
    (void)state;
    sqlite3 *db = create("emptied.db", "");
    fill(db, ROWS);
    sql(db, "DELETE FROM message");
    sqlite3_close(db);
    scan("emptied.db", false, &result);
    assert_true(result.count >= ROWS * 97 / 100);

    db = create("dropped.db", "");
    fill(db, ROWS);
    sql(db, "CREATE TABLE other(a INTEGER, b TEXT); INSERT INTO other VALUES(1, 'stays')");
    sql(db, "DROP TABLE message");
    sqlite3_close(db);
    scan("dropped.db", false, &result);
    assert_true(result.count >= ROWS * 97 / 100);
    assert_string_equal(result.rows[0].table, "message"); /* its CREATE text was deleted, and found */
}

static void older_versions_stand_in_the_log(void **state)
{
    (void)state;
    sqlite3 *db = create("log.db", "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
    fill(db, 60);
    sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    sql(db, "DELETE FROM message WHERE id BETWEEN 10 AND 19");
    scan("log.db", false, &result); /* while the log is there: closing the last connection would fold it in */
    assert_true(result.verdict.wal);
    unsigned hits = 0;
    for (unsigned i = 10; i <= 19; i++)
        hits += found_key(&result, i);
    sqlite3_close(db);
    assert_int_equal(hits, 10);
    assert_int_equal(result.count, 10);
}

static void keys_of_without_rowid_tables_come_back(void **state)
{
    (void)state;
    sqlite3 *db = create("norowid.db", "");
    sql(db, "CREATE TABLE files (id TEXT PRIMARY KEY, domain TEXT, size INTEGER, note TEXT) WITHOUT ROWID");
    for (unsigned i = 0; i < 200; i++)
        sql(db, "INSERT INTO files VALUES('key-%08u-0123456789abcdef0123456789abcdef', 'HomeDomain', %u, '%0*u')", i,
            i * 977, 90 + (int)(i % 30), i);
    for (unsigned i = 0; i < 200; i += 10)
        sql(db, "DELETE FROM files WHERE id LIKE 'key-%08u-%%'", i);
    sqlite3_close(db);
    scan("norowid.db", false, &result);
    assert_true(result.count >= 15 && result.count <= 20);
    scan("norowid.db", true, &result);
    unsigned live = 0;
    for (unsigned i = 0; i < result.count; i++)
        live += result.rows[i].status == RV_SQ_LIVE;
    assert_int_equal(live, 180);
}

static void damage_takes_only_what_it_hits(void **state)
{
    (void)state;
    sqlite3 *db = create("whole.db", "");
    fill(db, ROWS);
    sqlite3_close(db);
    char from[512], to[512];
    struct rv_error err = { 0 };
    path_of(from, "whole.db");
    path_of(to, "damaged.db");
    RV_AUTO(rv_blob) bytes = rv_file_read(from, 64 << 20, &err);
    assert_non_null(bytes);

    memset(bytes->data, 0, 100); /* the header: SQLite says "file is not a database" */
    assert_fine(rv_file_write_atomic(to, rv_blob_span(bytes), 0600, &err));
    scan("damaged.db", true, &result);
    assert_true(result.verdict.damaged);
    for (unsigned i = 1; i <= ROWS; i++)
        assert_true(found_key(&result, i));

    memset(bytes->data, 0, 4096); /* the schema too */
    assert_fine(rv_file_write_atomic(to, rv_blob_span(bytes), 0600, &err));
    scan("damaged.db", true, &result);
    for (unsigned i = 1; i <= ROWS; i++)
        assert_true(found_key(&result, i));
    assert_string_equal(result.rows[0].table, "?");
}

/* The first page of a long row's chain names itself: the rest follows in order, as it was written. */
static void a_chain_that_was_led_astray_is_mended(void **state)
{
    (void)state;
    sqlite3 *db = create("chain.db", "PRAGMA page_size=512");
    fill(db, 20);
    sql(db, "INSERT INTO message(key, words) VALUES('key-77', '%0*d')", 3000, 7);
    sqlite3_close(db);
    char path[512];
    struct rv_error err = { 0 };
    path_of(path, "chain.db");
    RV_AUTO(rv_blob) bytes = rv_file_read(path, 64 << 20, &err);
    assert_non_null(bytes);
    unsigned chained = 0;
    for (uint32_t n = 2; n < bytes->len / 512; n++) { /* overflow pages here are in order and hold zeroes as text */
        uint8_t *page = bytes->data + (size_t)(n - 1) * 512;
        bool overflow = rv_sq_u32(page) == n + 1 && page[4] == '0' && page[511] == '0';
        if (overflow && chained++ == 0)
            rv_put_u32be(page, n);
    }
    assert_true(chained >= 4);
    assert_fine(rv_file_write_atomic(path, rv_blob_span(bytes), 0600, &err));
    scan("chain.db", true, &result);
    assert_true(result.verdict.damaged);
    assert_true(found_key(&result, 77));
}

/* Interior pages that name themselves, cells that point outside, chains without an end. */
static void loops_and_lies_end(void **state)
{
    (void)state;
    sqlite3 *db = create("loops.db", "PRAGMA page_size=512");
    fill(db, ROWS);
    sql(db, "INSERT INTO message(key, words) VALUES('key-9999', '%0*d')", 3000, 7);
    sql(db, "DELETE FROM message WHERE id < 200");
    sqlite3_close(db);
    char path[512];
    struct rv_error err = { 0 };
    path_of(path, "loops.db");
    RV_AUTO(rv_blob) whole = rv_file_read(path, 64 << 20, &err);
    assert_non_null(whole);
    struct rv_ctx ctx;
    assert_fine(rv_ctx_init(&ctx, &err));
    uint32_t seed = 12345;
    for (unsigned round = 0; round < 60; round++) {
        RV_AUTO(rv_blob) copy = rv_blob_copy(rv_blob_span(whole), &err);
        assert_non_null(copy);
        for (unsigned hits = 0; hits < 40; hits++) {
            seed = seed * 1664525 + 1013904223;
            size_t at = seed % copy->len;
            /* Page numbers, counts and pointers are what leads astray: hit page heads more often than bodies. */
            if (hits % 2)
                at = at / 512 * 512 + at % 16;
            copy->data[at] = (uint8_t)(seed >> 24);
        }
        struct rv_sq_files files = { .database = rv_blob_span(copy) };
        struct rv_sq_scan_options options = { .live = true, .salvage = true };
        struct rv_sq_verdict verdict;
        memset(&result, 0, sizeof result);
        rv_sq_scan_bytes(&ctx, &files, &options, keep, &result, &verdict, &err);
    }
    rv_ctx_clear(&ctx);
}

static bool add_lines(void *context, const char *lines, bool part, struct rv_error *err)
{
    return rv_buf_add_text(context, lines, err) && (part || rv_buf_add_text(context, "\n", err));
}

static void threads_change_nothing(void **state)
{
    (void)state;
    static const unsigned threads[] = { 1, 2, 5 };
    sqlite3 *db = create("threads.db", "PRAGMA page_size=512");
    fill(db, 6000);
    sql(db, "DELETE FROM message WHERE id %% 7 = 3 OR id BETWEEN 3000 AND 3500");
    sqlite3_close(db);
    char path[512];
    path_of(path, "threads.db");
    for (int all = 0; all < 2; all++) {
        struct rv_buf out[RV_COUNT(threads)] = { RV_BUF(64 << 20), RV_BUF(64 << 20), RV_BUF(64 << 20) };
        for (unsigned i = 0; i < RV_COUNT(threads); i++) {
            struct rv_sq_scan_options options = { .live = all, .salvage = all, .threads = threads[i] };
            struct rv_sq_verdict verdict;
            struct rv_error err = { 0 };
            struct rv_ctx ctx;
            options.lines = add_lines;
            assert_fine(rv_ctx_init(&ctx, &err));
            assert_fine(rv_sq_scan(&ctx, path, &options, NULL, &out[i], &verdict, &err));
            rv_ctx_clear(&ctx);
            assert_true(out[i].len > 100000);
            assert_true(rv_span_equal(rv_buf_span(&out[i]), rv_buf_span(&out[0])));
        }
        for (unsigned i = 0; i < RV_COUNT(threads); i++)
            rv_buf_clear(&out[i]);
    }
}

struct in_parts {
    struct rv_buf all;
    size_t parts, longest;
};

static bool add_part(void *context, const char *lines, bool part, struct rv_error *err)
{
    struct in_parts *in = context;
    size_t len = strlen(lines);
    in->parts += part;
    in->longest = len > in->longest ? len : in->longest;
    return add_lines(&in->all, lines, part, err);
}

static bool add_whole(void *context, const struct rv_sq_found *found, struct rv_error *err)
{
    return rv_sq_found_json(found, found->encoding, context, err) && rv_buf_add_text(context, "\n", err);
}

/* A film in a row: its line is never held as a whole, and is the same one. */
static void a_long_row_goes_out_in_parts_and_is_the_same_line(void **state)
{
    (void)state;
    static const char *const forms[] = { "", "PRAGMA encoding='UTF-16le'" };
    for (unsigned f = 0; f < RV_COUNT(forms); f++) {
        char path[512], leaf[32];
        snprintf(leaf, sizeof leaf, "long-%u.db", f);
        struct in_parts in = { .all = RV_BUF(64 << 20) };
        struct rv_buf whole = RV_BUF(64 << 20);
        struct rv_sq_verdict verdict;
        struct rv_error err = { 0 };
        struct rv_ctx ctx;
        sqlite3 *db = create(leaf, forms[f]);
        sql(db, "CREATE TABLE film(id INTEGER PRIMARY KEY, name TEXT, body BLOB, rest TEXT)");
        sql(db, "INSERT INTO film VALUES(1, 'short', x'00ff', 'a'), (2, 'long', zeroblob(5000003), 'b'),"
                "(3, replace(hex(zeroblob(1500001)), '0', char(34, 9, 228)), NULL, 'c'), (4, 'last', x'', 'd')");
        sqlite3_close(db);
        path_of(path, leaf);
        assert_fine(rv_ctx_init(&ctx, &err));
        struct rv_sq_scan_options options = { .live = true, .threads = 3, .lines = add_part };
        assert_fine(rv_sq_scan(&ctx, path, &options, NULL, &in, &verdict, &err));
        options.lines = NULL;
        assert_fine(rv_sq_scan(&ctx, path, &options, add_whole, &whole, &verdict, &err));
        rv_ctx_clear(&ctx);
        assert_true(rv_span_equal(rv_buf_span(&in.all), rv_buf_span(&whole)));
        assert_true(whole.len > 20000000 && in.parts >= 10 && in.longest < (size_t)3 << 20);
        rv_buf_clear(&in.all);
        rv_buf_clear(&whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_deleted_row_comes_back_and_no_other),
        cmocka_unit_test(a_database_without_deletions_gives_nothing),
        cmocka_unit_test(wiped_rows_are_told_as_wiped),
        cmocka_unit_test(an_emptied_and_a_dropped_table_come_back),
        cmocka_unit_test(older_versions_stand_in_the_log),
        cmocka_unit_test(keys_of_without_rowid_tables_come_back),
        cmocka_unit_test(damage_takes_only_what_it_hits),
        cmocka_unit_test(a_chain_that_was_led_astray_is_mended),
        cmocka_unit_test(loops_and_lies_end),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_long_row_goes_out_in_parts_and_is_the_same_line),
    };
    return cmocka_run_group_tests_name("recover/sqlite_scan", tests, make_folder, remove_folder);
}
