/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "format/bplist.h"

#include <plist/plist.h>
#include <stdlib.h>
#include <string.h>

/* libplist writes, we read. */
static struct rv_span written(plist_t dict, char **bytes)
{
    uint32_t len = 0;
    plist_to_bin(dict, bytes, &len);
    plist_free(dict);
    assert_non_null(*bytes);
    return rv_span(*bytes, len);
}

static struct rv_bplist_value value_of(const struct rv_bplist *list, const char *key)
{
    struct rv_bplist_value top, v;
    assert_true(rv_bplist_at(list, list->top, &top));
    assert_int_equal(top.kind, RV_BPLIST_DICT);
    assert_true(rv_bplist_find(list, &top, key, &v));
    return v;
}

static void every_kind_that_libplist_writes_is_read(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    char *bytes = NULL;
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "yes", plist_new_bool(1));
    plist_dict_set_item(dict, "no", plist_new_bool(0));
    plist_dict_set_item(dict, "byte", plist_new_uint(200));
    plist_dict_set_item(dict, "long", plist_new_uint(1099511627779));
    plist_dict_set_item(dict, "half", plist_new_real(0.5));
    plist_dict_set_item(dict, "when", plist_new_date(700000000, 0));
    plist_dict_set_item(dict, "data", plist_new_data("\0\1\2", 3));
    plist_dict_set_item(dict, "text", plist_new_string("a text of more than fifteen letters"));
    plist_dict_set_item(dict, "place", plist_new_uid(300));
    plist_t row = plist_new_array();
    for (unsigned i = 0; i < 20; i++)
        plist_array_append_item(row, plist_new_uint(1000 + i));
    plist_dict_set_item(dict, "row", row);
    struct rv_bplist list;
    struct rv_bplist_value v;
    assert_works(rv_bplist_open(written(dict, &bytes), &list, &err), &err);
    v = value_of(&list, "yes");
    assert_true(v.kind == RV_BPLIST_BOOL && v.integer == 1);
    v = value_of(&list, "no");
    assert_true(v.kind == RV_BPLIST_BOOL && v.integer == 0);
    v = value_of(&list, "byte");
    assert_true(v.kind == RV_BPLIST_INTEGER && v.integer == 200);
    v = value_of(&list, "long");
    assert_true(v.kind == RV_BPLIST_INTEGER && v.integer == 1099511627779);
    assert_int_equal(value_of(&list, "half").kind, RV_BPLIST_REAL);
    assert_int_equal(value_of(&list, "when").kind, RV_BPLIST_DATE);
    v = value_of(&list, "data");
    assert_true(v.kind == RV_BPLIST_DATA && v.bytes.len == 3 && memcmp(v.bytes.ptr, "\0\1\2", 3) == 0);
    v = value_of(&list, "place");
    assert_true(v.kind == RV_BPLIST_UID && v.integer == 300);
    char text[64];
    v = value_of(&list, "text");
    assert_int_equal(rv_bplist_text(&v, text, sizeof text), 35);
    assert_string_equal(text, "a text of more than fifteen letters");
    v = value_of(&list, "row");
    assert_true(v.kind == RV_BPLIST_ARRAY && v.count == 20);
    for (unsigned i = 0; i < 20; i++) {
        struct rv_bplist_value one;
        assert_true(rv_bplist_member(&list, &v, i, &one) && one.integer == 1000 + i);
    }
    struct rv_bplist_value none;
    assert_false(rv_bplist_member(&list, &v, 20, &none));
    assert_false(rv_bplist_find(&list, &v, "yes", &none)); /* an array has no keys */
    free(bytes);
}

static void text_beyond_ascii_comes_out_as_utf8_or_not_at_all(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static const char *const texts[] = { "\u00FC",       "gr\u00FC\u00DFe", "\u07FF\u0800", "\uFFFD",
                                         "\u4F60\u597D", "\U0001F600!",     "\U0010FFFF" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *bytes = NULL, out[32];
        plist_t dict = plist_new_dict();
        plist_dict_set_item(dict, "t", plist_new_string(texts[i]));
        struct rv_bplist list;
        assert_works(rv_bplist_open(written(dict, &bytes), &list, &err), &err);
        struct rv_bplist_value v = value_of(&list, "t");
        assert_int_equal(v.kind, RV_BPLIST_UTF16);
        size_t len = strlen(texts[i]);
        assert_int_equal(rv_bplist_text(&v, out, len + 1), len);
        assert_string_equal(out, texts[i]);
        assert_int_equal(rv_bplist_text(&v, out, len), -1); /* no room for its end */
        free(bytes);
    }
    char out[16];
    const struct {
        const char *units;
        size_t len;
    } broken[] = { { "\xDC\x00\x00\x41", 4 }, /* the second half first */
                   { "\xD8\x00\x00\x41", 4 }, /* the first half alone */
                   { "\xD8\x00\xE0\x00", 4 },
                   { "\x00\x41\xD8\x00", 4 } };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct rv_bplist_value v = { .kind = RV_BPLIST_UTF16, .bytes = rv_span(broken[i].units, broken[i].len) };
        assert_int_equal(rv_bplist_text(&v, out, sizeof out), -1);
    }
}

