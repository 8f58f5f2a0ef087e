/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of restores line by line: what each form of a line tells, and what looks like one and is none. */
#include "support/test.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "care/explanation.h"

static struct rv_log_reader reader;
static struct rv_diagnosis diagnosis;

static const struct rv_log_story *read_log(const char *text)
{
    rv_log_reader_init(&reader);
    rv_log_reader_add(&reader, rv_span(text, strlen(text)));
    const struct rv_log_story *story = rv_log_reader_end(&reader);
    rv_diagnose(story, &diagnosis);
    return story;
}

#define FAILS(time, code, step, name, rest)                                                                            \
    "[" time "-GMT]{3>6} CHECKPOINT FAILURE:(FAILURE:" code ") RESTORED:[" step "] " name rest "\n"
#define BEGINS(time, step, name) "[" time "-GMT]{3>6} CHECKPOINT BEGIN: RESTORED:[" step "] " name "\n"

static void an_empty_log_tells_nothing(void **state)
{
    const struct rv_log_story *s = read_log("");
    (void)state;
    assert_int_equal(s->lines, 0);
    assert_int_equal(s->phase, -1);
    assert_int_equal(s->operation, -1);
    assert_true(s->step_s == -1 && !s->failed && s->tool == NULL);
    s = read_log("\n\n x \n");
    assert_int_equal(s->lines, 3);
    s = read_log("one\ntwo");
    assert_int_equal(s->lines, 2);
}

static void a_checkpoint_has_a_form(void **state)
{
    static const struct {
        const char *line;
        bool failed;
        int64_t number;
        uint32_t step;
    } rows[] = {
        { FAILS("07:00:00.0000", "53", "0x063C", "verify_fdr_data", ""), true, 53, 0x063C },
        { FAILS("07:00:00.0000", "-1", "0x1107063C", "verify_fdr_data", ""), true, -1, 0x063C },
        { "CHECKPOINT FAILURE:(FAILURE:53) [0x63c] x\n", true, 53, 0x063C },
        { "CHECKPOINT FAILURE: [0x63C] x\n", true, -1, 0x063C },
        { "CHECKPOINT FAILURE:(FAILURE:x) [0x63C] x\n", false, 0, 0 },
        { "CHECKPOINT FAILURE:(FAILURE:1234567890123456789) [0x63C] x\n", false, 0, 0 },
        { "CHECKPOINT FAILURE:(FAILURE:123456789012345678) [0x63C] x\n", true, 123456789012345678, 0x063C },
        { "CHECKPOINT FAILURE [0x63C] x\n", false, 0, 0 },
        { "CHECKPOINT failure:(FAILURE:53) [0x63C] x\n", false, 0, 0 },
        { "CHECKPOINT AAAAAAAAAAAAAAAA:(FAILURE:53) [0x63C] x\n", false, 0, 0 },
        { "CHECKPOINT NOTICE:(FAILURE:53) [0x63C] x\n", false, 0, 0 },
        { "CHECKPOINT FAILURE:(FAILURE:53) [63C] x\n", false, 0, 0 },
        { "CHECKPOINT FAILURE:(FAILURE:53) [0x] x\n", false, 0, 0 },
        { "CHECKPOINT FAILURE:(FAILURE:53) [0x63C x\n", false, 0, 0 },
        { "CHECKPOINT FAILURE:(FAILURE:53) [0x1234567890] x\n", false, 0, 0 },
        { "CHECKPOINT FAILURE:(FAILURE:53) [0x12340634] x\n", true, 53, 0x0634 },
    };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        const struct rv_log_story *s = read_log(rows[i].line);
        if (s->step_known != rows[i].failed || s->failed != rows[i].failed)
            fail_msg("row %zu: %s", i, rows[i].line);
        assert_int_equal(s->number, rows[i].number);
        assert_int_equal(s->step, rows[i].step);
    }
}

