/* SPDX-License-Identifier: Apache-2.0 */
/* A backup onto the phone: what can be known before is looked at before, then the phone fetches what it wants. */
#include "backup/create.h"

#include "backup/backup.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- preflight ---- */

static int compare_versions(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        char *a_end, *b_end;
        unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);
        if (x != y)
            return x < y ? -1 : 1;
        a = *a_end == '.' ? a_end + 1 : "";
        b = *b_end == '.' ? b_end + 1 : "";
    }
    return 0;
}

static bool check_state(const struct rv_backup *b, struct rv_error *err)
{
    if (b->state == RV_BACKUP_FINISHED && b->manifest.plist != NULL && b->kind != RV_BACKUP_NO_INDEX)
        return true;
    rv_fail(err, RV_E_CORRUPT, "the backup %s is not finished or its lists are damaged (state: %s)", b->path,
            rv_backup_state_names[b->state]);
    return rv_advise(err, b->state == RV_BACKUP_FINISHED || b->state == RV_BACKUP_UNKNOWN
                              ? RV_ADVICE_BACKUP_DAMAGED
                              : RV_ADVICE_BACKUP_UNFINISHED);
}

static bool check_phone(struct rv_lockdown *link, const struct rv_backup *b, const struct rv_bring_options *o,
                        struct rv_error *err)
{
    char now[32], kind[32];
    const char *then = rv_backup_text(b, "Product Version", "ProductVersion");
    const char *made_by = rv_backup_text(b, "Product Type", "ProductType");
    rv_backup_value(link, NULL, "ProductVersion", now, sizeof now);
    rv_backup_value(link, NULL, "ProductType", kind, sizeof kind);
    if (!o->any_version && *now != '\0' && *then != '\0' && compare_versions(then, now) > 0) {
        rv_fail(err, RV_E_REFUSED, "the backup is of iOS %s, the phone runs %s: a phone takes no backup of a newer iOS",
                then, now);
        return rv_advise(err, RV_ADVICE_BACKUP_NOT_COMPATIBLE);
    }
    if (*kind != '\0' && *made_by != '\0' && strcspn(kind, "0123456789") != strcspn(made_by, "0123456789"))
        return rv_fail(err, RV_E_REFUSED, "the backup is of an %s, this is an %s", made_by, kind) ||
               rv_advise(err, RV_ADVICE_BACKUP_NOT_COMPATIBLE);
    if (rv_backup_flag(link, "com.apple.fmip", "IsAssociated")) {
        rv_fail(err, RV_E_REFUSED, "Find My is switched on: the phone lets no backup in");
        return rv_advise(err, RV_ADVICE_BACKUP_FIND_MY);
    }
    if (rv_backup_flag(link, NULL, "PasswordProtected")) {
        rv_fail(err, RV_E_DENIED, "the phone is locked: it takes a backup only when it is unlocked");
        return rv_advise(err, RV_ADVICE_UNLOCK);
    }
    return true;
}

static bool add_size(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    (void)err;
    if (row->file != NULL && rv_mbfile_kind(row->file) == RV_MBFILE_FILE)
        *(uint64_t *)context += row->file->size;
    return true;
}

/* A phone compares the sum of all files with its free room before it takes the first (106). */
static bool check_room(struct rv_lockdown *link, uint64_t need, struct rv_error *err)
{
    static const char *const keys[] = { "AmountRestoreAvailable", "AmountDataAvailable", "TotalDataAvailable" };
    for (size_t i = 0; i < RV_COUNT(keys); i++) {
        struct rv_error none = { 0 };
        uint64_t room = 0;
        char have[32], want[32];
        RV_AUTO_PLIST value = rv_lockdown_get(link, "com.apple.disk_usage", keys[i], &none);
        if (value == NULL || plist_get_node_type(value) != PLIST_UINT)
            continue;
        plist_get_uint_val(value, &room);
        if (need <= room)
            return true;
        rv_fail(err, RV_E_REFUSED, "the backup holds %s, the phone has room for %s",
                rv_text_size(need, want, sizeof want), rv_text_size(room, have, sizeof have));
        return rv_advise(err, RV_ADVICE_BACKUP_PHONE_FULL);
    }
    return true; /* it does not tell: it will judge by itself */
}

/* All files, or those of the choice, for which an index of their own is made. */
static bool measure(struct rv_backup *b, struct rv_bring_options *o, struct rv_trimmed *part, uint64_t *bytes,
                    struct rv_error *err)
{
    *bytes = 0;
    if (!rv_backup_open_index(b, err))
        return false;
    if (o->without == NULL)
        return rv_backup_each(b, add_size, bytes, err);
    if (!rv_choice_trim(o->without, b, part, err))
        return rv_while(err, "leaving out a part of the backup");
    *bytes = part->bytes;
    for (unsigned i = 0; i < o->without->count; i++)
        if (!o->without->met[i])
            return rv_fail(err, RV_E_USAGE, "nothing in this backup belongs to '%s'", o->without->words[i]);
    return true;
}

bool rv_backup_setup_waits(struct rv_lockdown *link)
{
    struct rv_error none = { 0 };
    uint8_t done = 1;
    RV_AUTO_PLIST value = rv_lockdown_get(link, "com.apple.purplebuddy", "SetupDone", &none);
    if (value != NULL && plist_get_node_type(value) == PLIST_BOOLEAN)
        plist_get_bool_val(value, &done);
    return done == 0;
}

