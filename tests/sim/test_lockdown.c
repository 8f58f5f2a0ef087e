/* SPDX-License-Identifier: Apache-2.0 */
/* lockdown and what it starts, from a host that pairs, talks TLS, and lies. */
#include "stub_device.h"
#include "support/rv_test.h"

#include "base/bytes.h"
#include "sim/services.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCKDOWN = 62078, WAIT_MS = 20000, ANSWER_MAX = 1 << 20 };

/* A computer: keys and certificates as it makes them when pairing. */
struct computer {
    EVP_PKEY *root_key, *host_key;
    X509 *root, *host, *device_cert;
    const char *host_id;
};

struct bench {
    struct sim_device *device;
    struct sim_wire wire;
    struct computer computer;
};

/* Made once, for they take their time: the computer's root and host, a stranger's, the device's. */
static EVP_PKEY *keys[4];

/* ---- the computer's certificates ---- */

static X509 *certificate(EVP_PKEY *subject, EVP_PKEY *signer, const EVP_MD *md)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 0);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 315360000);
    X509_set_pubkey(x, subject);
    assert_true(X509_sign(x, signer, md) > 0);
    return x;
}

static EVP_PKEY *device_key(struct bench *b);

static void computer_make(struct bench *b, const EVP_MD *md)
{
    struct computer *c = &b->computer;
    c->root_key = keys[0];
    c->host_key = keys[1];
    c->root = certificate(c->root_key, c->root_key, md);
    c->host = certificate(c->host_key, c->root_key, md);
    EVP_PKEY *key = device_key(b);
    c->device_cert = certificate(key, c->root_key, md);
    EVP_PKEY_free(key);
    c->host_id = "A1A2A3A4-0000-4000-8000-00000000C0DE";
}

static void computer_clear(struct computer *c)
{
    X509_free(c->root);
    X509_free(c->host);
    X509_free(c->device_cert);
    *c = (struct computer){ 0 };
}

static plist_t pem(X509 *x)
{
    BIO *out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, x);
    char *text = NULL;
    long len = BIO_get_mem_data(out, &text);
    plist_t data = plist_new_data(text, (uint64_t)len);
    BIO_free(out);
    return data;
}

/* ---- talking ---- */

static plist_t request(const char *name)
{
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "Label", plist_new_string("test"));
    plist_dict_set_item(dict, "Request", plist_new_string(name));
    return dict;
}

/* Takes the request. */
static plist_t ask_take(struct bench *b, plist_t dict)
{
    assert_true(sim_wire_plist_write(&b->wire, dict));
    plist_t answer = sim_wire_plist_read(&b->wire, ANSWER_MAX, WAIT_MS);
    assert_non_null(answer);
    assert_string_equal(sim_plist_text(answer, "Request"), sim_plist_text(dict, "Request"));
    plist_free(dict);
    return answer;
}

/* The error of the answer, "" for none; borrowed until the next call. */
static const char *error_take(struct bench *b, plist_t dict)
{
    static char text[64];
    plist_t answer = ask_take(b, dict);
    const char *error = sim_plist_text(answer, "Error");
    (void)snprintf(text, sizeof text, "%s", error != NULL ? error : "");
    plist_free(answer);
    return text;
}

static plist_t with_text(plist_t dict, const char *key, const char *value)
{
    plist_dict_set_item(dict, key, plist_new_string(value));
    return dict;
}

static EVP_PKEY *device_key(struct bench *b)
{
    plist_t answer = ask_take(b, with_text(request("GetValue"), "Key", "DevicePublicKey"));
    struct rv_span text = sim_plist_data(answer, "Value");
    BIO *in = BIO_new_mem_buf(text.ptr, (int)text.len);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(in, NULL, NULL, NULL);
    if (key == NULL) { /* PKCS#1, as hosts expect it */
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long len = 0;
        (void)BIO_reset(in);
        assert_int_equal(PEM_read_bio(in, &name, &header, &der, &len), 1);
        assert_string_equal(name, "RSA PUBLIC KEY");
        const unsigned char *at = der;
        key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, len);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    BIO_free(in);
    plist_free(answer);
    assert_non_null(key);
    return key;
}

