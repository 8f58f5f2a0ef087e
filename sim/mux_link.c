/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's end of the link that usbmuxd speaks over two bulk pipes. Big-endian throughout.
 *
 *   version 1 header, 8 bytes:   u32 protocol, u32 length (with the header)
 *   version 2 header, 16 bytes:  the same, u32 0xfeedface, u16 tx_seq, u16 rx_seq
 *   protocol 0 VERSION (always with the 8-byte header): u32 major, u32 minor, u32 0
 *   protocol 1 CONTROL: u8 kind, text;  protocol 2 SETUP: u8 7;  protocol 6: a TCP header of 20 bytes, then data
 *
 * One packet is one transfer. The TCP inside knows SYN, SYN+ACK, ACK and RST only; bulk pipes lose nothing, so there
 * is no repetition: the windows alone matter. Source: libimobiledevice/usbmuxd 1.1.1 src/device.c and src/usb.c.
 *
 * Threads: transfers come in on the host face's threads and never wait. One thread of the link's own connects to
 * services, moves what services write, and calls `readable` (with nothing locked).
 */
#include "sim/services.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_1 = 8, HEAD_2 = 16, TCP_HEAD = 20, VERSION_BODY = 12 };
enum { PROTO_VERSION = 0, PROTO_CONTROL = 1, PROTO_SETUP = 2, PROTO_TCP = 6 };
enum { TCP_SYN = 0x02, TCP_RST = 0x04, TCP_ACK = 0x10 };
enum { MAGIC = (int)0xfeedface };
/* A transfer of the host reads 16384 bytes; more would be split and joined again for nothing. */
enum { PACKET_MAX = 65536, TRANSFER = 16384, PAYLOAD = TRANSFER - HEAD_2 - TCP_HEAD };
enum { WINDOW = 131072, WINDOW_SHIFT = 8, CONNECTIONS_MAX = 128, QUEUE_MAX = 64 * 1024 * 1024 };

enum state { FREE, ASKED, OPEN };

struct connection {
    enum state state;
    uint16_t host_port, port;
    int fd;
    bool deaf, ended;       /* the service reads no more; it has closed, and RST follows when the host has taken all */
    uint32_t sent, taken;   /* our next sequence number; bytes (and the SYN) of the host's that a service took */
    uint32_t acked, window; /* what the host said last */
    struct rv_buf in;       /* received, not yet taken: at most WINDOW */
};

struct packet {
    struct packet *next;
    size_t len, at;
    uint8_t bytes[];
};

struct sim_mux_link {
    struct sim_device *device;
    void (*readable)(void *);
    void *context;
    pthread_mutex_t lock;
    pthread_t thread;
    int wake; /* eventfd: something for the thread to do */
    bool ending, news;
    unsigned version; /* 0 until the handshake */
    uint16_t tx_seq, rx_seq;
    struct rv_buf partial; /* a host packet that came in several transfers */
    struct packet *first, *last;
    size_t queued;
    struct connection connections[CONNECTIONS_MAX];
};

static void nudge(struct sim_mux_link *l)
{
    uint64_t one = 1;
    (void)!write(l->wake, &one, sizeof one);
}

/* ---- device to host ---- */

static void queue(struct sim_mux_link *l, struct packet *p)
{
    if (l->last != NULL)
        l->last->next = p;
    else
        l->first = p;
    l->last = p;
    l->queued += p->len;
    l->news = true;
}

/* A host that takes nothing makes the queue grow by its own open windows at most; past that the packet is lost. */
static struct packet *packet_new(struct sim_mux_link *l, uint32_t protocol, size_t body)
{
    size_t head = protocol == PROTO_VERSION || l->version < 2 ? HEAD_1 : HEAD_2;
    if (l->queued > QUEUE_MAX)
        return NULL;
    struct packet *p = rv_alloc(sizeof *p + head + body);
    if (p == NULL)
        return NULL;
    p->len = head + body;
    rv_put_u32be(p->bytes, protocol);
    rv_put_u32be(p->bytes + 4, (uint32_t)p->len);
    if (head == HEAD_2) {
        rv_put_u32be(p->bytes + 8, (uint32_t)MAGIC);
        rv_put_u16be(p->bytes + 12, l->tx_seq++);
        rv_put_u16be(p->bytes + 14, l->rx_seq);
    }
    return p;
}

static void send_version(struct sim_mux_link *l, uint32_t major)
{
    struct packet *p = packet_new(l, PROTO_VERSION, VERSION_BODY);
    if (p == NULL)
        return;
    rv_put_u32be(p->bytes + HEAD_1, major);
    queue(l, p);
}

