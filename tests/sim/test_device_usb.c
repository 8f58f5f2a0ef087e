/* SPDX-License-Identifier: Apache-2.0 */
/* USB of the boot modes: descriptors, strings, the DFU machine, Recovery commands, secure boot, ordered faults. */
#include "support/test.h"

#include "sim/model.h"
#include "sim/world.h"

#include <errno.h>
#include <poll.h>

static struct world world;

static int set_up(void **state)
{
    world_init(&world, NULL);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_clear(&world);
    return 0;
}

static struct rv_blob *image_for_now(const char *part)
{
    struct sim_identity id;
    sim_device_identity(world.device, &id);
    RV_AUTO(rv_blob) ticket = world_ticket(&world, &id);
    return world_image(&world, part, ticket);
}

/* ---- identity ---- */

static void descriptors_are_those_of_real_devices(void **state)
{
    static const uint8_t dfu[] = { 0x12, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, 0x40, 0xAC,
                                   0x05, 0x27, 0x12, 0x00, 0x00, 0x02, 0x03, 0x04, 0x01 };
    static const size_t normal_lengths[] = { 39, 149, 62, 117 };
    uint8_t bytes[512];
    (void)state;
    sim_device_start(world.device, SIM_DFU);
    assert_int_equal(sim_usb_device_descriptor(world.device, bytes, sizeof bytes), 18);
    assert_memory_equal(bytes, dfu, sizeof dfu);
    assert_int_equal(sim_usb_config_descriptor(world.device, 0, bytes, sizeof bytes), 25);
    assert_int_equal(sim_usb_config_descriptor(world.device, 1, bytes, sizeof bytes), 0);
    sim_device_start(world.device, SIM_RECOVERY);
    sim_usb_device_descriptor(world.device, bytes, sizeof bytes);
    assert_int_equal(bytes[10] | bytes[11] << 8, 0x1281);
    assert_int_equal(sim_usb_config_descriptor(world.device, 0, bytes, sizeof bytes), 57);
    sim_device_start(world.device, SIM_NORMAL);
    sim_usb_device_descriptor(world.device, bytes, sizeof bytes);
    assert_int_equal(bytes[10] | bytes[11] << 8, 0x12A8);
    assert_int_equal(bytes[17], 4);
    for (unsigned i = 0; i < 4; i++) {
        size_t len = sim_usb_config_descriptor(world.device, i, bytes, sizeof bytes), at = 0;
        assert_int_equal(len, normal_lengths[i]);
        assert_int_equal(bytes[2] | bytes[3] << 8, (int)len);
        assert_int_equal(bytes[5], i + 1);
        while (at < len)
            at += bytes[at]; /* the chain of lengths ends where the whole does */
        assert_int_equal(at, len);
    }
}

static void strings_tell_the_stage(void **state)
{
    char text[256];
    (void)state;
    sim_device_start(world.device, SIM_DFU);
    world_string(&world, 4, text, sizeof text);
    assert_string_equal(text, "CPID:8015 CPRV:11 CPFM:03 SCEP:01 BDID:0E ECID:000A1B2C3D4E5F26 IBFL:3C "
                              "SRTG:[iBoot-3332.0.0.1.23]");
    world_string(&world, 1, text, sizeof text);
    assert_int_equal(strlen(text), 116);
    assert_memory_equal(text, " NONC:", 6);
    assert_memory_equal(text + 70, " SNON:", 6);
    sim_device_start(world.device, SIM_RECOVERY);
    world_string(&world, 4, text, sizeof text);
    assert_non_null(strstr(text, "SDOM:01 CPID:8015"));
    assert_non_null(strstr(text, "IBFL:3D SRNM:[SIM"));
    assert_null(strstr(text, "SRTG"));
    world_string(&world, 3, text, sizeof text);
    assert_string_equal(text, "Apple Mobile Device (Recovery Mode)");
}

static void the_serial_of_the_system_is_the_udid(void **state)
{
    struct sim_identity id;
    char text[256];
    (void)state;
    sim_device_identity(world.device, &id);
    sim_device_start(world.device, SIM_NORMAL);
    world_string(&world, 3, text, sizeof text);
    assert_string_equal(text, id.udid);
    assert_int_equal(strlen(text), 40);
}

static void newer_phones_show_their_udid_without_the_hyphen(void **state)
{
    char text[256];
    (void)state;
    world_clear(&world);
    world_init(&world, "iPhone12,1");
    sim_device_start(world.device, SIM_NORMAL);
    world_string(&world, 3, text, sizeof text);
    assert_string_equal(text, "00008030000A1B2C3D4E5F26");
}

