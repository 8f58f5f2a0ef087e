/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coach, person and device in one room with a clock that is a number: for each group of buttons and each goal, people
 * who react slowly, let go early or late, press the wrong button. Whatever they do, the coach's verdict must be what
 * the device did; and who heeds it must be there within three tries.
 */
#include "support/rv_test.h"

#include "base/text.h"
#include "coach/person.h"

enum { PERSONS = 60, STEP_MS = 50, LONGEST_MS = 3600 * 1000, TRIES_HEEDING = 3, TRIES_OBSTINATE = 4 };

struct tally {
    unsigned persons, reached, tries, tries_most, misses, wrong_verdicts, wrong_reasons, missed_without_slip;
    unsigned came[6], slips[SLIP_COUNT];
};

/* What the host sees comes a little later than it happens. */
struct eyes {
    struct rv_coach_look shown;
    enum rv_coach_sight sight;
    unsigned arrivals;
    uint64_t changed_at;
    unsigned delay_ms;
};

static void see(struct eyes *eyes, const struct phone *phone)
{
    enum rv_coach_sight sight = phone_sight(phone);
    if (sight != eyes->sight || phone->arrivals != eyes->arrivals) {
        eyes->sight = sight;
        eyes->arrivals = phone->arrivals;
        eyes->changed_at = phone->now;
    }
    eyes->shown.now_ms = phone->now;
    eyes->shown.answer = phone->answer;
    if (phone->now - eyes->changed_at < eyes->delay_ms)
        return;
    eyes->shown.sight = sight;
    eyes->shown.arrivals = phone->arrivals;
}

/* In a boot loop "it stays as it is" and "it starts again" are one. */
static bool same_outcome(const struct phone *phone, enum rv_coach_came said, enum rv_coach_came did)
{
    bool loops = phone->nature.looping && said != RV_COACH_CAME_RECOVERY && said != RV_COACH_CAME_DFU &&
                 did != RV_COACH_CAME_RECOVERY && did != RV_COACH_CAME_DFU;
    return said == did || loops;
}

static void judge_verdict(struct tally *tally, const struct rv_coach *coach, const struct person *person,
                          enum rv_coach_came said)
{
    enum rv_coach_came did = phone_outcome(*person->phone, person_has_let_go(person));
    tally->came[said]++;
    tally->misses++;
    tally->slips[person->slip]++;
    if (!same_outcome(person->phone, said, did)) {
        tally->wrong_verdicts++;
        print_error("%s to %s, slip %d at %u, script %s: said %d, device did %d\n", coach->setup.group->id,
                    rv_coach_goal_name(coach->setup.goal), person->slip, person->slip_step, coach->script->id, said,
                    did);
    }
    const struct rv_coach_verdict *verdict = rv_coach_verdict(coach->leg, said);
    unsigned reasons = person_reasons(person);
    if (person->phone->nature.hung && coach->script->route == RV_COACH_BY_CABLE)
        reasons |= RV_COACH_WHY_SYSTEM; /* it cannot be switched off */
    if (reasons == 0) {
        tally->missed_without_slip++;
        print_error("%s to %s: missed (%d) without a slip, script %s\n", coach->setup.group->id,
                    rv_coach_goal_name(coach->setup.goal), said, coach->script->id);
    } else if ((verdict->reasons & reasons) == 0) {
        tally->wrong_reasons++;
        print_error("%s to %s: '%s' does not name slip %d (at %u), script %s\n", coach->setup.group->id,
                    rv_coach_goal_name(coach->setup.goal), verdict->id, person->slip, person->slip_step,
                    coach->script->id);
    }
}

static void hear(struct tally *tally, const struct rv_coach *coach, struct person *person,
                 const struct rv_coach_word *word)
{
    bool in_try = coach->phase == RV_COACH_STEPPING && word->said == RV_COACH_SAYS_BEAT;
    if (word->said == RV_COACH_SAYS_ORDER)
        phone_obey(person->phone, word->order);
    if (word->said == RV_COACH_SAYS_BEAT && strcmp(word->id, "ready") == 0)
        person->phone->left = false;
    person_hears(person, word, in_try ? &coach->script->steps[coach->step] : NULL);
    if (word->said == RV_COACH_SAYS_VERDICT)
        judge_verdict(tally, coach, person, word->verdict->came);
}

