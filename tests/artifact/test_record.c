/* SPDX-License-Identifier: Apache-2.0 */
/* What records are made of, at its limits: times, texts, cells for eyes; and how files name, fold and escape them. */
#include "support/rv_test.h"

#include "artifact/fold.h"
#include "artifact/html.h"
#include "artifact/names.h"
#include "artifact/record.h"
#include "base/mem.h"

#include <math.h>
#include <time.h>

/* ---- times ---- */

static void each_epoch_is_counted_from_its_own_beginning(void **state)
{
    static const struct {
        double raw;
        enum rv_epoch epoch;
        bool some;
        double unix_seconds;
    } rows[] = {
        { 0, RV_COCOA, false, 0 },
        { NAN, RV_COCOA, false, 0 },
        { INFINITY, RV_UNIX, false, 0 },
        { 1, RV_COCOA, true, 978307201 },
        { -1.5, RV_COCOA, true, 978307198.5 },
        { 7e8, RV_UNIX, true, 7e8 },
        { 7e11, RV_UNIX_MS, true, 7e8 },
        { 1500, RV_UNIX_MS, true, 1.5 },
        { 7e8, RV_COCOA, true, 1678307200 },
        { 7e17, RV_COCOA, true, 1678307200 }, /* nanoseconds */
        { -7e17, RV_COCOA, true, 278307200 },
        { 1e15, RV_COCOA, false, 0 }, /* not yet nanoseconds, and no date of ours */
        { 978307200, RV_COCOA_OR_UNIX, true, 1956614400 },
        { 978307201, RV_COCOA_OR_UNIX, true, 978307201 },
        { 99999999999.0, RV_UNIX, true, 99999999999.0 },
        { 1e11, RV_UNIX, false, 0 },
        { -1e11, RV_UNIX, false, 0 },
        { 1e11 - 978307200, RV_COCOA, false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        double out = 0;
        if (rv_epoch_to_unix(rows[i].raw, rows[i].epoch, &out) != rows[i].some)
            fail_msg("row %zu", i);
        if (rows[i].some && out != rows[i].unix_seconds)
            fail_msg("row %zu: %f", i, out);
    }
}

static void times_are_written_and_read_again(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } rows[] = {
        { 0, "1970-01-01T00:00:00Z" },
        { 951782399, "2000-02-28T23:59:59Z" },
        { 951782400, "2000-02-29T00:00:00Z" },
        { 951868800, "2000-03-01T00:00:00Z" },
        { 1678307200, "2023-03-08T20:26:40Z" },
        { 1678307200.5, "2023-03-08T20:26:40.500Z" },
        { 1678307200.0625, "2023-03-08T20:26:40.062Z" },
        { -1, "1969-12-31T23:59:59Z" },
        { -0.5, "1969-12-31T23:59:59.500Z" },
        { -2208988800.0, "1900-01-01T00:00:00Z" },
        { 4102444799.0, "2099-12-31T23:59:59Z" },
        { 4107542400.0, "2100-03-01T00:00:00Z" },
        { -11676096000.0, "1600-01-01T00:00:00Z" },
        { 1709164800, "2024-02-29T00:00:00Z" },
        { 1735689599, "2024-12-31T23:59:59Z" },
    };
    char text[40];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        double back = 0;
        assert_string_equal(rv_time_text(rows[i].seconds, text, sizeof text), rows[i].text);
        assert_true(rv_time_parse(rows[i].text, &back));
        assert_true(back == floor(rows[i].seconds));
    }
    assert_string_equal(rv_time_text(1e18, text, sizeof text), "");
    for (int64_t day = -200000; day < 200000; day += 97) { /* leap years of five centuries, by the system's own count */
        double back = 0;
        rv_time_text((double)day * 86400, text, sizeof text);
        assert_true(rv_time_parse(text, &back) && back == (double)day * 86400);
    }
}

