/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every answer of a USB/IP server, whatever was asked: the first half as a list, the rest as an import and its URBs.
 * There is no server: connect() is this file's own and gives a socket in which the whole answer lies already, so that
 * no input waits for another thread.
 */
#include "fuzz_copy.h"

#include "transport/usb_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64 };

static struct rv_span input;
static int peers[CONNECTIONS_MAX];
static size_t peer_count;

int connect(int fd, const struct sockaddr *to, socklen_t size)
{
    int ends[2];
    (void)to;
    (void)size;
    if (peer_count == CONNECTIONS_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        errno = ECONNREFUSED;
        return -1;
    }
    size_t half = input.len / 2;
    struct rv_span part = peer_count == 0 ? rv_span(input.ptr, half) : rv_span(input.ptr + half, input.len - half);
    if (part.len > 0 && send(ends[1], part.ptr, part.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        abort();
    shutdown(ends[1], SHUT_WR);
    peers[peer_count++] = ends[1];
    if (dup3(ends[0], fd, O_CLOEXEC) != fd || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        abort();
    close(ends[0]);
    return 0;
}

static void use(struct rv_usb_bus *bus)
{
    struct rv_error err = { 0 };
    struct rv_usb_id ids[4], fixed = { .vendor = 0x05AC, .product = 0x1281, .bus = 1, .address = 5, .port = "1-4" };
    size_t count = 0, done = 0;
    uint8_t bytes[64];
    if (rv_usb_bus_list(bus, ids, 4, &count, &err))
        assert(count <= 4);
    else
        fuzz_failed(&err);
    struct rv_usb *usb = rv_usb_open(bus, count > 0 ? &ids[0] : &fixed, &err);
    if (usb == NULL)
        return;
    for (int i = 0; i < 4; i++)
        if (rv_usb_control(usb, (struct rv_usb_setup){ 0xC0, 0, 0, 0 }, bytes, sizeof bytes, 1000, &done, &err))
            assert(done <= sizeof bytes);
    rv_usb_free(usb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_ctx ctx = { 0 };
    struct rv_error err = { 0 };
    uint64_t now_ms = 0;
    char where[] = "usbip:UNIX:/nowhere";
    if (size > 64 * 1024)
        return 0;
    input = fuzz_copy(data, size);
    rv_clock_fake(&ctx.clock, &now_ms);
    if (!rv_cancel_init(&ctx.cancel, &err))
        abort();
    ctx.settings.usb = where;
    struct rv_usb_bus *bus = rv_usb_bus_open(&ctx, &err);
    assert(bus != NULL);
    use(bus);
    rv_usb_bus_free(bus);
    while (peer_count > 0)
        close(peers[--peer_count]);
    rv_cancel_clear(&ctx.cancel);
    free((void *)input.ptr);
    return 0;
}
