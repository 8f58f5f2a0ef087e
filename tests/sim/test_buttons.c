/* SPDX-License-Identifier: Apache-2.0 */
/* Fingers and what comes of them, for each group of buttons, at the edges of its windows. */
#include "support/test.h"

#include "data/devices.h"
#include "sim/buttons.h"

static struct sim_buttons b;
static uint64_t now;
static enum sim_push last;

static void lay(const char *group, enum sim_body body)
{
    now = 1000;
    last = SIM_PUSH_NOTHING;
    sim_buttons_init(&b, sim_windows_of(group), 7);
    sim_buttons_body(&b, now, body);
}

/* Lets time pass; the last thing that happened stays in `last`. */
static void pass(uint32_t ms)
{
    uint64_t until = now + ms;
    for (; now < until; now += 10) {
        enum sim_push push;
        while ((push = sim_buttons_act(&b, now)) != SIM_PUSH_NOTHING)
            last = push;
    }
}

static void down(enum sim_button button)
{
    sim_buttons_move(&b, now, button, true);
}

static void up(enum sim_button button)
{
    sim_buttons_move(&b, now, button, false);
}

static void tap(enum sim_button button, uint32_t ms)
{
    down(button);
    pass(ms);
    up(button);
    pass(300);
}

/* What the group's people do to make it restart; the screen is black afterwards, the buttons still held. */
static void to_black(void)
{
    if (b.windows->taps) {
        tap(SIM_BUTTON_UP, 200);
        tap(SIM_BUTTON_DOWN, 200);
        down(SIM_BUTTON_POWER);
    } else {
        down(SIM_BUTTON_POWER);
        down(b.windows->second);
    }
    pass(b.reset_ms + 20);
    assert_int_equal(last, SIM_PUSH_RESET);
}

static void to_logo(void)
{
    to_black();
    pass(b.logo_ms);
    assert_int_equal(last, SIM_PUSH_LOGO);
}

static void each_group(void (*check)(void))
{
    for (size_t i = 0; i < sim_windows_count; i++) {
        lay(sim_windows[i].group, SIM_BODY_RUNS);
        check();
    }
}

static void hold_on(void)
{
    to_logo();
    pass(b.hold_ms + 20);
    assert_int_equal(last, SIM_PUSH_TO_RECOVERY);
}

static void holding_on_past_the_logo_leads_to_recovery(void **state)
{
    (void)state;
    each_group(hold_on);
}

static void let_go_at_the_logo(void)
{
    to_logo();
    pass(500);
    up(SIM_BUTTON_POWER);
    up(b.windows->second);
    pass(100);
    assert_int_equal(last, SIM_PUSH_TO_BOOT);
}

static void letting_go_at_the_logo_starts_the_system(void **state)
{
    (void)state;
    each_group(let_go_at_the_logo);
}

static void dfu(void)
{
    to_black();
    if (b.windows->taps) {
        pass(500);
        down(b.windows->second);
        pass(5000);
    }
    up(SIM_BUTTON_POWER);
    pass(b.confirm_ms + 20);
    assert_int_equal(last, SIM_PUSH_TO_DFU);
}

static void power_let_go_in_the_black_and_the_other_held_is_dfu(void **state)
{
    (void)state;
    each_group(dfu);
}

static void dfu_too_short(void)
{
    to_black();
    if (b.windows->taps) {
        down(b.windows->second);
        pass(b.windows->chord.least - 100);
    }
    up(SIM_BUTTON_POWER);
    pass(b.windows->taps ? 10 : b.confirm_ms - 100);
    up(b.windows->second);
    pass(b.logo_ms + 100);
    assert_int_equal(last, SIM_PUSH_TO_BOOT);
}

static void a_request_for_dfu_that_is_too_short_starts_the_system(void **state)
{
    (void)state;
    each_group(dfu_too_short);
}

static void dfu_too_long(void)
{
    to_black();
    down(b.windows->second);
    pass(b.windows->taps ? b.windows->chord.most + 200 : b.logo_ms + 100);
    assert_int_equal(last, SIM_PUSH_LOGO);
    pass(b.hold_ms + 100);
    assert_int_equal(last, SIM_PUSH_TO_RECOVERY);
}

static void power_held_too_long_is_recovery_and_not_dfu(void **state)
{
    (void)state;
    each_group(dfu_too_long);
}

static void hold_short(void)
{
    to_black(); /* draws the number of this device */
    uint32_t needs = b.reset_ms;
    lay(b.windows->group, SIM_BODY_RUNS);
    if (b.windows->taps) {
        tap(SIM_BUTTON_UP, 200);
        tap(SIM_BUTTON_DOWN, 200);
    } else {
        down(b.windows->second);
    }
    down(SIM_BUTTON_POWER);
    pass(needs - 50);
    up(SIM_BUTTON_POWER);
    pass(20000);
    assert_int_equal(last, SIM_PUSH_NOTHING);
}

static void let_go_before_the_black_nothing_happens(void **state)
{
    (void)state;
    each_group(hold_short);
}

