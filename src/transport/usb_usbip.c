/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A USB/IP client in user space: the URBs that a kernel's vhci would carry, spoken over a socket, so that
 * a device behind a USB/IP server can be used with no root and no kernel module. Protocol: the Linux
 * kernel's Documentation/usb/usbip_protocol.rst; all integers big-endian.
 *
 * One connection a device: OP_REQ_IMPORT, then URBs one at a time. A port reset cannot be said in USB/IP;
 * it goes as the hub request SET_FEATURE(PORT_RESET) with port 1, which the project's own server knows.
 */
#include "base/text.h"
#include "transport/stream.h"
#include "transport/usb_ops.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    VERSION = 0x0111,
    OP_REQ_DEVLIST = 0x8005,
    OP_REP_DEVLIST = 0x0005,
    OP_REQ_IMPORT = 0x8003,
    OP_REP_IMPORT = 0x0003,
    BUSID = 32,
    RECORD = 312,
    CMD_SUBMIT = 1,
    CMD_UNLINK = 2,
    RET_SUBMIT = 3,
    RET_UNLINK = 4,
    URB_HEADER = 48,
    URB_MAX = 1 << 20,
    LISTED_MAX = 1024, /* devices of one server; more is a lie */
    OP_TIMEOUT_MS = 3000,
    UNLINK_TIMEOUT_MS = 1000,
    POLL_MS = 250,    /* between two looks at the list, device time */
    POLL_MIN_MS = 20, /* the same, whatever the scale */
    /* libusb's numbers, which err->sys promises */
    SYS_IO = -1,
    SYS_NO_DEVICE = -4,
    SYS_TIMEOUT = -7,
    SYS_PIPE = -9,
};

/* What stays the same while a device keeps its address: read once, so that listing disturbs nobody. */
struct known {
    struct rv_usb_id id;
    bool seen;
};

struct usbip_bus {
    struct rv_usb_bus base;
    pthread_mutex_t lock;
    struct known known[RV_USB_DEVICES_MAX];
    size_t known_count;
    char where[];
};

struct usbip_usb {
    struct rv_usb base;
    struct rv_stream *stream;
    uint32_t devid, seq;
    int configuration;
    enum rv_code dead; /* RV_OK, or why the exchange on the socket lost its step: only closing is left */
};

struct record {
    struct rv_usb_id id;
    uint32_t devid;
    uint8_t configuration, interfaces;
};

/* --- connecting --- */

static bool await_connected(struct rv_ctx *ctx, int fd, struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&ctx->clock, OP_TIMEOUT_MS);
    struct pollfd fds[2] = { { .fd = fd, .events = POLLOUT }, { .fd = rv_cancel_fd(&ctx->cancel), .events = POLLIN } };
    while (rv_cancel_point(&ctx->cancel, err)) {
        int n = poll(fds, 2, rv_deadline_left_ms(&deadline));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return rv_fail(err, RV_E_TIMEOUT, "the USB/IP server does not take the connection");
        if (fds[0].revents == 0)
            continue;
        int sys = 0;
        socklen_t size = sizeof sys;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &size);
        return sys == 0 || rv_fail_sys(err, RV_E_GONE, sys, "connecting");
    }
    return false;
}

static int connect_to(struct rv_ctx *ctx, int family, const struct sockaddr *to, socklen_t size, struct rv_error *err)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        rv_fail_sys(err, RV_E_IO, errno, "making a socket");
        return -1;
    }
    if (connect(fd, to, size) != 0) {
        int sys = errno;
        bool pending = sys == EINPROGRESS && await_connected(ctx, fd, err);
        if (!pending) {
            if (sys != EINPROGRESS)
                rv_fail_sys(err, sys == EACCES ? RV_E_DENIED : RV_E_GONE, sys, "connecting");
            close(fd);
            return -1;
        }
    }
    return fd;
}

static int connect_unix(struct rv_ctx *ctx, const char *path, struct rv_error *err)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof to.sun_path) {
        rv_fail(err, RV_E_USAGE, "the path of the USB/IP socket is empty or longer than %zu bytes",
                sizeof to.sun_path - 1);
        return -1;
    }
    memcpy(to.sun_path, path, len);
    return connect_to(ctx, AF_UNIX, (const struct sockaddr *)&to, sizeof to, err);
}

