/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as they come from a device: lengths and property lists, read from a socket until they end. */
#include "fuzz_copy.h"

#include "proto/plist_frame.h"

#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGES_MAX = 64, SOCKET_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_ctx ctx = { 0 };
    struct rv_error err = { 0 };
    int fds[2];
    if (size > SOCKET_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return 0;
    rv_clock_system(&ctx.clock);
    if (!rv_cancel_init(&ctx.cancel, &err))
        abort();
    if (write(fds[1], data, size) != (ssize_t)size)
        abort();
    close(fds[1]);
    struct rv_stream *stream = rv_stream_take_fd(&ctx, fds[0], &err);
    assert(stream != NULL);
    for (int i = 0; i < MESSAGES_MAX; i++) {
        plist_t message = rv_plist_receive(stream, 1000, &err);
        if (message == NULL) {
            fuzz_failed(&err);
            assert(err.code != RV_E_TIMEOUT);
            break;
        }
        plist_free(message);
    }
    rv_stream_free(stream);
    rv_cancel_clear(&ctx.cancel);
    return 0;
}
