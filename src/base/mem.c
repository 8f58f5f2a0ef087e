/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long fail_in;

void rv_alloc_fail_at(unsigned long nth)
{
    fail_in = nth;
}

static bool must_fail(void)
{
    return fail_in != 0 && --fail_in == 0;
}

void *rv_alloc(size_t size_bytes)
{
    return must_fail() ? NULL : calloc(1, size_bytes ? size_bytes : 1);
}

void *rv_alloc_array(size_t count, size_t each_bytes)
{
    size_t total;
    if (must_fail() || __builtin_mul_overflow(count, each_bytes, &total))
        return NULL;
    return calloc(1, total ? total : 1);
}

void *rv_realloc_array(void *old, size_t count, size_t each_bytes)
{
    size_t total;
    if (must_fail() || __builtin_mul_overflow(count, each_bytes, &total))
        return NULL;
    return realloc(old, total ? total : 1);
}

char *rv_text_copy(const char *text)
{
    return text == NULL ? NULL : rv_text_copy_n(text, strlen(text));
}

char *rv_text_copy_n(const char *text, size_t len)
{
    char *copy = rv_alloc(len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}

void rv_free(void *p)
{
    free(p);
}

void rv_wipe(void *p, size_t size_bytes)
{
    if (p != NULL && size_bytes > 0)
        explicit_bzero(p, size_bytes);
}

void rv_text_auto(char **p)
{
    rv_free(*p);
    *p = NULL;
}

void rv_fd_auto(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
