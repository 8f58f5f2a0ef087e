/* SPDX-License-Identifier: Apache-2.0 */
/* What a file holds, told by its first bytes, whatever it is called. */
#pragma once

#include "base/bytes.h"

enum { RV_CONTENT_HEAD = 16 }; /* as many bytes are looked at */

struct rv_content {
    const char *id;      /* "jpeg" */
    const char *ending;  /* ".jpg": for a file that has lost its name */
    const char *endings; /* names that promise it, lower case, ' ' between; "" none does for sure */
    uint8_t at, len;     /* where its mark stands */
    const char *mark;
};

/** NULL: not told by its first bytes. */
const struct rv_content *rv_content_of(struct rv_span head);
/** False: the name promises a picture, film or list, and the bytes are none of any kind. */
bool rv_content_fits(const char *path, struct rv_span head);
/** Nothing but zeroes (and something at all)? */
bool rv_content_is_blank(struct rv_span bytes);
