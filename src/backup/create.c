/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies on the disk at each moment, in the folder of backups:
 *
 *   UDID                 the last good backup, or none
 *   .UDID.cloning        being made of hard links to it; thrown away when it is met
 *   .UDID.work/UDID      what the device writes into: each file under a temporary name, then renamed, so that a
 *                        link to the good backup's file is replaced and never written through; kept for the next run
 *                        when all files had come
 *   .UDID.previous       the backup before, for the moment until its removal is done
 *
 * When the device has said that it is done and the result verifies, everything is secured on the disk (syncfs), the
 * names UDID and .UDID.work/UDID are exchanged in one step, and that is secured. A loss of power leaves the old or the
 * new backup under UDID, both whole.
 */
#include "backup/create.h"

#include "backup/place.h"
#include "backup/proof.h"
#include "backup/standing.h"
#include "base/file.h"
#include "base/language.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { NAME = RV_MUX_UDID + 32 };
#define PART_KEY "revive Only" /* in Info.plist of a backup of a part; other programs do not look at it */

struct creating {
    struct rv_ctx *ctx;
    struct rv_lockdown *link;
    const struct rv_create_options *options;
    struct rv_created *out;
    int top, work;      /* folder of backups; .UDID.work */
    bool good, goes_on; /* there is a last good one; a broken-off run is gone on with */
    bool in_place;      /* the new one has its name */
    struct rv_sync *sync;
    enum rv_standing last;        /* what lies under the phone's name */
    const struct rv_backup *part; /* being cut down to what was asked for */
    char udid[RV_MUX_UDID], work_name[NAME], cloning[NAME], previous[NAME];
};

/* ---- the folder beside ---- */

struct cloning {
    int from, to;
    unsigned depth;
    bool snapshot; /* with what a broken-off run has received */
};

static bool link_entry(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    struct cloning *c = context;
    if (S_ISREG(st->st_mode)) {
        if (linkat(c->from, name, c->to, name, 0) == 0)
            return true;
        return errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP || errno == EXDEV || errno == ENOSYS
                   ? rv_place_copy(c->from, name, c->to, name, err)
                   : rv_fail_sys(err, RV_E_IO, errno, "linking %s", name);
    }
    if (!S_ISDIR(st->st_mode) || c->depth > 2 || (strcmp(name, "Snapshot") == 0 && !c->snapshot))
        return true;
    if (!rv_place_folder(c->to, name, err))
        return false;
    RV_AUTO_FD from = rv_place_open(c->from, name, O_RDONLY | O_DIRECTORY, err);
    RV_AUTO_FD to = from < 0 ? -1 : rv_place_open(c->to, name, O_RDONLY | O_DIRECTORY, err);
    struct cloning inner = { .from = from, .to = to, .depth = c->depth + 1, .snapshot = c->snapshot };
    return to >= 0 && rv_place_each(from, ".", link_entry, &inner, err);
}

static bool clone_last(struct creating *c, bool snapshot, struct rv_error *err)
{
    char inner[NAME * 2];
    snprintf(inner, sizeof inner, "%s/%s", c->cloning, c->udid);
    if (!rv_place_remove(c->top, c->cloning, err) || !rv_place_folder(c->top, inner, err))
        return false;
    RV_AUTO_FD from = rv_place_open(c->top, c->udid, O_RDONLY | O_DIRECTORY, err);
    RV_AUTO_FD to = from < 0 ? -1 : rv_place_open(c->top, inner, O_RDONLY | O_DIRECTORY, err);
    struct cloning all = { .from = from, .to = to, .snapshot = snapshot };
    return to >= 0 && rv_place_each(from, ".", link_entry, &all, err) &&
           rv_place_move(c->top, c->cloning, c->work_name, err);
}

static struct rv_backup *look_below(struct creating *c, const char *folder)
{
    char path[RV_PLACE_MAX];
    struct rv_error none = { 0 };
    snprintf(path, sizeof path, "%s/%s%s", c->options->to, folder, c->udid);
    return rv_backup_look(c->ctx, path, &none);
}

/* Lists of no bytes, as broken-off runs of other programs leave them, make a device end with 205. */
static bool drop_empty_lists(struct creating *c, struct rv_error *err)
{
    static const char *const lists[] = { "Status.plist", "Manifest.plist", "Manifest.db", "Manifest.mbdb" };
    for (size_t i = 0; i < RV_COUNT(lists); i++) {
        char name[NAME * 2];
        struct stat st;
        struct rv_error none = { 0 };
        snprintf(name, sizeof name, "%s/%s", c->udid, lists[i]);
        if (rv_place_stat(c->work, name, &st, &none) && st.st_size == 0 && !rv_place_remove(c->work, name, err))
            return false;
    }
    return true;
}

