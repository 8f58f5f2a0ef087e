/* SPDX-License-Identifier: Apache-2.0 */
/* A stream against peers that are slow, silent, gone or too eager. */
#include "transport/peer.h"

#include "crypto/pair_certs.h"
#include "transport/stream.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

static struct rv_stream *dialled(struct rv_ctx *ctx, struct peer *peer, peer_fn *run, void *own)
{
    struct rv_error err = { 0 };
    peer_ctx(ctx);
    struct rv_stream *stream = rv_stream_take_fd(ctx, peer_pair(peer, run, own), &err);
    assert_non_null(stream);
    return stream;
}

static void hung_up(struct rv_ctx *ctx, struct peer *peer, struct rv_stream *stream)
{
    rv_stream_free(stream);
    peer_end(peer);
    rv_cancel_clear(&ctx->cancel);
}

static void say_in_pieces(struct peer *peer, int fd)
{
    (void)peer;
    for (int i = 0; i < 10; i++) {
        poll(NULL, 0, 5);
        peer_write(fd, "ab", 2);
    }
    peer_drain(fd);
}

static void a_message_in_pieces_is_read_whole(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    char got[20];
    struct rv_stream *stream = dialled(&ctx, &peer, say_in_pieces, NULL);
    assert_works(rv_stream_receive(stream, got, sizeof got, 2000, &err), &err);
    assert_memory_equal(got, "abababababababababab", 20);
    hung_up(&ctx, &peer, stream);
}

static void say_half(struct peer *peer, int fd)
{
    (void)peer;
    char go;
    peer_write(fd, "half", 4);
    if (peer_read(fd, &go, 1))
        peer_write(fd, "rest", 4);
    peer_drain(fd);
}

static void what_came_before_a_timeout_is_there_for_the_next_call(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    char got[8];
    size_t n = 0;
    struct rv_stream *stream = dialled(&ctx, &peer, say_half, NULL);
    assert_fails(rv_stream_receive(stream, got, sizeof got, 50, &err), &err, RV_E_TIMEOUT);
    assert_works(rv_stream_send(stream, rv_span("g", 1), 1000, &err), &err);
    assert_works(rv_stream_receive_some(stream, got, 2, &n, 2000, &err), &err);
    assert_int_equal(n, 2);
    assert_memory_equal(got, "ha", 2);
    assert_works(rv_stream_receive(stream, got, 6, 2000, &err), &err);
    assert_memory_equal(got, "lfrest", 6);
    hung_up(&ctx, &peer, stream);
}

static void say_and_go(struct peer *peer, int fd)
{
    (void)peer;
    peer_write(fd, "bye", 3);
}

static void an_end_in_the_middle_is_gone_and_an_end_between_is_an_end(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    char got[8];
    size_t n = 9;
    struct rv_stream *stream = dialled(&ctx, &peer, say_and_go, NULL);
    assert_fails(rv_stream_receive(stream, got, sizeof got, 2000, &err), &err, RV_E_GONE);
    assert_non_null(strstr(err.text[0], "3 of 8"));
    hung_up(&ctx, &peer, stream);
    stream = dialled(&ctx, &peer, say_and_go, NULL);
    assert_works(rv_stream_receive(stream, got, 3, 2000, &err), &err);
    assert_works(rv_stream_receive_some(stream, got, 8, &n, 2000, &err), &err);
    assert_int_equal(n, 0);
    hung_up(&ctx, &peer, stream);
}

static void say_nothing(struct peer *peer, int fd)
{
    while (!peer->stop)
        poll(NULL, 0, 10);
    (void)fd;
}

static void a_peer_that_takes_nothing_makes_a_send_time_out(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    static uint8_t much[8 << 20];
    struct rv_stream *stream = dialled(&ctx, &peer, say_nothing, NULL);
    assert_fails(rv_stream_send(stream, rv_span(much, sizeof much), 50, &err), &err, RV_E_TIMEOUT);
    hung_up(&ctx, &peer, stream);
}

static void a_send_to_a_peer_that_left_is_gone_and_no_signal(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    static uint8_t much[8 << 20];
    struct rv_stream *stream = dialled(&ctx, &peer, say_and_go, NULL);
    assert_fails(rv_stream_send(stream, rv_span(much, sizeof much), 2000, &err), &err, RV_E_GONE);
    hung_up(&ctx, &peer, stream);
}