static void the_time_in_a_step_goes_over_midnight(void **state)
{
    static const struct {
        const char *begin, *fail;
        double seconds;
    } rows[] = {
        { "07:00:00.0000", "07:00:01.0500", 1.5 },       { "23:59:59.0000", "00:00:02.0250", 3.25 },
        { "01:02:03.0004", "02:03:04.0004", 3661 },      { "07:00:00.0000", "07:00:00.0000", 0 },
        { "07:00:00.0000", "06:59:59.0999", 86399.999 }, { "07:00:00", "07:00:01.0000", -1 },
        { "07-00:00.0000", "07:00:01.0000", -1 },
    };
    char text[600];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        snprintf(text, sizeof text,
                 "[%s-GMT]{3>6} CHECKPOINT BEGIN: RESTORED:[0x0635] update_device_firmware\n[%s-GMT]{3>6} CHECKPOINT "
                 "FAILURE:(FAILURE:1) RESTORED:[0x0635] update_device_firmware\n",
                 rows[i].begin, rows[i].fail);
        const struct rv_log_story *s = read_log(text);
        if (s->step_s < rows[i].seconds - 0.0005 || s->step_s > rows[i].seconds + 0.0005)
            fail_msg("row %zu: %f", i, s->step_s);
    }
    /* the failure of another step than the one that began */
    const struct rv_log_story *s =
        read_log(BEGINS("07:00:00.0000", "0x0635", "a") FAILS("07:00:09.0000", "1", "0x063C", "b", ""));
    assert_true(s->step_s == -1);
}

static void causes_are_parted_by_their_own_brackets(void **state)
{
    static const struct {
        const char *rest;
        size_t count;
        const char *causes[3];
    } rows[] = {
        { " [0]D(outer)[1]D(inner)", 2, { "outer", "inner" } },
        { " [0]D(a (b) c)[1]D(d)", 2, { "a (b) c", "d" } },
        { " [0]D(never closed", 1, { "never closed" } },
        { " [0]D()[1]D(x)", 2, { "", "x" } },
        { " [0](no mark)", 0, { NULL } },
    };
    char text[900];
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        snprintf(text, sizeof text, FAILS("07:00:00.0000", "1", "0x063C", "verify_fdr_data", "%s"), rows[i].rest);
        const struct rv_log_story *s = read_log(text);
        assert_int_equal(s->cause_count, rows[i].count);
        for (size_t k = 0; k < rows[i].count; k++)
            assert_string_equal(s->causes[k], rows[i].causes[k]);
    }
    /* of more than eight the outermost goes */
    size_t at = (size_t)snprintf(text, sizeof text, "CHECKPOINT FAILURE:(FAILURE:1) [0x63C] x");
    for (int k = 0; k < 10; k++)
        at += (size_t)snprintf(text + at, sizeof text - at, " [%d]D(cause %d)", k, k);
    const struct rv_log_story *s = read_log(text);
    assert_int_equal(s->cause_count, RV_LOG_CAUSES);
    assert_string_equal(s->causes[0], "cause 2");
    assert_string_equal(s->causes[7], "cause 9");
    char longest[600] = "CHECKPOINT FAILURE:(FAILURE:1) [0x63C] x [0]D(";
    memset(longest + strlen(longest), 'q', 300);
    s = read_log(longest);
    assert_int_equal(strlen(s->causes[0]), RV_LOG_TEXT - 1);
}

