/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: libimobiledevice src/reverse_proxy.c and idevicerestore src/fdr.c (docs/restore.md section 4). A control
 * connection to port 1082 tells when the device wants a connection; each one is a ping or plain SOCKS5. A
 * connection is made before it is acknowledged, so that a device without a way out fails fast and says why.
 */
#include "proto/fdr.h"

#include "base/text.h"
#include "format/plist.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECT_TRIES = 10,
    CONNECT_PAUSE_MS = 2000,
    ANSWER_MS = 20000,
    IDLE_MS = 600000,
    REACH_MS = 15000,
    SEND_MS = 60000,
    PLIST_MAX = 1024 * 1024,
    CONNS_MAX = 64,
    COMMAND_CONNECT = 1,
    COMMAND_SHUTDOWN = 2,
    SOCKS_VERSION = 5,
    SOCKS_OK = 0,
    SOCKS_FAILED = 1,
    SOCKS_FORBIDDEN = 2,
    SOCKS_NO_HOST = 4,
    SOCKS_REFUSED = 5,
    SOCKS_BAD_COMMAND = 7,
    SOCKS_BAD_ADDRESS = 8,
};

struct conn {
    struct rv_fdr *fdr;
    pthread_t thread;
};

struct rv_fdr {
    struct rv_ctx ctx; /* the caller's, with a cancel of its own */
    struct rv_mux_id id;
    pthread_t thread;
    uint16_t conn_port;
    bool version2;
    struct conn conns[CONNS_MAX];
    size_t conn_count;
};

/* ---- plist frames of this service: u32 little endian and a binary property list ---- */

static bool send_plist(struct rv_stream *stream, plist_t message, struct rv_error *err)
{
    RV_AUTO(rv_blob) bytes = rv_plist_format(message, true, err);
    uint8_t head[4];
    if (bytes == NULL)
        return false;
    rv_put_u32le(head, (uint32_t)bytes->len);
    return rv_stream_send(stream, rv_span(head, sizeof head), SEND_MS, err) &&
           rv_stream_send(stream, rv_blob_span(bytes), SEND_MS, err);
}

static plist_t receive_plist(struct rv_stream *stream, struct rv_error *err)
{
    uint8_t head[4];
    if (!rv_stream_receive(stream, head, sizeof head, ANSWER_MS, err))
        return NULL;
    struct rv_reader r = { .in = rv_span(head, sizeof head) };
    uint32_t len = rv_read_u32le(&r);
    if (len > PLIST_MAX) {
        rv_fail(err, RV_E_PROTOCOL, "a message of %u bytes in the proxy connection", len);
        return NULL;
    }
    RV_AUTO(rv_blob) bytes = rv_blob_new(len, err);
    if (bytes == NULL || !rv_stream_receive(stream, bytes->data, len, ANSWER_MS, err))
        return NULL;
    return rv_plist_parse(rv_blob_span(bytes), err);
}

/* ---- SOCKS5 ---- */

static bool host_allowed(const struct rv_fdr_host *host)
{
    /* Factory data lives on Apple's servers only; this computer is no way into the network around it. */
    return rv_text_ends(host->name, ".apple.com") && (host->port == 443 || host->port == 80);
}

static bool socks_reply(struct rv_stream *stream, uint8_t code, const struct rv_fdr_host *host, struct rv_error *err)
{
    uint8_t out[4 + 1 + 255 + 2] = { SOCKS_VERSION, code, 0, 3 };
    size_t len = strlen(host->name);
    out[4] = (uint8_t)len;
    memcpy(out + 5, host->name, len);
    rv_put_u16be(out + 5 + len, host->port);
    return rv_stream_send(stream, rv_span(out, 5 + len + 2), SEND_MS, err);
}

static bool read_address(struct rv_stream *stream, uint8_t type, struct rv_fdr_host *host, struct rv_error *err)
{
    uint8_t bytes[256], len = 0, port[2];
    if (type == 3) {
        if (!rv_stream_receive(stream, &len, 1, ANSWER_MS, err) ||
            !rv_stream_receive(stream, bytes, len, ANSWER_MS, err))
            return false;
        memcpy(host->name, bytes, len);
        host->name[len] = '\0';
    } else if (type == 1 || type == 4) {
        len = type == 1 ? 4 : 16;
        if (!rv_stream_receive(stream, bytes, len, ANSWER_MS, err))
            return false;
        rv_text_hex(rv_span(bytes, len), host->name, sizeof host->name); /* never allowed, only told */
    } else {
        return rv_fail(err, RV_E_PROTOCOL, "SOCKS address type %u", type);
    }
    if (!rv_stream_receive(stream, port, 2, ANSWER_MS, err))
        return false;
    host->port = (uint16_t)(port[0] << 8 | port[1]);
    if (strlen(host->name) != (type == 3 ? len : strlen(host->name)))
        return rv_fail(err, RV_E_PROTOCOL, "a host name with a zero byte in it");
    return true;
}

