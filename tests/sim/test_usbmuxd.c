/* SPDX-License-Identifier: Apache-2.0 */
/* The socket in usbmuxd's place: what clients may ask, and what is done with those who ask wrongly. */
#include "stub_device.h"
#include "support/rv_test.h"

#include "base/bytes.h"
#include "sim/services.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD = 16, WAIT_MS = 5000, LOCKDOWN = 62078 };

/* The server serves until the process ends, so its devices live as long. */
static struct sim_device *devices[2];
static char address[128];

static struct sim_wire dial(void)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct sim_wire wire = { .fd = socket(AF_UNIX, SOCK_STREAM, 0) };
    memcpy(at.sun_path, address + 5, strlen(address + 5));
    assert_int_equal(connect(wire.fd, (struct sockaddr *)&at, sizeof at), 0);
    return wire;
}

static void send_frame(struct sim_wire *wire, uint32_t length, uint32_t version, uint32_t message, struct rv_span body)
{
    uint8_t head[HEAD];
    rv_put_u32le(head, length);
    rv_put_u32le(head + 4, version);
    rv_put_u32le(head + 8, message);
    rv_put_u32le(head + 12, 77);
    assert_true(sim_wire_write(wire, rv_span(head, HEAD)));
    assert_true(sim_wire_write(wire, body));
}

/* The next frame's body in `body`; its length, or 0 when the server hung up. */
static size_t take_frame(struct sim_wire *wire, uint8_t body[65536], uint32_t *message, uint32_t *tag)
{
    uint8_t head[HEAD];
    if (!sim_wire_read(wire, head, HEAD, WAIT_MS))
        return 0;
    struct rv_reader r = { .in = rv_span(head, HEAD) };
    uint32_t length = rv_read_u32le(&r);
    rv_read_u32le(&r);
    *message = rv_read_u32le(&r);
    *tag = rv_read_u32le(&r);
    assert_in_range(length, HEAD + 1, 65536);
    assert_true(sim_wire_read(wire, body, length - HEAD, WAIT_MS));
    return length - HEAD;
}

static void send_plist_take(struct sim_wire *wire, plist_t dict)
{
    char *xml = NULL;
    uint32_t len = 0;
    plist_to_xml(dict, &xml, &len);
    plist_free(dict);
    send_frame(wire, len + HEAD, 1, 8, rv_span(xml, len));
    free(xml);
}

static plist_t take_plist(struct sim_wire *wire, uint32_t wanted_tag)
{
    static uint8_t body[65536];
    uint32_t message = 0, tag = 0;
    size_t len = take_frame(wire, body, &message, &tag);
    assert_int_equal(message, 8);
    assert_int_equal(tag, wanted_tag);
    plist_t plist = sim_plist_parse(rv_span(body, len));
    assert_non_null(plist);
    return plist;
}

static plist_t words(const char *type)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "MessageType", plist_new_string(type));
    plist_dict_set_item(dict, "ProgName", plist_new_string("test"));
    plist_dict_set_item(dict, "kLibUSBMuxVersion", plist_new_uint(3));
    return dict;
}

static uint64_t number_take(plist_t dict, const char *key)
{
    uint64_t value = UINT64_MAX;
    plist_t node = plist_dict_get_item(dict, key);
    if (PLIST_IS_UINT(node))
        plist_get_uint_val(node, &value);
    plist_free(dict);
    return value;
}

static uint64_t result_of(struct sim_wire *wire, plist_t request)
{
    send_plist_take(wire, request);
    return number_take(take_plist(wire, 77), "Number");
}

/* DeviceIDs of all that are listed; how many. */
static size_t list(uint64_t ids[2])
{
    struct sim_wire wire = dial();
    send_plist_take(&wire, words("ListDevices"));
    plist_t answer = take_plist(&wire, 77);
    plist_t devices_there = plist_dict_get_item(answer, "DeviceList");
    size_t count = plist_array_get_size(devices_there);
    assert_in_range(count, 0, 2);
    for (size_t i = 0; i < count; i++)
        plist_get_uint_val(plist_dict_get_item(plist_array_get_item(devices_there, (uint32_t)i), "DeviceID"), &ids[i]);
    plist_free(answer);
    close(wire.fd);
    return count;
}

