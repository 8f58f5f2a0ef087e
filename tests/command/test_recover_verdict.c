/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict on a database: each sentence stands on a number, and is said exactly where the number says so. */
#include "support/rv_test.h"

#include "base/mem.h"
#include "command/recover_verdict.h"

#define NEWER      "What newer rows were written over."
#define GAPS       "Rows deleted one by one: "
#define TRASH      "\"Recently Deleted\" of the app: rows there are still live in the database, for 30 to 40 days."
#define OLDER      "Older backups of the device: what was deleted since is whole in them."
#define NO_WAL     "The -wal file of this database, from a full copy of the device's files: most backups leave it out."
#define NO_LOGS    "Older versions of rows, as far as they were written over: no -wal or -journal lies beside the file."
#define NOT_A_BYTE "No byte of a deleted row is left in this file: every free byte is zero, and no log lies beside it."
#define WIPED                                                                                                          \
    "Deleted rows inside pages were wiped when they were deleted (iOS 12 and later do so). What can still be found: "  \
    "whole freed pages, older page images in a -wal or -journal file, older backups."
#define NOTHING "Nothing is left to recover inside this file. Look into older backups of the device."
#define FOUND   "Freed bytes were not wiped: deleted rows are found as far as newer ones did not overwrite them."

static void check_list(const json_t *verdict, const char *key, const char *const *wanted)
{
    const json_t *list = json_object_get(verdict, key);
    size_t n = 0;
    for (; wanted[n] != NULL; n++) {
        const char *is = json_string_value(json_array_get(list, n));
        if (is == NULL || strcmp(is, wanted[n]) != 0)
            fail_msg("%s %zu: \"%s\", not \"%s\"", key, n, is != NULL ? is : "nothing", wanted[n]);
    }
    if (json_array_size(list) != n)
        fail_msg("%s: more is said: %s", key, json_string_value(json_array_get(list, n)));
}

struct row {
    struct rv_sq_verdict verdict;
    const char *can[8], *cannot[8], *elsewhere[4], *words;
};