static uint8_t socks_code(int sys)
{
    return sys == ECONNREFUSED                         ? SOCKS_REFUSED
           : sys == EHOSTUNREACH || sys == ENETUNREACH ? SOCKS_NO_HOST
                                                       : SOCKS_FAILED;
}

struct relay {
    struct rv_stream *from, *to;
};

static void *relay_one_way(void *context)
{
    struct relay *relay = context;
    struct rv_error err = { 0 };
    uint8_t piece[16384];
    size_t got = 0;
    while (rv_stream_receive_some(relay->from, piece, sizeof piece, &got, IDLE_MS, &err) && got > 0)
        if (!rv_stream_send(relay->to, rv_span(piece, got), SEND_MS, &err))
            break;
    rv_stream_shutdown(relay->to); /* ends the other direction too */
    rv_stream_shutdown(relay->from);
    return NULL;
}

static bool relay_both(struct rv_ctx *ctx, struct rv_stream *device, int fd, struct rv_error *err)
{
    RV_AUTO(rv_stream) server = rv_stream_take_fd(ctx, fd, err);
    if (server == NULL)
        return false;
    struct relay up = { device, server }, down = { server, device };
    pthread_t thread;
    if (pthread_create(&thread, NULL, relay_one_way, &down) != 0)
        return rv_fail(err, RV_E_NOMEM, "no thread for a proxy connection");
    relay_one_way(&up);
    pthread_join(thread, NULL);
    return true;
}

static bool serve_socks(struct rv_ctx *ctx, struct rv_stream *stream, rv_fdr_reach_fn *reach, void *context,
                        struct rv_error *err)
{
    uint8_t methods, method[255], head[4];
    struct rv_fdr_host host = { .name = "" };
    /* The version byte and the count of methods were read: 05 01; one method follows. */
    methods = 1;
    static const uint8_t no_login[] = { SOCKS_VERSION, 0 };
    if (!rv_stream_receive(stream, method, methods, ANSWER_MS, err) ||
        !rv_stream_send(stream, rv_span(no_login, sizeof no_login), SEND_MS, err) ||
        !rv_stream_receive(stream, head, sizeof head, ANSWER_MS, err))
        return false;
    if (head[0] != SOCKS_VERSION)
        return rv_fail(err, RV_E_PROTOCOL, "SOCKS version %u", head[0]);
    if (!read_address(stream, head[3], &host, err))
        return false;
    if (head[1] != 1)
        return socks_reply(stream, SOCKS_BAD_COMMAND, &host, err) &&
               rv_fail(err, RV_E_PROTOCOL, "SOCKS command %u", head[1]);
    if (head[3] != 3 || !host_allowed(&host)) {
        rv_text_clean(host.name);
        rv_log(ctx->log, RV_LOG_INFO, "fdr", "the device asked for %.200s:%u, which is not allowed", host.name,
               host.port);
        return socks_reply(stream, SOCKS_FORBIDDEN, &host, err);
    }
    int fd = reach(context, &host);
    if (fd < 0) {
        rv_log(ctx->log, RV_LOG_INFO, "fdr", "%.200s cannot be reached: %s", host.name, strerror(-fd));
        return socks_reply(stream, socks_code(-fd), &host, err);
    }
    if (!socks_reply(stream, SOCKS_OK, &host, err)) {
        close(fd);
        return false;
    }
    return relay_both(ctx, stream, fd, err);
}

