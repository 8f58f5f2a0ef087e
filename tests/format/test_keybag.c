/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "format/keybag.h"
#include "support/test.h"

#define HEAD                                                                                                           \
    "VERS\0\0\0\4\0\0\0\3TYPE\0\0\0\4\0\0\0\1UUID\0\0\0\x10"                                                           \
    "0123456789abcdef"                                                                                                 \
    "SALT\0\0\0\x14"                                                                                                   \
    "0123456789abcdefghij"                                                                                             \
    "ITER\0\0\0\4\0\0\x27\x10"
#define CLASS3                                                                                                         \
    "UUID\0\0\0\x10"                                                                                                   \
    "fedcba9876543210"                                                                                                 \
    "CLAS\0\0\0\4\0\0\0\3WRAP\0\0\0\4\0\0\0\2KTYP\0\0\0\4\0\0\0\0"                                                     \
    "WPKY\0\0\0\x28"                                                                                                   \
    "0123456789012345678901234567890123456789"

static void header_and_classes_are_read(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_keybag bag;
    assert_fine(rv_keybag_parse(RV_SPAN_TEXT(HEAD CLASS3), &bag, &err));
    assert_int_equal(bag.version, 3);
    assert_int_equal(bag.rounds, 10000);
    assert_int_equal(bag.salt.len, 20);
    assert_int_equal(bag.double_salt.len, 0);
    assert_int_equal(bag.count, 1);
    assert_int_equal(bag.classes[0].number, 3);
    assert_int_equal(bag.classes[0].wrap, RV_KEYBAG_WRAP_PASSWORD);
    assert_memory_equal(bag.classes[0].wrapped, "0123456789", 10);
}

static void the_offset_of_a_cut_is_named(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_keybag bag = { .version = 77 };
    assert_false(rv_keybag_parse(RV_SPAN_TEXT("SALT\0\0\0\x14"
                                              "0123456789abcdefghij"
                                              "ITER\0\0\0\4\0\0"),
                                 &bag, &err));
    assert_int_equal(err.code, RV_E_FORMAT);
    assert_true(test_error_says(&err, "at byte 28 of 38"));
    assert_int_equal(bag.version, 77);
}

static void a_length_that_lies_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_keybag bag;
    assert_false(rv_keybag_parse(RV_SPAN_TEXT("VERS\xff\xff\xff\xff\0\0\0\3"), &bag, &err));
    assert_false(rv_keybag_parse(RV_SPAN_TEXT("VERS\0\0\0\3\0\0\3"), &bag, &err));
    assert_true(test_error_says(&err, "VERS at byte 0 of a keybag has 3 bytes"));
}

static void every_prefix_is_refused_or_read(void **state)
{
    (void)state;
    static const char whole[] = HEAD CLASS3;
    for (size_t n = 0; n < sizeof whole; n++) {
        struct rv_error err = { 0 };
        struct rv_keybag bag;
        if (!rv_keybag_parse(rv_span(whole, n), &bag, &err))
            assert_true(err.depth > 0);
    }
}

static void whole_classes_before_a_cut_are_salvaged(void **state)
{
    (void)state;
    static const char cut[] = HEAD CLASS3 CLASS3;
    struct rv_keybag bag;
    assert_true(rv_keybag_salvage(rv_span(cut, sizeof cut - 20), &bag));
    assert_int_equal(bag.count, 1);
    assert_false(rv_keybag_salvage(rv_span(cut, 30), &bag));
}

static void what_is_written_reads_the_same(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_keybag bag, again;
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(4096);
    assert_fine(rv_keybag_parse(RV_SPAN_TEXT(HEAD CLASS3), &bag, &err));
    memcpy(bag.double_salt.bytes, "salt of the second", 18);
    bag.double_salt.len = 18;
    bag.double_rounds = 10000000;
    bag.has_hmac = true;
    assert_fine(rv_keybag_format(&bag, &out, &err));
    assert_fine(rv_keybag_parse(rv_buf_span(&out), &again, &err));
    assert_memory_equal(&bag, &again, sizeof bag);
}

static void the_bag_that_devices_accept_is_read(void **state)
{
    (void)state;
    char path[512];
    struct rv_error err = { 0 };
    struct rv_keybag bag;
    TEST_SHARED_OR_SKIP(path, "data/backup/keybag-empty-password.bin");
    RV_AUTO(rv_blob) bytes = rv_file_read(path, 1 << 16, &err);
    assert_non_null(bytes);
    assert_fine(rv_keybag_parse(rv_blob_span(bytes), &bag, &err));
    assert_int_equal(bag.count, 11);
    assert_int_equal(bag.rounds, 10000);
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(4096);
    assert_fine(rv_keybag_format(&bag, &out, &err));
    assert_true(rv_span_equal(rv_buf_span(&out), rv_blob_span(bytes)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_and_classes_are_read),
        cmocka_unit_test(the_offset_of_a_cut_is_named),
        cmocka_unit_test(a_length_that_lies_is_refused),
        cmocka_unit_test(every_prefix_is_refused_or_read),
        cmocka_unit_test(whole_classes_before_a_cut_are_salvaged),
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(the_bag_that_devices_accept_is_read),
    };
    return cmocka_run_group_tests_name("format/keybag", tests, NULL, NULL);
}
