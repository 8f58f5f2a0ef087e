/* SPDX-License-Identifier: Apache-2.0 */
/* The tables check themselves: plans, the rule that an Update never erases, announced types, words. */
#include "support/rv_test.h"

#include "restore/install.h"

static const enum rv_mode starts[] = { RV_MODE_NORMAL, RV_MODE_RECOVERY, RV_MODE_DFU, RV_MODE_RESTORE };

static void every_plan_leads_from_its_mode_to_a_running_system(void **state)
{
    (void)state;
    for (size_t m = 0; m < RV_COUNT(starts); m++)
        for (int b = RV_BEHAVIOR_UPDATE; b <= RV_BEHAVIOR_ERASE; b++) {
            struct rv_plan plan = rv_plan_for(starts[m], (enum rv_behavior)b);
            assert_true(plan.count > 5);
            assert_string_equal(plan.steps[0].name, "preflight");
            assert_int_equal(plan.steps[0].needs, starts[m]);
            assert_int_equal(plan.steps[plan.count - 1].leaves, RV_MODE_NORMAL);
            enum rv_mode now = starts[m];
            for (size_t i = 0; i < plan.count; i++) {
                const struct rv_step *step = &plan.steps[i];
                assert_non_null(step->run);
                assert_true(step->weight > 0 && step->words[0] != '\0');
                /* ANY fits anything; else a step begins where the one before it ended. */
                assert_true(step->needs == RV_MODE_COUNT || now == RV_MODE_COUNT || step->needs == now);
                now = step->leaves;
                for (size_t j = 0; j < i; j++)
                    assert_string_not_equal(step->name, plan.steps[j].name);
            }
        }
}

static void nothing_leaves_this_computer_before_preflight_and_ticket(void **state)
{
    (void)state;
    struct rv_plan plan = rv_plan_for(RV_MODE_RECOVERY, RV_BEHAVIOR_UPDATE);
    assert_ptr_equal(plan.steps[0].run, rv_step_preflight);
    assert_ptr_equal(plan.steps[1].run, rv_step_sign);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(plan.steps[i].flags & RV_STEP_TOUCHES, 0);
}

static void only_erase_plans_erase(void **state)
{
    (void)state;
    for (size_t m = 0; m < RV_COUNT(starts); m++) {
        unsigned erasing[2] = { 0, 0 };
        for (int b = RV_BEHAVIOR_UPDATE; b <= RV_BEHAVIOR_ERASE; b++) {
            struct rv_plan plan = rv_plan_for(starts[m], (enum rv_behavior)b);
            for (size_t i = 0; i < plan.count; i++)
                erasing[b] += (plan.steps[i].flags & RV_STEP_ERASES) != 0;
        }
        assert_int_equal(erasing[RV_BEHAVIOR_UPDATE], 0);
        assert_int_equal(erasing[RV_BEHAVIOR_ERASE], 1);
    }
}

static void modes_without_a_plan_have_none(void **state)
{
    (void)state;
    assert_int_equal(rv_plan_for(RV_MODE_NONE, RV_BEHAVIOR_UPDATE).count, 0);
    assert_int_equal(rv_plan_for(RV_MODE_KIS, RV_BEHAVIOR_ERASE).count, 0);
    assert_int_equal(rv_plan_for(RV_MODE_COUNT, RV_BEHAVIOR_UPDATE).count, 0);
    assert_int_equal(rv_plan_for(RV_MODE_NORMAL, (enum rv_behavior)2).count, 0);
}

static void the_words_of_a_plan_are_its_steps(void **state)
{
    (void)state;
    struct rv_step_words words[4];
    struct rv_plan plan = rv_plan_for(RV_MODE_RECOVERY, RV_BEHAVIOR_UPDATE);
    assert_int_equal(rv_plan_words(RV_MODE_RECOVERY, RV_BEHAVIOR_UPDATE, words, 4), plan.count);
    assert_string_equal(words[3].name, plan.steps[3].name);
}

/* ---- the rule ---- */

