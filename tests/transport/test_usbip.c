/* SPDX-License-Identifier: Apache-2.0 */
/* The USB/IP client against a server that follows a script and may lie, stall, cut or hang. */
#include "transport/peer.h"

#include "base/bytes.h"
#include "transport/usb_ops.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define SERIAL "CPID:8015 BDID:0E ECID:000C2C680044E02E SRNM:[FK1WT6BPJCLH]"

enum fault {
    FAULT_NONE,
    FAULT_VERSION,       /* answers another protocol version */
    FAULT_LIST_COUNT,    /* announces a million devices */
    FAULT_LIST_CUT,      /* closes inside a record */
    FAULT_IMPORT_BUSY,   /* refuses the import */
    FAULT_OTHER_ADDRESS, /* imports a device that came in between */
    FAULT_LONG_ANSWER,   /* more bytes than asked for */
    FAULT_NEGATIVE,      /* a negative length */
    FAULT_SEQ,           /* answers another URB */
    FAULT_SHORT,         /* fewer bytes than announced, then closes */
    FAULT_CUT,           /* closes instead of answering */
    FAULT_HANG,          /* never answers, but lets itself be unlinked */
    FAULT_LATE,          /* the answer overtakes the unlink */
    FAULT_DEAF,          /* answers neither the URB nor the unlink */
    FAULT_STALL,
    FAULT_NO_DEVICE,
};

struct server {
    enum fault fault;
    uint8_t address;
    unsigned imports, lists, resets, unlinks;
    size_t bulk_bytes;
};

static void make_record(const struct server *server, uint8_t out[312], uint8_t address)
{
    memset(out, 0, 312);
    memcpy(out, "/sys/x", 6);
    memcpy(out + 256, "1-4", 3);
    rv_put_u32be(out + 288, 1);
    rv_put_u32be(out + 292, address);
    rv_put_u32be(out + 296, 3);
    rv_put_u16be(out + 300, 0x05AC);
    rv_put_u16be(out + 302, 0x1281);
    out[309] = 1;
    out[310] = 1;
    out[311] = 2;
    (void)server;
}

static void serve_list(struct server *server, int fd)
{
    uint8_t head[12] = { 0x01, 0x11, 0x00, 0x05 }, record[312 + 8] = { 0 };
    server->lists++;
    rv_put_u32be(head + 8, server->fault == FAULT_LIST_COUNT ? 1000000 : 1);
    peer_write(fd, head, sizeof head);
    make_record(server, record, server->address);
    peer_write(fd, record, server->fault == FAULT_LIST_CUT ? 100 : sizeof record);
}

static void reply(int fd, uint32_t command, uint32_t seq, int32_t status, int32_t actual)
{
    uint8_t out[48] = { 0 };
    rv_put_u32be(out, command);
    rv_put_u32be(out + 4, seq);
    rv_put_u32be(out + 20, (uint32_t)status);
    rv_put_u32be(out + 24, (uint32_t)actual);
    peer_write(fd, out, sizeof out);
}

static size_t answer_control(const uint8_t setup[8], uint8_t *out)
{
    uint16_t value = (uint16_t)(setup[2] | setup[3] << 8);
    if (setup[1] == 0x06 && value == 0x0100) {
        static const uint8_t device[18] = { 18, 1, 0, 2, 0, 0, 0, 64, 0xAC, 5, 0x81, 0x12, 0, 0, 2, 3, 4, 1 };
        memcpy(out, device, sizeof device);
        return sizeof device;
    }
    if (setup[1] == 0x06 && value == 0x0304) {
        size_t len = strlen(SERIAL);
        out[0] = (uint8_t)(2 + 2 * len);
        out[1] = 3;
        for (size_t i = 0; i < len; i++) {
            out[2 + 2 * i] = (uint8_t)SERIAL[i];
            out[3 + 2 * i] = 0;
        }
        return 2 + 2 * len;
    }
    memcpy(out, "true", 4);
    return 4;
}

