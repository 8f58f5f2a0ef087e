/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a check: property lists, index, every row with its file (on all processors), then what has no row. */
#include "backup/proof.h"

#include "backup/place.h"
#include "backup/sorts.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "recover/sqlite_open.h"
#include "recover/sqlite_workers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 1024, BATCH_BYTES = 8 << 20, TELL_EVERY = 512 };

/* A row that waits for a worker: its strings lie one after the other in the batch's buffer. */
struct waiting {
    char id[RV_BACKUP_ID];
    uint32_t domain, path, record, record_len;
    uint32_t flags;
    bool mbdb_file; /* its record was read already */
    uint64_t size;
    uint32_t mode;
};

struct hand { /* one a worker */
    struct rv_backup_reader *reader;
    struct rv_mbfile *file;
    struct rv_digest *digest;
};

struct check {
    struct rv_backup *b;
    const struct rv_verify_options *options;
    struct rv_findings *findings;
    struct rv_verified *out;
    unsigned workers;
    struct hand hands[RV_SQ_WORKERS_MAX];
    struct waiting *batch;
    uint32_t count;
    struct rv_buf text;
    atomic_ullong bytes, files, digests, decrypted;
    uint64_t done, total;
};

/* ---- one row ---- */

static bool hash_stored(void *context, struct rv_span bytes, struct rv_error *err)
{
    struct hand *h = context;
    (void)err;
    if (h->digest != NULL)
        rv_digest_add(h->digest, bytes);
    return true;
}

static bool hash_equals(struct hand *h, struct rv_span wanted)
{
    uint8_t got[RV_DIGEST_MAX];
    rv_digest_end(h->digest, got);
    return memcmp(got, wanted.ptr, wanted.len) == 0;
}

/* Some makers hash the plain bytes: a second reading tells, before anything is called damaged. */
static bool plain_digest_fits(struct check *c, struct hand *h, const struct rv_backup_row *row)
{
    struct rv_error err = { 0 };
    struct rv_backup_read got;
    struct rv_backup_wish wish = { .plain = hash_stored, .context = h };
    if (row->file->key.len == 0)
        return false;
    rv_digest_free(h->digest);
    h->digest = rv_digest_new(RV_DIGEST_SHA1, &err);
    return h->digest != NULL && rv_backup_read_file(h->reader, c->b, row, &wish, &got, &err) &&
           hash_equals(h, row->file->digest);
}

static void add(struct check *c, enum rv_finding_kind kind, const struct rv_backup_row *row, const char *detail)
{
    rv_findings_add(c->findings, kind, row->domain, row->path, detail);
}

static void check_size(struct check *c, const struct rv_backup_row *row, uint64_t stored, uint64_t plain)
{
    char words[96];
    const struct rv_mbfile *f = row->file;
    bool encrypted = c->b->encrypted && f->key.len > 0;
    uint64_t want = encrypted ? (f->size / 16 + 1) * 16 : f->size;
    if (stored == want || (encrypted && f->size == 0 && stored == 0))
        return;
    snprintf(words, sizeof words, "%llu bytes, %llu expected", (unsigned long long)(encrypted ? plain : stored),
             (unsigned long long)f->size);
    add(c, stored == 0 ? RV_FIND_FILE_EMPTY : RV_FIND_FILE_SIZE, row, words);
}

static void check_content(struct check *c, struct hand *h, const struct rv_backup_row *row, uint64_t stored)
{
    struct rv_error err = { 0 };
    struct rv_backup_read got = { 0 };
    bool digest = row->file->digest.len == 20;
    struct rv_backup_wish wish = { .stored_too = digest ? hash_stored : NULL, .context = h };
    rv_digest_free(h->digest);
    h->digest = digest ? rv_digest_new(RV_DIGEST_SHA1, &err) : NULL;
    if (!rv_backup_read_file(h->reader, c->b, row, &wish, &got, &err)) {
        add(c, err.code == RV_E_IO ? RV_FIND_FILE_UNREADABLE : RV_FIND_FILE_KEY, row, err.text[0]);
        return;
    }
    atomic_fetch_add(&c->bytes, got.stored);
    atomic_fetch_add(&c->decrypted, row->file->key.len > 0);
    atomic_fetch_add(&c->digests, digest);
    check_size(c, row, stored, got.plain);
    if (digest && !hash_equals(h, row->file->digest) && !plain_digest_fits(c, h, row))
        add(c, RV_FIND_FILE_DIGEST, row, NULL);
    else if (got.padding_bad && stored == (row->file->size / 16 + 1) * 16)
        add(c, RV_FIND_FILE_PADDING, row, NULL);
}

