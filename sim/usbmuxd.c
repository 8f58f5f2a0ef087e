/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket of usbmuxd, answered in the daemon's place. A Connect hands the client's own socket to the device's
 * service: no byte is copied in between.
 *
 * Frame, little-endian: u32 length (with these 16 bytes), u32 version (0 binary, 1 XML plist), u32 message, u32 tag.
 * Sources: libimobiledevice/libusbmuxd 2.0.2 src/libusbmuxd.c and include/usbmuxd-proto.h, libimobiledevice/usbmuxd
 * 1.1.1 src/client.c.
 */
#include "sim/services.h"

#include "base/file.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FRAME_HEAD = 16, FRAME_MAX = 65536, CLIENTS_MAX = 512, DEVICES_MAX = 64, ID_SHIFT = 16 };
enum message { MSG_RESULT = 1, MSG_CONNECT, MSG_LISTEN, MSG_ADD, MSG_REMOVE, MSG_PAIRED, MSG_PLIST = 8 };
enum result { RESULT_OK, RESULT_BAD_COMMAND, RESULT_BAD_DEVICE, RESULT_REFUSED, RESULT_BAD_VERSION = 6 };

struct client {
    struct client *next;
    struct server *server;
    int fd;
    uint32_t version, tag; /* of the request being answered */
    bool listening, handed_over;
};

struct seen {
    struct sim_device *device;
    uint32_t id; /* told to the listeners; 0: not there */
};

struct server {
    pthread_mutex_t lock; /* clients and seen[] */
    struct client *clients;
    size_t client_count;
    struct seen seen[DEVICES_MAX];
    size_t count;
    int fd;
    char records[512], buid[40];

    pthread_mutex_t wake_lock; /* taken inside the model's callbacks: nothing else may be locked under it */
    pthread_cond_t wake;
    bool changed;
};

/* The model counts attaches of each device; the place in the list keeps the numbers of several devices apart. */
static uint32_t present_id(const struct server *s, size_t index, enum sim_mode *mode)
{
    unsigned generation = 0;
    enum sim_mode now = sim_device_mode(s->seen[index].device, &generation);
    if (mode != NULL)
        *mode = now;
    if (now != SIM_NORMAL && now != SIM_RESTORE)
        return 0;
    return (uint32_t)index << ID_SHIFT | (generation & 0xffff);
}

/* ---- frames out ---- */

/* A listener that does not read is dropped rather than waited for. */
static bool send_frame(struct client *c, uint32_t version, uint32_t message, uint32_t tag, struct rv_span body)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) frame = rv_blob_new(FRAME_HEAD + body.len, &err);
    if (frame == NULL)
        return false;
    rv_put_u32le(frame->data, (uint32_t)frame->len);
    rv_put_u32le(frame->data + 4, version);
    rv_put_u32le(frame->data + 8, message);
    rv_put_u32le(frame->data + 12, tag);
    if (body.len > 0)
        memcpy(frame->data + FRAME_HEAD, body.ptr, body.len);
    int flags = MSG_NOSIGNAL | (c->listening ? MSG_DONTWAIT : 0);
    if (send(c->fd, frame->data, frame->len, flags) == (ssize_t)frame->len)
        return true;
    shutdown(c->fd, SHUT_RDWR);
    return false;
}

/* Takes the plist. */
static bool send_plist_take(struct client *c, uint32_t tag, plist_t plist)
{
    char *xml = NULL;
    uint32_t len = 0;
    plist_to_xml(plist, &xml, &len);
    plist_free(plist);
    bool good = xml != NULL && send_frame(c, 1, MSG_PLIST, tag, rv_span(xml, len));
    free(xml);
    return good;
}

/* The bytes of a Result, for sending and for handing over with a connection. */
static struct rv_blob *result_frame(const struct client *c, uint32_t number)
{
    struct rv_error err = { 0 };
    char *xml = NULL;
    uint32_t len = 4;
    uint8_t code[4];
    rv_put_u32le(code, number);
    if (c->version == 1) {
        plist_t dict = plist_new_dict();
        plist_dict_set_item(dict, "MessageType", plist_new_string("Result"));
        plist_dict_set_item(dict, "Number", plist_new_uint(number));
        plist_to_xml(dict, &xml, &len);
        plist_free(dict);
    }
    struct rv_blob *frame = rv_blob_new(FRAME_HEAD + len, &err);
    if (frame != NULL) {
        rv_put_u32le(frame->data, (uint32_t)frame->len);
        rv_put_u32le(frame->data + 4, c->version);
        rv_put_u32le(frame->data + 8, c->version == 1 ? MSG_PLIST : MSG_RESULT);
        rv_put_u32le(frame->data + 12, c->tag);
        memcpy(frame->data + FRAME_HEAD, c->version == 1 ? (const uint8_t *)xml : code, len);
    }
    free(xml);
    return frame;
}

