/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows in which a few bytes were changed. In Manifest.db the id is the hash of domain and path and tells which of them
 * is wrong; Manifest.mbdb has no ids, there the files that no row names tell. Where its records are broken the texts
 * between them are tried.
 */
#include "backup/mending.h"

#include <stdio.h>
#include <string.h>

enum { FIXES_MAX = 2000, GAP_MAX = 1 << 20, RUN_MIN = 3, KEY_WITHIN = 80, SCRAP_HEAD = 3 };

/* ---- rows whose id is not the hash of their names ---- */

struct odd {
    char id[RV_BACKUP_ID], domain[RV_MBDB_DOMAIN_MAX + 1], path[RV_MBFILE_PATH_MAX + 1];
};

/* Does a name fit: with the id of the row, or, where the index has no ids, with a file that has no row? */
static bool fits(struct rv_mending *m, const struct odd *odd, const char *id)
{
    return m->mbdb ? rv_stock_find(m, id) != NULL && !rv_mend_has_row(m, id) : strcmp(id, odd->id) == 0;
}

/* A domain that other rows have and with which the name fits: a byte of this row's was changed. */
static bool right_domain(struct rv_mending *m, const struct odd *odd, char domain[RV_MBDB_DOMAIN_MAX + 1],
                         char right[RV_BACKUP_ID])
{
    sqlite3_stmt *s = NULL;
    char id[RV_BACKUP_ID];
    struct rv_error none = { 0 };
    bool found = false;
    if (sqlite3_prepare_v2(m->rows, "SELECT DISTINCT domain FROM rows", -1, &s, NULL) == SQLITE_OK)
        while (!found && sqlite3_step(s) == SQLITE_ROW) {
            snprintf(domain, RV_MBDB_DOMAIN_MAX + 1, "%s", (const char *)sqlite3_column_text(s, 0));
            found = rv_backup_id(domain, odd->path, id, &none) && fits(m, odd, id);
        }
    sqlite3_finalize(s);
    memcpy(right, id, RV_BACKUP_ID);
    return found;
}