/* ---- DFU ---- */

static int dfu_state(void)
{
    uint8_t byte = 0;
    assert_int_equal(world_control(&world, 0xA1, 5, 0, &byte, 1), 1);
    return byte;
}

static void vendor_requests_stall_in_the_rom(void **state)
{
    uint8_t byte[8] = "reboot";
    (void)state;
    sim_device_start(world.device, SIM_DFU);
    assert_int_equal(world_control(&world, 0x40, 0, 0, byte, 7), -EPIPE);
    assert_int_equal(world_control(&world, 0xC0, 0, 0, byte, 7), -EPIPE);
    assert_int_equal(world_control(&world, 0xA1, 2, 0, byte, 7), -EPIPE);
    assert_int_equal(dfu_state(), 2);
}

static void a_block_too_large_is_an_error_that_can_be_cleared(void **state)
{
    static uint8_t block[0x801];
    (void)state;
    sim_device_start(world.device, SIM_DFU);
    assert_int_equal(world_control(&world, 0x21, 1, 0, block, sizeof block), -EPIPE);
    assert_int_equal(dfu_state(), 10);
    assert_int_equal(world_control(&world, 0x21, 1, 0, block, 8), -EPIPE);
    assert_int_equal(world_control(&world, 0x21, 4, 0, block, 0), 0);
    assert_int_equal(dfu_state(), 2);
}

static void a_reset_in_the_middle_forgets_the_download(void **state)
{
    uint8_t block[16] = { 0 };
    unsigned before, after;
    (void)state;
    sim_device_start(world.device, SIM_DFU);
    sim_device_mode(world.device, &before);
    assert_int_equal(world_control(&world, 0x21, 1, 0, block, sizeof block), 16);
    sim_usb_bus_reset(world.device);
    assert_int_equal(dfu_state(), 2);
    (void)poll(NULL, 0, 50);
    sim_device_mode(world.device, &after);
    assert_int_equal(before, after);
}

static void an_endless_image_is_stopped(void **state)
{
    static uint8_t block[0x800];
    int rc = 0;
    (void)state;
    sim_device_start(world.device, SIM_DFU);
    for (int i = 0; i < 3000 && rc >= 0; i++)
        rc = world_control(&world, 0x21, 1, 0, block, sizeof block);
    assert_int_equal(rc, -EPIPE);
    assert_int_equal(dfu_state(), 10);
}

/* Sends, resets, and waits for the next attach. */
static void boot_by_dfu(struct rv_span image)
{
    unsigned before;
    sim_device_mode(world.device, &before);
    assert_true(world_dfu_send(&world, image));
    sim_usb_bus_reset(world.device);
    for (int i = 0; i < 2000; i++) {
        unsigned now;
        if (sim_device_mode(world.device, &now) != SIM_OFF && now > before)
            return;
        (void)poll(NULL, 0, 5);
    }
    fail_msg("it does not come back");
}

static void a_signed_ibss_runs(void **state)
{
    struct sim_identity rom, ibss;
    char text[256];
    (void)state;
    sim_device_start(world.device, SIM_DFU);
    sim_device_identity(world.device, &rom);
    RV_AUTO(rv_blob) image = image_for_now("iBSS");
    boot_by_dfu(rv_blob_span(image));
    assert_int_equal(sim_device_mode(world.device, NULL), SIM_RECOVERY);
    world_string(&world, 4, text, sizeof text);
    assert_null(strstr(text, "SRTG"));
    assert_non_null(strstr(text, "IBFL:3C"));
    world_command(&world, "getenv boot-stage");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "1");
    sim_device_identity(world.device, &ibss);
    assert_memory_not_equal(rom.ap_nonce, ibss.ap_nonce, 32);
}

static void an_older_chip_stays_in_dfu_with_its_ibss(void **state)
{
    char text[256];
    (void)state;
    world_clear(&world);
    world_init(&world, "iPhone7,2");
    sim_device_start(world.device, SIM_DFU);
    RV_AUTO(rv_blob) ibss = image_for_now("iBSS");
    boot_by_dfu(rv_blob_span(ibss));
    assert_int_equal(sim_device_mode(world.device, NULL), SIM_DFU);
    world_string(&world, 4, text, sizeof text);
    assert_null(strstr(text, "SRTG"));
    RV_AUTO(rv_blob) ibec = image_for_now("iBEC");
    boot_by_dfu(rv_blob_span(ibec));
    assert_int_equal(sim_device_mode(world.device, NULL), SIM_RECOVERY);
    world_command(&world, "getenv boot-stage");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "2");
}

