/* SPDX-License-Identifier: Apache-2.0 */
/* The phone's backup agent: opening it, and its password. */
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

bool rv_backup_flag(struct rv_lockdown *link, const char *domain, const char *key)
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

/* ---- the password ---- */

bool rv_backup_change_password(struct rv_ctx *ctx, struct rv_lockdown *link, const char *old_password,
                               const char *new_password, struct rv_error *err)
{
    char udid[RV_MUX_UDID];
    unsigned major, minor;
    rv_backup_value(link, NULL, "UniqueDeviceID", udid, sizeof udid);
    bool encrypts = rv_backup_flag(link, "com.apple.mobile.backup", "WillEncrypt");
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
