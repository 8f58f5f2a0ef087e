/* SPDX-License-Identifier: Apache-2.0 */
/* A whole reply of a web server, head and body: as a page that is kept, as a part of a file, and its headers alone. */
#include "fuzz_copy.h"

#include "transport/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_CAP = 4096, PART_FIRST = 10, PART_LENGTH = 20, FILE_TOTAL = 100 };

/* One for all inputs: its thread and its socket cost more than what is looked at. */
static struct {
    int listener;
    uint16_t port;
    pthread_mutex_t lock; /* of the input; held while a connection is served */
    struct rv_span in;
} server = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void serve_one(int fd)
{
    char request[4096];
    if (recv(fd, request, sizeof request, 0) > 0 && server.in.len > 0)
        (void)!send(fd, server.in.ptr, server.in.len, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (recv(fd, request, sizeof request, 0) > 0)
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

static void start_server(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof at;
    pthread_t thread;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server.listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(server.listener, 16) != 0 ||
        getsockname(server.listener, (struct sockaddr *)&at, &len) != 0 ||
        pthread_create(&thread, NULL, serve, NULL) != 0)
        abort();
    server.port = ntohs(at.sin_port);
    /* Wherever a reply sends it, it ends here. */
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", server.port);
    if (setenv("http_proxy", proxy, 1) != 0 || setenv("https_proxy", proxy, 1) != 0 || unsetenv("no_proxy") != 0 ||
        unsetenv("NO_PROXY") != 0)
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

static void see_header(void *context, const char *name, const char *value)
{
    (void)context;
    assert(name[0] != '\0' && strlen(name) <= 1024 && strlen(value) <= 1024);
    assert(strpbrk(value, "\r\n") == NULL);
}

static bool take(void *context, const struct rv_http_head *head, struct rv_span part, struct rv_error *err)
{
    uint64_t *taken = context;
    (void)err;
    assert(head->status == 200 || head->status == 206);
    assert(part.len > 0);
    *taken += part.len;
    return true;
}

static void keep_page(struct rv_ctx *ctx, const char *url)
{
    struct rv_error err = { 0 };
    struct rv_http_reply reply = { 0 };
    struct rv_http_request request = { .url = url,
                                       .header = see_header,
                                       .user_agent = "revive",
                                       .reply_cap_bytes = REPLY_CAP,
                                       .timeout_ms = 2000,
                                       .whole_ms = 3000 };
    if (rv_http_do(ctx, &request, &reply, &err))
        assert(reply.body == NULL || reply.body->len <= REPLY_CAP);
    else
        fuzz_failed(&err);
    rv_http_reply_clear(&reply);
}

static void fetch_part(struct rv_ctx *ctx, const char *url)
{
    struct rv_error err = { 0 };
    struct rv_http_head head = { 0 };
    uint64_t taken = 0;
    struct rv_http_fetch fetch = { .url = url,
                                   .first = PART_FIRST,
                                   .length = PART_LENGTH,
                                   .if_range = "\"one\"",
                                   .timeout_ms = 2000,
                                   .sink = take,
                                   .context = &taken };
    if (!rv_http_fetch(ctx, &fetch, &head, &err)) {
        fuzz_failed(&err);
        return;
    }
    const char *validator = rv_http_validator(&head);
    assert(strlen(validator) < sizeof head.etag);
    if (rv_http_check_part(&fetch, &head, FILE_TOTAL, &err))
        assert(head.first == PART_FIRST && head.total == FILE_TOTAL);
    else
        fuzz_failed(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct rv_ctx ctx = { 0 };
    struct rv_error err = { 0 };
    char url[64];
    pthread_once(&once, start_server);
    set_input(fuzz_copy(data, size));
    rv_clock_system(&ctx.clock);
    if (!rv_cancel_init(&ctx.cancel, &err))
        abort();
    snprintf(url, sizeof url, "http://127.0.0.1:%u/file", server.port);
    keep_page(&ctx, url);
    fetch_part(&ctx, url);
    set_input(rv_span(NULL, 0));
    rv_cancel_clear(&ctx.cancel);
    return 0;
}
