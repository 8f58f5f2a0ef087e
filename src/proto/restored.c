/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames and requests as in docs/restore.md section 2 (libimobiledevice src/restore.c, idevicerestore
 * src/restore.c): u32 big-endian length and an XML property list; several requests share one connection.
 */
#include "proto/restored.h"

#include "proto/plist_frame.h"

#include <string.h>

enum {
    ANSWER_MS = 30000, /* the reference client's receive timeout */
    SEND_MS = 60000,   /* of no progress */
    CONNECT_PAUSE_MS = 1000,
};
static const char label[] = "revive";

struct rv_restored {
    struct rv_ctx *ctx;
    struct rv_stream *stream;
};

struct rv_restored *rv_restored_take_stream(struct rv_ctx *ctx, struct rv_stream *stream, struct rv_error *err)
{
    struct rv_restored *link = rv_alloc(sizeof *link);
    if (link == NULL) {
        rv_stream_free(stream);
        rv_fail_nomem(err);
        return NULL;
    }
    link->ctx = ctx;
    link->stream = stream;
    return link;
}

struct rv_restored *rv_restored_open(struct rv_ctx *ctx, const struct rv_mux_id *id, uint32_t wait_ms,
                                     struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&ctx->clock, wait_ms);
    for (;;) {
        struct rv_stream *stream = rv_mux_connect(ctx, id, RV_RESTORED_PORT, err);
        if (stream != NULL)
            return rv_restored_take_stream(ctx, stream, err);
        if (err->code != RV_E_REFUSED || rv_deadline_left_ms(&deadline) == 0)
            break;
        if (!rv_clock_pause(&ctx->clock, CONNECT_PAUSE_MS, "the ramdisk opens its port a moment after it shows on USB",
                            &ctx->cancel, err))
            return NULL;
    }
    rv_while(err, "connecting to the restore program of the device");
    return NULL;
}

void rv_restored_free(struct rv_restored *link)
{
    if (link == NULL)
        return;
    rv_stream_free(link->stream);
    rv_free(link);
}

static plist_t request_new(const char *request)
{
    plist_t message = plist_new_dict();
    plist_dict_set_item(message, "Label", plist_new_string(label));
    plist_dict_set_item(message, "Request", plist_new_string(request));
    return message;
}

/* One question, one answer; the answer names an error or it does not. */
static plist_t ask(struct rv_restored *link, plist_t request, struct rv_error *err)
{
    if (!rv_plist_send(link->stream, request, false, SEND_MS, err))
        return NULL;
    RV_AUTO_PLIST answer = rv_plist_receive(link->stream, ANSWER_MS, err);
    if (answer == NULL)
        return NULL;
    if (plist_get_node_type(answer) != PLIST_DICT) {
        rv_fail(err, RV_E_PROTOCOL, "the answer is not a dictionary");
        return NULL;
    }
    const char *refused = rv_plist_text(answer, "Error");
    if (refused != NULL) {
        rv_fail(err, strcmp(refused, "MissingValue") == 0 ? RV_E_NOT_FOUND : RV_E_REFUSED, "the device answered %s",
                refused);
        return NULL;
    }
    plist_t out = answer;
    answer = NULL;
    return out;
}

bool rv_restored_hello(struct rv_restored *link, uint64_t *protocol_version, struct rv_error *err)
{
    RV_AUTO_PLIST request = request_new("QueryType");
    RV_AUTO_PLIST answer = ask(link, request, err);
    if (answer == NULL)
        return rv_while(err, "asking the device what program it runs");
    const char *type = rv_plist_text(answer, "Type");
    if (type == NULL || strcmp(type, "com.apple.mobile.restored") != 0)
        return rv_fail(err, RV_E_REFUSED, "the device runs '%.60s', not the restore program",
                       type == NULL ? "nothing known" : type);
    uint64_t version = 0;
    rv_plist_uint(answer, "RestoreProtocolVersion", &version);
    *protocol_version = version;
    return true;
}

plist_t rv_restored_value(struct rv_restored *link, const char *key, struct rv_error *err)
{
    RV_AUTO_PLIST request = request_new("QueryValue");
    plist_dict_set_item(request, "QueryKey", plist_new_string(key));
    RV_AUTO_PLIST answer = ask(link, request, err);
    if (answer == NULL) {
        rv_while(err, "asking the restore program for %s", key);
        return NULL;
    }
    plist_t value = rv_plist_node(answer, key);
    if (value == NULL) {
        rv_fail(err, RV_E_NOT_FOUND, "the restore program has no %s", key);
        return NULL;
    }
    return plist_copy(value);
}

bool rv_restored_start(struct rv_restored *link, plist_t options, uint64_t protocol_version, struct rv_error *err)
{
    RV_AUTO_PLIST request = request_new("StartRestore");
    plist_dict_set_item(request, "RestoreOptions", plist_copy(options));
    plist_dict_set_item(request, "RestoreProtocolVersion", plist_new_uint(protocol_version));
    return rv_plist_send(link->stream, request, false, SEND_MS, err) || rv_while(err, "starting the installation");
}

bool rv_restored_reboot(struct rv_restored *link, struct rv_error *err)
{
    RV_AUTO_PLIST request = request_new("Reboot");
    RV_AUTO_PLIST answer = ask(link, request, err);
    /* A device that leaves before it answers has done what was asked. */
    return answer != NULL || err->code == RV_E_GONE || rv_while(err, "asking the device to leave Restore mode");
}

plist_t rv_restored_receive(struct rv_restored *link, uint32_t timeout_ms, struct rv_error *err)
{
    return rv_plist_receive(link->stream, timeout_ms, err);
}

bool rv_restored_send(struct rv_restored *link, plist_t message, struct rv_error *err)
{
    return rv_plist_send(link->stream, message, false, SEND_MS, err);
}
