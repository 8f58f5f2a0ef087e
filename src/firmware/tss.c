/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation with the signing server: post, read STATUS, try again where only the network failed. */
#include "firmware/tss.h"

#include "base/text.h"
#include "firmware/ipsw.h"
#include "firmware/ticket.h"
#include "transport/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPLY_MAX = 32 * 1024 * 1024,
    TIMEOUT_MS = 30 * 1000,
    WHOLE_MS = 300 * 1000,
    ROUNDS = 5,
    PAUSE_MS = 2000,
    ITUNES_BASE = 3100
};

/* All three are Apple's; always with certificates checked. */
static const char *const servers[] = {
    "https://gs.apple.com/TSS/controller?action=2",
    "https://gs.apple.com.akadns.net/TSS/controller?action=2",
    "https://gs.apple.com.v.aaplimg.com/TSS/controller?action=2",
};

struct status_row {
    long status;
    const char *words;
};

/* Rows from 49 on except 69 and 94 are known from reports, not from documents [I]. */
static const struct status_row statuses[] = {
    { 0, "signed" },
    { 5, "the one-time number (nonce) of the device was missing or malformed" },
    { 8, "the request for the modem was not valid" },
    { 49, "the modem's serial number was not accepted" },
    { 69, "Apple no longer signs this version for this device" },
    { 94, "Apple no longer signs this version for this device" },
    { 100, "the request was malformed" },
    { 126, "the server had an internal error, or a field of the request was missing" },
    { 128, "the server has no data for such a device and version" },
    { 133, "the data of the modem was not accepted" },
    { 511, "the request was empty or not understood" },
    { 551, "the request could not be read by the server" },
    { 5000, "the request held an option that the server does not know" },
};

const char *rv_tss_status_words(long status)
{
    for (size_t i = 0; i < RV_COUNT(statuses); i++) {
        if (statuses[i].status == status)
            return statuses[i].words;
    }
    return NULL;
}

/* ---- reply ---- */

/* The value after `key` up to '&' or the end; false: not there. */
static bool field(struct rv_span text, const char *key, struct rv_span *value)
{
    size_t key_len = strlen(key);
    for (size_t at = 0; at < text.len;) {
        const uint8_t *end = memchr(text.ptr + at, '&', text.len - at);
        size_t stop = end != NULL ? (size_t)(end - text.ptr) : text.len;
        if (stop - at >= key_len && memcmp(text.ptr + at, key, key_len) == 0) {
            *value = rv_span(text.ptr + at + key_len, stop - at - key_len);
            return true;
        }
        if (rv_span_part(text, at, 15).ptr != NULL && memcmp(text.ptr + at, "REQUEST_STRING=", 15) == 0)
            return false; /* the list itself may hold anything */
        at = stop + 1;
    }
    return false;
}

static void copy_text(struct rv_span from, char *to, size_t room)
{
    size_t len = from.len < room - 1 ? from.len : room - 1;
    if (len > 0)
        memcpy(to, from.ptr, len);
    to[len] = '\0';
    rv_text_clean(to);
}

static bool parse_answer(struct rv_span text, struct rv_tss_reply *reply, struct rv_error *err)
{
    const uint8_t *start = memmem(text.ptr, text.len, "REQUEST_STRING=", 15);
    const uint8_t *list = start != NULL ? memmem(start, text.len - (size_t)(start - text.ptr), "<?xml", 5) : NULL;
    if (list == NULL)
        return rv_fail(err, RV_E_FORMAT, "the signing server says that it signed, but sent no signature");
    reply->answer = rv_plist_parse(rv_span(list, text.len - (size_t)(list - text.ptr)), err);
    if (reply->answer != NULL && !PLIST_IS_DICT(reply->answer)) {
        rv_plist_auto(&reply->answer);
        return rv_fail(err, RV_E_FORMAT, "the signing server sent a list without keys");
    }
    return reply->answer != NULL;
}

bool rv_tss_reply_parse(struct rv_span text, struct rv_tss_reply *out, struct rv_error *err)
{
    struct rv_tss_reply reply = { .status = 0 };
    struct rv_span value;
    char number[16];
    uint64_t status = 0;
    if (!field(text, "STATUS=", &value) || value.len >= sizeof number)
        return rv_fail(err, RV_E_FORMAT, "the answer (%zu bytes) is not one of a signing server: no STATUS", text.len);
    copy_text(value, number, sizeof number);
    if (!rv_text_number(number, 10, &status) || status > INT32_MAX)
        return rv_fail(err, RV_E_FORMAT, "the signing server's STATUS is '%s'", number);
    reply.status = (long)status;
    if (field(text, "MESSAGE=", &value))
        copy_text(value, reply.message, sizeof reply.message);
    if (status == 0 && !parse_answer(text, &reply, err))
        return rv_while(err, "reading the signing server's answer");
    *out = reply;
    return true;
}

