/* SPDX-License-Identifier: Apache-2.0 */
#include "care/explanation.h"

#include "base/mem.h"
#include "base/text.h"
#include "data/restore_words.h"

#include <ctype.h>
#include <string.h>

enum { DIGITS_MAX = 17, SIGNING_FIRST = 3100, SIGNING_LAST = 3999 };

static const int64_t two_to_32 = 0x100000000;

/* ---- the number in the words ---- */

/* How much a place in a sentence looks like the place of an error's number. */
enum { LOOKS_NOT, LOOKS_ANY, LOOKS_WRAPPED, LOOKS_CALLED, LOOKS_HEX, LOOKS_STATUS };

struct found {
    int64_t value;
    int looks;
};

static bool ends_with_word(const char *text, size_t end, const char *word)
{
    size_t len = strlen(word);
    return end >= len && strncasecmp(text + end - len, word, len) == 0 &&
           (end == len || !isalnum((unsigned char)text[end - len - 1]) || strcmp(word, "code") == 0);
}

/* The words right before a number, without what stands between: "Code=", "error (", "MBErrorDomain/". */
static int looks_at(const char *text, size_t at, const char *domain_alias)
{
    static const char *const callers[] = { "error", "code", "number", "errno" };
    size_t end = at;
    bool wrapped = at > 0 && text[at - 1] == '(';
    while (end > 0 && strchr(" :=/(#\t'\"", text[end - 1]) != NULL)
        end--;
    if (end < at && ends_with_word(text, end, "status"))
        return LOOKS_STATUS;
    if (domain_alias != NULL && ends_with_word(text, end, domain_alias))
        return LOOKS_CALLED;
    for (size_t i = 0; i < RV_COUNT(callers); i++)
        if (ends_with_word(text, end, callers[i]))
            return LOOKS_CALLED;
    return wrapped ? LOOKS_WRAPPED : LOOKS_ANY;
}

/* One number at text[at]; *len: how long it is. */
static bool number_here(const char *text, size_t at, size_t *len, int64_t *value, bool *hex)
{
    bool minus = text[at] == '-' && (at == 0 || !isalnum((unsigned char)text[at - 1]));
    size_t from = at + minus, n = from;
    char digits[DIGITS_MAX + 3];
    uint64_t number = 0;
    if (at > 0 && (isalnum((unsigned char)text[at - 1]) || text[at - 1] == '_'))
        return false;
    *hex = text[n] == '0' && (text[n + 1] == 'x' || text[n + 1] == 'X');
    n += *hex ? 2 : 0;
    while (*hex ? isxdigit((unsigned char)text[n]) : isdigit((unsigned char)text[n]))
        n++;
    if (n - from == 0 || n - from >= sizeof digits || isalnum((unsigned char)text[n]))
        return false;
    memcpy(digits, text + from, n - from);
    digits[n - from] = '\0';
    if (!rv_text_number(digits, *hex ? 0 : 10, &number) || number > INT64_MAX)
        return false;
    *len = n - at;
    *value = minus ? -(int64_t)number : (int64_t)number;
    return true;
}

/* "e8000015" without its 0x, as some lists print it. */
static bool bare_hex_here(const char *text, size_t at, size_t *len, int64_t *value)
{
    char digits[9];
    uint64_t number = 0;
    if (at > 0 && isalnum((unsigned char)text[at - 1]))
        return false;
    if (strncasecmp(text + at, "e80", 3) != 0 || strspn(text + at, "0123456789abcdefABCDEF") != 8)
        return false;
    memcpy(digits, text + at, 8);
    digits[8] = '\0';
    if (isalnum((unsigned char)text[at + 8]) || !rv_text_number(digits, 16, &number))
        return false;
    *len = 8;
    *value = (int64_t)number;
    return true;
}

