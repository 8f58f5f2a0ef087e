/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rv_test.h"

#include "proto/plist_frame.h"
#include "proto/restored.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* The peer answers each request with the next of these, framed; NULL: it leaves. */
struct peer {
    struct rv_ctx ctx;
    int fd;
    const char *const *answers;
    plist_t requests[8];
    size_t count;
    pthread_t thread;
    struct rv_restored *link;
};

static void *answer(void *context)
{
    struct peer *p = context;
    struct rv_error err = { 0 };
    RV_AUTO(rv_stream) stream = rv_stream_take_fd(&p->ctx, p->fd, &err);
    for (size_t i = 0; i < RV_COUNT(p->requests); i++) {
        plist_t request = rv_plist_receive(stream, 5000, &err);
        if (request == NULL)
            return NULL;
        p->requests[p->count++] = request;
        if (p->answers[i] == NULL)
            return NULL;
        char text[2048];
        int len =
            snprintf(text, sizeof text, "<?xml version=\"1.0\"?><plist version=\"1.0\">%s</plist>", p->answers[i]);
        uint8_t head[4];
        rv_put_u32be(head, (uint32_t)len);
        rv_stream_send(stream, rv_span(head, 4), 5000, &err);
        rv_stream_send(stream, rv_span(text, (size_t)len), 5000, &err);
    }
    return NULL;
}

static void begin(struct peer *p, const char *const *answers)
{
    struct rv_error err = { 0 };
    int pair[2];
    memset(p, 0, sizeof *p);
    assert_works(rv_ctx_init(&p->ctx, &err), &err);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    p->fd = pair[1];
    p->answers = answers;
    p->link = rv_restored_take_stream(&p->ctx, rv_stream_take_fd(&p->ctx, pair[0], &err), &err);
    assert_non_null(p->link);
    assert_int_equal(pthread_create(&p->thread, NULL, answer, p), 0);
}

static void end(struct peer *p)
{
    rv_restored_free(p->link);
    pthread_join(p->thread, NULL);
    for (size_t i = 0; i < p->count; i++)
        plist_free(p->requests[i]);
    rv_ctx_clear(&p->ctx);
}

static void restored_tells_its_protocol_version(void **state)
{
    (void)state;
    static const char *const answers[] = { "<dict><key>Request</key><string>QueryType</string><key>Type</key>"
                                           "<string>com.apple.mobile.restored</string>"
                                           "<key>RestoreProtocolVersion</key><integer>14</integer></dict>",
                                           NULL };
    struct peer p;
    struct rv_error err = { 0 };
    uint64_t version = 0;
    begin(&p, answers);
    assert_works(rv_restored_hello(p.link, &version, &err), &err);
    assert_int_equal(version, 14);
    assert_string_equal(rv_plist_text(p.requests[0], "Request"), "QueryType");
    assert_non_null(rv_plist_text(p.requests[0], "Label"));
    end(&p);
}

static void lockdown_on_the_same_port_is_not_taken_for_it(void **state)
{
    (void)state;
    static const char *const answers[] = { "<dict><key>Type</key><string>com.apple.mobile.lockdown</string></dict>",
                                           NULL };
    struct peer p;
    struct rv_error err = { 0 };
    uint64_t version;
    begin(&p, answers);
    assert_fails(rv_restored_hello(p.link, &version, &err), &err, RV_E_REFUSED);
    end(&p);
}

