/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP(S) against loopback servers that answer, cut, flood, fall silent, or show a stranger's certificate. */
#include "transport/peer.h"

#include "crypto/pair_certs.h"
#include "transport/http.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>

struct site {
    const char *answer;
    bool silent, flood;
    char head[4096];
    SSL_CTX *tls;
};

static void read_head(int fd, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    while (at + 1 < size && strstr(out, "\r\n\r\n") == NULL && peer_read(fd, out + at, 1))
        out[++at] = '\0';
    const char *length = strstr(out, "Content-Length: ");
    char sink;
    for (long left = length == NULL ? 0 : strtol(length + 16, NULL, 10); left > 0; left--)
        if (!peer_read(fd, &sink, 1))
            break;
}

static void serve(struct peer *peer, int fd)
{
    struct site *site = peer->own;
    read_head(fd, site->head, sizeof site->head);
    if (site->answer != NULL)
        peer_write(fd, site->answer, strlen(site->answer));
    static char block[65536];
    while (site->flood && peer_write(fd, block, sizeof block))
        continue;
    while (site->silent && !peer->stop) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char sink;
        if (poll(&p, 1, 20) > 0 && !peer_read(fd, &sink, 1))
            break;
    }
}

static void serve_tls(struct peer *peer, int fd)
{
    struct site *site = peer->own;
    SSL *ssl = SSL_new(site->tls);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        char head[2048];
        SSL_read(ssl, head, sizeof head);
        SSL_write(ssl, site->answer, (int)strlen(site->answer));
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}

struct stage {
    struct rv_ctx ctx;
    struct peer peer;
    struct site site;
    char url[64];
};

static void stage_open(struct stage *stage, const char *answer, peer_fn *run)
{
    memset(stage, 0, sizeof *stage);
    peer_ctx(&stage->ctx);
    stage->site.answer = answer;
    peer_listen(&stage->peer, NULL, run, &stage->site);
    snprintf(stage->url, sizeof stage->url, "http%s://127.0.0.1:%d/TSS?action=2", run == serve_tls ? "s" : "",
             stage->peer.port);
}

static void stage_close(struct stage *stage)
{
    peer_end(&stage->peer);
    rv_cancel_clear(&stage->ctx.cancel);
}

static bool ask(struct stage *stage, const char *body, size_t cap, uint32_t timeout_ms, struct rv_http_reply *reply,
                struct rv_error *err)
{
    static const char *const headers[] = { "X-Test: yes", NULL };
    struct rv_http_request request = { .url = stage->url,
                                       .body = rv_span(body, body != NULL ? strlen(body) : 0),
                                       .headers = headers,
                                       .user_agent = "InetURL/1.0",
                                       .reply_cap_bytes = cap,
                                       .timeout_ms = timeout_ms };
    return rv_http_do(&stage->ctx, &request, reply, err);
}

static void a_post_carries_its_body_and_headers_and_any_status_is_an_answer(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    struct rv_http_reply reply = { 0 };
    stage_open(&s, "HTTP/1.1 403 No\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope", serve);
    assert_works(ask(&s, "STATUS=?", 1000, 5000, &reply, &err), &err);
    assert_int_equal(reply.status, 403);
    assert_int_equal(reply.body->len, 4);
    assert_memory_equal(reply.body->data, "nope", 4);
    assert_non_null(strstr(s.site.head, "POST /TSS?action=2"));
    assert_non_null(strstr(s.site.head, "X-Test: yes"));
    assert_non_null(strstr(s.site.head, "InetURL/1.0"));
    rv_http_reply_clear(&reply);
    assert_works(ask(&s, NULL, 1000, 5000, &reply, &err), &err);
    assert_non_null(strstr(s.site.head, "GET /TSS?action=2"));
    rv_http_reply_clear(&reply);
    stage_close(&s);
}

static void a_server_that_is_not_there_is_a_matter_of_the_network(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    struct rv_http_reply reply = { 0 };
    stage_open(&s, "", serve);
    snprintf(s.url, sizeof s.url, "http://127.0.0.1:1/");
    assert_fails(ask(&s, "x", 1000, 5000, &reply, &err), &err, RV_E_NETWORK);
    snprintf(s.url, sizeof s.url, "http://no-such-host.invalid/");
    assert_fails(ask(&s, "x", 1000, 5000, &reply, &err), &err, RV_E_NETWORK);
    snprintf(s.url, sizeof s.url, "file:///etc/passwd");
    assert_fails(ask(&s, NULL, 100000, 5000, &reply, &err), &err, RV_E_NETWORK);
    stage_close(&s);
}

static void an_answer_that_is_cut_is_no_answer(void **state)
{
    (void)state;
    static const char *const cut[] = { "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort" };
    for (size_t i = 0; i < RV_COUNT(cut); i++) {
        struct stage s;
        struct rv_error err = { 0 };
        struct rv_http_reply reply = { 0 };
        stage_open(&s, cut[i], serve);
        bool ok = ask(&s, "x", 1000, 5000, &reply, &err);
        rv_http_reply_clear(&reply);
        stage_close(&s);
        if (i == 1)
            continue; /* a bare status line is all that an old server may say */
        assert_false(ok);
        assert_string_equal(rv_code_name(err.code), "NETWORK");
    }
}

