/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lockdown.h"

#include "proto/lockdown_link.h"
#include "proto/plist_frame.h"

#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 30000, TLS_TIMEOUT_MS = 10000, TRUST_WAIT_MS = 120000, RECORD_MAX = 1 << 20 };

/* Names as libimobiledevice's lockdown.c lists them, and two seen on the wire only. Sorted. */
static const struct {
    const char *name;
    enum rv_code code;
    enum rv_advice advice;
    const char *words;
} refusals[] = {
    { "DeviceLocked", RV_E_DENIED, RV_ADVICE_UNLOCK, "the device is locked" },
    { "EscrowLocked", RV_E_DENIED, RV_ADVICE_UNLOCK, "the device has not been unlocked since it was switched on" },
    { "FMiPProtected", RV_E_DENIED, RV_ADVICE_LOST_MODE, "the device is in Lost Mode or protected by Find My" },
    { "GetProhibited", RV_E_DENIED, RV_ADVICE_TRUST,
      "the device does not tell this to computers that it does not trust" },
    { "ImmutableValue", RV_E_REFUSED, RV_ADVICE_NONE, "the device does not let this value be changed" },
    { "InvalidActivationRecord", RV_E_REFUSED, RV_ADVICE_NONE, "the activation record does not fit" },
    { "InvalidConnection", RV_E_GONE, RV_ADVICE_NONE, "the device calls the connection invalid" },
    { "InvalidHostID", RV_E_DENIED, RV_ADVICE_TRUST, "the device does not know this computer any more" },
    { "InvalidPairRecord", RV_E_DENIED, RV_ADVICE_TRUST, "the device does not accept the pairing of this computer" },
    { "InvalidResponse", RV_E_PROTOCOL, RV_ADVICE_NONE, "the device calls the answer invalid" },
    { "InvalidService", RV_E_UNSUPPORTED, RV_ADVICE_NONE, "the device has no such service" },
    { "InvalidSessionID", RV_E_DENIED, RV_ADVICE_TRUST, "the device has forgotten the session" },
    { "MCChallengeRequired", RV_E_DENIED, RV_ADVICE_MANAGED, "an organisation's management forbids pairing" },
    { "MCProtected", RV_E_DENIED, RV_ADVICE_MANAGED, "an organisation's management forbids pairing" },
    { "MissingActivationRecord", RV_E_REFUSED, RV_ADVICE_NONE, "the device has no activation record" },
    { "MissingHostID", RV_E_DENIED, RV_ADVICE_TRUST, "the device misses the identity of this computer" },
    { "MissingKey", RV_E_NOT_FOUND, RV_ADVICE_NONE, "the device has no such value" },
    { "MissingPairRecord", RV_E_DENIED, RV_ADVICE_TRUST, "the device has no pairing with this computer" },
    { "MissingService", RV_E_UNSUPPORTED, RV_ADVICE_NONE, "the device has no such service" },
    { "MissingSessionID", RV_E_DENIED, RV_ADVICE_TRUST, "the device wants a session first" },
    { "MissingValue", RV_E_NOT_FOUND, RV_ADVICE_NONE, "the device has no such value" },
    { "PairingDialogResponsePending", RV_E_DENIED, RV_ADVICE_TRUST,
      "the question on the device's screen is not answered" },
    { "PairingProhibitedOverThisConnection", RV_E_DENIED, RV_ADVICE_USE_CABLE, "pairing works over the cable only" },
    { "PasswordProtected", RV_E_DENIED, RV_ADVICE_UNLOCK, "the device is locked" },
    { "RemoveProhibited", RV_E_DENIED, RV_ADVICE_NONE, "the device does not let this value be removed" },
    { "SavePairRecordFailed", RV_E_REFUSED, RV_ADVICE_TRUST, "the device could not save the pairing" },
    { "ServiceLimit", RV_E_BUSY, RV_ADVICE_NONE, "the device runs as many of these services as it can" },
    { "ServiceProhibited", RV_E_DENIED, RV_ADVICE_MANAGED, "the device forbids this service" },
    { "SessionActive", RV_E_PROTOCOL, RV_ADVICE_NONE, "the device says that a session is on already" },
    { "SessionInactive", RV_E_DENIED, RV_ADVICE_TRUST, "the device wants a trusted session first" },
    { "SetProhibited", RV_E_DENIED, RV_ADVICE_TRUST, "the device does not let this value be changed" },
    { "UserDeniedPairing", RV_E_DENIED, RV_ADVICE_TRUST_DENIED, "\"Don't Trust\" was tapped on the device" },
};

