/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, names and messages in every spelling; and each entry of a list that was gathered apart from ours. */

#include "support/test.h"

#include "care/explanation.h"

#include <jansson.h>

static const struct rv_fact *first(const char *words)
{
    static struct rv_explained found;
    return rv_explain_words(words, &found) && found.count > 0 ? found.facts[0] : NULL;
}

static void one_number_in_every_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *words, *domain;
        int64_t code;
    } rows[] = {
        { "4013", "amrestorable", 4013 },
        { "error 4013", "amrestorable", 4013 },
        { "(4013)", "amrestorable", 4013 },
        { "Error 4013.", "amrestorable", 4013 },
        { "The iPhone \"X\" could not be restored. An unknown error occurred (4013).", "amrestorable", 4013 },
        { "iPhone 13 error 4013", "amrestorable", 4013 },
        { "Error Domain=AMRestoreErrorDomain Code=53", "amrestore", 53 },
        { "AMRestoreErrorDomain/53", "amrestore", 53 },
        { "AMRestore 53", "amrestore", 53 },
        { "AMRError 37", "amrestore", 37 },
        { "-1", "amrestore", -1 },
        { "0xFFFFFFFF", "amrestore", -1 }, /* -1 as an unsigned number of 32 bits */
        { "4294967295", "amrestore", -1 },
        { "0xE8000015", "amd", 0xE8000015 },
        { "0xe8000015", "amd", 0xE8000015 },
        { "e8000015", "amd", 0xE8000015 },
        { "-402653163", "amd", 0xE8000015 },
        { "3892314133", "amd", 0xE8000015 },
        { "An unknown error occurred (0xE8000015)", "amd", 0xE8000015 },
        { "kAMDMissingValueError", "amd", 0xE8000015 },
        { "MissingValue", "amd", 0xE8000015 },
        { "LOCKDOWN_E_MISSING_VALUE", "amd", 0xE8000015 },
        { "lockdown -12", "amd", 0xE8000015 },
        { "STATUS=94", "amrestore", 3194 },
        { "STATUS=94&MESSAGE=This device isn't eligible for the requested build.", "amrestore", 3194 },
        { "tss status 69", "amrestore", 3169 },
        { "3194", "amrestore", 3194 },
        { "MBErrorDomain/205", "mobilebackup", 205 },
        { "ErrorCode 205", "mobilebackup", 205 },
        { "RamrodErrorDomain 1004", "ramrod", 1004 },
        { "1004", "amrestore", 1004 },
        { "afc 8", "afc", 8 },
        { "irecv -3", "libirecovery", -3 },
        { "usbmux 3", "usbmux", 3 },
        { "mobilebackup2: -6", "libimobiledevice-mobilebackup2", -6 },
        { "NSURLErrorDomain -1001", "cfnetwork", -1001 },
        { "9006", "itunes", 9006 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rv_fact *fact = first(rows[i].words);
        if (fact == NULL || strcmp(fact->domain, rows[i].domain) != 0 || fact->low != rows[i].code)
            fail_msg("'%s' was read as %s/%lld", rows[i].words, fact ? fact->domain : "nothing",
                     fact ? (long long)fact->low : 0);
    }
}

static void a_message_without_a_number_is_known_by_a_piece_of_it(void **state)
{
    (void)state;
    const struct rv_fact *corrupt = first("iTunes could not restore the iPhone because the backup was corrupt or not "
                                          "compatible with the iPhone that is being restored.");
    assert_non_null(corrupt);
    assert_string_equal(corrupt->key, "backup-corrupt");
    struct rv_explained found;
    assert_true(rv_explain_words("This device isn't eligible for the requested build", &found));
    assert_string_equal(found.facts[0]->key, "not-signed");
    assert_int_equal(found.facts[1]->low, 3194); /* the number that says the same */
    assert_string_equal(first("activation-lock")->key, "activation-lock");
    assert_string_equal(first("The iPhone could not be restored because the firmware file is corrupt.")->key,
                        "firmware-corrupt");
    assert_string_equal(first("firmware is corrupt")->key, "firmware-corrupt");
}

static void an_unknown_number_says_so_and_shows_its_family(void **state)
{
    (void)state;
    struct rv_explained found;
    assert_true(rv_explain_words("77", &found)); /* 59 to 999: no public source tells */
    assert_int_equal(found.count, 0);
    assert_false(found.nearest);
    assert_int_equal(found.family->low, 1);
    assert_int_equal(found.family->high, 999);

    assert_true(rv_explain_words("3150", &found));
    assert_int_equal(found.count, 0);
    assert_int_equal(found.signing_status, 50);
    assert_int_equal(found.family->low, 3100);

    assert_true(rv_explain_words("4099", &found));
    assert_int_equal(found.family->low, 4000);

    assert_true(rv_explain_words("0xE80000BA", &found)); /* a hole in the list of phone services */
    assert_int_equal(found.count, 0);
    assert_false(found.nearest);
    assert_string_equal(found.family->domain, "amd");
}

static void a_number_of_no_family_is_told_as_such(void **state)
{
    (void)state;
    struct rv_explained found;
    static const char *const rows[] = { "5000000", "-9999999999999", "9223372036854775807", "-7777777" };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(rv_explain_words(rows[i], &found));
        assert_int_equal(found.count, 0);
        assert_true(found.nearest);
        assert_non_null(found.family);
    }
    assert_true(rv_explain_words("afc 4444", &found));
    assert_int_equal(found.count, 0);
    assert_null(found.family); /* the domain was named: no family of another one is offered */
}