static plist_t connect_words(uint64_t id, uint16_t port)
{
    plist_t dict = words("Connect");
    plist_dict_set_item(dict, "DeviceID", plist_new_uint(id));
    plist_dict_set_item(dict, "PortNumber", plist_new_uint(htons(port)));
    return dict;
}

static bool hung_up(struct sim_wire *wire)
{
    uint8_t byte;
    bool closed = !sim_wire_read(wire, &byte, 1, WAIT_MS);
    close(wire->fd);
    return closed;
}

/* ---- manners ---- */

static void lists_each_device_under_its_own_number(void **state)
{
    (void)state;
    uint64_t ids[2] = { 0 };
    assert_int_equal(list(ids), 2);
    assert_int_not_equal(ids[0], ids[1]);
}

static void hands_the_socket_to_the_service(void **state)
{
    (void)state;
    uint64_t ids[2];
    list(ids);
    for (size_t i = 0; i < 2; i++) {
        struct sim_wire wire = dial();
        assert_int_equal(result_of(&wire, connect_words(ids[i], LOCKDOWN)), 0);
        plist_t ask = plist_new_dict();
        plist_dict_set_item(ask, "Request", plist_new_string("QueryType"));
        assert_true(sim_wire_plist_write(&wire, ask));
        plist_free(ask);
        plist_t answer = sim_wire_plist_read(&wire, 65536, WAIT_MS);
        assert_string_equal(sim_plist_text(answer, "Type"), "com.apple.mobile.lockdown");
        plist_free(answer);
        close(wire.fd);
    }
}

static void refuses_wrong_ports_and_devices(void **state)
{
    (void)state;
    uint64_t ids[2];
    list(ids);
    struct sim_wire wire = dial();
    assert_int_equal(result_of(&wire, connect_words(ids[0], 4711)), 3);
    assert_int_equal(result_of(&wire, connect_words(4711, LOCKDOWN)), 2);
    assert_int_equal(result_of(&wire, connect_words(0, LOCKDOWN)), 2);
    assert_int_equal(result_of(&wire, words("Connect")), 3);
    assert_int_equal(result_of(&wire, words("NoSuchThing")), 1);
    assert_int_equal(result_of(&wire, connect_words(ids[0], LOCKDOWN)), 0); /* the socket is still good */
    close(wire.fd);
}

static void a_fault_refuses_one_connection(void **state)
{
    (void)state;
    uint64_t ids[2];
    list(ids);
    sim_setting_put(devices[0], "fault.refuse_connect", "62078");
    struct sim_wire wire = dial();
    assert_int_equal(result_of(&wire, connect_words(ids[0], LOCKDOWN)), 3);
    assert_int_equal(result_of(&wire, connect_words(ids[0], LOCKDOWN)), 0);
    close(wire.fd);
}