static int connect_tcp(struct rv_ctx *ctx, const char *where, struct rv_error *err)
{
    const char *colon = strrchr(where, ':');
    if (colon == NULL) {
        rv_fail(err, RV_E_USAGE, "REVIVE_USB=usbip:%s has neither UNIX: nor a port", where);
        return -1;
    }
    RV_AUTO_TEXT host = rv_text_copy_n(where, (size_t)(colon - where));
    if (host == NULL) {
        rv_fail_nomem(err);
        return -1;
    }
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    int no = getaddrinfo(host, colon + 1, &hints, &found);
    if (no != 0) {
        rv_fail(err, RV_E_GONE, "finding the USB/IP server %s: %s", where, gai_strerror(no));
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next)
        fd = connect_to(ctx, a->ai_family, a->ai_addr, a->ai_addrlen, err);
    freeaddrinfo(found);
    return fd;
}

static struct rv_stream *dial(struct usbip_bus *bus, struct rv_error *err)
{
    bool local = rv_text_starts(bus->where, "UNIX:");
    int fd = local ? connect_unix(bus->base.ctx, bus->where + strlen("UNIX:"), err)
                   : connect_tcp(bus->base.ctx, bus->where, err);
    if (fd < 0) {
        rv_while(err, "reaching the USB/IP server at %s", bus->where);
        return NULL;
    }
    return rv_stream_take_fd(bus->base.ctx, fd, err);
}

/* --- operations --- */

static bool operate(struct rv_stream *stream, uint16_t code, const char *busid, uint32_t *status, struct rv_error *err)
{
    uint8_t out[8 + BUSID] = { 0 }, in[8];
    rv_put_u16be(out, VERSION);
    rv_put_u16be(out + 2, code);
    if (busid != NULL)
        memcpy(out + 8, busid, strnlen(busid, BUSID - 1));
    if (!rv_stream_send(stream, rv_span(out, busid != NULL ? sizeof out : 8), OP_TIMEOUT_MS, err) ||
        !rv_stream_receive(stream, in, sizeof in, OP_TIMEOUT_MS, err))
        return false;
    struct rv_reader r = { .in = rv_span(in, sizeof in) };
    uint16_t version = rv_read_u16be(&r), reply = rv_read_u16be(&r);
    if (version != VERSION || reply != (code & 0x7FFF))
        return rv_fail(err, RV_E_PROTOCOL, "the USB/IP server answers version %04x, code %04x", version, reply);
    *status = rv_read_u32be(&r);
    return true;
}

static bool read_record(struct rv_stream *stream, struct record *out, struct rv_error *err)
{
    uint8_t raw[RECORD];
    if (!rv_stream_receive(stream, raw, sizeof raw, OP_TIMEOUT_MS, err))
        return rv_while(err, "reading a device of the USB/IP server");
    memset(out, 0, sizeof *out);
    struct rv_reader r = { .in = rv_span(raw, sizeof raw), .at = 256 };
    struct rv_span busid = rv_read_span(&r, BUSID);
    memcpy(out->id.port, busid.ptr, strnlen((const char *)busid.ptr, BUSID - 1));
    rv_text_clean(out->id.port);
    uint32_t bus = rv_read_u32be(&r), address = rv_read_u32be(&r);
    rv_read_u32be(&r); /* speed */
    out->id.vendor = rv_read_u16be(&r);
    out->id.product = rv_read_u16be(&r);
    rv_read_u16be(&r);   /* bcdDevice */
    rv_read_span(&r, 3); /* class */
    out->configuration = rv_read_u8(&r);
    rv_read_u8(&r); /* configurations */
    out->interfaces = rv_read_u8(&r);
    out->id.bus = (uint8_t)bus;
    out->id.address = (uint8_t)address;
    out->devid = bus << 16 | (address & 0xFFFF);
    return true;
}

