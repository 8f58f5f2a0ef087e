/* SPDX-License-Identifier: Apache-2.0 */
/* The decision table behind `revive`: what is seen, and the one next thing to do. */
#include "support/rv_test.h"

#include "command/command.h"
#include "command/triage.h"

static const char *state_of(const struct rv_findings *findings)
{
    return rv_triage(findings)->id;
}

static const char *next_of(const struct rv_findings *findings)
{
    const char *command = rv_triage(findings)->command;
    return command != NULL ? command : "";
}

static struct rv_findings in_recovery(struct rv_device *device, const char *auto_boot)
{
    *device = (struct rv_device){ .mode = RV_MODE_RECOVERY };
    struct rv_findings f = { .device = device, .have_env = true };
    snprintf(f.env.auto_boot, sizeof f.env.auto_boot, "%s", auto_boot);
    return f;
}

static void a_phone_told_to_stay_is_first_brought_out_without_touching_data(void **state)
{
    (void)state;
    struct rv_device device;
    struct rv_findings f = in_recovery(&device, "false");
    assert_string_equal(state_of(&f), "told-to-stay");
    assert_string_equal(next_of(&f), "revive recovery exit");
}

static void a_phone_that_does_not_start_is_updated(void **state)
{
    (void)state;
    struct rv_device device;
    struct rv_findings f = in_recovery(&device, "true");
    assert_string_equal(next_of(&f), "revive update --latest");
    f = in_recovery(&device, "");
    assert_string_equal(next_of(&f), "revive update --latest");
    assert_non_null(strstr(rv_triage(&f)->why, "--ipsw FILE"));
}

static void an_interrupted_job_of_ours_comes_before_everything(void **state)
{
    (void)state;
    static const enum rv_mode modes[] = { RV_MODE_RECOVERY, RV_MODE_DFU, RV_MODE_RESTORE };
    for (size_t i = 0; i < RV_COUNT(modes); i++) {
        struct rv_device device;
        struct rv_findings f = in_recovery(&device, "false");
        device.mode = modes[i];
        f.job_open = true;
        assert_string_equal(next_of(&f), "revive resume");
    }
    struct rv_device device = { .mode = RV_MODE_NORMAL };
    struct rv_findings f = { .device = &device, .job_open = true, .trusted = true };
    assert_string_equal(state_of(&f), "well");
}

static void an_installation_left_half_way_is_not_answered_with_exit(void **state)
{
    (void)state;
    struct rv_device device;
    struct rv_findings f = in_recovery(&device, "false");
    snprintf(f.env.boot_stage, sizeof f.env.boot_stage, "2");
    assert_string_equal(state_of(&f), "half-way");
    assert_string_equal(next_of(&f), "revive update --latest");
}

static void a_radio_that_failed_is_named(void **state)
{
    (void)state;
    struct rv_device device;
    struct rv_findings f = in_recovery(&device, "true");
    snprintf(f.env.radio_error, sizeof f.env.radio_error, "0x1");
    assert_string_equal(state_of(&f), "radio-failed");
    snprintf(f.env.radio_error, sizeof f.env.radio_error, "0");
    assert_string_equal(state_of(&f), "stuck");
}

static void unreadable_settings_get_the_gentlest_remedy(void **state)
{
    (void)state;
    struct rv_device device;
    struct rv_findings f = in_recovery(&device, "");
    f.have_env = false;
    assert_string_equal(next_of(&f), "revive recovery exit");
}

static void missing_rights_are_said_before_anything_else(void **state)
{
    (void)state;
    struct rv_device device;
    struct rv_findings f = in_recovery(&device, "false");
    device.denied = true;
    f.job_open = true;
    assert_string_equal(state_of(&f), "denied");
}

static void normal_mode_has_its_own_reasons(void **state)
{
    (void)state;
    struct rv_device device = { .mode = RV_MODE_NORMAL };
    struct rv_findings f = { .device = &device };
    f.trust_advice = RV_ADVICE_UNLOCK;
    assert_string_equal(state_of(&f), "locked");
    f.trust_advice = RV_ADVICE_LOST_MODE;
    assert_string_equal(state_of(&f), "lost");
    f.trust_advice = RV_ADVICE_MANAGED;
    assert_string_equal(state_of(&f), "managed");
    f.trust_advice = RV_ADVICE_TRUST;
    assert_string_equal(state_of(&f), "untrusted");
    device.silent = true;
    assert_string_equal(state_of(&f), "silent");
    f.mux_missing = true;
    assert_string_equal(state_of(&f), "no-mux");
}

static void every_mode_has_an_answer(void **state)
{
    (void)state;
    for (int mode = RV_MODE_NORMAL; mode < RV_MODE_COUNT; mode++) {
        struct rv_device device = { .mode = (enum rv_mode)mode };
        struct rv_findings f = { .device = &device };
        assert_string_not_equal(state_of(&f), "unknown");
    }
}

static void the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < rv_situation_count; i++) {
        const struct rv_situation *row = &rv_situations[i];
        assert_true(row->id[0] != '\0' && row->words[0] != '\0' && row->why[0] != '\0');
        assert_non_null(row->holds);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(row->id, rv_situations[k].id);
        if (row->command != NULL) {
            assert_int_equal(strncmp(row->command, "revive ", 7), 0);
            char verb[64];
            snprintf(verb, sizeof verb, "%s", row->command + 7);
            char *option = strstr(verb, " --");
            if (option != NULL)
                *option = '\0';
            assert_non_null(rv_command_find(verb));
            /* A file that has to be named is explained where it is named. */
            assert_true(strstr(row->command, "FILE") == NULL || strstr(row->why, ".ipsw") != NULL);
        }
        /* Nothing that erases is ever the first thing offered. */
        assert_null(row->command != NULL ? strstr(row->command, "restore") : NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_phone_told_to_stay_is_first_brought_out_without_touching_data),
        cmocka_unit_test(a_phone_that_does_not_start_is_updated),
        cmocka_unit_test(an_interrupted_job_of_ours_comes_before_everything),
        cmocka_unit_test(an_installation_left_half_way_is_not_answered_with_exit),
        cmocka_unit_test(a_radio_that_failed_is_named),
        cmocka_unit_test(unreadable_settings_get_the_gentlest_remedy),
        cmocka_unit_test(missing_rights_are_said_before_anything_else),
        cmocka_unit_test(normal_mode_has_its_own_reasons),
        cmocka_unit_test(every_mode_has_an_answer),
        cmocka_unit_test(the_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
