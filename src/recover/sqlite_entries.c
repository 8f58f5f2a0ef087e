/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_entries.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCKS_KEPT = 96, BLOCK_BYTES = RV_SQ_BLOCK * sizeof(struct rv_sq_entry) };
enum { FILTER_BITS_LEAST = 1 << 16, FILTER_BITS_MOST = 1 << 28 };

/* Growing array of fixed-size things. */
struct list {
    void *items;
    size_t count, room;
};

/* An entry that must be looked at beside others. */
struct suspect {
    struct rv_sq_entry entry;
    uint64_t number;
    bool dead;
    struct rv_sq_seen seen;
};

struct rv_sq_entries {
    struct rv_sq_entry **blocks; /* NULL: in the file */
    size_t block_room;
    uint64_t count;
    int spill; /* -1 none */
    uint64_t *filter;
    uint64_t filter_mask;
    struct list twice; /* uint64_t: hashes that came again */
    struct list live;  /* struct rv_sq_key */
    struct list suspects;
    struct list seen;      /* struct rv_sq_seen, by number: of rows that were found in several states */
    uint8_t *dead, *older; /* by number, a bit each */
    struct sieve {
        uint64_t *bits; /* NULL: everything is searched for */
        uint64_t mask;
    } twice_sieve, live_sieve;
    uint8_t has_table[RV_SQ_TABLES_MAX], has_rowids[RV_SQ_TABLES_MAX], loose[RV_SQ_TABLES_MAX];
};

static void *grow(struct list *list, size_t each, struct rv_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room + list->room / 2 : 256;
        void *grown = rv_realloc_array(list->items, room, each);
        if (grown == NULL) {
            rv_fail_nomem(err);
            return NULL;
        }
        list->items = grown;
        list->room = room;
    }
    return (uint8_t *)list->items + each * list->count++;
}

/* ---- hashes ---- */

static const uint64_t seed = 0x5265766976655351ull;

uint64_t rv_sq_row_hash(const struct rv_sq_row *row, uint16_t table)
{
    uint64_t h = rv_sq_mix(seed, table);
    unsigned count = row->count;
    while (count > 0 && row->values[count - 1].kind == RV_SQ_NULL)
        count--; /* a column that was added later is as good as NULL */
    for (unsigned i = 0; i < count; i++)
        if (row->table->order[i] != row->table->ipk)
            h = rv_sq_value_hash(h, &row->values[i]);
    return h;
}

uint64_t rv_sq_frame_hash(const struct rv_sq_row *row, uint16_t table, const struct rv_sq_record *record)
{
    uint64_t h = rv_sq_mix(seed, table);
    const uint8_t *body = record->bytes.ptr + record->head;
    unsigned count = row->count;
    while (count > 0 && record->serials[count - 1] == 0)
        count--;
    for (unsigned i = 0; i < count; i++) {
        if (row->table->order[i] != row->table->ipk)
            h = rv_sq_body_hash(h, record->serials[i], body);
        body += rv_sq_body_size(record->serials[i]);
    }
    return h;
}

bool rv_sq_record_hash(const struct rv_sq_table *t, uint16_t number, struct rv_span record, uint64_t *hash)
{
    const uint8_t *p = record.ptr, *end = record.ptr + record.len;
    uint64_t head = 0, serial = 0, h = rv_sq_mix(seed, number);
    unsigned n = rv_sq_varint(p, end, &head), nulls = 0;
    if (n == 0 || head > record.len)
        return false;
    const uint8_t *body = p + head, *head_end = body;
    p += n;
    for (unsigned place = 0; p < head_end && place < t->stored; place++) {
        n = rv_sq_varint(p, head_end, &serial);
        uint64_t size = rv_sq_body_size(serial);
        if (n == 0 || size > (uint64_t)(end - body))
            return false;
        p += n;
        if (t->order[place] == t->ipk) {
            body += size;
        } else if (serial == 0) {
            nulls++; /* counts only when something follows */
        } else {
            for (; nulls > 0; nulls--)
                h = rv_sq_body_hash(h, 0, NULL);
            h = rv_sq_body_hash(h, serial, body);
            body += size;
        }
    }
    *hash = h;
    return true;
}

