/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/remote.h"

#include "base/bytes.h"
#include "transport/http.h"

#include <stdio.h>
#include <string.h>

enum {
    AHEAD = 64 * 1024, /* asked for at least: a directory entry's header, then its content stand side by side */
    PIECE_MAX = 64 * 1024 * 1024,
    TRIES = 8, /* for one range; a server that gives nothing is asked once */
    TIMEOUT_MS = 30000,
    STATUS_WHOLE = 200,
    STATUS_PART = 206
};

struct rv_remote {
    struct rv_ctx *ctx;
    char url[1024], validator[128];
    uint64_t size, fetched;
    /* What came last: the end of a file holds its directory, and both are asked for one after the other. */
    struct rv_blob *window;
    uint64_t window_at;
};

void rv_remote_free(struct rv_remote *remote)
{
    if (remote == NULL)
        return;
    rv_blob_free(remote->window);
    rv_free(remote);
}

uint64_t rv_remote_size(const struct rv_remote *remote)
{
    return remote->size;
}

uint64_t rv_remote_fetched(const struct rv_remote *remote)
{
    return remote->fetched;
}

/* ---- one range ---- */

struct piece {
    struct rv_remote *remote;
    const struct rv_http_fetch *asked;
    struct rv_blob *to;
    size_t filled;
    bool checked;
};

static bool take(void *context, const struct rv_http_head *head, struct rv_span bytes, struct rv_error *err)
{
    struct piece *p = context;
    if (!p->checked && !rv_http_check_part(p->asked, head, p->remote->size, err))
        return err->code == RV_E_CORRUPT ? rv_advise(err, RV_ADVICE_DOWNLOAD_DAMAGED) : false;
    p->checked = true;
    if (bytes.len > p->to->len - p->filled)
        return rv_fail(err, RV_E_PROTOCOL, "the server sent more than was asked for");
    memcpy(p->to->data + p->filled, bytes.ptr, bytes.len);
    p->filled += bytes.len;
    p->remote->fetched += bytes.len;
    return true;
}

static bool fetch_once(struct piece *p, uint64_t at, struct rv_error *err)
{
    struct rv_http_head head;
    struct rv_http_fetch fetch = { .url = p->remote->url,
                                   .first = at + p->filled,
                                   .length = p->to->len - p->filled,
                                   .if_range = p->remote->validator[0] != '\0' ? p->remote->validator : NULL,
                                   .timeout_ms = TIMEOUT_MS,
                                   .sink = take,
                                   .context = p };
    p->asked = &fetch;
    p->checked = false;
    if (!rv_http_fetch(p->remote->ctx, &fetch, &head, err))
        return false;
    if (head.status != STATUS_WHOLE && head.status != STATUS_PART)
        return rv_fail(err, RV_E_NETWORK, "the server answered with HTTP status %ld", head.status);
    return p->filled == p->to->len || rv_fail(err, RV_E_NETWORK, "the server ended the part too early");
}

static struct rv_blob *fetch_range(struct rv_remote *r, uint64_t at, size_t len, struct rv_error *err)
{
    RV_AUTO(rv_blob) to = rv_blob_new(len, err);
    struct piece p = { .remote = r, .to = to };
    if (to == NULL)
        return NULL;
    for (unsigned tries = 0; !fetch_once(&p, at, err);) {
        tries = p.filled > 0 && p.checked ? tries + 1 : TRIES;
        if (err->code != RV_E_NETWORK || tries >= TRIES)
            return NULL;
        rv_log(r->ctx->log, RV_LOG_INFO, "remote", "again, try %u: %s", tries, err->text[0]);
        *err = (struct rv_error){ 0 };
    }
    return rv_steal(&to);
}

bool rv_remote_read(void *remote, uint64_t at, void *to, size_t len, struct rv_error *err)
{
    struct rv_remote *r = remote;
    if (at > r->size || len > r->size - at)
        return rv_fail(err, RV_E_CORRUPT, "the file on the server ends at %llu, %zu bytes at %llu are wanted",
                       (unsigned long long)r->size, len, (unsigned long long)at);
    if (len > PIECE_MAX)
        return rv_fail(err, RV_E_LIMIT, "%zu bytes at once are more than is asked of a server", len);
    uint64_t inside = at - r->window_at;
    if (r->window == NULL || at < r->window_at || inside > r->window->len || len > r->window->len - inside) {
        uint64_t left = r->size - at;
        size_t wanted = len > AHEAD ? len : AHEAD;
        struct rv_blob *window = fetch_range(r, at, left < wanted ? (size_t)left : wanted, err);
        if (window == NULL)
            return false;
        rv_blob_free(r->window);
        r->window = window;
        r->window_at = at;
        inside = 0;
    }
    if (len > 0)
        memcpy(to, r->window->data + inside, len);
    return true;
}

/* ---- the first byte ---- */

static bool take_first(void *context, const struct rv_http_head *head, struct rv_span bytes, struct rv_error *err)
{
    (void)bytes;
    *(struct rv_http_head *)context = *head;
    if (head->status == STATUS_PART && head->first == 0 && head->length == 1)
        return true;
    return rv_fail(err, RV_E_CANCELLED, "the whole file is not wanted");
}

static bool ask_size(struct rv_remote *r, struct rv_error *err)
{
    struct rv_http_head head, seen = { .status = 0 };
    struct rv_http_fetch fetch = {
        .url = r->url, .length = 1, .timeout_ms = TIMEOUT_MS, .sink = take_first, .context = &seen
    };
    bool came = rv_http_fetch(r->ctx, &fetch, &head, err);
    if (!came && (seen.status == 0 || rv_cancel_asked(&r->ctx->cancel)))
        return false;
    *err = (struct rv_error){ 0 };
    head = seen.status != 0 ? seen : head;
    if (head.status == STATUS_WHOLE) {
        rv_fail(err, RV_E_UNSUPPORTED, "this server gives only whole files, no parts of them");
        return rv_advise(err, RV_ADVICE_NO_RANGES);
    }
    if (head.status != STATUS_PART)
        return rv_fail(err, head.status == 404 ? RV_E_NOT_FOUND : RV_E_NETWORK, "%s answered with HTTP status %ld",
                       r->url, head.status);
    if (head.total == UINT64_MAX || head.first != 0 || head.length != 1)
        return rv_fail(err, RV_E_PROTOCOL, "the server was asked for one byte and gave a range that cannot be");
    r->size = head.total;
    r->fetched = 1;
    snprintf(r->validator, sizeof r->validator, "%s", rv_http_validator(&head));
    return true;
}

struct rv_remote *rv_remote_open(struct rv_ctx *ctx, const char *url, struct rv_error *err)
{
    RV_AUTO(rv_remote) remote = rv_alloc(sizeof *remote);
    if (remote == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    remote->ctx = ctx;
    if (strlen(url) >= sizeof remote->url) {
        rv_fail(err, RV_E_LIMIT, "an address of %zu characters", strlen(url));
        return NULL;
    }
    snprintf(remote->url, sizeof remote->url, "%s", url);
    return ask_size(remote, err) ? rv_steal(&remote) : NULL;
}
