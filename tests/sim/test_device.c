/* SPDX-License-Identifier: Apache-2.0 */
/* Life of the device: what it boots to, what survives, what the bus sees. */
#include "support/test.h"

#include "sim/model.h"
#include "sim/world.h"

#include <poll.h>

static int set_up(void **state)
{
    static struct world world;
    world_init(&world, NULL);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    world_clear(*state);
    return 0;
}

static void damage(struct world *w, const char *leaf)
{
    struct rv_error err = { 0 };
    assert_fine(sim_storage_damage(w->device, leaf, &err));
}

static void a_whole_device_starts_its_system(void **state)
{
    struct world *w = *state;
    unsigned generation;
    assert_int_equal(sim_device_mode(w->device, &generation), SIM_OFF);
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, &generation), SIM_NORMAL);
    assert_int_equal(generation, 1);
}

static void without_auto_boot_it_stays_in_recovery(void **state)
{
    struct world *w = *state;
    sim_nvram_set(w->device, "auto-boot", "false", true);
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_RECOVERY);
    assert_true(world_recorded(w, "auto-boot is false"));
}

static void a_damaged_system_falls_to_recovery(void **state)
{
    struct world *w = *state;
    damage(w, "system.img");
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_RECOVERY);
    assert_true(world_recorded(w, "does not match its seal"));
}

static void a_damaged_kernel_falls_to_recovery(void **state)
{
    struct world *w = *state;
    damage(w, "flash/krnl.img4");
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_RECOVERY);
    assert_true(world_recorded(w, "flash/krnl.img4 does not verify"));
}

static void a_damaged_iboot_falls_to_dfu(void **state)
{
    struct world *w = *state;
    damage(w, "flash/ibot.img4");
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_DFU);
}

static void a_missing_llb_falls_to_dfu_even_with_buttons_for_recovery(void **state)
{
    struct world *w = *state;
    char path[256];
    assert_true(sim_storage_path(w->device, "flash/illb.img4", path, sizeof path));
    assert_int_equal(unlink(path), 0);
    sim_device_start(w->device, SIM_RECOVERY);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_DFU);
    assert_true(world_recorded(w, "flash/illb.img4 is missing"));
}

static void boot_images_of_another_phone_do_not_boot(void **state)
{
    struct world *w = *state;
    char plist[256];
    struct rv_error err = { 0 };
    /* The same storage soldered to another chip. */
    assert_true(sim_storage_path(w->device, "device.plist", plist, sizeof plist));
    plist_t dict = sim_plist_load(plist, &err);
    plist_dict_set_item(dict, "ECID", plist_new_uint(0x1234));
    assert_fine(sim_plist_save(dict, plist, &err));
    plist_free(dict);
    sim_device_close(w->device);
    w->device = NULL;
    snprintf(plist, sizeof plist, "%s/phone", w->dir);
    w->device = sim_device_open(plist, &err);
    assert_non_null(w->device);
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_DFU);
}

static void an_update_broken_off_does_not_boot(void **state)
{
    struct world *w = *state;
    sim_install_begin(w->device);
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_RECOVERY);
    assert_true(world_recorded(w, "an installation was broken off"));
}

static void a_flat_battery_starts_nothing(void **state)
{
    struct world *w = *state;
    sim_setting_put(w->device, "battery", "0");
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_OFF);
}

/* ---- what the bus sees ---- */

struct seen {
    struct sim_event events[32];
    uint64_t at_ms[32];
    unsigned count;
};

static void on_event(void *context, const struct sim_event *event)
{
    struct seen *seen = context;
    if (seen->count < RV_COUNT(seen->events)) {
        seen->at_ms[seen->count] = sim_now_ms();
        seen->events[seen->count++] = *event;
    }
}

/* Listeners hear of a change a moment after it can be asked for. */
static void await_events(const struct seen *seen, unsigned count)
{
    for (int i = 0; i < 1000 && *(volatile const unsigned *)&seen->count < count; i++)
        (void)poll(NULL, 0, 5);
    assert_int_equal(seen->count, count);
}

static void a_boot_loop_shows_normal_mode_and_ends_in_recovery(void **state)
{
    struct world *w = *state;
    static struct seen seen;
    seen = (struct seen){ 0 };
    sim_device_listen(w->device, on_event, &seen);
    sim_setting_put(w->device, "boot_loop", "3");
    damage(w, "system.img");
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_RECOVERY);
    await_events(&seen, 7);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(seen.events[i].mode, SIM_NORMAL);
        assert_int_equal(seen.events[i].kind, i % 2 == 0 ? SIM_ATTACHED : SIM_DETACHED);
    }
    assert_int_equal(seen.events[6].mode, SIM_RECOVERY);
}

