/* SPDX-License-Identifier: Apache-2.0 */
#include "care/redact.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what is known ---- */

static void know(struct rv_redactor *redactor, const char *label, const char *text, bool whole_word)
{
    static const char *const everybodys[] = { "iPhone", "iPad", "iPod", "iPod touch", "root", "localhost", "user" };
    size_t len = text != NULL ? strlen(text) : 0;
    if (len < 3 || len >= RV_REDACT_TEXT || redactor->count == RV_REDACT_MAX)
        return;
    for (size_t i = 0; i < RV_COUNT(everybodys); i++)
        if (rv_text_equal_nocase(everybodys[i], text))
            return;
    size_t at = redactor->count++;
    /* The longest first: a name may be part of a path. */
    for (; at > 0 && strlen(redactor->known[at - 1].text) < len; at--)
        redactor->known[at] = redactor->known[at - 1];
    snprintf(redactor->known[at].text, RV_REDACT_TEXT, "%s", text);
    redactor->known[at].label = label;
    redactor->known[at].whole_word = whole_word;
}

void rv_redact_know(struct rv_redactor *redactor, const char *label, const char *text)
{
    know(redactor, label, text, false);
}

void rv_redact_know_name(struct rv_redactor *redactor, const char *label, const char *text)
{
    know(redactor, label, text, true);
}

void rv_redact_know_ecid(struct rv_redactor *redactor, uint64_t ecid)
{
    char text[40];
    if (ecid == 0)
        return;
    snprintf(text, sizeof text, "%016llx", (unsigned long long)ecid);
    know(redactor, "ECID", text, false);
    snprintf(text, sizeof text, "%llx", (unsigned long long)ecid);
    know(redactor, "ECID", text, false);
    snprintf(text, sizeof text, "%llu", (unsigned long long)ecid);
    know(redactor, "ECID", text, false);
}

void rv_redact_know_here(struct rv_redactor *redactor)
{
    char host[128] = "";
    know(redactor, "home", getenv("HOME"), false);
    know(redactor, "user", getenv("USER"), true);
    know(redactor, "user", getenv("LOGNAME"), true);
    if (gethostname(host, sizeof host - 1) == 0)
        know(redactor, "computer", host, true);
}

/* ---- finding ---- */

struct cursor {
    const char *text;
    size_t len, at;
};