static void taps_that_are_long_short_slow_or_swapped_are_no_request(void **state)
{
    static const struct {
        uint32_t first_ms, gap_ms, second_ms;
        bool swapped;
    } wrong[] = { { 1200, 200, 200, false }, { 200, 200, 1200, false }, { 20, 200, 200, false },
                  { 200, 200, 20, false },   { 200, 3500, 200, false }, { 200, 200, 200, true } };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(wrong); i++) {
        lay("iphone8+", SIM_BODY_RECOVERY);
        tap(wrong[i].swapped ? SIM_BUTTON_DOWN : SIM_BUTTON_UP, wrong[i].first_ms);
        pass(wrong[i].gap_ms);
        tap(wrong[i].swapped ? SIM_BUTTON_UP : SIM_BUTTON_DOWN, wrong[i].second_ms);
        down(SIM_BUTTON_POWER);
        pass(20000);
        assert_int_equal(last, SIM_PUSH_NOTHING);
    }
}

static void side_and_volume_on_a_running_phone_call_for_help(void **state)
{
    (void)state;
    lay("iphone8+", SIM_BODY_RUNS);
    down(SIM_BUTTON_POWER);
    down(SIM_BUTTON_DOWN);
    pass(7900);
    assert_int_equal(last, SIM_PUSH_NOTHING);
    pass(200);
    assert_int_equal(last, SIM_PUSH_EMERGENCY);
    lay("iphone8+", SIM_BODY_RECOVERY);
    down(SIM_BUTTON_POWER);
    down(SIM_BUTTON_DOWN);
    pass(20000);
    assert_int_equal(last, SIM_PUSH_NOTHING);
}

static void plug_in_holding(void)
{
    lay(b.windows->group, SIM_BODY_OFF);
    down(b.windows->taps ? SIM_BUTTON_POWER : b.windows->second);
    sim_buttons_start(&b, now, true);
    pass(b.logo_ms + b.hold_ms + 50);
    assert_int_equal(last, SIM_PUSH_TO_RECOVERY);
}

static void power_by_the_cable_with_the_button_held_is_recovery(void **state)
{
    (void)state;
    each_group(plug_in_holding);
}

static void reboot_with_both_held(void)
{
    lay(b.windows->group, SIM_BODY_RECOVERY);
    down(SIM_BUTTON_POWER);
    down(b.windows->second);
    pass(2000);
    sim_buttons_start(&b, now, false);
    pass(1500);
    up(SIM_BUTTON_POWER);
    pass(b.confirm_ms + 20);
    assert_int_equal(last, SIM_PUSH_TO_DFU);
}

static void a_restart_by_command_with_both_held_leads_to_dfu_too(void **state)
{
    (void)state;
    each_group(reboot_with_both_held);
}

static void in_recovery_a_hand_that_stays_restarts_it_again(void **state)
{
    (void)state;
    lay("home-side", SIM_BODY_RUNS);
    to_logo();
    pass(b.hold_ms + 20);
    pass(60000);
    assert_int_equal(last, SIM_PUSH_TO_RECOVERY); /* deaf until it is there */
    sim_buttons_body(&b, now, SIM_BODY_RECOVERY);
    pass(b.reset_ms - 50);
    assert_int_equal(last, SIM_PUSH_TO_RECOVERY);
    pass(100);
    assert_int_equal(last, SIM_PUSH_RESET);
}

static void every_device_has_windows_or_no_buttons(void **state)
{
    (void)state;
    for (size_t i = 0; i < rv_device_row_count; i++) {
        const char *group = rv_device_rows[i].buttons;
        bool none = strcmp(group, "none") == 0 || strcmp(group, "appletv-remote") == 0;
        assert_true((sim_windows_of(group) == NULL) == none);
    }
    assert_null(sim_windows_of("typewriter"));
}

static void buttons_have_the_names_people_use(void **state)
{
    enum sim_button button;
    (void)state;
    assert_true(sim_button_of("side", &button) && button == SIM_BUTTON_POWER);
    assert_true(sim_button_of("far", &button) && button == SIM_BUTTON_DOWN);
    assert_false(sim_button_of("nose", &button));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holding_on_past_the_logo_leads_to_recovery),
        cmocka_unit_test(letting_go_at_the_logo_starts_the_system),
        cmocka_unit_test(power_let_go_in_the_black_and_the_other_held_is_dfu),
        cmocka_unit_test(a_request_for_dfu_that_is_too_short_starts_the_system),
        cmocka_unit_test(power_held_too_long_is_recovery_and_not_dfu),
        cmocka_unit_test(let_go_before_the_black_nothing_happens),
        cmocka_unit_test(taps_that_are_long_short_slow_or_swapped_are_no_request),
        cmocka_unit_test(side_and_volume_on_a_running_phone_call_for_help),
        cmocka_unit_test(power_by_the_cable_with_the_button_held_is_recovery),
        cmocka_unit_test(a_restart_by_command_with_both_held_leads_to_dfu_too),
        cmocka_unit_test(in_recovery_a_hand_that_stays_restarts_it_again),
        cmocka_unit_test(every_device_has_windows_or_no_buttons),
        cmocka_unit_test(buttons_have_the_names_people_use),
    };
    return cmocka_run_group_tests_name("sim/buttons", tests, NULL, NULL);
}
