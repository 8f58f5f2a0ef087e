/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/file.h"
#include "format/note.h"
#include "format/utf16.h"

/* Made by tests/artifact/made_apps.py, a writer of its own; the bytes are the fuzz corpus's. */
static struct rv_blob *sample(const char *name)
{
    struct rv_error err = { 0 };
    char path[512];
    bool whole;
    snprintf(path, sizeof path, "%s/fuzz/corpus/note/%s", REVIVE_SOURCE_ROOT, name);
    RV_AUTO(rv_blob) bytes = rv_file_read(path, 1 << 16, &err);
    assert_non_null(bytes);
    struct rv_blob *body = rv_note_inflate(rv_blob_span(bytes), 1 << 20, &whole, &err);
    assert_non_null(body);
    return body;
}

static void assert_span(struct rv_span span, const char *text)
{
    assert_int_equal(span.len, strlen(text));
    assert_memory_equal(span.ptr, text, span.len);
}

static void a_body_gives_its_text_and_styles(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_note note;
    RV_AUTO(rv_blob) body = sample("body");
    assert_works(rv_note_read(rv_blob_span(body), &note, &err), &err);
    assert_span(note.text, "Plan \xF0\x9F\x8C\xBB\npeas\nbody");
    assert_int_equal(note.count, 3);
    assert_int_equal(note.runs[0].style, RV_NOTE_TITLE);
    assert_int_equal(note.runs[0].length, 8); /* the flower takes two units */
    assert_int_equal(note.runs[1].style, RV_NOTE_CHECK);
    assert_true(note.runs[1].done);
    assert_int_equal(note.runs[2].style, RV_NOTE_BODY); /* -1, ten bytes of varint */
    assert_true(note.runs[2].bold && !note.runs[2].italic);
    assert_int_equal(rv_utf16_bytes(note.text, 0, note.runs[0].length), 10);
    rv_note_clear(&note);
}

static void a_table_has_its_cells_though_a_column_moved_and_a_row_went(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static const char *const cells[] = { "a", "b", "c", "1", "2", "3" };
    for (unsigned right = 0; right < 2; right++) {
        struct rv_note_table table;
        RV_AUTO(rv_blob) data = sample(right ? "table_right_to_left" : "table");
        assert_works(rv_note_table_read(rv_blob_span(data), &table, &err), &err);
        assert_int_equal(table.rows, 2);
        assert_int_equal(table.columns, 3);
        assert_int_equal(table.right_to_left, right);
        for (size_t i = 0; i < 6; i++)
            assert_span(table.cells[right ? i / 3 * 3 + 2 - i % 3 : i], cells[i]);
        rv_note_table_clear(&table);
    }
}

static void what_is_cut_or_no_note_is_refused_or_shorter(void **state)
{
    (void)state;
    RV_AUTO(rv_blob) body = sample("body");
    RV_AUTO(rv_blob) data = sample("table");
    for (size_t length = 0; length < body->len; length++) {
        struct rv_error err = { 0 };
        struct rv_note note;
        if (rv_note_read(rv_span(body->data, length), &note, &err))
            rv_note_clear(&note);
    }
    for (size_t length = 0; length < data->len; length++) {
        struct rv_error err = { 0 };
        struct rv_note_table table;
        if (rv_note_table_read(rv_span(data->data, length), &table, &err))
            rv_note_table_clear(&table);
    }
    struct rv_error err = { 0 };
    struct rv_note note;
    bool whole;
    assert_fails(rv_note_read(RV_SPAN_TEXT("no note at all"), &note, &err), &err, RV_E_FORMAT);
    assert_fails(rv_note_inflate(RV_SPAN_TEXT("this is not gzip"), 100, &whole, &err), &err, RV_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_gives_its_text_and_styles),
        cmocka_unit_test(a_table_has_its_cells_though_a_column_moved_and_a_row_went),
        cmocka_unit_test(what_is_cut_or_no_note_is_refused_or_shorter),
    };
    return cmocka_run_group_tests_name("format/note", tests, NULL, NULL);
}
