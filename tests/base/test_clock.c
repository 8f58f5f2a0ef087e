/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/clock.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>

static void a_ten_minute_deadline_passes_in_no_time_on_a_fake_clock(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint64_t now = 5000;
    struct rv_clock clock;
    rv_clock_fake(&clock, &now);
    struct rv_deadline deadline = rv_deadline_in(&clock, 600000);
    assert_int_equal(rv_deadline_left_ms(&deadline), 600000);
    assert_true(rv_clock_pause(&clock, 599999, "a test", NULL, &err));
    assert_int_equal(rv_deadline_left_ms(&deadline), 1);
    assert_true(rv_clock_pause(&clock, 5000, "a test", NULL, &err));
    assert_int_equal(rv_deadline_left_ms(&deadline), 0);
}

static void the_scale_stretches_every_duration_once(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint64_t now = 0;
    struct rv_clock clock;
    rv_clock_fake(&clock, &now);
    clock.scale = 0.5;
    struct rv_deadline deadline = rv_deadline_in(&clock, 10000);
    assert_int_equal(rv_deadline_left_ms(&deadline), 5000);
    assert_true(rv_clock_pause(&clock, 300, "a test", NULL, &err));
    assert_int_equal(now, 150);
    assert_int_equal(rv_deadline_left_ms(&deadline), 4850);
}

static void a_small_scale_leaves_this_computer_three_seconds(void **state)
{
    (void)state;
    uint64_t now = 0;
    struct rv_clock clock;
    rv_clock_fake(&clock, &now);
    clock.scale = 0.01;
    struct rv_deadline long_one = rv_deadline_in(&clock, 5000), short_one = rv_deadline_in(&clock, 20);
    assert_int_equal(rv_deadline_left_ms(&long_one), 3000);
    assert_true(rv_deadline_left_ms(&short_one) <= 20);
}

static void a_far_deadline_fits_poll(void **state)
{
    (void)state;
    uint64_t now = 0;
    struct rv_clock clock;
    rv_clock_fake(&clock, &now);
    struct rv_deadline deadline = rv_deadline_in(&clock, (uint64_t)INT_MAX * 4);
    assert_int_equal(rv_deadline_left_ms(&deadline), INT_MAX);
}

static void a_cancel_is_seen_at_the_next_point_and_by_poll(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_cancel cancel;
    assert_works(rv_cancel_init(&cancel, &err), &err);
    struct pollfd p = { .fd = rv_cancel_fd(&cancel), .events = POLLIN };
    assert_true(rv_cancel_point(&cancel, &err));
    assert_int_equal(poll(&p, 1, 0), 0);
    for (int i = 0; i < 100000; i++) /* more than a pipe holds: asking never blocks */
        rv_cancel_ask(&cancel);
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_fails(rv_cancel_point(&cancel, &err), &err, RV_E_CANCELLED);
    rv_cancel_clear(&cancel);
}

static void nobody_can_cancel_null(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    assert_false(rv_cancel_asked(NULL));
    assert_int_equal(rv_cancel_fd(NULL), -1);
    assert_true(rv_cancel_point(NULL, &err));
}

static void *ask(void *cancel)
{
    rv_cancel_ask(cancel);
    return NULL;
}

static void a_long_pause_ends_when_another_thread_asks(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_cancel cancel;
    struct rv_clock clock;
    pthread_t thread;
    rv_clock_system(&clock);
    assert_works(rv_cancel_init(&cancel, &err), &err);
    uint64_t begun = rv_clock_now(&clock);
    assert_int_equal(pthread_create(&thread, NULL, ask, &cancel), 0);
    assert_fails(rv_clock_pause(&clock, 600000, "a test", &cancel, &err), &err, RV_E_CANCELLED);
    assert_true(rv_clock_now(&clock) - begun < 60000);
    pthread_join(thread, NULL);
    rv_cancel_clear(&cancel);
}

static void the_systems_clock_never_runs_back(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_clock clock;
    rv_clock_system(&clock);
    uint64_t before = rv_clock_now(&clock);
    assert_true(rv_clock_pause(&clock, 5, "a test", NULL, &err));
    assert_true(rv_clock_now(&clock) >= before + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ten_minute_deadline_passes_in_no_time_on_a_fake_clock),
        cmocka_unit_test(the_scale_stretches_every_duration_once),
        cmocka_unit_test(a_small_scale_leaves_this_computer_three_seconds),
        cmocka_unit_test(a_far_deadline_fits_poll),
        cmocka_unit_test(a_cancel_is_seen_at_the_next_point_and_by_poll),
        cmocka_unit_test(nobody_can_cancel_null),
        cmocka_unit_test(a_long_pause_ends_when_another_thread_asks),
        cmocka_unit_test(the_systems_clock_never_runs_back),
    };
    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