static plist_t pair_request(const struct computer *c)
{
    plist_t record = plist_new_dict();
    plist_dict_set_item(record, "DeviceCertificate", pem(c->device_cert));
    plist_dict_set_item(record, "HostCertificate", pem(c->host));
    plist_dict_set_item(record, "RootCertificate", pem(c->root));
    plist_dict_set_item(record, "HostID", plist_new_string(c->host_id));
    plist_dict_set_item(record, "SystemBUID", plist_new_string("30142955-4441-4544-9ABC-DEF012345678"));
    plist_t dict = request("Pair");
    plist_dict_set_item(dict, "PairRecord", record);
    return dict;
}

static plist_t session_request(const struct computer *c)
{
    return with_text(request("StartSession"), "HostID", c->host_id);
}

static bool closed_by_device(struct bench *b)
{
    uint8_t byte;
    return !sim_wire_read(&b->wire, &byte, 1, WAIT_MS);
}

static void reconnect(struct bench *b)
{
    if (b->wire.tls != NULL)
        SSL_free(b->wire.tls);
    if (b->wire.fd >= 0)
        close(b->wire.fd);
    b->wire = (struct sim_wire){ .fd = sim_device_connect(b->device, LOCKDOWN) };
    assert_true(b->wire.fd >= 0);
}

/* TLS as a client; cert NULL: shows none. */
static bool start_tls(struct sim_wire *wire, X509 *cert, EVP_PKEY *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0);
    if (cert != NULL) {
        SSL_CTX_use_certificate(ctx, cert);
        SSL_CTX_use_PrivateKey(ctx, key);
    }
    wire->tls = SSL_new(ctx);
    SSL_CTX_free(ctx);
    SSL_set_fd(wire->tls, wire->fd);
    return SSL_connect(wire->tls) == 1;
}

static void open_session(struct bench *b)
{
    computer_make(b, EVP_sha256());
    assert_string_equal(error_take(b, pair_request(&b->computer)), "");
    assert_string_equal(error_take(b, session_request(&b->computer)), "");
    assert_true(start_tls(&b->wire, b->computer.root, b->computer.root_key));
}

static void lay_device_key(struct sim_device *device)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/pairing", sim_state_dir(device));
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/pairing/device.key", sim_state_dir(device));
    BIO *out = BIO_new_file(path, "w");
    assert_int_equal(PEM_write_bio_PrivateKey(out, keys[3], NULL, NULL, 0, NULL, NULL), 1);
    BIO_free(out);
}

static int set_up(void **state)
{
    struct bench *b = test_calloc(1, sizeof *b);
    b->device = stub_device_new();
    if (keys[0] == NULL)
        for (size_t i = 0; i < RV_COUNT(keys); i++)
            keys[i] = EVP_RSA_gen(2048);
    else
        lay_device_key(b->device); /* the first test sees the device make its own */
    b->wire.fd = -1;
    reconnect(b);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    computer_clear(&b->computer);
    SSL_free(b->wire.tls);
    close(b->wire.fd);
    stub_device_free(b->device);
    test_free(b);
    return 0;
}

/* ---- before trust ---- */

