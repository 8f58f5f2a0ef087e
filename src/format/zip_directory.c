/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little endian (PKWARE APPNOTE 6.3.9, certain):
 *
 *   end record       50 4b 05 06, u16 disk, u16 disk of directory, u16 entries here, u16 entries, u32 size,
 *                    u32 offset, u16 comment length, comment
 *   zip64 locator    50 4b 06 07, u32 disk, u64 offset of the zip64 end record, u32 disks; right before the end record
 *   zip64 end        50 4b 06 06, u64 size of the rest, u16 made by, u16 needed, u32 disk, u32 disk of directory,
 *                    u64 entries here, u64 entries, u64 size, u64 offset
 *   directory entry  50 4b 01 02, u16 made by, u16 needed, u16 flags, u16 method, u16 time, u16 date, u32 crc,
 *                    u32 packed, u32 plain, u16 name, u16 extra, u16 comment, u16 disk, u16 internal, u32 external,
 *                    u32 header offset, name, extra (id u16, size u16, content; 1 = zip64: u64 plain, packed, offset,
 *                    each only where the field above is all ones), comment
 *   local header     50 4b 03 04, u16 needed, u16 flags, u16 method, u16 time, u16 date, u32 crc, u32 packed,
 *                    u32 plain, u16 name, u16 extra, name, extra
 */
#include "format/zip_directory.h"

#include <stdlib.h>
#include <string.h>

enum {
    END_SIZE = 22,
    LOCATOR_SIZE = 20,
    END64_SIZE = 56,
    SIGNATURE_END = 0x06054B50,
    SIGNATURE_LOCATOR = 0x07064B50,
    SIGNATURE_END64 = 0x06064B50,
    SIGNATURE_ENTRY = 0x02014B50,
    SIGNATURE_LOCAL = 0x04034B50,
    FLAG_ENCRYPTED = 1 << 0,
    FLAG_SIZES_BEHIND = 1 << 3, /* checksum and sizes follow the content; in the local header they are empty */
    FLAG_STRONG = 1 << 6,
    FLAG_MASKED = 1 << 13,
    MADE_BY_UNIX = 3,
    UNIX_KIND = 0170000,
    UNIX_LINK = 0120000,
    DEFLATE_BEST = 1032 /* plain bytes that one packed byte can give, at the very most */
};

/* ---- end records ---- */

static bool read_end64(struct rv_span tail, size_t end_at, uint64_t tail_at, struct rv_zip_end *out,
                       struct rv_error *err)
{
    struct rv_reader r = { .in = rv_span_part(tail, end_at - LOCATOR_SIZE, LOCATOR_SIZE) };
    rv_read_u32le(&r);
    rv_read_u32le(&r);
    uint64_t at = rv_read_u64le(&r);
    uint64_t inside = at - tail_at;
    if (at < tail_at || inside > end_at - LOCATOR_SIZE || end_at - LOCATOR_SIZE - inside < END64_SIZE)
        return rv_fail(err, RV_E_FORMAT, "zip: the zip64 end record is not where the locator says");
    r = (struct rv_reader){ .in = rv_span_part(tail, (size_t)inside, END64_SIZE) };
    if (rv_read_u32le(&r) != SIGNATURE_END64)
        return rv_fail(err, RV_E_FORMAT, "zip: no zip64 end record at %llu", (unsigned long long)at);
    rv_read_span(&r, 8 + 2 + 2);
    uint32_t disk = rv_read_u32le(&r), directory_disk = rv_read_u32le(&r);
    uint64_t here = rv_read_u64le(&r);
    out->entries = rv_read_u64le(&r);
    out->directory_size = rv_read_u64le(&r);
    out->directory_at = rv_read_u64le(&r);
    if (disk != 0 || directory_disk != 0 || here != out->entries)
        return rv_fail(err, RV_E_UNSUPPORTED, "zip: an archive in several parts");
    return true;
}

