/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/stream.h"

#include "transport/stream_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One receive never puts back more than it was asked for, and the largest thing asked for is a property list frame. */
enum { PUT_BACK_MAX = 128 * 1024 * 1024 };

struct rv_stream *rv_stream_take_fd(struct rv_ctx *ctx, int fd, struct rv_error *err)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "making a connection non-blocking");
        close(fd);
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    struct rv_stream *stream = rv_alloc(sizeof *stream);
    if (stream == NULL) {
        close(fd);
        rv_fail_nomem(err);
        return NULL;
    }
    stream->ctx = ctx;
    stream->fd = fd;
    stream->put_back.cap = PUT_BACK_MAX;
    pthread_mutex_init(&stream->lock, NULL);
    return stream;
}

void rv_stream_free(struct rv_stream *stream)
{
    if (stream == NULL)
        return;
    rv_stream_tls_clear(stream);
    rv_buf_clear(&stream->put_back);
    pthread_mutex_destroy(&stream->lock);
    close(stream->fd);
    rv_free(stream);
}

void rv_stream_shutdown(struct rv_stream *stream)
{
    atomic_store(&stream->shut, 1);
    shutdown(stream->fd, SHUT_RDWR);
}

void rv_stream_widen(struct rv_stream *stream, int bytes)
{
    /* The kernel gives what its limits allow; less is only slower. */
    (void)setsockopt(stream->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

bool rv_stream_wait(struct rv_stream *stream, short events, const struct rv_deadline *deadline, struct rv_error *err)
{
    struct pollfd fds[2] = {
        { .fd = stream->fd, .events = events },
        { .fd = rv_cancel_fd(&stream->ctx->cancel), .events = POLLIN },
    };
    for (;;) {
        if (!rv_cancel_point(&stream->ctx->cancel, err))
            return false;
        int left = rv_deadline_left_ms(deadline);
        int n = poll(fds, RV_COUNT(fds), left);
        if (n < 0 && errno != EINTR)
            return rv_fail_sys(err, RV_E_IO, errno, "waiting for a connection");
        if (n > 0 && fds[0].revents != 0)
            return true;
        /* A tick of a fake clock never comes by itself: poll()'s own timeout counts too. */
        if (n == 0)
            return rv_fail(err, RV_E_TIMEOUT, "no answer came in time");
    }
}

/* Moves at most len bytes; *moved 0 with true means "not now". */
static bool try_read(struct rv_stream *stream, void *to, size_t len, size_t *moved, bool *end, short *want,
                     struct rv_error *err)
{
    *moved = 0;
    if (stream->tls != NULL)
        return rv_stream_tls_read(stream, to, len, moved, end, want, err);
    ssize_t n = recv(stream->fd, to, len, 0);
    *want = POLLIN;
    if (n > 0)
        *moved = (size_t)n;
    else if (n == 0)
        *end = true;
    else if (errno != EAGAIN && errno != EINTR)
        return rv_fail_sys(err, RV_E_GONE, errno, "the connection broke");
    return true;
}

static bool try_write(struct rv_stream *stream, const void *from, size_t len, size_t *moved, short *want,
                      struct rv_error *err)
{
    *moved = 0;
    if (stream->tls != NULL)
        return rv_stream_tls_write(stream, from, len, moved, want, err);
    ssize_t n = send(stream->fd, from, len, MSG_NOSIGNAL);
    *want = POLLOUT;
    if (n > 0)
        *moved = (size_t)n;
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        return rv_fail_sys(err, RV_E_GONE, errno, "the connection broke");
    return true;
}

bool rv_stream_send(struct rv_stream *stream, struct rv_span bytes, uint32_t timeout_ms, struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&stream->ctx->clock, timeout_ms);
    size_t at = 0;
    while (at < bytes.len) {
        size_t moved = 0;
        short want = POLLOUT;
        if (atomic_load(&stream->shut))
            return rv_fail(err, RV_E_GONE, "the connection was shut down");
        if (!try_write(stream, bytes.ptr + at, bytes.len - at, &moved, &want, err))
            return rv_while(err, "sending %zu bytes, %zu of them gone", bytes.len, at);
        at += moved;
        if (moved > 0)
            deadline = rv_deadline_in(&stream->ctx->clock, timeout_ms);
        else if (!rv_stream_wait(stream, want, &deadline, err))
            return rv_while(err, "sending %zu bytes, %zu of them gone", bytes.len, at);
        if (moved > 0 && !rv_cancel_point(&stream->ctx->cancel, err))
            return false;
    }
    return true;
}

/* At least one byte, or the orderly end (*got 0). */
static bool read_some(struct rv_stream *stream, void *to, size_t room, size_t *got, uint32_t timeout_ms,
                      struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&stream->ctx->clock, timeout_ms);
    for (;;) {
        size_t moved = 0;
        bool end = false;
        short want = POLLIN;
        if (atomic_load(&stream->shut))
            return rv_fail(err, RV_E_GONE, "the connection was shut down");
        if (!rv_cancel_point(&stream->ctx->cancel, err) || !try_read(stream, to, room, &moved, &end, &want, err))
            return false;
        if (moved > 0 || end) {
            *got = moved;
            return true;
        }
        if (!rv_stream_wait(stream, want, &deadline, err))
            return false;
    }
}

static size_t take_put_back(struct rv_stream *stream, void *to, size_t len)
{
    size_t n = stream->put_back.len < len ? stream->put_back.len : len;
    if (n > 0) {
        memcpy(to, stream->put_back.data, n);
        rv_buf_drop(&stream->put_back, n);
    }
    return n;
}

bool rv_stream_receive(struct rv_stream *stream, void *to, size_t len, uint32_t timeout_ms, struct rv_error *err)
{
    uint8_t *out = to;
    size_t have = take_put_back(stream, out, len);
    while (have < len) {
        size_t got = 0;
        if (!read_some(stream, out + have, len - have, &got, timeout_ms, err)) {
            struct rv_error second;
            if (have > 0 && !rv_buf_add(&stream->put_back, rv_span(out, have), &second))
                *err = second;
            return false;
        }
        if (got == 0)
            return rv_fail(err, RV_E_GONE, "the connection ended after %zu of %zu bytes", have, len);
        have += got;
    }
    return true;
}

bool rv_stream_receive_some(struct rv_stream *stream, void *to, size_t room, size_t *got, uint32_t timeout_ms,
                            struct rv_error *err)
{
    size_t have = take_put_back(stream, to, room);
    if (have > 0) {
        *got = have;
        return true;
    }
    return read_some(stream, to, room, got, timeout_ms, err);
}
