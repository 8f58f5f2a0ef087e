/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "format/typedstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    struct rv_styled_text text;
    if (rv_styled_text_read(in, &text, &err)) {
        fuzz_inside(text.text, in);
        assert(text.whole || text.count == 0);
        for (size_t i = 0; i < text.count; i++) {
            fuzz_inside(text.runs[i].transfer, in);
            fuzz_inside(text.runs[i].link, in);
            fuzz_inside(text.runs[i].mention, in);
        }
        rv_styled_text_clear(&text);
    } else {
        fuzz_failed(&err);
    }
    free((void *)in.ptr);
    return 0;
}
