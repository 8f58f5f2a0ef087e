/* SPDX-License-Identifier: Apache-2.0 */
#include "format/bplist.h"
#include "format/mbdb.h"
#include "format/mbfile.h"
#include "format/plist.h"
#include "support/test.h"

static const struct rv_mbfile sample = {
    .mode = 0100644,
    .size = 1ULL << 33,
    .inode = 77,
    .modified = 1700000000,
    .changed = 1700000001,
    .born = -5,
    .uid = 501,
    .gid = 501,
    .protection = 3,
    .path = "Media/DCIM/100APPLE/IMG_0001.HEIC",
};

static void assert_same(const struct rv_mbfile *a, const struct rv_mbfile *b)
{
    assert_string_equal(a->path, b->path);
    assert_string_equal(a->target, b->target);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->modified, b->modified);
    assert_int_equal(a->born, b->born);
    assert_int_equal(a->protection, b->protection);
    assert_true(rv_span_equal(a->digest, b->digest));
    assert_true(rv_span_equal(a->key, b->key));
    assert_true(rv_span_equal(a->attributes, b->attributes));
}

static void what_is_written_reads_the_same(void **state)
{
    (void)state;
    static const char *const paths[] = { "", "a", "Documents/M\xC3\xBCnchen \xF0\x9F\x93\xB7.txt",
                                         "a path of more than fourteen characters" };
    struct rv_error err = { 0 };
    for (size_t i = 0; i < RV_COUNT(paths); i++) {
        struct rv_mbfile in = sample, out;
        RV_AUTO_CLEAR(rv_buf) bytes = RV_BUF(1 << 16);
        snprintf(in.path, sizeof in.path, "%s", paths[i]);
        in.digest = RV_SPAN_TEXT("01234567890123456789");
        in.key = RV_SPAN_TEXT("01234567890123456789012345678901234567890123");
        in.attributes = RV_SPAN_TEXT("bplist00...");
        snprintf(in.target, sizeof in.target, "../other");
        assert_fine(rv_mbfile_format(&in, &bytes, &err));
        assert_fine(rv_mbfile_parse(rv_buf_span(&bytes), &out, &err));
        assert_same(&in, &out);
    }
}

static void libplist_reads_what_is_written(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint64_t version = 0;
    RV_AUTO_CLEAR(rv_buf) bytes = RV_BUF(1 << 16);
    assert_fine(rv_mbfile_format(&sample, &bytes, &err));
    RV_AUTO_PLIST p = rv_plist_parse(rv_buf_span(&bytes), &err);
    assert_non_null(p);
    assert_true(rv_plist_uint(p, "$version", &version));
    assert_int_equal(version, 100000);
    assert_string_equal(rv_plist_text(p, "$archiver"), "NSKeyedArchiver");
}

static void a_cut_record_is_refused_at_every_length(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_CLEAR(rv_buf) bytes = RV_BUF(1 << 16);
    assert_fine(rv_mbfile_format(&sample, &bytes, &err));
    for (size_t n = 0; n < bytes.len; n++) {
        struct rv_mbfile out;
        struct rv_error cut = { 0 };
        assert_false(rv_mbfile_parse(rv_span(bytes.data, n), &out, &cut));
        assert_true(cut.depth > 0);
    }
}

static void a_list_that_is_no_archive_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_mbfile out;
    RV_AUTO_PLIST p = plist_new_dict();
    plist_dict_set_item(p, "RelativePath", plist_new_string("x"));
    RV_AUTO(rv_blob) bytes = rv_plist_format(p, true, &err);
    assert_false(rv_mbfile_parse(rv_blob_span(bytes), &out, &err));
    assert_true(test_error_says(&err, "no archive"));
}

static void make_mbdb(struct rv_buf *out, unsigned records)
{
    struct rv_error err = { 0 };
    assert_fine(rv_mbdb_begin(out, &err));
    for (unsigned i = 0; i < records; i++) {
        struct rv_mbdb_record rec = { .file = sample, .domain = "CameraRollDomain" };
        snprintf(rec.file.path, sizeof rec.file.path, "Media/DCIM/100APPLE/IMG_%04u.HEIC", i);
        rec.file.digest = RV_SPAN_TEXT("01234567890123456789");
        assert_fine(rv_mbdb_add(&rec, out, &err));
    }
}

static void mbdb_records_are_read_back(void **state)
{
    (void)state;
    static struct rv_mbdb_record rec;
    struct rv_error err = { 0 };
    struct rv_mbdb db;
    unsigned count = 0;
    RV_AUTO_CLEAR(rv_buf) bytes = RV_BUF(1 << 16);
    make_mbdb(&bytes, 5);
    assert_fine(rv_mbdb_open(rv_buf_span(&bytes), &db, &err));
    while (rv_mbdb_next(&db, &rec, &err)) {
        struct rv_mbfile want = sample;
        snprintf(want.path, sizeof want.path, "Media/DCIM/100APPLE/IMG_%04u.HEIC", count++);
        want.digest = RV_SPAN_TEXT("01234567890123456789");
        assert_string_equal(rec.domain, "CameraRollDomain");
        assert_same(&want, &rec.file);
    }
    assert_int_equal(err.code, RV_OK);
    assert_int_equal(count, 5);
}

static void mbdb_names_where_it_is_cut_and_goes_on_behind_damage(void **state)
{
    (void)state;
    static struct rv_mbdb_record rec;
    struct rv_error err = { 0 };
    struct rv_mbdb db;
    unsigned count = 0;
    RV_AUTO_CLEAR(rv_buf) bytes = RV_BUF(1 << 16);
    make_mbdb(&bytes, 5);
    size_t each = (bytes.len - 6) / 5;
    assert_fine(rv_mbdb_open(rv_span(bytes.data, bytes.len - 3), &db, &err));
    while (rv_mbdb_next(&db, &rec, &err))
        count++;
    assert_int_equal(count, 4);
    assert_true(test_error_says(&err, "cut short"));
    bytes.data[6 + each + 2 + 16] = 0xEE; /* the second record's path has a length that lies */
    assert_fine(rv_mbdb_open(rv_buf_span(&bytes), &db, &err));
    for (count = 0;;) {
        while (rv_mbdb_next(&db, &rec, &err))
            count++;
        if (err.code == RV_OK || !rv_mbdb_skip(&db))
            break;
    }
    assert_int_equal(count, 4);
}

static void an_object_table_outside_of_the_list_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_bplist list;
    uint8_t bytes[48] = "bplist00";
    bytes[16 + 6] = 8;
    bytes[16 + 7] = 1;
    memset(bytes + 24, 0xFF, 8); /* the count */
    assert_false(rv_bplist_open(rv_span(bytes, sizeof bytes), &list, &err));
    assert_int_equal(err.code, RV_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(libplist_reads_what_is_written),
        cmocka_unit_test(a_cut_record_is_refused_at_every_length),
        cmocka_unit_test(a_list_that_is_no_archive_is_refused),
        cmocka_unit_test(mbdb_records_are_read_back),
        cmocka_unit_test(mbdb_names_where_it_is_cut_and_goes_on_behind_damage),
        cmocka_unit_test(an_object_table_outside_of_the_list_is_refused),
    };
    return cmocka_run_group_tests_name("format/mbfile", tests, NULL, NULL);
}