static void texts_that_are_no_dates_are_refused(void **state)
{
    static const struct {
        const char *text;
        bool fine;
        double seconds;
    } rows[] = {
        { "2023-07-02", true, 1688256000 },
        { "2023-07-02T14:13:20", true, 1688307200 },
        { "2023-07-02 14:13:20Z", true, 1688307200 },
        { "2023-07-02T14:13:20.5Z", true, 1688307200 },
        { "2023-01-01", true, 1672531200 },
        { "2023-12-31", true, 1703980800 },
        { "2023-07-02X14:13:20", false, 0 },
        { "2023-07-02T14:13", false, 0 },
        { "2023-07-02T14:1x:20", false, 0 },
        { "2023-07-02T1x:13:20", false, 0 },
        { "2023-07-02T14:13:2x", false, 0 },
        { "2023-07-0", false, 0 },
        { "2023/07-02", false, 0 },
        { "2023-07/02", false, 0 },
        { "2023-00-02", false, 0 },
        { "2023-13-02", false, 0 },
        { "2023-07-00", false, 0 },
        { "2023-07-32", false, 0 },
        { "x023-07-02", false, 0 },
        { "2023-x7-02", false, 0 },
        { "2023-07-x2", false, 0 },
        { "2023-07-2:", false, 0 },
        { "", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        double out = 0;
        if (rv_time_parse(rows[i].text, &out) != rows[i].fine || (rows[i].fine && out != rows[i].seconds))
            fail_msg("'%s': %f", rows[i].text, out);
    }
}

static void check_json(json_t *object, const char *wanted)
{
    char *is = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    assert_string_equal(is, wanted);
    free(is);
    json_decref(object);
}

static void fields_are_left_out_where_there_is_nothing(void **state)
{
    json_t *r = json_object();
    (void)state;
    rv_put_time(r, "date", 7e8, RV_COCOA);
    rv_put_time(r, "read", 7e8 + 0.5, RV_COCOA);
    rv_put_time(r, "none", 0, RV_COCOA);
    rv_put_words(r, "empty", "");
    rv_put_words(r, "null", NULL);
    rv_put_words(r, "word", "w");
    rv_put_text(r, "nothing", (struct rv_span){ 0 });
    rv_put_text(r, "blank", rv_words(""));
    rv_put_flag(r, "no", false);
    rv_put_flag(r, "yes", true);
    rv_put_real(r, "endless", INFINITY);
    rv_put_real(r, "real", 2.5);
    rv_put_number(r, "number", -3);
    rv_put_bytes(r, "bytes", rv_span((const uint8_t *)"\x00\xff", 2));
    check_json(r, "{\"date\":\"2023-03-08T20:26:40Z\",\"date_raw\":700000000,\"read\":\"2023-03-08T20:26:40.500Z\","
                  "\"word\":\"w\",\"blank\":\"\",\"yes\":true,\"real\":2.5,\"number\":-3,\"bytes\":\"AP8=\"}");
    r = json_object();
    rv_put_time(r, "date", 0.5, RV_UNIX);
    check_json(r, "{\"date\":\"1970-01-01T00:00:00.500Z\",\"date_raw\":0.5}");
}

static void broken_letters_become_one_mark_each(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "ok", "ok" },
        { "\xC2\x80\xDF\xBF", "\xC2\x80\xDF\xBF" },
        { "\xC0\x80", "??" },
        { "\xC1\xBF", "??" },
        { "\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80", "\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80" },
        { "\xE0\x9F\xBF", "???" },
        { "\xED\xA0\x80", "???" },
        { "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF" },
        { "\xF0\x8F\xBF\xBF", "????" },
        { "\xF4\x90\x80\x80", "????" },
        { "\xF5\x80\x80\x80", "????" },
        { "a\xC3", "a?" },
        { "a\xE2\x82", "a??" },
        { "\xC3(", "?(" },
        { "\xE2\x28\xA1", "?(?" },
        { "\x80\xFF", "??" },
    };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        char wanted[64] = "";
        for (const char *c = rows[i].out; *c != '\0'; c++)
            snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), *c == '?' ? "\xEF\xBF\xBD" : "%c", *c);
        json_t *text = rv_text_json(rv_words(rows[i].in));
        if (strcmp(json_string_value(text), wanted) != 0)
            fail_msg("row %zu: %s", i, json_string_value(text));
        json_decref(text);
    }
    json_t *text = rv_text_json(rv_span((const uint8_t *)"a\0b", 3));
    assert_string_equal(json_string_value(text), "ab");
    json_decref(text);
}

/* ---- for eyes ---- */

static void check_cell(const char *json, const char *key, const char *wanted, const char *whole)
{
    char cell[64];
    json_t *record = json_loads(json, 0, NULL);
    assert_non_null(record);
    rv_record_cell(record, key, cell, sizeof cell);
    assert_string_equal(cell, wanted);
    char *all = rv_record_whole_cell(record, key);
    assert_string_equal(all, whole != NULL ? whole : wanted);
    rv_free(all);
    json_decref(record);
}