static bool send_result(struct client *c, uint32_t number)
{
    RV_AUTO(rv_blob) frame = result_frame(c, number);
    return frame != NULL && send(c->fd, frame->data, frame->len, MSG_NOSIGNAL) == (ssize_t)frame->len;
}

/* UDIDs of A12 and later have no hyphen on the bus; the daemon puts one after the eighth character. */
static void serial_text(struct sim_device *device, char out[72])
{
    struct sim_identity identity;
    sim_device_identity(device, &identity);
    if (strlen(identity.udid) == 24 && strchr(identity.udid, '-') == NULL)
        (void)snprintf(out, 72, "%.8s-%.16s", identity.udid, identity.udid + 8);
    else
        (void)snprintf(out, 72, "%s", identity.udid);
}

static plist_t attached_dict(struct sim_device *device, uint32_t id)
{
    char serial[72];
    serial_text(device, serial);
    plist_t properties = plist_new_dict();
    plist_dict_set_item(properties, "ConnectionSpeed", plist_new_uint(480000000));
    plist_dict_set_item(properties, "ConnectionType", plist_new_string("USB"));
    plist_dict_set_item(properties, "DeviceID", plist_new_uint(id));
    /* (bus << 16) | address: each device on a bus of its own, the address new at each attach */
    plist_dict_set_item(properties, "LocationID", plist_new_uint(id + (1u << ID_SHIFT)));
    plist_dict_set_item(properties, "ProductID", plist_new_uint(0x12a8));
    plist_dict_set_item(properties, "SerialNumber", plist_new_string(serial));
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "DeviceID", plist_new_uint(id));
    plist_dict_set_item(dict, "MessageType", plist_new_string("Attached"));
    plist_dict_set_item(dict, "Properties", properties);
    return dict;
}

static void tell_attached(struct client *c, struct sim_device *device, uint32_t id)
{
    if (c->version == 1) {
        send_plist_take(c, 0, attached_dict(device, id));
        return;
    }
    /* u32 id, u16 product, char serial[256], u16 pad, u32 location */
    uint8_t body[268] = { 0 };
    char serial[72];
    serial_text(device, serial);
    rv_put_u32le(body, id);
    rv_put_u16le(body + 4, 0x12a8);
    memcpy(body + 6, serial, strlen(serial));
    rv_put_u32le(body + 264, id + (1u << ID_SHIFT));
    send_frame(c, 0, MSG_ADD, 0, rv_span(body, sizeof body));
}

static void tell_id(struct client *c, enum message message, const char *name, uint32_t id)
{
    if (c->version == 1) {
        plist_t dict = plist_new_dict();
        plist_dict_set_item(dict, "MessageType", plist_new_string(name));
        plist_dict_set_item(dict, "DeviceID", plist_new_uint(id));
        send_plist_take(c, 0, dict);
        return;
    }
    uint8_t body[4];
    rv_put_u32le(body, id);
    send_frame(c, 0, message, 0, rv_span(body, sizeof body));
}

/* ---- attach and detach ---- */

/* With the lock held: what the listeners were told becomes what is. */
static void refresh(struct server *s)
{
    for (size_t i = 0; i < s->count; i++) {
        uint32_t id = present_id(s, i, NULL), old = s->seen[i].id;
        if (id == old)
            continue;
        s->seen[i].id = id;
        for (struct client *c = s->clients; c != NULL; c = c->next) {
            if (!c->listening)
                continue;
            if (old != 0)
                tell_id(c, MSG_REMOVE, "Detached", old);
            if (id != 0)
                tell_attached(c, s->seen[i].device, id);
        }
    }
}

static void on_event(void *context, const struct sim_event *event)
{
    (void)event;
    struct server *s = context;
    pthread_mutex_lock(&s->wake_lock);
    s->changed = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->wake_lock);
}

