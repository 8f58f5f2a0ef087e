/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "format/der.h"

static void private_tags_are_written_as_in_real_tickets(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t bytes[6];
    } known[] = { { "MANB", { 0xFF, 0x84, 0xEA, 0x85, 0x9C, 0x42 } },
                  { "BNCH", { 0xFF, 0x84, 0x92, 0xB9, 0x86, 0x48 } },
                  { "BNCN", { 0xFF, 0x84, 0x92, 0xB9, 0x86, 0x4E } } };
    for (size_t i = 0; i < RV_COUNT(known); i++) {
        struct rv_error err = { 0 };
        struct rv_buf out = RV_BUF(64);
        struct rv_der back;
        assert_fine(rv_der_put(&out, RV_DER_PRIVATE, true, rv_der_4cc(known[i].name), rv_span("", 0), &err));
        assert_int_equal(out.len, 7);
        assert_memory_equal(out.data, known[i].bytes, 6);
        struct rv_reader r = { .in = rv_buf_span(&out) };
        assert_fine(rv_der_next(&r, &back, &err));
        assert_int_equal(back.tag, rv_der_4cc(known[i].name));
        assert_true(rv_der_is(&back, RV_DER_PRIVATE, rv_der_4cc(known[i].name)));
        rv_buf_clear(&out);
    }
    assert_int_equal(rv_der_4cc("abc"), 0);
    assert_int_equal(rv_der_4cc("abcde"), 0);
    assert_int_equal(rv_der_4cc(NULL), 0);
}

static void numbers_come_back_as_they_went_and_are_as_short_as_can_be(void **state)
{
    (void)state;
    static const struct {
        uint64_t v;
        size_t len;
    } cases[] = { { 0, 1 },
                  { 1, 1 },
                  { 127, 1 },
                  { 128, 2 },
                  { 255, 2 },
                  { 256, 2 },
                  { 32767, 2 },
                  { 32768, 3 },
                  { UINT64_C(0x7FFFFFFFFFFFFFFF), 8 },
                  { UINT64_C(0x8000000000000000), 9 },
                  { UINT64_MAX, 9 } };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        struct rv_error err = { 0 };
        struct rv_buf out = RV_BUF(64);
        struct rv_der back;
        uint64_t v = 1;
        assert_fine(rv_der_put_uint(&out, cases[i].v, &err));
        struct rv_reader r = { .in = rv_buf_span(&out) };
        assert_fine(rv_der_next(&r, &back, &err));
        assert_int_equal(back.body.len, cases[i].len);
        assert_true(rv_der_uint(&back, &v));
        assert_true(v == cases[i].v);
        rv_buf_clear(&out);
    }
}

static bool read_uint(const char *bytes, size_t len, uint64_t *v)
{
    struct rv_error err = { 0 };
    struct rv_reader r = { .in = rv_span(bytes, len) };
    struct rv_der e;
    return rv_der_next(&r, &e, &err) && rv_der_uint(&e, v);
}

static void sloppy_numbers_of_real_tickets_are_read(void **state)
{
    (void)state;
    uint64_t v = 0;
    assert_true(read_uint("\x02\x03\x00\x00\x05", 5, &v) && v == 5);
    assert_true(read_uint("\x02\x81\x01\x05", 4, &v) && v == 5); /* length longer than need be */
    assert_true(read_uint("\x02\x84\x00\x00\x00\x01\x05", 7, &v) && v == 5);
    assert_false(read_uint("\x02\x00", 2, &v));                                      /* no byte at all */
    assert_false(read_uint("\x02\x01\xFF", 3, &v));                                  /* negative */
    assert_false(read_uint("\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00", 11, &v)); /* 65 bits */
    assert_false(read_uint("\x04\x01\x05", 3, &v));
}

static void lies_about_lengths_are_refused_with_their_offset(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *words;
    } cases[] = {
        { "", 0, "missing at offset 0" },
        { "\x30", 1, "cut short" },
        { "\x30\x05\x01", 3, "says 5 bytes, 1 are there" },
        { "\x30\x80\x00\x00", 4, "unusable" }, /* indefinite */
        { "\x30\x84\xFF\xFF\xFF\xFF\x00", 7, "says 4294967295 bytes" },
        { "\x30\x88\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00", 11, "bytes, 1 are there" },
        { "\x30\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01", 11, "unusable" },
        { "\xFF\x84\xEA\x85", 4, "tag" },
        { "\xFF\x90\x80\x80\x80\x00\x00", 7, "tag" },     /* 33 bits */
        { "\xFF\x84\x80\x80\x80\x80\x80\x00", 8, "tag" }, /* too many groups */
    };
    for (size_t i = 0; i < RV_COUNT(cases); i++) {
        struct rv_error err = { 0 };
        struct rv_reader r = { .in = rv_span(cases[i].bytes, cases[i].len) };
        struct rv_der e = { .tag = 99 };
        assert_false(rv_der_next(&r, &e, &err));
        assert_int_equal(err.code, RV_E_FORMAT);
        assert_true(test_error_says(&err, cases[i].words));
        assert_int_equal(e.tag, 99);
        assert_int_equal(r.at, 0);
    }
}

static void lengths_change_their_form_where_they_must(void **state)
{
    (void)state;
    static const size_t lengths[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, 1000000 };
    for (size_t i = 0; i < RV_COUNT(lengths); i++) {
        struct rv_error err = { 0 };
        struct rv_buf out = RV_BUF(2000000);
        struct rv_der e;
        RV_AUTO(rv_blob) body = rv_blob_new(lengths[i], &err);
        assert_fine(rv_der_put_octets(&out, rv_blob_span(body), &err));
        assert_int_equal(out.len, rv_der_header_size(RV_DER_OCTETS, lengths[i]) + lengths[i]);
        struct rv_reader r = { .in = rv_buf_span(&out) };
        assert_fine(rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_OCTETS, "octets", &e, &err));
        assert_int_equal(e.body.len, lengths[i]);
        assert_int_equal(r.at, out.len);
        rv_buf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_tags_are_written_as_in_real_tickets),
        cmocka_unit_test(numbers_come_back_as_they_went_and_are_as_short_as_can_be),
        cmocka_unit_test(sloppy_numbers_of_real_tickets_are_read),
        cmocka_unit_test(lies_about_lengths_are_refused_with_their_offset),
        cmocka_unit_test(lengths_change_their_form_where_they_must),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("format/der", tests, NULL, NULL);
}
