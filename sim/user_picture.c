/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a baseline JPEG needs (ITU T.81): one component, blocks of one shade each, so only the DC coefficient
 * is coded; the one AC symbol is "end of block".
 */
#include "sim/user_picture.h"

#include <string.h>

enum { SIDE = 160, BLOCKS = SIDE / 8, PICTURE_MAX = 65536, STEP = 8 };

struct bits {
    struct rv_buf *out;
    uint32_t held;
    unsigned count;
    bool good;
};

static void put_bits(struct bits *b, uint32_t value, unsigned len)
{
    struct rv_error err = { 0 };
    b->held = b->held << len | value;
    b->count += len;
    while (b->count >= 8) {
        uint8_t pair[2] = { (uint8_t)(b->held >> (b->count - 8)), 0 };
        b->count -= 8;
        /* After 0xff a zero is stuffed: it is no marker. */
        b->good = b->good && rv_buf_add(b->out, rv_span(pair, pair[0] == 0xff ? 2 : 1), &err);
    }
}

/* Table K.3 of T.81: code and its length for each size of difference. */
static const struct {
    uint8_t code, len;
} sizes[] = { { 0, 2 }, { 2, 3 }, { 3, 3 }, { 4, 3 }, { 5, 3 }, { 6, 3 }, { 14, 4 }, { 30, 5 }, { 62, 6 } };

static void put_shade(struct bits *b, int difference)
{
    unsigned magnitude = (unsigned)(difference < 0 ? -difference : difference), size = 0;
    while (magnitude >> size != 0)
        size++;
    put_bits(b, sizes[size].code, sizes[size].len);
    if (size > 0)
        put_bits(b, (uint32_t)(difference < 0 ? difference + (1 << size) - 1 : difference), size);
    put_bits(b, 0, 1); /* end of block */
}

static int shade(unsigned seed, unsigned x, unsigned y)
{
    unsigned wave = (x * (seed % 5 + 1) + y * (seed % 3 + 2) + seed * 7) % 40;
    return (int)(wave < 20 ? wave : 40 - wave) * 6 - 60;
}

static bool put_head(struct rv_buf *out, struct rv_error *err)
{
    static const uint8_t begin[] = { 0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0 };
    static const uint8_t frame[] = { 0xff, 0xc0, 0, 11, 8, 0, SIDE, 0, SIDE, 1, 1, 0x11, 0 };
    static const uint8_t dc[] = { 0xff, 0xc4, 0, 28, 0x00, 0, 1, 5, 1, 1, 1, 0, 0, 0, 0,
                                  0,    0,    0, 0,  0,    0, 0, 1, 2, 3, 4, 5, 6, 7, 8 };
    static const uint8_t ac[] = { 0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00 };
    static const uint8_t scan[] = { 0xff, 0xda, 0, 8, 1, 1, 0x00, 0, 63, 0 };
    uint8_t quant[5 + 64] = { 0xff, 0xdb, 0, 67, 0 };
    memset(quant + 5, STEP, 64);
    return rv_buf_add(out, rv_span(begin, sizeof begin), err) && rv_buf_add(out, rv_span(quant, sizeof quant), err) &&
           rv_buf_add(out, rv_span(frame, sizeof frame), err) && rv_buf_add(out, rv_span(dc, sizeof dc), err) &&
           rv_buf_add(out, rv_span(ac, sizeof ac), err) && rv_buf_add(out, rv_span(scan, sizeof scan), err);
}

struct rv_blob *sim_picture_make(unsigned seed, struct rv_error *err)
{
    static const uint8_t end[] = { 0xff, 0xd9 };
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(PICTURE_MAX);
    struct bits bits = { .out = &out, .good = true };
    int before = 0;
    if (!put_head(&out, err))
        return NULL;
    for (unsigned y = 0; y < BLOCKS; y++)
        for (unsigned x = 0; x < BLOCKS; x++) {
            int now = shade(seed, x, y);
            put_shade(&bits, now - before);
            before = now;
        }
    put_bits(&bits, 0x7f, 7); /* filled up with ones */
    if (!bits.good || !rv_buf_add(&out, rv_span(end, sizeof end), err))
        return NULL;
    return rv_blob_copy(rv_buf_span(&out), err);
}
