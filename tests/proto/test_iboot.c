/* SPDX-License-Identifier: Apache-2.0 */
/* The host half of Recovery mode against an iBoot in memory. */
#include "support/rv_test.h"

#include "proto/iboot.h"
#include "support/fake_usb.h"

struct iboot {
    char command[300];
    uint8_t request;
    unsigned commands, uploads_begun, empty_packets;
    size_t received, largest;
    const char *reply;
    /* faults */
    enum rv_code command_fails; /* of the first `fail_times` */
    unsigned fail_times;
    enum rv_code reply_fails;
    size_t bulk_fails_at; /* bytes; 0: never */
    unsigned bulk_failures;
    enum rv_code bulk_code;
    bool shorts; /* takes one byte less */
};

static bool iboot_bulk(struct iboot *iboot, size_t len, size_t *done, struct rv_error *err)
{
    if (len == 0)
        iboot->empty_packets++;
    if (iboot->bulk_fails_at != 0 && iboot->received >= iboot->bulk_fails_at && iboot->bulk_failures > 0) {
        iboot->bulk_failures--;
        *done = 0;
        return rv_fail(err, iboot->bulk_code, "bulk fault");
    }
    if (iboot->shorts && len > 0) {
        iboot->shorts = false;
        *done = len - 1;
    }
    iboot->received += len;
    iboot->largest = len > iboot->largest ? len : iboot->largest;
    return true;
}

static bool iboot_answer(struct fake_usb *fake, const struct rv_usb_setup *setup, uint8_t endpoint, uint8_t *data,
                         size_t len, size_t *done, struct rv_error *err)
{
    struct iboot *iboot = fake->own;
    if (setup == NULL) {
        assert_int_equal(endpoint, 0x04);
        return iboot_bulk(iboot, len, done, err);
    }
    if (setup->request_type == 0x41) {
        iboot->uploads_begun++;
        iboot->received = 0;
        return true;
    }
    if (setup->request_type == 0xC0) {
        if (iboot->reply_fails != RV_OK)
            return rv_fail(err, iboot->reply_fails, "reply fault");
        size_t n = strlen(iboot->reply);
        n = n < len ? n : len;
        memcpy(data, iboot->reply, n);
        *done = n;
        return true;
    }
    assert_int_equal(setup->request_type, 0x40);
    assert_int_equal(data[len - 1], 0);
    memcpy(iboot->command, data, len);
    iboot->request = setup->request;
    iboot->commands++;
    if (iboot->fail_times > 0) {
        iboot->fail_times--;
        return rv_fail(err, iboot->command_fails, "command fault");
    }
    return true;
}

struct stage {
    uint64_t now;
    struct rv_ctx ctx;
    struct fake_usb fake;
    struct iboot iboot;
    struct rv_usb *usb;
};

static int stage_open(void **state)
{
    struct rv_error err = { 0 };
    static const struct rv_usb_id id = { .vendor = 0x05AC, .product = 0x1281 };
    struct stage *stage = calloc(1, sizeof *stage);
    *state = stage;
    rv_cancel_init(&stage->ctx.cancel, &err);
    rv_clock_fake(&stage->ctx.clock, &stage->now);
    fake_usb_init(&stage->fake, &stage->ctx);
    stage->fake.answer = iboot_answer;
    stage->fake.own = &stage->iboot;
    stage->iboot.reply = "";
    stage->usb = rv_usb_open(&stage->fake.base, &id, &err);
    return stage->usb == NULL;
}

static int stage_close(void **state)
{
    struct stage *stage = *state;
    rv_usb_free(stage->usb);
    rv_cancel_clear(&stage->ctx.cancel);
    free(stage);
    return 0;
}

static void a_plain_command_travels_with_request_0_and_its_nul(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    assert_works(rv_iboot_command(s->usb, "setenv auto-boot true", &err), &err);
    assert_string_equal(s->iboot.command, "setenv auto-boot true");
    assert_int_equal(s->iboot.request, 0);
}

static void the_five_verbs_that_leave_travel_with_request_1(void **state)
{
    struct stage *s = *state;
    static const char *const verbs[] = { "go", "bootx", "reboot", "memboot", "reset" };
    for (size_t i = 0; i < RV_COUNT(verbs); i++) {
        struct rv_error err = { 0 };
        assert_works(rv_iboot_command(s->usb, verbs[i], &err), &err);
        assert_int_equal(s->iboot.request, 1);
    }
    struct rv_error err = { 0 };
    assert_works(rv_iboot_command(s->usb, "gopher", &err), &err);
    assert_int_equal(s->iboot.request, 0);
}

static void a_device_that_drops_off_during_reboot_has_done_as_told(void **state)
{
    struct stage *s = *state;
    static const enum rv_code codes[] = { RV_E_GONE, RV_E_REFUSED, RV_E_TIMEOUT, RV_E_PROTOCOL };
    for (size_t i = 0; i < RV_COUNT(codes); i++) {
        struct rv_error err = { 0 };
        s->iboot.command_fails = codes[i];
        s->iboot.fail_times = 1;
        assert_works(rv_iboot_command(s->usb, "reboot", &err), &err);
    }
    struct rv_error err = { 0 };
    s->iboot.command_fails = RV_E_GONE;
    s->iboot.fail_times = 1;
    assert_fails(rv_iboot_command(s->usb, "ramdisk", &err), &err, RV_E_GONE);
}

static void only_harmless_commands_are_said_twice(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    s->iboot.command_fails = RV_E_TIMEOUT;
    s->iboot.fail_times = 1;
    assert_works(rv_iboot_command(s->usb, "saveenv", &err), &err);
    assert_int_equal(s->iboot.commands, 2);
    s->iboot.fail_times = 1;
    assert_fails(rv_iboot_command(s->usb, "devicetree", &err), &err, RV_E_TIMEOUT);
    assert_int_equal(s->iboot.commands, 3);
}