/* What goes wrong with a vendor request; false: the connection is over. */
static bool misbehave(struct server *server, int fd, uint32_t seq, bool *answered)
{
    *answered = true;
    switch (server->fault) {
    case FAULT_LONG_ANSWER:
        reply(fd, 3, seq, 0, 100000);
        return true;
    case FAULT_NEGATIVE:
        reply(fd, 3, seq, 0, -5);
        return true;
    case FAULT_SEQ:
        reply(fd, 3, seq + 7, 0, 0);
        return true;
    case FAULT_SHORT:
        reply(fd, 3, seq, 0, 200);
        peer_write(fd, "only this", 9);
        return false;
    case FAULT_CUT:
        return false;
    case FAULT_STALL:
        reply(fd, 3, seq, -32, 0);
        return true;
    case FAULT_NO_DEVICE:
        reply(fd, 3, seq, -19, 0);
        return true;
    case FAULT_HANG:
    case FAULT_LATE:
    case FAULT_DEAF:
        return true;
    default:
        *answered = false;
        return true;
    }
}

static void serve_unlink(struct server *server, int fd, uint32_t seq, uint32_t of)
{
    server->unlinks++;
    if (server->fault == FAULT_HANG)
        reply(fd, 4, seq, -104, 0);
    if (server->fault == FAULT_LATE) {
        reply(fd, 3, of, 0, 4);
        peer_write(fd, "late", 4);
        reply(fd, 4, seq, 0, 0);
    }
}

static bool serve_submit(struct server *server, int fd, const uint8_t head[48])
{
    static uint8_t data[1 << 20];
    struct rv_reader r = { .in = rv_span(head, 48), .at = 4 };
    uint32_t seq = rv_read_u32be(&r);
    rv_read_u32be(&r);
    bool in = rv_read_u32be(&r) == 1;
    uint32_t endpoint = rv_read_u32be(&r);
    rv_read_u32be(&r);
    uint32_t len = rv_read_u32be(&r);
    if (!in && len > 0 && !peer_read(fd, data, len))
        return false;
    bool vendor = endpoint == 0 && (head[40] & 0x60) == 0x40;
    bool answered = false;
    if (vendor && !misbehave(server, fd, seq, &answered))
        return false;
    if (answered)
        return true;
    if (endpoint == 0 && head[40] == 0x23)
        server->resets++;
    if (endpoint != 0)
        server->bulk_bytes += len;
    size_t actual = in ? answer_control(head + 40, data) : len;
    actual = actual < len ? actual : len;
    reply(fd, 3, seq, 0, (int32_t)actual);
    return !in || peer_write(fd, data, actual);
}

static void serve_urbs(struct server *server, int fd)
{
    uint8_t head[48];
    while (peer_read(fd, head, sizeof head)) {
        struct rv_reader r = { .in = rv_span(head, sizeof head) };
        uint32_t command = rv_read_u32be(&r), seq = rv_read_u32be(&r);
        if (command == 1) {
            if (!serve_submit(server, fd, head))
                return;
        } else {
            r.at = 20;
            serve_unlink(server, fd, seq, rv_read_u32be(&r));
        }
    }
}

static void serve(struct peer *peer, int fd)
{
    struct server *server = peer->own;
    uint8_t head[8], busid[32], record[312], ok[8] = { 0x01, 0x11, 0x00, 0x03 };
    if (!peer_read(fd, head, sizeof head))
        return;
    if (server->fault == FAULT_VERSION) {
        static const uint8_t odd[12] = { 0x02, 0x22, 0x00, 0x05 };
        peer_write(fd, odd, sizeof odd);
        return;
    }
    if (head[2] == 0x80 && head[3] == 0x05) {
        serve_list(server, fd);
        return;
    }
    if (!peer_read(fd, busid, sizeof busid) || strcmp((const char *)busid, "1-4") != 0)
        return;
    server->imports++;
    ok[7] = server->fault == FAULT_IMPORT_BUSY ? 1 : 0;
    peer_write(fd, ok, sizeof ok);
    if (ok[7] != 0)
        return;
    make_record(server, record,
                (uint8_t)(server->fault == FAULT_OTHER_ADDRESS ? server->address + 1 : server->address));
    peer_write(fd, record, sizeof record);
    serve_urbs(server, fd);
}

