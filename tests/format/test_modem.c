/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures into modem images: mbn, ELF, fls, ftab; all fixtures are made here. */
#include "support/test.h"

#include "format/fls.h"
#include "format/ftab.h"
#include "format/mbn.h"

static struct rv_blob *filled(size_t len)
{
    struct rv_error err = { 0 };
    struct rv_blob *b = rv_blob_new(len, &err);
    memset(b->data, 0x11, len);
    return b;
}

static void check_stitch(struct rv_blob *image)
{
    struct rv_error err = { 0 };
    assert_fine(rv_mbn_stitch(image, RV_SPAN_TEXT("SIGNATURE"), &err));
    assert_memory_equal(image->data + image->len - 9, "SIGNATURE", 9);
    assert_int_equal(image->data[image->len - 10], 0x11);
}

static void put_elf(struct rv_blob *b, bool wide, uint64_t at, uint64_t size)
{
    size_t head = wide ? 64 : 52, entry = wide ? 56 : 32;
    memset(b->data, 0, head + 2 * entry);
    memcpy(b->data,
           "\x7f"
           "ELF",
           4);
    b->data[4] = wide ? 2 : 1;
    if (wide) {
        rv_put_u64le(b->data + 32, head);
        rv_put_u16le(b->data + 54, 56);
        rv_put_u16le(b->data + 56, 2);
        rv_put_u64le(b->data + head + 56 + 8, at);
        rv_put_u64le(b->data + head + 56 + 32, size);
    } else {
        rv_put_u32le(b->data + 28, (uint32_t)head);
        rv_put_u16le(b->data + 42, 32);
        rv_put_u16le(b->data + 44, 2);
        rv_put_u32le(b->data + head + 32 + 4, (uint32_t)at);
        rv_put_u32le(b->data + head + 32 + 16, (uint32_t)size);
    }
}

static void every_kind_of_image_gets_its_signature_at_its_end(void **state)
{
    (void)state;
    RV_AUTO(rv_blob)
    v1 = filled(300), *v2 = filled(300), *bin = filled(300), *elf32 = filled(500), *elf64 = filled(500);
    rv_put_u32le(v1->data, 10);
    rv_put_u32le(v1->data + 16, 260);
    check_stitch(v1);
    memcpy(v2->data, "\xD1\xDC\x4B\x84\x34\x10\xD7\x73", 8);
    rv_put_u32le(v2->data + 28, 220);
    check_stitch(v2);
    memcpy(bin->data + 1, "\x04\x00\xEA\x6C\x69\x48\x55", 7);
    rv_put_u32le(bin->data + 16, 300);
    check_stitch(bin);
    put_elf(elf32, false, 200, 300);
    check_stitch(elf32);
    put_elf(elf64, true, 200, 300);
    check_stitch(elf64);
}

static void an_image_that_lies_about_its_size_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) v1 = filled(300), *elf = filled(500), *odd = filled(100), *empty = filled(0);
    rv_put_u32le(v1->data, 10);
    rv_put_u32le(v1->data + 16, 261);
    assert_false(rv_mbn_stitch(v1, RV_SPAN_TEXT("S"), &err));
    assert_true(test_error_says(&err, "says 301 bytes, it has 300"));
    rv_put_u32le(v1->data + 16, 0xFFFFFFFF);
    assert_false(rv_mbn_stitch(v1, RV_SPAN_TEXT("S"), &err));
    put_elf(elf, true, 200, UINT64_MAX);
    assert_false(rv_mbn_stitch(elf, RV_SPAN_TEXT("S"), &err));
    put_elf(elf, true, 200, 300);
    rv_put_u64le(elf->data + 32, UINT64_MAX - 3);
    assert_false(rv_mbn_stitch(elf, RV_SPAN_TEXT("S"), &err));
    assert_false(rv_mbn_stitch(odd, RV_SPAN_TEXT("S"), &err));
    assert_int_equal(err.code, RV_E_FORMAT);
    assert_false(rv_mbn_stitch(empty, RV_SPAN_TEXT("S"), &err));
    rv_put_u32le(v1->data + 16, 260);
    RV_AUTO(rv_blob) large = filled(301);
    assert_false(rv_mbn_stitch(v1, rv_blob_span(large), &err));
}

