/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted stays inside the input, and what is written of it reads the same. */
#include "backup/place.h"
#include "format/mbfile.h"
#include "fuzz_copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rv_mbfile file, again;
    struct rv_error err = { 0 };
    struct rv_span in = fuzz_copy(data, size);
    if (rv_mbfile_parse(in, &file, &err)) {
        RV_AUTO_CLEAR(rv_buf) out = RV_BUF(4 << 20);
        fuzz_inside(file.digest, in);
        fuzz_inside(file.key, in);
        fuzz_inside(file.attributes, in);
        assert(rv_mbfile_format(&file, &out, &err) && rv_mbfile_parse(rv_buf_span(&out), &again, &err));
        assert(again.size == file.size && again.mode == file.mode && rv_span_equal(again.key, file.key));
        /* what is no UTF-8 is written as U+FFFD: such a path is no name of a file anyway */
        if (strlen(file.path) < 100 && rv_place_check(rv_span(file.path, strlen(file.path)), &err))
            assert(strcmp(again.path, file.path) == 0);
    } else {
        fuzz_failed(&err);
    }
    free((void *)(uintptr_t)in.ptr);
    return 0;
}
