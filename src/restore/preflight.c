/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be known before the device is touched: is the file for this device and whole, is there
 * a backup, and (stake.c) whose device is it and will the power last. After this step only the ticket stands between a
 * person and the work.
 */
#include "base/language.h"
#include "base/text.h"
#include "restore/internal.h"

#include "data/devices.h"
#include "firmware/catalogue.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

static bool check_version(struct rv_restore *r, struct rv_error *err)
{
    const char *installed = r->device.identity.version;
    const struct rv_firmware_version *wanted = rv_ipsw_version(r->ipsw);
    if (r->options->behavior != RV_BEHAVIOR_UPDATE || installed[0] == '\0' ||
        rv_version_compare(wanted->version, installed) >= 0)
        return true;
    rv_fail(err, RV_E_UNSUPPORTED, "the device has iOS %.30s, the firmware is %.30s", installed, wanted->version);
    return rv_advise(err, RV_ADVICE_OLDER_FIRMWARE);
}

static void tell_work(struct rv_restore *r)
{
    const struct rv_identity *id = &r->device.identity;
    const struct rv_firmware_version *v = rv_ipsw_version(r->ipsw);
    char when[32], path[1024];
    bool update = r->options->behavior == RV_BEHAVIOR_UPDATE;
    rv_tell_note(r->ctx, "%s in %s: %s iOS %s (%s)%s.", id->name[0] ? id->name : _("Device"),
                 _(rv_mode_words(r->device.mode)), update ? _("Update to") : _("Erase and install"), v->version,
                 v->build, update ? _(", data kept") : "");
    if (rv_backup_newest(r->ctx, id, when, sizeof when, path, sizeof path))
        rv_tell_note(r->ctx, "Newest backup on this computer: %s UTC (%s).", when, path);
    else
        rv_tell_warning(r->ctx, "Newest backup on this computer: none found. %s",
                        update ? _("An Update keeps the data, but nobody can promise it for a damaged device.")
                               : _("What is on the device now cannot be brought back afterwards."));
    if (update && r->device.mode != RV_MODE_NORMAL)
        rv_tell_note(r->ctx, "The first start may say \"Attempting data recovery\" and ask for the passcode: that is "
                             "normal, and it can take a while.");
}

/* Apple's files take up what the table does not know yet without a change here mostly: worth a word, not a refusal. */
static void tell_unknown(struct rv_restore *r)
{
    static const char next_major[] = "27"; /* iOS 26 is the newest whose files this program was built after */
    const struct rv_identity *id = &r->device.identity;
    const char *version = rv_ipsw_version(r->ipsw)->version;
    if (rv_version_compare(version, next_major) >= 0)
        rv_tell_warning(r->ctx,
                        "iOS %.30s is newer than this program knows. It goes on as with iOS 26, and stops with "
                        "a clear word where something new is asked of it. Look for a newer revive first.",
                        version);
    if (id->product_type[0] != '\0' && rv_device_by_product(id->product_type, NULL) == NULL)
        rv_tell_warning(r->ctx,
                        "This model (%.30s) is newer than this program knows. The firmware file tells what it "
                        "needs; look for a newer revive first.",
                        id->product_type);
}

/* Why this takes longer than an update on the device itself, and how long. The rates are those of USB 2 with old and
 * new models, the minutes besides are those of the device itself [I]. */
static void tell_extent(struct rv_restore *r)
{
    enum { SLOW_PER_MINUTE = 600000000, FAST_PER_MINUTE = 2000000000, LEAST_MINUTES = 5, MOST_MINUTES = 10 };
    struct stat about;
    char size[32];
    if (stat(r->options->ipsw_path, &about) != 0)
        return;
    uint64_t bytes = (uint64_t)about.st_size;
    rv_tell_note(r->ctx,
                 "The whole system is installed anew from this computer (%s), not only what changed, as an update over "
                 "the air does: that reaches deeper. Mostly %u to %u minutes; leave the cable in.",
                 rv_text_size(bytes, size, sizeof size), LEAST_MINUTES + (unsigned)(bytes / FAST_PER_MINUTE),
                 MOST_MINUTES + (unsigned)(bytes / SLOW_PER_MINUTE));
}

/* From the first long reading on: verifying gigabytes takes minutes already. */
static void keep_awake(struct rv_restore *r)
{
    struct rv_error without = { 0 };
    r->awake = rv_awake_hold(r->ctx, "installing iOS on an attached device", &without);
    r->result->stake.host_awake = r->awake != NULL;
    if (r->awake == NULL && !r->options->dry_run)
        rv_tell_note(r->ctx, "This computer cannot be kept awake from here (%s): see that it does not go to sleep.",
                     without.text[0]);
}

bool rv_step_preflight(struct rv_restore *r, struct rv_error *err)
{
    r->ipsw = rv_ipsw_open(r->ctx, r->options->ipsw_path, err);
    if (r->ipsw == NULL)
        return rv_while(err, "opening the firmware file");
    if (!choose_identity(r, err))
        return rv_while(err, "looking for this device's part of the firmware");
    if (!check_version(r, err))
        return false;
    rv_stake_read(r, &r->result->stake);
    r->result->stake_known = true;
    tell_work(r);
    tell_extent(r);
    tell_unknown(r);
    rv_stake_tell(r, &r->result->stake);
    if (!rv_stake_check(r, &r->result->stake, err))
        return false;
    keep_awake(r);
    if (!rv_ipsw_verify(r->ipsw, r->identity, err)) {
        if (err->code == RV_E_CORRUPT || err->code == RV_E_FORMAT || err->code == RV_E_NOT_FOUND)
            rv_advise(err, RV_ADVICE_BAD_FIRMWARE);
        return rv_while(err, "checking every part of the firmware file (nothing was sent to the device)");
    }
    return true;
}
