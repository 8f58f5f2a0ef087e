/* SPDX-License-Identifier: Apache-2.0 */
/* Logs and journals that the SQLite library wrote, read by us. What the library makes of them is the measure. */
#include "support/rv_test.h"

#include "base/file.h"
#include "format/sqlite_wal.h"

#include <sqlite3.h>

enum { PAGE = 1024, HEADER = 32, FRAME = 24 + PAGE };

static const struct rv_sq_reader nobody;

static struct rv_blob *bytes_of(void **state, const char *leaf)
{
    char path[600];
    struct rv_error err = { 0 };
    snprintf(path, sizeof path, "%s/%s", (char *)*state, leaf);
    struct rv_blob *blob = rv_file_read(path, 1 << 24, &err);
    assert_works(blob != NULL, &err);
    return blob;
}

static sqlite3 *begin(void **state, const char *leaf, const char *pragmas)
{
    char path[600];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/%s", (char *)*state, leaf);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, pragmas, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void sql(sqlite3 *db, const char *words)
{
    assert_int_equal(sqlite3_exec(db, words, NULL, NULL, NULL), SQLITE_OK);
}

#define MANY(n) "with recursive c(x) as (select 1 union all select x + 1 from c where x < " #n ") "

/* Three commits, the third over pages of the second. */
static sqlite3 *three_commits(void **state, const char *leaf)
{
    sqlite3 *db = begin(state, leaf, "pragma page_size=1024; pragma journal_mode=wal; pragma wal_autocheckpoint=0");
    sql(db, "create table t(a integer primary key, b text)");
    sql(db, MANY(60) "insert into t select x, hex(randomblob(60)) from c");
    sql(db, "update t set b = 'later' where a % 9 = 0");
    return db;
}

static unsigned commits_in(const struct rv_sq_images *images)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < images->count; i++)
        n += images->items[i].snapshot == i + 1;
    return n;
}

static void the_newest_committed_image_of_each_page_is_what_the_library_puts_into_the_file(void **state)
{
    struct rv_error err = { 0 };
    sqlite3 *db = three_commits(state, "a.db");
    RV_AUTO(rv_blob) wal = bytes_of(state, "a.db-wal");
    struct rv_sq_images images;
    assert_works(rv_sq_wal_read(rv_blob_span(wal), &nobody, &images, &err), &err);
    assert_int_equal(images.page_size, PAGE);
    assert_int_equal(images.count, (wal->len - HEADER) / FRAME);
    assert_int_equal(commits_in(&images), 3);
    assert_false(images.damaged);
    assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL), SQLITE_OK);
    RV_AUTO(rv_blob) file = bytes_of(state, "a.db");
    assert_int_equal(images.pages_after, file->len / PAGE);
    unsigned current = 0, older = 0;
    for (uint32_t i = 0; i < images.count; i++) {
        const struct rv_sq_image *image = &images.items[i];
        bool newest = true;
        for (uint32_t k = i + 1; k < images.count; k++)
            newest = newest && images.items[k].number != image->number;
        assert_int_equal(image->state, newest ? RV_SQ_IMAGE_CURRENT : RV_SQ_IMAGE_OLDER);
        if (newest)
            assert_memory_equal(image->page, file->data + (size_t)(image->number - 1) * PAGE, PAGE);
        current += newest;
        older += !newest;
    }
    assert_true(current > 3 && older > 3);
    rv_sq_images_clear(&images);
    sqlite3_close(db);
}

