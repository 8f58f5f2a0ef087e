/* SPDX-License-Identifier: Apache-2.0 */
/* What --from means: files as they lie, one backup, several of one phone, the phone itself. */
#include "backup/facts.h"
#include "backup/find.h"
#include "backup/repair.h"
#include "base/file.h"
#include "base/text.h"
#include "command/device_json.h"
#include "command/recover_select.h"

#include <string.h>

enum { EARLIER_MAX = 64 };

static const char *udid_of(const struct rv_backup *b)
{
    return rv_backup_text(b, "Target Identifier", "UniqueDeviceID");
}

/* Its lists, keys and index are put right in a private copy; files that need no mending are links, not copies. */
static struct rv_source *open_repaired(struct rv_run *run, struct rv_backup *damaged, struct rv_error *err)
{
    char password[RV_BACKUP_PASSWORD_MAX] = "";
    struct rv_findings lost = { 0 };
    struct rv_repaired made = { 0 };
    struct rv_source *source = NULL;
    RV_AUTO_TEXT folder = rv_source_work_new(err);
    if (folder == NULL)
        return NULL;
    rv_tell_step(run->ctx, "repair", "This backup is damaged: reading what is left of it");
    bool fine =
        !damaged->encrypted || rv_backup_password(run, "password-file", "Password of this backup", password, err);
    struct rv_repair_options options = { .to = folder, .password = damaged->encrypted ? password : NULL, .link = true };
    fine = fine && rv_backup_repair(damaged, &options, &lost, &made, err);
    struct rv_backup *whole = fine ? rv_backup_look(run->ctx, made.folder, err) : NULL;
    if (whole != NULL && whole->encrypted && !rv_backup_unlock(whole, password, err)) {
        rv_backup_free(whole);
        whole = NULL;
    }
    if (whole != NULL)
        source = rv_source_of(run->ctx, whole, err);
    rv_wipe(password, sizeof password);
    rv_findings_clear(&lost);
    rv_free(made.folder);
    if (source == NULL) {
        rv_source_wipe(folder);
        return NULL;
    }
    source->work = rv_steal(&folder);
    rv_free(source->from);
    source->from = rv_text_copy(damaged->path);
    rv_tell_warning(run->ctx, "%s is damaged; what is shown is what could still be read of it.", damaged->path);
    return source;
}

struct rv_source *rv_recover_backup(struct rv_run *run, struct rv_backup *backup, struct rv_error *err)
{
    struct rv_error why = { 0 };
    RV_AUTO_TEXT path = rv_text_copy(backup->path);
    struct rv_source *source = NULL;
    if (path == NULL)
        rv_fail_nomem(&why);
    bool open = path != NULL && rv_backup_pick_unlock(run, backup, &why);
    if (open)
        source = rv_source_of(run->ctx, backup, &why);
    else
        rv_backup_free(backup);
    if (source != NULL)
        return source;
    if (why.code != RV_E_CORRUPT && why.code != RV_E_FORMAT && (why.code != RV_E_NOT_FOUND || path == NULL)) {
        *err = why;
        return NULL;
    }
    struct rv_error again = { 0 };
    RV_AUTO(rv_backup) damaged = rv_backup_look(run->ctx, path, &again);
    source = damaged != NULL ? open_repaired(run, damaged, &again) : NULL;
    if (source == NULL)
        *err = again.code == RV_E_CANCELLED || again.code == RV_E_NOSPACE || again.code == RV_E_REFUSED ? again : why;
    return source;
}

/* By the dates of the backups, newest first; what has none goes last. */
static void put_in(struct rv_source **chain, struct rv_source *one)
{
    const char *date = one->date != NULL ? one->date : "";
    while (*chain != NULL && strcmp((*chain)->date != NULL ? (*chain)->date : "", date) >= 0)
        chain = &(*chain)->earlier;
    one->earlier = *chain;
    *chain = one;
}

/* ---- all backups of a phone ---- */

struct others {
    const char *udid, *present;
    struct rv_ctx *ctx;
    char *paths[EARLIER_MAX];
    size_t count;
};

static bool note_other(void *context, const char *path, const char *place, struct rv_error *err)
{
    struct others *o = context;
    struct rv_error none = { 0 };
    (void)place;
    RV_AUTO(rv_backup) b = rv_backup_look(o->ctx, path, &none);
    if (b == NULL || strcmp(udid_of(b), o->udid) != 0 || strcmp(path, o->present) == 0 || o->count == EARLIER_MAX)
        return true;
    o->paths[o->count] = rv_text_copy(path);
    return o->paths[o->count++] != NULL || rv_fail_nomem(err);
}