/* A packet of a connection with room for data; the caller fills and queues it. */
static struct packet *tcp_new(struct sim_mux_link *l, const struct connection *c, uint8_t flags, size_t data)
{
    struct packet *p = packet_new(l, PROTO_TCP, TCP_HEAD + data);
    if (p == NULL)
        return NULL;
    uint8_t *t = p->bytes + p->len - data - TCP_HEAD;
    rv_put_u16be(t, c->port);
    rv_put_u16be(t + 2, c->host_port);
    rv_put_u32be(t + 4, c->sent);
    rv_put_u32be(t + 8, c->taken);
    t[12] = 5 << 4;
    t[13] = flags;
    rv_put_u16be(t + 14, WINDOW >> WINDOW_SHIFT);
    return p;
}

static void send_flags(struct sim_mux_link *l, const struct connection *c, uint8_t flags, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    struct packet *p = tcp_new(l, c, flags, len);
    if (p == NULL)
        return;
    if (len > 0)
        memcpy(p->bytes + p->len - len, text, len);
    queue(l, p);
}

size_t sim_mux_link_in(struct sim_mux_link *l, uint8_t *to, size_t room)
{
    pthread_mutex_lock(&l->lock);
    struct packet *p = l->first;
    size_t n = 0;
    if (p != NULL) {
        n = p->len - p->at < room ? p->len - p->at : room;
        memcpy(to, p->bytes + p->at, n);
        p->at += n;
        if (p->at == p->len) {
            l->first = p->next;
            if (l->first == NULL)
                l->last = NULL;
            l->queued -= p->len;
            rv_free(p);
        }
    }
    pthread_mutex_unlock(&l->lock);
    return n;
}

/* ---- connections ---- */

static struct connection *find(struct sim_mux_link *l, uint16_t host_port, uint16_t port)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &l->connections[i];
        if (c->state != FREE && c->host_port == host_port && c->port == port)
            return c;
    }
    return NULL;
}

static struct connection *find_free(struct sim_mux_link *l)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (l->connections[i].state == FREE)
            return &l->connections[i];
    return NULL;
}

static void drop(struct connection *c)
{
    if (c->fd >= 0) {
        /* The thread may be in poll() with it, which keeps the socket open past close(). */
        shutdown(c->fd, SHUT_RDWR);
        close(c->fd);
    }
    rv_buf_clear(&c->in);
    *c = (struct connection){ .fd = -1 };
}

static void reset(struct sim_mux_link *l, struct connection *c, const char *why)
{
    sim_record(l->device, "mux", "connection %u to port %u reset: %s", c->host_port, c->port, why);
    send_flags(l, c, TCP_RST, why);
    drop(c);
}

static void drop_all(struct sim_mux_link *l)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (l->connections[i].state != FREE)
            drop(&l->connections[i]);
}

/* Hands what came in to the service. The host may send again only what a service has taken: an honest acknowledgement.
 */
