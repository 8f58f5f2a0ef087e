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
    .gid = 20,
    .protection = 3,
    .path = "Media/DCIM/100APPLE/IMG_0001.HEIC",
};

static void assert_same(const struct rv_mbfile *a, const struct rv_mbfile *b)
{
    assert_string_equal(a->path, b->path);
    assert_string_equal(a->target, b->target);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->inode, b->inode);
    assert_int_equal(a->modified, b->modified);
    assert_int_equal(a->changed, b->changed);
    assert_int_equal(a->born, b->born);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_int_equal(a->flags, b->flags);
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
        in.flags = 4;
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

/* The record again, one of its values changed by libplist. */
static bool parse_with(const char *key, plist_t value, bool of_class, struct rv_mbfile *out, struct rv_error *err)
{
    struct rv_mbfile in = sample;
    RV_AUTO_CLEAR(rv_buf) bytes = RV_BUF(1 << 16);
    in.born = 5;
    in.digest = RV_SPAN_TEXT("01234567890123456789");
    assert_true(rv_mbfile_format(&in, &bytes, err));
    RV_AUTO_PLIST p = rv_plist_parse(rv_buf_span(&bytes), err);
    plist_t objects = rv_plist_array(p, "$objects"), self = plist_array_get_item(objects, 1);
    uint64_t class_at = 0;
    plist_get_uid_val(rv_plist_node(self, "$class"), &class_at);
    plist_t of = of_class ? plist_array_get_item(objects, (uint32_t)class_at) : key[0] == '$' ? p : self;
    if (value != NULL)
        plist_dict_set_item(of, key, value);
    else
        plist_dict_remove_item(of, key);
    RV_AUTO(rv_blob) changed = rv_plist_format(p, true, err);
    return rv_mbfile_parse(rv_blob_span(changed), out, err);
}

static void a_record_is_complete_when_nothing_of_a_phones_own_is_missing(void **state)
{
    (void)state;
    static const char *const needed[] = { "Birth",    "GroupID", "InodeNumber",     "LastModified", "LastStatusChange",
                                          "Mode",     "Size",    "ProtectionClass", "UserID",       "$version",
                                          "$archiver" };
    struct rv_error err = { 0 };
    struct rv_mbfile out;
    assert_true(parse_with("NoKeyAtAll", plist_new_uint(1), false, &out, &err) && out.complete);
    for (size_t i = 0; i < RV_COUNT(needed); i++) {
        assert_true(parse_with(needed[i], NULL, false, &out, &err));
        assert_false(out.complete);
    }
    assert_true(parse_with("$classname", plist_new_string("NSArray"), true, &out, &err));
    assert_false(out.complete);
    assert_true(parse_with("ProtectionClass", plist_new_uint(11), false, &out, &err) && out.complete);
    assert_true(parse_with("ProtectionClass", plist_new_uint(12), false, &out, &err));
    assert_false(out.complete);
    assert_true(parse_with("Mode", plist_new_uint(040755), false, &out, &err) && out.complete);
    assert_int_equal(rv_mbfile_kind(&out), RV_MBFILE_DIRECTORY);
    assert_true(parse_with("Mode", plist_new_uint(0120755), false, &out, &err) && out.complete);
    assert_int_equal(rv_mbfile_kind(&out), RV_MBFILE_LINK);
    assert_true(parse_with("Mode", plist_new_uint(0010644), false, &out, &err)); /* a pipe */
    assert_false(out.complete);
    assert_true(parse_with("$version", plist_new_uint(100001), false, &out, &err));
    assert_false(out.complete);
    assert_true(parse_with("Digest", NULL, false, &out, &err) && out.complete && out.digest.len == 0);
    assert_false(parse_with("RelativePath", NULL, false, &out, &err));
}

static void a_key_is_of_one_length_or_with_its_own_iv(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        bool fine;
    } keys[] = { { 0, true }, { 43, false }, { 44, true }, { 45, false }, { 75, false }, { 76, true }, { 77, false } };
    uint8_t bytes[80] = { 3 };
    for (size_t i = 0; i < RV_COUNT(keys); i++) {
        struct rv_error err = { 0 };
        struct rv_mbfile in = sample, out;
        RV_AUTO_CLEAR(rv_buf) record = RV_BUF(1 << 16);
        in.key = rv_span(bytes, keys[i].len);
        assert_fine(rv_mbfile_format(&in, &record, &err));
        assert_int_equal(rv_mbfile_parse(rv_buf_span(&record), &out, &err), keys[i].fine);
    }
}