static void refused_for_its_segments(struct rv_blob *elf)
{
    struct rv_error err = { 0 };
    assert_false(rv_mbn_stitch(elf, RV_SPAN_TEXT("S"), &err));
    assert_true(test_error_says(&err, "segments do not fit"));
}

static void an_elf_file_without_a_table_of_segments_that_fits_is_refused(void **state)
{
    (void)state;
    RV_AUTO(rv_blob) elf = filled(500), *most = filled(64 + 1024 * 56 + 100);
    put_elf(elf, true, 200, 300);
    rv_put_u16le(elf->data + 56, 0);
    refused_for_its_segments(elf);
    put_elf(elf, true, 200, 300);
    rv_put_u16le(elf->data + 54, 55); /* an entry shorter than its fields */
    refused_for_its_segments(elf);
    put_elf(elf, true, 200, 300);
    rv_put_u16le(elf->data + 56, 8); /* 64 + 8 * 56 is beyond 500 */
    refused_for_its_segments(elf);
    put_elf(elf, false, 200, 300);
    rv_put_u16le(elf->data + 42, 31);
    refused_for_its_segments(elf);
    memset(most->data + 64, 0, 1024 * 56);
    put_elf(most, true, 64 + 1024 * 56, 100);
    rv_put_u16le(most->data + 56, 1024);
    check_stitch(most);
    rv_put_u16le(most->data + 56, 1025);
    refused_for_its_segments(most);
}

static void the_segment_that_begins_last_ends_the_file_wherever_it_is_listed(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) elf = filled(500);
    put_elf(elf, true, 200, 100);
    rv_put_u64le(elf->data + 64 + 8, 300); /* the first of the two entries */
    rv_put_u64le(elf->data + 64 + 32, 200);
    check_stitch(elf);
    rv_put_u64le(elf->data + 64 + 32, 199);
    assert_false(rv_mbn_stitch(elf, RV_SPAN_TEXT("S"), &err));
    assert_true(test_error_says(&err, "says 499 bytes, it has 500"));
}

/* header + common 8, qti 0, oem 8, hashes 16, qti signature 4 + certificates 4, oem signature 6 + certificates 10 */
static void put_v7(uint8_t *to, uint8_t fill, bool with_qti)
{
    static const uint32_t sizes[] = { 8, 0, 8, 16, 4, 4, 6, 10 };
    memset(to, 0, 8);
    rv_put_u32le(to + 4, 7);
    for (size_t i = 0; i < 8; i++)
        rv_put_u32le(to + 8 + 4 * i, !with_qti && (i == 4 || i == 5) ? 0 : sizes[i]);
    memset(to + 40, fill, 32);
    memset(to + 72, with_qti ? 0x77 : fill, with_qti ? 8 : 16);
    if (with_qti)
        memset(to + 80, fill, 16);
}

static void the_newest_modem_keeps_its_middle_part(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) elf = filled(600), *blob = filled(40 + 32 + 16);
    put_elf(elf, true, 400, 200);
    put_v7(elf->data + 400, 0xAA, true);
    put_v7(blob->data, 0xBB, false);
    assert_fine(rv_mbn_stitch_v7(elf, rv_blob_span(blob), &err));
    assert_memory_equal(elf->data + 400, blob->data, 72);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(elf->data[400 + 72 + i], 0x77);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(elf->data[400 + 80 + i], 0xBB);
    assert_int_equal(elf->data[400 + 96], 0x11);
}

static void the_newest_modem_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) elf = filled(600), *blob = filled(88);
    put_elf(elf, true, 400, 200);
    put_v7(elf->data + 400, 0xAA, true);
    put_v7(blob->data, 0xBB, false);
    assert_false(rv_mbn_stitch_v7(elf, rv_span(blob->data, 39), &err));
    assert_false(rv_mbn_stitch_v7(elf, rv_span(blob->data, 87), &err));
    rv_put_u32le(blob->data + 8, 0xFFFFFFFF);
    assert_false(rv_mbn_stitch_v7(elf, rv_blob_span(blob), &err));
    put_v7(blob->data, 0xBB, false);
    rv_put_u32le(elf->data + 404, 6);
    assert_false(rv_mbn_stitch_v7(elf, rv_blob_span(blob), &err));
    assert_true(test_error_says(&err, "no hash table of version 7"));
}

