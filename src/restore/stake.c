/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is at stake besides the data: whose device it is (Find My, Activation Lock), whether power and cable will
 * last, on both ends. Said before anything is sent; what cannot be known in the present mode is said to be unknown.
 */
#include "restore/internal.h"

#include "base/language.h"
#include "base/text.h"
#include "data/devices.h"
#include "proto/iboot.h"
#include "proto/lockdown.h"

#include <stdio.h>
#include <string.h>

enum {
    BATTERY_LEAST = 20, /* below it a device may switch itself off before the end */
    BATTERY_GOOD = 50,
    DEVICE_ROOM_GOOD = 1000 * 1000 * 1000, /* [I] an Update from a computer was seen to need some hundred megabytes */
    ROOM_LEAST = 16 * 1024 * 1024          /* journal, ticket and log; the firmware is never unpacked to disk */
};

/* ---- reading ---- */

static enum rv_known bool_value(struct rv_lockdown *link, const char *domain, const char *key)
{
    struct rv_error unread = { 0 };
    RV_AUTO_PLIST value = rv_lockdown_get(link, domain, key, &unread);
    uint8_t yes = 0;
    if (value == NULL || plist_get_node_type(value) != PLIST_BOOLEAN)
        return RV_UNKNOWN;
    plist_get_bool_val(value, &yes);
    return yes ? RV_YES : RV_NO;
}

/* What is free on the device, and what takes most of it: an Update carries its data over and needs some room there. */
static void read_fill(struct rv_lockdown *link, struct rv_stake *s)
{
    static const struct {
        const char *key, *words;
    } kinds[] = { { "CameraUsage", "photos and videos" },
                  { "MobileApplicationUsage", "apps" },
                  { "MediaCacheUsage", "music and films" } };
    struct rv_error unread = { 0 };
    uint64_t most = 0;
    RV_AUTO_PLIST values = rv_lockdown_get(link, "com.apple.disk_usage", NULL, &unread);
    if (values == NULL)
        return;
    s->fill_known = rv_plist_uint(values, "AmountDataAvailable", &s->device_free) ||
                    rv_plist_uint(values, "TotalDataAvailable", &s->device_free);
    for (size_t i = 0; i < RV_COUNT(kinds); i++) {
        uint64_t bytes = 0;
        if (rv_plist_uint(values, kinds[i].key, &bytes) && bytes > most) {
            most = bytes;
            s->fullest = kinds[i].words;
        }
    }
}

static void read_normal(struct rv_restore *r, struct rv_stake *s)
{
    struct rv_error unread = { 0 };
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(r->ctx, &r->device.mux, &unread);
    if (link == NULL)
        return;
    /* Told only to a computer that the device trusts; nobody is asked for trust just for this. */
    if (!rv_lockdown_session(link, &unread))
        return;
    s->trusted = true;
    RV_AUTO_PLIST state = rv_lockdown_get(link, NULL, "ActivationState", &unread);
    if (state != NULL && plist_get_node_type(state) == PLIST_STRING) {
        snprintf(s->activation, sizeof s->activation, "%s", plist_get_string_ptr(state, NULL));
        rv_text_clean(s->activation);
    }
    s->find_my = bool_value(link, "com.apple.fmip", "IsAssociated");
    s->charging = bool_value(link, "com.apple.mobile.battery", "BatteryIsCharging");
    read_fill(link, s);
    RV_AUTO_PLIST level = rv_lockdown_get(link, "com.apple.mobile.battery", "BatteryCurrentCapacity", &unread);
    uint64_t percent = 0;
    if (level != NULL && plist_get_node_type(level) == PLIST_UINT) {
        plist_get_uint_val(level, &percent);
        s->battery_percent = percent <= 100 ? (int)percent : -1;
    }
}

/* iBoot of newer devices keeps a variable of it; an empty one says nothing. */
static void read_recovery(struct rv_restore *r, struct rv_stake *s)
{
    char value[32];
    struct rv_error unread = { 0 };
    struct rv_usb *usb = rv_restore_usb(r, &unread);
    if (usb == NULL || !rv_iboot_getenv(usb, "fm-activation-locked", value, sizeof value, &unread))
        return;
    if (rv_text_equal_nocase(value, "YES"))
        s->find_my = s->activation_lock = RV_YES;
    else if (rv_text_equal_nocase(value, "NO"))
        s->find_my = s->activation_lock = RV_NO;
}

void rv_stake_read(struct rv_restore *r, struct rv_stake *out)
{
    *out = (struct rv_stake){ .battery_percent = -1 };
    out->host_on_battery = rv_host_on_battery(rv_host_root());
    out->room_known = rv_host_room(r->ctx->state_dir, &out->room_bytes);
    if (r->device.mode == RV_MODE_NORMAL)
        read_normal(r, out);
    else if (r->device.mode == RV_MODE_RECOVERY)
        read_recovery(r, out);
    if (out->activation_lock == RV_UNKNOWN) /* the lock follows Find My */
        out->activation_lock = out->find_my;
}

/* ---- saying ---- */

