/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "format/keyed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = { "richLinkMetadata", "title",      "URL",
                                        "userInfo",         "NS.objects", "transcriptionString" };
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    struct rv_keyed archive;
    plist_t list = rv_plist_parse(in, &err);
    if (list != NULL && rv_keyed_open(list, &archive, &err)) {
        for (size_t i = 0; i < RV_COUNT(keys); i++) {
            plist_t value = rv_keyed_get(&archive, archive.root, keys[i]);
            struct rv_span text = rv_keyed_text(&archive, value);
            assert(text.ptr != NULL || text.len == 0);
            rv_keyed_get(&archive, value, "title");
        }
    } else {
        fuzz_failed(&err);
    }
    plist_free(list);
    free((void *)in.ptr);
    return 0;
}
