/* SPDX-License-Identifier: Apache-2.0 */
/* What of a backup the host has already, and what of it can be built upon. */
#include "base/file.h"
#include "sim/backup_make.h"
#include "sim/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The last backup whose files this device had sent all of: STATE/backup/stage holds its UUID. */
static bool is_ours(struct sim_backup *run, const char *uuid)
{
    char path[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    sim_backup_path(run, "stage", path);
    RV_AUTO(rv_blob) kept = rv_file_read(path, 64, &err);
    return kept != NULL && rv_span_equal(rv_blob_span(kept), rv_span(uuid, strlen(uuid)));
}

bool sim_make_note_ours(struct sim_make *m)
{
    char path[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    sim_backup_path(m->run, "stage", path);
    return rv_file_write_atomic(path, rv_span(m->status.uuid, strlen(m->status.uuid)), 0600, &err) ||
           sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
}

/* Decides between full and incremental; false only when the request ends. */
bool sim_make_judge_status(struct sim_make *m)
{
    struct sim_backup *run = m->run;
    bool missing;
    int code = 0;
    if (!sim_backup_step(run, "status") || !sim_backup_fetch(run, "Status.plist", "host-status.plist", &missing))
        return false;
    RV_AUTO(rv_blob) bytes = missing ? NULL : sim_backup_fetched(run, "host-status.plist");
    if (bytes == NULL || bytes->len == 0)
        return m->full = true;
    m->had_one = true;
    struct sim_status was;
    if (!sim_status_parse(rv_blob_span(bytes), &was, &code)) {
        if (code != MB_VERSION)
            return sim_backup_fail(run, MB_CORRUPT,
                                   "Error reading status from the backup (MBErrorDomain/205). "
                                   "Underlying error: Invalid plist (MBErrorDomain/%d).",
                                   code);
        return m->full = true;
    }
    m->resume = RESUME_NOTHING;
    if (is_ours(run, was.uuid)) {
        m->resume = strcmp(was.snapshot_state, "moving") == 0     ? RESUME_MOVING
                    : strcmp(was.snapshot_state, "removing") == 0 ? RESUME_REMOVING
                                                                  : RESUME_NOTHING;
        if (m->resume != RESUME_NOTHING) {
            (void)snprintf(m->status.uuid, sizeof m->status.uuid, "%s", was.uuid);
            m->status.full = was.full;
            return true;
        }
    }
    unsigned least = run->old_form ? 24 : 33;
    if (was.version < least || strcmp(was.snapshot_state, "finished") != 0 || strcmp(was.backup_state, "new") != 0) {
        sim_record(run->device, "backup", "the host's is %s and %s, version %u: a full one is made", was.snapshot_state,
                   was.backup_state, was.version);
        m->full = true;
    }
    return true;
}

/* Manifest.plist of the host: its encryption must be ours. */
bool sim_make_judge_properties(struct sim_make *m, plist_t *properties)
{
    struct sim_backup *run = m->run;
    bool missing;
    uint8_t encrypted = 0;
    if (!sim_backup_fetch(run, "Manifest.plist", "host-manifest.plist", &missing))
        return false;
    if (missing)
        return m->full = true;
    RV_AUTO(rv_blob) bytes = sim_backup_fetched(run, "host-manifest.plist");
    *properties = bytes != NULL ? sim_plist_parse(rv_blob_span(bytes)) : NULL;
    if (!PLIST_IS_DICT(*properties))
        return sim_backup_fail(run, MB_CORRUPT,
                               "Error reading backup properties (MBErrorDomain/205). Underlying error: "
                               "Cannot parse a NULL or zero-length data (MBErrorDomain/11).");
    plist_t flag = plist_dict_get_item(*properties, "IsEncrypted");
    struct rv_span bag = sim_plist_data(*properties, "BackupKeyBag");
    if (PLIST_IS_BOOLEAN(flag))
        plist_get_bool_val(flag, &encrypted);
    if ((encrypted != 0) != run->encrypted || !rv_span_equal(bag, rv_blob_span(run->bag_bytes))) {
        sim_record(run->device, "backup", "encryption settings changed: a full one is made");
        m->full = true;
    }
    return true;
}

bool sim_make_open_was(struct sim_make *m, plist_t properties)
{
    struct sim_backup *run = m->run;
    char path[SIM_OWN_PATH];
    bool missing, below = false;
    struct rv_error err = { 0 };
    const char *leaf = run->old_form ? "Manifest.mbdb" : "Manifest.db";
    if (!sim_backup_fetch(run, leaf, "was.db", &missing))
        return false;
    if (missing)
        return m->full = true;
    sim_backup_path(run, "was.db", path);
    if (run->old_form) {
        RV_AUTO(rv_blob) bytes = sim_backup_fetched(run, "was.db");
        if (bytes == NULL || unlink(path) != 0 || !sim_mbdb_read(rv_blob_span(bytes), path, &err))
            return m->full = true;
    } else if (!sim_backup_decrypt(run, &run->bag, properties, "was.db")) {
        return m->full = true;
    }
    m->was = sim_manifest_open(path, &below, &err);
    if (m->was == NULL || below) {
        sim_record(run->device, "backup", "the host's manifest cannot be read: a full one is made");
        return m->full = true;
    }
    return true;
}

/* ---- are its files there? ---- */

static bool note_names(struct sim_make *m, plist_t entries, sqlite3_stmt *put)
{
    struct rv_error err = { 0 };
    plist_dict_iter it = NULL;
    bool good = true;
    plist_dict_new_iter(entries, &it);
    for (;;) {
        char *name = NULL;
        plist_t node = NULL;
        plist_dict_next_item(entries, it, &name, &node);
        if (name == NULL)
            break;
        sqlite3_bind_text(put, 1, name, -1, SQLITE_STATIC);
        good = good && sim_db_do(put, &err);
        free(name);
    }
    free(it);
    return good || sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
}

static bool list_folder(struct sim_make *m, const char *path, sqlite3_stmt *put)
{
    plist_t entries = NULL;
    int status = 0;
    if (!sim_link_list(&m->run->link, path, &entries, &status))
        return sim_backup_gone(m->run);
    bool good = entries == NULL || note_names(m, entries, put);
    plist_free(entries);
    return good;
}

bool sim_make_list_all(struct sim_make *m, sqlite3 *db, bool snapshot)
{
    struct rv_error err = { 0 };
    char path[SIM_HOST_PATH];
    if (!sim_db_run(db, "PRAGMA temp_store=MEMORY; CREATE TEMP TABLE there(name TEXT PRIMARY KEY)", &err))
        return sim_backup_fail(m->run, MB_INTERNAL, "%s", err.text[0]);
    const char *below = snapshot ? "/Snapshot" : "";
    sqlite3_stmt *put = sim_db_prepare(db, "INSERT OR IGNORE INTO there VALUES(?1)", &err);
    (void)snprintf(path, sizeof path, "%s%s", m->run->source, below);
    bool good = put != NULL && (!snapshot || m->run->old_form || list_folder(m, path, put));
    for (unsigned i = 0; good && i < (m->run->old_form ? 1u : SIM_MAKE_FOLDERS); i++) {
        if (m->run->old_form)
            (void)snprintf(path, sizeof path, "%s%s", m->run->source, below);
        else
            (void)snprintf(path, sizeof path, "%s%s/%02x", m->run->source, below, i);
        good = list_folder(m, path, put);
    }
    sqlite3_finalize(put);
    return good;
}

bool sim_make_compare_files(struct sim_make *m)
{
    if (!sim_backup_step(m->run, "listing") || !sim_make_list_all(m, m->was, false))
        return false;
    int64_t lost =
        sim_db_number(m->was, "SELECT count(*) FROM Files WHERE flags&1 AND fileID NOT IN (SELECT name FROM there)", 0);
    if (lost > 0) {
        sim_record(m->run->device, "backup",
                   "Manifest references files not in backup (MBErrorDomain/205), %lld: a full one is made",
                   (long long)lost);
        m->full = true;
    }
    return true;
}