uint64_t rv_sq_trace(uint16_t table, uint64_t payload, struct rv_span body)
{
    uint64_t h = rv_sq_mix(rv_sq_mix(seed + 1, table), payload), words[2] = { 0 };
    size_t len = body.len < sizeof words ? body.len : sizeof words;
    if (len == sizeof words)
        memcpy(words, body.ptr + body.len - sizeof words, sizeof words);
    else if (len > 0)
        memcpy(words, body.ptr, len);
    return rv_sq_mix(rv_sq_mix(h, words[0]), words[1]);
}

uint64_t rv_sq_rowid_hash(uint16_t table, int64_t rowid)
{
    return rv_sq_mix(rv_sq_mix(~seed, table), (uint64_t)rowid);
}

/* ---- the filter ---- */

/* All bits of a hash lie in one word, so that a question costs one look into memory. */
static uint64_t filter_bits(uint64_t hash)
{
    uint64_t h = rv_sq_mix(hash, ~seed);
    return 1ull << (h & 63) | 1ull << (h >> 6 & 63) | 1ull << (h >> 12 & 63) | 1ull << (h >> 18 & 63);
}

static uint64_t *filter_word(const struct rv_sq_entries *e, uint64_t hash)
{
    return &e->filter[(hash ^ hash >> 32) & e->filter_mask];
}

static bool filter_has(const struct rv_sq_entries *e, uint64_t hash)
{
    uint64_t bits = filter_bits(hash);
    return (*filter_word(e, hash) & bits) == bits;
}

static void filter_add(struct rv_sq_entries *e, uint64_t hash)
{
    *filter_word(e, hash) |= filter_bits(hash);
}

/* ---- the store ---- */

/* Questions to the filter jump about in it: few large pages spare the processor most of its page walks. */
static void ask_for_large_pages(void *start, uint64_t bytes)
{
    const uintptr_t large = 2u << 20, from = ((uintptr_t)start + large - 1) & ~(large - 1);
    if (start != NULL && (uintptr_t)start + bytes >= from + large)
        madvise((void *)from, ((uintptr_t)start + bytes - from) & ~(large - 1), MADV_HUGEPAGE);
}

struct rv_sq_entries *rv_sq_entries_new(uint64_t file_bytes, struct rv_error *err)
{
    RV_AUTO(rv_sq_entries) e = rv_alloc(sizeof *e);
    uint64_t bits = FILTER_BITS_LEAST;
    while (bits < file_bytes / 32 && bits < FILTER_BITS_MOST)
        bits *= 2;
    if (e != NULL) {
        e->spill = -1;
        e->filter_mask = bits / 64 - 1;
        e->filter = rv_alloc_array(bits / 64, sizeof *e->filter);
        ask_for_large_pages(e->filter, bits / 8);
    }
    if (e == NULL || e->filter == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    return rv_steal(&e);
}

void rv_sq_entries_free(struct rv_sq_entries *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->block_room; i++)
        rv_free(e->blocks[i]);
    rv_free(e->blocks);
    rv_free(e->filter);
    rv_free(e->twice.items);
    rv_free(e->live.items);
    rv_free(e->suspects.items);
    rv_free(e->seen.items);
    rv_free(e->dead);
    rv_free(e->older);
    rv_free(e->twice_sieve.bits);
    rv_free(e->live_sieve.bits);
    if (e->spill >= 0)
        close(e->spill);
    rv_free(e);
}

