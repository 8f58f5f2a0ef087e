/* SPDX-License-Identifier: Apache-2.0 */
/* Record layouts: PKWARE APPNOTE 6.3.x, sections 4.3 and 4.5.3. All little endian. */
#include "sim/zip_write.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum {
    LOCAL_SIZE = 30,
    ZIP64_LOCAL = 20,  /* extra field: both sizes */
    DOS_DATE = 0x4b78, /* 2017-11-24: no clock in files that are to be the same every time */
    DOS_TIME = 0x6000,
    OUT_PIECE = 256 << 10,
    DIRECTORY_CAP = 64 << 20,
};

struct sim_zip {
    struct rv_atomic_file *file;
    uint64_t at;
    struct rv_buf directory;
    uint64_t entries;
    /* entry being written */
    char *name;
    uint64_t header_at, plain, packed;
    uint32_t crc;
    bool open, deflated, huge;
    z_stream deflater;
    uint8_t piece[OUT_PIECE];
};

static bool out(struct sim_zip *zip, struct rv_span bytes, struct rv_error *err)
{
    zip->at += bytes.len;
    return rv_atomic_file_write(zip->file, bytes, err);
}

struct sim_zip *sim_zip_new(const char *path, struct rv_error *err)
{
    RV_AUTO(sim_zip) zip = rv_alloc(sizeof *zip);
    if (!zip) {
        rv_fail_nomem(err);
        return NULL;
    }
    zip->directory = (struct rv_buf)RV_BUF(DIRECTORY_CAP);
    zip->file = rv_atomic_file_new(path, 0644, err);
    return zip->file ? rv_steal(&zip) : NULL;
}

void sim_zip_free(struct sim_zip *zip)
{
    if (!zip)
        return;
    if (zip->open && zip->deflated)
        deflateEnd(&zip->deflater);
    rv_free(zip->name);
    rv_buf_clear(&zip->directory);
    rv_atomic_file_free(zip->file);
    rv_free(zip);
}

static size_t fill_local(const struct sim_zip *zip, uint8_t to[LOCAL_SIZE + ZIP64_LOCAL], uint8_t extra[ZIP64_LOCAL])
{
    memset(to, 0, LOCAL_SIZE);
    rv_put_u32le(to, 0x04034b50);
    rv_put_u16le(to + 4, zip->huge ? 45 : 20);
    rv_put_u16le(to + 8, zip->deflated ? 8 : 0);
    rv_put_u16le(to + 10, DOS_TIME);
    rv_put_u16le(to + 12, DOS_DATE);
    rv_put_u32le(to + 14, zip->crc);
    rv_put_u32le(to + 18, zip->huge ? UINT32_MAX : (uint32_t)zip->packed);
    rv_put_u32le(to + 22, zip->huge ? UINT32_MAX : (uint32_t)zip->plain);
    rv_put_u16le(to + 26, (uint16_t)strlen(zip->name));
    rv_put_u16le(to + 28, zip->huge ? ZIP64_LOCAL : 0);
    rv_put_u16le(extra, 1);
    rv_put_u16le(extra + 2, 16);
    rv_put_u64le(extra + 4, zip->plain);
    rv_put_u64le(extra + 12, zip->packed);
    return zip->huge ? ZIP64_LOCAL : 0;
}