static void check_file(struct check *c, struct hand *h, const struct rv_backup_row *row)
{
    char place[64];
    uint64_t stored;
    if (!rv_backup_locate(c->b, row->id, place, &stored)) {
        if (row->file->size > 0) /* nothing is lost of an empty file, but a phone asks for it all the same */
            add(c, RV_FIND_FILE_MISSING, row, NULL);
        else
            rv_findings_add(c->findings, RV_FIND_FILE_MISSING, row->domain, row->path, "an empty file");
        return;
    }
    bool bucket = place[2] == '/', flat = place[40] == '\0';
    if ((c->b->kind == RV_BACKUP_DB && !bucket) || (c->b->kind == RV_BACKUP_MBDB && !flat))
        rv_findings_add(c->findings, RV_FIND_LAYOUT, row->domain, row->path, place);
    atomic_fetch_add(&c->files, 1);
    struct rv_backup_row placed = *row;
    placed.place = place;
    if (c->options->quick || (row->file->key.len > 0 && !c->b->unlocked))
        check_size(c, &placed, stored, stored);
    else
        check_content(c, h, &placed, stored);
}

static void check_row(struct check *c, struct hand *h, const struct rv_backup_row *row)
{
    char id[RV_BACKUP_ID];
    struct rv_error err = { 0 };
    if (!rv_backup_id(row->domain, row->path, id, &err) || strcmp(id, row->id) != 0)
        add(c, RV_FIND_ROW_ID, row, row->id);
    if (!rv_place_check(rv_span(row->domain, strlen(row->domain)), &err) || strchr(row->domain, '/') != NULL ||
        (*row->path != '\0' && !rv_place_check(rv_span(row->path, strlen(row->path)), &err)))
        add(c, RV_FIND_ROW_NAME, row, err.text[0]);
    if (row->flags != RV_MBFILE_FILE && row->flags != RV_MBFILE_DIRECTORY && row->flags != RV_MBFILE_LINK)
        add(c, RV_FIND_ROW_FLAGS, row, NULL);
    if (row->file == NULL)
        add(c, RV_FIND_ROW_RECORD, row, "it cannot be read");
    else if (strcmp(row->file->path, row->path) != 0)
        add(c, RV_FIND_ROW_RECORD, row, "it speaks of another file");
    else if (rv_mbfile_kind(row->file) != (row->flags & 7))
        add(c, RV_FIND_ROW_RECORD, row, "its kind is wrong");
    else if (c->b->kind == RV_BACKUP_DB && !row->file->complete)
        add(c, RV_FIND_ROW_RECORD, row, "a value is missing");
    if (row->file != NULL && c->b->unlocked && !c->b->encrypted && row->file->key.len > 0)
        rv_findings_add(c->findings, RV_FIND_ENCRYPTION_DISAGREES, row->domain, row->path, NULL);
    if (row->file != NULL && rv_mbfile_kind(row->file) == RV_MBFILE_FILE)
        check_file(c, h, row);
    else if (row->file == NULL && (row->flags & RV_MBFILE_FILE) != 0)
        atomic_fetch_add(&c->files, 1);
}

/* ---- batches ---- */

static bool run_one(void *context, unsigned worker, uint32_t job, struct rv_error *err)
{
    struct check *c = context;
    struct hand *h = &c->hands[worker];
    const struct waiting *w = &c->batch[job];
    const char *text = (const char *)c->text.data;
    struct rv_error bad = { 0 };
    struct rv_backup_row row = { .domain = text + w->domain, .path = text + w->path, .flags = w->flags };
    memcpy(row.id, w->id, sizeof row.id);
    row.record = rv_span(c->text.data + w->record, w->record_len);
    if (!rv_cancel_point(&c->b->ctx->cancel, err))
        return false;
    if (c->b->kind == RV_BACKUP_DB) {
        row.file = rv_mbfile_parse(row.record, h->file, &bad) ? h->file : NULL;
    } else { /* digest and key of the record, as they were copied */
        struct rv_reader r = { .in = row.record };
        *h->file = (struct rv_mbfile){ .mode = w->mode, .size = w->size };
        h->file->digest = rv_read_span(&r, rv_read_u8(&r));
        h->file->key = rv_read_span(&r, rv_read_u8(&r));
        snprintf(h->file->path, sizeof h->file->path, "%s", row.path);
        row.file = h->file;
    }
    check_row(c, h, &row);
    return true;
}

static bool run_batch(struct check *c, struct rv_error *err)
{
    if (c->count == 0)
        return true;
    struct rv_sq_crew crew = { .run = run_one, .context = c, .jobs = c->count };
    if (!rv_sq_workers_run(&crew, c->workers, err))
        return false;
    c->done += c->count;
    c->count = 0;
    c->text.len = 0;
    rv_tell(c->b->ctx, &(struct rv_event){ .kind = RV_EVENT_PROGRESS,
                                           .step = "files",
                                           .unit = "files",
                                           .done = c->done,
                                           .total = c->total,
                                           .percent = c->total > 0 ? 100.0 * (double)c->done / (double)c->total : -1 });
    return true;
}

