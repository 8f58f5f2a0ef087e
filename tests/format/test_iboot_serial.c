/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "format/iboot_serial.h"

#include <string.h>

#define IPHONE_6_DFU                                                                                                   \
    "CPID:7000 CPRV:11 CPFM:03 SCEP:01 BDID:00 ECID:00022D3C10981026 IBFL:1C SRTG:[iBoot-1992.0.0.1.19]"
#define IPHONE_X_RECOVERY                                                                                              \
    "SDOM:01 CPID:8015 CPRV:11 CPFM:03 SCEP:01 BDID:0E ECID:000C2C680044E02E IBFL:3D SRNM:[FK1WT6BPJCLH]"
#define IPHONE_16_PORT "SDOM:01 CPID:0022 BDID:000000000C814000 ECID:747D1772145A9529 CPFM:03 SCEP:00 CPRV:1A3 PREV:2F"

static struct rv_iboot_serial parsed(const char *text)
{
    struct rv_error err = { 0 };
    struct rv_iboot_serial s;
    assert_works(rv_iboot_serial_parse(text, &s, &err), &err);
    return s;
}

static void a_rom_tells_its_build_and_no_serial_number(void **state)
{
    (void)state;
    struct rv_iboot_serial s = parsed(IPHONE_6_DFU);
    assert_true(s.have_chip && s.have_board && s.have_ecid);
    assert_int_equal(s.chip, 0x7000);
    assert_int_equal(s.board, 0);
    assert_true(s.ecid == 0x00022D3C10981026);
    assert_int_equal(s.flags, 0x1C);
    assert_string_equal(s.rom, "iBoot-1992.0.0.1.19");
    assert_string_equal(s.serial, "");
}

static void iboot_tells_its_serial_number_and_no_rom(void **state)
{
    (void)state;
    struct rv_iboot_serial s = parsed(IPHONE_X_RECOVERY);
    assert_int_equal(s.chip, 0x8015);
    assert_int_equal(s.board, 0x0E);
    assert_int_equal(s.domain, 1);
    assert_int_equal(s.fuses, 3);
    assert_int_equal(s.revision, 0x11);
    assert_string_equal(s.serial, "FK1WT6BPJCLH");
    assert_string_equal(s.rom, "");
}

static void a_port_controller_has_a_board_id_of_64_bits(void **state)
{
    (void)state;
    struct rv_iboot_serial s = parsed(IPHONE_16_PORT);
    assert_int_equal(s.chip, 0x22);
    assert_true(s.board == 0x0C814000);
    assert_int_equal(s.revision, 0x1A3);
}

static void a_missing_key_is_unknown_and_not_zero(void **state)
{
    (void)state;
    struct rv_iboot_serial s = parsed("CPID:8960 ECID:1");
    assert_true(s.have_chip && s.have_ecid);
    assert_false(s.have_board);
}

static void not_available_means_no_serial_number(void **state)
{
    (void)state;
    assert_string_equal(parsed("CPID:8140 SRNM:[N/A]").serial, "");
}

static void a_text_ends_at_the_first_bracket_and_hides_keys_inside(void **state)
{
    (void)state;
    struct rv_iboot_serial s = parsed("CPID:8015 SRNM:[AB] C] SRTG:[CPID:1111 x] ECID:5");
    assert_string_equal(s.serial, "AB");
    assert_int_equal(s.chip, 0x8015);
    assert_string_equal(s.rom, "CPID:1111 x");
    assert_true(s.ecid == 5);
}

static void the_first_of_two_keys_counts(void **state)
{
    (void)state;
    struct rv_iboot_serial s = parsed("ECID:1 ECID:2 CPID:8010 CPID:8015 SRNM:[A] SRNM:[B]");
    assert_true(s.ecid == 1);
    assert_int_equal(s.chip, 0x8010);
    assert_string_equal(s.serial, "A");
}

static void numbers_that_are_none_are_unknown(void **state)
{
    (void)state;
    struct rv_iboot_serial s = parsed("CPID:80G5 ECID:112233445566778899 BDID: CPID:[8015] CPFM:03");
    assert_false(s.have_chip);
    assert_false(s.have_ecid);
    assert_false(s.have_board);
}

