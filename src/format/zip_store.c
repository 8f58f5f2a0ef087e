/* SPDX-License-Identifier: Apache-2.0 */
/* PKWARE APPNOTE 6.3.10: local header, directory entry, end record; method 0, names in UTF-8 (flag bit 11). */
#include "format/zip_store.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum {
    LOCAL = 30,
    ENTRY = 46,
    END = 22,
    VERSION = 20,
    UTF8 = 1 << 11,
    UNIX = 3,
    MADE_BY = UNIX << 8 | VERSION,
};
static const uint32_t unix_mode = 0100600u << 16;

void rv_zip_store_stamp(struct rv_zip_store *zip, int year, int month, int day, int hour, int minute)
{
    year = year < 1980 ? 1980 : year > 2107 ? 2107 : year;
    zip->dos_date = (uint16_t)((unsigned)(year - 1980) << 9 | (unsigned)month << 5 | (unsigned)day);
    zip->dos_time = (uint16_t)((unsigned)hour << 11 | (unsigned)minute << 5);
}

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value & 0xFFFF);
    put16(to + 2, value >> 16);
}

/* What local header and directory entry share, from the version that is needed on. */
static void put_shared(const struct rv_zip_store *zip, size_t index, uint8_t *to)
{
    put16(to, VERSION);
    put16(to + 2, UTF8);
    put16(to + 6, zip->dos_time);
    put16(to + 8, zip->dos_date);
    put32(to + 10, zip->entries[index].crc);
    put32(to + 14, zip->entries[index].size);
    put32(to + 18, zip->entries[index].size);
    put16(to + 22, (uint32_t)strlen(zip->entries[index].name));
}

bool rv_zip_store_add(struct rv_zip_store *zip, const char *name, struct rv_span content, struct rv_error *err)
{
    uint8_t head[LOCAL] = "PK\3\4";
    if (zip->count == RV_ZIP_STORE_ENTRIES || content.len > UINT32_MAX / 2 || strlen(name) >= RV_ZIP_STORE_NAME ||
        zip->bytes.len > UINT32_MAX / 2)
        return rv_fail(err, RV_E_LIMIT, "the archive would get too large with %.100s", name);
    size_t index = zip->count++;
    snprintf(zip->entries[index].name, RV_ZIP_STORE_NAME, "%s", name);
    zip->entries[index].crc = (uint32_t)crc32_z(0, content.ptr, content.len);
    zip->entries[index].size = (uint32_t)content.len;
    zip->entries[index].offset = (uint32_t)zip->bytes.len;
    put_shared(zip, index, head + 4);
    return rv_buf_add(&zip->bytes, rv_span(head, sizeof head), err) && rv_buf_add_text(&zip->bytes, name, err) &&
           rv_buf_add(&zip->bytes, content, err);
}

bool rv_zip_store_end(struct rv_zip_store *zip, struct rv_error *err)
{
    uint32_t directory = (uint32_t)zip->bytes.len;
    for (size_t i = 0; i < zip->count; i++) {
        uint8_t entry[ENTRY] = "PK\1\2";
        put16(entry + 4, MADE_BY);
        put_shared(zip, i, entry + 6);
        put32(entry + 38, unix_mode);
        put32(entry + 42, zip->entries[i].offset);
        if (!rv_buf_add(&zip->bytes, rv_span(entry, sizeof entry), err) ||
            !rv_buf_add_text(&zip->bytes, zip->entries[i].name, err))
            return false;
    }
    uint8_t end[END] = "PK\5\6";
    put16(end + 8, (uint32_t)zip->count);
    put16(end + 10, (uint32_t)zip->count);
    put32(end + 12, (uint32_t)zip->bytes.len - directory);
    put32(end + 16, directory);
    return rv_buf_add(&zip->bytes, rv_span(end, sizeof end), err);
}