/* One person's whole afternoon. */
static void play(struct tally *tally, const struct rv_coach_setup *setup, struct phone *phone, struct person *person,
                 unsigned delay_ms)
{
    struct rv_coach coach;
    struct rv_coach_word word;
    struct eyes eyes = { .sight = phone_sight(phone), .arrivals = phone->arrivals, .delay_ms = delay_ms };
    eyes.shown.sight = eyes.sight;
    eyes.shown.arrivals = eyes.arrivals;
    rv_coach_begin(&coach, setup);
    tally->persons++;
    for (uint64_t now = 1000; now < LONGEST_MS && coach.end == RV_COACH_GOES_ON; now += STEP_MS) {
        phone_until(phone, now);
        person_acts(person);
        see(&eyes, phone);
        while (rv_coach_step(&coach, &eyes.shown, &word)) {
            hear(tally, &coach, person, &word);
            if (word.said == RV_COACH_SAYS_ORDER)
                eyes.shown.answer = phone->answer;
        }
    }
    bool there = coach.end == RV_COACH_REACHED;
    enum rv_coach_came did = phone_outcome(*phone, person_has_let_go(person));
    static const enum rv_coach_came wanted[] = { RV_COACH_CAME_RECOVERY, RV_COACH_CAME_DFU, RV_COACH_CAME_NORMAL,
                                                 RV_COACH_CAME_NORMAL };
    if (there && did != wanted[setup->goal] && !(did == RV_COACH_CAME_STAYED && coach.misses == 0)) {
        tally->wrong_verdicts++;
        print_error("%s: said %s is reached, the device did %d\n", setup->group->id, rv_coach_goal_name(setup->goal),
                    did);
    }
    tally->reached += there;
    if (there) {
        tally->tries += coach.misses + 1;
        tally->tries_most = coach.misses + 1 > tally->tries_most ? coach.misses + 1 : tally->tries_most;
    } else if (person->heeds) {
        print_error("%s to %s: not there (end %d, phase %d, misses %u) start %d trusts %d hung %d loops %d deaf %d "
                    "cable %d\n",
                    setup->group->id, rv_coach_goal_name(setup->goal), coach.end, coach.phase, coach.misses,
                    phone->nature.at_start, phone->nature.trusts, phone->nature.hung, phone->nature.looping,
                    phone->nature.deaf, phone->nature.bad_cable);
    }
    if (person->slips == 0)
        assert_false(phone->emergency_call);
}

/* Devices as they come to a coach: well, locked, hung, in a boot loop, off, in Recovery, in DFU. */
static void draw_nature(struct person *dice, const struct rv_coach_setup *setup, struct phone_nature *nature)
{
    bool leads_in = setup->goal == RV_COACH_RECOVERY || setup->goal == RV_COACH_DFU;
    *nature = (struct phone_nature){ .at_start = RV_COACH_SEES_NORMAL };
    nature->boot_ms = person_draw(dice, 0, 9) == 0 ? person_draw(dice, 40000, 90000) : person_draw(dice, 12000, 35000);
    if (!leads_in) {
        nature->at_start = setup->goal == RV_COACH_EXIT_DFU ? RV_COACH_SEES_DFU : RV_COACH_SEES_RECOVERY;
        nature->deaf = person_draw(dice, 0, 3) != 0;
        return;
    }
    switch (person_draw(dice, 0, 7)) {
    case 0:
        nature->trusts = true;
        break;
    case 1:
        nature->hung = true;
        break;
    case 2:
        nature->looping = true;
        break;
    case 3:
        nature->at_start = RV_COACH_SEES_NOTHING;
        break;
    case 4:
        nature->at_start = setup->goal == RV_COACH_DFU ? RV_COACH_SEES_RECOVERY : RV_COACH_SEES_DFU;
        break;
    default: /* locked, or it does not know this computer */
        break;
    }
    nature->bad_cable = setup->goal == RV_COACH_DFU && setup->old_lightning && person_draw(dice, 0, 9) == 0;
}

/* More than the suite plays: REVIVE_COACH_PERSONS=1000. */
static uint64_t persons(void)
{
    const char *text = getenv("REVIVE_COACH_PERSONS");
    uint64_t count;
    return text != NULL && rv_text_number(text, 10, &count) ? count : PERSONS;
}

static void sweep(struct tally *tally, size_t group_index, enum rv_coach_goal goal, bool heeding)
{
    const char *group = sim_windows[group_index].group;
    for (uint64_t i = 0; i < persons(); i++) {
        struct person dice = { .seed = ((uint64_t)group_index << 40) + ((uint64_t)goal << 32) + (i << 8) + heeding };
        struct rv_coach_setup setup = { .group = rv_coach_group(group), .goal = goal, .by_software = true };
        struct phone_nature nature;
        struct phone phone;
        struct person person;
        setup.tries_max = heeding ? TRIES_HEEDING : TRIES_OBSTINATE;
        setup.reboot_works = person_draw(&dice, 0, 1) == 0;
        setup.old_lightning = setup.reboot_works;
        draw_nature(&dice, &setup, &nature);
        phone_init(&phone, group, &nature, dice.seed);
        person_init(&person, &phone, heeding, dice.seed + 1);
        /* A cable that cannot do it costs the two tries that a person may get wrong. */
        person.slips = nature.bad_cable ? 2 : 0;
        play(tally, &setup, &phone, &person, person_draw(&dice, 20, 300));
    }
}

