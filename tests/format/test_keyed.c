/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "format/keyed.h"

/* An archive as NSKeyedArchiver lays it out: $objects, and in $top a reference to the root. */
static plist_t archive_of(plist_t objects, const char *name, uint64_t root)
{
    plist_t whole = plist_new_dict(), top = plist_new_dict();
    plist_dict_set_item(top, name, plist_new_uid(root));
    plist_dict_set_item(whole, "$top", top);
    plist_dict_set_item(whole, "$objects", objects);
    return whole;
}

static plist_t dict_with(const char *key, plist_t value)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, key, value);
    return dict;
}

/* 1 the root, 2 its title, 3 a link, 4 the link's address, 5 a dictionary of two, 6 and 7 its keys, 8 a mutable string,
 * 9 nothing but another reference */
static plist_t objects_of_a_link(void)
{
    plist_t objects = plist_new_array();
    plist_array_append_item(objects, plist_new_string("$null"));
    plist_t root = dict_with("title", plist_new_uid(2));
    plist_dict_set_item(root, "URL", plist_new_uid(3));
    plist_dict_set_item(root, "info", plist_new_uid(5));
    plist_dict_set_item(root, "note", plist_new_uid(8));
    plist_dict_set_item(root, "nothing", plist_new_uid(0));
    plist_dict_set_item(root, "far", plist_new_uid(200));
    plist_dict_set_item(root, "behind", plist_new_uid(10));
    plist_dict_set_item(root, "again", plist_new_uid(9));
    plist_array_append_item(objects, root);
    plist_array_append_item(objects, plist_new_string("A walk"));
    plist_array_append_item(objects, dict_with("NS.relative", plist_new_uid(4)));
    plist_array_append_item(objects, plist_new_string("https://walk.example"));
    plist_t keys = plist_new_array(), values = plist_new_array();
    plist_array_append_item(keys, plist_new_uid(6));
    plist_array_append_item(keys, plist_new_uid(7));
    plist_array_append_item(values, plist_new_uid(4));
    plist_array_append_item(values, plist_new_uid(2));
    plist_t info = dict_with("NS.keys", keys);
    plist_dict_set_item(info, "NS.objects", values);
    plist_array_append_item(objects, info);
    plist_array_append_item(objects, plist_new_string("caption"));
    plist_array_append_item(objects, plist_new_string("subcap"));
    plist_array_append_item(objects, dict_with("NS.string", plist_new_string("to be kept")));
    plist_array_append_item(objects, plist_new_uid(2));
    return objects;
}

static void is_text(struct rv_span text, const char *wanted)
{
    assert_non_null(text.ptr);
    assert_int_equal(text.len, strlen(wanted));
    assert_memory_equal(text.ptr, wanted, text.len);
}

static void a_link_is_reached_by_the_names_of_its_parts(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_keyed a;
    RV_AUTO_PLIST whole = archive_of(objects_of_a_link(), "root", 1);
    assert_works(rv_keyed_open(whole, &a, &err), &err);
    is_text(rv_keyed_text(&a, rv_keyed_get(&a, a.root, "title")), "A walk");
    is_text(rv_keyed_text(&a, rv_keyed_get(&a, a.root, "URL")), "https://walk.example");
    is_text(rv_keyed_text(&a, rv_keyed_get(&a, a.root, "note")), "to be kept");
    is_text(rv_keyed_text(&a, rv_keyed_get(&a, a.root, "again")), "A walk");
    plist_t info = rv_keyed_get(&a, a.root, "info");
    is_text(rv_keyed_text(&a, rv_keyed_get(&a, info, "caption")), "https://walk.example");
    is_text(rv_keyed_text(&a, rv_keyed_get(&a, info, "subcap")), "A walk");
    assert_null(rv_keyed_get(&a, info, "sub"));
    assert_null(rv_keyed_get(&a, info, "subcapt"));
}

static void what_is_not_there_is_nothing(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_keyed a;
    RV_AUTO_PLIST whole = archive_of(objects_of_a_link(), "anything", 1); /* a root by another name is taken too */
    assert_works(rv_keyed_open(whole, &a, &err), &err);
    static const char *const missing[] = { "nothing", "far", "behind", "nobody" };
    for (size_t i = 0; i < RV_COUNT(missing); i++) {
        assert_null(rv_keyed_get(&a, a.root, missing[i]));
        assert_null(rv_keyed_text(&a, rv_keyed_get(&a, a.root, missing[i])).ptr);
    }
    assert_null(rv_keyed_get(&a, rv_keyed_get(&a, a.root, "title"), "title")); /* a text has no parts */
    assert_null(rv_keyed_get(&a, NULL, "title"));
    assert_null(rv_keyed_text(&a, a.root).ptr);
}

static void a_dictionary_with_fewer_values_than_keys_gives_none(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_keyed a;
    plist_t objects = plist_new_array(), keys = plist_new_array();
    plist_array_append_item(objects, plist_new_string("$null"));
    plist_array_append_item(keys, plist_new_string("a"));
    plist_t dict = dict_with("NS.keys", keys);
    plist_dict_set_item(dict, "NS.objects", plist_new_array());
    plist_array_append_item(objects, dict);
    RV_AUTO_PLIST whole = archive_of(objects, "root", 1);
    assert_works(rv_keyed_open(whole, &a, &err), &err);
    assert_null(rv_keyed_get(&a, a.root, "a"));
}

static void what_is_no_archive_or_turns_in_a_circle_is_refused(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_keyed a;
    RV_AUTO_PLIST plain = dict_with("title", plist_new_string("A walk"));
    assert_fails(rv_keyed_open(plain, &a, &err), &err, RV_E_FORMAT);
    RV_AUTO_PLIST no_top = dict_with("$objects", plist_new_array());
    assert_fails(rv_keyed_open(no_top, &a, &err), &err, RV_E_FORMAT);
    plist_t objects = plist_new_array();
    plist_array_append_item(objects, plist_new_string("$null"));
    plist_array_append_item(objects, plist_new_uid(2));
    plist_array_append_item(objects, plist_new_uid(1));
    RV_AUTO_PLIST circle = archive_of(objects, "root", 1);
    assert_fails(rv_keyed_open(circle, &a, &err), &err, RV_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_reached_by_the_names_of_its_parts),
        cmocka_unit_test(what_is_not_there_is_nothing),
        cmocka_unit_test(a_dictionary_with_fewer_values_than_keys_gives_none),
        cmocka_unit_test(what_is_no_archive_or_turns_in_a_circle_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