static void a_damaged_frame_ends_what_is_believed_at_the_commit_before_it(void **state)
{
    struct rv_error err = { 0 };
    sqlite3 *db = three_commits(state, "b.db");
    RV_AUTO(rv_blob) wal = bytes_of(state, "b.db-wal");
    struct rv_sq_images images;
    assert_works(rv_sq_wal_read(rv_blob_span(wal), &nobody, &images, &err), &err);
    uint32_t second = 0, pages = 0, all = images.count; /* frames up to the second commit */
    for (uint32_t i = 0, n = 0; i < all; i++)
        if (images.items[i].snapshot == i + 1 && ++n == 2) {
            second = i + 1;
            pages = rv_sq_u32(wal->data + HEADER + (size_t)i * FRAME + 4);
        }
    rv_sq_images_clear(&images);
    /* In the page, in its number, and in the sum itself: of the first frame of the third commit. */
    static const unsigned places[] = { 24, 24 + PAGE - 1, 3, 16, 23 };
    for (size_t p = 0; p < RV_COUNT(places); p++) {
        uint8_t *place = wal->data + HEADER + (size_t)second * FRAME + places[p];
        *place ^= 0x10;
        assert_works(rv_sq_wal_read(rv_blob_span(wal), &nobody, &images, &err), &err);
        assert_int_equal(images.count, all);
        assert_int_equal(images.pages_after, pages);
        for (uint32_t i = 0; i < all; i++)
            assert_int_equal(images.items[i].state == RV_SQ_IMAGE_UNCOMMITTED, i >= second);
        rv_sq_images_clear(&images);
        *place ^= 0x10;
    }
    wal->data[HEADER - 1] ^= 1; /* the header's own sum: nothing behind it is believed */
    assert_works(rv_sq_wal_read(rv_blob_span(wal), &nobody, &images, &err), &err);
    assert_true(images.damaged && images.pages_after == 0 && images.items[0].state == RV_SQ_IMAGE_UNCOMMITTED);
    rv_sq_images_clear(&images);
    sqlite3_close(db);
}

static void frames_of_an_older_round_are_told_from_the_new_ones(void **state)
{
    struct rv_error err = { 0 };
    sqlite3 *db = three_commits(state, "c.db");
    assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL), SQLITE_OK);
    sql(db, "update t set b = 'new round' where a = 1");
    RV_AUTO(rv_blob) wal = bytes_of(state, "c.db-wal");
    struct rv_sq_images images;
    assert_works(rv_sq_wal_read(rv_blob_span(wal), &nobody, &images, &err), &err);
    assert_int_equal(images.items[0].state, RV_SQ_IMAGE_CURRENT);
    assert_int_equal(images.items[0].snapshot, 1);
    assert_true(images.count > 4 && images.items[0].salt != images.items[1].salt);
    for (uint32_t i = 1; i < images.count; i++)
        assert_int_equal(images.items[i].state, RV_SQ_IMAGE_STALE);
    rv_sq_images_clear(&images);
    sqlite3_close(db);
}

static void what_is_no_log_is_refused_and_what_is_too_short_holds_nothing(void **state)
{
    struct rv_error err = { 0 };
    sqlite3 *db = three_commits(state, "d.db");
    RV_AUTO(rv_blob) wal = bytes_of(state, "d.db-wal");
    struct rv_sq_images images;
    assert_works(rv_sq_wal_read(rv_span(wal->data, HEADER + 23), &nobody, &images, &err), &err);
    assert_int_equal(images.count, 0);
    rv_sq_images_clear(&images);
    assert_works(rv_sq_wal_read(rv_span(wal->data, HEADER + 2 * FRAME + 100), &nobody, &images, &err), &err);
    assert_int_equal(images.count, 2);
    rv_sq_images_clear(&images);
    wal->data[2] ^= 4;
    assert_fails(rv_sq_wal_read(rv_blob_span(wal), &nobody, &images, &err), &err, RV_E_FORMAT);
    wal->data[2] ^= 4;
    wal->data[10] ^= 1; /* a page size that is no power of two */
    err = (struct rv_error){ 0 };
    assert_fails(rv_sq_wal_read(rv_blob_span(wal), &nobody, &images, &err), &err, RV_E_FORMAT);
    sqlite3_close(db);
}

