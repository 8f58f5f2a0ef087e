/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restore: the host's backup is checked, in the order in which devices do, then fetched into a second set of data
 * that takes the first one's place when all of it is there. One file that fails ends it.
 */
#include "base/file.h"
#include "base/text.h"
#include "sim/backup_run.h"
#include "sim/db.h"
#include "sim/model.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, COPY_SPARE = 128 << 20, DECRYPT_CHUNK = 65536 };

struct coming {
    struct sim_row row;
    struct sim_intake intake;
    EVP_CIPHER_CTX *cipher;
    EVP_MD_CTX *sum;
    uint64_t stored;
    bool begun, whole;
    char trouble[200];
};

struct restore {
    struct sim_backup *run;
    struct sim_user *next;
    sqlite3 *manifest;
    plist_t properties;
    struct sim_bag bag;
    bool encrypted, snapshot; /* snapshot: the backup broke off while moving, rows of flag 8 lie in Snapshot/ */
    bool system_files, preserve_settings, remove_others, reboot, strict, digests;
    plist_t applications; /* borrowed; NULL: all */
    struct coming *batch;
    size_t count;
    uint64_t files, skipped, fetched_bytes, total_bytes;
};

static bool option(const struct sim_backup *run, const char *key, bool otherwise)
{
    plist_t node = run->options != NULL ? plist_dict_get_item(run->options, key) : NULL;
    uint8_t value = otherwise;
    if (PLIST_IS_BOOLEAN(node))
        plist_get_bool_val(node, &value);
    return value != 0;
}

/* ---- checks, in the device's order ---- */

/* A value of Manifest.plist that is there and of another kind than devices write; NULL: none. */
static const char *wrong_kind(plist_t properties)
{
    static const struct {
        const char *key;
        plist_type kind;
    } values[] = {
        { "ActiveAppleID", PLIST_STRING },   { "AppleIDs", PLIST_ARRAY },   { "Applications", PLIST_DICT },
        { "BackupKeyBag", PLIST_DATA },      { "Date", PLIST_DATE },        { "IsEncrypted", PLIST_BOOLEAN },
        { "Lockdown", PLIST_DICT },          { "ManifestKey", PLIST_DATA }, { "RequiredProductVersion", PLIST_STRING },
        { "WasPasscodeSet", PLIST_BOOLEAN },
    };
    for (size_t i = 0; i < RV_COUNT(values); i++) {
        plist_t node = plist_dict_get_item(properties, values[i].key);
        if (node != NULL && plist_get_node_type(node) != values[i].kind)
            return values[i].key;
    }
    return NULL;
}

static bool check_properties(struct restore *r)
{
    struct sim_backup *run = r->run;
    bool missing;
    if (!sim_backup_step(run, "properties") ||
        !sim_backup_fetch(run, "Manifest.plist", "host-manifest.plist", &missing))
        return false;
    RV_AUTO(rv_blob) bytes = missing ? NULL : sim_backup_fetched(run, "host-manifest.plist");
    if (bytes != NULL)
        r->properties = sim_plist_parse(rv_blob_span(bytes));
    if (missing)
        return sim_backup_fail(run, MB_CORRUPT, "No manifest properties in the backup (MBErrorDomain/205)");
    const char *version = sim_plist_text(r->properties, "Version");
    const char *domains = sim_plist_text(r->properties, "SystemDomainsVersion");
    if (version == NULL || domains == NULL)
        return sim_backup_fail(run, MB_CORRUPT,
                               "Error reading backup properties (MBErrorDomain/205). Underlying error: "
                               "Invalid plist (MBErrorDomain/11).");
    double number = strtod(version, NULL), system = strtod(domains, NULL);
    if (number < 2.0 || number >= 11.0 || system < 1.0 || system >= 30.0)
        return sim_backup_fail(run, MB_VERSION, "Unsupported manifest version %s, %s (MBErrorDomain/203)", version,
                               domains);
    run->old_form = number < 10.0;
    plist_t flag = plist_dict_get_item(r->properties, "IsEncrypted");
    uint8_t encrypted = 0;
    const char *wrong = wrong_kind(r->properties);
    if (wrong != NULL)
        return sim_backup_fail(run, MB_CORRUPT, "%s is of another kind. Invalid plist (MBErrorDomain/11)", wrong);
    if (flag != NULL)
        plist_get_bool_val(flag, &encrypted);
    r->encrypted = encrypted != 0;
    return true;
}

