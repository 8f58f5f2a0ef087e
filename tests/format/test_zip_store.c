/* SPDX-License-Identifier: Apache-2.0 */
/* The small archive is one that others' readers agree with; that unzip reads it the report's own test shows. */
#include "support/rv_test.h"

#include "base/mem.h"
#include "format/zip_store.h"

static void end_of(struct rv_zip_store *zip)
{
    struct rv_error err = { 0 };
    assert_works(rv_zip_store_end(zip, &err), &err);
}

static void an_archive_has_its_entries_and_its_end(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_zip_store zip = { .bytes = RV_BUF(4096) };
    rv_zip_store_stamp(&zip, 2026, 11, 21, 19, 50);
    assert_works(rv_zip_store_add(&zip, "report.txt", rv_span((const uint8_t *)"hello", 5), &err), &err);
    assert_works(rv_zip_store_add(&zip, "logs/empty.log", rv_span(NULL, 0), &err), &err);
    size_t directory = zip.bytes.len;
    end_of(&zip);
    const uint8_t *b = zip.bytes.data;
    assert_memory_equal(b, "PK\3\4", 4);
    assert_memory_equal(b + 14, "\x86\xa6\x10\x36", 4); /* CRC-32 of "hello" is 3610A686 */
    assert_memory_equal(b + 30, "report.txthello", 15);
    assert_memory_equal(b + directory, "PK\1\2", 4);
    assert_memory_equal(b + zip.bytes.len - 22, "PK\5\6", 4);
    assert_int_equal(b[zip.bytes.len - 14], 2);
    /* 2026-11-21 and 19:50 as DOS writes them. */
    assert_int_equal(b[10] | b[11] << 8, 19 << 11 | 50 << 5);
    assert_int_equal(b[12] | b[13] << 8, (2026 - 1980) << 9 | 11 << 5 | 21);
    rv_buf_clear(&zip.bytes);
}

static void too_many_too_long_and_too_much_are_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_zip_store *zip = calloc(1, sizeof *zip);
    assert_non_null(zip);
    zip->bytes = (struct rv_buf)RV_BUF(1 << 20);
    for (size_t i = 0; i < RV_ZIP_STORE_ENTRIES; i++)
        assert_works(rv_zip_store_add(zip, "a", rv_span(NULL, 0), &err), &err);
    assert_fails(rv_zip_store_add(zip, "a", rv_span(NULL, 0), &err), &err, RV_E_LIMIT);
    rv_buf_clear(&zip->bytes);
    memset(zip, 0, sizeof *zip);
    zip->bytes = (struct rv_buf)RV_BUF(64);
    char name[RV_ZIP_STORE_NAME + 1];
    memset(name, 'n', sizeof name);
    name[RV_ZIP_STORE_NAME] = '\0';
    err = (struct rv_error){ 0 };
    assert_fails(rv_zip_store_add(zip, name, rv_span(NULL, 0), &err), &err, RV_E_LIMIT);
    err = (struct rv_error){ 0 };
    assert_fails(rv_zip_store_add(zip, "a", rv_span((const uint8_t *)name, 100), &err), &err, RV_E_LIMIT);
    rv_buf_clear(&zip->bytes);
    free(zip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_archive_has_its_entries_and_its_end),
        cmocka_unit_test(too_many_too_long_and_too_much_are_refused),
    };
    return cmocka_run_group_tests_name("format/zip_store", tests, NULL, NULL);
}