static char peek(const struct cursor *c, size_t ahead)
{
    return c->at + ahead < c->len ? c->text[c->at + ahead] : '\0';
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool after_word(const struct cursor *c)
{
    return c->at > 0 && is_word(c->text[c->at - 1]);
}

static size_t known_here(const struct rv_redactor *redactor, const struct cursor *c, const char **label)
{
    for (size_t i = 0; i < redactor->count; i++) {
        size_t len = strlen(redactor->known[i].text);
        if (len > c->len - c->at || strncasecmp(redactor->known[i].text, c->text + c->at, len) != 0)
            continue;
        if (redactor->known[i].whole_word && (after_word(c) || is_word(peek(c, len))))
            continue;
        *label = redactor->known[i].label;
        return len;
    }
    return 0;
}

/* Hex digits, hyphens between them allowed: a UDID (40, or 8-16), a nonce, a digest, an ECID. */
static size_t hex_here(const struct cursor *c, const char **label)
{
    enum { LONG = 24, WITH_PREFIX = 9 };
    size_t n = 0, digits = 0, decimals = 0,
           from = peek(c, 0) == '0' && (peek(c, 1) == 'x' || peek(c, 1) == 'X') ? 2 : 0;
    if (after_word(c))
        return 0;
    for (n = from; isxdigit((unsigned char)peek(c, n)) || (peek(c, n) == '-' && digits == 8 && digits == n - from);
         n++) {
        digits += peek(c, n) != '-';
        decimals += isdigit((unsigned char)peek(c, n)) != 0;
    }
    if (is_word(peek(c, n)))
        return 0;
    *label = from > 0 ? "ECID" : "identifier";
    if (digits >= (from > 0 ? (size_t)WITH_PREFIX : (size_t)LONG))
        return n;
    /* IMEI, MEID, ICCID, an ECID in decimal: no count of bytes has thirteen digits. */
    *label = "number";
    return from == 0 && digits == decimals && digits >= 13 ? n : 0;
}

static size_t mac_here(const struct cursor *c)
{
    size_t n = 0;
    if (after_word(c))
        return 0;
    for (unsigned part = 0; part < 6; part++, n += 2) {
        if (part > 0 && peek(c, n++) != ':')
            return 0;
        if (!isxdigit((unsigned char)peek(c, n)) || !isxdigit((unsigned char)peek(c, n + 1)))
            return 0;
    }
    return is_word(peek(c, n)) ? 0 : n;
}

/* What stands within a phone number: one sign, or two as in "(170) 123". */
static bool joins_digits(const struct cursor *c, size_t n)
{
    size_t signs = 0;
    while (signs < 2 && peek(c, n + signs) != '\0' && strchr(" -()", peek(c, n + signs)) != NULL)
        signs++;
    return signs > 0 && isdigit((unsigned char)peek(c, n + signs));
}

static size_t phone_here(const struct cursor *c)
{
    size_t n = 1, digits = 0;
    if (peek(c, 0) != '+' || after_word(c))
        return 0;
    for (; isdigit((unsigned char)peek(c, n)) || joins_digits(c, n); n++)
        digits += isdigit((unsigned char)peek(c, n)) != 0;
    return digits >= 7 ? n : 0;
}

static size_t mail_here(const struct cursor *c)
{
    size_t n = 0, dots = 0;
    if (after_word(c))
        return 0;
    while (is_word(peek(c, n)) || (peek(c, n) != '\0' && strchr(".+-", peek(c, n)) != NULL))
        n++;
    if (n == 0 || peek(c, n++) != '@' || !is_word(peek(c, n)))
        return 0;
    for (; is_word(peek(c, n)) || peek(c, n) == '-' || (peek(c, n) == '.' && is_word(peek(c, n + 1))); n++)
        dots += peek(c, n) == '.';
    return dots > 0 ? n : 0;
}

/* All but the last part of an absolute path, unless it is a place that every computer has. */
static size_t path_here(const struct cursor *c)
{
    static const char *const public[] = { "/usr/",     "/etc/",        "/sys/",    "/proc/",    "/dev/",
                                          "/lib/",     "/bin/",        "/sbin/",   "/var/lib/", "/var/run/",
                                          "/run/udev", "/run/systemd", "/Library/" };
    size_t n = 0, last = 0;
    char before = c->at > 0 ? c->text[c->at - 1] : ' ';
    if (peek(c, 0) != '/' || (!isspace((unsigned char)before) && strchr("\"'`(=<>:,[", before) == NULL) ||
        (before == ':' && peek(c, 1) == '/'))
        return 0;
    for (size_t i = 0; i < RV_COUNT(public); i++)
        if (c->len - c->at >= strlen(public[i]) && strncmp(c->text + c->at, public[i], strlen(public[i])) == 0)
            return 0;
    for (; peek(c, n) != '\0' && !isspace((unsigned char)peek(c, n)) && strchr("\"'`)<>,;", peek(c, n)) == NULL; n++)
        last = peek(c, n) == '/' ? n : last;
    return last;
}

/* What stands below the home folder names habits and people too. */
static size_t below_home(const struct cursor *c, size_t n)
{
    struct cursor rest = { .text = c->text, .len = c->len, .at = c->at + n };
    size_t last = 0;
    for (size_t i = 0; peek(&rest, i) != '\0' && !isspace((unsigned char)peek(&rest, i)) &&
                       strchr("\"'`)<>,;", peek(&rest, i)) == NULL;
         i++)
        last = peek(&rest, i) == '/' ? i : last;
    return n + last;
}

static size_t secret_here(const struct rv_redactor *redactor, const struct cursor *c, const char **label)
{
    static const struct {
        size_t (*here)(const struct cursor *);
        const char *label;
    } forms[] = { { mac_here, "address" }, { phone_here, "phone" }, { path_here, "folder" } };
    size_t n = mail_here(c); /* first: its parts may be known names */
    *label = "mail";
    if (n == 0)
        n = known_here(redactor, c, label);
    if (n > 0 && strcmp(*label, "home") == 0)
        return below_home(c, n);
    if (n == 0)
        n = hex_here(c, label);
    for (size_t i = 0; n == 0 && i < RV_COUNT(forms); i++) {
        *label = forms[i].label;
        n = forms[i].here(c);
    }
    return n;
}

bool rv_redact(const struct rv_redactor *redactor, struct rv_span in, struct rv_buf *out, struct rv_error *err)
{
    struct cursor c = { .text = (const char *)in.ptr, .len = in.len };
    while (c.at < c.len) {
        const char *label = "";
        char word[32];
        size_t n = secret_here(redactor, &c, &label);
        if (n == 0) {
            if (!rv_buf_add(out, rv_span((const uint8_t *)c.text + c.at, 1), err))
                return false;
            c.at++;
            continue;
        }
        int len = snprintf(word, sizeof word, "<%s>", label);
        if (!rv_buf_add(out, rv_span((const uint8_t *)word, (size_t)len), err))
            return false;
        c.at += n;
    }
    return true;
}