static bool check_status(struct restore *r)
{
    struct sim_backup *run = r->run;
    struct sim_status status;
    bool missing;
    int code = 0;
    if (!sim_backup_step(run, "status") || !sim_backup_fetch(run, "Status.plist", "host-status.plist", &missing))
        return false;
    RV_AUTO(rv_blob) bytes = missing ? NULL : sim_backup_fetched(run, "host-status.plist");
    if (missing)
        return sim_backup_fail(run, MB_EMPTY, "No status exists in backup (MBErrorDomain/204)");
    if (bytes == NULL || !sim_status_parse(rv_blob_span(bytes), &status, &code)) {
        int shown = code == MB_VERSION ? MB_VERSION : MB_CORRUPT;
        return sim_backup_fail(run, shown,
                               "Error reading status (MBErrorDomain/%d). Underlying error: Invalid plist "
                               "(MBErrorDomain/%d).",
                               shown, code);
    }
    if (strcmp(status.backup_state, "empty") == 0)
        return sim_backup_fail(run, MB_EMPTY, "Backup is empty (MBErrorDomain/204)");
    if (strcmp(status.backup_state, "old") == 0)
        return sim_backup_fail(run, MB_VERSION, "Backup is of an old kind (MBErrorDomain/203)");
    if (strcmp(status.backup_state, "new") != 0)
        return sim_backup_fail(run, MB_CORRUPT, "Unknown backup state (MBErrorDomain/205)");
    static const char *const states[] = { "uploading", "moving", "removing", "finished" };
    size_t i = 0;
    while (i < RV_COUNT(states) && strcmp(states[i], status.snapshot_state) != 0)
        i++;
    if (i == RV_COUNT(states))
        return sim_backup_fail(run, MB_CORRUPT, "Unknown snapshot state (MBErrorDomain/205)");
    r->snapshot = strcmp(status.snapshot_state, "moving") == 0;
    return true;
}

/* "16.1.2" against the device's own: true when the first is newer. */
static bool is_newer(const char *text, const char *own)
{
    while (*text != 0 || *own != 0) {
        char *a_end, *b_end;
        long a = strtol(text, &a_end, 10), b = strtol(own, &b_end, 10);
        if (a != b)
            return a > b;
        text = *a_end == '.' ? a_end + 1 : "";
        own = *b_end == '.' ? b_end + 1 : "";
    }
    return false;
}

static bool check_compatible(struct restore *r)
{
    struct sim_backup *run = r->run;
    char version[32], build[32];
    bool missing;
    sim_running(run->device, version, build);
    if (!sim_backup_fetch(run, "Info.plist", "host-info.plist", &missing))
        return false;
    RV_AUTO(rv_blob) bytes = missing ? NULL : sim_backup_fetched(run, "host-info.plist");
    plist_t info = bytes != NULL ? sim_plist_parse(rv_blob_span(bytes)) : NULL;
    const char *product = sim_plist_text(info, "Product Version");
    const char *wanted = sim_plist_text(r->properties, "RequiredProductVersion");
    bool newer = (product != NULL && is_newer(product, version)) || (wanted != NULL && is_newer(wanted, version));
    plist_free(info);
    return !newer || sim_backup_fail(run, MB_VERSION, "Backup is from an incompatible OS version (MBErrorDomain/203)");
}

static bool check_password(struct restore *r)
{
    struct sim_backup *run = r->run;
    struct rv_span bag = sim_plist_data(r->properties, "BackupKeyBag");
    const char *password = run->options != NULL ? sim_plist_text(run->options, "Password") : NULL;
    if (bag.len == 0)
        return sim_backup_fail(run, MB_CORRUPT, "No keybag in manifest (MBErrorDomain/205)");
    if (r->encrypted && (password == NULL || password[0] == 0))
        return sim_backup_fail(run, MB_PASSWORD, "Missing password (MBErrorDomain/207)");
    switch (sim_bag_open(&r->bag, bag, r->encrypted ? password : "")) {
    case SIM_BAG_OPEN:
        return true;
    case SIM_BAG_WRONG_PASSWORD:
        return sim_backup_fail(run, MB_PASSWORD, "Invalid password (MBErrorDomain/207)");
    default:
        return sim_backup_fail(run, MB_INTERNAL, "Error unlocking keybag (MBErrorDomain/1)");
    }
}

/* ---- the manifest ---- */

