/* SPDX-License-Identifier: Apache-2.0 */
/* The link as usbmuxd would use it, from a host of the test's own that can also break every rule. */
#include "stub_device.h"
#include "support/rv_test.h"

#include "base/bytes.h"
#include "sim/services.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 5000, HOST_PORT = 7, SYN = 0x02, RST = 0x04, ACK = 0x10, PSH = 0x08, WINDOW = 131072, WAIT_MS = 5000 };

struct host {
    struct sim_device *device;
    struct sim_mux_link *link;
    struct sim_listener *listener;
    pthread_mutex_t lock;
    pthread_cond_t readable;
    bool news;
    uint8_t in[65536]; /* the last transfer */
    size_t len;
    unsigned version;
    uint32_t seq, ack;
};

/* A packet taken apart. */
struct got {
    uint32_t protocol, seq, ack;
    uint16_t port, host_port;
    uint8_t flags;
    const uint8_t *data;
    size_t len;
};

static void on_readable(void *context)
{
    struct host *h = context;
    pthread_mutex_lock(&h->lock);
    h->news = true;
    pthread_cond_signal(&h->readable);
    pthread_mutex_unlock(&h->lock);
}

/* The next transfer; false when none comes in time. */
static bool take_within(struct host *h, struct got *out, int wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int status = 0;
    while ((h->len = sim_mux_link_in(h->link, h->in, sizeof h->in)) == 0 && status == 0) {
        pthread_mutex_lock(&h->lock);
        while (!h->news && status == 0)
            status = pthread_cond_timedwait(&h->readable, &h->lock, &until);
        h->news = false;
        pthread_mutex_unlock(&h->lock);
    }
    if (h->len == 0)
        return false;
    struct rv_reader r = { .in = rv_span(h->in, h->len) };
    *out = (struct got){ .protocol = rv_read_u32be(&r) };
    assert_int_equal(rv_read_u32be(&r), h->len); /* one packet, one transfer */
    if (out->protocol == 0 || h->version == 0)
        return true;
    if (h->version >= 2) {
        assert_int_equal(rv_read_u32be(&r), 0xfeedface);
        rv_read_u32be(&r);
    }
    if (out->protocol != 6)
        return true;
    out->port = rv_read_u16be(&r);
    out->host_port = rv_read_u16be(&r);
    out->seq = rv_read_u32be(&r);
    out->ack = rv_read_u32be(&r);
    rv_read_u8(&r);
    out->flags = rv_read_u8(&r);
    rv_read_span(&r, 6);
    assert_false(r.bad);
    out->len = rv_reader_left(&r);
    out->data = rv_read_span(&r, out->len).ptr;
    return true;
}

static struct got take(struct host *h)
{
    struct got got;
    assert_true(take_within(h, &got, WAIT_MS));
    return got;
}

static void send_version(struct host *h, uint32_t major)
{
    uint8_t p[20] = { 0 };
    rv_put_u32be(p + 4, sizeof p);
    rv_put_u32be(p + 8, major);
    h->version = 0;
    sim_mux_link_out(h->link, p, sizeof p);
}

static void shake_hands(struct host *h, uint32_t major)
{
    send_version(h, major);
    struct got got = take(h);
    assert_int_equal(got.protocol, 0);
    assert_int_equal(h->len, 20);
    struct rv_reader r = { .in = rv_span(h->in + 8, 4) };
    h->version = rv_read_u32be(&r);
    assert_int_equal(h->version, major > 2 ? 2 : major);
}

/* Makes a TCP packet; returns its size. */
static size_t make(struct host *h, uint8_t *p, uint8_t flags, uint16_t port, struct rv_span data)
{
    size_t head = h->version >= 2 ? 16 : 8, len = head + 20 + data.len;
    memset(p, 0, head + 20);
    rv_put_u32be(p, 6);
    rv_put_u32be(p + 4, (uint32_t)len);
    if (head == 16)
        rv_put_u32be(p + 8, 0xfeedface);
    uint8_t *t = p + head;
    rv_put_u16be(t, HOST_PORT);
    rv_put_u16be(t + 2, port);
    rv_put_u32be(t + 4, h->seq);
    rv_put_u32be(t + 8, h->ack);
    t[12] = 0x50;
    t[13] = flags;
    rv_put_u16be(t + 14, WINDOW >> 8);
    if (data.len > 0)
        memcpy(t + 20, data.ptr, data.len);
    return len;
}