static bool read_end(struct rv_span tail, size_t at, uint64_t file_size, struct rv_zip_end *out, struct rv_error *err)
{
    struct rv_reader r = { .in = tail, .at = at + 4 };
    uint16_t disk = rv_read_u16le(&r), directory_disk = rv_read_u16le(&r), here = rv_read_u16le(&r);
    struct rv_zip_end end = { .entries = rv_read_u16le(&r) };
    end.directory_size = rv_read_u32le(&r);
    end.directory_at = rv_read_u32le(&r);
    uint64_t tail_at = file_size - tail.len, directory_end = tail_at + at;
    bool big = false;
    if (at >= LOCATOR_SIZE) {
        struct rv_reader before = { .in = tail, .at = at - LOCATOR_SIZE };
        big = rv_read_u32le(&before) == SIGNATURE_LOCATOR;
    }
    if (big) {
        if (!read_end64(tail, at, tail_at, &end, err))
            return false;
        directory_end -= LOCATOR_SIZE + END64_SIZE;
    } else if (disk != 0 || directory_disk != 0 || here != end.entries) {
        return rv_fail(err, RV_E_UNSUPPORTED, "zip: an archive in several parts");
    }
    if (end.directory_at > directory_end || end.directory_size > directory_end - end.directory_at)
        return rv_fail(err, RV_E_FORMAT, "zip: the directory (%llu bytes at %llu) does not fit the file",
                       (unsigned long long)end.directory_size, (unsigned long long)end.directory_at);
    if (end.entries > RV_ZIP_ENTRIES_MAX || end.directory_size > RV_ZIP_DIRECTORY_MAX)
        return rv_fail(err, RV_E_LIMIT, "zip: %llu entries, %llu bytes of directory: more than any firmware has",
                       (unsigned long long)end.entries, (unsigned long long)end.directory_size);
    *out = end;
    return true;
}

bool rv_zip_find_end(struct rv_span tail, uint64_t file_size, struct rv_zip_end *out, struct rv_error *err)
{
    if (tail.len < END_SIZE || tail.len > file_size)
        return rv_fail(err, RV_E_FORMAT, "zip: %llu bytes are no archive", (unsigned long long)file_size);
    for (size_t at = tail.len - END_SIZE + 1; at-- > 0;) {
        struct rv_reader r = { .in = tail, .at = at };
        if (tail.ptr[at] != 'P' || rv_read_u32le(&r) != SIGNATURE_END)
            continue;
        r.at = at + 20;
        if (rv_read_u16le(&r) == tail.len - at - END_SIZE) /* the comment ends with the file */
            return read_end(tail, at, file_size, out, err);
    }
    return rv_fail(err, RV_E_FORMAT, "zip: the file has no end record: it was cut short, or is no zip file");
}

/* ---- entries ---- */

bool rv_zip_name_safe(struct rv_span name)
{
    if (name.len == 0 || name.len > RV_ZIP_NAME_MAX || name.ptr[0] == '/')
        return false;
    size_t start = 0;
    for (size_t i = 0; i <= name.len; i++) {
        uint8_t c = i < name.len ? name.ptr[i] : '/';
        if (c < 0x20 || c == 0x7F || c == '\\' || c == ':')
            return false;
        if (c != '/')
            continue;
        size_t len = i - start;
        bool dots =
            (len == 1 && name.ptr[start] == '.') || (len == 2 && name.ptr[start] == '.' && name.ptr[start + 1] == '.');
        if (dots || (len == 0 && i < name.len))
            return false;
        start = i + 1;
    }
    return true;
}

static bool take_zip64(struct rv_span extra, struct rv_zip_entry *e, struct rv_error *err)
{
    bool wanted = e->plain == UINT32_MAX || e->packed == UINT32_MAX || e->header_at == UINT32_MAX;
    struct rv_reader r = { .in = extra };
    while (wanted && rv_reader_left(&r) >= 4) {
        uint16_t id = rv_read_u16le(&r), size = rv_read_u16le(&r);
        struct rv_reader field = { .in = rv_read_span(&r, size) };
        if (r.bad)
            break;
        if (id != 1)
            continue;
        uint64_t *const wide[] = { &e->plain, &e->packed, &e->header_at };
        for (size_t i = 0; i < RV_COUNT(wide); i++) {
            if (*wide[i] == UINT32_MAX)
                *wide[i] = rv_read_u64le(&field);
        }
        if (field.bad)
            break;
        return true;
    }
    /* A size that happens to be all ones without the extra field is not met in files that are whole. */
    return !wanted || rv_fail(err, RV_E_FORMAT, "zip: '%s' lacks its 64-bit sizes", e->name);
}

