/* SPDX-License-Identifier: Apache-2.0 */
/* Pairing: this computer makes the keys, the person says yes on the device's screen (device-services 4.4). */
#include "crypto/pair_certs.h"
#include "proto/lockdown_link.h"

#include <string.h>
#include <unistd.h>

enum { POLL_MS = 1000, UUID = 37, HOST_NAME = 256 };

static void set_data(plist_t dict, const char *key, const struct rv_blob *blob)
{
    plist_dict_set_item(dict, key, plist_new_data((const char *)blob->data, blob->len));
}

static void copy_text(plist_t to, const char *key, plist_t value)
{
    if (value != NULL && plist_get_node_type(value) == PLIST_STRING)
        plist_dict_set_item(to, key, plist_new_string(plist_get_string_ptr(value, NULL)));
}

/* The record as it is saved here; the device gets a copy without the private keys. */
static plist_t make_record(struct rv_lockdown *link, struct rv_error *err)
{
    struct rv_pair_certs certs = { 0 };
    char host_id[UUID], buid[64];
    RV_AUTO_PLIST key = rv_lockdown_get(link, NULL, "DevicePublicKey", err);
    if (key == NULL)
        return NULL;
    uint64_t pem_len = 0;
    const char *pem = plist_get_node_type(key) == PLIST_DATA ? plist_get_data_ptr(key, &pem_len) : NULL;
    bool ok = rv_uuid_make(host_id, err) && rv_mux_buid(link->ctx, buid, sizeof buid, err) &&
              rv_pair_certs_make(rv_span(pem, pem_len), &certs, err);
    if (!ok)
        return NULL;
    plist_t record = plist_new_dict();
    set_data(record, "DeviceCertificate", certs.device_certificate);
    set_data(record, "HostCertificate", certs.host_certificate);
    set_data(record, "RootCertificate", certs.root_certificate);
    set_data(record, "HostPrivateKey", certs.host_key);
    set_data(record, "RootPrivateKey", certs.root_key);
    plist_dict_set_item(record, "HostID", plist_new_string(host_id));
    plist_dict_set_item(record, "SystemBUID", plist_new_string(buid));
    rv_pair_certs_clear(&certs);
    struct rv_error ignored = { 0 };
    RV_AUTO_PLIST wifi = rv_lockdown_get(link, NULL, "WiFiAddress", &ignored);
    copy_text(record, "WiFiMACAddress", wifi);
    return record;
}

static plist_t make_request(plist_t record)
{
    plist_t request = rv_lockdown_request("Pair");
    plist_t shown = plist_copy(record);
    plist_dict_remove_item(shown, "HostPrivateKey");
    plist_dict_remove_item(shown, "RootPrivateKey");
    plist_dict_remove_item(shown, "WiFiMACAddress");
    plist_dict_set_item(request, "PairRecord", shown);
    plist_dict_set_item(request, "ProtocolVersion", plist_new_string("2"));
    plist_t options = plist_new_dict();
    plist_dict_set_item(options, "ExtendedPairingErrors", plist_new_bool(1));
    plist_dict_set_item(request, "PairingOptions", options);
    char name[HOST_NAME] = "";
    if (gethostname(name, sizeof name - 1) == 0 && name[0] != '\0')
        plist_dict_set_item(request, "HostName", plist_new_string(name));
    return request;
}

/* What the person is told; once for each state, not once a second. */
static void tell_once(struct rv_ctx *ctx, enum rv_advice advice, enum rv_advice *told)
{
    if (*told == advice)
        return;
    *told = advice;
    if (advice == RV_ADVICE_UNLOCK)
        rv_tell_note(ctx, "The device is locked: unlock it with its passcode.");
    else
        rv_tell_note(ctx, "Look at the device's screen: tap Trust and enter the passcode.");
}

/* Asks until the person has answered. */
static plist_t ask_person(struct rv_lockdown *link, plist_t record, uint32_t wait_ms, struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&link->ctx->clock, wait_ms);
    enum rv_advice told = RV_ADVICE_NONE;
    for (;;) {
        plist_t reply = rv_lockdown_ask_take(link, make_request(record), err);
        if (reply != NULL)
            return reply;
        bool waiting = err->code == RV_E_DENIED && (err->advice == RV_ADVICE_UNLOCK ||
                                                    strstr(err->text[0], "PairingDialogResponsePending") != NULL);
        if (!waiting || rv_deadline_left_ms(&deadline) == 0)
            return NULL;
        tell_once(link->ctx, err->advice, &told);
        struct rv_error stop = { 0 };
        if (!rv_clock_pause(&link->ctx->clock, POLL_MS, "the person reads the question on the device's screen",
                            &link->ctx->cancel, &stop)) {
            *err = stop;
            return NULL;
        }
    }
}

static bool save_record(struct rv_lockdown *link, plist_t record, plist_t reply, struct rv_error *err)
{
    plist_t bag = rv_plist_node(reply, "EscrowBag");
    if (bag != NULL)
        plist_dict_set_item(record, "EscrowBag", plist_copy(bag));
    struct rv_blob *bytes = rv_plist_format(record, true, err);
    if (bytes == NULL)
        return false;
    bool ok = rv_mux_save_pair_record(link->ctx, link->id.udid, link->id.handle, rv_blob_span(bytes), err);
    rv_wipe(bytes->data, bytes->len);
    rv_blob_free(bytes);
    return ok;
}

bool rv_lockdown_pair(struct rv_lockdown *link, uint32_t wait_ms, struct rv_error *err)
{
    if (rv_lockdown_session(link, err))
        return true;
    if (err->code != RV_E_DENIED || err->advice != RV_ADVICE_TRUST)
        return false;
    struct rv_error ignored = { 0 };
    rv_mux_delete_pair_record(link->ctx, link->id.udid, &ignored); /* stale, or none */
    RV_AUTO_PLIST record = make_record(link, err);
    if (record == NULL)
        return rv_while(err, "getting ready to pair");
    RV_AUTO_PLIST reply = ask_person(link, record, wait_ms, err);
    if (reply == NULL || !save_record(link, record, reply, err))
        return rv_while(err, "pairing with the device");
    return rv_lockdown_session(link, err);
}
