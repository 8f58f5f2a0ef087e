/* SPDX-License-Identifier: Apache-2.0 */
/* `revive backup archive create`, `list` and `restore`: a history of backups in a restic repository. */
#include "backup/facts.h"
#include "backup/history.h"
#include "backup/proof.h"
#include "base/file.h"
#include "base/text.h"
#include "command/backup_pick.h"
#include "command/device_json.h"
#include "command/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { TAG_ROOM = 160, ADDRESS_ROOM = 4096, NAME_START = 4 };

/* ---- the archive that is meant ---- */

static const char *address_of(struct rv_run *run, struct rv_error *err)
{
    const char *address = rv_arg(run->args, "repo");
    address = address != NULL ? address : getenv("RESTIC_REPOSITORY");
    if (address == NULL || *address == '\0')
        rv_fail(err, RV_E_USAGE, "--repo ADDRESS is missing (or RESTIC_REPOSITORY): where is the archive?");
    return address;
}

/* rest:https://ada:secret@host/ is shown without the secret. */
static void show_address(json_t *result, const char *address)
{
    char shown[ADDRESS_ROOM];
    const char *begin = strstr(address, "://"), *at = begin != NULL ? strchr(begin + 3, '@') : NULL;
    const char *colon = at != NULL ? memchr(begin + 3, ':', (size_t)(at - begin - 3)) : NULL;
    if (colon != NULL)
        snprintf(shown, sizeof shown, "%.*s:***%s", (int)(colon - address), address, at);
    else
        snprintf(shown, sizeof shown, "%s", address);
    rv_json_set_text(result, "repository", shown);
}

static bool ask_password(struct rv_run *run, bool twice, char out[RV_BACKUP_PASSWORD_MAX], struct rv_error *err)
{
    char again[RV_BACKUP_PASSWORD_MAX];
    if (!rv_backup_password(run, "archive-password-file", "Password of the archive", out, err))
        return false;
    if (*out == '\0')
        return rv_fail(err, RV_E_USAGE, "an archive has a password: this one is empty");
    bool given = rv_arg(run->args, "archive-password-file") != NULL || getenv("RESTIC_PASSWORD") != NULL ||
                 getenv("RESTIC_PASSWORD_FILE") != NULL;
    if (!twice || given)
        return true;
    bool same =
        rv_backup_password(run, "archive-password-file", "The same once more", again, err) && strcmp(out, again) == 0;
    rv_wipe(again, sizeof again);
    return same || rv_fail(err, RV_E_USAGE, "the two passwords differ: nothing was begun");
}

static struct rv_history *open_archive(struct rv_run *run, char password[RV_BACKUP_PASSWORD_MAX], struct rv_error *err)
{
    const char *address = address_of(run, err);
    if (address == NULL || !ask_password(run, rv_arg_flag(run->args, "begin"), password, err))
        return NULL;
    show_address(run->result, address);
    return rv_history_open(run->ctx, address, password, err);
}

#define REPO_OPTION                                                                                                    \
    {                                                                                                                  \
        "repo", 0, "ADDRESS",                                                                                          \
            "where the archive is: a folder, sftp:user@host:/path, rest:https://host/, s3:https://host/bucket (else "  \
            "RESTIC_REPOSITORY)"                                                                                       \
    }
#define ARCHIVE_PASSWORD_OPTION                                                                                        \
    {                                                                                                                  \
        "archive-password-file", 0, "FILE",                                                                            \
            "the archive's password, in the first line of this file (else RESTIC_PASSWORD_FILE or RESTIC_PASSWORD, "   \
            "else it is asked for)"                                                                                    \
    }
#define AS_IT_IS_OPTION                                                                                                \
    {                                                                                                                  \
        "as-it-is", 0, NULL, "also a damaged or unfinished backup; it is marked as such"                               \
    }

/* ---- is it worth it ---- */

/* How far it can be checked: the password is not asked for only to look. */
static bool is_openable(struct rv_run *run, struct rv_backup *b, bool *open, struct rv_error *err)
{
    *open = true;
    if (!b->encrypted)
        return true;
    *open = rv_arg(run->args, "password-file") != NULL || getenv("REVIVE_BACKUP_PASSWORD") != NULL;
    return !*open || rv_backup_pick_unlock(run, b, err);
}