static bool check_sizes(const struct rv_zip_entry *e, const struct rv_zip_end *end, struct rv_error *err)
{
    if ((e->flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) != 0)
        return rv_fail(err, RV_E_UNSUPPORTED, "zip: '%s' is encrypted", e->name);
    if (e->method != RV_ZIP_STORED && e->method != RV_ZIP_DEFLATED)
        return rv_fail(err, RV_E_UNSUPPORTED, "zip: '%s' is packed by method %d", e->name, (int)e->method);
    if (e->header_at > end->directory_at || end->directory_at - e->header_at < RV_ZIP_LOCAL_HEADER ||
        e->packed > end->directory_at - e->header_at - RV_ZIP_LOCAL_HEADER)
        return rv_fail(err, RV_E_FORMAT, "zip: '%s' (%llu bytes at %llu) reaches into the directory", e->name,
                       (unsigned long long)e->packed, (unsigned long long)e->header_at);
    if (e->name[strlen(e->name) - 1] == '/' && e->plain != 0)
        return rv_fail(err, RV_E_FORMAT, "zip: the folder '%s' says that it has a content of %llu bytes", e->name,
                       (unsigned long long)e->plain);
    if (e->method == RV_ZIP_STORED && e->packed != e->plain)
        return rv_fail(err, RV_E_FORMAT, "zip: '%s' is stored, but its two sizes differ", e->name);
    if (e->plain / DEFLATE_BEST > e->packed)
        return rv_fail(err, RV_E_FORMAT, "zip: '%s' says that %llu bytes unpack to %llu", e->name,
                       (unsigned long long)e->packed, (unsigned long long)e->plain);
    return true;
}

