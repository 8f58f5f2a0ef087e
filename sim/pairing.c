/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairing as lockdownd does it. The host makes a root, a host and a device certificate; the last one is made over the
 * device's public key, so that the device can serve TLS with it. Source: libimobiledevice 1.3.0 src/lockdown.c and
 * common/userpref.c.
 */
#include "sim/pairing.h"

#include "base/file.h"
#include "base/text.h"
#include "sim/wire.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_MAX = 256 * 1024, KEY_BITS = 2048, ESCROW = 32, HOST_ID_MAX = 64 };

/* Two connections may ask for the key at once; it may be made only once. */
static pthread_mutex_t key_lock = PTHREAD_MUTEX_INITIALIZER;

static bool folder_of(struct sim_device *device, char out[600], struct rv_error *err)
{
    (void)snprintf(out, 600, "%s/pairing", sim_state_dir(device));
    return rv_dir_make(out, err);
}

static bool record_path(struct sim_device *device, const char *host_id, char out[900], struct rv_error *err)
{
    char folder[600], leaf[256];
    if (host_id[0] == '\0' || strlen(host_id) >= HOST_ID_MAX)
        return rv_fail(err, RV_E_FORMAT, "a host id of %zu characters", strlen(host_id));
    if (!folder_of(device, folder, err))
        return false;
    rv_path_safe_leaf(host_id, leaf, sizeof leaf);
    (void)snprintf(out, 900, "%s/%s.plist", folder, leaf);
    return true;
}

/* ---- the device's own key ---- */

static struct rv_blob *make_key(const char *path, struct rv_error *err)
{
    EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
    BIO *out = BIO_new(BIO_s_mem());
    struct rv_blob *pem = NULL;
    if (key != NULL && out != NULL && PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1) {
        char *text = NULL;
        long len = BIO_get_mem_data(out, &text);
        if (rv_file_write_atomic(path, rv_span(text, (size_t)len), 0600, err))
            pem = rv_blob_copy(rv_span(text, (size_t)len), err);
    } else {
        rv_fail(err, RV_E_IO, "cannot make an RSA key");
    }
    BIO_free(out);
    EVP_PKEY_free(key);
    return pem;
}

struct rv_blob *sim_pairing_private_key(struct sim_device *device, struct rv_error *err)
{
    char folder[600], path[700];
    if (!folder_of(device, folder, err))
        return NULL;
    (void)snprintf(path, sizeof path, "%s/device.key", folder);
    pthread_mutex_lock(&key_lock);
    struct rv_error quiet = { 0 };
    struct rv_blob *pem = rv_file_read(path, RECORD_MAX, &quiet);
    if (pem == NULL)
        pem = make_key(path, err);
    pthread_mutex_unlock(&key_lock);
    return pem;
}

static EVP_PKEY *own_key(struct sim_device *device)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) pem = sim_pairing_private_key(device, &err);
    if (pem == NULL)
        return NULL;
    BIO *in = BIO_new_mem_buf(pem->data, (int)pem->len);
    EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    BIO_free(in);
    return key;
}

struct rv_blob *sim_pairing_public_key(struct sim_device *device, struct rv_error *err)
{
    EVP_PKEY *key = own_key(device);
    uint8_t *der = NULL;
    /* i2d_PublicKey of an RSA key is the PKCS#1 form that hosts expect. */
    int der_len = key != NULL ? i2d_PublicKey(key, &der) : -1;
    EVP_PKEY_free(key);
    BIO *out = BIO_new(BIO_s_mem());
    struct rv_blob *pem = NULL;
    if (der_len > 0 && out != NULL && PEM_write_bio(out, "RSA PUBLIC KEY", "", der, der_len) > 0) {
        char *text = NULL;
        long len = BIO_get_mem_data(out, &text);
        pem = rv_blob_copy(rv_span(text, (size_t)len), err);
    } else {
        rv_fail(err, RV_E_IO, "cannot write the device's public key");
    }
    BIO_free(out);
    OPENSSL_free(der);
    return pem;
}

/* ---- records ---- */

plist_t sim_pairing_record(struct sim_device *device, const char *host_id)
{
    char path[900];
    struct rv_error err = { 0 };
    if (!record_path(device, host_id, path, &err))
        return NULL;
    RV_AUTO(rv_blob) bytes = rv_file_read(path, RECORD_MAX, &err);
    return bytes != NULL ? sim_plist_parse(rv_blob_span(bytes)) : NULL;
}

bool sim_pairing_known(struct sim_device *device, const char *host_id, const char *system_buid)
{
    plist_t record = sim_pairing_record(device, host_id);
    const char *id = sim_plist_text(record, "HostID"), *buid = sim_plist_text(record, "SystemBUID");
    bool known = id != NULL && strcmp(id, host_id) == 0 &&
                 (system_buid == NULL || buid == NULL || strcmp(buid, system_buid) == 0);
    plist_free(record);
    return known;
}

bool sim_pairing_escrow_fits(struct sim_device *device, const char *host_id, struct rv_span bag)
{
    plist_t record = sim_pairing_record(device, host_id);
    bool fits = rv_span_equal(sim_plist_data(record, "EscrowBag"), bag);
    plist_free(record);
    return fits;
}

