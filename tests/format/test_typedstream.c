/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/file.h"
#include "format/typedstream.h"

/* Made by tests/artifact/made.py, a writer of its own; the bytes are the fuzz corpus's. */
static struct rv_blob *sample(const char *name)
{
    struct rv_error err = { 0 };
    char path[512];
    snprintf(path, sizeof path, "%s/fuzz/corpus/typedstream/%s", REVIVE_SOURCE_ROOT, name);
    struct rv_blob *bytes = rv_file_read(path, 1 << 16, &err);
    assert_non_null(bytes);
    return bytes;
}

static void assert_span(struct rv_span span, const char *text)
{
    assert_int_equal(span.len, strlen(text));
    assert_memory_equal(span.ptr, text, span.len);
}

static const char greeting[] = "Gr\xC3\xBC\xC3\x9F"
                               "e \xF0\x9F\x91\x8B an alle \xEF\xBF\xBC";

static void a_body_gives_its_text_and_the_parts_of_it(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_styled_text text;
    RV_AUTO(rv_blob) whole = sample("whole");
    assert_works(rv_styled_text_read(rv_blob_span(whole), &text, &err), &err);
    assert_true(text.whole);
    assert_span(text.text, greeting);
    assert_int_equal(text.count, 2);
    assert_int_equal(text.runs[0].length, 15);
    assert_int_equal(text.runs[0].part, 0);
    assert_null(text.runs[0].transfer.ptr);
    assert_int_equal(text.runs[1].part, 1);
    assert_span(text.runs[1].transfer, "at_0_A");
    rv_styled_text_clear(&text);
}

static void a_body_cut_anywhere_gives_the_beginning_of_its_text_or_says_no(void **state)
{
    (void)state;
    RV_AUTO(rv_blob) whole = sample("whole");
    size_t with_text = 0;
    for (size_t length = 0; length < whole->len; length++) {
        struct rv_error err = { 0 };
        struct rv_styled_text text;
        if (!rv_styled_text_read(rv_span(whole->data, length), &text, &err)) {
            assert_true(err.depth >= 1);
            continue;
        }
        assert_false(text.whole);
        assert_int_equal(text.count, 0);
        assert_true(text.text.len <= strlen(greeting));
        assert_memory_equal(text.text.ptr, greeting, text.text.len);
        with_text += text.text.len == strlen(greeting);
        rv_styled_text_clear(&text);
    }
    assert_true(with_text > whole->len / 2);
}

static void a_lying_length_does_not_lead_beyond_the_text(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_styled_text text;
    RV_AUTO(rv_blob) lying = sample("lying_length");
    assert_works(rv_styled_text_read(rv_blob_span(lying), &text, &err), &err);
    assert_false(text.whole);
    assert_memory_equal(text.text.ptr, greeting, strlen(greeting));
    rv_styled_text_clear(&text);
    RV_AUTO(rv_blob) far = sample("lying_long_length");
    assert_works(rv_styled_text_read(rv_blob_span(far), &text, &err), &err);
    assert_int_equal(text.text.len, 300);
    rv_styled_text_clear(&text);
}

static void what_is_no_typed_stream_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_styled_text text;
    assert_fails(rv_styled_text_read(RV_SPAN_TEXT("bplist00 and more than enough"), &text, &err), &err, RV_E_FORMAT);
    assert_fails(rv_styled_text_read(rv_span(NULL, 0), &text, &err), &err, RV_E_FORMAT);
    RV_AUTO(rv_blob) deep = sample("deep");
    assert_fails(rv_styled_text_read(rv_blob_span(deep), &text, &err), &err, RV_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_gives_its_text_and_the_parts_of_it),
        cmocka_unit_test(a_body_cut_anywhere_gives_the_beginning_of_its_text_or_says_no),
        cmocka_unit_test(a_lying_length_does_not_lead_beyond_the_text),
        cmocka_unit_test(what_is_no_typed_stream_is_refused),
    };
    return cmocka_run_group_tests_name("format/typedstream", tests, NULL, NULL);
}
