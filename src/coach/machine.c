/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop over a script's steps; what the bus shows decides when a step ends and what a try came to. The moment at
 * which the screen goes black is the one at which the device leaves the bus [I: the USB controller is part of the
 * chip that restarts], so "now" comes from there and not from a count.
 */
#include "coach/coach.h"

#include <stdio.h>
#include <string.h>

enum {
    SETTLE_MS = 1000,      /* what has just come may go again */
    NOTHING_MS = 20000,    /* nothing on the bus: time to plug in */
    STARTS_MS = 100000,    /* it was there before: it may be starting since it got power */
    LOOP_SHOWS_MS = 12000, /* longer than a boot loop shows its system [I] */
    READY_S = 3,
    REST_S = 5,
    QUIET_MS = 8000,        /* after "let go": slow fingers may still make it restart */
    COMES_BACK_MS = 120000, /* a slow start is not to be called a failure */
    ORDER_MS = 120000,      /* twice the slowest way into Recovery, and a start */
    BLIND_MORE_S = 2,       /* counting without the bus: the slowest reset */
    UNPLUGGED_MS = 2000,
    HINT_AFTER = 2, /* misses before the cable is suspected and another way taken */
};

void rv_coach_begin(struct rv_coach *coach, const struct rv_coach_setup *setup)
{
    *coach = (struct rv_coach){ .setup = *setup, .pending = true };
}

/* ---- saying ---- */

static void word_begin(const struct rv_coach *c, struct rv_coach_word *word, enum rv_coach_said said, const char *id)
{
    *word = (struct rv_coach_word){ .said = said, .id = id, .seconds_left = -1, .attempt = c->misses + 1 };
}

static bool say_text(const struct rv_coach *c, struct rv_coach_word *word, enum rv_coach_said said, const char *id)
{
    word_begin(c, word, said, id);
    rv_coach_fill(c->setup.group, rv_coach_text(id), word->text, sizeof word->text);
    return true;
}

static void enter(struct rv_coach *c, uint64_t now, enum rv_coach_phase phase)
{
    c->phase = phase;
    c->phase_since = now;
    c->pending = true;
    c->ticks = 0;
}

static bool finish(struct rv_coach *c, uint64_t now, enum rv_coach_end end, struct rv_coach_word *word)
{
    enter(c, now, RV_COACH_ENDED);
    c->pending = false;
    c->end = end;
    return end == RV_COACH_REACHED ? say_text(c, word, RV_COACH_SAYS_END, "reached")
                                   : say_text(c, word, RV_COACH_SAYS_END, "let-go");
}

/* Whole seconds of a count that have not been told yet. */
static bool tick(struct rv_coach *c, uint64_t now, unsigned count_s, struct rv_coach_word *word)
{
    uint64_t spent = (now - c->phase_since) / 1000;
    if (count_s == 0 || spent <= c->ticks || spent > count_s)
        return false;
    c->ticks = (unsigned)spent;
    const struct rv_coach_step *step = c->phase == RV_COACH_STEPPING ? &c->script->steps[c->step] : NULL;
    word_begin(c, word, RV_COACH_SAYS_TICK, step != NULL ? step->id : c->phase == RV_COACH_RESTING ? "rest" : "ready");
    word->hold = step != NULL ? step->hold : 0;
    word->seconds_left = (int)(count_s - spent);
    if (step != NULL)
        rv_coach_fill(c->setup.group, step->big, word->big, sizeof word->big);
    return true;
}

/* ---- choosing the way ---- */

static enum rv_coach_sight sight_of_goal(enum rv_coach_goal goal)
{
    return goal == RV_COACH_RECOVERY ? RV_COACH_SEES_RECOVERY
           : goal == RV_COACH_DFU    ? RV_COACH_SEES_DFU
                                     : RV_COACH_SEES_NORMAL;
}

static bool can_order(const struct rv_coach *c, enum rv_coach_order order)
{
    return c->setup.by_software && !c->order_failed[order];
}

