/* SPDX-License-Identifier: Apache-2.0 */
#include "format/iboot_serial.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>

enum { KEY_LEN = 4, TEXT_MAX = 255 };

struct word {
    const char *key;
    const char *value;
    size_t key_len, value_len;
    bool text; /* was in [ ] */
};

/* Next KEY:value at or after *at; a value in brackets ends at the first ']'. False at the end. */
static bool next_word(const char *in, size_t len, size_t *at, struct word *out)
{
    for (;;) {
        while (*at < len && in[*at] == ' ')
            (*at)++;
        if (*at >= len)
            return false;
        size_t start = *at, colon = start;
        while (colon < len && in[colon] != ':' && in[colon] != ' ')
            colon++;
        if (colon >= len || in[colon] != ':') {
            *at = colon; /* a word without a key */
            continue;
        }
        size_t value = colon + 1, end = value;
        bool text = value < len && in[value] == '[';
        char stop = text ? ']' : ' ';
        value += text ? 1 : 0;
        for (end = value; end < len && in[end] != stop; end++)
            continue;
        *out = (struct word){ in + start, in + value, colon - start, end - value, text };
        *at = end < len && text ? end + 1 : end;
        return true;
    }
}

static bool is_key(const struct word *word, const char *key)
{
    return word->key_len == KEY_LEN && memcmp(word->key, key, KEY_LEN) == 0;
}

static bool read_hex(const struct word *word, uint64_t *out)
{
    uint64_t value = 0;
    if (word->text || word->value_len == 0 || word->value_len > 16)
        return false;
    for (size_t i = 0; i < word->value_len; i++) {
        char c = word->value[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 16;
        if (digit > 15)
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

static void take_text(const struct word *word, char *out)
{
    size_t len = word->value_len < RV_IBOOT_TEXT - 1 ? word->value_len : RV_IBOOT_TEXT - 1;
    memcpy(out, word->value, len);
    out[len] = '\0';
    rv_text_clean(out);
    if (strcmp(out, "N/A") == 0)
        out[0] = '\0';
}

static const struct {
    const char *key;
    size_t offset;
} numbers[] = {
    { "CPFM", offsetof(struct rv_iboot_serial, fuses) },    { "CPID", offsetof(struct rv_iboot_serial, chip) },
    { "CPRV", offsetof(struct rv_iboot_serial, revision) }, { "IBFL", offsetof(struct rv_iboot_serial, flags) },
    { "SCEP", offsetof(struct rv_iboot_serial, epoch) },    { "SDOM", offsetof(struct rv_iboot_serial, domain) },
};

static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    { "IMEI", offsetof(struct rv_iboot_serial, imei) },
    { "PWND", offsetof(struct rv_iboot_serial, pwned) },
    { "SRNM", offsetof(struct rv_iboot_serial, serial) },
    { "SRTG", offsetof(struct rv_iboot_serial, rom) },
};

/* The first of a key counts; true when the word is one that we know. */
static bool take_word(const struct word *word, struct rv_iboot_serial *out, unsigned *seen)
{
    uint64_t value = 0;
    for (size_t i = 0; i < RV_COUNT(texts); i++) {
        char *to = (char *)out + texts[i].offset;
        if (!is_key(word, texts[i].key))
            continue;
        if (to[0] == '\0')
            take_text(word, to);
        return true;
    }
    if (!read_hex(word, &value))
        return false;
    if (is_key(word, "BDID") && !out->have_board) {
        out->board = value;
        return out->have_board = true;
    }
    if (is_key(word, "ECID") && !out->have_ecid) {
        out->ecid = value;
        return out->have_ecid = true;
    }
    for (size_t i = 0; i < RV_COUNT(numbers); i++) {
        if (!is_key(word, numbers[i].key) || value > UINT32_MAX)
            continue;
        if ((*seen & 1u << i) == 0)
            *(uint32_t *)(void *)((char *)out + numbers[i].offset) = (uint32_t)value;
        *seen |= 1u << i;
        if (is_key(word, "CPID"))
            out->have_chip = true;
        return true;
    }
    return false;
}

bool rv_iboot_serial_parse(const char *text, struct rv_iboot_serial *out, struct rv_error *err)
{
    struct rv_iboot_serial s = { 0 };
    struct word word;
    size_t at = 0, len = strnlen(text, TEXT_MAX);
    unsigned seen = 0;
    bool any = false;
    while (next_word(text, len, &at, &word))
        any = take_word(&word, &s, &seen) || any;
    if (!any)
        return rv_fail(err, RV_E_FORMAT, "the USB serial string holds no identity");
    *out = s;
    return true;
}

bool rv_iboot_nonces_parse(const char *text, struct rv_iboot_nonces *out, struct rv_error *err)
{
    struct rv_iboot_nonces n = { 0 };
    struct word word;
    size_t at = 0, len = strnlen(text, TEXT_MAX);
    while (next_word(text, len, &at, &word)) {
        bool ap = is_key(&word, "NONC"), sep = is_key(&word, "SNON");
        if (!ap && !sep)
            continue;
        uint8_t *to = ap ? n.ap : n.sep;
        long got = word.text ? -1 : rv_text_unhex(word.value, word.value_len, to, RV_IBOOT_NONCE);
        if (got <= 0)
            return rv_fail(err, RV_E_FORMAT, "the %s nonce is no hex of at most %d bytes", ap ? "boot" : "SEP",
                           RV_IBOOT_NONCE);
        *(ap ? &n.ap_len : &n.sep_len) = (size_t)got;
    }
    if (n.ap_len == 0)
        return rv_fail(err, RV_E_FORMAT, "the nonce string holds no NONC");
    *out = n;
    return true;
}