static bool list_records(struct usbip_bus *bus, struct record *out, size_t max, size_t *count, struct rv_error *err)
{
    RV_AUTO(rv_stream) stream = dial(bus, err);
    uint32_t status = 0;
    uint8_t raw[4];
    if (stream == NULL || !operate(stream, OP_REQ_DEVLIST, NULL, &status, err))
        return false;
    if (status != 0)
        return rv_fail(err, RV_E_REFUSED, "the USB/IP server refuses to list, status %u", status);
    if (!rv_stream_receive(stream, raw, sizeof raw, OP_TIMEOUT_MS, err))
        return false;
    struct rv_reader r = { .in = rv_span(raw, sizeof raw) };
    uint32_t announced = rv_read_u32be(&r);
    if (announced > LISTED_MAX)
        return rv_fail(err, RV_E_PROTOCOL, "the USB/IP server announces %u devices", announced);
    size_t n = 0;
    for (uint32_t i = 0; i < announced; i++) {
        struct record record;
        uint8_t interfaces[255 * 4];
        if (!read_record(stream, &record, err) ||
            !rv_stream_receive(stream, interfaces, (size_t)record.interfaces * 4, OP_TIMEOUT_MS, err))
            return false;
        if (rv_usb_is_wanted(record.id.vendor, record.id.product) && n < max)
            out[n++] = record;
    }
    *count = n;
    return true;
}

/* --- URBs --- */

static bool fail_status(struct rv_error *err, int32_t status)
{
    static const struct {
        int32_t status;
        enum rv_code code;
        int32_t sys;
        const char *words;
    } rows[] = {
        { -EPIPE, RV_E_REFUSED, SYS_PIPE, "the device refused (stall)" },
        { -ENODEV, RV_E_GONE, SYS_NO_DEVICE, "the device left the bus" },
        { -ESHUTDOWN, RV_E_GONE, SYS_NO_DEVICE, "the device left the bus" },
        { -ECONNRESET, RV_E_GONE, SYS_NO_DEVICE, "the transfer was broken off" },
        { -ENOENT, RV_E_GONE, SYS_NO_DEVICE, "the transfer was broken off" },
        { -ETIMEDOUT, RV_E_TIMEOUT, SYS_TIMEOUT, "the device did not answer in time" },
    };
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        if (rows[i].status != status)
            continue;
        rv_fail(err, rows[i].code, "%s", rows[i].words);
        err->sys = rows[i].sys;
        return false;
    }
    rv_fail(err, RV_E_PROTOCOL, "the USB transfer failed with status %d", status);
    err->sys = SYS_IO;
    return false;
}

struct urb {
    uint8_t endpoint; /* bit 7: IN */
    uint8_t setup[8];
    uint8_t *data;
    size_t len;
};

struct reply {
    uint32_t command, seq;
    int32_t status, actual;
};

static bool read_reply(struct usbip_usb *usb, uint32_t timeout_ms, struct reply *out, struct rv_error *err)
{
    uint8_t raw[URB_HEADER];
    if (!rv_stream_receive(usb->stream, raw, sizeof raw, timeout_ms, err))
        return false;
    struct rv_reader r = { .in = rv_span(raw, sizeof raw) };
    out->command = rv_read_u32be(&r);
    out->seq = rv_read_u32be(&r);
    rv_read_span(&r, 12);
    out->status = (int32_t)rv_read_u32be(&r);
    out->actual = (int32_t)rv_read_u32be(&r);
    return true;
}

/* The URB's own answer has come: status, length and the IN data behind it. */
static bool take_answer(struct usbip_usb *usb, const struct urb *urb, const struct reply *reply, size_t *done,
                        struct rv_error *err)
{
    if (reply->actual < 0 || (size_t)reply->actual > urb->len) {
        usb->dead = RV_E_PROTOCOL;
        return rv_fail(err, RV_E_PROTOCOL, "the USB/IP server answers %d bytes where %zu were asked for", reply->actual,
                       urb->len);
    }
    bool in = (urb->endpoint & 0x80) != 0;
    if (in && reply->actual > 0 &&
        !rv_stream_receive(usb->stream, urb->data, (size_t)reply->actual, OP_TIMEOUT_MS, err)) {
        usb->dead = err->code;
        return rv_while(err, "reading %d bytes of a USB transfer", reply->actual);
    }
    *done = (size_t)reply->actual;
    return reply->status == 0 || fail_status(err, reply->status);
}

