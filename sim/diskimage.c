/* SPDX-License-Identifier: Apache-2.0 */
/* Reading UDIF. Field places: blacktop/go-apfs pkg/disk/dmg. Everything is big endian. */
#include "sim/diskimage.h"

#include "sim/wire.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    TABLES_MAX = 256,
    CHUNKS_MAX = 1 << 22,
    TABLE_HEAD = 204,
    CHUNK_SIZE = 40,
    CHUNK_SECTORS_MAX = 1 << 17, /* 64 MiB */
    XML_CAP = 512 << 20,
    CHECKSUM_CRC32 = 2,
};

struct table {
    uint64_t sector, sectors;
    bool has_crc;
    uint32_t crc;
};

struct sim_udif {
    struct table tables[TABLES_MAX];
    size_t table_count;
    struct sim_udif_chunk *chunks;
    size_t chunk_count, chunk_room;
    uint64_t sectors;
    struct sim_udif_trailer trailer;
    uint32_t xml_crc;
};

/* ---- trailer ---- */

bool sim_udif_trailer_read(struct rv_span trailer, uint64_t file_size, struct sim_udif_trailer *out,
                           struct rv_error *err)
{
    struct rv_reader r = { .in = trailer };
    if (trailer.len != SIM_UDIF_TRAILER || file_size < SIM_UDIF_TRAILER || rv_read_u32be(&r) != 0x6b6f6c79)
        return rv_fail(err, RV_E_FORMAT, "the image has no trailer");
    struct sim_udif_trailer t = { 0 };
    uint32_t version = rv_read_u32be(&r), size = rv_read_u32be(&r);
    rv_read_span(&r, 4 + 8); /* flags, running offset */
    uint64_t data_offset = rv_read_u64be(&r);
    t.data_length = rv_read_u64be(&r);
    rv_read_span(&r, 16 + 4 + 4 + 16); /* resource fork, segment numbers and id */
    uint32_t kind = rv_read_u32be(&r), bits = rv_read_u32be(&r);
    t.data_crc = rv_read_u32be(&r);
    r.at = 216;
    t.xml_offset = rv_read_u64be(&r);
    t.xml_length = rv_read_u64be(&r);
    r.at = 352;
    uint32_t master_kind = rv_read_u32be(&r);
    rv_read_u32be(&r);
    t.master_crc = rv_read_u32be(&r);
    r.at = 492;
    t.sectors = rv_read_u64be(&r);
    uint64_t end = file_size - SIM_UDIF_TRAILER;
    bool inside = t.data_length <= end && t.xml_offset >= t.data_length && t.xml_offset <= end &&
                  t.xml_length == end - t.xml_offset;
    if (r.bad || version != 4 || size != SIM_UDIF_TRAILER || data_offset != 0 || !inside)
        return rv_fail(err, RV_E_FORMAT, "the image's trailer contradicts its size");
    if (kind != CHECKSUM_CRC32 || bits != 32 || master_kind != CHECKSUM_CRC32)
        return rv_fail(err, RV_E_FORMAT, "the image carries no checksum that is known here");
    *out = t;
    return true;
}

/* ---- block tables ---- */

static bool chunk_fits(const struct sim_udif *u, const struct table *t, const struct sim_udif_chunk *c)
{
    if (c->sectors > t->sectors || c->sector > t->sectors - c->sectors)
        return false;
    if (c->kind == SIM_CHUNK_ZERO || c->kind == SIM_CHUNK_IGNORE)
        return true;
    if (c->sectors == 0 || c->sectors > CHUNK_SECTORS_MAX || c->length == 0)
        return false;
    if (c->length > u->trailer.data_length || c->offset > u->trailer.data_length - c->length)
        return false;
    return c->kind != SIM_CHUNK_RAW || c->length == c->sectors * SIM_UDIF_SECTOR;
}

static bool add_chunk(struct sim_udif *u, const struct sim_udif_chunk *chunk, struct rv_error *err)
{
    if (u->chunk_count == u->chunk_room) {
        size_t room = u->chunk_room ? u->chunk_room * 2 : 256;
        void *grown = room <= CHUNKS_MAX ? rv_realloc_array(u->chunks, room, sizeof *u->chunks) : NULL;
        if (!grown)
            return rv_fail(err, RV_E_LIMIT, "the image has too many chunks");
        u->chunks = grown;
        u->chunk_room = room;
    }
    u->chunks[u->chunk_count++] = *chunk;
    return true;
}

