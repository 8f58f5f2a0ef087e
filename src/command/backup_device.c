/* SPDX-License-Identifier: Apache-2.0 */
/* `revive backup create`, `restore` and `password …`: what needs the phone. */
#include "backup/backup.h"
#include "backup/create.h"
#include "backup/facts.h"
#include "base/file.h"
#include "base/language.h"
#include "command/backup_pick.h"
#include "command/device_json.h"
#include "command/verbs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRUST_WAIT_MS = 120000, OLD_DAYS = 90 };

/* The phone in Normal mode, trusted. */
static struct rv_lockdown *open_phone(struct rv_run *run, struct rv_device *device, struct rv_error *err)
{
    RV_AUTO(rv_fleet) fleet = rv_fleet_open(run->ctx, err);
    if (fleet == NULL || !rv_command_pick(fleet, rv_arg(run->args, "device"), run->result, device, err))
        return NULL;
    if (device->mode != RV_MODE_NORMAL || device->mux.handle == 0) {
        rv_fail(err, RV_E_UNSUPPORTED, "a phone in %s cannot be backed up: its system must be running",
                rv_mode_words(device->mode));
        return NULL;
    }
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(run->ctx, &device->mux, err);
    return link != NULL && rv_lockdown_pair(link, TRUST_WAIT_MS, err) ? rv_steal(&link) : NULL;
}

/* ---- create ---- */

/* What the phone would say late, or in a number. */
static bool may_begin(struct rv_lockdown *link, bool needs_password, struct rv_error *err)
{
    if (rv_backup_setup_waits(link)) {
        rv_fail(err, RV_E_REFUSED, "the phone's set-up is not finished: it gives no backup of itself");
        return rv_advise(err, RV_ADVICE_BACKUP_SETUP);
    }
    if (needs_password && rv_backup_flag(link, "com.apple.mobile.backup", "WillEncrypt")) {
        rv_fail(err, RV_E_DENIED, "the phone encrypts its backups: a part can be kept only with the password");
        return rv_advise(err, RV_ADVICE_BACKUP_PASSWORD_NEEDED);
    }
    return true;
}

static bool run_create(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device;
    char password[RV_BACKUP_PASSWORD_MAX] = "";
    bool have = rv_arg(run->args, "password-file") != NULL || getenv("REVIVE_BACKUP_PASSWORD") != NULL;
    if (have && !rv_backup_password(run, "password-file", "", password, err))
        return false;
    RV_AUTO_TEXT own = rv_path_join(run->ctx->data_dir, "backups", err);
    RV_AUTO(rv_lockdown) link = own != NULL ? open_phone(run, &device, err) : NULL;
    struct rv_create_options options = { .to = rv_arg(run->args, "to") != NULL ? rv_arg(run->args, "to") : own,
                                         .full = rv_arg_flag(run->args, "full"),
                                         .password = have ? password : NULL };
    struct rv_created made;
    struct rv_choice only;
    options.only_words = rv_arg(run->args, "only");
    options.only = options.only_words != NULL ? &only : NULL;
    if (link == NULL || (options.only != NULL && !rv_choice_parse(options.only_words, true, &only, err)) ||
        !may_begin(link, options.only != NULL && !have, err))
        return false;
    bool fine = rv_backup_create(run->ctx, link, &options, &made, err);
    rv_wipe(password, sizeof password);
    if (fine) {
        json_object_set_new(run->result, "folder", json_string(made.folder));
        json_object_set_new(run->result, "encrypted", json_boolean(made.encrypted));
        json_object_set_new(run->result, "read_back", json_boolean(made.read_back));
        json_object_set_new(run->result, "incremental", json_boolean(made.incremental));
        json_object_set_new(run->result, "went_on", json_boolean(made.went_on));
    }
    rv_json_set_count(run->result, "files_received", made.served.files_in);
    rv_json_set_count(run->result, "bytes_received", made.served.bytes_in);
    rv_json_set_count(run->result, "files", made.files);
    rv_json_set_count(run->result, "left_out", made.left_out);
    rv_free(made.folder);
    return fine;
}

static const struct rv_option create_options[] = {
    { "to", 0, "DIR", "folder of backups (else revive's own); the phone's folder is made in it" },
    { "only", 0, "NAMES",
      "keep these alone: domains (CameraRollDomain), apps by id, settings, keychain; into a folder of their own" },
    { "full", 0, NULL, "everything anew, not only what changed since the last backup" },
    RV_BACKUP_PASSWORD_OPTION,
};

