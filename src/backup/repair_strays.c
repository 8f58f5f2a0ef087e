/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored files that have lost their names altogether (what a disk check leaves as FILE0001.CHK): a row whose file is
 * missing knows it again by its digest, by the key that opens it, or, when nothing else fits, by its size. Databases
 * without a row are known by their tables.
 */
#include "backup/content.h"
#include "backup/mending.h"
#include "backup/sorts.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "recover/sqlite_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUESSES_MAX = 65536 };

/* Of one size, and nothing that speaks for or against: right only when neither side has another. */
struct guess {
    size_t stray;
    char id[RV_BACKUP_ID];
};

struct searching {
    struct rv_mending *m;
    struct rv_mbdb_record *room;
    struct guess *guesses;
    size_t guess_count;
};

static int by_size(const void *a, const void *b)
{
    const struct rv_stock_file *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size ? -1 : 1) : strcmp(x->place, y->place);
}

/* ---- does this file belong to that row? ---- */

struct looking {
    struct rv_digest *stored, *plain;
    uint8_t head[RV_CONTENT_HEAD];
    size_t head_len;
};

static bool look_stored(void *context, struct rv_span bytes, struct rv_error *err)
{
    (void)err;
    rv_digest_add(((struct looking *)context)->stored, bytes);
    return true;
}

static bool look_plain(void *context, struct rv_span bytes, struct rv_error *err)
{
    struct looking *l = context;
    size_t want = sizeof l->head - l->head_len, n = bytes.len < want ? bytes.len : want;
    (void)err;
    memcpy(l->head + l->head_len, bytes.ptr, n);
    l->head_len += n;
    rv_digest_add(l->plain, bytes);
    return true;
}

enum belongs { NO, PERHAPS, YES };

static enum belongs judge(const struct rv_mending *m, const struct rv_backup_row *row, struct looking *l,
                          const struct rv_backup_read *got)
{
    uint8_t stored[RV_DIGEST_MAX], plain[RV_DIGEST_MAX];
    struct rv_span digest = row->file->digest;
    rv_digest_end(l->stored, stored);
    rv_digest_end(l->plain, plain);
    if (digest.len == 20)
        return memcmp(digest.ptr, stored, 20) == 0 || memcmp(digest.ptr, plain, 20) == 0 ? YES : NO;
    if (m->encrypted) /* a wrong key leaves no valid padding at the right place, but once in so many times */
        return !got->padding_bad ? YES : NO;
    return rv_content_fits(row->path, rv_span(l->head, l->head_len)) ? PERHAPS : NO;
}

static enum belongs compare(struct searching *s, const struct rv_backup_row *row, const struct rv_stock_file *stray)
{
    struct looking l = { .head_len = 0 };
    struct rv_error none = { 0 };
    struct rv_backup_read got = { 0 };
    struct rv_backup_row here = *row;
    struct rv_backup_wish wish = { .stored_too = look_stored, .plain = look_plain, .context = &l };
    here.place = stray->place;
    l.stored = rv_digest_new(RV_DIGEST_SHA1, &none);
    l.plain = rv_digest_new(RV_DIGEST_SHA1, &none);
    enum belongs answer = NO;
    if (l.stored != NULL && l.plain != NULL && rv_backup_read_file(s->m->reader, s->m->b, &here, &wish, &got, &none))
        answer = judge(s->m, row, &l, &got);
    rv_digest_free(l.stored);
    rv_digest_free(l.plain);
    return answer;
}

/* ---- rows whose file is missing ---- */

static bool take(struct searching *s, size_t stray, const char *id, struct rv_error *err)
{
    struct rv_stock_file file = s->m->stock.strays[stray];
    snprintf(file.id, sizeof file.id, "%s", id);
    snprintf(s->m->stock.strays[stray].id, sizeof file.id, "%s", id);
    s->m->out->files_named++;
    return rv_stock_add(&s->m->stock, &file, err);
}

static size_t first_of_size(const struct rv_stock *stock, uint64_t size)
{
    size_t low = 0, high = stock->stray_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stock->strays[middle].size < size)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool try_row(struct searching *s, struct rv_backup_row *row, struct rv_error *err)
{
    const struct rv_stock *stock = &s->m->stock;
    const struct rv_mbfile *f = &s->room->file;
    bool encrypted = s->m->encrypted && f->key.len > 0;
    uint64_t want = encrypted ? (f->size / 16 + 1) * 16 : f->size;
    row->file = f;
    if (rv_mbfile_kind(f) != RV_MBFILE_FILE || f->size == 0 || (s->m->encrypted && !encrypted))
        return true;
    for (size_t i = first_of_size(stock, want); i < stock->stray_count && stock->strays[i].size == want; i++) {
        enum belongs answer = stock->strays[i].id[0] != '\0' ? NO : compare(s, row, &stock->strays[i]);
        if (answer == YES)
            return take(s, i, row->id, err);
        if (answer == PERHAPS && s->guess_count < GUESSES_MAX) {
            s->guesses[s->guess_count].stray = i;
            memcpy(s->guesses[s->guess_count++].id, row->id, sizeof row->id);
        }
    }
    return true;
}