/* Too late: takes the URB back. The answer may still win the race. */
static bool take_back(struct usbip_usb *usb, const struct urb *urb, uint32_t seq, size_t *done, struct rv_error *err)
{
    uint8_t out[URB_HEADER] = { 0 };
    rv_put_u32be(out, CMD_UNLINK);
    rv_put_u32be(out + 4, ++usb->seq);
    rv_put_u32be(out + 8, usb->devid);
    rv_put_u32be(out + 20, seq);
    uint32_t unlink_seq = usb->seq;
    bool answered = false;
    struct rv_error answer_err = { 0 }, link_err = { 0 };
    struct reply reply;
    bool ok = rv_stream_send(usb->stream, rv_span(out, sizeof out), UNLINK_TIMEOUT_MS, &link_err);
    while (ok) {
        ok = read_reply(usb, UNLINK_TIMEOUT_MS, &reply, &link_err);
        if (ok && reply.command == RET_UNLINK && reply.seq == unlink_seq)
            break;
        if (ok && (reply.command != RET_SUBMIT || reply.seq != seq || answered))
            ok = false;
        else if (ok) {
            answered = true;
            take_answer(usb, urb, &reply, done, &answer_err);
            ok = usb->dead == RV_OK;
        }
    }
    if (!ok)
        usb->dead = RV_E_TIMEOUT; /* that is how it began */
    if (answered && usb->dead == RV_OK) {
        *err = answer_err;
        return answer_err.code == RV_OK;
    }
    rv_fail(err, RV_E_TIMEOUT, "the device did not answer in time");
    err->sys = SYS_TIMEOUT;
    return false;
}

static bool submit(struct usbip_usb *usb, const struct urb *urb, uint32_t timeout_ms, size_t *done,
                   struct rv_error *err)
{
    *done = 0;
    bool in = (urb->endpoint & 0x80) != 0;
    if (usb->dead != RV_OK) {
        rv_fail(err, usb->dead, "the USB/IP connection to the device is broken (%s)", rv_code_name(usb->dead));
        err->sys = usb->dead == RV_E_TIMEOUT ? SYS_TIMEOUT : SYS_NO_DEVICE;
        return false;
    }
    uint8_t out[URB_HEADER] = { 0 };
    uint32_t seq = ++usb->seq;
    rv_put_u32be(out, CMD_SUBMIT);
    rv_put_u32be(out + 4, seq);
    rv_put_u32be(out + 8, usb->devid);
    rv_put_u32be(out + 12, in);
    rv_put_u32be(out + 16, urb->endpoint & 0x0F);
    rv_put_u32be(out + 24, (uint32_t)urb->len);
    memcpy(out + 40, urb->setup, sizeof urb->setup);
    struct reply reply;
    bool sent = rv_stream_send(usb->stream, rv_span(out, sizeof out), timeout_ms, err) &&
                (in || rv_stream_send(usb->stream, rv_span(urb->data, urb->len), timeout_ms, err));
    if (!sent || !read_reply(usb, timeout_ms, &reply, err)) {
        if (sent && err->code == RV_E_TIMEOUT)
            return take_back(usb, urb, seq, done, err);
        usb->dead = err->code;
        err->sys = err->code == RV_E_TIMEOUT ? SYS_TIMEOUT : SYS_NO_DEVICE;
        return false;
    }
    if (reply.command != RET_SUBMIT || reply.seq != seq) {
        usb->dead = RV_E_PROTOCOL;
        return rv_fail(err, RV_E_PROTOCOL, "the USB/IP server answers command %u, number %u instead of %u",
                       reply.command, reply.seq, seq);
    }
    return take_answer(usb, urb, &reply, done, err);
}

static bool usbip_control(struct rv_usb *base, struct rv_usb_setup setup, void *data, uint16_t len, uint32_t timeout_ms,
                          size_t *done, struct rv_error *err)
{
    struct urb urb = { .endpoint = setup.request_type & 0x80, .data = data, .len = len };
    urb.setup[0] = setup.request_type;
    urb.setup[1] = setup.request;
    rv_put_u16le(urb.setup + 2, setup.value);
    rv_put_u16le(urb.setup + 4, setup.index);
    rv_put_u16le(urb.setup + 6, len);
    return submit((struct usbip_usb *)base, &urb, timeout_ms, done, err);
}

static bool usbip_bulk(struct rv_usb *base, uint8_t endpoint, void *data, size_t len, uint32_t timeout_ms, size_t *done,
                       struct rv_error *err)
{
    if (len > URB_MAX)
        return rv_fail(err, RV_E_LIMIT, "a USB transfer of %zu bytes is too large", len);
    struct urb urb = { .endpoint = endpoint, .data = data, .len = len };
    return submit((struct usbip_usb *)base, &urb, timeout_ms, done, err);
}