/* --- */

struct stage {
    struct rv_ctx ctx;
    struct server server;
    struct peer peer;
    struct rv_usb_bus *bus;
    char where[400];
};

static const char *folder;

static void stage_open(struct stage *stage, bool tcp)
{
    struct rv_error err = { 0 };
    char path[300];
    memset(stage, 0, sizeof *stage);
    peer_ctx(&stage->ctx);
    stage->ctx.clock.scale = 0.01; /* three seconds at the least */
    stage->server.address = 5;
    snprintf(path, sizeof path, "%s/usbip", folder);
    peer_listen(&stage->peer, tcp ? NULL : path, serve, &stage->server);
    if (tcp)
        snprintf(stage->where, sizeof stage->where, "usbip:127.0.0.1:%d", stage->peer.port);
    else
        snprintf(stage->where, sizeof stage->where, "usbip:UNIX:%s", path);
    stage->ctx.settings.usb = stage->where;
    stage->bus = rv_usb_bus_open(&stage->ctx, &err);
    assert_non_null(stage->bus);
}

static void stage_close(struct stage *stage)
{
    rv_usb_bus_free(stage->bus);
    peer_end(&stage->peer);
    rv_cancel_clear(&stage->ctx.cancel);
}

static struct rv_usb_id the_device(struct stage *stage)
{
    struct rv_error err = { 0 };
    struct rv_usb_id ids[4];
    size_t count = 0;
    assert_works(rv_usb_bus_list(stage->bus, ids, 4, &count, &err), &err);
    assert_int_equal(count, 1);
    return ids[0];
}

static struct rv_usb *opened(struct stage *stage)
{
    struct rv_error err = { 0 };
    struct rv_usb_id id = the_device(stage);
    struct rv_usb *usb = rv_usb_open(stage->bus, &id, &err);
    assert_non_null(usb);
    return usb;
}

static void a_device_is_listed_with_its_serial_which_is_read_once(void **state)
{
    (void)state;
    struct stage s;
    for (int tcp = 0; tcp < 2; tcp++) {
        stage_open(&s, tcp);
        struct rv_usb_id id = the_device(&s);
        assert_string_equal(id.serial, SERIAL);
        assert_string_equal(id.port, "1-4");
        assert_int_equal(id.product, 0x1281);
        the_device(&s);
        assert_int_equal(s.server.imports, 1);
        s.server.address = 6; /* it restarted */
        the_device(&s);
        assert_int_equal(s.server.imports, 2);
        stage_close(&s);
    }
}

static void listing_does_not_disturb_an_open_device(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    char reply_bytes[16];
    size_t got = 0;
    stage_open(&s, false);
    struct rv_usb *usb = opened(&s);
    assert_works(rv_usb_control(usb, (struct rv_usb_setup){ 0xC0, 0, 0, 0 }, reply_bytes, 16, 1000, &got, &err), &err);
    assert_int_equal(got, 4);
    assert_int_equal(s.server.imports, 2); /* one for the serial, one to open */
    rv_usb_free(usb);
    stage_close(&s);
}

static void bulk_goes_out_whole_and_a_reset_is_said(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    static uint8_t bytes[100000];
    size_t done = 0;
    stage_open(&s, false);
    struct rv_usb *usb = opened(&s);
    assert_works(rv_usb_configure(usb, 1, &err) && rv_usb_claim(usb, 0, &err), &err);
    assert_works(rv_usb_bulk_out(usb, 4, rv_span(bytes, sizeof bytes), 2000, &done, &err), &err);
    assert_int_equal(done, sizeof bytes);
    assert_works(rv_usb_bulk_out(usb, 4, rv_span(NULL, 0), 2000, &done, &err), &err);
    assert_int_equal(s.server.bulk_bytes, sizeof bytes);
    rv_usb_reset(usb);
    assert_int_equal(s.server.resets, 1);
    rv_usb_free(usb);
    stage_close(&s);
}

