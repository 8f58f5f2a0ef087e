/* SPDX-License-Identifier: Apache-2.0 */
/* Where each form of a secret begins and ends: one row just within it, one just outside. */
#include "support/rv_test.h"

#include "base/mem.h"
#include "care/redact.h"

#include <unistd.h>

static void check_with(const struct rv_redactor *redactor, const char *in, const char *wanted)
{
    struct rv_error err = { 0 };
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(65536);
    assert_works(rv_redact(redactor, rv_span((const uint8_t *)in, strlen(in)), &out, &err), &err);
    assert_works(rv_buf_add(&out, rv_span((const uint8_t *)"", 1), &err), &err);
    if (strcmp((const char *)out.data, wanted) != 0)
        fail_msg("\"%s\" became \"%s\", not \"%s\"", in, (const char *)out.data, wanted);
}

static void forms_end_where_they_end(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: as it was */
    } rows[] = {
        /* hex: 24 digits alone, 9 behind 0x */
        { "abcdef0123456789abcdef01", "<identifier>" },
        { "ABCDEF0123456789abcdef0", NULL },
        { "(abcdef0123456789abcdef01)", "(<identifier>)" },
        { "abcdef0123456789abcdef01g", NULL },
        { "abcdef0123456789abcdef01_", NULL },
        { "_abcdef0123456789abcdef01", NULL },
        { "abcdef0123456789abcdef01-", "<identifier>-" },
        { "0x12345678a", "<ECID>" },
        { "0X12345678a.", "<ECID>." },
        { "0x12345678", NULL },
        { "0x1234567890123", "<ECID>" },
        { "x0x12345678a", NULL },
        { "0y12345678a", NULL },
        /* one hyphen, and only behind the first eight */
        { "00008110-000a11223344556e", "<identifier>" },
        { "00008110-000a11223344556", NULL },
        { "0000811-000a11223344556ea", NULL },
        { "00008110a-00a11223344556e", NULL },
        { "0x0000811f-a11223344556", "<ECID>" },
        { "12345678-a2345678-b2345678", NULL },
        /* thirteen decimal digits are no count of bytes */
        { "1234567890123", "<number>" },
        { "123456789012", NULL },
        { "123456789012a", NULL },
        { "1234567890123,", "<number>," },
        { "12345678-90123", "<number>" },
        /* hardware addresses */
        { "f0:99:b6:4d:5e:26", "<address>" },
        { "F0:99:B6:4D:5E:26 ", "<address> " },
        { "f0:99:b6:4d:5e", NULL },
        { "f0:99:b6:4d:5e:2", NULL },
        { "f0:99:b6:4d:5e:26a", NULL },
        { "gf0:99:b6:4d:5e:26", NULL },
        { "f0-99-b6-4d-5e-26", NULL },
        { "fg:99:b6:4d:5e:26", NULL },
        { "gf:99:b6:4d:5e:26", NULL },
        { "f:99:b6:4d:5e:26", NULL },
        { "f0:99:b6:4d:5e:26:aa", "<address>:aa" },
        /* phone numbers: seven digits behind a plus */
        { "+1234567", "<phone>" },
        { "+123456", NULL },
        { "1+1234567", NULL },
        { "+49-170-123", "<phone>" },
        { "+49-170-1", NULL },
        { "+49 (170) 1234567!", "<phone>!" },
        { "+1234567 (office)", "<phone> (office)" },
        { "+1234567-", "<phone>-" },
        { "+12 34   567", NULL },
        { "-1234567", NULL },
        /* mail */
        { "a@b.c", "<mail>" },
        { "<a@b.c>", "<<mail>>" },
        { "x.y+z-1@ho-st.example.org.", "<mail>." },
        { "a@b", NULL },
        { "a@b.", NULL },
        { "a@.b.c", NULL },
        { "@b.c", NULL },
        { "a!b.c", NULL },
        { "a_b@c.d-", "<mail>" },
        { "user@host.example/way", "<mail>/way" },
        /* paths: the last part stays, what every computer has stays */
        { "/a/b", "<folder>/b" },
        { "/a/b/", "<folder>/" },
        { "/a", NULL },
        { "/", NULL },
        { "x/a/b", NULL },
        { "./a/b", NULL },
        { "\"/a/b\" '/a/c' `/a/d` (/a/e) =/a/f </a/g> :/a/h ,/a/i [/a/j", /* what may stand before one */
          "\"<folder>/b\" '<folder>/c' `<folder>/d` (<folder>/e) =<folder>/f <<folder>/g> :<folder>/h ,<folder>/i "
          "[<folder>/j" },
        { "\t/a/b\n/c/d", "\t<folder>/b\n<folder>/d" },
        { ">/a/b", "><folder>/b" },
        { "/a/b\"/c/d", "<folder>/b\"<folder>/d" },
        { "/a/b;/c", "<folder>/b;/c" },
        { "/a/b`/c", "<folder>/b`/c" },
        { "https://host.example/a/b", NULL },
        { "//a/b", "<folder>/b" },
        { "://a/b", NULL },
        { "/usr/x/y /etc/x/y /sys/x/y /proc/x/y /dev/x/y /lib/x/y /bin/x/y /sbin/x/y", NULL },
        { "/var/lib/x/y /var/run/x/y /run/udev/x /run/systemd/x /Library/x/y", NULL },
        { "/etc/", NULL },
        { "/run/udev", NULL },
        { "/etcetera/x /run/user/1000/x /var/tmp/x", "<folder>/x <folder>/x <folder>/x" },
    };
    static const struct rv_redactor nobody = { .count = 0 };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++)
        check_with(&nobody, rows[i].in, rows[i].out != NULL ? rows[i].out : rows[i].in);
}

