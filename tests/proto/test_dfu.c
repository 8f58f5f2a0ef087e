/* SPDX-License-Identifier: Apache-2.0 */
/* The host half of DFU against a ROM in memory that counts what it gets. */
#include "support/rv_test.h"

#include "proto/dfu.h"
#include "support/fake_usb.h"

enum { BLOCK = 0x800, GETSTATUS = 3, CLRSTATUS = 4, GETSTATE = 5, ABORT = 6, DNLOAD = 1, ROOM = 16 * BLOCK };

struct rom {
    uint8_t state;
    uint8_t got[ROOM];
    size_t got_len;
    uint16_t numbers[64]; /* of each download */
    size_t lengths[64], downloads;
    unsigned aborts, clears, statuses;
    /* faults */
    size_t fail_download; /* number from 1 that ends in dfuERROR; 0: none */
    bool fail_always, gone, short_status;
    uint8_t stuck_state; /* 0: moves on */
};

static bool rom_download(struct rom *rom, uint16_t value, const uint8_t *data, size_t len, struct rv_error *err)
{
    rom->numbers[rom->downloads % 64] = value;
    rom->lengths[rom->downloads % 64] = len;
    rom->downloads++;
    if (rom->downloads == rom->fail_download || rom->fail_always) {
        rom->state = 10;
        return rv_fail(err, RV_E_REFUSED, "stall");
    }
    if (len == 0) {
        rom->state = 6;
        return true;
    }
    assert_true(rom->got_len + len <= ROOM);
    memcpy(rom->got + rom->got_len, data, len);
    rom->got_len += len;
    rom->state = 5;
    return true;
}

static bool rom_answer(struct fake_usb *fake, const struct rv_usb_setup *setup, uint8_t endpoint, uint8_t *data,
                       size_t len, size_t *done, struct rv_error *err)
{
    struct rom *rom = fake->own;
    (void)endpoint;
    assert_non_null(setup); /* endpoint 0 only */
    assert_int_equal(setup->index, 0);
    if (rom->gone)
        return rv_fail(err, RV_E_GONE, "no device");
    if (setup->request == DNLOAD)
        return rom_download(rom, setup->value, data, len, err);
    if (setup->request == GETSTATE) {
        data[0] = rom->state;
        return true;
    }
    if (setup->request == ABORT || setup->request == CLRSTATUS) {
        rom->aborts += setup->request == ABORT;
        rom->clears += setup->request == CLRSTATUS;
        rom->state = 2;
        rom->got_len = 0;
        return true;
    }
    assert_int_equal(setup->request, GETSTATUS);
    assert_int_equal(len, 6);
    rom->statuses++;
    memset(data, 0, 6);
    data[4] = rom->stuck_state != 0 ? rom->stuck_state : rom->state;
    if (rom->state >= 6 && rom->state < 8)
        rom->state++;
    if (rom->short_status)
        *done = 4;
    return true;
}

struct stage {
    uint64_t now;
    struct rv_ctx ctx;
    struct fake_usb fake;
    struct rom rom;
    struct rv_usb *usb;
};

static void stage_open(struct stage *stage)
{
    struct rv_error err = { 0 };
    static const struct rv_usb_id id = { .vendor = 0x05AC, .product = 0x1227 };
    memset(stage, 0, sizeof *stage);
    assert_true(rv_cancel_init(&stage->ctx.cancel, &err));
    rv_clock_fake(&stage->ctx.clock, &stage->now);
    fake_usb_init(&stage->fake, &stage->ctx);
    stage->fake.answer = rom_answer;
    stage->fake.own = &stage->rom;
    stage->rom.state = 2;
    stage->usb = rv_usb_open(&stage->fake.base, &id, &err);
    assert_non_null(stage->usb);
}

static void stage_close(struct stage *stage)
{
    rv_usb_free(stage->usb);
    rv_cancel_clear(&stage->ctx.cancel);
}

static void the_known_image_gets_the_known_checksum(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    uint8_t image[500];
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t) "hello"[i % 5];
    stage_open(&s);
    assert_works(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err);
    static const uint8_t suffix[16] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xAC, 0x05, 0x00, 0x01,
                                        0x55, 0x46, 0x44, 0x10, 0x45, 0x2D, 0xFA, 0xD4 };
    assert_int_equal(s.rom.got_len, 516);
    assert_memory_equal(s.rom.got, image, 500);
    assert_memory_equal(s.rom.got + 500, suffix, 16);
    assert_int_equal(s.rom.downloads, 2);
    assert_int_equal(s.rom.lengths[1], 0);
    assert_int_equal(s.rom.numbers[1], 1);
    assert_int_equal(s.fake.resets, 1);
    stage_close(&s);
}