/* What software can do before fingers are needed. */
static enum rv_coach_order order_for(const struct rv_coach *c)
{
    bool leads_in = c->setup.goal == RV_COACH_RECOVERY || c->setup.goal == RV_COACH_DFU;
    if (leads_in && c->sight == RV_COACH_SEES_NORMAL && can_order(c, RV_COACH_ORDER_RECOVERY))
        return RV_COACH_ORDER_RECOVERY;
    if (!leads_in && c->sight == RV_COACH_SEES_RECOVERY && can_order(c, RV_COACH_ORDER_EXIT))
        return RV_COACH_ORDER_EXIT;
    return RV_COACH_ORDER_NONE;
}

/* DFU needs a moment to hold on to: a device that is off, or comes and goes, is caught in Recovery first. */
static enum rv_coach_goal choose_leg(const struct rv_coach *c)
{
    return c->setup.goal == RV_COACH_DFU && c->sight == RV_COACH_SEES_NOTHING ? RV_COACH_RECOVERY : c->setup.goal;
}

static enum rv_coach_route choose_route(const struct rv_coach *c, enum rv_coach_goal leg)
{
    if (leg == RV_COACH_DFU && c->sight == RV_COACH_SEES_RECOVERY && c->setup.reboot_works &&
        can_order(c, RV_COACH_ORDER_REBOOT) && c->misses_by_reboot < HINT_AFTER)
        return RV_COACH_BY_REBOOT;
    /* The other way in, for a button that does not work; it wants a device that can be switched off. */
    bool missed_often = c->misses > HINT_AFTER && c->misses % 2 == 1 && c->sight == RV_COACH_SEES_NORMAL;
    if (leg == RV_COACH_RECOVERY && !c->looping && (c->sight == RV_COACH_SEES_NOTHING || missed_often))
        return RV_COACH_BY_CABLE;
    return RV_COACH_BY_BUTTONS;
}

static bool give_order(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    c->order_arrivals = look->arrivals;
    enter(c, look->now_ms, RV_COACH_ORDERED);
    c->pending = false;
    say_text(c, word, RV_COACH_SAYS_ORDER, c->order == RV_COACH_ORDER_EXIT ? "soft-exit" : "soft-recovery");
    word->order = c->order;
    return true;
}

/* How long what is seen must stand still before it is believed. */
static uint64_t settle_ms(const struct rv_coach *c)
{
    if (c->sight == RV_COACH_SEES_NOTHING)
        return c->looping ? SETTLE_MS : c->arrivals > 0 || c->misses > 0 ? STARTS_MS : NOTHING_MS;
    bool doubtful = c->sight == RV_COACH_SEES_NORMAL && (c->looping || c->order_failed[RV_COACH_ORDER_RECOVERY]);
    return doubtful ? LOOP_SHOWS_MS : SETTLE_MS;
}

static bool choose(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    uint64_t steady = look->now_ms - c->sight_since;
    bool leads_out = sight_of_goal(c->setup.goal) == RV_COACH_SEES_NORMAL;
    if (look->sight == RV_COACH_SEES_NOTHING && !c->looping && c->pending && steady >= SETTLE_MS) {
        c->pending = false;
        return say_text(c, word, RV_COACH_SAYS_BEAT, "plug-in");
    }
    if (steady < settle_ms(c))
        return false;
    if (look->sight == RV_COACH_SEES_NORMAL)
        c->looping = false;
    if (look->sight == sight_of_goal(c->setup.goal) && !c->setup.restart)
        return finish(c, look->now_ms, RV_COACH_REACHED, word);
    if (c->looping && leads_out)
        return finish(c, look->now_ms, RV_COACH_SYSTEM_FAILS, word);
    c->order = order_for(c);
    if (c->order != RV_COACH_ORDER_NONE)
        return give_order(c, look, word);
    c->leg = choose_leg(c);
    c->script = rv_coach_script(c->setup.group->kind, c->leg, choose_route(c, c->leg));
    enter(c, look->now_ms, RV_COACH_GETTING_READY);
    return false;
}