static void known_texts_go_by_their_length_and_their_case(void **state)
{
    struct rv_redactor r = { .count = 0 };
    char longest[RV_REDACT_TEXT + 1];
    (void)state;
    memset(longest, 'q', sizeof longest - 1);
    longest[RV_REDACT_TEXT] = '\0';
    rv_redact_know(&r, "long", longest); /* does not fit with its end */
    rv_redact_know(&r, "short", "ab");
    rv_redact_know(&r, "device", "IPHONE");
    rv_redact_know(&r, "device", "Root");
    assert_int_equal(r.count, 0);
    longest[RV_REDACT_TEXT - 1] = '\0';
    rv_redact_know(&r, "long", longest);
    rv_redact_know(&r, "three", "xyz");
    rv_redact_know(&r, "other", "zyx");
    rv_redact_know(&r, "place", "xyz-street");
    assert_int_equal(r.count, 4);
    assert_string_equal(r.known[0].label, "long");
    assert_string_equal(r.known[1].label, "place");
    assert_string_equal(r.known[2].label, "three"); /* of the same length: as they came */
    assert_string_equal(r.known[3].label, "other");
    check_with(&r, longest, "<long>");
    check_with(&r, "XYZ-Street 1, aXyZb, xy zy", "<place> 1, a<three>b, xy zy");
    check_with(&r, "xyz", "<three>");
    check_with(&r, "zyx", "<other>");
}

static void more_than_can_be_known_is_left_out(void **state)
{
    static struct rv_redactor r;
    char text[32];
    (void)state;
    for (unsigned i = 0; i <= RV_REDACT_MAX; i++) {
        snprintf(text, sizeof text, "word-%04u", i);
        rv_redact_know(&r, "word", text);
    }
    assert_int_equal(r.count, RV_REDACT_MAX);
    check_with(&r, "word-0255 word-0256", "<word> word-0256");
}

