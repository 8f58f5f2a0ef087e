/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual device's reader of what a host says to its backup agent. The first byte chooses what the device had asked
 * for; the rest is the host's answer. A file never gets more bytes than came, and each is told of at most once.
 */
#include "fuzz_copy.h"

#include "sim/backup_run.h"

#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WANTED = 3, ANSWER_MAX = 60000 };

struct told {
    uint64_t bytes;
    unsigned done[WANTED];
};

static void on_bytes(void *context, size_t index, struct rv_span bytes)
{
    assert(index < WANTED && bytes.len > 0);
    ((struct told *)context)->bytes += bytes.len;
}

static void on_done(void *context, size_t index, const char *trouble)
{
    assert(index < WANTED && ++((struct told *)context)->done[index] == 1);
    assert(trouble == NULL || strlen(trouble) < 4096);
}

static void download(struct sim_link *link, size_t size)
{
    struct told told = { 0 };
    struct sim_sink sink = { &told, on_bytes, on_done };
    plist_t detail = NULL;
    int status = 0;
    bool alive = sim_link_download(link, sim_link_words("a/1", "a/2", "a/3", NULL), &sink, &status, &detail);
    plist_free(detail);
    assert(told.bytes <= size && alive == !link->gone);
}

static void list(struct sim_link *link)
{
    plist_t entries = NULL;
    int status = 0;
    bool alive = sim_link_list(link, "a", &entries, &status);
    assert(entries == NULL || (alive && PLIST_IS_DICT(entries)));
    plist_free(entries);
}

static void converse(uint8_t choice, struct sim_link *link, size_t size)
{
    uint64_t room;
    int status = 0;
    if (choice == 0) {
        download(link, size);
    } else if (choice == 1) {
        list(link);
    } else if (choice == 2) {
        (void)sim_link_free_space(link, &room, &status);
        assert(status <= 0);
    } else {
        plist_t message = sim_link_read(link);
        assert(message == NULL || sim_link_name(message)[0] != 0);
        plist_free(message);
    }
}

static void talk(uint8_t choice, struct rv_span answer)
{
    int ends[2];
    static struct sim_link link;
    if (answer.len > ANSWER_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return;
    if (write(ends[0], answer.ptr, answer.len) == (ssize_t)answer.len && shutdown(ends[0], SHUT_WR) == 0) {
        struct sim_wire wire = { .fd = ends[1] };
        sim_link_init(&link, &wire);
        converse(choice, &link, answer.len);
        sim_link_clear(&link);
    }
    close(ends[0]);
    close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_row row;
    struct sim_status status;
    int code;
    if (size == 0)
        return 0;
    struct rv_span rest = fuzz_copy(data + 1, size - 1);
    if (data[0] % 6 == 4)
        (void)sim_row_parse(rest, &row);
    else if (data[0] % 6 == 5)
        assert(sim_status_parse(rest, &status, &code) || code != MB_OK);
    else
        talk(data[0] % 6, rest);
    free((void *)(uintptr_t)rest.ptr);
    return 0;
}
