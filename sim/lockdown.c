/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lockdownd, port 62078: u32 big-endian length, then a plist; every answer repeats "Request", a refusal has "Error".
 * Source: libimobiledevice 1.3.0 src/lockdown.c, and public reports of what newer systems refuse.
 */
#include "base/text.h"
#include "sim/lockdown_values.h"
#include "sim/pairing.h"
#include "sim/service_list.h"
#include "sim/services.h"
#include "sim/tls.h"
#include "sim/transcript.h"

#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REQUEST_MAX = 1024 * 1024, HOST_ID_MAX = 64 };
/* About 10 s without a session in recent systems [R]. Not scaled: it is the host's work that takes this time. */
enum { IDLE_MS = 10000 };

struct session {
    struct sim_device *device;
    struct sim_wire wire;
    bool active;
    char host_id[HOST_ID_MAX], id[40];
    /* What to do when the answer has left. */
    enum { THEN_GO_ON, THEN_TLS, THEN_PLAIN, THEN_RECOVERY, THEN_CLOSE } then;
};

typedef const char *request_fn(struct session *session, plist_t request, plist_t reply);

static const char *query_type(struct session *s, plist_t request, plist_t reply)
{
    (void)s;
    (void)request;
    plist_dict_set_item(reply, "Type", plist_new_string("com.apple.mobile.lockdown"));
    return NULL;
}

/* Domain and key come back with the answer. */
static void echo(plist_t request, plist_t reply, const char *name)
{
    const char *text = sim_plist_text(request, name);
    if (text != NULL)
        plist_dict_set_item(reply, name, plist_new_string(text));
}

/* A full phone counts what fills it for minutes; "disk_usage_ms" of them. */
static void count_slowly(struct sim_device *device)
{
    char text[16];
    uint64_t ms;
    if (sim_setting(device, "disk_usage_ms", text, sizeof text) && rv_text_number(text, 10, &ms) && ms < 600000)
        sim_pause(device, (unsigned)ms);
}

static const char *get_value(struct session *s, plist_t request, plist_t reply)
{
    const char *domain = sim_plist_text(request, "Domain"), *key = sim_plist_text(request, "Key"), *refusal = NULL;
    if (domain != NULL && strcmp(domain, "com.apple.disk_usage") == 0)
        count_slowly(s->device);
    echo(request, reply, "Domain");
    echo(request, reply, "Key");
    plist_t value = key != NULL ? sim_values_get(s->device, domain, key, s->active, &refusal)
                                : sim_values_domain(s->device, domain, s->active);
    if (value == NULL)
        return refusal;
    plist_dict_set_item(reply, "Value", value);
    return NULL;
}

static const char *set_value(struct session *s, plist_t request, plist_t reply)
{
    const char *key = sim_plist_text(request, "Key");
    plist_t value = plist_dict_get_item(request, "Value");
    if (key == NULL || value == NULL)
        return key == NULL ? "MissingKey" : "MissingValue";
    echo(request, reply, "Domain");
    echo(request, reply, "Key");
    const char *refusal = sim_values_set(s->device, sim_plist_text(request, "Domain"), key, value, s->active);
    if (refusal == NULL)
        plist_dict_set_item(reply, "Value", plist_copy(value));
    return refusal;
}

static const char *remove_value(struct session *s, plist_t request, plist_t reply)
{
    const char *key = sim_plist_text(request, "Key");
    if (key == NULL)
        return "MissingKey";
    echo(request, reply, "Domain");
    echo(request, reply, "Key");
    return sim_values_remove(s->device, sim_plist_text(request, "Domain"), key, s->active);
}

static const char *pair(struct session *s, plist_t request, plist_t reply)
{
    uint8_t escrow[32];
    const char *refusal = sim_pairing_pair(s->device, request, escrow);
    if (refusal == NULL)
        plist_dict_set_item(reply, "EscrowBag", plist_new_data((const char *)escrow, sizeof escrow));
    return refusal;
}

static const char *validate_pair(struct session *s, plist_t request, plist_t reply)
{
    (void)reply;
    return sim_pairing_validate(s->device, plist_dict_get_item(request, "PairRecord"));
}

static const char *unpair(struct session *s, plist_t request, plist_t reply)
{
    (void)reply;
    plist_t record = plist_dict_get_item(request, "PairRecord");
    const char *refusal = sim_pairing_validate(s->device, record);
    if (refusal != NULL)
        return refusal;
    sim_pairing_forget(s->device, sim_plist_text(record, "HostID"));
    sim_record(s->device, "unpaired", "no longer trusts host %s", sim_plist_text(record, "HostID"));
    return NULL;
}

