/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "data/advice.h"

#include <errno.h>

static void a_failure_keeps_its_fact_and_every_frame_above_it(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    assert_false(rv_fail(&err, RV_E_FORMAT, "cut short at offset %d of %d", 28, 38));
    assert_false(rv_while(&err, "unlocking the backup of %s", "2026-11-02"));
    assert_int_equal(err.code, RV_E_FORMAT);
    assert_int_equal(err.depth, 2);
    assert_string_equal(err.text[0], "cut short at offset 28 of 38");
    assert_string_equal(err.text[1], "unlocking the backup of 2026-11-02");
}

static void a_new_failure_forgets_the_old_one(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    rv_fail(&err, RV_E_FORMAT, "first");
    rv_while(&err, "above first");
    rv_advise(&err, RV_ADVICE_REPLUG);
    rv_fail(&err, RV_E_TIMEOUT, "second");
    assert_int_equal(err.depth, 1);
    assert_int_equal(err.advice, RV_ADVICE_NONE);
    assert_string_equal(err.text[0], "second");
}

static void a_failure_may_quote_its_own_chain(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    rv_fail(&err, RV_E_IO, "the disk");
    rv_fail(&err, RV_E_CORRUPT, "because of %s", err.text[0]);
    assert_string_equal(err.text[0], "because of the disk");
    rv_while(&err, "seeing '%s'", err.text[0]);
    assert_string_equal(err.text[1], "seeing 'because of the disk'");
}

static void a_full_chain_keeps_its_root_and_its_outermost_frame(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    rv_fail(&err, RV_E_IO, "root");
    for (int i = 0; i < 20; i++)
        rv_while(&err, "frame %d", i);
    assert_int_equal(err.depth, RV_ERROR_FRAMES);
    assert_string_equal(err.text[0], "root");
    assert_string_equal(err.text[RV_ERROR_FRAMES - 1], "frame 19");
}

static void long_facts_are_cut_and_stay_text(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    char longer[1000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    rv_fail(&err, RV_E_IO, "%s", longer);
    assert_int_equal(strlen(err.text[0]), RV_ERROR_TEXT - 1);
    rv_fail_sys(&err, RV_E_IO, EIO, "%s", longer);
    assert_int_equal(strlen(err.text[0]), RV_ERROR_TEXT - 1);
    rv_while(&err, "%s", longer);
    assert_int_equal(strlen(err.text[1]), RV_ERROR_TEXT - 1);
}

static void a_full_disk_and_missing_rights_have_codes_of_their_own(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    rv_fail_sys(&err, RV_E_IO, ENOSPC, "writing");
    assert_int_equal(err.code, RV_E_NOSPACE);
    assert_int_equal(err.sys, ENOSPC);
    assert_non_null(strstr(err.text[0], "writing: "));
    rv_fail_sys(&err, RV_E_IO, EDQUOT, "writing");
    assert_int_equal(err.code, RV_E_NOSPACE);
    rv_fail_sys(&err, RV_E_IO, EACCES, "opening");
    assert_int_equal(err.code, RV_E_DENIED);
    rv_fail_sys(&err, RV_E_IO, EIO, "reading");
    assert_int_equal(err.code, RV_E_IO);
}

static void the_first_advice_wins(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    rv_fail(&err, RV_E_TIMEOUT, "nothing came");
    rv_advise(&err, RV_ADVICE_REPLUG);
    rv_advise(&err, RV_ADVICE_UNLOCK);
    assert_int_equal(err.advice, RV_ADVICE_REPLUG);
    assert_string_equal(rv_advice_for(&err)->id, "replug");
}

static void every_code_has_a_name_and_words_for_a_person(void **state)
{
    (void)state;
    for (int code = RV_OK; code < RV_E_CODE_COUNT; code++) {
        struct rv_error err = { .code = (enum rv_code)code };
        assert_true(strlen(rv_code_name(err.code)) > 1);
        for (int other = code + 1; other < RV_E_CODE_COUNT; other++)
            assert_string_not_equal(rv_code_name(err.code), rv_code_name((enum rv_code)other));
        const struct rv_advice_row *row = rv_advice_for(&err);
        assert_true(row->title[0] != '\0' && row->actions[0] != NULL);
        if (code != RV_OK)
            assert_string_not_equal(row->id, "none");
    }
    assert_non_null(rv_code_name((enum rv_code)999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_keeps_its_fact_and_every_frame_above_it),
        cmocka_unit_test(a_new_failure_forgets_the_old_one),
        cmocka_unit_test(a_failure_may_quote_its_own_chain),
        cmocka_unit_test(a_full_chain_keeps_its_root_and_its_outermost_frame),
        cmocka_unit_test(long_facts_are_cut_and_stay_text),
        cmocka_unit_test(a_full_disk_and_missing_rights_have_codes_of_their_own),
        cmocka_unit_test(the_first_advice_wins),
        cmocka_unit_test(every_code_has_a_name_and_words_for_a_person),
    };
    return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
