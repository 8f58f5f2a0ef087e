/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "format/note.h"

/* Bodies and tables of notes, as they lie (compressed) and without the compression. */
static void read_both(struct rv_span in)
{
    struct rv_error err = { 0 };
    struct rv_note note;
    struct rv_note_table table;
    if (rv_note_read(in, &note, &err)) {
        fuzz_inside(note.text, in);
        for (size_t i = 0; i < note.count; i++) {
            fuzz_inside(note.runs[i].link, in);
            fuzz_inside(note.runs[i].attachment, in);
        }
        rv_note_clear(&note);
    } else {
        fuzz_failed(&err);
    }
    if (rv_note_table_read(in, &table, &err)) {
        for (size_t i = 0; i < table.rows * table.columns; i++)
            fuzz_inside(table.cells[i], in);
        rv_note_table_clear(&table);
    } else {
        fuzz_failed(&err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    bool whole;
    struct rv_blob *body = rv_note_inflate(in, 1 << 20, &whole, &err);
    read_both(in);
    if (body != NULL) {
        assert(body->len <= 1 << 20);
        read_both(rv_blob_span(body));
    } else {
        fuzz_failed(&err);
    }
    rv_blob_free(body);
    free((void *)in.ptr);
    return 0;
}
