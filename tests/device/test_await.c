/* SPDX-License-Identifier: Apache-2.0 */
/* Following one device through its restarts: what counts as an arrival, and what must not. */
#include "device/world.h"

#define RECOVERY RV_MODE_BIT(RV_MODE_RECOVERY)
#define DFU      RV_MODE_BIT(RV_MODE_DFU)
#define NORMAL   RV_MODE_BIT(RV_MODE_NORMAL)
#define RESTORE  RV_MODE_BIT(RV_MODE_RESTORE)
#define NONE     RV_MODE_BIT(RV_MODE_NONE)

static void leave(struct world *w)
{
    fake_usb_hide_all(&w->usb);
}

static void come_in_recovery_5(struct world *w)
{
    fake_usb_show(&w->usb, 0x1281, 5, "1-2", SERIAL_X_RECOVERY);
}

static void come_in_recovery_6(struct world *w)
{
    fake_usb_show(&w->usb, 0x1281, 6, "1-2", SERIAL_X_RECOVERY);
}

static void come_in_dfu(struct world *w)
{
    fake_usb_show(&w->usb, 0x1227, 9, "1-2", SERIAL_X_DFU);
}

static void come_other(struct world *w)
{
    fake_usb_show(&w->usb, 0x1281, 7, "1-3", SERIAL_8_RECOVERY);
}

static void come_normal(struct world *w)
{
    world_attach_mux(w, 3, UDID_X, RV_MODE_NORMAL, ECID_X);
}

static void come_restore(struct world *w)
{
    world_attach_mux(w, 4, UDID_X, RV_MODE_RESTORE, ECID_X);
}

static void leave_mux(struct world *w)
{
    w->mux_count = 0;
}

static void speak(struct world *w)
{
    w->silent = false;
}

static void ask_stop(struct world *w)
{
    rv_cancel_ask(&w->ctx.cancel);
}

static struct rv_device in_recovery_5(struct world *w)
{
    struct rv_error err = { 0 };
    struct rv_device device;
    come_in_recovery_5(w);
    assert_works(rv_fleet_pick(w->fleet, NULL, &device, &err), &err);
    assert_int_equal(device.mode, RV_MODE_RECOVERY);
    return device;
}

static void a_device_that_is_there_already_is_taken_at_once(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out;
    come_in_recovery_5(w);
    assert_works(rv_fleet_await(w->fleet, ECID_X, RECOVERY, NULL, 1000, &out, &err), &err);
    assert_int_equal(w->now, 0);
    assert_string_equal(out.identity.serial, "FK1WT6BPJCLH");
}

static void the_old_presence_does_not_count_as_having_come_back(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 3000, leave }, { 5000, come_in_recovery_6 });
    assert_works(rv_fleet_await(w->fleet, ECID_X, RECOVERY, &before, 60000, &out, &err), &err);
    assert_int_equal(out.usb.address, 6);
    assert_true(w->now >= 5000);
}

static void a_new_address_counts_even_if_the_absence_was_too_short_to_be_seen(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 1000, leave }, { 1000, come_in_recovery_6 });
    assert_works(rv_fleet_await(w->fleet, ECID_X, RECOVERY, &before, 60000, &out, &err), &err);
    assert_int_equal(out.usb.address, 6);
}

static void the_same_address_counts_once_the_device_was_seen_to_be_away(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 1000, leave }, { 4000, come_in_recovery_5 });
    assert_works(rv_fleet_await(w->fleet, ECID_X, RECOVERY, &before, 60000, &out, &err), &err);
    assert_true(w->now >= 4000);
}

static void a_device_that_never_leaves_is_told_so(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    assert_fails(rv_fleet_await(w->fleet, ECID_X, RECOVERY | NORMAL, &before, 20000, &out, &err), &err, RV_E_TIMEOUT);
    assert_non_null(strstr(err.text[0], "has not left Recovery mode"));
    assert_true(w->now >= 20000 && w->now < 21000);
}

static void two_arrivals_at_once_are_one_device_and_the_new_one_counts(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    /* the old entry lingers while the new one is there already */
    WORLD_SCRIPT(w, { 2000, come_in_recovery_6 });
    assert_works(rv_fleet_await(w->fleet, ECID_X, RECOVERY, &before, 60000, &out, &err), &err);
    assert_int_equal(out.usb.address, 6);
}

static void the_arrival_of_another_device_is_not_taken(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 1000, leave }, { 2000, come_other });
    assert_fails(rv_fleet_await(w->fleet, ECID_X, RECOVERY, &before, 10000, &out, &err), &err, RV_E_TIMEOUT);
    assert_non_null(strstr(err.text[0], "another device"));
}

static void ours_is_found_beside_another_device(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 1000, leave }, { 2000, come_other }, { 3000, come_in_recovery_6 });
    assert_works(rv_fleet_await(w->fleet, ECID_X, RECOVERY, &before, 10000, &out, &err), &err);
    assert_true(out.identity.ecid == ECID_X);
}

static void the_wrong_mode_is_not_taken_and_is_named(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 1000, leave }, { 2000, come_in_dfu });
    assert_fails(rv_fleet_await(w->fleet, ECID_X, NORMAL, &before, 10000, &out, &err), &err, RV_E_TIMEOUT);
    assert_non_null(strstr(err.text[0], "DFU mode"));
}

