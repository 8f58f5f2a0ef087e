/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies on the disk at each moment, in the folder of backups:
 *
 *   UDID                 the last good backup, or none
 *   .UDID.cloning        being made of hard links to it; thrown away when it is met
 *   .UDID.work/UDID      what the device writes into: each file under a temporary name, then renamed, so that a
 *                        link to the good backup's file is replaced and never written through
 *   .UDID.previous       the backup before, for the moment until its removal is done
 *
 * When the device has said that it is done and the result verifies, everything is secured on the disk (syncfs), the
 * names UDID and .UDID.work/UDID are exchanged in one step, and that is secured. A loss of power leaves the old or the
 * new backup under UDID, both whole.
 */
#include "backup/create.h"

#include "backup/place.h"
#include "backup/proof.h"
#include "base/file.h"
#include "crypto/pair_certs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { NAME = RV_MUX_UDID + 16 };

struct creating {
    struct rv_ctx *ctx;
    struct rv_lockdown *link;
    const struct rv_create_options *options;
    struct rv_created *out;
    int top, work; /* folder of backups; .UDID.work */
    char udid[RV_MUX_UDID], work_name[NAME], cloning[NAME], previous[NAME];
};

/* ---- the folder beside ---- */

struct cloning {
    int from, to;
    unsigned depth;
};

static bool link_entry(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    struct cloning *c = context;
    if (S_ISREG(st->st_mode)) {
        if (linkat(c->from, name, c->to, name, 0) == 0)
            return true;
        return errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP || errno == EXDEV
                   ? rv_place_copy(c->from, name, c->to, name, err)
                   : rv_fail_sys(err, RV_E_IO, errno, "linking %s", name);
    }
    if (!S_ISDIR(st->st_mode) || c->depth > 2 || strcmp(name, "Snapshot") == 0)
        return true;
    if (!rv_place_folder(c->to, name, err))
        return false;
    RV_AUTO_FD from = rv_place_open(c->from, name, O_RDONLY | O_DIRECTORY, err);
    RV_AUTO_FD to = from < 0 ? -1 : rv_place_open(c->to, name, O_RDONLY | O_DIRECTORY, err);
    struct cloning inner = { .from = from, .to = to, .depth = c->depth + 1 };
    return to >= 0 && rv_place_each(from, ".", link_entry, &inner, err);
}

static bool clone_good(struct creating *c, struct rv_error *err)
{
    char inner[NAME * 2];
    snprintf(inner, sizeof inner, "%s/%s", c->cloning, c->udid);
    if (!rv_place_remove(c->top, c->cloning, err) || !rv_place_folder(c->top, inner, err))
        return false;
    RV_AUTO_FD from = rv_place_open(c->top, c->udid, O_RDONLY | O_DIRECTORY, err);
    RV_AUTO_FD to = from < 0 ? -1 : rv_place_open(c->top, inner, O_RDONLY | O_DIRECTORY, err);
    struct cloning all = { .from = from, .to = to };
    return to >= 0 && rv_place_each(from, ".", link_entry, &all, err) &&
           rv_place_move(c->top, c->cloning, c->work_name, err);
}

