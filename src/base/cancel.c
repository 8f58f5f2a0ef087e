/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool rv_cancel_init(struct rv_cancel *cancel, struct rv_error *err)
{
    atomic_init(&cancel->asked, 0);
    if (pipe2(cancel->fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return rv_fail_sys(err, RV_E_IO, errno, "making a wake-up pipe");
    return true;
}

void rv_cancel_clear(struct rv_cancel *cancel)
{
    close(cancel->fds[0]);
    close(cancel->fds[1]);
    cancel->fds[0] = cancel->fds[1] = -1;
}

void rv_cancel_ask(struct rv_cancel *cancel)
{
    int saved = errno;
    atomic_fetch_add(&cancel->asked, 1);
    ssize_t ignored = write(cancel->fds[1], "x", 1);
    (void)ignored;
    errno = saved;
}

bool rv_cancel_asked(const struct rv_cancel *cancel)
{
    return cancel != NULL && atomic_load(&cancel->asked) > 0;
}

int rv_cancel_fd(const struct rv_cancel *cancel)
{
    return cancel == NULL ? -1 : cancel->fds[0];
}

bool rv_cancel_point(const struct rv_cancel *cancel, struct rv_error *err)
{
    if (!rv_cancel_asked(cancel))
        return true;
    return rv_fail(err, RV_E_CANCELLED, "stopped at your request");
}
