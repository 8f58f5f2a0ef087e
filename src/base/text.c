/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool rv_text_number(const char *text, int base, uint64_t *out)
{
    if (text == NULL || *text == '\0' || *text == '-' || *text == '+' || *text == ' ')
        return false;
    if (base == 0 && !(text[0] == '0' && (text[1] == 'x' || text[1] == 'X')))
        base = 10; /* a leading zero is not octal to a person */
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, base);
    if (errno != 0 || end == text || *end != '\0')
        return false;
    *out = v;
    return true;
}

char *rv_text_hex(struct rv_span in, char *out, size_t out_size)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < in.len && n + 2 < out_size; i++) {
        out[n++] = digits[in.ptr[i] >> 4];
        out[n++] = digits[in.ptr[i] & 15];
    }
    if (out_size > 0)
        out[n] = '\0';
    return out;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

long rv_text_unhex(const char *text, size_t len, uint8_t *out, size_t out_size)
{
    if (len % 2 != 0 || len / 2 > out_size)
        return -1;
    for (size_t i = 0; i < len; i += 2) {
        int high = nibble(text[i]), low = nibble(text[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (long)(len / 2);
}

char *rv_text_base64(struct rv_span in)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = in.len < SIZE_MAX / 2 ? rv_alloc((in.len + 2) / 3 * 4 + 1) : NULL;
    char *to = out;
    for (size_t i = 0; out != NULL && i < in.len; i += 3) {
        uint32_t three = (uint32_t)in.ptr[i] << 16 | (i + 1 < in.len ? (uint32_t)in.ptr[i + 1] << 8 : 0) |
                         (i + 2 < in.len ? in.ptr[i + 2] : 0);
        for (int k = 3; k >= 0; k--)
            *to++ = i + (size_t)(3 - k) > in.len ? '=' : letters[three >> (6 * k) & 63];
    }
    return out;
}

/* Length of a well-formed UTF-8 sequence at s, 0 when broken; *point is its code point. */
static size_t utf8_length(const unsigned char *s, uint32_t *point)
{
    size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xE0) == 0xC0 ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : (s[0] & 0xF8) == 0xF0 ? 4 : 0;
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (n == 0)
        return 0;
    uint32_t v = n == 1 ? s[0] : s[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        v = v << 6 | (s[i] & 0x3Fu);
    }
    if (v < least[n] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
        return 0;
    *point = v;
    return n;
}

static bool unfit_for_eyes(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || (point >= 0x202A && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0x200E || point == 0x200F || point == 0xFEFF;
}

void rv_text_clean(char *text)
{
    unsigned char *from = (unsigned char *)text, *to = from;
    while (*from != '\0') {
        uint32_t point = 0;
        size_t n = utf8_length(from, &point);
        if (n == 0 || unfit_for_eyes(point)) {
            *to++ = '?';
            from += n ? n : 1;
            continue;
        }
        memmove(to, from, n);
        to += n;
        from += n;
    }
    *to = '\0';
}

void rv_path_safe_leaf(const char *text, char *out, size_t out_size)
{
    enum { LEAF_MAX = 200 };
    size_t n = 0, most = out_size - 1 < LEAF_MAX ? out_size - 1 : LEAF_MAX;
    for (; *text != '\0' && n < most; text++) {
        unsigned char c = (unsigned char)*text;
        bool bad = c < 0x20 || c == 0x7F || strchr("/\\:*?\"<>|", c) != NULL || (c == '.' && n == 0);
        out[n++] = bad ? '_' : (char)c;
    }
    while (*text != '\0' && n > 0 && ((unsigned char)*text & 0xC0) == 0x80) {
        text--; /* the cut fell inside a UTF-8 sequence: it goes altogether */
        n--;
    }
    if (n == 0)
        out[n++] = '_';
    out[n] = '\0';
}

bool rv_text_equal_nocase(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcasecmp(a, b) == 0;
}

bool rv_text_starts(const char *text, const char *prefix)
{
    return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool rv_text_ends(const char *text, const char *suffix)
{
    size_t n = text ? strlen(text) : 0, m = strlen(suffix);
    return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

char *rv_text_size(uint64_t size_bytes, char *out, size_t out_size)
{
    static const char *const units[] = { "bytes", "KB", "MB", "GB", "TB", "PB", "EB" };
    double v = (double)size_bytes;
    unsigned u = 0;
    while (v >= 999.5 && u + 1 < RV_COUNT(units)) {
        v /= 1000;
        u++;
    }
    snprintf(out, out_size, u == 0 || v >= 99.95 ? "%.0f %s" : "%.1f %s", v, units[u]);
    return out;
}
