/* SPDX-License-Identifier: Apache-2.0 */
#include "coach/follow.h"

#include "data/devices.h"
#include "device/identity.h"
#include "device/mode.h"
#include "device/orders.h"
#include "proto/iboot.h"

#include <stdio.h>
#include <string.h>

enum {
    LOOK_MS = 100, /* while fingers wait for a word */
    LOOK_LEAST_MS = 10,
    ANSWERS_MS = 15000, /* a system that has just started answers usbmux some seconds later [I] */
    ASK_EVERY_MS = 500,
};

/* Restarting from Recovery at a known moment leads to DFU on A8 to A11 (palera1n); nobody has shown it for others. */
static const uint32_t reboot_chips[] = { 0x7000, 0x7001, 0x8000, 0x8001, 0x8003, 0x8010, 0x8011, 0x8015 };
enum { LAST_OLD_CHIP = 0x8015 };

struct follower {
    struct rv_fleet *fleet;
    struct rv_coach coach;
    struct rv_device ours; /* identity and port, as far as known */
    bool known;
    struct rv_usb_id others[RV_USB_DEVICES_MAX]; /* there before, when ours is not known */
    size_t other_count;
    struct rv_usb_id there; /* ours, at the last look */
    bool is_there;
    struct rv_coach_look look;
    uint64_t begun_ms;
    struct rv_coached result;
};

void rv_coach_setup_for(struct rv_coach_setup *setup, const struct rv_identity *identity)
{
    const struct rv_device_row *row = rv_device_by_product(identity->product_type, NULL);
    uint32_t chip = identity->have_chip ? identity->chip : row != NULL ? row->chip : 0;
    setup->reboot_works = false;
    for (size_t i = 0; i < RV_COUNT(reboot_chips); i++)
        setup->reboot_works = setup->reboot_works || reboot_chips[i] == chip;
    setup->old_lightning = row != NULL && strcmp(row->port, "lightning") == 0 && chip <= LAST_OLD_CHIP;
}

/* ---- eyes ---- */

static bool same_port(const struct rv_usb_id *a, const struct rv_usb_id *b)
{
    return a->bus == b->bus && a->port[0] != '\0' && strcmp(a->port, b->port) == 0;
}

static bool is_ours(const struct follower *f, const struct rv_usb_id *id, const struct rv_identity *identity)
{
    const struct rv_identity *own = &f->ours.identity;
    if (!f->known) {
        for (size_t i = 0; i < f->other_count; i++)
            if (same_port(&f->others[i], id))
                return false;
        return true;
    }
    if (own->ecid != 0 && identity->ecid != 0)
        return own->ecid == identity->ecid;
    if (own->udid[0] != '\0' && identity->udid[0] != '\0')
        return strcmp(own->udid, identity->udid) == 0;
    return same_port(&f->ours.usb, id);
}

static enum rv_coach_sight sight_of(enum rv_mode mode)
{
    switch (mode) {
    case RV_MODE_NORMAL:
    case RV_MODE_RESTORE:
        return RV_COACH_SEES_NORMAL;
    case RV_MODE_RECOVERY:
        return RV_COACH_SEES_RECOVERY;
    case RV_MODE_DFU:
    case RV_MODE_PORT_DFU:
    case RV_MODE_KIS:
        return RV_COACH_SEES_DFU;
    case RV_MODE_NONE:
    case RV_MODE_COUNT:
        break;
    }
    return RV_COACH_SEES_NOTHING;
}

static const struct rv_usb_id *find_ours(struct follower *f, const struct rv_usb_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rv_identity identity = { 0 };
        enum rv_mode mode = rv_mode_of_product(ids[i].product);
        if (mode == RV_MODE_NONE)
            continue;
        rv_identity_from_usb(&identity, mode, ids[i].serial);
        if (rv_identity_is_mac_part(&identity) || !is_ours(f, &ids[i], &identity))
            continue;
        f->known = true;
        rv_identity_merge(&f->ours.identity, &identity);
        f->ours.usb = ids[i];
        f->ours.mode = mode;
        return &ids[i];
    }
    return NULL;
}

static uint64_t person_now(struct follower *f)
{
    struct rv_clock *clock = &rv_fleet_ctx(f->fleet)->clock;
    double spent = (double)(rv_clock_now(clock) - f->begun_ms);
    return (uint64_t)(clock->scale > 0 ? spent / clock->scale : spent) + 1;
}