/* ---- apps ---- */

#define APPS_FOLDER "/iTunesRestore"
#define APPS_FILE   APPS_FOLDER "/RestoreApplications.plist"

/* What the phone loads from the App Store afterwards. */
static void put_apps(struct rv_sync *sync, const struct rv_backup *b, struct rv_ctx *ctx)
{
    struct rv_error why = { 0 };
    plist_t apps = b->info.plist != NULL ? plist_dict_get_item(b->info.plist, "Applications") : NULL;
    if (apps == NULL || plist_get_node_type(apps) != PLIST_DICT || plist_dict_get_size(apps) == 0)
        return;
    RV_AUTO(rv_blob) bytes = rv_plist_format(apps, false, &why);
    if (bytes == NULL || !rv_sync_put(sync, APPS_FOLDER, APPS_FILE, rv_blob_span(bytes), &why))
        rv_tell_warning(ctx, "The phone could not be told which apps to load again: %s", why.text[0]);
}

/* ---- the whole ---- */

struct bringing {
    struct rv_ctx *ctx;
    struct rv_lockdown *link;
    struct rv_backup *b;
    const struct rv_bring_options *options;
    struct rv_trimmed part;
    char udid[RV_MUX_UDID];
    const char *name; /* of the backup's folder */
    int root;         /* the folder that it lies in */
};

static plist_t restore_request(const char *udid, const char *name, const struct rv_bring_options *o)
{
    plist_t request = plist_new_dict(), options = plist_new_dict();
    plist_dict_set_item(options, "RestoreSystemFiles", plist_new_bool(o->system_files));
    plist_dict_set_item(options, "RestorePreserveSettings", plist_new_bool(!o->settings));
    plist_dict_set_item(options, "RestoreShouldReboot", plist_new_bool(o->reboot));
    plist_dict_set_item(options, "RestoreDontCopyBackup", plist_new_bool(1));
    plist_dict_set_item(options, "RemoveItemsNotRestored", plist_new_bool(o->remove_others));
    if (o->password != NULL)
        plist_dict_set_item(options, "Password", plist_new_string(o->password));
    plist_dict_set_item(request, "MessageName", plist_new_string("Restore"));
    plist_dict_set_item(request, "TargetIdentifier", plist_new_string(udid));
    plist_dict_set_item(request, "SourceIdentifier", plist_new_string(name));
    plist_dict_set_item(request, "Options", options);
    return request;
}

static bool talk(struct bringing *x, struct rv_brought *out, struct rv_error *err)
{
    unsigned major, minor;
    RV_AUTO(rv_sync) sync = rv_sync_begin(x->ctx, x->link, err);
    RV_AUTO(rv_mb2) agent = sync != NULL ? rv_backup_agent(x->link, &major, &minor, err) : NULL;
    if (agent == NULL)
        return false;
    put_apps(sync, x->b, x->ctx);
    rv_tell_step(x->ctx, "restore", "Bringing the backup onto the phone");
    struct rv_serving s = { .ctx = x->ctx, .link = agent, .root = x->root, .name = x->name, .read_only = true };
    s.sync = sync;
    s.may_ask_passcode = major > 16 || (major == 16 && minor >= 1);
    s.instead = x->part.dir >= 0 ? rv_choice_index_name(x->b) : NULL;
    s.instead_root = x->part.dir;
    bool fine = rv_backup_serve(&s, restore_request(x->udid, x->name, x->options), err);
    out->served = s.count;
    struct rv_error none = { 0 };
    if (fine)
        rv_mb2_goodbye(agent, &none);
    else
        rv_sync_take_back(sync, APPS_FOLDER, APPS_FILE);
    if (!fine)
        rv_backup_broke_off(err, s.count.files_out > 0, RV_ADVICE_RESTORE_BROKEN_OFF);
    return fine;
}

static bool look_first(struct bringing *x, struct rv_bring_options *o, struct rv_brought *out, struct rv_error *err)
{
    uint64_t bytes = 0;
    if (!check_state(x->b, err) || !check_phone(x->link, x->b, o, err) ||
        (x->b->encrypted && o->password != NULL && !rv_backup_unlock(x->b, o->password, err)) ||
        !measure(x->b, o, &x->part, &bytes, err) || !check_room(x->link, bytes, err))
        return false;
    out->left_out = x->part.left_out;
    return true;
}

bool rv_backup_bring(struct rv_ctx *ctx, struct rv_lockdown *link, const char *folder, struct rv_bring_options *options,
                     struct rv_brought *out, struct rv_error *err)
{
    RV_AUTO_TEXT path = realpath(folder, NULL);
    RV_AUTO(rv_backup) b = rv_backup_look(ctx, path != NULL ? path : folder, err);
    if (b == NULL)
        return false;
    char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (slash == NULL || slash == path)
        return rv_fail(err, RV_E_USAGE, "%s is no folder that can be served", folder);
    *slash = '\0';
    RV_AUTO_FD root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", path);
    struct bringing x = { ctx, link, b, options, .part = { .dir = -1 }, .name = slash + 1, .root = root };
    rv_backup_value(link, NULL, "UniqueDeviceID", x.udid, sizeof x.udid);
    bool fine = look_first(&x, options, out, err) && talk(&x, out, err);
    rv_trimmed_clear(&x.part);
    return fine || rv_while(err, "bringing %s onto the phone", b->path);
}