static int64_t date_of(const struct rv_backup *b)
{
    plist_t node = b != NULL ? rv_plist_node(b->status.plist, "Date") : NULL;
    int32_t seconds = 0, rest = 0;
    if (node != NULL && plist_get_node_type(node) == PLIST_DATE)
        plist_get_date_val(node, &seconds, &rest);
    return seconds;
}

/*
 * May the device go on with what a broken-off run left? Only when it had sent all files and had begun to move them to
 * their places: an earlier state is no gain over beginning from the last good one. An older one than that is itself a
 * last good one whose removal was broken off.
 */
static bool can_go_on(struct creating *c)
{
    char inner[NAME + 2];
    snprintf(inner, sizeof inner, "%s/", c->work_name);
    RV_AUTO(rv_backup) left = look_below(c, inner);
    RV_AUTO(rv_backup) good = look_below(c, "");
    return left != NULL && left->manifest.plist != NULL &&
           (left->state == RV_BACKUP_MOVING || left->state == RV_BACKUP_REMOVING ||
            left->state == RV_BACKUP_FINISHED) &&
           date_of(left) > date_of(good);
}

/* What is left of a run that was broken off, killed or without power. */
static bool clear_away(struct creating *c, struct rv_error *err)
{
    return rv_place_remove(c->top, c->cloning, err) && rv_place_remove(c->top, c->work_name, err);
}

/* The files are those of the last whole backup: the phone may build on them once the list of states says so. */
static bool call_finished(struct creating *c, struct rv_error *err)
{
    char name[NAME * 2];
    snprintf(name, sizeof name, "%s/Status.plist", c->udid);
    RV_AUTO(rv_blob) bytes = rv_place_read(c->work, name, RV_BACKUP_PLIST_MAX, err);
    RV_AUTO_PLIST status = bytes != NULL ? rv_plist_parse(rv_blob_span(bytes), err) : NULL;
    if (status == NULL)
        return false;
    plist_dict_set_item(status, "SnapshotState", plist_new_string("finished"));
    RV_AUTO(rv_blob) changed = rv_plist_format(status, true, err);
    return changed != NULL && rv_place_write(c->work, name, rv_blob_span(changed), err);
}

/* What lies there, and so what is done; said before the phone is asked for anything. */
static void judge(struct creating *c)
{
    struct stat st;
    struct rv_error none = { 0 };
    char path[RV_PLACE_MAX];
    bool left = rv_place_stat(c->top, c->work_name, &st, &none);
    snprintf(path, sizeof path, "%s/%s", c->options->to, c->udid);
    c->last = rv_standing_of(c->ctx, path);
    c->good = c->last == RV_STANDS_WHOLE || c->last == RV_STANDS_UPLOADING || c->last == RV_STANDS_HUGE;
    c->goes_on = left && !c->options->full && (!c->good || can_go_on(c));
    if (c->goes_on && c->good)
        rv_tell_note(c->ctx, "A backup was broken off near its end; it is gone on with");
    else if (left && c->good)
        rv_tell_note(c->ctx, "A backup was broken off before; it is begun again, the last good one is kept meanwhile");
    else if (!left && rv_standing_words[c->last] != NULL)
        rv_tell_note(c->ctx, "%s", rv_translated(rv_standing_words[c->last]));
    bool base = c->last == RV_STANDS_WHOLE || c->last == RV_STANDS_UPLOADING || c->last == RV_STANDS_ENDING;
    c->out->incremental = base && !c->options->full;
    c->out->went_on = c->goes_on;
}

static bool make_work(struct creating *c, struct rv_error *err)
{
    judge(c);
    bool clone = c->out->incremental && !c->goes_on;
    if (!(c->goes_on ? rv_place_remove(c->top, c->cloning, err) : clear_away(c, err)))
        return false;
    if (clone && !clone_last(c, c->last == RV_STANDS_ENDING, err))
        return rv_while(err, "preparing the new backup beside the last one");
    if (!rv_place_folder(c->top, c->work_name, err))
        return false;
    c->work = rv_place_open(c->top, c->work_name, O_RDONLY | O_DIRECTORY, err);
    return c->work >= 0 && rv_place_folder(c->work, c->udid, err) && drop_empty_lists(c, err) &&
           (!clone || c->last != RV_STANDS_UPLOADING || call_finished(c, err));
}

