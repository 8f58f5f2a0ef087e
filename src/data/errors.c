/* SPDX-License-Identifier: Apache-2.0 */
#include "data/errors.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

struct word {
    const char *id, *words;
};

#include "errors_table.inc"

const struct rv_fact *const rv_facts = facts;
const size_t rv_fact_count = RV_COUNT(facts);
const struct rv_fact_domain *const rv_fact_domains = domains;
const size_t rv_fact_domain_count = RV_COUNT(domains);

const struct rv_fact_domain *rv_fact_domain(const char *id)
{
    for (size_t i = 0; i < RV_COUNT(domains); i++)
        if (strcmp(domains[i].id, id) == 0)
            return &domains[i];
    return NULL;
}

/* 0: not looked up without being named. */
static unsigned order_of(const struct rv_fact *fact)
{
    const struct rv_fact_domain *domain = rv_fact_domain(fact->domain);
    return domain == NULL ? 0 : domain->order;
}

static bool in_domain(const struct rv_fact *fact, const char *domain)
{
    return domain == NULL ? order_of(fact) > 0 : strcmp(fact->domain, domain) == 0;
}

static bool better(const struct rv_fact *a, const struct rv_fact *b)
{
    if (b == NULL)
        return true;
    int64_t wide_a = a->high - a->low, wide_b = b->high - b->low;
    return wide_a != wide_b ? wide_a < wide_b : order_of(a) < order_of(b);
}

const struct rv_fact *rv_fact_find(const char *domain, int64_t code)
{
    const struct rv_fact *best = NULL;
    for (size_t i = 0; i < RV_COUNT(facts); i++) {
        const struct rv_fact *f = &facts[i];
        if (f->numbered && f->low == code && in_domain(f, domain) && better(f, best))
            best = f;
        /* libimobiledevice numbers lockdown's words in its own way. */
        if (domain != NULL && strcmp(domain, "libimobiledevice-lockdown") == 0 && f->libimobiledevice != 0 &&
            f->libimobiledevice == code)
            return f;
    }
    return best;
}

const struct rv_fact *rv_fact_family(const char *domain, int64_t code)
{
    const struct rv_fact *best = NULL;
    for (size_t i = 0; i < RV_COUNT(facts); i++) {
        const struct rv_fact *f = &facts[i];
        if (f->range && f->low <= code && code <= f->high && in_domain(f, domain) && better(f, best))
            best = f;
    }
    return best;
}

const struct rv_fact *rv_fact_nearest_family(int64_t code)
{
    const struct rv_fact *best = NULL;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < RV_COUNT(facts); i++) {
        const struct rv_fact *f = &facts[i];
        if (!f->range || order_of(f) == 0)
            continue;
        /* As unsigned: the distance of two far numbers does not fit a signed one. */
        uint64_t away = code < f->low ? (uint64_t)f->low - (uint64_t)code
                                      : (code > f->high ? (uint64_t)code - (uint64_t)f->high : 0);
        if (best == NULL || away < least) {
            best = f;
            least = away;
        }
    }
    return best;
}

/* Letters and digits only, in lower case, without what libraries put around a name: two spellings become one. */
static bool plain_name(const char *name, size_t len, char *out, size_t out_size)
{
    static const char *const before[] = { "lockdowne", "kamd" };
    size_t n = 0;
    for (size_t i = 0; i < len && n + 1 < out_size; i++)
        if (isalnum((unsigned char)name[i]))
            out[n++] = (char)tolower((unsigned char)name[i]);
    out[n] = '\0';
    for (size_t i = 0; i < RV_COUNT(before); i++) {
        size_t cut = strlen(before[i]);
        if (strncmp(out, before[i], cut) == 0) {
            memmove(out, out + cut, n - cut + 1);
            n -= cut;
        }
    }
    if (n > 5 && strcmp(out + n - 5, "error") == 0)
        out[n - 5] = '\0';
    return out[0] != '\0';
}

static bool named(const char *mine, const char *wanted)
{
    char plain[96];
    return mine != NULL && plain_name(mine, strlen(mine), plain, sizeof plain) && strcmp(plain, wanted) == 0;
}

const struct rv_fact *rv_fact_by_name(const char *name, size_t len)
{
    char wanted[96];
    if (!plain_name(name, len, wanted, sizeof wanted))
        return NULL;
    for (size_t i = 0; i < RV_COUNT(facts); i++) {
        const struct rv_fact *f = &facts[i];
        if (named(f->symbol, wanted) || named(f->wire, wanted) || named(f->key, wanted))
            return f;
    }
    return NULL;
}

const struct rv_fact *rv_fact_by_message(const char *text)
{
    const struct rv_fact *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < RV_COUNT(facts); i++)
        for (const char *const *m = facts[i].match; m != NULL && *m != NULL; m++) {
            size_t len = strlen(*m);
            if (len > most && strcasestr(text, *m) != NULL) {
                best = &facts[i];
                most = len;
            }
        }
    return best;
}

static const char *words_of(const struct word *words, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i].id, id) == 0)
            return words[i].words;
    return id;
}

const char *rv_fact_part_words(const char *part)
{
    return words_of(parts, RV_COUNT(parts), part);
}

const char *rv_fact_phase_words(const char *phase)
{
    return words_of(phases, RV_COUNT(phases), phase);
}

const char *rv_fact_sure_words(const char *certainty)
{
    return words_of(sure, RV_COUNT(sure), certainty);
}
