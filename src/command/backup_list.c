/* SPDX-License-Identifier: Apache-2.0 */
/* `revive backup list`, `show` and `verify`: which backups there are, what is inside, are they whole. */
#include "backup/facts.h"
#include "backup/find.h"
#include "backup/proof.h"
#include "backup/sorts.h"
#include "base/text.h"
#include "command/backup_pick.h"
#include "command/device_json.h"
#include "command/verbs.h"

#include <string.h>

/* ---- list ---- */

struct listing {
    struct rv_run *run;
    json_t *backups;
};

static bool list_one(void *context, const char *path, const char *place, struct rv_error *err)
{
    struct listing *l = context;
    struct rv_error why = { 0 };
    RV_AUTO(rv_backup) b = rv_backup_look(l->run->ctx, path, &why);
    if (!rv_cancel_point(&l->run->ctx->cancel, err))
        return false;
    json_t *j;
    if (b == NULL) {
        j = json_pack("{s:s, s:s, s:s}", "folder", path, "state", "unreadable", "why", why.text[0]);
    } else {
        struct rv_backup_size size = rv_backup_measure(b);
        j = rv_backup_json(b, place);
        json_object_set_new(j, "bytes", json_integer((json_int_t)size.bytes));
        json_object_set_new(j, "files", json_integer((json_int_t)size.files));
    }
    json_object_set_new(j, "number", json_integer((json_int_t)json_array_size(l->backups) + 1));
    json_array_append_new(l->backups, j);
    return true;
}

static bool run_list(struct rv_run *run, struct rv_error *err)
{
    struct listing l = { .run = run, .backups = json_array() };
    json_object_set_new(run->result, "backups", l.backups);
    return rv_backup_find(run->ctx, rv_arg(run->args, "in"), list_one, &l, err) || rv_while(err, "looking for backups");
}

static const struct rv_option list_options[] = { RV_BACKUP_IN_OPTION };

const struct rv_command rv_verb_backup_list = {
    .name = "backup list",
    .summary = "List all backups found on this computer and on attached disks, with their state",
    .about = "Looks into revive's own folder and into those of iTunes, Finder and Apple Devices, here and on every "
             "attached disk. Broken-off and damaged backups, and folders that were backups once, are listed too.",
    .example = "revive backup list --in /media/ada/old-mac\n    backups of all users of an attached Mac disk",
    .options = list_options,
    .option_count = RV_COUNT(list_options),
    .run = run_list,
};

/* ---- show ---- */

static json_t *part_json(const char *name, const char *words, const struct rv_backup_part *part)
{
    return json_pack("{s:s, s:s, s:I, s:I}", "id", name, "words", words, "files", (json_int_t)part->files, "bytes",
                     (json_int_t)part->bytes);
}

static void set_content(json_t *result, const struct rv_backup_content *c)
{
    json_t *sorts = json_array(), *domains = json_array();
    for (unsigned i = 0; i < rv_backup_sort_count; i++)
        if (c->sorts[i].files > 0)
            json_array_append_new(sorts,
                                  part_json(rv_backup_sorts[i].id,
                                            c->sorts[i].files == 1 ? rv_backup_sorts[i].one : rv_backup_sorts[i].many,
                                            &c->sorts[i]));
    for (uint32_t i = 0; i < c->domain_count; i++)
        json_array_append_new(domains, part_json(c->domains[i].name, "", &c->domains[i].part));
    json_object_set_new(result, "sorts", sorts);
    json_object_set_new(result, "domains", domains);
    json_object_set_new(result, "content_files", json_integer((json_int_t)c->total.files));
    json_object_set_new(result, "content_bytes", json_integer((json_int_t)c->total.bytes));
}