static bool plain_request(struct rv_usb *usb, struct rv_usb_setup setup, uint32_t timeout_ms, struct rv_error *err)
{
    size_t done;
    return usbip_control(usb, setup, NULL, 0, timeout_ms, &done, err);
}

static bool usbip_configure(struct rv_usb *base, int configuration, struct rv_error *err)
{
    struct usbip_usb *usb = (struct usbip_usb *)base;
    if (usb->configuration == configuration)
        return true;
    if (!plain_request(base, (struct rv_usb_setup){ 0x00, 0x09, (uint16_t)configuration, 0 }, OP_TIMEOUT_MS, err))
        return false;
    usb->configuration = configuration;
    return true;
}

static bool usbip_claim(struct rv_usb *base, int interface, struct rv_error *err)
{
    (void)base; /* an imported device has one user */
    (void)interface;
    (void)err;
    return true;
}

static bool usbip_alternate(struct rv_usb *base, int interface, int alternate, struct rv_error *err)
{
    struct rv_usb_setup setup = { 0x01, 0x0B, (uint16_t)alternate, (uint16_t)interface };
    return plain_request(base, setup, OP_TIMEOUT_MS, err);
}

static bool usbip_clear_halt(struct rv_usb *base, uint8_t endpoint, struct rv_error *err)
{
    return plain_request(base, (struct rv_usb_setup){ 0x02, 0x01, 0, endpoint }, OP_TIMEOUT_MS, err);
}

static void usbip_reset(struct rv_usb *base)
{
    struct rv_error ignored = { 0 };
    plain_request(base, (struct rv_usb_setup){ 0x23, 0x03, 4, 1 }, OP_TIMEOUT_MS, &ignored);
}

/* --- open and close --- */

static bool listed(struct usbip_bus *bus, const struct rv_usb_id *id)
{
    struct record records[RV_USB_DEVICES_MAX];
    size_t count = 0;
    struct rv_error ignored = { 0 };
    if (!list_records(bus, records, RV_COUNT(records), &count, &ignored))
        return false;
    for (size_t i = 0; i < count; i++)
        if (records[i].id.bus == id->bus && records[i].id.address == id->address)
            return true;
    return false;
}

static bool import(struct usbip_bus *bus, struct usbip_usb *usb, const struct rv_usb_id *id, struct rv_error *err)
{
    uint32_t status = 0;
    struct record record;
    usb->stream = dial(bus, err);
    if (usb->stream == NULL || !operate(usb->stream, OP_REQ_IMPORT, id->port, &status, err))
        return false;
    if (status != 0)
        return listed(bus, id) ? rv_fail(err, RV_E_BUSY, "the USB/IP server says that the device is in use")
                               : rv_fail(err, RV_E_GONE, "the device is not there any more");
    if (!read_record(usb->stream, &record, err))
        return false;
    if (record.id.bus != id->bus || record.id.address != id->address)
        return rv_fail(err, RV_E_GONE, "the device has left; another one is at its place");
    usb->devid = record.devid;
    usb->configuration = record.configuration;
    return true;
}

static void usbip_close(struct rv_usb *base)
{
    struct usbip_usb *usb = (struct usbip_usb *)base;
    rv_stream_free(usb->stream);
    rv_free(usb);
}

