/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of the factory, read by libzip with its consistency check on. */
#include "sim/zip_write.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include <cmocka.h>

static char folder[] = "/tmp/revive-test.XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a.zip", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void check_entry(zip_t *zip, const char *name, struct rv_span want, unsigned method)
{
    struct rv_error err = { 0 };
    zip_stat_t st;
    assert_int_equal(zip_stat(zip, name, 0, &st), 0);
    assert_int_equal(st.size, want.len);
    assert_int_equal(st.comp_method, method);
    RV_AUTO(rv_blob) got = rv_blob_new(want.len + 1, &err);
    zip_file_t *file = zip_fopen(zip, name, 0);
    assert_non_null(file);
    assert_int_equal(zip_fread(file, got->data, got->len), want.len);
    assert_true(rv_span_equal(rv_span(got->data, want.len), want));
    zip_fclose(file);
}

static void small_and_huge_entries_are_read_back(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) text = rv_blob_new(700000, &err);
    memset(text->data, 'x', text->len);
    RV_AUTO(sim_zip) zip = sim_zip_new(path, &err);
    assert_true(sim_zip_add(zip, "a", RV_SPAN_TEXT("short"), false, &err));
    assert_true(sim_zip_begin(zip, "huge", false, true, &err)); /* with 64-bit sizes in its header */
    for (int i = 0; i < 3; i++)
        assert_true(sim_zip_data(zip, RV_SPAN_TEXT("piece "), &err));
    assert_true(sim_zip_end(zip, &err));
    assert_true(sim_zip_add(zip, "folder/packed", rv_blob_span(text), true, &err));
    assert_true(sim_zip_begin(zip, "huge packed", true, true, &err));
    assert_true(sim_zip_data(zip, rv_blob_span(text), &err));
    assert_true(sim_zip_end(zip, &err));
    assert_true(sim_zip_add(zip, "empty", rv_span("", 0), true, &err));
    assert_true(sim_zip_finish(zip, &err));
    zip_t *read = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, NULL);
    assert_non_null(read);
    assert_int_equal(zip_get_num_entries(read, 0), 5);
    check_entry(read, "a", RV_SPAN_TEXT("short"), ZIP_CM_STORE);
    check_entry(read, "huge", RV_SPAN_TEXT("piece piece piece "), ZIP_CM_STORE);
    check_entry(read, "folder/packed", rv_blob_span(text), ZIP_CM_DEFLATE);
    check_entry(read, "huge packed", rv_blob_span(text), ZIP_CM_DEFLATE);
    zip_discard(read);
}

static void nothing_appears_before_the_end(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    unlink(path);
    RV_AUTO(sim_zip) zip = sim_zip_new(path, &err);
    assert_true(sim_zip_begin(zip, "half", true, false, &err));
    assert_true(sim_zip_data(zip, RV_SPAN_TEXT("half of it"), &err));
    sim_zip_free(rv_steal(&zip));
    assert_false(rv_file_exists(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_and_huge_entries_are_read_back),
        cmocka_unit_test(nothing_appears_before_the_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
