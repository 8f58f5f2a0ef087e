/* SPDX-License-Identifier: Apache-2.0 */
/* A whole database, both uses: deleted rows, and everything readable of a damaged file. Pages, cells, schema, trees. */
#include "fuzz_copy.h"

#include "recover/sqlite_scan.h"

static bool check(void *context, const struct rv_sq_found *found, struct rv_error *err)
{
    struct rv_buf line = RV_BUF(1u << 30);
    (void)context;
    assert(found->confidence >= 0 && found->confidence <= 1);
    assert(found->row->count <= found->row->table->stored);
    if (rv_sq_found_json(found, found->encoding, &line, err))
        assert(line.len > 2 && line.data[0] == '{' && line.data[line.len - 1] == '}');
    rv_buf_clear(&line);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rv_error err = { 0 };
    struct rv_ctx ctx;
    if (!rv_ctx_init(&ctx, &err))
        abort();
    struct rv_sq_files files = { .database = fuzz_copy(data, size) };
    for (int all = 0; all < 2; all++) {
        struct rv_sq_scan_options options = { .live = all,
                                              .salvage = all,
                                              .threads = 1 }; /* threads cost most of a run */
        struct rv_sq_verdict verdict;
        if (!rv_sq_scan_bytes(&ctx, &files, &options, check, NULL, &verdict, &err))
            fuzz_failed(&err);
    }
    rv_ctx_clear(&ctx);
    free((void *)files.database.ptr);
    return 0;
}
