/* SPDX-License-Identifier: Apache-2.0 */
/* What every test file includes: cmocka with what it needs before it, and where things lie. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Path of a file among the shared samples (not part of the project), or NULL: the test skips. */
static inline const char *test_shared(const char *leaf, char *path, size_t path_size)
{
    const char *root = getenv("REVIVE_SHARED");
    if (root != NULL)
        snprintf(path, path_size, "%s/%s", root, leaf);
    else
        snprintf(path, path_size, "%s/../shared/%s", REVIVE_SOURCE_ROOT, leaf);
    if (access(path, R_OK) == 0)
        return path;
    /* a second tree beside the first */
    if (root == NULL)
        snprintf(path, path_size, "%s/../../shared/%s", REVIVE_SOURCE_ROOT, leaf);
    return access(path, R_OK) == 0 ? path : NULL;
}

#define TEST_SHARED_OR_SKIP(path, leaf)                                                                                \
    do {                                                                                                               \
        if (test_shared(leaf, path, sizeof path) == NULL)                                                              \
            skip();                                                                                                    \
    } while (0)

/** Fails with the whole chain of an error. */
static inline void test_no_error(bool fine, const struct rv_error *err)
{
    if (fine)
        return;
    for (unsigned i = err->depth; i-- > 0;)
        print_error("  %s\n", err->text[i]);
    fail_msg("%s", rv_code_name(err->code));
}
#define assert_fine(call) test_no_error((call), &err)

/** Any frame of the chain holds the words. */
static inline bool test_error_says(const struct rv_error *err, const char *words)
{
    for (unsigned i = 0; i < err->depth; i++) {
        if (strstr(err->text[i], words) != NULL)
            return true;
    }
    for (unsigned i = 0; i < err->depth; i++)
        print_error("  chain: %s\n", err->text[i]);
    print_error("  wanted: %s\n", words);
    return false;
}