static void a_suffix_that_does_not_fit_goes_alone_under_the_same_number(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    static uint8_t image[2 * BLOCK - 15];
    stage_open(&s);
    assert_works(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err);
    assert_int_equal(s.rom.downloads, 4);
    assert_int_equal(s.rom.lengths[1], BLOCK - 15);
    assert_int_equal(s.rom.lengths[2], 16);
    assert_int_equal(s.rom.numbers[1], 1);
    assert_int_equal(s.rom.numbers[2], 1);
    assert_int_equal(s.rom.numbers[3], 2);
    assert_int_equal(s.rom.got_len, sizeof image + 16);
    stage_close(&s);
}

static void a_suffix_that_just_fits_rides_along(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    static uint8_t image[2 * BLOCK - 16];
    stage_open(&s);
    assert_works(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err);
    assert_int_equal(s.rom.downloads, 3);
    assert_int_equal(s.rom.lengths[1], BLOCK);
    stage_close(&s);
}

static void an_error_left_by_others_is_cleared_first(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    uint8_t image[10] = { 1 };
    stage_open(&s);
    s.rom.state = 10;
    assert_works(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err);
    assert_int_equal(s.rom.clears, 1);
    stage_close(&s);
    stage_open(&s);
    s.rom.state = 5;
    assert_works(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err);
    assert_int_equal(s.rom.aborts, 1);
    stage_close(&s);
}

static void a_failed_block_starts_the_image_over(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    static uint8_t image[3 * BLOCK];
    stage_open(&s);
    s.rom.fail_download = 2;
    assert_works(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err);
    assert_int_equal(s.rom.got_len, sizeof image + 16);
    assert_int_equal(s.rom.clears, 1);
    stage_close(&s);
}

static void after_three_tries_it_gives_up(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    uint8_t image[10] = { 1 };
    stage_open(&s);
    s.rom.fail_always = true;
    assert_fails(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err, RV_E_REFUSED);
    assert_int_equal(s.rom.downloads, 3);
    assert_int_equal(s.fake.resets, 0);
    stage_close(&s);
}

static void a_vanished_device_is_not_asked_again(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    uint8_t image[10] = { 1 };
    stage_open(&s);
    s.rom.gone = true;
    assert_fails(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err, RV_E_GONE);
    stage_close(&s);
}

static void a_rom_that_never_gets_on_is_a_timeout_and_costs_no_real_time(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    uint8_t image[10] = { 1 };
    stage_open(&s);
    s.rom.stuck_state = 4;
    assert_fails(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err, RV_E_TIMEOUT);
    assert_true(s.now > 15000);
    stage_close(&s);
}

static void a_short_status_is_a_broken_rule(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    uint8_t image[10] = { 1 };
    stage_open(&s);
    s.rom.short_status = true;
    assert_fails(rv_dfu_upload(s.usb, rv_span(image, sizeof image), NULL, NULL, &err), &err, RV_E_PROTOCOL);
    stage_close(&s);
}

struct told {
    uint64_t last, total;
    unsigned calls;
};

static void note_sent(void *context, uint64_t sent, uint64_t total)
{
    struct told *told = context;
    assert_true(sent > told->last && sent <= total);
    told->last = sent;
    told->total = total;
    told->calls++;
}

static void progress_only_goes_up_even_over_a_second_try(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    struct told told = { 0 };
    static uint8_t image[4 * BLOCK];
    stage_open(&s);
    s.rom.fail_download = 3;
    assert_works(rv_dfu_upload(s.usb, rv_span(image, sizeof image), note_sent, &told, &err), &err);
    assert_int_equal(told.last, sizeof image);
    assert_int_equal(told.calls, 4);
    stage_close(&s);
}

static void an_empty_image_is_refused_before_anything_is_sent(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    stage_open(&s);
    assert_fails(rv_dfu_upload(s.usb, rv_span(NULL, 0), NULL, NULL, &err), &err, RV_E_LIMIT);
    assert_int_equal(s.rom.downloads, 0);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_known_image_gets_the_known_checksum),
        cmocka_unit_test(a_suffix_that_does_not_fit_goes_alone_under_the_same_number),
        cmocka_unit_test(a_suffix_that_just_fits_rides_along),
        cmocka_unit_test(an_error_left_by_others_is_cleared_first),
        cmocka_unit_test(a_failed_block_starts_the_image_over),
        cmocka_unit_test(after_three_tries_it_gives_up),
        cmocka_unit_test(a_vanished_device_is_not_asked_again),
        cmocka_unit_test(a_rom_that_never_gets_on_is_a_timeout_and_costs_no_real_time),
        cmocka_unit_test(a_short_status_is_a_broken_rule),
        cmocka_unit_test(progress_only_goes_up_even_over_a_second_try),
        cmocka_unit_test(an_empty_image_is_refused_before_anything_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
