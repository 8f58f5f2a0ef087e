/* SPDX-License-Identifier: Apache-2.0 */
/* The machine alone: what it says to what the bus shows, at a time that the test sets. */
#include "support/rv_test.h"

#include "base/event.h"
#include "coach/coach.h"

static struct rv_coach coach;
static struct rv_coach_look bus;
static struct rv_coach_word word;
static char said[8192]; /* ids of all that was said since begin, without ticks */
static char texts[32768];
static unsigned ticks, orders;

static void begin(const char *group, enum rv_coach_goal goal, enum rv_coach_sight sight, bool by_software)
{
    struct rv_coach_setup setup = {
        .group = rv_coach_group(group), .goal = goal, .by_software = by_software, .tries_max = 5
    };
    setup.reboot_works = strcmp(group, "home-side") == 0;
    setup.old_lightning = setup.reboot_works;
    bus = (struct rv_coach_look){ .now_ms = 5000, .sight = sight, .arrivals = sight != RV_COACH_SEES_NOTHING };
    said[0] = texts[0] = '\0';
    ticks = orders = 0;
    rv_coach_begin(&coach, &setup);
}

static void pass(uint32_t ms)
{
    for (uint64_t until = bus.now_ms + ms; bus.now_ms < until; bus.now_ms += 100) {
        while (rv_coach_step(&coach, &bus, &word)) {
            ticks += word.said == RV_COACH_SAYS_TICK;
            orders += word.said == RV_COACH_SAYS_ORDER;
            if (word.said == RV_COACH_SAYS_TICK)
                continue;
            snprintf(said + strlen(said), sizeof said - strlen(said), "%s ", word.id);
            snprintf(texts + strlen(texts), sizeof texts - strlen(texts), "%s\n", word.text);
        }
    }
}

static void shows(enum rv_coach_sight sight)
{
    bus.arrivals += sight != RV_COACH_SEES_NOTHING;
    bus.sight = sight;
}

/* One try in which nothing is pressed. */
static void miss_by_nothing(void)
{
    unsigned misses = coach.misses;
    for (int i = 0; i < 3000 && coach.misses == misses; i++)
        pass(100);
    assert_int_equal(coach.misses, misses + 1);
}

static void let_go_comes_with_the_device_and_not_with_the_clock(void **state)
{
    static const uint32_t delays[] = { 3000, 8000, 15000, 19000 };
    (void)state;
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        begin("home-side", RV_COACH_RECOVERY, RV_COACH_SEES_NORMAL, false);
        pass(5000);
        assert_non_null(strstr(said, "ready hold "));
        pass(9000);
        shows(RV_COACH_SEES_NOTHING);
        pass(delays[i]);
        assert_string_equal(said, "ready hold keep ");
        shows(RV_COACH_SEES_RECOVERY);
        pass(100);
        assert_string_equal(said, "ready hold keep reached ");
        assert_int_equal(coach.end, RV_COACH_REACHED);
    }
}

static void seconds_are_counted_down_aloud(void **state)
{
    (void)state;
    begin("iphone7", RV_COACH_RECOVERY, RV_COACH_SEES_NORMAL, false);
    pass(5000);
    ticks = 0;
    pass(5000);
    assert_in_range(ticks, 4, 6);
    assert_int_equal(word.hold, RV_BUTTON_POWER | RV_BUTTON_SECOND);
    assert_string_equal(word.big, "HOLD Side button + Volume Down button");
}

static void software_goes_first_and_fingers_come_when_it_is_refused(void **state)
{
    (void)state;
    begin("iphone8+", RV_COACH_RECOVERY, RV_COACH_SEES_NORMAL, true);
    pass(2000);
    assert_string_equal(said, "soft-recovery ");
    assert_int_equal(orders, 1);
    bus.answer = RV_COACH_REFUSED;
    pass(20000);
    assert_non_null(strstr(said, "soft-recovery soft-failed ready tap-up tap-down hold "));
    begin("iphone8+", RV_COACH_RECOVERY, RV_COACH_SEES_NORMAL, true);
    pass(2000);
    bus.answer = RV_COACH_OBEYED;
    shows(RV_COACH_SEES_NOTHING);
    pass(10000);
    shows(RV_COACH_SEES_RECOVERY);
    pass(3000);
    assert_string_equal(said, "soft-recovery reached ");
}

