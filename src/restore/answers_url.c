/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLAsset and StreamedImageDecryptionKey (iOS 18 and later; idevicerestore src/restore.c): the device cannot reach
 * the network yet and has this computer fetch the key of an encrypted image. Only Apple's own servers are asked,
 * only by TLS, because the address comes from the device.
 */
#include "restore/install.h"

#include "base/text.h"
#include "transport/http.h"

#include <stdio.h>
#include <string.h>

enum {
    ASSET_MAX = 1024 * 1024,
    ASSETS_KEPT = 16,
    HEADERS_MAX = 16,
    HEADER_MAX = 512,
    TIMEOUT_MS = 30000,
    WHOLE_MS = 120000,
    URL_MAX = 2048,
};

static bool url_is_apples(const char *url)
{
    static const char scheme[] = "https://", domain[] = ".apple.com";
    if (url == NULL || !rv_text_starts(url, scheme))
        return false;
    const char *host = url + sizeof scheme - 1;
    size_t len = strcspn(host, "/?#:@\\"), tail = sizeof domain - 1;
    bool ends = host[len] == '\0' || host[len] == '/' || host[len] == '?';
    return ends && len > tail && strncmp(host + len - tail, domain, tail) == 0;
}

/*
 * Where Apple's signing server is another one (REVIVE_APPLE_TSS: a mirror, or the virtual iPhone's), that one is
 * asked for the file first.
 */
static bool mirrored(const struct rv_install *in, const char *asked, char *out, size_t out_size)
{
    const char *mirror = in->calm.settings.apple_tss;
    const char *host = mirror == NULL ? NULL : strstr(mirror, "://");
    const char *path = strchr(asked + sizeof "https://" - 1, '/');
    if (host == NULL || path == NULL)
        return false;
    size_t len = (size_t)(host - mirror) + 3 + strcspn(host + 3, "/?#");
    int n = snprintf(out, out_size, "%.*s%s", (int)len, mirror, path);
    return n > 0 && (size_t)n < out_size;
}

/* ---- headers ---- */

struct headers {
    char text[HEADERS_MAX][HEADER_MAX];
    const char *list[HEADERS_MAX + 1];
};

/* A header that holds a line end could smuggle in another one: such are left out. */
static void take_headers(plist_t wanted, struct headers *out)
{
    size_t n = 0;
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = wanted };
    while (n < HEADERS_MAX && rv_plist_walk(&walk)) {
        const char *value = PLIST_IS_STRING(walk.value) ? plist_get_string_ptr(walk.value, NULL) : NULL;
        if (value == NULL)
            continue;
        int len = snprintf(out->text[n], HEADER_MAX, "%s: %s", walk.key, value);
        if (len > 0 && len < HEADER_MAX && strpbrk(out->text[n], "\r\n") == NULL) {
            out->list[n] = out->text[n];
            n++;
        }
    }
    out->list[n] = NULL;
}

static void tell_header(void *context, const char *name, const char *value)
{
    plist_dict_set_item(context, name, plist_new_string(value));
}

/* ---- asking ---- */

static plist_t reply_of(struct rv_span body, plist_t headers, long status)
{
    plist_t reply = plist_new_dict();
    plist_dict_set_item(reply, "ResponseBody", plist_new_data(body.len == 0 ? "" : (const char *)body.ptr, body.len));
    plist_dict_set_item(reply, "ResponseBodyDone", plist_new_bool(1));
    plist_dict_set_item(reply, "ResponseHeaders", headers);
    plist_dict_set_item(reply, "ResponseStatus", plist_new_uint((uint64_t)status));
    return reply;
}

