/* SPDX-License-Identifier: Apache-2.0 */
/* `revive backup decrypt` and `backup extract`: the files of a backup as files. */
#include "backup/extract.h"
#include "backup/sorts.h"
#include "command/backup_pick.h"
#include "command/verbs.h"

#include <string.h>

static bool sort_exists(const char *id)
{
    for (unsigned i = 0; i < rv_backup_sort_count; i++)
        if (strcmp(rv_backup_sorts[i].id, id) == 0)
            return true;
    return false;
}

static void set_extracted(struct rv_run *run, const char *to, const struct rv_extracted *x, const struct rv_findings *f)
{
    json_object_set_new(run->result, "to", json_string(to));
    json_object_set_new(run->result, "files", json_integer((json_int_t)x->files));
    json_object_set_new(run->result, "bytes", json_integer((json_int_t)x->bytes));
    json_object_set_new(run->result, "folders", json_integer((json_int_t)x->folders));
    json_object_set_new(run->result, "links_left_out", json_integer((json_int_t)x->links));
    json_object_set_new(run->result, "already_there", json_integer((json_int_t)x->present));
    json_object_set_new(run->result, "failed", json_integer((json_int_t)x->failed));
    json_object_set_new(run->result, "findings", rv_findings_json(f));
}

static bool extract(struct rv_run *run, const struct rv_extract_options *options, struct rv_error *err)
{
    const char *to = rv_arg(run->args, "to");
    struct rv_findings findings;
    struct rv_extracted out;
    if (to == NULL)
        return rv_fail(err, RV_E_USAGE, "--to DIR is missing: where shall the files go?");
    if (options->sort != NULL && !sort_exists(options->sort))
        return rv_fail(err, RV_E_USAGE, "there is no type '%s': `revive backup show` lists them", options->sort);
    RV_AUTO(rv_backup) b = rv_backup_pick(run, rv_arg_word(run->args, 0), err);
    if (b == NULL || !rv_backup_pick_unlock(run, b, err) || !rv_backup_open_index(b, err))
        return false;
    json_object_set_new(run->result, "backup", rv_backup_json(b, NULL));
    rv_tell_step(run->ctx, "extract", "Copying files out of the backup");
    rv_findings_init(&findings);
    bool fine = rv_backup_extract(b, to, options, &findings, &out, err);
    set_extracted(run, to, &out, &findings);
    if (fine && out.failed > 0) {
        rv_findings_tell(run, &findings);
        fine =
            rv_fail(err, RV_E_CORRUPT, "%llu file%s could not be read; %llu are in %s", (unsigned long long)out.failed,
                    out.failed == 1 ? "" : "s", (unsigned long long)(out.files + out.present), to);
        rv_advise(err, RV_ADVICE_BACKUP_DAMAGED);
    } else if (fine && out.files + out.present == 0 && (options->domain || options->path || options->sort)) {
        fine = rv_fail(err, RV_E_NOT_FOUND, "no file of the backup is meant by these options");
    }
    rv_findings_clear(&findings);
    return fine;
}

static bool run_decrypt(struct rv_run *run, struct rv_error *err)
{
    return extract(run, &(struct rv_extract_options){ .domain = NULL }, err);
}

static bool run_extract(struct rv_run *run, struct rv_error *err)
{
    struct rv_extract_options options = { .domain = rv_arg(run->args, "domain"),
                                          .path = rv_arg(run->args, "glob"),
                                          .sort = rv_arg(run->args, "type") };
    if (options.domain == NULL && options.path == NULL && options.sort == NULL)
        return rv_fail(err, RV_E_USAGE, "which files? --type, --domain or --glob; `revive backup decrypt` takes all");
    return extract(run, &options, err);
}

static const struct rv_option decrypt_options[] = {
    { "to", 0, "DIR", "where the files go, as DIR/domain/path" },
    RV_BACKUP_IN_OPTION,
    RV_BACKUP_PASSWORD_OPTION,
};

const struct rv_command rv_verb_backup_decrypt = {
    .name = "backup decrypt",
    .summary = "Copy all files out of a backup, decrypted, by domain and path",
    .words = "[BACKUP]",
    .about =
        "The backup stays as it is. Files keep their dates. A file that is there already with its size and date is "
        "not written again, so a broken-off run goes on. What cannot be read is listed, and the exit code is 5.",
    .example = "revive backup decrypt \"Ada's iPhone\" --to ~/ada\n    all photos, messages and app data as files",
    .options = decrypt_options,
    .option_count = RV_COUNT(decrypt_options),
    .flags = RV_COMMAND_LONG,
    .run = run_decrypt,
};

static const struct rv_option extract_options[] = {
    { "to", 0, "DIR", "where the files go, as DIR/domain/path" },
    { "type", 0, "TYPE", "photos, videos, messages, contacts … as `revive backup show` lists them" },
    { "domain", 0, "PATTERN", "domains that this pattern of the shell means" },
    { "glob", 0, "PATTERN", "paths that this pattern of the shell means; * goes across folders" },
    RV_BACKUP_IN_OPTION,
    RV_BACKUP_PASSWORD_OPTION,
};

const struct rv_command rv_verb_backup_extract = {
    .name = "backup extract",
    .summary = "Copy chosen files out of a backup, decrypted",
    .words = "[BACKUP]",
    .about = "As `revive backup decrypt`, for the files that --type, --domain and --glob mean together.",
    .example = "revive backup extract --type photos --to ~/photos\n    every photo of the only backup that is found",
    .options = extract_options,
    .option_count = RV_COUNT(extract_options),
    .flags = RV_COMMAND_LONG,
    .run = run_extract,
};