/* "whole", "lists" or "damaged"; NULL with an error: it cannot be told, or damaged and not agreed to. */
static const char *judge(struct rv_run *run, struct rv_backup *b, struct rv_error *err)
{
    struct rv_verify_options options = { .quick = rv_arg_flag(run->args, "quick") };
    struct rv_verified verified;
    struct rv_findings findings;
    bool open;
    if (!is_openable(run, b, &open, err))
        return NULL;
    rv_findings_init(&findings);
    bool fine = true;
    if (open || b->kind == RV_BACKUP_MBDB)
        fine = rv_backup_verify(b, &options, &findings, &verified, err);
    else
        rv_backup_check_lists(b, &findings);
    uint64_t damage = rv_findings_damage(&findings);
    json_object_set_new(run->result, "findings", rv_findings_json(&findings));
    if (fine && damage > 0 && !rv_arg_flag(run->args, "as-it-is")) {
        rv_findings_tell(run, &findings);
        fine = rv_fail(err, RV_E_CORRUPT, "%llu fault%s in the backup %s", (unsigned long long)damage,
                       damage == 1 ? "" : "s", b->path);
        rv_advise(err, RV_ADVICE_BACKUP_DAMAGED);
    }
    rv_findings_clear(&findings);
    if (!fine)
        return NULL;
    return damage > 0 ? "damaged" : open && !options.quick ? "whole" : "lists";
}

/* ---- create ---- */

/* One tag; a comma would make two of it. */
static void set_tag(char out[TAG_ROOM], const char *key, const char *value)
{
    snprintf(out, TAG_ROOM, "%s:%s", key, value);
    rv_text_clean(out);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == ',' ? ' ' : *p;
}

static bool save(struct rv_run *run, struct rv_history *archive, const struct rv_backup *b, const char *state,
                 struct rv_error *err)
{
    char path[PATH_MAX], made[32] = "", tags[5][TAG_ROOM];
    time_t date = (time_t)rv_backup_date(b);
    struct tm tm;
    struct rv_saved saved;
    if (realpath(b->path, path) == NULL || strrchr(path, '/') == path)
        return rv_fail_sys(err, RV_E_IO, errno, "finding %s", b->path);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    RV_AUTO_FD parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent >= 0 && flock(parent, LOCK_SH | LOCK_NB) != 0)
        return rv_fail(err, RV_E_BUSY, "another program is making a backup in %s", path);
    if (date != 0 && gmtime_r(&date, &tm) != NULL)
        strftime(made, sizeof made, "%Y-%m-%dT%H:%M:%SZ", &tm);
    set_tag(tags[0], "device", rv_backup_text(b, "Device Name", "DeviceName"));
    set_tag(tags[1], "udid", rv_backup_text(b, "Target Identifier", "UniqueDeviceID"));
    set_tag(tags[2], "ios", rv_backup_text(b, "Product Version", "ProductVersion"));
    set_tag(tags[3], "made", made);
    set_tag(tags[4], "state", state);
    const char *const list[] = { tags[0], tags[1], tags[2], tags[3], tags[4], NULL };
    rv_tell_step(run->ctx, "archive", "Putting the backup into the archive");
    bool fine = rv_history_save(archive, path, slash + 1, list, &saved, err);
    rv_json_set_text(run->result, "snapshot", saved.snapshot);
    rv_json_set_text(run->result, "state", state);
    rv_json_set_count(run->result, "files_new", saved.files_new);
    rv_json_set_count(run->result, "files_changed", saved.files_changed);
    rv_json_set_count(run->result, "files_same", saved.files_same);
    rv_json_set_count(run->result, "bytes", saved.bytes);
    rv_json_set_count(run->result, "bytes_added", saved.bytes_added);
    return fine;
}

/* True: there is an archive now. */
static bool begin_or_look(struct rv_run *run, struct rv_history *archive, struct rv_error *err)
{
    struct rv_error why = { 0 };
    rv_tell_step(run->ctx, "open", "Opening the archive");
    bool there = rv_history_look(archive, &why), begin = rv_arg_flag(run->args, "begin");
    if (!there && why.code == RV_E_NOT_FOUND && begin) {
        if (!rv_history_begin(archive, err))
            return false;
        rv_tell_note(run->ctx, "A new archive is begun. Write its password down and keep it apart from this computer: "
                               "without it nobody can open the archive.");
    } else if (!there) {
        *err = why;
        return false;
    }
    json_object_set_new(run->result, "begun", json_boolean(!there));
    return true;
}