bool rv_fdr_serve_conn(struct rv_ctx *ctx, struct rv_stream *stream, rv_fdr_reach_fn *reach, void *context,
                       struct rv_error *err)
{
    uint8_t head[2];
    if (!rv_stream_receive(stream, head, sizeof head, ANSWER_MS, err))
        return false;
    if (head[0] == SOCKS_VERSION && head[1] == 1)
        return serve_socks(ctx, stream, reach, context, err);
    if (head[0] != 0xAA || head[1] != 0xBB)
        return rv_fail(err, RV_E_PROTOCOL, "a proxy connection begins with %02x %02x", head[0], head[1]);
    RV_AUTO_PLIST message = receive_plist(stream, err);
    if (message == NULL)
        return false;
    const char *command = rv_plist_text(message, "Command");
    if (command == NULL || strcmp(command, "Ping") != 0)
        return rv_fail(err, RV_E_PROTOCOL, "the proxy command '%.40s'", command == NULL ? "" : command);
    RV_AUTO_PLIST pong = plist_new_dict();
    plist_dict_set_item(pong, "Pong", plist_new_bool(1));
    return send_plist(stream, pong, err);
}

/* ---- reaching servers ---- */

static int connect_one(struct rv_fdr *fdr, const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int fail = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (fail == EINPROGRESS) {
        struct rv_deadline deadline = rv_deadline_in(&fdr->ctx.clock, REACH_MS);
        struct pollfd p[2] = { { .fd = fd, .events = POLLOUT },
                               { .fd = rv_cancel_fd(&fdr->ctx.cancel), .events = POLLIN } };
        int ready = poll(p, 2, rv_deadline_left_ms(&deadline));
        socklen_t len = sizeof fail;
        if (ready <= 0 || p[1].revents != 0)
            fail = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &fail, &len) != 0)
            fail = errno;
    }
    if (fail == 0)
        return fd;
    close(fd);
    return -fail;
}

static int reach_server(void *context, const struct rv_fdr_host *host)
{
    struct rv_fdr *fdr = context;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", host->port);
    if (getaddrinfo(host->name, port, &hints, &found) != 0)
        return -EHOSTUNREACH;
    int fd = -EHOSTUNREACH;
    for (struct addrinfo *a = found; a != NULL && fd < 0 && !rv_cancel_asked(&fdr->ctx.cancel); a = a->ai_next)
        fd = connect_one(fdr, a);
    freeaddrinfo(found);
    return fd;
}

/* ---- connections of the device ---- */

static bool greet_conn(struct rv_fdr *fdr, struct rv_stream *stream, struct rv_error *err)
{
    static const char hello[] = "HelloConn"; /* with its NUL */
    if (!rv_stream_send(stream, rv_span(hello, sizeof hello), SEND_MS, err))
        return false;
    if (fdr->version2) {
        RV_AUTO_PLIST answer = receive_plist(stream, err);
        return answer != NULL;
    }
    char back[sizeof hello];
    return rv_stream_receive(stream, back, sizeof back, ANSWER_MS, err);
}

static void *conn_thread(void *context)
{
    struct rv_fdr *fdr = ((struct conn *)context)->fdr;
    struct rv_error err = { 0 };
    RV_AUTO(rv_stream) stream = rv_mux_connect(&fdr->ctx, &fdr->id, fdr->conn_port, &err);
    /* Devices close these connections as they like: never more than a line in the log. */
    if (stream == NULL || !greet_conn(fdr, stream, &err) ||
        !rv_fdr_serve_conn(&fdr->ctx, stream, reach_server, fdr, &err))
        rv_log(fdr->ctx.log, RV_LOG_INFO, "fdr", "proxy connection ended: %s", err.text[0]);
    return NULL;
}

static void open_conn(struct rv_fdr *fdr)
{
    if (fdr->conn_count == CONNS_MAX) {
        rv_log(fdr->ctx.log, RV_LOG_INFO, "fdr", "no more than %d proxy connections in one run", CONNS_MAX);
        return;
    }
    struct conn *conn = &fdr->conns[fdr->conn_count];
    conn->fdr = fdr;
    if (pthread_create(&conn->thread, NULL, conn_thread, conn) == 0)
        fdr->conn_count++;
}

/* ---- control connection ---- */

static struct rv_stream *connect_control(struct rv_fdr *fdr, unsigned tries, struct rv_error *err)
{
    for (unsigned i = 1;; i++) {
        struct rv_stream *stream = rv_mux_connect(&fdr->ctx, &fdr->id, RV_FDR_PORT, err);
        if (stream != NULL || i >= tries || err->code != RV_E_REFUSED)
            return stream;
        if (!rv_clock_pause(&fdr->ctx.clock, CONNECT_PAUSE_MS, "the proxy service starts a moment after restored",
                            &fdr->ctx.cancel, err))
            return NULL;
    }
}