static void hostile_letters_are_cleaned_and_long_texts_are_cut(void **state)
{
    (void)state;
    char text[400] = "SRNM:[a\x1b[31mb] IMEI:[";
    memset(text + strlen(text), 'x', 300);
    struct rv_iboot_serial s = parsed(text);
    assert_null(strchr(s.serial, '\x1b'));
    assert_int_equal(strlen(s.imei), RV_IBOOT_TEXT - 1);
}

static void a_string_with_no_known_key_is_refused(void **state)
{
    (void)state;
    static const char *const none[] = { "",    " ", ":", "[", "CPID", "CPID:", "XXXX:12", "d0afcec7cd3457a32cd94cb20d",
                                        "::::" };
    for (size_t i = 0; i < RV_COUNT(none); i++) {
        struct rv_error err = { 0 };
        struct rv_iboot_serial s;
        assert_fails(rv_iboot_serial_parse(none[i], &s, &err), &err, RV_E_FORMAT);
    }
}

static void nonces_come_with_a_leading_blank(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_iboot_nonces n;
    assert_works(rv_iboot_nonces_parse(" NONC:5C80FEFA733C35D4F339911A20E6FBDCFFE7E809", &n, &err), &err);
    assert_int_equal(n.ap_len, 20);
    assert_int_equal(n.sep_len, 0);
    assert_int_equal(n.ap[0], 0x5C);
    assert_works(rv_iboot_nonces_parse(" NONC:64da26686fb32ae9e948c522fb221071952f6d59f39944215af9186faacf8572 "
                                       "SNON:69230d1850cdf479f3bde102f39bd8423c3d3e79",
                                       &n, &err),
                 &err);
    assert_int_equal(n.ap_len, 32);
    assert_int_equal(n.sep_len, 20);
    assert_int_equal(n.sep[19], 0x79);
}

static void an_old_rom_has_a_nonce_of_eight_bytes(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_iboot_nonces n;
    assert_works(rv_iboot_nonces_parse(" NONC:0123456789ABCDEF", &n, &err), &err);
    assert_int_equal(n.ap_len, 8);
}

static void nonces_that_are_no_hex_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",          " NONC:",         " NONC:123",
                                       " NONC:xy",  " SNON:1234",     " NONC:1234 SNON:123",
                                       "NONC:[12]", " NONC:12 SNON:", "NONC" };
    for (size_t i = 0; i < RV_COUNT(bad); i++) {
        struct rv_error err = { 0 };
        struct rv_iboot_nonces n;
        assert_fails(rv_iboot_nonces_parse(bad[i], &n, &err), &err, RV_E_FORMAT);
    }
    char text[300] = "NONC:";
    memset(text + 5, 'A', 130);
    struct rv_error err = { 0 };
    struct rv_iboot_nonces n;
    assert_fails(rv_iboot_nonces_parse(text, &n, &err), &err, RV_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rom_tells_its_build_and_no_serial_number),
        cmocka_unit_test(iboot_tells_its_serial_number_and_no_rom),
        cmocka_unit_test(a_port_controller_has_a_board_id_of_64_bits),
        cmocka_unit_test(a_missing_key_is_unknown_and_not_zero),
        cmocka_unit_test(not_available_means_no_serial_number),
        cmocka_unit_test(a_text_ends_at_the_first_bracket_and_hides_keys_inside),
        cmocka_unit_test(the_first_of_two_keys_counts),
        cmocka_unit_test(numbers_that_are_none_are_unknown),
        cmocka_unit_test(hostile_letters_are_cleaned_and_long_texts_are_cut),
        cmocka_unit_test(a_string_with_no_known_key_is_refused),
        cmocka_unit_test(nonces_come_with_a_leading_blank),
        cmocka_unit_test(an_old_rom_has_a_nonce_of_eight_bytes),
        cmocka_unit_test(nonces_that_are_no_hex_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