static bool run_create(struct rv_run *run, struct rv_error *err)
{
    char password[RV_BACKUP_PASSWORD_MAX] = "";
    RV_AUTO(rv_backup) b = rv_backup_pick(run, rv_arg_word(run->args, 0), err);
    if (b == NULL)
        return false;
    json_object_set_new(run->result, "backup", rv_backup_json(b, NULL));
    RV_AUTO(rv_history) archive = open_archive(run, password, err);
    const char *state = archive != NULL && begin_or_look(run, archive, err) ? judge(run, b, err) : NULL;
    bool fine = state != NULL && save(run, archive, b, state, err);
    rv_wipe(password, sizeof password);
    return fine;
}

static const struct rv_option create_options[] = {
    REPO_OPTION,
    { "begin", 0, NULL, "begin a new archive when there is none at that place" },
    AS_IT_IS_OPTION,
    { "quick", 0, NULL, "check names and sizes of the backup only; contents are not read twice" },
    ARCHIVE_PASSWORD_OPTION,
    RV_BACKUP_IN_OPTION,
    RV_BACKUP_PASSWORD_OPTION,
};

const struct rv_command rv_verb_backup_archive_create = {
    .name = "backup archive create",
    .summary = "Put a backup into an archive that keeps every version (needs restic)",
    .words = "[BACKUP]",
    .about = "The backup is checked first, then restic stores what the archive does not hold yet, encrypted with the "
             "archive's own password. An encrypted backup stays encrypted; without its password only its lists are "
             "checked. Broken off, the same command goes on with what is there. Give an address that holds a password "
             "in RESTIC_REPOSITORY, where other users of this computer do not see it.",
    .example =
        "revive backup archive create --begin --repo sftp:ada@nas:/backups \"Ada's iPhone\"\n    the newest state "
        "of that backup, beside all that were archived before",
    .options = create_options,
    .option_count = RV_COUNT(create_options),
    .flags = RV_COMMAND_LONG,
    .run = run_create,
};

/* ---- list ---- */

static json_t *snapshot_json(const struct rv_snapshot *s, size_t number)
{
    json_t *j = json_pack("{s:I}", "number", (json_int_t)number);
    rv_json_set_text(j, "id", s->id);
    rv_json_set_text(j, "archived", s->time);
    rv_json_set_text(j, "made", s->made);
    rv_json_set_text(j, "device", s->device);
    rv_json_set_text(j, "udid", s->udid);
    rv_json_set_text(j, "version", s->version);
    rv_json_set_text(j, "name", s->folder);
    rv_json_set_text(j, "host", s->host);
    rv_json_set_text(j, "state", s->state);
    return j;
}

static bool run_list(struct rv_run *run, struct rv_error *err)
{
    char password[RV_BACKUP_PASSWORD_MAX] = "";
    struct rv_snapshot *list = NULL;
    size_t count = 0;
    RV_AUTO(rv_history) archive = open_archive(run, password, err);
    bool fine = archive != NULL && rv_history_list(archive, &list, &count, err);
    json_t *snapshots = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(snapshots, snapshot_json(&list[i], i + 1));
    json_object_set_new(run->result, "snapshots", snapshots);
    rv_free(list);
    rv_wipe(password, sizeof password);
    return fine;
}

static const struct rv_option list_options[] = { REPO_OPTION, ARCHIVE_PASSWORD_OPTION };

const struct rv_command rv_verb_backup_archive_list = {
    .name = "backup archive list",
    .summary = "List the backups in an archive, oldest first (needs restic)",
    .about = "Each with its number, phone, the day it was made and the day it was archived. Snapshots that other "
             "programs put there are left out.",
    .example = "revive backup archive list --repo /media/ada/disk/archive\n    every version of every phone in it",
    .options = list_options,
    .option_count = RV_COUNT(list_options),
    .run = run_list,
};

/* ---- restore ---- */

