/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of lockdown sessions and services (device-services 4.5): the device is the server; we show the
 * certificate of the pair record; the server's certificate is the one that we made for the device's own
 * key when pairing, so it is checked by key, not by chain.
 */
#include "transport/stream_tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct rv_stream_tls {
    SSL_CTX *ctx;
    SSL *ssl;
};

/* One for all streams: OpenSSL gives out 127 numbers for kinds of BIO and takes none back. */
static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

/* OpenSSL's own socket BIO writes with write(), which raises SIGPIPE when the device is gone. */
static int bio_write(BIO *bio, const char *from, int len)
{
    const struct rv_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = send(stream->fd, from, (size_t)len, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)n;
}

static int bio_read(BIO *bio, char *to, int len)
{
    const struct rv_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = recv(stream->fd, to, (size_t)len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

void rv_stream_tls_clear(struct rv_stream *stream)
{
    struct rv_stream_tls *tls = stream->tls;
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->ctx);
    rv_free(tls);
    stream->tls = NULL;
}

static bool fail_tls(struct rv_error *err, enum rv_code code, const char *doing)
{
    char why[120] = "no reason given";
    unsigned long number = ERR_peek_last_error();
    if (number != 0)
        ERR_error_string_n(number, why, sizeof why);
    ERR_clear_error();
    return rv_fail(err, code, "%s: TLS says %s", doing, why);
}

/* Sorts the result of an SSL call: true with *want set = again later. */
static bool sort_result(struct rv_stream *stream, int result, bool *end, short *want, struct rv_error *err)
{
    int sys = errno;
    switch (SSL_get_error(stream->tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *want = POLLIN;
        return true;
    case SSL_ERROR_WANT_WRITE:
        *want = POLLOUT;
        return true;
    case SSL_ERROR_ZERO_RETURN:
        *end = true;
        return true;
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return rv_fail_sys(err, RV_E_GONE, sys != 0 ? sys : ECONNRESET, "the connection broke inside TLS");
    default:
        return fail_tls(err, RV_E_PROTOCOL, "reading or writing");
    }
}

bool rv_stream_tls_read(struct rv_stream *stream, void *to, size_t len, size_t *moved, bool *end, short *want,
                        struct rv_error *err)
{
    pthread_mutex_lock(&stream->lock);
    ERR_clear_error();
    errno = 0;
    int n = SSL_read(stream->tls->ssl, to, len > INT32_MAX ? INT32_MAX : (int)len);
    bool ok = true;
    if (n > 0)
        *moved = (size_t)n;
    else
        ok = sort_result(stream, n, end, want, err);
    pthread_mutex_unlock(&stream->lock);
    return ok;
}

bool rv_stream_tls_write(struct rv_stream *stream, const void *from, size_t len, size_t *moved, short *want,
                         struct rv_error *err)
{
    bool end = false;
    pthread_mutex_lock(&stream->lock);
    ERR_clear_error();
    errno = 0;
    int n = SSL_write(stream->tls->ssl, from, len > INT32_MAX ? INT32_MAX : (int)len);
    bool ok = true;
    if (n > 0)
        *moved = (size_t)n;
    else
        ok = sort_result(stream, n, &end, want, err);
    if (ok && end)
        ok = rv_fail(err, RV_E_GONE, "the device ended TLS");
    pthread_mutex_unlock(&stream->lock);
    return ok;
}

static BIO *pem_bio(struct rv_span pem)
{
    return BIO_new_mem_buf(pem.ptr, (int)pem.len);
}

/* A key that is locked by a password is no key of ours; OpenSSL's own callback would ask at the terminal. */
static int no_password(char *to, int size, int writing, void *context)
{
    (void)to;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static bool use_certificate(SSL_CTX *ctx, struct rv_span certificate_pem, struct rv_span key_pem)
{
    BIO *certificate_bio = pem_bio(certificate_pem), *key_bio = pem_bio(key_pem);
    X509 *certificate = certificate_bio == NULL ? NULL : PEM_read_bio_X509(certificate_bio, NULL, no_password, NULL);
    EVP_PKEY *key = key_bio == NULL ? NULL : PEM_read_bio_PrivateKey(key_bio, NULL, no_password, NULL);
    bool ok = certificate != NULL && key != NULL && SSL_CTX_use_certificate(ctx, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(ctx, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    return ok;
}

static bool make_context(struct rv_stream_tls *tls, const struct rv_tls_identity *identity, struct rv_error *err)
{
    tls->ctx = SSL_CTX_new(TLS_client_method());
    if (tls->ctx == NULL)
        return fail_tls(err, RV_E_NOMEM, "starting TLS");
    /* Devices before iOS 10 speak TLS 1.0 with SHA-1 certificates only (device-services 4.5). */
    SSL_CTX_set_security_level(tls->ctx, 0);
    SSL_CTX_set_min_proto_version(tls->ctx, TLS1_VERSION);
    SSL_CTX_set_options(tls->ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_NONE, NULL); /* checked by key below */
    if (identity->certificate_pem.len > 0 && !use_certificate(tls->ctx, identity->certificate_pem, identity->key_pem))
        return fail_tls(err, RV_E_FORMAT, "taking the certificate of the pair record");
    return true;
}

static void free_method(void)
{
    BIO_meth_free(method);
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "revive stream");
    if (method == NULL)
        return;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_ctrl);
    BIO_meth_set_create(method, bio_create);
    atexit(free_method);
}

static bool attach_bio(struct rv_stream *stream, struct rv_stream_tls *tls, struct rv_error *err)
{
    pthread_once(&method_once, make_method);
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    tls->ssl = SSL_new(tls->ctx);
    if (bio == NULL || tls->ssl == NULL) {
        BIO_free(bio);
        return rv_fail_nomem(err);
    }
    BIO_set_data(bio, stream);
    SSL_set_bio(tls->ssl, bio, bio);
    return true;
}

static bool shake_hands(struct rv_stream *stream, uint32_t timeout_ms, struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&stream->ctx->clock, timeout_ms);
    for (;;) {
        bool end = false;
        short want = POLLIN;
        ERR_clear_error();
        errno = 0;
        int n = SSL_connect(stream->tls->ssl);
        if (n == 1)
            return true;
        if (!sort_result(stream, n, &end, &want, err))
            return false;
        if (end)
            return rv_fail(err, RV_E_GONE, "the device hung up during the TLS handshake");
        if (!rv_stream_wait(stream, want, &deadline, err))
            return false;
    }
}

static bool check_device_key(struct rv_stream *stream, struct rv_span device_certificate_pem, struct rv_error *err)
{
    if (device_certificate_pem.len == 0)
        return true;
    BIO *bio = pem_bio(device_certificate_pem);
    X509 *known = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, no_password, NULL);
    X509 *shown = SSL_get1_peer_certificate(stream->tls->ssl);
    bool same = known != NULL && shown != NULL && X509_get0_pubkey(known) != NULL && X509_get0_pubkey(shown) != NULL &&
                EVP_PKEY_eq(X509_get0_pubkey(known), X509_get0_pubkey(shown)) == 1;
    X509_free(known);
    X509_free(shown);
    BIO_free(bio);
    ERR_clear_error();
    if (!same)
        return rv_fail(err, RV_E_CORRUPT, "the device shows another key than the one it was paired with");
    return true;
}

bool rv_stream_start_tls(struct rv_stream *stream, const struct rv_tls_identity *identity, uint32_t timeout_ms,
                         struct rv_error *err)
{
    rv_assert(stream->tls == NULL);
    struct rv_stream_tls *tls = rv_alloc(sizeof *tls);
    if (tls == NULL)
        return rv_fail_nomem(err);
    stream->tls = tls;
    if (!make_context(tls, identity, err) || !attach_bio(stream, tls, err) || !shake_hands(stream, timeout_ms, err) ||
        !check_device_key(stream, identity->device_certificate_pem, err)) {
        rv_stream_tls_clear(stream);
        return rv_while(err, "starting TLS with the device");
    }
    return true;
}

bool rv_stream_stop_tls(struct rv_stream *stream, uint32_t timeout_ms, struct rv_error *err)
{
    if (stream->tls == NULL)
        return true;
    struct rv_deadline deadline = rv_deadline_in(&stream->ctx->clock, timeout_ms);
    for (;;) {
        bool end = false;
        short want = POLLIN;
        struct rv_error ignored = { 0 };
        ERR_clear_error();
        errno = 0;
        int n = SSL_shutdown(stream->tls->ssl);
        if (n == 1)
            break;
        /* Some devices never answer our goodbye: after the deadline the stream goes on in the clear all the same. */
        if (n < 0 && !sort_result(stream, n, &end, &want, &ignored))
            break;
        if (!rv_stream_wait(stream, want, &deadline, &ignored)) {
            if (ignored.code != RV_E_CANCELLED)
                break;
            *err = ignored;
            return false;
        }
    }
    rv_stream_tls_clear(stream);
    return true;
}