static plist_t identity(const char *variant, const char *behavior)
{
    plist_t id = plist_new_dict(), info = plist_new_dict();
    if (variant != NULL)
        plist_dict_set_item(info, "Variant", plist_new_string(variant));
    if (behavior != NULL)
        plist_dict_set_item(info, "RestoreBehavior", plist_new_string(behavior));
    plist_dict_set_item(id, "Info", info);
    return id;
}

static bool allowed(const char *variant, const char *does, enum rv_behavior behavior)
{
    struct rv_error err = { 0 };
    RV_AUTO_PLIST id = identity(variant, does);
    bool fine = rv_guard_identity(id, behavior, &err);
    if (!fine) { /* the person is told which part it was, and what it would do */
        assert_true(err.advice != RV_ADVICE_NONE && err.depth == 1);
        assert_int_equal(err.code, variant == NULL || does == NULL ? RV_E_FORMAT : RV_E_UNSUPPORTED);
        assert_true(variant == NULL || does == NULL || strstr(err.text[0], variant) != NULL);
        assert_int_equal(behavior == RV_BEHAVIOR_ERASE, strstr(err.text[0], "would not erase") != NULL);
    }
    return fine;
}

static void an_update_is_never_given_a_part_that_erases(void **state)
{
    (void)state;
    assert_true(allowed("Customer Upgrade Install (IPSW)", "Update", RV_BEHAVIOR_UPDATE));
    assert_false(allowed("Customer Erase Install (IPSW)", "Erase", RV_BEHAVIOR_UPDATE));
    assert_false(allowed("Customer Upgrade Install (IPSW)", "Erase", RV_BEHAVIOR_UPDATE));
    assert_false(allowed("Customer Erase Install (IPSW)", "Update", RV_BEHAVIOR_UPDATE)); /* they must agree */
    assert_false(allowed("Customer Upgrade Install (IPSW)", NULL, RV_BEHAVIOR_UPDATE));
    assert_false(allowed(NULL, "Update", RV_BEHAVIOR_UPDATE));
    assert_true(allowed("Customer Erase Install (IPSW)", "Erase", RV_BEHAVIOR_ERASE));
    assert_false(allowed("Customer Upgrade Install (IPSW)", "Update", RV_BEHAVIOR_ERASE));
}

/* ---- what the device may ask ---- */

static void types_are_sorted_and_found(void **state)
{
    (void)state;
    size_t count = 0;
    const struct rv_restore_type *types = rv_restore_types(&count);
    for (size_t i = 1; i < count; i++)
        assert_true(types[i - 1].kind < types[i].kind ||
                    (types[i - 1].kind == types[i].kind && strcmp(types[i - 1].type, types[i].type) < 0));
    for (size_t i = 0; i < count; i++)
        if (types[i].kind == RV_RESTORE_DATA)
            assert_ptr_equal(rv_restore_type(types[i].type), &types[i]);
        else
            assert_null(types[i].answer);
    assert_null(rv_restore_type("FetchTheMoon"));
    assert_null(rv_restore_type("StatusMsg")); /* a message is no request */
}

static void what_devices_of_today_ask_has_an_answer(void **state)
{
    (void)state;
    static const char *const asked[] = { "RootTicket",
                                         "NORData",
                                         "SystemImageData",
                                         "KernelCache",
                                         "DeviceTree",
                                         "FUDData",
                                         "BasebandData",
                                         "FDRTrustData",
                                         "PersonalizedData",
                                         "EANData",
                                         "FirmwareUpdaterData",
                                         "BuildIdentityDict",
                                         "SourceBootObjectV4",
                                         "SystemImageRootHash",
                                         "SystemImageCanonicalMetadata",
                                         "ReceiptManifest",
                                         "URLAsset",
                                         "HostSystemTime" };
    for (size_t i = 0; i < RV_COUNT(asked); i++) {
        const struct rv_restore_type *row = rv_restore_type(asked[i]);
        assert_non_null(row);
        assert_non_null(row->answer);
    }
    assert_non_null(rv_restore_type("DiagData"));
    assert_null(rv_restore_type("DiagData")->answer); /* a gap that is seen */
}

