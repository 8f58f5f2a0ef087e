/* SPDX-License-Identifier: Apache-2.0 */
/* The edges of the format: every page size, extreme numbers, counts and pointers that lie, chains without an end. */
#include "sqlite_fixture.h"

static unsigned count_keys(const struct result *r, unsigned from, unsigned to)
{
    unsigned hits = 0;
    for (unsigned i = from; i <= to; i++)
        hits += found_key(r, i);
    return hits;
}

static uint64_t key_number(const struct seen *row)
{
    uint64_t number = 0;
    assert_true(rv_text_number(row->key + 4, 10, &number));
    return number;
}

static void every_page_size_gives_its_deleted_rows(void **state)
{
    (void)state;
    static const char *const others[] = { "", "; PRAGMA auto_vacuum=1", "; PRAGMA encoding='UTF-16le'",
                                          "; PRAGMA auto_vacuum=2; PRAGMA encoding='UTF-16be'" };
    for (unsigned size = 512, i = 0; size <= 65536; size *= 2, i++) {
        char leaf[32], pragmas[120];
        snprintf(leaf, sizeof leaf, "size-%u.db", size);
        snprintf(pragmas, sizeof pragmas, "PRAGMA page_size=%u%s", size, others[i % RV_COUNT(others)]);
        sqlite3 *db = create(leaf, pragmas);
        fill(db, 120);
        sql(db, "DELETE FROM message WHERE id %% 6 = 1");
        sqlite3_close(db);
        scan(leaf, false, &result);
        assert_int_equal(result.verdict.page_size, size);
        assert_true(result.count >= 19 && result.count <= 20);
        for (unsigned k = 0; k < result.count; k++)
            assert_int_equal(key_number(&result.rows[k]) % 6, 1);
    }
}

static void reserved_bytes_at_the_end_of_pages_are_no_rows(void **state)
{
    (void)state;
    static const int reserved[] = { 4, 32, 254 };
    for (unsigned i = 0; i < RV_COUNT(reserved); i++) {
        char leaf[32];
        int bytes = reserved[i];
        snprintf(leaf, sizeof leaf, "reserved-%d.db", bytes);
        sqlite3 *db = create(leaf, "PRAGMA page_size=1024");
        assert_int_equal(sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes), SQLITE_OK);
        fill(db, 100);
        sql(db, "INSERT INTO message(key, words) VALUES('key-500', '%0*d')", 3000, 7); /* an overflow chain */
        sql(db, "DELETE FROM message WHERE id %% 5 = 4");
        sqlite3_close(db);
        RV_AUTO(rv_blob) file = bytes_of(leaf);
        assert_int_equal(file->data[20], reserved[i]);
        for (size_t end = 1024; end <= file->len; end += 1024) /* whoever uses them: a checksum, a key's nonce */
            memset(file->data + end - (size_t)reserved[i], 0xA5, (size_t)reserved[i]);
        struct rv_sq_files files = { .database = rv_blob_span(file) };
        assert_true(scan_bytes(&files, &result));
        assert_true(found_key(&result, 500));
        assert_int_equal(count_keys(&result, 1, 100), 100);
    }
}

