/* SPDX-License-Identifier: Apache-2.0 */
#include "format/utf16.h"

size_t rv_utf16_bytes(struct rv_span text, size_t from, uint64_t units)
{
    size_t at = from;
    for (uint64_t n = 0; n < units && at < text.len;) {
        uint8_t c = text.ptr[at];
        size_t length = c < 0xC0 ? 1 : (c & 0xE0) == 0xC0 ? 2 : (c & 0xF0) == 0xE0 ? 3 : 4;
        n += length == 4 ? 2 : 1; /* beyond U+FFFF: a pair */
        at += length;
    }
    return (at > text.len ? text.len : at) - from;
}