static void one_of_several_modes_is_enough(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 1000, leave }, { 2000, come_in_dfu });
    assert_works(rv_fleet_await(w->fleet, ECID_X, RECOVERY | DFU, &before, 10000, &out, &err), &err);
    assert_int_equal(out.mode, RV_MODE_DFU);
    assert_string_equal(out.identity.rom, "iBoot-3332.0.0.1.23");
}

static void leaving_can_be_awaited_by_itself(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 1500, leave });
    assert_works(rv_fleet_await(w->fleet, ECID_X, NONE, &before, 10000, &out, &err), &err);
    assert_int_equal(out.mode, RV_MODE_NONE);
    assert_true(w->now >= 1500);
}

static void normal_mode_counts_when_lockdown_answers_and_not_before(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    w->silent = true;
    WORLD_SCRIPT(w, { 1000, leave }, { 20000, come_normal }, { 35000, speak });
    assert_works(rv_fleet_await(w->fleet, ECID_X, NORMAL | RECOVERY, &before, 90000, &out, &err), &err);
    assert_int_equal(out.mode, RV_MODE_NORMAL);
    assert_true(w->now >= 35000);
}

static void restore_mode_is_told_from_normal_mode_by_what_answers(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 1000, leave }, { 15000, come_restore });
    assert_works(rv_fleet_await(w->fleet, ECID_X, RESTORE | RECOVERY, &before, 0, &out, &err), &err);
    assert_int_equal(out.mode, RV_MODE_RESTORE);
    WORLD_SCRIPT(w, { 16000, leave_mux }, { 60000, come_normal });
    w->steps_done = 0;
    before = out;
    assert_works(rv_fleet_await(w->fleet, ECID_X, NORMAL, &before, 0, &out, &err), &err);
    assert_int_equal(out.mux.handle, 3);
}

static void without_a_limit_the_slowest_device_is_waited_for_twice(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out, before = in_recovery_5(w);
    WORLD_SCRIPT(w, { 1000, leave }, { 115000, come_in_recovery_6 });
    assert_works(rv_fleet_await(w->fleet, ECID_X, RECOVERY, &before, 0, &out, &err), &err);
    before = out;
    assert_fails(rv_fleet_await(w->fleet, ECID_X, RESTORE, &before, 0, &out, &err), &err, RV_E_TIMEOUT);
    assert_true(w->now >= 115000 + 600000);
}

static void a_bus_that_cannot_be_read_for_a_while_is_waited_out(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out;
    w->usb.list_fails = RV_E_GONE;
    assert_fails(rv_fleet_await(w->fleet, ECID_X, RECOVERY, NULL, 5000, &out, &err), &err, RV_E_TIMEOUT);
    w->usb.list_fails = RV_OK;
    come_in_recovery_5(w);
    assert_works(rv_fleet_await(w->fleet, ECID_X, RECOVERY, NULL, 5000, &out, &err), &err);
}

static void a_cancel_ends_the_wait(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out;
    WORLD_SCRIPT(w, { 2000, ask_stop });
    assert_fails(rv_fleet_await(w->fleet, ECID_X, RECOVERY, NULL, 600000, &out, &err), &err, RV_E_CANCELLED);
    assert_true(w->now < 3000);
}

static void without_an_ecid_the_port_of_the_cable_tells_who_it_is(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out;
    struct rv_device before = { .mode = RV_MODE_PORT_DFU, .usb = { .bus = 1, .address = 4, .port = "1-2" } };
    fake_usb_show(&w->usb, 0xF014, 4, "1-2", "CPID:0022 BDID:000000000C814000");
    WORLD_SCRIPT(w, { 1000, leave }, { 2000, come_other }, { 3000, come_in_dfu });
    assert_works(rv_fleet_await(w->fleet, 0, DFU | RECOVERY, &before, 10000, &out, &err), &err);
    assert_int_equal(out.mode, RV_MODE_DFU);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_device_that_is_there_already_is_taken_at_once),
        WORLD_TEST(the_old_presence_does_not_count_as_having_come_back),
        WORLD_TEST(a_new_address_counts_even_if_the_absence_was_too_short_to_be_seen),
        WORLD_TEST(the_same_address_counts_once_the_device_was_seen_to_be_away),
        WORLD_TEST(a_device_that_never_leaves_is_told_so),
        WORLD_TEST(two_arrivals_at_once_are_one_device_and_the_new_one_counts),
        WORLD_TEST(the_arrival_of_another_device_is_not_taken),
        WORLD_TEST(ours_is_found_beside_another_device),
        WORLD_TEST(the_wrong_mode_is_not_taken_and_is_named),
        WORLD_TEST(one_of_several_modes_is_enough),
        WORLD_TEST(leaving_can_be_awaited_by_itself),
        WORLD_TEST(normal_mode_counts_when_lockdown_answers_and_not_before),
        WORLD_TEST(restore_mode_is_told_from_normal_mode_by_what_answers),
        WORLD_TEST(without_a_limit_the_slowest_device_is_waited_for_twice),
        WORLD_TEST(a_bus_that_cannot_be_read_for_a_while_is_waited_out),
        WORLD_TEST(a_cancel_ends_the_wait),
        WORLD_TEST(without_an_ecid_the_port_of_the_cable_tells_who_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
