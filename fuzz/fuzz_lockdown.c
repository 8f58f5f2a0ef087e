/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of lockdown and of restored's first questions, one after the other, and what is made of the values. */
#include "fuzz_stream.h"

#include "device/identity.h"
#include "proto/lockdown.h"
#include "proto/lockdown_link.h"
#include "proto/restored.h"

static void ask_lockdown(struct fuzz_stream *f)
{
    struct rv_error err = { 0 };
    struct rv_identity identity = { 0 };
    char type[64];
    struct rv_lockdown *link = rv_alloc(sizeof *link);
    assert(link != NULL);
    *link = (struct rv_lockdown){ .ctx = &f->ctx, .id = { .handle = 1 }, .stream = f->stream, .timeout_ms = 1000 };
    setenv("USBMUXD_SOCKET_ADDRESS", "UNIX:/nowhere/mux", 1); /* a link that broke is not dialled again */
    if (!rv_lockdown_type(link, type, sizeof type, &err)) {
        fuzz_failed(&err);
    } else {
        RV_AUTO_PLIST values = rv_lockdown_get(link, NULL, NULL, &err);
        if (values != NULL)
            rv_identity_from_values(&identity, values);
        RV_AUTO_PLIST one = rv_lockdown_get(link, "com.apple.disk_usage", "TotalDataCapacity", &err);
        (void)one;
    }
    rv_lockdown_free(link);
}

static void ask_restored(struct fuzz_stream *f)
{
    struct rv_error err = { 0 };
    struct rv_identity identity = { 0 };
    uint64_t version = 0;
    struct rv_restored *link = rv_restored_take_stream(&f->ctx, f->stream, &err);
    assert(link != NULL);
    if (!rv_restored_hello(link, &version, &err)) {
        fuzz_failed(&err);
    } else {
        RV_AUTO_PLIST values = rv_restored_value(link, "HardwareInfo", &err);
        if (values != NULL)
            rv_identity_from_values(&identity, values);
    }
    rv_restored_free(link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_stream f;
    if (size == 0 || size > FUZZ_STREAM_MAX)
        return 0;
    fuzz_stream_begin(&f, data + 1, size - 1);
    if (data[0] & 1)
        ask_restored(&f);
    else
        ask_lockdown(&f);
    fuzz_stream_end(&f);
    return 0;
}