static bool run_with(struct rv_mending *m, const char *sql, const char *value, const char *id, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    bool fine = sqlite3_prepare_v2(m->rows, sql, -1, &s, NULL) == SQLITE_OK &&
                sqlite3_bind_text(s, 1, value, -1, SQLITE_STATIC) == SQLITE_OK &&
                sqlite3_bind_text(s, 2, id, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return fine || rv_fail(err, RV_E_IO, "putting a row right: %s", sqlite3_errmsg(m->rows));
}

/* One bit of domain or path: so little is often all that a failing memory changes. */
static bool right_bit(struct rv_mending *m, struct odd *odd, char id[RV_BACKUP_ID])
{
    char *texts[] = { odd->domain, odd->path };
    struct rv_error none = { 0 };
    for (size_t t = 0; t < RV_COUNT(texts); t++)
        for (size_t i = 0; texts[t][i] != '\0'; i++)
            for (unsigned bit = 0; bit < 8; bit++) {
                char was = texts[t][i];
                texts[t][i] = (char)(was ^ (1 << bit));
                if (texts[t][i] != '\0' && rv_backup_id(odd->domain, odd->path, id, &none) && fits(m, odd, id) &&
                    rv_mend_name_is_fine(odd->domain, odd->path))
                    return true;
                texts[t][i] = was;
            }
    return false;
}

static bool rename_row(struct rv_mending *m, const struct odd *odd, const char *domain, const char *id,
                       struct rv_error *err)
{
    static const char rank[] = { '0' + RV_RANK_SALVAGED, '\0' };
    return run_with(m, "UPDATE rows SET domain = ?1 WHERE id = ?2", domain, odd->id, err) &&
           run_with(m, "UPDATE rows SET path = ?1 WHERE id = ?2", odd->path, odd->id, err) &&
           run_with(m, "UPDATE rows SET rank = ?1 WHERE id = ?2", rank, odd->id, err) &&
           run_with(m, "UPDATE rows SET id = ?1 WHERE id = ?2", id, odd->id, err);
}

/* The id was changed when the file that the names give is here and has no row; else perhaps the domain was. */
static bool settle_odd(struct rv_mending *m, struct odd *odd, struct rv_error *err)
{
    char id[RV_BACKUP_ID], domain[RV_MBDB_DOMAIN_MAX + 1];
    if (!rv_backup_id(odd->domain, odd->path, id, err))
        return false;
    if (strcmp(id, odd->id) == 0)
        return true;
    if (rv_stock_find(m, odd->id) == NULL && rv_stock_find(m, id) != NULL && !rv_mend_has_row(m, id))
        return run_with(m, "UPDATE rows SET id = ?1 WHERE id = ?2", id, odd->id, err);
    if (right_domain(m, odd, domain, id))
        return rename_row(m, odd, domain, odd->id, err);
    return rv_stock_find(m, odd->id) == NULL || !right_bit(m, odd, id) || rename_row(m, odd, odd->domain, id, err);
}

static bool settle_by_id(struct rv_mending *m, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    char after[RV_BACKUP_ID] = "", id[RV_BACKUP_ID];
    struct odd *odd = rv_alloc(sizeof *odd);
    bool fine = (odd != NULL || rv_fail_nomem(err)) &&
                (sqlite3_prepare_v2(m->rows, "SELECT id, domain, path FROM rows WHERE id > ?1 ORDER BY id LIMIT 1", -1,
                                    &s, NULL) == SQLITE_OK ||
                 rv_fail(err, RV_E_IO, "reading the rows: %s", sqlite3_errmsg(m->rows)));
    while (fine) {
        sqlite3_reset(s);
        sqlite3_bind_text(s, 1, after, -1, SQLITE_STATIC);
        if (sqlite3_step(s) != SQLITE_ROW)
            break;
        snprintf(odd->id, sizeof odd->id, "%s", (const char *)sqlite3_column_text(s, 0));
        snprintf(odd->domain, sizeof odd->domain, "%s", (const char *)sqlite3_column_text(s, 1));
        snprintf(odd->path, sizeof odd->path, "%s", (const char *)sqlite3_column_text(s, 2));
        memcpy(after, odd->id, sizeof after);
        sqlite3_reset(s);
        fine = rv_backup_id(odd->domain, odd->path, id, err) && (strcmp(id, odd->id) == 0 || settle_odd(m, odd, err));
    }
    sqlite3_finalize(s);
    rv_free(odd);
    return fine;
}

/* ---- Manifest.mbdb ---- */

static bool settle_by_files(struct rv_mending *m, struct rv_error *err)
{
    static const char sql[] = "SELECT id, domain, path FROM rows WHERE id > ?1 AND flags = 1 ORDER BY id LIMIT 1";
    sqlite3_stmt *s = NULL;
    char after[RV_BACKUP_ID] = "", id[RV_BACKUP_ID], domain[RV_MBDB_DOMAIN_MAX + 1];
    struct odd *odd = rv_alloc(sizeof *odd);
    bool fine =
        (odd != NULL || rv_fail_nomem(err)) && (sqlite3_prepare_v2(m->rows, sql, -1, &s, NULL) == SQLITE_OK ||
                                                rv_fail(err, RV_E_IO, "reading the rows: %s", sqlite3_errmsg(m->rows)));
    for (unsigned fixes = 0; fine && fixes < FIXES_MAX;) {
        sqlite3_reset(s);
        sqlite3_bind_text(s, 1, after, -1, SQLITE_STATIC);
        if (sqlite3_step(s) != SQLITE_ROW)
            break;
        snprintf(odd->id, sizeof odd->id, "%s", (const char *)sqlite3_column_text(s, 0));
        snprintf(odd->domain, sizeof odd->domain, "%s", (const char *)sqlite3_column_text(s, 1));
        snprintf(odd->path, sizeof odd->path, "%s", (const char *)sqlite3_column_text(s, 2));
        memcpy(after, odd->id, sizeof after);
        sqlite3_reset(s);
        if (rv_stock_find(m, odd->id) != NULL)
            continue;
        fixes++;
        if (right_domain(m, odd, domain, id))
            fine = rename_row(m, odd, domain, id, err);
        else if (right_bit(m, odd, id))
            fine = rename_row(m, odd, odd->domain, id, err);
    }
    sqlite3_finalize(s);
    rv_free(odd);
    return fine;
}

/* ---- what stands between whole records ---- */

bool rv_mend_note_gap(struct rv_mending *m, struct rv_span bytes, struct rv_error *err)
{
    const uint8_t end = 0;
    if (bytes.len > GAP_MAX || m->gaps.len + bytes.len > m->gaps.cap)
        return true;
    return rv_buf_add(&m->gaps, bytes, err) && rv_buf_add(&m->gaps, rv_span(&end, 1), err);
}

/* The key's text comes behind path, target and digest: 44 bytes, their length before them, a class first. */
static void take_scrap(struct rv_span rest, uint8_t scrap[SCRAP_HEAD + RV_MBFILE_KEY], struct rv_span *out)
{
    static const uint8_t head[SCRAP_HEAD] = { 0x4F, 0x10, RV_MBFILE_KEY };
    for (size_t at = 0; at + 2 + RV_MBFILE_KEY <= rest.len && at < KEY_WITHIN; at++) {
        const uint8_t *p = rest.ptr + at;
        if (p[0] == 0 && p[1] == RV_MBFILE_KEY && p[2] > 0 && p[2] < 12 && p[3] == 0 && p[4] == 0 && p[5] == 0) {
            memcpy(scrap, head, sizeof head);
            memcpy(scrap + SCRAP_HEAD, p + 2, RV_MBFILE_KEY);
            *out = rv_span(scrap, SCRAP_HEAD + RV_MBFILE_KEY);
            return;
        }
    }
}

static bool try_text(struct rv_mending *m, const char *path, struct rv_span rest, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    uint8_t scrap[SCRAP_HEAD + RV_MBFILE_KEY];
    bool fine = sqlite3_prepare_v2(m->rows, "SELECT DISTINCT domain FROM rows", -1, &s, NULL) == SQLITE_OK;
    while (fine && sqlite3_step(s) == SQLITE_ROW) {
        char domain[RV_MBDB_DOMAIN_MAX + 1];
        struct rv_backup_row row = { .domain = domain, .path = path, .flags = RV_MBFILE_FILE };
        snprintf(domain, sizeof domain, "%s", (const char *)sqlite3_column_text(s, 0));
        fine = rv_backup_id(domain, path, row.id, err);
        if (!fine || rv_stock_find(m, row.id) == NULL || rv_mend_has_row(m, row.id) ||
            !rv_mend_name_is_fine(domain, path))
            continue;
        take_scrap(rest, scrap, &row.record); /* no file: it is kept as a scrap */
        m->out->files_named++;
        fine = rv_mend_put_row(m, &row, RV_RANK_SALVAGED, err);
        break;
    }
    sqlite3_finalize(s);
    return fine;
}

static bool is_text(uint8_t c)
{
    return c >= ' ' && c != 0x7F && c != 0xFF;
}

/* Runs of letters in the gaps; the byte before one may be its length. */
static bool try_gaps(struct rv_mending *m, struct rv_error *err)
{
    char path[RV_MBFILE_PATH_MAX + 1];
    const uint8_t *p = m->gaps.data;
    bool fine = true;
    for (size_t at = 0, end; fine && at < m->gaps.len; at = end + 1) {
        for (end = at; end < m->gaps.len && is_text(p[end]); end++)
            continue;
        size_t len = end - at;
        if (len < RUN_MIN || len >= sizeof path)
            continue;
        struct rv_span rest = rv_span(p + end, m->gaps.len - end);
        memcpy(path, p + at, len);
        path[len] = '\0';
        fine =
            rv_cancel_point(&m->ctx->cancel, err) && try_text(m, path, rest, err) && try_text(m, path + 1, rest, err);
    }
    return fine;
}

/* Names that were not put right go no further. */
static bool drop_strange(struct rv_mending *m, struct rv_error *err)
{
    sqlite3_stmt *s = NULL;
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT domain, path FROM rows WHERE rank = %d", RV_RANK_STRANGE);
    bool fine = sqlite3_prepare_v2(m->rows, sql, -1, &s, NULL) == SQLITE_OK;
    while (fine && sqlite3_step(s) == SQLITE_ROW)
        rv_findings_add(m->lost, RV_FIND_ROW_NAME, (const char *)sqlite3_column_text(s, 0),
                        (const char *)sqlite3_column_text(s, 1), NULL);
    sqlite3_finalize(s);
    snprintf(sql, sizeof sql, "DELETE FROM rows WHERE rank = %d", RV_RANK_STRANGE);
    return (fine && sqlite3_exec(m->rows, sql, NULL, NULL, NULL) == SQLITE_OK) ||
           rv_fail(err, RV_E_IO, "leaving rows out: %s", sqlite3_errmsg(m->rows));
}

bool rv_mend_odd_rows(struct rv_mending *m, struct rv_error *err)
{
    bool fine = m->mbdb ? settle_by_files(m, err) && try_gaps(m, err) : settle_by_id(m, err);
    return fine && drop_strange(m, err);
}
