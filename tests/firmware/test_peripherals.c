/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/fixture.h"

#include "firmware/peripherals.h"
#include "format/ftab.h"

static struct fixture f;
static struct rv_ipsw *ipsw;
static plist_t identity; /* copy of the fixture's, with coprocessors added */

static void add_component(const char *name, const char *path, struct rv_span content)
{
    plist_t entry = plist_new_dict(), info = plist_new_dict();
    plist_dict_set_item(info, "Path", plist_new_string(path));
    plist_dict_set_item(entry, "Info", info);
    plist_dict_set_item(entry, "Digest", plist_new_data("thirty-two bytes of digest......", 32));
    plist_dict_set_item(rv_plist_dict(identity, "Manifest"), name, entry);
    if (content.ptr != NULL)
        fixture_write(&f, path, content);
}

static plist_t manifest_entry(const char *name)
{
    return rv_identity_component(identity, name);
}

static void add_ftab(const char *component, const char *path, const char *tag)
{
    uint8_t ftab[80] = { 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF };
    memcpy(ftab + 32, "rkosftab", 8);
    rv_put_u32le(ftab + 40, 1);
    memcpy(ftab + 48, tag, 4);
    rv_put_u32le(ftab + 52, 64);
    rv_put_u32le(ftab + 56, 16);
    snprintf((char *)ftab + 64, 16, "%.15s", component);
    add_component(component, path, rv_span(ftab, sizeof ftab));
}

static int start(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    fixture_start(&f);
    ipsw = rv_ipsw_open(&f.ctx, f.content, &err);
    assert_fine(ipsw != NULL);
    identity = plist_copy(fixture_identity(ipsw, RV_BEHAVIOR_UPDATE));
    add_component("SEP", "Firmware/all_flash/sep.im4p", rv_span(NULL, 0));
    add_component("SE,UpdatePayload", "Firmware/SE/x.sefw", RV_SPAN_TEXT("se firmware"));
    plist_dict_set_item(manifest_entry("SE,UpdatePayload"), "ProductionUpdatePayloadHash", plist_new_data("p", 1));
    plist_dict_set_item(manifest_entry("SE,UpdatePayload"), "DevelopmentUpdatePayloadHash", plist_new_data("d", 1));
    add_component("Savage,B0-Prod-Patch", "Firmware/Savage/b0.fw", RV_SPAN_TEXT("b0"));
    add_component("Savage,B2-Prod-Patch", "Firmware/Savage/b2.fw", RV_SPAN_TEXT("savage b2"));
    add_component("Yonkers,SysTopPatch0", "Firmware/Yonkers/0.fw", RV_SPAN_TEXT("y0"));
    add_component("Yonkers,SysTopPatch1", "Firmware/Yonkers/1.fw", RV_SPAN_TEXT("yonkers 1"));
    plist_dict_set_item(manifest_entry("Yonkers,SysTopPatch0"), "EPRO", plist_new_bool(0));
    plist_dict_set_item(manifest_entry("Yonkers,SysTopPatch0"), "FabRevision", plist_new_uint(6657));
    plist_dict_set_item(manifest_entry("Yonkers,SysTopPatch1"), "EPRO", plist_new_bool(1));
    plist_dict_set_item(manifest_entry("Yonkers,SysTopPatch1"), "FabRevision", plist_new_uint(6657));
    add_ftab("Rap,RTKitOS", "Firmware/Rose/ftab.bin", "rkos");
    add_ftab("Rap,RestoreRTKitOS", "Firmware/Rose/rftab.bin", "rrko");
    add_component("BMU,FirmwareMap", "Firmware/Veridian/map.plist",
                  RV_SPAN_TEXT("<plist version=\"1.0\"><dict><key>k</key><integer>1</integer></dict></plist>"));
    plist_dict_set_item(identity, "BMU,BoardID", plist_new_uint(5715));
    plist_dict_set_item(identity, "Savage,ChipID", plist_new_string("0x01"));
    plist_dict_set_item(identity, "Savage,PatchEpoch", plist_new_string("0x00"));
    plist_dict_set_item(identity, "Cryptex1,ChipID", plist_new_string("0xFF10"));
    plist_dict_set_item(identity, "Cryptex1,Version", plist_new_string("23.3.71"));
    return 0;
}

static int end(void **state)
{
    (void)state;
    plist_free(identity);
    rv_ipsw_free(ipsw);
    fixture_end(&f);
    return 0;
}