/* ---- fls ---- */

static struct rv_blob *make_fls(uint32_t signature_len)
{
    /* an other element of 20, the security element, a 0x10 element of 30 */
    uint32_t data = 32 + signature_len, security = 40 + data;
    struct rv_blob *b = filled(20 + security + 30);
    rv_put_u32le(b->data, 2);
    rv_put_u32le(b->data + 4, 20);
    uint8_t *s = b->data + 20;
    rv_put_u32le(s, 0x0C);
    rv_put_u32le(s + 4, security);
    rv_put_u32le(s + 28, data);
    rv_put_u32le(s + 36, 60);
    rv_put_u32le(s + 40 + 16, data);
    rv_put_u32le(s + 40 + 20, 32);
    memset(s + 40 + 32, 'o', signature_len);
    uint8_t *t = s + security;
    rv_put_u32le(t, 0x10);
    rv_put_u32le(t + 4, 30);
    rv_put_u32le(t + 12, 6);
    rv_put_u32le(t + 20, 20 + security + 24);
    return b;
}

static uint32_t u32(const struct rv_blob *b, size_t at)
{
    struct rv_reader r = { .in = rv_blob_span(b), .at = at };
    return rv_read_u32le(&r);
}

static void an_fls_takes_a_signature_of_another_length(void **state)
{
    (void)state;
    static const size_t lengths[] = { 3, 16, 40 };
    for (size_t i = 0; i < RV_COUNT(lengths); i++) {
        struct rv_error err = { 0 };
        RV_AUTO(rv_blob) old = make_fls(16), *blob = filled(lengths[i]);
        memset(blob->data, 'N', blob->len);
        RV_AUTO(rv_blob) new = rv_fls_sign(rv_blob_span(old), rv_blob_span(blob), &err);
        assert_fine(new != NULL);
        uint32_t data = 32 + (uint32_t)lengths[i], security = 40 + data;
        assert_int_equal(new->len, 20 + security + 30);
        assert_int_equal(u32(new, 24), security);
        assert_int_equal(u32(new, 20 + 28), data);
        assert_int_equal(u32(new, 20 + 40 + 16), data);
        assert_int_equal(u32(new, 20 + security), 0x10);
        assert_int_equal(u32(new, 20 + security + 20), 20 + security + 24);
        assert_memory_equal(new->data + 60 + 32, blob->data, blob->len);
        /* and signed with the old length again it is the old file */
        RV_AUTO(rv_blob) back = rv_fls_sign(rv_blob_span(new), RV_SPAN_TEXT("oooooooooooooooo"), &err);
        assert_fine(back != NULL);
        assert_true(rv_span_equal(rv_blob_span(back), rv_blob_span(old)));
    }
}

static void an_fls_takes_a_ticket_padded_to_four_bytes(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) old = make_fls(16);
    RV_AUTO(rv_blob) new = rv_fls_insert_ticket(rv_blob_span(old), RV_SPAN_TEXT("ticket"), &err);
    assert_fine(new != NULL);
    assert_int_equal(new->len, old->len + 8);
    assert_memory_equal(new->data + 60, "ticket\xFF\xFF", 8);
    assert_memory_equal(new->data + 68, old->data + 60, 48);
    assert_int_equal(u32(new, 24), u32(old, 24) + 8);
    assert_null(rv_fls_insert_ticket(rv_blob_span(old), rv_span("", 0), &err));
}

static void an_fls_that_lies_is_refused_at_every_cut(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) good = make_fls(16);
    for (size_t n = 0; n < good->len; n++) {
        RV_AUTO(rv_blob) cut = rv_blob_copy(rv_span(good->data, n), &err);
        RV_AUTO(rv_blob) out = rv_fls_sign(rv_blob_span(cut), RV_SPAN_TEXT("x"), &err);
        assert_true(out != NULL || err.depth > 0);
    }
    RV_AUTO(rv_blob) zero = make_fls(16), *inner = make_fls(16);
    rv_put_u32le(zero->data + 4, 0); /* would be walked for ever */
    assert_null(rv_fls_sign(rv_blob_span(zero), RV_SPAN_TEXT("x"), &err));
    rv_put_u32le(inner->data + 60 + 20, 49);
    assert_null(rv_fls_sign(rv_blob_span(inner), RV_SPAN_TEXT("x"), &err));
    assert_true(test_error_says(&err, "do not agree"));
}

