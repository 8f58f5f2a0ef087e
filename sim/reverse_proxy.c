/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's end of the reverse proxy (port 1082): a control connection that the host opens and keeps, and
 * connections to another port that the device asks for over it. Bytes as libimobiledevice's reverse_proxy.c and
 * idevicerestore's fdr.c speak them: greeting of ten bytes, property lists behind a little-endian length.
 * This device's factory data is whole, so all it ever sends through a connection is a Ping.
 *
 * Setting "restored.proxy": "2" (default: both versions), "1" (only the old greeting), "refuse".
 */
#include "sim/restored_run.h"
#include "sim/services.h"
#include "sim/transcript.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GREETING = 10, PLIST_MAX = 64 * 1024, HOST_MS = 5000, QUIET_MS = 3600000, SYNC = 1, PLIST_FOLLOWS = 0xBBAA };

/* The control connection of a device, while one is there. */
struct control {
    struct control *next;
    struct sim_device *device;
    struct sim_wire wire;
    struct sim_listener *listener; /* where the host is to connect */
    int version;
    pthread_mutex_t busy; /* held during a ping */
};
static struct control *controls;
static pthread_mutex_t controls_lock = PTHREAD_MUTEX_INITIALIZER;

static bool write_plist(struct sim_wire *wire, plist_t take_plist)
{
    char *bytes = NULL;
    uint32_t len = 0;
    uint8_t head[4];
    plist_to_bin(take_plist, &bytes, &len);
    plist_free(take_plist);
    rv_put_u32le(head, len);
    bool sent =
        bytes != NULL && sim_wire_write(wire, rv_span(head, sizeof head)) && sim_wire_write(wire, rv_span(bytes, len));
    free(bytes);
    return sent;
}

static plist_t read_plist(struct sim_wire *wire)
{
    uint8_t head[4];
    if (!sim_wire_read(wire, head, sizeof head, HOST_MS))
        return NULL;
    struct rv_reader r = { .in = { head, sizeof head } };
    uint32_t len = rv_read_u32le(&r);
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) body = len > 0 && len <= PLIST_MAX ? rv_blob_new(len, &err) : NULL;
    if (body == NULL || !sim_wire_read(wire, body->data, len, HOST_MS))
        return NULL;
    plist_t message = sim_plist_parse(rv_blob_span(body));
    if (message != NULL)
        sim_transcript_plist(wire->heard, wire->who, "message", message);
    return message;
}

/* 2 or 1, 0 when the greeting was none. */
static bool read_greeting(struct sim_wire *wire, char text[GREETING + 1])
{
    if (!sim_wire_read(wire, text, GREETING, HOST_MS))
        return false;
    text[GREETING] = '\0';
    sim_transcript_text(wire->heard, wire->who, "greeting", text);
    return true;
}

static int greet(struct sim_device *device, struct sim_wire *wire, uint16_t port)
{
    char how[16] = "", text[GREETING + 1];
    sim_setting(device, "restored.proxy", how, sizeof how);
    if (strcmp(how, "refuse") == 0 || !read_greeting(wire, text))
        return 0;
    if (memcmp(text, "HelloCtrl", GREETING) == 0) {
        uint8_t answer[GREETING + 2] = "HelloCtrl";
        rv_put_u16le(answer + GREETING, port);
        return sim_wire_write(wire, rv_span(answer, sizeof answer)) ? 1 : 0;
    }
    if (memcmp(text, "BeginCtrl", GREETING) != 0 || strcmp(how, "1") == 0)
        return 0;
    plist_t request = read_plist(wire);
    if (request == NULL)
        return 0;
    plist_free(request);
    plist_t answer = plist_new_dict();
    plist_dict_set_item(answer, "ConnPort", plist_new_uint(port));
    return write_plist(wire, answer) ? 2 : 0;
}

static void enter(struct control *control)
{
    pthread_mutex_lock(&controls_lock);
    control->next = controls;
    controls = control;
    pthread_mutex_unlock(&controls_lock);
}

static void leave(struct control *control)
{
    pthread_mutex_lock(&controls_lock);
    for (struct control **at = &controls; *at != NULL; at = &(*at)->next)
        if (*at == control) {
            *at = control->next;
            break;
        }
    pthread_mutex_unlock(&controls_lock);
    pthread_mutex_lock(&control->busy); /* a ping under way ends first */
    pthread_mutex_unlock(&control->busy);
}

void sim_proxy_serve(struct sim_device *device, int fd)
{
    struct control control = { .device = device, .listener = sim_port_listen(device, 0) };
    control.wire =
        (struct sim_wire){ .fd = fd, .device = device, .heard = sim_device_transcript(device), .who = "proxy" };
    pthread_mutex_init(&control.busy, NULL);
    if (control.listener != NULL)
        control.version = greet(device, &control.wire, sim_port_number(control.listener));
    if (control.version != 0) {
        sim_record(device, "proxy", "control connection, version %d", control.version);
        enter(&control);
        /* The host says nothing more on this channel: only its end is of interest. */
        struct pollfd wait = { .fd = fd, .events = POLLRDHUP };
        (void)poll(&wait, 1, QUIET_MS);
        leave(&control);
    }
    sim_port_close(control.listener);
    pthread_mutex_destroy(&control.busy);
    close(fd);
}

static bool ping(struct control *control, struct sim_wire *wire)
{
    char text[GREETING + 1];
    if (!read_greeting(wire, text) || memcmp(text, "HelloConn", GREETING) != 0)
        return false;
    if (control->version == 1 && !sim_wire_write(wire, rv_span(text, GREETING)))
        return false;
    if (control->version == 2) {
        plist_t hello = plist_new_dict();
        plist_dict_set_item(hello, "Command", plist_new_string("HelloConn"));
        plist_dict_set_item(hello, "Identifier", plist_new_string("0000000100000001"));
        if (!write_plist(wire, hello))
            return false;
    }
    uint8_t follows[2];
    rv_put_u16le(follows, PLIST_FOLLOWS);
    plist_t message = plist_new_dict();
    plist_dict_set_item(message, "Command", plist_new_string("Ping"));
    if (!sim_wire_write(wire, rv_span(follows, sizeof follows)) || !write_plist(wire, message))
        return false;
    plist_t answer = read_plist(wire);
    bool pong = PLIST_IS_DICT(answer) && plist_dict_get_item(answer, "Pong") != NULL;
    plist_free(answer);
    return pong;
}

bool sim_proxy_ping(struct sim_device *device)
{
    pthread_mutex_lock(&controls_lock);
    struct control *control = controls;
    while (control != NULL && control->device != device)
        control = control->next;
    if (control != NULL)
        pthread_mutex_lock(&control->busy);
    pthread_mutex_unlock(&controls_lock);
    if (control == NULL)
        return false;
    uint8_t sync[4];
    rv_put_u32le(sync, SYNC);
    bool asked = sim_wire_write(&control->wire, rv_span(sync, sizeof sync));
    int fd = asked ? sim_port_accept(control->listener, HOST_MS) : -1;
    struct sim_wire wire = { .fd = fd, .heard = control->wire.heard, .who = "proxy-connection" };
    bool answered = fd >= 0 && ping(control, &wire);
    sim_port_hangup(device, fd);
    pthread_mutex_unlock(&control->busy);
    sim_record(device, "proxy", answered ? "the host answered a ping" : "the host did not answer a ping");
    return answered;
}
