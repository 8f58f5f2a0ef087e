/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/note.h"
#include "format/protobuf.h"
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

/* ---- a writer of protocol buffers, for what the samples do not hold ---- */

struct wire {
    uint8_t bytes[600];
    size_t len;
};

static void put_varint(struct wire *w, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        w->bytes[w->len++] = (uint8_t)(v | 0x80);
    w->bytes[w->len++] = (uint8_t)v;
}

static void put_number(struct wire *w, uint32_t field, uint64_t v)
{
    put_varint(w, (uint64_t)field << 3);
    put_varint(w, v);
}

static void put_bytes(struct wire *w, uint32_t field, const void *bytes, size_t len)
{
    put_varint(w, (uint64_t)field << 3 | 2);
    put_varint(w, len);
    memcpy(w->bytes + w->len, bytes, len);
    w->len += len;
}

static void put_message(struct wire *w, uint32_t field, const struct wire *of)
{
    put_bytes(w, field, of->bytes, of->len);
}

/* A note of one run: its paragraph and its own attributes, each field and value. */
static struct rv_note_run run_of(uint32_t paragraph, uint64_t p_value, uint32_t field, uint64_t value)
{
    struct rv_error err = { 0 };
    struct wire style = { .len = 0 }, run = style, body = style, document = style, whole = style;
    struct rv_note note;
    if (paragraph != 0)
        put_number(&style, paragraph, p_value);
    put_number(&run, 1, 5);
    put_message(&run, 2, &style);
    if (field != 0)
        put_number(&run, field, value);
    put_bytes(&body, 2, "words", 5);
    put_message(&body, 5, &run);
    put_message(&document, 3, &body);
    put_message(&whole, 2, &document);
    assert_works(rv_note_read(rv_span(whole.bytes, whole.len), &note, &err), &err);
    assert_span(note.text, "words");
    assert_int_equal(note.count, 1);
    struct rv_note_run out = note.runs[0];
    rv_note_clear(&note);
    assert_int_equal(out.length, 5);
    return out;
}

static void each_attribute_of_a_run_is_told_by_its_own_field(void **state)
{
    (void)state;
    struct rv_note_run run = run_of(0, 0, 0, 0);
    assert_int_equal(run.style, RV_NOTE_BODY);
    assert_false(run.done || run.quote || run.bold || run.italic || run.underlined || run.struck);
    assert_int_equal(run_of(1, RV_NOTE_DASHED, 0, 0).style, RV_NOTE_DASHED);
    assert_int_equal(run_of(4, 63, 0, 0).indent, 63);
    assert_int_equal(run_of(4, 64, 0, 0).indent, 0); /* deeper than any list */
    assert_true(run_of(8, 1, 0, 0).quote);
    run = run_of(0, 0, 5, 1);
    assert_true(run.bold && !run.italic);
    run = run_of(0, 0, 5, 2);
    assert_true(!run.bold && run.italic);
    run = run_of(0, 0, 5, 3);
    assert_true(run.bold && run.italic);
    run = run_of(0, 0, 6, 1);
    assert_true(run.underlined && !run.struck);
    run = run_of(0, 0, 7, 1);
    assert_true(run.struck && !run.underlined);
    assert_false(run_of(0, 0, 6, 0).underlined);
    assert_false(run_of(0, 0, 7, 0).struck);
}

static void links_and_attachments_stand_where_they_were_put(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct wire attachment = { .len = 0 }, run = attachment, none = attachment, body = attachment,
                document = attachment, whole = attachment;
    struct rv_note note;
    put_bytes(&attachment, 1, "6F0C", 4);
    put_bytes(&attachment, 2, "public.jpeg", 11);
    put_bytes(&run, 9, "https://walk.example", 20);
    put_message(&run, 12, &attachment);
    put_number(&none, 1, UINT64_C(1) << 40); /* longer than any text */
    put_message(&body, 5, &run);
    put_message(&body, 5, &none);
    put_message(&document, 3, &body);
    put_message(&whole, 2, &document);
    assert_works(rv_note_read(rv_span(whole.bytes, whole.len), &note, &err), &err);
    assert_int_equal(note.count, 2);
    assert_non_null(note.text.ptr);
    assert_int_equal(note.text.len, 0);
    assert_span(note.runs[0].link, "https://walk.example");
    assert_span(note.runs[0].attachment, "6F0C");
    assert_span(note.runs[0].uti, "public.jpeg");
    assert_int_equal(note.runs[1].length, UINT32_MAX);
    rv_note_clear(&note);
}

static void many_runs_are_all_kept(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct wire body = { .len = 0 }, document = body, whole = body;
    struct rv_note note;
    for (unsigned i = 0; i < 100; i++) {
        struct wire run = { .len = 0 };
        put_number(&run, 1, i + 1);
        put_message(&body, 5, &run);
    }
    put_message(&document, 3, &body);
    put_message(&whole, 2, &document);
    assert_works(rv_note_read(rv_span(whole.bytes, whole.len), &note, &err), &err);
    assert_int_equal(note.count, 100);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(note.runs[i].length, i + 1);
    rv_note_clear(&note);
}

static void fields_of_every_width_are_stepped_over(void **state)
{
    (void)state;
    /* 1: a varint, 2: eight bytes, 3: four bytes, 4: text, 5: an empty text */
    static const uint8_t wire[] = { 0x08, 0xAC, 0x02, 0x11, 1, 2,    0, 0,   0,   0,    0, 0,
                                    0x1D, 3,    4,    0,    0, 0x22, 2, 'h', 'i', 0x2A, 0 };
    struct rv_span in = rv_span(wire, sizeof wire);
    assert_int_equal(rv_proto_number(in, 1, 0), 300);
    assert_int_equal(rv_proto_number(in, 2, 0), 0x201);
    assert_int_equal(rv_proto_number(in, 3, 0), 0x403);
    assert_int_equal(rv_proto_number(in, 4, 77), 77); /* a text is no number */
    assert_int_equal(rv_proto_number(in, 9, 77), 77);
    assert_span(rv_proto_bytes(in, 4), "hi");
    assert_non_null(rv_proto_bytes(in, 5).ptr);
    assert_null(rv_proto_bytes(in, 1).ptr);
    assert_null(rv_proto_bytes(rv_span(wire, 20), 4).ptr);                          /* cut in the text */
    assert_int_equal(rv_proto_number(RV_SPAN_TEXT("\x0B\x08\x05"), 1, 77), 77);     /* a width that is none */
    assert_int_equal(rv_proto_number(RV_SPAN_TEXT("\x00\x05\x08\x05"), 1, 77), 77); /* field 0 is none */
    static const uint8_t most[] = { 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 };
    assert_true(rv_proto_number(rv_span(most, sizeof most), 1, 0) == UINT64_MAX);
    static const uint8_t more[] = { 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 };
    assert_int_equal(rv_proto_number(rv_span(more, sizeof more), 1, 77), 77);
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
        cmocka_unit_test(each_attribute_of_a_run_is_told_by_its_own_field),
        cmocka_unit_test(links_and_attachments_stand_where_they_were_put),
        cmocka_unit_test(many_runs_are_all_kept),
        cmocka_unit_test(fields_of_every_width_are_stepped_over),
        cmocka_unit_test(a_table_has_its_cells_though_a_column_moved_and_a_row_went),
        cmocka_unit_test(what_is_cut_or_no_note_is_refused_or_shorter),
    };
    return cmocka_run_group_tests_name("format/note", tests, NULL, NULL);
}
