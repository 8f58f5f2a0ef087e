/* SPDX-License-Identifier: Apache-2.0 */
/* One proxy connection of a device: a ping, or SOCKS5 with honest answers. */
#include "support/rv_test.h"

#include "format/plist.h"
#include "proto/fdr.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct scene {
    struct rv_ctx ctx;
    struct rv_stream *host;
    int device, server; /* the peer's ends */
    int reach_result;   /* what the world answers: 0 a connection, or -errno */
    struct rv_fdr_host asked;
    bool fine;
    struct rv_error err;
    pthread_t thread;
};

static int reach(void *context, const struct rv_fdr_host *host)
{
    struct scene *s = context;
    int pair[2];
    s->asked = *host;
    if (s->reach_result != 0)
        return s->reach_result;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    s->server = pair[1];
    return pair[0];
}

static void *serve(void *context)
{
    struct scene *s = context;
    s->fine = rv_fdr_serve_conn(&s->ctx, s->host, reach, s, &s->err);
    rv_stream_shutdown(s->host);
    return NULL;
}

static void begin(struct scene *s, int reach_result)
{
    int pair[2];
    memset(s, 0, sizeof *s);
    s->reach_result = reach_result;
    s->server = -1;
    assert_works(rv_ctx_init(&s->ctx, &s->err), &s->err);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    s->device = pair[1];
    s->host = rv_stream_take_fd(&s->ctx, pair[0], &s->err);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void end(struct scene *s)
{
    close(s->device);
    if (s->server >= 0)
        close(s->server);
    pthread_join(s->thread, NULL);
    rv_stream_free(s->host);
    rv_ctx_clear(&s->ctx);
}

static void say(int fd, const void *bytes, size_t len)
{
    assert_int_equal(write(fd, bytes, len), len);
}

static void hear(int fd, void *to, size_t len)
{
    for (size_t have = 0; have < len;) {
        ssize_t n = read(fd, (uint8_t *)to + have, len - have);
        assert_true(n > 0);
        have += (size_t)n;
    }
}

static const uint8_t greeting[] = { 5, 1, 0 };

/* Greets, asks for a host and gives the reply code. */
static uint8_t ask_for(struct scene *s, const char *host, uint16_t port)
{
    uint8_t answer[2], request[300] = { 5, 1, 0, 3 }, reply[300];
    size_t len = strlen(host);
    say(s->device, greeting, sizeof greeting);
    hear(s->device, answer, 2);
    assert_int_equal(answer[0], 5);
    assert_int_equal(answer[1], 0);
    request[4] = (uint8_t)len;
    memcpy(request + 5, host, len);
    request[5 + len] = (uint8_t)(port >> 8);
    request[6 + len] = (uint8_t)port;
    say(s->device, request, 7 + len);
    hear(s->device, reply, 7 + len);
    assert_int_equal(reply[0], 5);
    return reply[1];
}

static void a_ping_gets_its_pong(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, -ECONNREFUSED);
    RV_AUTO_PLIST ping = plist_new_dict();
    plist_dict_set_item(ping, "Command", plist_new_string("Ping"));
    RV_AUTO(rv_blob) bytes = rv_plist_format(ping, true, &s.err);
    uint8_t head[6] = { 0xAA, 0xBB }, len[4], text[1024];
    rv_put_u32le(head + 2, (uint32_t)bytes->len);
    say(s.device, head, sizeof head);
    say(s.device, bytes->data, bytes->len);
    hear(s.device, len, 4);
    size_t n = len[0] | (size_t)len[1] << 8;
    assert_true(len[2] == 0 && len[3] == 0 && n < sizeof text);
    hear(s.device, text, n);
    RV_AUTO_PLIST pong = rv_plist_parse(rv_span(text, n), &s.err);
    assert_true(rv_plist_bool(pong, "Pong", false));
    end(&s);
    assert_true(s.fine);
}

static void bytes_go_both_ways_after_a_real_connection(void **state)
{
    (void)state;
    struct scene s;
    char got[16];
    begin(&s, 0);
    assert_int_equal(ask_for(&s, "gg.apple.com", 443), 0);
    assert_string_equal(s.asked.name, "gg.apple.com");
    assert_int_equal(s.asked.port, 443);
    say(s.device, "hello", 5);
    hear(s.server, got, 5);
    assert_memory_equal(got, "hello", 5);
    say(s.server, "world", 5);
    hear(s.device, got, 5);
    assert_memory_equal(got, "world", 5);
    shutdown(s.server, SHUT_RDWR);
    assert_int_equal(read(s.device, got, 1), 0); /* the end is passed on */
    end(&s);
}