static void names_count_as_words_only(void **state)
{
    struct rv_redactor r = { .count = 0 };
    (void)state;
    rv_redact_know_name(&r, "user", "anna");
    check_with(&r, "anna", "<user>");
    check_with(&r, "(Anna) anna-lena anna.", "(<user>) <user>-lena <user>.");
    check_with(&r,
               "annab banna anna1 1anna anna_ _anna anna\xC3\xA9 \xC3\xA9"
               "anna",
               "annab banna anna1 1anna anna_ _anna anna\xC3\xA9 \xC3\xA9"
               "anna");
    rv_redact_know(&r, "name", "anna");
    assert_true(r.known[0].whole_word && !r.known[1].whole_word);
    check_with(&r, "hannah", "h<name>h");
}

static void an_ecid_is_known_in_its_three_spellings(void **state)
{
    struct rv_redactor r = { .count = 0 };
    (void)state;
    rv_redact_know_ecid(&r, 0xABC1);
    assert_int_equal(r.count, 3);
    check_with(&r, "000000000000abc1 ABC1 43969 43968", "<ECID> <ECID> <ECID> 43968");
}

static void this_computers_names_come_from_its_environment(void **state)
{
    static const char *const names[] = { "HOME", "USER", "LOGNAME" };
    struct rv_redactor r = { .count = 0 };
    char *kept[3], host[128] = "", text[300];
    (void)state;
    for (size_t i = 0; i < 3; i++)
        kept[i] = getenv(names[i]) != NULL ? strdup(getenv(names[i])) : NULL;
    setenv("HOME", "/haus/berta", 1);
    setenv("USER", "berta", 1);
    setenv("LOGNAME", "carla", 1);
    rv_redact_know_here(&r);
    for (size_t i = 0; i < 3; i++) {
        if (kept[i] != NULL)
            setenv(names[i], kept[i], 1);
        else
            unsetenv(names[i]);
        free(kept[i]);
    }
    check_with(&r, "berta carla bertas x/haus/bertas", "<user> <user> bertas x<home>s");
    check_with(&r, "/haus/berta /haus/berta/Films/x.ipsw '/haus/berta/a'/b /haus/berta/a/b)/c /haus/berta/a/b,c/d",
               "<home> <home>/x.ipsw '<home>/a'/b <home>/b)/c <home>/b,c/d");
    check_with(&r, "/haus/berta/a/b;/ /haus/berta/a/b</ /haus/berta/a/b>/ /haus/berta/a/b\"/ /haus/berta/a/b`/",
               "<home>/b;/ <home>/b</ <home>/b>/ <home>/b\"/ <home>/b`/");
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    if (strlen(host) < 3 || strcasecmp(host, "localhost") == 0)
        return;
    snprintf(text, sizeof text, "on %s, %sx", host, host);
    char wanted[300];
    snprintf(wanted, sizeof wanted, "on <computer>, %sx", host);
    check_with(&r, text, wanted);
}

static void a_full_buffer_is_told_for_plain_text_and_for_labels(void **state)
{
    static const struct rv_redactor nobody = { .count = 0 };
    static const struct {
        const char *in;
        size_t room;
        bool fits;
    } rows[] = { { "abc", 3, true }, { "abc", 2, false }, { "a@b.c", 6, true }, { "a@b.c", 5, false } };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        struct rv_error err = { 0 };
        RV_AUTO_CLEAR(rv_buf) out = RV_BUF(rows[i].room);
        bool fits = rv_redact(&nobody, rv_span((const uint8_t *)rows[i].in, strlen(rows[i].in)), &out, &err);
        assert_int_equal(fits, rows[i].fits);
        assert_int_equal(err.code, rows[i].fits ? RV_OK : RV_E_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_end_where_they_end),
        cmocka_unit_test(known_texts_go_by_their_length_and_their_case),
        cmocka_unit_test(more_than_can_be_known_is_left_out),
        cmocka_unit_test(names_count_as_words_only),
        cmocka_unit_test(an_ecid_is_known_in_its_three_spellings),
        cmocka_unit_test(this_computers_names_come_from_its_environment),
        cmocka_unit_test(a_full_buffer_is_told_for_plain_text_and_for_labels),
    };
    return cmocka_run_group_tests_name("care/redact forms", tests, NULL, NULL);
}
