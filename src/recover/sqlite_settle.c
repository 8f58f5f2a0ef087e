/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which found rows stay. Rows and keys that must be looked at beside each other fall into parts by their hash, and one
 * part after the other is loaded, sorted and judged: memory holds one, however many rows were found.
 */
#include "base/mem.h"
#include "recover/sqlite_entries_inside.h"

#include <stdlib.h>
#include <string.h>

enum { PART_BYTES = 8 << 20 };

static void set_bit(uint8_t *bits, uint64_t number)
{
    bits[number / 8] |= (uint8_t)(1u << number % 8);
}

/* ---- all entries, one after the other ---- */

typedef bool entry_fn(void *context, struct rv_sq_entry *entry, uint64_t number, struct rv_error *err);

static bool each_entry(const struct rv_sq_entries *e, struct rv_sq_entry *room, entry_fn *call, void *context,
                       struct rv_error *err)
{
    for (uint64_t number = 0; number < e->count;) {
        uint32_t count = 0;
        const struct rv_sq_entry *entries = rv_sq_entries_block(e, (uint32_t)(number / RV_SQ_BLOCK), room, &count, err);
        if (entries == NULL)
            return false;
        for (uint32_t i = 0; i < count; i++, number++)
            if (!call(context, (struct rv_sq_entry *)(uintptr_t)&entries[i], number, err))
                return false;
    }
    return true;
}

static uint32_t parts_of(uint64_t things, size_t each)
{
    uint64_t parts = things * each / PART_BYTES + 1;
    return parts > UINT32_MAX ? UINT32_MAX : (uint32_t)parts;
}

static bool in_part(uint64_t hash, uint32_t part, uint32_t parts)
{
    return parts == 1 || rv_sq_mix(hash, parts) % parts == part;
}

/* ---- what lives ---- */

struct living {
    struct rv_sq_entries *entries;
    uint32_t part, parts;
    struct rv_sq_key *keys; /* of this part, sorted */
    size_t count, room;
    uint64_t *sieve, mask; /* nearly no entry's hash is among the keys: a bit for each dismisses the others */
    uint64_t *struck;
};

static int by_key(const void *a, const void *b)
{
    const struct rv_sq_key *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->rowid < y->rowid ? -1 : x->rowid > y->rowid;
}

