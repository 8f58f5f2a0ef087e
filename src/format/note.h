/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of notes (NoteStore.sqlite, iOS 9 and later): gzip around a protocol buffer; text with runs of attributes, and
 * tables as sets of rows and columns that were edited by several devices. Facts: the public apple_cloud_notes_parser.
 */
#pragma once

#include "base/bytes.h"

enum { RV_NOTE_INFLATED_MAX = 256 << 20 };

/** What gzip (or zlib) holds, at most cap. FORMAT: it is none, or breaks off; what came before is given all the same.
 */
struct rv_blob *rv_note_inflate(struct rv_span in, size_t cap, bool *whole, struct rv_error *err);

enum rv_note_style {
    RV_NOTE_BODY = -1,
    RV_NOTE_TITLE = 0,
    RV_NOTE_HEADING = 1,
    RV_NOTE_SUBHEADING = 2,
    RV_NOTE_MONOSPACED = 4,
    RV_NOTE_DOTTED = 100,
    RV_NOTE_DASHED = 101,
    RV_NOTE_NUMBERED = 102,
    RV_NOTE_CHECK = 103
};

struct rv_note_run {
    uint32_t length; /* UTF-16 units */
    int32_t style, indent;
    bool done, quote, bold, italic, underlined, struck;
    struct rv_span link;
    struct rv_span attachment, uti; /* of a place of an attachment */
};

struct rv_note {
    struct rv_span text; /* UTF-8; borrowed */
    struct rv_note_run *runs;
    size_t count;
};
/** The inflated body. FORMAT: no text in it. */
bool rv_note_read(struct rv_span in, struct rv_note *out, struct rv_error *err);
void rv_note_clear(struct rv_note *note);

/* A table as it is shown from left to right; texts borrowed, empty where nothing was written. */
struct rv_note_table {
    size_t rows, columns;
    struct rv_span *cells; /* rows * columns */
    bool right_to_left;    /* as it was written */
};
/** The inflated mergeable data of a table. FORMAT: it is none. */
bool rv_note_table_read(struct rv_span in, struct rv_note_table *out, struct rv_error *err);
void rv_note_table_clear(struct rv_note_table *table);
