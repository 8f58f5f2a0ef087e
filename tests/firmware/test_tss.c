/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/file.h"
#include "base/text.h"
#include "firmware/choose.h"
#include "firmware/tss.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

enum { FILE_CAP = 32 << 20 };

static plist_t load_shared(const char *leaf)
{
    struct rv_error err = { 0 };
    char path[4096];
    if (test_shared(leaf, path, sizeof path) == NULL)
        return NULL;
    RV_AUTO(rv_blob) file = rv_file_read(path, FILE_CAP, &err);
    assert_fine(file != NULL);
    plist_t p = rv_plist_parse(rv_blob_span(file), &err);
    assert_fine(p != NULL);
    return p;
}

static void the_rules_of_a_real_identity_give_the_known_counts(void **state)
{
    (void)state;
    RV_AUTO_PLIST manifest = load_shared("data/firmware/buildmanifest/iPhone13,2_13,3_26.2.1_23C71.plist");
    if (manifest == NULL)
        skip();
    struct rv_tss_mode mode = RV_TSS_CUSTOMER;
    plist_t identity = plist_array_get_item(rv_plist_array(manifest, "BuildIdentities"), 0);
    unsigned both = 0, nothing = 0;
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = rv_plist_dict(identity, "Manifest") };
    while (rv_plist_walk(&walk)) {
        RV_AUTO_PLIST entry = plist_new_dict();
        rv_tss_apply_rules(entry, rv_plist_array(rv_plist_dict(walk.value, "Info"), "RestoreRequestRules"), &mode);
        if (rv_plist_bool(entry, "EPRO", false) && rv_plist_bool(entry, "ESEC", false))
            both++;
        else if (plist_dict_get_size(entry) == 0)
            nothing++;
        else
            fail_msg("%s got something else", walk.key);
    }
    assert_int_equal(both, 57);
    assert_int_equal(nothing, 34);
}

static plist_t rule(const char *condition, bool value, const char *action, bool result)
{
    plist_t r = plist_new_dict(), conditions = plist_new_dict(), actions = plist_new_dict();
    plist_dict_set_item(conditions, condition, plist_new_bool(value));
    plist_dict_set_item(actions, action, plist_new_bool(result));
    plist_dict_set_item(r, "Conditions", conditions);
    plist_dict_set_item(r, "Actions", actions);
    return r;
}

static void later_rules_win_and_unknown_conditions_are_never_met(void **state)
{
    (void)state;
    struct rv_tss_mode mode = RV_TSS_CUSTOMER;
    RV_AUTO_PLIST rules = plist_new_array(), entry = plist_new_dict();
    plist_array_append_item(rules, rule("ApRawProductionMode", true, "EPRO", false));
    plist_array_append_item(rules, rule("ApRequiresImage4", true, "EPRO", true));
    plist_array_append_item(rules, rule("ApDemotionPolicyOverride", true, "DPRO", true));
    plist_array_append_item(rules, rule("ApSomethingNew", false, "XPRO", true));
    plist_array_append_item(rules, rule("ApRawSecurityMode", false, "ESEC", true));
    plist_t odd = rule("ApRawSecurityMode", true, "EKEY", true);
    plist_dict_set_item(rv_plist_dict(odd, "Actions"), "EPRO", plist_new_uint(255));
    plist_array_append_item(rules, odd);
    assert_true(rv_tss_apply_rules(entry, rules, &mode));
    assert_true(rv_plist_bool(entry, "EPRO", false));
    assert_true(rv_plist_bool(entry, "EKEY", false));
    assert_int_equal(plist_dict_get_size(entry), 2);
    assert_false(rv_tss_apply_rules(entry, NULL, &mode));
}

/* ---- requests of real identities ---- */