static bool fetch_manifest(struct restore *r, bool *missing)
{
    const char *leaf = r->run->old_form ? "Manifest.mbdb" : "Manifest.db";
    char snapshot[64];
    (void)snprintf(snapshot, sizeof snapshot, "Snapshot/%s", leaf);
    *missing = true;
    if (r->snapshot) {
        if (!sim_backup_fetch(r->run, snapshot, "restore.db", missing))
            return false;
        if (!*missing)
            return true;
    }
    return sim_backup_fetch(r->run, leaf, "restore.db", missing);
}

bool sim_backup_decrypt(struct sim_backup *run, const struct sim_bag *bag, plist_t properties, const char *leaf)
{
    char path[SIM_OWN_PATH], plain[SIM_OWN_PATH];
    uint8_t key[SIM_KEY], in[DECRYPT_CHUNK], out[DECRYPT_CHUNK + 32];
    struct rv_span wrapped = sim_plist_data(properties, "ManifestKey");
    if (wrapped.len == 0)
        return true; /* before 10.2 it is in the clear */
    sim_backup_path(run, leaf, path);
    sim_backup_path(run, "plain.db", plain);
    FILE *from = fopen(path, "re"), *to = fopen(plain, "we");
    EVP_CIPHER_CTX *cipher = sim_key_unwrap(bag, wrapped, key) ? sim_cipher_new(key, false) : NULL;
    bool good = from != NULL && to != NULL && cipher != NULL;
    int len = 0;
    for (size_t n; good && (n = fread(in, 1, sizeof in, from)) > 0;)
        good = EVP_CipherUpdate(cipher, out, &len, in, (int)n) == 1 && fwrite(out, 1, (size_t)len, to) == (size_t)len;
    good = good && EVP_CipherFinal_ex(cipher, out, &len) == 1 && fwrite(out, 1, (size_t)len, to) == (size_t)len;
    EVP_CIPHER_CTX_free(cipher);
    if (from != NULL)
        (void)fclose(from);
    if (to != NULL)
        good = fclose(to) == 0 && good;
    return good && rename(plain, path) == 0;
}

static bool check_weak(struct restore *r)
{
    const char *password = r->run->options != NULL ? sim_plist_text(r->run->options, "Password") : NULL;
    uint8_t own[32];
    if (!r->encrypted)
        return true;
    RV_AUTO(rv_blob) salt = sim_manifest_property_get(r->manifest, "salt");
    RV_AUTO(rv_blob) hash = sim_manifest_property_get(r->manifest, "passwordHash");
    if (hash == NULL)
        return true;
    if (salt == NULL)
        return sim_backup_fail(r->run, MB_CORRUPT, "A password hash without salt (MBErrorDomain/205)");
    sim_password_hash(password, rv_blob_span(salt), own);
    return rv_span_equal(rv_blob_span(hash), rv_span(own, sizeof own)) ||
           sim_backup_fail(r->run, MB_PASSWORD, "Password hash mismatch (MBErrorDomain/207)");
}

static bool convert_mbdb(struct restore *r, const char *path)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) bytes = sim_backup_fetched(r->run, "restore.db");
    return (bytes != NULL && unlink(path) == 0 && sim_mbdb_read(rv_blob_span(bytes), path, &err)) ||
           sim_backup_fail(r->run, MB_CORRUPT, "Error reading manifest (MBErrorDomain/205)");
}

/* The real one, when its version is too old, is thrown away and an empty one made: nothing is restored, and no word. */
static bool empty_manifest(struct restore *r)
{
    struct rv_error err = { 0 };
    sim_record(r->run->device, "backup", "the manifest's user_version is below 2: it is taken for empty");
    return sim_db_run(r->manifest, "DELETE FROM Files", &err) || sim_backup_fail(r->run, MB_CORRUPT, "%s", err.text[0]);
}

