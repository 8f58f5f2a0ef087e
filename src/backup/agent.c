/* SPDX-License-Identifier: Apache-2.0 */
/* The phone's backup agent: opening it, its password, bringing a backup onto the phone. */
#include "backup/create.h"

#include "backup/backup.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rv_backup_value(struct rv_lockdown *link, const char *domain, const char *key, char *out, size_t room)
{
    struct rv_error none = { 0 };
    RV_AUTO_PLIST value = rv_lockdown_get(link, domain, key, &none);
    bool text = value != NULL && plist_get_node_type(value) == PLIST_STRING;
    snprintf(out, room, "%s", text ? plist_get_string_ptr(value, NULL) : "");
}

static bool value_is_true(struct rv_lockdown *link, const char *domain, const char *key)
{
    struct rv_error none = { 0 };
    uint8_t on = 0;
    RV_AUTO_PLIST value = rv_lockdown_get(link, domain, key, &none);
    if (value != NULL && plist_get_node_type(value) == PLIST_BOOLEAN)
        plist_get_bool_val(value, &on);
    return on != 0;
}

struct rv_mb2 *rv_backup_agent(struct rv_lockdown *link, unsigned *major, unsigned *minor, struct rv_error *err)
{
    char version[32], *end;
    rv_backup_value(link, NULL, "ProductVersion", version, sizeof version);
    *major = (unsigned)strtoul(version, &end, 10);
    *minor = *end == '.' ? (unsigned)strtoul(end + 1, NULL, 10) : 0;
    struct rv_stream *stream = rv_lockdown_service_escrow(link, "com.apple.mobilebackup2", err);
    return stream != NULL ? rv_mb2_take(stream, err) : NULL;
}

void rv_backup_broke_off(struct rv_error *err, bool begun, enum rv_advice advice)
{
    bool stopped = err->code == RV_E_CANCELLED;
    if (!begun || (!stopped && err->code != RV_E_GONE && err->code != RV_E_TIMEOUT))
        return;
    err->code = RV_E_UNFINISHED;
    rv_advise(err, stopped && advice == RV_ADVICE_BACKUP_BROKEN_OFF ? RV_ADVICE_BACKUP_STOPPED : advice);
}

static bool asks_passcode(unsigned major, unsigned minor)
{
    return major > 16 || (major == 16 && minor >= 1);
}

/* ---- the password ---- */

bool rv_backup_change_password(struct rv_ctx *ctx, struct rv_lockdown *link, const char *old_password,
                               const char *new_password, struct rv_error *err)
{
    char udid[RV_MUX_UDID];
    unsigned major, minor;
    rv_backup_value(link, NULL, "UniqueDeviceID", udid, sizeof udid);
    bool encrypts = value_is_true(link, "com.apple.mobile.backup", "WillEncrypt");
    if (old_password == NULL && encrypts) {
        rv_fail(err, RV_E_REFUSED, "the phone has a password for its backups already");
        return rv_advise(err, RV_ADVICE_BACKUP_PASSWORD_IS_SET);
    }
    if (old_password != NULL && !encrypts) {
        rv_fail(err, RV_E_REFUSED, "the phone has no password for its backups");
        return rv_advise(err, RV_ADVICE_BACKUP_PASSWORD_NOT_SET);
    }
    RV_AUTO(rv_mb2) agent = rv_backup_agent(link, &major, &minor, err);
    if (agent == NULL)
        return false;
    plist_t request = plist_new_dict();
    plist_dict_set_item(request, "MessageName", plist_new_string("ChangePassword"));
    plist_dict_set_item(request, "TargetIdentifier", plist_new_string(udid));
    if (old_password != NULL)
        plist_dict_set_item(request, "OldPassword", plist_new_string(old_password));
    if (new_password != NULL)
        plist_dict_set_item(request, "NewPassword", plist_new_string(new_password));
    RV_AUTO_FD root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* nothing of it is served */
    struct rv_serving s = { .ctx = ctx, .link = agent, .root = root, .name = "\1", .read_only = true };
    s.may_ask_passcode = major >= 13;
    if (!rv_backup_serve(&s, request, err)) {
        if (err->advice == RV_ADVICE_BACKUP_PASSWORD_WRONG)
            err->advice = RV_ADVICE_BACKUP_PASSWORD_OF_PHONE;
        rv_backup_broke_off(err, s.asked, RV_ADVICE_BACKUP_PASSWORD_UNKNOWN);
        return rv_while(err, "changing the password of backups on the phone");
    }
    struct rv_error none = { 0 };
    rv_mb2_goodbye(agent, &none);
    return true;
}

/* ---- a backup onto the phone ---- */

static int compare_versions(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        char *a_end, *b_end;
        unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);
        if (x != y)
            return x < y ? -1 : 1;
        a = *a_end == '.' ? a_end + 1 : "";
        b = *b_end == '.' ? b_end + 1 : "";
    }
    return 0;
}

