/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/file.h"
#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

static char *recent(struct rv_log *log)
{
    static char text[100000];
    rv_log_recent(log, text, sizeof text);
    return text;
}

static void a_registered_identifier_is_masked_in_ring_and_file(void **state)
{
    struct rv_error err = { 0 };
    char path[1024], words[2000];
    snprintf(path, sizeof path, "%s/a.log", (const char *)*state);
    struct rv_log *log = rv_log_new(path, false, &err);
    assert_non_null(log);
    rv_log_mask(log, "F17ABCDEFG");
    rv_log(log, RV_LOG_INFO, "test", "serial F17ABCDEFG and again f17abcdefg");
    assert_null(strstr(recent(log), "ABCDEFG"));
    assert_null(strcasestr(recent(log), "17abcdefg"));
    assert_non_null(strstr(recent(log), "F1********"));
    rv_log_free(log);
    RV_AUTO(rv_blob) blob = rv_file_read(path, sizeof words - 1, &err);
    assert_non_null(blob);
    memcpy(words, blob->data, blob->len);
    words[blob->len] = '\0';
    assert_non_null(strstr(words, "info test: serial F1********"));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void identifiers_stay_when_the_person_wants_them(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_log *log = rv_log_new(NULL, true, &err);
    rv_log_mask(log, "F17ABCDEFG");
    rv_log(log, RV_LOG_INFO, "test", "serial F17ABCDEFG");
    assert_non_null(strstr(recent(log), "F17ABCDEFG"));
    assert_null(rv_log_path(log));
    rv_log_free(log);
}

static void a_line_break_in_a_message_makes_no_new_line(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_log *log = rv_log_new(NULL, false, &err);
    rv_log(log, RV_LOG_ERROR, "test", "one\ntwo\033[31m");
    assert_non_null(strstr(recent(log), "one two [31m\n"));
    rv_log_free(log);
}

static void the_ring_keeps_the_newest_lines(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_log *log = rv_log_new(NULL, false, &err);
    for (int i = 0; i < 2000; i++)
        rv_log(log, RV_LOG_DEBUG, "test", "line %d.", i);
    assert_non_null(strstr(recent(log), "line 1999."));
    assert_null(strstr(recent(log), "line 0."));
    char small[200];
    rv_log_recent(log, small, sizeof small);
    assert_non_null(strstr(small, "line 1999."));
    assert_true(strlen(small) < sizeof small);
    rv_log_free(log);
}

static void a_log_that_cannot_be_opened_says_which(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    assert_fails(rv_log_new("/nonexistent/folder/x.log", false, &err) != NULL, &err, RV_E_IO);
    assert_non_null(strstr(err.text[0], "/nonexistent/folder/x.log"));
}

static void no_log_is_no_trouble(void **state)
{
    (void)state;
    char out[10] = "x";
    rv_log(NULL, RV_LOG_INFO, "test", "nothing");
    rv_log_mask(NULL, "F17ABCDEFG");
    rv_log_recent(NULL, out, sizeof out);
    rv_log_echo(NULL, 2, RV_LOG_DEBUG);
    assert_string_equal(out, "");
    assert_null(rv_log_path(NULL));
    rv_log_free(NULL);
}

static void echoed_lines_stop_at_their_level(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    int ends[2];
    char got[1000];
    assert_int_equal(pipe(ends), 0);
    struct rv_log *log = rv_log_new(NULL, false, &err);
    rv_log_echo(log, ends[1], RV_LOG_INFO);
    rv_log(log, RV_LOG_DEBUG, "test", "deep");
    rv_log(log, RV_LOG_INFO, "test", "shallow");
    close(ends[1]);
    ssize_t n = read(ends[0], got, sizeof got - 1);
    close(ends[0]);
    assert_true(n > 0);
    got[n] = '\0';
    assert_null(strstr(got, "deep"));
    assert_non_null(strstr(got, "shallow"));
    rv_log_echo(log, -1, RV_LOG_INFO);
    rv_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_registered_identifier_is_masked_in_ring_and_file, scratch_make,
                                        scratch_remove),
        cmocka_unit_test(identifiers_stay_when_the_person_wants_them),
        cmocka_unit_test(a_line_break_in_a_message_makes_no_new_line),
        cmocka_unit_test(the_ring_keeps_the_newest_lines),
        cmocka_unit_test(a_log_that_cannot_be_opened_says_which),
        cmocka_unit_test(no_log_is_no_trouble),
        cmocka_unit_test(echoed_lines_stop_at_their_level),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