static bool try_rows(struct searching *s, struct rv_error *err)
{
    static const char sql[] = "SELECT id, domain, path, flags, record FROM rows WHERE record IS NOT NULL";
    sqlite3_stmt *rows = NULL;
    bool fine = sqlite3_prepare_v2(s->m->rows, sql, -1, &rows, NULL) == SQLITE_OK ||
                rv_fail(err, RV_E_IO, "reading the rows: %s", sqlite3_errmsg(s->m->rows));
    while (fine && sqlite3_step(rows) == SQLITE_ROW) {
        struct rv_backup_row row = { .domain = (const char *)sqlite3_column_text(rows, 1),
                                     .path = (const char *)sqlite3_column_text(rows, 2) };
        snprintf(row.id, sizeof row.id, "%s", (const char *)sqlite3_column_text(rows, 0));
        row.record = rv_span(sqlite3_column_blob(rows, 4), (size_t)sqlite3_column_bytes(rows, 4));
        if (rv_stock_find(s->m, row.id) == NULL && rv_mend_read_record(s->m, row.record, &row, s->room))
            fine = rv_cancel_point(&s->m->ctx->cancel, err) && try_row(s, &row, err);
    }
    sqlite3_finalize(rows);
    return fine;
}

static bool is_only_one(const struct searching *s, size_t which)
{
    for (size_t i = 0; i < s->guess_count; i++)
        if (i != which &&
            (s->guesses[i].stray == s->guesses[which].stray || strcmp(s->guesses[i].id, s->guesses[which].id) == 0))
            return false;
    return s->m->stock.strays[s->guesses[which].stray].id[0] == '\0';
}

/* ---- databases by their tables ---- */

static bool has_tables(sqlite3 *db, const char *tables)
{
    sqlite3_stmt *s = NULL;
    bool all = *tables != '\0' &&
               sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1", -1, &s, NULL) ==
                   SQLITE_OK;
    for (const char *p = tables; all && *p != '\0'; p += *p == ' ') {
        size_t n = strcspn(p, " ");
        sqlite3_reset(s);
        sqlite3_bind_text(s, 1, p, (int)n, SQLITE_STATIC);
        all = sqlite3_step(s) == SQLITE_ROW;
        p += n;
    }
    sqlite3_finalize(s);
    return all;
}

static bool name_database(struct searching *s, size_t stray, sqlite3 *db, struct rv_error *err)
{
    for (const struct rv_backup_database *d = rv_backup_databases; d->domain != NULL; d++) {
        struct rv_backup_row row = { .domain = d->domain, .path = d->path, .flags = RV_MBFILE_FILE };
        if (!has_tables(db, d->tables))
            continue;
        if (!rv_backup_id(d->domain, d->path, row.id, err))
            return false;
        if (rv_stock_find(s->m, row.id) == NULL && !rv_mend_has_row(s->m, row.id))
            return take(s, stray, row.id, err) && rv_mend_put_row(s->m, &row, RV_RANK_NAMED, err);
    }
    return true;
}

static bool name_databases(struct searching *s, struct rv_error *err)
{
    bool fine = true;
    for (size_t i = 0; fine && i < s->m->stock.stray_count; i++) {
        sqlite3 *db = NULL;
        if (s->m->stock.strays[i].id[0] != '\0')
            continue;
        RV_AUTO_TEXT path = rv_path_join(s->m->b->path, s->m->stock.strays[i].place, err);
        fine = path != NULL;
        if (fine && rv_sqlite_open(path, true, &db) == SQLITE_OK)
            fine = name_database(s, i, db, err);
        sqlite3_close(db);
    }
    return fine;
}

bool rv_mend_strays(struct rv_mending *m, struct rv_error *err)
{
    struct searching s = { .m = m };
    if (m->stock.stray_count == 0)
        return true;
    qsort(m->stock.strays, m->stock.stray_count, sizeof *m->stock.strays, by_size);
    s.room = rv_alloc(sizeof *s.room);
    s.guesses = rv_alloc_array(GUESSES_MAX, sizeof *s.guesses);
    bool fine = (s.room != NULL && s.guesses != NULL) || rv_fail_nomem(err);
    fine = fine && try_rows(&s, err);
    for (size_t i = 0; fine && i < s.guess_count; i++)
        if (is_only_one(&s, i))
            fine = take(&s, s.guesses[i].stray, s.guesses[i].id, err);
    fine = fine && (m->encrypted || name_databases(&s, err));
    rv_stock_sort(m);
    rv_free(s.room);
    rv_free(s.guesses);
    return fine;
}
