/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/wire.h"

#include "sim/cut.h"
#include "sim/transcript.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* poll() that survives signals. True when the socket has an answer (data, end or error) in time. */
static bool await_fd(int fd, short what, int timeout_ms)
{
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    int left = timeout_ms;
    for (;;) {
        struct pollfd p = { .fd = fd, .events = what };
        int n = poll(&p, 1, left);
        if (n >= 0 || errno != EINTR)
            return n > 0;
        if (timeout_ms < 0)
            continue;
        clock_gettime(CLOCK_MONOTONIC, &now);
        long passed = (now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000;
        left = passed >= timeout_ms ? 0 : timeout_ms - (int)passed;
    }
}

bool sim_wire_waits(struct sim_wire *wire, int timeout_ms)
{
    return (wire->tls != NULL && SSL_pending(wire->tls) > 0) || await_fd(wire->fd, POLLIN, timeout_ms);
}

size_t sim_wire_read_some(struct sim_wire *wire, void *to, size_t room, int timeout_ms)
{
    if (room == 0)
        return 0;
    sim_cut_event(wire->device);
    if (wire->tls != NULL) {
        if (SSL_pending(wire->tls) == 0 && !await_fd(wire->fd, POLLIN, timeout_ms))
            return 0;
        size_t n = 0;
        return SSL_read_ex(wire->tls, to, room, &n) == 1 ? n : 0;
    }
    for (;;) {
        if (timeout_ms >= 0 && !await_fd(wire->fd, POLLIN, timeout_ms))
            return 0;
        ssize_t n = read(wire->fd, to, room);
        if (n >= 0)
            return (size_t)n;
        if (errno == EAGAIN && await_fd(wire->fd, POLLIN, timeout_ms))
            continue;
        if (errno != EINTR)
            return 0;
    }
}

bool sim_wire_read(struct sim_wire *wire, void *to, size_t len, int timeout_ms)
{
    uint8_t *at = to;
    while (len > 0) {
        size_t n = sim_wire_read_some(wire, at, len, timeout_ms);
        if (n == 0)
            return false;
        at += n;
        len -= n;
    }
    return true;
}

bool sim_wire_write(struct sim_wire *wire, struct rv_span bytes)
{
    sim_cut_event(wire->device);
    while (bytes.len > 0) {
        size_t n = 0;
        if (wire->tls != NULL) {
            if (SSL_write_ex(wire->tls, bytes.ptr, bytes.len, &n) != 1)
                return false;
        } else {
            ssize_t wrote = write(wire->fd, bytes.ptr, bytes.len);
            if (wrote < 0 && (errno == EINTR || (errno == EAGAIN && await_fd(wire->fd, POLLOUT, -1))))
                continue;
            if (wrote <= 0)
                return false;
            n = (size_t)wrote;
        }
        bytes.ptr += n;
        bytes.len -= n;
    }
    return true;
}

plist_t sim_plist_parse(struct rv_span in)
{
    /* libplist 2.2.0 reads both forms but reports no errors: NULL is all it says. */
    if (in.len < 8 || in.len > UINT32_MAX)
        return NULL;
    plist_t plist = NULL;
    plist_from_memory((const char *)in.ptr, (uint32_t)in.len, &plist);
    return plist;
}

plist_t sim_wire_plist_read(struct sim_wire *wire, size_t cap_bytes, int timeout_ms)
{
    uint8_t head[4];
    if (!sim_wire_read(wire, head, sizeof head, timeout_ms))
        return NULL;
    struct rv_reader r = { .in = { head, sizeof head } };
    uint32_t len = rv_read_u32be(&r);
    if (len == 0 || len > cap_bytes)
        return NULL;
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) body = rv_blob_new(len, &err);
    if (body == NULL || !sim_wire_read(wire, body->data, len, timeout_ms))
        return NULL;
    plist_t message = sim_plist_parse(rv_blob_span(body));
    if (message != NULL)
        sim_transcript_plist(wire->heard, wire->who, "message", message);
    return message;
}

static bool write_framed(struct sim_wire *wire, const char *text, uint32_t len)
{
    /* One write, so that a small message is one packet on the link as well. */
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) frame = rv_blob_new((size_t)len + 4, &err);
    if (frame == NULL || text == NULL)
        return false;
    rv_put_u32be(frame->data, len);
    memcpy(frame->data + 4, text, len);
    return sim_wire_write(wire, rv_blob_span(frame));
}

bool sim_wire_plist_write(struct sim_wire *wire, plist_t plist)
{
    char *text = NULL;
    uint32_t len = 0;
    plist_to_xml(plist, &text, &len);
    bool good = write_framed(wire, text, len);
    free(text);
    return good;
}

bool sim_wire_plist_write_binary(struct sim_wire *wire, plist_t plist)
{
    char *text = NULL;
    uint32_t len = 0;
    plist_to_bin(plist, &text, &len);
    bool good = write_framed(wire, text, len);
    free(text);
    return good;
}

const char *sim_plist_text(plist_t dict, const char *key)
{
    plist_t node = PLIST_IS_DICT(dict) ? plist_dict_get_item(dict, key) : NULL;
    return PLIST_IS_STRING(node) ? plist_get_string_ptr(node, NULL) : NULL;
}

struct rv_span sim_plist_data(plist_t dict, const char *key)
{
    plist_t node = PLIST_IS_DICT(dict) ? plist_dict_get_item(dict, key) : NULL;
    if (!PLIST_IS_DATA(node))
        return rv_span(NULL, 0);
    uint64_t len = 0;
    const char *data = plist_get_data_ptr(node, &len);
    return rv_span(data, (size_t)len);
}