static struct found find_number(const char *text, const char *domain_alias)
{
    struct found best = { 0, LOOKS_NOT };
    for (size_t at = 0; text[at] != '\0';) {
        size_t len = 1;
        int64_t value = 0;
        bool hex = false;
        int looks = LOOKS_NOT;
        if (bare_hex_here(text, at, &len, &value))
            looks = LOOKS_HEX;
        else if (number_here(text, at, &len, &value, &hex))
            looks = hex && len >= 8 ? LOOKS_HEX : looks_at(text, at, domain_alias);
        else
            len = 1;
        if (looks > best.looks)
            best = (struct found){ value, looks };
        at += len;
    }
    return best;
}

/* ---- the domain in the words ---- */

/* The longest alias of a domain that stands in the text as a word of its own. */
static const struct rv_fact_domain *named_domain(const char *text, const char **alias)
{
    const struct rv_fact_domain *best = NULL;
    *alias = NULL;
    for (size_t d = 0; d < rv_fact_domain_count; d++) {
        const char *const *names = rv_fact_domains[d].aliases;
        for (; names != NULL && *names != NULL; names++) {
            size_t len = strlen(*names);
            const char *at = strcasestr(text, *names);
            if (at == NULL || (*alias != NULL && len <= strlen(*alias)))
                continue;
            bool starts = at == text || !isalnum((unsigned char)at[-1]);
            if (starts && !isalpha((unsigned char)at[len])) {
                *alias = *names;
                best = &rv_fact_domains[d];
            }
        }
    }
    return best;
}

/* ---- looking up ---- */

static void add_fact(struct rv_explained *out, const struct rv_fact *fact)
{
    for (size_t i = 0; fact != NULL && i < out->count; i++)
        if (out->facts[i] == fact)
            return;
    if (fact != NULL && out->count < RV_EXPLAIN_FACTS)
        out->facts[out->count++] = fact;
}

/* Every meaning of a number, in the order of lookup. */
static void add_number(struct rv_explained *out, int64_t number)
{
    if (out->domain != NULL) {
        add_fact(out, rv_fact_find(out->domain, number));
        return;
    }
    for (unsigned order = 1; order <= rv_fact_domain_count; order++)
        for (size_t d = 0; d < rv_fact_domain_count; d++)
            if (rv_fact_domains[d].order == order)
                add_fact(out, rv_fact_find(rv_fact_domains[d].id, number));
}

static void look_up_number(struct rv_explained *out, int64_t number)
{
    const int64_t ways[] = {
        number,                                                                 /* as it stands */
        number < 0 && number >= -two_to_32 ? number + two_to_32 : number,       /* 0xE80000xx as a signed number */
        number > INT32_MAX && number < two_to_32 ? number - two_to_32 : number, /* a small negative one unsigned */
        number > -two_to_32 && number < two_to_32 ? -number : number,           /* dialogs leave the sign away */
    };
    out->number_known = true;
    out->number = number;
    for (size_t i = 0; i < RV_COUNT(ways) && out->count == 0; i++) {
        add_number(out, ways[i]);
        if (out->count > 0)
            out->number = ways[i];
    }
    if (out->count > 0)
        return;
    out->family = rv_fact_family(out->domain, ways[1]);
    out->number = out->family != NULL ? ways[1] : number;
    if (out->family == NULL && out->domain == NULL) {
        out->nearest = true;
        out->family = rv_fact_nearest_family(number);
    }
    bool signing = out->domain == NULL || strcmp(out->domain, "amrestore") == 0;
    if (signing && number >= SIGNING_FIRST && number <= SIGNING_LAST)
        out->signing_status = number - SIGNING_FIRST;
}

/* A name has a shape of its own: "kAMDMuxError", LOCKDOWN_E_MUX_ERROR, "activation-lock"; plain words do not count. */
static bool name_like(const char *word, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if (word[i] == '_' || word[i] == '-' ||
            (isupper((unsigned char)word[i]) && islower((unsigned char)word[i - 1])))
            return true;
    return false;
}

static const struct rv_fact *find_name(const char *words)
{
    for (const char *at = words; *at != '\0';) {
        size_t len = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
        const struct rv_fact *fact = len >= 4 && name_like(at, len) ? rv_fact_by_name(at, len) : NULL;
        if (fact != NULL)
            return fact;
        at += len > 0 ? len : 1;
    }
    return NULL;
}

