/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be known before the device is touched: is the file for this device and whole, does the
 * battery hold, is there a backup. After this step only the ticket stands between a person and the work.
 */
#include "restore/internal.h"

#include "data/devices.h"
#include "proto/lockdown.h"

#include <stdio.h>
#include <string.h>

enum { BATTERY_LEAST = 20 };

static bool choose_identity(struct rv_restore *r, struct rv_error *err)
{
    const struct rv_identity *id = &r->device.identity;
    if (id->product_type[0] != '\0' && !rv_ipsw_supports(r->ipsw, id->product_type)) {
        rv_fail(err, RV_E_CORRUPT, "this firmware is not for the %s (%s)", id->name[0] ? id->name : "device",
                id->product_type);
        return rv_advise(err, RV_ADVICE_WRONG_FIRMWARE);
    }
    struct rv_target target;
    rv_restore_target(r, &target);
    r->identity = rv_guard_choose(r->ipsw, &target, r->options->behavior, err);
    return r->identity != NULL && rv_guard_identity(r->identity, r->options->behavior, err);
}

/* "11.2.1" against "11.10": by numbers, part by part. */
static int compare_versions(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        unsigned long x = 0, y = 0;
        for (; *a >= '0' && *a <= '9'; a++)
            x = x * 10 + (unsigned long)(*a - '0');
        for (; *b >= '0' && *b <= '9'; b++)
            y = y * 10 + (unsigned long)(*b - '0');
        if (x != y)
            return x < y ? -1 : 1;
        a += *a != '\0';
        b += *b != '\0';
    }
    return 0;
}

static bool check_version(struct rv_restore *r, struct rv_error *err)
{
    const char *installed = r->device.identity.version;
    const struct rv_firmware_version *wanted = rv_ipsw_version(r->ipsw);
    if (r->options->behavior != RV_BEHAVIOR_UPDATE || installed[0] == '\0' ||
        compare_versions(wanted->version, installed) >= 0)
        return true;
    rv_fail(err, RV_E_UNSUPPORTED, "the device has iOS %.30s, the firmware is %.30s", installed, wanted->version);
    return rv_advise(err, RV_ADVICE_OLDER_FIRMWARE);
}

static bool check_battery(struct rv_restore *r, struct rv_error *err)
{
    if (r->device.mode != RV_MODE_NORMAL)
        return true;
    struct rv_error unread = { 0 };
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(r->ctx, &r->device.mux, &unread);
    /* Only to a computer that it trusts; nobody is asked for trust just for this figure. */
    bool trusted = link != NULL && rv_lockdown_session(link, &unread);
    RV_AUTO_PLIST value =
        !trusted ? NULL : rv_lockdown_get(link, "com.apple.mobile.battery", "BatteryCurrentCapacity", &unread);
    if (value == NULL || plist_get_node_type(value) != PLIST_UINT) {
        rv_tell_note(r->ctx, "Battery: the device does not tell without being trusted; charge it if in doubt.");
        return true;
    }
    uint64_t percent = 0;
    plist_get_uint_val(value, &percent);
    rv_tell_note(r->ctx, "Battery: %llu %%.", (unsigned long long)percent);
    if (percent >= BATTERY_LEAST)
        return true;
    rv_fail(err, RV_E_REFUSED, "the battery is at %llu %%; at least %d %% are wanted", (unsigned long long)percent,
            BATTERY_LEAST);
    return rv_advise(err, RV_ADVICE_BATTERY_LOW);
}

static void tell_stake(struct rv_restore *r)
{
    const struct rv_identity *id = &r->device.identity;
    const struct rv_firmware_version *v = rv_ipsw_version(r->ipsw);
    char when[32], path[1024];
    bool update = r->options->behavior == RV_BEHAVIOR_UPDATE;
    rv_tell_note(r->ctx, "%s in %s: %s iOS %s (%s)%s.", id->name[0] ? id->name : "Device",
                 rv_mode_words(r->device.mode), update ? "Update to" : "Erase and install", v->version, v->build,
                 update ? ", data kept" : "");
    if (rv_backup_newest(r->ctx, id, when, sizeof when, path, sizeof path))
        rv_tell_note(r->ctx, "Newest backup on this computer: %s UTC (%s).", when, path);
    else
        rv_tell_warning(r->ctx, "Newest backup on this computer: none found. %s",
                        update ? "An Update keeps the data, but nobody can promise it for a damaged device."
                               : "What is on the device now cannot be brought back afterwards.");
    const struct rv_device_row *row = rv_device_by_product(id->product_type, NULL);
    rv_tell_note(r->ctx,
                 "Cable: use one that carries data (%s at the device), straight into the computer, and leave "
                 "it in until the end.",
                 row == NULL || row->port[0] == '\0' ? "the one that came with it" : row->port);
    if (r->device.mode != RV_MODE_NORMAL)
        rv_tell_note(r->ctx,
                     "Battery: cannot be read in %s; if the device was empty, let it charge for half an hour "
                     "first.",
                     rv_mode_words(r->device.mode));
    if (update && r->device.mode != RV_MODE_NORMAL)
        rv_tell_note(r->ctx, "The first start may say \"Attempting data recovery\" and ask for the passcode: that is "
                             "normal, and it can take a while.");
}

bool rv_step_preflight(struct rv_restore *r, struct rv_error *err)
{
    r->ipsw = rv_ipsw_open(r->ctx, r->options->ipsw_path, err);
    if (r->ipsw == NULL)
        return rv_while(err, "opening the firmware file");
    if (!choose_identity(r, err))
        return rv_while(err, "looking for this device's part of the firmware");
    if (!check_version(r, err) || !check_battery(r, err))
        return false;
    tell_stake(r);
    if (!rv_ipsw_verify(r->ipsw, r->identity, err)) {
        if (err->code == RV_E_CORRUPT || err->code == RV_E_FORMAT || err->code == RV_E_NOT_FOUND)
            rv_advise(err, RV_ADVICE_BAD_FIRMWARE);
        return rv_while(err, "checking every part of the firmware file (nothing was sent to the device)");
    }
    return true;
}