static void every_way_of_lying_about_the_list_is_an_error(void **state)
{
    (void)state;
    static const struct {
        enum fault fault;
        enum rv_code code;
    } rows[] = { { FAULT_VERSION, RV_E_PROTOCOL }, { FAULT_LIST_COUNT, RV_E_PROTOCOL }, { FAULT_LIST_CUT, RV_E_GONE } };
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        struct stage s;
        struct rv_error err = { 0 };
        struct rv_usb_id ids[4];
        size_t count = 0;
        stage_open(&s, false);
        s.server.fault = rows[i].fault;
        assert_fails(rv_usb_bus_list(s.bus, ids, 4, &count, &err), &err, rows[i].code);
        stage_close(&s);
    }
}

static void an_import_that_is_refused_or_hits_another_device_is_an_error(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    stage_open(&s, false);
    struct rv_usb_id id = the_device(&s);
    s.server.fault = FAULT_IMPORT_BUSY;
    assert_fails(rv_usb_open(s.bus, &id, &err), &err, RV_E_BUSY);
    s.server.fault = FAULT_OTHER_ADDRESS;
    assert_fails(rv_usb_open(s.bus, &id, &err), &err, RV_E_GONE);
    stage_close(&s);
}

static void every_way_of_failing_a_transfer_has_its_code(void **state)
{
    (void)state;
    static const struct {
        enum fault fault;
        enum rv_code code, then;
    } rows[] = {
        { FAULT_LONG_ANSWER, RV_E_PROTOCOL, RV_E_PROTOCOL },
        { FAULT_NEGATIVE, RV_E_PROTOCOL, RV_E_PROTOCOL },
        { FAULT_SEQ, RV_E_PROTOCOL, RV_E_PROTOCOL },
        { FAULT_SHORT, RV_E_GONE, RV_E_GONE },
        { FAULT_CUT, RV_E_GONE, RV_E_GONE },
        { FAULT_STALL, RV_E_REFUSED, RV_OK },
        { FAULT_NO_DEVICE, RV_E_GONE, RV_OK },
        { FAULT_HANG, RV_E_TIMEOUT, RV_OK },
        { FAULT_DEAF, RV_E_TIMEOUT, RV_E_TIMEOUT },
    };
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        struct stage s;
        struct rv_error err = { 0 };
        uint8_t data[255];
        size_t got = 0;
        stage_open(&s, false);
        struct rv_usb *usb = opened(&s);
        struct rv_usb_setup setup = { 0xC0, 0, 0, 0 };
        s.server.fault = rows[i].fault;
        assert_fails(rv_usb_control(usb, setup, data, sizeof data, 200, &got, &err), &err, rows[i].code);
        s.server.fault = FAULT_NONE;
        bool again = rv_usb_control(usb, setup, data, sizeof data, 1000, &got, &err);
        assert_int_equal(again, rows[i].then == RV_OK);
        if (!again)
            assert_string_equal(rv_code_name(err.code), rv_code_name(rows[i].then));
        rv_usb_free(usb);
        stage_close(&s);
    }
}

static void an_answer_that_overtakes_the_unlink_counts(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    char data[16];
    size_t got = 0;
    stage_open(&s, false);
    struct rv_usb *usb = opened(&s);
    s.server.fault = FAULT_LATE;
    assert_works(rv_usb_control(usb, (struct rv_usb_setup){ 0xC0, 0, 0, 0 }, data, sizeof data, 100, &got, &err), &err);
    assert_int_equal(got, 4);
    assert_memory_equal(data, "late", 4);
    assert_int_equal(s.server.unlinks, 1);
    rv_usb_free(usb);
    stage_close(&s);
}

static void *cancel_soon(void *context)
{
    poll(NULL, 0, 30);
    rv_cancel_ask(&((struct rv_ctx *)context)->cancel);
    return NULL;
}

