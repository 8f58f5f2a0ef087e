/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways in. A running system that cannot be used (locked, not trusted, silent, refusing) is no reason to give up: the
 * person can put the device into Recovery mode by hand, and where that does not work, into DFU mode. Nothing on the
 * device is lost by either. It is asked first; where nobody can be asked, the failure stays what it was.
 */
#include "base/language.h"
#include "restore/internal.h"

#include "coach/coach.h"
#include "data/coaching.h"
#include "device/identity.h"

#include <stdio.h>
#include <string.h>

enum { BY_HAND_MS = 600000, LOOK_MS = 1 }; /* a person, a cable and three buttons; a single look */

struct door {
    enum rv_mode shut, next; /* this one does not open: try that one */
    unsigned awaits;         /* whatever of these shows up is good */
    const char *step, *words, *question;
};

static const struct door doors[] = {
    { RV_MODE_NORMAL, RV_MODE_RECOVERY, RV_MODE_BIT(RV_MODE_RECOVERY) | RV_MODE_BIT(RV_MODE_DFU), "recovery-by-hand",
      N_("Waiting for the device in Recovery mode, put there by hand"), "recovery-by-hand" },
    { RV_MODE_RECOVERY, RV_MODE_DFU, RV_MODE_BIT(RV_MODE_DFU), "dfu-by-hand",
      N_("Waiting for the device in DFU mode, put there by hand"), "dfu-by-hand" },
};

/* ---- the question ---- */

/* The coach's own words for these buttons; an unknown model is taken for the newest. */
static size_t put_buttons(const struct rv_restore *r, enum rv_mode mode, char *out, size_t out_size)
{
    bool guessed = false;
    const char *id = rv_coach_group_of(r->device.identity.product_type, &guessed);
    const struct rv_coach_group *group = rv_coach_group(id == NULL ? "iphone8+" : id);
    enum rv_coach_goal goal = mode == RV_MODE_DFU ? RV_COACH_DFU : RV_COACH_RECOVERY;
    const struct rv_coach_script *script =
        group == NULL ? NULL : rv_coach_script(group->kind, goal, RV_COACH_BY_BUTTONS);
    size_t at = 0;
    for (size_t i = 0; script != NULL && i < script->count && at < out_size; i++) {
        char text[400];
        rv_coach_fill(group, script->steps[i].print, text, sizeof text);
        int n = snprintf(out + at, out_size - at, "\n  %zu. %s", i + 1, text);
        at += n > 0 ? (size_t)n : 0;
    }
    return at < out_size ? at : out_size - 1;
}

static void put_question(const struct rv_restore *r, const struct door *door, const struct rv_error *why, char *out,
                         size_t out_size)
{
    int n = snprintf(out, out_size,
                     _("The device cannot be used in %s: %.150s. It can be put into %s by hand, with the cable left "
                       "in; nothing on it is lost by that."),
                     _(rv_mode_words(door->shut)), why->text[0], _(rv_mode_words(door->next)));
    size_t at = n < 0 ? 0 : (size_t)n < out_size ? (size_t)n : out_size - 1;
    at += put_buttons(r, door->next, out + at, out_size - at);
    snprintf(out + at, out_size - at, _("\nrevive waits %d minutes for it. Go on that way?"), BY_HAND_MS / 60000);
}

static bool agreed(struct rv_restore *r, const struct door *door, const struct rv_error *why)
{
    char text[1500];
    struct rv_error unasked = { 0 };
    put_question(r, door, why, text, sizeof text);
    struct rv_question question = { door->question, text, NULL };
    if (!rv_ask(r->ctx, &question, &unasked))
        return false;
    if (r->ctx->assume_yes)
        rv_tell_note(r->ctx, "%s", text); /* nobody was shown the steps yet */
    return true;
}

/* ---- going through ---- */

/* What the person, the server or the file decided stays decided: another door leads to the same place. */
static bool is_shut(const struct rv_error *err)
{
    switch (err->code) {
    case RV_E_DENIED:
    case RV_E_REFUSED:
    case RV_E_TIMEOUT:
    case RV_E_GONE:
    case RV_E_PROTOCOL:
    case RV_E_BUSY:
        return true;
    default:
        return false;
    }
}

static const struct door *next_door(const struct rv_restore *r, const struct rv_error *err)
{
    bool before_boot = r->step == NULL || (r->step->flags & RV_STEP_DOOR) != 0;
    for (size_t i = 0; before_boot && is_shut(err) && i < RV_COUNT(doors); i++)
        if (doors[i].shut == r->device.mode && (r->doors_tried & RV_MODE_BIT(doors[i].next)) == 0)
            return &doors[i];
    return NULL;
}

/* A pulled cable is no shut door: other buttons do not bring it back, and whoever pulled it knows the next step. */
static bool is_on_no_bus(struct rv_restore *r)
{
    struct rv_device now;
    struct rv_error quiet = { 0 };
    return rv_fleet_await(r->fleet, r->device.identity.ecid, RV_MODE_BIT(RV_MODE_NONE), &r->device, LOOK_MS, &now,
                          &quiet);
}

bool rv_door_next(struct rv_restore *r, struct rv_error *err)
{
    const struct door *door = next_door(r, err);
    if (door != NULL && is_on_no_bus(r))
        return false;
    while (door != NULL && agreed(r, door, err)) {
        struct rv_error late = { 0 };
        struct rv_device now;
        r->doors_tried |= RV_MODE_BIT(door->next);
        rv_restore_usb_close(r);
        rv_tell_step(r->ctx, door->step, door->words);
        if (rv_fleet_await(r->fleet, r->device.identity.ecid, door->awaits, &r->device, BY_HAND_MS, &now, &late)) {
            rv_identity_merge(&now.identity, &r->device.identity);
            r->device = now;
            memset(err, 0, sizeof *err);
            return true;
        }
        if (late.code == RV_E_CANCELLED) {
            *err = late;
            return false;
        }
        r->device.mode = door->next; /* as far as one can tell: it is not there, so try the one after it */
        *err = late;
        door = next_door(r, err);
    }
    return false;
}