/* Finished, and its lists can be read: only then may the next one build on it. */
static bool last_is_good(struct creating *c)
{
    char path[RV_PLACE_MAX];
    struct rv_error none = { 0 };
    snprintf(path, sizeof path, "%s/%s", c->options->to, c->udid);
    RV_AUTO(rv_backup) b = rv_backup_look(c->ctx, path, &none);
    return b != NULL && b->state == RV_BACKUP_FINISHED && b->manifest.plist != NULL && b->kind != RV_BACKUP_NO_INDEX;
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

static bool make_work(struct creating *c, struct rv_error *err)
{
    struct stat st;
    struct rv_error none = { 0 };
    bool good = !c->options->full && last_is_good(c), left = rv_place_stat(c->top, c->work_name, &st, &none);
    if (left && (good || c->options->full)) {
        rv_tell_note(c->ctx, "A backup was broken off before; it is begun again, the last good one is kept meanwhile");
        if (!rv_place_remove(c->top, c->work_name, err))
            return false;
        left = false;
    }
    c->out->incremental = good;
    if (good && !clone_good(c, err))
        return rv_while(err, "preparing the new backup beside the last one");
    if (!rv_place_folder(c->top, c->work_name, err))
        return false;
    c->work = rv_place_open(c->top, c->work_name, O_RDONLY | O_DIRECTORY, err);
    return c->work >= 0 && rv_place_folder(c->work, c->udid, err) && drop_empty_lists(c, err);
}

/* ---- Info.plist ---- */

static bool write_info(struct creating *c, struct rv_error *err)
{
    static const char *const pairs[][2] = {
        { "Build Version", "BuildVersion" },     { "Device Name", "DeviceName" },
        { "Display Name", "DeviceName" },        { "Product Type", "ProductType" },
        { "Product Version", "ProductVersion" }, { "Serial Number", "SerialNumber" },
        { "Phone Number", "PhoneNumber" },       { "IMEI", "InternationalMobileEquipmentIdentity" }
    };
    char text[256], upper[RV_MUX_UDID], guid[37], name[NAME * 2];
    RV_AUTO_PLIST info = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(pairs); i++) {
        rv_backup_value(c->link, NULL, pairs[i][1], text, sizeof text);
        if (text[0] != '\0')
            plist_dict_set_item(info, pairs[i][0], plist_new_string(text));
    }
    snprintf(upper, sizeof upper, "%s", c->udid);
    for (char *p = upper; *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
    if (!rv_uuid_make(guid, err))
        return false;
    for (char *p = guid, *to = guid;; p++)
        if (*p != '-' && (*to++ = *p) == '\0')
            break;
    plist_dict_set_item(info, "GUID", plist_new_string(guid));
    plist_dict_set_item(info, "Target Identifier", plist_new_string(c->udid));
    plist_dict_set_item(info, "Target Type", plist_new_string("Device"));
    plist_dict_set_item(info, "Unique Identifier", plist_new_string(upper));
    plist_dict_set_item(info, "Last Backup Date", plist_new_date((int32_t)(time(NULL) - 978307200), 0));
    plist_dict_set_item(info, "iTunes Version", plist_new_string("12.13"));
    plist_dict_set_item(info, "Installed Applications", plist_new_array());
    plist_dict_set_item(info, "Applications", plist_new_dict()); /* idevicebackup2 restores nothing without it */
    plist_dict_set_item(info, "iTunes Files", plist_new_dict());
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
    s.in_parts = c->out->incremental;
    s.may_ask_passcode = major > 16 || (major == 16 && minor >= 1);
    bool fine = rv_backup_serve(&s, request, err);
    c->out->served = s.count;
    struct rv_error none = { 0 };
    if (fine)
        rv_mb2_goodbye(agent, &none);
    if (!fine && s.count.files_in > 0 && (err->code == RV_E_GONE || err->code == RV_E_CANCELLED))
        err->code = RV_E_UNFINISHED;
    return fine;
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
    return fine;
}

static bool secure(int fd, struct rv_error *err)
{
    return syncfs(fd) == 0 || rv_fail_sys(err, RV_E_IO, errno, "securing the backup on the disk");
}

static bool change_names(struct creating *c, struct rv_error *err)
{
    struct stat st;
    struct rv_error none = { 0 };
    if (!secure(c->work, err))
        return false;
    if (!rv_place_stat(c->top, c->udid, &st, &none)) {
        if (renameat2(c->work, c->udid, c->top, c->udid, RENAME_NOREPLACE) != 0)
            return rv_fail_sys(err, RV_E_IO, errno, "giving the new backup its name");
    } else if (renameat2(c->work, c->udid, c->top, c->udid, RENAME_EXCHANGE) != 0) {
        /* a file system without exchange: two steps, the old one keeps a name in between */
        if (errno != EINVAL && errno != ENOSYS)
            return rv_fail_sys(err, RV_E_IO, errno, "changing the last backup for the new one");
        if (renameat(c->top, c->udid, c->top, c->previous) != 0 || renameat(c->work, c->udid, c->top, c->udid) != 0)
            return rv_fail_sys(err, RV_E_IO, errno, "changing the last backup for the new one");
    }
    return secure(c->top, err) && rv_place_remove(c->top, c->previous, err) &&
           rv_place_remove(c->top, c->work_name, err);
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
    bool fine = open_top(&c, err) && bring_previous_back(&c, err) && make_work(&c, err) && write_info(&c, err) &&
                run_agent(&c, err);
    if (fine)
        rv_tell_step(ctx, "verify", "Reading the new backup back before it takes the place of the last one");
    fine = fine && prove(&c, err) && change_names(&c, err);
    if (fine)
        out->folder = rv_path_join(options->to, c.udid, err);
    if (c.work >= 0)
        close(c.work);
    if (c.top >= 0)
        close(c.top);
    return fine ? out->folder != NULL : rv_while(err, "backing the phone up into %s", options->to);
}