static void tells_what_it_is_and_makes_its_key(void **state)
{
    EVP_PKEY *key = device_key(*state), *again = device_key(*state);
    assert_int_equal(EVP_PKEY_eq(key, again), 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(again);
    plist_t answer = ask_take(*state, request("QueryType"));
    assert_string_equal(sim_plist_text(answer, "Type"), "com.apple.mobile.lockdown");
    plist_free(answer);
}

static void gives_public_values_only_to_strangers(void **state)
{
    struct bench *b = *state;
    plist_t answer = ask_take(b, request("GetValue"));
    plist_t all = plist_dict_get_item(answer, "Value");
    assert_string_equal(sim_plist_text(all, "ProductType"), "iPhone10,6");
    assert_string_equal(sim_plist_text(all, "ProductVersion"), "11.2");
    assert_non_null(plist_dict_get_item(all, "UniqueChipID"));
    assert_null(plist_dict_get_item(all, "SerialNumber"));
    assert_null(plist_dict_get_item(all, "InternationalMobileEquipmentIdentity"));
    plist_free(answer);
    assert_string_equal(error_take(b, with_text(request("GetValue"), "Key", "SerialNumber")), "GetProhibited");
    assert_string_equal(error_take(b, with_text(request("GetValue"), "Key", "NoSuchKey")), "MissingValue");
}

static void a_stranger_may_not_change_or_start_anything(void **state)
{
    struct bench *b = *state;
    plist_t set = with_text(with_text(request("SetValue"), "Key", "DeviceName"), "Value", "Mine");
    assert_string_equal(error_take(b, set), "SetProhibited");
    set = with_text(with_text(request("SetValue"), "Key", "UntrustedHostBUID"), "Value", "x");
    assert_string_equal(error_take(b, set), "");
    assert_string_equal(error_take(b, with_text(request("StartService"), "Service", "com.apple.afc")),
                        "SessionInactive");
    assert_string_equal(
        error_take(b, with_text(request("StartService"), "Service", "com.apple.mobile.insecure_notification_proxy")),
        "");
    assert_string_equal(error_take(b, request("NoSuchRequest")), "InvalidRequest");
}

static void a_session_of_an_unknown_host_is_refused(void **state)
{
    struct bench *b = *state;
    assert_string_equal(error_take(b, with_text(request("StartSession"), "HostID", "ABCD")), "InvalidHostID");
    assert_string_equal(error_take(b, with_text(request("StartSession"), "HostID", "../../etc/passwd")),
                        "InvalidHostID");
    assert_string_equal(error_take(b, request("StartSession")), "MissingHostID");
}

/* ---- pairing ---- */

static void a_locked_phone_does_not_pair(void **state)
{
    struct bench *b = *state;
    computer_make(b, EVP_sha256());
    sim_setting_put(b->device, "locked", "yes");
    assert_string_equal(error_take(b, pair_request(&b->computer)), "PasswordProtected");
    sim_setting_put(b->device, "locked", "no");
    assert_string_equal(error_take(b, pair_request(&b->computer)), "");
}

static void the_person_is_asked_and_may_say_no(void **state)
{
    struct bench *b = *state;
    computer_make(b, EVP_sha256());
    sim_setting_put(b->device, "trust", "no");
    assert_string_equal(error_take(b, pair_request(&b->computer)), "UserDeniedPairing");
    sim_setting_put(b->device, "trust", "ask");
    sim_setting_put(b->device, "trust_answer", "no");
    for (int i = 0; i < 2; i++)
        assert_string_equal(error_take(b, pair_request(&b->computer)), "PairingDialogResponsePending");
    assert_string_equal(error_take(b, pair_request(&b->computer)), "UserDeniedPairing");
    assert_string_equal(error_take(b, session_request(&b->computer)), "InvalidHostID");
}

static void the_person_is_asked_and_says_yes(void **state)
{
    struct bench *b = *state;
    computer_make(b, EVP_sha256());
    sim_setting_put(b->device, "trust", "ask");
    for (int i = 0; i < 2; i++)
        assert_string_equal(error_take(b, pair_request(&b->computer)), "PairingDialogResponsePending");
    plist_t answer = ask_take(b, pair_request(&b->computer));
    assert_null(sim_plist_text(answer, "Error"));
    assert_int_equal(sim_plist_data(answer, "EscrowBag").len, 32);
    plist_free(answer);
}

static void certificates_that_do_not_hold_are_refused(void **state)
{
    struct bench *b = *state;
    computer_make(b, EVP_sha256());
    struct computer *c = &b->computer;

    X509 *right = c->device_cert;
    c->device_cert = certificate(c->host_key, c->root_key, EVP_sha256()); /* over another key than the device's */
    assert_string_equal(error_take(b, pair_request(c)), "InvalidPairRecord");
    X509_free(c->device_cert);
    c->device_cert = right;

    right = c->host;
    c->host = certificate(c->host_key, c->host_key, EVP_sha256()); /* not signed by the root */
    assert_string_equal(error_take(b, pair_request(c)), "InvalidPairRecord");
    X509_free(c->host);
    c->host = right;

    plist_t dict = pair_request(c);
    plist_dict_set_item(plist_dict_get_item(dict, "PairRecord"), "RootCertificate", plist_new_data("junk", 4));
    assert_string_equal(error_take(b, dict), "InvalidPairRecord");
    dict = pair_request(c);
    plist_dict_remove_item(plist_dict_get_item(dict, "PairRecord"), "HostID");
    assert_string_equal(error_take(b, dict), "MissingHostID");
    assert_string_equal(error_take(b, request("Pair")), "MissingPairRecord");
    assert_string_equal(error_take(b, session_request(c)), "InvalidHostID");
}

static void an_unpaired_host_is_forgotten(void **state)
{
    struct bench *b = *state;
    computer_make(b, EVP_sha256());
    assert_string_equal(error_take(b, pair_request(&b->computer)), "");
    plist_t dict = pair_request(&b->computer);
    plist_dict_set_item(dict, "Request", plist_new_string("Unpair"));
    assert_string_equal(error_take(b, dict), "");
    assert_string_equal(error_take(b, session_request(&b->computer)), "InvalidHostID");
}

/* ---- sessions ---- */

static void a_session_opens_everything_and_goes_back_to_plaintext(void **state)
{
    struct bench *b = *state;
    open_session(b);
    plist_t answer = ask_take(b, request("GetValue"));
    assert_string_equal(sim_plist_text(plist_dict_get_item(answer, "Value"), "SerialNumber"), "C39VIRTUAL01");
    plist_free(answer);
    assert_string_equal(error_take(b, session_request(&b->computer)), "SessionActive");
    assert_string_equal(error_take(b, with_text(request("StopSession"), "SessionID", "wrong")), "InvalidSessionID");

    SSL *tls = b->wire.tls;
    b->wire.tls = NULL;
    reconnect(b);
    SSL_free(tls);
    plist_t started = ask_take(b, session_request(&b->computer));
    char id[64];
    (void)snprintf(id, sizeof id, "%s", sim_plist_text(started, "SessionID"));
    plist_free(started);
    assert_true(start_tls(&b->wire, b->computer.host, b->computer.host_key)); /* the host's certificate does as well */
    assert_string_equal(error_take(b, with_text(request("StopSession"), "SessionID", id)), "");
    if (SSL_shutdown(b->wire.tls) == 0)
        SSL_shutdown(b->wire.tls);
    SSL_free(b->wire.tls);
    b->wire.tls = NULL;
    assert_string_equal(error_take(b, request("QueryType")), "");
    assert_string_equal(error_take(b, with_text(request("GetValue"), "Key", "SerialNumber")), "GetProhibited");
}

static void certificates_signed_with_sha1_are_taken(void **state)
{
    struct bench *b = *state;
    computer_make(b, EVP_sha1());
    assert_string_equal(error_take(b, pair_request(&b->computer)), "");
    assert_string_equal(error_take(b, session_request(&b->computer)), "");
    assert_true(start_tls(&b->wire, b->computer.root, b->computer.root_key));
    assert_string_equal(error_take(b, with_text(request("GetValue"), "Key", "SerialNumber")), "");
}

static void a_certificate_of_somebody_else_ends_the_session(void **state)
{
    struct bench *b = *state;
    computer_make(b, EVP_sha256());
    assert_string_equal(error_take(b, pair_request(&b->computer)), "");
    assert_string_equal(error_take(b, session_request(&b->computer)), "");
    X509 *stranger = certificate(keys[2], keys[2], EVP_sha256());
    if (start_tls(&b->wire, stranger, keys[2]))
        assert_true(closed_by_device(b));
    X509_free(stranger);
    assert_true(stub_device_recorded(b->device, "is not of host"));

    reconnect(b);
    assert_string_equal(error_take(b, session_request(&b->computer)), "");
    if (start_tls(&b->wire, NULL, NULL)) /* no certificate at all */
        assert_true(closed_by_device(b));
}

static void only_older_systems_enter_recovery_for_strangers(void **state)
{
    struct bench *b = *state;
    sim_setting_put(b->device, "stub_version", "14.5");
    assert_string_equal(error_take(b, request("EnterRecovery")), "SessionInactive");
    assert_string_equal(stub_device_asked(b->device), "");
    sim_setting_put(b->device, "stub_version", "14.4.2");
    assert_string_equal(error_take(b, request("EnterRecovery")), "");
    assert_true(closed_by_device(b));
    assert_string_equal(stub_device_asked(b->device), "recovery");
}

/* ---- services ---- */

/* Starts one inside the session; its connection. */
static struct sim_wire start_service(struct bench *b, const char *name, bool tls)
{
    plist_t answer = ask_take(b, with_text(request("StartService"), "Service", name));
    assert_null(sim_plist_text(answer, "Error"));
    uint64_t port = 0;
    plist_get_uint_val(plist_dict_get_item(answer, "Port"), &port);
    assert_int_equal(plist_dict_get_item(answer, "EnableServiceSSL") != NULL, tls);
    plist_free(answer);
    struct sim_wire wire = { .fd = sim_device_connect(b->device, (uint16_t)port) };
    assert_true(wire.fd >= 0);
    assert_int_equal(sim_device_connect(b->device, (uint16_t)port), -ECONNREFUSED); /* a port is for one connection */
    if (tls)
        assert_true(start_tls(&wire, b->computer.root, b->computer.root_key));
    return wire;
}

static void end_service(struct sim_wire *wire)
{
    SSL_free(wire->tls);
    close(wire->fd);
}

static void restarts_when_the_host_has_gone(void **state)
{
    struct bench *b = *state;
    open_session(b);
    struct sim_wire wire = start_service(b, "com.apple.mobile.diagnostics_relay", false);
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "Request", plist_new_string("Restart"));
    plist_dict_set_item(dict, "WaitForDisconnect", plist_new_bool(1));
    assert_true(sim_wire_plist_write(&wire, dict));
    plist_free(dict);
    dict = sim_wire_plist_read(&wire, ANSWER_MAX, WAIT_MS);
    assert_string_equal(sim_plist_text(dict, "Status"), "Success");
    plist_free(dict);
    assert_string_equal(stub_device_asked(b->device), "");
    end_service(&wire);
    for (int i = 0; i < 500 && stub_device_asked(b->device)[0] == '\0'; i++)
        sim_pause(b->device, 1000);
    assert_string_equal(stub_device_asked(b->device), "reboot");
}