/* ---- asking ---- */

static bool refuse(const struct rv_tss_reply *reply, struct rv_error *err)
{
    const char *words = rv_tss_status_words(reply->status);
    rv_fail(err, RV_E_UNSIGNED, "the signing server refused: STATUS=%ld, \"%.80s\"%s%s", reply->status, reply->message,
            words ? ": " : "", words ? words : "");
    if (reply->status < 900) /* 3100 + STATUS is what iTunes shows; 4000 and up are other numbers */
        err->apple = ITUNES_BASE + (int32_t)reply->status;
    return false;
}

/* One try at one server. *answered: it spoke, so asking elsewhere would give the same. */
static plist_t post(struct rv_ctx *ctx, const char *url, struct rv_span body, bool *answered, struct rv_error *err)
{
    static const char *const headers[] = { "Content-Type: text/xml; charset=\"utf-8\"", "Cache-Control: no-cache",
                                           "Expect:", NULL };
    struct rv_http_request request = { .url = url,
                                       .body = body,
                                       .headers = headers,
                                       .user_agent = "InetURL/1.0",
                                       .reply_cap_bytes = REPLY_MAX,
                                       .timeout_ms = TIMEOUT_MS,
                                       .whole_ms = WHOLE_MS };
    struct rv_http_reply http = { .status = 0 };
    struct rv_tss_reply reply;
    if (!rv_http_do(ctx, &request, &http, err))
        return NULL;
    struct rv_span text = http.body != NULL ? rv_blob_span(http.body) : rv_span(NULL, 0);
    bool parsed = rv_tss_reply_parse(text, &reply, err);
    if (!parsed && http.status != 200)
        rv_fail(err, RV_E_NETWORK, "the signing server answered with HTTP status %ld", http.status);
    else if (!parsed && err->code == RV_E_FORMAT)
        err->code = RV_E_NETWORK; /* a portal or a proxy answered in its place */
    rv_http_reply_clear(&http);
    if (!parsed)
        return NULL;
    *answered = true;
    rv_log(ctx->log, RV_LOG_INFO, "tss", "STATUS=%ld MESSAGE=%s", reply.status, reply.message);
    if (reply.status != 0)
        refuse(&reply, err);
    return reply.answer;
}

static plist_t ask_in_turn(struct rv_ctx *ctx, struct rv_span body, struct rv_error *err)
{
    const char *own = ctx->settings.apple_tss;
    size_t count = own != NULL ? 1 : RV_COUNT(servers);
    bool answered = false;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            struct rv_error why = { 0 };
            const char *url = own != NULL ? own : servers[i];
            plist_t answer = post(ctx, url, body, &answered, &why);
            if (answer != NULL)
                return answer;
            *err = why;
            rv_while(err, "asking %.100s", url);
            if (answered || why.code == RV_E_CANCELLED || why.code == RV_E_NOMEM || why.code == RV_E_UNSUPPORTED ||
                why.code == RV_E_LIMIT)
                return NULL;
            rv_log(ctx->log, RV_LOG_INFO, "tss", "no answer from %s: %s", url, why.text[0]);
        }
        struct rv_error stopped = { 0 };
        if (round + 1 < ROUNDS && !rv_clock_pause(&ctx->clock, PAUSE_MS, "the server's own clients wait between tries",
                                                  &ctx->cancel, &stopped)) {
            *err = stopped;
            return NULL;
        }
    }
    return NULL;
}

plist_t rv_tss_ask(struct rv_ctx *ctx, plist_t request, struct rv_error *err)
{
    RV_AUTO_PLIST whole = plist_copy(request);
    if (!rv_tss_add_base(whole, err))
        return NULL;
    RV_AUTO(rv_blob) body = rv_plist_format(whole, false, err);
    if (body == NULL)
        return NULL;
    return ask_in_turn(ctx, rv_blob_span(body), err);
}

struct rv_ticket *rv_ticket_fetch(struct rv_ctx *ctx, const struct rv_ipsw *ipsw, plist_t identity,
                                  const struct rv_target *target, struct rv_error *err)
{
    const struct rv_firmware_version *v = rv_ipsw_version(ipsw);
    RV_AUTO_PLIST request = rv_tss_request_ap(identity, target, err);
    if (request == NULL)
        return NULL;
    if (!rv_identity_is_img4(identity)) {
        rv_fail(err, RV_E_UNSUPPORTED, "32-bit devices cannot be signed for yet");
        return NULL;
    }
    plist_t answer = rv_tss_ask(ctx, request, err);
    struct rv_ticket *ticket = answer != NULL ? rv_ticket_take_answer(answer, true, err) : NULL;
    if (ticket == NULL)
        rv_while(err, "asking for a signature of iOS %s (%s)", v->version, v->build);
    return ticket;
}