static bool check_state(const struct rv_backup *b, struct rv_error *err)
{
    if (b->state == RV_BACKUP_FINISHED && b->manifest.plist != NULL && b->kind != RV_BACKUP_NO_INDEX)
        return true;
    rv_fail(err, RV_E_CORRUPT, "the backup %s is not finished or its lists are damaged (state: %s)", b->path,
            rv_backup_state_names[b->state]);
    return rv_advise(err, b->state == RV_BACKUP_FINISHED || b->state == RV_BACKUP_UNKNOWN
                              ? RV_ADVICE_BACKUP_DAMAGED
                              : RV_ADVICE_BACKUP_UNFINISHED);
}

static bool check_phone(struct rv_lockdown *link, const struct rv_backup *b, const struct rv_bring_options *o,
                        struct rv_error *err)
{
    char now[32], kind[32];
    const char *then = rv_backup_text(b, "Product Version", "ProductVersion");
    const char *made_by = rv_backup_text(b, "Product Type", "ProductType");
    rv_backup_value(link, NULL, "ProductVersion", now, sizeof now);
    rv_backup_value(link, NULL, "ProductType", kind, sizeof kind);
    if (!o->any_version && *now != '\0' && *then != '\0' && compare_versions(then, now) > 0) {
        rv_fail(err, RV_E_REFUSED, "the backup is of iOS %s, the phone runs %s: a phone takes no backup of a newer iOS",
                then, now);
        return rv_advise(err, RV_ADVICE_BACKUP_NOT_COMPATIBLE);
    }
    if (*kind != '\0' && *made_by != '\0' && strcspn(kind, "0123456789") != strcspn(made_by, "0123456789"))
        return rv_fail(err, RV_E_REFUSED, "the backup is of an %s, this is an %s", made_by, kind) ||
               rv_advise(err, RV_ADVICE_BACKUP_NOT_COMPATIBLE);
    if (value_is_true(link, "com.apple.fmip", "IsAssociated")) {
        rv_fail(err, RV_E_REFUSED, "Find My is switched on: the phone lets no backup in");
        return rv_advise(err, RV_ADVICE_BACKUP_FIND_MY);
    }
    return true;
}

static plist_t restore_request(const char *udid, const char *name, const struct rv_bring_options *o)
{
    plist_t request = plist_new_dict(), options = plist_new_dict();
    plist_dict_set_item(options, "RestoreSystemFiles", plist_new_bool(o->system_files));
    plist_dict_set_item(options, "RestorePreserveSettings", plist_new_bool(!o->settings));
    plist_dict_set_item(options, "RestoreShouldReboot", plist_new_bool(o->reboot));
    plist_dict_set_item(options, "RestoreDontCopyBackup", plist_new_bool(1));
    plist_dict_set_item(options, "RemoveItemsNotRestored", plist_new_bool(o->remove_others));
    if (o->password != NULL)
        plist_dict_set_item(options, "Password", plist_new_string(o->password));
    plist_dict_set_item(request, "MessageName", plist_new_string("Restore"));
    plist_dict_set_item(request, "TargetIdentifier", plist_new_string(udid));
    plist_dict_set_item(request, "SourceIdentifier", plist_new_string(name));
    plist_dict_set_item(request, "Options", options);
    return request;
}

bool rv_backup_bring(struct rv_ctx *ctx, struct rv_lockdown *link, const char *folder,
                     const struct rv_bring_options *options, struct rv_brought *out, struct rv_error *err)
{
    char udid[RV_MUX_UDID];
    unsigned major, minor;
    RV_AUTO_TEXT path = realpath(folder, NULL);
    RV_AUTO(rv_backup) b = rv_backup_look(ctx, path != NULL ? path : folder, err);
    if (b == NULL || !check_state(b, err) || !check_phone(link, b, options, err) ||
        (b->encrypted && options->password != NULL && !rv_backup_unlock(b, options->password, err)))
        return false;
    char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (slash == NULL || slash == path)
        return rv_fail(err, RV_E_USAGE, "%s is no folder that can be served", folder);
    *slash = '\0';
    RV_AUTO_FD root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return rv_fail_sys(err, RV_E_IO, errno, "opening %s", path);
    rv_backup_value(link, NULL, "UniqueDeviceID", udid, sizeof udid);
    RV_AUTO(rv_mb2) agent = rv_backup_agent(link, &major, &minor, err);
    if (agent == NULL)
        return false;
    rv_tell_step(ctx, "restore", "Bringing the backup onto the phone");
    struct rv_serving s = { .ctx = ctx, .link = agent, .root = root, .name = slash + 1, .read_only = true };
    s.may_ask_passcode = asks_passcode(major, minor);
    bool fine = rv_backup_serve(&s, restore_request(udid, slash + 1, options), err);
    out->served = s.count;
    struct rv_error none = { 0 };
    if (fine)
        rv_mb2_goodbye(agent, &none);
    if (!fine)
        rv_backup_broke_off(err, s.count.files_out > 0, RV_ADVICE_RESTORE_BROKEN_OFF);
    return fine || rv_while(err, "bringing %s onto the phone", b->path);
}