static bool is_meant(const struct rv_snapshot *s, size_t number, const char *word)
{
    uint64_t wanted;
    if (strlen(word) < NAME_START + 4 && rv_text_number(word, 10, &wanted))
        return wanted == number;
    return strcmp(word, "latest") == 0 || (strlen(word) >= NAME_START && strncmp(s->id, word, strlen(word)) == 0) ||
           rv_text_equal_nocase(word, s->device) || rv_text_equal_nocase(word, s->udid) ||
           rv_text_equal_nocase(word, s->folder);
}

/* A phone's name means its newest. */
static const struct rv_snapshot *choose(const struct rv_snapshot *list, size_t count, const char *word,
                                        struct rv_error *err)
{
    for (size_t i = count; i-- > 0;)
        if (word == NULL ? count == 1 : is_meant(&list[i], i + 1, word))
            return &list[i];
    if (word == NULL && count > 1)
        rv_fail(err, RV_E_USAGE, "the archive holds %zu backups: which one? Name its number in `backup archive list`",
                count);
    else
        rv_fail(err, RV_E_NOT_FOUND, "the archive holds no backup%s%s", word != NULL ? " called " : "",
                word != NULL ? word : "");
    rv_advise(err, RV_ADVICE_NO_BACKUP_THERE);
    return NULL;
}

static bool prove(void *context, const char *folder, struct rv_error *err)
{
    struct rv_run *run = context;
    rv_tell_step(run->ctx, "verify", "Checking the backup before it gets its name");
    RV_AUTO(rv_backup) b = rv_backup_look(run->ctx, folder, err);
    const char *state = b != NULL ? judge(run, b, err) : NULL;
    if (state == NULL)
        return false;
    rv_json_set_text(run->result, "state", state);
    return true;
}

static bool run_restore(struct rv_run *run, struct rv_error *err)
{
    char password[RV_BACKUP_PASSWORD_MAX] = "";
    const char *to = rv_arg(run->args, "to"), *word = rv_arg_word(run->args, 0);
    struct rv_snapshot *list = NULL;
    size_t count = 0;
    char *folder = NULL;
    if (to == NULL)
        return rv_fail(err, RV_E_USAGE, "--to DIR is missing: in which folder shall the backup stand?");
    RV_AUTO(rv_history) archive = open_archive(run, password, err);
    bool fine = archive != NULL && rv_history_list(archive, &list, &count, err);
    const struct rv_snapshot *which = fine ? choose(list, count, word, err) : NULL;
    if (which != NULL) {
        json_object_set_new(run->result, "snapshot", snapshot_json(which, (size_t)(which - list) + 1));
        rv_tell_step(run->ctx, "restore", "Bringing the backup out of the archive");
        fine = rv_history_bring(archive, which, to, prove, run, &folder, err);
        rv_json_set_text(run->result, "folder", folder);
        rv_free(folder);
    }
    rv_free(list);
    rv_wipe(password, sizeof password);
    return which != NULL && fine;
}

static const struct rv_option restore_options[] = {
    { "to", 0, "DIR", "the backup stands as DIR/NAME; a folder of that name is never written over" },
    REPO_OPTION,
    AS_IT_IS_OPTION,
    { "quick", 0, NULL, "check names and sizes of the backup only; restic has checked every byte" },
    ARCHIVE_PASSWORD_OPTION,
    RV_BACKUP_PASSWORD_OPTION,
};

const struct rv_command rv_verb_backup_archive_restore = {
    .name = "backup archive restore",
    .summary = "Bring a backup out of an archive into a new folder (needs restic)",
    .words = "[SNAPSHOT]",
    .about =
        "SNAPSHOT is a number or id of `revive backup archive list`, \"latest\", or a phone's name, which means its "
        "newest. The backup stands under a hidden name until restic has compared every byte and revive has "
        "checked it; then it gets its name. From there `revive backup restore` brings it onto a phone.",
    .example = "revive backup archive restore \"Ada's iPhone\" --repo /media/ada/disk/archive --to ~/backups\n    the "
               "newest archived backup of that phone",
    .options = restore_options,
    .option_count = RV_COUNT(restore_options),
    .flags = RV_COMMAND_LONG,
    .run = run_restore,
};