static void assert_back_in_rom(const char *why)
{
    char text[256];
    assert_int_equal(sim_device_mode(world.device, NULL), SIM_DFU);
    world_string(&world, 4, text, sizeof text);
    assert_non_null(strstr(text, "SRTG:[iBoot-"));
    assert_true(world_recorded(&world, why));
}

enum lie { NO_TICKET, OLD_NONCE, OTHER_ECID, OTHER_BOARD, OTHER_PART, BROKEN_BYTE };

static struct rv_blob *lying_image(enum lie lie)
{
    struct sim_identity id;
    struct rv_error err = { 0 };
    sim_device_identity(world.device, &id);
    if (lie == OLD_NONCE)
        id.ap_nonce[0] ^= 1;
    if (lie == OTHER_ECID)
        id.ecid++;
    if (lie == OTHER_BOARD)
        id.board++;
    RV_AUTO(rv_blob) ticket = world_ticket(&world, &id);
    if (lie == NO_TICKET)
        return rv_blob_copy(rv_blob_span(world.im4p[0]), &err);
    struct rv_blob *image = world_image(&world, lie == OTHER_PART ? "iBEC" : "iBSS", ticket);
    if (lie == BROKEN_BYTE)
        image->data[24] ^= 0x20; /* inside the payload */
    return image;
}

static void an_image_that_lies_comes_back_as_rom(void **state)
{
    (void)state;
    sim_device_start(world.device, SIM_DFU);
    for (enum lie lie = NO_TICKET; lie <= BROKEN_BYTE; lie++) {
        RV_AUTO(rv_blob) image = lying_image(lie);
        boot_by_dfu(rv_blob_span(image));
        assert_back_in_rom("\"what\":\"refused\",\"text\":\"ibss");
    }
    boot_by_dfu(rv_span(NULL, 0));
    assert_back_in_rom("refused");
}

/* ---- Recovery ---- */

static void getenv_answers_and_forgets(void **state)
{
    char text[256];
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    world_command(&world, "getenv build-version");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "iBoot-4076.30.43");
    world_command(&world, "getenv config_board");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "d221");
    world_command(&world, "getenv no-such-thing");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "");
}

static void setenv_is_kept_only_by_saveenv(void **state)
{
    char text[256];
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    world_command(&world, "setenv auto-boot false");
    world_command(&world, "getenv auto-boot");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "false");
    world_command(&world, "reboot");
    assert_true(world_await(&world, SIM_NORMAL)); /* it was not saved */
    sim_device_start(world.device, SIM_RECOVERY);
    world_command(&world, "setenv auto-boot false");
    world_command(&world, "saveenv");
    unsigned before;
    sim_device_mode(world.device, &before);
    world_command(&world, "reboot");
    assert_true(world_await_after(&world, before, SIM_RECOVERY));
}

static void other_variables_are_accepted_and_change_nothing(void **state)
{
    char text[256];
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    assert_true(world_command(&world, "setenv secure-boot 0x0") > 0);
    world_command(&world, "getenv secure-boot");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "0x1");
}

static void commands_come_with_either_request_number_and_at_most_255_letters(void **state)
{
    uint8_t long_one[400];
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    uint8_t command[] = "bgcolor 0 0 0";
    assert_int_equal(world_control(&world, 0x40, 1, 0, command, sizeof command), sizeof command);
    assert_true(world_recorded(&world, "background 0 0 0"));
    memset(long_one, 'a', sizeof long_one); /* no NUL at all */
    assert_int_equal(world_control(&world, 0x40, 0, 0, long_one, sizeof long_one), sizeof long_one);
    assert_int_equal(world_control(&world, 0x40, 7, 0, long_one, 3), -EPIPE);
}

static void filesize_counts_since_the_last_beginning(void **state)
{
    static uint8_t bytes[70000];
    char text[64];
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    world_upload(&world, rv_span(bytes, sizeof bytes));
    assert_int_equal(sim_usb_bulk_out(world.device, 0x04, bytes, 0), 0);
    world_command(&world, "getenv filesize");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "0x11170");
    world_upload(&world, rv_span(bytes, 5));
    world_command(&world, "getenv filesize");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "0x5");
}

static void an_unsigned_ibec_does_nothing(void **state)
{
    unsigned before, after;
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    sim_device_mode(world.device, &before);
    world_upload(&world, rv_blob_span(world.im4p[1]));
    assert_int_equal(world_command(&world, "go"), 3);
    (void)poll(NULL, 0, 100);
    assert_int_equal(sim_device_mode(world.device, &after), SIM_RECOVERY);
    assert_int_equal(before, after);
    assert_true(world_recorded(&world, "refused"));
}

