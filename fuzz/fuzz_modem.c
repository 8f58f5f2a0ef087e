/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "format/fls.h"
#include "format/ftab.h"
#include "format/mbn.h"

/* First byte: how many of the rest are the signature. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t blob_len = data[0] < size - 1 ? data[0] : size - 1;
    struct rv_span blob = fuzz_copy(data + 1, blob_len), image = fuzz_copy(data + 1 + blob_len, size - 1 - blob_len);
    struct rv_error err = { 0 };
    for (unsigned newer = 0; newer < 2; newer++) {
        struct rv_blob *copy = rv_blob_copy(image, &err);
        assert(copy != NULL);
        if (!(newer ? rv_mbn_stitch_v7(copy, blob, &err) : rv_mbn_stitch(copy, blob, &err))) {
            fuzz_failed(&err);
            assert(rv_span_equal(rv_blob_span(copy), image)); /* untouched on failure */
        }
        rv_blob_free(copy);
    }
    struct rv_blob *fls = rv_fls_sign(image, blob, &err);
    if (fls == NULL)
        fuzz_failed(&err);
    rv_blob_free(fls);
    rv_blob_free(rv_fls_insert_ticket(image, blob, &err));
    struct rv_blob *ftab = rv_ftab_with(image, "rrko", blob, &err);
    struct rv_span part;
    if (ftab != NULL)
        assert(rv_ftab_find(rv_blob_span(ftab), "rrko", &part) && rv_span_equal(part, blob));
    else
        fuzz_failed(&err);
    rv_blob_free(ftab);
    free((void *)blob.ptr);
    free((void *)image.ptr);
    return 0;
}
