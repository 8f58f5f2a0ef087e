/* SPDX-License-Identifier: Apache-2.0 */
/* One found row as JSON and as text, to the letter: every kind of value, every kind of place. */
#include "support/test.h"

#include "recover/sqlite_scan.h"

#include <math.h>

enum { COLUMNS = 3 };

static char name_a[] = "a", name_b[] = "a_name_of_14__", name_t[] = "ta\"ble";
static struct rv_sq_column columns[COLUMNS];
static uint16_t order[COLUMNS];
static struct rv_sq_learned learned[COLUMNS];
static struct rv_sq_table table;
static struct rv_sq_row row;
static struct rv_sq_hit hit;
static struct rv_sq_found found;

static void begin(void)
{
    memset(columns, 0, sizeof columns);
    memset(learned, 0, sizeof learned);
    memset(&row, 0, sizeof row);
    columns[0].name = name_a;
    columns[1].name = name_b;
    for (unsigned i = 0; i < COLUMNS; i++)
        order[i] = (uint16_t)i;
    table = (struct rv_sq_table){ .name = name_t, .columns = columns, .order = order, .learned = learned };
    table.count = table.stored = 1;
    table.ipk = -1;
    row.table = &table;
    row.rowid = -7;
    row.rowid_known = true;
    row.count = 1;
    hit = (struct rv_sq_hit){ .number = 12, .at = 345, .origin = RV_SQ_FROM_GAP };
    found = (struct rv_sq_found){ .row = &row, .hit = &hit, .status = RV_SQ_DELETED, .confidence = 0.9876 };
}

static struct rv_sq_value text(const char *of)
{
    return (struct rv_sq_value){ .kind = RV_SQ_TEXT, .bytes = rv_span(of, strlen(of)) };
}

static char *written(bool json, enum rv_sq_encoding encoding)
{
    struct rv_error err = { 0 };
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(1 << 22);
    assert_fine((json ? rv_sq_found_json : rv_sq_found_text)(&found, encoding, &out, &err));
    char *copy = malloc(out.len + 1);
    assert_non_null(copy);
    memcpy(copy, out.data, out.len);
    copy[out.len] = '\0';
    return copy;
}

static void check(bool json, enum rv_sq_encoding encoding, const char *wanted)
{
    char *is = written(json, encoding);
    assert_string_equal(is, wanted);
    free(is);
}

#define HEAD "{\"table\":\"ta\\\"ble\",\"rowid\":-7,\"values\":["
#define TAIL "],\"source\":\"gap\",\"status\":\"deleted\",\"confidence\":0.988,\"page\":12,\"offset\":345}"

/* The one value of a row, as JSON. */
static void check_value(struct rv_sq_value value, const char *wanted)
{
    char *line, whole[4096];
    row.values[0] = value;
    line = written(true, RV_SQ_UTF8);
    snprintf(whole, sizeof whole, HEAD "%s" TAIL, wanted);
    assert_string_equal(line, whole);
    free(line);
}

static void whole_numbers_keep_their_last_digit(void **state)
{
    static const struct {
        int64_t number;
        const char *words;
    } rows[] = { { 0, "0" },
                 { 9, "9" },
                 { 10, "10" },
                 { -1, "-1" },
                 { INT64_MAX, "9223372036854775807" },
                 { INT64_MIN, "-9223372036854775808" } };
    (void)state;
    begin();
    for (size_t i = 0; i < RV_COUNT(rows); i++)
        check_value((struct rv_sq_value){ .kind = RV_SQ_INT8, .integer = rows[i].number }, rows[i].words);
    check_value((struct rv_sq_value){ .kind = RV_SQ_ONE, .integer = 1 }, "1");
    check_value((struct rv_sq_value){ .kind = RV_SQ_NULL }, "null");
    check_value((struct rv_sq_value){ .kind = RV_SQ_UNKNOWN }, "{\"?\":1}");
}