static void send_tcp(struct host *h, uint8_t flags, uint16_t port, struct rv_span data)
{
    static uint8_t p[65536];
    sim_mux_link_out(h->link, p, make(h, p, flags, port, data));
    h->seq += (uint32_t)data.len;
}

static const struct rv_span nothing;

/* SYN, SYN+ACK, ACK; the device's end of the connection. */
static int open_port(struct host *h)
{
    h->seq = h->ack = 0;
    send_tcp(h, SYN, PORT, nothing);
    int fd = sim_port_accept(h->listener, WAIT_MS);
    assert_true(fd >= 0);
    struct got got = take(h);
    assert_int_equal(got.flags, SYN | ACK);
    assert_int_equal(got.seq, 0);
    assert_int_equal(got.ack, 1);
    assert_int_equal(got.port, PORT);
    assert_int_equal(got.host_port, HOST_PORT);
    h->seq = h->ack = 1;
    send_tcp(h, ACK, PORT, nothing);
    return fd;
}

static int set_up(void **state)
{
    struct host *h = test_calloc(1, sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->readable, NULL);
    h->device = stub_device_new();
    h->link = sim_mux_link_new(h->device, on_readable, h);
    h->listener = sim_port_listen(h->device, PORT);
    *state = h;
    return h->link != NULL && h->listener != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct host *h = *state;
    sim_mux_link_free(h->link);
    sim_port_close(h->listener);
    stub_device_free(h->device);
    pthread_cond_destroy(&h->readable);
    pthread_mutex_destroy(&h->lock);
    test_free(h);
    return 0;
}

/* ---- manners ---- */

static void answers_the_version_with_its_own(void **state)
{
    shake_hands(*state, 2);
    shake_hands(*state, 3); /* newer hosts get the newest the device knows */
    shake_hands(*state, 1);
}

static void says_nothing_before_the_version(void **state)
{
    struct host *h = *state;
    struct got got;
    h->version = 2;
    send_tcp(h, SYN, PORT, nothing);
    assert_false(take_within(h, &got, 50));
}

static void carries_bytes_both_ways(void **state)
{
    struct host *h = *state;
    for (unsigned version = 1; version <= 2; version++) {
        shake_hands(h, version);
        int fd = open_port(h);
        char text[6] = "";
        send_tcp(h, ACK, PORT, rv_span("hello", 5));
        assert_int_equal(recv(fd, text, 5, MSG_WAITALL), 5);
        assert_string_equal(text, "hello");
        struct got got = take(h);
        assert_int_equal(got.flags, ACK);
        assert_int_equal(got.ack, 6); /* the SYN and five bytes */

        assert_int_equal(send(fd, "world!", 6, 0), 6);
        got = take(h);
        assert_int_equal(got.flags, ACK);
        assert_int_equal(got.seq, 1);
        assert_int_equal(got.len, 6);
        assert_memory_equal(got.data, "world!", 6);
        sim_port_hangup(h->device, fd);
    }
}

static void refuses_a_port_nobody_listens_on(void **state)
{
    struct host *h = *state;
    shake_hands(h, 2);
    send_tcp(h, SYN, 4711, nothing);
    struct got got = take(h);
    assert_int_equal(got.flags, RST);
    assert_int_equal(got.port, 4711);
    assert_true(got.len > 0); /* the reason in words */
}

static void joins_a_packet_that_came_in_pieces(void **state)
{
    struct host *h = *state;
    uint8_t p[64];
    shake_hands(h, 2);
    int fd = open_port(h);
    size_t len = make(h, p, ACK, PORT, rv_span("piecemeal", 9));
    for (size_t i = 0; i < len; i++)
        sim_mux_link_out(h->link, p + i, 1);
    char text[10] = "";
    assert_int_equal(recv(fd, text, 9, MSG_WAITALL), 9);
    assert_string_equal(text, "piecemeal");
    sim_port_hangup(h->device, fd);
}