void sim_pairing_forget(struct sim_device *device, const char *host_id)
{
    char path[900];
    struct rv_error err = { 0 };
    if (record_path(device, host_id, path, &err))
        unlink(path);
}

/* ---- the certificates of a Pair request ---- */

static X509 *certificate(plist_t record, const char *key)
{
    struct rv_span pem = sim_plist_data(record, key);
    if (pem.len == 0 || pem.len > RECORD_MAX)
        return NULL;
    BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *out = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    BIO_free(in);
    return out;
}

static bool certificates_hold(struct sim_device *device, plist_t record)
{
    X509 *root = certificate(record, "RootCertificate");
    X509 *host = certificate(record, "HostCertificate");
    X509 *mine = certificate(record, "DeviceCertificate");
    EVP_PKEY *key = own_key(device);
    EVP_PKEY *root_key = root != NULL ? X509_get0_pubkey(root) : NULL;
    bool hold = root_key != NULL && host != NULL && mine != NULL && key != NULL;
    hold = hold && X509_verify(root, root_key) == 1 && X509_verify(host, root_key) == 1 &&
           X509_verify(mine, root_key) == 1 && EVP_PKEY_eq(X509_get0_pubkey(mine), key) == 1;
    X509_free(root);
    X509_free(host);
    X509_free(mine);
    EVP_PKEY_free(key);
    return hold;
}

/* ---- the person ---- */

static bool setting_is(struct sim_device *device, const char *name, const char *value)
{
    char text[64];
    return sim_setting(device, name, text, sizeof text) && strcmp(text, value) == 0;
}

static uint64_t setting_number(struct sim_device *device, const char *name, uint64_t otherwise)
{
    char text[32];
    uint64_t value;
    return sim_setting(device, name, text, sizeof text) && rv_text_number(text, 10, &value) ? value : otherwise;
}

/* trust=ask: the dialog is up for "trust_polls" answers (0: nobody ever taps), then "trust_answer" (yes) is tapped. */
static const char *ask_person(struct sim_device *device)
{
    if (setting_is(device, "locked", "yes"))
        return "PasswordProtected";
    if (setting_is(device, "trust", "no"))
        return "UserDeniedPairing";
    if (!setting_is(device, "trust", "ask"))
        return NULL;
    uint64_t polls = setting_number(device, "trust_polls", 2);
    uint64_t asked = setting_number(device, "trust_asked", 0) + 1;
    char text[32];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)asked);
    if (polls == 0 || asked <= polls) {
        sim_setting_put(device, "trust_asked", text);
        if (asked == 1)
            sim_record(device, "trust", "the dialog 'Trust This Computer?' is on the screen");
        return "PairingDialogResponsePending";
    }
    sim_setting_put(device, "trust_asked", "0");
    if (!setting_is(device, "trust_answer", "no"))
        return NULL;
    sim_record(device, "trust", "the person tapped Don't Trust");
    return "UserDeniedPairing";
}

static bool store(struct sim_device *device, plist_t record, const char *host_id, const uint8_t escrow[ESCROW])
{
    static const char *const kept[] = { "DeviceCertificate", "HostCertificate", "RootCertificate", "HostID",
                                        "SystemBUID" };
    plist_t out = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(kept); i++) {
        plist_t node = plist_dict_get_item(record, kept[i]);
        if (node != NULL)
            plist_dict_set_item(out, kept[i], plist_copy(node));
    }
    plist_dict_set_item(out, "EscrowBag", plist_new_data((const char *)escrow, ESCROW));
    char *xml = NULL, path[900];
    uint32_t len = 0;
    struct rv_error err = { 0 };
    plist_to_xml(out, &xml, &len);
    plist_free(out);
    bool good = xml != NULL && record_path(device, host_id, path, &err) &&
                rv_file_write_atomic(path, rv_span(xml, len), 0600, &err);
    free(xml);
    return good;
}

const char *sim_pairing_pair(struct sim_device *device, plist_t request, uint8_t escrow[32])
{
    plist_t record = plist_dict_get_item(request, "PairRecord");
    if (!PLIST_IS_DICT(record))
        return "MissingPairRecord";
    const char *host_id = sim_plist_text(record, "HostID");
    if (host_id == NULL)
        return "MissingHostID";
    char path[900];
    struct rv_error err = { 0 };
    if (!record_path(device, host_id, path, &err) || !certificates_hold(device, record))
        return "InvalidPairRecord";
    const char *refusal = ask_person(device);
    if (refusal != NULL)
        return refusal;
    if (RAND_bytes(escrow, ESCROW) != 1 || !store(device, record, host_id, escrow))
        return "SavePairRecordFailed";
    sim_record(device, "paired", "now trusts host %s", host_id);
    return NULL;
}

const char *sim_pairing_validate(struct sim_device *device, plist_t pair_record)
{
    if (!PLIST_IS_DICT(pair_record))
        return "MissingPairRecord";
    const char *host_id = sim_plist_text(pair_record, "HostID");
    if (host_id == NULL)
        return "MissingHostID";
    plist_t record = sim_pairing_record(device, host_id);
    struct rv_span known = sim_plist_data(record, "HostCertificate");
    bool same = known.len > 0 && rv_span_equal(known, sim_plist_data(pair_record, "HostCertificate"));
    plist_free(record);
    return same ? NULL : "InvalidHostID";
}