static void real_numbers_take_their_shortest_form(void **state)
{
    static const struct {
        double number;
        const char *words;
    } rows[] = { { 0.5, "0.5" },
                 { -0.5, "-0.5" },
                 { 1, "1.0" },
                 { 0.1, "0.1" },
                 { 0.3, "0.3" },
                 { 0.1 + 0.2, "0.30000000000000004" },
                 { 700000000.25, "700000000.25" },
                 { 1.0 / 3, "0.3333333333333333" },
                 { 2.0 / 3, "0.6666666666666666" },
                 { 123456.789, "123456.789" },
                 { 99999999999999, "99999999999999.0" },
                 { 1e14, "100000000000000.0" },
                 { 0.0999, "0.0999" },
                 { 0, "0.0" },
                 { 1e-9, "1e-09" },
                 { 1e300, "1e+300" },
                 { -1e300, "-1e+300" },
                 { 5e-324, "4.94065645841247e-324" },
                 { 1.7976931348623157e308, "1.7976931348623157e+308" },
                 { 2251799813685248.5, "2251799813685248.5" },
                 { 9007199254740993, "9007199254740992.0" },
                 { 8, "8.0" },
                 { 0.125, "0.125" },
                 { INFINITY, "1e999" },
                 { -INFINITY, "-1e999" } };
    (void)state;
    begin();
    for (size_t i = 0; i < RV_COUNT(rows); i++)
        check_value((struct rv_sq_value){ .kind = RV_SQ_REAL, .real = rows[i].number }, rows[i].words);
}

static void everyday_numbers_read_back_as_they_were(void **state)
{
    uint64_t seed = 4;
    (void)state;
    begin();
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        double number = ldexp((double)(seed >> 11), -(int)(seed % 57)) * (seed & 1024 ? 1 : -1);
        if (i % 7 == 0)
            number = ldexp(1, (int)(seed % 50) - 3); /* powers of two have closer neighbours below */
        row.values[0] = (struct rv_sq_value){ .kind = RV_SQ_REAL, .real = number };
        char *line = written(true, RV_SQ_UTF8), shortest[64];
        char *is = line + strlen(HEAD);
        is[strcspn(is, "]")] = '\0';
        if (strtod(is, NULL) != number)
            fail_msg("%.17g was written as %s", number, is);
        int digits = 1;
        do
            snprintf(shortest, sizeof shortest, "%.*e", digits - 1, number);
        while (strtod(shortest, NULL) != number && digits++ < 17);
        unsigned there = 0, zeroes = 0;
        for (const char *c = is; *c != '\0' && *c != 'e'; c++) {
            bool digit = *c >= '0' && *c <= '9';
            there += digit && (there > 0 || *c != '0');
            zeroes = digit ? (*c == '0' ? zeroes + 1 : 0) : zeroes;
        }
        if (digits < 15 && there > zeroes + (unsigned)digits)
            fail_msg("%.17g needs %d digits, and was written as %s", number, digits, is);
        free(line);
    }
}