static void newer_systems_speak_tls_on_services(void **state)
{
    struct bench *b = *state;
    sim_setting_put(b->device, "stub_version", "13.0");
    open_session(b);
    struct sim_wire wire = start_service(b, "com.apple.mobile.notification_proxy", true);
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "Command", plist_new_string("Shutdown"));
    assert_true(sim_wire_plist_write(&wire, dict));
    plist_free(dict);
    dict = sim_wire_plist_read(&wire, ANSWER_MAX, WAIT_MS);
    assert_string_equal(sim_plist_text(dict, "Command"), "ProxyDeath");
    plist_free(dict);
    end_service(&wire);
}

static void a_waiting_host_hears_that_it_may_pair(void **state)
{
    struct bench *b = *state;
    sim_setting_put(b->device, "trust", "ask");
    plist_t answer =
        ask_take(b, with_text(request("StartService"), "Service", "com.apple.mobile.insecure_notification_proxy"));
    uint64_t port = 0;
    plist_get_uint_val(plist_dict_get_item(answer, "Port"), &port);
    plist_free(answer);
    struct sim_wire wire = { .fd = sim_device_connect(b->device, (uint16_t)port) };
    plist_t dict = plist_new_dict();
    plist_dict_set_item(dict, "Command", plist_new_string("ObserveNotification"));
    plist_dict_set_item(dict, "Name", plist_new_string("com.apple.mobile.lockdown.request_pair"));
    assert_true(sim_wire_plist_write(&wire, dict));
    plist_free(dict);
    assert_false(sim_wire_waits(&wire, 300)); /* not before the person has tapped */
    sim_setting_put(b->device, "trust", "yes");
    dict = sim_wire_plist_read(&wire, ANSWER_MAX, WAIT_MS);
    assert_string_equal(sim_plist_text(dict, "Command"), "RelayNotification");
    assert_string_equal(sim_plist_text(dict, "Name"), "com.apple.mobile.lockdown.request_pair");
    plist_free(dict);
    end_service(&wire);
}

