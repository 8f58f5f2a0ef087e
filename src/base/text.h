/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside is untrusted: parse it whole, clean it before it reaches a person. */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The whole text as an unsigned number: decimal, or hex after 0x (base 0), or hex (base 16). */
bool rv_text_number(const char *text, int base, uint64_t *out);

/** Lower-case hex of bytes; out holds 2 * len + 1. Returns out. */
char *rv_text_hex(struct rv_span in, char *out, size_t out_size);

/** Hex digits to bytes: even count, nothing else. Returns the count of bytes, or -1. */
long rv_text_unhex(const char *text, size_t len, uint8_t *out, size_t out_size);

/** Base64 with its padding, new memory; NULL: out of memory. */
char *rv_text_base64(struct rv_span in);

/** Replaces control and bidirectional-override characters and broken UTF-8 by '?'; always ends with NUL. */
void rv_text_clean(char *text);

/** A file name made of text from outside: no separators, no leading dot, at most 200 bytes, never empty. */
void rv_path_safe_leaf(const char *text, char *out, size_t out_size);

bool rv_text_equal_nocase(const char *a, const char *b); /* ASCII; NULL equals nothing */
bool rv_text_starts(const char *text, const char *prefix);
bool rv_text_ends(const char *text, const char *suffix);

/** "3.4 GB" (powers of ten) into out; returns out. */
char *rv_text_size(uint64_t size_bytes, char *out, size_t out_size);
