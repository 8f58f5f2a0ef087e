/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/http.h"

#include "base/text.h"
#include "data/roots.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { REDIRECTS_MAX = 5, DEFAULT_TIMEOUT_MS = 30000, HEADERS_MAX = 128, STATUS_WHOLE = 200, STATUS_PART = 206 };

struct exchange {
    struct rv_ctx *ctx;
    uint32_t timeout_ms;
    struct rv_buf body;                /* of a reply that is kept whole */
    const struct rv_http_fetch *fetch; /* or where its bytes go */
    struct rv_http_head *head;
    CURL *curl;
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
    if (x->fetch == NULL)
        return rv_buf_add(&x->body, rv_span(data, len), &x->body_err) ? len : 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->head->status);
    if (x->head->status != STATUS_WHOLE && x->head->status != STATUS_PART)
        return len; /* words of an error page */
    if (x->head->status == STATUS_WHOLE && x->head->total == UINT64_MAX)
        x->head->total = x->head->length;
    return x->fetch->sink(x->fetch->context, x->head, rv_span(data, len), &x->body_err) ? len : 0;
}

/* Value of "Name: value" when the line has that name, trimmed; NULL else. */
static const char *header_value(const char *line, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    if (strncasecmp(line, name, len) != 0 || line[len] != ':')
        return NULL;
    line += len + 1;
    line += strspn(line, " \t");
    snprintf(out, size, "%.*s", (int)strcspn(line, "\r\n"), line);
    return out;
}

/* "bytes 5-9/100" (RFC 9110 section 14.4); what is not so is not told. */
static void read_content_range(const char *text, struct rv_http_head *head)
{
    uint64_t numbers[3];
    const char *stops[] = { "-", "/", "" };
    if (!rv_text_starts(text, "bytes "))
        return;
    text += strlen("bytes ");
    for (size_t i = 0; i < 3; i++) {
        char digits[24];
        size_t len = i < 2 ? strcspn(text, stops[i]) : strlen(text);
        snprintf(digits, sizeof digits, "%.*s", (int)(len < sizeof digits ? len : 0), text);
        if (!rv_text_number(digits, 10, &numbers[i]) || (i < 2 && text[len] == '\0'))
            return;
        text += len + (i < 2);
    }
    if (numbers[1] < numbers[0] || numbers[1] >= numbers[2])
        return;
    head->first = numbers[0];
    head->length = numbers[1] - numbers[0] + 1;
    head->total = numbers[2];
}

static size_t take_header(char *data, size_t each, size_t count, void *context)
{
    struct exchange *x = context;
    char line[512], value[256];
    size_t len = each * count;
    snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line - 1), data);
    if (rv_text_starts(line, "HTTP/")) /* a redirect's headers are not the file's */
        *x->head = (struct rv_http_head){ .length = UINT64_MAX, .total = UINT64_MAX };
    else if (header_value(line, "Content-Range", value, sizeof value) != NULL)
        read_content_range(value, x->head);
    else if (header_value(line, "ETag", value, sizeof value) != NULL)
        snprintf(x->head->etag, sizeof x->head->etag, "%.*s", (int)sizeof x->head->etag - 1, value);
    else if (header_value(line, "Last-Modified", value, sizeof value) != NULL)
        snprintf(x->head->modified, sizeof x->head->modified, "%.*s", (int)sizeof x->head->modified - 1, value);
    else if (header_value(line, "Date", value, sizeof value) != NULL)
        snprintf(x->head->date, sizeof x->head->date, "%.*s", (int)sizeof x->head->date - 1, value);
    else if (header_value(line, "Content-Length", value, sizeof value) != NULL && x->head->length == UINT64_MAX)
        rv_text_number(value, 10, &x->head->length);
    return len;
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
        if (at->name[0] == '\0') /* a line that begins with its colon */
            continue;
        snprintf(name, sizeof name, "%s", at->name);
        snprintf(value, sizeof value, "%s", at->value);
        rv_text_clean(name);
        rv_text_clean(value);
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

static void set_up(CURL *curl, const char *url, struct exchange *x)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
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
}

