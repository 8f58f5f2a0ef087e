/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the newer request types, given to a peer on the other end of the control connection. */
#include "support/rv_test.h"

#include "base/file.h"
#include "firmware/ipsw.h"
#include "proto/plist_frame.h"
#include "restore/install.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 5000 };

struct talk {
    struct rv_ctx ctx;
    struct rv_restore_options options;
    struct rv_restore restore;
    struct rv_install in;
    struct rv_stream *device; /* our end of what the phone would hold */
};

static plist_t from_xml(const char *body)
{
    char text[4096];
    struct rv_error err = { 0 };
    int len = snprintf(text, sizeof text, "<?xml version=\"1.0\"?><plist version=\"1.0\">%s</plist>", body);
    plist_t p = rv_plist_parse(rv_span(text, (size_t)len), &err);
    assert_non_null(p);
    return p;
}

static const char identity_xml[] =
    "<dict><key>Cryptex1,ChipID</key><string>0xFF10</string>"
    "<key>Info</key><dict><key>DeviceClass</key><string>d53gap</string>"
    "<key>RestoreBehavior</key><string>Update</string><key>Variant</key>"
    "<string>Customer Upgrade Install (IPSW)</string></dict>"
    "<key>Manifest</key><dict>"
    "<key>AOP</key><dict><key>Info</key><dict><key>IsFUDFirmware</key><true/></dict></dict>"
    "<key>DCP</key><dict><key>Info</key><dict><key>IsiBootEANFirmware</key><true/></dict></dict>"
    "<key>GFX</key><dict><key>Info</key><dict><key>IsFUDFirmware</key><true/></dict></dict>"
    "</dict></dict>";

static void begin(struct talk *t)
{
    struct rv_error err = { 0 };
    int pair[2];
    memset(t, 0, sizeof *t);
    assert_works(rv_ctx_init(&t->ctx, &err), &err);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    t->options.behavior = RV_BEHAVIOR_UPDATE;
    t->restore = (struct rv_restore){ .ctx = &t->ctx, .options = &t->options, .identity = from_xml(identity_xml) };
    t->in = (struct rv_install){ .r = &t->restore, .calm = t->ctx };
    assert_works(rv_cancel_init(&t->in.calm.cancel, &err), &err);
    pthread_mutex_init(&t->in.lock, NULL);
    pthread_mutex_init(&t->in.sending, NULL);
    t->in.control = rv_restored_take_stream(&t->ctx, rv_stream_take_fd(&t->ctx, pair[0], &err), &err);
    t->device = rv_stream_take_fd(&t->ctx, pair[1], &err);
    assert_true(t->in.control != NULL && t->device != NULL);
}

static void end(struct talk *t)
{
    rv_aside_end(&t->in);
    rv_restored_free(t->in.control);
    rv_stream_free(t->device);
    rv_plist_auto(&t->in.assets);
    rv_plist_auto(&t->restore.identity);
    pthread_mutex_destroy(&t->in.lock);
    pthread_mutex_destroy(&t->in.sending);
    rv_cancel_clear(&t->in.calm.cancel);
    rv_ctx_clear(&t->ctx);
}

/* The answer to {DataType: type, Arguments: …}, as the device reads it; the caller frees. */
static plist_t ask(struct talk *t, const char *type, const char *arguments)
{
    char text[1024];
    struct rv_error err = { 0 };
    struct rv_request request;
    snprintf(text, sizeof text, "<dict><key>DataType</key><string>%s</string>%s%s</dict>", type,
             arguments == NULL ? "" : "<key>Arguments</key>", arguments == NULL ? "" : arguments);
    RV_AUTO_PLIST message = from_xml(text);
    assert_works(rv_request_read(message, &request, &err), &err);
    assert_works(rv_install_answer(&t->in, &request, &err), &err);
    plist_t reply = rv_plist_receive(t->device, WAIT_MS, &err);
    assert_non_null(reply);
    return reply;
}