/* In a log the old pages are whole: the numbers of deleted rows come back to the last bit. */
static void rowids_at_both_ends_of_64_bits_come_back(void **state)
{
    (void)state;
    static const int64_t ids[] = { INT64_MIN, INT64_MIN + 1, -4294967296, -1, 0, 127, 128, 4294967296, INT64_MAX };
    sqlite3 *db = create("ends.db", "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
    sql(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT, n INTEGER)");
    for (unsigned i = 0; i < RV_COUNT(ids); i++)
        sql(db, "INSERT INTO t VALUES(%lld, 'key-%u', %lld)", (long long)ids[i], i, (long long)ids[i]);
    sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    sql(db, "DELETE FROM t");
    scan("ends.db", false, &result);
    sqlite3_close(db);
    assert_int_equal(result.count, RV_COUNT(ids));
    for (unsigned i = 0; i < result.count; i++) {
        uint64_t which = key_number(&result.rows[i]);
        assert_true(which < RV_COUNT(ids) && result.rows[i].rowid_known);
        assert_true(result.rows[i].rowid == ids[which]);
    }
}

/* A sound database of `rows` rows; its bytes, to be told lies. */
static struct rv_blob *sound(const char *leaf, unsigned rows)
{
    char path[512];
    path_of(path, leaf);
    unlink(path);
    sqlite3 *db = create(leaf, "PRAGMA page_size=512");
    fill(db, rows);
    sqlite3_close(db);
    return bytes_of(leaf);
}

/* The first table leaf of the message table behind page 1. */
static uint8_t *some_leaf(struct rv_blob *file)
{
    for (size_t at = 512; at + 512 <= file->len; at += 512)
        if (file->data[at] == 13 && rv_sq_u16(file->data + at + 3) >= 4)
            return file->data + at;
    fail_msg("no leaf");
    return NULL;
}

static void payload_lengths_beyond_everything_cost_one_row(void **state)
{
    (void)state;
    static const uint8_t lengths[][9] = {
        { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, /* 2^64 - 1 */
        { 0xC0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 }, /* 2^63 */
        { 0xBF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, /* 2^63 - 1 */
        { 0x90, 0x80, 0x80, 0x80, 0x7F, 0x01, 0x01, 0x01, 0x01 }, /* past 2^32 */
    };
    for (unsigned i = 0; i < RV_COUNT(lengths); i++) {
        RV_AUTO(rv_blob) file = sound("lengths.db", 200);
        uint8_t *leaf = some_leaf(file);
        memcpy(leaf + rv_sq_u16(leaf + 8), lengths[i], sizeof lengths[i]);
        struct rv_sq_files files = { .database = rv_blob_span(file) };
        assert_true(scan_bytes(&files, &result));
        assert_true(result.verdict.damaged);
        assert_true(count_keys(&result, 1, 200) >= 198); /* the row that was hit, and perhaps its neighbour's head */
    }
}

static void serial_types_beyond_everything_are_refused(void **state)
{
    (void)state;
    RV_AUTO(rv_blob) file = sound("serials.db", 200);
    uint8_t *leaf = some_leaf(file), *cell = leaf + rv_sq_u16(leaf + 8);
    /* payload, rowid, header length; then a text of 2^62 bytes in place of the key's type */
    memset(cell + 4, 0xFF, 8);
    struct rv_sq_files files = { .database = rv_blob_span(file) };
    assert_true(scan_bytes(&files, &result));
    assert_true(count_keys(&result, 1, 200) >= 198);
}

/* Page count times page size, root pages and list heads that no file can have. */
static void page_numbers_beyond_the_file_are_no_pages(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        size_t at;
        uint32_t value;
    } lies[] = {
        { "page count", 28, UINT32_MAX },      { "page count", 28, 1 },
        { "freelist head", 32, UINT32_MAX },   { "freelist head", 32, 1 },
        { "freelist length", 36, UINT32_MAX }, { "largest root", 52, UINT32_MAX },
        { "schema cookie", 40, UINT32_MAX },
    };
    for (unsigned i = 0; i < RV_COUNT(lies); i++) {
        RV_AUTO(rv_blob) file = sound("numbers.db", 200);
        rv_put_u32be(file->data + lies[i].at, lies[i].value);
        struct rv_sq_files files = { .database = rv_blob_span(file) };
        if (!scan_bytes(&files, &result))
            fail_msg("%s", lies[i].what);
        if (count_keys(&result, 1, 200) < 199) /* auto-vacuum's map takes a page, if the header claims it */
            print_message("%s: %u rows\n", lies[i].what, count_keys(&result, 1, 200));
        assert_true(count_keys(&result, 1, 200) >= 150);
    }
}

static void cells_that_point_anywhere_lose_themselves_alone(void **state)
{
    (void)state;
    static const uint16_t places[] = { 0, 1, 7, 9, 500, 511, 512, 0x7FFF, 0xFFFF };
    for (unsigned i = 0; i < RV_COUNT(places); i++) {
        RV_AUTO(rv_blob) file = sound("places.db", 200);
        rv_put_u16be(some_leaf(file) + 8, places[i]);
        struct rv_sq_files files = { .database = rv_blob_span(file) };
        assert_true(scan_bytes(&files, &result));
        assert_true(count_keys(&result, 1, 200) >= 199);
    }
}

static void a_cell_count_that_lies_is_not_believed(void **state)
{
    (void)state;
    static const uint16_t counts[] = { 0, 1, 60, 252, 0x7FFF, 0xFFFF };
    for (unsigned i = 0; i < RV_COUNT(counts); i++) {
        RV_AUTO(rv_blob) file = sound("counts.db", 200);
        rv_put_u16be(some_leaf(file) + 3, counts[i]);
        struct rv_sq_files files = { .database = rv_blob_span(file) };
        assert_true(scan_bytes(&files, &result));
        assert_true(count_keys(&result, 1, 200) >= 190);
    }
}

static void trees_that_name_themselves_end(void **state)
{
    (void)state;
    RV_AUTO(rv_blob) file = sound("trees.db", 400);
    unsigned bent = 0;
    for (uint32_t n = 2; n <= file->len / 512; n++) {
        uint8_t *page = file->data + (size_t)(n - 1) * 512;
        if (page[0] != 5)
            continue;
        rv_put_u32be(page + 8, n);                        /* its right child is itself */
        rv_put_u32be(page + rv_sq_u16(page + 12), n + 1); /* and a child of it is somebody else's */
        bent++;
    }
    assert_true(bent > 0);
    struct rv_sq_files files = { .database = rv_blob_span(file) };
    assert_true(scan_bytes(&files, &result));
    assert_true(result.verdict.damaged);
    assert_int_equal(count_keys(&result, 1, 400), 400);
}

static void lists_of_free_pages_and_blocks_that_turn_back_end(void **state)
{
    (void)state;
    sqlite3 *db = create("free.db", "PRAGMA page_size=512");
    fill(db, 400);
    sql(db, "DELETE FROM message WHERE id > 100 OR id %% 5 = 0");
    sqlite3_close(db);
    RV_AUTO(rv_blob) file = bytes_of("free.db");
    uint32_t trunk = rv_sq_u32(file->data + 32);
    assert_true(trunk > 1);
    uint8_t *page = file->data + (size_t)(trunk - 1) * 512;
    rv_put_u32be(page, trunk);          /* the next trunk is this one */
    rv_put_u32be(page + 4, UINT32_MAX); /* with more leaves than fit any page */
    unsigned bent = 0;
    for (size_t at = 512; at + 512 <= file->len; at += 512) {
        uint8_t *leaf = file->data + at;
        uint32_t block = leaf[0] == 13 ? rv_sq_u16(leaf + 1) : 0;
        if (block >= 8 && block + 4 <= 512) {
            rv_put_u16be(leaf + block, (uint16_t)block); /* the next block is this one */
            bent++;
        }
    }
    assert_true(bent > 0);
    struct rv_sq_files files = { .database = rv_blob_span(file) };
    assert_true(scan_bytes(&files, &result));
    assert_true(result.verdict.damaged);
    for (unsigned i = 1; i <= 100; i++)
        assert_true(i % 5 == 0 || found_key(&result, i));
}

/* Large trees are claimed by what one leaf is: a sister that is something else is found out. */
static void a_leaf_that_is_none_is_found_out_in_a_large_tree(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    RV_AUTO(rv_blob) file = sound("large.db", MANY);
    struct rv_sq_files files = { .database = rv_blob_span(file) };
    assert_true(scan_bytes(&files, &result));
    assert_false(result.verdict.damaged);
    assert_int_equal(result.verdict.live_rows, MANY);
    unsigned leaves = 0, lost = 0;
    for (size_t at = 512; at + 512 <= file->len; at += 512) {
        if (file->data[at] != 13 || ++leaves % 300 != 290)
            continue;
        lost += rv_sq_u16(file->data + at + 3);
        memset(file->data + at, 0xEE, 512);
    }
    assert_true(leaves > 512 && lost > 0);
    assert_true(scan_bytes(&files, &result));
    assert_true(result.verdict.damaged);
    assert_int_equal(result.verdict.live_rows, MANY - lost);
}

static void logs_of_impossible_pages_change_nothing(void **state)
{
    (void)state;
    RV_AUTO(rv_blob) file = sound("log.db", 100);
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) wal = rv_blob_new(32 + 3 * (24 + 512), &err);
    RV_AUTO(rv_blob) journal = rv_blob_new(512 + 3 * 520, &err);
    assert_true(wal != NULL && journal != NULL);
    rv_put_u32be(wal->data, 0x377f0682);
    rv_put_u32be(wal->data + 4, 3007000);
    rv_put_u32be(wal->data + 8, 512);
    for (size_t at = 32; at < wal->len; at += 24 + 512) {
        rv_put_u32be(wal->data + at, UINT32_MAX);     /* page number */
        rv_put_u32be(wal->data + at + 4, UINT32_MAX); /* pages after the commit */
        memset(wal->data + at + 24, 13, 512);
    }
    static const uint8_t magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };
    memcpy(journal->data, magic, sizeof magic);
    rv_put_u32be(journal->data + 8, UINT32_MAX); /* records */
    rv_put_u32be(journal->data + 16, UINT32_MAX);
    rv_put_u32be(journal->data + 20, 512);
    rv_put_u32be(journal->data + 24, 512);
    struct rv_sq_files files = { rv_blob_span(file), rv_blob_span(wal), rv_blob_span(journal) };
    assert_true(scan_bytes(&files, &result));
    assert_int_equal(count_keys(&result, 1, 100), 100);
    rv_put_u32be(wal->data + 8, 0x80000000u); /* a page size that is none */
    assert_true(scan_bytes(&files, &result));
    assert_int_equal(count_keys(&result, 1, 100), 100);
}