static void values_come_by_key_or_not_at_all(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "<dict><key>HardwareInfo</key><dict><key>UniqueChipID</key><integer>4660</integer></dict></dict>",
        "<dict><key>Result</key><string>Failure</string><key>Error</key><string>MissingValue</string></dict>",
        "<dict><key>Other</key><true/></dict>", "<array/>", NULL
    };
    struct peer p;
    struct rv_error err = { 0 };
    begin(&p, answers);
    RV_AUTO_PLIST info = rv_restored_value(p.link, "HardwareInfo", &err);
    uint64_t ecid = 0;
    assert_true(rv_plist_uint(info, "UniqueChipID", &ecid));
    assert_int_equal(ecid, 4660);
    assert_string_equal(rv_plist_text(p.requests[0], "QueryKey"), "HardwareInfo");
    assert_fails(rv_restored_value(p.link, "SavedDebugInfo", &err) != NULL, &err, RV_E_NOT_FOUND);
    assert_fails(rv_restored_value(p.link, "SavedDebugInfo", &err) != NULL, &err, RV_E_NOT_FOUND);
    assert_fails(rv_restored_value(p.link, "SavedDebugInfo", &err) != NULL, &err, RV_E_PROTOCOL);
    end(&p);
}

static void start_carries_options_and_version(void **state)
{
    (void)state;
    static const char *const answers[] = { "<dict><key>MsgType</key><string>ProgressMsg</string></dict>", NULL };
    struct peer p;
    struct rv_error err = { 0 };
    begin(&p, answers);
    RV_AUTO_PLIST options = plist_new_dict();
    plist_dict_set_item(options, "FlashNOR", plist_new_bool(1));
    assert_works(rv_restored_start(p.link, options, 14, &err), &err);
    RV_AUTO_PLIST message = rv_restored_receive(p.link, 5000, &err);
    assert_string_equal(rv_plist_text(message, "MsgType"), "ProgressMsg");
    uint64_t version = 0;
    assert_true(rv_plist_uint(p.requests[0], "RestoreProtocolVersion", &version));
    assert_int_equal(version, 14);
    assert_true(rv_plist_bool(rv_plist_dict(p.requests[0], "RestoreOptions"), "FlashNOR", false));
    end(&p);
}

static void a_device_that_reboots_before_it_answers_has_done_so(void **state)
{
    (void)state;
    static const char *const answers[] = { NULL };
    struct peer p;
    struct rv_error err = { 0 };
    begin(&p, answers);
    assert_works(rv_restored_reboot(p.link, &err), &err);
    end(&p);
}

static void a_quiet_moment_is_a_timeout_and_loses_nothing(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_ctx ctx;
    int pair[2];
    assert_works(rv_ctx_init(&ctx, &err), &err);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    RV_AUTO(rv_restored) link = rv_restored_take_stream(&ctx, rv_stream_take_fd(&ctx, pair[0], &err), &err);
    static const char text[] =
        "<plist version=\"1.0\"><dict><key>MsgType</key><string>StatusMsg</string></dict></plist>";
    uint8_t head[4];
    rv_put_u32be(head, sizeof text - 1);
    assert_int_equal(write(pair[1], head, 3), 3); /* not even the whole length */
    assert_fails(rv_restored_receive(link, 20, &err) != NULL, &err, RV_E_TIMEOUT);
    assert_int_equal(write(pair[1], head + 3, 1), 1);
    assert_int_equal(write(pair[1], text, sizeof text - 1), sizeof text - 1);
    RV_AUTO_PLIST message = rv_restored_receive(link, 5000, &err);
    assert_string_equal(rv_plist_text(message, "MsgType"), "StatusMsg");
    close(pair[1]);
    assert_fails(rv_restored_receive(link, 5000, &err) != NULL, &err, RV_E_GONE);
    rv_ctx_clear(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_tells_its_protocol_version),
        cmocka_unit_test(lockdown_on_the_same_port_is_not_taken_for_it),
        cmocka_unit_test(values_come_by_key_or_not_at_all),
        cmocka_unit_test(start_carries_options_and_version),
        cmocka_unit_test(a_device_that_reboots_before_it_answers_has_done_so),
        cmocka_unit_test(a_quiet_moment_is_a_timeout_and_loses_nothing),
    };
    return cmocka_run_group_tests_name("proto/restored", tests, NULL, NULL);
}
