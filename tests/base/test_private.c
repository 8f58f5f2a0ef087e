/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/file.h"
#include "base/private.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A program of its own that makes a folder and tells its name; then it waits to be killed. */
static pid_t start_other(char name[RV_PRIVATE_PATH])
{
    int tell[2];
    assert_int_equal(pipe(tell), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rv_private folder = { .path = "" };
        struct rv_error err = { 0 };
        if (!rv_private_make(&folder, &err) || write(tell[1], folder.path, RV_PRIVATE_PATH) != RV_PRIVATE_PATH)
            _exit(1);
        for (;;)
            pause();
    }
    close(tell[1]);
    assert_int_equal(read(tell[0], name, RV_PRIVATE_PATH), RV_PRIVATE_PATH);
    close(tell[0]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void put_copy(const char *folder)
{
    char path[RV_PRIVATE_PATH + 16];
    struct rv_error err = { 0 };
    snprintf(path, sizeof path, "%s/deeper", folder);
    assert_works(rv_dir_make(path, &err), &err);
    snprintf(path, sizeof path, "%s/deeper/plain", folder);
    assert_works(rv_file_write_atomic(path, RV_SPAN_TEXT("secret"), 0600, &err), &err);
}

/* One test: a program sweeps once. */
static void what_a_killed_program_left_is_swept_and_what_another_uses_is_not(void **state)
{
    char left[RV_PRIVATE_PATH], used[RV_PRIVATE_PATH], stranger[RV_PRIVATE_PATH];
    struct rv_private own = { .path = "" };
    struct rv_error err = { 0 };
    struct stat st;
    assert_int_equal(setenv("TMPDIR", *state, 1), 0);
    pid_t killed = start_other(left), living = start_other(used);
    put_copy(left);
    put_copy(used);
    snprintf(stranger, sizeof stranger, "%s/revive-public-1", (const char *)*state);
    assert_works(rv_dir_make(stranger, &err), &err);
    end(killed);
    assert_true(rv_file_exists(left));

    assert_works(rv_private_make(&own, &err), &err);
    assert_int_equal(stat(own.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_false(rv_file_exists(left));
    assert_true(rv_file_exists(used));
    assert_true(rv_file_exists(stranger));

    char path[RV_PRIVATE_PATH];
    snprintf(path, sizeof path, "%s", own.path);
    put_copy(own.path);
    rv_private_remove(&own);
    rv_private_remove(&own); /* none: nothing */
    assert_false(rv_file_exists(path));
    end(living);
}

static void a_place_that_cannot_be_written_is_an_error(void **state)
{
    struct rv_private folder = { .path = "" };
    struct rv_error err = { 0 };
    (void)state;
    assert_int_equal(setenv("TMPDIR", "/proc/nowhere", 1), 0);
    assert_false(rv_private_make(&folder, &err));
    assert_string_equal(folder.path, "");
    rv_private_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_killed_program_left_is_swept_and_what_another_uses_is_not, scratch_make,
                                        scratch_remove),
        cmocka_unit_test(a_place_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests_name("base/private", tests, NULL, NULL);
}