static void go_to_ibec(void)
{
    unsigned before;
    RV_AUTO(rv_blob) image = image_for_now("iBEC");
    sim_device_mode(world.device, &before);
    world_upload(&world, rv_blob_span(image));
    world_command(&world, "go");
    assert_true(world_await_after(&world, before, SIM_RECOVERY));
}

static void send(const char *part, const struct rv_blob *ticket, const char *command)
{
    RV_AUTO(rv_blob) image = world_image(&world, part, ticket);
    world_upload(&world, rv_blob_span(image));
    assert_true(world_command(&world, command) > 0);
}

static void the_whole_chain_ends_in_restore_mode(void **state)
{
    struct sim_identity before, after;
    char text[64];
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    sim_device_identity(world.device, &before);
    RV_AUTO(rv_blob) ticket = world_ticket(&world, &before);
    send("iBEC", ticket, "go");
    assert_true(world_await_after(&world, 1, SIM_RECOVERY));
    sim_device_identity(world.device, &after);
    assert_memory_equal(before.ap_nonce, after.ap_nonce, 32); /* one ticket serves */
    world_command(&world, "getenv boot-stage");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "2");
    send("RestoreLogo", ticket, "setpicture 4");
    send("RestoreRamDisk", ticket, "ramdisk");
    send("RestoreDeviceTree", ticket, "devicetree");
    send("RestoreSEP", ticket, "rsepfirmware");
    send("RestoreKernelCache", ticket, "bootx");
    assert_true(world_await(&world, SIM_RESTORE));
    const struct sim_boot *boot = sim_device_boot(world.device);
    assert_non_null(boot);
    assert_false(boot->erase);
    assert_string_equal(boot->version, "11.3");
    assert_string_equal(boot->build, "15E216");
    assert_true(rv_span_equal(rv_blob_span(boot->ticket), rv_blob_span(ticket)));
}

static void a_kernel_without_ramdisk_dies_and_comes_back_in_recovery(void **state)
{
    struct sim_identity id;
    unsigned before;
    (void)state;
    sim_nvram_set(world.device, "auto-boot", "false", true);
    sim_device_start(world.device, SIM_RECOVERY);
    go_to_ibec();
    sim_device_identity(world.device, &id);
    sim_device_mode(world.device, &before);
    /* Not even the ticket of iBEC: another signature for the same nonce is refused. */
    RV_AUTO(rv_blob) other = world_ticket(&world, &id);
    send("RestoreKernelCache", other, "bootx");
    (void)poll(NULL, 0, 50);
    assert_true(world_recorded(&world, "its ticket is not the one this stage was booted with"));
    assert_int_equal(sim_device_mode(world.device, NULL), SIM_RECOVERY);
    RV_AUTO(rv_blob) own = rv_blob_copy(rv_blob_span(world.device->iboot.boot.ticket), &(struct rv_error){ 0 });
    send("RestoreKernelCache", own, "bootx");
    assert_true(world_await_after(&world, before, SIM_RECOVERY));
    assert_true(world_recorded(&world, "the kernel finds no rdsk and panics"));
}

static void the_own_iboot_boots_no_ramdisk(void **state)
{
    struct sim_identity id;
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    sim_device_identity(world.device, &id);
    RV_AUTO(rv_blob) ticket = world_ticket(&world, &id);
    send("RestoreKernelCache", ticket, "bootx");
    assert_true(world_recorded(&world, "bootx outside iBEC"));
}

/* ---- faults ---- */

static void a_vanishing_device_is_gone_at_the_ordered_byte(void **state)
{
    static uint8_t bytes[0x8000];
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    sim_setting_put(world.device, "fault.vanish_at", "40000");
    assert_int_equal(sim_usb_bulk_out(world.device, 0x04, bytes, sizeof bytes), sizeof bytes);
    assert_true(sim_usb_bulk_out(world.device, 0x04, bytes, sizeof bytes) < 0);
    assert_true(world_await(&world, SIM_OFF));
}

static void a_stalled_pipe_stays_so_until_it_is_cleared(void **state)
{
    static uint8_t bytes[0x8000];
    uint8_t setup[8] = { 0x02, 1, 0, 0, 0x04, 0, 0, 0 };
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    sim_setting_put(world.device, "fault.stall_at", "10 x1");
    assert_int_equal(sim_usb_bulk_out(world.device, 0x04, bytes, sizeof bytes), -EPIPE);
    assert_int_equal(sim_usb_bulk_out(world.device, 0x04, bytes, sizeof bytes), -EPIPE);
    assert_int_equal(sim_usb_control(world.device, setup, bytes, 0), 0);
    assert_int_equal(sim_usb_bulk_out(world.device, 0x04, bytes, sizeof bytes), sizeof bytes);
}

