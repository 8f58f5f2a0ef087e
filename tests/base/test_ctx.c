/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/ctx.h"
#include "base/mem.h"
#include "base/program.h"

static int plain_environment(void **state)
{
    (void)state;
    static const char *const names[] = { "REVIVE_APPLE_TSS",      "REVIVE_APPLE_CATALOG", "REVIVE_TRUST_ROOT",
                                         "REVIVE_DEADLINE_SCALE", "REVIVE_USB",           "XDG_CONFIG_HOME",
                                         "XDG_CACHE_HOME",        "XDG_STATE_HOME",       "XDG_DATA_HOME" };
    for (size_t i = 0; i < RV_COUNT(names); i++)
        unsetenv(names[i]);
    return setenv("HOME", "/home/anna", 1);
}

static void without_settings_everything_is_apples_own(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    assert_works(rv_ctx_init(&ctx, &err), &err);
    assert_null(ctx.settings.apple_tss);
    assert_null(ctx.settings.trust_root);
    assert_null(ctx.settings.usb);
    assert_true(ctx.settings.deadline_scale > 0.99 && ctx.settings.deadline_scale < 1.01);
    assert_string_equal(ctx.state_dir, "/home/anna/.local/state/revive");
    assert_string_equal(ctx.cache_dir, "/home/anna/.cache/revive");
    assert_string_equal(ctx.config_dir, "/home/anna/.config/revive");
    assert_string_equal(ctx.data_dir, "/home/anna/.local/share/revive");
    rv_ctx_clear(&ctx);
}

static void the_environment_moves_folders_and_servers(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    setenv("XDG_STATE_HOME", "/var/tmp/s", 1);
    setenv("XDG_CACHE_HOME", "relative/is/ignored", 1);
    setenv("REVIVE_APPLE_TSS", "http://127.0.0.1:1/x", 1);
    setenv("REVIVE_TRUST_ROOT", "", 1);
    setenv("REVIVE_DEADLINE_SCALE", "0.25", 1);
    assert_works(rv_ctx_init(&ctx, &err), &err);
    assert_string_equal(ctx.state_dir, "/var/tmp/s/revive");
    assert_string_equal(ctx.cache_dir, "/home/anna/.cache/revive");
    assert_string_equal(ctx.settings.apple_tss, "http://127.0.0.1:1/x");
    assert_null(ctx.settings.trust_root);
    assert_true(ctx.clock.scale > 0.24 && ctx.clock.scale < 0.26);
    rv_ctx_clear(&ctx);
}

static void a_senseless_scale_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[] = { "fast", "0", "-1", "1e9", "nan", "1x", "inf" };
    for (size_t i = 0; i < RV_COUNT(bad); i++) {
        struct rv_ctx ctx;
        struct rv_error err = { 0 };
        setenv("REVIVE_DEADLINE_SCALE", bad[i], 1);
        assert_fails(rv_ctx_init(&ctx, &err), &err, RV_E_USAGE);
        assert_non_null(strstr(err.text[0], "REVIVE_DEADLINE_SCALE"));
    }
}

static void memory_that_is_out_while_starting_leaks_nothing(void **state)
{
    (void)state;
    bool worked = false;
    for (unsigned long nth = 1; nth < 40 && !worked; nth++) {
        struct rv_ctx ctx;
        struct rv_error err = { 0 };
        setenv("REVIVE_APPLE_TSS", "http://127.0.0.1:1/x", 1);
        rv_alloc_fail_at(nth);
        worked = rv_ctx_init(&ctx, &err);
        rv_alloc_fail_at(0);
        if (worked)
            rv_ctx_clear(&ctx);
        else
            assert_int_equal(err.code, RV_E_NOMEM);
    }
    assert_true(worked);
}

struct heard {
    unsigned steps, notes, warnings;
    char last[64];
};

static void hear(void *context, const struct rv_event *event)
{
    struct heard *heard = context;
    heard->steps += event->kind == RV_EVENT_STEP;
    heard->notes += event->kind == RV_EVENT_NOTE;
    heard->warnings += event->kind == RV_EVENT_WARNING;
    snprintf(heard->last, sizeof heard->last, "%s", event->text);
}

static void what_is_told_reaches_the_face_and_nobody_need_listen(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    struct heard heard = { 0 };
    assert_works(rv_ctx_init(&ctx, &err), &err);
    rv_tell_note(&ctx, "unheard");
    ctx.event = hear;
    ctx.event_context = &heard;
    rv_tell_step(&ctx, "send", "sending");
    rv_tell_note(&ctx, "note %d", 1);
    rv_tell_warning(&ctx, "warning %d", 2);
    assert_true(heard.steps == 1 && heard.notes == 1 && heard.warnings == 1);
    assert_string_equal(heard.last, "warning 2");
    rv_ctx_clear(&ctx);
}

static bool say_yes(void *context, const struct rv_question *question)
{
    (void)question;
    return *(bool *)context;
}

static void without_a_face_the_answer_is_no(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct rv_error err = { 0 };
    const struct rv_question question = { .id = "erase", .text = "Erase everything?" };
    bool answer = false;
    assert_works(rv_ctx_init(&ctx, &err), &err);
    assert_fails(rv_ask(&ctx, &question, &err), &err, RV_E_USAGE);
    assert_int_equal(err.advice, RV_ADVICE_UNANSWERED);
    ctx.ask = say_yes;
    ctx.ask_context = &answer;
    assert_fails(rv_ask(&ctx, &question, &err), &err, RV_E_USAGE);
    assert_int_equal(err.advice, RV_ADVICE_DECLINED);
    answer = true;
    assert_true(rv_ask(&ctx, &question, &err));
    ctx.ask = NULL;
    ctx.assume_yes = true;
    assert_true(rv_ask(&ctx, &question, &err));
    rv_ctx_clear(&ctx);
}

static void a_companion_program_is_found_or_named(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_TEXT shell = rv_program_find("sh", &err);
    assert_non_null(shell);
    assert_fails(rv_program_find("revive-no-such-program", &err) != NULL, &err, RV_E_NOT_FOUND);
    assert_non_null(strstr(err.text[0], "revive-no-such-program"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_settings_everything_is_apples_own, plain_environment),
        cmocka_unit_test_setup(the_environment_moves_folders_and_servers, plain_environment),
        cmocka_unit_test_setup(a_senseless_scale_is_refused_by_name, plain_environment),
        cmocka_unit_test_setup(memory_that_is_out_while_starting_leaks_nothing, plain_environment),
        cmocka_unit_test_setup(what_is_told_reaches_the_face_and_nobody_need_listen, plain_environment),
        cmocka_unit_test_setup(without_a_face_the_answer_is_no, plain_environment),
        cmocka_unit_test_setup(a_companion_program_is_found_or_named, plain_environment),
    };
    return cmocka_run_group_tests_name("base/ctx", tests, NULL, NULL);
}
