/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "format/plist.h"
#include "format/plist_shape.h"

static plist_t parse(const char *text, struct rv_error *err)
{
    return rv_plist_parse(rv_span(text, strlen(text)), err);
}

static void getters_give_their_default_for_everything_else(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint64_t u = 0;
    int64_t i = 0;
    RV_AUTO_PLIST p = parse("<?xml version=\"1.0\"?><!DOCTYPE plist PUBLIC \"a\" \"b\"><plist version=\"1.0\"><dict>"
                            "<key>n</key><integer>7</integer><key>m</key><integer>-1</integer>"
                            "<key>t</key><string>0x8015</string><key>e</key><data></data><key>d</key><data>AAEC</data>"
                            "<key>y</key><true/><key>a</key><array><string>x</string></array>"
                            "<key>k</key><dict><key>z</key><false/></dict></dict></plist>",
                            &err);
    assert_fine(p != NULL);
    assert_true(rv_plist_uint(p, "n", &u) && u == 7);
    assert_true(rv_plist_int(p, "m", &i) && i == -1);
    assert_true(rv_plist_number(p, "t", &u) && u == 0x8015);
    assert_true(rv_plist_number(p, "n", &u) && u == 7);
    assert_false(rv_plist_uint(p, "t", &u));
    assert_false(rv_plist_number(p, "d", &u));
    assert_string_equal(rv_plist_text(p, "t"), "0x8015");
    assert_null(rv_plist_text(p, "n"));
    assert_true(rv_plist_data(p, "e").ptr != NULL && rv_plist_data(p, "e").len == 0);
    assert_int_equal(rv_plist_data(p, "d").len, 3);
    assert_null(rv_plist_data(p, "t").ptr);
    assert_true(rv_plist_bool(p, "y", false));
    assert_true(rv_plist_bool(p, "n", true));
    assert_false(rv_plist_bool(rv_plist_dict(p, "k"), "z", true));
    assert_non_null(rv_plist_array(p, "a"));
    assert_null(rv_plist_dict(p, "a"));
    assert_null(rv_plist_array(p, "k"));
    assert_null(rv_plist_node(NULL, "a"));
    assert_null(rv_plist_node(rv_plist_array(p, "a"), "a"));
    assert_null(rv_plist_text(NULL, "a"));
}

static void walking_gives_every_key_in_order_and_frees_when_left_early(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_PLIST p =
        parse("<plist><dict><key>c</key><true/><key>a</key><true/><key>b</key><true/></dict></plist>", &err);
    char seen[8] = "";
    RV_AUTO_CLEAR(rv_plist_walk) w = { .dict = p };
    while (rv_plist_walk(&w))
        strncat(seen, w.key, 2);
    assert_string_equal(seen, "cab");
    RV_AUTO_CLEAR(rv_plist_walk) early = { .dict = p };
    assert_true(rv_plist_walk(&early));
    RV_AUTO_CLEAR(rv_plist_walk) none = { .dict = NULL };
    assert_false(rv_plist_walk(&none));
}

static char *nested(unsigned depth)
{
    struct rv_error err = { 0 };
    struct rv_buf text = RV_BUF(64 << 20);
    assert_fine(rv_buf_add_text(&text, "<plist>", &err));
    for (unsigned i = 0; i < 2 * depth; i++)
        assert_fine(rv_buf_add_text(&text, i < depth ? "<array>" : "</array>", &err));
    assert_fine(rv_buf_add(&text, rv_span("</plist>", 9), &err));
    return (char *)text.data;
}

static void xml_that_nests_too_deep_is_refused_before_it_is_built(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    char *fine = nested(RV_PLIST_DEPTH_MAX - 1), *deep = nested(RV_PLIST_DEPTH_MAX), *deepest = nested(500000);
    RV_AUTO_PLIST p = parse(fine, &err);
    assert_fine(p != NULL);
    assert_null(parse(deep, &err));
    assert_int_equal(err.code, RV_E_FORMAT);
    assert_null(parse(deepest, &err));
    rv_free(fine);
    rv_free(deep);
    rv_free(deepest);
}

static void xml_that_is_not_balanced_or_declares_entities_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "hello",
        "<plist><dict>",
        "<plist></dict></plist>",
        "<plist><dict><key>a</key></plist></dict>",
        "<plist><string>a</string></plist></plist>",
        "<!DOCTYPE plist [ <!ENTITY a \"b\"> ]><plist><string>&a;</string></plist>",
        "<plist><string>a<b</string></plist>",
        "<plist><!-- </plist>",
        "<plist><string><![CDATA[ x </string></plist>",
        "<plist><",
        "<>",
        "</>",
    };
    for (size_t i = 0; i < RV_COUNT(wrong); i++) {
        struct rv_error err = { 0 };
        plist_t p = parse(wrong[i], &err);
        if (p != NULL)
            fail_msg("accepted: %s", wrong[i]);
        assert_int_equal(err.code, RV_E_FORMAT);
    }
}

/* ---- binary ---- */

struct binary {
    uint8_t bytes[8192];
    size_t len, table[600], count;
};

static void begin(struct binary *b)
{
    *b = (struct binary){ .len = 8 };
    memcpy(b->bytes, "bplist00", 8);
}

