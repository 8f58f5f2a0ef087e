/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in a backup's folder, and what its property lists say. */
#include "backup/backup.h"
#include "backup/index.h"
#include "backup/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *const rv_backup_state_names[] = { "unknown", "empty", "uploading", "moving", "removing", "finished" };

static void read_list(struct rv_backup *b, const char *name, struct rv_backup_list *out)
{
    struct rv_error why = { 0 };
    RV_AUTO(rv_blob) bytes = rv_place_read(b->dir, name, RV_BACKUP_PLIST_MAX, &why);
    out->exists = bytes != NULL || why.code != RV_E_NOT_FOUND;
    if (bytes != NULL && bytes->len == 0)
        rv_fail(&why, RV_E_FORMAT, "%s is empty", name);
    else if (bytes != NULL)
        out->plist = rv_plist_parse(rv_blob_span(bytes), &why);
    if (out->plist != NULL && plist_get_node_type(out->plist) != PLIST_DICT) {
        plist_free(out->plist);
        out->plist = NULL;
        rv_fail(&why, RV_E_FORMAT, "%s is no dictionary", name);
    }
    if (out->plist == NULL)
        out->why = rv_text_copy(why.text[0]);
}

static enum rv_backup_state state_of(const struct rv_backup *b)
{
    static const struct {
        const char *name;
        enum rv_backup_state state;
    } states[] = { { "uploading", RV_BACKUP_UPLOADING },
                   { "moving", RV_BACKUP_MOVING },
                   { "removing", RV_BACKUP_REMOVING },
                   { "finished", RV_BACKUP_FINISHED } };
    const char *of_backup = rv_plist_text(b->status.plist, "BackupState");
    const char *name = rv_plist_text(b->status.plist, "SnapshotState");
    if (of_backup != NULL && strcmp(of_backup, "empty") == 0)
        return RV_BACKUP_EMPTY;
    for (size_t i = 0; name != NULL && i < RV_COUNT(states); i++)
        if (strcmp(states[i].name, name) == 0)
            return states[i].state;
    return RV_BACKUP_UNKNOWN;
}

static bool has(const struct rv_backup *b, const char *name)
{
    struct stat st;
    struct rv_error none = { 0 };
    return rv_place_stat(b->dir, name, &st, &none);
}

struct surroundings {
    unsigned buckets, flat, mdinfo;
};

static bool count_entry(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    struct surroundings *s = context;
    (void)err;
    size_t len = strlen(name);
    s->buckets += S_ISDIR(st->st_mode) && len == 2 && strspn(name, "0123456789abcdef") == 2;
    s->flat += S_ISREG(st->st_mode) && rv_backup_is_id(name);
    s->mdinfo += len == 47 && strcmp(name + 40, ".mdinfo") == 0;
    return true;
}

static void find_kind(struct rv_backup *b)
{
    struct surroundings s = { 0 };
    struct rv_error none = { 0 };
    rv_place_each(b->dir, ".", count_entry, &s, &none);
    const char *version = rv_plist_text(b->manifest.plist, "Version");
    b->flat = s.buckets == 0 && s.flat > 0;
    if (has(b, "Manifest.db") || (s.buckets > 0 && !has(b, "Manifest.mbdb")))
        b->kind = RV_BACKUP_DB;
    else if (has(b, "Manifest.mbdb"))
        b->kind = RV_BACKUP_MBDB;
    else if (s.mdinfo > 0)
        b->kind = RV_BACKUP_MDINFO;
    else if (s.flat > 0 || version != NULL)
        b->kind = version != NULL && strlen(version) > 1 && version[1] != '.' ? RV_BACKUP_DB : RV_BACKUP_MBDB;
}

struct rv_backup *rv_backup_look(struct rv_ctx *ctx, const char *path, struct rv_error *err)
{
    RV_AUTO(rv_backup) b = rv_alloc(sizeof *b);
    if (b == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    b->ctx = ctx;
    b->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->dir < 0) {
        rv_fail_sys(err, errno == ENOENT ? RV_E_NOT_FOUND : RV_E_IO, errno, "opening the backup %s", path);
        rv_advise(err, RV_ADVICE_NO_BACKUP_THERE);
        return NULL;
    }
    b->path = rv_text_copy(path);
    if (b->path == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    read_list(b, "Info.plist", &b->info);
    read_list(b, "Status.plist", &b->status);
    read_list(b, "Manifest.plist", &b->manifest);
    b->state = state_of(b);
    find_kind(b);
    b->encrypted = rv_plist_bool(b->manifest.plist, "IsEncrypted", false);
    struct rv_span bag = rv_plist_data(b->manifest.plist, "BackupKeyBag");
    struct rv_error none = { 0 };
    b->has_keybag = bag.len > 0 && rv_keybag_parse(bag, &b->keybag, &none);
    return rv_steal(&b);
}

static void clear_list(struct rv_backup_list *list)
{
    if (list->plist != NULL)
        plist_free(list->plist);
    rv_free(list->why);
}

void rv_backup_free(struct rv_backup *b)
{
    if (b == NULL)
        return;
    rv_backup_index_free(b->index);
    rv_backup_index_free(b->shut);
    clear_list(&b->info);
    clear_list(&b->status);
    clear_list(&b->manifest);
    if (b->dir >= 0)
        close(b->dir);
    rv_wipe(b->keys, sizeof b->keys);
    rv_free(b->path);
    rv_free(b);
}

const char *rv_backup_text(const struct rv_backup *b, const char *info_key, const char *lockdown_key)
{
    const char *text = rv_plist_text(b->info.plist, info_key);
    if (text == NULL && lockdown_key != NULL)
        text = rv_plist_text(rv_plist_dict(b->manifest.plist, "Lockdown"), lockdown_key);
    return text != NULL ? text : "";
}