struct timed {
    char key[NAME];
    uint32_t first, last, gone;
};

struct times {
    struct timed rows[64];
    unsigned count;
};

static bool keep_times(void *context, const struct rv_sq_found *found, struct rv_error *err)
{
    struct times *t = context;
    (void)err;
    assert_true(t->count < RV_COUNT(t->rows));
    struct timed *to = &t->rows[t->count++];
    for (unsigned i = 0; i < found->row->count; i++)
        if (found->row->values[i].kind == RV_SQ_TEXT && to->key[0] == '\0')
            snprintf(to->key, NAME, "%.*s", (int)found->row->values[i].bytes.len,
                     (const char *)found->row->values[i].bytes.ptr);
    to->first = found->commit_first;
    to->last = found->commit_last;
    to->gone = found->commit_gone;
    return true;
}

/* State 1 is the database file; each statement is a transaction of its own, and so the next state. */
static void each_row_tells_the_commits_it_was_in(void **state)
{
    (void)state;
    sqlite3 *db = create("times.db", "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
    sql(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT, n INTEGER)");
    sql(db, "INSERT INTO t VALUES(1, 'stays here', 10), (2, 'leaves early', 20), (3, 'changes', 30)");
    sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    sql(db, "DELETE FROM t WHERE id = 2");                            /* 2 */
    sql(db, "INSERT INTO t VALUES(4, 'comes and goes', 40)");         /* 3 */
    sql(db, "UPDATE t SET key = 'has changed', n = 31 WHERE id = 3"); /* 4 */
    sql(db, "DELETE FROM t WHERE id = 4");                            /* 5 */
    struct times times = { 0 };
    struct rv_sq_verdict verdict;
    struct rv_sq_scan_options options = { .threads = 1 };
    struct rv_error err = { 0 };
    struct rv_ctx ctx;
    char path[512];
    path_of(path, "times.db");
    assert_fine(rv_ctx_init(&ctx, &err));
    assert_fine(rv_sq_scan(&ctx, path, &options, keep_times, &times, &verdict, &err));
    rv_ctx_clear(&ctx);
    sqlite3_close(db);
    static const struct timed wanted[] = { { "leaves early", 1, 1, 2 },
                                           { "changes", 1, 3, 4 },
                                           { "comes and goes", 3, 4, 5 } };
    assert_int_equal(verdict.commit_count, 5);
    assert_int_equal(verdict.commits[0].kind, RV_SQ_COMMIT_FILE);
    assert_int_equal(verdict.commits[4].kind, RV_SQ_COMMIT_CURRENT);
    assert_int_equal(times.count, RV_COUNT(wanted));
    for (unsigned i = 0; i < RV_COUNT(wanted); i++) {
        const struct timed *got = NULL;
        for (unsigned k = 0; k < times.count; k++)
            if (strcmp(times.rows[k].key, wanted[i].key) == 0)
                got = &times.rows[k];
        assert_non_null(got);
        assert_int_equal(got->first, wanted[i].first);
        assert_int_equal(got->last, wanted[i].last);
        assert_int_equal(got->gone, wanted[i].gone);
    }
}

/* AUTOINCREMENT counts on when all rows are gone: the count is in sqlite_sequence. */
static void the_count_of_given_numbers_outlives_the_rows(void **state)
{
    (void)state;
    sqlite3 *db = create("count.db", "");
    sql(db, "PRAGMA secure_delete=1");
    fill(db, 300);
    sql(db, "DELETE FROM message WHERE id > 250 OR id < 11");
    sqlite3_close(db);
    scan("count.db", false, &result);
    assert_int_equal(result.count, 0);
    assert_int_equal(result.verdict.missing_count, 1);
    assert_string_equal(result.verdict.missing[0].table, "message");
    assert_int_equal(result.verdict.missing[0].highest, 300);
    assert_int_equal(result.verdict.missing[0].missing, 60);
    assert_true(result.verdict.missing[0].sequence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_size_gives_its_deleted_rows),
        cmocka_unit_test(reserved_bytes_at_the_end_of_pages_are_no_rows),
        cmocka_unit_test(rowids_at_both_ends_of_64_bits_come_back),
        cmocka_unit_test(payload_lengths_beyond_everything_cost_one_row),
        cmocka_unit_test(serial_types_beyond_everything_are_refused),
        cmocka_unit_test(page_numbers_beyond_the_file_are_no_pages),
        cmocka_unit_test(cells_that_point_anywhere_lose_themselves_alone),
        cmocka_unit_test(a_cell_count_that_lies_is_not_believed),
        cmocka_unit_test(trees_that_name_themselves_end),
        cmocka_unit_test(lists_of_free_pages_and_blocks_that_turn_back_end),
        cmocka_unit_test(a_leaf_that_is_none_is_found_out_in_a_large_tree),
        cmocka_unit_test(logs_of_impossible_pages_change_nothing),
        cmocka_unit_test(each_row_tells_the_commits_it_was_in),
        cmocka_unit_test(the_count_of_given_numbers_outlives_the_rows),
    };
    return cmocka_run_group_tests_name("recover/sqlite_edges", tests, make_folder, remove_folder);
}