static bool open_manifest(struct restore *r)
{
    struct sim_backup *run = r->run;
    char path[SIM_OWN_PATH];
    struct rv_error err = { 0 };
    bool missing, below = false;
    static const char *const stale[] = { "restore.db-wal", "restore.db-shm" };
    for (size_t i = 0; i < RV_COUNT(stale); i++) {
        sim_backup_path(run, stale[i], path);
        (void)unlink(path);
    }
    sim_backup_path(run, "restore.db", path);
    if (!sim_backup_step(run, "manifest") || !fetch_manifest(r, &missing))
        return false;
    if (missing)
        return sim_backup_fail(run, MB_EMPTY, "Initial backup failed while uploading files (MBErrorDomain/204)");
    if (run->old_form ? !convert_mbdb(r, path) : !sim_backup_decrypt(run, &r->bag, r->properties, "restore.db"))
        return sim_backup_fail(run, MB_CORRUPT, "Error decrypting manifest (MBErrorDomain/205)");
    r->manifest = sim_manifest_open(path, &below, &err);
    if (r->manifest == NULL)
        return sim_backup_fail(run, MB_CORRUPT, "Error opening manifest: %s (MBErrorDomain/205)", err.text[0]);
    if (below)
        return empty_manifest(r);
    if (r->strict && !sim_manifest_sound(r->manifest, &err))
        return sim_backup_fail(run, MB_CORRUPT, "Error opening manifest: %s (MBErrorDomain/205)", err.text[0]);
    return check_weak(r);
}

/* ---- which rows ---- */

static const char *const system_domains[] = { "DatabaseDomain",
                                              "InstallDomain",
                                              "ManagedPreferencesDomain",
                                              "MobileDeviceDomain",
                                              "NetworkDomain",
                                              "ProtectedDomain",
                                              "RootDomain",
                                              "SysContainerDomain",
                                              "SysSharedContainerDomain",
                                              "SystemPreferencesDomain",
                                              "WirelessDomain" };

static bool is_system(const char *domain)
{
    for (size_t i = 0; i < RV_COUNT(system_domains); i++)
        if (rv_text_starts(domain, system_domains[i]))
            return true;
    return false;
}

static bool of_chosen_app(const struct restore *r, const char *domain)
{
    static const char *const prefixes[] = { "AppDomain-", "AppDomainPlugin-" };
    for (uint32_t i = 0; i < plist_array_get_size(r->applications); i++) {
        plist_t node = plist_array_get_item(r->applications, i);
        const char *id = PLIST_IS_STRING(node) ? plist_get_string_ptr(node, NULL) : "";
        for (size_t p = 0; p < RV_COUNT(prefixes); p++)
            if (rv_text_starts(domain, prefixes[p]) && strcmp(domain + strlen(prefixes[p]), id) == 0)
                return true;
    }
    return false;
}

static bool is_wanted(const struct restore *r, const struct sim_row *row)
{
    const struct sim_file *f = &row->file;
    if (r->applications != NULL && !of_chosen_app(r, f->domain))
        return false;
    if (!r->system_files && is_system(f->domain))
        return false;
    if (r->preserve_settings && strcmp(f->domain, "SystemPreferencesDomain") == 0)
        return false;
    /* Not restored: links that lead on from where they stand, containers of plug-ins. */
    return !(row->flags & SIM_ROW_LINK && f->target[0] != '/') && !rv_text_starts(f->domain, "AppDomainPlugin-");
}

static bool is_allowed(const struct sim_row *row)
{
    return sim_path_is_safe(row->file.path) && row->file.domain[0] != 0 && strchr(row->file.domain, '/') == NULL;
}

/* ---- files that come ---- */

static void spoil(struct coming *c, const char *why)
{
    if (c->trouble[0] == 0)
        (void)snprintf(c->trouble, sizeof c->trouble, "%s", why);
}

static void add_plain(struct coming *c, struct rv_span bytes)
{
    struct rv_error err = { 0 };
    if (c->trouble[0] == 0 && !sim_intake_add(&c->intake, bytes, &err))
        spoil(c, err.text[0]);
}

static void take_bytes(void *context, size_t index, struct rv_span bytes)
{
    struct restore *r = context;
    struct coming *c = &r->batch[index];
    uint8_t out[SIM_LINK_BUFFER + 32];
    int len = 0;
    c->stored += bytes.len;
    r->fetched_bytes += bytes.len;
    if (c->sum != NULL)
        EVP_DigestUpdate(c->sum, bytes.ptr, bytes.len);
    if (c->cipher == NULL)
        add_plain(c, bytes);
    else if (EVP_CipherUpdate(c->cipher, out, &len, bytes.ptr, (int)bytes.len) == 1)
        add_plain(c, rv_span(out, (size_t)len));
    else
        spoil(c, "it cannot be decrypted");
}