static void cells_show_every_kind_of_value(void **state)
{
    (void)state;
    setenv("TZ", "UTC-2", 1);
    tzset();
    check_cell("{\"a\":\"x\"}", "a", "x", NULL);
    check_cell("{\"a\":\"x\"}", "b", "", NULL);
    check_cell("{\"a\":-12}", "a", "-12", NULL);
    check_cell("{\"a\":1.5}", "a", "1.5", NULL);
    check_cell("{\"a\":1234567.125}", "a", "1234567.125", NULL);
    check_cell("{\"a\":true,\"b\":false}", "a", "yes", NULL);
    check_cell("{\"a\":true,\"b\":false}", "b", "", NULL);
    check_cell("{\"a\":[\"x\",2,true]}", "a", "x, 2, yes", NULL);
    check_cell("{\"a\":[{\"value\":\"v\",\"name\":\"n\"},{\"name\":\"n\",\"address\":\"d\"},{\"address\":\"d\"},{"
               "\"text\":\"t\"},{\"other\":1}]}",
               "a", "v, n, d, t, ", NULL);
    check_cell("{\"chat\":{\"id\":\"c\",\"deep\":{\"er\":7}}}", "chat.id", "c", NULL);
    check_cell("{\"chat\":{\"id\":\"c\"}}", "chat.name", "", NULL);
    check_cell("{\"date\":\"2023-03-08T23:26:40Z\"}", "date", "2023-03-09 01:26", "2023-03-08T23:26:40Z");
    check_cell("{\"modified\":\"2023-03-08T20:26:40Z\"}", "modified", "2023-03-08 22:26", "2023-03-08T20:26:40Z");
    check_cell("{\"created\":\"2023-03-08T20:26:40Z\"}", "created", "2023-03-08T20:26:40Z", NULL);
    check_cell("{\"date\":\"2023-03-08\"}", "date", "2023-03-08", NULL);
    check_cell("{\"date\":\"soon\"}", "date", "soon", NULL);
    check_cell("{\"a\":\"one\\ntwo\\tthree\\rfour\"}", "a", "one two three four", "one\ntwo\tthree\rfour");
    setenv("TZ", "UTC", 1);
    tzset();
}

static void a_message_without_words_is_shown_as_what_it_is(void **state)
{
    (void)state;
    check_cell("{\"text\":\"\",\"happened\":\"renamed\",\"unsent\":true}", "text", "(renamed)", "");
    check_cell("{\"unsent\":true,\"attachments\":[1]}", "text", "(unsent a message)", "");
    check_cell("{\"attachments\":[{}],\"balloon\":{\"kind\":\"link\"}}", "text", "(1 attachment)", "");
    check_cell("{\"attachments\":[{},{}]}", "text", "(2 attachments)", "");
    check_cell("{\"attachments\":[],\"balloon\":{\"kind\":\"link\"},\"undecodable\":true}", "text", "(link)", "");
    check_cell("{\"undecodable\":true}", "text", "(could not decode)", "");
    check_cell("{\"unsent\":false,\"undecodable\":false}", "text", "", "");
    check_cell("{\"title\":\"\",\"undecodable\":true}", "title", "", "");
    check_cell("{\"text\":\"words\",\"unsent\":true}", "text", "words", NULL);
}

static void cells_are_not_cut_inside_a_letter(void **state)
{
    static const struct {
        size_t room;
        const char *wanted;
    } rows[] = { { 8, "ab\xE2\x82\xAC"
                      "cd" },
                 { 7, "ab\xE2\x82\xAC"
                      "c" },
                 { 6, "ab" },
                 { 5, "ab" },
                 { 4, "ab" },
                 { 3, "ab" },
                 { 2, "a" } };
    json_t *record = json_loads("{\"a\":\"ab\xE2\x82\xAC"
                                "cd\"}",
                                0, NULL);
    char cell[16];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        rv_record_cell(record, "a", cell, rows[i].room);
        if (strcmp(cell, rows[i].wanted) != 0)
            fail_msg("%zu bytes: '%s'", rows[i].room, cell);
    }
    json_decref(record);
}

/* ---- in files ---- */