static void lists_hold_the_names_with_the_flag_and_no_others(void **state)
{
    (void)state;
    struct talk t;
    begin(&t);
    RV_AUTO_PLIST fud = ask(&t, "FUDData", "<dict><key>FUDImageList</key><true/></dict>");
    plist_t names = rv_plist_array(fud, "FUDImageList");
    assert_int_equal(plist_array_get_size(names), 2);
    assert_string_equal(plist_get_string_ptr(plist_array_get_item(names, 0), NULL), "AOP");
    RV_AUTO_PLIST ean = ask(&t, "PersonalizedData",
                            "<dict><key>ImageList</key><true/>"
                            "<key>ImageType</key><string>IsiBootEANFirmware</string></dict>");
    names = rv_plist_array(ean, "ImageList");
    assert_int_equal(plist_array_get_size(names), 1);
    assert_string_equal(plist_get_string_ptr(plist_array_get_item(names, 0), NULL), "DCP");
    RV_AUTO_PLIST none = ask(&t, "EANData", "<dict><key>EANImageList</key><true/></dict>");
    assert_int_equal(plist_array_get_size(rv_plist_array(none, "EANImageList")), 0);
    end(&t);
}

static void the_build_identity_comes_with_the_variant_asked_for_or_its_own(void **state)
{
    (void)state;
    struct talk t;
    begin(&t);
    RV_AUTO_PLIST own = ask(&t, "BuildIdentityDict", NULL);
    assert_string_equal(rv_plist_text(own, "Variant"), "Update");
    assert_non_null(rv_plist_dict(rv_plist_dict(own, "BuildIdentityDict"), "Manifest"));
    RV_AUTO_PLIST asked = ask(&t, "BuildIdentityDict", "<dict><key>Variant</key><string>Erase</string></dict>");
    assert_string_equal(rv_plist_text(asked, "Variant"), "Erase");
    RV_AUTO_PLIST receipt = ask(&t, "ReceiptManifest", NULL);
    assert_non_null(rv_plist_dict(rv_plist_dict(receipt, "ReceiptManifest"), "AOP"));
    end(&t);
}

static void a_recovery_system_that_the_firmware_lacks_is_a_gap(void **state)
{
    (void)state;
    struct talk t;
    begin(&t);
    t.restore.ipsw = rv_alloc(sizeof *t.restore.ipsw); /* an archive without any other identity */
    RV_AUTO_PLIST reply = ask(&t, "BuildIdentityDict", "<dict><key>IsRecoveryOS</key><true/></dict>");
    assert_int_equal(plist_dict_get_size(reply), 0);
    assert_string_equal(rv_code_name(t.in.unanswered.code), rv_code_name(RV_E_NOT_FOUND));
    rv_ipsw_free(t.restore.ipsw);
    end(&t);
}

/* ---- the recovery system ---- */

static const char two_systems[] =
    "<dict><key>SupportedProductTypes</key><array><string>iPhone17,1</string></array>"
    "<key>ProductVersion</key><string>26.2.1</string><key>ProductBuildVersion</key><string>23C71</string>"
    "<key>BuildIdentities</key><array>"
    "<dict><key>Info</key><dict><key>DeviceClass</key><string>d93ap</string><key>RestoreBehavior</key>"
    "<string>Update</string><key>Variant</key><string>Customer Upgrade Install (IPSW)</string>"
    "<key>RecoveryVariant</key><string>Recovery Customer Install</string></dict>"
    "<key>Manifest</key><dict/></dict>"
    "<dict><key>Info</key><dict><key>DeviceClass</key><string>d93ap</string><key>BuildNumber</key>"
    "<string>23C71</string><key>BuildTrain</key><string>Luck</string><key>Variant</key>"
    "<string>Recovery Customer Install</string></dict>"
    "<key>Manifest</key><dict><key>OS</key><dict><key>Info</key><dict><key>Path</key><string>recovery.dmg</string>"
    "<key>Personalize</key><false/></dict></dict></dict></dict></array></dict>";

static void write_file(const char *folder, const char *leaf, const char *bytes)
{
    char path[300];
    struct rv_error err = { 0 };
    snprintf(path, sizeof path, "%s/%s", folder, leaf);
    assert_works(rv_file_write_atomic(path, rv_span(bytes, strlen(bytes)), 0600, &err), &err);
}

/* The same phone with a firmware that holds a recovery system beside its own. */
static void begin_with_recovery(struct talk *t, void **folder)
{
    char text[4096];
    struct rv_error err = { 0 };
    begin(t);
    assert_int_equal(scratch_make(folder), 0);
    snprintf(text, sizeof text, "<?xml version=\"1.0\"?><plist version=\"1.0\">%s</plist>", two_systems);
    write_file(*folder, "BuildManifest.plist", text);
    write_file(*folder, "recovery.dmg", "a system to recover by");
    t->restore.ipsw = rv_ipsw_open(&t->ctx, *folder, &err);
    assert_works(t->restore.ipsw != NULL, &err);
    plist_t identities = rv_plist_array(rv_ipsw_manifest(t->restore.ipsw), "BuildIdentities");
    rv_plist_auto(&t->restore.identity);
    t->restore.identity = plist_copy(plist_array_get_item(identities, 0));
}

