/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "format/plist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    plist_t p = rv_plist_parse(in, &err);
    if (p == NULL) {
        fuzz_failed(&err);
    } else {
        /* What was read can be walked, asked for anything, and freed. */
        RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = p };
        uint64_t number = 0;
        while (rv_plist_walk(&walk)) {
            rv_plist_text(p, walk.key);
            rv_plist_data(p, walk.key);
            rv_plist_number(p, walk.key, &number);
        }
        plist_free(p);
    }
    free((void *)in.ptr);
    return 0;
}
