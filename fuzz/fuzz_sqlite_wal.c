/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "format/sqlite_wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    struct rv_sq_images images;
    if (!rv_sq_wal_read(in, &(struct rv_sq_reader){ 0 }, &images, &err))
        fuzz_failed(&err);
    for (uint32_t i = 0; i < images.count; i++) {
        fuzz_inside(rv_span(images.items[i].page, images.page_size), in);
        assert(images.items[i].snapshot >= 1 && images.items[i].snapshot <= images.count);
    }
    rv_sq_images_clear(&images);
    free((void *)in.ptr);
    return 0;
}