static void print_tally(const char *group, enum rv_coach_goal goal, const char *who, const struct tally *t)
{
    print_message("# %-12s %-14s %-9s %3u persons  %3u there  %4.2f tries, at most %u  %3u misses: %u stayed %u normal "
                  "%u recovery %u dfu %u nothing\n",
                  group, rv_coach_goal_name(goal), who, t->persons, t->reached,
                  t->reached ? (double)t->tries / t->reached : 0.0, t->tries_most, t->misses,
                  t->came[RV_COACH_CAME_STAYED], t->came[RV_COACH_CAME_NORMAL], t->came[RV_COACH_CAME_RECOVERY],
                  t->came[RV_COACH_CAME_DFU], t->came[RV_COACH_CAME_NOTHING]);
}

static void who_heeds_the_coach_is_there_within_three_tries(void **state)
{
    unsigned not_there = 0, wrong = 0, reasons = 0, without = 0;
    (void)state;
    for (size_t g = 0; g < sim_windows_count; g++) {
        for (int goal = 0; goal < RV_COACH_GOAL_COUNT; goal++) {
            struct tally tally = { 0 };
            sweep(&tally, g, (enum rv_coach_goal)goal, true);
            print_tally(sim_windows[g].group, (enum rv_coach_goal)goal, "heeding", &tally);
            not_there += tally.persons - tally.reached;
            wrong += tally.wrong_verdicts;
            reasons += tally.wrong_reasons;
            without += tally.missed_without_slip;
        }
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(not_there, 0);
    assert_int_equal(without, 0);
    assert_int_equal(reasons, 0);
}

static void whatever_people_do_the_verdict_is_what_the_device_did(void **state)
{
    unsigned wrong = 0, reasons = 0, misses = 0;
    (void)state;
    for (size_t g = 0; g < sim_windows_count; g++) {
        for (int goal = 0; goal < RV_COACH_GOAL_COUNT; goal++) {
            struct tally tally = { 0 };
            sweep(&tally, g, (enum rv_coach_goal)goal, false);
            print_tally(sim_windows[g].group, (enum rv_coach_goal)goal, "obstinate", &tally);
            wrong += tally.wrong_verdicts;
            reasons += tally.wrong_reasons;
            misses += tally.misses;
        }
    }
    assert_true(misses > 500);
    assert_int_equal(wrong, 0);
    assert_int_equal(reasons, 0);
}

static void drill(struct tally *tally, const char *group, enum rv_coach_goal goal, const struct person *order)
{
    struct rv_coach_setup setup = { .group = rv_coach_group(group), .goal = goal, .tries_max = TRIES_HEEDING };
    struct phone_nature nature = { .at_start = RV_COACH_SEES_NORMAL, .boot_ms = 25000 };
    struct phone phone;
    struct person person;
    uint64_t seed = order->amount_ms + order->slip_step;
    if (goal >= RV_COACH_EXIT_RECOVERY)
        nature.at_start = goal == RV_COACH_EXIT_DFU ? RV_COACH_SEES_DFU : RV_COACH_SEES_RECOVERY;
    phone_init(&phone, group, &nature, seed);
    person_init(&person, &phone, true, seed);
    person.drilled = true;
    person.slip = order->slip;
    person.slip_step = order->slip_step;
    person.amount_ms = order->amount_ms;
    play(tally, &setup, &phone, &person, 100);
}

static void early_or_late_at_any_step_by_any_amount(void **state)
{
    static const enum person_slip slips[] = { SLIP_EARLY_ALL, SLIP_EARLY_POWER, SLIP_LATE };
    static const uint32_t amounts[] = { 200, 500, 1000, 2000, 3000, 4000, 5000, 6000, 8000 };
    struct tally tally = { 0 };
    (void)state;
    for (size_t g = 0; g < sim_windows_count; g++) {
        for (size_t i = 0; i < RV_COUNT(slips) * RV_COUNT(amounts) * RV_COACH_GOAL_COUNT; i++) {
            enum rv_coach_goal goal = (enum rv_coach_goal)(i % RV_COACH_GOAL_COUNT);
            struct person order = { .slip = slips[i / RV_COACH_GOAL_COUNT % RV_COUNT(slips)],
                                    .amount_ms = amounts[i / RV_COACH_GOAL_COUNT / RV_COUNT(slips)] };
            const struct rv_coach_group *group = rv_coach_group(sim_windows[g].group);
            size_t steps = rv_coach_script(group->kind, goal, RV_COACH_BY_BUTTONS)->count;
            for (order.slip_step = 1; order.slip_step <= steps; order.slip_step++)
                drill(&tally, group->id, goal, &order);
        }
    }
    print_message("# %u persons early or late at one step: %u there, %u first tries missed\n", tally.persons,
                  tally.reached, tally.misses);
    assert_int_equal(tally.reached, tally.persons);
    assert_int_equal(tally.wrong_verdicts, 0);
    assert_int_equal(tally.wrong_reasons, 0);
    assert_true(tally.tries_most <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_heeds_the_coach_is_there_within_three_tries),
        cmocka_unit_test(early_or_late_at_any_step_by_any_amount),
        cmocka_unit_test(whatever_people_do_the_verdict_is_what_the_device_did),
    };
    return cmocka_run_group_tests_name("coach/sweep", tests, NULL, NULL);
}