static void an_exit_that_falls_back_is_the_systems_fault_and_not_the_fingers(void **state)
{
    (void)state;
    begin("ipad-home", RV_COACH_EXIT_RECOVERY, RV_COACH_SEES_RECOVERY, true);
    pass(2000);
    bus.answer = RV_COACH_OBEYED;
    shows(RV_COACH_SEES_NOTHING);
    pass(5000);
    shows(RV_COACH_SEES_RECOVERY);
    pass(1000);
    assert_int_equal(coach.end, RV_COACH_SYSTEM_FAILS);
}

static void dfu_from_recovery_is_asked_for_at_a_known_moment(void **state)
{
    (void)state;
    begin("home-side", RV_COACH_DFU, RV_COACH_SEES_RECOVERY, true);
    pass(7500);
    assert_string_equal(said, "ready both restart restart "); /* the word, then the order */
    assert_int_equal(orders, 1);
    bus.answer = RV_COACH_OBEYED;
    shows(RV_COACH_SEES_NOTHING);
    pass(300);
    assert_non_null(strstr(said, "release "));
    shows(RV_COACH_SEES_DFU);
    pass(100);
    assert_int_equal(coach.end, RV_COACH_REACHED);
}

static void each_wrong_outcome_has_its_name(void **state)
{
    static const struct {
        enum rv_coach_goal goal;
        enum rv_coach_sight start, came;
        const char *verdict;
    } ends[] = {
        { RV_COACH_RECOVERY, RV_COACH_SEES_NORMAL, RV_COACH_SEES_NORMAL, "let-go-early" },
        { RV_COACH_RECOVERY, RV_COACH_SEES_NORMAL, RV_COACH_SEES_DFU, "dfu-by-mistake" },
        { RV_COACH_DFU, RV_COACH_SEES_NORMAL, RV_COACH_SEES_RECOVERY, "dfu-too-long" },
        { RV_COACH_DFU, RV_COACH_SEES_NORMAL, RV_COACH_SEES_NORMAL, "dfu-too-short" },
        { RV_COACH_EXIT_DFU, RV_COACH_SEES_DFU, RV_COACH_SEES_RECOVERY, "recovery-again" },
        { RV_COACH_EXIT_DFU, RV_COACH_SEES_DFU, RV_COACH_SEES_DFU, "dfu-again" },
        { RV_COACH_EXIT_RECOVERY, RV_COACH_SEES_RECOVERY, RV_COACH_SEES_NOTHING, "nothing-came" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        begin("home-top", ends[i].goal, ends[i].start, false);
        pass(12000);
        shows(RV_COACH_SEES_NOTHING);
        pass(3000);
        if (ends[i].came != RV_COACH_SEES_NOTHING)
            shows(ends[i].came);
        pass(ends[i].came != RV_COACH_SEES_NOTHING ? 200 : 300000);
        assert_non_null(strstr(said, ends[i].verdict));
        assert_true(coach.misses >= 1);
    }
}

static void after_two_misses_the_cable_is_suspected_and_then_the_other_way_taken(void **state)
{
    (void)state;
    begin("home-side", RV_COACH_RECOVERY, RV_COACH_SEES_NORMAL, false);
    miss_by_nothing();
    assert_null(strstr(said, "cable-hint"));
    miss_by_nothing();
    pass(100);
    assert_non_null(strstr(said, "cable-hint-other "));
    miss_by_nothing();
    pass(15000);
    assert_non_null(strstr(said, "unplug "));
    assert_non_null(strstr(texts, "Pull the cable out of the iPhone"));
}

static void an_old_lightning_device_is_told_of_usb_c_cables(void **state)
{
    (void)state;
    begin("home-side", RV_COACH_DFU, RV_COACH_SEES_NORMAL, false);
    miss_by_nothing();
    miss_by_nothing();
    pass(100);
    assert_non_null(strstr(texts, "USB-C to Lightning"));
}

static void a_device_that_runs_is_restarted_by_force_when_that_is_wanted(void **state)
{
    (void)state;
    begin("iphone8+", RV_COACH_EXIT_RECOVERY, RV_COACH_SEES_NORMAL, false);
    coach.setup.restart = true;
    pass(7500);
    assert_string_equal(said, "ready tap-up tap-down hold ");
    pass(8000);
    shows(RV_COACH_SEES_NOTHING);
    pass(4000);
    assert_string_equal(said, "ready tap-up tap-down hold logo start ");
    shows(RV_COACH_SEES_NORMAL);
    pass(200);
    assert_int_equal(coach.end, RV_COACH_REACHED);
    begin("iphone8+", RV_COACH_EXIT_RECOVERY, RV_COACH_SEES_NORMAL, false);
    pass(3000);
    assert_string_equal(said, "reached "); /* else there is nothing to do */
}

static void tries_have_an_end(void **state)
{
    (void)state;
    begin("ipad-nohome", RV_COACH_EXIT_RECOVERY, RV_COACH_SEES_RECOVERY, false);
    for (int i = 0; i < 5; i++)
        miss_by_nothing();
    pass(200);
    assert_int_equal(coach.end, RV_COACH_TRIES_SPENT);
    assert_false(rv_coach_step(&coach, &bus, &word));
}

static void a_boot_loop_is_seen_by_its_coming_and_going(void **state)
{
    (void)state;
    begin("iphone8+", RV_COACH_DFU, RV_COACH_SEES_NORMAL, true);
    pass(2000);
    bus.answer = RV_COACH_REFUSED;
    pass(4000);
    shows(RV_COACH_SEES_NOTHING);
    pass(3000);
    assert_true(coach.looping);
    assert_int_equal(coach.leg, RV_COACH_RECOVERY); /* caught there first */
    pass(9000);
    shows(RV_COACH_SEES_NORMAL); /* the loop goes on and ends no try */
    pass(3000);
    assert_int_equal(coach.misses, 0);
}

static void the_drawing_marks_what_is_held_and_what_is_tapped(void **state)
{
    char line[RV_EVENT_DRAWING_WIDTH], all[2000] = "";
    const struct rv_coach_group *group = rv_coach_group("iphone8+");
    (void)state;
    size_t count = 0;
    while (rv_coach_draw(group, RV_BUTTON_POWER, RV_BUTTON_UP, count, line, sizeof line)) {
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s\n", line);
        count++;
    }
    assert_in_range(count, 5, RV_EVENT_DRAWING_MAX - 1);
    assert_non_null(strstr(all, "[#] Side"));
    assert_non_null(strstr(all, "Volume Up   [o]"));
    assert_non_null(strstr(all, "Volume Down [ ]"));
}

static void texts_never_overrun(void **state)
{
    char out[16];
    (void)state;
    rv_coach_fill(rv_coach_group("ipad-nohome"), "{H}{H}{H}", out, sizeof out);
    assert_int_equal(strlen(out), sizeof out - 1);
    rv_coach_fill(rv_coach_group("iphone8+"), "{", out, sizeof out);
    assert_string_equal(out, "{");
    rv_coach_fill(rv_coach_group("iphone8+"), "{toaster}!", out, sizeof out);
    assert_string_equal(out, "!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(let_go_comes_with_the_device_and_not_with_the_clock),
        cmocka_unit_test(seconds_are_counted_down_aloud),
        cmocka_unit_test(software_goes_first_and_fingers_come_when_it_is_refused),
        cmocka_unit_test(an_exit_that_falls_back_is_the_systems_fault_and_not_the_fingers),
        cmocka_unit_test(dfu_from_recovery_is_asked_for_at_a_known_moment),
        cmocka_unit_test(each_wrong_outcome_has_its_name),
        cmocka_unit_test(after_two_misses_the_cable_is_suspected_and_then_the_other_way_taken),
        cmocka_unit_test(an_old_lightning_device_is_told_of_usb_c_cables),
        cmocka_unit_test(a_device_that_runs_is_restarted_by_force_when_that_is_wanted),
        cmocka_unit_test(tries_have_an_end),
        cmocka_unit_test(a_boot_loop_is_seen_by_its_coming_and_going),
        cmocka_unit_test(the_drawing_marks_what_is_held_and_what_is_tapped),
        cmocka_unit_test(texts_never_overrun),
    };
    return cmocka_run_group_tests_name("coach/machine", tests, NULL, NULL);
}
