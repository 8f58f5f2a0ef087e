/* SPDX-License-Identifier: Apache-2.0 */
/* What a report may not tell strangers, and what it must still tell a shop. */
#include "support/rv_test.h"

#include "base/mem.h"
#include "care/redact.h"

static struct rv_redactor redactor;

static int know_anna(void **state)
{
    (void)state;
    redactor = (struct rv_redactor){ .count = 0 };
    rv_redact_know_ecid(&redactor, 0x000A1B2C3D4E5F26ull);
    rv_redact_know(&redactor, "serial", "FK1WT6BPJCLH");
    rv_redact_know(&redactor, "UDID", "00008030-001A2B3C4D5E6F70");
    rv_redact_know(&redactor, "name", "Anna's iPhone");
    rv_redact_know(&redactor, "home", "/home/anna");
    rv_redact_know_name(&redactor, "user", "anna");
    return 0;
}

static void check(const char *in, const char *wanted)
{
    struct rv_error err = { 0 };
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(65536);
    assert_works(rv_redact(&redactor, rv_span((const uint8_t *)in, strlen(in)), &out, &err), &err);
    assert_works(rv_buf_add(&out, rv_span((const uint8_t *)"", 1), &err), &err);
    assert_string_equal((const char *)out.data, wanted);
}

static void known_identifiers_go_however_they_are_written(void **state)
{
    (void)state;
    check("serial FK1WT6BPJCLH, fk1wt6bpjclh", "serial <serial>, <serial>");
    check("ECID:000A1B2C3D4E5F26 0xa1b2c3d4e5f26 2844626588163878", "ECID:<ECID> <ECID> <ECID>");
    check("udid=00008030-001A2B3C4D5E6F70;", "udid=<UDID>;");
    check("\"Anna's iPhone\" says hello", "\"<name>\" says hello");
}

static void unknown_ones_give_themselves_away_by_their_form(void **state)
{
    (void)state;
    check("UDID d0afcec7cd3457a32cd94cb20dd5cdcb1c9c8ef9", "UDID <identifier>");
    check("00008110-000A11223344556E is there", "<identifier> is there");
    check("ECID 0x1234567890AB", "ECID <ECID>");
    check("IMEI 356789012345678.", "IMEI <number>.");
    check("call +49 170 1234567 now", "call <phone> now");
    check("mail to anna.b@example.org, please", "mail to <mail>, please");
    check("wifi f0:99:b6:4d:5e:26", "wifi <address>");
}

static void folders_go_and_file_names_stay(void **state)
{
    (void)state;
    check("opening /home/anna/Films/Birthday/new.ipsw failed", "opening <home>/new.ipsw failed");
    check("in '/media/stick of x/y.ipsw'", "in '<folder>/stick of x/y.ipsw'");
    check("/mnt/private/a/b.log", "<folder>/b.log");
    check("see /etc/hosts and /usr/sbin/usbmuxd", "see /etc/hosts and /usr/sbin/usbmuxd");
    check("http://127.0.0.1:80/TSS/controller", "http://127.0.0.1:80/TSS/controller");
}

static void a_users_name_is_hidden_as_a_word_only(void **state)
{
    (void)state;
    check("anna's savannah, Anna and hannah", "<user>'s savannah, <user> and hannah");
}

static void what_a_shop_needs_stays(void **state)
{
    (void)state;
    static const char *const kept[] = {
        "2026-11-21T19:49:39.123Z info restore: step install begins",
        "error 4013 at the step 'install' (REFUSED), AMRestore 0x8015 CPID:8015 BDID:0E",
        "iPhone10,6 (D221AP), iOS 17.5.1 (21F90), 7516192768 bytes",
        "restored: [7]D(unable to verify the image) 0xE8000013",
        "20261121T194939Z 100 % 3.5 GB",
    };
    for (size_t i = 0; i < RV_COUNT(kept); i++)
        check(kept[i], kept[i]);
}

static void short_texts_and_everybodys_names_are_no_secrets(void **state)
{
    (void)state;
    struct rv_redactor none = { .count = 0 };
    rv_redact_know(&none, "name", "iPhone");
    rv_redact_know(&none, "name", "");
    rv_redact_know(&none, "name", NULL);
    rv_redact_know(&none, "user", "ab");
    rv_redact_know_ecid(&none, 0);
    assert_int_equal(none.count, 0);
}

static void broken_text_does_no_harm(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static const uint8_t strange[] = { '/', 0, 0xFF, '+', '@', '0', 'x', 0xC3, '/', '/', ':' };
    for (size_t n = 0; n <= sizeof strange; n++) {
        uint8_t *copy = malloc(n + 1); /* exact size: a read past the end is seen */
        RV_AUTO_CLEAR(rv_buf) out = RV_BUF(4096);
        assert_non_null(copy);
        memcpy(copy, strange, n);
        assert_works(rv_redact(&redactor, rv_span(copy, n), &out, &err), &err);
        free(copy);
    }
    RV_AUTO_CLEAR(rv_buf) small = RV_BUF(2);
    assert_fails(rv_redact(&redactor, rv_span((const uint8_t *)"abcdef", 6), &small, &err), &err, RV_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_identifiers_go_however_they_are_written),
        cmocka_unit_test(unknown_ones_give_themselves_away_by_their_form),
        cmocka_unit_test(folders_go_and_file_names_stay),
        cmocka_unit_test(a_users_name_is_hidden_as_a_word_only),
        cmocka_unit_test(what_a_shop_needs_stays),
        cmocka_unit_test(short_texts_and_everybodys_names_are_no_secrets),
        cmocka_unit_test(broken_text_does_no_harm),
    };
    return cmocka_run_group_tests_name("care/redact", tests, know_anna, NULL);
}