static const struct {
    const char *leaf, *model;
    bool image4;
    const char *must[10], *must_not[8];
} samples[] = {
    { "iPhone10,3_iPhone10,6_11.2_15C114",
      "d221ap",
      true,
      { "@ApImg4Ticket", "SepNonce", "ApSecurityMode", "PearlCertificationRootPub", "OS", "ftap", "AOP", "iBSS" },
      { "@APTicket", "BasebandFirmware", "SE,UpdatePayload", "Savage,B0-Prod-Patch", "Ap,ProductType" } },
    { "iPhone13,2_13,3_26.2.1_23C71",
      "d53gap",
      true,
      { "@ApImg4Ticket", "Ap,OSLongVersion", "Ap,ProductType", "Ap,TargetType", "OS", "SystemVolume", "rfta" },
      { "Rap,RTKitOS", "SE,RapRTKitOS", "BMU,DigestMap", "eUICC,Gold", "Ap,Timestamp" } },
    { "iPhone9,1_9,3_10,1_10,4_15.4_19E241",
      "d101ap",
      true,
      { "@ApImg4Ticket", "SystemVolume", "StaticTrustCache", "RestoreTrustCache" },
      { "BasebandFirmware", "SE,UpdatePayload" } },
    { "iPhone3,1_7.1.2_11D257",
      "n90ap",
      false,
      { "@APTicket", "iBSS", "KernelCache", "RestoreRamDisk" },
      { "@ApImg4Ticket", "ApSecurityMode", "SepNonce", "BasebandFirmware" } },
};

static void the_request_for_each_sample_has_the_right_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < RV_COUNT(samples); i++) {
        char leaf[256];
        struct rv_error err = { 0 };
        snprintf(leaf, sizeof leaf, "data/firmware/buildmanifest/%s.plist", samples[i].leaf);
        RV_AUTO_PLIST manifest = load_shared(leaf);
        if (manifest == NULL)
            skip();
        struct rv_target target = { .hardware_model = samples[i].model,
                                    .ecid = 0x1234,
                                    .ap_nonce = RV_SPAN_TEXT("nonce nonce nonce nonce nonce no"),
                                    .sep_nonce = RV_SPAN_TEXT("nonce nonce nonce no") };
        plist_t identity = rv_manifest_choose(manifest, &target, RV_BEHAVIOR_ERASE, &err);
        assert_fine(identity != NULL);
        RV_AUTO_PLIST request = rv_tss_request_ap(identity, &target, &err);
        assert_fine(request != NULL);
        uint64_t number = 0;
        assert_true(rv_plist_uint(request, "ApECID", &number) && number == 0x1234);
        assert_true(rv_plist_uint(request, "ApChipID", &number)); /* an integer, not the manifest's text */
        assert_true(rv_plist_uint(request, "ApBoardID", &number));
        assert_true(rv_plist_uint(request, "ApSecurityDomain", &number) && number == 1);
        assert_int_equal(rv_plist_data(request, "UniqueBuildID").len, 20);
        for (size_t k = 0; samples[i].must[k] != NULL; k++) {
            if (rv_plist_node(request, samples[i].must[k]) == NULL)
                fail_msg("%s: no %s", samples[i].leaf, samples[i].must[k]);
        }
        for (size_t k = 0; samples[i].must_not[k] != NULL; k++) {
            if (rv_plist_node(request, samples[i].must_not[k]) != NULL)
                fail_msg("%s: has %s", samples[i].leaf, samples[i].must_not[k]);
        }
        RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = request };
        while (rv_plist_walk(&walk)) {
            if (!PLIST_IS_DICT(walk.value))
                continue;
            assert_null(rv_plist_node(walk.value, "Info"));
            if (samples[i].image4 && !rv_plist_bool(walk.value, "EPRO", false))
                fail_msg("%s: %s without EPRO", samples[i].leaf, walk.key);
        }
        if (rv_plist_dict(request, "ftap") != NULL) {
            struct rv_span digest = rv_plist_data(rv_plist_dict(request, "ftap"), "Digest");
            assert_true(digest.ptr != NULL && digest.len == 0);
        }
    }
}

static void a_request_without_ecid_or_nonce_is_not_made(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    RV_AUTO_PLIST identity = plist_new_dict();
    plist_dict_set_item(identity, "ApChipID", plist_new_string("0x8015"));
    struct rv_target none = { .ecid = 0 }, no_nonce = { .ecid = 5 };
    assert_null(rv_tss_request_ap(identity, &none, &err));
    assert_true(test_error_says(&err, "ECID is not known"));
    assert_null(rv_tss_request_ap(identity, &no_nonce, &err));
    assert_true(test_error_says(&err, "nonce"));
}

