/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at both buses and joining what they show into one record a device. */
#include "device/device.h"

#include "base/text.h"
#include "device/fleet_parts.h"
#include "device/identity.h"
#include "device/mode.h"
#include "format/iboot_serial.h"
#include "proto/lockdown.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_TIMEOUT_MS = 3000 };

static bool real_mux_list(void *own, struct rv_ctx *ctx, struct rv_mux_id *out, size_t max, size_t *count,
                          struct rv_error *err)
{
    (void)own;
    return rv_mux_list(ctx, out, max, count, err);
}

bool rv_fleet_ask(void *own, struct rv_ctx *ctx, const struct rv_mux_id *id, struct rv_device *out,
                  struct rv_error *err)
{
    (void)own;
    char type[RV_TEXT_SHORT];
    RV_AUTO(rv_lockdown) link = rv_lockdown_open(ctx, id, err);
    if (link == NULL)
        return false;
    rv_lockdown_patience(link, ASK_TIMEOUT_MS);
    if (!rv_lockdown_type(link, type, sizeof type, err))
        return false;
    bool restore = strcmp(type, "com.apple.mobile.restored") == 0;
    RV_AUTO_PLIST values = restore ? rv_lockdown_hardware_info(link, err) : rv_lockdown_get(link, NULL, NULL, err);
    if (values == NULL)
        return false;
    out->mode = restore ? RV_MODE_RESTORE : RV_MODE_NORMAL;
    rv_identity_from_values(&out->identity, values);
    return true;
}

struct rv_fleet *rv_fleet_open_take(struct rv_ctx *ctx, const struct rv_fleet_sources *sources, struct rv_error *err)
{
    struct rv_fleet *fleet = rv_alloc(sizeof *fleet);
    if (fleet == NULL) {
        rv_usb_bus_free(sources->bus);
        rv_fail_nomem(err);
        return NULL;
    }
    fleet->ctx = ctx;
    fleet->sources = *sources;
    pthread_mutex_init(&fleet->lock, NULL);
    rv_memory_load(ctx, &fleet->memory);
    return fleet;
}

struct rv_fleet *rv_fleet_open(struct rv_ctx *ctx, struct rv_error *err)
{
    struct rv_fleet_sources sources = { .mux_list = real_mux_list, .ask = rv_fleet_ask };
    sources.bus = rv_usb_bus_open(ctx, err);
    if (sources.bus == NULL && err->code != RV_E_USAGE && err->code != RV_E_NOMEM && err->code != RV_E_CANCELLED) {
        /* Half of the work needs no USB of ours: the usbmux service has its own. */
        rv_tell_warning(ctx,
                        "USB cannot be looked at from here (%s): only devices that the usbmux service lists are seen.",
                        err->text[0]);
        memset(err, 0, sizeof *err);
        sources.bus = rv_usb_none_open(ctx, err);
    }
    return sources.bus == NULL ? NULL : rv_fleet_open_take(ctx, &sources, err);
}

void rv_fleet_free(struct rv_fleet *fleet)
{
    if (fleet == NULL)
        return;
    rv_usb_bus_free(fleet->sources.bus);
    pthread_mutex_destroy(&fleet->lock);
    rv_free(fleet);
}

struct rv_ctx *rv_fleet_ctx(struct rv_fleet *fleet)
{
    return fleet->ctx;
}

struct rv_usb_bus *rv_fleet_usb(struct rv_fleet *fleet)
{
    return fleet->sources.bus;
}

void rv_device_describe(const struct rv_device *device, char *out, size_t size)
{
    const struct rv_identity *id = &device->identity;
    const char *name = id->name[0] != '\0' ? id->name : id->product_type[0] != '\0' ? id->product_type : "Apple device";
    int n = snprintf(out, size, "%s in %s", name, rv_mode_words(device->mode));
    if (n < 0 || (size_t)n >= size)
        return;
    if (id->serial[0] != '\0')
        snprintf(out + n, size - (size_t)n, " (serial %s)", id->serial);
    else if (id->ecid != 0)
        snprintf(out + n, size - (size_t)n, " (ECID 0x%" PRIx64 ")", id->ecid);
    else if (id->udid[0] != '\0')
        snprintf(out + n, size - (size_t)n, " (UDID %s)", id->udid);
}

/* --- one look --- */

static void from_usb(const struct rv_usb_id *id, enum rv_mode mode, struct rv_device *out)
{
    *out = (struct rv_device){ .mode = mode, .usb = *id, .denied = id->denied };
    rv_identity_from_usb(&out->identity, mode, id->serial);
    /* Normal on USB says nothing about lockdown; the mux half fills that in. */
    out->silent = mode == RV_MODE_NORMAL;
}

static struct rv_answered *find_answer(struct rv_fleet *fleet, const struct rv_mux_id *id)
{
    for (size_t i = 0; i < fleet->answered_count; i++)
        if (fleet->answered[i].id.handle == id->handle && strcmp(fleet->answered[i].id.udid, id->udid) == 0)
            return &fleet->answered[i];
    return NULL;
}

