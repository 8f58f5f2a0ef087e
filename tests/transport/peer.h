/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of a connection: a thread that does what a test tells it, on a socketpair or a listening socket. */
#pragma once

#include "support/rv_test.h"

#include "base/ctx.h"

#include <pthread.h>

struct peer;
/** Runs once a connection; closes nothing itself. */
typedef void peer_fn(struct peer *peer, int fd);

struct peer {
    pthread_t thread;
    int listener, fd;
    bool once_only;
    volatile bool stop;
    peer_fn *run;
    unsigned connections;
    int port;
    char path[300];
    void *own;
};

/** A context on the system's clock; `scale` keeps timeouts short (not below three seconds). */
void peer_ctx(struct rv_ctx *ctx);
/** One connection: returns our end. */
int peer_pair(struct peer *peer, peer_fn *run, void *own);
/** A Unix socket at `path`, or loopback TCP when path is NULL (peer->port); serves until peer_end. */
void peer_listen(struct peer *peer, const char *path, peer_fn *run, void *own);
void peer_end(struct peer *peer);

/** Exactly len bytes; false at the end. */
bool peer_read(int fd, void *to, size_t len);
bool peer_write(int fd, const void *from, size_t len);
/** Waits until the other side closes, reading whatever comes. */
void peer_drain(int fd);
