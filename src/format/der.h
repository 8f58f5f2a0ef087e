/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of DER that IMG4 files and certificates need. Reading walks element by element over borrowed
 * bytes and never recurses; definite lengths only; lengths and INTEGERs that are not as short as they could
 * be are read (real tickets have them) and never written.
 */
#pragma once

#include "base/bytes.h"

enum rv_der_class { RV_DER_UNIVERSAL, RV_DER_APPLICATION, RV_DER_CONTEXT, RV_DER_PRIVATE };

enum {
    RV_DER_BOOLEAN = 1,
    RV_DER_INTEGER = 2,
    RV_DER_OCTETS = 4,
    RV_DER_NULL = 5,
    RV_DER_TEXT = 22, /* IA5String */
    RV_DER_SEQUENCE = 16,
    RV_DER_SET = 17
};

/** One element. Both spans are borrowed from the input. */
struct rv_der {
    enum rv_der_class cls;
    bool constructed;
    uint32_t tag;
    struct rv_span whole; /* with its header */
    struct rv_span body;
};

/** A 4cc as IMG4 numbers its PRIVATE tags: big endian. */
#define RV_DER_4CC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
uint32_t rv_der_4cc(const char *tag); /* of a text of four characters; 0 for others */

/** Reads the element at the cursor and passes over it. FORMAT names the offset from the cursor's start. */
bool rv_der_next(struct rv_reader *r, struct rv_der *out, struct rv_error *err);
/** The same, and it must be this one; `what` is its name for the message. */
bool rv_der_expect(struct rv_reader *r, enum rv_der_class cls, uint32_t tag, const char *what, struct rv_der *out,
                   struct rv_error *err);
bool rv_der_is(const struct rv_der *element, enum rv_der_class cls, uint32_t tag);
/** A cursor over the content of an element. */
struct rv_reader rv_der_inside(const struct rv_der *element);
/** IA5String equal to text? */
bool rv_der_text_is(const struct rv_der *element, const char *text);
/** INTEGER of at most 64 bits, not negative. */
bool rv_der_uint(const struct rv_der *element, uint64_t *out);

/* Writing: content first, wrapped from the inside out. */
bool rv_der_put(struct rv_buf *to, enum rv_der_class cls, bool constructed, uint32_t tag, struct rv_span body,
                struct rv_error *err);
bool rv_der_put_uint(struct rv_buf *to, uint64_t value, struct rv_error *err);
bool rv_der_put_bool(struct rv_buf *to, bool value, struct rv_error *err);
bool rv_der_put_text(struct rv_buf *to, const char *text, struct rv_error *err);
bool rv_der_put_octets(struct rv_buf *to, struct rv_span value, struct rv_error *err);
/** Bytes that rv_der_put() would put before a body of that length. */
size_t rv_der_header_size(uint32_t tag, size_t body_len);
bool rv_der_put_header(struct rv_buf *to, enum rv_der_class cls, bool constructed, uint32_t tag, size_t body_len,
                       struct rv_error *err);
