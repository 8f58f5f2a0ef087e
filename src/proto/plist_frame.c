/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/plist_frame.h"

bool rv_plist_send(struct rv_stream *stream, plist_t message, bool binary, uint32_t timeout_ms, struct rv_error *err)
{
    (void)stream;
    (void)message;
    (void)binary;
    (void)timeout_ms;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

plist_t rv_plist_receive(struct rv_stream *stream, uint32_t timeout_ms, struct rv_error *err)
{
    (void)stream;
    (void)timeout_ms;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}
