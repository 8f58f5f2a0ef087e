/* SPDX-License-Identifier: Apache-2.0 */
/* What a host sends to a device, as the transcript tells it. */
#include "support/test.h"

#include "base/file.h"
#include "sim/json.h"
#include "sim/model.h"
#include "sim/transcript.h"
#include "sim/world.h"

#include <stdio.h>
#include <string.h>

static struct world world;
static char path[300];

static int set_up(void **state)
{
    struct rv_error err = { 0 };
    (void)state;
    world_init(&world, NULL);
    snprintf(path, sizeof path, "%s/transcript.jsonl", world.dir);
    return sim_device_transcribe(world.device, path, &err) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    world_clear(&world);
    return 0;
}

static char *transcript(void)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) all = rv_file_read(path, 1 << 20, &err);
    assert_non_null(all);
    return rv_text_copy_n((const char *)all->data, all->len);
}

/* These parts come one after another. */
static void assert_in_order(const char *text, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(text, parts[i]);
        if (found == NULL)
            fail_msg("not there, or not in order: %s in\n%s", parts[i], text);
        text = found + strlen(parts[i]);
    }
}

static void an_upload_and_its_command_are_one_line_each(void **state)
{
    static const uint8_t bytes[] = "not an image";
    /* SHA-256 of the twelve letters and the zero behind them, by another program. */
    static const char *const parts[] = {
        "\"on\":\"device\",\"what\":\"attached\",\"value\":\"recovery\"",
        "\"on\":\"recovery\",\"what\":\"control\",\"value\":{\"setup\":\"4100000000000000\"}",
        "\"on\":\"recovery\",\"what\":\"upload\",\"value\":{\"bytes\":13,\"sha256\":"
        "\"5675a90b5bd19255",
        "\"on\":\"recovery\",\"what\":\"command\"",
        "\"text\":\"setpicture 4\"",
    };
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    world_upload(&world, rv_span(bytes, sizeof bytes));
    world_command(&world, "setpicture 4");
    RV_AUTO_TEXT text = transcript();
    assert_in_order(text, parts, RV_COUNT(parts));
}

static void a_dfu_download_is_one_line_with_its_blocks(void **state)
{
    static const char *const parts[] = { "\"on\":\"dfu\",\"what\":\"upload\",\"value\":{\"bytes\":4112,",
                                         "\"transfers\":3,\"largest\":2048,\"empty_transfer\":false,\"status_reads\":",
                                         "\"on\":\"dfu\",\"what\":\"control\",\"value\":{\"setup\":\"2101" };
    uint8_t bytes[4096] = { 0 };
    (void)state;
    sim_device_start(world.device, SIM_DFU);
    assert_true(world_dfu_send(&world, rv_span(bytes, sizeof bytes)));
    RV_AUTO_TEXT text = transcript();
    assert_in_order(text, parts, RV_COUNT(parts));
}

static void an_image_is_told_without_its_ticket(void **state)
{
    struct sim_identity id;
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    sim_device_identity(world.device, &id);
    RV_AUTO(rv_blob) ticket = world_ticket(&world, &id);
    RV_AUTO(rv_blob) image = world_image(&world, "iBEC", ticket);
    RV_AUTO_CLEAR(rv_buf) json = RV_BUF(4096);
    struct rv_error err = { 0 };
    char expected[80];
    assert_true(sim_json_add_digest(&json, rv_blob_span(image), &err) && rv_buf_add(&json, rv_span("", 1), &err));
    assert_non_null(strstr((const char *)json.data, "\"type\":\"ibec\""));
    snprintf(expected, sizeof expected, "\"ticket\":%zu,\"after_ticket\":0", ticket->len);
    assert_non_null(strstr((const char *)json.data, expected));
    snprintf(expected, sizeof expected, "\"image\":{\"bytes\":%zu,", world.im4p[1]->len);
    assert_non_null(strstr((const char *)json.data, expected));
}

static void a_property_list_keeps_its_types(void **state)
{
    uint8_t many[100] = { 0 };
    plist_t dict = plist_new_dict(), list = plist_new_array();
    RV_AUTO_CLEAR(rv_buf) json = RV_BUF(4096);
    struct rv_error err = { 0 };
    (void)state;
    plist_array_append_item(list, plist_new_uint(7));
    plist_array_append_item(list, plist_new_bool(1));
    plist_dict_set_item(dict, "List", list);
    plist_dict_set_item(dict, "Text \"1\"", plist_new_string("a\nb"));
    plist_dict_set_item(dict, "Short", plist_new_data("\x01\xFF", 2));
    plist_dict_set_item(dict, "Long", plist_new_data((const char *)many, sizeof many));
    assert_true(sim_json_add_plist(&json, dict, &err) && rv_buf_add(&json, rv_span("", 1), &err));
    /* The digest of a hundred zeroes, by another program. */
    assert_string_equal((const char *)json.data,
                        "{\"List\":[7,true],\"Text \\\"1\\\"\":\"a\\u000ab\",\"Short\":{\"data\":\"01ff\"},"
                        "\"Long\":{\"bytes\":100,\"sha256\":"
                        "\"cd00e292c5970d3c5e2f0ffa5171e555bc46bfc4faddfb4a418b6840b86e79a3\"}}");
    plist_free(dict);
}

static void a_list_nested_too_deep_is_not_followed(void **state)
{
    plist_t outer = plist_new_array();
    plist_t inner = outer;
    RV_AUTO_CLEAR(rv_buf) json = RV_BUF(4096);
    struct rv_error err = { 0 };
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        plist_t next = plist_new_array();
        plist_array_append_item(inner, next);
        inner = next;
    }
    assert_false(sim_json_add_plist(&json, outer, &err));
    assert_int_equal(err.code, RV_E_LIMIT);
    plist_free(outer);
}

static void recovery_shows_the_nonce_that_normal_mode_told(void **state)
{
    struct sim_identity told, shown, again;
    (void)state;
    sim_device_start(world.device, SIM_NORMAL);
    sim_device_identity(world.device, &told);
    sim_nonce_keep(world.device);
    sim_device_start(world.device, SIM_RECOVERY);
    sim_device_identity(world.device, &shown);
    assert_memory_equal(told.ap_nonce, shown.ap_nonce, sizeof told.ap_nonce);
    assert_memory_not_equal(told.sep_nonce, shown.sep_nonce, sizeof told.sep_nonce);
    sim_device_start(world.device, SIM_RECOVERY);
    sim_device_identity(world.device, &again);
    assert_memory_not_equal(again.ap_nonce, shown.ap_nonce, sizeof again.ap_nonce);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_upload_and_its_command_are_one_line_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dfu_download_is_one_line_with_its_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_is_told_without_its_ticket, set_up, tear_down),
        cmocka_unit_test(a_property_list_keeps_its_types),
        cmocka_unit_test(a_list_nested_too_deep_is_not_followed),
        cmocka_unit_test_setup_teardown(recovery_shows_the_nonce_that_normal_mode_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
