/* SPDX-License-Identifier: Apache-2.0 */
/* What asr on the device says before it takes the image: property lists without a length. */
#include "fuzz_stream.h"

#include "proto/asr.h"

enum { IMAGE = 2000 };

static bool read_image(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    (void)context;
    (void)err;
    assert(offset <= IMAGE && len <= IMAGE - offset);
    memset(to, 7, len);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_error err = { 0 };
    struct fuzz_stream f;
    if (size > FUZZ_STREAM_MAX / 2)
        return 0;
    fuzz_stream_begin(&f, data, size);
    struct rv_asr_job job = { .source = { IMAGE, read_image, NULL }, .quiet_ms = 1000 };
    if (!rv_asr_serve(&f.ctx, f.stream, &job, &err))
        fuzz_failed(&err);
    rv_stream_free(f.stream);
    fuzz_stream_end(&f);
    return 0;
}
