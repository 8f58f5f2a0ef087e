/* SPDX-License-Identifier: Apache-2.0 */
/* The newest backup of a device in the folders that revive, iTunes and Finder use: only its date is wanted here. */
#include "restore/internal.h"

#include "base/file.h"
#include "base/text.h"
#include "format/plist.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INFO_MAX = 64 * 1024 * 1024, MAC_EPOCH = 978307200 };

struct newest {
    const struct rv_identity *identity;
    time_t when;
    char path[1024];
};

static bool same_text(const char *a, const char *b)
{
    return a != NULL && b[0] != '\0' && rv_text_equal_nocase(a, b);
}

static void look_at(struct newest *best, const char *folder)
{
    struct rv_error unread = { 0 };
    RV_AUTO_TEXT path = rv_path_join(folder, "Info.plist", &unread);
    RV_AUTO(rv_blob) bytes = path == NULL ? NULL : rv_file_read(path, INFO_MAX, &unread);
    RV_AUTO_PLIST info = bytes == NULL ? NULL : rv_plist_parse(rv_blob_span(bytes), &unread);
    if (info == NULL || !(same_text(rv_plist_text(info, "Serial Number"), best->identity->serial) ||
                          same_text(rv_plist_text(info, "Unique Identifier"), best->identity->udid)))
        return;
    plist_t date = rv_plist_node(info, "Last Backup Date");
    if (date == NULL || plist_get_node_type(date) != PLIST_DATE)
        return;
    int32_t seconds = 0, micro = 0;
    plist_get_date_val(date, &seconds, &micro);
    time_t when = (time_t)seconds + MAC_EPOCH;
    if (when <= best->when)
        return;
    best->when = when;
    snprintf(best->path, sizeof best->path, "%s", folder);
}

static void look_in(struct newest *best, const char *root)
{
    DIR *dir = opendir(root);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct rv_error unjoined = { 0 };
        if (entry->d_name[0] == '.')
            continue;
        RV_AUTO_TEXT folder = rv_path_join(root, entry->d_name, &unjoined);
        if (folder != NULL)
            look_at(best, folder);
    }
    closedir(dir);
}

bool rv_backup_newest(struct rv_ctx *ctx, const struct rv_identity *identity, char *when, size_t when_size, char *path,
                      size_t path_size)
{
    static const char *const homes[] = { "Library/Application Support/MobileSync/Backup",
                                         ".local/share/MobileSync/Backup", "MobileSync/Backup" };
    struct newest best = { .identity = identity };
    struct rv_error unjoined = { 0 };
    RV_AUTO_TEXT own = rv_path_join(ctx->data_dir, "backups", &unjoined);
    if (own != NULL)
        look_in(&best, own);
    const char *home = getenv("HOME");
    for (size_t i = 0; home != NULL && i < RV_COUNT(homes); i++) {
        RV_AUTO_TEXT root = rv_path_join(home, homes[i], &unjoined);
        if (root != NULL)
            look_in(&best, root);
    }
    if (best.when == 0)
        return false;
    struct tm utc;
    gmtime_r(&best.when, &utc);
    strftime(when, when_size, "%Y-%m-%d %H:%M", &utc);
    snprintf(path, path_size, "%s", best.path);
    return true;
}
