/* SPDX-License-Identifier: Apache-2.0 */
/* A connection of the device through the reverse proxy: a ping or SOCKS5, to hosts that are Apple's or not. */
#include "fuzz_stream.h"

#include "base/text.h"
#include "proto/fdr.h"

#include <errno.h>

static int reach(void *context, const struct rv_fdr_host *host)
{
    (void)context;
    assert(rv_text_ends(host->name, ".apple.com") && (host->port == 443 || host->port == 80));
    return -ECONNREFUSED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_error err = { 0 };
    struct fuzz_stream f;
    if (size > FUZZ_STREAM_MAX)
        return 0;
    fuzz_stream_begin(&f, data, size);
    if (!rv_fdr_serve_conn(&f.ctx, f.stream, reach, NULL, &err))
        fuzz_failed(&err);
    rv_stream_free(f.stream);
    fuzz_stream_end(&f);
    return 0;
}
