/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "base/file.h"
#include "device/identity.h"
#include "device/memory.h"

static void a_new_udid_holds_chip_and_ecid(void **state)
{
    (void)state;
    struct rv_identity id = { 0 };
    rv_identity_set_udid(&id, "00008110000A1234567890AB");
    assert_string_equal(id.udid, "00008110-000A1234567890AB");
    assert_true(id.ecid == 0x000A1234567890AB);
    assert_int_equal(id.chip, 0x8110);
    struct rv_identity again = { 0 };
    rv_identity_set_udid(&again, id.udid);
    assert_string_equal(again.udid, id.udid);
    assert_true(again.ecid == id.ecid);
}

static void an_old_udid_holds_neither(void **state)
{
    (void)state;
    struct rv_identity id = { 0 };
    rv_identity_set_udid(&id, "d0afcec7cd3457a32cd94cb20dd5cdcb1c9c8ef9");
    assert_true(id.ecid == 0);
    assert_false(id.have_chip);
    assert_string_equal(id.udid, "d0afcec7cd3457a32cd94cb20dd5cdcb1c9c8ef9");
}

static void strange_udids_are_kept_as_names_and_tell_nothing(void **state)
{
    (void)state;
    static const char *const strange[] = { "", "x", "00008110-000A1234567890A", "0000811g000A1234567890AB",
                                           "00008110_000A1234567890AB" };
    for (size_t i = 0; i < RV_COUNT(strange); i++) {
        struct rv_identity id = { 0 };
        rv_identity_set_udid(&id, strange[i]);
        assert_true(id.ecid == 0);
    }
}

static void a_port_controller_is_the_phone_packed_in_its_board_id(void **state)
{
    (void)state;
    struct rv_identity id = { 0 };
    rv_identity_from_usb(
        &id, RV_MODE_PORT_DFU,
        "SDOM:01 CPID:0022 BDID:000000000C814000 ECID:747D1772145A9529 CPFM:03 SCEP:00 CPRV:1A3 PREV:2F");
    assert_int_equal(id.chip, 0x8140);
    assert_int_equal(id.board, 0x0C);
    assert_string_equal(id.name, "iPhone 16 Pro");
    assert_true(id.ecid == 0); /* the controller's is not the phone's */
}

static void two_phones_with_one_chip_differ_by_board(void **state)
{
    (void)state;
    struct rv_identity x = { 0 }, eight = { 0 };
    rv_identity_from_usb(&x, RV_MODE_RECOVERY, "CPID:8015 BDID:0E ECID:1");
    rv_identity_from_usb(&eight, RV_MODE_RECOVERY, "CPID:8015 BDID:0C ECID:2");
    assert_string_equal(x.name, "iPhone X");
    assert_string_not_equal(eight.name, x.name);
}

static void values_of_lockdown_and_of_restored_are_both_read(void **state)
{
    (void)state;
    struct rv_identity id = { 0 };
    plist_t values = plist_new_dict();
    plist_dict_set_item(values, "UniqueChipID", plist_new_uint(0x000C2C680044E02Eull));
    plist_dict_set_item(values, "ChipID", plist_new_uint(0x8015));
    plist_dict_set_item(values, "BoardID", plist_new_uint(0x0E));
    plist_dict_set_item(values, "ProductVersion", plist_new_string("11.2\x1b[1m"));
    rv_identity_from_values(&id, values);
    assert_string_equal(id.hardware_model, "d221ap");
    assert_string_equal(id.version, "11.2?[1m");
    plist_dict_set_item(values, "ChipID", plist_new_string("nonsense"));
    plist_dict_set_item(values, "UniqueDeviceID", plist_new_uint(5));
    rv_identity_from_values(&id, values);
    rv_identity_from_values(&id, NULL);
    assert_int_equal(id.chip, 0x8015);
    plist_free(values);
}

static void the_memory_survives_the_program(void **state)
{
    struct rv_ctx ctx = { .state_dir = *state };
    static struct rv_memory first, second;
    struct rv_identity id = { .ecid = 0x1234,
                              .udid = "d0afcec7cd3457a32cd94cb20dd5cdcb1c9c8ef9",
                              .device_name = "Ann's \"X\"" };
    assert_true(rv_memory_note(&first, &id));
    assert_false(rv_memory_note(&first, &id));
    rv_memory_save(&ctx, &first);
    rv_memory_load(&ctx, &second);
    struct rv_identity recovery = { .ecid = 0x1234 };
    rv_memory_recall(&second, &recovery);
    assert_string_equal(recovery.udid, id.udid);
    assert_string_equal(recovery.device_name, "Ann's \"X\"");
    struct rv_identity other = { .ecid = 0x9999 };
    rv_memory_recall(&second, &other);
    assert_string_equal(other.udid, "");
}

static void a_damaged_memory_is_an_empty_one(void **state)
{
    struct rv_ctx ctx = { .state_dir = *state };
    static struct rv_memory memory;
    struct rv_error err = { 0 };
    static const char *const broken[] = { "", "{", "[1, null, {\"ecid\": 5}, {\"ecid\": \"0x0\", \"udid\": \"a\"}]",
                                          "[{\"ecid\": \"0x12\"}]", "\"text\"" };
    RV_AUTO_TEXT path = rv_path_join(*state, "devices.json", &err);
    for (size_t i = 0; i < RV_COUNT(broken); i++) {
        assert_works(rv_file_write_atomic(path, rv_span(broken[i], strlen(broken[i])), 0600, &err), &err);
        rv_memory_load(&ctx, &memory);
        assert_int_equal(memory.count, 0);
    }
}

static void a_full_memory_forgets_the_oldest(void **state)
{
    (void)state;
    static struct rv_memory memory;
    for (uint64_t i = 1; i <= RV_MEMORY_MAX + 1; i++) {
        struct rv_identity id = { .ecid = i };
        snprintf(id.udid, sizeof id.udid, "%llu", (unsigned long long)i);
        assert_true(rv_memory_note(&memory, &id));
    }
    assert_int_equal(memory.count, RV_MEMORY_MAX);
    assert_true(memory.rows[0].ecid == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_udid_holds_chip_and_ecid),
        cmocka_unit_test(an_old_udid_holds_neither),
        cmocka_unit_test(strange_udids_are_kept_as_names_and_tell_nothing),
        cmocka_unit_test(a_port_controller_is_the_phone_packed_in_its_board_id),
        cmocka_unit_test(two_phones_with_one_chip_differ_by_board),
        cmocka_unit_test(values_of_lockdown_and_of_restored_are_both_read),
        cmocka_unit_test(the_memory_survives_the_program),
        cmocka_unit_test(a_damaged_memory_is_an_empty_one),
        cmocka_unit_test(a_full_memory_forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
