/* SPDX-License-Identifier: Apache-2.0 */
#include "coach/phone.h"

enum {
    NEVER_ = 0,
    LOOP_SHOWS_MS = 8000,
    LOOP_AWAY_MS = 9600,
    ENTER_LEAVES_MS = 7200,
    REBOOT_LEAVES_MS = 900,
    REFUSES_MS = 1000,
    TO_OWN_RECOVERY_MS = 5000,
    SETTLES_MS = 200000,
};

static void take_bus(struct phone *p, enum rv_coach_sight sight, uint64_t at)
{
    static const enum sim_body bodies[] = { SIM_BODY_OFF, SIM_BODY_RUNS, SIM_BODY_RECOVERY, SIM_BODY_DFU };
    bool loops_on = p->nature.looping && sight == RV_COACH_SEES_NORMAL && p->buttons.body == SIM_BODY_RUNS;
    p->sight = sight;
    p->off = false;
    p->arrivals += p->plugged;
    p->screen = sight == RV_COACH_SEES_NORMAL     ? SCREEN_HOME
                : sight == RV_COACH_SEES_RECOVERY ? SCREEN_CABLE
                                                  : SCREEN_BLACK;
    if (!loops_on) /* a loop's own coming and going means nothing to the buttons */
        sim_buttons_body(&p->buttons, at, bodies[sight]);
    p->leaving_at = p->nature.looping && sight == RV_COACH_SEES_NORMAL ? at + LOOP_SHOWS_MS : NEVER_;
}

void phone_init(struct phone *phone, const char *group, const struct phone_nature *nature, uint64_t seed)
{
    *phone = (struct phone){ .nature = *nature, .plugged = true };
    sim_buttons_init(&phone->buttons, sim_windows_of(group), seed);
    if (nature->at_start != RV_COACH_SEES_NOTHING)
        take_bus(phone, nature->at_start, 0);
    phone->off = nature->at_start == RV_COACH_SEES_NOTHING;
}

enum rv_coach_sight phone_sight(const struct phone *phone)
{
    return phone->plugged ? phone->sight : RV_COACH_SEES_NOTHING;
}

static void go_black(struct phone *p)
{
    p->sight = RV_COACH_SEES_NOTHING;
    p->screen = SCREEN_BLACK;
    p->left = true;
    p->coming_at = p->leaving_at = NEVER_;
}

static void boots(struct phone *p, uint64_t at)
{
    p->coming = p->nature.stays ? RV_COACH_SEES_RECOVERY : RV_COACH_SEES_NORMAL;
    p->coming_at = at + (p->nature.stays ? TO_OWN_RECOVERY_MS : p->nature.boot_ms);
}

static void take_push(struct phone *p, enum sim_push push, uint64_t at)
{
    switch (push) {
    case SIM_PUSH_RESET:
        p->off = false;
        go_black(p);
        break;
    case SIM_PUSH_LOGO:
        p->screen = SCREEN_LOGO;
        break;
    case SIM_PUSH_TO_BOOT:
        boots(p, at);
        break;
    case SIM_PUSH_TO_RECOVERY:
        p->coming = RV_COACH_SEES_RECOVERY;
        p->coming_at = at + p->buttons.to_recovery_ms;
        break;
    case SIM_PUSH_TO_DFU:
        p->coming = RV_COACH_SEES_DFU;
        p->coming_at = at + p->buttons.to_dfu_ms;
        if (p->nature.bad_cable) {
            sim_buttons_body(&p->buttons, at, SIM_BODY_STARTING);
            boots(p, at);
        }
        break;
    case SIM_PUSH_EMERGENCY:
        p->emergency_call = true;
        break;
    case SIM_PUSH_NOTHING:
        break;
    }
}

static void restart(struct phone *p, uint64_t at, bool cold)
{
    go_black(p);
    p->off = false;
    sim_buttons_start(&p->buttons, at, cold);
}

static void take_order(struct phone *p, uint64_t at)
{
    enum rv_coach_order order = p->order;
    p->order = RV_COACH_ORDER_NONE;
    if (order == RV_COACH_ORDER_RECOVERY)
        p->nature.stays = true;
    else if (order != RV_COACH_ORDER_NONE)
        p->nature.stays = false;
    restart(p, at, false);
}

void phone_obey(struct phone *phone, enum rv_coach_order order)
{
    bool runs = phone_sight(phone) == RV_COACH_SEES_NORMAL, waits = phone_sight(phone) == RV_COACH_SEES_RECOVERY;
    bool hears = order == RV_COACH_ORDER_RECOVERY
                     ? runs && phone->nature.trusts && !phone->nature.hung && !phone->nature.looping
                     : waits && !phone->nature.deaf;
    phone->answer = hears ? RV_COACH_OBEYED : RV_COACH_REFUSED;
    phone->order = hears ? order : RV_COACH_ORDER_NONE;
    if (hears)
        phone->order_at = phone->now + (order == RV_COACH_ORDER_RECOVERY ? ENTER_LEAVES_MS : REBOOT_LEAVES_MS);
}

void phone_until(struct phone *phone, uint64_t now)
{
    enum sim_push push;
    phone->now = now;
    while ((push = sim_buttons_act(&phone->buttons, now)) != SIM_PUSH_NOTHING)
        take_push(phone, push, now);
    if (phone->order != RV_COACH_ORDER_NONE && phone->order_at <= now)
        take_order(phone, now);
    if (phone->coming_at != NEVER_ && phone->coming_at <= now) {
        phone->coming_at = NEVER_;
        take_bus(phone, phone->coming, now);
    }
    if (phone->leaving_at != NEVER_ && phone->leaving_at <= now) {
        phone->sight = RV_COACH_SEES_NOTHING;
        phone->screen = SCREEN_LOGO;
        phone->leaving_at = NEVER_;
        phone->coming = RV_COACH_SEES_NORMAL;
        phone->coming_at = now + LOOP_AWAY_MS;
    }
}

void phone_finger(struct phone *phone, enum sim_button button, bool down)
{
    sim_buttons_move(&phone->buttons, phone->now, button, down);
}

void phone_plug(struct phone *phone, bool in)
{
    if (phone->plugged == in)
        return;
    phone->plugged = in;
    phone->left = true;
    phone->arrivals += in && phone->sight != RV_COACH_SEES_NOTHING;
    if (in && phone->off)
        restart(phone, phone->now, true);
}

void phone_slide_off(struct phone *phone)
{
    if (phone->sight != RV_COACH_SEES_NORMAL || phone->nature.hung || phone->nature.looping)
        return;
    go_black(phone);
    phone->off = true;
    sim_buttons_body(&phone->buttons, phone->now, SIM_BODY_OFF);
}

enum rv_coach_came phone_outcome(struct phone phone, uint64_t let_go_at)
{
    static const enum rv_coach_came came[] = { RV_COACH_CAME_NOTHING, RV_COACH_CAME_NORMAL, RV_COACH_CAME_RECOVERY,
                                               RV_COACH_CAME_DFU };
    for (uint64_t until = phone.now + SETTLES_MS; phone.now < until; phone_until(&phone, phone.now + 20)) {
        for (int i = 0; phone.now >= let_go_at && i < SIM_BUTTON_COUNT; i++)
            phone_finger(&phone, (enum sim_button)i, false);
    }
    return phone.left ? came[phone_sight(&phone)] : RV_COACH_CAME_STAYED;
}