static void from_mux(struct rv_fleet *fleet, const struct rv_mux_id *id, struct rv_device *out)
{
    struct rv_answered *known = find_answer(fleet, id);
    *out = (struct rv_device){ .mode = RV_MODE_NORMAL, .mux = *id };
    if (known == NULL) {
        struct rv_error ignored = { 0 };
        rv_identity_set_udid(&out->identity, id->udid);
        out->silent = !fleet->sources.ask(fleet->sources.own, fleet->ctx, id, out, &ignored);
        if (out->silent || fleet->answered_count == RV_COUNT(fleet->answered))
            return; /* asked again at the next look */
        known = &fleet->answered[fleet->answered_count++];
        *known = (struct rv_answered){ .id = *id, .device = *out };
    }
    known->seen = true;
    *out = known->device;
}

static void forget_unseen(struct rv_fleet *fleet)
{
    size_t kept = 0;
    for (size_t i = 0; i < fleet->answered_count; i++)
        if (fleet->answered[i].seen)
            fleet->answered[kept++] = fleet->answered[i];
    fleet->answered_count = kept;
}

/* The same phone on both buses in Normal or Restore mode: one record, with both addresses. */
static bool join_mux(struct rv_device *list, size_t usb_count, const struct rv_device *mux)
{
    for (size_t i = 0; i < usb_count; i++) {
        struct rv_device *usb = &list[i];
        bool silent_usb = usb->mode == RV_MODE_NORMAL && usb->mux.handle == 0;
        if (!silent_usb || !rv_text_equal_nocase(usb->identity.udid, mux->mux.udid))
            continue;
        struct rv_usb_id id = usb->usb;
        *usb = *mux;
        usb->usb = id;
        return true;
    }
    return false;
}

static size_t look_usb(struct rv_fleet *fleet, struct rv_device *out, size_t max, struct rv_error *err)
{
    struct rv_usb_id ids[RV_USB_DEVICES_MAX];
    size_t found = 0, n = 0;
    if (!rv_usb_bus_list(fleet->sources.bus, ids, RV_COUNT(ids), &found, err))
        return SIZE_MAX;
    for (size_t i = 0; i < found && n < max; i++) {
        enum rv_mode mode = rv_mode_of_product(ids[i].product);
        if (mode == RV_MODE_NONE)
            continue;
        from_usb(&ids[i], mode, &out[n]);
        if (!rv_identity_is_mac_part(&out[n].identity))
            n++;
    }
    return n;
}

static bool look_mux(struct rv_fleet *fleet, struct rv_device *out, size_t max, size_t *count, bool *mux_missing,
                     struct rv_error *err)
{
    struct rv_mux_id ids[RV_MUX_DEVICES_MAX];
    size_t found = 0, usb_count = *count;
    struct rv_error mux_err = { 0 };
    *mux_missing = false;
    if (!fleet->sources.mux_list(fleet->sources.own, fleet->ctx, ids, RV_COUNT(ids), &found, &mux_err)) {
        if (mux_err.code == RV_E_CANCELLED || mux_err.code == RV_E_NOMEM) {
            *err = mux_err;
            return false;
        }
        *mux_missing = true;
        found = 0;
    }
    for (size_t i = 0; i < fleet->answered_count; i++)
        fleet->answered[i].seen = false;
    for (size_t i = 0; i < found; i++) {
        struct rv_device device;
        if (ids[i].network)
            continue;
        from_mux(fleet, &ids[i], &device);
        if (!rv_cancel_point(&fleet->ctx->cancel, err))
            return false;
        if (!join_mux(out, usb_count, &device) && *count < max)
            out[(*count)++] = device;
    }
    forget_unseen(fleet);
    return true;
}

bool rv_fleet_look(struct rv_fleet *fleet, struct rv_device *out, size_t max, size_t *count, bool *mux_missing,
                   struct rv_error *err)
{
    pthread_mutex_lock(&fleet->lock);
    size_t n = look_usb(fleet, out, max, err);
    bool ok = n != SIZE_MAX && look_mux(fleet, out, max, &n, mux_missing, err);
    bool news = false;
    for (size_t i = 0; ok && i < n; i++) {
        struct rv_identity *id = &out[i].identity;
        rv_memory_recall(&fleet->memory, id);
        rv_identity_look_up(id);
        news = rv_memory_note(&fleet->memory, id) || news;
        rv_log_mask(fleet->ctx->log, id->udid);
        rv_log_mask(fleet->ctx->log, id->serial);
    }
    if (news)
        rv_memory_save(fleet->ctx, &fleet->memory);
    pthread_mutex_unlock(&fleet->lock);
    if (ok)
        *count = n;
    return ok;
}

/* --- the joined list --- */