static void *events_main(void *context)
{
    struct server *s = context;
    for (;;) {
        pthread_mutex_lock(&s->wake_lock);
        while (!s->changed)
            pthread_cond_wait(&s->wake, &s->wake_lock);
        s->changed = false;
        pthread_mutex_unlock(&s->wake_lock);
        pthread_mutex_lock(&s->lock);
        refresh(s);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

/* ---- requests ---- */

static bool answer_listen(struct client *c)
{
    struct server *s = c->server;
    pthread_mutex_lock(&s->lock);
    bool good = send_result(c, RESULT_OK);
    refresh(s);
    c->listening = true;
    for (size_t i = 0; i < s->count && good; i++)
        if (s->seen[i].id != 0)
            tell_attached(c, s->seen[i].device, s->seen[i].id);
    pthread_mutex_unlock(&s->lock);
    return good;
}

static bool answer_connect(struct client *c, uint64_t id, uint64_t port_swapped)
{
    struct server *s = c->server;
    if (port_swapped > UINT16_MAX)
        return send_result(c, RESULT_REFUSED);
    uint16_t port = ntohs((uint16_t)port_swapped);
    RV_AUTO(rv_blob) greeting = result_frame(c, RESULT_OK);
    if (greeting == NULL)
        return false;
    for (size_t i = 0; i < s->count; i++) {
        enum sim_mode mode;
        if (id == 0 || present_id(s, i, &mode) != id)
            continue;
        /* From here on the service owns the socket, unless it refuses. */
        int status = sim_services_accept_after(s->seen[i].device, mode, port, c->fd, rv_blob_span(greeting));
        c->handed_over = status == 0;
        return status == 0 || send_result(c, status == -ENODEV ? RESULT_BAD_DEVICE : RESULT_REFUSED);
    }
    return send_result(c, RESULT_BAD_DEVICE);
}

static bool answer_devices(struct client *c)
{
    struct server *s = c->server;
    plist_t list = plist_new_array();
    for (size_t i = 0; i < s->count; i++) {
        uint32_t id = present_id(s, i, NULL);
        if (id != 0)
            plist_array_append_item(list, attached_dict(s->seen[i].device, id));
    }
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "DeviceList", list);
    return send_plist_take(c, c->tag, dict);
}

static bool answer_listeners(struct client *c)
{
    struct server *s = c->server;
    plist_t list = plist_new_array();
    pthread_mutex_lock(&s->lock);
    for (const struct client *other = s->clients; other != NULL; other = other->next) {
        if (!other->listening)
            continue;
        plist_t one = plist_new_dict();
        plist_dict_set_item(one, "Blacklisted", plist_new_bool(0));
        plist_dict_set_item(one, "ConnType", plist_new_uint(0));
        plist_array_append_item(list, one);
    }
    pthread_mutex_unlock(&s->lock);
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "ListenerList", list);
    return send_plist_take(c, c->tag, dict);
}

/* ---- the computer's own pair records ---- */

static bool record_path(const struct server *s, plist_t request, char out[800])
{
    const char *id = sim_plist_text(request, "PairRecordID");
    if (id == NULL || id[0] == '\0' || strlen(id) > 80)
        return false;
    char leaf[256];
    rv_path_safe_leaf(id, leaf, sizeof leaf);
    (void)snprintf(out, 800, "%s/%s.plist", s->records, leaf);
    return true;
}

static bool answer_read_record(struct client *c, plist_t request)
{
    char path[800];
    struct rv_error err = { 0 };
    if (!record_path(c->server, request, path))
        return send_result(c, EINVAL);
    RV_AUTO(rv_blob) record = rv_file_read(path, FRAME_MAX, &err);
    if (record == NULL)
        return send_result(c, ENOENT);
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "PairRecordData", plist_new_data((const char *)record->data, record->len));
    return send_plist_take(c, c->tag, dict);
}

static void tell_paired(struct server *s, plist_t request)
{
    const char *id = sim_plist_text(request, "PairRecordID");
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        char serial[72];
        serial_text(s->seen[i].device, serial);
        if (s->seen[i].id == 0 || strcmp(serial, id) != 0)
            continue;
        for (struct client *c = s->clients; c != NULL; c = c->next)
            if (c->listening)
                tell_id(c, MSG_PAIRED, "Paired", s->seen[i].id);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool answer_save_record(struct client *c, plist_t request)
{
    char path[800];
    struct rv_error err = { 0 };
    struct rv_span data = sim_plist_data(request, "PairRecordData");
    if (!record_path(c->server, request, path) || data.len == 0)
        return send_result(c, EINVAL);
    if (!rv_dir_make(c->server->records, &err) || !rv_file_write_atomic(path, data, 0600, &err))
        return send_result(c, EIO);
    bool good = send_result(c, RESULT_OK);
    tell_paired(c->server, request);
    return good;
}

static bool answer_delete_record(struct client *c, plist_t request)
{
    char path[800];
    if (!record_path(c->server, request, path))
        return send_result(c, EINVAL);
    return send_result(c, unlink(path) == 0 ? RESULT_OK : (uint32_t)errno);
}

static bool answer_buid(struct client *c)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "BUID", plist_new_string(c->server->buid));
    return send_plist_take(c, c->tag, dict);
}

