/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.apple.mobile.notification_proxy: names that are posted on the phone. One thread may wait for them while another
 * posts. Source: libimobiledevice 1.3.0 src/notification_proxy.c.
 */
#pragma once

#include "transport/stream.h"

enum { RV_NOTIFY_NAME = 128 };

struct rv_notify;
/** Takes ownership of the service's stream, on failure too. */
struct rv_notify *rv_notify_take(struct rv_stream *stream, struct rv_error *err);
void rv_notify_free(struct rv_notify *notify);
RV_DEFINE_AUTO(rv_notify)

bool rv_notify_observe(struct rv_notify *notify, const char *name, struct rv_error *err);
bool rv_notify_post(struct rv_notify *notify, const char *name, struct rv_error *err);
/** The next observed name; "" for anything else that came. TIMEOUT loses nothing. */
bool rv_notify_next(struct rv_notify *notify, uint32_t timeout_ms, char out[RV_NOTIFY_NAME], struct rv_error *err);
/** Makes a call that waits in another thread return. */
void rv_notify_stop(struct rv_notify *notify);
