/* SPDX-License-Identifier: Apache-2.0 */
#include "recover/sqlite_entries_inside.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCKS_KEPT = 24, KEYS_KEPT = 1 << 17 };
enum { FILTER_BITS_LEAST = 1 << 16, FILTER_BITS_MOST = 1 << 28, TWICE_SHARE = 4 };

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

static uint64_t *filter_word(const struct rv_sq_filter *f, uint64_t hash)
{
    return &f->words[(hash ^ hash >> 32) & f->mask];
}

bool rv_sq_filter_has(const struct rv_sq_filter *f, uint64_t hash)
{
    uint64_t bits = filter_bits(hash);
    return (*filter_word(f, hash) & bits) == bits;
}

static void filter_add(struct rv_sq_filter *f, uint64_t hash)
{
    *filter_word(f, hash) |= filter_bits(hash);
}

static struct rv_sq_filter filter_of(uint64_t bits)
{
    return (struct rv_sq_filter){ rv_alloc_array(bits / 64, sizeof(uint64_t)), bits / 64 - 1 };
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
        e->spill = e->live.file = -1;
        e->all = filter_of(bits);
        e->twice = filter_of(bits / TWICE_SHARE);
        e->live.room = rv_alloc_array(KEYS_KEPT, sizeof *e->live.room);
        ask_for_large_pages(e->all.words, bits / 8);
    }
    if (e == NULL || e->all.words == NULL || e->twice.words == NULL || e->live.room == NULL) {
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
    rv_free(e->all.words);
    rv_free(e->twice.words);
    rv_free(e->live.room);
    rv_free(e->dead);
    rv_free(e->older);
    if (e->live.file >= 0)
        close(e->live.file);
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

static bool write_at(int fd, const void *from, size_t len, uint64_t offset, struct rv_error *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, (const uint8_t *)from + done, len - done, (off_t)(offset + done));
        if (n <= 0)
            return rv_fail(err, RV_E_NOSPACE, "no room for a list of found rows in the folder for temporary files");
        done += (size_t)n;
    }
    return true;
}

/* The block that was just filled goes to the file; where there is none, memory has to hold it. */
static bool spill_block(struct rv_sq_entries *e, size_t block, struct rv_error *err)
{
    if (e->spill < 0 && (e->spill = nameless_file()) < 0)
        return true;
    if (!write_at(e->spill, e->blocks[block], RV_SQ_BLOCK_BYTES, (uint64_t)block * RV_SQ_BLOCK_BYTES, err))
        return false;
    rv_free(e->blocks[block]);
    e->blocks[block] = NULL;
    return true;
}

bool rv_sq_entries_put_block(struct rv_sq_entries *e, uint32_t block, const struct rv_sq_entry *from,
                             struct rv_error *err)
{
    return e->blocks[block] != NULL ||
           write_at(e->spill, from, RV_SQ_BLOCK_BYTES, (uint64_t)block * RV_SQ_BLOCK_BYTES, err);
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
    if (e->blocks[block] == NULL && (e->blocks[block] = rv_alloc(RV_SQ_BLOCK_BYTES)) == NULL)
        return rv_fail_nomem(err);
    e->blocks[block][e->count % RV_SQ_BLOCK] = *entry;
    e->has_table[entry->hit.table] = 1;
    if (rv_sq_filter_has(&e->all, entry->hash)) {
        filter_add(&e->twice, entry->hash);
        e->twice_count++;
    }
    filter_add(&e->all, entry->hash);
    filter_add(&e->all, entry->trace);
    e->loose[entry->hit.table] |= entry->loose;
    if (entry->rowid_known) {
        filter_add(&e->all, rv_sq_rowid_hash(entry->hit.table, entry->rowid));
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
    return rv_fd_read_at(e->spill, room, RV_SQ_BLOCK_BYTES, (uint64_t)block * RV_SQ_BLOCK_BYTES, err) ? room : NULL;
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
    __builtin_prefetch(filter_word(&e->all, hash));
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
    return rv_sq_filter_has(&e->all, hash);
}

bool rv_sq_entries_add_live(struct rv_sq_entries *e, const struct rv_sq_key *key, struct rv_error *err)
{
    struct rv_sq_keys *keys = &e->live;
    if (keys->in_room == KEYS_KEPT) {
        if (keys->file < 0 && (keys->file = nameless_file()) < 0)
            return rv_fail(err, RV_E_IO, "no folder for temporary files takes a list of live rows");
        if (!write_at(keys->file, keys->room, KEYS_KEPT * sizeof *key, keys->spilled * sizeof *key, err))
            return false;
        keys->spilled += KEYS_KEPT;
        keys->in_room = 0;
    }
    keys->room[keys->in_room++] = *key;
    return true;
}

uint64_t rv_sq_keys_count(const struct rv_sq_keys *keys)
{
    return keys->spilled + keys->in_room;
}

bool rv_sq_keys_read(const struct rv_sq_keys *keys, uint64_t from, struct rv_sq_key *to, size_t most, size_t *count,
                     struct rv_error *err)
{
    bool file = from < keys->spilled;
    uint64_t left = file ? keys->spilled - from : rv_sq_keys_count(keys) - from;
    *count = left < most ? (size_t)left : most;
    if (file)
        return rv_fd_read_at(keys->file, to, *count * sizeof *to, from * sizeof *to, err);
    memcpy(to, keys->room + (from - keys->spilled), *count * sizeof *to);
    return true;
}

bool rv_sq_entries_dead(const struct rv_sq_entries *e, uint64_t number)
{
    return e->dead[number / 8] >> number % 8 & 1;
}

bool rv_sq_entries_older(const struct rv_sq_entries *e, uint64_t number)
{
    return e->older[number / 8] >> number % 8 & 1;
}
