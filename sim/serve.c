/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/serve.h"

#include "base/mem.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 32 };

struct server {
    int fd;
    sim_serve_fn *fn;
    void *context;
};

struct visit {
    int fd;
    sim_serve_fn *fn;
    void *context;
};

static void *visit_body(void *context)
{
    struct visit visit = *(struct visit *)context;
    rv_free(context);
    visit.fn(visit.context, visit.fd);
    return NULL;
}

static void receive(const struct server *server, int fd)
{
    pthread_t thread;
    struct visit *visit = rv_alloc(sizeof *visit);
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails on local sockets, which need none */
    if (visit == NULL) {
        close(fd);
        return;
    }
    *visit = (struct visit){ fd, server->fn, server->context };
    if (pthread_create(&thread, NULL, visit_body, visit) != 0) {
        rv_free(visit);
        close(fd);
        return;
    }
    pthread_detach(thread);
}

static void *accept_body(void *context)
{
    const struct server *server = context;
    for (;;) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            receive(server, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            (void)poll(NULL, 0, 50); /* out of descriptors: others must close theirs first */
    }
    return NULL;
}

static int bind_local(const char *path, struct rv_error *err)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof name.sun_path) {
        rv_fail(err, RV_E_LIMIT, "a socket path may have %zu characters: %s", sizeof name.sun_path - 1, path);
        return -1;
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    RV_AUTO_FD probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0 && connect(probe, (struct sockaddr *)&name, sizeof name) == 0) {
        rv_fail(err, RV_E_BUSY, "somebody listens on %s already", path);
        return -1;
    }
    (void)unlink(path); /* left by one that is gone */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    rv_fail_sys(err, RV_E_IO, errno, "binding %s", path);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int bind_port(const char *address, struct rv_error *err)
{
    char host[64];
    uint64_t port = 0;
    struct sockaddr_in name = { .sin_family = AF_INET };
    const char *colon = strrchr(address, ':');
    snprintf(host, sizeof host, "%.*s", colon != NULL ? (int)(colon - address) : 0, address);
    if (colon == NULL || !rv_text_number(colon + 1, 10, &port) || port > 65535 ||
        inet_pton(AF_INET, host, &name.sin_addr) != 1) {
        rv_fail(err, RV_E_USAGE, "no address: %s (say UNIX:/path or 127.0.0.1:PORT)", address);
        return -1;
    }
    name.sin_port = htons((uint16_t)port);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    rv_fail_sys(err, RV_E_IO, errno, "binding %s", address);
    if (fd >= 0)
        close(fd);
    return -1;
}

bool sim_serve_start(const char *address, sim_serve_fn *fn, void *context, struct rv_error *err)
{
    pthread_t thread;
    bool local = rv_text_starts(address, "UNIX:");
    struct server *server = rv_alloc(sizeof *server);
    if (server == NULL)
        return rv_fail_nomem(err);
    *server = (struct server){ local ? bind_local(address + 5, err) : bind_port(address, err), fn, context };
    if (server->fd < 0) {
        rv_free(server);
        return false;
    }
    if (listen(server->fd, BACKLOG) != 0 || pthread_create(&thread, NULL, accept_body, server) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "listening on %s", address);
        close(server->fd);
        rv_free(server);
        return false;
    }
    pthread_detach(thread); /* owns the server from here on */
    return true;
}