static void every_attach_has_a_new_address_and_a_gap_before_it(void **state)
{
    struct world *w = *state;
    static struct seen seen;
    seen = (struct seen){ 0 };
    sim_device_listen(w->device, on_event, &seen);
    sim_setting_put(w->device, "time_scale", "0");
    sim_device_start(w->device, SIM_RECOVERY);
    assert_int_equal(world_command(w, "reboot"), 7);
    assert_true(world_await_after(w, 1, SIM_NORMAL));
    await_events(&seen, 3);
    assert_int_equal(seen.events[0].generation, 1);
    assert_int_equal(seen.events[1].kind, SIM_DETACHED);
    assert_int_equal(seen.events[2].generation, 2);
    assert_true(seen.at_ms[2] > seen.at_ms[1] + 40); /* a host must be able to see the going */
}

static void enter_recovery_is_remembered(void **state)
{
    struct world *w = *state;
    char value[16];
    sim_device_start(w->device, SIM_NORMAL);
    sim_device_enter_recovery(w->device);
    assert_true(world_await(w, SIM_RECOVERY));
    assert_true(sim_nvram_get(w->device, "auto-boot", value, sizeof value));
    assert_string_equal(value, "false");
    world_reopen(w);
    sim_device_start(w->device, SIM_NORMAL);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_RECOVERY);
}

static void a_pulled_cable_is_seen_at_once_and_the_device_goes_on(void **state)
{
    struct world *w = *state;
    unsigned before, after;
    sim_device_start(w->device, SIM_RECOVERY);
    sim_device_mode(w->device, &before);
    sim_device_unplug(w->device);
    assert_int_equal(sim_device_mode(w->device, NULL), SIM_OFF);
    uint8_t byte[2];
    assert_true(world_control(w, 0x80, 0, 0, byte, 2) < 0);
    assert_int_equal(sim_usb_device_descriptor(w->device, byte, 2), 0);
    sim_device_plug(w->device);
    assert_int_equal(sim_device_mode(w->device, &after), SIM_RECOVERY);
    assert_int_equal(after, before + 1);
}

static void power_off_and_the_cable_wakes_it(void **state)
{
    struct world *w = *state;
    sim_device_start(w->device, SIM_NORMAL);
    sim_device_shutdown(w->device);
    assert_true(world_await(w, SIM_OFF));
    sim_device_unplug(w->device);
    sim_device_plug(w->device);
    assert_true(world_await(w, SIM_NORMAL));
}

static void recovery_left_alone_powers_off_when_it_is_told_to(void **state)
{
    struct world *w = *state;
    sim_setting_put(w->device, "idle_off", "yes");
    sim_setting_put(w->device, "time_scale", "0.0002"); /* a quarter of an hour in 180 ms */
    sim_device_start(w->device, SIM_RECOVERY);
    assert_true(world_await(w, SIM_OFF));
    assert_true(world_recorded(w, "idle for too long"));
}

/* ---- storage and nonces ---- */

static void an_erase_renews_user_data_and_nothing_else_does(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    char before[97], same[97], after[97], again[97];
    assert_fine(sim_storage_hash(w->device, "data.img", before, &err));
    sim_device_start(w->device, SIM_NORMAL);
    sim_install_begin(w->device);
    assert_fine(sim_storage_hash(w->device, "data.img", same, &err));
    assert_string_equal(before, same);
    assert_fine(sim_install_wipe_data(w->device, &err));
    assert_fine(sim_storage_hash(w->device, "data.img", after, &err));
    assert_string_not_equal(before, after);
    assert_fine(sim_install_wipe_data(w->device, &err));
    assert_fine(sim_storage_hash(w->device, "data.img", again, &err));
    assert_string_not_equal(after, again);
}

static void nothing_is_installed_outside_a_restore(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    sim_device_start(w->device, SIM_NORMAL);
    assert_false(sim_install_done(w->device, &err));
    assert_null(sim_device_boot(w->device));
}