static void tells_listeners_of_every_change(void **state)
{
    (void)state;
    uint64_t ids[2];
    list(ids);
    struct sim_wire wire = dial();
    assert_int_equal(result_of(&wire, words("Listen")), 0);
    for (size_t i = 0; i < 2; i++) {
        plist_t event = take_plist(&wire, 0);
        assert_string_equal(sim_plist_text(event, "MessageType"), "Attached");
        assert_int_equal(number_take(event, "DeviceID"), ids[i]);
    }
    stub_device_enter(devices[0], SIM_RECOVERY); /* not usbmuxd's business: it only goes */
    plist_t event = take_plist(&wire, 0);
    assert_string_equal(sim_plist_text(event, "MessageType"), "Detached");
    assert_int_equal(number_take(event, "DeviceID"), ids[0]);
    uint64_t left[2];
    assert_int_equal(list(left), 1);
    assert_int_equal(left[0], ids[1]);

    stub_device_enter(devices[0], SIM_RESTORE);
    event = take_plist(&wire, 0);
    assert_string_equal(sim_plist_text(event, "MessageType"), "Attached");
    assert_int_not_equal(number_take(event, "DeviceID"), ids[0]);
    stub_device_enter(devices[0], SIM_NORMAL);
    plist_free(take_plist(&wire, 0)); /* detached */
    plist_free(take_plist(&wire, 0)); /* attached */

    struct sim_wire other = dial();
    assert_int_equal(result_of(&other, connect_words(ids[0], LOCKDOWN)), 2); /* the old number is gone */
    close(other.fd);
    send_plist_take(&wire, words("ListDevices")); /* a listener may ask no more */
    assert_int_equal(number_take(take_plist(&wire, 77), "Number"), 1);
    assert_true(hung_up(&wire));
}

static void keeps_pair_records(void **state)
{
    (void)state;
    struct sim_wire wire = dial();
    plist_t dict = words("ReadPairRecord");
    plist_dict_set_item(dict, "PairRecordID", plist_new_string("0123"));
    plist_t again = plist_copy(dict), delete = plist_copy(dict), gone = plist_copy(dict);
    assert_int_equal(result_of(&wire, dict), 2);

    dict = words("SavePairRecord");
    plist_dict_set_item(dict, "PairRecordID", plist_new_string("0123"));
    plist_dict_set_item(dict, "PairRecordData", plist_new_data("a record", 8));
    assert_int_equal(result_of(&wire, dict), 0);
    send_plist_take(&wire, again);
    plist_t answer = take_plist(&wire, 77);
    assert_true(rv_span_equal(sim_plist_data(answer, "PairRecordData"), rv_span("a record", 8)));
    plist_free(answer);

    plist_dict_set_item(delete, "MessageType", plist_new_string("DeletePairRecord"));
    assert_int_equal(result_of(&wire, delete), 0);
    assert_int_equal(result_of(&wire, gone), 2);
    close(wire.fd);
}

static void a_record_of_a_crooked_name_stays_in_its_folder(void **state)
{
    (void)state;
    char path[256];
    struct sim_wire wire = dial();
    plist_t dict = words("SavePairRecord");
    plist_dict_set_item(dict, "PairRecordID", plist_new_string("../escaped"));
    plist_dict_set_item(dict, "PairRecordData", plist_new_data("x", 1));
    (void)result_of(&wire, dict);
    (void)snprintf(path, sizeof path, "%s/escaped.plist", sim_state_dir(devices[0]));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(result_of(&wire, words("SavePairRecord")), 22);
    close(wire.fd);
}

static void has_a_system_id_that_stays(void **state)
{
    (void)state;
    char first[64] = "";
    for (int i = 0; i < 2; i++) {
        struct sim_wire wire = dial();
        send_plist_take(&wire, words("ReadBUID"));
        plist_t answer = take_plist(&wire, 77);
        assert_int_equal(strlen(sim_plist_text(answer, "BUID")), 36);
        if (i == 0)
            (void)snprintf(first, sizeof first, "%s", sim_plist_text(answer, "BUID"));
        assert_string_equal(sim_plist_text(answer, "BUID"), first);
        plist_free(answer);
        close(wire.fd);
    }
}