static bool order_over(struct rv_coach *c, uint64_t now, bool failed, struct rv_coach_word *word)
{
    c->order_failed[c->order] = failed;
    enter(c, now, RV_COACH_CHOOSING);
    c->sight_since = now;
    return failed && say_text(c, word, RV_COACH_SAYS_NOTE, "soft-failed");
}

static bool await_order(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    bool came_back = look->arrivals != c->order_arrivals && look->sight != RV_COACH_SEES_NOTHING;
    bool wanted =
        c->order == RV_COACH_ORDER_EXIT ? look->sight == RV_COACH_SEES_NORMAL : look->sight == RV_COACH_SEES_RECOVERY;
    if (look->answer == RV_COACH_REFUSED)
        return order_over(c, look->now_ms, true, word);
    if (came_back && wanted)
        return order_over(c, look->now_ms, false, word);
    if (came_back && c->order == RV_COACH_ORDER_EXIT && look->answer == RV_COACH_OBEYED)
        return finish(c, look->now_ms, RV_COACH_SYSTEM_FAILS, word);
    if (came_back || look->now_ms - c->phase_since >= ORDER_MS)
        return order_over(c, look->now_ms, true, word);
    return false;
}

/* ---- a try ---- */

static bool begin_step(struct rv_coach *c, uint64_t now, size_t index, struct rv_coach_word *word)
{
    const struct rv_coach_step *step = &c->script->steps[index];
    c->step = index;
    enter(c, now, RV_COACH_STEPPING);
    c->pending = step->order != RV_COACH_ORDER_NONE; /* the order follows the word */
    word_begin(c, word, RV_COACH_SAYS_BEAT, step->id);
    rv_coach_fill(c->setup.group, step->say, word->text, sizeof word->text);
    rv_coach_fill(c->setup.group, step->big, word->big, sizeof word->big);
    word->hold = step->hold;
    word->tap = step->tap;
    word->seconds_left = step->expect_s > 0 ? (int)step->expect_s : -1;
    return true;
}

static bool get_ready(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    uint64_t spent = look->now_ms - c->phase_since;
    if (c->pending) {
        c->pending = false;
        c->start_sight = look->sight;
        c->start_arrivals = look->arrivals;
        say_text(c, word, RV_COACH_SAYS_BEAT, "ready");
        word->seconds_left = READY_S;
        return true;
    }
    bool moved = look->sight != c->start_sight || look->arrivals != c->start_arrivals;
    if (moved && !c->looping) {
        enter(c, look->now_ms, RV_COACH_CHOOSING);
        return false;
    }
    if (spent < READY_S * 1000)
        return tick(c, look->now_ms, READY_S, word);
    c->left = false;
    c->blind = c->looping || look->sight == RV_COACH_SEES_NOTHING;
    c->start_sight = look->sight;
    c->start_arrivals = look->arrivals;
    return begin_step(c, look->now_ms, 0, word);
}

static bool miss(struct rv_coach *c, uint64_t now, enum rv_coach_came came, struct rv_coach_word *word)
{
    const struct rv_coach_verdict *verdict = rv_coach_verdict(c->leg, came);
    word_begin(c, word, RV_COACH_SAYS_VERDICT, verdict->id);
    word->verdict = verdict;
    rv_coach_fill(c->setup.group, verdict->words, word->text, sizeof word->text);
    rv_coach_fill(c->setup.group, verdict->title, word->big, sizeof word->big);
    c->misses++;
    c->misses_by_reboot += c->script->route == RV_COACH_BY_REBOOT;
    if (came == RV_COACH_CAME_NORMAL)
        c->order_failed[RV_COACH_ORDER_RECOVERY] = false; /* another start of its system: it may listen now */
    c->note = NULL;
    if (c->misses % HINT_AFTER == 0)
        c->note = c->setup.old_lightning && c->setup.goal == RV_COACH_DFU ? "cable-hint" : "cable-hint-other";
    enter(c, now, RV_COACH_RESTING);
    return true;
}