/* Of two entries for one phone: what sits on USB in DFU or Recovery is there now; a usbmux entry may be stale. */
static bool is_fresher(const struct rv_device *a, const struct rv_device *b)
{
    bool a_boot = a->mode != RV_MODE_NORMAL && a->mode != RV_MODE_RESTORE;
    bool b_boot = b->mode != RV_MODE_NORMAL && b->mode != RV_MODE_RESTORE;
    if (a_boot != b_boot)
        return a_boot;
    if (a_boot)
        return a->usb.address > b->usb.address;
    return a->mux.handle > b->mux.handle;
}

static size_t drop_doubles(struct rv_device *list, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t same = kept;
        for (size_t k = 0; k < kept && list[i].identity.ecid != 0; k++)
            if (list[k].identity.ecid == list[i].identity.ecid)
                same = k;
        if (same == kept)
            list[kept++] = list[i];
        else if (is_fresher(&list[i], &list[same]))
            list[same] = list[i];
    }
    return kept;
}

/* An order that a mode change does not shake: the number that `list` prints stays true. */
static int by_identity(const void *a, const void *b)
{
    const struct rv_device *x = a, *y = b;
    if (x->identity.ecid != y->identity.ecid)
        return x->identity.ecid < y->identity.ecid ? -1 : 1;
    int n = strcmp(x->identity.udid, y->identity.udid);
    return n != 0 ? n : strcmp(x->usb.port, y->usb.port);
}

bool rv_fleet_scan(struct rv_fleet *fleet, struct rv_device *out, size_t max, size_t *count, bool *mux_missing,
                   struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_device) * RV_FLEET_MAX, err);
    bool missing = false;
    size_t n = 0;
    if (room == NULL)
        return false;
    struct rv_device *list = (struct rv_device *)(void *)room->data;
    if (!rv_fleet_look(fleet, list, RV_FLEET_MAX, &n, &missing, err))
        return rv_while(err, "looking for devices");
    n = drop_doubles(list, n);
    if (n > 1)
        qsort(list, n, sizeof list[0], by_identity);
    if (n > max)
        n = max;
    for (size_t i = 0; i < n; i++)
        out[i] = list[i];
    *count = n;
    if (mux_missing != NULL)
        *mux_missing = missing;
    return true;
}

/* --- picking one --- */

static void strip_hyphens(const char *from, char *out, size_t size)
{
    size_t n = 0;
    for (; *from != '\0' && n + 1 < size; from++)
        if (*from != '-')
            out[n++] = *from;
    out[n] = '\0';
}

static bool is_named(const struct rv_device *device, size_t index, const char *selector)
{
    uint64_t number = 0;
    char a[RV_TEXT_SHORT], b[RV_TEXT_SHORT];
    strip_hyphens(device->identity.udid, a, sizeof a);
    strip_hyphens(selector, b, sizeof b);
    if ((a[0] != '\0' && rv_text_equal_nocase(a, b)) || rv_text_equal_nocase(device->identity.serial, selector))
        return true;
    if (!rv_text_number(selector, 0, &number))
        return false;
    bool is_index = selector[1] != 'x' && selector[1] != 'X' && number == index + 1;
    return is_index || (number != 0 && number == device->identity.ecid);
}

static bool fail_several(const struct rv_device *list, size_t count, struct rv_error *err)
{
    char text[RV_ERROR_TEXT] = "";
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        char one[RV_ERROR_TEXT];
        rv_device_describe(&list[i], one, sizeof one);
        int n = snprintf(text + at, sizeof text - at, "%s%zu: %s", i == 0 ? "" : "; ", i + 1, one);
        if (n < 0 || (size_t)n >= sizeof text - at)
            break;
        at += (size_t)n;
    }
    rv_fail(err, RV_E_USAGE, "%s", text);
    rv_while(err, "choosing one of %zu devices", count);
    return rv_advise(err, RV_ADVICE_CHOOSE_DEVICE);
}

bool rv_fleet_pick(struct rv_fleet *fleet, const char *selector, struct rv_device *out, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_device) * RV_FLEET_MAX, err);
    size_t n = 0;
    bool mux_missing = false;
    if (room == NULL)
        return false;
    struct rv_device *list = (struct rv_device *)(void *)room->data;
    if (!rv_fleet_scan(fleet, list, RV_FLEET_MAX, &n, &mux_missing, err))
        return false;
    if (n == 0)
        return rv_fail(err, RV_E_NO_DEVICE, "no device is attached%s",
                       mux_missing ? ", or it is on and the usbmux service is missing" : "");
    if (selector == NULL && n > 1)
        return fail_several(list, n, err);
    for (size_t i = 0; i < n; i++) {
        if (selector != NULL && !is_named(&list[i], i, selector))
            continue;
        *out = list[i];
        return true;
    }
    return rv_fail(err, RV_E_NO_DEVICE, "no attached device is called %.80s; %zu other%s there", selector, n,
                   n == 1 ? " is" : "s are");
}