static void old_clients_speak_binary(void **state)
{
    (void)state;
    static uint8_t body[65536];
    uint32_t message = 0, tag = 0;
    struct sim_wire wire = dial();
    send_frame(&wire, HEAD, 0, 3, rv_span(NULL, 0)); /* Listen */
    assert_int_equal(take_frame(&wire, body, &message, &tag), 4);
    assert_int_equal(message, 1);
    assert_int_equal(tag, 77);
    assert_int_equal(take_frame(&wire, body, &message, &tag), 268);
    assert_int_equal(message, 4);
    assert_int_equal(tag, 0);
    struct rv_reader r = { .in = rv_span(body, 4) };
    uint32_t id = rv_read_u32le(&r);
    close(wire.fd);

    wire = dial();
    uint8_t ask[8] = { 0 };
    rv_put_u32le(ask, id);
    rv_put_u16be(ask + 4, LOCKDOWN);
    send_frame(&wire, HEAD + sizeof ask, 0, 2, rv_span(ask, sizeof ask));
    assert_int_equal(take_frame(&wire, body, &message, &tag), 4);
    assert_int_equal(body[0], 0);
    close(wire.fd);
}

/* ---- broken clients ---- */

static void lying_lengths_end_the_connection(void **state)
{
    (void)state;
    static const uint32_t lies[] = { 0, 15, 65537, 0xffffffff };
    for (size_t i = 0; i < RV_COUNT(lies); i++) {
        struct sim_wire wire = dial();
        send_frame(&wire, lies[i], 1, 8, rv_span(NULL, 0));
        assert_true(hung_up(&wire));
    }
}

static void every_cut_of_a_request_is_survived(void **state)
{
    (void)state;
    char *xml = NULL;
    uint32_t len = 0;
    plist_t dict = words("ListDevices");
    plist_to_xml(dict, &xml, &len);
    plist_free(dict);
    for (uint32_t cut = 0; cut < len; cut += 11) {
        struct sim_wire wire = dial();
        send_frame(&wire, len + HEAD, 1, 8, rv_span(xml, cut));
        assert_int_equal(shutdown(wire.fd, SHUT_WR), 0);
        assert_true(hung_up(&wire));
    }
    free(xml);
}

static void what_is_no_plist_ends_the_connection(void **state)
{
    (void)state;
    static const char *const bodies[] = { "this is no property list", "<plist><array/></plist>", "bplist00junkjunk" };
    for (size_t i = 0; i < RV_COUNT(bodies); i++) {
        struct sim_wire wire = dial();
        uint32_t len = (uint32_t)strlen(bodies[i]);
        send_frame(&wire, len + HEAD, 1, 8, rv_span(bodies[i], len));
        assert_true(hung_up(&wire));
    }
}

static void unknown_versions_are_told_so(void **state)
{
    (void)state;
    struct sim_wire wire = dial();
    send_frame(&wire, HEAD, 9, 8, rv_span(NULL, 0));
    assert_int_equal(number_take(take_plist(&wire, 77), "Number"), 6);
    close(wire.fd);
}

static int set_up(void **state)
{
    struct rv_error err = { 0 };
    (void)state;
    devices[0] = stub_device_new();
    devices[1] = stub_device_new();
    (void)snprintf(address, sizeof address, "UNIX:%s/mux", sim_state_dir(devices[0]));
    return sim_usbmuxd_start(devices, 2, address, &err) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    stub_device_clean(devices[0]);
    stub_device_clean(devices[1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_each_device_under_its_own_number),
        cmocka_unit_test(hands_the_socket_to_the_service),
        cmocka_unit_test(refuses_wrong_ports_and_devices),
        cmocka_unit_test(a_fault_refuses_one_connection),
        cmocka_unit_test(tells_listeners_of_every_change),
        cmocka_unit_test(keeps_pair_records),
        cmocka_unit_test(a_record_of_a_crooked_name_stays_in_its_folder),
        cmocka_unit_test(has_a_system_id_that_stays),
        cmocka_unit_test(old_clients_speak_binary),
        cmocka_unit_test(lying_lengths_end_the_connection),
        cmocka_unit_test(every_cut_of_a_request_is_survived),
        cmocka_unit_test(what_is_no_plist_ends_the_connection),
        cmocka_unit_test(unknown_versions_are_told_so),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("sim/usbmuxd", tests, set_up, tear_down);
}
