/* SPDX-License-Identifier: Apache-2.0 */
/* restored on port 62078 of a device in Restore mode: questions, StartRestore, then its messages. */
#pragma once

#include "format/plist.h"
#include "transport/mux.h"
#include "transport/stream.h"

enum { RV_RESTORED_PORT = 62078 };

struct rv_restored;

/** Connects; tries again while the port is not open yet, up to wait_ms. */
struct rv_restored *rv_restored_open(struct rv_ctx *ctx, const struct rv_mux_id *id, uint32_t wait_ms,
                                     struct rv_error *err);
/** Takes ownership of a connected stream, on failure too. */
struct rv_restored *rv_restored_take_stream(struct rv_ctx *ctx, struct rv_stream *stream, struct rv_error *err);
void rv_restored_free(struct rv_restored *link);
RV_DEFINE_AUTO(rv_restored)

/** QueryType: REFUSED when the peer is not restored (lockdown of a running system answers on the same port). */
bool rv_restored_hello(struct rv_restored *link, uint64_t *protocol_version, struct rv_error *err);
/** QueryValue: the value, caller frees. NOT_FOUND when the device has none. */
plist_t rv_restored_value(struct rv_restored *link, const char *key, struct rv_error *err);
/** StartRestore: no reply, messages follow. */
bool rv_restored_start(struct rv_restored *link, plist_t options, uint64_t protocol_version, struct rv_error *err);
/** Asks the device to leave Restore mode. */
bool rv_restored_reboot(struct rv_restored *link, struct rv_error *err);

/** Next message, caller frees. TIMEOUT: nothing yet, call again (nothing is lost). GONE: the device left. */
plist_t rv_restored_receive(struct rv_restored *link, uint32_t timeout_ms, struct rv_error *err);
/** Sends a reply or {MsgType: ReceivedFinalStatusMsg} on the control connection. */
bool rv_restored_send(struct rv_restored *link, plist_t message, struct rv_error *err);