static void a_numbered_list_of_reasons_belongs_to_the_next_failure(void **state)
{
    (void)state;
    const struct rv_log_story *s = read_log(
        "0: AMFDRError/1: old\n1: AMFDRError/2: older\n0: AMFDRError/3: first\n 1: RamrodErrorDomain/4: second\n" FAILS(
            "07:00:00.0000", "53", "0x063C", "verify_fdr_data", ""));
    assert_int_equal(s->cause_count, 2);
    assert_string_equal(s->causes[0], "first");
    assert_string_equal(s->causes[1], "second");
    /* a chain of its own comes first, and another step that begins forgets the list */
    s = read_log("0: AMFDRError/3: first\n" FAILS("07:00:00.0000", "53", "0x063C", "verify_fdr_data", " [0]D(own)"));
    assert_int_equal(s->cause_count, 1);
    assert_string_equal(s->causes[0], "own");
    s = read_log("0: AMFDRError/3: first\n" BEGINS("07:00:00.0000", "0x063C", "verify_fdr_data")
                     FAILS("07:00:00.0000", "53", "0x063C", "verify_fdr_data", ""));
    assert_int_equal(s->cause_count, 0);
    static const char *const none[] = { "-1: AMFDRError/3: x\n", "0 AMFDRError/3: x\n", "0: /3: x\n",
                                        "0: AMFDRError 3: x\n",  "0: AMFDRError/3 x\n", "x: AMFDRError/3: x\n" };
    for (size_t i = 0; i < RV_COUNT(none); i++) {
        char text[300];
        snprintf(text, sizeof text, "%s" FAILS("07:00:00.0000", "53", "0x063C", "verify_fdr_data", ""), none[i]);
        if (read_log(text)->cause_count != 0)
            fail_msg("'%s' was taken for a reason", none[i]);
    }
}

static void steps_beneath_the_whole_installation_name_what_failed(void **state)
{
    (void)state;
    const struct rv_log_story *s = read_log(FAILS(
        "07:00:00.0000", "53", "0x067B", "perform_restore_installing",
        "") "restore-step-codes = {0x1107063C:{0:53};0x1107130D:{0:1016}}\n"
            "restore-step-domains = {0x1107063C:{0:\"AMRestoreErrorDomain\"};0x1107130D:{0:\"RamrodErrorDomain\"}}\n");
    assert_int_equal(s->step, 0x063C);
    assert_string_equal(s->step_name, "verify_fdr_data");
    assert_true(s->inner_known);
    assert_int_equal(s->inner_step, 0x130D);
    assert_int_equal(s->inner_number, 1016);
    assert_string_equal(s->inner_domain, "RamrodErrorDomain");
    /* another number, another name, or no such step: the step stays */
    s = read_log(FAILS("07:00:00.0000", "53", "0x067B", "perform_restore_installing",
                       "") "restore-step-codes = {0x1107063C:{0:54}}\nrestore-step-domains = "
                           "{0x1107063C:{0:\"AMRestoreErrorDomain\"}}\n");
    assert_int_equal(s->step, 0x067B);
    assert_false(s->inner_known);
    s = read_log(FAILS("07:00:00.0000", "53", "0x0635", "update_device_firmware",
                       "") "restore-step-codes = {0x1107063C:{0:53}}\nrestore-step-domains = "
                           "{0x1107063C:{0:\"AMRestoreErrorDomain\"}}\n");
    assert_int_equal(s->step, 0x0635);
    /* before any failure they tell nothing, and what looks like steps is skipped */
    s = read_log("restore-step-codes = {0x1107063C:{0:53}}\nrestore-step-ids = {x}\n");
    assert_false(s->failed || s->inner_known);
    s = read_log(FAILS(
        "07:00:00.0000", "53", "0x0635", "u",
        "") "restore-step-codes = {0xZ:{0:1};0x1107130D{0:1};0x1107130D:{x:1};0x1107130D:{0:x};0x1107130E:{0:7}}\n"
            "restore-step-domains = {0x1107130D:{0:\"A\"};0x1107130E:{0:7};0x1107130E:{0:\"B\"}}\n");
    assert_string_equal(s->inner_domain, "B");
    assert_int_equal(s->inner_number, 7);
}

static void only_the_first_failure_that_was_not_survived_counts(void **state)
{
    (void)state;
    const struct rv_log_story *s = read_log(FAILS("07:00:00.0000", "53", "0x063C", "verify_fdr_data", "")
                                                FAILS("07:00:01.0000", "14", "0x0635", "update_device_firmware", ""));
    assert_int_equal(s->number, 53);
    s = read_log(FAILS("07:00:00.0000", "53", "0x063C", "verify_fdr_data", "")
                     BEGINS("07:00:01.0000", "0x067C", "cleanup_boot_command"));
    assert_true(s->failed); /* a step that cleans up proves nothing */
    s = read_log(FAILS("07:00:00.0000", "53", "0x063C", "verify_fdr_data", "")
                     BEGINS("07:00:01.0000", "0x7777", "unheard_of"));
    assert_false(s->failed);
    s = read_log("ERROR: x\n" BEGINS("07:00:01.0000", "0x0635", "update_device_firmware"));
    assert_false(s->failed);
}