static bool begin_version2(struct rv_fdr *fdr, struct rv_stream *stream, struct rv_error *err)
{
    static const char begin[] = "BeginCtrl";
    RV_AUTO_PLIST hello = plist_new_dict();
    plist_dict_set_item(hello, "Command", plist_new_string(begin));
    plist_dict_set_item(hello, "CtrlProtoVersion", plist_new_uint(2));
    if (!rv_stream_send(stream, rv_span(begin, sizeof begin), SEND_MS, err) || !send_plist(stream, hello, err))
        return false;
    RV_AUTO_PLIST answer = receive_plist(stream, err);
    uint64_t port = 0;
    if (answer == NULL || !rv_plist_uint(answer, "ConnPort", &port) || port == 0 || port > UINT16_MAX)
        return rv_fail(err, RV_E_PROTOCOL, "the proxy service names no port");
    fdr->conn_port = (uint16_t)port;
    fdr->version2 = true;
    return true;
}

static bool begin_version1(struct rv_fdr *fdr, struct rv_stream *stream, struct rv_error *err)
{
    static const char hello[] = "HelloCtrl";
    uint8_t back[sizeof hello + 2];
    if (!rv_stream_send(stream, rv_span(hello, sizeof hello), SEND_MS, err) ||
        !rv_stream_receive(stream, back, sizeof back, ANSWER_MS, err))
        return false;
    fdr->conn_port = (uint16_t)(back[sizeof hello] | back[sizeof hello + 1] << 8);
    return true;
}

static struct rv_stream *begin(struct rv_fdr *fdr, struct rv_error *err)
{
    struct rv_stream *stream = connect_control(fdr, CONNECT_TRIES, err);
    if (stream == NULL || begin_version2(fdr, stream, err))
        return stream;
    rv_stream_free(stream);
    stream = connect_control(fdr, 1, err);
    if (stream == NULL || begin_version1(fdr, stream, err))
        return stream;
    rv_stream_free(stream);
    return NULL;
}

static void *control_thread(void *context)
{
    struct rv_fdr *fdr = context;
    struct rv_error err = { 0 };
    RV_AUTO(rv_stream) stream = begin(fdr, &err);
    if (stream == NULL) {
        rv_log(fdr->ctx.log, RV_LOG_INFO, "fdr", "no proxy service here, which is harmless on many devices: %s",
               err.text[0]);
        return NULL;
    }
    for (;;) {
        uint8_t bytes[4];
        if (!rv_stream_receive(stream, bytes, sizeof bytes, IDLE_MS, &err)) {
            if (err.code == RV_E_TIMEOUT)
                continue;
            break;
        }
        struct rv_reader r = { .in = rv_span(bytes, sizeof bytes) };
        uint32_t command = rv_read_u32le(&r);
        if (command == COMMAND_SHUTDOWN)
            break;
        if (command == COMMAND_CONNECT)
            open_conn(fdr);
        else
            rv_log(fdr->ctx.log, RV_LOG_INFO, "fdr", "unknown proxy command %u", command);
    }
    return NULL;
}

struct rv_fdr *rv_fdr_start(struct rv_ctx *ctx, const struct rv_mux_id *id, struct rv_error *err)
{
    struct rv_fdr *fdr = rv_alloc(sizeof *fdr);
    if (fdr == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    fdr->ctx = *ctx;
    fdr->id = *id;
    if (!rv_cancel_init(&fdr->ctx.cancel, err)) {
        rv_free(fdr);
        return NULL;
    }
    if (pthread_create(&fdr->thread, NULL, control_thread, fdr) != 0) {
        rv_cancel_clear(&fdr->ctx.cancel);
        rv_free(fdr);
        rv_fail(err, RV_E_NOMEM, "no thread for the proxy service");
        return NULL;
    }
    return fdr;
}

void rv_fdr_free(struct rv_fdr *fdr)
{
    if (fdr == NULL)
        return;
    rv_cancel_ask(&fdr->ctx.cancel);
    pthread_join(fdr->thread, NULL);
    for (size_t i = 0; i < fdr->conn_count; i++)
        pthread_join(fdr->conns[i].thread, NULL);
    rv_cancel_clear(&fdr->ctx.cancel);
    rv_free(fdr);
}