/* True with *known false for comments and the end mark. */
static bool chunk_kind(uint32_t type, enum sim_chunk_kind *kind, bool *known)
{
    *known = true;
    switch (type) {
    case 0:
        *kind = SIM_CHUNK_ZERO;
        return true;
    case 1:
        *kind = SIM_CHUNK_RAW;
        return true;
    case 2:
        *kind = SIM_CHUNK_IGNORE;
        return true;
    case 0x80000005:
        *kind = SIM_CHUNK_ZLIB;
        return true;
    case 0x7ffffffe:
    case 0xffffffff:
        *known = false;
        return true;
    default:
        return false;
    }
}

static bool read_chunks(struct sim_udif *u, const struct table *t, struct rv_reader *r, uint32_t count,
                        struct rv_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sim_udif_chunk c = { 0 };
        uint32_t type = rv_read_u32be(r);
        rv_read_u32be(r); /* comment */
        c.sector = rv_read_u64be(r);
        c.sectors = rv_read_u64be(r);
        c.offset = rv_read_u64be(r);
        c.length = rv_read_u64be(r);
        bool known = false;
        if (r->bad || !chunk_kind(type, &c.kind, &known))
            return rv_fail(err, RV_E_FORMAT, "a chunk of the image is of unknown kind 0x%x", (unsigned)type);
        if (!known || c.sectors == 0)
            continue;
        if (!chunk_fits(u, t, &c))
            return rv_fail(err, RV_E_FORMAT, "a chunk of the image lies outside of it");
        c.sector += t->sector;
        if (!add_chunk(u, &c, err))
            return false;
    }
    return true;
}

static bool read_table(struct sim_udif *u, struct rv_span data, struct rv_error *err)
{
    struct rv_reader r = { .in = data };
    struct table t = { 0 };
    uint32_t magic = rv_read_u32be(&r), version = rv_read_u32be(&r);
    t.sector = rv_read_u64be(&r);
    t.sectors = rv_read_u64be(&r);
    uint64_t data_offset = rv_read_u64be(&r);
    rv_read_span(&r, 4 + 4 + 24); /* buffers, descriptor, reserved */
    t.has_crc = rv_read_u32be(&r) == CHECKSUM_CRC32;
    rv_read_u32be(&r);
    t.crc = rv_read_u32be(&r);
    rv_read_span(&r, 124);
    uint32_t count = rv_read_u32be(&r);
    if (r.bad || magic != 0x6d697368 || version != 1 || data_offset != 0 || u->table_count == TABLES_MAX)
        return rv_fail(err, RV_E_FORMAT, "a block table of the image is broken");
    if (count > (data.len - TABLE_HEAD) / CHUNK_SIZE || t.sectors > u->sectors || t.sector > u->sectors - t.sectors)
        return rv_fail(err, RV_E_FORMAT, "a block table of the image lies about its size");
    u->tables[u->table_count++] = t;
    return read_chunks(u, &t, &r, count, err);
}

static int by_sector(const void *a, const void *b)
{
    const struct sim_udif_chunk *x = a, *y = b;
    return (x->sector > y->sector) - (x->sector < y->sector);
}

static bool finish_tables(struct sim_udif *u, struct rv_error *err)
{
    uint32_t master = (uint32_t)crc32(0, NULL, 0);
    uint64_t end = 0;
    for (size_t i = 0; i < u->table_count; i++) {
        uint64_t here = u->tables[i].sector + u->tables[i].sectors;
        end = here > end ? here : end;
        uint8_t crc[4];
        rv_put_u32be(crc, u->tables[i].crc);
        master = (uint32_t)crc32(master, crc, sizeof crc);
    }
    if (master != u->trailer.master_crc)
        return rv_fail(err, RV_E_CORRUPT, "the checksum over the image's block tables does not hold");
    if (end != u->sectors)
        return rv_fail(err, RV_E_FORMAT, "the image's tables do not describe the size that its trailer states");
    if (u->chunk_count == 0)
        return rv_fail(err, RV_E_FORMAT, "the image has no chunks");
    qsort(u->chunks, u->chunk_count, sizeof *u->chunks, by_sector);
    for (size_t i = 1; i < u->chunk_count; i++) {
        if (u->chunks[i].sector < u->chunks[i - 1].sector + u->chunks[i - 1].sectors)
            return rv_fail(err, RV_E_FORMAT, "two chunks of the image cover the same sector");
    }
    return true;
}

