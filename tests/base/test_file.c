/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *in(void **state, const char *leaf)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", (const char *)*state, leaf);
    return path;
}

static unsigned entries(const char *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count - 2;
}

static bool holds(const char *path, const char *text)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) blob = rv_file_read(path, 1000, &err);
    return blob != NULL && rv_span_equal(rv_blob_span(blob), rv_span(text, strlen(text)));
}

static void a_file_appears_whole_with_its_rights(void **state)
{
    struct rv_error err = { 0 };
    struct stat st;
    const char *path = in(state, "whole");
    assert_works(rv_file_write_atomic(path, RV_SPAN_TEXT("first"), 0600, &err), &err);
    assert_works(rv_file_write_atomic(path, RV_SPAN_TEXT("second"), 0640, &err), &err);
    assert_true(holds(path, "second"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    unlink(path);
}

static void an_uncommitted_file_leaves_nothing_and_the_old_one_untouched(void **state)
{
    struct rv_error err = { 0 };
    const char *path = in(state, "kept");
    assert_works(rv_file_write_atomic(path, RV_SPAN_TEXT("old"), 0600, &err), &err);
    {
        RV_AUTO(rv_atomic_file) file = rv_atomic_file_new(path, 0600, &err);
        assert_non_null(file);
        assert_true(rv_atomic_file_write(file, RV_SPAN_TEXT("half of the ne"), &err));
        assert_true(rv_atomic_file_fd(file) >= 0);
        assert_true(holds(path, "old"));
    }
    assert_true(holds(path, "old"));
    assert_int_equal(entries(*state), 1);
    unlink(path);
}

/* The kernel cuts every file of this process at 4096 bytes: like a disk that fills while we write. */
static void a_disk_that_fills_leaves_the_old_file_and_no_half_one(void **state)
{
    struct rv_error err = { 0 };
    struct rlimit before, small = { 4096, RLIM_INFINITY };
    const char *path = in(state, "full");
    char big[8192];
    memset(big, 'b', sizeof big);
    assert_works(rv_file_write_atomic(path, RV_SPAN_TEXT("old"), 0600, &err), &err);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &small);
    bool written = rv_file_write_atomic(path, rv_span(big, sizeof big), 0600, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_false(written);
    assert_true(err.code == RV_E_IO || err.code == RV_E_NOSPACE);
    assert_non_null(strstr(err.text[err.depth - 1], path));
    assert_true(holds(path, "old"));
    assert_int_equal(entries(*state), 1);
    unlink(path);
}

static void a_full_device_is_named_as_a_full_disk(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_FD fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    assert_fails(rv_fd_write_all(fd, RV_SPAN_TEXT("x"), &err), &err, RV_E_NOSPACE);
}

static void a_folder_that_is_not_there_is_said_with_the_path(void **state)
{
    struct rv_error err = { 0 };
    const char *path = in(state, "no/such/file");
    assert_false(rv_file_write_atomic(path, RV_SPAN_TEXT("x"), 0600, &err));
    assert_non_null(strstr(err.text[0], path));
    assert_fails(rv_file_read(path, 10, &err) != NULL, &err, RV_E_NOT_FOUND);
    assert_false(rv_file_exists(path));
}

static void out_of_memory_while_writing_leaves_nothing(void **state)
{
    struct rv_error err = { 0 };
    const char *path = in(state, "nomem");
    unsigned long nth = 1;
    bool written = false;
    for (; nth < 50 && !written; nth++) {
        rv_alloc_fail_at(nth);
        written = rv_file_write_atomic(path, RV_SPAN_TEXT("x"), 0600, &err);
        rv_alloc_fail_at(0);
        if (!written)
            assert_string_equal(rv_code_name(err.code), "NO_MEMORY");
        unlink(path);
        assert_int_equal(entries(*state), 0);
    }
    assert_true(written && nth > 3);
}

static void a_read_keeps_to_its_cap_and_to_files(void **state)
{
    struct rv_error err = { 0 };
    const char *path = in(state, "ten");
    assert_works(rv_file_write_atomic(path, RV_SPAN_TEXT("0123456789"), 0600, &err), &err);
    RV_AUTO(rv_blob) fits = rv_file_read(path, 10, &err);
    assert_non_null(fits);
    assert_fails(rv_file_read(path, 9, &err) != NULL, &err, RV_E_LIMIT);
    assert_fails(rv_file_read(*state, 9, &err) != NULL, &err, RV_E_IO);
    RV_AUTO_FD fd = open(path, O_RDONLY);
    char two[2];
    assert_works(rv_fd_read_at(fd, two, 2, 8, &err), &err);
    assert_memory_equal(two, "89", 2);
    assert_fails(rv_fd_read_at(fd, two, 2, 9, &err), &err, RV_E_CORRUPT);
    unlink(path);
}

static void folders_are_made_all_the_way_and_only_for_us(void **state)
{
    struct rv_error err = { 0 };
    struct stat st;
    char path[1024];
    snprintf(path, sizeof path, "%s/a/b/c", (const char *)*state);
    assert_works(rv_dir_make(path, &err), &err);
    assert_works(rv_dir_make(path, &err), &err);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_works(rv_file_write_atomic(in(state, "a/file"), RV_SPAN_TEXT("x"), 0600, &err), &err);
    assert_false(rv_dir_make(in(state, "a/file/below"), &err));
}

static void a_lock_is_held_by_one_and_comes_free_with_its_end(void **state)
{
    int first = -1, second = -1;
    struct rv_error err = { 0 };
    RV_AUTO_TEXT path = rv_path_join(*state, "one.lock", &err);
    assert_works(rv_file_lock(path, &first, &err), &err);
    assert_fails(rv_file_lock(path, &second, &err), &err, RV_E_BUSY);
    assert_int_equal(second, -1);
    assert_non_null(strstr(err.text[0], path));
    close(first);
    err = (struct rv_error){ 0 };
    assert_works(rv_file_lock(path, &second, &err), &err);
    close(second);
    RV_AUTO_TEXT nowhere = rv_path_join(*state, "no such folder/one.lock", &err);
    assert_fails(rv_file_lock(nowhere, &first, &err), &err, RV_E_IO);
}

static void paths_are_joined_with_one_slash(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_TEXT plain = rv_path_join("/a", "b", &err);
    RV_AUTO_TEXT slash = rv_path_join("/a/", "b", &err);
    assert_string_equal(plain, "/a/b");
    assert_string_equal(slash, "/a/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_appears_whole_with_its_rights, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(an_uncommitted_file_leaves_nothing_and_the_old_one_untouched, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_disk_that_fills_leaves_the_old_file_and_no_half_one, scratch_make,
                                        scratch_remove),
        cmocka_unit_test(a_full_device_is_named_as_a_full_disk),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_said_with_the_path, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(out_of_memory_while_writing_leaves_nothing, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_read_keeps_to_its_cap_and_to_files, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(folders_are_made_all_the_way_and_only_for_us, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_lock_is_held_by_one_and_comes_free_with_its_end, scratch_make,
                                        scratch_remove),
        cmocka_unit_test(paths_are_joined_with_one_slash),
    };
    return cmocka_run_group_tests_name("base/file", tests, NULL, NULL);
}
