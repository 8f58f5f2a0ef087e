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

/** What a server says of a file before its bytes come. */
struct rv_http_head {
    long status;
    uint64_t first, length;      /* of the bytes that follow; length UINT64_MAX: not told */
    uint64_t total;              /* size of the whole file; UINT64_MAX: not told */
    char etag[128];              /* with its quotes; "" none */
    char modified[64], date[64]; /* Last-Modified and Date as they came; "" not told */
};
/**
 * What names this very state of the file in If-Range: its ETag unless that is a weak one, else Last-Modified if the
 * file was older than that when it was sent; "" none (RFC 9110 sections 8.8.2.2 and 13.1.5).
 */
const char *rv_http_validator(const struct rv_http_head *head);
/** Takes bytes of a 200 or 206 reply; false with err ends the transfer. */
typedef bool rv_http_sink(void *context, const struct rv_http_head *head, struct rv_span part, struct rv_error *err);

struct rv_http_fetch {
    const char *url;
    uint64_t first, length; /* the range asked for; length 0: the whole file, no Range header */
    const char *if_range;   /* validator: the range only if the file is still that one, else the whole; NULL */
    uint32_t timeout_ms;    /* of no progress */
    rv_http_sink *sink;
    void *context;
};
/**
 * GET whose body goes to the sink as it comes. *head is filled as far as the server told. Errors as rv_http_do, and
 * the sink's; a body that ends before its stated length is NETWORK. Any status is success, its body only of 200 and
 * 206.
 */
bool rv_http_fetch(struct rv_ctx *ctx, const struct rv_http_fetch *fetch, struct rv_http_head *head,
                   struct rv_error *err);
/**
 * The reply is the part that was asked for, of a file with that size in the state that if_range names. CORRUPT:
 * another file stands there now; PROTOCOL: the server sends something else than it was asked for.
 */
bool rv_http_check_part(const struct rv_http_fetch *asked, const struct rv_http_head *head, uint64_t total,
                        struct rv_error *err);
