/* SPDX-License-Identifier: Apache-2.0 */
/* Every answer of a USB/IP server, whatever was asked: the first half as a list, the rest as an import and its URBs. */
#include "fuzz_copy.h"

#include "transport/usb_ops.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct server {
    int listener;
    struct rv_span in;
    volatile int stop;
};

static void *serve(void *context)
{
    struct server *server = context;
    while (!server->stop) {
        struct pollfd p = { .fd = server->listener, .events = POLLIN };
        if (poll(&p, 1, 1000) <= 0)
            continue;
        int fd = accept(server->listener, NULL, NULL);
        uint8_t op[8];
        if (fd < 0)
            continue;
        if (recv(fd, op, sizeof op, MSG_WAITALL) == (ssize_t)sizeof op) {
            size_t half = server->in.len / 2;
            bool list = op[3] == 0x05;
            struct rv_span part =
                list ? rv_span(server->in.ptr, half) : rv_span(server->in.ptr + half, server->in.len - half);
            if (part.len > 0)
                (void)!send(fd, part.ptr, part.len, MSG_NOSIGNAL);
        }
        shutdown(fd, SHUT_WR);
        char sink[4096];
        while (recv(fd, sink, sizeof sink, 0) > 0)
            continue;
        close(fd);
    }
    return NULL;
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
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct server server = { .in = fuzz_copy(data, size) };
    struct rv_ctx ctx = { 0 };
    struct rv_error err = { 0 };
    char where[128];
    pthread_t thread;
    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/revive-fuzz-%d", (int)getpid());
    unlink(at.sun_path);
    server.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server.listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(server.listener, 4) != 0)
        abort();
    pthread_create(&thread, NULL, serve, &server);
    rv_clock_system(&ctx.clock);
    if (!rv_cancel_init(&ctx.cancel, &err))
        abort();
    snprintf(where, sizeof where, "usbip:UNIX:%s", at.sun_path);
    ctx.settings.usb = where;
    struct rv_usb_bus *bus = rv_usb_bus_open(&ctx, &err);
    assert(bus != NULL);
    use(bus);
    rv_usb_bus_free(bus);
    server.stop = 1;
    shutdown(server.listener, SHUT_RDWR); /* wakes its poll */
    pthread_join(thread, NULL);
    close(server.listener);
    unlink(at.sun_path);
    rv_cancel_clear(&ctx.cancel);
    free((void *)server.in.ptr);
    return 0;
}