static void object(struct binary *b, const void *bytes, size_t len)
{
    b->table[b->count++] = b->len;
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static struct rv_span finish(struct binary *b, uint64_t root)
{
    size_t table = b->len;
    for (size_t i = 0; i < b->count; i++) {
        rv_put_u16be(b->bytes + b->len, (uint16_t)b->table[i]);
        b->len += 2;
    }
    uint8_t *t = b->bytes + b->len;
    t[6] = 2;
    t[7] = 2;
    rv_put_u64be(t + 8, b->count);
    rv_put_u64be(t + 16, root);
    rv_put_u64be(t + 24, table);
    b->len += 32;
    return rv_span(b->bytes, b->len);
}

static void binary_that_unfolds_without_end_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static struct binary b;
    /* thirty arrays, each holding the next one twice: a thousand million values out of 200 bytes */
    begin(&b);
    for (unsigned i = 0; i < 30; i++) {
        uint8_t pair[5] = { 0xA2, 0, (uint8_t)(i + 1), 0, (uint8_t)(i + 1) };
        object(&b, pair, 5);
    }
    object(&b, "\x09", 1);
    assert_null(rv_plist_parse(finish(&b, 0), &err));
    assert_int_equal(err.code, RV_E_LIMIT);
    /* an array that holds itself */
    begin(&b);
    object(&b, "\xA1\x00\x00", 3);
    assert_null(rv_plist_parse(finish(&b, 0), &err));
    assert_int_equal(err.code, RV_E_FORMAT);
    /* and one that nests too deep */
    begin(&b);
    for (unsigned i = 0; i < 100; i++) {
        uint8_t one[3] = { 0xA1, 0, (uint8_t)(i + 1) };
        object(&b, one, 3);
    }
    object(&b, "\x09", 1);
    assert_null(rv_plist_parse(finish(&b, 0), &err));
    assert_true(test_error_says(&err, "deeper"));
}

static void binary_with_lies_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } objects[] = { { "\x4F\x13\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10 },
                    { "\x5F\x12\x7F\xFF\xFF\xFF", 6 },
                    { "\xAF\x12\x7F\xFF\xFF\xFF", 6 },
                    { "\xDF\x13\x80\x00\x00\x00\x00\x00\x00\x00", 10 },
                    { "\x6F\x13\x80\x00\x00\x00\x00\x00\x00\x01", 10 },
                    { "\xA1\x00\x09", 3 },
                    { "\x4F\x23", 2 } };
    for (size_t i = 0; i < RV_COUNT(objects); i++) {
        struct rv_error err = { 0 };
        static struct binary b;
        begin(&b);
        object(&b, objects[i].bytes, objects[i].len);
        assert_null(rv_plist_parse(finish(&b, 0), &err));
        assert_int_equal(err.code, RV_E_FORMAT);
    }
    struct rv_error err = { 0 };
    static struct binary b;
    begin(&b);
    object(&b, "\x09", 1);
    assert_null(rv_plist_parse(finish(&b, 1), &err)); /* root outside */
    assert_null(rv_plist_parse(rv_span("bplist00", 8), &err));
}

/* Found by fuzzing: libplist ends the whole program on such a key as soon as somebody walks over it. */
static void binary_whose_keys_are_no_names_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t len;
    } wrong[] = { { "\x52"
                    "a\0",
                    3 },
                  { "\x62\0a\0\0", 5 },
                  { "\x10\x01", 2 },
                  { "\x42zz", 3 } };
    for (size_t i = 0; i <= RV_COUNT(wrong); i++) {
        struct rv_error err = { 0 };
        struct binary b;
        begin(&b);
        object(&b, "\xd1\0\x01\0\x02", 5);
        object(&b, i < RV_COUNT(wrong) ? wrong[i].key : "\x52ok", i < RV_COUNT(wrong) ? wrong[i].len : 3);
        object(&b, "\x09", 1);
        RV_AUTO_PLIST p = rv_plist_parse(finish(&b, 0), &err);
        assert_int_equal(p != NULL, i == RV_COUNT(wrong));
    }
}

static void what_is_written_comes_back(void **state)
{
    (void)state;
    for (unsigned binary = 0; binary < 2; binary++) {
        struct rv_error err = { 0 };
        RV_AUTO_PLIST p = plist_new_dict();
        plist_dict_set_item(p, "big", plist_new_uint(UINT64_C(0x8001234567890ABC)));
        plist_dict_set_item(p, "empty", plist_new_data("", 0));
        plist_dict_set_item(p, "text", plist_new_string("a <b> & \"c\""));
        RV_AUTO(rv_blob) text = rv_plist_format(p, binary != 0, &err);
        assert_fine(text != NULL);
        RV_AUTO_PLIST back = rv_plist_parse(rv_blob_span(text), &err);
        assert_fine(back != NULL);
        uint64_t v = 0;
        assert_true(rv_plist_uint(back, "big", &v) && v == UINT64_C(0x8001234567890ABC));
        assert_true(rv_plist_data(back, "empty").ptr != NULL);
        assert_string_equal(rv_plist_text(back, "text"), "a <b> & \"c\"");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(getters_give_their_default_for_everything_else),
        cmocka_unit_test(walking_gives_every_key_in_order_and_frees_when_left_early),
        cmocka_unit_test(xml_that_nests_too_deep_is_refused_before_it_is_built),
        cmocka_unit_test(xml_that_is_not_balanced_or_declares_entities_is_refused),
        cmocka_unit_test(binary_that_unfolds_without_end_is_refused),
        cmocka_unit_test(binary_with_lies_is_refused),
        cmocka_unit_test(binary_whose_keys_are_no_names_is_refused),
        cmocka_unit_test(what_is_written_comes_back),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("format/plist", tests, NULL, NULL);
}
