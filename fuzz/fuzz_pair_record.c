/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this computer keeps of a pairing, and what the device sends while a session is begun by it: two bytes (length
 * of the record), the record, the device's answers. Or, with the highest bit of that length, the device's public key
 * alone.
 */
#include "fuzz_stream.h"

#include "crypto/pair_certs.h"
#include "proto/lockdown_link.h"

static void begin_session(struct rv_span record, struct rv_span answers)
{
    struct fuzz_stream f;
    struct rv_error err = { 0 };
    fuzz_stream_begin(&f, answers.ptr, answers.len);
    struct rv_lockdown *link = rv_alloc(sizeof *link);
    assert(link != NULL);
    *link = (struct rv_lockdown){ .ctx = &f.ctx, .id = { .handle = 1 }, .stream = f.stream, .timeout_ms = 1000 };
    setenv("USBMUXD_SOCKET_ADDRESS", "UNIX:/nowhere/mux", 1); /* a link that broke is not dialled again */
    if (!rv_lockdown_session_by(link, record, &err))
        fuzz_failed(&err);
    rv_lockdown_free(link);
    fuzz_stream_end(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > FUZZ_STREAM_MAX)
        return 0;
    size_t len = (size_t)data[0] << 8 | data[1];
    if (len > size - 2)
        len = size - 2;
    struct rv_span record = fuzz_copy(data + 2, len);
    struct rv_error err = { 0 };
    if (data[0] & 0x80) {
        struct rv_pair_certs certs = { 0 };
        if (rv_pair_certs_make(record, &certs, &err))
            rv_pair_certs_clear(&certs);
        else
            fuzz_failed(&err);
    } else {
        begin_session(record, rv_span(data + 2 + len, size - 2 - len));
    }
    free((void *)record.ptr);
    return 0;
}