static uint64_t number_of(plist_t dict, const char *key)
{
    plist_t node = plist_dict_get_item(dict, key);
    uint64_t value = UINT64_MAX;
    if (PLIST_IS_UINT(node))
        plist_get_uint_val(node, &value);
    return value;
}

static bool answer_plist(struct client *c, plist_t request)
{
    const char *type = sim_plist_text(request, "MessageType");
    if (type == NULL)
        return send_result(c, RESULT_BAD_COMMAND);
    if (strcmp(type, "Listen") == 0)
        return answer_listen(c);
    if (strcmp(type, "ListDevices") == 0)
        return answer_devices(c);
    if (strcmp(type, "ListListeners") == 0)
        return answer_listeners(c);
    if (strcmp(type, "ReadBUID") == 0)
        return answer_buid(c);
    if (strcmp(type, "ReadPairRecord") == 0)
        return answer_read_record(c, request);
    if (strcmp(type, "SavePairRecord") == 0)
        return answer_save_record(c, request);
    if (strcmp(type, "DeletePairRecord") == 0)
        return answer_delete_record(c, request);
    if (strcmp(type, "Connect") == 0)
        return answer_connect(c, number_of(request, "DeviceID"), number_of(request, "PortNumber"));
    return send_result(c, RESULT_BAD_COMMAND);
}

static bool answer(struct client *c, uint32_t message, struct rv_span body)
{
    if (c->version > 1) {
        c->version = 1;
        return send_result(c, RESULT_BAD_VERSION);
    }
    if (c->listening) { /* the daemon takes no more commands from a listener */
        send_result(c, RESULT_BAD_COMMAND);
        return false;
    }
    if (c->version == 1 && message == MSG_PLIST) {
        plist_t request = sim_plist_parse(body);
        bool good = PLIST_IS_DICT(request) ? answer_plist(c, request) : false;
        plist_free(request);
        return good;
    }
    struct rv_reader r = { .in = body };
    uint32_t id = rv_read_u32le(&r);
    uint16_t port = rv_read_u16le(&r); /* still swapped, as in the plist form */
    if (c->version == 0 && message == MSG_CONNECT && !r.bad)
        return answer_connect(c, id, port);
    if (c->version == 0 && message == MSG_LISTEN)
        return answer_listen(c);
    return send_result(c, RESULT_BAD_COMMAND);
}

static bool serve_one(struct client *c)
{
    struct sim_wire wire = { .fd = c->fd };
    uint8_t head[FRAME_HEAD], body[FRAME_MAX];
    if (!sim_wire_read(&wire, head, sizeof head, -1))
        return false;
    struct rv_reader r = { .in = { head, sizeof head } };
    uint32_t len = rv_read_u32le(&r);
    uint32_t version = rv_read_u32le(&r);
    uint32_t message = rv_read_u32le(&r);
    if (len < FRAME_HEAD || len > FRAME_MAX)
        return false;
    if (!sim_wire_read(&wire, body, len - FRAME_HEAD, 5000))
        return false;
    if (!c->listening) { /* a listener's version stays the one it listened with */
        c->version = version;
        c->tag = rv_read_u32le(&r);
    }
    return answer(c, message, rv_span(body, len - FRAME_HEAD));
}

