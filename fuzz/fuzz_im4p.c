/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "format/img4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    struct rv_im4p p;
    if (rv_im4p_parse(in, &p, &err)) {
        fuzz_inside(p.payload, in);
        fuzz_inside(p.version, in);
        fuzz_inside(p.keybags, in);
        assert(p.type_at + 4 <= in.len && memcmp(in.ptr + p.type_at, p.type, 4) == 0);
        /* Retagging changes these four bytes and nothing else. */
        struct rv_blob *copy = rv_blob_copy(in, &err);
        assert(copy != NULL && rv_im4p_retag(copy, "test", &err));
        assert(memcmp(copy->data + p.type_at, "test", 4) == 0);
        memcpy(copy->data + p.type_at, p.type, 4);
        assert(memcmp(copy->data, in.ptr, in.len) == 0);
        rv_blob_free(copy);
    } else {
        fuzz_failed(&err);
    }
    size_t at = 0;
    if (rv_im4p_find_type(in, &at))
        assert(at + 4 <= in.len);
    free((void *)in.ptr);
    return 0;
}
