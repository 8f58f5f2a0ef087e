/* SPDX-License-Identifier: Apache-2.0 */
/* ftab: the small archive that coprocessors with RTKit are fed with. */
#pragma once

#include "base/bytes.h"

/** Content of the entry with that tag ("rrko"), borrowed. False: not there. FORMAT problems count as not there. */
bool rv_ftab_find(struct rv_span ftab, const char *tag, struct rv_span *out);
/** The whole thing holds together: entries inside the file. */
bool rv_ftab_check(struct rv_span ftab, struct rv_error *err);
/** A new ftab with one entry more (or one replaced). */
struct rv_blob *rv_ftab_with(struct rv_span ftab, const char *tag, struct rv_span content, struct rv_error *err);