static bool add_text(struct check *c, const char *text, uint32_t *at, struct rv_error *err)
{
    *at = (uint32_t)c->text.len;
    return rv_buf_add(&c->text, rv_span(text, strlen(text) + 1), err);
}

static bool add_short(struct check *c, struct rv_span bytes, struct rv_error *err)
{
    uint8_t len = (uint8_t)bytes.len;
    return rv_buf_add(&c->text, rv_span(&len, 1), err) && rv_buf_add(&c->text, rv_span(bytes.ptr, len), err);
}

static bool take_row(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct check *c = context;
    size_t need = strlen(row->domain) + strlen(row->path) + row->record.len + 64;
    if ((c->count == BATCH || c->text.len + need > BATCH_BYTES) && !run_batch(c, err))
        return false;
    struct waiting *w = &c->batch[c->count];
    memcpy(w->id, row->id, sizeof w->id);
    w->flags = row->flags;
    c->out->rows++;
    if (!add_text(c, row->domain, &w->domain, err) || !add_text(c, row->path, &w->path, err))
        return false;
    w->record = (uint32_t)c->text.len;
    if (c->b->kind == RV_BACKUP_DB) {
        if (!rv_buf_add(&c->text, row->record, err))
            return false;
    } else {
        w->mode = row->file->mode;
        w->size = row->file->size;
        if (!add_short(c, row->file->digest, err) || !add_short(c, row->file->key, err))
            return false;
    }
    w->record_len = (uint32_t)c->text.len - w->record;
    c->count++;
    return true;
}

/* ---- files without a row ---- */

struct walk {
    struct check *c;
    const char *folder;
};

static bool look_at_stored(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    struct walk *w = context;
    char place[RV_PLACE_PART_MAX + 8];
    snprintf(place, sizeof place, "%s/%s", w->folder, name);
    if (!S_ISREG(st->st_mode) || !rv_backup_is_id(name) || strncmp(name, w->folder, 2) != 0)
        rv_findings_add(w->c->findings, RV_FIND_FOREIGN_NAME, NULL, NULL, place);
    else if (!rv_backup_has(w->c->b, name))
        rv_findings_add(w->c->findings, RV_FIND_UNREFERENCED, NULL, NULL, place);
    return rv_cancel_point(&w->c->b->ctx->cancel, err);
}

static bool look_at_top(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    static const char *const known[] = { "Info.plist",      "Status.plist",    "Manifest.plist",
                                         "Manifest.db",     "Manifest.mbdb",   "Manifest.mbdx",
                                         "Manifest.db-wal", "Manifest.db-shm", "Snapshot" };
    struct walk *w = context;
    if (S_ISDIR(st->st_mode) && strlen(name) == 2 && strspn(name, "0123456789abcdef") == 2) {
        struct walk inner = { .c = w->c, .folder = name };
        return rv_place_each(w->c->b->dir, name, look_at_stored, &inner, err);
    }
    for (size_t i = 0; i < RV_COUNT(known); i++)
        if (strcmp(known[i], name) == 0)
            return true;
    if (rv_backup_is_id(name) && rv_backup_has(w->c->b, name))
        return true;
    bool stored = rv_backup_is_id(name) && S_ISREG(st->st_mode);
    rv_findings_add(w->c->findings, stored ? RV_FIND_UNREFERENCED : RV_FIND_FOREIGN_NAME, NULL, NULL, name);
    return true;
}

/* ---- databases that matter ---- */

static bool write_plain(void *context, struct rv_span bytes, struct rv_error *err)
{
    return rv_fd_write_all(*(int *)context, bytes, err);
}

bool rv_backup_database_sound(const char *path, char *why, size_t room)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    bool asked = rv_sqlite_open(path, true, &db) == SQLITE_OK &&
                 sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL) == SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_ROW;
    const char *answer = asked ? (const char *)sqlite3_column_text(s, 0) : sqlite3_errmsg(db);
    bool sound = asked && answer != NULL && strcmp(answer, "ok") == 0;
    snprintf(why, room, "%s", answer != NULL ? answer : "");
    sqlite3_finalize(s);
    sqlite3_close(db);
    return sound;
}

static bool check_database(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct check *c = context;
    const struct rv_backup_database *d = rv_backup_database_of(row->domain, row->path);
    char why[128], place[64], temporary[] = "/var/tmp/revive-check-XXXXXX";
    uint64_t stored;
    if (d == NULL || row->file == NULL || !rv_backup_locate(c->b, row->id, place, &stored) || stored == 0)
        return true;
    RV_AUTO_FD fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "making a private copy of a database");
    struct rv_backup_wish wish = { .plain = write_plain, .context = &fd };
    struct rv_backup_read got;
    struct rv_error bad = { 0 };
    bool fine = rv_backup_read_file(c->hands[0].reader, c->b, row, &wish, &got, &bad);
    if (fine && !rv_backup_database_sound(temporary, why, sizeof why))
        add(c, RV_FIND_DATABASE, row, why);
    unlink(temporary);
    if (!fine && bad.code == RV_E_NOSPACE) {
        *err = bad;
        return false;
    }
    return true;
}

