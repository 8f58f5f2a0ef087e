/* SPDX-License-Identifier: Apache-2.0 */
#include "format/protobuf.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5, VARINT_MAX = 10 };

static uint64_t read_varint(struct rv_reader *in)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_MAX; i++) {
        uint8_t byte = rv_read_u8(in);
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0)
            return value;
    }
    in->bad = true;
    return 0;
}

bool rv_proto_next(struct rv_proto *p)
{
    if (rv_reader_left(&p->in) == 0)
        return false;
    uint64_t tag = read_varint(&p->in);
    p->field = (uint32_t)(tag >> 3);
    p->bytes = (struct rv_span){ 0 };
    p->number = 0;
    switch (tag & 7) {
    case WIRE_VARINT:
        p->number = read_varint(&p->in);
        break;
    case WIRE_64:
        p->number = rv_read_u64le(&p->in);
        break;
    case WIRE_BYTES:
        p->bytes = rv_read_span(&p->in, read_varint(&p->in));
        if (p->bytes.ptr == NULL)
            p->bytes.ptr = p->in.in.ptr; /* empty, and there */
        break;
    case WIRE_32:
        p->number = rv_read_u32le(&p->in);
        break;
    default:
        p->in.bad = true;
    }
    return !p->in.bad && p->field != 0;
}

struct rv_span rv_proto_bytes(struct rv_span message, uint32_t field)
{
    struct rv_span found = { 0 };
    struct rv_proto p = { .in = { .in = message } };
    while (rv_proto_next(&p))
        if (p.field == field && p.bytes.ptr != NULL)
            found = p.bytes;
    return found;
}

uint64_t rv_proto_number(struct rv_span message, uint32_t field, uint64_t fallback)
{
    struct rv_proto p = { .in = { .in = message } };
    while (rv_proto_next(&p))
        if (p.field == field && p.bytes.ptr == NULL)
            fallback = p.number;
    return fallback;
}
