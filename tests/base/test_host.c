/* SPDX-License-Identifier: Apache-2.0 */
/* This computer's power, room and sleep, in folders and with programs that stand for it. */
#include "support/rv_test.h"

#include "base/file.h"
#include "base/host.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(void **state, const char *leaf, const char *text, mode_t mode)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, leaf);
    struct rv_error err = { 0 };
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_works(rv_dir_make(path, &err), &err);
    *slash = '/';
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void supply(void **state, const char *root, const char *name, const char *type, const char *attribute,
                   const char *value)
{
    char leaf[256];
    snprintf(leaf, sizeof leaf, "%s/sys/class/power_supply/%s/type", root, name);
    put(state, leaf, type, 0644);
    snprintf(leaf, sizeof leaf, "%s/sys/class/power_supply/%s/%s", root, name, attribute);
    put(state, leaf, value, 0644);
}

static enum rv_known power_of(void **state, const char *root)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, root);
    return rv_host_on_battery(path);
}

static void a_computer_on_its_battery_is_noticed(void **state)
{
    supply(state, "a", "BAT0", "Battery\n", "status", "Discharging\n");
    assert_int_equal(power_of(state, "a"), RV_YES);
    supply(state, "a", "AC", "Mains\n", "online", "0\n");
    assert_int_equal(power_of(state, "a"), RV_YES);
    supply(state, "a", "AC", "Mains\n", "online", "1\n"); /* plugged in, though the load is more than it gives */
    assert_int_equal(power_of(state, "a"), RV_NO);
    supply(state, "b", "BAT0", "Battery\n", "status", "Charging\n");
    assert_int_equal(power_of(state, "b"), RV_NO);
    supply(state, "c", "ucsi-source-psy-1", "USB\n", "online", "1\n");
    supply(state, "c", "BAT0", "Battery\n", "status", "Discharging\n");
    assert_int_equal(power_of(state, "c"), RV_NO);
}

static void a_mouse_or_a_phone_is_not_the_computers_battery(void **state)
{
    supply(state, "m", "hidpp_battery_0", "Battery\n", "status", "Discharging\n");
    put(state, "m/sys/class/power_supply/hidpp_battery_0/scope", "Device\n", 0644);
    assert_int_equal(power_of(state, "m"), RV_NO);
}

static void a_computer_that_does_not_tell_is_unknown(void **state)
{
    assert_int_equal(power_of(state, "nowhere"), RV_UNKNOWN);
}

static void room_is_told_of_a_folder_that_is_still_to_be_made(void **state)
{
    char path[1024];
    uint64_t here = 0, below = 0;
    assert_true(rv_host_room(*state, &here));
    snprintf(path, sizeof path, "%s/not/yet/there", (const char *)*state);
    assert_true(rv_host_room(path, &below));
    assert_true(here > 0 && below > 0);
}

/* A service for sleep made of a shell script; it writes down what it was asked for. */
static struct rv_awake *hold(void **state, const char *script, struct rv_error *err)
{
    static struct rv_ctx ctx;
    char path[4096], text[4096], before[2048];
    snprintf(text, sizeof text, "#!/bin/sh\necho \"$@\" >>'%s/asked'\n%s\n", (const char *)*state, script);
    put(state, "bin/systemd-inhibit", text, 0755);
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    snprintf(path, sizeof path, "%.1000s/bin:%s", (const char *)*state, before);
    setenv("PATH", path, 1);
    struct rv_error unset = { 0 };
    unsetenv("REVIVE_DEADLINE_SCALE");
    assert_works(rv_ctx_init(&ctx, &unset), &unset);
    struct rv_awake *awake = rv_awake_hold(&ctx, "a test", err);
    setenv("PATH", before, 1);
    rv_ctx_clear(&ctx);
    return awake;
}

static bool there(void **state, const char *leaf)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, leaf);
    return rv_file_exists(path);
}

static void sleep_is_held_off_until_it_is_let_go(void **state)
{
    struct rv_error err = { 0 };
    char script[2048], line[512] = "", path[1024];
    snprintf(script, sizeof script, "cat; : >'%s/ended'", (const char *)*state);
    struct rv_awake *awake = hold(state, script, &err);
    assert_non_null(awake);
    assert_false(there(state, "ended"));
    snprintf(path, sizeof path, "%s/asked", (const char *)*state);
    FILE *asked = fopen(path, "r");
    assert_non_null(asked);
    assert_non_null(fgets(line, sizeof line, asked));
    fclose(asked);
    assert_non_null(strstr(line, "--what=sleep:idle"));
    assert_non_null(strstr(line, "--mode=block"));
    assert_non_null(strstr(line, "--why=a test"));
    rv_awake_free(awake); /* returns only when the helper is gone */
}

static void a_refused_lid_lock_leaves_the_plain_one(void **state)
{
    struct rv_error err = { 0 };
    struct rv_awake *awake = hold(state, "case \"$1\" in *lid*) exit 1;; esac\ncat", &err);
    assert_non_null(awake);
    rv_awake_free(awake);
}

static void without_a_service_work_goes_on_with_a_reason(void **state)
{
    struct rv_error err = { 0 };
    assert_null(hold(state, "exit 1", &err));
    assert_string_equal(rv_code_name(err.code), "UNSUPPORTED");
    assert_true(err.depth > 0 && err.text[0][0] != '\0');
    assert_null(hold(state, "echo 'Failed to connect to bus' >&2; exit 1", &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_computer_on_its_battery_is_noticed, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_mouse_or_a_phone_is_not_the_computers_battery, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_computer_that_does_not_tell_is_unknown, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(room_is_told_of_a_folder_that_is_still_to_be_made, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(sleep_is_held_off_until_it_is_let_go, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_refused_lid_lock_leaves_the_plain_one, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(without_a_service_work_goes_on_with_a_reason, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests_name("base/host", tests, NULL, NULL);
}