static void a_failed_connection_is_said_and_not_acknowledged(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, -ECONNREFUSED);
    assert_int_equal(ask_for(&s, "skl.apple.com", 443), 5);
    end(&s);
    begin(&s, -EHOSTUNREACH);
    assert_int_equal(ask_for(&s, "skl.apple.com", 443), 4);
    end(&s);
}

static void the_device_gets_no_way_into_the_network_around(void **state)
{
    (void)state;
    static const char *const hosts[] = { "localhost", "192.168.1.1", "gg.apple.com.evil.example", "apple.com", "" };
    for (size_t i = 0; i < RV_COUNT(hosts); i++) {
        struct scene s;
        begin(&s, 0);
        assert_int_equal(ask_for(&s, hosts[i], 443), 2);
        end(&s);
        assert_string_equal(s.asked.name, "");
    }
    struct scene s;
    begin(&s, 0);
    assert_int_equal(ask_for(&s, "gg.apple.com", 22), 2);
    end(&s);
}

/* Greets and sends a request as it is; the reply code, or -1: the connection ended. */
static int ask_raw(struct scene *s, const char *request, size_t len)
{
    uint8_t answer[2], reply[2];
    say(s->device, greeting, sizeof greeting);
    hear(s->device, answer, 2);
    say(s->device, request, len);
    return read(s->device, reply, 2) == 2 ? reply[1] : -1;
}

static void addresses_are_no_hosts_and_other_requests_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int reply;
        bool fine;
    } asks[] = {
        { "\5\1\0\1\x11\x24\x12\x04\1\xBB", 10, 2, true }, /* an address of Apple's is no name of Apple's */
        { "\5\1\0\4\x26\x20\1\x49\0\0\0\0\0\0\0\0\0\0\0\1\1\xBB", 22, 2, true },
        { "\5\1\0\2\0\0\0\0\1\xBB", 10, -1, false },         /* no kind of address */
        { "\4\1\0\3\1a\1\xBB", 8, -1, false },               /* an older protocol */
        { "\5\2\0\3\14gg.apple.com\1\xBB", 19, 7, false },   /* to be called is not to call */
        { "\5\1\0\3\14gg\0apple.com\1\xBB", 19, -1, false }, /* a zero in the name */
    };
    for (size_t i = 0; i < RV_COUNT(asks); i++) {
        struct scene s;
        begin(&s, 0);
        int reply = ask_raw(&s, asks[i].bytes, asks[i].len);
        end(&s);
        assert_int_equal(reply, asks[i].reply);
        assert_int_equal(s.fine, asks[i].fine);
        assert_string_equal(s.asked.name, ""); /* nobody was called */
    }
}

static void each_reason_has_its_own_reply(void **state)
{
    (void)state;
    static const struct {
        int reason;
        uint8_t reply;
    } rows[] = { { -ENETUNREACH, 4 }, { -ETIMEDOUT, 1 }, { -EPERM, 1 } };
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        struct scene s;
        begin(&s, rows[i].reason);
        assert_int_equal(ask_for(&s, "gg.apple.com", 80), rows[i].reply);
        assert_int_equal(s.asked.port, 80);
        end(&s);
    }
}

static void other_first_bytes_end_the_connection(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, 0);
    say(s.device, "GET / HTTP/1.1\r\n", 16);
    char more;
    assert_true(read(s.device, &more, 1) <= 0);
    end(&s);
    assert_false(s.fine);
    assert_int_equal(s.err.code, RV_E_PROTOCOL);
}

static void a_lying_length_is_refused(void **state)
{
    (void)state;
    struct scene s;
    static const uint8_t lie[] = { 0xAA, 0xBB, 0xFF, 0xFF, 0xFF, 0x7F };
    begin(&s, 0);
    say(s.device, lie, sizeof lie);
    char more;
    assert_true(read(s.device, &more, 1) <= 0);
    end(&s);
    assert_int_equal(s.err.code, RV_E_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ping_gets_its_pong),
        cmocka_unit_test(bytes_go_both_ways_after_a_real_connection),
        cmocka_unit_test(a_failed_connection_is_said_and_not_acknowledged),
        cmocka_unit_test(the_device_gets_no_way_into_the_network_around),
        cmocka_unit_test(addresses_are_no_hosts_and_other_requests_are_none),
        cmocka_unit_test(each_reason_has_its_own_reply),
        cmocka_unit_test(other_first_bytes_end_the_connection),
        cmocka_unit_test(a_lying_length_is_refused),
    };
    return cmocka_run_group_tests_name("proto/fdr", tests, NULL, NULL);
}