static void *client_main(void *context)
{
    struct client *c = context;
    struct server *s = c->server;
    while (!c->handed_over && serve_one(c))
        continue;
    pthread_mutex_lock(&s->lock);
    for (struct client **at = &s->clients; *at != NULL; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    s->client_count--;
    pthread_mutex_unlock(&s->lock);
    if (!c->handed_over)
        close(c->fd);
    rv_free(c);
    return NULL;
}

/* ---- the listening socket ---- */

static bool spawn(void *(*body)(void *), void *context)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    pthread_t thread;
    int status = pthread_create(&thread, &attr, body, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return status == 0;
}

static void take_client(struct server *s, int fd)
{
    struct client *c = rv_alloc(sizeof *c);
    pthread_mutex_lock(&s->lock);
    bool room = c != NULL && s->client_count < CLIENTS_MAX;
    if (room) {
        *c = (struct client){ .next = s->clients, .server = s, .fd = fd, .version = 1 };
        s->clients = c;
        s->client_count++;
    }
    pthread_mutex_unlock(&s->lock);
    if (room && spawn(client_main, c))
        return;
    if (room) {
        pthread_mutex_lock(&s->lock);
        s->clients = c->next; /* only this thread adds, always in front */
        s->client_count--;
        pthread_mutex_unlock(&s->lock);
    }
    close(fd);
    rv_free(c);
}

static void *accept_main(void *context)
{
    struct server *s = context;
    for (;;) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            take_client(s, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            return NULL;
    }
}

static int listen_unix(const char *path, struct rv_error *err)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof at.sun_path) {
        rv_fail(err, RV_E_USAGE, "socket path is longer than %zu bytes: %s", sizeof at.sun_path - 1, path);
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path));
    unlink(path);
    RV_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 64) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "cannot listen on %s", path);
        return -1;
    }
    int out = fd;
    fd = -1;
    return out;
}

static int listen_tcp(const char *address, struct rv_error *err)
{
    const char *colon = strrchr(address, ':');
    char host[64] = { 0 };
    uint64_t port = 0;
    struct sockaddr_in at = { .sin_family = AF_INET };
    if (colon == NULL || (size_t)(colon - address) >= sizeof host || !rv_text_number(colon + 1, 10, &port) ||
        port > UINT16_MAX) {
        rv_fail(err, RV_E_USAGE, "an address is UNIX:/path or HOST:PORT, not %s", address);
        return -1;
    }
    memcpy(host, address, (size_t)(colon - address));
    at.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1) {
        rv_fail(err, RV_E_USAGE, "not an IPv4 address: %s", host);
        return -1;
    }
    RV_AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 64) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "cannot listen on %s", address);
        return -1;
    }
    int out = fd;
    fd = -1;
    return out;
}

/* The system's own id, made once: hosts compare it with the one in their pair records. */
static bool load_buid(struct server *s, struct rv_error *err)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/buid", s->records);
    struct rv_error quiet = { 0 };
    RV_AUTO(rv_blob) old = rv_file_read(path, 64, &quiet);
    if (old != NULL && old->len == 36) {
        memcpy(s->buid, old->data, 36);
        return true;
    }
    uint8_t b[16];
    if (RAND_bytes(b, sizeof b) != 1)
        return rv_fail(err, RV_E_IO, "no random bytes for a system id");
    (void)snprintf(s->buid, sizeof s->buid, "%02X%02X%02X%02X-%02X%02X-4%01X%02X-A%01X%02X-%02X%02X%02X%02X%02X%02X",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6] & 15, b[7], b[8] & 15, b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
    return rv_dir_make(s->records, err) && rv_file_write_atomic(path, rv_span(s->buid, 36), 0600, err);
}

static bool prepare(struct server *s, const char *address, struct rv_error *err)
{
    (void)snprintf(s->records, sizeof s->records, "%s/usbmuxd", sim_state_dir(s->seen[0].device));
    if (!load_buid(s, err))
        return false;
    s->fd = rv_text_starts(address, "UNIX:") ? listen_unix(address + 5, err) : listen_tcp(address, err);
    return s->fd >= 0;
}

bool sim_usbmuxd_start(struct sim_device *const *devices, size_t count, const char *address, struct rv_error *err)
{
    if (count == 0 || count > DEVICES_MAX)
        return rv_fail(err, RV_E_USAGE, "%zu devices; between 1 and %d can be served", count, DEVICES_MAX);
    struct server *s = rv_alloc(sizeof *s);
    if (s == NULL)
        return rv_fail_nomem(err);
    s->count = count;
    for (size_t i = 0; i < count; i++)
        s->seen[i].device = devices[i];
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->wake_lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    if (!prepare(s, address, err)) {
        rv_free(s);
        return rv_while(err, "starting the usbmuxd socket");
    }
    for (size_t i = 0; i < count; i++)
        sim_device_listen(devices[i], on_event, s);
    if (!spawn(events_main, s) || !spawn(accept_main, s))
        return rv_fail(err, RV_E_NOMEM, "cannot start the threads of the usbmuxd socket");
    return true;
}
