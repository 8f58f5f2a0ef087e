/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-1 of eight messages side by side: FIPS 180-4, section 6.1, with a vector where the standard has a word, lane i
 * for message i. A processor with AVX2 but without SHA instructions does eight messages in less than half the time of
 * one after the other; every other one takes OpenSSL's way.
 */
#include "crypto/digest.h"

#include <string.h>

enum { LANES = RV_DIGEST_LANES, BLOCK = 64, WORDS = 5, SHA1_SIZE = 20 };

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

static bool worth_it(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    bool told = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0;
    bool has_sha = told && (b >> 29 & 1) != 0;
    return told && !has_sha && __builtin_cpu_supports("avx2");
}

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))

#define CHOOSE(b, c, d)   ((d) ^ ((b) & ((c) ^ (d))))
#define PARITY(b, c, d)   ((b) ^ (c) ^ (d))
#define MAJORITY(b, c, d) (((b) & (c)) | ((d) & ((b) | (c))))

/* One of the 80 steps, with the roles of the five words moved on; w is a ring of the last 16 words of the schedule. */
#define STEP(f, k, a, b, c, d, e, t)                                                                                   \
    do {                                                                                                               \
        if ((t) >= 16) {                                                                                               \
            lanes x = w[((t) + 13) % 16] ^ w[((t) + 8) % 16] ^ w[((t) + 2) % 16] ^ w[(t) % 16];                        \
            w[(t) % 16] = ROTATE(x, 1);                                                                                \
        }                                                                                                              \
        (e) += ROTATE(a, 5) + f(b, c, d) + (uint32_t)(k) + w[(t) % 16];                                                \
        (b) = ROTATE(b, 30);                                                                                           \
    } while (0)
#define FIVE(f, k, t)                                                                                                  \
    do {                                                                                                               \
        STEP(f, k, a, b, c, d, e, t);                                                                                  \
        STEP(f, k, e, a, b, c, d, (t) + 1);                                                                            \
        STEP(f, k, d, e, a, b, c, (t) + 2);                                                                            \
        STEP(f, k, c, d, e, a, b, (t) + 3);                                                                            \
        STEP(f, k, b, c, d, e, a, (t) + 4);                                                                            \
    } while (0)
#define TWENTY(f, k, t)                                                                                                \
    do {                                                                                                               \
        FIVE(f, k, t);                                                                                                 \
        FIVE(f, k, (t) + 5);                                                                                           \
        FIVE(f, k, (t) + 10);                                                                                          \
        FIVE(f, k, (t) + 15);                                                                                          \
    } while (0)

__attribute__((target("avx2"))) static void add_blocks(uint32_t state[WORDS][LANES], const uint8_t *const in[LANES],
                                                       size_t len)
{
    lanes h[WORDS];
    memcpy(h, state, sizeof h);
    for (size_t at = 0; at < len; at += BLOCK) {
        lanes w[16], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (unsigned t = 0; t < 16; t++) {
            uint32_t n[LANES];
            for (unsigned i = 0; i < LANES; i++) {
                memcpy(&n[i], in[i] + at + sizeof n[i] * t, sizeof n[i]);
                n[i] = __builtin_bswap32(n[i]);
            }
            w[t] = (lanes){ n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7] };
        }
        TWENTY(CHOOSE, 0x5A827999, 0);
        TWENTY(PARITY, 0x6ED9EBA1, 20);
        TWENTY(MAJORITY, 0x8F1BBCDC, 40);
        TWENTY(PARITY, 0xCA62C1D6, 60);
        h[0] += a;
        h[1] += b;
        h[2] += c;
        h[3] += d;
        h[4] += e;
    }
    memcpy(state, h, sizeof h);
}

static void side_by_side(const uint8_t *const in[LANES], size_t len, uint8_t *const out[LANES])
{
    static const uint32_t start[WORDS] = { 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0 };
    uint32_t state[WORDS][LANES];
    for (unsigned n = 0; n < WORDS; n++)
        for (unsigned i = 0; i < LANES; i++)
            state[n][i] = start[n];
    add_blocks(state, in, len);
    uint8_t end[BLOCK] = { 0x80 }; /* the padding of a message that fills its blocks */
    rv_put_u64be(end + BLOCK - 8, (uint64_t)len * 8);
    const uint8_t *ends[LANES];
    for (unsigned i = 0; i < LANES; i++)
        ends[i] = end;
    add_blocks(state, ends, sizeof end);
    for (unsigned i = 0; i < LANES; i++)
        for (unsigned n = 0; n < WORDS; n++)
            rv_put_u32be(out[i] + 4 * n, state[n][i]);
}
#else
static bool worth_it(void)
{
    return false;
}

static void side_by_side(const uint8_t *const in[LANES], size_t len, uint8_t *const out[LANES])
{
    (void)in;
    (void)len;
    (void)out;
}
#endif

bool rv_digest_sha1_lanes(const uint8_t *const in[LANES], size_t len, uint8_t *const out[LANES], struct rv_error *err)
{
    if (len % BLOCK == 0 && worth_it()) {
        side_by_side(in, len, out);
        return true;
    }
    for (unsigned i = 0; i < LANES; i++) {
        uint8_t digest[RV_DIGEST_MAX];
        if (!rv_digest_once(RV_DIGEST_SHA1, rv_span(in[i], len), digest, err))
            return false;
        memcpy(out[i], digest, SHA1_SIZE);
    }
    return true;
}