/* Every image of a journal is the page as it was before. */
static void are_before(const struct rv_sq_images *images, const struct rv_blob *before)
{
    for (uint32_t i = 0; i < images->count; i++) {
        const struct rv_sq_image *image = &images->items[i];
        assert_int_equal(image->state, RV_SQ_IMAGE_BEFORE);
        assert_true(image->number >= 1 && (size_t)image->number * PAGE <= before->len);
        assert_memory_equal(image->page, before->data + (size_t)(image->number - 1) * PAGE, PAGE);
    }
}

static sqlite3 *with_journal(void **state, const char *leaf)
{
    sqlite3 *db = begin(state, leaf, "pragma page_size=1024; pragma journal_mode=persist; pragma cache_size=4");
    sql(db, "create table t(a integer primary key, b text)");
    sql(db, MANY(200) "insert into t select x, hex(randomblob(60)) from c");
    return db;
}

static void a_journal_of_an_update_that_was_never_ended_holds_the_pages_from_before(void **state)
{
    struct rv_error err = { 0 };
    sqlite3 *db = with_journal(state, "e.db");
    RV_AUTO(rv_blob) before = bytes_of(state, "e.db");
    sql(db, "begin");
    sql(db,
        "update t set b = 'later'"); /* more pages than the cache holds: some are written, the journal before them */
    RV_AUTO(rv_blob) journal = bytes_of(state, "e.db-journal");
    struct rv_sq_images images;
    assert_works(rv_sq_journal_read(rv_blob_span(journal), 4096, &images, &err), &err); /* its header knows better */
    assert_true(images.hot && images.count > 8);
    assert_int_equal(images.page_size, PAGE);
    assert_int_equal(images.pages_after, before->len / PAGE);
    are_before(&images, before);
    uint32_t all = images.count;
    const uint8_t *second = images.items[1].page;
    rv_sq_images_clear(&images);
    journal->data[second - journal->data + PAGE - 200] ^= 1; /* one of the bytes that the sum is made of */
    assert_works(rv_sq_journal_read(rv_blob_span(journal), PAGE, &images, &err), &err);
    assert_true(images.count < all && images.items[0].number != 0);
    are_before(&images, before);
    rv_sq_images_clear(&images);
    journal->data[27] = 3; /* a page size that is none */
    assert_fails(rv_sq_journal_read(rv_blob_span(journal), PAGE, &images, &err), &err, RV_E_FORMAT);
    rv_sq_images_clear(&images);
    sql(db, "rollback");
    sqlite3_close(db);
}

static void a_journal_whose_header_was_emptied_is_still_read(void **state)
{
    struct rv_error err = { 0 };
    sqlite3 *db = with_journal(state, "f.db");
    RV_AUTO(rv_blob) before = bytes_of(state, "f.db");
    sql(db, "begin; update t set b = 'later' where a < 20; commit");
    RV_AUTO(rv_blob) journal = bytes_of(state, "f.db-journal");
    struct rv_sq_images images;
    assert_int_equal(journal->data[0], 0);
    assert_works(rv_sq_journal_read(rv_blob_span(journal), PAGE, &images, &err), &err);
    assert_true(images.count >= 2 && !images.hot); /* what it holds is over */
    assert_int_equal(images.page_size, PAGE);
    are_before(&images, before);
    rv_sq_images_clear(&images);
    assert_works(rv_sq_journal_read(rv_span(journal->data, 1000), PAGE, &images, &err), &err);
    assert_int_equal(images.count, 0);
    rv_sq_images_clear(&images);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_committed_image_of_each_page_is_what_the_library_puts_into_the_file),
        cmocka_unit_test(a_damaged_frame_ends_what_is_believed_at_the_commit_before_it),
        cmocka_unit_test(frames_of_an_older_round_are_told_from_the_new_ones),
        cmocka_unit_test(what_is_no_log_is_refused_and_what_is_too_short_holds_nothing),
        cmocka_unit_test(a_journal_of_an_update_that_was_never_ended_holds_the_pages_from_before),
        cmocka_unit_test(a_journal_whose_header_was_emptied_is_still_read),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