static void tools_run_again_and_say_who_they_are(void **state)
{
    static const struct {
        const char *text, *tool;
        bool failed;
    } rows[] = {
        { "idevicerestore 1.0\nERROR: x\n", "idevicerestore", true },
        { "idevicerestore 1.0\nERROR: x\nidevicerestore 1.0\n", "idevicerestore", false },
        { "iTunes: x\nRestore error 9\n", "finder", true },
        { "iTunes: x\nRestore error 0\n", "finder", false },
        { "AMRestore x\nCHECKPOINT NOTICE x\n", "finder", false },
        { "CHECKPOINT NOTICE x\niTunes: x\n", "restored", false },
        { "CHECKPOINT NOTICE x\nidevicerestore 1.0\n", "idevicerestore", false },
        { "nothing of the kind\n", NULL, false },
    };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        const struct rv_log_story *s = read_log(rows[i].text);
        if (rows[i].tool == NULL)
            assert_null(s->tool);
        else
            assert_string_equal(s->tool, rows[i].tool);
        if (s->failed != rows[i].failed)
            fail_msg("row %zu", i);
    }
}

static void the_words_of_a_failure_lie_deepest_where_they_were_said_first(void **state)
{
    char text[2000] = "idevicerestore 1.0\n";
    (void)state;
    for (int i = 0; i < 10; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "ERROR: said %d\n", i);
    const struct rv_log_story *s = read_log(text);
    assert_int_equal(s->cause_count, RV_LOG_CAUSES);
    assert_string_equal(s->causes[7], "said 0");
    assert_string_equal(s->causes[0], "said 7");
    s = read_log("x error cli: UNFINISHED: outer\nx error cli: GONE: inner\nx error cli: without code\n");
    assert_int_equal(s->cause_count, 2);
    assert_string_equal(s->causes[0], "outer");
    assert_string_equal(s->causes[1], "inner");
    assert_true(s->failed);
    s = read_log("Status: Disk Failure\n");
    assert_int_equal(s->number, 6);
    s = read_log("Status: Disk Failure?\n");
    assert_false(s->failed);
    s = read_log("a plain line about corrupt things\n");
    assert_false(s->failed);
}

static void a_line_of_any_length_and_with_any_byte_is_one_line(void **state)
{
    char big[RV_LOG_LINE + 100];
    (void)state;
    memset(big, 'x', sizeof big);
    memcpy(big + RV_LOG_LINE - 20, "ERROR: cut", 10);
    rv_log_reader_init(&reader);
    rv_log_reader_add(&reader, rv_span(big, sizeof big));
    const struct rv_log_story *s = rv_log_reader_end(&reader);
    assert_int_equal(s->lines, 1);
    assert_true(s->failed);
    assert_string_equal(s->causes[0], "cutxxxxxxxxx"); /* what follows the room for a line is left */
    rv_log_reader_init(&reader);
    rv_log_reader_add(&reader, rv_span("ERROR: a\0b  \r\n", 14));
    s = rv_log_reader_end(&reader);
    assert_string_equal(s->causes[0], "a b");
}

/* ---- numbers in words ---- */

static void check_number(const char *words, bool known, int64_t number, const char *domain)
{
    struct rv_explained e;
    bool found = rv_explain_words(words, &e);
    if (found != known || (known && (!e.number_known || e.number != number)))
        fail_msg("'%s': %s, %lld", words, found ? "found" : "not found", (long long)e.number);
    if (known && domain != NULL && (e.domain == NULL || strcmp(e.domain, domain) != 0))
        fail_msg("'%s' is of %s", words, e.domain != NULL ? e.domain : "no domain");
}

