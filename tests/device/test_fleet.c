/* SPDX-License-Identifier: Apache-2.0 */
/* One record a device, picked by what a person calls it. */
#include "device/world.h"

static size_t scanned(struct world *w, struct rv_device *out, bool *mux_missing)
{
    struct rv_error err = { 0 };
    size_t count = 0;
    assert_works(rv_fleet_scan(w->fleet, out, 8, &count, mux_missing, &err), &err);
    return count;
}

static void nothing_attached_is_an_empty_list_and_no_device(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device list[8];
    assert_int_equal(scanned(w, list, NULL), 0);
    assert_fails(rv_fleet_pick(w->fleet, NULL, list, &err), &err, RV_E_NO_DEVICE);
}

static void a_missing_mux_daemon_is_told_and_is_no_error(void **state)
{
    struct world *w = *state;
    struct rv_device list[8];
    bool missing = false;
    w->mux_missing = true;
    fake_usb_show(&w->usb, 0x1281, 5, "1-2", SERIAL_X_RECOVERY);
    assert_int_equal(scanned(w, list, &missing), 1);
    assert_true(missing);
    assert_string_equal(list[0].identity.name, "iPhone X");
    assert_string_equal(list[0].identity.product_type, "iPhone10,6");
    assert_string_equal(list[0].identity.hardware_model, "d221ap");
}

static void a_phone_on_both_buses_in_normal_mode_is_one_phone(void **state)
{
    struct world *w = *state;
    struct rv_device list[8];
    fake_usb_show(&w->usb, 0x12A8, 5, "1-2", UDID_X);
    world_attach_mux(w, 3, UDID_X, RV_MODE_NORMAL, ECID_X);
    assert_int_equal(scanned(w, list, NULL), 1);
    assert_false(list[0].silent);
    assert_true(list[0].identity.ecid == ECID_X);
    assert_int_equal(list[0].mux.handle, 3);
    assert_string_equal(list[0].usb.port, "1-2");
}

static void a_phone_that_only_usb_shows_is_silent(void **state)
{
    struct world *w = *state;
    struct rv_device list[8];
    fake_usb_show(&w->usb, 0x12A8, 5, "1-2", UDID_X);
    assert_int_equal(scanned(w, list, NULL), 1);
    assert_true(list[0].silent);
    assert_int_equal(list[0].mode, RV_MODE_NORMAL);
}

static void a_stale_mux_entry_does_not_hide_recovery_mode(void **state)
{
    struct world *w = *state;
    struct rv_device list[8];
    world_attach_mux(w, 3, UDID_X, RV_MODE_NORMAL, ECID_X);
    assert_int_equal(scanned(w, list, NULL), 1);
    fake_usb_show(&w->usb, 0x1281, 5, "1-2", SERIAL_X_RECOVERY);
    assert_int_equal(scanned(w, list, NULL), 1);
    assert_int_equal(list[0].mode, RV_MODE_RECOVERY);
}

static void what_normal_mode_told_is_remembered_in_recovery_mode(void **state)
{
    struct world *w = *state;
    struct rv_device list[8];
    world_attach_mux(w, 3, UDID_X, RV_MODE_NORMAL, ECID_X);
    scanned(w, list, NULL);
    w->mux_count = 0;
    fake_usb_show(&w->usb, 0x1281, 5, "1-2", SERIAL_X_RECOVERY);
    scanned(w, list, NULL);
    assert_string_equal(list[0].identity.udid, UDID_X);
    fake_usb_hide_all(&w->usb);
    w->silent = true;
    world_attach_mux(w, 4, UDID_X, RV_MODE_NORMAL, 0);
    scanned(w, list, NULL);
    assert_true(list[0].silent);
    assert_true(list[0].identity.ecid == ECID_X);
    assert_string_equal(list[0].identity.serial, "FK1WT6BPJCLH");
}

static void lockdown_is_asked_once_an_attach_and_again_only_while_it_is_silent(void **state)
{
    struct world *w = *state;
    struct rv_device list[8];
    w->silent = true;
    world_attach_mux(w, 3, UDID_X, RV_MODE_NORMAL, ECID_X);
    scanned(w, list, NULL);
    scanned(w, list, NULL);
    assert_int_equal(w->asked, 2);
    w->silent = false;
    scanned(w, list, NULL);
    scanned(w, list, NULL);
    scanned(w, list, NULL);
    assert_int_equal(w->asked, 3);
    w->mux_count = 0;
    scanned(w, list, NULL);
    world_attach_mux(w, 4, UDID_X, RV_MODE_NORMAL, ECID_X);
    scanned(w, list, NULL);
    assert_int_equal(w->asked, 4);
}

static void the_chip_of_a_mac_is_never_offered(void **state)
{
    struct world *w = *state;
    struct rv_device list[8];
    fake_usb_show(&w->usb, 0x1281, 5, "1-2", "CPID:8002 CPRV:11 BDID:12 ECID:1 SRNM:[X]");
    fake_usb_show(&w->usb, 0x1227, 6, "1-3", "CPID:8012 BDID:0A ECID:2 SRTG:[iBoot-3401.0.0.1.16]");
    assert_int_equal(scanned(w, list, NULL), 0);
}

