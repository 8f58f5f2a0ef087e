/* SPDX-License-Identifier: Apache-2.0 */
#include "format/keybag.h"
#include "fuzz_copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_error err = { 0 };
    struct rv_keybag bag, again;
    struct rv_span in = fuzz_copy(data, size);
    if (rv_keybag_parse(in, &bag, &err)) {
        RV_AUTO_CLEAR(rv_buf) out = RV_BUF(1 << 16);
        assert(bag.count > 0 && bag.count <= RV_KEYBAG_CLASSES_MAX);
        assert(rv_keybag_salvage(in, &again));
        assert(rv_keybag_format(&bag, &out, &err) && rv_keybag_parse(rv_buf_span(&out), &again, &err));
        assert(again.count == bag.count && again.rounds == bag.rounds);
    } else {
        fuzz_failed(&err);
        (void)rv_keybag_salvage(in, &again);
    }
    free((void *)(uintptr_t)in.ptr);
    return 0;
}