static plist_t arguments_of(const char *updater, plist_t info)
{
    plist_t a = plist_new_dict();
    plist_dict_set_item(a, "MessageArgType", plist_new_string("FirmwareResponseData"));
    plist_dict_set_item(a, "MessageArgUpdaterName", plist_new_string(updater));
    plist_dict_set_item(a, "MessageArgInfo", info);
    return a;
}

static void put_data(plist_t to, const char *key)
{
    plist_dict_set_item(to, key, plist_new_data("data", 4));
}

static struct rv_peripheral_ask ask_fine(plist_t arguments)
{
    struct rv_error err = { 0 };
    struct rv_peripheral_ask ask;
    assert_fine(rv_peripheral_request(identity, 99, arguments, &ask, &err));
    return ask;
}

static plist_t firmware_of(const struct rv_peripheral_ask *ask)
{
    struct rv_error err = { 0 };
    plist_t firmware = NULL;
    assert_fine(rv_peripheral_firmware(ipsw, identity, ask, &firmware, &err));
    return firmware;
}

static struct rv_span data_node(plist_t node)
{
    uint64_t len = 0;
    const char *ptr = plist_get_data_ptr(node, &len);
    return rv_span(ptr, len);
}

static void the_secure_element_sends_only_the_keys_of_its_kind(void **state)
{
    (void)state;
    plist_t info = plist_new_dict();
    plist_dict_set_item(info, "SE,ChipID", plist_new_uint(0x73));
    put_data(info, "SE,ID");
    put_data(info, "SE,Nonce");
    put_data(info, "SE,RootKeyIdentifier");
    RV_AUTO_PLIST arguments = arguments_of("SE", info);
    struct rv_peripheral_ask ask = ask_fine(arguments);
    assert_string_equal(ask.ticket, "SE,Ticket");
    assert_true(rv_plist_bool(ask.request, "@SE,Ticket", false) && rv_plist_bool(ask.request, "@BBTicket", false));
    plist_t payload = rv_plist_dict(ask.request, "SE,UpdatePayload");
    assert_non_null(rv_plist_node(payload, "ProductionUpdatePayloadHash"));
    assert_null(rv_plist_node(payload, "DevelopmentUpdatePayloadHash"));
    assert_null(rv_plist_node(payload, "Info"));
    RV_AUTO_PLIST firmware = firmware_of(&ask);
    assert_true(rv_span_equal(data_node(firmware), RV_SPAN_TEXT("se firmware")));
    rv_peripheral_ask_clear(&ask);
    plist_t own = plist_new_dict();
    plist_dict_set_item(own, "@SE2,Ticket", plist_new_bool(1));
    plist_dict_set_item(arguments, "DeviceGeneratedRequest", own);
    ask = ask_fine(arguments);
    assert_string_equal(ask.ticket, "SE2,Ticket");
    assert_null(rv_plist_node(ask.request, "@SE,Ticket"));
    rv_peripheral_ask_clear(&ask);
}

static void savage_takes_the_patch_of_its_revision_with_a_length_before_it(void **state)
{
    (void)state;
    uint64_t v = 7;
    plist_t info = plist_new_dict();
    put_data(info, "Savage,UID");
    put_data(info, "Savage,Nonce");
    plist_dict_set_item(info, "Savage,ProductionMode", plist_new_bool(1));
    plist_dict_set_item(info, "Savage,Revision", plist_new_data("\x21", 1));
    RV_AUTO_PLIST arguments = arguments_of("Savage", info);
    struct rv_peripheral_ask ask = ask_fine(arguments);
    assert_string_equal(ask.component, "Savage,B2-Prod-Patch");
    assert_true(rv_plist_uint(ask.request, "Savage,ChipID", &v) && v == 1); /* from the identity, as integer */
    assert_non_null(rv_plist_dict(ask.request, "Savage,B2-Prod-Patch"));
    assert_null(rv_plist_node(ask.request, "Savage,B0-Prod-Patch"));
    assert_int_equal(rv_plist_data(rv_plist_dict(ask.request, "SEP"), "Digest").len, 32);
    RV_AUTO_PLIST firmware = firmware_of(&ask);
    assert_true(rv_span_equal(data_node(firmware), RV_SPAN_TEXT("\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0savage b2")));
    rv_peripheral_ask_clear(&ask);
    struct rv_error err = { 0 };
    plist_dict_set_item(info, "Savage,Revision", plist_new_data("\xA1", 1));
    assert_false(rv_peripheral_request(identity, 99, arguments, &ask, &err));
    assert_true(test_error_says(&err, "Savage,BA-Prod-Patch"));
}