static void nonces_follow_from_generators(void **state)
{
    (void)state;
    /* Published pairs: generator 0x1111111111111111. */
    static const uint8_t a9[] = { 0x3a, 0x88, 0xb7, 0xc3, 0x80, 0x2f, 0x2f, 0x05, 0x10, 0xab,
                                  0xc4, 0x32, 0x10, 0x4a, 0x15, 0xeb, 0xd8, 0xbd, 0x71, 0x54 };
    static const uint8_t a11[] = { 0x27, 0x32, 0x5c, 0x82, 0x58, 0xbe, 0x46, 0xe6, 0x9d, 0x9e, 0xe5,
                                   0x7f, 0xa9, 0xa8, 0xfb, 0xc2, 0x8b, 0x87, 0x3d, 0xf4, 0x34, 0xe5,
                                   0xe7, 0x02, 0xa8, 0xb2, 0x79, 0x99, 0x55, 0x11, 0x38, 0xae };
    uint8_t nonce[SIM_NONCE_MAX], other[SIM_NONCE_MAX];
    assert_int_equal(sim_nonce_of_generator(0x8000, 1, 0x1111111111111111ULL, nonce), sizeof a9);
    assert_memory_equal(nonce, a9, sizeof a9);
    assert_int_equal(sim_nonce_of_generator(0x8015, 1, 0x1111111111111111ULL, nonce), sizeof a11);
    assert_memory_equal(nonce, a11, sizeof a11);
    /* From A12 on the same generator gives each phone another nonce. */
    assert_int_equal(sim_nonce_of_generator(0x8030, 1, 1, nonce), 32);
    sim_nonce_of_generator(0x8030, 2, 1, other);
    assert_memory_not_equal(nonce, other, 32);
}

static void each_boot_has_its_own_nonce_across_restarts_of_the_simulator(void **state)
{
    struct world *w = *state;
    struct sim_identity one, same, other;
    sim_device_start(w->device, SIM_RECOVERY);
    sim_device_identity(w->device, &one);
    sim_device_identity(w->device, &same);
    assert_memory_equal(one.ap_nonce, same.ap_nonce, 32);
    world_reopen(w);
    sim_device_start(w->device, SIM_RECOVERY);
    sim_device_identity(w->device, &other);
    assert_memory_not_equal(one.ap_nonce, other.ap_nonce, 32);
    assert_memory_not_equal(one.sep_nonce, other.sep_nonce, 20);
}

static void settings_survive(void **state)
{
    struct world *w = *state;
    char value[64];
    sim_setting_put(w->device, "device_name", "J\xc3\xb6rg's phone");
    world_reopen(w);
    assert_true(sim_setting(w->device, "device_name", value, sizeof value));
    assert_string_equal(value, "J\xc3\xb6rg's phone");
    sim_setting_put(w->device, "device_name", "");
    assert_false(sim_setting(w->device, "device_name", value, sizeof value));
}

static void a_folder_that_is_no_device_is_refused(void **state)
{
    struct world *w = *state;
    struct rv_error err = { 0 };
    assert_null(sim_device_open(w->dir, &err));
    assert_true(err.depth > 0);
    assert_null(sim_device_open("/nonexistent", &err));
}

#define life_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        life_test(a_whole_device_starts_its_system),
        life_test(without_auto_boot_it_stays_in_recovery),
        life_test(a_damaged_system_falls_to_recovery),
        life_test(a_damaged_kernel_falls_to_recovery),
        life_test(a_damaged_iboot_falls_to_dfu),
        life_test(a_missing_llb_falls_to_dfu_even_with_buttons_for_recovery),
        life_test(boot_images_of_another_phone_do_not_boot),
        life_test(an_update_broken_off_does_not_boot),
        life_test(a_flat_battery_starts_nothing),
        life_test(a_boot_loop_shows_normal_mode_and_ends_in_recovery),
        life_test(every_attach_has_a_new_address_and_a_gap_before_it),
        life_test(enter_recovery_is_remembered),
        life_test(a_pulled_cable_is_seen_at_once_and_the_device_goes_on),
        life_test(power_off_and_the_cable_wakes_it),
        life_test(recovery_left_alone_powers_off_when_it_is_told_to),
        life_test(an_erase_renews_user_data_and_nothing_else_does),
        life_test(nothing_is_installed_outside_a_restore),
        cmocka_unit_test(nonces_follow_from_generators),
        life_test(each_boot_has_its_own_nonce_across_restarts_of_the_simulator),
        life_test(settings_survive),
        life_test(a_folder_that_is_no_device_is_refused),
    };
    return cmocka_run_group_tests_name("sim/device", tests, NULL, NULL);
}