static void texts_are_escaped_and_bytes_are_shown_in_hex(void **state)
{
    (void)state;
    begin();
    check_value(text(""), "\"\"");
    check_value(text("plain text of more than eight bytes"), "\"plain text of more than eight bytes\"");
    check_value(text("12345678"), "\"12345678\"");
    check_value(text("1234567\"9"), "\"1234567\\\"9\"");
    check_value(text("a\\b"), "\"a\\\\b\"");
    check_value(text("\x01\x1f ~\x7f"), "\"\\u0001\\u001f ~\\u007f\"");
    check_value(text("12345\x1e\x7f\x20"
                     "abcdefg\n"),
                "\"12345\\u001e\\u007f abcdefg\\u000a\"");
    check_value(text("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    check_value((struct rv_sq_value){ .kind = RV_SQ_BLOB, .bytes = rv_span("\x00\x7f\xff\x10", 4) },
                "{\"b\":\"007fff10\"}");
    check_value((struct rv_sq_value){ .kind = RV_SQ_BLOB }, "{\"b\":\"\"}");
    /* either encoding of UTF-16 */
    row.values[0] = (struct rv_sq_value){ .kind = RV_SQ_TEXT, .bytes = rv_span("h\0\xE4\0", 4) };
    check(true, RV_SQ_UTF16LE, HEAD "\"h\xC3\xA4\"" TAIL);
    row.values[0] = (struct rv_sq_value){ .kind = RV_SQ_TEXT, .bytes = rv_span("\0h\0\xE4", 4) };
    check(true, RV_SQ_UTF16BE, HEAD "\"h\xC3\xA4\"" TAIL);
}

static void long_texts_come_out_whole(void **state)
{
    enum { BIG = 200000 };
    (void)state;
    begin();
    static const size_t sizes[] = { 65535, 65536, 65537, 131072, BIG };
    char *big = malloc(BIG);
    assert_non_null(big);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)('a' + i % 26);
    for (size_t k = 0; k < RV_COUNT(sizes); k++) {
        row.values[0] = (struct rv_sq_value){ .kind = RV_SQ_TEXT, .bytes = rv_span(big, sizes[k]) };
        char *line = written(true, RV_SQ_UTF8);
        size_t head = strlen(HEAD);
        assert_int_equal(strlen(line), head + sizes[k] + 2 + strlen(TAIL));
        assert_memory_equal(line, HEAD "\"", head + 1);
        assert_memory_equal(line + head + 1, big, sizes[k]);
        assert_string_equal(line + head + 1 + sizes[k], "\"" TAIL);
        free(line);
    }
    free(big);
}

static void columns_are_shown_as_they_were_declared(void **state)
{
    (void)state;
    begin();
    table.count = 3;
    row.count = 2;
    order[0] = 1; /* stored the other way round */
    order[1] = 0;
    row.values[0] = text("b");
    row.values[1] = (struct rv_sq_value){ .kind = RV_SQ_INT1, .integer = 3 };
    columns[0].affinity = RV_SQ_AFF_REAL;
    columns[2].fallback = text("default");
    check(true, RV_SQ_UTF8, HEAD "3.0,\"b\",\"default\"" TAIL);
    columns[2].generated_virtual = true; /* never stored, and not computed here */
    row.values[1] = (struct rv_sq_value){ .kind = RV_SQ_ZERO };
    check(true, RV_SQ_UTF8, HEAD "0.0,\"b\",{\"?\":1}" TAIL);
    row.values[1] = (struct rv_sq_value){ .kind = RV_SQ_ONE, .integer = 1 };
    check(true, RV_SQ_UTF8, HEAD "1.0,\"b\",{\"?\":1}" TAIL);
    row.values[1] = (struct rv_sq_value){ .kind = RV_SQ_NULL };
    check(true, RV_SQ_UTF8, HEAD "null,\"b\",{\"?\":1}" TAIL);
    columns[0].affinity = RV_SQ_AFF_NUMERIC;
    row.values[1] = (struct rv_sq_value){ .kind = RV_SQ_INT8, .integer = 3 };
    check(true, RV_SQ_UTF8, HEAD "3,\"b\",{\"?\":1}" TAIL);
    table.ipk = 1; /* the rowid's own column */
    check(true, RV_SQ_UTF8, HEAD "3,-7,{\"?\":1}" TAIL);
    row.rowid_known = false;
    check(true, RV_SQ_UTF8, "{\"table\":\"ta\\\"ble\",\"rowid\":null,\"values\":[3,{\"?\":1},{\"?\":1}" TAIL);
    /* the default's text is UTF-8 whatever the database is */
    table.ipk = -1;
    columns[2].generated_virtual = false;
    row.values[0] = (struct rv_sq_value){ .kind = RV_SQ_TEXT, .bytes = rv_span("b\0", 2) };
    row.rowid_known = true;
    check(true, RV_SQ_UTF16LE, HEAD "3,\"b\",\"default\"" TAIL);
}