static void set_request(CURL *curl, const struct rv_http_request *request, struct curl_slist *headers)
{
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

/* One transfer with its handle; `begin` makes the handle, `end` runs it and says what went wrong. */
static CURL *begin(struct rv_ctx *ctx, const char *url, uint32_t timeout_ms, struct exchange *x, struct rv_error *err)
{
    if (!rv_cancel_point(&ctx->cancel, err))
        return NULL;
    pthread_once(&curl_once, start_curl);
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    x->ctx = ctx;
    x->curl = curl;
    x->timeout_ms = timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS;
    x->idle = rv_deadline_in(&ctx->clock, x->timeout_ms);
    set_up(curl, url, x);
    return curl;
}

static bool end(CURL *curl, struct curl_slist *headers, const struct rv_http_request *request, struct exchange *x,
                long *status, struct rv_error *err)
{
    char detail[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    if (code == CURLE_OK && request != NULL)
        tell_headers(curl, request);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return code == CURLE_OK || fail_curl(x, code, detail, err);
}

bool rv_http_do(struct rv_ctx *ctx, const struct rv_http_request *request, struct rv_http_reply *reply,
                struct rv_error *err)
{
    struct exchange x = { .body = RV_BUF(request->reply_cap_bytes),
                          .bounded = request->whole_ms > 0,
                          .whole = rv_deadline_in(&ctx->clock, request->whole_ms) };
    CURL *curl = begin(ctx, request->url, request->timeout_ms, &x, err);
    if (curl == NULL)
        return false;
    long status = 0;
    struct curl_slist *headers = list_headers(request->headers);
    set_request(curl, request, headers);
    struct rv_blob *body =
        end(curl, headers, request, &x, &status, err) ? rv_blob_copy(rv_buf_span(&x.body), err) : NULL;
    rv_buf_clear(&x.body);
    if (body == NULL)
        return rv_while(err, "asking %s", request->url);
    *reply = (struct rv_http_reply){ .status = status, .body = body };
    return true;
}

bool rv_http_fetch(struct rv_ctx *ctx, const struct rv_http_fetch *fetch, struct rv_http_head *head,
                   struct rv_error *err)
{
    char range[64], if_range[160];
    const char *lines[3] = { NULL };
    struct exchange x = { .fetch = fetch, .head = head };
    *head = (struct rv_http_head){ .length = UINT64_MAX, .total = UINT64_MAX };
    CURL *curl = begin(ctx, fetch->url, fetch->timeout_ms, &x, err);
    if (curl == NULL)
        return false;
    if (fetch->length > 0) {
        snprintf(range, sizeof range, "Range: bytes=%llu-%llu", (unsigned long long)fetch->first,
                 (unsigned long long)(fetch->first + fetch->length - 1));
        snprintf(if_range, sizeof if_range, "If-Range: %s", fetch->if_range != NULL ? fetch->if_range : "");
        lines[0] = range;
        lines[1] = fetch->if_range != NULL ? if_range : NULL;
    }
    struct curl_slist *headers = list_headers(lines);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &x);
    bool ok = end(curl, headers, NULL, &x, &head->status, err);
    if (head->status == STATUS_WHOLE && head->total == UINT64_MAX)
        head->total = head->length;
    return ok || rv_while(err, "fetching %s", fetch->url);
}

const char *rv_http_validator(const struct rv_http_head *head)
{
    if (head->etag[0] != '\0' && !rv_text_starts(head->etag, "W/"))
        return head->etag;
    time_t modified = curl_getdate(head->modified, NULL), sent = curl_getdate(head->date, NULL);
    return modified >= 0 && sent > modified ? head->modified : "";
}

bool rv_http_check_part(const struct rv_http_fetch *asked, const struct rv_http_head *head, uint64_t total,
                        struct rv_error *err)
{
    /* A server that heeds If-Range may leave out what it compared (RFC 9110 section 15.3.7). */
    bool by_etag = asked->if_range != NULL && asked->if_range[0] == '"';
    const char *named = by_etag ? head->etag : head->modified;
    bool same = asked->if_range == NULL || named[0] == '\0' || strcmp(asked->if_range, named) == 0;
    if (head->status == STATUS_WHOLE || !same || head->total != total)
        return rv_fail(err, RV_E_CORRUPT, "the file on the server was replaced while it was loaded");
    if (head->first != asked->first || head->length > asked->length)
        return rv_fail(err, RV_E_PROTOCOL, "the server sent another part than was asked for");
    return true;
}

void rv_http_reply_clear(struct rv_http_reply *reply)
{
    rv_blob_free(reply->body);
    *reply = (struct rv_http_reply){ 0 };
}