static void services_it_does_not_have_are_named_so(void **state)
{
    struct bench *b = *state;
    open_session(b);
    assert_string_equal(error_take(b, with_text(request("StartService"), "Service", "com.apple.mobilesync")),
                        "InvalidService");
    assert_string_equal(error_take(b, request("StartService")), "MissingService");
    plist_t dict = with_text(request("StartService"), "Service", "com.apple.afc");
    plist_dict_set_item(dict, "EscrowBag", plist_new_data("not the bag", 11));
    assert_string_equal(error_take(b, dict), "EscrowLocked");
}

/* Sends one AFC request; the first eight bytes of the body of the answer, UINT64_MAX when it has none. */
static uint64_t afc_bulk(struct sim_wire *wire, uint64_t operation, struct rv_span body, size_t bulk, uint64_t *kind)
{
    uint8_t head[40];
    memcpy(head, "CFA6LPAA", 8);
    rv_put_u64le(head + 8, 40 + body.len);
    rv_put_u64le(head + 16, 40 + body.len - bulk);
    rv_put_u64le(head + 24, 5);
    rv_put_u64le(head + 32, operation);
    assert_true(sim_wire_write(wire, rv_span(head, 40)));
    assert_true(sim_wire_write(wire, body));
    assert_true(sim_wire_read(wire, head, 40, WAIT_MS));
    struct rv_reader r = { .in = rv_span(head, 40), .at = 8 };
    uint64_t entire = rv_read_u64le(&r);
    rv_read_u64le(&r);
    assert_int_equal(rv_read_u64le(&r), 5);
    *kind = rv_read_u64le(&r);
    uint8_t answer[4096] = { 0 };
    assert_in_range(entire, 40, 40 + sizeof answer);
    assert_true(entire == 40 || sim_wire_read(wire, answer, entire - 40, WAIT_MS));
    r = (struct rv_reader){ .in = rv_span(answer, entire - 40) };
    uint64_t first = rv_read_u64le(&r);
    return r.bad ? UINT64_MAX : first;
}

