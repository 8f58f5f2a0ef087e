/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The factory's system image: a partition map and one volume, cut into the chunks that a real image has (small
 * zlib chunks for map and superblock, then stored and compressed pieces and holes). Content follows from label
 * and seed, so that two versions differ everywhere and the same recipe gives the same bytes.
 */
#include "sim/diskimage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <openssl/evp.h>

enum {
    SECTOR = SIM_UDIF_SECTOR,
    MAP_SECTORS = 40,    /* MBR, GPT header, 32 of entries, 6 free */
    END_SECTORS = 33,    /* backup entries and header */
    SUPER_SECTORS = 128, /* 64 KiB that begin with the container superblock */
    SMALL_CHUNK = 256,
    BIG_CHUNK = 2048, /* sectors: 128 KiB, 1 MiB in large images */
};

struct writer {
    const struct sim_udif_recipe *recipe;
    bool (*write)(void *context, struct rv_span bytes, struct rv_error *err);
    void *context;
    uint64_t at; /* bytes written */
    uint32_t data_crc, master_crc;
    uint64_t sectors, volume_first, volume_sectors;
    unsigned chunk_sectors;
    uint8_t *plain, *packed; /* one chunk each */
    size_t packed_room;
    struct rv_buf xml;
    /* the table being written */
    struct rv_buf chunks;
    uint32_t chunk_count, table_crc;
    uint64_t table_first, table_next;
    unsigned table_index;
};

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL; /* splitmix64: not for secrets, fast, incompressible */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static uint64_t label_number(const struct sim_udif_recipe *recipe)
{
    uint64_t hash = 0xcbf29ce484222325ULL ^ recipe->seed;
    for (const char *c = recipe->label; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3ULL;
    return hash;
}

static bool emit(struct writer *w, struct rv_span bytes, struct rv_error *err)
{
    w->at += bytes.len;
    return w->write(w->context, bytes, err);
}

/* ---- chunks ---- */

static bool add_row(struct writer *w, uint32_t type, uint64_t sectors, uint64_t offset, uint64_t length,
                    struct rv_error *err)
{
    uint8_t row[40] = { 0 };
    rv_put_u32be(row, type);
    rv_put_u64be(row + 8, w->table_next - w->table_first);
    rv_put_u64be(row + 16, sectors);
    rv_put_u64be(row + 24, offset);
    rv_put_u64be(row + 32, length);
    w->table_next += sectors;
    w->chunk_count++;
    return rv_buf_add(&w->chunks, rv_span(row, sizeof row), err);
}

/* `sectors` of w->plain; stored when they do not shrink by a quarter. */
static bool put_chunk(struct writer *w, uint64_t sectors, bool pack, struct rv_error *err)
{
    size_t len = (size_t)sectors * SECTOR;
    w->table_crc = (uint32_t)crc32_z(w->table_crc, w->plain, len);
    uLongf packed = w->packed_room;
    bool small = pack && compress2(w->packed, &packed, w->plain, len, 6) == Z_OK && packed < len - len / 4;
    struct rv_span out = small ? rv_span(w->packed, packed) : rv_span(w->plain, len);
    uint64_t offset = w->at;
    w->data_crc = (uint32_t)crc32_z(w->data_crc, out.ptr, out.len);
    return emit(w, out, err) && add_row(w, small ? 0x80000005 : 1, sectors, offset, out.len, err);
}

static bool put_hole(struct writer *w, uint64_t sectors, bool ignore, struct rv_error *err)
{
    memset(w->plain, 0, SECTOR);
    for (uint64_t i = 0; i < sectors; i++)
        w->table_crc = (uint32_t)crc32_z(w->table_crc, w->plain, SECTOR);
    return add_row(w, ignore ? 2 : 0, sectors, w->at, 0, err);
}

/* ---- block tables ---- */

static void begin_table(struct writer *w, uint64_t first)
{
    w->chunks.len = 0;
    w->chunk_count = 0;
    w->table_crc = (uint32_t)crc32(0, NULL, 0);
    w->table_first = w->table_next = first;
}

static bool add_base64(struct rv_buf *out, struct rv_span in, struct rv_error *err)
{
    size_t room = (in.len + 2) / 3 * 4 + 1;
    uint8_t *to = rv_buf_reserve(out, room, err);
    if (!to)
        return false;
    out->len += (size_t)EVP_EncodeBlock(to, in.ptr, (int)in.len);
    return true;
}

static bool end_table(struct writer *w, const char *name, struct rv_error *err)
{
    uint8_t head[204] = { 'm', 'i', 's', 'h', 0, 0, 0, 1 };
    if (!add_row(w, 0xffffffff, 0, w->at, 0, err))
        return false;
    rv_put_u64be(head + 8, w->table_first);
    rv_put_u64be(head + 16, w->table_next - w->table_first);
    rv_put_u32be(head + 32, w->chunk_sectors + 8); /* buffers needed, in sectors */
    rv_put_u32be(head + 36, w->table_index);
    rv_put_u32be(head + 64, 2);
    rv_put_u32be(head + 68, 32);
    rv_put_u32be(head + 72, w->table_crc);
    rv_put_u32be(head + 200, w->chunk_count);
    uint8_t crc[4];
    rv_put_u32be(crc, w->table_crc);
    w->master_crc = (uint32_t)crc32(w->master_crc, crc, sizeof crc);
    RV_AUTO_CLEAR(rv_buf) data = RV_BUF((size_t)1 << 30);
    bool ok = rv_buf_add(&data, rv_span(head, sizeof head), err) && rv_buf_add(&data, rv_buf_span(&w->chunks), err) &&
              rv_buf_add_format(&w->xml, err,
                                "\t\t\t<dict>\n\t\t\t\t<key>Attributes</key>\n\t\t\t\t<string>0x0050</string>\n"
                                "\t\t\t\t<key>CFName</key>\n\t\t\t\t<string>%s</string>\n\t\t\t\t<key>Data</key>\n"
                                "\t\t\t\t<data>",
                                name) &&
              add_base64(&w->xml, rv_buf_span(&data), err) &&
              rv_buf_add_format(&w->xml, err,
                                "</data>\n\t\t\t\t<key>ID</key>\n\t\t\t\t<string>%d</string>\n"
                                "\t\t\t\t<key>Name</key>\n\t\t\t\t<string>%s</string>\n\t\t\t</dict>\n",
                                (int)w->table_index - 1, name);
    w->table_index++;
    return ok;
}

/* ---- partition map (UEFI specification, chapter 5: GUID partition table) ---- */

static void fill_mbr(uint8_t *sector, uint64_t sectors)
{
    memset(sector, 0, SECTOR);
    uint8_t *entry = sector + 446;
    entry[4] = 0xee;
    rv_put_u32le(entry + 8, 1);
    rv_put_u32le(entry + 12, sectors - 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(sectors - 1));
    sector[510] = 0x55;
    sector[511] = 0xaa;
}

static void fill_entries(const struct writer *w, uint8_t *to)
{
    static const uint8_t apfs[16] = { 0xef, 0x57, 0x34, 0x7c, 0,    0,    0xaa, 0x11,
                                      0xaa, 0x11, 0,    0x30, 0x65, 0x43, 0xec, 0xac };
    memset(to, 0, 32 * SECTOR);
    memcpy(to, apfs, sizeof apfs);
    uint64_t id = label_number(w->recipe);
    rv_put_u64le(to + 16, mix(&id));
    rv_put_u64le(to + 24, mix(&id));
    rv_put_u64le(to + 32, w->volume_first);
    rv_put_u64le(to + 40, w->volume_first + w->volume_sectors - 1);
    static const char name[] = "System";
    for (size_t i = 0; i < sizeof name; i++)
        to[56 + 2 * i] = (uint8_t)name[i];
}

static void fill_header(const struct writer *w, uint8_t *to, const uint8_t *entries, bool backup)
{
    memset(to, 0, SECTOR);
    memcpy(to, "EFI PART", 8);
    rv_put_u32le(to + 8, 0x10000);
    rv_put_u32le(to + 12, 92);
    rv_put_u64le(to + 24, backup ? w->sectors - 1 : 1);
    rv_put_u64le(to + 32, backup ? 1 : w->sectors - 1);
    rv_put_u64le(to + 40, MAP_SECTORS);
    rv_put_u64le(to + 48, w->sectors - END_SECTORS - 1);
    uint64_t id = ~label_number(w->recipe);
    rv_put_u64le(to + 56, mix(&id));
    rv_put_u64le(to + 64, mix(&id));
    rv_put_u64le(to + 72, backup ? w->sectors - END_SECTORS : 2);
    rv_put_u32le(to + 80, 128);
    rv_put_u32le(to + 84, 128);
    rv_put_u32le(to + 88, (uint32_t)crc32_z(crc32(0, NULL, 0), entries, 32 * SECTOR));
    rv_put_u32le(to + 16, (uint32_t)crc32_z(crc32(0, NULL, 0), to, 92));
}

static bool put_map(struct writer *w, struct rv_error *err)
{
    uint8_t entries[32 * SECTOR];
    fill_entries(w, entries);
    begin_table(w, 0);
    fill_mbr(w->plain, w->sectors);
    if (!put_chunk(w, 1, true, err) || !end_table(w, "Protective Master Boot Record (MBR : 0)", err))
        return false;
    begin_table(w, 1);
    fill_header(w, w->plain, entries, false);
    if (!put_chunk(w, 1, true, err) || !end_table(w, "GPT Header (Primary GPT Header : 1)", err))
        return false;
    begin_table(w, 2);
    memcpy(w->plain, entries, sizeof entries);
    if (!put_chunk(w, 32, true, err) || !end_table(w, "GPT Partition Data (Primary GPT Table : 2)", err))
        return false;
    begin_table(w, 34);
    return put_hole(w, MAP_SECTORS - 34, true, err) && end_table(w, " (Apple_Free : 3)", err);
}

static bool put_map_end(struct writer *w, struct rv_error *err)
{
    uint8_t entries[32 * SECTOR];
    fill_entries(w, entries);
    begin_table(w, w->sectors - END_SECTORS);
    memcpy(w->plain, entries, sizeof entries);
    if (!put_chunk(w, 32, true, err) || !end_table(w, "GPT Partition Data (Backup GPT Table : 5)", err))
        return false;
    begin_table(w, w->sectors - 1);
    fill_header(w, w->plain, entries, true);
    return put_chunk(w, 1, true, err) && end_table(w, "GPT Header (Backup GPT Header : 6)", err);
}

/* ---- the volume ---- */

static void fill_super(struct writer *w)
{
    memset(w->plain, 0, SUPER_SECTORS * SECTOR);
    memcpy(w->plain + 32, "NXSB", 4); /* magic of an APFS container superblock behind the object header */
    rv_put_u32le(w->plain + 36, 4096);
    rv_put_u64le(w->plain + 40, w->volume_sectors / 8);
    snprintf((char *)w->plain + 4096, 256, "System volume of the virtual iPhone, %s, seed %u", w->recipe->label,
             w->recipe->seed);
}

static void fill_random(struct writer *w, uint64_t sectors, uint64_t index)
{
    uint64_t state = label_number(w->recipe) + index * 0x2545f4914f6cdd1dULL;
    for (size_t i = 0; i < (size_t)sectors * SECTOR; i += 8)
        rv_put_u64le(w->plain + i, mix(&state));
}

static void fill_text(struct writer *w, uint64_t sectors, uint64_t index)
{
    size_t len = (size_t)sectors * SECTOR, at = 0;
    uint64_t line = 0, state = label_number(w->recipe) + index;
    memset(w->plain, '\n', len);
    while (at + 96 < len)
        at += (size_t)snprintf((char *)w->plain + at, 96, "/System/Library/%s/%llu-%llu.%08x\n", w->recipe->label,
                               (unsigned long long)index, (unsigned long long)line++, (unsigned)mix(&state));
}

/* Of every 32 chunks: two hold text (they compress: "metadata"), one is a hole, the others are incompressible. */
static bool put_volume(struct writer *w, struct rv_error *err)
{
    begin_table(w, w->volume_first);
    fill_super(w);
    if (!put_chunk(w, SUPER_SECTORS, true, err))
        return false;
    uint64_t end = w->volume_first + w->volume_sectors;
    for (uint64_t i = 0; w->table_next < end; i++) {
        uint64_t left = end - w->table_next;
        uint64_t sectors = left < w->chunk_sectors ? left : w->chunk_sectors;
        bool text = i % 32 == 3 || i % 32 == 17;
        if (i % 32 == 9) {
            if (!put_hole(w, sectors, false, err))
                return false;
            continue;
        }
        if (text)
            fill_text(w, sectors, i);
        else
            fill_random(w, sectors, i);
        if (!put_chunk(w, sectors, text, err))
            return false;
    }
    return end_table(w, "disk image (Apple_APFS : 4)", err);
}

/* ---- list and trailer ---- */

static bool put_list(struct writer *w, struct rv_error *err)
{
    static const char end[] =
        "\t\t</array>\n\t\t<key>plst</key>\n\t\t<array>\n\t\t</array>\n\t</dict>\n</dict>\n</plist>\n";
    if (!rv_buf_add_text(&w->xml, end, err))
        return false;
    /* An odd size, so that the last piece of the transfer is a short one. */
    if ((w->at + w->xml.len) % 2 == 0 && !rv_buf_add_text(&w->xml, "\n", err))
        return false;
    return emit(w, rv_buf_span(&w->xml), err);
}

static bool put_trailer(struct writer *w, uint64_t data_length, struct rv_error *err)
{
    uint8_t t[SIM_UDIF_TRAILER] = { 'k', 'o', 'l', 'y' };
    rv_put_u32be(t + 4, 4);
    rv_put_u32be(t + 8, SIM_UDIF_TRAILER);
    rv_put_u32be(t + 12, 1);
    rv_put_u64be(t + 32, data_length);
    rv_put_u32be(t + 56, 1);
    rv_put_u32be(t + 60, 1);
    uint64_t id = label_number(w->recipe) ^ 0x6b6f6c79;
    rv_put_u64be(t + 64, mix(&id));
    rv_put_u64be(t + 72, mix(&id));
    rv_put_u32be(t + 80, 2);
    rv_put_u32be(t + 84, 32);
    rv_put_u32be(t + 88, w->data_crc);
    rv_put_u64be(t + 216, data_length);
    rv_put_u64be(t + 224, w->xml.len);
    rv_put_u32be(t + 352, 2);
    rv_put_u32be(t + 356, 32);
    rv_put_u32be(t + 360, w->master_crc);
    rv_put_u32be(t + 488, 1);
    rv_put_u64be(t + 492, w->sectors);
    return emit(w, rv_span(t, sizeof t), err);
}

static bool write_image(struct writer *w, struct rv_error *err)
{
    static const char begin[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
                                "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
                                "<plist version=\"1.0\">\n<dict>\n\t<key>resource-fork</key>\n\t<dict>\n"
                                "\t\t<key>blkx</key>\n\t\t<array>\n";
    if (!rv_buf_add_text(&w->xml, begin, err) || !put_map(w, err) || !put_volume(w, err) || !put_map_end(w, err))
        return false;
    uint64_t data_length = w->at;
    return put_list(w, err) && put_trailer(w, data_length, err);
}

bool sim_udif_write(const struct sim_udif_recipe *recipe,
                    bool (*write)(void *context, struct rv_span bytes, struct rv_error *err), void *context,
                    struct rv_error *err)
{
    enum { LEAST = 1024 }; /* sectors of the volume */
    uint64_t volume = (recipe->volume_bytes + SECTOR - 1) / SECTOR;
    volume = volume < LEAST ? LEAST : volume;
    struct writer w = { .recipe = recipe,
                        .write = write,
                        .context = context,
                        .volume_first = MAP_SECTORS,
                        .volume_sectors = volume,
                        .sectors = MAP_SECTORS + volume + END_SECTORS,
                        .chunk_sectors = volume > (1ULL << 30) / SECTOR ? BIG_CHUNK : SMALL_CHUNK,
                        .data_crc = (uint32_t)crc32(0, NULL, 0),
                        .master_crc = (uint32_t)crc32(0, NULL, 0),
                        .xml = RV_BUF((size_t)1 << 30),
                        .chunks = RV_BUF((size_t)1 << 30) };
    w.packed_room = compressBound((uLong)w.chunk_sectors * SECTOR);
    w.plain = rv_alloc((size_t)w.chunk_sectors * SECTOR);
    w.packed = rv_alloc(w.packed_room);
    bool ok = w.plain && w.packed ? write_image(&w, err) : rv_fail_nomem(err);
    rv_free(w.plain);
    rv_free(w.packed);
    rv_buf_clear(&w.xml);
    rv_buf_clear(&w.chunks);
    return ok || rv_while(err, "making the system image");
}