static bool make_uuid(char out[40])
{
    uint8_t b[16];
    if (RAND_bytes(b, sizeof b) != 1)
        return false;
    (void)snprintf(out, 40, "%02X%02X%02X%02X-%02X%02X-4%01X%02X-8%01X%02X-%02X%02X%02X%02X%02X%02X", b[0], b[1], b[2],
                   b[3], b[4], b[5], b[6] & 15, b[7], b[8] & 15, b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return true;
}

static const char *start_session(struct session *s, plist_t request, plist_t reply)
{
    const char *host_id = sim_plist_text(request, "HostID");
    if (s->active)
        return "SessionActive";
    if (host_id == NULL)
        return "MissingHostID";
    if (!sim_pairing_known(s->device, host_id, sim_plist_text(request, "SystemBUID"))) {
        sim_record(s->device, "refused", "a session of a host that is not trusted");
        return "InvalidHostID";
    }
    if (!make_uuid(s->id))
        return "InvalidResponse";
    (void)snprintf(s->host_id, sizeof s->host_id, "%s", host_id);
    plist_dict_set_item(reply, "SessionID", plist_new_string(s->id));
    plist_dict_set_item(reply, "EnableSessionSSL", plist_new_bool(1));
    s->then = THEN_TLS;
    return NULL;
}

static const char *stop_session(struct session *s, plist_t request, plist_t reply)
{
    (void)reply;
    const char *id = sim_plist_text(request, "SessionID");
    if (!s->active)
        return "SessionInactive";
    if (id == NULL)
        return "MissingSessionID";
    if (strcmp(id, s->id) != 0)
        return "InvalidSessionID";
    s->then = THEN_PLAIN;
    return NULL;
}

static const char *start_service(struct session *s, plist_t request, plist_t reply)
{
    const char *name = sim_plist_text(request, "Service");
    if (name == NULL)
        return "MissingService";
    const struct sim_service *service = sim_service_find(name);
    if (!s->active && (service == NULL || !service->open))
        return "SessionInactive";
    if (service == NULL)
        return "InvalidService";
    struct rv_span bag = sim_plist_data(request, "EscrowBag");
    if (bag.len > 0 && !sim_pairing_escrow_fits(s->device, s->host_id, bag))
        return "EscrowLocked";
    bool tls = s->active && sim_service_wants_tls(s->device);
    uint16_t port = sim_services_offer(s->device, service->serve, tls, s->active ? s->host_id : NULL);
    if (port == 0)
        return "ServiceLimit";
    plist_dict_set_item(reply, "Service", plist_new_string(name));
    plist_dict_set_item(reply, "Port", plist_new_uint(port));
    if (tls)
        plist_dict_set_item(reply, "EnableServiceSSL", plist_new_bool(1));
    return NULL;
}

static const char *enter_recovery(struct session *s, plist_t request, plist_t reply)
{
    (void)request;
    (void)reply;
    /* Systems before 14.5 obeyed any host (libimobiledevice issues 1121 and 1175). */
    if (!s->active && sim_system_since(s->device, 14, 5))
        return "SessionInactive";
    s->then = THEN_RECOVERY;
    return NULL;
}

static const char *goodbye(struct session *s, plist_t request, plist_t reply)
{
    (void)request;
    (void)reply;
    s->then = THEN_CLOSE;
    return NULL;
}

static const struct {
    const char *name;
    request_fn *answer;
} requests[] = {
    { "EnterRecovery", enter_recovery },
    { "GetValue", get_value },
    { "Goodbye", goodbye },
    { "Pair", pair },
    { "QueryType", query_type },
    { "RemoveValue", remove_value },
    { "SetValue", set_value },
    { "StartService", start_service },
    { "StartSession", start_session },
    { "StopSession", stop_session },
    { "Unpair", unpair },
    { "ValidatePair", validate_pair },
};

static plist_t answer(struct session *s, plist_t request)
{
    plist_t reply = plist_new_dict();
    const char *name = sim_plist_text(request, "Request"), *refusal = "InvalidRequest";
    if (name != NULL)
        plist_dict_set_item(reply, "Request", plist_new_string(name));
    for (size_t i = 0; name != NULL && i < RV_COUNT(requests); i++)
        if (strcmp(requests[i].name, name) == 0)
            refusal = requests[i].answer(s, request, reply);
    if (refusal != NULL)
        plist_dict_set_item(reply, "Error", plist_new_string(refusal));
    return reply;
}

static bool after_answer(struct session *s)
{
    switch (s->then) {
    case THEN_GO_ON:
        return true;
    case THEN_TLS:
        s->active = sim_tls_accept(s->device, &s->wire, s->host_id);
        return s->active;
    case THEN_PLAIN:
        sim_tls_close(&s->wire);
        s->active = false;
        s->host_id[0] = '\0';
        return true;
    case THEN_RECOVERY:
        sim_record(s->device, "lockdown", "EnterRecovery");
        sim_device_enter_recovery(s->device);
        return false;
    case THEN_CLOSE:
        return false;
    }
    return false;
}

static int idle_ms(const struct session *s)
{
    char text[16];
    uint64_t ms = IDLE_MS;
    if (s->active)
        return -1;
    if (sim_setting(s->device, "lockdown_idle_ms", text, sizeof text) &&
        (!rv_text_number(text, 10, &ms) || ms == 0 || ms > INT_MAX))
        ms = IDLE_MS;
    return (int)ms;
}

static bool serve_one(struct session *s)
{
    plist_t request = sim_wire_plist_read(&s->wire, REQUEST_MAX, idle_ms(s));
    if (!PLIST_IS_DICT(request)) {
        plist_free(request);
        return false;
    }
    s->then = THEN_GO_ON;
    plist_t reply = answer(s, request);
    bool good = sim_wire_plist_write(&s->wire, reply);
    plist_free(request);
    plist_free(reply);
    return good && after_answer(s);
}

void sim_lockdown_serve(struct sim_device *device, int fd)
{
    struct session session = { .device = device };
    session.wire =
        (struct sim_wire){ .fd = fd, .device = device, .heard = sim_device_transcript(device), .who = "lockdown" };
    while (serve_one(&session))
        continue;
    sim_tls_close(&session.wire);
    close(fd);
}
