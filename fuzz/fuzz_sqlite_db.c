/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole database, its -wal and -journal (each from its magic number on), for one of both uses: deleted rows, and
 * everything readable of a damaged file. Pages, cells, schema, trees, commits.
 */
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

/* The first place of a magic number behind the first page, else the end. */
static size_t begins(struct rv_span in, const char *magic, size_t len)
{
    enum { PAGE_LEAST = 512 };
    const uint8_t *at = in.len > PAGE_LEAST ? memmem(in.ptr + PAGE_LEAST, in.len - PAGE_LEAST, magic, len) : NULL;
    return at != NULL ? (size_t)(at - in.ptr) : in.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SIZE_MAX_USEFUL = 12 << 10 };
    static struct rv_ctx ctx;
    struct rv_error err = { 0 };
    if (size == 0 || size > SIZE_MAX_USEFUL)
        return 0;
    if (ctx.state_dir == NULL && !rv_ctx_init(&ctx, &err))
        abort();
    struct rv_span in = rv_span(data, size);
    size_t log = begins(in, "\x37\x7f\x06\x82", 4), journal = begins(in, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
    size_t first = log < journal ? log : journal;
    struct rv_sq_files files = { .database = fuzz_copy(data, first) };
    files.wal = fuzz_copy(data + log, (journal > log ? journal : size) - log);
    files.journal = fuzz_copy(data + journal, (log > journal ? log : size) - journal);
    bool all = data[size - 1] & 1; /* of the last page the last byte: as good as any */
    struct rv_sq_scan_options options = { .live = all, .salvage = all, .threads = 1 }; /* threads cost most of a run */
    struct rv_sq_verdict verdict;
    if (!rv_sq_scan_bytes(&ctx, &files, &options, check, NULL, &verdict, &err))
        fuzz_failed(&err);
    free((void *)(uintptr_t)files.database.ptr);
    free((void *)(uintptr_t)files.wal.ptr);
    free((void *)(uintptr_t)files.journal.ptr);
    return 0;
}
