/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "care/explanation.h"
#include "data/restore_words.h"

/* First byte: in pieces of how many bytes the rest is read; the same bytes are tried as words of a person too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rv_log_reader reader;
    if (size < 1)
        return 0;
    struct rv_span in = fuzz_copy(data + 1, size - 1);
    size_t piece = (size_t)data[0] + 1;
    rv_log_reader_init(&reader);
    for (size_t at = 0; at < in.len; at += piece)
        rv_log_reader_add(&reader, rv_span(in.ptr + at, in.len - at < piece ? in.len - at : piece));
    const struct rv_log_story *story = rv_log_reader_end(&reader);
    struct rv_diagnosis diagnosis;
    rv_diagnose(story, &diagnosis);
    assert(story->cause_count <= RV_LOG_CAUSES && story->phase < RV_LOG_PHASES);
    assert(!story->failed || diagnosis.cure != NULL);
    for (size_t i = 0; i < story->cause_count; i++)
        assert(strnlen(story->causes[i], RV_LOG_TEXT) < RV_LOG_TEXT && strpbrk(story->causes[i], "\n\r\x1b") == NULL);

    char words[512];
    size_t len = in.len < sizeof words - 1 ? in.len : sizeof words - 1;
    memcpy(words, in.ptr, len);
    words[len] = '\0';
    struct rv_explained found;
    if (rv_explain_words(words, &found))
        assert(found.count > 0 || found.number_known);
    free((void *)in.ptr);
    return 0;
}
