/* SPDX-License-Identifier: Apache-2.0 */
/* Property lists on a stream: u32 big-endian length + plist (lockdown, restored and most services). */
#pragma once

#include "base/bytes.h"
#include "format/plist.h"
#include "transport/stream.h"

enum { RV_PLIST_FRAME_MAX = 64 * 1024 * 1024 };

/** Sends an XML (or binary) property list. */
bool rv_plist_send(struct rv_stream *stream, plist_t message, bool binary, uint32_t timeout_ms, struct rv_error *err);
/** Receives one; caller frees with plist_free. TIMEOUT between messages loses nothing: call again. */
plist_t rv_plist_receive(struct rv_stream *stream, uint32_t timeout_ms, struct rv_error *err);