static bool right_length(const struct restore *r, const struct coming *c)
{
    uint64_t size = c->row.file.size;
    if (!r->strict)
        return true;
    if (c->cipher == NULL)
        return c->stored == size;
    return c->stored == (size / 16 + 1) * 16 || (size == 0 && c->stored == 0);
}

static void check_digest(struct coming *c)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (c->sum == NULL)
        return;
    EVP_DigestFinal_ex(c->sum, digest, NULL);
    if (memcmp(digest, c->row.digest, sizeof c->row.digest) != 0)
        spoil(c, "Digest didn't match for some files");
}

static void take_done(void *context, size_t index, const char *trouble)
{
    struct restore *r = context;
    struct coming *c = &r->batch[index];
    uint8_t out[64];
    int len = 0;
    c->whole = true;
    if (trouble != NULL) {
        spoil(c, trouble);
        return;
    }
    if (!right_length(r, c))
        spoil(c, "its length is wrong");
    if (c->cipher != NULL && c->stored > 0) {
        if (EVP_CipherFinal_ex(c->cipher, out, &len) == 1)
            add_plain(c, rv_span(out, (size_t)len));
        else
            spoil(c, "its padding is wrong");
    }
    if (r->strict && c->intake.size != c->row.file.size)
        spoil(c, "its size is wrong");
    check_digest(c);
}

static void clear_batch(struct restore *r)
{
    for (size_t i = 0; i < r->count; i++) {
        sim_intake_drop(&r->batch[i].intake);
        EVP_CIPHER_CTX_free(r->batch[i].cipher);
        EVP_MD_CTX_free(r->batch[i].sum);
    }
    memset(r->batch, 0, r->count * sizeof r->batch[0]);
    r->count = 0;
}

static bool settle_batch(struct restore *r)
{
    struct rv_error err = { 0 };
    for (size_t i = 0; i < r->count; i++) {
        struct coming *c = &r->batch[i];
        if (!c->whole || c->trouble[0] != 0) {
            const char *why = c->whole ? c->trouble : "it did not come";
            sim_record(r->run->device, "backup", "%s %s: %s", c->row.file.domain, c->row.file.path, why);
            if (strcmp(why, "Digest didn't match for some files") == 0)
                return sim_backup_fail(r->run, MB_CORRUPT, "%s (MBErrorDomain/205)", why);
            return sim_backup_fail(r->run, MB_CORRUPT,
                                   "Multiple errors downloading files (MBErrorDomain/205). "
                                   "Underlying error: %.100s: %.150s (MBErrorDomain/4).",
                                   c->row.file.id, why);
        }
        if (!sim_intake_end(&c->intake, &c->row.file, &err) || !sim_user_put(r->next, &c->row.file, &err))
            return sim_backup_fail(r->run, MB_DEVICE_FULL, "%s", err.text[0]);
        r->files++;
    }
    return true;
}

static bool fetch_batch(struct restore *r)
{
    char host[SIM_HOST_PATH];
    plist_t paths = plist_new_array(), detail = NULL;
    struct sim_sink sink = { r, take_bytes, take_done };
    int status = 0;
    if (r->count == 0 || !sim_backup_step(r->run, "batch")) {
        plist_free(paths);
        return r->count == 0;
    }
    for (size_t i = 0; i < r->count; i++) {
        sim_backup_host_file(r->run, r->batch[i].row.file.id, r->batch[i].row.flags & SIM_ROW_SNAPSHOT, host);
        plist_array_append_item(paths, plist_new_string(host));
    }
    r->run->link.progress = r->total_bytes > 0 ? 100.0 * (double)r->fetched_bytes / (double)r->total_bytes : 0;
    bool alive = sim_link_download(&r->run->link, paths, &sink, &status, &detail);
    plist_free(detail);
    bool good = alive ? settle_batch(r) : sim_backup_gone(r->run);
    clear_batch(r);
    return good;
}

static bool prepare(struct restore *r, const struct sim_row *row)
{
    struct coming *c = &r->batch[r->count++];
    uint8_t key[SIM_KEY];
    c->row = *row;
    sim_intake_begin(&c->intake, r->next, row->file.id);
    if (r->encrypted && !row->has_key)
        return sim_backup_fail(r->run, MB_CORRUPT, "No key for %s (MBErrorDomain/205)", row->file.id);
    if (row->has_key && !r->encrypted)
        return sim_backup_fail(r->run, MB_CORRUPT, "A key in a backup that is not encrypted: %s (MBErrorDomain/205)",
                               row->file.id);
    if (row->has_key) {
        if (!sim_key_unwrap(&r->bag, rv_span(row->key, sizeof row->key), key))
            return sim_backup_fail(r->run, MB_CORRUPT, "The key of %s cannot be opened (MBErrorDomain/205)",
                                   row->file.id);
        c->cipher = sim_cipher_new(key, false);
    }
    if (row->has_digest && r->digests) {
        c->sum = EVP_MD_CTX_new();
        EVP_DigestInit_ex(c->sum, EVP_sha1(), NULL);
    }
    return true;
}

