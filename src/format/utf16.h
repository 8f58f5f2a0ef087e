/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of attributes count in UTF-16 units; texts are kept as UTF-8. */
#pragma once

#include "base/bytes.h"

/** Bytes, from `from` on, of so many UTF-16 units of a UTF-8 text; never beyond its end. */
size_t rv_utf16_bytes(struct rv_span text, size_t from, uint64_t units);
