/* SPDX-License-Identifier: Apache-2.0 */
/* The input as what a peer sends: the stream ends after it, and what is said to the peer goes nowhere. */
#pragma once

#include "fuzz_copy.h"

#include "transport/stream.h"

#include <sys/socket.h>
#include <unistd.h>

enum { FUZZ_STREAM_MAX = 16 * 1024 }; /* what is answered to so much fits a socket's buffer */

struct fuzz_stream {
    struct rv_ctx ctx; /* its pauses take no time */
    uint64_t now_ms;
    struct rv_stream *stream; /* owned by the user of it */
    int peer;
};

static inline void fuzz_stream_begin(struct fuzz_stream *f, const uint8_t *data, size_t size)
{
    struct rv_error err = { 0 };
    int fds[2];
    memset(f, 0, sizeof *f);
    rv_clock_fake(&f->ctx.clock, &f->now_ms);
    if (!rv_cancel_init(&f->ctx.cancel, &err) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        abort();
    if (size > 0 && write(fds[1], data, size) != (ssize_t)size)
        abort();
    shutdown(fds[1], SHUT_WR);
    f->peer = fds[1];
    f->stream = rv_stream_take_fd(&f->ctx, fds[0], &err);
    assert(f->stream != NULL);
}

static inline void fuzz_stream_end(struct fuzz_stream *f)
{
    close(f->peer);
    rv_cancel_clear(&f->ctx.cancel);
}
