/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USB/IP server, protocol version 1.1.1 (the kernel's Documentation/usb/usbip_protocol): devices 1-1, 1-2 … in the
 * order given. All integers big-endian; fields are read one by one.
 *
 * One convention of our own: USB/IP knows no port reset. A host says it by the request a hub would get,
 * SET_FEATURE(PORT_RESET) = 23 03 value 4 index 1, on end point 0; it is answered and acts as a bus reset.
 */
#include "sim/services.h"

#include "base/mem.h"
#include "base/text.h"
#include "sim/serve.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { OP_HEADER = 8, OP_DEVICE = 312, OP_BUSID = 32, URB_HEADER = 48 };
enum { OP_REQ_DEVLIST = 0x8005, OP_REP_DEVLIST = 0x0005, OP_REQ_IMPORT = 0x8003, OP_REP_IMPORT = 0x0003 };
enum { CMD_SUBMIT = 1, CMD_UNLINK = 2, RET_SUBMIT = 3, RET_UNLINK = 4 };
enum { USBIP_VERSION = 0x0111, SPEED_HIGH = 3, DEVICES_MAX = 64, PENDING_MAX = 64, TRANSFER_CAP = 1 << 20 };

struct pending {
    uint32_t seq;
    uint8_t endpoint;
    uint32_t len;
};

struct session {
    struct session *next;
    struct sim_device *device;
    unsigned generation;
    int fd;
    pthread_mutex_t lock; /* pending and everything written */
    struct pending pending[PENDING_MAX];
    unsigned pending_count;
    uint8_t *in;  /* TRANSFER_CAP, under lock: bulk IN on its way */
    uint8_t *out; /* TRANSFER_CAP, the session's thread only */
};

struct server {
    struct sim_device *devices[DEVICES_MAX];
    size_t count;
    pthread_mutex_t lock; /* the list of sessions */
    struct session *sessions;
};

static bool read_all(int fd, uint8_t *to, size_t len)
{
    while (len > 0) {
        ssize_t got = recv(fd, to, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        len -= (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const uint8_t *from, size_t len)
{
    while (len > 0) {
        ssize_t put = send(fd, from, len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        from += put;
        len -= (size_t)put;
    }
    return true;
}

/* ---- what there is ---- */

struct shown {
    uint8_t record[OP_DEVICE];
    uint8_t interfaces[4 * 32];
    size_t interface_count;
    unsigned generation;
};

/* The list of interfaces is that of the configuration a host would find first, alternate 0 of each. */
static size_t list_interfaces(struct rv_span config, uint8_t *to, size_t max)
{
    size_t count = 0;
    for (size_t at = 0; at + 9 <= config.len && config.ptr[at] >= 2; at += config.ptr[at]) {
        const uint8_t *d = config.ptr + at;
        if (d[1] != 4 || d[3] != 0 || count == max)
            continue;
        memcpy(to + 4 * count, d + 5, 3);
        to[4 * count + 3] = 0;
        count++;
    }
    return count;
}

static bool describe(struct server *server, size_t index, struct shown *out)
{
    uint8_t device[18], config[512];
    struct sim_device *which = server->devices[index];
    *out = (struct shown){ 0 };
    if (sim_device_mode(which, &out->generation) == SIM_OFF ||
        sim_usb_device_descriptor(which, device, sizeof device) != sizeof device)
        return false;
    size_t len = sim_usb_config_descriptor(which, 0, config, sizeof config);
    uint8_t *r = out->record;
    out->interface_count = list_interfaces(rv_span(config, len), out->interfaces, 32);
    snprintf((char *)r, 256, "/sys/devices/platform/revive-sim/usb1/1-%zu", index + 1);
    snprintf((char *)r + 256, OP_BUSID, "1-%zu", index + 1);
    rv_put_u32be(r + 288, 1);
    rv_put_u32be(r + 292, out->generation & 0xffff);
    rv_put_u32be(r + 296, SPEED_HIGH);
    for (size_t i = 0; i < 3; i++) { /* idVendor, idProduct, bcdDevice: little-endian in the descriptor */
        r[300 + 2 * i] = device[9 + 2 * i];
        r[301 + 2 * i] = device[8 + 2 * i];
    }
    memcpy(r + 306, device + 4, 3);
    r[309] = 0;
    r[310] = device[17];
    r[311] = (uint8_t)out->interface_count;
    return true;
}

static void op_header(uint8_t *to, uint16_t code, uint32_t status)
{
    rv_put_u16be(to, USBIP_VERSION);
    rv_put_u16be(to + 2, code);
    rv_put_u32be(to + 4, status);
}

static void answer_list(struct server *server, int fd)
{
    struct rv_error err = { 0 };
    struct rv_buf reply = RV_BUF(DEVICES_MAX * (OP_DEVICE + 4 * 32) + 64);
    uint8_t head[OP_HEADER + 4];
    uint32_t count = 0;
    op_header(head, OP_REP_DEVLIST, 0);
    rv_put_u32be(head + OP_HEADER, 0);
    bool ok = rv_buf_add(&reply, rv_span(head, sizeof head), &err);
    for (size_t i = 0; ok && i < server->count; i++) {
        struct shown shown;
        if (!describe(server, i, &shown))
            continue;
        ok = rv_buf_add(&reply, rv_span(shown.record, OP_DEVICE), &err) &&
             rv_buf_add(&reply, rv_span(shown.interfaces, 4 * shown.interface_count), &err);
        count++;
    }
    if (ok) {
        rv_put_u32be(reply.data + OP_HEADER, count);
        (void)write_all(fd, reply.data, reply.len);
    }
    rv_buf_clear(&reply);
}

/* ---- transfers ---- */

static bool reply_submit(struct session *s, uint32_t seq, int result, const uint8_t *in, size_t in_len)
{
    uint8_t head[URB_HEADER] = { 0 };
    rv_put_u32be(head, RET_SUBMIT);
    rv_put_u32be(head + 4, seq);
    rv_put_u32be(head + 20, (uint32_t)(result < 0 ? result : 0));
    rv_put_u32be(head + 24, result < 0 ? 0 : (uint32_t)result);
    return write_all(s->fd, head, sizeof head) && write_all(s->fd, in, in_len);
}

/* Gives waiting bulk IN requests what the device has. Called with s->lock held. */
static bool feed_locked(struct session *s)
{
    for (unsigned i = 0; i < s->pending_count;) {
        struct pending p = s->pending[i];
        int got = sim_usb_bulk_in(s->device, p.endpoint, s->in, p.len);
        if (got == 0) {
            i++;
            continue;
        }
        s->pending_count--;
        memmove(&s->pending[i], &s->pending[i + 1], (s->pending_count - i) * sizeof s->pending[0]);
        if (!reply_submit(s, p.seq, got, s->in, got > 0 ? (size_t)got : 0))
            return false;
    }
    return true;
}

static bool is_port_reset(const uint8_t setup[8])
{
    static const uint8_t reset[8] = { 0x23, 0x03, 4, 0, 1, 0, 0, 0 };
    return memcmp(setup, reset, sizeof reset) == 0;
}

static bool submit_control(struct session *s, uint32_t seq, const uint8_t *header, uint32_t len, bool in)
{
    uint8_t setup[8];
    memcpy(setup, header + 40, sizeof setup);
    uint32_t wanted = (uint32_t)(setup[6] | setup[7] << 8);
    /* The setup packet says how much; a buffer of another size is a lie of the host. */
    if (wanted < len)
        len = wanted;
    int rc;
    if (is_port_reset(setup)) {
        sim_usb_bus_reset(s->device);
        rc = 0;
    } else {
        rc = sim_usb_control(s->device, setup, s->out, len);
    }
    pthread_mutex_lock(&s->lock);
    bool ok = rc == -ENODEV ? false : reply_submit(s, seq, rc, s->out, in && rc > 0 ? (size_t)rc : 0);
    pthread_mutex_unlock(&s->lock);
    return ok;
}

static bool submit_bulk(struct session *s, uint32_t seq, uint8_t endpoint, uint32_t len, bool in)
{
    int rc = 0;
    if (!in)
        rc = sim_usb_bulk_out(s->device, endpoint, s->out, len);
    if (rc == -ENODEV)
        return false;
    pthread_mutex_lock(&s->lock);
    bool ok = true;
    if (!in)
        ok = reply_submit(s, seq, rc, NULL, 0);
    else if (s->pending_count == PENDING_MAX)
        ok = false;
    else
        s->pending[s->pending_count++] = (struct pending){ seq, endpoint, len };
    ok = ok && feed_locked(s);
    pthread_mutex_unlock(&s->lock);
    return ok;
}

static bool submit(struct session *s, const uint8_t *header)
{
    struct rv_reader r = { .in = rv_span(header, URB_HEADER), .at = 4 };
    uint32_t seq = rv_read_u32be(&r);
    (void)rv_read_u32be(&r); /* devid: the connection says it already */
    bool in = rv_read_u32be(&r) == 1;
    uint32_t endpoint = rv_read_u32be(&r);
    (void)rv_read_u32be(&r); /* flags: the kernel's own */
    uint32_t len = rv_read_u32be(&r);
    if (endpoint > 15 || len > TRANSFER_CAP)
        return false;
    if (!in && !read_all(s->fd, s->out, len))
        return false;
    if (endpoint == 0)
        return submit_control(s, seq, header, len, in);
    return submit_bulk(s, seq, (uint8_t)(endpoint | (in ? 0x80 : 0)), len, in);
}

static bool unlink_request(struct session *s, const uint8_t *header)
{
    struct rv_reader r = { .in = rv_span(header, URB_HEADER), .at = 4 };
    uint32_t seq = rv_read_u32be(&r);
    r.at = 20;
    uint32_t victim = rv_read_u32be(&r);
    uint8_t head[URB_HEADER] = { 0 };
    int status = 0;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->pending_count; i++) {
        if (s->pending[i].seq != victim)
            continue;
        s->pending_count--;
        memmove(&s->pending[i], &s->pending[i + 1], (s->pending_count - i) * sizeof s->pending[0]);
        status = -ECONNRESET;
        break;
    }
    rv_put_u32be(head, RET_UNLINK);
    rv_put_u32be(head + 4, seq);
    rv_put_u32be(head + 20, (uint32_t)status);
    bool ok = write_all(s->fd, head, sizeof head);
    pthread_mutex_unlock(&s->lock);
    return ok;
}

static void run_session(struct session *s)
{
    uint8_t header[URB_HEADER];
    bool ok = true;
    while (ok && read_all(s->fd, header, sizeof header)) {
        struct rv_reader r = { .in = rv_span(header, sizeof header) };
        uint32_t command = rv_read_u32be(&r);
        if (command == CMD_SUBMIT)
            ok = submit(s, header);
        else if (command == CMD_UNLINK)
            ok = unlink_request(s, header);
        else
            ok = false;
    }
}

/* ---- sessions ---- */

static void on_event(void *context, const struct sim_event *event)
{
    struct server *server = context;
    if (event->kind != SIM_DETACHED)
        return;
    pthread_mutex_lock(&server->lock);
    for (struct session *s = server->sessions; s != NULL; s = s->next) {
        unsigned generation;
        if (sim_device_mode(s->device, &generation) == SIM_OFF || generation != s->generation)
            shutdown(s->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->lock);
}

static void on_readable(void *context)
{
    struct server *server = context;
    pthread_mutex_lock(&server->lock);
    for (struct session *s = server->sessions; s != NULL; s = s->next) {
        pthread_mutex_lock(&s->lock);
        if (!feed_locked(s))
            shutdown(s->fd, SHUT_RDWR);
        pthread_mutex_unlock(&s->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

static void session_free(struct session *s)
{
    if (s == NULL)
        return;
    rv_free(s->in);
    rv_free(s->out);
    pthread_mutex_destroy(&s->lock);
    rv_free(s);
}

static struct session *session_new(struct sim_device *device, unsigned generation, int fd)
{
    struct session *s = rv_alloc(sizeof *s);
    if (s == NULL)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    s->device = device;
    s->generation = generation;
    s->fd = fd;
    s->in = rv_alloc(TRANSFER_CAP);
    s->out = rv_alloc(TRANSFER_CAP);
    if (s->in == NULL || s->out == NULL) {
        session_free(s);
        return NULL;
    }
    return s;
}

/* One host a device, as one cable: a second import is refused. */
static bool enlist(struct server *server, struct session *s)
{
    unsigned generation;
    pthread_mutex_lock(&server->lock);
    /* Asked inside the lock, so that a detach in between is seen either here or by on_event. */
    bool free_now = sim_device_mode(s->device, &generation) != SIM_OFF && generation == s->generation;
    for (struct session *other = server->sessions; other != NULL; other = other->next)
        if (other->device == s->device && other->generation == s->generation)
            free_now = false;
    if (free_now) {
        s->next = server->sessions;
        server->sessions = s;
    }
    pthread_mutex_unlock(&server->lock);
    return free_now;
}

static void delist(struct server *server, struct session *s)
{
    pthread_mutex_lock(&server->lock);
    for (struct session **at = &server->sessions; *at != NULL; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    pthread_mutex_unlock(&server->lock);
}

static void import(struct server *server, int fd, const char *busid)
{
    uint8_t reply[OP_HEADER + OP_DEVICE];
    struct session *s = NULL;
    struct shown shown = { 0 };
    uint64_t number = 0;
    if (rv_text_starts(busid, "1-") && rv_text_number(busid + 2, 10, &number) && number >= 1 &&
        number <= server->count && describe(server, (size_t)number - 1, &shown))
        s = session_new(server->devices[number - 1], shown.generation, fd);
    bool mine = s != NULL && enlist(server, s);
    /* A host that no longer reads must not hold up the others. */
    struct timeval limit = { .tv_sec = 10 };
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    op_header(reply, OP_REP_IMPORT, mine ? 0 : 1);
    memcpy(reply + OP_HEADER, shown.record, OP_DEVICE);
    if (write_all(fd, reply, mine ? sizeof reply : OP_HEADER) && mine)
        run_session(s);
    if (mine)
        delist(server, s);
    session_free(s);
}

static void serve(void *context, int fd)
{
    struct server *server = context;
    uint8_t head[OP_HEADER];
    char busid[OP_BUSID + 1] = "";
    if (read_all(fd, head, sizeof head)) {
        struct rv_reader r = { .in = rv_span(head, sizeof head), .at = 2 };
        uint16_t code = rv_read_u16be(&r);
        if (code == OP_REQ_DEVLIST)
            answer_list(server, fd);
        else if (code == OP_REQ_IMPORT && read_all(fd, (uint8_t *)busid, OP_BUSID))
            import(server, fd, busid);
    }
    close(fd);
}

bool sim_usbip_start(struct sim_device *const *devices, size_t count, const char *address, struct rv_error *err)
{
    if (count == 0 || count > DEVICES_MAX)
        return rv_fail(err, RV_E_LIMIT, "1 to %d devices, not %zu", DEVICES_MAX, count);
    struct server *server = rv_alloc(sizeof *server);
    if (server == NULL)
        return rv_fail_nomem(err);
    pthread_mutex_init(&server->lock, NULL);
    server->count = count;
    memcpy(server->devices, devices, count * sizeof devices[0]);
    if (!sim_serve_start(address, serve, server, err)) {
        rv_free(server);
        return rv_while(err, "starting the USB/IP server");
    }
    for (size_t i = 0; i < count; i++) {
        sim_device_listen(devices[i], on_event, server);
        sim_usb_on_readable(devices[i], on_readable, server);
    }
    return true; /* lives as long as the process */
}
