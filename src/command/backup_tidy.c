/* SPDX-License-Identifier: Apache-2.0 */
/* `revive backup diff`, `delete` and `prune`: what changed, and what may go. */
#include "backup/differ.h"
#include "backup/facts.h"
#include "backup/find.h"
#include "backup/place.h"
#include "base/text.h"
#include "command/backup_pick.h"
#include "command/device_json.h"
#include "command/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHANGES_KEPT = 10000, PATH_ROOM = 4200, FOUND_MAX = 256 };

/* ---- diff ---- */

struct changes {
    struct rv_run *run;
    json_t *list;
};
static const char *const change_names[] = { "added", "removed", "changed" };

static bool take_change(void *context, enum rv_backup_change change, const char *domain, const char *path,
                        uint64_t size, struct rv_error *err)
{
    struct changes *c = context;
    (void)err;
    rv_say(c->run, "%-8s %s %s", change_names[change], domain, path);
    if (json_array_size(c->list) < CHANGES_KEPT) {
        json_t *one = json_pack("{s:s, s:I}", "change", change_names[change], "bytes", (json_int_t)size);
        rv_json_set_text(one, "domain", domain);
        rv_json_set_text(one, "path", path);
        json_array_append_new(c->list, one);
    }
    return true;
}

static struct rv_backup *open_for_diff(struct rv_run *run, size_t word, struct rv_error *err)
{
    RV_AUTO(rv_backup) b = rv_backup_pick(run, rv_arg_word(run->args, word), err);
    return b != NULL && rv_backup_pick_unlock(run, b, err) && rv_backup_open_index(b, err) ? rv_steal(&b) : NULL;
}

static bool run_diff(struct rv_run *run, struct rv_error *err)
{
    struct rv_backup_difference d = { 0 };
    if (rv_arg_word(run->args, 1) == NULL)
        return rv_fail(err, RV_E_USAGE, "two backups are compared: name the older and the newer one");
    RV_AUTO(rv_backup) from = open_for_diff(run, 0, err);
    RV_AUTO(rv_backup) to = from != NULL ? open_for_diff(run, 1, err) : NULL;
    struct changes c = { .run = run, .list = json_array() };
    json_object_set_new(run->result, "changes", c.list);
    if (to == NULL || !rv_backup_differ(from, to, take_change, &c, &d, err))
        return false;
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = { { "added", d.added }, { "removed", d.removed }, { "changed", d.changed }, { "same", d.same } };
    for (size_t i = 0; i < RV_COUNT(counts); i++)
        json_object_set_new(run->result, counts[i].key, json_integer((json_int_t)counts[i].value));
    return true;
}

static const struct rv_option diff_options[] = { RV_BACKUP_IN_OPTION, RV_BACKUP_PASSWORD_OPTION };

const struct rv_command rv_verb_backup_diff = {
    .name = "backup diff",
    .summary = "Show which files were added, removed and changed between two backups",
    .words = "OLDER NEWER",
    .about = "Compares the indexes: names, sizes, dates and digests. Contents are not read.",
    .example = "revive backup diff 1 2\n    what the second backup of the list has that the first has not",
    .options = diff_options,
    .option_count = RV_COUNT(diff_options),
    .flags = RV_COMMAND_LONG,
    .run = run_diff,
};

/* ---- delete ---- */

static const char deleting[] = ".deleting";

static int open_parent(const char *path, struct rv_error *err)
{
    char parent[PATH_ROOM];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash != NULL)
        slash[slash == parent] = '\0';
    int top = open(slash == NULL ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        rv_fail_sys(err, RV_E_IO, errno, "opening the folder of %s", path);
    return top;
}

static bool finish_one(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    size_t len = strlen(name), end = sizeof deleting - 1;
    if (name[0] != '.' || len <= end + 1 || strcmp(name + len - end, deleting) != 0 || !S_ISDIR(st->st_mode))
        return true;
    return rv_place_remove(*(int *)context, name, err);
}

/* Deletions of this folder that were broken off. */
static bool finish_deletions(int top, struct rv_error *err)
{
    return rv_place_each(top, ".", finish_one, &top, err);
}

/* One step out of sight, so that half a backup is never found under the name of a whole one. */
static bool remove_folder(const char *path, struct rv_error *err)
{
    char hidden[RV_PLACE_PART_MAX + 16];
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    RV_AUTO_FD top = open_parent(path, err);
    if (top < 0 || !finish_deletions(top, err))
        return false;
    snprintf(hidden, sizeof hidden, ".%.200s%s", name, deleting);
    if (renameat(top, name, top, hidden) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "taking %s away", path);
    return rv_place_remove(top, hidden, err);
}

static bool ask_delete(struct rv_run *run, const struct rv_backup *b, struct rv_error *err)
{
    char text[512], size[32];
    const char *device = rv_backup_text(b, "Device Name", "DeviceName");
    rv_text_size(rv_backup_measure(b).bytes, size, sizeof size);
    snprintf(text, sizeof text, "The backup of %s in %s (%s) is deleted for good.",
             *device != '\0' ? device : "a phone", b->path, size);
    const char *slash = strrchr(b->path, '/');
    struct rv_question question = { .id = "backup-delete",
                                    .text = text,
                                    .type_exactly = *device != '\0' ? device
                                                    : slash != NULL ? slash + 1
                                                                    : b->path };
    return rv_ask(run->ctx, &question, err);
}

