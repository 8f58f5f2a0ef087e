/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/find.h"

#include "base/file.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_ROOM = 4096, ENTRIES_MAX = 4096, FOUND_MAX = 4096 };

/* Below a home; sources: Apple's support pages on where backups lie. */
static const struct {
    const char *below_home, *place;
} homes[] = {
    { "Library/Application Support/MobileSync/Backup", "Finder or iTunes on a Mac" },
    { "AppData/Roaming/Apple Computer/MobileSync/Backup", "iTunes on Windows" },
    { "Apple/MobileSync/Backup", "iTunes of the Store, or Apple Devices" },
};
static const char *const homes_of_disks[] = { "Users", "home", "Documents and Settings" };
static const char *const mounts[] = { "/media", "/mnt", "/run/media" };

struct search {
    rv_backup_found_fn *fn;
    void *context;
    struct rv_ctx *ctx;
    struct {
        dev_t disk;
        ino_t inode;
    } found[FOUND_MAX]; /* the same folder may be a disk, a home and a folder of one */
    size_t found_count;
};

typedef bool each_fn(struct search *s, const char *path, const char *place, struct rv_error *err);

size_t rv_backup_udid_of(const char *name)
{
    size_t hex = strspn(name, "0123456789abcdefABCDEF"), len = 0;
    if (hex == 40)
        len = 40;
    else if (hex == 8 && name[8] == '-' && strspn(name + 9, "0123456789abcdefABCDEF") == 16)
        len = 25;
    return len > 0 && (name[len] == '\0' || name[len] == '-' || name[len] == ' ' || name[len] == '.') ? len : 0;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool rv_backup_is_folder(const char *path)
{
    static const char *const signs[] = { "Manifest.db", "Manifest.mbdb", "Manifest.plist", "Status.plist",
                                         "Snapshot/Manifest.db" };
    char name[PATH_ROOM];
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < RV_COUNT(signs); i++) {
        snprintf(name, sizeof name, "%s/%s", path, signs[i]);
        if (rv_file_exists(name))
            return true;
    }
    snprintf(name, sizeof name, "%s/Info.plist", path);
    return rv_backup_udid_of(slash != NULL ? slash + 1 : path) > 0 && (rv_file_exists(name) || is_folder(path));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* False: longer than a path may be, and so nothing that could be opened. */
static bool join(char out[PATH_ROOM], const char *folder, const char *leaf)
{
    int len = snprintf(out, PATH_ROOM, "%s/%s", folder, leaf);
    return len > 0 && len < PATH_ROOM;
}

/* Every folder in a folder, by name. What cannot be read is passed over: it may be somebody else's home. */
static bool each_folder(struct search *s, const char *path, const char *place, each_fn *fn, struct rv_error *err)
{
    struct dirent **names = NULL;
    int count = scandir(path, &names, NULL, by_name);
    bool fine = true;
    for (int i = 0; i < count; i++) {
        char inner[PATH_ROOM];
        if (fine && i < ENTRIES_MAX && names[i]->d_name[0] != '.' && join(inner, path, names[i]->d_name) &&
            is_folder(inner))
            fine = fn(s, inner, place, err);
        free(names[i]);
    }
    free(names);
    return fine && rv_cancel_point(&s->ctx->cancel, err);
}

static bool is_new(struct search *s, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || s->found_count == FOUND_MAX)
        return false;
    for (size_t i = 0; i < s->found_count; i++)
        if (s->found[i].disk == st.st_dev && s->found[i].inode == st.st_ino)
            return false;
    s->found[s->found_count].disk = st.st_dev;
    s->found[s->found_count++].inode = st.st_ino;
    return true;
}

static bool take_backup(struct search *s, const char *path, const char *place, struct rv_error *err)
{
    return !rv_backup_is_folder(path) || !is_new(s, path) || s->fn(s->context, path, place, err);
}

static bool take_named(struct search *s, const char *path, const char *place, struct rv_error *err)
{
    return rv_backup_udid_of(strrchr(path, '/') + 1) == 0 || take_backup(s, path, place, err);
}

/* idevicebackup2 and others put UDID into any folder that is named to them: mostly one of a home or of a disk. */
static bool search_shallow(struct search *s, const char *path, const char *place, struct rv_error *err)
{
    return rv_backup_is_folder(path) ? take_backup(s, path, place, err) : each_folder(s, path, place, take_named, err);
}

static bool search_home(struct search *s, const char *home, const char *place, struct rv_error *err)
{
    (void)place;
    for (size_t i = 0; i < RV_COUNT(homes); i++) {
        char path[PATH_ROOM];
        if (join(path, home, homes[i].below_home) && is_folder(path) &&
            !each_folder(s, path, homes[i].place, take_backup, err))
            return false;
    }
    return each_folder(s, home, "a folder", search_shallow, err);
}

static bool search_disk(struct search *s, const char *disk, const char *place, struct rv_error *err)
{
    (void)place;
    for (size_t i = 0; i < RV_COUNT(homes_of_disks); i++) {
        char path[PATH_ROOM];
        if (join(path, disk, homes_of_disks[i]) && is_folder(path) && !each_folder(s, path, NULL, search_home, err))
            return false;
    }
    return search_home(s, disk, NULL, err);
}

/* /run/media holds a folder a user with the disks in it; /media either. */
static bool search_mounts(struct search *s, const char *path, const char *place, struct rv_error *err)
{
    return search_disk(s, path, place, err) && each_folder(s, path, place, search_disk, err);
}

static bool search_everywhere(struct search *s, struct rv_error *err)
{
    char own[PATH_ROOM];
    const char *home = getenv("HOME");
    snprintf(own, sizeof own, "%s/backups", s->ctx->data_dir);
    if (is_folder(own) && !each_folder(s, own, "revive", take_backup, err))
        return false;
    if (home != NULL && !search_home(s, home, NULL, err))
        return false;
    for (size_t i = 0; i < RV_COUNT(mounts); i++)
        if (is_folder(mounts[i]) && !each_folder(s, mounts[i], NULL, search_mounts, err))
            return false;
    return true;
}

bool rv_backup_find(struct rv_ctx *ctx, const char *in, rv_backup_found_fn *fn, void *context, struct rv_error *err)
{
    struct search s = { .fn = fn, .context = context, .ctx = ctx };
    if (in == NULL)
        return search_everywhere(&s, err);
    if (!is_folder(in))
        return rv_fail(err, RV_E_NOT_FOUND, "%s is not a folder", in);
    if (rv_backup_is_folder(in))
        return fn(context, in, "a folder", err);
    return search_disk(&s, in, NULL, err);
}