static bool run_show(struct rv_run *run, struct rv_error *err)
{
    RV_AUTO(rv_backup) b = rv_backup_pick(run, rv_arg_word(run->args, 0), err);
    if (b == NULL)
        return false;
    struct rv_backup_size size = rv_backup_measure(b);
    json_t *j = rv_backup_json(b, NULL);
    json_object_set_new(j, "bytes", json_integer((json_int_t)size.bytes));
    json_object_set_new(j, "files", json_integer((json_int_t)size.files));
    json_object_set_new(run->result, "backup", j);
    if (!rv_backup_pick_unlock(run, b, err) || !rv_backup_open_index(b, err))
        return rv_while(err, "looking into %s", b->path);
    struct rv_backup_content content;
    bool fine = rv_backup_content_read(b, &content, err);
    set_content(run->result, &content);
    for (uint32_t i = 0; i < content.domain_count && rv_arg_flag(run->args, "domains"); i++) {
        char words[32];
        rv_text_size(content.domains[i].part.bytes, words, sizeof words);
        rv_say(run, "%9llu %9s  %s", (unsigned long long)content.domains[i].part.files, words, content.domains[i].name);
    }
    rv_backup_content_clear(&content);
    if (!fine && err->code == RV_E_CORRUPT)
        rv_advise(err, RV_ADVICE_BACKUP_DAMAGED);
    return fine;
}

static const struct rv_option show_options[] = {
    { "domains", 0, NULL, "each domain (each app, and each part of the system) by number and size as well" },
    RV_BACKUP_IN_OPTION,
    RV_BACKUP_PASSWORD_OPTION,
};

const struct rv_command rv_verb_backup_show = {
    .name = "backup show",
    .summary = "Show what a backup holds: photos, messages, apps, by number and size",
    .words = "[BACKUP]",
    .about = "BACKUP is a folder, or the number, phone's name or UDID that `revive backup list` shows. Without it the "
             "only one that is found.",
    .example = "revive backup show \"Ada's iPhone\"\n    date, state, and how many photos, messages and files of apps",
    .options = show_options,
    .option_count = RV_COUNT(show_options),
    .run = run_show,
};

/* ---- verify ---- */

static void set_verified(json_t *result, const struct rv_verified *v)
{
    rv_json_set_count(result, "rows", v->rows);
    rv_json_set_count(result, "checked_files", v->files);
    rv_json_set_count(result, "checked_bytes", v->bytes);
    rv_json_set_count(result, "digests", v->digests);
    rv_json_set_count(result, "decrypted", v->decrypted);
}

static bool run_verify(struct rv_run *run, struct rv_error *err)
{
    struct rv_verify_options options = { .quick = rv_arg_flag(run->args, "quick") };
    struct rv_verified verified;
    struct rv_findings findings;
    RV_AUTO(rv_backup) b = rv_backup_pick(run, rv_arg_word(run->args, 0), err);
    if (b == NULL)
        return false;
    json_object_set_new(run->result, "backup", rv_backup_json(b, NULL));
    if (b->has_keybag && !rv_backup_pick_unlock(run, b, err))
        return false;
    rv_findings_init(&findings);
    bool fine = rv_backup_verify(b, &options, &findings, &verified, err);
    uint64_t damage = rv_findings_damage(&findings);
    json_object_set_new(run->result, "findings", rv_findings_json(&findings));
    set_verified(run->result, &verified);
    if (fine && damage > 0) {
        rv_findings_tell(run, &findings);
        fine = rv_fail(err, RV_E_CORRUPT, "%llu fault%s in the backup %s (%llu files looked at)",
                       (unsigned long long)damage, damage == 1 ? "" : "s", b->path, (unsigned long long)verified.files);
        rv_advise(err, b->state != RV_BACKUP_FINISHED && damage == findings.counts[RV_FIND_UNFINISHED]
                           ? RV_ADVICE_BACKUP_UNFINISHED
                           : RV_ADVICE_BACKUP_DAMAGED);
    }
    rv_findings_clear(&findings);
    return fine;
}

static const struct rv_option verify_options[] = {
    RV_BACKUP_IN_OPTION,
    RV_BACKUP_PASSWORD_OPTION,
    { "quick", 0, NULL, "names and sizes only; contents are not read" },
};

const struct rv_command rv_verb_backup_verify = {
    .name = "backup verify",
    .summary = "Check a backup: every file against the index, every structure against its grammar",
    .words = "[BACKUP]",
    .about =
        "Reads all of it and writes nothing: property lists, index, each file's size, digest and decryptability, the "
        "databases of messages, photos and contacts, and files that the index does not know. Exit 5 with a list "
        "when something is damaged.",
    .example = "revive backup verify ~/Backup/00008030-000A1B2C3D4E802E\n    is every file of it whole?",
    .options = verify_options,
    .option_count = RV_COUNT(verify_options),
    .flags = RV_COMMAND_LONG,
    .run = run_verify,
};
