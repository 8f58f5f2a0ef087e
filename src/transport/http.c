/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/http.h"

bool rv_http_do(struct rv_ctx *ctx, const struct rv_http_request *request, struct rv_http_reply *reply,
                struct rv_error *err)
{
    (void)ctx;
    (void)request;
    (void)reply;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

void rv_http_reply_clear(struct rv_http_reply *reply)
{
    (void)reply;
}
