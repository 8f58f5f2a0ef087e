/* SPDX-License-Identifier: Apache-2.0 */
/* `revive backup repair`: a new backup beside the damaged one, checked, and a list of what was lost. */
#include "backup/proof.h"
#include "backup/repair.h"
#include "base/file.h"
#include "command/backup_pick.h"
#include "command/device_json.h"
#include "command/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_ROOM = 4200 };

static void set_repaired(json_t *result, const struct rv_repaired *r, const struct rv_findings *lost)
{
    if (r->folder != NULL)
        json_object_set_new(result, "repaired", json_string(r->folder));
    rv_json_set_count(result, "files_kept", r->files_kept);
    rv_json_set_count(result, "rows_kept", r->rows_kept);
    rv_json_set_count(result, "files_mended", r->files_mended);
    rv_json_set_count(result, "files_named", r->files_named);
    rv_json_set_count(result, "files_nameless", r->files_nameless);
    rv_json_set_count(result, "databases_saved", r->databases_saved);
    json_object_set_new(result, "index_rebuilt", json_boolean(r->index_rebuilt));
    json_object_set_new(result, "keys_of_older_copy", json_boolean(r->keys_of_older_copy));
    json_object_set_new(result, "lost", rv_findings_json(lost));
}

static bool tell_left(const struct rv_findings *f, uint64_t damage, struct rv_error *err)
{
    const struct rv_finding *first = f->kept;
    for (uint32_t i = 1; i < f->kept_count && !rv_finding_rows[first->kind].damage; i++)
        first = &f->kept[i];
    return rv_fail(err, RV_E_CORRUPT, "the mended backup still has %llu faults, first: %s: %s %s",
                   (unsigned long long)damage, rv_finding_rows[first->kind].words,
                   first->domain != NULL ? first->domain : "", first->path != NULL ? first->path : "");
}

struct proving {
    struct rv_run *run;
    const char *password;
};

/* The new backup is believed only when it verifies. */
static bool prove(void *context, const char *folder, struct rv_error *err)
{
    const struct proving *p = context;
    struct rv_run *run = p->run;
    struct rv_findings findings;
    struct rv_verified verified;
    struct rv_verify_options options = { .quick = false };
    RV_AUTO(rv_backup) b = rv_backup_look(run->ctx, folder, err);
    if (b == NULL || (b->encrypted && !rv_backup_unlock(b, p->password, err)))
        return false;
    rv_findings_init(&findings);
    bool fine = rv_backup_verify(b, &options, &findings, &verified, err);
    uint64_t damage = rv_findings_damage(&findings) - findings.counts[RV_FIND_DATABASE];
    if (fine && damage > 0)
        fine = tell_left(&findings, damage, err);
    json_object_set_new(run->result, "left", rv_findings_json(&findings));
    rv_findings_clear(&findings);
    return fine;
}

static bool is_free(const char *path)
{
    struct stat st;
    return lstat(path, &st) != 0 && errno == ENOENT;
}

/* "BACKUP.damaged-20260102-030405", or the next second's. */
static void name_undo(const char *path, char *out, size_t room)
{
    char date[32] = "";
    struct tm tm;
    time_t at = time(NULL);
    do {
        if (gmtime_r(&at, &tm) != NULL)
            strftime(date, sizeof date, "%Y%m%d-%H%M%S", &tm);
        snprintf(out, room, "%s.damaged-%s", path, date);
        at++;
    } while (!is_free(out));
}

/*
 * --in-place: the new one takes the old one's name, the old one stays beside it under another. While the names change
 * the one beside is called so: a run that is broken off there leaves the damaged one, or its mended copy, and the next
 * one keeps it whichever it is.
 */
static const char changing[] = "changing";

static bool swap(struct rv_run *run, struct rv_backup *b, const struct rv_repaired *r, const char *work,
                 struct rv_error *err)
{
    char undo[PATH_ROOM], between[PATH_ROOM + 16];
    name_undo(b->path, undo, sizeof undo);
    snprintf(between, sizeof between, "%s/%s", work, changing);
    if (rename(r->folder, between) != 0 || renameat2(AT_FDCWD, b->path, AT_FDCWD, between, RENAME_EXCHANGE) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "changing %s for the mended backup", b->path);
        rename(between, r->folder); /* it may be used from there */
        return false;
    }
    if (rename(between, undo) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "giving the damaged backup the name %s", undo);
    rmdir(work);
    json_object_set_new(run->result, "repaired", json_string(b->path));
    json_object_set_new(run->result, "undo", json_string(undo));
    return true;
}

/* What an earlier --in-place left when it was broken off: a copy that was not taken yet goes. */
static bool settle_earlier(const struct rv_backup *b, const char *work, struct rv_error *err)
{
    char undo[PATH_ROOM], between[PATH_ROOM + 16];
    name_undo(b->path, undo, sizeof undo);
    snprintf(between, sizeof between, "%s/%s", work, changing);
    if (rename(between, undo) != 0 && errno != ENOENT)
        return rv_fail_sys(err, RV_E_IO, errno, "giving what an earlier repair left the name %s", undo);
    return rv_tree_remove(AT_FDCWD, work, err);
}

