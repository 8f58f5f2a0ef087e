/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test needs: cmocka in the right order, and sentences about errors and scratch folders. */
#pragma once

/* cmocka needs these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A failed call: false or NULL, the code, and a cause that a reader understands. */
#define assert_fails(call, err, wanted)                                                                                \
    do {                                                                                                               \
        assert_false(call);                                                                                            \
        assert_string_equal(rv_code_name((err)->code), rv_code_name(wanted));                                          \
        assert_true((err)->depth >= 1 && (err)->text[0][0] != '\0');                                                   \
    } while (0)

/* A call that must work; its cause is printed when it does not. */
#define assert_works(call, err)                                                                                        \
    do {                                                                                                               \
        if (!(call))                                                                                                   \
            fail_msg("%s: %s", #call, (err)->depth ? (err)->text[0] : "no cause");                                     \
    } while (0)

/* A new folder below TMPDIR, made by a group's setup; its files are removed with it by scratch_remove. */
static inline int scratch_make(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *path = malloc(512);
    if (path == NULL)
        return -1;
    snprintf(path, 512, "%s/revive-test-XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    *state = path;
    return mkdtemp(path) != NULL ? 0 : -1;
}

int scratch_remove(void **state);