static void a_flood_is_stopped_at_the_cap(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    struct rv_http_reply reply = { 0 };
    stage_open(&s, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", serve);
    s.site.flood = true;
    assert_fails(ask(&s, "x", 100000, 5000, &reply, &err), &err, RV_E_LIMIT);
    stage_close(&s);
}

static void a_server_that_falls_silent_is_left(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    struct rv_http_reply reply = { 0 };
    stage_open(&s, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin", serve);
    s.site.silent = true;
    assert_fails(ask(&s, "x", 1000, 1000, &reply, &err), &err, RV_E_NETWORK);
    assert_non_null(strstr(err.text[0], "silent"));
    stage_close(&s);
}

static void *cancel_soon(void *context)
{
    poll(NULL, 0, 50);
    rv_cancel_ask(&((struct rv_ctx *)context)->cancel);
    return NULL;
}

static void a_cancel_ends_a_request(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    struct rv_http_reply reply = { 0 };
    pthread_t thread;
    stage_open(&s, NULL, serve);
    s.site.silent = true;
    pthread_create(&thread, NULL, cancel_soon, &s.ctx);
    assert_fails(ask(&s, "x", 1000, 60000, &reply, &err), &err, RV_E_CANCELLED);
    pthread_join(thread, NULL);
    stage_close(&s);
}

/* A certificate that nobody trusts: any will do, a pair record's host certificate is one. */
static SSL_CTX *stranger(void)
{
    struct rv_error err = { 0 };
    struct rv_pair_certs certs;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    PEM_write_bio_PUBKEY(bio, key);
    long len = BIO_get_mem_data(bio, &pem);
    assert_works(rv_pair_certs_make(rv_span(pem, (size_t)len), &certs, &err), &err);
    BIO_free(bio);
    EVP_PKEY_free(key);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *certificate = BIO_new_mem_buf(certs.host_certificate->data, (int)certs.host_certificate->len);
    BIO *secret = BIO_new_mem_buf(certs.host_key->data, (int)certs.host_key->len);
    X509 *x = PEM_read_bio_X509(certificate, NULL, NULL, NULL);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(secret, NULL, NULL, NULL);
    SSL_CTX_use_certificate(ctx, x);
    SSL_CTX_use_PrivateKey(ctx, k);
    X509_free(x);
    EVP_PKEY_free(k);
    BIO_free(certificate);
    BIO_free(secret);
    rv_pair_certs_clear(&certs);
    return ctx;
}

static void a_strangers_certificate_is_refused_with_its_own_advice(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    struct rv_http_reply reply = { 0 };
    stage_open(&s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", serve_tls);
    s.site.tls = stranger();
    assert_fails(ask(&s, "x", 1000, 5000, &reply, &err), &err, RV_E_NETWORK);
    assert_int_equal(err.advice, RV_ADVICE_NOT_APPLE_TLS);
    stage_close(&s);
    SSL_CTX_free(s.site.tls);
}

struct told {
    char text[512];
};

static void note_header(void *context, const char *name, const char *value)
{
    struct told *told = context;
    size_t at = strlen(told->text);
    snprintf(told->text + at, sizeof told->text - at, "%s=%s;", name, value);
}

static void the_headers_of_an_answer_are_told_in_order(void **state)
{
    (void)state;
    struct stage s;
    struct rv_error err = { 0 };
    struct told told = { "" };
    struct rv_http_reply reply = { 0 };
    stage_open(&s,
               "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\nContent-Type: x/y\r\nConnection: close\r\n\r\nok",
               serve);
    struct rv_http_request request = {
        .url = s.url, .reply_cap_bytes = 100, .header = note_header, .header_context = &told
    };
    assert_works(rv_http_do(&s.ctx, &request, &reply, &err), &err);
    assert_int_equal(reply.status, 206);
    assert_string_equal(told.text, "Content-Length=2;Content-Type=x/y;Connection=close;");
    rv_http_reply_clear(&reply);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_carries_its_body_and_headers_and_any_status_is_an_answer),
        cmocka_unit_test(a_server_that_is_not_there_is_a_matter_of_the_network),
        cmocka_unit_test(an_answer_that_is_cut_is_no_answer),
        cmocka_unit_test(a_flood_is_stopped_at_the_cap),
        cmocka_unit_test(a_server_that_falls_silent_is_left),
        cmocka_unit_test(the_headers_of_an_answer_are_told_in_order),
        cmocka_unit_test(a_cancel_ends_a_request),
        cmocka_unit_test(a_strangers_certificate_is_refused_with_its_own_advice),
    };
    /* A proxy of this computer must not stand between the test and its own server. */
    setenv("NO_PROXY", "*", 1);
    setenv("no_proxy", "*", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
