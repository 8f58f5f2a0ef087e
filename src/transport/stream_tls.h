/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a stream, shared by its plain half (stream.c) and its TLS half (stream_tls.c). */
#pragma once

#include "transport/stream.h"

#include <pthread.h>
#include <stdatomic.h>

struct rv_stream_tls; /* SSL objects */

struct rv_stream {
    struct rv_ctx *ctx;
    int fd;
    atomic_int shut;
    struct rv_buf put_back;    /* read, but not handed out: a receive that timed out half way */
    struct rv_stream_tls *tls; /* NULL: in the clear */
    pthread_mutex_t lock;      /* around TLS calls: one reader and one writer may meet here */
};

/** Waits for poll events; TIMEOUT, CANCELLED. */
bool rv_stream_wait(struct rv_stream *stream, short events, const struct rv_deadline *deadline, struct rv_error *err);

/** One non-blocking move. True with *moved 0 and !*end: call again after poll(*want). */
bool rv_stream_tls_read(struct rv_stream *stream, void *to, size_t len, size_t *moved, bool *end, short *want,
                        struct rv_error *err);
bool rv_stream_tls_write(struct rv_stream *stream, const void *from, size_t len, size_t *moved, short *want,
                         struct rv_error *err);
void rv_stream_tls_clear(struct rv_stream *stream);