/* The first key of this hash, or where it would stand. */
static size_t first_live(const struct living *l, uint64_t hash)
{
    size_t low = 0, high = (l->sieve[(hash & l->mask) / 64] >> hash % 64 & 1) != 0 ? l->count : 0;
    if (high == 0)
        return l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->keys[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_key(const struct living *l, uint64_t hash, const struct rv_sq_entry *entry, bool any)
{
    if (!in_part(hash, l->part, l->parts))
        return false;
    for (size_t i = first_live(l, hash); i < l->count && l->keys[i].hash == hash; i++)
        if (l->keys[i].rowid == entry->rowid || (any && (!entry->rowid_known || !l->keys[i].rowid_known)))
            return true;
    return false;
}

static bool strike_living(void *context, struct rv_sq_entry *entry, uint64_t number, struct rv_error *err)
{
    struct living *l = context;
    (void)err;
    if (has_key(l, entry->hash, entry, true)) {
        set_bit(l->entries->dead, number);
        ++*l->struck;
    } else if (entry->rowid_known && has_key(l, rv_sq_rowid_hash(entry->hit.table, entry->rowid), entry, false)) {
        set_bit(l->entries->older, number);
    }
    return true;
}

static bool load_keys(struct living *l, struct rv_sq_key *room, size_t most, struct rv_error *err)
{
    const struct rv_sq_keys *all = &l->entries->live;
    size_t count = 0;
    l->count = 0;
    memset(l->sieve, 0, (size_t)(l->mask + 1) / 8);
    for (uint64_t at = 0; at < rv_sq_keys_count(all); at += count) {
        if (!rv_sq_keys_read(all, at, room, most, &count, err))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (!in_part(room[i].hash, l->part, l->parts))
                continue;
            if (l->count == l->room) {
                size_t more = l->room ? l->room + l->room / 2 : 4096;
                struct rv_sq_key *grown = rv_realloc_array(l->keys, more, sizeof *grown);
                if (grown == NULL)
                    return rv_fail_nomem(err);
                l->keys = grown;
                l->room = more;
            }
            l->keys[l->count++] = room[i];
            l->sieve[(room[i].hash & l->mask) / 64] |= 1ull << room[i].hash % 64;
        }
    }
    if (l->count > 0)
        qsort(l->keys, l->count, sizeof *l->keys, by_key);
    return true;
}

static bool strike_all_living(struct rv_sq_entries *e, struct rv_sq_entry *room, uint64_t *struck, struct rv_error *err)
{
    enum { SIEVE_BITS = 1 << 22, KEYS_AT_ONCE = 2048 };
    uint64_t keys = rv_sq_keys_count(&e->live);
    if (keys == 0)
        return true;
    struct living l = { .entries = e, .parts = parts_of(keys, sizeof *l.keys), .mask = SIEVE_BITS - 1 };
    struct rv_sq_key *some = rv_alloc_array(KEYS_AT_ONCE, sizeof *some);
    l.struck = struck;
    l.sieve = rv_alloc(SIEVE_BITS / 8);
    bool fine = (l.sieve != NULL && some != NULL) || rv_fail_nomem(err);
    for (; fine && l.part < l.parts; l.part++)
        fine = load_keys(&l, some, KEYS_AT_ONCE, err) && each_entry(e, room, strike_living, &l, err);
    rv_free(l.keys);
    rv_free(l.sieve);
    rv_free(some);
    return fine;
}

/* ---- what must be looked at beside others ---- */

/* An entry of a part: as little of it as decides. */
struct suspect {
    uint64_t hash, number;
    int64_t rowid;
    uint32_t page, at;
    float bits;
    uint32_t first, last, gone;
    bool rowid_known, whole_image, guess, dead, changed;
};

struct judging {
    struct rv_sq_entries *entries;
    const uint8_t *rival_pages; /* NULL: the copies of one hash are judged, else the readings of one place */
    uint32_t pages;             /* that it has bits of: a log may name pages beyond the file */
    uint8_t *places;            /* of guesses on rival pages: some bits a place */
    uint32_t part, parts;
    uint64_t asked; /* suspects of all parts */
    bool count_only;
    struct suspect *items;
    size_t count, room;
};

/* Places where a guess was made in some image: only there do readings compete. */
enum { PLACE_BITS = 1 << 20 };

static uint64_t place_hash(const struct rv_sq_hit *hit)
{
    return rv_sq_mix(rv_sq_mix(1, hit->number), hit->at);
}

static bool on_rival_page(const struct judging *j, const struct rv_sq_hit *hit)
{
    return hit->number <= j->pages && (j->rival_pages[(hit->number - 1) / 8] >> (hit->number - 1) % 8 & 1) != 0;
}

static bool note_guess(void *context, struct rv_sq_entry *entry, uint64_t number, struct rv_error *err)
{
    struct judging *j = context;
    (void)number;
    (void)err;
    if (entry->hit.layout == 2 && on_rival_page(j, &entry->hit))
        set_bit(j->places, (place_hash(&entry->hit) >> 32) % PLACE_BITS);
    return true;
}

static bool is_suspect(const struct judging *j, const struct rv_sq_entry *entry, uint64_t number)
{
    uint64_t place = place_hash(&entry->hit);
    if (j->rival_pages == NULL)
        return !rv_sq_entries_dead(j->entries, number) && rv_sq_filter_has(&j->entries->twice, entry->hash) &&
               in_part(entry->hash, j->part, j->parts);
    uint64_t bit = (place >> 32) % PLACE_BITS;
    return on_rival_page(j, &entry->hit) && (j->places[bit / 8] >> bit % 8 & 1) != 0 &&
           in_part(place, j->part, j->parts);
}

static bool gather(void *context, struct rv_sq_entry *entry, uint64_t number, struct rv_error *err)
{
    struct judging *j = context;
    if (!is_suspect(j, entry, number))
        return true;
    j->asked++;
    if (j->count_only)
        return true;
    if (j->count == j->room) {
        size_t room = j->room ? j->room + j->room / 2 : 1024;
        struct suspect *grown = rv_realloc_array(j->items, room, sizeof *grown);
        if (grown == NULL)
            return rv_fail_nomem(err);
        j->items = grown;
        j->room = room;
    }
    j->items[j->count++] = (struct suspect){ .hash = entry->hash,
                                             .number = number,
                                             .rowid = entry->rowid,
                                             .page = entry->hit.number,
                                             .at = entry->hit.at,
                                             .bits = entry->hit.bits,
                                             .first = entry->first,
                                             .last = entry->last,
                                             .gone = entry->gone,
                                             .rowid_known = entry->rowid_known,
                                             .whole_image = entry->hit.whole_image,
                                             .guess = entry->hit.layout == 2,
                                             .dead = rv_sq_entries_dead(j->entries, number) };
    return true;
}

static bool stronger(const struct suspect *a, const struct suspect *b)
{
    if (a->whole_image != b->whole_image)
        return a->whole_image;
    if (a->rowid_known != b->rowid_known)
        return a->rowid_known;
    return a->bits > b->bits;
}

static int by_place(const void *a, const void *b)
{
    const struct suspect *x = a, *y = b;
    if (x->page != y->page)
        return x->page < y->page ? -1 : 1;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* Of one hash together: known rowids first, in order. */
static int by_hash(const void *a, const void *b)
{
    const struct suspect *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->rowid_known != y->rowid_known)
        return x->rowid_known ? -1 : 1;
    if (x->rowid_known && x->rowid != y->rowid)
        return x->rowid < y->rowid ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* Of two equals the one found later (an older image of the page is searched after the page itself). */
static bool beats(const struct suspect *a, const struct suspect *b)
{
    return stronger(a, b) || (!stronger(b, a) && a->number > b->number);
}

static struct suspect *best_other_than(struct suspect *s, size_t count, const struct suspect *out)
{
    struct suspect *best = NULL;
    for (size_t i = 0; i < count; i++)
        if ((out == NULL || s[i].hash != out->hash) && (best == NULL || beats(&s[i], best)))
            best = &s[i];
    return best;
}

/* Different readings of the same bytes (one place in several images): guesses give way to a better one. */
static void drop_rival_readings(struct suspect *s, size_t count)
{
    for (size_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && s[i + n].page == s[i].page && s[i + n].at == s[i].at;)
            n++;
        const struct suspect *best = best_other_than(s + i, n, NULL), *second = best_other_than(s + i, n, best);
        for (size_t k = i; k < i + n; k++) {
            const struct suspect *rival = s[k].hash != best->hash ? best : second;
            if (s[k].guess && rival != NULL && beats(rival, &s[k]))
                s[k].dead = true;
        }
    }
}

/* What was found in another state: its times widen the ones of the copy that stays. */
static void see_too(struct suspect *kept, const struct suspect *other)
{
    kept->changed = true;
    if (other->first != 0 && (kept->first == 0 || other->first < kept->first))
        kept->first = other->first;
    if (other->last <= kept->last)
        return;
    kept->last = other->last;
    kept->gone = other->gone;
}

/* Several copies of one version: the strongest stays. A row without its rowid is a copy of any that has one. */
static void merge_copies(struct suspect *s, size_t count)
{
    struct suspect *kept = NULL;
    for (size_t i = 0; i < count; i++) {
        bool copy = kept != NULL && kept->hash == s[i].hash &&
                    (!kept->rowid_known || !s[i].rowid_known || kept->rowid == s[i].rowid);
        if (!copy) {
            kept = &s[i];
        } else if (stronger(&s[i], kept)) {
            kept->dead = true;
            see_too(&s[i], kept);
            kept = &s[i];
        } else {
            s[i].dead = true;
            see_too(kept, &s[i]);
        }
    }
}

static int by_number(const void *a, const void *b)
{
    const struct suspect *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Times go back into the entries, block by block. */
static bool note_times(struct rv_sq_entries *e, struct suspect *s, size_t count, struct rv_sq_entry *room,
                       struct rv_error *err)
{
    qsort(s, count, sizeof *s, by_number);
    for (size_t i = 0; i < count;) {
        uint32_t block = (uint32_t)(s[i].number / RV_SQ_BLOCK), in_block = 0;
        bool changed = false;
        size_t end = i;
        for (; end < count && s[end].number / RV_SQ_BLOCK == block; end++)
            changed = changed || (s[end].changed && !s[end].dead);
        const struct rv_sq_entry *from = changed ? rv_sq_entries_block(e, block, room, &in_block, err) : NULL;
        if (changed && from == NULL)
            return false;
        for (; i < end; i++) {
            struct rv_sq_entry *to = (struct rv_sq_entry *)(uintptr_t)from + s[i].number % RV_SQ_BLOCK;
            if (!s[i].changed || s[i].dead)
                continue;
            to->first = s[i].first;
            to->last = s[i].last;
            to->gone = s[i].gone;
        }
        if (changed && !rv_sq_entries_put_block(e, block, from, err))
            return false;
    }
    return true;
}

static bool judge(struct judging *j, struct rv_sq_entry *room, struct rv_error *err)
{
    struct rv_sq_entries *e = j->entries;
    j->parts = 1;
    j->count_only = true;
    bool fine = each_entry(e, room, gather, j, err);
    j->parts = parts_of(j->asked, sizeof *j->items);
    j->count_only = false;
    for (; fine && j->asked > 0 && j->part < j->parts; j->part++) {
        j->count = 0;
        fine = each_entry(e, room, gather, j, err);
        if (!fine || j->count == 0)
            continue;
        qsort(j->items, j->count, sizeof *j->items, j->rival_pages != NULL ? by_place : by_hash);
        if (j->rival_pages != NULL)
            drop_rival_readings(j->items, j->count);
        else
            merge_copies(j->items, j->count);
        for (size_t i = 0; i < j->count; i++)
            if (j->items[i].dead)
                set_bit(e->dead, j->items[i].number);
        fine = j->rival_pages != NULL || note_times(e, j->items, j->count, room, err);
    }
    rv_free(j->items);
    return fine;
}

static bool judge_places(struct judging j, struct rv_sq_entry *room, struct rv_error *err)
{
    j.places = rv_alloc(PLACE_BITS / 8);
    bool fine = (j.places != NULL || rv_fail_nomem(err)) && each_entry(j.entries, room, note_guess, &j, err) &&
                judge(&j, room, err);
    rv_free(j.places);
    return fine;
}

bool rv_sq_entries_settle(struct rv_sq_entries *e, const uint8_t *rival_pages, uint32_t pages, uint64_t *struck,
                          struct rv_error *err)
{
    struct rv_sq_entry *room = rv_alloc(RV_SQ_BLOCK_BYTES);
    struct judging copies = { .entries = e };
    e->dead = rv_alloc((size_t)(e->count / 8 + 1));
    e->older = rv_alloc((size_t)(e->count / 8 + 1));
    bool fine = (room != NULL && e->dead != NULL && e->older != NULL) || rv_fail_nomem(err);
    fine = fine && strike_all_living(e, room, struck, err) &&
           (rival_pages == NULL ||
            judge_places((struct judging){ .entries = e, .rival_pages = rival_pages, .pages = pages }, room, err)) &&
           (e->twice_count == 0 || judge(&copies, room, err));
    rv_free(room);
    return fine;
}