static void *cancel_soon(void *context)
{
    poll(NULL, 0, 30);
    rv_cancel_ask(&((struct rv_ctx *)context)->cancel);
    return NULL;
}

static void a_cancel_wakes_a_reader(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    char got[8];
    pthread_t thread;
    struct rv_stream *stream = dialled(&ctx, &peer, say_nothing, NULL);
    pthread_create(&thread, NULL, cancel_soon, &ctx);
    assert_fails(rv_stream_receive(stream, got, sizeof got, 600000, &err), &err, RV_E_CANCELLED);
    pthread_join(thread, NULL);
    hung_up(&ctx, &peer, stream);
}

static void *shut_soon(void *context)
{
    poll(NULL, 0, 30);
    rv_stream_shutdown(context);
    return NULL;
}

static void a_shutdown_from_another_thread_wakes_a_reader(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    char got[8];
    pthread_t thread;
    struct rv_stream *stream = dialled(&ctx, &peer, say_nothing, NULL);
    pthread_create(&thread, NULL, shut_soon, stream);
    assert_fails(rv_stream_receive(stream, got, sizeof got, 600000, &err), &err, RV_E_GONE);
    pthread_join(thread, NULL);
    hung_up(&ctx, &peer, stream);
}

/* --- TLS: the peer is a device --- */

struct tls_device {
    struct rv_pair_certs certs; /* device_certificate is for device_key */
    EVP_PKEY *device_key;
    bool saw_client_certificate, plain_after;
    int max_version;
};

static SSL_CTX *device_ctx(struct tls_device *device)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *bio = BIO_new_mem_buf(device->certs.device_certificate->data, (int)device->certs.device_certificate->len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, device->max_version);
    SSL_CTX_use_certificate(ctx, certificate);
    SSL_CTX_use_PrivateKey(ctx, device->device_key);
    X509_free(certificate);
    BIO_free(bio);
    return ctx;
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

static void echo_in_tls(struct peer *peer, int fd)
{
    struct tls_device *device = peer->own;
    SSL_CTX *ctx = device_ctx(device);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
    SSL *ssl = SSL_new(ctx);
    char byte;
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        device->saw_client_certificate = SSL_get0_peer_certificate(ssl) != NULL;
        while (SSL_read(ssl, &byte, 1) == 1)
            SSL_write(ssl, &byte, 1);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    if (device->plain_after && peer_read(fd, &byte, 1))
        peer_write(fd, "plain", 5);
    peer_drain(fd);
}

static void device_make(struct tls_device *made, int max_version)
{
    struct rv_error err = { 0 };
    *made = (struct tls_device){ .max_version = max_version };
    made->device_key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    PEM_write_bio_PUBKEY(bio, made->device_key);
    long len = BIO_get_mem_data(bio, &pem);
    assert_works(rv_pair_certs_make(rv_span(pem, (size_t)len), &made->certs, &err), &err);
    BIO_free(bio);
}

static void device_drop(struct tls_device *made)
{
    rv_pair_certs_clear(&made->certs);
    EVP_PKEY_free(made->device_key);
}

static struct rv_tls_identity identity_for(const struct tls_device *made)
{
    return (struct rv_tls_identity){ rv_blob_span(made->certs.host_certificate), rv_blob_span(made->certs.host_key),
                                     rv_blob_span(made->certs.device_certificate) };
}

/* Keys take a second to make: two devices serve all tests. */
static struct tls_device device, other;

static int devices_make(void **state)
{
    (void)state;
    device_make(&device, TLS1_2_VERSION);
    device_make(&other, TLS1_2_VERSION);
    return 0;
}

static int devices_drop(void **state)
{
    (void)state;
    device_drop(&device);
    device_drop(&other);
    return 0;
}

