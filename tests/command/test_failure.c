/* SPDX-License-Identifier: Apache-2.0 */
/* What an error is to the program that called: exit code and JSON, as the contract of the command line says. */
#include "support/rv_test.h"

#include "command/command.h"

static void each_kind_of_trouble_has_its_exit_code(void **state)
{
    (void)state;
    static const struct {
        enum rv_code code;
        int exit;
    } rows[] = {
        { RV_OK, 0 },        { RV_E_IO, 1 },          { RV_E_NOSPACE, 1 },    { RV_E_NOMEM, 1 },
        { RV_E_TIMEOUT, 1 }, { RV_E_USAGE, 2 },       { RV_E_GONE, 3 },       { RV_E_NO_DEVICE, 3 },
        { RV_E_REFUSED, 4 }, { RV_E_DENIED, 4 },      { RV_E_FORMAT, 5 },     { RV_E_CORRUPT, 5 },
        { RV_E_NETWORK, 6 }, { RV_E_UNSIGNED, 6 },    { RV_E_UNFINISHED, 7 }, { RV_E_CANCELLED, 7 },
        { RV_E_BUSY, 1 },    { RV_E_UNSUPPORTED, 1 }, { RV_E_NOT_FOUND, 1 },  { RV_E_PROTOCOL, 1 },
        { RV_E_LIMIT, 1 },
    };
    assert_int_equal(sizeof rows / sizeof rows[0], RV_E_CODE_COUNT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rv_error err = { .code = rows[i].code };
        assert_int_equal(rv_exit_code(&err), rows[i].exit);
    }
    struct rv_error odd = { .code = (enum rv_code)500 };
    assert_int_equal(rv_exit_code(&odd), 1);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static void an_error_in_json_has_its_four_parts(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    rv_fail(&err, RV_E_TIMEOUT, "no device came back in 10 s");
    rv_while(&err, "waiting for iBEC to start");
    rv_advise(&err, RV_ADVICE_REPLUG);
    err.apple = 4005;
    json_t *json = rv_error_json(&err, "/tmp/x.log");
    assert_non_null(json);
    assert_string_equal(text_of(json, "code"), "TIMEOUT");
    assert_string_equal(text_of(json, "title"), "The connection to the device broke off");
    assert_string_equal(text_of(json, "cause"), "waiting for iBEC to start: no device came back in 10 s");
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "causes"), 1)),
                        "no device came back in 10 s"); /* deepest last */
    assert_true(json_array_size(json_object_get(json, "actions")) >= 2);
    assert_int_equal(json_integer_value(json_object_get(json, "itunes_code")), 4005);
    assert_string_equal(text_of(json, "log"), "/tmp/x.log");
    json_decref(json);
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    rv_fail(&err, RV_E_IO, "x");
    json_t *json = rv_error_json(&err, NULL);
    assert_true(json_is_null(json_object_get(json, "log")));
    assert_true(json_is_null(json_object_get(json, "itunes_code")));
    json_decref(json);
}

static void a_devices_own_words_cannot_break_the_json(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    rv_fail(&err, RV_E_REFUSED, "the device says \xff\xfe\"\033[31mgo\"");
    for (int i = 0; i < 20; i++)
        rv_while(&err, "%0*d", 190, i);
    json_t *json = rv_error_json(&err, NULL);
    assert_non_null(json);
    assert_null(strchr(text_of(json, "cause"), '\033'));
    assert_non_null(strstr(text_of(json, "cause"), "the device says ??\"?[31mgo\""));
    char *printed = json_dumps(json, 0);
    assert_non_null(printed);
    free(printed);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_trouble_has_its_exit_code),
        cmocka_unit_test(an_error_in_json_has_its_four_parts),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(a_devices_own_words_cannot_break_the_json),
    };
    return cmocka_run_group_tests_name("command/failure", tests, NULL, NULL);
}
