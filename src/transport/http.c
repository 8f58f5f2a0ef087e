/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/http.h"

#include "data/roots.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>

enum { REDIRECTS_MAX = 5, DEFAULT_TIMEOUT_MS = 30000, HEADERS_MAX = 128 };

struct exchange {
    struct rv_ctx *ctx;
    uint32_t timeout_ms;
    struct rv_buf body;
    struct rv_error body_err; /* why the body was not taken */
    curl_off_t moved;
    struct rv_deadline idle;  /* moves on with every byte */
    struct rv_deadline whole; /* does not */
    bool bounded, stalled, late;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t take_body(char *data, size_t each, size_t count, void *context)
{
    struct exchange *x = context;
    size_t len = each * count;
    return rv_buf_add(&x->body, rv_span(data, len), &x->body_err) ? len : 0;
}

/* Called about once a second and at every move; anything but 0 ends the transfer. */
static int watch(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    struct exchange *x = context;
    (void)down_total;
    (void)up_total;
    if (rv_cancel_asked(&x->ctx->cancel))
        return 1;
    if (down + up != x->moved) {
        x->moved = down + up;
        x->idle = rv_deadline_in(&x->ctx->clock, x->timeout_ms);
    }
    x->stalled = rv_deadline_left_ms(&x->idle) == 0;
    x->late = x->bounded && rv_deadline_left_ms(&x->whole) == 0;
    return x->stalled || x->late ? 1 : 0;
}

/* Apple's signing server chains to Apple's own root, which the systems' stores do not have. */
static CURLcode add_roots(CURL *curl, void *ssl_ctx, void *context)
{
    (void)curl;
    (void)context;
    X509_STORE *store = SSL_CTX_get_cert_store(ssl_ctx);
    for (size_t i = 0; i < rv_root_count; i++) {
        const unsigned char *at = rv_roots[i].der.ptr;
        X509 *root = d2i_X509(NULL, &at, (long)rv_roots[i].der.len);
        if (root != NULL)
            X509_STORE_add_cert(store, root); /* refuses only doubles */
        X509_free(root);
    }
    return CURLE_OK;
}

/* Of the reply that counts: a redirect's own headers, and those beyond a sane number, are not told. */
static void tell_headers(CURL *curl, const struct rv_http_request *request)
{
    struct curl_header *at = NULL;
    for (unsigned n = 0; request->header != NULL && n < HEADERS_MAX; n++) {
        at = curl_easy_nextheader(curl, CURLH_HEADER, -1, at);
        if (at == NULL)
            return;
        char name[1024], value[1024];
        snprintf(name, sizeof name, "%s", at->name);
        snprintf(value, sizeof value, "%s", at->value);
        request->header(request->header_context, name, value);
    }
}

static struct curl_slist *list_headers(const char *const *headers)
{
    struct curl_slist *list = NULL;
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(list, headers[i]);
        if (longer != NULL)
            list = longer;
    }
    return list;
}

static void set_up(CURL *curl, const struct rv_http_request *request, struct exchange *x, struct curl_slist *headers)
{
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, add_roots);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)rv_deadline_left_ms(&x->idle));
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    if (request->user_agent != NULL)
        curl_easy_setopt(curl, CURLOPT_USERAGENT, request->user_agent);
    if (headers != NULL)
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (request->body.len > 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.ptr);
    }
}

static bool fail_curl(struct exchange *x, CURLcode code, const char *detail, struct rv_error *err)
{
    if (rv_cancel_asked(&x->ctx->cancel))
        return rv_cancel_point(&x->ctx->cancel, err);
    if (x->body_err.code != RV_OK) {
        *err = x->body_err;
        return false;
    }
    if (x->stalled)
        return rv_fail(err, RV_E_NETWORK, "the server fell silent");
    if (x->late)
        return rv_fail(err, RV_E_NETWORK, "the server answers without coming to an end");
    rv_fail(err, code == CURLE_OUT_OF_MEMORY ? RV_E_NOMEM : RV_E_NETWORK, "%s",
            detail[0] != '\0' ? detail : curl_easy_strerror(code));
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR)
        rv_advise(err, RV_ADVICE_NOT_APPLE_TLS);
    return false;
}

bool rv_http_do(struct rv_ctx *ctx, const struct rv_http_request *request, struct rv_http_reply *reply,
                struct rv_error *err)
{
    if (!rv_cancel_point(&ctx->cancel, err))
        return false;
    pthread_once(&curl_once, start_curl);
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return rv_fail_nomem(err);
    struct exchange x = { .ctx = ctx,
                          .timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : DEFAULT_TIMEOUT_MS,
                          .body = RV_BUF(request->reply_cap_bytes),
                          .bounded = request->whole_ms > 0 };
    x.whole = rv_deadline_in(&ctx->clock, request->whole_ms);
    x.idle = rv_deadline_in(&ctx->clock, x.timeout_ms);
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = list_headers(request->headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    set_up(curl, request, &x, headers);
    CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK)
        tell_headers(curl, request);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    struct rv_blob *body = NULL;
    bool ok =
        code == CURLE_OK ? (body = rv_blob_copy(rv_buf_span(&x.body), err)) != NULL : fail_curl(&x, code, detail, err);
    rv_buf_clear(&x.body);
    if (!ok)
        return rv_while(err, "asking %s", request->url);
    *reply = (struct rv_http_reply){ .status = status, .body = body };
    return true;
}

void rv_http_reply_clear(struct rv_http_reply *reply)
{
    rv_blob_free(reply->body);
    *reply = (struct rv_http_reply){ 0 };
}