static void one_person_has_one_key(void **state)
{
    static const char *const rows[][2] = {
        { "+44 7700 900123", "700900123" },
        { "07700900123", "700900123" },
        { "(0770) 090-0123", "700900123" },
        { "1234567", "1234567" },
        { "123-4567", "1234567" },
        { "123456", "123456" },
        { "12-34-56", "12-34-56" },
        { "123456789", "123456789" },
        { "1234567890", "234567890" },
        { "Ada@Example.ORG", "ada@example.org" },
        { "1234567@example.org", "1234567@example.org" },
        { "", "" },
    };
    char key[300];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        rv_names_key(rows[i][0], key, sizeof key);
        assert_string_equal(key, rows[i][1]);
    }
    rv_names_key("abcdef", key, 4);
    assert_string_equal(key, "abc");
    json_t *names = json_pack("{s:s}", "700900123", "Ada");
    assert_string_equal(rv_names_of(names, "+44 (7700) 900123"), "Ada");
    assert_null(rv_names_of(names, "900123"));
    assert_null(rv_names_of(NULL, "900123"));
    assert_null(rv_names_of(names, NULL));
    json_decref(names);
}

static void check_folded(const char *name, const char *value, const char *wanted)
{
    struct rv_error err = { 0 };
    struct rv_sheet sheet = { .text = RV_BUF(1 << 16) };
    assert_works(rv_fold_line(&sheet, name, value, &err), &err);
    assert_works(rv_buf_add(&sheet.text, rv_span((const uint8_t *)"", 1), &err), &err);
    assert_string_equal((const char *)sheet.text.data, wanted);
    rv_buf_clear(&sheet.text);
}

static void long_lines_are_folded_at_75_bytes(void **state)
{
    char value[200], wanted[300];
    (void)state;
    check_folded("A", "b", "A:b\r\n");
    check_folded("A", "", "");
    check_folded("A", NULL, "");
    check_folded("A;X=\"y\"", "a\\b,c;d\ne\tf\x01\x7f\rg", "A;X=\"y\":a\\\\b\\,c\\;d\\ne\tfg\r\n");
    for (size_t n = 72; n <= 74; n++) {
        memset(value, 'x', n);
        value[n] = '\0';
        snprintf(wanted, sizeof wanted, n <= 73 ? "A:%.*s\r\n%s" : "A:%.*s\r\n %s\r\n", n <= 73 ? (int)n : 73, value,
                 n <= 73 ? "" : "x");
        check_folded("A", value, wanted);
    }
    memset(value, 'x', 148);
    value[148] = '\0';
    snprintf(wanted, sizeof wanted, "A:%.73s\r\n %.74s\r\n x\r\n", value, value);
    check_folded("A", value, wanted);
    memset(value, 'x', 72);
    memcpy(value + 72, "\xC3\xA4\xC3\xB6", 5); /* an umlaut at the edge goes over as a whole */
    snprintf(wanted, sizeof wanted, "A:%.72s\r\n \xC3\xA4\xC3\xB6\r\n", value);
    check_folded("A", value, wanted);
}

static void check_html(const char *text, bool linked, const char *wanted)
{
    struct rv_error err = { 0 };
    struct rv_sheet sheet = { .text = RV_BUF(1 << 16) };
    assert_works((linked ? rv_html_add_linked : rv_html_add)(&sheet, text, &err), &err);
    assert_works(rv_buf_add(&sheet.text, rv_span((const uint8_t *)"", 1), &err), &err);
    assert_string_equal((const char *)sheet.text.data, wanted);
    rv_buf_clear(&sheet.text);
}

#define LINK(at) "<a rel=\"noreferrer noopener\" href=\"" at "\">" at "</a>"

static void pages_hold_text_as_text(void **state)
{
    (void)state;
    check_html("a&b<c>d\"e'f`g", false, "a&amp;b&lt;c&gt;d&quot;e&#39;f&#96;g");
    check_html("&", false, "&amp;");
    check_html("", false, "");
    check_html("\x01"
               "a\x1f\x7f"
               "b\n\tc",
               false, "ab\n\tc");
    check_html("a\xC2\x80"
               "b\xC2\x9F"
               "c\xC2\xA0",
               false, "abc\xC2\xA0");
    check_html("\xE2\x80\xA9|\xE2\x80\xAA|\xE2\x80\xAE|\xE2\x80\xAF", false,
               "\xE2\x80\xA9||"
               "|\xE2\x80\xAF");
    check_html("\xE2\x81\xA5|\xE2\x81\xA6|\xE2\x81\xA9|\xE2\x81\xAA", false,
               "\xE2\x81\xA5||"
               "|\xE2\x81\xAA");
    check_html("no links", true, "no links");
    check_html("HTTP://X/y end", true, LINK("HTTP://X/y") " end");
    check_html("httpx http:/ https:/x https://a?b&c", true,
               "httpx http:/ https:/x <a rel=\"noreferrer noopener\" href=\"https://a?b&amp;c\">https://a?b&amp;c</a>");
    check_html("<http://a>http://b\"http://c'http://d`\thttp://e\n", true,
               "&lt;" LINK("http://a") "&gt;" LINK("http://b") "&quot;" LINK("http://c") "&#39;" LINK(
                   "http://d") "&#96;\t" LINK("http://e") "\n");
}