static struct rv_usb *usbip_open(struct rv_usb_bus *base, const struct rv_usb_id *id, struct rv_error *err)
{
    struct usbip_usb *usb = rv_alloc(sizeof *usb);
    if (usb == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    usb->base = (struct rv_usb){ .ops = base->ops, .bus = base, .id = *id };
    if (!import((struct usbip_bus *)base, usb, id, err)) {
        usbip_close(&usb->base);
        return NULL;
    }
    return &usb->base;
}

/* --- listing --- */

static bool read_serial(struct usbip_bus *bus, struct rv_usb_id *id, struct rv_error *err)
{
    RV_AUTO(rv_usb) usb = usbip_open(&bus->base, id, err);
    uint8_t descriptor[18];
    size_t done = 0;
    if (usb == NULL || !rv_usb_control(usb, (struct rv_usb_setup){ 0x80, 0x06, 0x0100, 0 }, descriptor,
                                       sizeof descriptor, OP_TIMEOUT_MS, &done, err))
        return false;
    if (done != sizeof descriptor)
        return rv_fail(err, RV_E_PROTOCOL, "a device descriptor of %zu bytes", done);
    return rv_usb_string(usb, descriptor[16], id->serial, sizeof id->serial, err);
}

static struct known *find_known(struct usbip_bus *bus, const struct rv_usb_id *id)
{
    for (size_t i = 0; i < bus->known_count; i++) {
        const struct rv_usb_id *k = &bus->known[i].id;
        if (k->bus == id->bus && k->address == id->address && k->product == id->product &&
            strcmp(k->port, id->port) == 0)
            return &bus->known[i];
    }
    return NULL;
}

static void forget_unseen(struct usbip_bus *bus)
{
    size_t kept = 0;
    for (size_t i = 0; i < bus->known_count; i++)
        if (bus->known[i].seen)
            bus->known[kept++] = bus->known[i];
    bus->known_count = kept;
}

/* Serials come from memory where they can; a device that does not tell is asked again next time. */
static void fill_serial(struct usbip_bus *bus, struct rv_usb_id *id)
{
    struct known *known = find_known(bus, id);
    if (known == NULL) {
        struct rv_error ignored = { 0 };
        if (!read_serial(bus, id, &ignored)) {
            id->serial[0] = '\0';
            id->denied = ignored.code == RV_E_DENIED;
            return;
        }
        if (bus->known_count == RV_COUNT(bus->known))
            return;
        known = &bus->known[bus->known_count++];
        known->id = *id;
    }
    known->seen = true;
    *id = known->id;
}

static bool usbip_list(struct rv_usb_bus *base, struct rv_usb_id *out, size_t max, size_t *count, struct rv_error *err)
{
    struct usbip_bus *bus = (struct usbip_bus *)base;
    struct record records[RV_USB_DEVICES_MAX];
    size_t found = 0;
    if (!list_records(bus, records, RV_COUNT(records), &found, err))
        return false;
    if (found > max)
        found = max;
    pthread_mutex_lock(&bus->lock);
    for (size_t i = 0; i < bus->known_count; i++)
        bus->known[i].seen = false;
    for (size_t i = 0; i < found; i++) {
        out[i] = records[i].id;
        fill_serial(bus, &out[i]);
    }
    forget_unseen(bus);
    pthread_mutex_unlock(&bus->lock);
    *count = found;
    return true;
}

/* USB/IP tells nothing by itself: look again after a while. */
static bool usbip_wait(struct rv_usb_bus *base, uint32_t timeout_ms, struct rv_error *err)
{
    struct rv_clock *clock = &base->ctx->clock;
    double ms = (timeout_ms < POLL_MS ? timeout_ms : POLL_MS) * (clock->scale > 0 ? clock->scale : 1);
    clock->sleep_ms(clock, ms < POLL_MIN_MS ? POLL_MIN_MS : (uint64_t)ms, &base->ctx->cancel);
    return rv_cancel_point(&base->ctx->cancel, err);
}

static void usbip_bus_free(struct rv_usb_bus *base)
{
    struct usbip_bus *bus = (struct usbip_bus *)base;
    pthread_mutex_destroy(&bus->lock);
    rv_free(bus);
}

static const struct rv_usb_ops usbip_ops = {
    .name = "usbip",
    .bus_free = usbip_bus_free,
    .list = usbip_list,
    .wait = usbip_wait,
    .open = usbip_open,
    .close = usbip_close,
    .configure = usbip_configure,
    .claim = usbip_claim,
    .alternate = usbip_alternate,
    .control = usbip_control,
    .bulk = usbip_bulk,
    .clear_halt = usbip_clear_halt,
    .reset = usbip_reset,
};

struct rv_usb_bus *rv_usb_usbip_open(struct rv_ctx *ctx, const char *where, struct rv_error *err)
{
    struct usbip_bus *bus = rv_alloc(sizeof *bus + strlen(where) + 1);
    if (bus == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    bus->base = (struct rv_usb_bus){ .ops = &usbip_ops, .ctx = ctx };
    pthread_mutex_init(&bus->lock, NULL);
    memcpy(bus->where, where, strlen(where) + 1);
    return &bus->base;
}