static uint64_t afc(struct sim_wire *wire, uint64_t operation, struct rv_span body, uint64_t *kind)
{
    return afc_bulk(wire, operation, body, 0, kind);
}

#define PATH(text) rv_span(text, sizeof(text))

static uint64_t afc_open(struct sim_wire *wire, uint8_t mode, const char *path)
{
    uint8_t body[64] = { mode };
    uint64_t kind = 0;
    memcpy(body + 8, path, strlen(path) + 1);
    uint64_t handle = afc(wire, 0x0d, rv_span(body, 8 + strlen(path) + 1), &kind);
    assert_int_equal(kind, 0x0e);
    return handle;
}

static void files_are_written_read_and_removed(void **state)
{
    struct bench *b = *state;
    open_session(b);
    struct sim_wire wire = start_service(b, "com.apple.afc", false);
    uint64_t kind = 0;
    uint8_t body[16] = { 0 };
    assert_int_equal(afc(&wire, 0x09, PATH("Books/New"), &kind), 0);
    rv_put_u64le(body, afc_open(&wire, 3, "Books/New/note.txt"));
    memcpy(body + 8, "12345678", 8);
    assert_int_equal(afc_bulk(&wire, 0x10, rv_span(body, 16), 8, &kind), 0);
    assert_int_equal(afc(&wire, 0x14, rv_span(body, 8), &kind), 0);
    assert_int_equal(afc(&wire, 0x14, rv_span(body, 8), &kind), 7); /* closed already */
    assert_int_equal(afc(&wire, 0x18, rv_span("Books/New/note.txt\0Books/b.txt", 31), &kind), 0);

    rv_put_u64le(body, afc_open(&wire, 1, "Books/b.txt"));
    rv_put_u64le(body + 8, 100);
    uint64_t text = afc(&wire, 0x0f, rv_span(body, 16), &kind);
    assert_int_equal(kind, 2);
    assert_memory_equal(&text, "12345678", 8);
    assert_int_equal(afc(&wire, 0x0f, rv_span(body, 16), &kind), UINT64_MAX); /* the end: data without a byte */
    assert_int_equal(kind, 2);
    assert_int_not_equal(afc(&wire, 0x08, PATH("Books"), &kind), 0); /* not empty */
    assert_int_equal(afc(&wire, 0x22, PATH("Books"), &kind), 0);
    assert_int_equal(afc(&wire, 0x0a, PATH("Books"), &kind), 8);
    assert_int_equal(afc(&wire, 0x08, PATH("/"), &kind), 10);
    end_service(&wire);
}

