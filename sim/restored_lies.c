/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restored that lies, for what a host must bear: setting fault.restored.lie = "STEP:KIND". Each lie goes on until the
 * host hangs up, or until it has gone on for long enough to be called endless.
 */
#include "sim/restored_run.h"

#include "base/text.h"
#include "sim/model.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { ENDLESS = 200000, MANY_REQUESTS = 20000, DEEP = 100000, DRIP_MS = 3600000, LONG_TEXT = 4 << 20 };

static plist_t message(const char *type)
{
    plist_t out = plist_new_dict();
    plist_dict_set_item(out, "MsgType", plist_new_string(type));
    return out;
}

static plist_t request(const char *type, uint64_t port)
{
    plist_t out = message("DataRequestMsg");
    plist_dict_set_item(out, "DataType", plist_new_string(type));
    plist_dict_set_item(out, "DataPort", plist_new_uint(port));
    return out;
}

/* A length of its own, and so much of a body. */
static bool send_frame(struct restored *r, uint32_t length, struct rv_span body)
{
    uint8_t head[4];
    rv_put_u32be(head, length);
    return sim_wire_write(&r->wire, rv_span(head, sizeof head)) && sim_wire_write(&r->wire, body);
}

static bool wait_for_the_host(struct restored *r, struct rv_error *err)
{
    struct pollfd wait = { .fd = r->wire.fd, .events = POLLRDHUP };
    (void)poll(&wait, 1, DRIP_MS);
    r->lost = true;
    return rv_fail(err, RV_E_GONE, "the host went away from a lie");
}

static bool lie_flood(struct restored *r, struct rv_error *err)
{
    for (unsigned i = 0; i < ENDLESS; i++)
        if (!restored_progress(r, 13, (int)(i % 100), err))
            return false;
    return true;
}

static bool lie_requests(struct restored *r, struct rv_error *err)
{
    for (unsigned i = 0; i < MANY_REQUESTS; i++) {
        plist_t answer = restored_fetch(r, "DataNobodyHasHeardOf", NULL, err);
        bool answered = answer != NULL;
        plist_free(answer);
        if (!answered)
            return false;
    }
    return true;
}

static bool lie_async(struct restored *r, struct rv_error *err)
{
    for (unsigned i = 0; i < MANY_REQUESTS; i++) {
        plist_t out = request("URLAsset", 50000 + i % 10000);
        plist_dict_set_item(out, "MsgType", plist_new_string("AsyncDataRequestMsg"));
        if (!restored_send(r, out, err))
            return false;
    }
    return true;
}

static bool lie_port(struct restored *r, struct rv_error *err)
{
    return restored_send(r, request("URLAsset", 70000), err) && wait_for_the_host(r, err);
}

static bool lie_paths(struct restored *r, struct rv_error *err)
{
    static const char out[] = "../../../../../../tmp/written-by-a-device";
    plist_t log = message("PreviousRestoreLogMsg"), crash = message("RestoredCrash"), named = message("DataRequestMsg");
    plist_t arguments = plist_new_dict();
    plist_dict_set_item(log, "PreviousRestoreLog", plist_new_string(out));
    plist_dict_set_item(log, "PreviousRestoreLogName", plist_new_string(out));
    plist_dict_set_item(crash, "RestoredBacktrace", plist_new_string(out));
    plist_dict_set_item(crash, "LogName", plist_new_string(out));
    plist_dict_set_item(arguments, "ImageName", plist_new_string(out));
    plist_dict_set_item(arguments, "Path", plist_new_string(out));
    plist_dict_set_item(named, "DataType", plist_new_string("SourceBootObjectV4"));
    plist_dict_set_item(named, "Arguments", arguments);
    bool sent = restored_send(r, log, err) && restored_send(r, crash, err) && restored_send(r, named, err);
    plist_t answer = sent ? restored_receive(r, err) : NULL;
    plist_free(answer);
    return answer != NULL;
}

static bool lie_nested(struct restored *r, struct rv_error *err)
{
    struct rv_buf text = RV_BUF(DEEP * 16);
    bool made = rv_buf_add_text(&text, "<plist>", err);
    for (unsigned i = 0; made && i < 2 * DEEP; i++)
        made = rv_buf_add_text(&text, i < DEEP ? "<array>" : "</array>", err);
    made = made && rv_buf_add_text(&text, "</plist>", err);
    if (made)
        send_frame(r, (uint32_t)text.len, rv_buf_span(&text));
    rv_buf_clear(&text);
    return wait_for_the_host(r, err);
}

static bool lie_huge(struct restored *r, struct rv_error *err)
{
    send_frame(r, 0xFFFFFFF0u, rv_span("<plist>", 7));
    return wait_for_the_host(r, err);
}

/* A length that is allowed, of which hardly anything comes. */
static bool lie_half(struct restored *r, struct rv_error *err)
{
    send_frame(r, 32 << 20, rv_span("<plist>", 7));
    return wait_for_the_host(r, err);
}

static bool lie_text(struct restored *r, struct rv_error *err)
{
    char *text = rv_alloc(LONG_TEXT + 1);
    if (text == NULL)
        return rv_fail_nomem(err);
    memset(text, 'x', LONG_TEXT);
    memcpy(text, "%s%n\nlike a line of revive's own", 32);
    plist_t named = message("CheckpointMsg"), typed = message(text);
    plist_dict_set_item(named, "CHECKPOINT_NAME", plist_new_string(text));
    plist_dict_set_item(named, "CHECKPOINT_RESULT", plist_new_uint(0));
    bool sent = restored_send(r, named, err) && restored_send(r, typed, err);
    rv_free(text);
    return sent;
}

static const struct {
    const char *kind;
    bool (*tell)(struct restored *r, struct rv_error *err);
} lies[] = {
    { "async", lie_async }, { "flood", lie_flood },       { "half", lie_half },
    { "huge", lie_huge },   { "nested", lie_nested },     { "paths", lie_paths },
    { "port", lie_port },   { "requests", lie_requests }, { "text", lie_text },
};

bool restored_lie(struct restored *r, const char *step, struct rv_error *err)
{
    char value[128] = "";
    sim_setting(r->device, "fault.restored.lie", value, sizeof value);
    if (!sim_fault_at(r->device, "restored.lie", step))
        return true;
    const char *kind = strchr(value, ':');
    for (size_t i = 0; kind != NULL && i < RV_COUNT(lies); i++)
        if (rv_text_starts(kind + 1, lies[i].kind))
            return lies[i].tell(r, err);
    return rv_fail(err, RV_E_USAGE, "no such lie: %s", value);
}
