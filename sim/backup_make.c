/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup, full or of what changed: state `uploading` (files to Snapshot/), `moving` (to their places), `removing`
 * (what is no longer there), `finished`; the host sees Status.plist rewritten at each.
 */
#include "sim/backup_make.h"
#include "base/file.h"
#include "base/text.h"
#include "sim/db.h"
#include "sim/model.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_FILES = 256, BATCH_BYTES = 64 << 20, MOVE_FILES = 512, CHUNK = 65536 };

/* ---- uploading ---- */

static bool has_digest(struct sim_backup *run, const char *domain)
{
    if (sim_backup_flag(run, "backup_digests_all", false))
        return true;
    /* As in a real backup of 14.3. */
    static const char *const domains[] = {
        "HomeDomain",     "RootDomain",    "HealthDomain",  "WirelessDomain",           "SystemPreferencesDomain",
        "DatabaseDomain", "HomeKitDomain", "InstallDomain", "ManagedPreferencesDomain", "KeyboardDomain",
        "KeychainDomain"
    };
    for (size_t i = 0; i < RV_COUNT(domains); i++)
        if (strcmp(domains[i], domain) == 0)
            return true;
    return false;
}

static bool put_row(struct sim_make *m, const struct sim_row *row, const char *id, struct rv_span archive)
{
    struct rv_error err = { 0 };
    sqlite3_bind_text(m->put_now, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(m->put_now, 2, row->file.domain, -1, SQLITE_STATIC);
    sqlite3_bind_text(m->put_now, 3, row->file.path, -1, SQLITE_STATIC);
    sqlite3_bind_int(m->put_now, 4, (int)row->flags);
    sqlite3_bind_blob(m->put_now, 5, archive.ptr, (int)archive.len, SQLITE_STATIC);
    return sim_db_do(m->put_now, &err) || sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
}

static bool add_row(struct sim_make *m, const struct sim_row *row)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) archive = sim_row_archive(row, &err);
    return archive != NULL && put_row(m, row, row->file.id, rv_blob_span(archive));
}

static bool end_batch(struct sim_make *m)
{
    int status = 0;
    if (!m->batch_open)
        return true;
    m->batch_open = false;
    m->batch_files = 0;
    m->batch_bytes = 0;
    bool alive = sim_link_upload_end(&m->run->link, &status);
    return sim_backup_wrote(m->run, alive, status, "uploading files");
}

static bool need_folder(struct sim_make *m, const char *id, bool snapshot)
{
    char path[SIM_HOST_PATH];
    uint8_t first[1] = { 0 };
    int status = 0;
    if (m->run->old_form || rv_text_unhex(id, 2, first, 1) != 1 || m->folders_made[first[0]])
        return true;
    m->folders_made[first[0]] = true;
    sim_backup_host_file(m->run, id, snapshot, path);
    *strrchr(path, '/') = 0;
    bool alive = sim_link_make_folder(&m->run->link, path, &status);
    return sim_backup_wrote(m->run, alive, status, "making a folder");
}

static bool begin_batch(struct sim_make *m)
{
    if (m->batch_open)
        return true;
    if (!sim_backup_step(m->run, "batch"))
        return false;
    struct sim_link *link = &m->run->link;
    link->progress = m->totals.bytes > 0 ? 100.0 * (double)m->scanned / (double)m->totals.bytes : 100.0;
    link->progress = link->progress > 100.0 ? 100.0 : link->progress;
    bool lies = sim_backup_flag(m->run, "fault.backup_total", false);
    m->batch_open = sim_link_upload_begin(link, lies ? 1 : m->totals.bytes);
    return m->batch_open || sim_backup_gone(m->run);
}

struct pouring {
    struct sim_make *m;
    EVP_CIPHER_CTX *cipher;
    EVP_MD_CTX *sum;
};

