/* SPDX-License-Identifier: Apache-2.0 */
/* The USB/IP server, byte by byte: lists, imports, transfers, hostile lengths, and the cable. */
#include "support/test.h"

#include "sim/model.h"
#include "sim/services.h"
#include "sim/world.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The server lives as long as the process, so the device of this file does too. */
static struct world world;
static char path[128];

static int set_up(void **state)
{
    struct rv_error err = { 0 };
    char address[160];
    (void)state;
    world_init(&world, NULL);
    snprintf(path, sizeof path, "%s/usb", world.dir);
    snprintf(address, sizeof address, "UNIX:%s", path);
    struct sim_device *devices[] = { world.device };
    assert_fine(sim_usbip_start(devices, 1, address, &err));
    return 0;
}

static int in_recovery(void **state)
{
    (void)state;
    sim_device_start(world.device, SIM_RECOVERY);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_clear(&world);
    return 0;
}

/* ---- a host ---- */

static int dial(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = 10 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(name.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static void put(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static size_t get(int fd, void *bytes, size_t len)
{
    ssize_t got = recv(fd, bytes, len, MSG_WAITALL);
    return got > 0 ? (size_t)got : 0;
}

static bool hung_up(int fd)
{
    uint8_t byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

static int import(uint8_t record[312], const char *busid, uint32_t *status)
{
    uint8_t ask[40] = { 0x01, 0x11, 0x80, 0x03 }, head[8];
    int fd = dial();
    memcpy(ask + 8, busid, strlen(busid));
    put(fd, ask, sizeof ask);
    assert_int_equal(get(fd, head, sizeof head), sizeof head);
    assert_memory_equal(head, "\x01\x11\x00\x03", 4);
    *status = head[7];
    if (*status == 0)
        assert_int_equal(get(fd, record, 312), 312);
    return fd;
}

struct request {
    uint32_t seq, endpoint, len;
    bool in;
    uint8_t setup[8];
};

static void submit(int fd, const struct request *r, const void *out)
{
    uint8_t head[48] = { 0 };
    rv_put_u32be(head, 1);
    rv_put_u32be(head + 4, r->seq);
    rv_put_u32be(head + 12, r->in);
    rv_put_u32be(head + 16, r->endpoint);
    rv_put_u32be(head + 24, r->len);
    memcpy(head + 40, r->setup, 8);
    put(fd, head, sizeof head);
    if (!r->in && r->len > 0)
        put(fd, out, r->len);
}

struct answer {
    uint32_t command, seq, len;
    int32_t status;
};

static bool receive(int fd, struct answer *out)
{
    uint8_t head[48];
    if (get(fd, head, sizeof head) != sizeof head)
        return false;
    struct rv_reader r = { .in = rv_span(head, sizeof head) };
    out->command = rv_read_u32be(&r);
    out->seq = rv_read_u32be(&r);
    r.at = 20;
    out->status = (int32_t)rv_read_u32be(&r);
    out->len = rv_read_u32be(&r);
    return true;
}

static int import_now(void)
{
    uint8_t record[312];
    uint32_t status;
    int fd = import(record, "1-1", &status);
    assert_int_equal(status, 0);
    return fd;
}

static void unlink_urb(int fd, uint32_t seq, uint32_t victim)
{
    uint8_t head[48] = { 0 };
    rv_put_u32be(head, 2);
    rv_put_u32be(head + 4, seq);
    rv_put_u32be(head + 20, victim);
    put(fd, head, sizeof head);
}

/* ---- sentences ---- */

static void the_list_shows_the_device_while_it_is_on_the_bus(void **state)
{
    uint8_t ask[8] = { 0x01, 0x11, 0x80, 0x05 }, reply[12], record[312], interfaces[8];
    (void)state;
    RV_AUTO_FD fd = dial();
    put(fd, ask, sizeof ask);
    assert_int_equal(get(fd, reply, sizeof reply), sizeof reply);
    assert_memory_equal(reply, "\x01\x11\x00\x05\0\0\0\0\0\0\0\x01", 12);
    assert_int_equal(get(fd, record, sizeof record), sizeof record);
    assert_string_equal((char *)record + 256, "1-1");
    assert_memory_equal(record + 300, "\x05\xac\x12\x81", 4);
    assert_int_equal(record[310], 1); /* configurations */
    assert_int_equal(record[311], 2); /* interfaces */
    assert_int_equal(get(fd, interfaces, sizeof interfaces), sizeof interfaces);
    assert_memory_equal(interfaces, "\xfe\x01\x02\0\xff\xff\x51\0", 8);
    assert_true(hung_up(fd));
    sim_device_unplug(world.device);
    RV_AUTO_FD again = dial();
    put(again, ask, sizeof ask);
    assert_int_equal(get(again, reply, sizeof reply), sizeof reply);
    assert_int_equal(reply[11], 0);
    assert_true(hung_up(again));
    sim_device_plug(world.device);
}

static void an_import_of_nothing_is_refused(void **state)
{
    static const char *const names[] = { "1-2", "1-0", "2-1", "", "1-99999999999999999999", "1-1x" };
    uint8_t record[312];
    uint32_t status;
    (void)state;
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        RV_AUTO_FD fd = import(record, names[i], &status);
        assert_int_equal(status, 1);
        assert_true(hung_up(fd));
    }
}

static void one_host_at_a_time(void **state)
{
    uint8_t record[312];
    uint32_t status;
    (void)state;
    RV_AUTO_FD first = import_now();
    RV_AUTO_FD second = import(record, "1-1", &status);
    assert_int_equal(status, 1);
}

static void a_control_request_is_answered(void **state)
{
    struct request r = { .seq = 7, .len = 18, .in = true, .setup = { 0x80, 6, 0, 1, 0, 0, 18, 0 } };
    struct answer a;
    uint8_t bytes[18];
    (void)state;
    RV_AUTO_FD fd = import_now();
    submit(fd, &r, NULL);
    assert_true(receive(fd, &a));
    assert_int_equal(a.command, 3);
    assert_int_equal(a.seq, 7);
    assert_int_equal(a.status, 0);
    assert_int_equal(a.len, 18);
    assert_int_equal(get(fd, bytes, sizeof bytes), 18);
    assert_memory_equal(bytes + 8, "\xac\x05\x81\x12", 4);
    /* A stall is an answer too. */
    struct request bad = { .seq = 8, .in = true, .len = 4, .setup = { 0xC0, 0x45, 0, 0, 0, 0, 4, 0 } };
    submit(fd, &bad, NULL);
    assert_true(receive(fd, &a));
    assert_int_equal(a.status, -EPIPE);
    assert_int_equal(a.len, 0);
}

static void a_lie_about_the_length_takes_no_more_than_the_setup_says(void **state)
{
    static const char command[] = "bgcolor 9 9 9";
    uint8_t bytes[64] = { 0 };
    struct answer a;
    (void)state;
    RV_AUTO_FD fd = import_now();
    memcpy(bytes, command, sizeof command);
    struct request r = { .seq = 1, .len = 64, .setup = { 0x40, 0, 0, 0, 0, 0, sizeof command, 0 } };
    submit(fd, &r, bytes);
    assert_true(receive(fd, &a));
    assert_int_equal(a.len, sizeof command);
    assert_true(world_recorded(&world, "background 9 9 9"));
    /* and the other way round: the setup asks for more than there is a buffer for */
    struct request wide = { .seq = 2, .len = 4, .in = true, .setup = { 0x80, 6, 0, 1, 0, 0, 0xff, 0xff } };
    submit(fd, &wide, NULL);
    assert_true(receive(fd, &a));
    assert_int_equal(a.len, 4);
    assert_int_equal(get(fd, bytes, 4), 4);
}

static void an_upload_is_taken_and_the_port_reset_forgets_it(void **state)
{
    static uint8_t bytes[100000];
    char text[32];
    struct answer a;
    struct request r = { .seq = 1, .endpoint = 4, .len = sizeof bytes };
    struct request reset = { .seq = 2, .setup = { 0x23, 3, 4, 0, 1, 0, 0, 0 } };
    (void)state;
    RV_AUTO_FD fd = import_now();
    submit(fd, &r, bytes);
    assert_true(receive(fd, &a));
    assert_int_equal(a.len, sizeof bytes);
    world_command(&world, "getenv filesize");
    world_answer(&world, text, sizeof text);
    assert_string_equal(text, "0x186a0");
    assert_int_equal(world.device->upload.len, sizeof bytes);
    submit(fd, &reset, NULL);
    assert_true(receive(fd, &a));
    assert_int_equal(a.status, 0);
    assert_int_equal(world.device->upload.len, 0);
}

static void a_read_with_nothing_to_say_waits_until_it_is_unlinked(void **state)
{
    struct request r = { .seq = 5, .endpoint = 1, .len = 4096, .in = true };
    struct answer a;
    (void)state;
    RV_AUTO_FD fd = import_now();
    submit(fd, &r, NULL);
    unlink_urb(fd, 6, 5);
    assert_true(receive(fd, &a)); /* no RET_SUBMIT came before */
    assert_int_equal(a.command, 4);
    assert_int_equal(a.seq, 6);
    assert_int_equal(a.status, -ECONNRESET);
    unlink_urb(fd, 7, 5);
    assert_true(receive(fd, &a));
    assert_int_equal(a.status, 0);
}

static void too_many_waiting_reads_end_the_connection(void **state)
{
    struct request r = { .seq = 1, .endpoint = 1, .len = 64, .in = true };
    (void)state;
    RV_AUTO_FD fd = import_now();
    for (unsigned i = 0; i < 65; i++, r.seq++)
        submit(fd, &r, NULL);
    assert_true(hung_up(fd));
}

static void hostile_headers_end_the_connection(void **state)
{
    static const struct {
        uint32_t command, endpoint, len;
    } headers[] = { { 1, 4, 0xffffffff }, { 1, 4, 0x7fffffff }, { 1, 4, (1 << 20) + 1 },
                    { 1, 16, 8 },         { 9, 0, 0 },          { 0, 0, 0 } };
    (void)state;
    for (size_t i = 0; i < RV_COUNT(headers); i++) {
        uint8_t head[48] = { 0 };
        RV_AUTO_FD fd = import_now();
        rv_put_u32be(head, headers[i].command);
        rv_put_u32be(head + 16, headers[i].endpoint);
        rv_put_u32be(head + 24, headers[i].len);
        put(fd, head, sizeof head);
        assert_true(hung_up(fd));
        close(fd);
        fd = -1;
        (void)poll(NULL, 0, 20); /* the server lets go of the device */
    }
}

static void cut_messages_are_nothing(void **state)
{
    uint8_t ask[40] = { 0x01, 0x11, 0x80, 0x03 };
    (void)state;
    for (size_t len = 0; len < sizeof ask; len += 7) {
        RV_AUTO_FD fd = dial();
        put(fd, ask, len);
        shutdown(fd, SHUT_WR);
        assert_true(hung_up(fd));
    }
}

static void pulling_the_cable_drops_the_connection(void **state)
{
    struct request r = { .seq = 5, .endpoint = 1, .len = 4096, .in = true };
    (void)state;
    RV_AUTO_FD fd = import_now();
    submit(fd, &r, NULL);
    (void)poll(NULL, 0, 20);
    sim_device_unplug(world.device);
    assert_true(hung_up(fd));
    sim_device_plug(world.device);
    RV_AUTO_FD again = import_now();
    assert_true(again >= 0);
}

static void a_reboot_drops_the_connection_and_comes_back_under_a_new_number(void **state)
{
    static const char command[] = "reboot";
    uint8_t before[312], after[312];
    uint32_t status;
    struct answer a;
    struct request r = { .seq = 1, .len = sizeof command, .setup = { 0x40, 1, 0, 0, 0, 0, sizeof command, 0 } };
    (void)state;
    RV_AUTO_FD fd = import(before, "1-1", &status);
    submit(fd, &r, command);
    assert_true(receive(fd, &a)); /* answered first, then gone */
    assert_int_equal(a.status, 0);
    assert_true(hung_up(fd));
    assert_true(world_await(&world, SIM_NORMAL));
    RV_AUTO_FD again = import(after, "1-1", &status);
    assert_int_equal(status, 0);
    assert_memory_not_equal(before + 292, after + 292, 4);
    assert_memory_equal(after + 300, "\x05\xac\x12\xa8", 4);
}

#define bus_test(f) cmocka_unit_test_setup(f, in_recovery)

int main(void)
{
    const struct CMUnitTest tests[] = {
        bus_test(the_list_shows_the_device_while_it_is_on_the_bus),
        bus_test(an_import_of_nothing_is_refused),
        bus_test(one_host_at_a_time),
        bus_test(a_control_request_is_answered),
        bus_test(a_lie_about_the_length_takes_no_more_than_the_setup_says),
        bus_test(an_upload_is_taken_and_the_port_reset_forgets_it),
        bus_test(a_read_with_nothing_to_say_waits_until_it_is_unlinked),
        bus_test(too_many_waiting_reads_end_the_connection),
        bus_test(hostile_headers_end_the_connection),
        bus_test(cut_messages_are_nothing),
        bus_test(pulling_the_cable_drops_the_connection),
        bus_test(a_reboot_drops_the_connection_and_comes_back_under_a_new_number),
    };
    return cmocka_run_group_tests_name("sim/usbip", tests, set_up, tear_down);
}
