/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER as the boot ROM reads it: canonical tags and lengths only, every span inside its parent, no recursion
 * (the callers walk a grammar of fixed depth). And a small writer for Apple's side.
 */
#pragma once

#include "base/bytes.h"

/* Leading bytes of the types that IMG4 uses. */
enum {
    SIM_DER_BOOLEAN = 0x01,
    SIM_DER_INTEGER = 0x02,
    SIM_DER_OCTETS = 0x04,
    SIM_DER_NULL = 0x05,
    SIM_DER_IA5 = 0x16,
    SIM_DER_SEQUENCE = 0x30,
    SIM_DER_SET = 0x31,
    SIM_DER_CONTEXT0 = 0xA0, /* [0] EXPLICIT */
    SIM_DER_CONTEXT1 = 0xA1,
    SIM_DER_PRIVATE = 0xE0, /* constructed, class 3; the number says which */
};

#define SIM_FOURCC(a, b, c, d) (((uint32_t)(a) << 24) | ((uint32_t)(b) << 16) | ((uint32_t)(c) << 8) | (uint32_t)(d))

struct sim_der {
    uint8_t first;   /* leading byte with the low five bits cleared when the tag is in the long form */
    uint32_t number; /* tag number */
    struct rv_span body, whole;
};

/** The next element. False at the end, or with r->bad set when the bytes are not canonical DER. */
bool sim_der_next(struct rv_reader *r, struct sim_der *out);
/** The next element must have this leading byte; else r->bad. */
struct rv_span sim_der_take(struct rv_reader *r, uint8_t first);
/** The next element must be IA5String `text` of 4 letters; else r->bad. */
void sim_der_magic(struct rv_reader *r, const char *text);
/** The next element is [PRIVATE number]; body is what it holds. False at the end or when bad. */
bool sim_der_private(struct rv_reader *r, uint32_t *number, struct rv_span *body);
/** Next element as a non-negative INTEGER of at most 64 bits. */
uint64_t sim_der_integer(struct rv_reader *r);
/** True when everything was read and nothing was wrong. */
bool sim_der_done(const struct rv_reader *r);
uint32_t sim_fourcc(const char *text); /* "MANB" -> number; 0 unless 4 letters */

bool sim_der_put(struct rv_buf *out, uint8_t first, struct rv_span body, struct rv_error *err);
bool sim_der_put_private(struct rv_buf *out, uint32_t number, struct rv_span body, struct rv_error *err);
bool sim_der_put_integer(struct rv_buf *out, uint64_t value, struct rv_error *err);
bool sim_der_put_boolean(struct rv_buf *out, bool value, struct rv_error *err);
bool sim_der_put_text(struct rv_buf *out, const char *text, struct rv_error *err);
/** A SET whose elements (each one TLV in `elements`) are put in the order DER demands. */
bool sim_der_put_set(struct rv_buf *out, struct rv_span elements, struct rv_error *err);