static bool pour(struct pouring *p, struct rv_span bytes)
{
    uint8_t out[CHUNK + 32];
    int len = 0;
    if (p->cipher != NULL) {
        int ok = bytes.len > 0 ? EVP_CipherUpdate(p->cipher, out, &len, bytes.ptr, (int)bytes.len)
                               : EVP_CipherFinal_ex(p->cipher, out, &len);
        if (ok != 1)
            return false;
        bytes = rv_span(out, (size_t)len);
    }
    if (p->sum != NULL)
        EVP_DigestUpdate(p->sum, bytes.ptr, bytes.len);
    p->m->sent_bytes += bytes.len;
    return sim_link_upload_bytes(&p->m->run->link, bytes);
}

static bool pour_content(struct pouring *p, const struct sim_file *file, bool *unreadable)
{
    struct sim_content content;
    struct rv_error err = { 0 };
    uint8_t chunk[CHUNK];
    long n = -1;
    bool good = true, fails = p->m->sent_files == sim_backup_number(p->m->run, "fault.backup_unreadable", UINT64_MAX);
    if (sim_content_open(&content, p->m->user, file, &err)) {
        while (good && (n = sim_content_read(&content, chunk, sizeof chunk)) > 0) {
            good = pour(p, rv_span(chunk, fails ? (size_t)n / 2 : (size_t)n));
            if (fails) { /* the flash gives no more of it */
                n = -1;
                break;
            }
        }
        sim_content_close(&content);
    }
    *unreadable = n < 0;
    /* A file of no bytes is stored as no bytes. */
    return good && (n < 0 || p->cipher == NULL || file->size == 0 || pour(p, rv_span(NULL, 0)));
}

static bool prepare_key(struct sim_make *m, struct sim_row *row, struct pouring *p)
{
    uint8_t key[SIM_KEY];
    if (!m->run->encrypted)
        return true;
    if (RAND_bytes(key, sizeof key) != 1 || !sim_key_wrap(&m->run->bag, row->file.class, key, row->key))
        return sim_backup_fail(m->run, MB_INTERNAL, "no key for %s", row->file.path);
    row->has_key = true;
    p->cipher = sim_cipher_new(key, true);
    return p->cipher != NULL || sim_backup_fail(m->run, MB_INTERNAL, "no memory");
}

static bool note_moved(struct sim_make *m, const char *id)
{
    struct rv_error err = { 0 };
    sqlite3_bind_text(m->moved, 1, id, -1, SQLITE_STATIC);
    return sim_db_do(m->moved, &err) || sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
}

static bool send_file(struct sim_make *m, struct sim_row *row)
{
    char host[SIM_HOST_PATH], device[SIM_DOMAIN_MAX + SIM_PATH_MAX + 10];
    struct pouring p = { .m = m };
    bool unreadable = false;
    if (!prepare_key(m, row, &p))
        return false;
    p.sum = has_digest(m->run, row->file.domain) ? EVP_MD_CTX_new() : NULL;
    if (p.sum != NULL)
        EVP_DigestInit_ex(p.sum, EVP_sha1(), NULL);
    sim_backup_host_file(m->run, row->file.id, true, host);
    (void)snprintf(device, sizeof device, "/.b/%s/%s", row->file.domain, row->file.path);
    bool alive = begin_batch(m) && sim_link_upload_file(&m->run->link, device, host) &&
                 (m->sent_files != sim_backup_number(m->run, "fault.backup_file", UINT64_MAX) ||
                  sim_backup_step(m->run, "file")) &&
                 pour_content(&p, &row->file, &unreadable) &&
                 sim_link_upload_done(&m->run->link, unreadable ? "Input/output error" : NULL);
    EVP_CIPHER_CTX_free(p.cipher);
    if (p.sum != NULL) {
        EVP_DigestFinal_ex(p.sum, row->digest, NULL);
        row->has_digest = true;
    }
    EVP_MD_CTX_free(p.sum);
    if (!alive)
        return sim_backup_gone(m->run);
    if (unreadable)
        return end_batch(m) && sim_backup_fail(m->run, MB_DRIVE_WRITE,
                                               "Multiple errors uploading files (MBErrorDomain/104). Underlying error: "
                                               "Input/output error (NSPOSIXErrorDomain/5).");
    m->sent_files++;
    m->batch_files++;
    m->batch_bytes += row->file.size;
    return note_moved(m, row->file.id) &&
           ((m->batch_files < BATCH_FILES && m->batch_bytes < BATCH_BYTES) || end_batch(m));
}

