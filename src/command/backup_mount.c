/* SPDX-License-Identifier: Apache-2.0 */
/* `revive backup mount`: a backup as a folder, until Ctrl-C. */
#include "backup/mount.h"
#include "command/backup_pick.h"
#include "command/device_json.h"
#include "command/verbs.h"

static void set_mounted(json_t *result, const char *at, const struct rv_mounted *m)
{
    rv_json_set_text(result, "at", at);
    rv_json_set_count(result, "files", m->files);
    rv_json_set_count(result, "bytes", m->bytes);
    rv_json_set_count(result, "links", m->links);
    rv_json_set_count(result, "left_out", m->left_out);
    rv_json_set_count(result, "read_bytes", m->read);
    rv_json_set_count(result, "unreadable", m->unreadable);
}

static bool run_mount(struct rv_run *run, struct rv_error *err)
{
    const char *at = rv_arg(run->args, "at");
    struct rv_mounted mounted;
    if (at == NULL)
        return rv_fail(err, RV_E_USAGE, "--at DIR is missing: in which folder shall the backup be shown?");
    RV_AUTO(rv_backup) b = rv_backup_pick(run, rv_arg_word(run->args, 0), err);
    if (b == NULL || !rv_backup_pick_unlock(run, b, err) || !rv_backup_open_index(b, err))
        return false;
    json_object_set_new(run->result, "backup", rv_backup_json(b, NULL));
    bool fine = rv_backup_mount(b, at, &mounted, err);
    set_mounted(run->result, at, &mounted);
    if (fine && mounted.left_out + mounted.unreadable > 0) {
        fine = rv_fail(err, RV_E_CORRUPT, "%llu files could not be read, and %llu entries of the index are no files",
                       (unsigned long long)mounted.unreadable, (unsigned long long)mounted.left_out);
        rv_advise(err, RV_ADVICE_BACKUP_DAMAGED);
    }
    return fine;
}

static const struct rv_option mount_options[] = {
    { "at", 0, "DIR", "the folder in which it is shown: an empty one, or one that is made and removed at the end" },
    RV_BACKUP_IN_OPTION,
    RV_BACKUP_PASSWORD_OPTION,
};

const struct rv_command rv_verb_backup_mount = {
    .name = "backup mount",
    .summary = "Show a backup as a folder of this computer, decrypted while it is read",
    .words = "[BACKUP]",
    .about = "The files stand in DIR/domain/path, with their dates, and can be looked at and copied with any program; "
             "nothing can be changed. It lasts until Ctrl-C, or until the folder is unmounted. Links of the phone are "
             "shown as texts that say where they led. Exit 5 when a file that was asked for could not be read.",
    .example = "revive backup mount \"Ada's iPhone\" --at ~/ada\n    photos are in ~/ada/CameraRollDomain/Media/DCIM; "
               "Ctrl-C ends it",
    .options = mount_options,
    .option_count = RV_COUNT(mount_options),
    .flags = RV_COMMAND_LONG,
    .run = run_mount,
};