/* A file without a name: it is gone when the program is, however that ends. No row's content is in it. */
static int nameless_file(void)
{
    const char *folder = getenv("TMPDIR");
    int fd = open(folder != NULL && *folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* The block that was just filled goes to the file; where there is none, memory has to hold it. */
static bool spill_block(struct rv_sq_entries *e, size_t block, struct rv_error *err)
{
    if (e->spill < 0 && (e->spill = nameless_file()) < 0)
        return true;
    const uint8_t *from = (const uint8_t *)e->blocks[block];
    for (size_t done = 0; done < BLOCK_BYTES;) {
        ssize_t n = pwrite(e->spill, from + done, BLOCK_BYTES - done, (off_t)(block * BLOCK_BYTES + done));
        if (n <= 0)
            return rv_fail(err, RV_E_NOSPACE, "no room for a list of found rows in the folder for temporary files");
        done += (size_t)n;
    }
    rv_free(e->blocks[block]);
    e->blocks[block] = NULL;
    return true;
}

static bool grow_blocks(struct rv_sq_entries *e, struct rv_error *err)
{
    size_t room = e->block_room ? e->block_room * 2 : 16;
    struct rv_sq_entry **grown = rv_realloc_array(e->blocks, room, sizeof *grown);
    if (grown == NULL)
        return rv_fail_nomem(err);
    memset(grown + e->block_room, 0, (room - e->block_room) * sizeof *grown);
    e->blocks = grown;
    e->block_room = room;
    return true;
}

bool rv_sq_entries_add(struct rv_sq_entries *e, const struct rv_sq_entry *entry, struct rv_error *err)
{
    size_t block = (size_t)(e->count / RV_SQ_BLOCK);
    if (block >= e->block_room && !grow_blocks(e, err))
        return false;
    if (e->blocks[block] == NULL && (e->blocks[block] = rv_alloc(BLOCK_BYTES)) == NULL)
        return rv_fail_nomem(err);
    e->blocks[block][e->count % RV_SQ_BLOCK] = *entry;
    e->has_table[entry->hit.table] = 1;
    if (filter_has(e, entry->hash)) {
        uint64_t *again = grow(&e->twice, sizeof *again, err);
        if (again == NULL)
            return false;
        *again = entry->hash;
    }
    filter_add(e, entry->hash);
    filter_add(e, entry->trace);
    e->loose[entry->hit.table] |= entry->loose;
    if (entry->rowid_known) {
        filter_add(e, rv_sq_rowid_hash(entry->hit.table, entry->rowid));
        e->has_rowids[entry->hit.table] = 1;
    }
    e->count++;
    return e->count % RV_SQ_BLOCK != 0 || block < BLOCKS_KEPT || spill_block(e, block, err);
}

uint64_t rv_sq_entries_count(const struct rv_sq_entries *e)
{
    return e->count;
}

const struct rv_sq_entry *rv_sq_entries_block(const struct rv_sq_entries *e, uint32_t block, struct rv_sq_entry *room,
                                              uint32_t *count, struct rv_error *err)
{
    uint64_t left = e->count - (uint64_t)block * RV_SQ_BLOCK;
    *count = left < RV_SQ_BLOCK ? (uint32_t)left : RV_SQ_BLOCK;
    if (e->blocks[block] != NULL)
        return e->blocks[block];
    return rv_fd_read_at(e->spill, room, BLOCK_BYTES, (uint64_t)block * BLOCK_BYTES, err) ? room : NULL;
}

bool rv_sq_entries_has_table(const struct rv_sq_entries *e, uint16_t table)
{
    return e->has_table[table];
}

bool rv_sq_entries_loose(const struct rv_sq_entries *e, uint16_t table)
{
    return e->loose[table];
}

bool rv_sq_entries_has_rowids(const struct rv_sq_entries *e, uint16_t table)
{
    return e->has_rowids[table];
}

void rv_sq_entries_expect(const struct rv_sq_entries *e, uint64_t hash)
{
    __builtin_prefetch(filter_word(e, hash));
}

void rv_sq_entries_expect_entry(const struct rv_sq_entries *e, const struct rv_sq_entry *entry)
{
    rv_sq_entries_expect(e, entry->hash);
    rv_sq_entries_expect(e, entry->trace);
    if (entry->rowid_known)
        rv_sq_entries_expect(e, rv_sq_rowid_hash(entry->hit.table, entry->rowid));
}

bool rv_sq_entries_may_have(const struct rv_sq_entries *e, uint64_t hash)
{
    return filter_has(e, hash);
}

bool rv_sq_entries_add_live(struct rv_sq_entries *e, const struct rv_sq_key *key, struct rv_error *err)
{
    struct rv_sq_key *to = grow(&e->live, sizeof *to, err);
    if (to != NULL)
        *to = *key;
    return to != NULL;
}

/* ---- settling ---- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int by_key(const void *a, const void *b)
{
    const struct rv_sq_key *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->rowid < y->rowid ? -1 : x->rowid > y->rowid;
}

/*
 * Nearly no entry is in a sorted list of hashes: a bit for each dismisses the others without a search. Hashes lie at
 * the start of what is listed, `each` bytes apart.
 */
static struct sieve sieve_of(const struct list *list, size_t each)
{
    enum { LEAST = 1 << 10, MOST = 1 << 23, BITS_EACH = 16 };
    uint64_t bits = LEAST, hash;
    while (bits < MOST && bits < list->count * BITS_EACH)
        bits *= 2;
    struct sieve sieve = { rv_alloc_array(bits / 64, sizeof(uint64_t)), bits - 1 };
    for (size_t i = 0; sieve.bits != NULL && i < list->count; i++) {
        memcpy(&hash, (const uint8_t *)list->items + i * each, sizeof hash);
        sieve.bits[(hash & sieve.mask) / 64] |= 1ull << hash % 64;
    }
    return sieve;
}

static bool passes(const struct sieve *sieve, uint64_t hash)
{
    return sieve->bits == NULL || sieve->bits[(hash & sieve->mask) / 64] >> hash % 64 & 1;
}

/* The first live key of this hash, the list's end if there is none. */
static size_t first_live(const struct rv_sq_entries *e, uint64_t hash)
{
    const struct rv_sq_key *keys = e->live.items;
    size_t low = 0, high = e->live.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keys[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool lives(const struct rv_sq_entries *e, const struct rv_sq_entry *entry)
{
    const struct rv_sq_key *keys = e->live.items;
    if (!passes(&e->live_sieve, entry->hash))
        return false;
    for (size_t i = first_live(e, entry->hash); i < e->live.count && keys[i].hash == entry->hash; i++)
        if (!entry->rowid_known || !keys[i].rowid_known || keys[i].rowid == entry->rowid)
            return true;
    return false;
}

static bool has_newer(const struct rv_sq_entries *e, const struct rv_sq_entry *entry)
{
    const struct rv_sq_key *keys = e->live.items;
    uint64_t hash = rv_sq_rowid_hash(entry->hit.table, entry->rowid);
    if (!entry->rowid_known || !passes(&e->live_sieve, hash))
        return false;
    for (size_t i = first_live(e, hash); i < e->live.count && keys[i].hash == hash; i++)
        if (keys[i].rowid == entry->rowid)
            return true;
    return false;
}

static void set_bit(uint8_t *bits, uint64_t number)
{
    bits[number / 8] |= (uint8_t)(1u << number % 8);
}

bool rv_sq_entries_dead(const struct rv_sq_entries *e, uint64_t number)
{
    return e->dead[number / 8] >> number % 8 & 1;
}

bool rv_sq_entries_older(const struct rv_sq_entries *e, uint64_t number)
{
    return e->older[number / 8] >> number % 8 & 1;
}

static struct rv_sq_seen seen_once(const struct rv_sq_entry *entry, uint64_t number)
{
    return (struct rv_sq_seen){ number, entry->commit, entry->commit, entry->gone };
}

/* What was found in another state: its times widen the ones of the copy that stays. */
static void see_too(struct rv_sq_seen *kept, const struct rv_sq_seen *other)
{
    if (other->first != 0 && (kept->first == 0 || other->first < kept->first))
        kept->first = other->first;
    if (other->last <= kept->last)
        return;
    kept->last = other->last;
    kept->gone = other->gone;
}

/* Places where a guess was made in some image: only there do readings compete. Some bits a place. */
enum { PLACE_BITS = 1 << 20 };

static uint32_t place_bit(const struct rv_sq_hit *hit)
{
    return (uint32_t)(rv_sq_mix(hit->number, hit->at) >> 32) % PLACE_BITS;
}

static bool on_rival_page(const uint8_t *rival_pages, const struct rv_sq_hit *hit)
{
    return rival_pages != NULL && rival_pages[(hit->number - 1) / 8] >> (hit->number - 1) % 8 & 1;
}

static uint8_t *guessed_places(struct rv_sq_entries *e, const uint8_t *rival_pages, struct rv_sq_entry *room,
                               struct rv_error *err)
{
    uint8_t *places = rv_alloc(PLACE_BITS / 8);
    bool fine = places != NULL || rv_fail_nomem(err);
    for (uint64_t number = 0; fine && rival_pages != NULL && number < e->count;) {
        uint32_t count = 0;
        const struct rv_sq_entry *entries = rv_sq_entries_block(e, (uint32_t)(number / RV_SQ_BLOCK), room, &count, err);
        fine = entries != NULL;
        for (uint32_t i = 0; fine && i < count; i++, number++)
            if (entries[i].hit.layout == 2 && on_rival_page(rival_pages, &entries[i].hit))
                set_bit(places, place_bit(&entries[i].hit));
    }
    if (fine)
        return places;
    rv_free(places);
    return NULL;
}

/* Strikes what lives and gathers what else may not stay. */
static bool gather_suspects(struct rv_sq_entries *e, const uint8_t *rival_pages, uint64_t *struck, struct rv_error *err)
{
    struct rv_sq_entry *room = rv_alloc(BLOCK_BYTES);
    bool fine = room != NULL || rv_fail_nomem(err);
    uint8_t *places = fine ? guessed_places(e, rival_pages, room, err) : NULL;
    fine = fine && places != NULL;
    for (uint64_t number = 0; fine && number < e->count;) {
        uint32_t count = 0;
        const struct rv_sq_entry *entries = rv_sq_entries_block(e, (uint32_t)(number / RV_SQ_BLOCK), room, &count, err);
        fine = entries != NULL;
        for (uint32_t i = 0; fine && i < count; i++, number++) {
            const struct rv_sq_hit *hit = &entries[i].hit;
            bool alive = e->live.count > 0 && lives(e, &entries[i]);
            bool rival = on_rival_page(rival_pages, hit) && places[place_bit(hit) / 8] >> place_bit(hit) % 8 & 1;
            bool again = !alive && e->twice.count > 0 && passes(&e->twice_sieve, entries[i].hash) &&
                         bsearch(&entries[i].hash, e->twice.items, e->twice.count, sizeof(uint64_t), by_value) != NULL;
            *struck += alive;
            if (alive)
                set_bit(e->dead, number);
            else if (e->live.count > 0 && has_newer(e, &entries[i]))
                set_bit(e->older, number);
            if (!again && !rival)
                continue;
            struct suspect *s = grow(&e->suspects, sizeof *s, err);
            fine = s != NULL;
            if (fine)
                *s = (struct suspect){ entries[i], number, alive, seen_once(&entries[i], number) };
        }
    }
    rv_free(places);
    rv_free(room);
    return fine;
}

static bool stronger(const struct rv_sq_entry *a, const struct rv_sq_entry *b)
{
    if (a->hit.whole_image != b->hit.whole_image)
        return a->hit.whole_image;
    if (a->rowid_known != b->rowid_known)
        return a->rowid_known;
    return a->hit.bits > b->hit.bits;
}

static int by_place(const void *a, const void *b)
{
    const struct suspect *x = a, *y = b;
    if (x->entry.hit.number != y->entry.hit.number)
        return x->entry.hit.number < y->entry.hit.number ? -1 : 1;
    if (x->entry.hit.at != y->entry.hit.at)
        return x->entry.hit.at < y->entry.hit.at ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* Of one hash together: known rowids first, in order. */
static int by_hash(const void *a, const void *b)
{
    const struct suspect *x = a, *y = b;
    if (x->entry.hash != y->entry.hash)
        return x->entry.hash < y->entry.hash ? -1 : 1;
    if (x->entry.rowid_known != y->entry.rowid_known)
        return x->entry.rowid_known ? -1 : 1;
    if (x->entry.rowid_known && x->entry.rowid != y->entry.rowid)
        return x->entry.rowid < y->entry.rowid ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* Of two equals the one found later (an older image of the page is searched after the page itself). */
static bool beats(const struct suspect *a, const struct suspect *b)
{
    return stronger(&a->entry, &b->entry) || (!stronger(&b->entry, &a->entry) && a->number > b->number);
}

static struct suspect *best_other_than(struct suspect *s, size_t count, const struct suspect * not )
{
    struct suspect *best = NULL;
    for (size_t i = 0; i < count; i++)
        if ((not == NULL || s[i].entry.hash != not ->entry.hash) && (best == NULL || beats(&s[i], best)))
            best = &s[i];
    return best;
}

/* Different readings of the same bytes (one place in several images): guesses give way to a better one. */
static void drop_rival_readings(struct suspect *s, size_t count)
{
    for (size_t i = 0, n; i < count; i += n) {
        const struct rv_sq_hit *here = &s[i].entry.hit;
        for (n = 1; i + n < count && s[i + n].entry.hit.number == here->number && s[i + n].entry.hit.at == here->at;)
            n++;
        const struct suspect *best = best_other_than(s + i, n, NULL), *second = best_other_than(s + i, n, best);
        for (size_t k = i; k < i + n; k++) {
            const struct suspect *rival = s[k].entry.hash != best->entry.hash ? best : second;
            if (s[k].entry.hit.layout == 2 && rival != NULL && beats(rival, &s[k]))
                s[k].dead = true;
        }
    }
}

/* Several copies of one version: the strongest stays. A row without its rowid is a copy of any that has one. */
static void merge_copies(struct suspect *s, size_t count)
{
    struct suspect *kept = NULL;
    for (size_t i = 0; i < count; i++) {
        if (s[i].dead)
            continue;
        bool copy = kept != NULL && kept->entry.hash == s[i].entry.hash &&
                    (!kept->entry.rowid_known || !s[i].entry.rowid_known || kept->entry.rowid == s[i].entry.rowid);
        if (!copy) {
            kept = &s[i];
        } else if (stronger(&s[i].entry, &kept->entry)) {
            kept->dead = true;
            see_too(&s[i].seen, &kept->seen);
            kept = &s[i];
        } else {
            s[i].dead = true;
            see_too(&kept->seen, &s[i].seen);
        }
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct rv_sq_seen *)a)->number, y = ((const struct rv_sq_seen *)b)->number;
    return x < y ? -1 : x > y;
}

static bool note_times(struct rv_sq_entries *e, const struct suspect *s, size_t count, struct rv_error *err)
{
    for (size_t i = 0; i < count; i++) {
        bool several = s[i].seen.first != s[i].entry.commit || s[i].seen.last != s[i].entry.commit;
        struct rv_sq_seen *to = s[i].dead || !several ? NULL : grow(&e->seen, sizeof *to, err);
        if (to != NULL)
            *to = s[i].seen;
        else if (!s[i].dead && several)
            return false;
    }
    if (e->seen.count > 0)
        qsort(e->seen.items, e->seen.count, sizeof(struct rv_sq_seen), by_number);
    return true;
}

bool rv_sq_entries_settle(struct rv_sq_entries *e, const uint8_t *rival_pages, uint64_t *struck, struct rv_error *err)
{
    e->dead = rv_alloc((size_t)(e->count / 8 + 1));
    e->older = rv_alloc((size_t)(e->count / 8 + 1));
    if (e->dead == NULL || e->older == NULL)
        return rv_fail_nomem(err);
    if (e->twice.count > 0)
        qsort(e->twice.items, e->twice.count, sizeof(uint64_t), by_value);
    if (e->live.count > 0)
        qsort(e->live.items, e->live.count, sizeof(struct rv_sq_key), by_key);
    e->twice_sieve = sieve_of(&e->twice, sizeof(uint64_t));
    e->live_sieve = sieve_of(&e->live, sizeof(struct rv_sq_key));
    if (!gather_suspects(e, rival_pages, struck, err))
        return false;
    struct suspect *s = e->suspects.items;
    size_t count = e->suspects.count;
    if (count > 0) {
        qsort(s, count, sizeof *s, by_place);
        drop_rival_readings(s, count);
        qsort(s, count, sizeof *s, by_hash);
        merge_copies(s, count);
    }
    for (size_t i = 0; i < count; i++)
        if (s[i].dead)
            set_bit(e->dead, s[i].number);
    return note_times(e, s, count, err);
}

struct rv_sq_seen rv_sq_entries_seen(const struct rv_sq_entries *e, const struct rv_sq_entry *entry, uint64_t number)
{
    const struct rv_sq_seen *s = e->seen.count > 0 ? bsearch(&(struct rv_sq_seen){ .number = number }, e->seen.items,
                                                             e->seen.count, sizeof *s, by_number)
                                                   : NULL;
    return s != NULL ? *s : seen_once(entry, number);
}
