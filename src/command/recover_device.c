/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attached phone as a source. A phone gives its databases away in a backup only: the newest one of this computer,
 * or one that is made for this run, in a private folder that is wiped after it. Pictures that are not in the backup are
 * taken from its media folder, which AFC opens.
 */
#include "backup/create.h"
#include "backup/facts.h"
#include "backup/find.h"
#include "base/file.h"
#include "base/text.h"
#include "command/device_json.h"
#include "command/recover_select.h"
#include "command/trusted.h"
#include "proto/afc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the media folder ---- */

static const char media[] = "Media/"; /* of a domain; AFC's root is that folder */

static bool give(struct rv_afc *afc, const char *domain, const char *path, rv_source_fn *found, void *context,
                 struct rv_error *err)
{
    struct rv_afc_info info;
    struct rv_error gone = { 0 };
    if (!rv_afc_info(afc, path + sizeof media - 2, &info, &gone)) {
        if (gone.code == RV_E_GONE || gone.code == RV_E_CANCELLED)
            *err = gone;
        return err->code == RV_OK;
    }
    struct rv_source_file file = { (char *)(uintptr_t)domain, (char *)(uintptr_t)path, NULL, info.size,
                                   (int64_t)info.modified_s };
    return !info.file || found(context, &file, err);
}

static bool media_each(struct rv_source *source, const struct rv_place *place, rv_source_fn *found, void *context,
                       struct rv_error *err)
{
    struct rv_afc *afc = source->own;
    bool reachable = (strcmp(place->domain, "CameraRollDomain") == 0 || strcmp(place->domain, "MediaDomain") == 0) &&
                     rv_text_starts(place->path, media) && strchr(place->path, '*') == NULL &&
                     strstr(place->path, "..") == NULL;
    return !reachable || give(afc, place->domain, place->path, found, context, err);
}

static bool write_piece(void *context, struct rv_span bytes, struct rv_error *err)
{
    return rv_fd_write_all(*(int *)context, bytes, err);
}

static bool media_fetch(struct rv_source *source, const struct rv_source_file *file, const char *to, char **at,
                        struct rv_error *err)
{
    RV_AUTO_FD fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return rv_fail_sys(err, errno == ENOSPC ? RV_E_NOSPACE : RV_E_IO, errno, "making %s", to);
    if (!rv_afc_read(source->own, file->path + sizeof media - 2, write_piece, &fd, err)) {
        unlink(to);
        return rv_while(err, "taking %s from the phone", file->path);
    }
    *at = rv_text_copy(to);
    return *at != NULL || rv_fail_nomem(err);
}

static void media_free(struct rv_source *source)
{
    rv_afc_free(source->own);
}

static const struct rv_source_kind media_kind = { "device", media_each, media_fetch, media_free };

/* Without it the road goes on: the databases are in the backup. */
static void add_media(struct rv_run *run, struct rv_lockdown *link, struct rv_source *source)
{
    struct rv_error why = { 0 };
    struct rv_stream *stream = rv_lockdown_service(link, "com.apple.afc", &why);
    struct rv_afc *afc = stream != NULL ? rv_afc_take(stream, &why) : NULL;
    struct rv_source *beside = afc != NULL ? rv_source_new(run->ctx, &media_kind, "the phone's media", &why) : NULL;
    if (beside == NULL) {
        rv_afc_free(afc);
        rv_tell_warning(run->ctx, "The phone's media folder cannot be read: pictures are those of the backup alone.");
        return;
    }
    beside->own = afc;
    source->beside = beside;
}

/* ---- its backup ---- */

struct newest {
    struct rv_ctx *ctx;
    const char *udid;
    char *path;
    int64_t date;
};

static bool consider(void *context, const char *path, const char *place, struct rv_error *err)
{
    struct newest *n = context;
    struct rv_error none = { 0 };
    (void)place;
    RV_AUTO(rv_backup) b = rv_backup_look(n->ctx, path, &none);
    if (b == NULL || strcmp(rv_backup_text(b, "Target Identifier", "UniqueDeviceID"), n->udid) != 0 ||
        b->state != RV_BACKUP_FINISHED || rv_backup_date(b) <= n->date)
        return true;
    n->date = rv_backup_date(b);
    rv_free(n->path);
    n->path = rv_text_copy(path);
    return n->path != NULL || rv_fail_nomem(err);
}

/* In a folder that goes with the source. */
static struct rv_source *make_backup(struct rv_run *run, struct rv_lockdown *link, struct rv_error *err)
{
    struct rv_created made = { 0 };
    struct rv_source *source = NULL;
    RV_AUTO_TEXT folder = rv_source_work_new(err);
    if (folder == NULL)
        return NULL;
    rv_tell_step(run->ctx, "backup", "Making a backup for this run; it is removed after it");
    struct rv_create_options options = { .to = folder, .full = true };
    if (rv_backup_create(run->ctx, link, &options, &made, err)) {
        struct rv_backup *b = rv_backup_look(run->ctx, made.folder, err);
        source = b != NULL ? rv_recover_backup(run, b, err) : NULL;
    }
    rv_free(made.folder);
    if (source == NULL) {
        rv_source_wipe(folder);
        return NULL;
    }
    source->work = rv_steal(&folder);
    json_object_set_new(run->result, "backup_used", json_string("temporary"));
    return source;
}

static struct rv_source *use_newest(struct rv_run *run, const struct newest *n, struct rv_error *err)
{
    struct rv_backup *b = rv_backup_look(run->ctx, n->path, err);
    struct rv_source *source = b != NULL ? rv_recover_backup(run, b, err) : NULL;
    if (source == NULL)
        return NULL;
    json_object_set_new(run->result, "backup_used", json_string(n->path));
    rv_tell_note(
        run->ctx,
        "Reading the phone's backup of %.10s. What came or went on the phone since is not in it: --fresh makes "
        "a new one for this run.",
        source->date != NULL ? source->date : "an unknown day");
    return source;
}

struct rv_source *rv_recover_device(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device;
    RV_AUTO(rv_lockdown) link = rv_command_trusted(run, &device, err);
    struct newest n = { .ctx = run->ctx, .udid = device.mux.udid };
    if (link == NULL)
        return NULL;
    bool fine = rv_arg_flag(run->args, "fresh") || rv_backup_find(run->ctx, NULL, consider, &n, err);
    struct rv_source *source = !fine ? NULL : n.path != NULL ? use_newest(run, &n, err) : make_backup(run, link, err);
    rv_free(n.path);
    if (source == NULL)
        return NULL;
    if (!rv_recover_add_earlier(run, source, device.mux.udid, err)) {
        rv_source_free(source);
        return NULL;
    }
    add_media(run, link, source);
    return source;
}
