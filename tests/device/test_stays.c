/* SPDX-License-Identifier: Apache-2.0 */
/* A device that has started is watched for a minute: what counts as dying again, and what must not. */
#include "device/world.h"

#include "command/stays.h"

static void come_normal(struct world *w)
{
    world_attach_mux(w, 3, UDID_X, RV_MODE_NORMAL, ECID_X);
}

static void leave(struct world *w)
{
    w->mux_count = 0;
}

static void come_renumbered(struct world *w)
{
    leave(w);
    world_attach_mux(w, 4, UDID_X, RV_MODE_NORMAL, ECID_X);
}

static void come_in_recovery(struct world *w)
{
    leave(w);
    fake_usb_show(&w->usb, 0x1281, 6, "1-2", SERIAL_X_RECOVERY);
}

static void other_comes_in_recovery(struct world *w)
{
    fake_usb_show(&w->usb, 0x1281, 7, "1-3", SERIAL_8_RECOVERY);
}

static void ask_stop(struct world *w)
{
    rv_cancel_ask(&w->ctx.cancel);
}

static bool watch(struct world *w, json_t *result, struct rv_error *err)
{
    struct rv_device now;
    come_normal(w);
    assert_works(rv_fleet_pick(w->fleet, NULL, &now, err), err);
    assert_int_equal(now.mode, RV_MODE_NORMAL);
    return rv_command_stays(w->fleet, &now, result, err);
}

static void check_stays(struct world *w)
{
    struct rv_error err = { 0 };
    json_t *result = json_object();
    assert_works(watch(w, result, &err), &err);
    assert_int_equal(err.code, RV_OK);
    assert_null(json_object_get(result, "now"));
    assert_in_range(w->now, 60000, 61000);
    json_decref(result);
}

static void check_falls(struct world *w, const char *now, const char *word)
{
    struct rv_error err = { 0 };
    json_t *result = json_object();
    assert_false(watch(w, result, &err));
    assert_int_equal(err.code, RV_E_REFUSED);
    assert_int_equal(err.advice, RV_ADVICE_BACK_IN_RECOVERY);
    assert_non_null(strstr(err.text[0], word));
    assert_string_equal(json_string_value(json_object_get(result, "now")), now);
    assert_true(w->now < 60000);
    json_decref(result);
}

static void a_phone_that_stays_on_is_well_after_a_minute(void **state)
{
    check_stays(*state);
}

static void a_phone_that_goes_away_again_is_not_well(void **state)
{
    struct world *w = *state;
    WORLD_SCRIPT(w, { 8000, leave });
    check_falls(w, rv_mode_name(RV_MODE_NONE), "went away");
}

static void a_phone_that_falls_back_to_recovery_is_not_well(void **state)
{
    struct world *w = *state;
    WORLD_SCRIPT(w, { 50000, come_in_recovery });
    check_falls(w, "recovery", "Recovery mode");
}

static void a_new_number_of_the_usbmux_service_is_no_fall(void **state)
{
    struct world *w = *state;
    WORLD_SCRIPT(w, { 5000, come_renumbered });
    check_stays(w);
}

static void another_phone_in_recovery_is_not_ours(void **state)
{
    struct world *w = *state;
    WORLD_SCRIPT(w, { 5000, other_comes_in_recovery });
    check_stays(w);
}

static void what_comes_after_the_minute_does_not_count(void **state)
{
    struct world *w = *state;
    WORLD_SCRIPT(w, { 70000, leave });
    check_stays(w);
}

static void a_person_may_stop_the_watch(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    json_t *result = json_object();
    WORLD_SCRIPT(w, { 5000, ask_stop });
    assert_false(watch(w, result, &err));
    assert_int_equal(err.code, RV_E_CANCELLED);
    json_decref(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_phone_that_stays_on_is_well_after_a_minute),
        WORLD_TEST(a_phone_that_goes_away_again_is_not_well),
        WORLD_TEST(a_phone_that_falls_back_to_recovery_is_not_well),
        WORLD_TEST(a_new_number_of_the_usbmux_service_is_no_fall),
        WORLD_TEST(another_phone_in_recovery_is_not_ours),
        WORLD_TEST(what_comes_after_the_minute_does_not_count),
        WORLD_TEST(a_person_may_stop_the_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