static void a_phone_newer_than_the_table_is_listed_without_a_name(void **state)
{
    struct world *w = *state;
    struct rv_device list[8];
    fake_usb_show(&w->usb, 0x1281, 5, "1-2", "CPID:9999 BDID:02 ECID:77 SRNM:[NEW]");
    assert_int_equal(scanned(w, list, NULL), 1);
    assert_string_equal(list[0].identity.name, "");
    assert_true(list[0].identity.ecid == 0x77);
}

static void a_device_that_may_not_be_opened_is_listed_as_denied(void **state)
{
    struct world *w = *state;
    struct rv_device list[8];
    fake_usb_show(&w->usb, 0x1281, 5, "1-2", "");
    w->usb.shown[0].denied = true;
    assert_int_equal(scanned(w, list, NULL), 1);
    assert_true(list[0].denied);
    assert_int_equal(list[0].mode, RV_MODE_RECOVERY);
}

static void show_two(struct world *w)
{
    fake_usb_show(&w->usb, 0x1281, 5, "1-3", SERIAL_8_RECOVERY);
    fake_usb_show(&w->usb, 0x1281, 6, "1-2", SERIAL_X_RECOVERY);
}

static void two_devices_and_no_name_is_a_question_with_the_list(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out;
    show_two(w);
    assert_fails(rv_fleet_pick(w->fleet, NULL, &out, &err), &err, RV_E_USAGE);
    assert_int_equal(err.advice, RV_ADVICE_CHOOSE_DEVICE);
    assert_non_null(strstr(err.text[0], "FK1WT6BPJCLH"));
    assert_non_null(strstr(err.text[0], "FD3VW25VJCM4"));
}

static void every_name_of_a_device_picks_it(void **state)
{
    struct world *w = *state;
    static const char *const names[] = {
        "1", "0x000c2c680044e02e", "0xC2C680044E02E", "13383117856806958", "FK1WT6BPJCLH", "fk1wt6bpjclh"
    };
    char decimal[32];
    snprintf(decimal, sizeof decimal, "%llu", (unsigned long long)ECID_X);
    show_two(w);
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        struct rv_error err = { 0 };
        struct rv_device out;
        const char *name = i == 3 ? decimal : names[i];
        assert_works(rv_fleet_pick(w->fleet, name, &out, &err), &err);
        assert_true(out.identity.ecid == ECID_X);
    }
    struct rv_error err = { 0 };
    struct rv_device out;
    assert_works(rv_fleet_pick(w->fleet, "2", &out, &err), &err);
    assert_true(out.identity.ecid != ECID_X);
}

static void a_name_that_fits_none_is_no_device(void **state)
{
    struct world *w = *state;
    static const char *const names[] = { "3", "0", "0x1", "FK1WT6BPJCL", "", "-1", "0x000c2c680044e02e " };
    show_two(w);
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        struct rv_error err = { 0 };
        struct rv_device out;
        assert_fails(rv_fleet_pick(w->fleet, names[i], &out, &err), &err, RV_E_NO_DEVICE);
    }
}

static void a_udid_picks_with_and_without_its_hyphen(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device out;
    fake_usb_show(&w->usb, 0x12A8, 5, "1-2", "00008110000A1234567890AB");
    assert_works(rv_fleet_pick(w->fleet, "00008110-000A1234567890AB", &out, &err), &err);
    assert_works(rv_fleet_pick(w->fleet, "00008110000a1234567890ab", &out, &err), &err);
    assert_true(out.identity.ecid == 0x000A1234567890AB);
}

static void opening_is_tried_again_while_another_program_holds_the_device(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    struct rv_device device;
    fake_usb_show(&w->usb, 0x1281, 6, "1-2", SERIAL_X_RECOVERY);
    assert_works(rv_fleet_pick(w->fleet, NULL, &device, &err), &err);
    w->usb.open_fails = RV_E_BUSY;
    assert_fails(rv_device_open_usb(w->fleet, &device, &err), &err, RV_E_BUSY);
    assert_int_equal(w->usb.opens, 10);
    w->usb.open_fails = RV_E_DENIED;
    assert_fails(rv_device_open_usb(w->fleet, &device, &err), &err, RV_E_DENIED);
    assert_int_equal(w->usb.opens, 11);
    assert_int_equal(err.advice, RV_ADVICE_USB_RIGHTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(nothing_attached_is_an_empty_list_and_no_device),
        WORLD_TEST(a_missing_mux_daemon_is_told_and_is_no_error),
        WORLD_TEST(a_phone_on_both_buses_in_normal_mode_is_one_phone),
        WORLD_TEST(a_phone_that_only_usb_shows_is_silent),
        WORLD_TEST(a_stale_mux_entry_does_not_hide_recovery_mode),
        WORLD_TEST(what_normal_mode_told_is_remembered_in_recovery_mode),
        WORLD_TEST(lockdown_is_asked_once_an_attach_and_again_only_while_it_is_silent),
        WORLD_TEST(the_chip_of_a_mac_is_never_offered),
        WORLD_TEST(a_phone_newer_than_the_table_is_listed_without_a_name),
        WORLD_TEST(a_device_that_may_not_be_opened_is_listed_as_denied),
        WORLD_TEST(two_devices_and_no_name_is_a_question_with_the_list),
        WORLD_TEST(every_name_of_a_device_picks_it),
        WORLD_TEST(a_name_that_fits_none_is_no_device),
        WORLD_TEST(a_udid_picks_with_and_without_its_hyphen),
        WORLD_TEST(opening_is_tried_again_while_another_program_holds_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