bool rv_explain_words(const char *words, struct rv_explained *out)
{
    const char *alias = NULL;
    *out = (struct rv_explained){ .signing_status = -1 };
    add_fact(out, find_name(words));
    if (out->count > 0)
        return true;
    const struct rv_fact_domain *domain = named_domain(words, &alias);
    out->domain = domain != NULL ? domain->id : NULL;
    struct found number = find_number(words, alias);
    if (number.looks == LOOKS_STATUS && number.value >= 0 && number.value < SIGNING_FIRST && domain == NULL) {
        out->domain = "amrestore"; /* the signing server's answer: iTunes shows 3100 + STATUS */
        number.value += number.value == 0 ? 0 : SIGNING_FIRST;
    }
    if (number.looks < LOOKS_WRAPPED)
        add_fact(out, rv_fact_by_message(words));
    if (out->count > 0) {
        if (out->facts[0]->see != 0)
            add_fact(out, rv_fact_find(NULL, out->facts[0]->see));
        return true;
    }
    if (number.looks != LOOKS_NOT)
        look_up_number(out, number.value);
    return number.looks != LOOKS_NOT;
}

/* ---- logs ---- */

static const struct rv_fact *message_fact(const char *key)
{
    return key == NULL ? NULL : rv_fact_by_name(key, strlen(key));
}

static const struct rv_fact_domain *domain_of_name(const char *name)
{
    const char *alias = NULL;
    return named_domain(name, &alias);
}

/* Where a number of the phone points at several things, the operation that ran tells which. */
static const char *part_of_number(const struct rv_log_story *story, const struct rv_fact *fact)
{
    const struct rv_operation_row *row = story->operation < 0 ? NULL : rv_operation_row((uint64_t)story->operation);
    bool phones = strcmp(fact->domain, "amrestore") == 0;
    for (const char *const *part = fact->parts; phones && row != NULL && row->part != NULL && *part != NULL; part++)
        if (strcmp(*part, row->part) == 0)
            return *part;
    return fact->parts[0];
}

/* The deepest words know best; then the step; then the number. */
static const char *part_of(const struct rv_log_story *story, const struct rv_diagnosis *d)
{
    const struct rv_checkpoint_row *inner = story->inner_known ? rv_checkpoint_row(story->inner_step) : NULL;
    const struct rv_checkpoint_row *step = story->step_known ? rv_checkpoint_row(story->step) : NULL;
    const char *part = NULL;
    for (size_t i = story->cause_count; i-- > 0 && part == NULL;)
        part = rv_log_text_part(story->causes[i]);
    if (part == NULL && inner != NULL)
        part = inner->part;
    if (part == NULL && step != NULL)
        part = step->part;
    return part == NULL && d->fact != NULL ? part_of_number(story, d->fact) : part;
}

void rv_diagnose(const struct rv_log_story *story, struct rv_diagnosis *out)
{
    *out = (struct rv_diagnosis){ 0 };
    if (!story->failed)
        return;
    const struct rv_fact *cure = NULL;
    if (story->number_known) {
        out->fact = rv_fact_find(NULL, story->number);
        out->family = out->fact == NULL ? rv_fact_family(NULL, story->number) : NULL;
    }
    if (out->fact == NULL)
        out->fact = message_fact(story->message);
    if (story->inner_known) {
        const struct rv_fact_domain *domain = domain_of_name(story->inner_domain);
        out->inner = domain == NULL ? NULL : rv_fact_find(domain->id, story->inner_number);
    }
    for (size_t i = story->cause_count; i-- > 0 && cure == NULL;)
        cure = message_fact(rv_log_text_cure(story->causes[i]));
    out->part = part_of(story, out);
    out->cure = cure != NULL ? cure : out->fact != NULL ? out->fact : out->family;
    if (out->cure == NULL)
        out->cure = rv_fact_find("amrestore", -1); /* a failure without a closer reason */
}