static enum rv_coach_came came_as(enum rv_coach_sight sight)
{
    static const enum rv_coach_came by_sight[] = { RV_COACH_CAME_NOTHING, RV_COACH_CAME_NORMAL, RV_COACH_CAME_RECOVERY,
                                                   RV_COACH_CAME_DFU };
    return by_sight[sight];
}

/* What stands on the bus after the device had left it. */
static bool judge(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    if (look->sight != sight_of_goal(c->leg))
        return miss(c, look->now_ms, came_as(look->sight), word);
    if (c->leg == c->setup.goal)
        return finish(c, look->now_ms, RV_COACH_REACHED, word);
    c->looping = false;
    enter(c, look->now_ms, RV_COACH_RESTING); /* half way: fingers off, then on */
    c->pending = false;
    return say_text(c, word, RV_COACH_SAYS_BEAT, "reached");
}

static bool has_moved(const struct rv_coach *c, const struct rv_coach_look *look)
{
    return look->arrivals != c->start_arrivals || look->sight != c->start_sight;
}

/* Has the device left the bus because of what is done to it? */
static void watch_leaving(struct rv_coach *c, const struct rv_coach_look *look)
{
    const struct rv_coach_step *step = c->phase == RV_COACH_STEPPING ? &c->script->steps[c->step] : NULL;
    if (c->left || c->blind || !has_moved(c, look))
        return;
    bool too_soon = step != NULL && step->until != RV_COACH_UNTIL_UNPLUGGED && c->script->route != RV_COACH_BY_CABLE &&
                    (step->until != RV_COACH_UNTIL_GONE || look->now_ms - c->phase_since < step->least_s * 1000u);
    if (too_soon && c->script->route == RV_COACH_BY_BUTTONS)
        c->blind = true;
    else
        c->left = true;
}

/* True: something has come that ends the try. */
static bool is_judged(const struct rv_coach *c, const struct rv_coach_look *look)
{
    if (look->sight == RV_COACH_SEES_NOTHING || !has_moved(c, look))
        return false;
    if (c->left)
        return true;
    /* Without a moment to start from, a system that shows itself may be the loop's own coming and going. */
    return c->blind && (look->sight != RV_COACH_SEES_NORMAL || sight_of_goal(c->leg) == RV_COACH_SEES_NORMAL ||
                        c->phase == RV_COACH_LETTING_GO);
}

static bool next_step(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    if (c->step + 1 < c->script->count)
        return begin_step(c, look->now_ms, c->step + 1, word);
    enter(c, look->now_ms, RV_COACH_LETTING_GO);
    return false;
}

static bool step_is_over(struct rv_coach *c, const struct rv_coach_look *look, const struct rv_coach_step *step)
{
    uint64_t spent = look->now_ms - c->phase_since;
    switch (step->until) {
    case RV_COACH_UNTIL_COUNT:
        return spent >= step->expect_s * 1000u;
    case RV_COACH_UNTIL_GONE:
        return c->left || (c->blind && spent >= (step->expect_s + BLIND_MORE_S) * 1000u);
    case RV_COACH_UNTIL_GOAL:
        return false; /* by its coming, or by the limit */
    case RV_COACH_UNTIL_UNPLUGGED:
        if (look->sight != RV_COACH_SEES_NOTHING || look->now_ms - c->sight_since < UNPLUGGED_MS ||
            spent < step->expect_s * 1000u)
            return false;
        c->start_sight = RV_COACH_SEES_NOTHING;
        c->start_arrivals = look->arrivals;
        c->blind = false;
        c->left = true;
        return true;
    }
    return false;
}

static bool refused_order(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    c->order_failed[RV_COACH_ORDER_REBOOT] = true;
    enter(c, look->now_ms, RV_COACH_CHOOSING);
    return say_text(c, word, RV_COACH_SAYS_NOTE, "soft-failed");
}