static void the_announced_dictionaries_come_from_the_same_rows(void **state)
{
    (void)state;
    RV_AUTO_PLIST data = rv_restore_announced(RV_RESTORE_DATA);
    RV_AUTO_PLIST messages = rv_restore_announced(RV_RESTORE_MESSAGE);
    RV_AUTO_PLIST async = rv_restore_announced(RV_RESTORE_ASYNC);
    assert_true(plist_dict_get_size(data) >= 66);
    assert_true(plist_dict_get_size(messages) >= 17);
    assert_int_equal(plist_dict_get_size(async), 5);
    assert_true(rv_plist_bool(data, "MessageUseStreamedImageFile", false));
    assert_false(rv_plist_bool(data, "RootTicket", true));
    assert_true(rv_plist_bool(messages, "CheckpointMsg", false));
    assert_true(rv_plist_bool(async, "URLAsset", false));
    assert_false(rv_plist_bool(async, "SystemImageData", true));
}

/* ---- words ---- */

static void operations_and_checkpoints_have_names(void **state)
{
    (void)state;
    assert_string_equal(rv_operation_row(13)->id, "restore-image");
    assert_true(rv_operation_row(28)->quiet_s >= 1200); /* waiting for the storage is no hang under 20 minutes */
    assert_null(rv_operation_row(999));
    assert_string_equal(rv_checkpoint_name(0x300000634), rv_checkpoint_name(0x634)); /* upper bits are dirty */
    assert_null(rv_checkpoint_name(0xFFFF));
}

static void a_final_status_becomes_words_advice_and_a_number(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    assert_false(rv_status_fail(53, "x\n[0]D(outer (a))[1]D(fdr: no route to gg.apple.com)\n", "fdr_recover", &err));
    assert_int_equal(err.apple, 53);
    assert_int_equal(err.advice, RV_ADVICE_FACTORY_DATA);
    assert_string_equal(err.text[0], "fdr: no route to gg.apple.com");
    assert_false(rv_status_fail(14, "asr: No space left on device", NULL, &err));
    assert_int_equal(err.advice, RV_ADVICE_LOW_SPACE);
    assert_false(rv_status_fail(100, "[0]D(This host version is unsupported. You may need to update your host tools.)",
                                NULL, &err));
    assert_int_equal(err.advice, RV_ADVICE_HOST_TOO_OLD);
    assert_false(rv_status_fail(4711, NULL, NULL, &err));
    assert_int_equal(err.apple, 4711);
    assert_int_equal(err.advice, RV_ADVICE_RESTORE_FAILED);
}

static void the_deepest_cause_survives_odd_logs(void **state)
{
    (void)state;
    char out[40];
    rv_status_cause(NULL, out, sizeof out);
    assert_string_equal(out, "");
    rv_status_cause("nothing of it", out, sizeof out);
    assert_string_equal(out, "");
    rv_status_cause("[0]D(cut sho", out, sizeof out);
    assert_string_equal(out, "cut sho");
    rv_status_cause("[0]D(", out, sizeof out);
    assert_string_equal(out, "");
    rv_status_cause("[0]D(a)[1]D(\x1b[31mred\x1b[0m and a very long text that does not fit into the place)", out,
                    sizeof out);
    assert_int_equal(strlen(out), sizeof out - 1);
    assert_null(strchr(out, '\x1b'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan_leads_from_its_mode_to_a_running_system),
        cmocka_unit_test(nothing_leaves_this_computer_before_preflight_and_ticket),
        cmocka_unit_test(only_erase_plans_erase),
        cmocka_unit_test(modes_without_a_plan_have_none),
        cmocka_unit_test(the_words_of_a_plan_are_its_steps),
        cmocka_unit_test(an_update_is_never_given_a_part_that_erases),
        cmocka_unit_test(types_are_sorted_and_found),
        cmocka_unit_test(what_devices_of_today_ask_has_an_answer),
        cmocka_unit_test(the_announced_dictionaries_come_from_the_same_rows),
        cmocka_unit_test(operations_and_checkpoints_have_names),
        cmocka_unit_test(a_final_status_becomes_words_advice_and_a_number),
        cmocka_unit_test(the_deepest_cause_survives_odd_logs),
    };
    return cmocka_run_group_tests_name("restore/plan", tests, NULL, NULL);
}