bool rv_recover_add_earlier(struct rv_run *run, struct rv_source *source, const char *udid, struct rv_error *err)
{
    struct others o = { .udid = udid, .present = source->from, .ctx = run->ctx };
    bool fine = *udid == '\0' || rv_backup_find(run->ctx, NULL, note_other, &o, err);
    for (size_t i = 0; fine && i < o.count; i++) {
        struct rv_error why = { 0 };
        struct rv_backup *b = rv_backup_look(run->ctx, o.paths[i], &why);
        struct rv_source *one = b != NULL ? rv_recover_backup(run, b, &why) : NULL;
        if (one != NULL)
            put_in(&source->earlier, one);
        else if (why.code == RV_E_CANCELLED || why.code == RV_E_NOSPACE)
            fine = (*err = why, false);
        else
            rv_tell_warning(run->ctx, "The backup in %s is left out: %s", o.paths[i],
                            why.depth > 0 ? why.text[0] : "it cannot be read");
    }
    for (size_t i = 0; i < o.count; i++)
        rv_free(o.paths[i]);
    return fine;
}

/* ---- what was named ---- */

static struct rv_source *open_named(struct rv_run *run, const char *from, char udid[64], struct rv_error *err)
{
    if (rv_file_exists(from) && !rv_source_is_backup(from) && !rv_backup_is_folder(from))
        return rv_source_open(run->ctx, from, err);
    struct rv_backup *backup = rv_backup_pick(run, from, err);
    if (backup == NULL)
        return NULL;
    size_t length = strlen(udid_of(backup));
    memcpy(udid, udid_of(backup), length < 63 ? length + 1 : 0);
    return rv_recover_backup(run, backup, err);
}

static struct rv_source *open_all(struct rv_run *run, struct rv_error *err)
{
    struct rv_source *chain = NULL;
    char first[64] = "", udid[64];
    for (size_t i = 0; i < run->args->count; i++) {
        if (strcmp(run->args->options[i].name, "from") != 0)
            continue;
        *udid = '\0';
        struct rv_source *one = open_named(run, run->args->options[i].value, udid, err);
        if (one == NULL) {
            rv_source_free(chain);
            return NULL;
        }
        bool another = chain != NULL && (chain->kind != &rv_source_of_backup || one->kind != &rv_source_of_backup ||
                                         strcmp(first, udid) != 0);
        if (chain == NULL)
            memcpy(first, udid, sizeof first);
        put_in(&chain, one);
        if (another) {
            rv_source_free(chain);
            rv_fail(err, RV_E_USAGE, "several sources are read together only when they are backups of one phone");
            return NULL;
        }
    }
    if (rv_arg_flag(run->args, "all-backups") && !rv_recover_add_earlier(run, chain, first, err)) {
        rv_source_free(chain);
        return NULL;
    }
    return chain;
}

static void tell(struct rv_run *run, const struct rv_source *source)
{
    json_t *all = json_array();
    json_object_set_new(run->result, "from", json_string(source->from));
    json_object_set_new(run->result, "source", json_string(source->kind->name));
    for (const struct rv_source *at = source; at != NULL; at = at->earlier) {
        json_t *one = json_object();
        rv_json_set_text(one, "folder", at->from);
        rv_json_set_text(one, "date", at->date != NULL ? at->date : "");
        json_array_append_new(all, one);
    }
    if (source->earlier != NULL)
        json_object_set(run->result, "backups", all);
    json_decref(all);
}

/* The person's own passwords of locked notes, a line each: tried as they are, nothing is guessed. */
static bool take_note_passwords(struct rv_run *run, struct rv_source *source, struct rv_error *err)
{
    enum { FILE_MAX = 16 * 1024 };
    const char *file = rv_arg(run->args, "notes-password-file");
    RV_AUTO(rv_blob) bytes = file != NULL ? rv_file_read(file, FILE_MAX, err) : NULL;
    if (file == NULL)
        return true;
    if (bytes == NULL)
        return rv_while(err, "reading the passwords of notes");
    bool fine = true;
    for (; fine && source != NULL; source = source->earlier) {
        source->note_passwords = rv_text_copy_n((const char *)bytes->data, bytes->len);
        fine = source->note_passwords != NULL || rv_fail_nomem(err);
    }
    rv_wipe(bytes->data, bytes->len);
    return fine;
}

struct rv_source *rv_recover_source(struct rv_run *run, struct rv_error *err)
{
    const char *from = rv_arg(run->args, "from");
    bool device = from == NULL || strcmp(from, "device") == 0;
    if (from != NULL && strcmp(from, "icloud") == 0) {
        rv_fail(err, RV_E_UNSUPPORTED, "iCloud as a source: `revive guide` tells how to get one's data out of iCloud");
        return NULL;
    }
    struct rv_source *source = device ? rv_recover_device(run, err) : open_all(run, err);
    if (source != NULL && !take_note_passwords(run, source, err)) {
        rv_source_free(source);
        return NULL;
    }
    if (source != NULL)
        tell(run, source);
    return source;
}