static bool read_list(struct sim_udif *u, plist_t list, struct rv_error *err)
{
    plist_t fork = PLIST_IS_DICT(list) ? plist_dict_get_item(list, "resource-fork") : NULL;
    plist_t tables = PLIST_IS_DICT(fork) ? plist_dict_get_item(fork, "blkx") : NULL;
    uint32_t count = PLIST_IS_ARRAY(tables) ? plist_array_get_size(tables) : 0;
    if (count == 0)
        return rv_fail(err, RV_E_FORMAT, "the image has no block tables");
    for (uint32_t i = 0; i < count; i++) {
        if (!read_table(u, sim_plist_data(plist_array_get_item(tables, i), "Data"), err))
            return false;
    }
    return finish_tables(u, err);
}

struct sim_udif *sim_udif_parse(const struct sim_udif_trailer *trailer, struct rv_span xml, struct rv_error *err)
{
    RV_AUTO(sim_udif) u = rv_alloc(sizeof *u);
    if (!u) {
        rv_fail_nomem(err);
        return NULL;
    }
    u->trailer = *trailer;
    u->sectors = trailer->sectors;
    if (u->sectors == 0 || u->sectors > UINT64_MAX / (4 * SIM_UDIF_SECTOR) || xml.len != trailer->xml_length) {
        rv_fail(err, RV_E_FORMAT, "the image states no possible size");
        return NULL;
    }
    u->xml_crc = (uint32_t)crc32_z(crc32(0, NULL, 0), xml.ptr, xml.len);
    plist_t list = sim_plist_parse(xml);
    bool ok = read_list(u, list, err);
    plist_free(list);
    return ok ? rv_steal(&u) : NULL;
}

struct sim_udif *sim_udif_open(const struct sim_image_source *source, struct rv_error *err)
{
    uint8_t end[SIM_UDIF_TRAILER];
    struct sim_udif_trailer trailer;
    if (source->size < sizeof end) {
        rv_fail(err, RV_E_FORMAT, "the image is too short");
        return NULL;
    }
    if (!source->read(source->context, source->size - sizeof end, end, sizeof end, err) ||
        !sim_udif_trailer_read(rv_span(end, sizeof end), source->size, &trailer, err))
        return NULL;
    if (trailer.xml_length > XML_CAP) {
        rv_fail(err, RV_E_LIMIT, "the image's list is too long");
        return NULL;
    }
    RV_AUTO(rv_blob) xml = rv_blob_new((size_t)trailer.xml_length, err);
    if (!xml || !source->read(source->context, trailer.xml_offset, xml->data, xml->len, err))
        return NULL;
    return sim_udif_parse(&trailer, rv_blob_span(xml), err);
}

void sim_udif_free(struct sim_udif *udif)
{
    if (udif) {
        rv_free(udif->chunks);
        rv_free(udif);
    }
}

uint64_t sim_udif_bytes(const struct sim_udif *udif)
{
    return udif->sectors * SIM_UDIF_SECTOR;
}

size_t sim_udif_chunk_count(const struct sim_udif *udif)
{
    return udif->chunk_count;
}

const struct sim_udif_chunk *sim_udif_chunk_at(const struct sim_udif *udif, size_t index)
{
    return index < udif->chunk_count ? &udif->chunks[index] : NULL;
}

const struct sim_udif_trailer *sim_udif_trailer_of(const struct sim_udif *udif, uint32_t *xml_crc)
{
    *xml_crc = udif->xml_crc;
    return &udif->trailer;
}

bool sim_udif_table_at(const struct sim_udif *udif, size_t *index, uint64_t *sector, uint64_t *sectors, uint32_t *crc)
{
    while (*index < udif->table_count && !udif->tables[*index].has_crc)
        ++*index;
    if (*index >= udif->table_count)
        return false;
    *sector = udif->tables[*index].sector;
    *sectors = udif->tables[*index].sectors;
    *crc = udif->tables[*index].crc;
    return true;
}