bool sim_zip_begin(struct sim_zip *zip, const char *name, bool deflated, bool huge, struct rv_error *err)
{
    uint8_t head[LOCAL_SIZE + ZIP64_LOCAL], extra[ZIP64_LOCAL];
    rv_free(zip->name);
    zip->name = rv_text_copy(name);
    if (!zip->name)
        return rv_fail_nomem(err);
    zip->header_at = zip->at;
    zip->plain = zip->packed = 0;
    zip->crc = (uint32_t)crc32(0, NULL, 0);
    zip->deflated = deflated;
    zip->huge = huge;
    memset(&zip->deflater, 0, sizeof zip->deflater);
    if (deflated && deflateInit2(&zip->deflater, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return rv_fail_nomem(err);
    zip->open = true;
    size_t more = fill_local(zip, head, extra);
    return out(zip, rv_span(head, LOCAL_SIZE), err) && out(zip, rv_span(name, strlen(name)), err) &&
           (!more || out(zip, rv_span(extra, more), err));
}

void sim_zip_dense(struct sim_zip *zip)
{
    if (zip->open && zip->deflated)
        deflateParams(&zip->deflater, 0, Z_DEFAULT_STRATEGY);
}

static bool deflate_out(struct sim_zip *zip, struct rv_span bytes, int flush, struct rv_error *err)
{
    zip->deflater.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    zip->deflater.avail_in = (uInt)bytes.len;
    do {
        zip->deflater.next_out = zip->piece;
        zip->deflater.avail_out = sizeof zip->piece;
        deflate(&zip->deflater, flush);
        size_t n = sizeof zip->piece - zip->deflater.avail_out;
        zip->packed += n;
        if (n && !out(zip, rv_span(zip->piece, n), err))
            return false;
    } while (zip->deflater.avail_out == 0);
    return true;
}

bool sim_zip_data(struct sim_zip *zip, struct rv_span bytes, struct rv_error *err)
{
    if (bytes.len > (1U << 30))
        return rv_fail(err, RV_E_LIMIT, "a piece of %zu bytes is too large", bytes.len);
    zip->crc = (uint32_t)crc32_z(zip->crc, bytes.ptr, bytes.len);
    zip->plain += bytes.len;
    if (zip->deflated)
        return deflate_out(zip, bytes, Z_NO_FLUSH, err);
    zip->packed += bytes.len;
    return out(zip, bytes, err);
}

static bool patch(struct sim_zip *zip, struct rv_error *err)
{
    uint8_t head[LOCAL_SIZE + ZIP64_LOCAL], extra[ZIP64_LOCAL];
    size_t more = fill_local(zip, head, extra);
    int fd = rv_atomic_file_fd(zip->file);
    off_t extra_at = (off_t)(zip->header_at + LOCAL_SIZE + strlen(zip->name));
    if (pwrite(fd, head, LOCAL_SIZE, (off_t)zip->header_at) != LOCAL_SIZE ||
        (more && pwrite(fd, extra, more, extra_at) != (ssize_t)more))
        return rv_fail_sys(err, RV_E_IO, errno, "cannot complete the header of %s", zip->name);
    return true;
}

/* Central directory record; sizes and place move into a zip64 field when they do not fit 32 bits. */
static bool list_entry(struct sim_zip *zip, struct rv_error *err)
{
    uint8_t record[46] = { 0 }, extra[28] = { 0 };
    size_t used = 4;
    uint64_t values[3] = { zip->plain, zip->packed, zip->header_at };
    static const size_t at[3] = { 24, 20, 42 };
    for (size_t i = 0; i < 3; i++) {
        if (values[i] < UINT32_MAX) {
            rv_put_u32le(record + at[i], (uint32_t)values[i]);
            continue;
        }
        rv_put_u32le(record + at[i], UINT32_MAX);
        rv_put_u64le(extra + used, values[i]);
        used += 8;
    }
    bool zip64 = used > 4;
    rv_put_u16le(extra, 1);
    rv_put_u16le(extra + 2, (uint16_t)(used - 4));
    rv_put_u32le(record, 0x02014b50);
    rv_put_u16le(record + 4, 3 << 8 | 45); /* made by UNIX */
    rv_put_u16le(record + 6, zip->huge || zip64 ? 45 : 20);
    rv_put_u16le(record + 10, zip->deflated ? 8 : 0);
    rv_put_u16le(record + 12, DOS_TIME);
    rv_put_u16le(record + 14, DOS_DATE);
    rv_put_u32le(record + 16, zip->crc);
    rv_put_u16le(record + 28, (uint16_t)strlen(zip->name));
    rv_put_u16le(record + 30, zip64 ? (uint16_t)used : 0);
    rv_put_u32le(record + 38, 0100644U << 16);
    zip->entries++;
    return rv_buf_add(&zip->directory, rv_span(record, sizeof record), err) &&
           rv_buf_add_text(&zip->directory, zip->name, err) &&
           (!zip64 || rv_buf_add(&zip->directory, rv_span(extra, used), err));
}

bool sim_zip_end(struct sim_zip *zip, struct rv_error *err)
{
    bool ok = !zip->deflated || deflate_out(zip, rv_span(NULL, 0), Z_FINISH, err);
    if (zip->deflated)
        deflateEnd(&zip->deflater);
    zip->open = false;
    if (ok && !zip->huge && (zip->plain >= UINT32_MAX || zip->packed >= UINT32_MAX))
        return rv_fail(err, RV_E_LIMIT, "%s grew past what its header can say", zip->name);
    return ok && patch(zip, err) && list_entry(zip, err);
}

bool sim_zip_add(struct sim_zip *zip, const char *name, struct rv_span bytes, bool deflated, struct rv_error *err)
{
    return sim_zip_begin(zip, name, deflated, false, err) && sim_zip_data(zip, bytes, err) && sim_zip_end(zip, err);
}

static bool put_zip64_end(struct sim_zip *zip, uint64_t directory_at, struct rv_error *err)
{
    uint8_t end[56] = { 0 }, locator[20] = { 0 };
    rv_put_u32le(end, 0x06064b50);
    rv_put_u64le(end + 4, sizeof end - 12);
    rv_put_u16le(end + 12, 3 << 8 | 45);
    rv_put_u16le(end + 14, 45);
    rv_put_u64le(end + 24, zip->entries);
    rv_put_u64le(end + 32, zip->entries);
    rv_put_u64le(end + 40, zip->directory.len);
    rv_put_u64le(end + 48, directory_at);
    rv_put_u32le(locator, 0x07064b50);
    rv_put_u64le(locator + 8, zip->at);
    rv_put_u32le(locator + 16, 1);
    return out(zip, rv_span(end, sizeof end), err) && out(zip, rv_span(locator, sizeof locator), err);
}

bool sim_zip_finish(struct sim_zip *zip, struct rv_error *err)
{
    uint64_t directory_at = zip->at;
    bool far = directory_at >= UINT32_MAX || zip->entries >= UINT16_MAX;
    if (!out(zip, rv_buf_span(&zip->directory), err) || (far && !put_zip64_end(zip, directory_at, err)))
        return false;
    uint8_t end[22] = { 0 };
    rv_put_u32le(end, 0x06054b50);
    rv_put_u16le(end + 8, far ? UINT16_MAX : (uint16_t)zip->entries);
    rv_put_u16le(end + 10, far ? UINT16_MAX : (uint16_t)zip->entries);
    rv_put_u32le(end + 12, (uint32_t)zip->directory.len);
    rv_put_u32le(end + 16, far ? UINT32_MAX : (uint32_t)directory_at);
    return out(zip, rv_span(end, sizeof end), err) && rv_atomic_file_commit(zip->file, err);
}
