/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder for copies that nobody else may read: plain bytes of what is encrypted. It is locked while it is used; what
 * a killed program left is swept away when the next one makes its own.
 */
#pragma once

#include "base/error.h"

enum { RV_PRIVATE_PATH = 512 };

struct rv_private {
    char path[RV_PRIVATE_PATH]; /* "": there is none */
    int lock;
};

/** In TMPDIR, else in /var/tmp (work copies of databases are large), for this user alone. */
bool rv_private_make(struct rv_private *folder, struct rv_error *err);
/** With all that is in it; none is no error. */
void rv_private_remove(struct rv_private *folder);
