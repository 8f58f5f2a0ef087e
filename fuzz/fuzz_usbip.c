/* SPDX-License-Identifier: Apache-2.0 */
/* Every answer of a USB/IP server, whatever was asked: the first half as a list, the rest as an import and its URBs. */
#include "fuzz_copy.h"

#include "transport/usb_ops.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One for all inputs: its thread and its socket cost more than what is looked at. */
static struct {
    int listener;
    char path[64];
    pthread_mutex_t lock; /* of the input; held while a connection is served */
    struct rv_span in;
} server = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void serve_one(int fd)
{
    uint8_t op[8];
    char sink[4096];
    if (recv(fd, op, sizeof op, MSG_WAITALL) == (ssize_t)sizeof op) {
        size_t half = server.in.len / 2;
        bool list = op[3] == 0x05;
        struct rv_span part = list ? rv_span(server.in.ptr, half) : rv_span(server.in.ptr + half, server.in.len - half);
        if (part.len > 0)
            (void)!send(fd, part.ptr, part.len, MSG_NOSIGNAL);
    }
    shutdown(fd, SHUT_WR);
    while (recv(fd, sink, sizeof sink, 0) > 0)
        continue;
}

static void *serve(void *context)
{
    (void)context;
    for (;;) {
        int fd = accept(server.listener, NULL, NULL);
        if (fd < 0)
            abort();
        pthread_mutex_lock(&server.lock);
        serve_one(fd);
        pthread_mutex_unlock(&server.lock);
        close(fd);
    }
    return NULL;
}

static void remove_socket(void)
{
    unlink(server.path);
}

static void start_server(void)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    pthread_t thread;
    snprintf(server.path, sizeof server.path, "/tmp/revive-fuzz-%d", (int)getpid());
    snprintf(at.sun_path, sizeof at.sun_path, "%s", server.path);
    unlink(at.sun_path);
    server.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server.listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(server.listener, 16) != 0 ||
        pthread_create(&thread, NULL, serve, NULL) != 0 || atexit(remove_socket) != 0)
        abort();
    pthread_detach(thread);
}

static void set_input(struct rv_span in)
{
    pthread_mutex_lock(&server.lock);
    free((void *)server.in.ptr);
    server.in = in;
    pthread_mutex_unlock(&server.lock);
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
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct rv_ctx ctx = { 0 };
    struct rv_error err = { 0 };
    uint64_t now_ms = 0;
    char where[128];
    pthread_once(&once, start_server);
    set_input(fuzz_copy(data, size));
    rv_clock_fake(&ctx.clock, &now_ms);
    if (!rv_cancel_init(&ctx.cancel, &err))
        abort();
    snprintf(where, sizeof where, "usbip:UNIX:%s", server.path);
    ctx.settings.usb = where;
    struct rv_usb_bus *bus = rv_usb_bus_open(&ctx, &err);
    assert(bus != NULL);
    use(bus);
    rv_usb_bus_free(bus);
    set_input(rv_span(NULL, 0));
    rv_cancel_clear(&ctx.cancel);
    return 0;
}