static void flush(struct sim_mux_link *l, struct connection *c)
{
    size_t took = 0;
    while (took < c->in.len) {
        if (c->deaf) {
            took = c->in.len;
            break;
        }
        ssize_t n = send(c->fd, c->in.data + took, c->in.len - took, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            took += (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno == EAGAIN) {
            break;
        } else {
            c->deaf = true; /* what it wrote before is still on its way to the host */
        }
    }
    if (took == 0)
        return;
    rv_buf_drop(&c->in, took);
    c->taken += (uint32_t)took;
    send_flags(l, c, TCP_ACK, NULL);
}

/* ---- host to device ---- */

struct segment {
    uint16_t host_port, port, window;
    uint32_t seq, ack;
    uint8_t flags;
    struct rv_span data;
};

static void on_syn(struct sim_mux_link *l, const struct segment *s)
{
    struct connection *c = find(l, s->host_port, s->port);
    if (c != NULL)
        drop(c);
    c = find_free(l);
    struct connection none = { .host_port = s->host_port, .port = s->port, .taken = s->seq + 1, .fd = -1 };
    if (c == NULL) {
        send_flags(l, &none, TCP_RST, "too many connections");
        return;
    }
    *c = none;
    c->state = ASKED;
    c->in = (struct rv_buf)RV_BUF(WINDOW);
    c->window = (uint32_t)s->window << WINDOW_SHIFT;
    nudge(l); /* the thread connects: that may take locks of the model */
}

static void on_data(struct sim_mux_link *l, struct connection *c, const struct segment *s)
{
    struct rv_error err = { 0 };
    c->acked = s->ack;
    c->window = (uint32_t)s->window << WINDOW_SHIFT;
    if (s->data.len > 0) {
        if (s->seq != c->taken + (uint32_t)c->in.len) {
            reset(l, c, "a sequence number out of order");
            return;
        }
        if (!rv_buf_add(&c->in, s->data, &err)) {
            reset(l, c, "more than the window");
            return;
        }
        flush(l, c);
    }
    nudge(l); /* the window may have opened */
}

static void on_segment(struct sim_mux_link *l, const struct segment *s)
{
    if (s->flags == TCP_SYN) {
        on_syn(l, s);
        return;
    }
    struct connection *c = find(l, s->host_port, s->port);
    if (s->flags == TCP_RST || (s->flags & TCP_RST) != 0) {
        if (c != NULL)
            drop(c);
        nudge(l);
        return;
    }
    if (c == NULL || c->state != OPEN) {
        struct connection none = { .host_port = s->host_port, .port = s->port, .taken = s->seq };
        send_flags(l, &none, TCP_RST, "no such connection");
    } else if (s->flags != TCP_ACK) {
        reset(l, c, "flags that have no meaning here");
    } else {
        on_data(l, c, s);
    }
}

static void on_version(struct sim_mux_link *l, struct rv_reader *r)
{
    uint32_t major = rv_read_u32be(r);
    drop_all(l); /* a host that begins anew has forgotten everything */
    l->version = 0;
    l->tx_seq = 0;
    l->rx_seq = 0xffff;
    if (r->bad || major == 0) {
        sim_record(l->device, "mux", "a version packet that says nothing");
        return;
    }
    uint32_t ours = major >= 2 ? 2 : 1;
    send_version(l, ours);
    l->version = ours;
    sim_record(l->device, "mux", "host speaks version %u, the link %u", major, ours);
}

static void on_tcp(struct sim_mux_link *l, struct rv_reader *r)
{
    struct segment s = { .host_port = rv_read_u16be(r), .port = rv_read_u16be(r) };
    s.seq = rv_read_u32be(r);
    s.ack = rv_read_u32be(r);
    uint8_t offset = rv_read_u8(r);
    s.flags = rv_read_u8(r);
    s.window = rv_read_u16be(r);
    rv_read_u32be(r); /* checksum and urgent pointer: always 0 */
    s.data = rv_read_span(r, rv_reader_left(r));
    if (r->bad || offset != 5 << 4) {
        sim_record(l->device, "mux", "a TCP header that is none");
        return;
    }
    on_segment(l, &s);
}

/* One whole packet. */
static void on_packet(struct sim_mux_link *l, struct rv_span in)
{
    struct rv_reader r = { .in = in };
    uint32_t protocol = rv_read_u32be(&r);
    rv_read_u32be(&r);
    if (protocol == PROTO_VERSION) {
        on_version(l, &r);
        return;
    }
    if (l->version == 0) {
        sim_record(l->device, "mux", "protocol %u before the version", protocol);
        return;
    }
    if (l->version >= 2) {
        uint32_t magic = rv_read_u32be(&r);
        l->rx_seq = rv_read_u16be(&r); /* what the host sent last; it reads it back */
        rv_read_u16be(&r);
        if (r.bad || magic != (uint32_t)MAGIC) {
            sim_record(l->device, "mux", "a packet without the magic number");
            return;
        }
    }
    if (protocol == PROTO_TCP)
        on_tcp(l, &r);
    else if (protocol == PROTO_SETUP || protocol == PROTO_CONTROL)
        sim_record(l->device, "mux", "%s %u", protocol == PROTO_SETUP ? "setup" : "control", rv_read_u8(&r));
    else
        sim_record(l->device, "mux", "protocol %u is not known", protocol);
}

/* A length that cannot be true leaves no way to find the next packet: everything is dropped until a new version. */
static void lose_step(struct sim_mux_link *l, uint32_t length)
{
    sim_record(l->device, "mux", "a packet of %u bytes: the link is out of step", length);
    rv_buf_clear(&l->partial);
    drop_all(l);
    l->version = 0;
}

void sim_mux_link_out(struct sim_mux_link *l, const uint8_t *data, size_t len)
{
    struct rv_error err = { 0 };
    pthread_mutex_lock(&l->lock);
    l->partial.cap = PACKET_MAX * 2;
    if (!rv_buf_add(&l->partial, rv_span(data, len), &err))
        lose_step(l, (uint32_t)len);
    size_t at = 0;
    while (l->partial.len - at >= HEAD_1) {
        struct rv_reader r = { .in = rv_span(l->partial.data + at + 4, 4) };
        uint32_t length = rv_read_u32be(&r);
        if (length < HEAD_1 || length > PACKET_MAX) {
            lose_step(l, length);
            at = 0;
            break;
        }
        if (l->partial.len - at < length)
            break;
        on_packet(l, rv_span(l->partial.data + at, length));
        at += length;
    }
    if (at > 0)
        rv_buf_drop(&l->partial, at);
    if (l->news)
        nudge(l);
    pthread_mutex_unlock(&l->lock);
}

/* ---- the link's own thread ---- */

/* With the lock held; released while the model is asked. */
static void connect_one(struct sim_mux_link *l, struct connection *c)
{
    uint16_t host_port = c->host_port, port = c->port;
    pthread_mutex_unlock(&l->lock);
    int fd = sim_device_connect(l->device, port);
    pthread_mutex_lock(&l->lock);
    if (c->state != ASKED || c->host_port != host_port || c->port != port) { /* reset meanwhile */
        if (fd >= 0)
            close(fd);
        return;
    }
    if (fd < 0) {
        reset(l, c, "connection refused");
        return;
    }
    c->fd = fd;
    c->state = OPEN;
    send_flags(l, c, TCP_SYN | TCP_ACK, NULL);
    c->sent = 1; /* the SYN counts; the host takes the first number to be 0 */
    c->acked = 1;
}

/* Reads from the service what the host's window has room for; false when the connection is gone. */
static bool pump(struct sim_mux_link *l, struct connection *c)
{
    uint32_t flying = c->sent - c->acked;
    if (c->ended && flying == 0) {
        reset(l, c, "the service closed the connection");
        return false;
    }
    while (!c->ended && flying < c->window) {
        size_t room = c->window - flying < PAYLOAD ? c->window - flying : PAYLOAD;
        uint8_t data[PAYLOAD];
        ssize_t n = recv(c->fd, data, room, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (n <= 0) {
            c->ended = true;
            return pump(l, c);
        }
        struct packet *p = tcp_new(l, c, TCP_ACK, (size_t)n);
        if (p == NULL) {
            reset(l, c, "no room for more packets");
            return false;
        }
        memcpy(p->bytes + p->len - n, data, (size_t)n);
        queue(l, p);
        c->sent += (uint32_t)n;
        flying = c->sent - c->acked;
    }
    return true;
}

/* With the lock held: fills in what to wait for. */
static nfds_t watch(struct sim_mux_link *l, struct pollfd polls[CONNECTIONS_MAX + 1])
{
    nfds_t n = 0;
    polls[n++] = (struct pollfd){ .fd = l->wake, .events = POLLIN };
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        const struct connection *c = &l->connections[i];
        if (c->state != OPEN)
            continue;
        bool room = !c->ended && c->sent - c->acked < c->window;
        short events = (short)((room ? POLLIN : 0) | (c->in.len > 0 ? POLLOUT : 0));
        /* poll() reports a hang-up unasked: without a window it must wait until there is one. */
        if (events != 0)
            polls[n++] = (struct pollfd){ .fd = c->fd, .events = events };
    }
    return n;
}

static void work(struct sim_mux_link *l)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &l->connections[i];
        if (c->state == ASKED)
            connect_one(l, c);
        if (c->state == OPEN && pump(l, c) && c->in.len > 0)
            flush(l, c);
    }
}

