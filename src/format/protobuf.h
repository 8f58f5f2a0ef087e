/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers without a schema: fields one after the other, bounded by the bytes that are there. */
#pragma once

#include "base/bytes.h"

/* struct rv_proto p = { .in = { .in = bytes } }; while (rv_proto_next(&p)) switch (p.field) … */
struct rv_proto {
    struct rv_reader in; /* in.bad: broken off */
    uint32_t field;
    uint64_t number;      /* of a varint or a fixed-size field */
    struct rv_span bytes; /* of a length-delimited field; ptr NULL else */
};
bool rv_proto_next(struct rv_proto *p);
/** The last field of that number with bytes; ptr NULL none. */
struct rv_span rv_proto_bytes(struct rv_span message, uint32_t field);
/** The last varint of that number. */
uint64_t rv_proto_number(struct rv_span message, uint32_t field, uint64_t fallback);