static void end_with_recovery(struct talk *t, void **folder)
{
    rv_ipsw_free(t->restore.ipsw);
    end(t);
    scratch_remove(folder);
}

static void the_recovery_system_tells_its_version_and_gives_its_image(void **state)
{
    (void)state;
    struct talk t;
    void *folder = NULL;
    struct rv_error err = { 0 };
    begin_with_recovery(&t, &folder);
    RV_AUTO_PLIST reply = ask(&t, "RecoveryOSVersionData", NULL);
    RV_AUTO_PLIST version = rv_plist_parse(rv_plist_data(reply, "RecoveryOSVersionData"), &err);
    assert_string_equal(rv_plist_text(version, "BuildNumber"), "23C71");
    assert_string_equal(rv_plist_text(version, "BuildTrain"), "Luck");
    assert_string_equal(rv_plist_text(version, "Variant"), "Recovery Customer Install");
    assert_string_equal(rv_plist_text(version, "ProductMarketingVersion"), "26.2.1");
    RV_AUTO_PLIST piece = ask(&t, "RecoveryOSImage", NULL);
    struct rv_span bytes = rv_plist_data(piece, "FileData");
    assert_int_equal(bytes.len, strlen("a system to recover by"));
    assert_memory_equal(bytes.ptr, "a system to recover by", bytes.len);
    RV_AUTO_PLIST done = rv_plist_receive(t.device, WAIT_MS, &err);
    assert_true(rv_plist_bool(done, "FileDataDone", false));
    assert_int_equal(t.in.unanswered.code, RV_OK);
    end_with_recovery(&t, &folder);
}

static void what_wants_a_ticket_of_the_recovery_systems_own_is_a_gap(void **state)
{
    (void)state;
    static const char *const types[] = { "RecoveryOSFileAssetImage", "RecoveryOSIBootFWFilesImages",
                                         "RecoveryOSLocalPolicy", "RecoveryOSRootTicketData" };
    for (size_t i = 0; i < RV_COUNT(types); i++) {
        struct talk t;
        void *folder = NULL;
        begin_with_recovery(&t, &folder);
        RV_AUTO_PLIST reply = ask(&t, types[i], NULL);
        assert_int_equal(plist_dict_get_size(reply), 0);
        assert_string_equal(rv_code_name(t.in.unanswered.code), rv_code_name(RV_E_UNSUPPORTED));
        end_with_recovery(&t, &folder);
    }
}

static void a_firmware_without_a_recovery_system_says_so_in_the_word_for_it(void **state)
{
    (void)state;
    static const char *const types[] = { "RecoveryOSFileAssetImage", "RecoveryOSIBootFWFilesImages" };
    struct talk t;
    begin(&t);
    t.restore.ipsw = rv_alloc(sizeof *t.restore.ipsw);
    for (size_t i = 0; i < RV_COUNT(types); i++) {
        RV_AUTO_PLIST reply = ask(&t, types[i], NULL);
        assert_true(rv_plist_bool(reply, "RecoveryOSNoAssetFound", false));
    }
    assert_int_equal(t.in.unanswered.code, RV_OK);
    rv_ipsw_free(t.restore.ipsw);
    end(&t);
}

/* ---- the modem ---- */

static void the_modems_state_is_given_back_without_what_only_a_factory_wants(void **state)
{
    (void)state;
    struct talk t;
    void *folder = NULL;
    struct rv_error err = { 0 };
    begin_with_recovery(&t, &folder);
    t.restore.modem_state =
        from_xml("<dict><key>CertID</key><integer>7</integer><key>ChipID</key><integer>225</integer>"
                 "<key>ChipSerialNo</key><data>AQID</data><key>FusingStatus</key><integer>3</integer>"
                 "<key>Nonce</key><data>CQgH</data><key>PkHash</key><data>AAAA</data></dict>");
    RV_AUTO_PLIST options = rv_restore_start_options(&t.restore, &err);
    plist_t told = rv_plist_dict(options, "BBUpdaterState");
    static const char *const kept[] = { "CertID", "ChipID", "ChipSerialNo", "Nonce" };
    for (size_t i = 0; i < RV_COUNT(kept); i++)
        assert_true(
            plist_compare_node_value(rv_plist_node(told, kept[i]), rv_plist_node(t.restore.modem_state, kept[i])));
    assert_int_equal(plist_dict_get_size(told), RV_COUNT(kept));
    struct rv_span nonce = rv_plist_data(options, "BasebandNonce");
    assert_true(rv_span_equal(nonce, RV_SPAN_TEXT("\x09\x08\x07")));
    rv_plist_auto(&t.restore.modem_state);
    RV_AUTO_PLIST without = rv_restore_start_options(&t.restore, &err);
    assert_true(rv_plist_node(without, "BBUpdaterState") == NULL && rv_plist_node(without, "BasebandNonce") == NULL);
    end_with_recovery(&t, &folder);
}