static plist_t fetch(struct rv_install *in, const char *url, plist_t arguments, struct rv_error *err)
{
    struct headers headers;
    take_headers(rv_plist_dict(arguments, "RequestAdditionalHeaders"), &headers);
    plist_t told = plist_new_dict();
    struct rv_http_request ask = { .url = url,
                                   .body = rv_plist_data(arguments, "RequestBody"),
                                   .headers = headers.list,
                                   .header = tell_header,
                                   .header_context = told,
                                   .reply_cap_bytes = ASSET_MAX,
                                   .timeout_ms = TIMEOUT_MS,
                                   .whole_ms = WHOLE_MS };
    struct rv_http_reply got = { 0 };
    if (!rv_http_do(&in->calm, &ask, &got, err)) {
        plist_free(told);
        rv_while(err, "fetching what the device asked of %.120s", url);
        return NULL;
    }
    rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "HTTP %ld and %zu bytes for the device", got.status,
           got.body == NULL ? 0 : got.body->len);
    plist_t reply = reply_of(got.body == NULL ? rv_span(NULL, 0) : rv_blob_span(got.body), told, got.status);
    rv_http_reply_clear(&got);
    return reply;
}

/* The key of one image is asked for each of its users: kept as long as the installation lasts. */
static plist_t kept(struct rv_install *in, const char *url)
{
    pthread_mutex_lock(&in->lock);
    plist_t known = rv_plist_dict(in->assets, url);
    plist_t copy = known == NULL ? NULL : plist_copy(known);
    pthread_mutex_unlock(&in->lock);
    return copy;
}

static void keep(struct rv_install *in, const char *url, plist_t reply)
{
    uint64_t status = 0;
    rv_plist_uint(reply, "ResponseStatus", &status);
    pthread_mutex_lock(&in->lock);
    if (in->assets == NULL)
        in->assets = plist_new_dict();
    if (status == 200 && plist_dict_get_size(in->assets) < ASSETS_KEPT)
        plist_dict_set_item(in->assets, url, plist_copy(reply));
    pthread_mutex_unlock(&in->lock);
}

/* When no server answers, the shape of an answer without one: the device then tries its other way. */
static plist_t obtain(struct rv_install *in, const char *url, plist_t arguments, struct rv_error *err)
{
    struct rv_error why = { 0 };
    plist_t reply = fetch(in, url, arguments, &why);
    if (reply != NULL)
        return reply;
    if (why.code == RV_E_CANCELLED || why.code == RV_E_NOMEM) {
        *err = why;
        return NULL;
    }
    rv_install_note_gap(in, &why);
    return reply_of(rv_span(NULL, 0), plist_new_dict(), 0);
}

static bool is_good(plist_t reply)
{
    uint64_t status = 0;
    return reply != NULL && rv_plist_uint(reply, "ResponseStatus", &status) && status / 100 == 2;
}

static plist_t obtain_anywhere(struct rv_install *in, const char *url, plist_t arguments, struct rv_error *err)
{
    char other[URL_MAX];
    struct rv_error unused = { 0 };
    plist_t reply = mirrored(in, url, other, sizeof other) ? fetch(in, other, arguments, &unused) : NULL;
    if (is_good(reply))
        return reply;
    rv_plist_auto(&reply);
    return obtain(in, url, arguments, err);
}

bool rv_answer_url(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    plist_t arguments = request->arguments;
    const char *method = rv_plist_text(arguments, "RequestMethod"), *url = rv_plist_text(arguments, "RequestURL");
    bool posts = rv_plist_data(arguments, "RequestBody").len > 0;
    bool plain = !posts && rv_plist_dict(arguments, "RequestAdditionalHeaders") == NULL;
    if (method != NULL && strcmp(method, posts ? "POST" : "GET") != 0)
        return rv_fail(err, RV_E_UNSUPPORTED, "the device wants a %.20s request, which revive does not make", method);
    if (!url_is_apples(url) || strlen(url) >= URL_MAX)
        return rv_fail(err, RV_E_REFUSED, "the device wants '%.120s', which is no address of Apple's",
                       url == NULL ? "nothing" : url);
    *reply = plain ? kept(in, url) : NULL;
    if (*reply == NULL && (*reply = obtain_anywhere(in, url, arguments, err)) == NULL)
        return false;
    if (plain)
        keep(in, url, *reply);
    in->urls_answered++;
    return true;
}