static bool take_row(struct restore *r, const struct sim_row *row)
{
    struct rv_error err = { 0 };
    if (!is_allowed(row))
        return sim_backup_fail(r->run, MB_CORRUPT, "A path that is not allowed: %.80s %.200s (MBErrorDomain/205)",
                               row->file.domain, row->file.path);
    if (!is_wanted(r, row)) {
        r->skipped++;
        return true;
    }
    if ((row->flags & SIM_ROW_KINDS) != SIM_ROW_FILE)
        return sim_user_put(r->next, &row->file, &err) || sim_backup_fail(r->run, MB_INTERNAL, "%s", err.text[0]);
    return prepare(r, row) && (r->count < BATCH || fetch_batch(r));
}

static bool take_all(struct restore *r)
{
    struct rv_error err = { 0 };
    struct sim_row row;
    sqlite3_stmt *s = sim_db_prepare(
        r->manifest, "SELECT fileID,domain,relativePath,flags,file FROM Files ORDER BY domain,relativePath", &err);
    bool good = s != NULL;
    int code = SQLITE_DONE;
    while (good && (code = sqlite3_step(s)) == SQLITE_ROW) {
        unsigned working = (unsigned)sqlite3_column_int64(s, 3) & ~(unsigned)(SIM_ROW_KINDS | SIM_ROW_SNAPSHOT);
        if (!sim_manifest_row(s, &row) || (working != 0 && !r->snapshot))
            good = sim_backup_fail(r->run, MB_CORRUPT, "A row of the manifest is wrong: %.60s (MBErrorDomain/205)",
                                   (const char *)sqlite3_column_text(s, 0));
        else
            good = take_row(r, &row);
    }
    sqlite3_finalize(s);
    if (good && code != SQLITE_DONE)
        good = sim_backup_fail(r->run, MB_CORRUPT, "The manifest cannot be read to its end (MBErrorDomain/205)");
    return good && fetch_batch(r);
}

/* ---- room, copy ---- */

static bool enough_room(struct restore *r)
{
    struct rv_error err = { 0 };
    struct sim_row row;
    sqlite3_stmt *s =
        sim_db_prepare(r->manifest, "SELECT fileID,domain,relativePath,flags,file FROM Files WHERE flags&1", &err);
    while (s != NULL && sqlite3_step(s) == SQLITE_ROW)
        if (sim_manifest_row(s, &row))
            r->total_bytes += row.file.size;
    sqlite3_finalize(s);
    uint64_t room = sim_backup_number(r->run, "data_room", UINT64_MAX);
    /* Older systems said the same with another number. */
    int code = r->run->major < 9 ? MB_DRIVE_FULL : MB_DEVICE_FULL;
    return r->total_bytes <= room ||
           sim_backup_fail(r->run, code, "Insufficient free space on the device (MBErrorDomain/%d)", code);
}

static bool copy_first(struct restore *r)
{
    struct sim_backup *run = r->run;
    char to[SIM_HOST_PATH], stamp[32];
    uint64_t room = 0;
    int status = 0;
    time_t now = time(NULL);
    struct tm tm;
    if (option(run, "RestoreDontCopyBackup", false))
        return true;
    if (!sim_link_free_space(&run->link, &room, &status))
        return sim_backup_gone(run);
    if (room < r->total_bytes + COPY_SPARE)
        return true;
    (void)gmtime_r(&now, &tm);
    (void)strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
    (void)snprintf(to, sizeof to, "%s-%s", run->source, stamp);
    bool alive = sim_link_copy(&run->link, run->source, to, &status);
    return sim_backup_wrote(run, alive, status, "copying the backup");
}

/* ---- at the end ---- */

struct keeping {
    struct restore *r;
    struct sim_user *was;
};