static void a_key_is_found_in_a_record_that_cannot_be_read_any_more(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_mbfile in = sample, out;
    struct rv_span key;
    uint8_t bytes[RV_MBFILE_KEY] = { 3 };
    RV_AUTO_CLEAR(rv_buf) record = RV_BUF(1 << 16);
    memset(bytes + 4, 0x5A, sizeof bytes - 4);
    in.key = rv_span(bytes, sizeof bytes);
    assert_fine(rv_mbfile_format(&in, &record, &err));
    memset(record.data + record.len - 32, 0, 32); /* the trailer is gone */
    assert_false(rv_mbfile_parse(rv_buf_span(&record), &out, &err));
    assert_true(rv_mbfile_salvage_key(rv_buf_span(&record), &key));
    assert_true(rv_span_equal(key, in.key));
    size_t at = (size_t)(key.ptr - record.data);
    assert_false(rv_mbfile_salvage_key(rv_span(record.data, at + RV_MBFILE_KEY - 1), &key)); /* cut in the key */
    assert_true(rv_mbfile_salvage_key(rv_span(record.data, at + RV_MBFILE_KEY), &key));
    static const struct {
        unsigned at;
        uint8_t value;
    } others[] = { { 0, 0 }, { 0, 12 }, { 1, 1 }, { 2, 1 }, { 3, 1 } }; /* no number of a class */
    for (size_t i = 0; i < RV_COUNT(others); i++) {
        uint8_t was = record.data[at + others[i].at];
        record.data[at + others[i].at] = others[i].value;
        assert_false(rv_mbfile_salvage_key(rv_buf_span(&record), &key));
        record.data[at + others[i].at] = was;
    }
    record.data[at] = 11;
    assert_true(rv_mbfile_salvage_key(rv_buf_span(&record), &key));
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

/* Laid out by hand: strings with their lengths, then 40 bytes, then so many pairs of names and values. */
#define MBDB_RECORD                                                                                                    \
    "\0\x0AHomeDomain\0\3a/b\xFF\xFF\0\x14"                                                                            \
    "01234567890123456789"                                                                                             \
    "\xFF\xFF"                                                                                                         \
    "\x81\xA4\0\0\0\0\0\0\1\2\0\0\1\xF5\0\0\0\x14\x65\0\0\1\x65\0\0\2\x65\0\0\3\0\0\0\0\0\0\2\1\4\1"                   \
    "\0\1k\0\2vv"

static void an_mbdb_record_has_its_values_at_their_places(void **state)
{
    (void)state;
    static struct rv_mbdb_record rec;
    struct rv_error err = { 0 };
    struct rv_mbdb db;
    char bytes[] = "mbdb\5\0" MBDB_RECORD MBDB_RECORD;
    struct rv_span whole = rv_span(bytes, sizeof bytes - 1);
    assert_fine(rv_mbdb_open(whole, &db, &err));
    for (unsigned i = 0; i < 2; i++) {
        assert_true(rv_mbdb_next(&db, &rec, &err));
        assert_string_equal(rec.domain, "HomeDomain");
        assert_string_equal(rec.file.path, "a/b");
        assert_string_equal(rec.file.target, "");
        assert_int_equal(rec.file.digest.len, 20);
        assert_int_equal(rec.file.key.len, 0);
        assert_int_equal(rec.file.mode, 0100644);
        assert_int_equal(rec.file.inode, 0x102);
        assert_int_equal(rec.file.uid, 501);
        assert_int_equal(rec.file.gid, 20);
        assert_int_equal(rec.file.modified, 0x65000001);
        assert_int_equal(rec.file.changed, 0x65000002);
        assert_int_equal(rec.file.born, 0x65000003);
        assert_int_equal(rec.file.size, 0x201);
        assert_int_equal(rec.file.protection, 4);
        assert_int_equal(rec.property_count, 1);
        assert_true(rv_span_equal(rec.properties, rv_span("\0\1k\0\2vv", 7)));
        assert_int_equal(rec.at, i == 0 ? 6 : 6 + (whole.len - 6) / 2);
        assert_int_equal(rec.end, i == 0 ? 6 + (whole.len - 6) / 2 : whole.len);
    }
    assert_false(rv_mbdb_next(&db, &rec, &err));
    assert_int_equal(err.code, RV_OK);
    /* Written again it is the same to the byte. */
    RV_AUTO_CLEAR(rv_buf) again = RV_BUF(4096);
    assert_fine(rv_mbdb_begin(&again, &err) && rv_mbdb_add(&rec, &again, &err) && rv_mbdb_add(&rec, &again, &err));
    assert_true(rv_span_equal(rv_buf_span(&again), whole));
    /* What no record can be: a name with a zero in it, a kind of file that is none, a digest of 21 bytes. */
    static const struct {
        unsigned at;
        char value;
    } lies[] = { { 8, 0 }, { 20, 0 }, { 49, (char)0x11 }, { 7, 0 } };
    for (size_t i = 0; i < RV_COUNT(lies); i++) {
        char was = bytes[lies[i].at];
        bytes[lies[i].at] = lies[i].value;
        assert_fine(rv_mbdb_open(whole, &db, &err));
        assert_false(rv_mbdb_next(&db, &rec, &err));
        assert_int_equal(err.code, RV_E_FORMAT);
        bytes[lies[i].at] = was;
        err = (struct rv_error){ 0 };
    }
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
        cmocka_unit_test(a_record_is_complete_when_nothing_of_a_phones_own_is_missing),
        cmocka_unit_test(a_key_is_of_one_length_or_with_its_own_iv),
        cmocka_unit_test(a_key_is_found_in_a_record_that_cannot_be_read_any_more),
        cmocka_unit_test(a_cut_record_is_refused_at_every_length),
        cmocka_unit_test(a_list_that_is_no_archive_is_refused),
        cmocka_unit_test(mbdb_records_are_read_back),
        cmocka_unit_test(an_mbdb_record_has_its_values_at_their_places),
        cmocka_unit_test(mbdb_names_where_it_is_cut_and_goes_on_behind_damage),
        cmocka_unit_test(an_object_table_outside_of_the_list_is_refused),
    };
    return cmocka_run_group_tests_name("format/mbfile", tests, NULL, NULL);
}
