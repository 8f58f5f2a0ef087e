/* SPDX-License-Identifier: Apache-2.0 */
/* The one door from a hostile name to a path: what is let through, to the byte, and what is done behind it. */
#include "support/rv_test.h"

#include "backup/place.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int root = -1;
static char folder[512];

static int begin(void **state)
{
    if (scratch_make(state) != 0)
        return -1;
    snprintf(folder, sizeof folder, "%s", (char *)*state);
    root = open(folder, O_RDONLY | O_DIRECTORY);
    return root >= 0 ? 0 : -1;
}

static int end(void **state)
{
    close(root);
    return scratch_remove(state);
}

static bool passes(const char *bytes, size_t len)
{
    struct rv_error err = { 0 };
    bool fine = rv_place_check(rv_span((const uint8_t *)bytes, len), &err);
    assert_int_equal(err.code, fine ? RV_OK : RV_E_DENIED);
    return fine;
}

static void names_that_stay_below_are_let_through(void **state)
{
    static const char *const fine[] = { "a",
                                        "a/b",
                                        ".a",
                                        "...",
                                        "a..b",
                                        "..a/b..",
                                        " ",
                                        "a\\b",
                                        "~",
                                        "\x7E",
                                        "\xC2\x80",
                                        "\xDF\xBF",
                                        "\xE0\xA0\x80",
                                        "\xE1\x80\x80",
                                        "\xED\x9F\xBF",
                                        "\xEE\x80\x80",
                                        "\xEF\xBF\xBF",
                                        "\xF0\x90\x80\x80",
                                        "\xF1\x80\x80\x80",
                                        "\xF4\x8F\xBF\xBF" };
    static const char *const bad[] = { "",
                                       ".",
                                       "..",
                                       "/",
                                       "/a",
                                       "a/",
                                       "a//b",
                                       "a/./b",
                                       "a/../b",
                                       "../a",
                                       "a/..",
                                       "a/.",
                                       "a\nb",
                                       "\x1F",
                                       "\x7F",
                                       "\x80",
                                       "\xC0\x80",
                                       "\xC1\xBF",
                                       "\xC2",
                                       "\xC2 ",
                                       "\xC2\xC0",
                                       "\xE0\x9F\xBF",
                                       "\xE1\x80",
                                       "\xE1\x80 ",
                                       "\xED\xA0\x80",
                                       "\xF0\x8F\xBF\xBF",
                                       "\xF1\x80\x80",
                                       "\xF4\x90\x80\x80",
                                       "\xF5\x80\x80\x80",
                                       "\xFF" };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(fine); i++)
        if (!passes(fine[i], strlen(fine[i])))
            fail_msg("'%s' was refused", fine[i]);
    for (size_t i = 0; i < RV_COUNT(bad); i++)
        if (passes(bad[i], strlen(bad[i])))
            fail_msg("'%s' was let through", bad[i]);
    assert_false(passes("a\0b", 3));
}

static void lengths_and_depths_have_their_limits(void **state)
{
    char name[RV_PLACE_MAX + 2];
    (void)state;
    memset(name, 'x', sizeof name);
    assert_true(passes(name, RV_PLACE_PART_MAX));
    assert_false(passes(name, RV_PLACE_PART_MAX + 1));
    for (size_t i = 200; i < sizeof name; i += 200)
        name[i] = '/';
    assert_true(passes(name, RV_PLACE_MAX));
    assert_false(passes(name, RV_PLACE_MAX + 1));
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 == 0 ? 'a' : '/';
    assert_true(passes(name, 2 * 64 - 1)); /* 64 parts */
    assert_false(passes(name, 2 * 65 - 1));
}

static void refusals_say_what_is_wrong(void **state)
{
    static const struct {
        const char *name, *says;
        size_t len;
    } rows[] = { { "", "a name of 0 bytes is not used as a path", 0 },
                 { "\xFF", "a name that is no UTF-8 is not used as a path", 1 },
                 { "a\tb", "a name with control characters is not used as a path", 3 },
                 { "../x", "the name '../x' would lead out of its folder or is no path", 4 } };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        struct rv_error err = { 0 };
        assert_false(rv_place_check(rv_span((const uint8_t *)rows[i].name, rows[i].len), &err));
        assert_string_equal(err.text[0], rows[i].says);
    }
}

static void write_text(const char *name, const char *text)
{
    struct rv_error err = { 0 };
    assert_works(rv_place_write(root, name, rv_span((const uint8_t *)text, strlen(text)), &err), &err);
}