static bool look(struct follower *f, struct rv_error *err)
{
    struct rv_usb_id ids[RV_USB_DEVICES_MAX];
    size_t count = 0;
    struct rv_error quiet = { 0 };
    if (!rv_usb_bus_list(rv_fleet_usb(f->fleet), ids, RV_COUNT(ids), &count, &quiet)) {
        if (quiet.code == RV_E_CANCELLED || quiet.code == RV_E_NOMEM) {
            *err = quiet;
            return false;
        }
        count = 0; /* a bus that cannot be read this moment is one on which nothing is seen */
    }
    const struct rv_usb_id *now = find_ours(f, ids, count);
    bool new_one = now != NULL && (!f->is_there || now->address != f->there.address || now->bus != f->there.bus ||
                                   now->product != f->there.product);
    f->look.now_ms = person_now(f);
    f->look.arrivals += new_one;
    f->look.sight = now != NULL ? sight_of(f->ours.mode) : RV_COACH_SEES_NOTHING;
    f->is_there = now != NULL;
    f->result.seen = f->result.seen || f->is_there;
    if (now != NULL)
        f->there = *now;
    return rv_cancel_point(&rv_fleet_ctx(f->fleet)->cancel, err);
}

/* ---- mouth ---- */

static void button_names(const struct rv_coach_group *group, unsigned buttons, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s%s%s", (buttons & RV_BUTTON_POWER) != 0 ? "power" : "",
             (buttons & RV_BUTTON_POWER) != 0 && buttons != RV_BUTTON_POWER ? " " : "",
             (buttons & RV_BUTTON_UP) != 0 ? "volume-up" : "",
             (buttons & RV_BUTTON_UP) != 0 && (buttons & RV_BUTTON_SECOND) != 0 ? " " : "",
             (buttons & RV_BUTTON_SECOND) != 0 ? group->second_id : "");
}

static void speak(struct follower *f, const struct rv_coach_word *word)
{
    static const char *const said[] = { "beat", "tick", "order", "verdict", "note", "end" };
    static const char *const outcomes[] = { "goal", "stayed", "normal", "recovery", "dfu", "nothing" };
    const struct rv_coach_group *group = f->coach.setup.group;
    char hold[64], tap[64];
    struct rv_event_coach coach = {
        .said = said[word->said],
        .big = word->big,
        .hold = hold,
        .tap = tap,
        .outcome = word->verdict != NULL ? outcomes[word->verdict->came] : NULL,
        .attempt = word->attempt,
        .seconds_left = word->seconds_left,
    };
    if (word->said == RV_COACH_SAYS_ORDER && word->text[0] == '\0')
        return; /* a step of its own has told of it */
    button_names(group, word->hold, hold, sizeof hold);
    button_names(group, word->tap, tap, sizeof tap);
    bool draws = (word->hold | word->tap) != 0 || strcmp(word->id, "ready") == 0;
    for (size_t i = 0; draws && i < RV_EVENT_DRAWING_MAX - 1; i++)
        if (!rv_coach_draw(group, word->hold, word->tap, i, coach.drawing[i], sizeof coach.drawing[i]))
            break;
    struct rv_event event = {
        .kind = RV_EVENT_COACH, .step = word->id, .text = word->text, .percent = -1, .coach = &coach
    };
    rv_tell(rv_fleet_ctx(f->fleet), &event);
}

/* ---- orders ---- */

/* Its entry behind usbmux, once it answers. */
static bool find_running(struct follower *f, struct rv_device *out, struct rv_error *err)
{
    struct rv_ctx *ctx = rv_fleet_ctx(f->fleet);
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct rv_device) * RV_USB_DEVICES_MAX, err);
    if (room == NULL)
        return false;
    struct rv_device *list = (struct rv_device *)(void *)room->data;
    struct rv_deadline deadline = rv_deadline_in(&ctx->clock, ANSWERS_MS);
    for (;;) {
        size_t count = 0;
        if (!rv_fleet_scan(f->fleet, list, RV_USB_DEVICES_MAX, &count, NULL, err))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (list[i].mode != RV_MODE_NORMAL || list[i].silent || list[i].mux.handle == 0 ||
                !is_ours(f, &list[i].usb, &list[i].identity))
                continue;
            *out = list[i];
            rv_identity_merge(&f->ours.identity, &list[i].identity);
            return true;
        }
        if (rv_deadline_left_ms(&deadline) == 0)
            return rv_fail(err, RV_E_TIMEOUT, "it is on the bus, but does not answer");
        if (!rv_clock_pause(&ctx->clock, ASK_EVERY_MS, "its system is still starting", &ctx->cancel, err))
            return false;
    }
}