/* ---- ftab ---- */

static struct rv_blob *make_ftab(void)
{
    struct rv_error err = { 0 };
    struct rv_blob *b = rv_blob_new(48 + 32 + 10, &err);
    rv_put_u32le(b->data, 1);
    rv_put_u32le(b->data + 4, 0xFFFFFFFF);
    memcpy(b->data + 32, "rkosftab", 8);
    rv_put_u32le(b->data + 40, 2);
    memcpy(b->data + 48, "rkos", 4);
    rv_put_u32le(b->data + 52, 80);
    rv_put_u32le(b->data + 56, 4);
    memcpy(b->data + 64, "sbd1", 4);
    rv_put_u32le(b->data + 68, 84);
    rv_put_u32le(b->data + 72, 6);
    memcpy(b->data + 80, "AAAABBBBBB", 10);
    return b;
}

static void an_ftab_gains_an_entry_and_keeps_the_others(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_span part;
    RV_AUTO(rv_blob) old = make_ftab();
    RV_AUTO(rv_blob) new = rv_ftab_with(rv_blob_span(old), "rrko", RV_SPAN_TEXT("restore"), &err);
    assert_fine(new != NULL);
    assert_fine(rv_ftab_check(rv_blob_span(new), &err));
    assert_true(rv_ftab_find(rv_blob_span(new), "rrko", &part) && rv_span_equal(part, RV_SPAN_TEXT("restore")));
    assert_true(rv_ftab_find(rv_blob_span(new), "rkos", &part) && rv_span_equal(part, RV_SPAN_TEXT("AAAA")));
    assert_true(rv_ftab_find(rv_blob_span(new), "sbd1", &part) && rv_span_equal(part, RV_SPAN_TEXT("BBBBBB")));
    assert_false(rv_ftab_find(rv_blob_span(old), "rrko", &part));
    RV_AUTO(rv_blob) again = rv_ftab_with(rv_blob_span(new), "rrko", RV_SPAN_TEXT("x"), &err);
    assert_int_equal(again->len, new->len - 6);
    assert_memory_equal(again->data + 32, "rkosftab", 8);
}

static void an_ftab_whose_entries_lie_outside_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_span part;
    RV_AUTO(rv_blob) b = make_ftab();
    rv_put_u32le(b->data + 72, 7);
    assert_false(rv_ftab_check(rv_blob_span(b), &err));
    assert_false(rv_ftab_find(rv_blob_span(b), "rkos", &part));
    rv_put_u32le(b->data + 72, 6);
    rv_put_u32le(b->data + 40, 0x10000001);
    assert_false(rv_ftab_check(rv_blob_span(b), &err));
    assert_false(rv_ftab_check(rv_span(b->data, 47), &err));
    assert_null(rv_ftab_with(rv_span(b->data, 60), "rrko", RV_SPAN_TEXT("x"), &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_image_gets_its_signature_at_its_end),
        cmocka_unit_test(an_image_that_lies_about_its_size_is_refused),
        cmocka_unit_test(an_elf_file_without_a_table_of_segments_that_fits_is_refused),
        cmocka_unit_test(the_segment_that_begins_last_ends_the_file_wherever_it_is_listed),
        cmocka_unit_test(the_newest_modem_keeps_its_middle_part),
        cmocka_unit_test(the_newest_modem_refuses_what_does_not_fit),
        cmocka_unit_test(an_fls_takes_a_signature_of_another_length),
        cmocka_unit_test(an_fls_takes_a_ticket_padded_to_four_bytes),
        cmocka_unit_test(an_fls_that_lies_is_refused_at_every_cut),
        cmocka_unit_test(an_ftab_gains_an_entry_and_keeps_the_others),
        cmocka_unit_test(an_ftab_whose_entries_lie_outside_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("format/modem", tests, NULL, NULL);
}