/* ---- windows ---- */

static void holds_back_when_the_hosts_window_is_full(void **state)
{
    struct host *h = *state;
    static uint8_t bytes[WINDOW + 5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    shake_hands(h, 2);
    int fd = open_port(h);
    size_t sent = 0, taken = 0;
    struct got got;
    while (taken < WINDOW) {
        ssize_t n = sent < sizeof bytes ? send(fd, bytes + sent, sizeof bytes - sent, MSG_DONTWAIT) : 0;
        sent += n > 0 ? (size_t)n : 0;
        got = take(h);
        assert_true(h->len <= 16384);
        assert_int_equal(got.seq, 1 + taken);
        assert_memory_equal(got.data, bytes + taken, got.len);
        taken += got.len;
    }
    assert_int_equal(taken, WINDOW);
    while (sent < sizeof bytes) {
        ssize_t n = send(fd, bytes + sent, sizeof bytes - sent, 0);
        assert_true(n > 0);
        sent += (size_t)n;
    }
    assert_false(take_within(h, &got, 50)); /* not a byte more */
    h->ack = 1 + (uint32_t)taken;
    send_tcp(h, ACK, PORT, nothing);
    while (taken < sizeof bytes) {
        got = take(h);
        assert_memory_equal(got.data, bytes + taken, got.len);
        taken += got.len;
    }
    sim_port_hangup(h->device, fd);
}

/* Sends until the service's socket and the window are full, then n bytes too many; what the device answers last. */
static struct got overrun(struct host *h, size_t too_many)
{
    static const uint8_t bytes[4096];
    uint32_t acked = h->seq;
    struct got got = { 0 };
    for (;;) {
        while (h->seq - acked + sizeof bytes <= WINDOW)
            send_tcp(h, ACK, PORT, rv_span(bytes, sizeof bytes));
        if (!take_within(h, &got, 100))
            break; /* the service takes nothing any more: the window stays full */
        assert_int_equal(got.flags, ACK);
        acked = got.ack;
    }
    assert_int_equal(h->seq - acked, WINDOW);
    send_tcp(h, ACK, PORT, rv_span(bytes, too_many));
    return take(h);
}

static void resets_a_host_that_overruns_the_window(void **state)
{
    struct host *h = *state;
    shake_hands(h, 2);
    int fd = open_port(h);
    struct got got = overrun(h, 1);
    assert_int_equal(got.flags, RST);
    assert_true(stub_device_recorded(h->device, "more than the window"));
    sim_port_hangup(h->device, fd);
    fd = open_port(h); /* the link itself lives on */
    sim_port_hangup(h->device, fd);
}

/* ---- ends ---- */

static bool closes_soon(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char byte;
    return poll(&p, 1, WAIT_MS) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

static void a_reset_of_the_host_reaches_the_service(void **state)
{
    struct host *h = *state;
    shake_hands(h, 2);
    int fd = open_port(h);
    send_tcp(h, RST, PORT, nothing);
    assert_true(closes_soon(fd));
    sim_port_hangup(h->device, fd);
}

static void the_last_bytes_arrive_before_the_reset(void **state)
{
    struct host *h = *state;
    shake_hands(h, 2);
    int fd = open_port(h);
    assert_int_equal(send(fd, "bye", 3, 0), 3);
    sim_port_hangup(h->device, fd);
    struct got got = take(h);
    assert_int_equal(got.len, 3);
    h->ack += 3;
    send_tcp(h, ACK, PORT, nothing);
    got = take(h);
    assert_int_equal(got.flags, RST);
}

static void a_mode_change_ends_the_connection(void **state)
{
    struct host *h = *state;
    shake_hands(h, 2);
    int fd = open_port(h);
    stub_device_enter(h->device, SIM_OFF);
    assert_true(closes_soon(fd));
    sim_port_hangup(h->device, fd);
    assert_int_equal(take(h).flags, RST);
}

static void data_for_no_connection_is_reset(void **state)
{
    struct host *h = *state;
    shake_hands(h, 2);
    h->seq = 9;
    send_tcp(h, ACK, PORT, rv_span("x", 1));
    assert_int_equal(take(h).flags, RST);
}

/* ---- broken hosts ---- */

static void flags_without_meaning_end_the_connection(void **state)
{
    struct host *h = *state;
    shake_hands(h, 2);
    int fd = open_port(h);
    send_tcp(h, PSH | ACK, PORT, rv_span("x", 1));
    assert_int_equal(take(h).flags, RST);
    assert_true(closes_soon(fd));
    sim_port_hangup(h->device, fd);
}

static void a_lying_sequence_number_ends_the_connection(void **state)
{
    struct host *h = *state;
    shake_hands(h, 2);
    int fd = open_port(h);
    h->seq = 1000;
    send_tcp(h, ACK, PORT, rv_span("x", 1));
    assert_int_equal(take(h).flags, RST);
    sim_port_hangup(h->device, fd);
}

static void a_lying_length_stops_the_link_until_a_new_version(void **state)
{
    static const uint32_t lies[] = { 0, 7, 65537, 0xffffffff };
    struct host *h = *state;
    for (size_t i = 0; i < RV_COUNT(lies); i++) {
        uint8_t p[64];
        struct got got;
        shake_hands(h, 2);
        int fd = open_port(h);
        size_t len = make(h, p, ACK, PORT, rv_span("x", 1));
        rv_put_u32be(p + 4, lies[i]);
        sim_mux_link_out(h->link, p, len);
        assert_true(closes_soon(fd));
        sim_port_hangup(h->device, fd);
        send_tcp(h, SYN, PORT, nothing);
        assert_false(take_within(h, &got, 20));
    }
    shake_hands(h, 2);
}

static void a_wrong_magic_number_is_passed_over(void **state)
{
    struct host *h = *state;
    uint8_t p[64];
    struct got got;
    shake_hands(h, 2);
    size_t len = make(h, p, SYN, PORT, nothing);
    p[8] = 0;
    sim_mux_link_out(h->link, p, len);
    assert_false(take_within(h, &got, 20));
    assert_true(stub_device_recorded(h->device, "magic"));
}

static void every_cut_of_a_packet_is_survived(void **state)
{
    struct host *h = *state;
    uint8_t p[64];
    for (size_t cut = 0; cut < 40; cut++) {
        h->version = 2;
        h->seq = 0;
        size_t len = make(h, p, SYN, PORT, nothing);
        /* The header tells the cut length, so the link must read what is not there. */
        rv_put_u32be(p + 4, (uint32_t)cut);
        sim_mux_link_out(h->link, p, cut < len ? cut : len);
    }
    uint8_t rest[65536] = { 0 };
    sim_mux_link_out(h->link, rest, sizeof rest); /* zero lengths: out of step */
    shake_hands(h, 2);
}

static void noise_is_survived(void **state)
{
    struct host *h = *state;
    uint32_t seed = 20261121;
    static const uint8_t filler[400];
    uint8_t p[600];
    for (unsigned round = 0; round < 2000; round++) {
        if (round % 8 == 0)
            send_version(h, 2); /* noise may have stopped the link */
        h->version = 2;
        h->seq = 0;
        size_t len = make(h, p, (round & 1) != 0 ? SYN : ACK, PORT, rv_span(filler, round % 400));
        for (unsigned i = 0; i < 3; i++) {
            seed = seed * 1664525 + 1013904223;
            p[8 + seed % (len - 8)] = (uint8_t)(seed >> 24);
        }
        sim_mux_link_out(h->link, p, len);
    }
    while (sim_mux_link_in(h->link, h->in, sizeof h->in) > 0)
        continue;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_the_version_with_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_nothing_before_the_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(carries_bytes_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_port_nobody_listens_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(joins_a_packet_that_came_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holds_back_when_the_hosts_window_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resets_a_host_that_overruns_the_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_of_the_host_reaches_the_service, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_bytes_arrive_before_the_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mode_change_ends_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(data_for_no_connection_is_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_without_meaning_end_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lying_sequence_number_ends_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lying_length_stops_the_link_until_a_new_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_magic_number_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_cut_of_a_packet_is_survived, set_up, tear_down),
        cmocka_unit_test_setup_teardown(noise_is_survived, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("sim/mux_link", tests, NULL, NULL);
}