static bool reboot(struct follower *f, struct rv_error *err)
{
    RV_AUTO(rv_usb) usb = rv_device_open_usb(f->fleet, &f->ours, err);
    struct rv_error quiet = { 0 };
    if (usb == NULL)
        return false;
    /* So that a miss starts its system again; where iBoot does not keep it, a miss ends here: no harm. */
    (void)rv_device_order_auto_boot(usb, &quiet);
    return rv_iboot_command(usb, "reboot", err);
}

static bool obey(struct follower *f, enum rv_coach_order order, struct rv_error *err)
{
    struct rv_device running;
    switch (order) {
    case RV_COACH_ORDER_RECOVERY:
        return find_running(f, &running, err) && rv_device_order_recovery(f->fleet, &running, err);
    case RV_COACH_ORDER_EXIT:
        return rv_device_order_exit(f->fleet, &f->ours, err);
    case RV_COACH_ORDER_REBOOT:
        return reboot(f, err);
    case RV_COACH_ORDER_NONE:
        break;
    }
    return true;
}

static bool order(struct follower *f, enum rv_coach_order what, struct rv_error *err)
{
    struct rv_ctx *ctx = rv_fleet_ctx(f->fleet);
    struct rv_error failed = { 0 };
    bool done = obey(f, what, &failed);
    if (!done && failed.code == RV_E_CANCELLED) {
        *err = failed;
        return false;
    }
    if (!done)
        rv_log(ctx->log, RV_LOG_INFO, "coach", "order %d: %s", what, failed.text[0]);
    f->look.answer = done ? RV_COACH_OBEYED : RV_COACH_REFUSED;
    f->look.now_ms = person_now(f);
    return true;
}

/* ---- the run ---- */

static bool say_all(struct follower *f, struct rv_error *err)
{
    struct rv_coach_word word;
    while (rv_coach_step(&f->coach, &f->look, &word)) {
        speak(f, &word);
        if (word.said == RV_COACH_SAYS_VERDICT)
            f->result.last = word.verdict;
        if (word.said == RV_COACH_SAYS_ORDER && !order(f, word.order, err))
            return false;
    }
    return true;
}

static bool wait_a_moment(struct follower *f, struct rv_error *err)
{
    struct rv_ctx *ctx = rv_fleet_ctx(f->fleet);
    double scale = ctx->clock.scale > 0 && ctx->clock.scale < 1 ? ctx->clock.scale : 1;
    uint32_t ms = (uint32_t)(LOOK_MS * scale);
    struct rv_error quiet = { 0 };
    if (rv_usb_bus_wait(rv_fleet_usb(f->fleet), ms > LOOK_LEAST_MS ? ms : LOOK_LEAST_MS, &quiet))
        return true;
    if (quiet.code == RV_E_CANCELLED) {
        *err = quiet;
        return false;
    }
    return rv_clock_pause(&ctx->clock, LOOK_MS, "the USB bus gives no events", &ctx->cancel, err);
}

bool rv_coach_follow(struct rv_fleet *fleet, const struct rv_coach_setup *setup, const struct rv_device *device,
                     struct rv_coached *out, struct rv_error *err)
{
    RV_AUTO(rv_blob) room = rv_blob_new(sizeof(struct follower), err);
    if (room == NULL)
        return false;
    struct follower *f = (struct follower *)(void *)room->data;
    *f = (struct follower){ .fleet = fleet, .begun_ms = rv_clock_now(&rv_fleet_ctx(fleet)->clock) };
    rv_coach_begin(&f->coach, setup);
    if (device != NULL) {
        f->ours = *device;
        f->known = true;
    } else if (!rv_usb_bus_list(rv_fleet_usb(fleet), f->others, RV_COUNT(f->others), &f->other_count, err)) {
        return false;
    }
    while (f->coach.end == RV_COACH_GOES_ON)
        if (!look(f, err) || !say_all(f, err) || (f->coach.end == RV_COACH_GOES_ON && !wait_a_moment(f, err)))
            return false;
    f->result.end = f->coach.end;
    f->result.misses = f->coach.misses;
    f->result.device = f->ours;
    *out = f->result;
    return true;
}
