/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP(S) over libcurl, with Apple's roots beside the system's, always verifying. */
#pragma once

#include "base/bytes.h"
#include "base/ctx.h"

struct rv_http_request {
    const char *url;
    struct rv_span body;        /* empty: GET */
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    /* Told each header of the last reply (redirects left out); may be NULL. Names and values are cut at 1 KiB. */
    void (*header)(void *context, const char *name, const char *value);
    void *header_context;
    const char *user_agent;
    size_t reply_cap_bytes;
    uint32_t timeout_ms; /* of no progress */
    uint32_t whole_ms;   /* from begin to end, against servers that drip; 0: as long as it moves */
};
struct rv_http_reply {
    long status;
    struct rv_blob *body;
};
/** NETWORK (unreachable, TLS refused: the cause says which), LIMIT, CANCELLED. Any HTTP status is success. */
bool rv_http_do(struct rv_ctx *ctx, const struct rv_http_request *request, struct rv_http_reply *reply,
                struct rv_error *err);
void rv_http_reply_clear(struct rv_http_reply *reply);