static void tell_owner(struct rv_restore *r, const struct rv_stake *s)
{
    bool erase = r->options->behavior == RV_BEHAVIOR_ERASE;
    const char *mode = _(rv_mode_words(r->device.mode));
    if (s->activation[0] != '\0' && strcmp(s->activation, "Activated") != 0)
        rv_tell_note(r->ctx, "Activation: the device calls itself \"%s\".", s->activation);
    if (!erase && s->find_my == RV_YES)
        rv_tell_note(r->ctx, "Find My is on. An Update keeps everything, so nothing changes for its owner.");
    else if (!erase && s->find_my == RV_UNKNOWN)
        rv_tell_note(r->ctx, "Find My and Activation Lock: %s. An Update leaves them as they are.",
                     r->device.mode == RV_MODE_NORMAL ? _("the device does not tell them without being trusted")
                                                      : _("cannot be read in this mode"));
    else if (erase && s->find_my == RV_YES)
        rv_tell_warning(r->ctx,
                        "Find My is ON. After erasing, the device is locked (Activation Lock): it can only be used "
                        "again with the Apple Account of its owner. Turn it off first if you can: Settings, the name "
                        "at the top, Find My. revive does not go round this lock.");
    else if (erase && s->find_my == RV_UNKNOWN)
        rv_tell_warning(r->ctx,
                        "Whether Find My is on cannot be read %s%s. If it is on, the device is locked after erasing "
                        "(Activation Lock) and asks for the Apple Account of its owner: have it at hand.",
                        r->device.mode == RV_MODE_NORMAL ? _("without being trusted") : _("in "),
                        r->device.mode == RV_MODE_NORMAL ? "" : mode);
}

static void tell_power(struct rv_restore *r, const struct rv_stake *s)
{
    if (s->battery_percent >= 0)
        rv_tell_note(r->ctx, "Battery of the device: %d %%%s.", s->battery_percent,
                     s->charging == RV_YES ? _(", charging") : "");
    else if (r->device.mode == RV_MODE_NORMAL)
        rv_tell_note(r->ctx, "Battery: the device does not tell without being trusted; charge it if in doubt.");
    else
        rv_tell_note(r->ctx,
                     "Battery: cannot be read in %s; if the device was empty, let it charge for half an hour first.",
                     _(rv_mode_words(r->device.mode)));
    if (s->battery_percent >= BATTERY_LEAST && s->battery_percent < BATTERY_GOOD)
        rv_tell_warning(r->ctx, "The battery is at %d %%: enough to begin, but let it charge to %d %% if you can wait.",
                        s->battery_percent, BATTERY_GOOD);
    if (s->host_on_battery == RV_YES)
        rv_tell_warning(r->ctx, "This computer runs on its battery: plug it in, so that it lasts until the end.");
    const struct rv_device_row *row = rv_device_by_product(r->device.identity.product_type, NULL);
    rv_tell_note(r->ctx,
                 "Cable: use one that carries data (%s at the device), straight into the computer, and leave "
                 "it in until the end.",
                 row == NULL || row->port[0] == '\0' ? _("the one that came with it") : row->port);
}

static void tell_fill(struct rv_restore *r, const struct rv_stake *s)
{
    char text[32];
    if (!s->fill_known || s->device_free >= DEVICE_ROOM_GOOD || r->options->behavior == RV_BEHAVIOR_ERASE)
        return;
    rv_tell_warning(r->ctx,
                    "The device is nearly full: %s free%s%s. If the Update stops for want of room, delete or copy away "
                    "some of that first; `revive storage` shows what fills it.",
                    rv_text_size(s->device_free, text, sizeof text), s->fullest != NULL ? "; most is taken by " : "",
                    s->fullest != NULL ? s->fullest : "");
}

void rv_stake_tell(struct rv_restore *r, const struct rv_stake *stake)
{
    tell_fill(r, stake);
    tell_owner(r, stake);
    tell_power(r, stake);
}

/* ---- deciding ---- */

static bool ask_owner(struct rv_restore *r, const struct rv_stake *s, struct rv_error *err)
{
    static const struct rv_question question = {
        "find-my",
        N_("Find My is on: after erasing, the device asks for the Apple Account of its owner. Do you have it, and "
           "erase?"),
        NULL,
    };
    if (r->options->behavior != RV_BEHAVIOR_ERASE || s->activation_lock != RV_YES || r->options->dry_run)
        return true;
    if (rv_ask(r->ctx, &question, err))
        return true;
    return rv_while(err, "making sure that the owner is there (nothing was done)");
}

bool rv_stake_check(struct rv_restore *r, const struct rv_stake *s, struct rv_error *err)
{
    if (s->battery_percent >= 0 && s->battery_percent < BATTERY_LEAST) {
        rv_fail(err, RV_E_REFUSED, "the battery is at %d %%; at least %d %% are wanted", s->battery_percent,
                BATTERY_LEAST);
        return rv_advise(err, RV_ADVICE_BATTERY_LOW);
    }
    if (s->room_known && s->room_bytes < ROOM_LEAST)
        return rv_fail(err, RV_E_NOSPACE,
                       "%s has room for %llu bytes only; some megabytes are needed for notes of the "
                       "work",
                       r->ctx->state_dir, (unsigned long long)s->room_bytes);
    return ask_owner(r, s, err);
}