static void *link_main(void *context)
{
    struct sim_mux_link *l = context;
    struct pollfd polls[CONNECTIONS_MAX + 1];
    pthread_mutex_lock(&l->lock);
    while (!l->ending) {
        work(l);
        bool news = l->news;
        l->news = false;
        nfds_t n = watch(l, polls);
        pthread_mutex_unlock(&l->lock);
        if (news)
            l->readable(l->context);
        uint64_t count;
        if (poll(polls, n, -1) > 0 && (polls[0].revents & POLLIN) != 0)
            (void)!read(l->wake, &count, sizeof count);
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

struct sim_mux_link *sim_mux_link_new(struct sim_device *device, void (*readable)(void *), void *context)
{
    struct sim_mux_link *l = rv_alloc(sizeof *l);
    if (l == NULL)
        return NULL;
    l->device = device;
    l->readable = readable;
    l->context = context;
    l->partial = (struct rv_buf)RV_BUF(PACKET_MAX * 2);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        l->connections[i].fd = -1;
    pthread_mutex_init(&l->lock, NULL);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    bool good = l->wake >= 0 && pthread_create(&l->thread, NULL, link_main, l) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (good)
        return l;
    if (l->wake >= 0)
        close(l->wake);
    pthread_mutex_destroy(&l->lock);
    rv_free(l);
    return NULL;
}

void sim_mux_link_free(struct sim_mux_link *l)
{
    if (l == NULL)
        return;
    pthread_mutex_lock(&l->lock);
    l->ending = true;
    nudge(l);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    drop_all(l);
    while (l->first != NULL) {
        struct packet *p = l->first;
        l->first = p->next;
        rv_free(p);
    }
    rv_buf_clear(&l->partial);
    close(l->wake);
    pthread_mutex_destroy(&l->lock);
    rv_free(l);
}
