/* SPDX-License-Identifier: Apache-2.0 */
/* Records lie inside the input and one behind the other, also behind damage. */
#include "format/mbdb.h"
#include "fuzz_copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rv_mbdb_record rec;
    struct rv_error err = { 0 };
    struct rv_mbdb db;
    size_t last = 0;
    struct rv_span in = fuzz_copy(data, size);
    if (rv_mbdb_open(in, &db, &err)) {
        do {
            while (rv_mbdb_next(&db, &rec, &err)) {
                assert(rec.at >= last && rec.end > rec.at && rec.end <= in.len);
                last = rec.end;
                fuzz_inside(rec.file.digest, in);
                fuzz_inside(rec.file.key, in);
                fuzz_inside(rec.properties, in);
            }
        } while (err.code != RV_OK && rv_mbdb_skip(&db));
    } else {
        fuzz_failed(&err);
    }
    free((void *)(uintptr_t)in.ptr);
    return 0;
}