static void yonkers_comes_under_savages_name(void **state)
{
    (void)state;
    plist_t info = plist_new_dict(), inner = plist_new_dict();
    put_data(inner, "Yonkers,Nonce");
    plist_dict_set_item(inner, "Yonkers,ProductionMode", plist_new_bool(1));
    plist_dict_set_item(inner, "Yonkers,FabRevision", plist_new_uint(6657));
    plist_dict_set_item(info, "YonkersDeviceInfo", inner);
    RV_AUTO_PLIST arguments = arguments_of("Savage", info);
    struct rv_peripheral_ask ask = ask_fine(arguments);
    assert_string_equal(ask.ticket, "Yonkers,Ticket");
    assert_string_equal(ask.component, "Yonkers,SysTopPatch1");
    RV_AUTO_PLIST firmware = firmware_of(&ask);
    assert_true(rv_span_equal(rv_plist_data(firmware, "YonkersFirmware"), RV_SPAN_TEXT("yonkers 1")));
    rv_peripheral_ask_clear(&ask);
    struct rv_error err = { 0 };
    plist_dict_set_item(inner, "Yonkers,FabRevision", plist_new_uint(1));
    assert_false(rv_peripheral_request(identity, 99, arguments, &ask, &err));
}

static void rose_gets_the_restore_part_into_its_ftab(void **state)
{
    (void)state;
    struct rv_span part;
    plist_t info = plist_new_dict();
    put_data(info, "Rap,Nonce");
    plist_dict_set_item(info, "Rap,ECID", plist_new_uint(5));
    RV_AUTO_PLIST arguments = arguments_of("Rose", info);
    struct rv_peripheral_ask ask = ask_fine(arguments);
    assert_string_equal(ask.ticket, "Rap,Ticket");
    assert_non_null(rv_plist_dict(ask.request, "Rap,RTKitOS"));
    RV_AUTO_PLIST firmware = firmware_of(&ask);
    assert_true(rv_ftab_find(data_node(firmware), "rkos", &part));
    assert_true(rv_ftab_find(data_node(firmware), "rrko", &part));
    rv_peripheral_ask_clear(&ask);
}

static void veridian_gets_its_map_with_the_digest_in_it(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    uint64_t v = 0;
    plist_t info = plist_new_dict();
    put_data(info, "Nonce");
    plist_dict_set_item(info, "ChipID", plist_new_uint(57601));
    plist_dict_set_item(info, "UniqueID", plist_new_uint(8));
    RV_AUTO_PLIST arguments = arguments_of("T200", info);
    struct rv_peripheral_ask ask = ask_fine(arguments);
    assert_true(rv_plist_uint(ask.request, "BMU,BoardID", &v) && v == 5715);
    assert_true(rv_plist_uint(ask.request, "BMU,ChipID", &v) && v == 57601);
    RV_AUTO_PLIST firmware = firmware_of(&ask);
    RV_AUTO_PLIST map = rv_plist_parse(data_node(firmware), &err);
    assert_fine(map != NULL);
    assert_int_equal(rv_plist_data(map, "fw_map_digest").len, 32);
    assert_true(rv_plist_uint(map, "k", &v) && v == 1);
    rv_peripheral_ask_clear(&ask);
}

static void cryptexes_take_their_tags_from_identity_info_and_device(void **state)
{
    (void)state;
    uint64_t v = 0;
    plist_t own = plist_new_dict(), tags = plist_new_dict(), names = plist_new_array();
    RV_AUTO_PLIST arguments = arguments_of("Cryptex1", plist_new_dict());
    plist_array_append_item(names, plist_new_string("Cryptex1,ChipID"));
    plist_array_append_item(names, plist_new_string("Cryptex1,Version"));
    plist_dict_set_item(tags, "BuildIdentityTags", names);
    plist_dict_set_item(arguments, "DeviceGeneratedTags", tags);
    struct rv_error err = { 0 };
    struct rv_peripheral_ask ask;
    assert_false(rv_peripheral_request(identity, 99, arguments, &ask, &err));
    put_data(own, "Cryptex1,Nonce");
    plist_dict_set_item(arguments, "DeviceGeneratedRequest", own);
    ask = ask_fine(arguments);
    assert_true(rv_plist_bool(ask.request, "@Cryptex1,Ticket", false));
    assert_null(rv_plist_node(ask.request, "@BBTicket"));
    assert_true(rv_plist_uint(ask.request, "Cryptex1,ChipID", &v) && v == 0xFF10);
    assert_string_equal(rv_plist_text(ask.request, "Cryptex1,Version"), "23.3.71");
    assert_int_equal(rv_plist_data(ask.request, "Cryptex1,Nonce").len, 4);
    assert_true(rv_plist_uint(ask.request, "ApECID", &v) && v == 99);
    assert_null(firmware_of(&ask));
    rv_peripheral_ask_clear(&ask);
}