static void what_nobody_can_answer_gets_an_empty_answer_and_is_noted(void **state)
{
    (void)state;
    static const char *const types[] = { "HolographicFWData", "StockholmPostflight", "SourceBootObjectV4" };
    for (size_t i = 0; i < RV_COUNT(types); i++) {
        struct talk t;
        begin(&t);
        RV_AUTO_PLIST reply = ask(&t, types[i], NULL);
        assert_int_equal(plist_get_node_type(reply), PLIST_DICT);
        assert_int_equal(plist_dict_get_size(reply), 0);
        assert_true(t.in.unanswered.code != RV_OK);
        assert_non_null(strstr(t.in.unanswered.text[t.in.unanswered.depth - 1], types[i]));
        end(&t);
    }
}

static void only_apples_servers_are_asked_for_keys(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://wkms-public.apple.com/fcs-keys/x",
        "https://apple.com.example.org/x",
        "https://wkms-public.apple.com@example.org/x",
        "https://example.org/?.apple.com",
        "https://wkms-public.apple.com:8443/fcs-keys/x",
        "https://example.org\\.apple.com/x",
        "file:///etc/passwd",
        "https://notapple.com/x",
    };
    for (size_t i = 0; i < RV_COUNT(urls); i++) {
        struct talk t;
        char arguments[400];
        begin(&t);
        snprintf(arguments, sizeof arguments,
                 "<dict><key>RequestMethod</key><string>GET</string><key>RequestURL</key><string>%s</string></dict>",
                 urls[i]);
        RV_AUTO_PLIST reply = ask(&t, "URLAsset", arguments);
        assert_int_equal(plist_dict_get_size(reply), 0);
        assert_string_equal(rv_code_name(t.in.unanswered.code), rv_code_name(RV_E_REFUSED));
        end(&t);
    }
}

static void a_method_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct talk t;
    begin(&t);
    RV_AUTO_PLIST reply = ask(&t, "URLAsset",
                              "<dict><key>RequestMethod</key><string>DELETE</string><key>RequestURL</key>"
                              "<string>https://wkms-public.apple.com/fcs-keys/x</string></dict>");
    assert_int_equal(plist_dict_get_size(reply), 0);
    assert_string_equal(rv_code_name(t.in.unanswered.code), rv_code_name(RV_E_UNSUPPORTED));
    end(&t);
}

/* A mirror of Apple's servers for one request, which it keeps. */
struct mirror {
    int listener;
    char request[2048];
};