/* The row of the last backup, when the file is still what it was then. */
static bool keep_row(struct sim_make *m, const struct sim_row *row, bool *kept)
{
    struct sim_row was;
    *kept = false;
    if (m->find_was == NULL)
        return true;
    sqlite3_bind_text(m->find_was, 1, row->file.id, -1, SQLITE_STATIC);
    bool good = true;
    if (sqlite3_step(m->find_was) == SQLITE_ROW && sim_manifest_row(m->find_was, &was)) {
        const struct sim_file *a = &was.file, *b = &row->file;
        *kept = a->mode == b->mode && a->size == b->size && a->mtime == b->mtime && a->class == b->class &&
                a->uid == b->uid && was.flags == row->flags && (was.has_key || !m->run->encrypted || row->flags != 1);
        if (*kept)
            good = put_row(m, row, row->file.id,
                           rv_span(sqlite3_column_blob(m->find_was, 4), (size_t)sqlite3_column_bytes(m->find_was, 4)));
    }
    sqlite3_reset(m->find_was);
    return good;
}

static bool scan_one(void *context, const struct sim_file *file)
{
    struct sim_make *m = context;
    struct sim_row row = { .file = *file, .flags = sim_row_kind(file->mode) };
    bool kept = false;
    m->scanned += file->size;
    if (row.flags == 0)
        return true; /* sockets and the like are not backed up */
    if (row.flags == SIM_ROW_FILE) {
        if (!keep_row(m, &row, &kept))
            return false;
        m->kept_files += kept;
        if (kept)
            return true;
        if (!send_file(m, &row))
            return false;
    }
    return add_row(m, &row);
}

/* The folders of Snapshot are made before the first stream: none can be made in the middle of one. */
static bool make_snapshot_folders(struct sim_make *m)
{
    char id[3];
    for (unsigned i = 0; !m->run->old_form && i < SIM_MAKE_FOLDERS; i++) {
        (void)snprintf(id, sizeof id, "%02x", i);
        if (!need_folder(m, id, true))
            return false;
    }
    return true;
}

static bool upload_status(struct sim_make *m, const char *state)
{
    (void)snprintf(m->status.snapshot_state, sizeof m->status.snapshot_state, "%s", state);
    char inside[32];
    (void)snprintf(inside, sizeof inside, "in-%s", state);
    return sim_backup_step(m->run, state) && sim_status_upload(m->run, &m->status) && sim_backup_step(m->run, inside);
}

static bool make_folder(struct sim_make *m, const char *leaf)
{
    char path[SIM_HOST_PATH];
    int status = 0;
    sim_backup_host(m->run, leaf, path);
    if (leaf[0] == 0)
        (void)snprintf(path, sizeof path, "%s", m->run->source);
    bool alive = sim_link_make_folder(&m->run->link, path, &status);
    return sim_backup_wrote(m->run, alive, status, "making a folder");
}

static bool remove_paths(struct sim_make *m, plist_t paths)
{
    int status = 0;
    bool alive = sim_link_remove(&m->run->link, paths, &status);
    if (alive && status == SIM_HOST_NOT_FOUND)
        return true;
    return sim_backup_wrote(m->run, alive, status, "removing files");
}

static bool remove_snapshot(struct sim_make *m)
{
    char path[SIM_HOST_PATH];
    sim_backup_host(m->run, "Snapshot", path);
    return remove_paths(m, sim_link_words(path, NULL));
}