static bool write_info(struct creating *c, struct rv_error *err)
{
    char name[NAME * 2];
    RV_AUTO_PLIST info = rv_backup_info(c->link, c->sync, c->udid, err);
    if (info == NULL)
        return false;
    if (c->options->only != NULL)
        plist_dict_set_item(info, PART_KEY, plist_new_string(c->options->only_words));
    RV_AUTO(rv_blob) bytes = rv_plist_format(info, false, err);
    snprintf(name, sizeof name, "%s/Info.plist", c->udid);
    return bytes != NULL && rv_place_write(c->work, name, rv_blob_span(bytes), err);
}

/* ---- the conversation ---- */

static bool run_agent(struct creating *c, struct rv_error *err)
{
    unsigned major, minor;
    RV_AUTO(rv_mb2) agent = rv_backup_agent(c->link, &major, &minor, err);
    if (agent == NULL)
        return false;
    plist_t request = plist_new_dict(), options = plist_new_dict();
    plist_dict_set_item(options, "ForceFullBackup", plist_new_bool(c->options->full));
    plist_dict_set_item(request, "MessageName", plist_new_string("Backup"));
    plist_dict_set_item(request, "TargetIdentifier", plist_new_string(c->udid));
    plist_dict_set_item(request, "SourceIdentifier", plist_new_string(c->udid));
    plist_dict_set_item(request, "Options", options);
    rv_tell_step(c->ctx, "backup", "Backing the phone up (it looks through its files first, which may take minutes)");
    struct rv_serving s = { .ctx = c->ctx, .link = agent, .root = c->work, .name = c->udid };
    s.sync = c->sync;
    s.in_parts = c->out->incremental;
    s.may_ask_passcode = major > 16 || (major == 16 && minor >= 1);
    bool fine = rv_backup_serve(&s, request, err);
    c->out->served = s.count;
    struct rv_error none = { 0 };
    if (fine)
        rv_mb2_goodbye(agent, &none);
    if (!fine)
        rv_backup_broke_off(err, s.count.files_in > 0, RV_ADVICE_BACKUP_BROKEN_OFF);
    if (!fine && err->code == RV_E_CORRUPT && c->good && !c->options->full)
        err->advice = RV_ADVICE_BACKUP_BASE_REFUSED;
    return fine;
}

/* ---- a part ---- */

/* A backup of some domains must not take the place of a whole one. */
static bool may_be_part(struct creating *c, struct rv_error *err)
{
    char path[RV_PLACE_MAX];
    struct rv_error none = { 0 };
    if (c->options->only == NULL)
        return true;
    snprintf(path, sizeof path, "%s/%s", c->options->to, c->udid);
    RV_AUTO(rv_backup) b = rv_backup_look(c->ctx, path, &none);
    if (b == NULL || rv_plist_text(b->info.plist, PART_KEY) != NULL)
        return true;
    return rv_fail(
        err, RV_E_USAGE,
        "%s is a backup of the whole phone, and one of a part would take its place: name another folder with "
        "--to",
        path);
}

static bool drop_file(void *context, const struct rv_backup_row *row, struct rv_error *err)
{
    struct creating *c = context;
    char place[64], name[NAME * 2];
    uint64_t stored;
    if (rv_choice_keeps(c->options->only, row->domain, row->path) || (row->flags & RV_MBFILE_FILE) == 0 ||
        !rv_backup_locate(c->part, row->id, place, &stored))
        return true;
    snprintf(name, sizeof name, "%s/%s", c->udid, place);
    return rv_place_remove(c->work, name, err);
}