/* ---- the whole ---- */

static bool make_hands(struct check *c, struct rv_error *err)
{
    c->batch = rv_alloc_array(BATCH, sizeof *c->batch);
    bool fine = c->batch != NULL || rv_fail_nomem(err);
    for (unsigned i = 0; fine && i < c->workers; i++) {
        c->hands[i].reader = rv_backup_reader_new(err);
        c->hands[i].file = rv_alloc(sizeof *c->hands[i].file);
        fine = c->hands[i].reader != NULL && (c->hands[i].file != NULL || rv_fail_nomem(err));
    }
    return fine;
}

static void free_hands(struct check *c)
{
    for (unsigned i = 0; i < c->workers; i++) {
        rv_backup_reader_free(c->hands[i].reader);
        rv_free(c->hands[i].file);
        rv_digest_free(c->hands[i].digest);
    }
    rv_free(c->batch);
    rv_buf_clear(&c->text);
}

static bool check_index(struct check *c, struct rv_error *err)
{
    int version;
    struct rv_error why = { 0 };
    if (!rv_backup_index_sound(c->b, &version, &why))
        rv_findings_add(c->findings, RV_FIND_INDEX_DAMAGED, NULL, NULL, why.text[0]);
    if (version < 2)
        rv_findings_add(c->findings, RV_FIND_INDEX_VERSION, NULL, NULL, NULL);
    c->total = rv_backup_rows(c->b);
    why.code = RV_OK;
    c->out->index_read = rv_backup_each(c->b, take_row, c, &why);
    if (!run_batch(c, err))
        return false;
    if (!c->out->index_read && why.code != RV_E_CORRUPT) {
        *err = why;
        return false;
    }
    if (!c->out->index_read && c->findings->counts[RV_FIND_INDEX_DAMAGED] == 0)
        rv_findings_add(c->findings, RV_FIND_INDEX_DAMAGED, NULL, NULL, why.text[0]);
    return true;
}

static bool check_all(struct check *c, struct rv_error *err)
{
    struct walk top = { .c = c };
    struct rv_error broken = { 0 };
    if (!make_hands(c, err) || !check_index(c, err))
        return false;
    if (c->out->index_read && !rv_place_each(c->b->dir, ".", look_at_top, &top, err))
        return false;
    if (c->options->quick || (c->b->encrypted && !c->b->unlocked))
        return true;
    rv_tell_step(c->b->ctx, "databases", "Checking the databases of messages, photos and contacts");
    rv_backup_each(c->b, check_database, c, &broken);
    if (broken.code == RV_OK || broken.code == RV_E_CORRUPT)
        return true;
    *err = broken;
    return false;
}

bool rv_backup_verify(struct rv_backup *b, const struct rv_verify_options *options, struct rv_findings *findings,
                      struct rv_verified *out, struct rv_error *err)
{
    struct check c = { .b = b, .options = options, .findings = findings, .out = out, .text = RV_BUF(2 * BATCH_BYTES) };
    struct rv_error why = { 0 };
    *out = (struct rv_verified){ .rows = 0 };
    rv_tell_step(b->ctx, "structure", "Checking the backup's own lists");
    rv_backup_check_lists(b, findings);
    if (b->kind == RV_BACKUP_NO_INDEX)
        return true;
    if (!rv_backup_open_index(b, &why)) {
        if (why.code == RV_E_DENIED && !b->has_keybag)
            return true; /* no password opens what has lost its keys: damage, which the lists above told */
        if (why.code != RV_E_CORRUPT && why.code != RV_E_FORMAT && why.code != RV_E_NOT_FOUND) {
            *err = why;
            return false;
        }
        rv_findings_add(findings, why.code == RV_E_NOT_FOUND ? RV_FIND_INDEX_MISSING : RV_FIND_INDEX_DAMAGED, NULL,
                        NULL, why.text[0]);
        return true;
    }
    rv_tell_step(b->ctx, "files", "Checking every file against the index");
    c.workers =
        options->threads > 0 && options->threads <= RV_SQ_WORKERS_MAX ? options->threads : rv_sq_workers_count();
    bool fine = check_all(&c, err);
    out->files = c.files;
    out->bytes = c.bytes;
    out->digests = c.digests;
    out->decrypted = c.decrypted;
    free_hands(&c);
    return fine;
}