static bool open_now(struct sim_make *m)
{
    static const char *const old_names[] = { "now.db", "now.db-wal", "now.db-shm" };
    char path[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    for (size_t i = 0; i < RV_COUNT(old_names); i++) {
        sim_backup_path(m->run, old_names[i], path);
        (void)unlink(path);
    }
    sim_backup_path(m->run, "now.db", path);
    m->now = sim_manifest_new(path, &err);
    if (m->now == NULL || !sim_db_run(m->now, "CREATE TEMP TABLE moved(id TEXT)", &err))
        return sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
    m->put_now = sim_db_prepare(m->now, "INSERT INTO Files VALUES(?1,?2,?3,?4,?5)", &err);
    m->moved = sim_db_prepare(m->now, "INSERT INTO moved VALUES(?1)", &err);
    if (m->was != NULL && !m->full)
        m->find_was =
            sim_db_prepare(m->was, "SELECT fileID,domain,relativePath,flags,file FROM Files WHERE fileID=?1", &err);
    return (m->put_now != NULL && m->moved != NULL) || sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
}

static bool upload(struct sim_make *m)
{
    struct rv_error err = { 0 };
    if (!make_folder(m, "") || !upload_status(m, "uploading") || !remove_snapshot(m) || !make_folder(m, "Snapshot") ||
        !make_snapshot_folders(m) || !sim_backup_hostile(m->run) || !open_now(m))
        return false;
    if (!sim_user_each(m->user, scan_one, m, &err) || !end_batch(m))
        return sim_backup_fail(m->run, MB_INTERNAL, "%s", err.depth > 0 ? err.text[0] : "the scan failed");
    return sim_backup_step(m->run, "uploaded");
}

/* ---- the manifest ---- */

static bool weak_check(struct sim_make *m)
{
    uint8_t hash[32];
    struct rv_error err = { 0 };
    if (!m->run->encrypted)
        return true;
    sim_password_hash(m->run->password, rv_blob_span(m->run->salt), hash);
    return (sim_manifest_property(m->now, "salt", rv_blob_span(m->run->salt), &err) &&
            sim_manifest_property(m->now, "passwordHash", rv_span(hash, sizeof hash), &err)) ||
           sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
}

/* Names of what was sent and of what is to go are needed after the manifest is closed. */
static bool write_names(struct sim_make *m, const char *leaf, sqlite3 *db, const char *sql)
{
    char path[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    sim_backup_path(m->run, leaf, path);
    FILE *to = fopen(path, "we");
    sqlite3_stmt *s = db != NULL ? sim_db_prepare(db, sql, &err) : NULL;
    bool good = to != NULL && (db == NULL || s != NULL);
    while (good && s != NULL && sqlite3_step(s) == SQLITE_ROW)
        good = fprintf(to, "%s\n", (const char *)sqlite3_column_text(s, 0)) > 0;
    sqlite3_finalize(s);
    return (to != NULL && fclose(to) == 0 && good) || sim_backup_fail(m->run, MB_INTERNAL, "no list of %s", leaf);
}

static bool list_removed(struct sim_make *m)
{
    char sql[SIM_OWN_PATH + 200], path[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    sim_backup_path(m->run, "now.db", path);
    sqlite3 *db = sim_db_open(path, false, &err);
    bool good = db != NULL;
    if (good && m->full && m->had_one) {
        /* Whatever an earlier backup left in the folders goes. */
        good = sim_make_list_all(m, db, false) &&
               write_names(m, "removed", db,
                           "SELECT name FROM there WHERE length(name)=40 AND name NOT GLOB '*[^0-9a-f]*' AND name NOT "
                           "IN (SELECT fileID FROM Files WHERE flags&1)");
    } else if (good && m->was != NULL && !m->full) {
        sim_backup_path(m->run, "was.db", path);
        (void)snprintf(sql, sizeof sql, "ATTACH '%s' AS was", path);
        good =
            (sim_db_run(db, sql, &err) || sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0])) &&
            write_names(m, "removed", db,
                        "SELECT fileID FROM was.Files WHERE flags&1 AND fileID NOT IN (SELECT fileID FROM main.Files "
                        "WHERE flags&1)");
    } else if (good) {
        good = write_names(m, "removed", NULL, "");
    }
    sqlite3_close(db);
    return good;
}

static bool close_now(struct sim_make *m)
{
    struct rv_error err = { 0 };
    if (!weak_check(m) || !write_names(m, "moved", m->now, "SELECT id FROM moved"))
        return false;
    sqlite3_finalize(m->put_now);
    sqlite3_finalize(m->moved);
    m->put_now = m->moved = NULL;
    if (!sim_db_run(m->now, "DROP TABLE moved", &err))
        return sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
    sqlite3 *db = m->now;
    m->now = NULL;
    return sim_manifest_finish(db, &err) || sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
}

static bool encrypts_manifest(const struct sim_backup *run)
{
    return run->encrypted && !run->old_form && (run->major > 10 || run->minor >= 2);
}

static bool upload_mbdb(struct sim_make *m)
{
    char path[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    sim_backup_path(m->run, "now.db", path);
    sqlite3 *db = sim_db_open(path, false, &err);
    RV_AUTO(rv_blob) bytes = db != NULL ? sim_mbdb_write(db, &err) : NULL;
    sqlite3_close(db);
    sim_backup_path(m->run, "now.mbdb", path);
    if (bytes == NULL || !rv_file_write_atomic(path, rv_blob_span(bytes), 0600, &err))
        return sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
    return sim_upload_file(m->run, "now.mbdb", "Snapshot/Manifest.mbdb", NULL);
}

static bool upload_manifest(struct sim_make *m)
{
    struct sim_backup *run = m->run;
    uint8_t key[SIM_KEY], wrapped[SIM_WRAPPED];
    bool secret = encrypts_manifest(run);
    if (!sim_backup_step(run, "manifest") || !close_now(m) || !list_removed(m))
        return false;
    if (secret && (RAND_bytes(key, sizeof key) != 1 || !sim_key_wrap(&run->bag, 3, key, wrapped)))
        return sim_backup_fail(run, MB_INTERNAL, "no key for the manifest");
    if (run->old_form ? !upload_mbdb(m) : !sim_upload_file(run, "now.db", "Snapshot/Manifest.db", secret ? key : NULL))
        return false;
    plist_t properties = sim_properties_make(run, secret ? rv_span(wrapped, sizeof wrapped) : rv_span(NULL, 0));
    return sim_upload_plist(run, properties, "Snapshot/Manifest.plist");
}

/* ---- moving, removing ---- */

static bool move_pairs(struct sim_make *m, plist_t pairs)
{
    int status = 0;
    bool alive = sim_link_move(&m->run->link, pairs, &status);
    return sim_backup_wrote(m->run, alive, status, "moving files");
}

/* Reads STATE/backup/LEAF a line at a time. */
struct names {
    FILE *from;
    char line[SIM_FILE_ID + 2];
};

static bool open_names(struct sim_make *m, struct names *names, const char *leaf)
{
    char path[SIM_OWN_PATH];
    sim_backup_path(m->run, leaf, path);
    names->from = fopen(path, "re");
    return names->from != NULL || sim_backup_fail(m->run, MB_INTERNAL, "no list of %s", leaf);
}

static bool next_name(struct names *names)
{
    if (fgets(names->line, sizeof names->line, names->from) == NULL)
        return false;
    names->line[strcspn(names->line, "\n")] = 0;
    return true;
}

static bool move_files(struct sim_make *m)
{
    struct names names;
    char from[SIM_HOST_PATH], to[SIM_HOST_PATH];
    memset(m->folders_made, 0, sizeof m->folders_made);
    if (!open_names(m, &names, "moved"))
        return false;
    plist_t pairs = plist_new_dict();
    bool good = true;
    while (good && next_name(&names)) {
        good = need_folder(m, names.line, false);
        sim_backup_host_file(m->run, names.line, true, from);
        sim_backup_host_file(m->run, names.line, false, to);
        plist_dict_set_item(pairs, from, plist_new_string(to));
        if (good && plist_dict_get_size(pairs) == MOVE_FILES) {
            good = move_pairs(m, pairs) && sim_backup_step(m->run, "move");
            pairs = plist_new_dict();
        }
    }
    fclose(names.from);
    if (good && plist_dict_get_size(pairs) > 0)
        return move_pairs(m, pairs);
    plist_free(pairs);
    return good;
}

/* there NULL: all stand in Snapshot; else only those whose names it holds. */
static bool stands_in(sqlite3 *there, const char *name)
{
    struct rv_error ignored = { 0 };
    if (there == NULL)
        return true;
    sqlite3_stmt *s = sim_db_prepare(there, "SELECT 1 FROM there WHERE name=?1", &ignored);
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    bool found = s != NULL && sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return found;
}

static bool move_all(struct sim_make *m, sqlite3 *there)
{
    const char *leaves[] = { m->run->old_form ? "Manifest.mbdb" : "Manifest.db", "Manifest.plist" };
    char from[SIM_HOST_PATH], to[SIM_HOST_PATH], leaf[64];
    plist_t pairs = plist_new_dict();
    if (!upload_status(m, "moving") || !move_files(m)) {
        plist_free(pairs);
        return false;
    }
    for (size_t i = 0; i < RV_COUNT(leaves); i++) {
        if (!stands_in(there, leaves[i]))
            continue;
        (void)snprintf(leaf, sizeof leaf, "Snapshot/%s", leaves[i]);
        sim_backup_host(m->run, leaf, from);
        sim_backup_host(m->run, leaves[i], to);
        plist_dict_set_item(pairs, from, plist_new_string(to));
    }
    if (plist_dict_get_size(pairs) > 0)
        return move_pairs(m, pairs);
    plist_free(pairs);
    return true;
}

static bool remove_old(struct sim_make *m)
{
    struct names names;
    char path[SIM_HOST_PATH];
    if (!upload_status(m, "removing") || !open_names(m, &names, "removed"))
        return false;
    plist_t paths = plist_new_array();
    bool good = true;
    while (good && next_name(&names)) {
        sim_backup_host_file(m->run, names.line, false, path);
        plist_array_append_item(paths, plist_new_string(path));
        if (plist_array_get_size(paths) == MOVE_FILES) {
            good = remove_paths(m, paths);
            paths = plist_new_array();
        }
    }
    fclose(names.from);
    if (good && plist_array_get_size(paths) > 0)
        good = remove_paths(m, paths);
    else
        plist_free(paths);
    return good && remove_snapshot(m);
}

/* ---- a backup that broke off after its files were sent ---- */

/* Of the files that were to be moved those that still lie in Snapshot. */
static bool trim_moved(struct sim_make *m, sqlite3 *there)
{
    struct names names;
    char path[SIM_OWN_PATH], left[SIM_OWN_PATH];
    sim_backup_path(m->run, "moved", path);
    sim_backup_path(m->run, "left", left);
    FILE *to = fopen(left, "we");
    bool good = to != NULL && open_names(m, &names, "moved");
    while (good && next_name(&names))
        good = !stands_in(there, names.line) || fprintf(to, "%s\n", names.line) > 0;
    if (to != NULL && names.from != NULL)
        (void)fclose(names.from);
    good = to != NULL && fclose(to) == 0 && good && rename(left, path) == 0;
    return good || sim_backup_fail(m->run, MB_INTERNAL, "no list of what is left to be moved");
}

static bool resume(struct sim_make *m)
{
    struct rv_error err = { 0 };
    sim_record(m->run->device, "backup", "goes on with the last one, %s",
               m->resume == RESUME_MOVING ? "moving" : "removing");
    if (m->resume == RESUME_REMOVING)
        return remove_old(m) && upload_status(m, "finished");
    sqlite3 *there = sim_db_open(":memory:", true, &err);
    bool good = there != NULL && sim_make_list_all(m, there, true) && trim_moved(m, there) && move_all(m, there) &&
                remove_old(m) && upload_status(m, "finished");
    sqlite3_close(there);
    return good;
}

/* ---- the whole ---- */

static bool judge_host(struct sim_make *m)
{
    plist_t properties = NULL;
    m->full = m->full || sim_backup_flag(m->run, "backup_always_full", false);
    bool forced = m->full;
    if (!sim_make_judge_status(m))
        return false;
    if (m->resume != RESUME_NOTHING) {
        /* First that one is finished, then a new one follows upon it. */
        bool again = resume(m) && sim_make_judge_status(m);
        sim_uuid(m->status.uuid);
        if (!again)
            return false;
    }
    if (m->full || forced)
        return m->full = true;
    bool good = sim_make_judge_properties(m, &properties) && (m->full || sim_make_open_was(m, properties)) &&
                (m->full || sim_make_compare_files(m));
    plist_free(properties);
    return good;
}

static bool enough_space(struct sim_make *m)
{
    struct sim_backup *run = m->run;
    uint64_t room = 0;
    int status = 0;
    if (!sim_backup_step(run, "space") || !sim_link_free_space(&run->link, &room, &status))
        return sim_backup_gone(run);
    if (room >= m->totals.bytes || !m->full)
        return true;
    if (run->major >= 14) {
        sim_record(run->device, "backup", "asks for %llu bytes to be freed",
                   (unsigned long long)(m->totals.bytes - room));
        if (!sim_link_purge(&run->link, m->totals.bytes - room, &status) ||
            !sim_link_free_space(&run->link, &room, &status))
            return sim_backup_gone(run);
        if (room >= m->totals.bytes)
            return true;
    }
    return sim_backup_fail(run, MB_DRIVE_FULL, "Insufficient free disk space on drive to back up (MBErrorDomain/105)");
}

static bool finish(struct sim_make *m)
{
    m->run->link.progress = 100.0;
    if (!upload_status(m, "finished"))
        return false;
    sim_record(m->run->device, "backup", "%s: %llu files and %llu bytes sent, %llu files as before",
               m->full ? "full" : "incremental", (unsigned long long)m->sent_files, (unsigned long long)m->sent_bytes,
               (unsigned long long)m->kept_files);
    return true;
}

static void make_clear(struct sim_make *m)
{
    sqlite3_finalize(m->find_was);
    sqlite3_finalize(m->put_now);
    sqlite3_finalize(m->moved);
    sqlite3_close(m->was);
    sqlite3_close(m->now);
    sim_user_free(m->user);
}

bool sim_backup_make(struct sim_backup *run)
{
    struct rv_error err = { 0 };
    struct sim_make m = { .run = run, .status = { .backup_state = "new" } };
    plist_t forced = run->options != NULL ? plist_dict_get_item(run->options, "ForceFullBackup") : NULL;
    uint8_t force = 0;
    if (PLIST_IS_BOOLEAN(forced))
        plist_get_bool_val(forced, &force);
    m.full = force != 0;
    sim_uuid(m.status.uuid);
    (void)snprintf(run->source, sizeof run->source, "%s", run->udid);
    m.user = sim_user_open(run->device, SIM_USER_PRESENT, &err);
    bool good = m.user != NULL && sim_user_totals(m.user, &m.totals, &err);
    if (!good)
        sim_backup_fail(run, MB_INTERNAL, "%s", err.text[0]);
    good = good && sim_secret_load(run) && judge_host(&m) && enough_space(&m);
    m.status.full = m.full;
    good = good && upload(&m) && upload_manifest(&m) && sim_make_note_ours(&m) && move_all(&m, NULL) &&
           remove_old(&m) && finish(&m);
    make_clear(&m);
    return good;
}
