/* SPDX-License-Identifier: Apache-2.0 */
/* What a device answers over AFC: names, facts of a file, its bytes. */
#include "fuzz_stream.h"

#include "proto/afc.h"

static bool count(void *context, struct rv_span bytes, struct rv_error *err)
{
    (void)err;
    assert(bytes.len > 0 && bytes.ptr != NULL);
    *(size_t *)context += bytes.len;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_stream f;
    struct rv_error err = { 0 };
    struct rv_afc_info info;
    size_t read = 0;
    if (size > FUZZ_STREAM_MAX)
        return 0;
    fuzz_stream_begin(&f, data, size);
    RV_AUTO(rv_afc) afc = rv_afc_take(f.stream, &err);
    assert(afc != NULL);
    RV_AUTO(rv_blob) names = rv_afc_list(afc, "/", &err);
    if (names == NULL)
        fuzz_failed(&err);
    for (size_t at = 0; names != NULL && at < names->len; at += strlen((char *)names->data + at) + 1) {
        assert(memchr(names->data + at, '\0', names->len - at) != NULL); /* each name ends within the list */
        assert(names->data[at] != '\0');
    }
    err = (struct rv_error){ 0 };
    if (!rv_afc_info(afc, "/a", &info, &err))
        fuzz_failed(&err);
    err = (struct rv_error){ 0 };
    if (!rv_afc_read(afc, "/a", count, &read, &err))
        fuzz_failed(&err);
    assert(read <= size); /* no byte that was not sent */
    fuzz_stream_end(&f);
    return 0;
}