static bool repair(struct rv_run *run, struct rv_backup *b, const char *password, struct rv_error *err)
{
    char beside[PATH_ROOM];
    bool in_place = rv_arg_flag(run->args, "in-place");
    const char *to = rv_arg(run->args, "to");
    struct rv_findings lost;
    struct rv_repaired r;
    snprintf(beside, sizeof beside, "%s.%s", b->path, in_place ? "mending" : "repaired");
    struct proving proving = { run, password };
    struct rv_repair_options options = { .prove = prove,
                                         .context = &proving,
                                         .to = in_place || to == NULL ? beside : to,
                                         .password = password,
                                         .for_ios = rv_arg(run->args, "for-ios"),
                                         .link = in_place || rv_arg_flag(run->args, "link") };
    rv_findings_init(&lost);
    r = (struct rv_repaired){ .folder = NULL };
    bool fine = (!in_place || settle_earlier(b, beside, err)) && rv_backup_repair(b, &options, &lost, &r, err);
    set_repaired(run->result, &r, &lost);
    if (r.files_nameless > 0)
        json_object_set_new(run->result, "nameless", json_sprintf("%s/%s", options.to, rv_repair_nameless));
    fine = fine && (!in_place || swap(run, b, &r, beside, err));
    if (fine)
        rv_findings_tell_mended(run, &lost);
    if (!fine && options.to == beside)
        rmdir(beside); /* only when nothing is in it */
    rv_findings_clear(&lost);
    rv_free(r.folder);
    return fine;
}

/*
 * What a damaged backup says of its encryption is not believed: its files decide, and the person is asked when they
 * cannot be opened. A password that is at hand is used at once.
 */
static bool repair_once(struct rv_run *run, bool ask, bool *again, struct rv_error *err)
{
    char password[RV_BACKUP_PASSWORD_MAX] = "";
    struct rv_error unasked = { 0 };
    RV_AUTO(rv_backup) b = rv_backup_pick(run, rv_arg_word(run->args, 0), err);
    if (b == NULL)
        return false;
    json_object_set_new(run->result, "backup", rv_backup_json(b, NULL));
    bool need = ask || rv_arg(run->args, "password-file") != NULL || getenv("REVIVE_BACKUP_PASSWORD") != NULL;
    bool have = need && rv_backup_password(run, "password-file", "Password of this backup", password, &unasked);
    if (need && !have) {
        *err = unasked;
        return false;
    }
    bool fine = repair(run, b, have ? password : NULL, err);
    rv_wipe(password, sizeof password);
    *again = !fine && !have && err->code == RV_E_DENIED;
    return fine;
}

static bool run_repair(struct rv_run *run, struct rv_error *err)
{
    bool again = false;
    const char *version = rv_arg(run->args, "for-ios");
    if (version != NULL && (*version == '\0' || strspn(version, "0123456789.") != strlen(version)))
        return rv_fail(err, RV_E_USAGE, "--for-ios wants a version such as 16.7.2, not %s", version);
    if (rv_arg_flag(run->args, "in-place") && rv_arg(run->args, "to") != NULL)
        return rv_fail(err, RV_E_USAGE, "--in-place and --to DIR exclude each other");
    return repair_once(run, false, &again, err) || (again && repair_once(run, true, &again, err));
}

static const struct rv_option options[] = {
    { "to", 0, "DIR",
      "make the new backup in this folder (else beside the damaged one, in a folder that ends in .repaired)" },
    { "in-place", 0, NULL,
      "the mended backup takes the damaged one's name; the damaged one is kept beside it as an undo copy" },
    { "for-ios", 0, "VERSION",
      "the phone that is to take it has this older system: the backup is marked so (apps may stumble over newer "
      "data)" },
    { "link", 0, NULL, "whole files are linked, not copied: needs hardly any room, on the same disk only" },
    RV_BACKUP_IN_OPTION,
    RV_BACKUP_PASSWORD_OPTION,
};

const struct rv_command rv_verb_backup_repair = {
    .name = "backup repair",
    .summary = "Make a damaged backup into one that a phone takes; say what was lost",
    .words = "[BACKUP]",
    .about = "Writes a new backup and leaves the damaged one as it is. The index of files is searched page by page, in "
             "the logs, in the Snapshot of a broken-off run and in older copies beside it; files that it has forgotten "
             "are found by the paths that phones use and by what databases name. Entries of lost files are dropped, "
             "damaged databases are saved row by row, missing lists are made anew. The result is verified and every "
             "loss is listed; with --in-place only a result that verifies takes the damaged one's place.",
    .example = "revive backup repair ~/Backup/00008030-000A1B2C3D4E802E\n    makes "
               "~/Backup/00008030-000A1B2C3D4E802E.repaired/00008030-000A1B2C3D4E802E",
    .options = options,
    .option_count = RV_COUNT(options),
    .flags = RV_COMMAND_LONG,
    .run = run_repair,
};