/* The phone gives all of itself or nothing: what was not asked for is dropped, and its rows with it. */
static bool keep_part(struct creating *c, struct rv_error *err)
{
    char path[RV_PLACE_MAX], name[NAME * 2];
    struct rv_trimmed part = { .dir = -1 };
    if (c->options->only == NULL)
        return true;
    snprintf(path, sizeof path, "%s/%s/%s", c->options->to, c->work_name, c->udid);
    RV_AUTO(rv_backup) b = rv_backup_look(c->ctx, path, err);
    if (b == NULL || (b->encrypted && c->options->password != NULL && !rv_backup_unlock(b, c->options->password, err)))
        return false;
    c->part = b;
    snprintf(name, sizeof name, "%s/%s", c->udid, rv_choice_index_name(b));
    bool fine = rv_choice_trim(c->options->only, b, &part, err) && rv_backup_each(b, drop_file, c, err) &&
                rv_place_remove(c->work, name, err) &&
                rv_place_copy(part.dir, rv_choice_index_name(b), c->work, name, err);
    c->out->left_out = part.left_out;
    rv_trimmed_clear(&part);
    for (unsigned i = 0; fine && i < c->options->only->count; i++)
        if (!c->options->only->met[i])
            rv_tell_warning(c->ctx, "Nothing on the phone belongs to '%s'", c->options->only->words[i]);
    return fine || rv_while(err, "keeping only what was asked for");
}

/* ---- proof, and the change of names ---- */

static bool prove(struct creating *c, struct rv_error *err)
{
    char path[RV_PLACE_MAX];
    struct rv_findings findings;
    struct rv_verified verified = { .rows = 0 };
    struct rv_verify_options options = { .quick = false };
    snprintf(path, sizeof path, "%s/%s/%s", c->options->to, c->work_name, c->udid);
    RV_AUTO(rv_backup) b = rv_backup_look(c->ctx, path, err);
    if (b == NULL)
        return false;
    struct rv_error locked = { 0 };
    bool open = !b->encrypted || (c->options->password != NULL && rv_backup_unlock(b, c->options->password, &locked));
    c->out->encrypted = b->encrypted;
    c->out->read_back = open;
    rv_findings_init(&findings);
    bool fine = true;
    if (open || b->kind == RV_BACKUP_MBDB)
        fine = rv_backup_verify(b, &options, &findings, &verified, err);
    else
        rv_backup_check_lists(b, &findings);
    c->out->files = verified.files;
    uint64_t damage = rv_findings_damage(&findings) - findings.counts[RV_FIND_DATABASE];
    if (fine && damage > 0)
        fine = rv_fail(err, RV_E_CORRUPT, "the new backup has %llu faults, first: %s%s%s; the last one is kept",
                       (unsigned long long)damage, rv_finding_rows[findings.kept[0].kind].words,
                       findings.kept[0].path != NULL ? ": " : "",
                       findings.kept[0].path != NULL ? findings.kept[0].path : "");
    rv_findings_clear(&findings);
    if (!fine && err->code == RV_E_CORRUPT)
        rv_advise(err, RV_ADVICE_BACKUP_NOT_WHOLE);
    return fine;
}

static bool secure(int fd, struct rv_error *err)
{
    return syncfs(fd) == 0 || rv_fail_sys(err, RV_E_IO, errno, "securing the backup on the disk");
}

/*
 * A backup that was whole has done its duty. One that was not may still hold what is nowhere else: it is kept under a
 * name as iTunes gives it to older copies.
 */
static bool keep_damaged(struct creating *c, struct rv_error *err)
{
    char from[NAME * 2], to[NAME * 2], stamp[32];
    struct stat st;
    struct rv_error none = { 0 };
    time_t now = time(NULL);
    struct tm day;
    snprintf(from, sizeof from, "%s/%s", c->work_name, c->udid);
    bool exchanged = rv_place_stat(c->top, from, &st, &none);
    if (c->last != RV_STANDS_BROKEN || (!exchanged && !rv_place_stat(c->top, c->previous, &st, &none)))
        return true;
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", localtime_r(&now, &day));
    snprintf(to, sizeof to, "%s-%s", c->udid, stamp);
    if (!rv_place_move(c->top, exchanged ? from : c->previous, to, err))
        return rv_while(err, "setting the damaged backup aside");
    rv_tell_note(c->ctx, "The damaged backup is kept as %s/%s: `revive backup repair` may mend it", c->options->to, to);
    return true;
}