static void no_path_leaves_the_media_folder(void **state)
{
    struct bench *b = *state;
    open_session(b);
    struct sim_wire wire = start_service(b, "com.apple.afc", false);
    uint64_t kind = 0;
    assert_int_equal(afc(&wire, 0x0a, PATH("/DCIM"), &kind) != UINT64_MAX, 1);
    assert_int_equal(kind, 2);
    static const char *const ways_out[] = { "..", "/../pairing", "DCIM/../../pairing", "link/device.key", "link" };
    char link[128];
    (void)snprintf(link, sizeof link, "%s/media/link", sim_state_dir(b->device));
    assert_int_equal(symlink("../pairing", link), 0);
    for (size_t i = 0; i < RV_COUNT(ways_out); i++) {
        assert_true(afc(&wire, 0x03, rv_span(ways_out[i], strlen(ways_out[i]) + 1), &kind) != 0);
        assert_int_equal(kind, 1);
        uint8_t open[64] = { 1 };
        memcpy(open + 8, ways_out[i], strlen(ways_out[i]) + 1);
        assert_true(afc(&wire, 0x0d, rv_span(open, 8 + strlen(ways_out[i]) + 1), &kind) != 0);
        assert_int_equal(kind, 1);
    }
    assert_int_equal(afc(&wire, 0x03, rv_span("no end", 6), &kind), 7); /* text without its NUL */
    assert_int_equal(afc(&wire, 0x0f, rv_span("\x09\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16), &kind), 7);
    end_service(&wire);
}

/* ---- broken hosts ---- */

static void lying_frames_end_the_connection(void **state)
{
    static const uint8_t frames[][8] = { { 0xff, 0xff, 0xff, 0xff },
                                         { 0, 0, 0, 0 },
                                         { 0, 0, 0, 4, 'j', 'u', 'n', 'k' } };
    struct bench *b = *state;
    for (size_t i = 0; i < RV_COUNT(frames); i++) {
        reconnect(b);
        assert_int_equal(send(b->wire.fd, frames[i], sizeof frames[i], MSG_NOSIGNAL), sizeof frames[i]);
        assert_true(closed_by_device(b));
    }
}

static void every_cut_of_a_request_is_survived(void **state)
{
    struct bench *b = *state;
    char *xml = NULL;
    uint32_t len = 0;
    plist_t dict = request("QueryType");
    plist_to_xml(dict, &xml, &len);
    plist_free(dict);
    for (uint32_t cut = 0; cut < len; cut += 7) {
        uint8_t head[4];
        reconnect(b);
        rv_put_u32be(head, len);
        assert_true(sim_wire_write(&b->wire, rv_span(head, 4)) && sim_wire_write(&b->wire, rv_span(xml, cut)));
        assert_int_equal(shutdown(b->wire.fd, SHUT_WR), 0);
        assert_true(closed_by_device(b));
    }
    free(xml);
}

static void an_idle_stranger_is_hung_up_on(void **state)
{
    struct bench *b = *state;
    sim_setting_put(b->device, "lockdown_idle_ms", "50");
    reconnect(b);
    assert_true(closed_by_device(b));
}

static void a_mode_change_hangs_up(void **state)
{
    struct bench *b = *state;
    assert_string_equal(error_take(b, request("QueryType")), "");
    stub_device_enter(b->device, SIM_OFF);
    assert_true(closed_by_device(b));
    assert_int_equal(sim_device_connect(b->device, LOCKDOWN), -ENODEV);
    stub_device_enter(b->device, SIM_NORMAL);
    reconnect(b);
    assert_string_equal(error_take(b, request("QueryType")), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_what_it_is_and_makes_its_key),
        TEST(gives_public_values_only_to_strangers),
        TEST(a_stranger_may_not_change_or_start_anything),
        TEST(a_session_of_an_unknown_host_is_refused),
        TEST(a_locked_phone_does_not_pair),
        TEST(the_person_is_asked_and_may_say_no),
        TEST(the_person_is_asked_and_says_yes),
        TEST(certificates_that_do_not_hold_are_refused),
        TEST(an_unpaired_host_is_forgotten),
        TEST(a_session_opens_everything_and_goes_back_to_plaintext),
        TEST(certificates_signed_with_sha1_are_taken),
        TEST(a_certificate_of_somebody_else_ends_the_session),
        TEST(only_older_systems_enter_recovery_for_strangers),
        TEST(restarts_when_the_host_has_gone),
        TEST(newer_systems_speak_tls_on_services),
        TEST(a_waiting_host_hears_that_it_may_pair),
        TEST(services_it_does_not_have_are_named_so),
        TEST(files_are_written_read_and_removed),
        TEST(no_path_leaves_the_media_folder),
        TEST(lying_frames_end_the_connection),
        TEST(every_cut_of_a_request_is_survived),
        TEST(an_idle_stranger_is_hung_up_on),
        TEST(a_mode_change_hangs_up),
    };
    signal(SIGPIPE, SIG_IGN);
    int failed = cmocka_run_group_tests_name("sim/lockdown", tests, NULL, NULL);
    for (size_t i = 0; i < RV_COUNT(keys); i++)
        EVP_PKEY_free(keys[i]);
    return failed;
}
