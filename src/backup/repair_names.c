/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored files whose entry is lost everywhere: their names are hashes of domain and path, so paths that many phones
 * have are tried, photos by their numbers, and what databases of the backup itself say. An encrypted file without its
 * entry has lost its key: names would not help.
 */
#include "backup/mending.h"
#include "base/file.h"
#include "base/text.h"
#include "data/backup_paths.h"
#include "recover/sqlite_open.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { DOMAINS_MAX = 4096, PHOTOS_MAX = 9999, FOLDERS_MAX = 12 };

struct naming {
    struct rv_mending *m;
    char **domains; /* of apps */
    size_t domain_count;
    uint64_t nameless;
};

static bool try_name(void *context, const char *domain, const char *path, struct rv_error *err)
{
    struct naming *n = context;
    struct rv_backup_row row = { .domain = domain, .path = path, .flags = RV_MBFILE_FILE };
    if (!rv_backup_id(domain, path, row.id, err))
        return false;
    if (!rv_mend_name_is_fine(domain, path) || rv_stock_find(n->m, row.id) == NULL || rv_mend_has_row(n->m, row.id))
        return true;
    n->m->out->files_named++;
    return rv_mend_put_row(n->m, &row, RV_RANK_NAMED, err);
}

/* ---- which apps ---- */

static bool add_domain(struct naming *n, const char *kind, const char *name, struct rv_error *err)
{
    char domain[512];
    snprintf(domain, sizeof domain, "%s%s%s", kind, *kind != '\0' ? "-" : "", name);
    for (size_t i = 0; i < n->domain_count; i++)
        if (strcmp(n->domains[i], domain) == 0)
            return true;
    if (n->domain_count == DOMAINS_MAX)
        return true;
    n->domains[n->domain_count] = rv_text_copy(domain);
    return n->domains[n->domain_count++] != NULL || rv_fail_nomem(err);
}

static bool add_app(struct naming *n, const char *bundle, struct rv_error *err)
{
    return add_domain(n, "AppDomain", bundle, err) && add_domain(n, "AppDomainPlugin", bundle, err);
}

static bool collect_domains(struct naming *n, struct rv_error *err)
{
    struct rv_plist_walk apps = { .dict = rv_plist_dict(n->m->manifest, "Applications") };
    plist_t installed = rv_plist_array(n->m->info, "Installed Applications");
    sqlite3_stmt *s = NULL;
    bool fine = true;
    while (fine && apps.dict != NULL && rv_plist_walk(&apps))
        fine = add_app(n, apps.key, err);
    rv_plist_walk_clear(&apps);
    for (uint32_t i = 0; fine && installed != NULL && i < plist_array_get_size(installed); i++) {
        plist_t node = plist_array_get_item(installed, i);
        const char *name = plist_get_node_type(node) == PLIST_STRING ? plist_get_string_ptr(node, NULL) : NULL;
        fine = name == NULL || add_app(n, name, err);
    }
    static const char *const always[] = { "AppDomain-com.apple.mobilesafari", "AppDomainGroup-group.com.apple.notes",
                                          "AppDomainGroup-group.net.whatsapp.WhatsApp.shared" };
    for (size_t i = 0; fine && i < RV_COUNT(always); i++)
        fine = add_domain(n, "", always[i], err);
    if (fine && sqlite3_prepare_v2(n->m->rows, "SELECT DISTINCT domain FROM rows WHERE domain LIKE 'AppDomain%'", -1,
                                   &s, NULL) == SQLITE_OK)
        while (fine && sqlite3_step(s) == SQLITE_ROW)
            fine = add_domain(n, "", (const char *)sqlite3_column_text(s, 0), err);
    sqlite3_finalize(s);
    return fine;
}

/* ---- paths of many phones ---- */

static bool try_line(struct naming *n, char *line, struct rv_error *err)
{
    char *path = strchr(line, '\t');
    if (path == NULL)
        return true;
    *path++ = '\0';
    size_t kind = strlen(line);
    if (strncmp(line, "AppDomain", 9) != 0)
        return try_name(n, line, path, err);
    for (size_t i = 0; i < n->domain_count; i++)
        if (strncmp(n->domains[i], line, kind) == 0 && n->domains[i][kind] == '-' &&
            !try_name(n, n->domains[i], path, err))
            return false;
    return true;
}

static bool try_known(struct naming *n, struct rv_error *err)
{
    RV_AUTO(rv_blob) text = rv_blob_new(RV_BACKUP_PATHS_MAX, err);
    uLongf len = RV_BACKUP_PATHS_MAX - 1;
    if (text == NULL)
        return false;
    if (uncompress(text->data, &len, rv_backup_paths_packed, rv_backup_paths_packed_size) != Z_OK)
        return rv_fail(err, RV_E_CORRUPT, "the table of known paths does not unpack");
    char *line = (char *)text->data;
    line[len] = '\0';
    while (*line != '\0') {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        if (!try_line(n, line, err) || !rv_cancel_point(&n->m->ctx->cancel, err))
            return false;
        if (end == NULL)
            break;
        line = end + 1;
    }
    return true;
}

/* "Library/Preferences/<bundle>.plist" of each app. */
static bool try_preferences(struct naming *n, struct rv_error *err)
{
    for (size_t i = 0; i < n->domain_count; i++) {
        const char *bundle = strchr(n->domains[i], '-');
        char path[600];
        snprintf(path, sizeof path, "Library/Preferences/%.500s.plist", bundle != NULL ? bundle + 1 : "");
        if (!try_name(n, n->domains[i], path, err))
            return false;
    }
    return true;
}