static void words_without_anything_to_look_up_are_refused(void **state)
{
    (void)state;
    struct rv_explained found;
    static const char *const rows[] = { "", "hello", "error", "unexpectederror", "0x", "-", "x4013x", "((((" };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rv_explain_words(rows[i], &found))
            fail_msg("'%s' was read as something", rows[i]);
}

static void one_number_in_several_domains_comes_in_the_order_of_the_rule(void **state)
{
    (void)state;
    struct rv_explained found;
    assert_true(rv_explain_words("1004", &found));
    assert_string_equal(found.facts[0]->domain, "amrestore"); /* what iTunes shows comes first */
    for (size_t i = 0; i < found.count; i++) {
        assert_true(rv_fact_domain(found.facts[i]->domain)->order > 0); /* others only when named */
        assert_int_equal(found.facts[i]->low, 1004);
    }
}

static json_t *shared_entries(void)
{
    char path[512];
    const char *found = test_shared("data/errors.json", path, sizeof path);
    json_t *list = found == NULL ? NULL : json_load_file(found, 0, NULL);
    if (list == NULL)
        skip();
    return list;
}

static const char *alias_of(const char *domain)
{
    const struct rv_fact_domain *d = rv_fact_domain(domain);
    assert_non_null(d);
    return d->aliases != NULL ? d->aliases[0] : "";
}

/* Asked for as a person would: the domain and the number, a piece of the message, or any number of the family. */
static bool answers(const json_t *entry, char *words, size_t words_size)
{
    struct rv_explained found;
    const char *domain = json_string_value(json_object_get(entry, "domain"));
    const json_t *code = json_object_get(entry, "code"), *match = json_object_get(entry, "match");
    if (match != NULL) {
        snprintf(words, words_size, "%s", json_string_value(json_array_get(match, 0)));
        return rv_explain_words(words, &found) && found.count > 0 &&
               strcmp(found.facts[0]->key, strchr(json_string_value(json_object_get(entry, "id")), '/') + 1) == 0;
    }
    if (!json_is_integer(code)) {
        const char *of = json_string_value(json_object_get(entry, "of"));
        int64_t low = json_integer_value(json_array_get(json_object_get(entry, "range"), 0));
        int64_t high = json_integer_value(json_array_get(json_object_get(entry, "range"), 1));
        snprintf(words, words_size, "%s %lld to %lld", of, (long long)low, (long long)high);
        const struct rv_fact *family = rv_fact_family(of, high);
        return family != NULL && family->low <= high && family->high == high && rv_fact_family(of, low) != NULL;
    }
    int64_t number = json_integer_value(code);
    snprintf(words, words_size, "%s/%lld", alias_of(domain), (long long)number);
    return rv_explain_words(words, &found) && found.count > 0 && strcmp(found.facts[0]->domain, domain) == 0 &&
           found.facts[0]->low == number;
}

static void every_entry_of_the_gathered_list_answers(void **state)
{
    (void)state;
    json_t *list = shared_entries(), *entry;
    size_t i, silent = 0;
    json_array_foreach (list, i, entry) {
        char words[256];
        if (!answers(entry, words, sizeof words)) {
            print_message("no answer for %s (asked as '%s')\n", json_string_value(json_object_get(entry, "id")), words);
            silent++;
        }
    }
    assert_int_equal(json_array_size(list), 740);
    assert_int_equal(silent, 0);
    json_decref(list);
}

/* Typed alone, a number of iTunes and Finder is known, and so are the signed and the hexadecimal form. */
static void every_number_of_a_dialog_answers_when_typed_alone(void **state)
{
    (void)state;
    json_t *list = shared_entries(), *entry;
    size_t i;
    json_array_foreach (list, i, entry) {
        char text[64];
        const json_t *sign = json_object_get(entry, "signed");
        const char *hex = json_string_value(json_object_get(entry, "hex"));
        if (!json_is_true(json_object_get(entry, "dialog")) || !json_is_integer(json_object_get(entry, "code")))
            continue;
        int64_t number = json_integer_value(json_object_get(entry, "code"));
        snprintf(text, sizeof text, "%lld", (long long)number);
        const struct rv_fact *fact = first(text);
        if (fact == NULL || fact->low != number)
            fail_msg("%s alone is not known", text);
        if (hex != NULL)
            assert_int_equal(first(hex)->low, number);
        if (sign == NULL)
            continue;
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(sign));
        assert_int_equal(first(text)->low, number);
    }
    json_decref(list);
}

static void every_row_has_something_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < rv_fact_count; i++) {
        const struct rv_fact *f = &rv_facts[i];
        assert_non_null(f->actions);
        assert_true(f->actions[0] != NULL && f->causes[0] != NULL && f->parts[0] != NULL);
        assert_string_not_equal(rv_fact_phase_words(f->phase), "");
        assert_string_not_equal(rv_fact_sure_words(f->sure), f->sure); /* an id is not words */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_number_in_every_spelling),
        cmocka_unit_test(a_message_without_a_number_is_known_by_a_piece_of_it),
        cmocka_unit_test(an_unknown_number_says_so_and_shows_its_family),
        cmocka_unit_test(a_number_of_no_family_is_told_as_such),
        cmocka_unit_test(words_without_anything_to_look_up_are_refused),
        cmocka_unit_test(one_number_in_several_domains_comes_in_the_order_of_the_rule),
        cmocka_unit_test(every_entry_of_the_gathered_list_answers),
        cmocka_unit_test(every_number_of_a_dialog_answers_when_typed_alone),
        cmocka_unit_test(every_row_has_something_to_do),
    };
    return cmocka_run_group_tests_name("care/explanation", tests, NULL, NULL);
}