static void a_number_is_told_from_its_surroundings(void **state)
{
    (void)state;
    check_number("77", true, 77, NULL);
    check_number("-77", true, -77, NULL);
    check_number("iPhone 8 error 77", true, 77, NULL);
    check_number("error 77 of iPhone 8", true, 77, NULL);
    check_number("8 (77)", true, 77, NULL);
    check_number("(77) error 78", true, 78, NULL);
    check_number("code=77, number 78", true, 77, NULL);
    check_number("errno: 77", true, 77, NULL);
    check_number("ErrorCode 77 at 9", true, 77, NULL);
    check_number("terror 77 (78)", true, 78, NULL);
    check_number("a77 77b _77", false, 0, NULL);
    check_number("x-77", true, 77, NULL);
    check_number("77x", false, 0, NULL);
    check_number("0x4D", true, 77, NULL);
    check_number("0X4d", true, 77, NULL);
    check_number("error 5, 0xE80000BA", true, 0xE80000BA, NULL);
    check_number("error 5, e80000ba", true, 0xE80000BA, NULL);
    check_number("error 5, e80000b", true, 5, NULL);
    check_number("error 5, e80000baa", true, 5, NULL);
    check_number("xe80000ba 5", true, 5, NULL);
    check_number("12345678901234567", true, 12345678901234567, NULL);
    check_number("9223372036854775808", false, 0, NULL);
    check_number("0x", false, 0, NULL);
    check_number("RamrodErrorDomain 77 of 5", true, 77, "ramrod");
    check_number("5 RamrodErrorDomain: 77", true, 77, "ramrod");
    check_number("afc77 4444", true, 4444, NULL);
    check_number("status 50", true, 3150, "amrestore");
    check_number("STATUS=3100", true, 3100, NULL);
    check_number("status 3099", true, 6199, "amrestore");
    check_number("status -77", true, -77, NULL);
}

static void signing_numbers_have_their_status_within(void **state)
{
    static const struct {
        const char *words;
        int64_t status;
    } rows[] = { { "3150", 50 },        { "3999", 899 }, { "3099", -1 }, { "AMRestore 3151", 51 },
                 { "ramrod 3151", -1 }, { "4000", -1 },  { "-3150", -1 } };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        struct rv_explained e;
        assert_true(rv_explain_words(rows[i].words, &e));
        if (e.signing_status != rows[i].status)
            fail_msg("%s: %lld", rows[i].words, (long long)e.signing_status);
    }
}

static void names_need_a_shape(void **state)
{
    struct rv_explained e;
    (void)state;
    assert_true(rv_explain_words("it said activation-lock, I think", &e));
    assert_string_equal(e.facts[0]->key, "activation-lock");
    assert_int_equal(e.count, 1);
    assert_false(e.number_known);
    assert_true(rv_explain_words("kAMDMuxError 4013", &e)); /* a name goes before a number */
    assert_false(e.number_known);
    assert_false(rv_explain_words("activationlock", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_log_tells_nothing),
        cmocka_unit_test(a_checkpoint_has_a_form),
        cmocka_unit_test(the_time_in_a_step_goes_over_midnight),
        cmocka_unit_test(causes_are_parted_by_their_own_brackets),
        cmocka_unit_test(a_numbered_list_of_reasons_belongs_to_the_next_failure),
        cmocka_unit_test(steps_beneath_the_whole_installation_name_what_failed),
        cmocka_unit_test(only_the_first_failure_that_was_not_survived_counts),
        cmocka_unit_test(tools_run_again_and_say_who_they_are),
        cmocka_unit_test(the_words_of_a_failure_lie_deepest_where_they_were_said_first),
        cmocka_unit_test(a_line_of_any_length_and_with_any_byte_is_one_line),
        cmocka_unit_test(a_number_is_told_from_its_surroundings),
        cmocka_unit_test(signing_numbers_have_their_status_within),
        cmocka_unit_test(names_need_a_shape),
    };
    return cmocka_run_group_tests_name("care/log_edges", tests, NULL, NULL);
}
