/* SPDX-License-Identifier: Apache-2.0 */
/* AFC's reading half against a peer that keeps the rules, and one that lies. */
#include "support/rv_test.h"

#include "base/mem.h"
#include "proto/afc.h"

#include <sys/socket.h>
#include <unistd.h>

enum { OP_STATUS = 1, OP_DATA = 2, OP_OPEN_RESULT = 0x0E, HEAD = 40 };

struct peer {
    struct rv_ctx ctx;
    struct rv_afc *afc;
    int fd;
    uint64_t packet;
};

static int connect_peer(void **state)
{
    int ends[2];
    struct rv_error err = { 0 };
    struct peer *p = calloc(1, sizeof *p);
    if (p == NULL || !rv_ctx_init(&p->ctx, &err) || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return -1;
    p->ctx.clock.scale = 0.002; /* a peer that is silent for 30 s is silent for 60 ms here */
    p->fd = ends[1];
    struct rv_stream *stream = rv_stream_take_fd(&p->ctx, ends[0], &err);
    p->afc = stream != NULL ? rv_afc_take(stream, &err) : NULL;
    *state = p;
    return p->afc != NULL ? 0 : -1;
}

static int hang_up(void **state)
{
    struct peer *p = *state;
    rv_afc_free(p->afc);
    if (p->fd >= 0)
        close(p->fd);
    rv_ctx_clear(&p->ctx);
    free(p);
    return 0;
}

/* Answers lie ready in the socket before the question comes. */
static void ready(struct peer *p, uint64_t operation, const void *body, size_t len)
{
    uint8_t head[HEAD] = "CFA6LPAA";
    rv_put_u64le(head + 8, HEAD + len);
    rv_put_u64le(head + 16, HEAD + len);
    rv_put_u64le(head + 24, ++p->packet);
    rv_put_u64le(head + 32, operation);
    assert_int_equal(write(p->fd, head, sizeof head), HEAD);
    assert_int_equal(write(p->fd, body, len), len);
}

static void names_come_without_the_folder_itself(void **state)
{
    struct peer *p = *state;
    struct rv_error err = { 0 };
    static const char names[] = ".\0..\0a.ips\0Retired\0cut"; /* the last one lacks its NUL */
    ready(p, OP_DATA, names, sizeof names - 1);
    RV_AUTO(rv_blob) list = rv_afc_list(p->afc, "/", &err);
    assert_non_null(list);
    assert_int_equal(list->len, sizeof "a.ips" + sizeof "Retired");
    assert_string_equal((char *)list->data, "a.ips");
    assert_string_equal((char *)list->data + sizeof "a.ips", "Retired");
}

static bool gather(void *context, struct rv_span bytes, struct rv_error *err)
{
    return rv_buf_add(context, bytes, err);
}

static void a_file_is_known_and_read_in_pieces(void **state)
{
    struct peer *p = *state;
    struct rv_error err = { 0 };
    struct rv_afc_info info;
    static const char told[] = "st_size\0"
                               "7\0st_ifmt\0S_IFREG\0st_mtime\0"
                               "1700000000000000000";
    ready(p, OP_DATA, told, sizeof told);
    assert_works(rv_afc_info(p->afc, "/a", &info, &err), &err);
    assert_true(info.file && !info.folder && info.size == 7 && info.modified_s == 1700000000);
    ready(p, OP_OPEN_RESULT, "\5\0\0\0\0\0\0\0", 8);
    ready(p, OP_DATA, "abc", 3);
    ready(p, OP_DATA, "defg", 4);
    ready(p, OP_DATA, "", 0);
    ready(p, OP_STATUS, "\0\0\0\0\0\0\0\0", 8);
    RV_AUTO_CLEAR(rv_buf) all = RV_BUF(100);
    assert_works(rv_afc_read(p->afc, "/a", gather, &all, &err), &err);
    assert_int_equal(all.len, 7);
    assert_memory_equal(all.data, "abcdefg", 7);
}

static void a_refusal_has_words(void **state)
{
    struct peer *p = *state;
    struct rv_error err = { 0 };
    ready(p, OP_STATUS, "\10\0\0\0\0\0\0\0", 8);
    assert_fails(rv_afc_list(p->afc, "/gone", &err) != NULL, &err, RV_E_NOT_FOUND);
    assert_non_null(strstr(err.text[0], "no such file"));
    err = (struct rv_error){ 0 };
    ready(p, OP_STATUS, "\12\0\0\0\0\0\0\0", 8);
    assert_fails(rv_afc_list(p->afc, "/", &err) != NULL, &err, RV_E_REFUSED);
}

static void lying_headers_are_refused(void **state)
{
    struct peer *p = *state;
    static const struct {
        size_t at;
        uint8_t byte;
    } lies[] = { { 0, 'X' }, { 8, 10 }, { 14, 0xFF }, { 16, 0xFF }, { 24, 99 }, { 32, 77 } };
    for (size_t i = 0; i < RV_COUNT(lies); i++) {
        void *own = NULL;
        assert_int_equal(connect_peer(&own), 0);
        struct peer *q = own;
        struct rv_error err = { 0 };
        uint8_t head[HEAD] = "CFA6LPAA";
        head[8] = head[16] = HEAD;
        head[24] = 1;
        head[32] = OP_DATA;
        head[lies[i].at] = lies[i].byte;
        assert_int_equal(write(q->fd, head, sizeof head), HEAD);
        RV_AUTO(rv_blob) list = rv_afc_list(q->afc, "/", &err);
        if (list != NULL || (err.code != RV_E_PROTOCOL && err.code != RV_E_LIMIT))
            fail_msg("lie %zu: %s", i, rv_code_name(err.code));
        hang_up(&own);
    }
    (void)p;
}

static void silence_and_a_cut_are_told_apart(void **state)
{
    struct peer *p = *state;
    struct rv_error err = { 0 };
    assert_fails(rv_afc_list(p->afc, "/", &err) != NULL, &err, RV_E_TIMEOUT);
    err = (struct rv_error){ 0 };
    assert_int_equal(write(p->fd, "CFA6LP", 6), 6);
    close(p->fd);
    p->fd = -1;
    assert_fails(rv_afc_list(p->afc, "/", &err) != NULL, &err, RV_E_GONE);
}

#define PEER_TEST(test) cmocka_unit_test_setup_teardown(test, connect_peer, hang_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEER_TEST(names_come_without_the_folder_itself),
        PEER_TEST(a_file_is_known_and_read_in_pieces),
        PEER_TEST(a_refusal_has_words),
        PEER_TEST(lying_headers_are_refused),
        PEER_TEST(silence_and_a_cut_are_told_apart),
    };
    return cmocka_run_group_tests_name("proto/afc", tests, NULL, NULL);
}