/* ---- replies ---- */

static bool parse(const char *text, struct rv_tss_reply *reply, struct rv_error *err)
{
    return rv_tss_reply_parse(rv_span(text, strlen(text)), reply, err);
}

static void replies_are_read_as_the_server_writes_them(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    struct rv_tss_reply reply;
    assert_fine(
        parse("STATUS=0&MESSAGE=SUCCESS&REQUEST_STRING=<?xml version=\"1.0\"?><plist version=\"1.0\"><dict>"
              "<key>ApImg4Ticket</key><data>AAAA</data><key>a</key><string>x&amp;STATUS=9</string></dict></plist>",
              &reply, &err));
    assert_int_equal(reply.status, 0);
    assert_string_equal(reply.message, "SUCCESS");
    assert_int_equal(rv_plist_data(reply.answer, "ApImg4Ticket").len, 3);
    rv_plist_auto(&reply.answer);
    assert_fine(parse("STATUS=94&MESSAGE=This device isn't eligible for the requested build.", &reply, &err));
    assert_int_equal(reply.status, 94);
    assert_string_equal(reply.message, "This device isn't eligible for the requested build.");
    assert_null(reply.answer);
    assert_fine(parse("MESSAGE=x\x1b[31m&STATUS=126", &reply, &err));
    assert_string_equal(reply.message, "x?[31m");
}

static void what_is_no_reply_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "<html>Sign in to this network</html>",
        "STATUS=",
        "STATUS=abc&MESSAGE=x",
        "STATUS=-1",
        "STATUS=99999999999999999999",
        "STATUS=0&MESSAGE=SUCCESS",
        "STATUS=0&MESSAGE=SUCCESS&REQUEST_STRING=",
        "STATUS=0&MESSAGE=SUCCESS&REQUEST_STRING=<?xml version=\"1.0\"?><plist version=\"1.0\"><dict>",
        "STATUS=0&MESSAGE=SUCCESS&REQUEST_STRING=<?xml version=\"1.0\"?><plist "
        "version=\"1.0\"><string>a</string></plist>",
        "REQUEST_STRING=<?xml?>&STATUS=0",
    };
    for (size_t i = 0; i < RV_COUNT(wrong); i++) {
        struct rv_error err = { 0 };
        struct rv_tss_reply reply = { .status = 77 };
        assert_false(parse(wrong[i], &reply, &err));
        assert_true(err.depth > 0);
        assert_int_equal(reply.status, 77);
    }
}

static void the_common_refusals_have_words(void **state)
{
    (void)state;
    static const long known[] = { 0, 5, 8, 49, 69, 94, 100, 126, 128, 133, 511, 551, 5000 };
    for (size_t i = 0; i < RV_COUNT(known); i++)
        assert_non_null(rv_tss_status_words(known[i]));
    assert_null(rv_tss_status_words(12345));
}

/* ---- over the network ---- */

struct server {
    int fd;
    unsigned port;
    const char *const *replies; /* body of each answer; NULL: hang up without one */
    unsigned count, served;
    char last[65536];
};