static void holds(const char *name, const char *text)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) is = rv_place_read(root, name, 4096, &err);
    if (is == NULL)
        fail_msg("%s: %s", name, err.text[0]);
    assert_int_equal(is->len, strlen(text));
    assert_memory_equal(is->data, text, is->len);
}

static bool is_there(const char *name)
{
    struct stat st;
    return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool count(void *context, const char *name, const struct stat *st, struct rv_error *err)
{
    char *seen = context;
    (void)err;
    snprintf(seen + strlen(seen), 200 - strlen(seen), "%s%c ", name, S_ISDIR(st->st_mode) ? '/' : ' ');
    return name[0] != '!';
}

static void files_are_written_whole_and_read_up_to_a_cap(void **state)
{
    struct rv_error err = { 0 };
    (void)state;
    write_text("w/deep/er/file", "hello");
    holds("w/deep/er/file", "hello");
    write_text("w/deep/er/file", "");
    holds("w/deep/er/file", "");
    write_text("w/deep/er/file", "again");
    assert_null(rv_place_read(root, "w/deep/er/file", 4, &err));
    assert_int_equal(err.code, RV_E_LIMIT);
    assert_string_equal(err.text[0], "w/deep/er/file has 5 bytes");
    RV_AUTO(rv_blob) exact = rv_place_read(root, "w/deep/er/file", 5, &err);
    assert_non_null(exact);
    err = (struct rv_error){ 0 };
    assert_null(rv_place_read(root, "w/none", 9, &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    err = (struct rv_error){ 0 };
    assert_null(rv_place_read(root, "w/none/at/all", 9, &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    err = (struct rv_error){ 0 };
    assert_null(rv_place_read(root, "w/deep", 4096, &err));
    assert_string_equal(err.text[0], "w/deep is not a file");
    struct stat st;
    assert_int_equal(fstatat(root, "w/deep/er/file", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fstatat(root, "w/deep", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    char seen[200] = "";
    err = (struct rv_error){ 0 };
    assert_works(rv_place_each(root, "w/deep/er", count, seen, &err), &err);
    assert_string_equal(seen, "file  "); /* and no part of a file beside it */
}

static void links_are_not_followed(void **state)
{
    struct rv_error err = { 0 };
    struct stat st;
    const char *leaf;
    (void)state;
    write_text("l/real/file", "secret");
    assert_int_equal(symlinkat("real", root, "l/folder"), 0);
    assert_int_equal(symlinkat("real/file", root, "l/link"), 0);
    assert_int_equal(symlinkat("/", root, "l/out"), 0);
    assert_int_equal(rv_place_open(root, "l/link", O_RDONLY, &err), -1);
    assert_int_equal(rv_place_open(root, "l/folder/file", O_RDONLY, &err), -1);
    assert_int_equal(rv_place_parent(root, "l/folder/file", true, &leaf, &err), -1);
    assert_int_equal(rv_place_create(root, "l/out/tmp/x", O_WRONLY, &err), -1);
    err = (struct rv_error){ 0 };
    assert_false(rv_place_write(root, "l/folder/new", RV_SPAN_TEXT("x"), &err));
    assert_false(is_there("l/real/new"));
    err = (struct rv_error){ 0 };
    assert_works(rv_place_stat(root, "l/link", &st, &err), &err);
    assert_true(S_ISLNK(st.st_mode));
    write_text("l/link", "mine"); /* the link is replaced, not what it points at */
    holds("l/link", "mine");
    holds("l/real/file", "secret");
    assert_works(rv_place_remove(root, "l/folder", &err), &err);
    holds("l/real/file", "secret");
}

static void folders_are_made_and_trees_removed(void **state)
{
    struct rv_error err = { 0 };
    struct stat st;
    (void)state;
    assert_works(rv_place_folder(root, "t/a/b/c", &err), &err);
    assert_works(rv_place_folder(root, "t/a/b/c", &err), &err);
    write_text("t/a/file", "x");
    write_text("t/a/b/c/!file", "y");
    assert_false(rv_place_folder(root, "t/a/file", &err));
    err = (struct rv_error){ 0 };
    assert_false(rv_place_folder(root, "t/a/file/below", &err));
    err = (struct rv_error){ 0 };
    assert_false(rv_place_stat(root, "t/a/none", &st, &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    err = (struct rv_error){ 0 };
    assert_false(rv_place_stat(root, "t/none/none", &st, &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    err = (struct rv_error){ 0 };
    char seen[200] = "";
    assert_false(rv_place_each(root, "t/a/b/c", count, seen, &err));
    assert_string_equal(seen, "!file  ");
    seen[0] = '\0';
    assert_works(rv_place_each(root, "t", count, seen, &err), &err);
    assert_string_equal(seen, "a/ ");
    assert_false(rv_place_each(root, "t/none", count, seen, &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    err = (struct rv_error){ 0 };
    assert_works(rv_place_remove(root, "t/a", &err), &err);
    assert_false(is_there("t/a"));
    assert_true(is_there("t"));
    assert_works(rv_place_remove(root, "t/a", &err), &err);
    assert_works(rv_place_remove(root, "t/none/none", &err), &err);
    assert_false(rv_place_remove(root, "../t", &err));
    assert_int_equal(err.code, RV_E_DENIED);
    seen[0] = '\0';
    err = (struct rv_error){ 0 };
    assert_works(rv_place_each(root, ".", count, seen, &err), &err);
    assert_non_null(strstr(seen, "t/ "));
}

static void a_move_replaces_what_is_there(void **state)
{
    struct rv_error err = { 0 };
    (void)state;
    write_text("m/one", "1");
    write_text("m/two", "2");
    assert_works(rv_place_move(root, "m/one", "m/two", &err), &err);
    holds("m/two", "1");
    assert_false(is_there("m/one"));
    assert_works(rv_place_move(root, "m/two", "m/new/way/two", &err), &err);
    holds("m/new/way/two", "1");
    write_text("m/full/below/file", "x");
    assert_works(rv_place_move(root, "m/new", "m/full", &err), &err); /* a folder over one that is not empty */
    holds("m/full/way/two", "1");
    assert_false(is_there("m/full/below"));
    write_text("m/file", "f");
    assert_works(rv_place_move(root, "m/file", "m/full", &err), &err);
    holds("m/full", "f");
    assert_works(rv_place_folder(root, "m/dir", &err), &err);
    assert_works(rv_place_move(root, "m/dir", "m/full", &err), &err);
    assert_false(rv_place_move(root, "m/none", "m/x", &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    err = (struct rv_error){ 0 };
    assert_false(rv_place_move(root, "m/none/none", "m/x", &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    err = (struct rv_error){ 0 };
    assert_false(rv_place_move(root, "m/full", "m/../x", &err));
    assert_int_equal(err.code, RV_E_DENIED);
    assert_true(is_there("m/full"));
}

static void a_copy_has_the_bytes_and_the_time(void **state)
{
    enum { BIG = 3 << 20 };
    struct rv_error err = { 0 };
    struct stat st;
    (void)state;
    char *big = malloc(BIG);
    assert_non_null(big);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 7 + i / 251);
    assert_works(rv_place_write(root, "c/big", rv_span((const uint8_t *)big, BIG), &err), &err);
    const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 5000 } };
    assert_int_equal(utimensat(root, "c/big", times, 0), 0);
    write_text("c/to/big", "what was there was longer or not");
    assert_works(rv_place_copy(root, "c/big", root, "c/to/big", &err), &err);
    RV_AUTO(rv_blob) copy = rv_place_read(root, "c/to/big", BIG, &err);
    assert_non_null(copy);
    assert_int_equal(copy->len, BIG);
    assert_memory_equal(copy->data, big, BIG);
    assert_int_equal(fstatat(root, "c/to/big", &st, 0), 0);
    assert_int_equal(st.st_mtim.tv_sec, 2000);
    assert_int_equal(st.st_mtim.tv_nsec, 5000);
    free(big);
    assert_false(rv_place_copy(root, "c/to", root, "c/x", &err));
    assert_string_equal(err.text[0], "c/to is not a file");
    assert_false(is_there("c/x"));
    err = (struct rv_error){ 0 };
    assert_false(rv_place_copy(root, "c/none", root, "c/x", &err));
    assert_int_equal(err.code, RV_E_NOT_FOUND);
    assert_false(is_there("c/x"));
    write_text("c/small", "s");
    assert_works(rv_place_copy(root, "c/small", root, "c/to/big", &err), &err);
    holds("c/to/big", "s"); /* nothing of the longer one is left behind it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_stay_below_are_let_through),
        cmocka_unit_test(lengths_and_depths_have_their_limits),
        cmocka_unit_test(refusals_say_what_is_wrong),
        cmocka_unit_test(files_are_written_whole_and_read_up_to_a_cap),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(folders_are_made_and_trees_removed),
        cmocka_unit_test(a_move_replaces_what_is_there),
        cmocka_unit_test(a_copy_has_the_bytes_and_the_time),
    };
    return cmocka_run_group_tests_name("backup/place", tests, begin, end);
}