static void talk_in_tls(int max_version)
{
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    char got[5];
    device.max_version = max_version;
    device.saw_client_certificate = false;
    device.plain_after = true;
    struct rv_stream *stream = dialled(&ctx, &peer, echo_in_tls, &device);
    struct rv_tls_identity identity = identity_for(&device);
    assert_works(rv_stream_start_tls(stream, &identity, 5000, &err), &err);
    assert_works(rv_stream_send(stream, rv_span("hello", 5), 2000, &err), &err);
    assert_works(rv_stream_receive(stream, got, 5, 2000, &err), &err);
    assert_memory_equal(got, "hello", 5);
    assert_works(rv_stream_stop_tls(stream, 2000, &err), &err);
    assert_works(rv_stream_send(stream, rv_span("x", 1), 2000, &err), &err);
    assert_works(rv_stream_receive(stream, got, 5, 2000, &err), &err);
    assert_memory_equal(got, "plain", 5);
    hung_up(&ctx, &peer, stream);
    assert_true(device.saw_client_certificate);
    device.plain_after = false;
}

static void tls_is_spoken_with_new_and_with_old_devices(void **state)
{
    (void)state;
    talk_in_tls(TLS1_2_VERSION);
    talk_in_tls(TLS1_3_VERSION);
    talk_in_tls(TLS1_VERSION);
}

static void a_device_with_another_key_is_not_believed(void **state)
{
    (void)state;
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    device.max_version = TLS1_2_VERSION;
    struct rv_stream *stream = dialled(&ctx, &peer, echo_in_tls, &device);
    struct rv_tls_identity identity = identity_for(&other);
    assert_fails(rv_stream_start_tls(stream, &identity, 5000, &err), &err, RV_E_CORRUPT);
    hung_up(&ctx, &peer, stream);
}

static void say_rubbish(struct peer *peer, int fd)
{
    (void)peer;
    peer_write(fd, "HTTP/1.0 400 no\r\n\r\n", 19);
    peer_drain(fd);
}

static void handshakes_that_fail_leave_a_stream_that_can_be_freed(void **state)
{
    (void)state;
    static const struct {
        peer_fn *run;
        enum rv_code code;
    } rows[] = { { say_rubbish, RV_E_PROTOCOL }, { say_nothing, RV_E_TIMEOUT }, { say_and_go, RV_E_GONE } };
    struct rv_tls_identity identity = identity_for(&device);
    for (size_t i = 0; i < RV_COUNT(rows); i++) {
        struct rv_ctx ctx;
        struct peer peer;
        struct rv_error err = { 0 };
        struct rv_stream *stream = dialled(&ctx, &peer, rows[i].run, NULL);
        assert_false(rv_stream_start_tls(stream, &identity, 100, &err));
        if (rows[i].run != say_and_go) /* there the rubbish and the end may be seen in either order */
            assert_string_equal(rv_code_name(err.code), rv_code_name(rows[i].code));
        hung_up(&ctx, &peer, stream);
    }
    struct rv_tls_identity broken = { .certificate_pem = RV_SPAN_TEXT("no pem"), .key_pem = RV_SPAN_TEXT("none") };
    struct rv_ctx ctx;
    struct peer peer;
    struct rv_error err = { 0 };
    struct rv_stream *stream = dialled(&ctx, &peer, say_nothing, NULL);
    assert_fails(rv_stream_start_tls(stream, &broken, 100, &err), &err, RV_E_FORMAT);
    hung_up(&ctx, &peer, stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_in_pieces_is_read_whole),
        cmocka_unit_test(what_came_before_a_timeout_is_there_for_the_next_call),
        cmocka_unit_test(an_end_in_the_middle_is_gone_and_an_end_between_is_an_end),
        cmocka_unit_test(a_peer_that_takes_nothing_makes_a_send_time_out),
        cmocka_unit_test(a_send_to_a_peer_that_left_is_gone_and_no_signal),
        cmocka_unit_test(a_cancel_wakes_a_reader),
        cmocka_unit_test(a_shutdown_from_another_thread_wakes_a_reader),
        cmocka_unit_test(tls_is_spoken_with_new_and_with_old_devices),
        cmocka_unit_test(a_device_with_another_key_is_not_believed),
        cmocka_unit_test(handshakes_that_fail_leave_a_stream_that_can_be_freed),
    };
    return cmocka_run_group_tests(tests, devices_make, devices_drop);
}
