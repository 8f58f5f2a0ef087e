/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/bytes.h"

static void a_reader_stays_bad_after_the_first_read_past_the_end(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
    struct rv_reader r = { .in = rv_span(bytes, sizeof bytes) };
    assert_int_equal(rv_read_u32be(&r), 0x01020304);
    assert_int_equal(rv_reader_left(&r), 1);
    assert_int_equal(rv_read_u16le(&r), 0);
    assert_true(r.bad);
    assert_int_equal(rv_read_u8(&r), 0);
    assert_int_equal(rv_reader_left(&r), 0);
}

static void a_lying_length_reads_nothing(void **state)
{
    (void)state;
    static const uint8_t bytes[8] = { 0 };
    static const uint64_t lies[] = { 9, UINT32_MAX, UINT64_MAX, (uint64_t)SIZE_MAX, UINT64_MAX - 3 };
    for (size_t i = 0; i < RV_COUNT(lies); i++) {
        struct rv_reader r = { .in = rv_span(bytes, sizeof bytes), .at = 4 };
        struct rv_span got = rv_read_span(&r, lies[i]);
        assert_true(r.bad && got.len == 0 && got.ptr == NULL);
    }
}

static void numbers_come_back_in_both_orders(void **state)
{
    (void)state;
    uint8_t b[8] = { 0 };
    struct rv_reader r = { .in = rv_span(b, 8) };
    rv_put_u64le(b, 0x1122334455667788);
    assert_int_equal(b[0], 0x88);
    assert_true(rv_read_u64le(&r) == 0x1122334455667788);
    rv_put_u64be(b, 0x1122334455667788);
    r.at = 0;
    assert_int_equal(b[0], 0x11);
    assert_true(rv_read_u64be(&r) == 0x1122334455667788);
    rv_put_u16le(b, 0x0102);
    rv_put_u16be(b + 2, 0x0102);
    rv_put_u32le(b + 4, 0x01020304);
    r.at = 0;
    assert_int_equal(rv_read_u16le(&r), 0x0102);
    assert_int_equal(rv_read_u16be(&r), 0x0102);
    assert_int_equal(rv_read_u32le(&r), 0x01020304);
    rv_put_u32be(b, 0xFF000001);
    r.at = 0;
    assert_true(rv_read_u32be(&r) == 0xFF000001);
    assert_false(r.bad);
}

static void a_part_lies_inside_or_is_nothing(void **state)
{
    (void)state;
    struct rv_span in = RV_SPAN_TEXT("abcdef");
    assert_true(rv_span_equal(rv_span_part(in, 2, 3), RV_SPAN_TEXT("cde")));
    assert_int_equal(rv_span_part(in, 6, 0).len, 0);
    assert_null(rv_span_part(in, 7, 0).ptr);
    assert_null(rv_span_part(in, 2, 5).ptr);
    assert_null(rv_span_part(in, 2, SIZE_MAX).ptr);
    assert_false(rv_span_equal(in, rv_span_part(in, 0, 5)));
}

static void a_buffer_refuses_to_grow_past_its_cap_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_buf buf = RV_BUF(1000);
    char block[600] = "";
    memset(block, 'a', sizeof block);
    assert_works(rv_buf_add(&buf, rv_span(block, sizeof block), &err), &err);
    assert_fails(rv_buf_add(&buf, rv_span(block, sizeof block), &err), &err, RV_E_LIMIT);
    assert_int_equal(buf.len, 600);
    assert_fails(rv_buf_reserve(&buf, SIZE_MAX, &err) != NULL, &err, RV_E_LIMIT);
    assert_works(rv_buf_add(&buf, rv_span(block, 400), &err), &err);
    assert_int_equal(buf.len, 1000);
    assert_true(buf.room <= buf.cap);
    rv_buf_drop(&buf, 999);
    assert_int_equal(buf.len, 1);
    rv_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
}

static void formatted_text_is_added_whole_or_not_at_all(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_buf buf = RV_BUF(16);
    assert_works(rv_buf_add_format(&buf, &err, "%d-%s", 12, "ab"), &err);
    assert_works(rv_buf_add_text(&buf, "!", &err), &err);
    assert_true(rv_span_equal(rv_buf_span(&buf), RV_SPAN_TEXT("12-ab!")));
    assert_fails(rv_buf_add_format(&buf, &err, "%s", "eleven chars"), &err, RV_E_LIMIT);
    assert_int_equal(buf.len, 6);
    rv_buf_clear(&buf);
}

static void memory_that_is_out_is_an_error_and_no_crash(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    for (unsigned long nth = 1; nth <= 2; nth++) {
        rv_alloc_fail_at(nth);
        assert_fails(rv_blob_copy(RV_SPAN_TEXT("abc"), &err) != NULL, &err, RV_E_NOMEM);
    }
    struct rv_buf buf = RV_BUF(100);
    rv_alloc_fail_at(1);
    assert_fails(rv_buf_add_text(&buf, "x", &err), &err, RV_E_NOMEM);
    rv_alloc_fail_at(0);
    assert_int_equal(buf.len, 0);
    rv_buf_clear(&buf);
}

static void an_array_whose_size_overflows_is_not_allocated(void **state)
{
    (void)state;
    assert_null(rv_alloc_array(SIZE_MAX / 2, 3));
    assert_null(rv_realloc_array(NULL, SIZE_MAX / 4, 5));
    assert_null(rv_text_copy(NULL));
    RV_AUTO_TEXT part = rv_text_copy_n("abcdef", 3);
    assert_string_equal(part, "abc");
}

static void an_owner_is_freed_once_and_may_be_stolen(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_blob *kept = NULL;
    {
        RV_AUTO(rv_blob) local = rv_blob_copy(RV_SPAN_TEXT("kept"), &err);
        kept = rv_steal(&local);
        assert_null(local);
    }
    assert_true(rv_span_equal(rv_blob_span(kept), RV_SPAN_TEXT("kept")));
    rv_blob_free(kept);
    rv_blob_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_stays_bad_after_the_first_read_past_the_end),
        cmocka_unit_test(a_lying_length_reads_nothing),
        cmocka_unit_test(numbers_come_back_in_both_orders),
        cmocka_unit_test(a_part_lies_inside_or_is_nothing),
        cmocka_unit_test(a_buffer_refuses_to_grow_past_its_cap_and_keeps_what_it_has),
        cmocka_unit_test(formatted_text_is_added_whole_or_not_at_all),
        cmocka_unit_test(memory_that_is_out_is_an_error_and_no_crash),
        cmocka_unit_test(an_array_whose_size_overflows_is_not_allocated),
        cmocka_unit_test(an_owner_is_freed_once_and_may_be_stolen),
    };
    return cmocka_run_group_tests_name("base/bytes", tests, NULL, NULL);
}