static void a_command_longer_than_255_letters_is_not_sent(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    char text[300];
    memset(text, 'x', sizeof text - 1);
    text[299] = '\0';
    assert_fails(rv_iboot_command(s->usb, text, &err), &err, RV_E_LIMIT);
    assert_int_equal(s->iboot.commands, 0);
    text[255] = '\0';
    assert_works(rv_iboot_command(s->usb, text, &err), &err);
}

static void a_variable_is_read_and_cleaned(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    char out[64];
    s->iboot.reply = "tr\x1bue";
    assert_works(rv_iboot_getenv(s->usb, "auto-boot", out, sizeof out, &err), &err);
    assert_string_equal(out, "tr?ue");
    assert_string_equal(s->iboot.command, "getenv auto-boot");
}

static void an_unknown_variable_is_empty_whether_iboot_stalls_or_says_nothing(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    char out[64] = "old";
    assert_works(rv_iboot_getenv(s->usb, "nothing", out, sizeof out, &err), &err);
    assert_string_equal(out, "");
    s->iboot.reply_fails = RV_E_REFUSED;
    assert_works(rv_iboot_getenv(s->usb, "nothing", out, sizeof out, &err), &err);
    s->iboot.command_fails = RV_E_REFUSED;
    s->iboot.fail_times = 1;
    assert_works(rv_iboot_getenv(s->usb, "nothing", out, sizeof out, &err), &err);
    assert_string_equal(out, "");
    s->iboot.reply_fails = RV_E_GONE;
    assert_fails(rv_iboot_getenv(s->usb, "nothing", out, sizeof out, &err), &err, RV_E_GONE);
}

static void an_upload_goes_in_chunks_and_ends_with_a_short_packet(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    static uint8_t bytes[3 * 0x100000];
    assert_works(rv_iboot_upload(s->usb, rv_span(bytes, sizeof bytes), NULL, NULL, &err), &err);
    assert_int_equal(s->iboot.received, sizeof bytes);
    assert_int_equal(s->iboot.largest % 512, 0); /* a short packet inside would end the upload */
    assert_true(s->iboot.largest < sizeof bytes);
    assert_int_equal(s->iboot.empty_packets, 1);
    assert_works(rv_iboot_upload(s->usb, rv_span(bytes, 0x8001), NULL, NULL, &err), &err);
    assert_int_equal(s->iboot.received, 0x8001);
    assert_int_equal(s->iboot.empty_packets, 1);
}

static void a_stalled_upload_is_cleared_and_begun_again(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    static uint8_t bytes[0x200001];
    s->iboot.bulk_fails_at = 0x100000;
    s->iboot.bulk_failures = 1;
    s->iboot.bulk_code = RV_E_REFUSED;
    assert_works(rv_iboot_upload(s->usb, rv_span(bytes, sizeof bytes), NULL, NULL, &err), &err);
    assert_int_equal(s->iboot.uploads_begun, 2);
    assert_int_equal(s->fake.halts_cleared, 1);
    assert_int_equal(s->iboot.received, sizeof bytes);
}

static void a_short_transfer_counts_as_a_failure(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    static uint8_t bytes[1000];
    s->iboot.shorts = true;
    assert_works(rv_iboot_upload(s->usb, rv_span(bytes, sizeof bytes), NULL, NULL, &err), &err);
    assert_int_equal(s->iboot.uploads_begun, 2);
}

static void an_upload_to_a_device_that_left_is_not_repeated(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    static uint8_t bytes[0x200001];
    s->iboot.bulk_fails_at = 0x100000;
    s->iboot.bulk_failures = 9;
    s->iboot.bulk_code = RV_E_GONE;
    assert_fails(rv_iboot_upload(s->usb, rv_span(bytes, sizeof bytes), NULL, NULL, &err), &err, RV_E_GONE);
    assert_int_equal(s->iboot.uploads_begun, 1);
    s->iboot.bulk_code = RV_E_TIMEOUT;
    assert_fails(rv_iboot_upload(s->usb, rv_span(bytes, sizeof bytes), NULL, NULL, &err), &err, RV_E_TIMEOUT);
    assert_int_equal(s->iboot.uploads_begun, 3);
}

static void a_cancelled_run_sends_nothing_not_even_a_reboot(void **state)
{
    struct stage *s = *state;
    struct rv_error err = { 0 };
    rv_cancel_ask(&s->ctx.cancel);
    assert_fails(rv_iboot_command(s->usb, "reboot", &err), &err, RV_E_CANCELLED);
    assert_int_equal(s->iboot.commands, 0);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, stage_open, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_plain_command_travels_with_request_0_and_its_nul),
        STAGED(the_five_verbs_that_leave_travel_with_request_1),
        STAGED(a_device_that_drops_off_during_reboot_has_done_as_told),
        STAGED(only_harmless_commands_are_said_twice),
        STAGED(a_command_longer_than_255_letters_is_not_sent),
        STAGED(a_variable_is_read_and_cleaned),
        STAGED(an_unknown_variable_is_empty_whether_iboot_stalls_or_says_nothing),
        STAGED(an_upload_goes_in_chunks_and_ends_with_a_short_packet),
        STAGED(a_stalled_upload_is_cleared_and_begun_again),
        STAGED(a_short_transfer_counts_as_a_failure),
        STAGED(an_upload_to_a_device_that_left_is_not_repeated),
        STAGED(a_cancelled_run_sends_nothing_not_even_a_reboot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
