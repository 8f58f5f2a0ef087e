/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest.mbdb of iOS 4 to 9: "mbdb" 05 00, then records to the end of the file, all numbers big-endian.
 * Source: dinosec/iphone-dataprotection python_scripts/backups/backup4.py; public descriptions of the format.
 */
#include "sim/backup_manifest.h"
#include "sim/db.h"

#include <string.h>

enum { MBDB_MAX = 1 << 30, NO_TEXT = 0xffff };
static const uint8_t magic[6] = { 'm', 'b', 'd', 'b', 5, 0 };

/* ---- reading ---- */

static struct rv_span take(struct rv_reader *r)
{
    uint16_t len = rv_read_u16be(r);
    return len == NO_TEXT ? rv_span(NULL, 0) : rv_read_span(r, len);
}

static bool take_text(struct rv_reader *r, char *out, size_t size)
{
    struct rv_span text = take(r);
    if (r->bad || text.len >= size || (text.len > 0 && memchr(text.ptr, 0, text.len) != NULL))
        return false;
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[text.len] = 0;
    return true;
}

static bool take_bytes(struct rv_reader *r, uint8_t *out, size_t len, bool *has)
{
    struct rv_span bytes = take(r);
    *has = bytes.len > 0;
    if (bytes.len != 0 && bytes.len != len)
        return false;
    if (*has)
        memcpy(out, bytes.ptr, len);
    return !r->bad;
}

static bool take_record(struct rv_reader *r, struct sim_row *row)
{
    struct sim_file *f = &row->file;
    memset(row, 0, sizeof *row);
    if (!take_text(r, f->domain, sizeof f->domain) || !take_text(r, f->path, sizeof f->path) ||
        !take_text(r, f->target, sizeof f->target) ||
        !take_bytes(r, row->digest, sizeof row->digest, &row->has_digest) ||
        !take_bytes(r, row->key, sizeof row->key, &row->has_key))
        return false;
    f->mode = rv_read_u16be(r);
    f->inode = rv_read_u64be(r);
    f->uid = rv_read_u32be(r);
    f->gid = rv_read_u32be(r);
    f->mtime = (int32_t)rv_read_u32be(r);
    f->ctime = (int32_t)rv_read_u32be(r);
    f->birth = (int32_t)rv_read_u32be(r);
    f->size = rv_read_u64be(r);
    f->class = rv_read_u8(r);
    for (unsigned left = rv_read_u8(r); left > 0 && !r->bad; left--) {
        (void)take(r);
        (void)take(r);
    }
    row->flags = sim_row_kind(f->mode);
    sim_file_id(f->domain, f->path, f->id);
    return !r->bad && row->flags != 0 && f->size <= INT64_MAX;
}

static bool put_record(sqlite3_stmt *put, const struct sim_row *row, struct rv_error *err)
{
    RV_AUTO(rv_blob) archive = sim_row_archive(row, err);
    if (archive == NULL)
        return false;
    sqlite3_bind_text(put, 1, row->file.id, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 2, row->file.domain, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 3, row->file.path, -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 4, (int)row->flags);
    sqlite3_bind_blob(put, 5, archive->data, (int)archive->len, SQLITE_STATIC);
    return sim_db_do(put, err);
}

static bool read_records(struct rv_span in, sqlite3 *db, struct rv_error *err)
{
    struct rv_reader r = { .in = in, .at = sizeof magic };
    struct sim_row row;
    sqlite3_stmt *put = sim_db_prepare(db, "INSERT OR REPLACE INTO Files VALUES(?1,?2,?3,?4,?5)", err);
    bool good = put != NULL;
    while (good && rv_reader_left(&r) > 0)
        good =
            (take_record(&r, &row) || rv_fail(err, RV_E_FORMAT, "a record of Manifest.mbdb is wrong at %zu", r.at)) &&
            put_record(put, &row, err);
    sqlite3_finalize(put);
    return good;
}

bool sim_mbdb_read(struct rv_span in, const char *path, struct rv_error *err)
{
    if (in.len < sizeof magic || in.len > MBDB_MAX || memcmp(in.ptr, magic, sizeof magic) != 0)
        return rv_fail(err, RV_E_FORMAT, "it is no Manifest.mbdb");
    sqlite3 *db = sim_manifest_new(path, err);
    if (db == NULL)
        return false;
    if (read_records(in, db, err))
        return sim_manifest_finish(db, err);
    sqlite3_close(db);
    return false;
}

/* ---- writing ---- */

static bool put_span(struct rv_buf *out, struct rv_span in, struct rv_error *err)
{
    uint8_t len[2];
    rv_put_u16be(len, in.ptr != NULL ? (uint16_t)in.len : NO_TEXT);
    return rv_buf_add(out, rv_span(len, sizeof len), err) && (in.len == 0 || rv_buf_add(out, in, err));
}

static bool put_text(struct rv_buf *out, const char *text, struct rv_error *err)
{
    return put_span(out, rv_span(text, strlen(text)), err);
}

static bool put_row(struct rv_buf *out, const struct sim_row *row, struct rv_error *err)
{
    const struct sim_file *f = &row->file;
    struct rv_span none = rv_span(NULL, 0);
    uint8_t fixed[40];
    rv_put_u16be(fixed, (uint16_t)f->mode);
    rv_put_u64be(fixed + 2, f->inode);
    rv_put_u32be(fixed + 10, f->uid);
    rv_put_u32be(fixed + 14, f->gid);
    rv_put_u32be(fixed + 18, (uint32_t)f->mtime);
    rv_put_u32be(fixed + 22, (uint32_t)f->ctime);
    rv_put_u32be(fixed + 26, (uint32_t)f->birth);
    rv_put_u64be(fixed + 30, f->size);
    fixed[38] = (uint8_t)f->class;
    fixed[39] = 0; /* extended attributes */
    return put_text(out, f->domain, err) && put_text(out, f->path, err) &&
           (f->target[0] ? put_text(out, f->target, err) : put_span(out, none, err)) &&
           put_span(out, row->has_digest ? rv_span(row->digest, sizeof row->digest) : none, err) &&
           put_span(out, row->has_key ? rv_span(row->key, sizeof row->key) : none, err) &&
           rv_buf_add(out, rv_span(fixed, sizeof fixed), err);
}

struct rv_blob *sim_mbdb_write(sqlite3 *db, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(MBDB_MAX);
    struct sim_row row;
    sqlite3_stmt *s =
        sim_db_prepare(db, "SELECT fileID,domain,relativePath,flags,file FROM Files ORDER BY domain,relativePath", err);
    bool good = s != NULL && rv_buf_add(&out, rv_span(magic, sizeof magic), err);
    while (good && sqlite3_step(s) == SQLITE_ROW)
        good = sim_manifest_row(s, &row) && put_row(&out, &row, err);
    sqlite3_finalize(s);
    return good ? rv_blob_copy(rv_buf_span(&out), err) : NULL;
}