/* ---- photos by number ---- */

static bool try_photos(struct naming *n, struct rv_error *err)
{
    static const char *const endings[] = { "HEIC", "JPG", "MOV", "PNG", "MP4", "AAE" };
    char path[96];
    for (unsigned number = 1; number <= PHOTOS_MAX; number++) {
        unsigned folder = 100 + number / 1000;
        for (size_t e = 0; e < RV_COUNT(endings); e++) {
            snprintf(path, sizeof path, "Media/DCIM/%uAPPLE/IMG_%04u.%s", folder, number, endings[e]);
            if (!try_name(n, "CameraRollDomain", path, err))
                return false;
            if (folder > 100) {
                snprintf(path, sizeof path, "Media/DCIM/100APPLE/IMG_%04u.%s", number, endings[e]);
                if (!try_name(n, "CameraRollDomain", path, err))
                    return false;
            }
        }
    }
    return true;
}

/* ---- what the backup's own databases name ---- */

static const struct {
    const char *domain, *path; /* of the database */
    const char *sql;           /* rows: domain, path */
} witnesses[] = {
    { "CameraRollDomain", "Media/PhotoData/Photos.sqlite",
      "SELECT 'CameraRollDomain', 'Media/' || ZDIRECTORY || '/' || ZFILENAME FROM ZASSET" },
    { "CameraRollDomain", "Media/PhotoData/Photos.sqlite",
      "SELECT 'CameraRollDomain', 'Media/' || ZDIRECTORY || '/' || ZFILENAME FROM ZGENERICASSET" },
    { "HomeDomain", "Library/SMS/sms.db", "SELECT 'MediaDomain', substr(filename, 3) FROM attachment" },
    { "AppDomainGroup-group.net.whatsapp.WhatsApp.shared", "ChatStorage.sqlite",
      "SELECT 'AppDomainGroup-group.net.whatsapp.WhatsApp.shared', ZMEDIALOCALPATH FROM ZWAMEDIAITEM" },
    { "AppDomainGroup-group.net.whatsapp.WhatsApp.shared", "ChatStorage.sqlite",
      "SELECT 'AppDomainGroup-group.net.whatsapp.WhatsApp.shared', 'Message/' || ZMEDIALOCALPATH FROM ZWAMEDIAITEM" },
    { "MediaDomain", "Media/Recordings/Recordings.db",
      "SELECT 'MediaDomain', 'Media/Recordings/' || ZPATH FROM ZRECORDING" },
    { "AppDomainGroup-group.com.apple.VoiceMemos.shared", "Recordings/CloudRecordings.db",
      "SELECT 'AppDomainGroup-group.com.apple.VoiceMemos.shared', 'Recordings/' || ZPATH FROM ZCLOUDRECORDING" },
};

static bool ask_witness(struct naming *n, size_t which, struct rv_error *err)
{
    char id[RV_BACKUP_ID];
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    bool fine = true;
    if (!rv_backup_id(witnesses[which].domain, witnesses[which].path, id, err))
        return false;
    const struct rv_stock_file *file = rv_stock_find(n->m, id);
    if (file == NULL || file->size == 0)
        return true;
    RV_AUTO_TEXT path = rv_path_join(n->m->b->path, file->place, err);
    if (path == NULL)
        return false;
    if (rv_sqlite_open(path, true, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, witnesses[which].sql, -1, &s, NULL) == SQLITE_OK)
        while (fine && sqlite3_step(s) == SQLITE_ROW) {
            const char *domain = (const char *)sqlite3_column_text(s, 0);
            const char *named = (const char *)sqlite3_column_text(s, 1);
            if (domain != NULL && named != NULL && strlen(named) < RV_MBFILE_PATH_MAX)
                fine = try_name(n, domain, named, err);
        }
    sqlite3_finalize(s);
    sqlite3_close(db);
    return fine;
}

static uint64_t count_nameless(struct rv_mending *m)
{
    uint64_t count = 0;
    for (size_t i = 0; i < m->stock.count; i++)
        if (i == 0 || strcmp(m->stock.files[i].id, m->stock.files[i - 1].id) != 0)
            count += !rv_mend_has_row(m, m->stock.files[i].id);
    return count;
}

bool rv_mend_name_files(struct rv_mending *m, struct rv_error *err)
{
    struct naming n = { .m = m };
    n.nameless = count_nameless(m);
    if (m->encrypted) /* a name alone does not open a file: those whose key can still be found are enough */
        return !m->out->index_rebuilt || (rv_mend_index_names(m, try_name, &n, err) && rv_mend_loose_keys(m, err));
    if (n.nameless == 0)
        return true;
    rv_tell_step(m->ctx, "names", "Finding names for files that the index has forgotten");
    n.domains = rv_alloc_array(DOMAINS_MAX, sizeof *n.domains);
    bool fine = n.domains != NULL || rv_fail_nomem(err);
    fine = fine && rv_mend_index_names(m, try_name, &n, err) && collect_domains(&n, err);
    for (size_t i = 0; fine && i < RV_COUNT(witnesses); i++)
        fine = ask_witness(&n, i, err);
    fine = fine && try_preferences(&n, err) && try_known(&n, err) && try_photos(&n, err);
    for (size_t i = 0; i < n.domain_count; i++)
        rv_free(n.domains[i]);
    rv_free(n.domains);
    return fine;
}