static void a_list_that_lies_about_itself_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static const struct {
        unsigned at;
        uint8_t value;
    } lies[] = {
        { 6, 0 },  { 6, 9 },    { 7, 0 }, { 7, 9 }, /* bytes of an offset, of a reference */
        { 15, 0 }, { 15, 200 },                     /* objects */
        { 23, 3 }, { 23, 200 },                     /* the top object */
        { 24, 1 }, { 31, 250 },                     /* where the table stands */
    };
    char *bytes = NULL;
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "k", plist_new_uint(1));
    struct rv_span in = written(dict, &bytes);
    struct rv_bplist list;
    assert_works(rv_bplist_open(in, &list, &err), &err);
    assert_int_equal(list.count, 3);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        char *place = bytes + in.len - 32 + lies[i].at, was = *place;
        *place = (char)lies[i].value;
        assert_fails(rv_bplist_open(in, &list, &err), &err, RV_E_FORMAT);
        *place = was;
    }
    assert_fails(rv_bplist_open(rv_span(bytes, 39), &list, &err), &err, RV_E_FORMAT);
    free(bytes);
}

/* One object of these bytes, the table behind it. */
static bool read_alone(const char *object, size_t len, struct rv_bplist_value *out)
{
    uint8_t bytes[96] = "bplist00";
    struct rv_error err = { 0 };
    struct rv_bplist list;
    memcpy(bytes + 8, object, len);
    bytes[8 + len] = 8;
    uint8_t *trailer = bytes + 9 + len;
    trailer[6] = trailer[7] = trailer[15] = 1;
    trailer[31] = (uint8_t)(8 + len);
    assert_works(rv_bplist_open(rv_span(bytes, 9 + len + 32), &list, &err), &err);
    bool there = rv_bplist_at(&list, 0, out);
    struct rv_bplist_value none;
    assert_false(rv_bplist_at(&list, 1, &none));
    return there;
}

static void an_object_that_does_not_fit_is_none(void **state)
{
    (void)state;
    struct rv_bplist_value v;
    assert_true(read_alone("\x00", 1, &v) && v.kind == RV_BPLIST_NULL);
    assert_false(read_alone("\x07", 1, &v));
    assert_true(read_alone("\x11\x01\x02", 3, &v) && v.integer == 0x102);
    assert_false(read_alone("\x11\x01", 2, &v));
    assert_false(read_alone("\x15\x01\x01\x01", 4, &v));
    assert_true(read_alone("\x14\0\0\0\0\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", 17, &v) && v.integer == -2);
    assert_true(read_alone("\x42\x01\x02", 3, &v) && v.bytes.len == 2);
    assert_false(read_alone("\x43\x01\x02", 3, &v));
    assert_true(read_alone("\x5F\x10\x02hi", 5, &v) && v.bytes.len == 2);
    assert_true(read_alone("\x5F\x11\x00\x02hi", 6, &v) && v.bytes.len == 2);
    assert_false(read_alone("\x5F\x20\x02hi", 5, &v));
    assert_false(read_alone("\x5F\x10\x03hi", 5, &v));
    assert_false(read_alone("\x62\x00\x41\x00", 4, &v));
    assert_true(read_alone("\xA1\x00", 2, &v) && v.count == 1);
    assert_false(read_alone("\xA2\x00", 2, &v));
    assert_true(read_alone("\xD1\x00\x00", 3, &v) && v.kind == RV_BPLIST_DICT);
    assert_false(read_alone("\xD1\x00", 2, &v));
    assert_true(read_alone("\x81\x01\x02", 3, &v) && v.kind == RV_BPLIST_UID && v.integer == 0x102);
    assert_false(read_alone("\x88\0\0\0\0\0\0\0\0\0", 10, &v));
    assert_false(read_alone("\x90", 1, &v));
    assert_false(read_alone("\xF0", 1, &v));
    assert_int_equal(rv_bplist_text(&(struct rv_bplist_value){ .kind = RV_BPLIST_DATA }, (char[8]){ 0 }, 8), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_that_libplist_writes_is_read),
        cmocka_unit_test(text_beyond_ascii_comes_out_as_utf8_or_not_at_all),
        cmocka_unit_test(a_list_that_lies_about_itself_is_refused),
        cmocka_unit_test(an_object_that_does_not_fit_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