static bool stepping(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    const struct rv_coach_step *step = &c->script->steps[c->step];
    if (c->pending) {
        c->pending = false;
        word_begin(c, word, RV_COACH_SAYS_ORDER, step->id);
        word->order = step->order;
        word->hold = step->hold;
        return true;
    }
    watch_leaving(c, look);
    if (step->until != RV_COACH_UNTIL_UNPLUGGED && is_judged(c, look))
        return judge(c, look, word);
    if (step->order != RV_COACH_ORDER_NONE && look->answer == RV_COACH_REFUSED && !c->left)
        return refused_order(c, look, word);
    if (step_is_over(c, look, step))
        return next_step(c, look, word);
    if (look->now_ms - c->phase_since >= step->limit_s * 1000u) {
        enter(c, look->now_ms, RV_COACH_LETTING_GO);
        return false;
    }
    return tick(c, look->now_ms, step->expect_s, word);
}

static bool letting_go(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    uint64_t spent = look->now_ms - c->phase_since;
    if (c->pending) {
        c->pending = false;
        return say_text(c, word, RV_COACH_SAYS_BEAT, "let-go");
    }
    watch_leaving(c, look);
    if (is_judged(c, look))
        return judge(c, look, word);
    bool there = look->sight != RV_COACH_SEES_NOTHING;
    if (there && !c->left && spent >= QUIET_MS)
        return miss(c, look->now_ms, c->blind ? came_as(look->sight) : RV_COACH_CAME_STAYED, word);
    if (spent >= COMES_BACK_MS)
        return miss(c, look->now_ms, RV_COACH_CAME_NOTHING, word);
    return false;
}

static bool resting(struct rv_coach *c, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    if (c->pending && c->misses >= c->setup.tries_max)
        return finish(c, look->now_ms, RV_COACH_TRIES_SPENT, word);
    if (c->note != NULL) {
        const char *note = c->note;
        c->note = NULL;
        return say_text(c, word, RV_COACH_SAYS_NOTE, note);
    }
    if (c->pending) {
        c->pending = false;
        say_text(c, word, RV_COACH_SAYS_BEAT, "rest");
        word->seconds_left = REST_S;
        return true;
    }
    if (look->now_ms - c->phase_since < REST_S * 1000)
        return tick(c, look->now_ms, REST_S, word);
    enter(c, look->now_ms, RV_COACH_CHOOSING);
    return false;
}

static bool has_changed(const struct rv_coach *c, const struct rv_coach_look *look)
{
    return look->sight != c->sight || look->arrivals != c->arrivals;
}

/* A system that shows itself again and again with nobody's doing is in a boot loop. */
static void watch_looping(struct rv_coach *c, const struct rv_coach_look *look)
{
    bool idle = c->phase == RV_COACH_CHOOSING || c->phase == RV_COACH_GETTING_READY || c->phase == RV_COACH_RESTING;
    bool boots = look->sight == RV_COACH_SEES_RECOVERY || look->sight == RV_COACH_SEES_DFU;
    if (idle && c->sight == RV_COACH_SEES_NORMAL && !boots && has_changed(c, look))
        c->looping = true; /* nobody told it to leave, unless the cable was pulled: then it will stand still */
    if (boots)
        c->looping = false;
}

bool rv_coach_step(struct rv_coach *coach, const struct rv_coach_look *look, struct rv_coach_word *word)
{
    if (!coach->begun) {
        coach->begun = true;
        coach->phase_since = coach->sight_since = look->now_ms;
        coach->sight = look->sight;
        coach->arrivals = look->arrivals;
    }
    watch_looping(coach, look);
    if (has_changed(coach, look))
        coach->sight_since = look->now_ms;
    coach->sight = look->sight;
    coach->arrivals = look->arrivals;
    switch (coach->phase) {
    case RV_COACH_CHOOSING:
        return choose(coach, look, word);
    case RV_COACH_ORDERED:
        return await_order(coach, look, word);
    case RV_COACH_GETTING_READY:
        return get_ready(coach, look, word);
    case RV_COACH_STEPPING:
        return stepping(coach, look, word);
    case RV_COACH_LETTING_GO:
        return letting_go(coach, look, word);
    case RV_COACH_RESTING:
        return resting(coach, look, word);
    case RV_COACH_ENDED:
        break;
    }
    return false;
}