static bool run_delete(struct rv_run *run, struct rv_error *err)
{
    if (rv_arg_word(run->args, 0) == NULL)
        return rv_fail(err, RV_E_USAGE, "which backup? `revive backup list` shows them");
    RV_AUTO(rv_backup) b = rv_backup_pick(run, rv_arg_word(run->args, 0), err);
    if (b == NULL)
        return false;
    if (!rv_backup_is_folder(b->path))
        return rv_fail(err, RV_E_USAGE, "%s is no backup: nothing is deleted", b->path);
    json_object_set_new(run->result, "backup", rv_backup_json(b, NULL));
    uint64_t bytes = rv_backup_measure(b).bytes;
    if (!ask_delete(run, b, err) || !remove_folder(b->path, err))
        return false;
    json_object_set_new(run->result, "freed_bytes", json_integer((json_int_t)bytes));
    return true;
}

static const struct rv_option delete_options[] = { RV_BACKUP_IN_OPTION };

const struct rv_command rv_verb_backup_delete = {
    .name = "backup delete",
    .summary = "Delete a backup, after its phone's name was typed",
    .words = "BACKUP",
    .about = "Also broken and foreign ones that `revive backup list` shows. A damaged backup is better repaired first.",
    .example = "revive backup delete 3\n    asks for the name of the phone, then deletes the third of the list",
    .options = delete_options,
    .option_count = RV_COUNT(delete_options),
    .flags = RV_COMMAND_ERASES,
    .run = run_delete,
};

/* ---- prune ---- */

struct found {
    char *path, *udid;
    int64_t date;
    bool finished;
};
struct pruning {
    struct rv_run *run;
    struct found list[FOUND_MAX];
    size_t count;
};

static bool find_one(void *context, const char *path, const char *place, struct rv_error *err)
{
    struct pruning *p = context;
    struct rv_error none = { 0 };
    (void)place;
    RV_AUTO(rv_backup) b = rv_backup_look(p->run->ctx, path, &none);
    if (b == NULL || p->count == FOUND_MAX)
        return true;
    struct found *f = &p->list[p->count++];
    f->path = rv_text_copy(path);
    f->udid = rv_text_copy(rv_backup_text(b, "Target Identifier", "UniqueDeviceID"));
    f->date = rv_backup_date(b);
    f->finished = b->state == RV_BACKUP_FINISHED && b->manifest.plist != NULL && b->kind != RV_BACKUP_NO_INDEX;
    return (f->path != NULL && f->udid != NULL) || rv_fail_nomem(err);
}

static int newest_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int order = strcmp(x->udid, y->udid);
    return order != 0 ? order : x->date < y->date ? 1 : x->date > y->date ? -1 : strcmp(x->path, y->path);
}

/* Only finished backups count and go: a broken one may be all that is left of something. */
static bool prune(struct pruning *p, uint64_t keep, json_t *gone, struct rv_error *err)
{
    bool dry = rv_arg_flag(p->run->args, "dry-run");
    uint64_t seen = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct found *f = &p->list[i];
        if (i == 0 || strcmp(f->udid, p->list[i - 1].udid) != 0)
            seen = 0;
        if (!f->finished || *f->udid == '\0' || seen++ < keep)
            continue;
        rv_say(p->run, "%s %s", dry ? "would go:" : "deleted:", f->path);
        if (!dry && !remove_folder(f->path, err))
            return false;
        json_array_append_new(gone, json_string(f->path));
    }
    return true;
}

static bool run_prune(struct rv_run *run, struct rv_error *err)
{
    const char *text = rv_arg(run->args, "keep");
    uint64_t keep = 0;
    if (text == NULL || !rv_text_number(text, 10, &keep) || keep == 0)
        return rv_fail(err, RV_E_USAGE, "--keep N is missing: how many backups of each phone shall stay?");
    struct pruning *p = rv_alloc(sizeof *p);
    if (p == NULL)
        return rv_fail_nomem(err);
    p->run = run;
    json_t *gone = json_array();
    json_object_set_new(run->result, "deleted", gone);
    struct rv_question question = { .id = "backup-prune",
                                    .text = "Older finished backups of each phone are deleted for good." };
    const char *in = rv_arg(run->args, "in");
    bool fine = rv_backup_find(run->ctx, in, find_one, p, err);
    if (p->count > 1)
        qsort(p->list, p->count, sizeof p->list[0], newest_first);
    bool dry = rv_arg_flag(run->args, "dry-run");
    fine = fine && (dry || rv_ask(run->ctx, &question, err)) && prune(p, keep, gone, err);
    RV_AUTO_FD top = fine && !dry && in != NULL ? open(in, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    fine = fine && (top < 0 || finish_deletions(top, err));
    for (size_t i = 0; i < p->count; i++) {
        rv_free(p->list[i].path);
        rv_free(p->list[i].udid);
    }
    rv_free(p);
    return fine;
}

static const struct rv_option prune_options[] = {
    { "keep", 0, "N", "so many finished backups of each phone stay, the newest" },
    { "dry-run", 0, NULL, "say what would go and delete nothing" },
    RV_BACKUP_IN_OPTION,
};

const struct rv_command rv_verb_backup_prune = {
    .name = "backup prune",
    .summary = "Delete older finished backups of each phone",
    .about = "Broken-off and damaged backups are never touched: they may be all that is left of something.",
    .example = "revive backup prune --keep 2 --dry-run\n    which backups would go if two of each phone stayed",
    .options = prune_options,
    .option_count = RV_COUNT(prune_options),
    .flags = RV_COMMAND_LONG | RV_COMMAND_ERASES,
    .run = run_prune,
};