static void a_cancel_ends_a_hanging_transfer(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    char data[16];
    size_t got = 0;
    pthread_t thread;
    stage_open(&s, false);
    struct rv_usb *usb = opened(&s);
    s.server.fault = FAULT_DEAF;
    s.ctx.clock.scale = 1;
    pthread_create(&thread, NULL, cancel_soon, &s.ctx);
    assert_fails(rv_usb_control(usb, (struct rv_usb_setup){ 0xC0, 0, 0, 0 }, data, sizeof data, 600000, &got, &err),
                 &err, RV_E_CANCELLED);
    pthread_join(thread, NULL);
    rv_usb_free(usb);
    stage_close(&s);
}

static void a_server_that_is_not_there_is_gone_and_a_bad_address_is_our_own_fault(void **state)
{
    (void)state;
    static const struct {
        const char *where;
        enum rv_code code;
    } rows[] = {
        { "usbip:UNIX:/nowhere/at/all", RV_E_GONE },
        { "usbip:UNIX:", RV_E_USAGE },
        { "usbip:127.0.0.1", RV_E_USAGE },
        { "usbip:127.0.0.1:1", RV_E_GONE },
    };
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        struct rv_ctx ctx;
        struct rv_error err = { 0 };
        struct rv_usb_id ids[4];
        size_t count;
        char where[64];
        peer_ctx(&ctx);
        snprintf(where, sizeof where, "%s", rows[i].where);
        ctx.settings.usb = where;
        RV_AUTO(rv_usb_bus) bus = rv_usb_bus_open(&ctx, &err);
        assert_non_null(bus);
        assert_fails(rv_usb_bus_list(bus, ids, 4, &count, &err), &err, rows[i].code);
        rv_cancel_clear(&ctx.cancel);
    }
    struct rv_ctx ctx = { 0 };
    struct rv_error err = { 0 };
    char odd[] = "smoke-signals";
    ctx.settings.usb = odd;
    assert_fails(rv_usb_bus_open(&ctx, &err), &err, RV_E_USAGE);
}

static void strings_are_decoded_within_their_bounds(void **state)
{
    (void)state;
    char out[8];
    static const uint8_t lying[] = { 200, 3, 'A', 0, 'B', 0 }, wrong_type[] = { 6, 2, 'A', 0, 'B', 0 },
                         odd[] = { 7, 3, 'A', 0, 0xE9, 0, 'C' }, wide[] = { 6, 3, 0x20, 0x4E, 7, 0 };
    rv_usb_string_decode(rv_span(lying, sizeof lying), out, sizeof out);
    assert_string_equal(out, "AB");
    rv_usb_string_decode(rv_span(wrong_type, sizeof wrong_type), out, sizeof out);
    assert_string_equal(out, "");
    rv_usb_string_decode(rv_span(odd, sizeof odd), out, sizeof out);
    assert_string_equal(out, "A?");
    rv_usb_string_decode(rv_span(wide, sizeof wide), out, sizeof out);
    assert_string_equal(out, "??");
    rv_usb_string_decode(rv_span(lying, sizeof lying), out, 2);
    assert_string_equal(out, "A");
    rv_usb_string_decode(rv_span(NULL, 0), out, sizeof out);
    assert_string_equal(out, "");
}

static int make_folder(void **state)
{
    int no = scratch_make(state);
    folder = *state;
    return no;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_listed_with_its_serial_which_is_read_once),
        cmocka_unit_test(listing_does_not_disturb_an_open_device),
        cmocka_unit_test(bulk_goes_out_whole_and_a_reset_is_said),
        cmocka_unit_test(every_way_of_lying_about_the_list_is_an_error),
        cmocka_unit_test(an_import_that_is_refused_or_hits_another_device_is_an_error),
        cmocka_unit_test(every_way_of_failing_a_transfer_has_its_code),
        cmocka_unit_test(an_answer_that_overtakes_the_unlink_counts),
        cmocka_unit_test(a_cancel_ends_a_hanging_transfer),
        cmocka_unit_test(a_server_that_is_not_there_is_gone_and_a_bad_address_is_our_own_fault),
        cmocka_unit_test(strings_are_decoded_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, make_folder, scratch_remove);
}
