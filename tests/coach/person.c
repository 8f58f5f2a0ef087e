/* SPDX-License-Identifier: Apache-2.0 */
#include "coach/person.h"

#include <string.h>

enum { REACTION_LEAST = 150, REACTION_MOST = 1200, BETWEEN_FINGERS = 300, LATE_LEAST = 2000, LATE_MOST = 6000 };

uint32_t person_draw(struct person *person, uint32_t least, uint32_t most)
{
    uint64_t z = (person->seed += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return least + (uint32_t)((z ^ (z >> 31)) % (most - least + 1u));
}

void person_init(struct person *person, struct phone *phone, bool heeds, uint64_t seed)
{
    *person = (struct person){ .seed = seed, .phone = phone, .heeds = heeds };
    person->second = phone->buttons.windows->second;
}

static enum sim_button button_of(const struct person *p, unsigned bit)
{
    if (bit == RV_BUTTON_POWER)
        return SIM_BUTTON_POWER;
    if (bit == RV_BUTTON_UP)
        return SIM_BUTTON_UP;
    return p->slip == SLIP_WRONG ? (p->second == SIM_BUTTON_HOME ? SIM_BUTTON_DOWN : SIM_BUTTON_UP) : p->second;
}

static void will_move(struct person *p, uint64_t at, enum sim_button button, bool down)
{
    if (p->move_count < PERSON_MOVES && !(p->slip == SLIP_NO_POWER && button == SIM_BUTTON_POWER && down))
        p->moves[p->move_count++] = (struct person_move){ .at = at, .button = button, .down = down };
}

static void will_release_all(struct person *p, uint64_t at)
{
    p->move_count = 0;
    p->wanted = 0;
    for (int i = 0; i < SIM_BUTTON_COUNT; i++)
        will_move(p, at + person_draw(p, 0, BETWEEN_FINGERS), (enum sim_button)i, false);
}

static void choose_slip(struct person *p)
{
    bool taps = p->phone->buttons.windows->taps;
    p->tries++;
    p->heard = 0;
    p->gave_up = p->lets_go_at_logo = false;
    p->busy_until = 0;
    p->give_up_at = 0;
    if (p->drilled && p->tries == 1)
        return;
    p->slip = SLIP_NONE;
    p->amount_ms = 0;
    if (p->drilled || (p->heeds && p->slips >= 2) || person_draw(p, 0, 99) < 25)
        return;
    do
        p->slip = (enum person_slip)person_draw(p, SLIP_EARLY_ALL, SLIP_COUNT - 1);
    while (!taps && (p->slip == SLIP_LONG_TAP || p->slip == SLIP_SLOW_TAPS || p->slip == SLIP_SHORT_TAP));
    p->slip_step = person_draw(p, 1, taps ? 5 : 3);
    p->slips++;
}

static void tap(struct person *p, uint64_t at, unsigned bit)
{
    uint32_t held = p->slip == SLIP_LONG_TAP    ? person_draw(p, 1200, 3000)
                    : p->slip == SLIP_SHORT_TAP ? person_draw(p, 10, 30)
                                                : person_draw(p, 100, 500);
    if (p->slip == SLIP_SLOW_TAPS && bit == RV_BUTTON_SECOND)
        at += 4000;
    will_move(p, at, button_of(p, bit), true);
    will_move(p, at + held, button_of(p, bit), false);
    p->busy_until = at + held + 100;
}

static void change_hold(struct person *p, uint64_t at, unsigned hold)
{
    static const unsigned bits[] = { RV_BUTTON_POWER, RV_BUTTON_SECOND, RV_BUTTON_UP };
    for (size_t i = 0; i < RV_COUNT(bits); i++)
        if (((hold ^ p->wanted) & bits[i]) != 0)
            will_move(p, at + person_draw(p, 0, BETWEEN_FINGERS), button_of(p, bits[i]), (hold & bits[i]) != 0);
    p->wanted = hold;
}

/* A slip that happens while the hold goes on. */
static void plan_slip(struct person *p, uint64_t now)
{
    uint64_t at = now + (p->amount_ms != 0 ? p->amount_ms : person_draw(p, 1500, 6000));
    if (p->slip == SLIP_EARLY_ALL)
        p->give_up_at = at;
    if (p->slip == SLIP_EARLY_POWER)
        will_move(p, at, SIM_BUTTON_POWER, false);
    if (p->slip == SLIP_FINGER) {
        enum sim_button button = (p->wanted & RV_BUTTON_POWER) != 0 ? SIM_BUTTON_POWER : p->second;
        will_move(p, at, button, false);
        will_move(p, at + person_draw(p, 300, 800), button, true);
        if (p->move_count > 0)
            p->moves[p->move_count - 1].if_still = true;
    }
}

static void hears_hands(struct person *p, const char *id, uint64_t at)
{
    if (strcmp(id, "unplug") == 0) {
        p->unplug_at = at + person_draw(p, 500, 2000);
        p->slide_at = p->unplug_at + person_draw(p, 200, 800);
    }
    if (strcmp(id, "plug") == 0)
        p->plug_at = at + person_draw(p, 1000, 4000);
    if (strcmp(id, "plug-in") == 0 || strcmp(id, "rest") == 0)
        p->plug_at = at + 500;
}

void person_hears(struct person *person, const struct rv_coach_word *word, const struct rv_coach_step *step)
{
    uint64_t now = person->phone->now, at = now + person_draw(person, REACTION_LEAST, REACTION_MOST);
    if (word->said == RV_COACH_SAYS_NOTE && strncmp(word->id, "cable-hint", 10) == 0)
        person->phone->nature.bad_cable = false;
    if (word->said == RV_COACH_SAYS_VERDICT || word->said == RV_COACH_SAYS_END)
        will_release_all(person, at);
    if (word->said != RV_COACH_SAYS_BEAT)
        return;
    if (strcmp(word->id, "ready") == 0)
        choose_slip(person);
    bool in_try = step != NULL;
    person->heard += in_try;
    if (at < person->busy_until) /* one thing after the other */
        at = person->busy_until;
    bool slips_here = in_try && person->heard == person->slip_step;
    if (person->slip == SLIP_LATE && slips_here)
        at += person->amount_ms != 0 ? person->amount_ms : person_draw(person, LATE_LEAST, LATE_MOST);
    hears_hands(person, word->id, at);
    if (!in_try) {
        will_release_all(person, at);
        return;
    }
    person->lets_go_at_logo = strcmp(word->id, "logo") == 0;
    if (person->gave_up)
        return;
    if ((word->tap & RV_BUTTON_UP) != 0)
        tap(person, at, RV_BUTTON_UP);
    if ((word->tap & RV_BUTTON_SECOND) != 0)
        tap(person, at, RV_BUTTON_SECOND);
    change_hold(person, at, word->hold);
    if (slips_here)
        plan_slip(person, at);
}

void person_acts(struct person *person)
{
    uint64_t now = person->phone->now;
    for (unsigned i = 0; i < person->move_count; i++) {
        struct person_move move = person->moves[i];
        if (move.at > now)
            continue;
        bool stale = move.if_still &&
                     (person->wanted & (move.button == SIM_BUTTON_POWER ? RV_BUTTON_POWER : RV_BUTTON_SECOND)) == 0;
        if (!stale)
            phone_finger(person->phone, move.button, move.down);
        person->moves[i--] = person->moves[--person->move_count];
    }
    if (person->give_up_at != 0 && person->give_up_at <= now) {
        person->give_up_at = 0;
        person->gave_up = true;
        will_release_all(person, now);
    }
    bool sees_logo = person->phone->screen == SCREEN_LOGO && person->phone->left && person->wanted != 0;
    bool would = person->lets_go_at_logo && person->slip != SLIP_LATE;
    if (sees_logo && !person->gave_up && (would || person->slip == SLIP_LOGO)) {
        person->gave_up = true;
        will_release_all(person, now + person_draw(person, 300, REACTION_MOST));
    }
    if (person->unplug_at != 0 && person->unplug_at <= now) {
        person->unplug_at = 0;
        phone_plug(person->phone, false);
    }
    if (person->slide_at != 0 && person->slide_at <= now) {
        person->slide_at = 0;
        phone_slide_off(person->phone);
    }
    if (person->plug_at != 0 && person->plug_at <= now) {
        person->plug_at = 0;
        phone_plug(person->phone, true);
    }
}

uint64_t person_has_let_go(const struct person *person)
{
    uint64_t last = person->phone->now;
    for (unsigned i = 0; i < person->move_count; i++)
        if (person->moves[i].at > last)
            last = person->moves[i].at;
    return last;
}

unsigned person_reasons(const struct person *person)
{
    static const unsigned reasons[SLIP_COUNT] = {
        [SLIP_EARLY_ALL] = RV_COACH_WHY_TOO_SHORT,
        [SLIP_EARLY_POWER] = RV_COACH_WHY_TOO_SHORT,
        [SLIP_LATE] = RV_COACH_WHY_TOO_LONG | RV_COACH_WHY_TOO_SHORT,
        [SLIP_WRONG] = RV_COACH_WHY_WRONG_BUTTON,
        [SLIP_NO_POWER] = RV_COACH_WHY_WRONG_BUTTON | RV_COACH_WHY_TOO_SHORT,
        [SLIP_LONG_TAP] = RV_COACH_WHY_TAP,
        [SLIP_SLOW_TAPS] = RV_COACH_WHY_TAP,
        [SLIP_SHORT_TAP] = RV_COACH_WHY_TAP,
        [SLIP_LOGO] = RV_COACH_WHY_LOGO | RV_COACH_WHY_TOO_SHORT,
        [SLIP_FINGER] = RV_COACH_WHY_TOO_SHORT,
    };
    const struct phone_nature *nature = &person->phone->nature;
    return reasons[person->slip] | (nature->bad_cable ? RV_COACH_WHY_CABLE : 0u) |
           (nature->stays || nature->looping ? RV_COACH_WHY_SYSTEM : 0u);
}
