/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/findings.h"

#include "backup/sorts.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* clang-format off: one a line merges */
const struct rv_finding_row rv_finding_rows[RV_FIND_KINDS] = {
    [RV_FIND_INFO_MISSING] = { "info-missing", true, false,
                               "Info.plist is missing: iTunes and Finder do not list this backup" },
    [RV_FIND_INFO_BAD] = { "info-bad", true, false,
                           "Info.plist cannot be read: iTunes and Finder do not list this backup" },
    [RV_FIND_STATUS_MISSING] = { "status-missing", true, false,
                                 "Status.plist is missing: a phone says that there is no backup" },
    [RV_FIND_STATUS_BAD] = { "status-bad", true, false, "Status.plist cannot be read or lacks what a phone asks for" },
    [RV_FIND_UNFINISHED] = { "unfinished", true, false, "the backup was broken off before it was finished" },
    [RV_FIND_MANIFEST_MISSING] = { "manifest-missing", true, false, "Manifest.plist is missing" },
    [RV_FIND_MANIFEST_BAD] = { "manifest-bad", true, false,
                               "Manifest.plist cannot be read or lacks what a phone asks for" },
    [RV_FIND_KEYBAG] = { "keybag", true, false, "the keys in Manifest.plist are missing or damaged" },
    [RV_FIND_ENCRYPTION_DISAGREES] = { "encryption-disagrees", true, false,
                                       "Manifest.plist and the files disagree on whether the backup is encrypted" },
    [RV_FIND_FOLDER_NAME] = { "folder-name", false, false,
                              "the folder is not called as the phone: iTunes and Finder do not list it" },
    [RV_FIND_INDEX_MISSING] = { "index-missing", true, false,
                                "the index of files (Manifest.db or Manifest.mbdb) is missing" },
    [RV_FIND_INDEX_DAMAGED] = { "index-damaged", true, false, "the index of files is damaged" },
    [RV_FIND_INDEX_VERSION] = { "index-version", true, false,
                                "the index of files has a version that phones throw away" },
    [RV_FIND_INDEX_LOG] = { "index-log", true, false,
                            "the index of files was opened by another program and left unfinished (-wal, -shm)" },
    [RV_FIND_LAYOUT] = { "layout", true, false, "files lie where they do not belong" },
    [RV_FIND_SNAPSHOT] = { "snapshot", false, false, "a Snapshot folder of a broken-off backup is left" },
    [RV_FIND_ROW_ID] = { "row-id", true, false, "an entry of the index does not go by the name of its file" },
    [RV_FIND_ROW_NAME] = { "row-name", true, false, "an entry of the index has a name that no phone gives" },
    [RV_FIND_ROW_FLAGS] = { "row-flags", true, false, "an entry of the index is marked as unfinished" },
    [RV_FIND_ROW_RECORD] = { "row-record", true, true, "an entry of the index is damaged" },
    [RV_FIND_FILE_MISSING] = { "file-missing", true, true, "a file of the index is missing" },
    [RV_FIND_FILE_EMPTY] = { "file-empty", true, true, "a file is empty that should not be" },
    [RV_FIND_FILE_SIZE] = { "file-size", true, true, "a file is shorter or longer than it was" },
    [RV_FIND_FILE_DIGEST] = { "file-digest", true, true, "a file is not what was backed up" },
    [RV_FIND_FILE_KEY] = { "file-key", true, true, "a file cannot be decrypted" },
    [RV_FIND_FILE_PADDING] = { "file-padding", true, true, "the end of an encrypted file is damaged" },
    [RV_FIND_FILE_UNREADABLE] = { "file-unreadable", true, true, "the disk cannot read a file" },
    [RV_FIND_FILE_PARTLY] = { "file-partly-unreadable", true, true, "the disk cannot read a part of a file" },
    [RV_FIND_FILE_CONTENT] = { "file-content", false, true, "a file does not hold what its name says" },
    [RV_FIND_DATABASE] = { "database", true, true, "a database inside the backup is damaged" },
    [RV_FIND_UNREFERENCED] = { "unreferenced", false, false, "a file is not in the index" },
    [RV_FIND_FOREIGN_NAME] = { "foreign-name", false, false,
                               "something lies in the backup that does not belong there" },
};
/* clang-format on */

void rv_findings_init(struct rv_findings *f)
{
    *f = (struct rv_findings){ .kept_count = 0 };
    pthread_mutex_init(&f->lock, NULL);
}

void rv_findings_clear(struct rv_findings *f)
{
    for (uint32_t i = 0; i < f->kept_count; i++) {
        rv_free(f->kept[i].domain);
        rv_free(f->kept[i].path);
        rv_free(f->kept[i].detail);
    }
    rv_free(f->kept);
    f->kept = NULL;
    f->kept_count = f->kept_room = 0;
    pthread_mutex_destroy(&f->lock);
}

static char *clean_copy(const char *text)
{
    char *copy = rv_text_copy(text);
    if (copy != NULL)
        rv_text_clean(copy);
    return copy;
}

static void keep(struct rv_findings *f, const struct rv_finding *one)
{
    if (f->kept_count == RV_FINDINGS_KEPT)
        return;
    if (f->kept_count == f->kept_room) {
        uint32_t room = f->kept_room * 2 + 64;
        struct rv_finding *more = rv_realloc_array(f->kept, room, sizeof *more);
        if (more == NULL)
            return;
        f->kept = more;
        f->kept_room = room;
    }
    f->kept[f->kept_count++] = (struct rv_finding){ .kind = one->kind,
                                                    .domain = clean_copy(one->domain),
                                                    .path = clean_copy(one->path),
                                                    .detail = clean_copy(one->detail) };
}

static bool is_kept(const struct rv_findings *f, const char *domain, const char *path)
{
    for (uint32_t i = 0; i < f->kept_count; i++)
        if (f->kept[i].domain != NULL && f->kept[i].path != NULL && strcmp(f->kept[i].path, path) == 0 &&
            strcmp(f->kept[i].domain, domain) == 0)
            return true;
    return false;
}

void rv_findings_add(struct rv_findings *f, enum rv_finding_kind kind, const char *domain, const char *path,
                     const char *detail)
{
    struct rv_finding one = { .kind = kind,
                              .domain = (char *)(uintptr_t)domain,
                              .path = (char *)(uintptr_t)path,
                              .detail = (char *)(uintptr_t)detail };
    pthread_mutex_lock(&f->lock);
    f->counts[kind]++;
    bool of_file = rv_finding_rows[kind].of_file && domain != NULL && path != NULL;
    /* a damaged database is told of again when it is looked into: one file all the same */
    if (of_file && (kind != RV_FIND_DATABASE || !is_kept(f, domain, path)))
        f->lost_by_sort[rv_backup_sort_of(domain, path)]++;
    keep(f, &one);
    pthread_mutex_unlock(&f->lock);
}

uint64_t rv_findings_damage(const struct rv_findings *f)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < RV_FIND_KINDS; i++)
        sum += rv_finding_rows[i].damage ? f->counts[i] : 0;
    return sum;
}
