/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as the records of the simulator hold it. */
#pragma once

#include "base/bytes.h"

#include <plist/plist.h>

/** The inside of a JSON string; what does not fit is cut off. */
void sim_json_text(const char *text, char *out, size_t size);
/** A whole JSON string. */
bool sim_json_add_text(struct rv_buf *out, const char *text, struct rv_error *err);
/** "bytes":N,"sha256":"hex", and what kind of file it is when it is one of those that hosts put together. */
bool sim_json_add_digest(struct rv_buf *out, struct rv_span bytes, struct rv_error *err);
/** Data of up to 64 bytes is {"data":"hex"}, longer data and text an object with its digest. */
bool sim_json_add_plist(struct rv_buf *out, plist_t node, struct rv_error *err);
