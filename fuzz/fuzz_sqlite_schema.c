/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_copy.h"

#include "format/sqlite_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_span in = fuzz_copy(data, size);
    struct rv_error err = { 0 };
    struct rv_sq_table *t = rv_sq_table_parse(in, &err);
    if (t == NULL) {
        fuzz_failed(&err);
    } else {
        assert(t->count > 0 && t->count <= RV_SQ_COLUMNS_MAX && t->stored > 0 && t->stored <= t->count);
        assert(t->ipk >= -1 && t->ipk < t->count);
        for (unsigned i = 0; i < t->stored; i++)
            assert(t->order[i] < t->count);
        assert(rv_sq_table_same_form(t, t));
    }
    rv_sq_table_free(t);
    free((void *)in.ptr);
    return 0;
}