static bool change_names(struct creating *c, struct rv_error *err)
{
    struct stat st;
    struct rv_error none = { 0 };
    if (!secure(c->work, err))
        return false;
    if (!rv_place_stat(c->top, c->udid, &st, &none)) {
        if (rv_place_rename_new(c->work, c->udid, c->top, c->udid) != 0)
            return rv_fail_sys(err, RV_E_IO, errno, "giving the new backup its name");
    } else if (renameat2(c->work, c->udid, c->top, c->udid, RENAME_EXCHANGE) != 0) {
        /* a file system without exchange: two steps, the old one keeps a name in between */
        if ((errno != EINVAL && errno != ENOSYS) || !rv_place_remove(c->top, c->previous, &none) ||
            renameat(c->top, c->udid, c->top, c->previous) != 0)
            return rv_fail_sys(err, RV_E_IO, errno, "changing the last backup for the new one");
        if (renameat(c->work, c->udid, c->top, c->udid) != 0) {
            rv_fail_sys(err, RV_E_IO, errno, "changing the last backup for the new one");
            renameat(c->top, c->previous, c->top, c->udid);
            return false;
        }
    }
    c->in_place = true;
    if (!secure(c->top, err))
        return false;
    if (!keep_damaged(c, err))
        return false;
    /* The new one stands: an older one that cannot be removed now is removed by the next run. */
    if (!rv_place_remove(c->top, c->previous, &none) || !rv_place_remove(c->top, c->work_name, &none))
        rv_tell_note(c->ctx, "The new backup is done; of the one before something could not be removed yet (%s)",
                     none.text[0]);
    return true;
}

/* A run that was cut between the two steps of a change of names without exchange. */
static bool bring_previous_back(struct creating *c, struct rv_error *err)
{
    struct stat st;
    struct rv_error none = { 0 };
    if (rv_place_stat(c->top, c->udid, &st, &none) || !rv_place_stat(c->top, c->previous, &st, &none))
        return true;
    return rv_place_move(c->top, c->previous, c->udid, err);
}

/* ---- the whole ---- */

static bool make_one(struct creating *c, struct rv_error *err)
{
    if (c->work >= 0)
        close(c->work);
    c->work = -1;
    if (!make_work(c, err) || !write_info(c, err) || !run_agent(c, err) || !keep_part(c, err))
        return false;
    rv_tell_step(c->ctx, "verify", "Reading the new backup back before it takes the place of the last one");
    return prove(c, err) && change_names(c, err);
}

/* Nothing that the next run would throw away stays on a disk that may be full. Of a first backup all is kept. */
static void tidy_up(struct creating *c, const struct rv_error *err)
{
    struct rv_error none = { 0 };
    if (c->top >= 0 && c->good && !c->in_place && (err->code == RV_E_CORRUPT || !can_go_on(c)))
        clear_away(c, &none);
}

static bool open_top(struct creating *c, struct rv_error *err)
{
    rv_backup_value(c->link, NULL, "UniqueDeviceID", c->udid, sizeof c->udid);
    if (!rv_place_check(rv_span(c->udid, strlen(c->udid)), err) || strchr(c->udid, '/') != NULL || c->udid[0] == '.')
        return rv_while(err, "asking the phone for its name");
    snprintf(c->work_name, sizeof c->work_name, ".%s.work", c->udid);
    snprintf(c->cloning, sizeof c->cloning, ".%s.cloning", c->udid);
    snprintf(c->previous, sizeof c->previous, ".%s.previous", c->udid);
    if (!rv_dir_make(c->options->to, err))
        return false;
    c->top = open(c->options->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->top < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", c->options->to);
    if (flock(c->top, LOCK_EX | LOCK_NB) != 0)
        return rv_fail(err, RV_E_BUSY, "another program is making a backup in %s", c->options->to);
    return true;
}

bool rv_backup_create(struct rv_ctx *ctx, struct rv_lockdown *link, const struct rv_create_options *options,
                      struct rv_created *out, struct rv_error *err)
{
    struct creating c = { .ctx = ctx, .link = link, .options = options, .out = out, .top = -1, .work = -1 };
    *out = (struct rv_created){ .folder = NULL };
    bool fine = open_top(&c, err) && bring_previous_back(&c, err) && may_be_part(&c, err) &&
                (c.sync = rv_sync_begin(ctx, link, err)) != NULL && make_one(&c, err);
    if (!fine && c.goes_on && err->code == RV_E_CORRUPT) {
        rv_tell_note(ctx, "What was left of the broken-off backup is of no use; it is begun again");
        fine = clear_away(&c, err) && make_one(&c, err);
    }
    rv_sync_free(c.sync);
    if (fine)
        out->folder = rv_path_join(options->to, c.udid, err);
    else
        tidy_up(&c, err);
    if (c.work >= 0)
        close(c.work);
    if (c.top >= 0)
        close(c.top);
    return fine ? out->folder != NULL
                : rv_while(err, "backing the phone up into %s%s", options->to,
                           c.good && !c.in_place ? " (the last good backup there is as it was)" : "");
}