static void *serve_once(void *context)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Kind: key\r\nConnection: close\r\n\r\nthe key";
    struct mirror *mirror = context;
    int fd = accept(mirror->listener, NULL, NULL);
    size_t at = 0;
    ssize_t n = 1;
    while (n > 0 && at + 1 < sizeof mirror->request && strstr(mirror->request, "which key?") == NULL) {
        n = recv(fd, mirror->request + at, sizeof mirror->request - 1 - at, 0);
        at += n > 0 ? (size_t)n : 0;
    }
    (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static void a_key_is_asked_for_by_post_with_the_devices_own_words(void **state)
{
    (void)state;
    struct talk t;
    struct mirror mirror = { .listener = socket(AF_INET, SOCK_STREAM, 0) };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof at;
    pthread_t thread;
    char url[64];
    begin(&t);
    assert_int_equal(bind(mirror.listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(mirror.listener, 1), 0);
    assert_int_equal(getsockname(mirror.listener, (struct sockaddr *)&at, &size), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/TSS", ntohs(at.sin_port));
    t.in.calm.settings.apple_tss = url;
    assert_int_equal(pthread_create(&thread, NULL, serve_once, &mirror), 0);
    RV_AUTO_PLIST reply =
        ask(&t, "StreamedImageDecryptionKey",
            "<dict><key>RequestMethod</key><string>POST</string><key>RequestURL</key>"
            "<string>https://wkms-public.apple.com/fcs-keys/one</string><key>RequestBody</key>"
            "<data>d2hpY2gga2V5Pw==</data><key>RequestAdditionalHeaders</key><dict><key>X-Device</key>"
            "<string>mine</string></dict></dict>");
    pthread_join(thread, NULL);
    close(mirror.listener);
    assert_true(strncmp(mirror.request, "POST /fcs-keys/one HTTP/1.1\r\n", 29) == 0);
    assert_non_null(strstr(mirror.request, "X-Device: mine\r\n"));
    assert_non_null(strstr(mirror.request, "\r\n\r\nwhich key?"));
    uint64_t status = 0;
    assert_true(rv_plist_uint(reply, "ResponseStatus", &status) && status == 200);
    assert_true(rv_span_equal(rv_plist_data(reply, "ResponseBody"), RV_SPAN_TEXT("the key")));
    assert_string_equal(rv_plist_text(rv_plist_dict(reply, "ResponseHeaders"), "X-Kind"), "key");
    assert_true(rv_plist_bool(reply, "ResponseBodyDone", false));
    assert_int_equal(t.in.unanswered.code, RV_OK);
    end(&t);
}

static void an_answer_given_aside_does_not_hold_up_the_next(void **state)
{
    (void)state;
    struct talk t;
    struct rv_error err = { 0 };
    begin(&t);
    for (int i = 0; i < 3 * RV_ASIDE_MAX; i++) {
        RV_AUTO_PLIST message = from_xml("<dict><key>DataType</key><string>ReceiptManifest</string></dict>");
        assert_works(rv_aside_begin(&t.in, message, &err), &err);
        RV_AUTO_PLIST reply = rv_plist_receive(t.device, WAIT_MS, &err);
        assert_non_null(rv_plist_dict(reply, "ReceiptManifest"));
        while (rv_aside_working(&t.in))
            assert_works(rv_clock_pause(&t.ctx.clock, 1, "the thread ends just now", NULL, &err), &err);
    }
    RV_AUTO_PLIST broken = from_xml("<dict><key>DataPort</key><integer>70000</integer></dict>");
    assert_fails(rv_aside_begin(&t.in, broken, &err), &err, RV_E_PROTOCOL);
    end(&t);
}

static void an_answer_that_does_not_reach_the_device_ends_the_installation(void **state)
{
    (void)state;
    struct talk t;
    struct rv_error err = { 0 };
    begin(&t);
    assert_works(rv_aside_check(&t.in, &err), &err);
    rv_stream_free(t.device); /* the cable is out */
    t.device = NULL;
    RV_AUTO_PLIST message = from_xml("<dict><key>DataType</key><string>ReceiptManifest</string></dict>");
    assert_works(rv_aside_begin(&t.in, message, &err), &err);
    while (rv_aside_working(&t.in))
        assert_works(rv_clock_pause(&t.ctx.clock, 1, "the thread ends just now", NULL, &err), &err);
    assert_fails(rv_aside_check(&t.in, &err), &err, RV_E_GONE);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_hold_the_names_with_the_flag_and_no_others),
        cmocka_unit_test(the_build_identity_comes_with_the_variant_asked_for_or_its_own),
        cmocka_unit_test(a_recovery_system_that_the_firmware_lacks_is_a_gap),
        cmocka_unit_test(the_recovery_system_tells_its_version_and_gives_its_image),
        cmocka_unit_test(what_wants_a_ticket_of_the_recovery_systems_own_is_a_gap),
        cmocka_unit_test(a_firmware_without_a_recovery_system_says_so_in_the_word_for_it),
        cmocka_unit_test(the_modems_state_is_given_back_without_what_only_a_factory_wants),
        cmocka_unit_test(what_nobody_can_answer_gets_an_empty_answer_and_is_noted),
        cmocka_unit_test(only_apples_servers_are_asked_for_keys),
        cmocka_unit_test(a_method_that_does_not_fit_is_refused),
        cmocka_unit_test(a_key_is_asked_for_by_post_with_the_devices_own_words),
        cmocka_unit_test(an_answer_given_aside_does_not_hold_up_the_next),
        cmocka_unit_test(an_answer_that_does_not_reach_the_device_ends_the_installation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