static const struct row rows[] = {
    { .verdict = { .freeblocks = 0 },
      .cannot = { NOT_A_BYTE, NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = NOTHING },
    { .verdict = { .residue_bytes = 1 },
      .cannot = { NO_LOGS, NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = FOUND },
    /* inside pages: nine in ten of at least five are zero */
    { .verdict = { .freeblocks = 4, .freeblocks_zeroed = 4, .residue_bytes = 9 },
      .cannot = { "4 of 4 deleted places inside pages hold nothing but zeroes.", NO_LOGS, NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = FOUND },
    { .verdict = { .freeblocks = 5, .freeblocks_zeroed = 5, .residue_bytes = 9 },
      .cannot = { GAPS "5 of 5 deleted places were overwritten with zeroes at once. Apple's systems do so from iOS "
                       "12 on (SQLite's secure_delete).",
                  NO_LOGS, NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = WIPED },
    { .verdict = { .freeblocks = 10, .freeblocks_zeroed = 9, .residue_bytes = 9 },
      .cannot = { GAPS "9 of 10 deleted places were overwritten with zeroes at once. Apple's systems do so from iOS "
                       "12 on (SQLite's secure_delete).",
                  NO_LOGS, NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = WIPED },
    { .verdict = { .freeblocks = 10, .freeblocks_zeroed = 8, .residue_bytes = 9 },
      .can = { GAPS "2 of 10 deleted places inside pages still hold bytes." },
      .cannot = { "8 of 10 deleted places inside pages hold nothing but zeroes.", NO_LOGS, NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = FOUND },
    { .verdict = { .freeblocks = 10, .freeblocks_zeroed = 1, .residue_bytes = 9 },
      .can = { GAPS "9 of 10 deleted places inside pages still hold bytes." },
      .cannot = { "1 of 10 deleted places inside pages hold nothing but zeroes.", NO_LOGS, NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = FOUND },
    { .verdict = { .freeblocks = 11, .freeblocks_zeroed = 1, .residue_bytes = 9 },
      .can = { GAPS "10 of 11 deleted places inside pages still hold bytes." },
      .cannot = { NO_LOGS, NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = FOUND },
    /* whole pages */
    { .verdict = { .free_pages = 3,
                   .lost_pages = 1,
                   .free_pages_zeroed = 1,
                   .residue_bytes = 9,
                   .overflow_pages_free = 2 },
      .can = { "What was deleted in one go (a long conversation, a dropped table): 3 of 4 free pages still hold "
               "bytes.",
               "Ends of long texts and pictures: 2 free pages carry no page header." },
      .cannot = { "1 free pages were wiped.", NO_LOGS, NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = FOUND },
    { .verdict = { .free_pages = 3, .free_pages_zeroed = 3, .auto_vacuum = true },
      .cannot = { "3 free pages were wiped.", NOT_A_BYTE,
                  "Pages that auto_vacuum cut off the end of the file: only older copies of the file have them.",
                  NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = NOTHING },
    /* logs beside it */
    { .verdict = { .wal = true, .commit_count = 0 },
      .can = { "Older versions of rows: the -wal beside the file holds 0 earlier states." },
      .cannot = { NEWER },
      .elsewhere = { TRASH, OLDER },
      .words = FOUND },
    { .verdict = { .wal = true, .commit_count = 1 },
      .can = { "Older versions of rows: the -wal beside the file holds 0 earlier states." },
      .cannot = { NEWER },
      .elsewhere = { TRASH, OLDER },
      .words = FOUND },
    { .verdict = { .wal = true, .commit_count = 2 },
      .can = { "Older versions of rows: the -wal beside the file holds 1 earlier state." },
      .cannot = { NEWER },
      .elsewhere = { TRASH, OLDER },
      .words = FOUND },
    { .verdict = { .wal = true, .commit_count = 3, .residue_bytes = 4 },
      .can = { "Older versions of rows: the -wal beside the file holds 2 earlier states." },
      .cannot = { NEWER },
      .elsewhere = { TRASH, OLDER },
      .words = FOUND },
    { .verdict = { .journal = true, .tables_dropped = 2, .residue_bytes = 4 },
      .can = { "The state before the last transaction: it is in the -journal beside the file.",
               "Rows of 2 tables that were dropped: their descriptions were found." },
      .cannot = { NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = FOUND },
    { .verdict = { .journal = true },
      .can = { "The state before the last transaction: it is in the -journal beside the file." },
      .cannot = { NEWER },
      .elsewhere = { TRASH, OLDER, NO_WAL },
      .words = FOUND },
};

static void each_sentence_stands_on_a_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        json_t *j = rv_recover_verdict_json(&rows[i].verdict);
        check_list(j, "can_be_inside", rows[i].can);
        check_list(j, "cannot_be_inside", rows[i].cannot);
        check_list(j, "look_elsewhere", rows[i].elsewhere);
        assert_string_equal(json_string_value(json_object_get(j, "words")), rows[i].words);
        json_decref(j);
    }
}

static void check_json(const json_t *whole, const char *key, const char *wanted)
{
    char *is = json_dumps(json_object_get(whole, key), JSON_COMPACT | JSON_ENCODE_ANY);
    if (is == NULL || strcmp(is, wanted) != 0)
        fail_msg("%s: %s, not %s", key, is != NULL ? is : "nothing", wanted);
    free(is);
}

static void every_number_is_told_under_its_name(void **state)
{
    static const char *const wanted[][2] = {
        { "damaged", "true" },
        { "wal", "true" },
        { "journal", "false" },
        { "auto_vacuum", "true" },
        { "last_writer", "3028" },
        { "page_size", "4096" },
        { "pages", "77" },
        { "free_pages", "5" },
        { "lost_pages", "6" },
        { "freeblocks", "7" },
        { "freeblocks_wiped", "1" },
        { "free_pages_wiped", "2" },
        { "residue_bytes", "8000" },
        { "live_rows", "100" },
        { "deleted_rows", "20" },
        { "partial_rows", "3" },
        { "missing_rowids", "11" },
        { "copies_of_live_rows", "9" },
        { "uncommitted_images", "4" },
        { "commit_count", "5" },
        { "sources", "{\"gap\":12,\"wal\":8}" },
        { "tables", "[{\"table\":\"message\",\"live_rows\":90,\"highest_rowid\":100,\"missing_rowids\":10,"
                    "\"counted_by_sqlite\":true},{\"table\":\"chat\",\"live_rows\":4,\"highest_rowid\":5,"
                    "\"missing_rowids\":1,\"counted_by_sqlite\":false}]" },
        { "commits", "[{\"commit\":1,\"from\":\"log, before its last restart\",\"generation\":1,\"pages\":3},"
                     "{\"commit\":2,\"from\":\"database file\"},{\"commit\":3,\"from\":\"log\",\"generation\":2,"
                     "\"pages\":1},{\"commit\":4,\"from\":\"journal\"},{\"commit\":5,\"from\":\"now\"}]" },
    };
    struct rv_sq_verdict v = { .damaged = true,
                               .wal = true,
                               .auto_vacuum = true,
                               .writer = 3028,
                               .page_size = 4096,
                               .page_count = 77,
                               .free_pages = 5,
                               .lost_pages = 6,
                               .freeblocks = 7,
                               .freeblocks_zeroed = 1,
                               .free_pages_zeroed = 2,
                               .residue_bytes = 8000,
                               .live_rows = 100,
                               .deleted_rows = 20,
                               .partial_rows = 3,
                               .missing_rowids = 11,
                               .struck = 9,
                               .uncommitted_frames = 4,
                               .commit_count = 5,
                               .missing_count = 2 };
    (void)state;
    v.by_origin[RV_SQ_FROM_GAP] = 12;
    v.by_origin[RV_SQ_FROM_WAL] = 8;
    v.missing[0] =
        (struct rv_sq_missing){ .table = "message", .live = 90, .highest = 100, .missing = 10, .sequence = true };
    v.missing[1] = (struct rv_sq_missing){ .table = "chat", .live = 4, .highest = 5, .missing = 1 };
    v.commits[0] = (struct rv_sq_commit){ RV_SQ_COMMIT_STALE, 1, 3 };
    v.commits[1] = (struct rv_sq_commit){ RV_SQ_COMMIT_FILE, 1, 0 };
    v.commits[2] = (struct rv_sq_commit){ RV_SQ_COMMIT_CURRENT, 2, 1 };
    v.commits[3] = (struct rv_sq_commit){ RV_SQ_COMMIT_BEFORE, 0, 0 };
    v.commits[4] = (struct rv_sq_commit){ RV_SQ_COMMIT_NOW, 0, 0 };
    json_t *j = rv_recover_verdict_json(&v);
    for (size_t i = 0; i < RV_COUNT(wanted); i++)
        check_json(j, wanted[i][0], wanted[i][1]);
    assert_int_equal(json_object_size(j), RV_COUNT(wanted) + 4); /* and the four that are in words */
    json_decref(j);
}

static void of_many_states_the_last_are_shown_with_their_numbers(void **state)
{
    struct rv_sq_verdict v = { .wal = true, .commit_count = RV_SQ_COMMITS_SHOWN + 10 };
    (void)state;
    v.missing[0] = (struct rv_sq_missing){ .table = "cut \xC3", .live = 1, .highest = 2, .missing = 1 };
    v.missing_count = 1;
    json_t *j = rv_recover_verdict_json(&v), *list = json_object_get(j, "commits");
    assert_int_equal(json_array_size(list), RV_SQ_COMMITS_SHOWN);
    for (unsigned i = 0; i < RV_SQ_COMMITS_SHOWN; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(list, i), "commit")), 11 + i);
    check_json(
        j, "tables",
        "[{\"table\":null,\"live_rows\":1,\"highest_rowid\":2,\"missing_rowids\":1,\"counted_by_sqlite\":false}]");
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sentence_stands_on_a_number),
        cmocka_unit_test(every_number_is_told_under_its_name),
        cmocka_unit_test(of_many_states_the_last_are_shown_with_their_numbers),
    };
    return cmocka_run_group_tests_name("command/recover_verdict", tests, NULL, NULL);
}
