/* SPDX-License-Identifier: Apache-2.0 */
/* What a phone asks of Status.plist and Manifest.plist before it takes anything (public decompilation of its agent). */
#include "backup/place.h"
#include "backup/proof.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static bool is_kind(plist_t dict, const char *key, plist_type kind)
{
    plist_t node = rv_plist_node(dict, key);
    return node != NULL && plist_get_node_type(node) == kind;
}

static void check_status(struct rv_backup *b, struct rv_findings *f)
{
    plist_t s = b->status.plist;
    const char *version = rv_plist_text(s, "Version"), *of_backup = rv_plist_text(s, "BackupState");
    double number = version != NULL ? strtod(version, NULL) : 0;
    if (!b->status.exists)
        rv_findings_add(f, RV_FIND_STATUS_MISSING, NULL, NULL, NULL);
    else if (s == NULL)
        rv_findings_add(f, RV_FIND_STATUS_BAD, NULL, NULL, b->status.why);
    else if (!is_kind(s, "UUID", PLIST_STRING) || !is_kind(s, "Date", PLIST_DATE) ||
             !is_kind(s, "IsFullBackup", PLIST_BOOLEAN) || version == NULL || of_backup == NULL ||
             b->state == RV_BACKUP_UNKNOWN)
        rv_findings_add(f, RV_FIND_STATUS_BAD, NULL, NULL, "a value is missing or of the wrong kind");
    else if (number < 2.4 || number >= 4.0 || (strcmp(of_backup, "new") != 0 && b->state != RV_BACKUP_EMPTY))
        rv_findings_add(f, RV_FIND_STATUS_BAD, NULL, NULL, "its version or state is one that phones refuse");
    else if (b->state != RV_BACKUP_FINISHED)
        rv_findings_add(f, RV_FIND_UNFINISHED, NULL, NULL, rv_backup_state_names[b->state]);
}

static void check_keys(struct rv_backup *b, struct rv_findings *f)
{
    struct rv_span bag = rv_plist_data(b->manifest.plist, "BackupKeyBag");
    struct rv_error why = { 0 };
    struct rv_keybag parsed;
    if (bag.len == 0)
        rv_findings_add(f, RV_FIND_KEYBAG, NULL, NULL, "there is no keybag");
    else if (!rv_keybag_parse(bag, &parsed, &why))
        rv_findings_add(f, RV_FIND_KEYBAG, NULL, NULL, why.text[0]);
    struct rv_span key = rv_plist_data(b->manifest.plist, "ManifestKey");
    if (key.len > 0 && !b->encrypted)
        rv_findings_add(f, RV_FIND_ENCRYPTION_DISAGREES, NULL, NULL,
                        "there is a ManifestKey, and IsEncrypted is false");
}

const char *rv_backup_wrong_kind(plist_t manifest)
{
    static const struct {
        const char *key;
        plist_type kind;
    } values[] = {
        { "AccountClass", PLIST_STRING },
        { "AccountType", PLIST_STRING },
        { "ActiveAppleID", PLIST_STRING },
        { "AppleIDs", PLIST_ARRAY },
        { "Applications", PLIST_DICT },
        { "BackupKeyBag", PLIST_DATA },
        { "Date", PLIST_DATE },
        { "IsEncrypted", PLIST_BOOLEAN },
        { "Lockdown", PLIST_DICT },
        { "ManifestKey", PLIST_DATA },
        { "WasPasscodeSet", PLIST_BOOLEAN },
        { "RequiredProductVersion", PLIST_STRING },
    };
    for (size_t i = 0; i < RV_COUNT(values); i++) {
        plist_t node = rv_plist_node(manifest, values[i].key);
        if (node != NULL && plist_get_node_type(node) != values[i].kind)
            return values[i].key;
    }
    return NULL;
}

static void check_manifest(struct rv_backup *b, struct rv_findings *f)
{
    plist_t m = b->manifest.plist;
    if (!b->manifest.exists) {
        rv_findings_add(f, RV_FIND_MANIFEST_MISSING, NULL, NULL, NULL);
        return;
    }
    if (m == NULL) {
        rv_findings_add(f, RV_FIND_MANIFEST_BAD, NULL, NULL, b->manifest.why);
        return;
    }
    const char *version = rv_plist_text(m, "Version");
    bool new_form = version != NULL && strtod(version, NULL) >= 10;
    if (version == NULL || rv_plist_text(m, "SystemDomainsVersion") == NULL)
        rv_findings_add(f, RV_FIND_MANIFEST_BAD, NULL, NULL, "Version or SystemDomainsVersion is missing");
    else if (b->kind != RV_BACKUP_NO_INDEX && new_form != (b->kind == RV_BACKUP_DB))
        rv_findings_add(f, RV_FIND_MANIFEST_BAD, NULL, NULL, "its Version does not go with the kind of index");
    if (rv_backup_wrong_kind(m) != NULL)
        rv_findings_add(f, RV_FIND_MANIFEST_BAD, NULL, NULL, rv_backup_wrong_kind(m));
    check_keys(b, f);
}

static void check_folder(struct rv_backup *b, struct rv_findings *f)
{
    const char *id = rv_backup_text(b, "Target Identifier", "UniqueDeviceID");
    const char *slash = strrchr(b->path, '/'), *name = slash != NULL && slash[1] != '\0' ? slash + 1 : b->path;
    struct stat st;
    struct rv_error none = { 0 };
    if (*id != '\0' && !rv_text_equal_nocase(id, name))
        rv_findings_add(f, RV_FIND_FOLDER_NAME, NULL, NULL, id);
    if (rv_place_stat(b->dir, "Snapshot/Manifest.db", &st, &none) && b->state == RV_BACKUP_FINISHED)
        rv_findings_add(f, RV_FIND_SNAPSHOT, NULL, NULL, NULL);
    if ((rv_place_stat(b->dir, "Manifest.db-wal", &st, &none) && st.st_size > 0) ||
        rv_place_stat(b->dir, "Manifest.db-shm", &st, &none))
        rv_findings_add(f, RV_FIND_INDEX_LOG, NULL, NULL, NULL);
}

void rv_backup_check_lists(struct rv_backup *b, struct rv_findings *f)
{
    if (!b->info.exists)
        rv_findings_add(f, RV_FIND_INFO_MISSING, NULL, NULL, NULL);
    else if (b->info.plist == NULL)
        rv_findings_add(f, RV_FIND_INFO_BAD, NULL, NULL, b->info.why);
    check_status(b, f);
    check_manifest(b, f);
    check_folder(b, f);
    if (b->kind == RV_BACKUP_NO_INDEX)
        rv_findings_add(f, RV_FIND_INDEX_MISSING, NULL, NULL, NULL);
}
