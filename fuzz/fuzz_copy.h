/* SPDX-License-Identifier: Apache-2.0 */
/* The input in memory of its exact size, so that a read one past its end is seen. */
#pragma once

#include "base/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct rv_span fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    return rv_span(copy, size);
}

/** A view is empty or lies inside the input. */
static inline void fuzz_inside(struct rv_span view, struct rv_span in)
{
    if (view.len > 0)
        assert(view.ptr >= in.ptr && view.len <= in.len && (size_t)(view.ptr - in.ptr) <= in.len - view.len);
}

static inline void fuzz_failed(const struct rv_error *err)
{
    assert(err->code != RV_OK && err->depth >= 1 && err->text[0][0] != '\0');
}