static void where_a_row_was_found_is_told(void **state)
{
    static const char *const origins[] = { "table", "gap", "freeblock", "free-page", "wal", "journal" };
    static const char *const stati[] = { "live", "deleted", "updated", "recovered" };
    char wanted[400];
    (void)state;
    begin();
    row.values[0] = text("x");
    for (unsigned i = 0; i < RV_SQ_ORIGINS; i++) {
        hit.origin = (uint8_t)i;
        found.status = (enum rv_sq_status)(i % 4);
        snprintf(wanted, sizeof wanted,
                 HEAD "\"x\"],\"source\":\"%s\",\"status\":\"%s\",\"confidence\":0.988,\"page\":12,\"offset\":345}",
                 origins[i], stati[i % 4]);
        check(true, RV_SQ_UTF8, wanted);
    }
    hit = (struct rv_sq_hit){ .number = 1, .at = 0 };
    found.status = RV_SQ_LIVE;
    found.confidence = 1;
    found.reason = "it lives";
    found.partial = true;
    found.commit_first = 3;
    found.commit_last = 4;
    check(true, RV_SQ_UTF8,
          HEAD
          "\"x\"],\"source\":\"table\",\"status\":\"live\",\"confidence\":1.000,\"reason\":\"it lives\",\"page\":1,"
          "\"offset\":0,\"partial\":true,\"commit\":{\"first\":3,\"last\":4}}");
    found.confidence = 0.0004;
    found.reason = NULL;
    found.partial = false;
    found.commit_gone = 5;
    found.table_uncertain = true;
    check(
        true, RV_SQ_UTF8,
        "{\"table\":null,\"rowid\":-7,\"values\":[\"x\"],\"table_likely\":\"ta\\\"ble\",\"note\":[\"a dropped table of "
        "the same form may have held it\"],\"source\":\"table\",\"status\":\"live\",\"confidence\":0.000,\"page\":1,"
        "\"offset\":0,\"commit\":{\"first\":3,\"last\":4,\"gone\":5}}");
    table.name = NULL;
    found.commit_first = 0;
    found.confidence = 0.05;
    check(
        true, RV_SQ_UTF8,
        "{\"table\":null,\"rowid\":-7,\"values\":[\"x\"],\"source\":\"table\",\"status\":\"live\",\"confidence\":0.050,"
        "\"page\":1,\"offset\":0}");
}

static void texts_that_damage_changed_are_marked(void **state)
{
    static const struct {
        uint32_t seen, with_controls;
        bool marked;
    } rows[] = {
        { 8, 0, true }, { 7, 0, false }, { 20, 1, true }, { 19, 1, false }, { 40, 2, true }, { 40, 3, false }
    };
    (void)state;
    begin();
    found.encoding = RV_SQ_UTF8;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        learned[0].seen[RV_SQ_TEXT] = rows[i].seen;
        learned[0].with_controls = rows[i].with_controls;
        row.values[0] = text("half\x01gone");
        found.damaged = false;
        check(true, RV_SQ_UTF8, HEAD "\"half\\u0001gone\"" TAIL);
        found.damaged = true;
        check(true, RV_SQ_UTF8,
              rows[i].marked ? HEAD "{\"?\":1,\"text\":\"half\\u0001gone\"}" TAIL : HEAD "\"half\\u0001gone\"" TAIL);
        row.values[0] = text("whole");
        check(true, RV_SQ_UTF8, HEAD "\"whole\"" TAIL);
    }
}

