/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NeXT/Apple typedstream, version 4 ("streamtyped"): the archive that Messages keeps a body's styled text in.
 * Read as far as it holds together; a cut or lying stream still gives its text. Facts of the format: the public
 * python-typedstream project's description.
 */
#pragma once

#include "base/bytes.h"

/* A stretch of equal attributes. Spans are borrowed from the stream; ptr NULL: the attribute is not there. */
struct rv_styled_run {
    uint32_t length;           /* UTF-16 units */
    int64_t part;              /* __kIMMessagePartAttributeName; -1 none */
    struct rv_span transfer;   /* identity of an attachment */
    struct rv_span link;       /* address */
    struct rv_span mention;    /* handle of a person named in the text */
    struct rv_span file_name;  /* of an attachment */
    struct rv_span transcript; /* of an audio message */
};

struct rv_styled_text {
    struct rv_span text; /* UTF-8, as far as it is one */
    struct rv_styled_run *runs;
    size_t count;
    bool whole; /* the stream was read to its end; else the text alone can be relied on */
};

/** FORMAT: no text in it at all. An empty text is a text. */
bool rv_styled_text_read(struct rv_span stream, struct rv_styled_text *out, struct rv_error *err);
void rv_styled_text_clear(struct rv_styled_text *text);