static void an_unknown_part_is_asked_for_as_the_device_says(void **state)
{
    (void)state;
    plist_t own = plist_new_dict(), tags = plist_new_dict(), names = plist_new_array();
    RV_AUTO_PLIST arguments = arguments_of("Centauri", plist_new_dict());
    struct rv_error err = { 0 };
    struct rv_peripheral_ask ask;
    assert_false(rv_peripheral_request(identity, 99, arguments, &ask, &err));
    assert_int_equal(err.code, RV_E_UNSUPPORTED);
    assert_true(test_error_says(&err, "'Centauri'"));
    plist_array_append_item(names, plist_new_string("Wireless1,Ticket"));
    plist_dict_set_item(tags, "ResponseTags", names);
    plist_dict_set_item(arguments, "DeviceGeneratedTags", tags);
    plist_dict_set_item(own, "@Wireless1,Ticket", plist_new_bool(1));
    plist_dict_set_item(arguments, "DeviceGeneratedRequest", own);
    ask = ask_fine(arguments);
    assert_string_equal(ask.ticket, "Wireless1,Ticket");
    assert_int_equal(plist_dict_get_size(ask.request), 1); /* the device's own, and nothing else */
    rv_peripheral_ask_clear(&ask);
}

static void firmware_goes_back_only_when_the_device_wants_it(void **state)
{
    (void)state;
    plist_t info = plist_new_dict(), tags = plist_new_dict(), names = plist_new_array();
    put_data(info, "Rap,Nonce");
    RV_AUTO_PLIST arguments = arguments_of("Rose", info);
    plist_array_append_item(names, plist_new_string("Rap,Ticket"));
    plist_dict_set_item(tags, "ResponseTags", names);
    plist_dict_set_item(arguments, "DeviceGeneratedTags", tags);
    struct rv_peripheral_ask ask = ask_fine(arguments);
    assert_null(firmware_of(&ask));
    rv_peripheral_ask_clear(&ask);
    plist_array_append_item(names, plist_new_string("FirmwareData"));
    ask = ask_fine(arguments);
    RV_AUTO_PLIST firmware = firmware_of(&ask);
    assert_non_null(firmware);
    rv_peripheral_ask_clear(&ask);
}

static void what_lacks_its_nonce_is_refused_with_its_name(void **state)
{
    (void)state;
    static const char *const updaters[] = { "SE", "Savage", "Rose", "T200", "AppleTCON", "AppleTypeCRetimer" };
    for (size_t i = 0; i < RV_COUNT(updaters); i++) {
        struct rv_error err = { 0 };
        struct rv_peripheral_ask ask;
        RV_AUTO_PLIST arguments = arguments_of(updaters[i], plist_new_dict());
        assert_false(rv_peripheral_request(identity, 99, arguments, &ask, &err));
        assert_int_equal(err.code, RV_E_PROTOCOL);
        assert_true(test_error_says(&err, updaters[i]));
    }
    struct rv_error err = { 0 };
    struct rv_peripheral_ask ask;
    RV_AUTO_PLIST empty = plist_new_dict();
    assert_false(rv_peripheral_request(identity, 99, empty, &ask, &err));
    assert_int_equal(err.code, RV_E_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_secure_element_sends_only_the_keys_of_its_kind),
        cmocka_unit_test(savage_takes_the_patch_of_its_revision_with_a_length_before_it),
        cmocka_unit_test(yonkers_comes_under_savages_name),
        cmocka_unit_test(rose_gets_the_restore_part_into_its_ftab),
        cmocka_unit_test(veridian_gets_its_map_with_the_digest_in_it),
        cmocka_unit_test(cryptexes_take_their_tags_from_identity_info_and_device),
        cmocka_unit_test(an_unknown_part_is_asked_for_as_the_device_says),
        cmocka_unit_test(firmware_goes_back_only_when_the_device_wants_it),
        cmocka_unit_test(what_lacks_its_nonce_is_refused_with_its_name),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/peripherals", tests, start, end);
}