const struct rv_command rv_verb_backup_create = {
    .name = "backup create",
    .summary = "Back the phone up; the last good backup is kept until the new one is whole",
    .about = "Only what changed since the last backup comes over the cable. The new backup is put together beside the "
             "last one, read back, and takes its place in one step: whatever happens on the way, the last good backup "
             "is as it was, and the same command goes on. iOS 16.1 and later asks for the passcode on the phone.",
    .example = "revive backup create --to /media/ada/disk/backups\n    a backup of the phone on an attached disk",
    .options = create_options,
    .option_count = RV_COUNT(create_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE,
    .run = run_create,
};

/* ---- restore ---- */

/* How old it is: what came onto the phone since is not in it. */
static void age_words(const struct rv_backup *b, char *out, size_t room)
{
    int64_t then = rv_backup_date(b), days = then > 0 ? ((int64_t)time(NULL) - then) / 86400 : -1;
    if (days < 0)
        snprintf(out, room, "%s", _("It does not say when it was made."));
    else if (days == 0)
        snprintf(out, room, "%s", _("It was made today."));
    else
        snprintf(out, room, _("It is %lld days old: what came onto the phone since then is not in it."),
                 (long long)days);
}

/* What a person should know before the question; nothing of it forbids the restore. */
static void tell_before(struct rv_run *run, struct rv_lockdown *link, const struct rv_backup *b)
{
    if (rv_backup_date(b) > 0 && (int64_t)time(NULL) - rv_backup_date(b) > OLD_DAYS * 86400)
        rv_tell_warning(run->ctx, "%s",
                        _("This backup is old, and an old backup may bring an old fault back. If the trouble returns: "
                          "restore the phone again, and the backup with --without settings."));
    if (rv_backup_setup_waits(link))
        rv_tell_note(
            run->ctx, "%s",
            _("The phone is in its set-up: let it wait at \"Apps & Data\" (\"Transfer Your Apps & Data\"). This "
              "is the moment for a backup."));
}

static bool ask_consent(struct rv_run *run, const struct rv_backup *b, struct rv_error *err)
{
    char text[800], age[160], without[160] = "";
    age_words(b, age, sizeof age);
    if (rv_arg(run->args, "without") != NULL)
        snprintf(without, sizeof without, _(" Left out: %.100s."), rv_arg(run->args, "without"));
    snprintf(
        text, sizeof text,
        _("The backup of %s (iOS %s) is brought onto this phone. %s%s What is on the phone now and not in the backup "
          "%s."),
        rv_backup_text(b, "Device Name", "DeviceName"), rv_backup_text(b, "Product Version", "ProductVersion"), age,
        without, rv_arg_flag(run->args, "keep-others") ? _("stays where it can") : _("is removed"));
    struct rv_question question = { .id = "backup-restore", .text = text };
    return rv_ask(run->ctx, &question, err);
}

static bool take_choice(struct rv_run *run, struct rv_choice *choice, struct rv_bring_options *options,
                        struct rv_error *err)
{
    const char *words = rv_arg(run->args, "without");
    if (words == NULL)
        return true;
    options->without = choice;
    if (!rv_choice_parse(words, false, choice, err))
        return false;
    if (rv_choice_has(choice, "settings"))
        options->settings = false;
    return true;
}

static bool run_restore_backup(struct rv_run *run, struct rv_error *err)
{
    struct rv_device device;
    struct rv_choice choice;
    char password[RV_BACKUP_PASSWORD_MAX] = "";
    struct rv_bring_options options = { .system_files = !rv_arg_flag(run->args, "no-system"),
                                        .settings = !rv_arg_flag(run->args, "no-settings"),
                                        .reboot = !rv_arg_flag(run->args, "no-restart"),
                                        .remove_others = !rv_arg_flag(run->args, "keep-others"),
                                        .any_version = rv_arg_flag(run->args, "any-version") };
    if (!take_choice(run, &choice, &options, err))
        return false;
    RV_AUTO(rv_backup) b = rv_backup_pick(run, rv_arg_word(run->args, 0), err);
    if (b == NULL)
        return false;
    json_object_set_new(run->result, "backup", rv_backup_json(b, NULL));
    RV_AUTO(rv_lockdown) link = open_phone(run, &device, err);
    if (link == NULL ||
        (b->encrypted && !rv_backup_password(run, "password-file", "Password of this backup", password, err)))
        return false;
    tell_before(run, link, b);
    if (!ask_consent(run, b, err))
        return false;
    options.password = b->encrypted ? password : NULL;
    struct rv_brought brought = { 0 };
    bool fine = rv_backup_bring(run->ctx, link, b->path, &options, &brought, err);
    rv_wipe(password, sizeof password);
    rv_json_set_count(run->result, "files_sent", brought.served.files_out);
    rv_json_set_count(run->result, "bytes_sent", brought.served.bytes_out);
    rv_json_set_count(run->result, "left_out", brought.left_out);
    json_object_set_new(run->result, "restarts", json_boolean(options.reboot));
    return fine;
}

static const struct rv_option restore_options[] = {
    { "without", 0, "NAMES",
      "leave these behind: settings, keychain, an app by its id (org.example.app), a domain; several with commas" },
    { "no-settings", 0, NULL, "the phone keeps its own settings" },
    { "no-system", 0, NULL, "photos, messages and data of apps only, without the system's own files" },
    { "keep-others", 0, NULL, "what is on the phone and not in the backup stays" },
    { "no-restart", 0, NULL, "the phone is not started anew at the end" },
    { "any-version", 0, NULL, "let the phone judge whether the backup is too new for it" },
    RV_BACKUP_IN_OPTION,
    RV_BACKUP_PASSWORD_OPTION,
};

const struct rv_command rv_verb_backup_restore = {
    .name = "backup restore",
    .summary = "Bring a backup onto the phone, the same or another one",
    .words = "[BACKUP]",
    .about =
        "Looks first whether the backup is finished and of an iOS that the phone takes, whether there is room for it, "
        "and "
        "whether the phone is unlocked and Find My off; says how old the backup is. The backup is only read. The phone "
        "starts anew at the end and puts everything in its place.",
    .example = "revive backup restore \"Ada's iPhone\"\n    onto the attached phone, after a question",
    .options = restore_options,
    .option_count = RV_COUNT(restore_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE,
    .run = run_restore_backup,
};

/* ---- password ---- */

enum { WANTS_OLD = 1, WANTS_NEW = 2 };

static bool ask_new(struct rv_run *run, char new_password[RV_BACKUP_PASSWORD_MAX], struct rv_error *err)
{
    char again[RV_BACKUP_PASSWORD_MAX];
    if (!rv_backup_password(run, "new-password-file", "New password for backups of this phone", new_password, err))
        return false;
    if (new_password[0] == '\0')
        return rv_fail(err, RV_E_USAGE, "an empty password protects nothing");
    if (rv_arg(run->args, "new-password-file") != NULL)
        return true;
    bool same = rv_backup_password(run, "new-password-file", "The same once more", again, err) &&
                strcmp(again, new_password) == 0;
    rv_wipe(again, sizeof again);
    return same || rv_fail(err, RV_E_USAGE, "the two passwords differ: nothing was changed");
}

static bool change(struct rv_run *run, unsigned wants, struct rv_error *err)
{
    struct rv_device device;
    char was[RV_BACKUP_PASSWORD_MAX] = "", now[RV_BACKUP_PASSWORD_MAX] = "";
    bool fine = (wants & WANTS_OLD) == 0 ||
                rv_backup_password(run, "password-file", "Present password for backups of this phone", was, err);
    fine = fine && ((wants & WANTS_NEW) == 0 || ask_new(run, now, err));
    RV_AUTO(rv_lockdown) link = fine ? open_phone(run, &device, err) : NULL;
    fine = link != NULL && rv_backup_change_password(run->ctx, link, (wants & WANTS_OLD) != 0 ? was : NULL,
                                                     (wants & WANTS_NEW) != 0 ? now : NULL, err);
    rv_wipe(was, sizeof was);
    rv_wipe(now, sizeof now);
    if (fine)
        json_object_set_new(run->result, "encrypts", json_boolean((wants & WANTS_NEW) != 0));
    return fine;
}

static bool run_password_set(struct rv_run *run, struct rv_error *err)
{
    return change(run, WANTS_NEW, err);
}

static bool run_password_change(struct rv_run *run, struct rv_error *err)
{
    return change(run, WANTS_OLD | WANTS_NEW, err);
}

static bool run_password_remove(struct rv_run *run, struct rv_error *err)
{
    return change(run, WANTS_OLD, err);
}

#define NEW_PASSWORD_OPTION                                                                                            \
    {                                                                                                                  \
        "new-password-file", 0, "FILE", "the new password, in the first line of this file"                             \
    }
static const struct rv_option set_options[] = { NEW_PASSWORD_OPTION };
static const struct rv_option change_options[] = { NEW_PASSWORD_OPTION, RV_BACKUP_PASSWORD_OPTION };
static const struct rv_option remove_options[] = { RV_BACKUP_PASSWORD_OPTION };

const struct rv_command rv_verb_backup_password_set = {
    .name = "backup password set",
    .summary = "Set a password: the phone encrypts its backups from then on",
    .about =
        "An encrypted backup holds more: passwords, Health, calls, Wi-Fi. Write the password down: nobody can open "
        "such a backup without it. The next backup is a full one. The phone asks for its passcode.",
    .example = "revive backup password set\n    asks for a new password twice",
    .options = set_options,
    .option_count = RV_COUNT(set_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE,
    .run = run_password_set,
};

const struct rv_command rv_verb_backup_password_change = {
    .name = "backup password change",
    .summary = "Change the password that the phone encrypts its backups with",
    .about = "Backups that exist keep the password that they were made with.",
    .example = "revive backup password change\n    asks for the present password and a new one",
    .options = change_options,
    .option_count = RV_COUNT(change_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE,
    .run = run_password_change,
};

const struct rv_command rv_verb_backup_password_remove = {
    .name = "backup password remove",
    .summary = "Remove the password: the phone's next backups are not encrypted",
    .about = "Backups that exist stay encrypted. Backups that are not encrypted hold no passwords and no Health data.",
    .example = "revive backup password remove\n    asks for the present password",
    .options = remove_options,
    .option_count = RV_COUNT(remove_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_DEVICE,
    .run = run_password_remove,
};