static bool read_entry(struct rv_reader *r, const struct rv_zip_end *end, struct rv_zip_entry *e, struct rv_error *err)
{
    size_t at = r->at;
    if (rv_read_u32le(r) != SIGNATURE_ENTRY)
        return rv_fail(err, RV_E_FORMAT, "zip: no entry at offset %zu of the directory", at);
    bool by_unix = rv_read_u16le(r) >> 8 == MADE_BY_UNIX;
    rv_read_u16le(r);
    e->flags = rv_read_u16le(r);
    e->method = (enum rv_zip_method)rv_read_u16le(r);
    rv_read_u32le(r);
    e->crc = rv_read_u32le(r);
    e->packed = rv_read_u32le(r);
    e->plain = rv_read_u32le(r);
    uint16_t name_len = rv_read_u16le(r), extra_len = rv_read_u16le(r), comment_len = rv_read_u16le(r);
    uint16_t disk = rv_read_u16le(r);
    rv_read_u16le(r);
    uint32_t attributes = rv_read_u32le(r);
    e->link = by_unix && (attributes >> 16 & UNIX_KIND) == UNIX_LINK;
    e->header_at = rv_read_u32le(r);
    struct rv_span name = rv_read_span(r, name_len), extra = rv_read_span(r, extra_len);
    rv_read_span(r, comment_len);
    if (r->bad)
        return rv_fail(err, RV_E_FORMAT, "zip: the directory is cut short in the entry at offset %zu", at);
    if (disk != 0)
        return rv_fail(err, RV_E_UNSUPPORTED, "zip: an archive in several parts");
    if (!rv_zip_name_safe(name))
        return rv_fail(err, RV_E_FORMAT,
                       "zip: the name at offset %zu of the directory leaves the archive's folder "
                       "or holds forbidden characters",
                       at);
    e->name = rv_text_copy_n((const char *)name.ptr, name.len);
    if (e->name == NULL)
        return rv_fail_nomem(err);
    return take_zip64(extra, e, err) && check_sizes(e, end, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct rv_zip_entry *)a)->name, ((const struct rv_zip_entry *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    uint64_t x = ((const struct rv_zip_entry *)a)->header_at, y = ((const struct rv_zip_entry *)b)->header_at;
    return x < y ? -1 : x > y;
}

static bool check_together(struct rv_zip_directory *d, struct rv_error *err)
{
    qsort(d->entries, d->count, sizeof *d->entries, by_place);
    for (size_t i = 1; i < d->count; i++) {
        const struct rv_zip_entry *a = &d->entries[i - 1], *b = &d->entries[i];
        if (b->header_at - a->header_at < RV_ZIP_LOCAL_HEADER + strlen(a->name) + a->packed)
            return rv_fail(err, RV_E_FORMAT, "zip: '%.80s' and '%.80s' overlap", a->name, b->name);
    }
    qsort(d->entries, d->count, sizeof *d->entries, by_name);
    for (size_t i = 1; i < d->count; i++) {
        if (by_name(&d->entries[i - 1], &d->entries[i]) == 0)
            return rv_fail(err, RV_E_FORMAT, "zip: '%s' is there twice", d->entries[i].name);
    }
    return true;
}

bool rv_zip_directory_parse(struct rv_span directory, const struct rv_zip_end *end, struct rv_zip_directory *out,
                            struct rv_error *err)
{
    enum { ENTRY_LEAST = 46 };
    struct rv_zip_directory d = { .count = 0 };
    if (end->entries > directory.len / ENTRY_LEAST)
        return rv_fail(err, RV_E_FORMAT, "zip: %llu entries do not fit %zu bytes of directory",
                       (unsigned long long)end->entries, directory.len);
    d.entries = rv_alloc_array((size_t)end->entries, sizeof *d.entries);
    if (d.entries == NULL)
        return rv_fail_nomem(err);
    struct rv_reader r = { .in = directory };
    bool fine = true;
    while (fine && d.count < end->entries)
        fine = read_entry(&r, end, &d.entries[d.count++], err);
    if (fine && r.at != directory.len)
        fine = rv_fail(err, RV_E_FORMAT, "zip: %zu bytes of directory belong to no entry", directory.len - r.at);
    if (!fine || !check_together(&d, err)) {
        rv_zip_directory_clear(&d);
        return false;
    }
    *out = d;
    return true;
}

void rv_zip_directory_clear(struct rv_zip_directory *directory)
{
    for (size_t i = 0; i < directory->count; i++)
        rv_free(directory->entries[i].name);
    rv_free(directory->entries);
    *directory = (struct rv_zip_directory){ .count = 0 };
}

const struct rv_zip_entry *rv_zip_directory_find(const struct rv_zip_directory *directory, const char *name)
{
    size_t low = 0, high = directory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, directory->entries[middle].name);
        if (order == 0)
            return &directory->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool rv_zip_local_check(struct rv_span header, const struct rv_zip_entry *entry, uint64_t *data_offset,
                        struct rv_error *err)
{
    struct rv_reader r = { .in = header };
    uint32_t signature = rv_read_u32le(&r);
    rv_read_u16le(&r);
    uint16_t flags = rv_read_u16le(&r), method = rv_read_u16le(&r);
    rv_read_u32le(&r);
    uint32_t crc = rv_read_u32le(&r), packed = rv_read_u32le(&r), plain = rv_read_u32le(&r);
    uint16_t name_len = rv_read_u16le(&r), extra_len = rv_read_u16le(&r);
    struct rv_span name = rv_read_span(&r, name_len);
    if (r.bad || signature != SIGNATURE_LOCAL)
        return rv_fail(err, RV_E_FORMAT, "zip: '%s' does not stand where the directory says", entry->name);
    if (!rv_span_equal(name, rv_span(entry->name, strlen(entry->name))) || method != entry->method ||
        ((flags ^ entry->flags) & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) != 0)
        return rv_fail(err, RV_E_FORMAT, "zip: the directory and the entry itself disagree about '%s'", entry->name);
    /* All ones stand for a 64-bit size in the extra field. */
    bool same = crc == entry->crc && (packed == entry->packed || packed == UINT32_MAX) &&
                (plain == entry->plain || plain == UINT32_MAX);
    if ((flags & FLAG_SIZES_BEHIND) == 0 && !same)
        return rv_fail(err, RV_E_FORMAT,
                       "zip: the directory and the entry itself disagree about the size or checksum "
                       "of '%s'",
                       entry->name);
    *data_offset = (uint64_t)RV_ZIP_LOCAL_HEADER + name_len + extra_len;
    return true;
}
