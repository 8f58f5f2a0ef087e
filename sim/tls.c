/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device is the server. Its certificate is the DeviceCertificate of the pair record, its key its own. Hosts show
 * the record's root certificate (libimobiledevice 1.3.0) or its host certificate (others); neither chains to anything,
 * so they are compared, not verified. That a host without a certificate is refused is [I].
 */
#include "sim/tls.h"

#include "sim/pairing.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { HANDSHAKE_S = 30, CLOSE_MS = 2000, TLS_ALERT = 0x15 };

static X509 *pem_certificate(plist_t record, const char *key)
{
    struct rv_span pem = sim_plist_data(record, key);
    if (pem.len == 0 || pem.len > 65536)
        return NULL;
    BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *out = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    BIO_free(in);
    return out;
}

static int accept_any(X509_STORE_CTX *store, void *context)
{
    (void)store;
    (void)context;
    return 1; /* peer_belongs() compares it afterwards */
}

static SSL_CTX *context_for(struct sim_device *device, plist_t record)
{
    struct rv_error err = { 0 };
    RV_AUTO(rv_blob) pem = sim_pairing_private_key(device, &err);
    X509 *mine = pem_certificate(record, "DeviceCertificate");
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *in = pem != NULL ? BIO_new_mem_buf(pem->data, (int)pem->len) : NULL;
    EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    bool good = ctx != NULL && mine != NULL && key != NULL;
    if (good) {
        /* 1.3.0 signs the certificates with SHA-1, which OpenSSL 3 refuses above level 0. */
        SSL_CTX_set_security_level(ctx, 0);
        good = SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1 &&
               SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) == 1 && SSL_CTX_use_certificate(ctx, mine) == 1 &&
               SSL_CTX_use_PrivateKey(ctx, key) == 1;
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    }
    BIO_free(in);
    EVP_PKEY_free(key);
    X509_free(mine);
    if (good)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static bool peer_belongs(SSL *tls, plist_t record)
{
    X509 *peer = SSL_get0_peer_certificate(tls);
    X509 *root = pem_certificate(record, "RootCertificate"), *host = pem_certificate(record, "HostCertificate");
    bool belongs =
        peer != NULL && ((root != NULL && X509_cmp(peer, root) == 0) || (host != NULL && X509_cmp(peer, host) == 0));
    X509_free(root);
    X509_free(host);
    return belongs;
}

static void set_receive_timeout(int fd, int seconds)
{
    struct timeval t = { .tv_sec = seconds };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
}

bool sim_tls_accept(struct sim_device *device, struct sim_wire *wire, const char *host_id)
{
    plist_t record = sim_pairing_record(device, host_id);
    SSL_CTX *ctx = record != NULL ? context_for(device, record) : NULL;
    SSL *tls = ctx != NULL ? SSL_new(ctx) : NULL;
    SSL_CTX_free(ctx); /* tls keeps its own reference */
    bool good = tls != NULL && SSL_set_fd(tls, wire->fd) == 1;
    if (good) {
        set_receive_timeout(wire->fd, HANDSHAKE_S);
        good = SSL_accept(tls) == 1;
        set_receive_timeout(wire->fd, 0);
        if (!good)
            sim_record(device, "tls", "handshake failed");
        else if (!(good = peer_belongs(tls, record)))
            sim_record(device, "tls", "the certificate shown is not of host %s", host_id);
    }
    plist_free(record);
    if (good)
        wire->tls = tls;
    else
        SSL_free(tls);
    return good;
}

void sim_tls_close(struct sim_wire *wire)
{
    if (wire->tls == NULL)
        return;
    if (SSL_shutdown(wire->tls) == 0) {
        /* Some hosts answer with close_notify, some go straight on in plaintext: look before taking. */
        uint8_t first = 0;
        struct pollfd p = { .fd = wire->fd, .events = POLLIN };
        if (poll(&p, 1, CLOSE_MS) == 1 && recv(wire->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first == TLS_ALERT)
            SSL_shutdown(wire->tls);
    }
    SSL_free(wire->tls);
    wire->tls = NULL;
}