bool rv_lockdown_fail(struct rv_error *err, const char *name)
{
    for (size_t i = 0; i < RV_COUNT(refusals); i++) {
        if (strcmp(refusals[i].name, name) != 0)
            continue;
        rv_fail(err, refusals[i].code, "%s (%s)", refusals[i].words, name);
        return refusals[i].advice == RV_ADVICE_NONE ? false : rv_advise(err, refusals[i].advice);
    }
    return rv_fail(err, RV_E_REFUSED, "the device answers with the error %.60s", name);
}

static bool dial(struct rv_lockdown *link, struct rv_error *err)
{
    if (link->stream != NULL)
        return true;
    link->stream = rv_mux_connect(link->ctx, &link->id, RV_LOCKDOWN_PORT, err);
    return link->stream != NULL;
}

struct rv_lockdown *rv_lockdown_open(struct rv_ctx *ctx, const struct rv_mux_id *id, struct rv_error *err)
{
    struct rv_lockdown *link = rv_alloc(sizeof *link);
    if (link == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    link->ctx = ctx;
    link->id = *id;
    link->timeout_ms = TIMEOUT_MS;
    if (!dial(link, err)) {
        rv_while(err, "reaching lockdown on the device");
        rv_lockdown_free(link);
        return NULL;
    }
    return link;
}

void rv_lockdown_free(struct rv_lockdown *link)
{
    if (link == NULL)
        return;
    rv_stream_free(link->stream);
    if (link->record != NULL)
        rv_wipe(link->record->data, link->record->len);
    rv_blob_free(link->record);
    rv_free(link);
}

plist_t rv_lockdown_request(const char *name)
{
    plist_t request = plist_new_dict();
    plist_dict_set_item(request, "Label", plist_new_string("revive"));
    plist_dict_set_item(request, "Request", plist_new_string(name));
    return request;
}

static plist_t exchange(struct rv_lockdown *link, plist_t request, struct rv_error *err)
{
    if (!dial(link, err) || !rv_plist_send(link->stream, request, false, link->timeout_ms, err))
        return NULL;
    return rv_plist_receive(link->stream, link->timeout_ms, err);
}

plist_t rv_lockdown_ask_take(struct rv_lockdown *link, plist_t request, struct rv_error *err)
{
    RV_AUTO_PLIST question = request;
    const char *name = rv_plist_text(question, "Request");
    rv_log(link->ctx->log, RV_LOG_DEBUG, "lockdown", "-> %s %s", name,
           rv_plist_text(question, "Key") != NULL ? rv_plist_text(question, "Key") : "");
    plist_t reply = exchange(link, question, err);
    if (reply == NULL && err->code == RV_E_GONE && !link->session) {
        /* Without a session lockdownd drops idle links after some ten seconds: once more on a new one. */
        rv_stream_free(link->stream);
        link->stream = NULL;
        reply = exchange(link, question, err);
    }
    if (reply == NULL) {
        rv_while(err, "asking lockdown: %s", name);
        return NULL;
    }
    const char *echoed = rv_plist_text(reply, "Request"), *error = rv_plist_text(reply, "Error");
    const char *result = rv_plist_text(reply, "Result");
    bool ok = true;
    if (plist_get_node_type(reply) != PLIST_DICT || (echoed != NULL && strcmp(echoed, name) != 0))
        ok = rv_fail(err, RV_E_PROTOCOL, "lockdown answers %.40s to %s", echoed != NULL ? echoed : "no dictionary",
                     name);
    else if (error != NULL)
        ok = rv_lockdown_fail(err, error);
    else if (result != NULL && strcmp(result, "Success") != 0)
        ok = rv_fail(err, RV_E_REFUSED, "lockdown answers %.40s", result);
    if (ok)
        return reply;
    rv_while(err, "asking lockdown: %s", name);
    plist_free(reply);
    return NULL;
}

bool rv_lockdown_type(struct rv_lockdown *link, char *out, size_t out_size, struct rv_error *err)
{
    RV_AUTO_PLIST reply = rv_lockdown_ask_take(link, rv_lockdown_request("QueryType"), err);
    if (reply == NULL)
        return false;
    const char *type = rv_plist_text(reply, "Type");
    if (type == NULL)
        return rv_fail(err, RV_E_PROTOCOL, "lockdown does not tell its type");
    snprintf(out, out_size, "%s", type);
    return true;
}

void rv_lockdown_patience(struct rv_lockdown *link, uint32_t timeout_ms)
{
    link->timeout_ms = timeout_ms;
}

plist_t rv_lockdown_hardware_info(struct rv_lockdown *link, struct rv_error *err)
{
    plist_t request = rv_lockdown_request("QueryValue");
    plist_dict_set_item(request, "QueryKey", plist_new_string("HardwareInfo"));
    RV_AUTO_PLIST reply = rv_lockdown_ask_take(link, request, err);
    plist_t info = reply == NULL ? NULL : rv_plist_dict(reply, "HardwareInfo");
    if (reply != NULL && info == NULL)
        rv_fail(err, RV_E_PROTOCOL, "restored does not tell its HardwareInfo");
    return info == NULL ? NULL : plist_copy(info);
}

plist_t rv_lockdown_get(struct rv_lockdown *link, const char *domain, const char *key, struct rv_error *err)
{
    plist_t request = rv_lockdown_request("GetValue");
    if (domain != NULL)
        plist_dict_set_item(request, "Domain", plist_new_string(domain));
    if (key != NULL)
        plist_dict_set_item(request, "Key", plist_new_string(key));
    RV_AUTO_PLIST reply = rv_lockdown_ask_take(link, request, err);
    if (reply == NULL)
        return NULL;
    plist_t value = rv_plist_node(reply, "Value");
    if (value == NULL) {
        rv_fail(err, RV_E_NOT_FOUND, "lockdown gives no value for %.60s", key != NULL ? key : domain);
        return NULL;
    }
    return plist_copy(value);
}

static struct rv_tls_identity identity_of(plist_t record)
{
    return (struct rv_tls_identity){
        .certificate_pem = rv_plist_data(record, "HostCertificate"),
        .key_pem = rv_plist_data(record, "HostPrivateKey"),
        .device_certificate_pem = rv_plist_data(record, "DeviceCertificate"),
    };
}

static bool start_session(struct rv_lockdown *link, plist_t record, struct rv_error *err)
{
    const char *host = rv_plist_text(record, "HostID"), *buid = rv_plist_text(record, "SystemBUID");
    struct rv_tls_identity identity = identity_of(record);
    if (host == NULL || identity.certificate_pem.len == 0 || identity.key_pem.len == 0) {
        rv_fail(err, RV_E_DENIED, "the pair record of this computer is incomplete");
        return rv_advise(err, RV_ADVICE_TRUST);
    }
    plist_t request = rv_lockdown_request("StartSession");
    plist_dict_set_item(request, "HostID", plist_new_string(host));
    if (buid != NULL)
        plist_dict_set_item(request, "SystemBUID", plist_new_string(buid));
    RV_AUTO_PLIST reply = rv_lockdown_ask_take(link, request, err);
    if (reply == NULL)
        return false;
    if (!rv_plist_bool(reply, "EnableSessionSSL", false))
        return true;
    if (rv_stream_start_tls(link->stream, &identity, TLS_TIMEOUT_MS, err))
        return true;
    /* The link is of no use in the middle of a handshake; a key that does not fit means a stale record. */
    rv_stream_free(link->stream);
    link->stream = NULL;
    if (err->code != RV_E_CORRUPT && err->code != RV_E_PROTOCOL && err->code != RV_E_FORMAT)
        return false;
    err->code = RV_E_DENIED;
    return rv_advise(err, RV_ADVICE_TRUST);
}

bool rv_lockdown_session_by(struct rv_lockdown *link, struct rv_span record_bytes, struct rv_error *err)
{
    RV_AUTO_PLIST record = rv_plist_parse(record_bytes, err);
    if (record == NULL) {
        rv_while(err, "reading the pair record of this computer");
        err->code = RV_E_DENIED;
        return rv_advise(err, RV_ADVICE_TRUST);
    }
    return start_session(link, record, err) || rv_while(err, "starting a trusted session");
}

bool rv_lockdown_session(struct rv_lockdown *link, struct rv_error *err)
{
    if (link->session)
        return true;
    RV_AUTO(rv_blob) record_bytes = rv_mux_pair_record(link->ctx, link->id.udid, err);
    if (record_bytes == NULL) {
        if (err->code != RV_E_NOT_FOUND)
            return false;
        rv_fail(err, RV_E_DENIED, "this computer is not paired with the device");
        return rv_advise(err, RV_ADVICE_TRUST);
    }
    if (!rv_lockdown_session_by(link, rv_blob_span(record_bytes), err))
        return false;
    rv_blob_free(link->record);
    link->record = rv_steal(&record_bytes);
    link->session = true;
    return true;
}

static struct rv_stream *start_service(struct rv_lockdown *link, const char *service, plist_t escrow,
                                       struct rv_error *err)
{
    plist_t request = rv_lockdown_request("StartService");
    plist_dict_set_item(request, "Service", plist_new_string(service));
    if (escrow != NULL)
        plist_dict_set_item(request, "EscrowBag", plist_copy(escrow));
    RV_AUTO_PLIST reply = rv_lockdown_ask_take(link, request, err);
    uint64_t port = 0;
    if (reply == NULL) {
        rv_while(err, "starting the service %s", service);
        return NULL;
    }
    if (!rv_plist_uint(reply, "Port", &port) || port == 0 || port > UINT16_MAX) {
        rv_fail(err, RV_E_PROTOCOL, "lockdown gives no port for the service %s", service);
        return NULL;
    }
    RV_AUTO(rv_stream) stream = rv_mux_connect(link->ctx, &link->id, (uint16_t)port, err);
    if (stream == NULL)
        return NULL;
    if (rv_plist_bool(reply, "EnableServiceSSL", false)) {
        if (link->record == NULL) {
            rv_fail(err, RV_E_PROTOCOL, "the device wants TLS for the service %s without a session", service);
            return NULL;
        }
        RV_AUTO_PLIST record = rv_plist_parse(rv_blob_span(link->record), err);
        if (record == NULL)
            return NULL;
        struct rv_tls_identity identity = identity_of(record);
        if (!rv_stream_start_tls(stream, &identity, TLS_TIMEOUT_MS, err)) {
            rv_while(err, "starting the service %s", service);
            return NULL;
        }
    }
    return rv_steal(&stream);
}

struct rv_stream *rv_lockdown_service(struct rv_lockdown *link, const char *service, struct rv_error *err)
{
    return start_service(link, service, NULL, err);
}

struct rv_stream *rv_lockdown_service_escrow(struct rv_lockdown *link, const char *service, struct rv_error *err)
{
    struct rv_error none = { 0 };
    RV_AUTO_PLIST record = link->record != NULL ? rv_plist_parse(rv_blob_span(link->record), &none) : NULL;
    return start_service(link, service, rv_plist_node(record, "EscrowBag"), err);
}

bool rv_lockdown_enter_recovery(struct rv_lockdown *link, struct rv_error *err)
{
    RV_AUTO_PLIST first = rv_lockdown_ask_take(link, rv_lockdown_request("EnterRecovery"), err);
    if (first != NULL)
        return true;
    if (err->code != RV_E_DENIED || link->session)
        return false;
    if (!rv_lockdown_pair(link, TRUST_WAIT_MS, err))
        return false;
    RV_AUTO_PLIST second = rv_lockdown_ask_take(link, rv_lockdown_request("EnterRecovery"), err);
    return second != NULL;
}