static void ordered_faults_strike_commands_and_returns(void **state)
{
    char text[256];
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    sim_setting_put(world.device, "fault.stall_command", "saveenv x1");
    assert_int_equal(world_command(&world, "saveenv"), -EPIPE);
    assert_true(world_command(&world, "saveenv") > 0);
    sim_setting_put(world.device, "fault.wrong_ecid", "yes x1");
    sim_setting_put(world.device, "fault.return_mode", "dfu x1");
    unsigned before;
    sim_device_mode(world.device, &before);
    world_command(&world, "reboot");
    assert_true(world_await_after(&world, before, SIM_DFU));
    sim_device_mode(world.device, &before);
    sim_device_reboot(world.device, "test");
    assert_true(world_await_after(&world, before, SIM_NORMAL));
    sim_device_start(world.device, SIM_RECOVERY);
    world_string(&world, 4, text, sizeof text);
    assert_null(strstr(text, "ECID:000A1B2C3D4E5F26"));
    sim_setting_put(world.device, "fault.never_return", "yes");
    world_command(&world, "reboot");
    assert_true(world_await(&world, SIM_OFF));
    (void)poll(NULL, 0, 300);
    assert_int_equal(sim_device_mode(world.device, NULL), SIM_OFF);
}

static void an_nvram_that_takes_nothing_keeps_the_device_in_recovery(void **state)
{
    (void)state;
    sim_nvram_set(world.device, "auto-boot", "false", true);
    sim_device_start(world.device, SIM_NORMAL);
    sim_setting_put(world.device, "fault.saveenv_ignored", "yes");
    world_command(&world, "setenv auto-boot true");
    world_command(&world, "saveenv");
    world_command(&world, "reboot");
    assert_true(world_await_after(&world, 1, SIM_RECOVERY));
}

static void a_chance_repeats_with_its_seed(void **state)
{
    char first[33] = "", second[33] = "";
    (void)state;
    sim_setting_put(world.device, "fault.coin", "yes p50");
    for (int round = 0; round < 2; round++) {
        char *out = round ? second : first;
        world.device->draw_count = 0;
        for (int i = 0; i < 32; i++) {
            sim_lock(world.device);
            out[i] = sim_fault_locked(world.device, "coin", NULL, 0) ? 'x' : '.';
            sim_unlock(world.device);
        }
    }
    assert_string_equal(first, second);
    assert_non_null(strchr(first, 'x'));
    assert_non_null(strchr(first, '.'));
}

#define usb_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        usb_test(descriptors_are_those_of_real_devices),
        usb_test(strings_tell_the_stage),
        usb_test(the_serial_of_the_system_is_the_udid),
        usb_test(newer_phones_show_their_udid_without_the_hyphen),
        usb_test(vendor_requests_stall_in_the_rom),
        usb_test(a_block_too_large_is_an_error_that_can_be_cleared),
        usb_test(a_reset_in_the_middle_forgets_the_download),
        usb_test(an_endless_image_is_stopped),
        usb_test(a_signed_ibss_runs),
        usb_test(an_older_chip_stays_in_dfu_with_its_ibss),
        usb_test(an_image_that_lies_comes_back_as_rom),
        usb_test(getenv_answers_and_forgets),
        usb_test(setenv_is_kept_only_by_saveenv),
        usb_test(other_variables_are_accepted_and_change_nothing),
        usb_test(commands_come_with_either_request_number_and_at_most_255_letters),
        usb_test(filesize_counts_since_the_last_beginning),
        usb_test(an_unsigned_ibec_does_nothing),
        usb_test(the_whole_chain_ends_in_restore_mode),
        usb_test(a_kernel_without_ramdisk_dies_and_comes_back_in_recovery),
        usb_test(the_own_iboot_boots_no_ramdisk),
        usb_test(a_vanishing_device_is_gone_at_the_ordered_byte),
        usb_test(a_stalled_pipe_stays_so_until_it_is_cleared),
        usb_test(ordered_faults_strike_commands_and_returns),
        usb_test(an_nvram_that_takes_nothing_keeps_the_device_in_recovery),
        usb_test(a_chance_repeats_with_its_seed),
    };
    return cmocka_run_group_tests_name("sim/device_usb", tests, NULL, NULL);
}