static void addresses_of_files_are_escaped_byte_by_byte(void **state)
{
    char out[64];
    (void)state;
    rv_html_address("aZ09-_.~", out, sizeof out);
    assert_string_equal(out, "aZ09-_.~");
    rv_html_address("a b/\xC3\xBF@[`{:%", out, sizeof out);
    assert_string_equal(out, "a%20b%2F%C3%BF%40%5B%60%7B%3A%25");
    rv_html_address("xxxxxx", out, 8);
    assert_string_equal(out, "xxxx");
}

static void check_name(struct rv_export *out, const char *text, const char *ending, const char *wanted)
{
    char name[RV_NAME_MAX + 32];
    rv_export_name(out, "folder", text, ending, name);
    assert_string_equal(name, wanted);
}

static void names_of_files_are_safe_and_free(void **state)
{
    struct rv_export out = { 0 };
    char big[400], wanted[400];
    (void)state;
    check_name(&out, "Anna", ".vcf", "Anna.vcf");
    check_name(&out, "anna", ".vcf", "anna (2).vcf");
    check_name(&out, "ANNA", ".vcf", "ANNA (3).vcf");
    check_name(&out, "Anna", ".txt", "Anna.txt");
    check_name(&out, "", ".a", "unnamed.a");
    check_name(&out, "con", ".a", "_con.a");
    check_name(&out, "Nul.txt", "", "_Nul.txt");
    check_name(&out, "cons", ".a", "cons.a");
    check_name(&out, "com0", ".a", "_com0.a");
    check_name(&out, "LPT9", ".a", "_LPT9.a");
    check_name(&out, "comX", ".a", "comX.a");
    check_name(&out, "lpt10", ".a", "lpt10.a");
    check_name(&out, "com/", ".a", "com_.a");
    check_name(&out, "end. . ", ".a", "end.a");
    check_name(&out, "pic.jpg", "", "pic.jpg");
    check_name(&out, "pic.jpg", "", "pic (2).jpg");
    check_name(&out, "a.long-ending-14", "", "a.long-ending-14");
    check_name(&out, "a.long-ending-14", "", "a (2).long-ending-14");
    check_name(&out, "a.longer-ending15", "", "a.longer-ending15");
    check_name(&out, "a.longer-ending15", "", "a.longer-ending15 (2)");
    memset(big, 'x', 200);
    big[200] = '\0';
    snprintf(wanted, sizeof wanted, "%.146s.vcf", big);
    check_name(&out, big, ".vcf", wanted);
    snprintf(wanted, sizeof wanted, "%.146s (2).vcf", big);
    check_name(&out, big, ".vcf", wanted);
    memcpy(big + 145, "\xC3\xA4", 2); /* an umlaut at the edge */
    snprintf(wanted, sizeof wanted, "%.145s.vcf", big);
    check_name(&out, big, ".vcf", wanted);
    json_decref(out.names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_epoch_is_counted_from_its_own_beginning),
        cmocka_unit_test(times_are_written_and_read_again),
        cmocka_unit_test(texts_that_are_no_dates_are_refused),
        cmocka_unit_test(fields_are_left_out_where_there_is_nothing),
        cmocka_unit_test(broken_letters_become_one_mark_each),
        cmocka_unit_test(cells_show_every_kind_of_value),
        cmocka_unit_test(a_message_without_words_is_shown_as_what_it_is),
        cmocka_unit_test(cells_are_not_cut_inside_a_letter),
        cmocka_unit_test(one_person_has_one_key),
        cmocka_unit_test(long_lines_are_folded_at_75_bytes),
        cmocka_unit_test(pages_hold_text_as_text),
        cmocka_unit_test(addresses_of_files_are_escaped_byte_by_byte),
        cmocka_unit_test(names_of_files_are_safe_and_free),
    };
    return cmocka_run_group_tests_name("artifact/record", tests, NULL, NULL);
}