static void a_person_reads_columns_that_say_something(void **state)
{
    (void)state;
    begin();
    table.count = 3;
    row.count = 3;
    row.values[0] = text("hi\nyou\x1b[1m\xC2\x9B"
                         "2\x7f");
    row.values[1] = (struct rv_sq_value){ .kind = RV_SQ_REAL, .real = 0.5 };
    row.values[2] = (struct rv_sq_value){ .kind = RV_SQ_BLOB, .bytes = rv_span("abc", 3) };
    check(false, RV_SQ_UTF8,
          "ta\"ble -7  deleted, 99 % sure:  [gap, page 12]\n   a             hi you?[1m??2?\n   a_name_of_14__ 0.5\n"
          "   column 3      (3 bytes of data)");
    row.values[0] = (struct rv_sq_value){ .kind = RV_SQ_UNKNOWN };
    row.values[1] = (struct rv_sq_value){ .kind = RV_SQ_NULL };
    row.values[2] = (struct rv_sq_value){ .kind = RV_SQ_INT8, .integer = -3 };
    found.partial = true;
    found.reason = "its end is whole";
    found.table_uncertain = true;
    found.confidence = 0.994;
    check(false, RV_SQ_UTF8,
          "ta\"ble -7  deleted in part, 99 % sure: its end is whole [gap, page 12; or of a dropped table of the same "
          "form]\n   a             (lost)\n   column 3      -3");
    table.ipk = 2;
    table.name = NULL;
    row.rowid_known = false;
    found.table_uncertain = found.partial = false;
    found.confidence = 0.995;
    check(
        false, RV_SQ_UTF8,
        "(a table whose name is lost)  deleted, 100 % sure: its end is whole [gap, page 12]\n   a             (lost)");
}

static void a_long_text_is_cut_between_characters(void **state)
{
    char big[400], wanted[600];
    (void)state;
    begin();
    row.values[0] = text(memset(big, 'x', sizeof big));
    for (size_t n = 159; n <= 161; n++) {
        row.values[0].bytes.len = n;
        snprintf(wanted, sizeof wanted, "ta\"ble -7  deleted, 99 %% sure:  [gap, page 12]\n   a             %.*s%s",
                 n > 160 ? 160 : (int)n, big, n > 160 ? " ... (161 bytes)" : "");
        check(false, RV_SQ_UTF8, wanted);
    }
    memcpy(big + 158, "\xE2\x82\xAC", 3); /* the euro sign from byte 158 to 160: it does not fit */
    row.values[0].bytes.len = 200;
    snprintf(wanted, sizeof wanted, "ta\"ble -7  deleted, 99 %% sure:  [gap, page 12]\n   a             %.158s%s", big,
             " ... (200 bytes)");
    check(false, RV_SQ_UTF8, wanted);
    row.values[0] = (struct rv_sq_value){ .kind = RV_SQ_TEXT, .bytes = rv_span("h\0\xE4\0", 4) };
    found.commit_first = 2;
    found.commit_last = 3;
    check(false, RV_SQ_UTF16LE,
          "ta\"ble -7  deleted, 99 % sure:  [gap, page 12, in state 3]\n   a             h\xC3\xA4");
    found.commit_gone = 4;
    check(false, RV_SQ_UTF16LE,
          "ta\"ble -7  deleted, 99 % sure:  [gap, page 12, there in state 3, gone with state 4]\n   a             "
          "h\xC3\xA4");
    found.status = RV_SQ_OLDER_VERSION;
    check(false, RV_SQ_UTF16LE,
          "ta\"ble -7  updated, 99 % sure:  [gap, page 12, there in state 3, changed with state 4]\n   a             "
          "h\xC3\xA4");
    found.commit_first = 0;
    found.status = RV_SQ_DELETED;
    check(false, RV_SQ_UTF16LE, "ta\"ble -7  deleted, 99 % sure:  [gap, page 12]\n   a             h\xC3\xA4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_keep_their_last_digit),
        cmocka_unit_test(real_numbers_take_their_shortest_form),
        cmocka_unit_test(everyday_numbers_read_back_as_they_were),
        cmocka_unit_test(texts_are_escaped_and_bytes_are_shown_in_hex),
        cmocka_unit_test(long_texts_come_out_whole),
        cmocka_unit_test(columns_are_shown_as_they_were_declared),
        cmocka_unit_test(where_a_row_was_found_is_told),
        cmocka_unit_test(texts_that_damage_changed_are_marked),
        cmocka_unit_test(a_person_reads_columns_that_say_something),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests_name("recover/faces", tests, NULL, NULL);
}
