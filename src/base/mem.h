/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation, ownership and the cleanup attribute. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/**
 * Zeroed memory. Returns NULL when memory is out (or when the test hook says so); the caller turns
 * that into RV_E_NOMEM. Freed with rv_free().
 */
void *rv_alloc(size_t size_bytes);

/** Zeroed array; NULL also when count * each overflows. */
void *rv_alloc_array(size_t count, size_t each_bytes);

/** Like realloc for arrays; on failure NULL and the old block stays valid. New bytes are not zeroed. */
void *rv_realloc_array(void *old, size_t count, size_t each_bytes);

/** Copies text; NULL in, NULL out. */
char *rv_text_copy(const char *text);
char *rv_text_copy_n(const char *text, size_t len);

void rv_free(void *p);

/** Overwrites memory in a way that the compiler may not drop. */
void rv_wipe(void *p, size_t size_bytes);

/** Test hook: the Nth allocation from now fails (0: none). Not thread safe by intent. */
void rv_alloc_fail_at(unsigned long nth);

/* A local owner: RV_AUTO(rv_blob) b = …; needs rv_blob_free(). Hand out with rv_steal(&b). */
#define RV_AUTO(type)       __attribute__((cleanup(type##_auto))) struct type *
#define RV_AUTO_CLEAR(type) __attribute__((cleanup(type##_clear))) struct type
#define RV_AUTO_TEXT        __attribute__((cleanup(rv_text_auto))) char *
#define RV_AUTO_FD          __attribute__((cleanup(rv_fd_auto))) int
#define RV_DEFINE_AUTO(type)                                                                                           \
    static inline void type##_auto(struct type **p)                                                                    \
    {                                                                                                                  \
        type##_free(*p);                                                                                               \
        *p = NULL;                                                                                                     \
    }
#define rv_steal(pp)                                                                                                   \
    __extension__({                                                                                                    \
        __typeof__(*(pp)) rv_stolen_ = *(pp);                                                                          \
        *(pp) = NULL;                                                                                                  \
        rv_stolen_;                                                                                                    \
    })
#define RV_COUNT(array) (sizeof(array) / sizeof((array)[0]))

void rv_text_auto(char **p);
void rv_fd_auto(int *fd);