static void serve_one(struct server *s, int peer)
{
    char buffer[65536];
    size_t used = 0;
    for (;;) {
        ssize_t n = recv(peer, buffer + used, sizeof buffer - 1 - used, 0);
        if (n <= 0)
            return;
        used += (size_t)n;
        buffer[used] = '\0';
        const char *body = strstr(buffer, "\r\n\r\n"), *length = strcasestr(buffer, "content-length:");
        if (body != NULL && length != NULL && used >= (size_t)(body + 4 - buffer) + strtoul(length + 15, NULL, 10))
            break;
    }
    memcpy(s->last, buffer, used + 1);
    const char *text = s->replies[s->served < s->count ? s->served : s->count - 1];
    s->served++;
    if (text == NULL)
        return;
    char head[200];
    int n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                     strlen(text));
    assert_true(send(peer, head, (size_t)n, MSG_NOSIGNAL) == n);
    assert_true(send(peer, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static void *serve(void *context)
{
    struct server *s = context;
    for (;;) {
        int peer = accept(s->fd, NULL, NULL);
        if (peer < 0)
            return NULL;
        serve_one(s, peer);
        close(peer);
    }
}

static plist_t ask_server(struct server *s, struct rv_error *err)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    char url[100];
    pthread_t thread;
    struct rv_ctx ctx = { .log = NULL };
    uint64_t now = 1000;
    test_no_error(rv_cancel_init(&ctx.cancel, err), err);
    rv_clock_fake(&ctx.clock, &now);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    getsockname(s->fd, (struct sockaddr *)&at, &len);
    assert_int_equal(pthread_create(&thread, NULL, serve, s), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/TSS/controller?action=2", ntohs(at.sin_port));
    ctx.settings.apple_tss = url;
    RV_AUTO_PLIST request = plist_new_dict();
    plist_dict_set_item(request, "@BBTicket", plist_new_bool(1));
    plist_t answer = rv_tss_ask(&ctx, request, err);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(s->fd);
    rv_cancel_clear(&ctx.cancel);
    return answer;
}

#define GOOD                                                                                                           \
    "STATUS=0&MESSAGE=SUCCESS&REQUEST_STRING=<?xml version=\"1.0\"?><plist version=\"1.0\"><dict>"                     \
    "<key>BBTicket</key><data>AAAA</data></dict></plist>"

static void an_answer_comes_back_and_the_request_was_complete(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static const char *const replies[] = { GOOD };
    static struct server s;
    s = (struct server){ .replies = replies, .count = 1 };
    RV_AUTO_PLIST answer = ask_server(&s, &err);
    assert_fine(answer != NULL);
    assert_int_equal(rv_plist_data(answer, "BBTicket").len, 3);
    assert_int_equal(s.served, 1);
    static const char *const parts[] = { "POST /TSS/controller?action=2",
                                         "InetURL/1.0",
                                         "text/xml",
                                         "@HostPlatformInfo",
                                         "libauthinstall-",
                                         "@UUID",
                                         "@BBTicket" };
    for (size_t i = 0; i < RV_COUNT(parts); i++)
        assert_non_null(strstr(s.last, parts[i]));
}

static void a_lost_answer_is_asked_for_again(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static const char *const replies[] = { NULL, "<html>502</html>", GOOD };
    static struct server s;
    s = (struct server){ .replies = replies, .count = 3 };
    RV_AUTO_PLIST answer = ask_server(&s, &err);
    assert_fine(answer != NULL);
    assert_true(s.served >= 3);
}

static void a_refusal_is_final_and_carries_its_number(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static const char *const replies[] = { "STATUS=94&MESSAGE=This device isn't eligible for the requested build." };
    static struct server s;
    s = (struct server){ .replies = replies, .count = 1 };
    assert_null(ask_server(&s, &err));
    assert_int_equal(s.served, 1);
    assert_int_equal(err.code, RV_E_UNSIGNED);
    assert_int_equal(err.apple, 3194);
    assert_true(test_error_says(&err, "STATUS=94"));
    assert_true(test_error_says(&err, "Apple no longer signs this version"));
}

static void a_server_that_never_answers_ends_in_a_network_error(void **state)
{
    (void)state;
    struct rv_error err = { 0 };
    static const char *const replies[] = { NULL };
    static struct server s;
    s = (struct server){ .replies = replies, .count = 1 };
    assert_null(ask_server(&s, &err));
    assert_int_equal(err.code, RV_E_NETWORK);
    assert_true(s.served >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_of_a_real_identity_give_the_known_counts),
        cmocka_unit_test(later_rules_win_and_unknown_conditions_are_never_met),
        cmocka_unit_test(the_request_for_each_sample_has_the_right_keys),
        cmocka_unit_test(a_request_without_ecid_or_nonce_is_not_made),
        cmocka_unit_test(replies_are_read_as_the_server_writes_them),
        cmocka_unit_test(what_is_no_reply_is_refused_with_a_reason),
        cmocka_unit_test(the_common_refusals_have_words),
        cmocka_unit_test(an_answer_comes_back_and_the_request_was_complete),
        cmocka_unit_test(a_lost_answer_is_asked_for_again),
        cmocka_unit_test(a_refusal_is_final_and_carries_its_number),
        cmocka_unit_test(a_server_that_never_answers_ends_in_a_network_error),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("firmware/tss", tests, NULL, NULL);
}
