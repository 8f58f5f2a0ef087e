/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/text.h"

static const char *cleaned(const char *text)
{
    static char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    rv_text_clean(copy);
    return copy;
}

static void a_number_is_the_whole_text_or_none(void **state)
{
    (void)state;
    uint64_t v = 77;
    static const char *const bad[] = { "", " 1", "-1", "+1", "1 ", "0x", "12a", "18446744073709551616", "1.5", "٣" };
    for (size_t i = 0; i < RV_COUNT(bad); i++)
        assert_false(rv_text_number(bad[i], 0, &v));
    assert_false(rv_text_number(NULL, 0, &v));
    assert_int_equal(v, 77);
    assert_true(rv_text_number("18446744073709551615", 0, &v) && v == UINT64_MAX);
    assert_true(rv_text_number("0x1A2b", 0, &v) && v == 0x1a2b);
    assert_true(rv_text_number("010", 0, &v) && v == 10);
    assert_true(rv_text_number("ff", 16, &v) && v == 255);
}

static void hex_goes_there_and_back_and_refuses_the_rest(void **state)
{
    (void)state;
    static const uint8_t bytes[] = { 0, 0xAB, 0xff };
    char text[7];
    uint8_t back[3];
    assert_string_equal(rv_text_hex(rv_span(bytes, 3), text, sizeof text), "00abff");
    assert_int_equal(rv_text_unhex("00ABff", 6, back, sizeof back), 3);
    assert_memory_equal(back, bytes, 3);
    assert_int_equal(rv_text_unhex("00a", 3, back, sizeof back), -1);
    assert_int_equal(rv_text_unhex("zz", 2, back, sizeof back), -1);
    assert_int_equal(rv_text_unhex("00112233", 8, back, sizeof back), -1);
    char small[4];
    assert_string_equal(rv_text_hex(rv_span(bytes, 3), small, sizeof small), "00");
}

static void a_hostile_name_cannot_steer_the_terminal(void **state)
{
    (void)state;
    assert_string_equal(cleaned("Anna's iPhone"), "Anna's iPhone");
    assert_string_equal(cleaned("Käthes 📱"), "Käthes 📱");
    assert_string_equal(cleaned("a\033[2Jb"), "a?[2Jb");
    assert_string_equal(cleaned("a\r\nb\tc\x7f"), "a??b?c?");
    assert_string_equal(cleaned("x\xE2\x80\xAEgpj.exe"), "x?gpj.exe"); /* U+202E, right-to-left override */
    assert_string_equal(cleaned("x\xE2\x81\xA6y\xE2\x80\x8Fz"), "x?y?z");
    assert_string_equal(cleaned("\xC2\x9B"
                                "31m"),
                        "?31m"); /* U+009B, the one-byte CSI */
}

static void broken_utf8_becomes_question_marks_and_ends(void **state)
{
    (void)state;
    assert_string_equal(cleaned("\xff\xfe"), "??");
    assert_string_equal(cleaned("a\xC3"), "a?");
    assert_string_equal(cleaned("a\xE2\x82"), "a??");
    assert_string_equal(cleaned("\xC0\xAF"), "??");           /* overlong '/' */
    assert_string_equal(cleaned("\xED\xA0\x80"), "???");      /* a surrogate */
    assert_string_equal(cleaned("\xF4\x90\x80\x80"), "????"); /* past U+10FFFF */
}

static void a_file_name_from_outside_stays_one_leaf(void **state)
{
    (void)state;
    char out[256], tiny[8];
    rv_path_safe_leaf("../../etc/passwd", out, sizeof out);
    assert_null(strchr(out, '/'));
    assert_int_not_equal(out[0], '.');
    rv_path_safe_leaf("", out, sizeof out);
    assert_string_equal(out, "_");
    rv_path_safe_leaf("..", out, sizeof out);
    assert_string_not_equal(out, "..");
    rv_path_safe_leaf("a\nb:c", out, sizeof out);
    assert_string_equal(out, "a_b_c");
    rv_path_safe_leaf("Ärger und Öl", tiny, sizeof tiny);
    assert_true(strlen(tiny) < sizeof tiny);
    char copy[8];
    memcpy(copy, tiny, sizeof copy);
    rv_text_clean(copy);
    assert_string_equal(copy, tiny); /* no half character at the end */
    char longer[1000];
    memset(longer, 'n', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    rv_path_safe_leaf(longer, out, sizeof out);
    assert_int_equal(strlen(out), 200);
}

static void a_name_cut_after_a_whole_character_keeps_it(void **state)
{
    (void)state;
    char out[8], half[8];
    rv_path_safe_leaf("abcde\xC3\x84xyz", out, sizeof out); /* seven bytes fit exactly with the two of Ä */
    assert_string_equal(out, "abcde\xC3\x84");
    rv_path_safe_leaf("abcdef\xC3\x84xyz", half, sizeof half); /* only its first byte would fit */
    assert_string_equal(half, "abcdef");
}

static void comparisons_do_not_trip_over_nothing(void **state)
{
    (void)state;
    assert_true(rv_text_equal_nocase("UDID", "udid"));
    assert_false(rv_text_equal_nocase(NULL, NULL));
    assert_false(rv_text_starts(NULL, "a"));
    assert_true(rv_text_starts("abc", "ab"));
    assert_true(rv_text_ends("x.ipsw", ".ipsw"));
    assert_false(rv_text_ends("psw", ".ipsw"));
    assert_false(rv_text_ends(NULL, "x"));
}

static void sizes_read_as_people_say_them(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(rv_text_size(0, out, sizeof out), "0 bytes");
    assert_string_equal(rv_text_size(999, out, sizeof out), "999 bytes");
    assert_string_equal(rv_text_size(1000, out, sizeof out), "1.0 KB");
    assert_string_equal(rv_text_size(3400000000, out, sizeof out), "3.4 GB");
    assert_string_equal(rv_text_size(999999, out, sizeof out), "1.0 MB");
    assert_string_equal(rv_text_size(UINT64_MAX, out, sizeof out), "18.4 EB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_the_whole_text_or_none),
        cmocka_unit_test(hex_goes_there_and_back_and_refuses_the_rest),
        cmocka_unit_test(a_hostile_name_cannot_steer_the_terminal),
        cmocka_unit_test(broken_utf8_becomes_question_marks_and_ends),
        cmocka_unit_test(a_file_name_from_outside_stays_one_leaf),
        cmocka_unit_test(a_name_cut_after_a_whole_character_keeps_it),
        cmocka_unit_test(comparisons_do_not_trip_over_nothing),
        cmocka_unit_test(sizes_read_as_people_say_them),
    };
    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
