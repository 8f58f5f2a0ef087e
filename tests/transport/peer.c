/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/peer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { GIVE_UP_MS = 20000 };

void peer_ctx(struct rv_ctx *ctx)
{
    struct rv_error err = { 0 };
    memset(ctx, 0, sizeof *ctx);
    rv_clock_system(&ctx->clock);
    assert_true(rv_cancel_init(&ctx->cancel, &err));
}

/* OpenSSL's own sockets raise it; on the product's side of a test it must stay deadly. */
static void block_sigpipe(void)
{
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, NULL);
}

static void *run_pair(void *context)
{
    struct peer *peer = context;
    block_sigpipe();
    peer->run(peer, peer->fd);
    close(peer->fd);
    return NULL;
}

int peer_pair(struct peer *peer, peer_fn *run, void *own)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *peer = (struct peer){ .fd = fds[1], .run = run, .own = own, .listener = -1, .connections = 1 };
    assert_int_equal(pthread_create(&peer->thread, NULL, run_pair, peer), 0);
    return fds[0];
}

static void *run_listener(void *context)
{
    struct peer *peer = context;
    block_sigpipe();
    while (!peer->stop) {
        struct pollfd p = { .fd = peer->listener, .events = POLLIN };
        if (poll(&p, 1, 50) <= 0)
            continue;
        int fd = accept(peer->listener, NULL, NULL);
        if (fd < 0)
            continue;
        peer->connections++;
        peer->run(peer, fd);
        close(fd);
    }
    return NULL;
}

void peer_listen(struct peer *peer, const char *path, peer_fn *run, void *own)
{
    *peer = (struct peer){ .run = run, .own = own };
    if (path != NULL) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
        snprintf(peer->path, sizeof peer->path, "%s", path);
        peer->listener = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(peer->listener, (struct sockaddr *)&at, sizeof at), 0);
    } else {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t size = sizeof at;
        peer->listener = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(peer->listener, (struct sockaddr *)&at, sizeof at), 0);
        getsockname(peer->listener, (struct sockaddr *)&at, &size);
        peer->port = ntohs(at.sin_port);
    }
    assert_int_equal(listen(peer->listener, 16), 0);
    assert_int_equal(pthread_create(&peer->thread, NULL, run_listener, peer), 0);
}

void peer_end(struct peer *peer)
{
    peer->stop = true;
    pthread_join(peer->thread, NULL);
    if (peer->listener > 0)
        close(peer->listener);
    if (peer->path[0] != '\0')
        unlink(peer->path);
}

bool peer_read(int fd, void *to, size_t len)
{
    for (size_t at = 0; at < len;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, GIVE_UP_MS) <= 0)
            return false;
        ssize_t n = read(fd, (char *)to + at, len - at);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

bool peer_write(int fd, const void *from, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, (const char *)from + at, len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

void peer_drain(int fd)
{
    char sink[4096];
    while (peer_read(fd, sink, 1))
        continue;
}