static bool copy_content(struct keeping *k, struct sim_file *file)
{
    struct sim_content content;
    struct sim_intake intake;
    struct rv_error err = { 0 };
    uint8_t chunk[DECRYPT_CHUNK];
    long n = -1;
    bool good = true;
    sim_intake_begin(&intake, k->r->next, file->id);
    if (sim_content_open(&content, k->was, file, &err)) {
        while (good && (n = sim_content_read(&content, chunk, sizeof chunk)) > 0)
            good = sim_intake_add(&intake, rv_span(chunk, (size_t)n), &err);
        sim_content_close(&content);
    }
    good = good && n == 0 && sim_intake_end(&intake, file, &err);
    sim_intake_drop(&intake);
    return good;
}

/* What the device keeps of its own: all that the backup did not hold, or what it never touches. */
static bool keep_one(void *context, const struct sim_file *file)
{
    struct keeping *k = context;
    struct sim_file found, copy = *file;
    struct sim_row row = { .file = *file, .flags = sim_row_kind(file->mode) };
    struct rv_error err = { 0 };
    if (sim_user_find(k->r->next, file->domain, file->path, &found))
        return true;
    if (k->r->remove_others && k->r->applications == NULL && is_wanted(k->r, &row))
        return true;
    return (row.flags != SIM_ROW_FILE || copy_content(k, &copy)) && sim_user_put(k->r->next, &copy, &err);
}

static bool put_in_place(struct restore *r)
{
    struct rv_error err = { 0 };
    struct keeping k = { .r = r, .was = sim_user_open(r->run->device, SIM_USER_PRESENT, &err) };
    bool good = sim_backup_step(r->run, "place") && k.was != NULL && sim_user_each(k.was, keep_one, &k, &err) &&
                sim_db_run(sim_user_db(r->next), "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", &err);
    sim_user_free(k.was);
    sim_user_free(rv_steal(&r->next));
    good = good && sim_user_swap(r->run->device, &err);
    return good || sim_backup_fail(r->run, MB_INTERNAL, "%s", err.depth > 0 ? err.text[0] : "it found no place");
}

static bool read_options(struct restore *r)
{
    struct sim_backup *run = r->run;
    char find_my[8];
    r->system_files = option(run, "RestoreSystemFiles", true);
    r->preserve_settings = option(run, "RestorePreserveSettings", true);
    r->remove_others = option(run, "RemoveItemsNotRestored", true);
    r->reboot = option(run, "RestoreShouldReboot", true);
    r->strict = sim_backup_flag(run, "restore_strict", true);
    r->digests = sim_backup_flag(run, "restore_digests", run->major < 14);
    plist_t apps = plist_dict_get_item(run->request, "ApplicationIDs");
    r->applications = PLIST_IS_ARRAY(apps) ? apps : NULL;
    if (sim_setting(run->device, "find_my", find_my, sizeof find_my) && strcmp(find_my, "yes") == 0)
        return sim_backup_fail(run, MB_FIND_MY, "Find My must be off (MBErrorDomain/211)");
    return true;
}

static bool open_next(struct restore *r)
{
    struct rv_error err = { 0 };
    sim_user_drop_next(r->run->device);
    r->next = sim_user_open(r->run->device, SIM_USER_NEXT, &err);
    r->batch = rv_alloc_array(BATCH, sizeof r->batch[0]);
    return (r->next != NULL && r->batch != NULL && sim_db_run(sim_user_db(r->next), "BEGIN", &err)) ||
           sim_backup_fail(r->run, MB_INTERNAL, "%s", err.depth > 0 ? err.text[0] : "no memory");
}

bool sim_backup_restore(struct sim_backup *run)
{
    struct restore r = { .run = run };
    bool good = read_options(&r) && check_properties(&r) && check_status(&r) && check_compatible(&r) &&
                check_password(&r) && open_manifest(&r) && enough_room(&r) && copy_first(&r) && open_next(&r) &&
                take_all(&r) && put_in_place(&r);
    if (r.batch != NULL)
        clear_batch(&r);
    rv_free(r.batch);
    sim_user_free(r.next);
    if (!good)
        sim_user_drop_next(run->device);
    sqlite3_close(r.manifest);
    plist_free(r.properties);
    if (good)
        sim_record(run->device, "backup", "restored: %llu files and %llu bytes, %llu rows left out",
                   (unsigned long long)r.files, (unsigned long long)r.fetched_bytes, (unsigned long long)r.skipped);
    run->password[0] = 0; /* of no use from here on */
    return good;
}
