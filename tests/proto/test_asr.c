/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of ASR against a peer that is written out here, byte by byte. */
#include "support/rv_test.h"

#include "crypto/digest.h"
#include "format/plist.h"
#include "proto/asr.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IMAGE = 3 * RV_ASR_PIECE + 4321 };

static uint8_t image[IMAGE];

struct scene {
    struct rv_ctx ctx;
    struct rv_stream *host;
    int device; /* the peer's end */
    struct rv_asr_job job;
    struct rv_error err;
    bool fine;
    uint64_t told;
    pthread_t thread;
};

static bool read_image(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    const uint64_t *broken_at = context;
    assert_true(offset + len <= IMAGE);
    if (broken_at != NULL && offset + len > *broken_at)
        return rv_fail(err, RV_E_IO, "the disk broke at %llu", (unsigned long long)*broken_at);
    memcpy(to, image + offset, len);
    return true;
}

/* The image is there only when the pipe's other end is closed: a socket may take all of it before anybody leaves. */
static bool read_image_late(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    const int *gate = context;
    char none;
    assert_int_equal(read(*gate, &none, 1), 0);
    return read_image(NULL, offset, to, len, err);
}

static void told(void *context, uint64_t sent, uint64_t total)
{
    struct scene *s = context;
    assert_true(sent > s->told && sent <= total);
    s->told = sent;
}

static void *serve(void *context)
{
    struct scene *s = context;
    s->fine = rv_asr_serve(&s->ctx, s->host, &s->job, &s->err);
    rv_stream_shutdown(s->host);
    return NULL;
}

static void begin(struct scene *s)
{
    int pair[2];
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < IMAGE; i++)
        image[i] = (uint8_t)(i * 31 + i / 251);
    assert_works(rv_ctx_init(&s->ctx, &s->err), &s->err);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    s->device = pair[1];
    s->host = rv_stream_take_fd(&s->ctx, pair[0], &s->err);
    assert_non_null(s->host);
    s->job = (struct rv_asr_job){ .source = { IMAGE, read_image, NULL }, .sent = told, .sent_context = s };
}

static void start(struct scene *s)
{
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void end(struct scene *s)
{
    pthread_join(s->thread, NULL);
    rv_stream_free(s->host);
    close(s->device);
    rv_ctx_clear(&s->ctx);
}

static void say(struct scene *s, const char *text)
{
    assert_int_equal(write(s->device, text, strlen(text)), strlen(text));
}

#define PLIST(body)                                                                                                    \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>" body "</dict>\n</plist>\n"
#define COMMAND(name) "<key>Command</key><string>" name "</string>"
#define OOB(len, at)                                                                                                   \
    PLIST(COMMAND("OOBData") "<key>OOB Length</key><integer>" len "</integer><key>OOB Offset</key><integer>" at        \
                             "</integer>")
static const char initiate[] = PLIST("<key>Checksum Chunks</key><true/>" COMMAND("Initiate"));
static const char initiate_plain[] = PLIST(COMMAND("Initiate"));
static const char payload[] = PLIST(COMMAND("Payload"));

/* Everything up to the end tag and its line end. */
static plist_t hear(struct scene *s)
{
    char text[4096];
    size_t len = 0;
    while (len < sizeof text - 1) {
        assert_int_equal(read(s->device, text + len, 1), 1);
        text[++len] = '\0';
        if (strstr(text, "</plist>\n") != NULL)
            break;
    }
    struct rv_error err = { 0 };
    plist_t p = rv_plist_parse(rv_span(text, len), &err);
    assert_non_null(p);
    return p;
}

static void hear_info(struct scene *s, bool checksums)
{
    RV_AUTO_PLIST info = hear(s);
    uint64_t v = 0;
    assert_true(rv_plist_uint(rv_plist_dict(info, "Payload"), "Size", &v));
    assert_int_equal(v, IMAGE);
    assert_true(rv_plist_uint(info, "FEC Slice Stride", &v));
    assert_int_equal(v, 40);
    assert_true(rv_plist_uint(info, "Packet Payload Size", &v));
    assert_int_equal(v, 1450);
    assert_int_equal(rv_plist_uint(info, "Checksum Chunk Size", &v), checksums);
}

static void hear_bytes(struct scene *s, uint64_t at, size_t len)
{
    uint8_t got[8192];
    assert_true(len <= sizeof got);
    for (size_t have = 0; have < len;) {
        ssize_t n = read(s->device, got + have, len - have);
        assert_true(n > 0);
        have += (size_t)n;
    }
    assert_memory_equal(got, image + at, len);
}

static void hear_all(struct scene *s, uint8_t *to, size_t len)
{
    for (size_t have = 0; have < len;) {
        ssize_t n = read(s->device, to + have, len - have);
        assert_true(n > 0);
        have += (size_t)n;
    }
}

static void hear_stream(struct scene *s, bool checksums)
{
    static uint8_t piece[RV_ASR_PIECE];
    uint8_t digest[RV_DIGEST_MAX], wanted[20], more;
    for (size_t at = 0; at < IMAGE; at += RV_ASR_PIECE) {
        size_t n = IMAGE - at < RV_ASR_PIECE ? IMAGE - at : RV_ASR_PIECE;
        hear_all(s, piece, n);
        assert_memory_equal(piece, image + at, n);
        if (!checksums)
            continue;
        hear_all(s, wanted, sizeof wanted);
        assert_true(rv_digest_once(RV_DIGEST_SHA1, rv_span(piece, n), digest, &s->err));
        assert_memory_equal(digest, wanted, sizeof wanted);
    }
    assert_int_equal(read(s->device, &more, 1), 0); /* not one byte more */
}

static void the_image_comes_in_pieces_with_their_checksums(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    start(&s);
    say(&s, initiate);
    hear_info(&s, true);
    say(&s, OOB("512", "397025")); /* the trailer's place: size - 512 */
    hear_bytes(&s, IMAGE - 512, 512);
    say(&s, OOB("72", "0"));
    hear_bytes(&s, 0, 72);
    say(&s, OOB("1", "131071"));
    hear_bytes(&s, 131071, 1);
    say(&s, OOB("0", "397537"));
    say(&s, payload);
    hear_stream(&s, true);
    end(&s);
    assert_works(s.fine, &s.err);
    assert_int_equal(s.told, IMAGE);
}

static void without_the_wish_there_are_no_checksums(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    start(&s);
    say(&s, initiate_plain);
    hear_info(&s, false);
    say(&s, payload);
    hear_stream(&s, false);
    end(&s);
    assert_works(s.fine, &s.err);
}

static void a_second_initiate_may_ask_for_checksums_after_all(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    start(&s);
    say(&s, initiate_plain);
    hear_info(&s, false);
    say(&s, OOB("64", "0"));
    hear_bytes(&s, 0, 64);
    say(&s, initiate);
    hear_info(&s, true);
    say(&s, payload);
    hear_stream(&s, true);
    end(&s);
    assert_works(s.fine, &s.err);
}

static void messages_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    start(&s);
    for (size_t i = 0; i < sizeof initiate - 1; i++)
        assert_int_equal(write(s.device, initiate + i, 1), 1);
    hear_info(&s, true);
    static const char oob[] = OOB("100", "5000");
    for (size_t i = 0; i < sizeof oob - 1; i++)
        assert_int_equal(write(s.device, oob + i, 1), 1);
    hear_bytes(&s, 5000, 100);
    say(&s, payload);
    hear_stream(&s, true);
    end(&s);
    assert_works(s.fine, &s.err);
}

static void messages_may_come_several_in_one_segment(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    start(&s);
    say(&s, PLIST("<key>Checksum Chunks</key><true/>" COMMAND("Initiate")) OOB("16", "7") OOB("16", "9")
                PLIST(COMMAND("Payload")));
    hear_info(&s, true);
    hear_bytes(&s, 7, 16);
    hear_bytes(&s, 9, 16);
    hear_stream(&s, true);
    end(&s);
    assert_works(s.fine, &s.err);
}

static void fails_after(const char *words, enum rv_code code)
{
    struct scene s;
    begin(&s);
    s.job.quiet_ms = 200;
    start(&s);
    say(&s, initiate);
    hear_info(&s, true);
    say(&s, words);
    end(&s);
    assert_fails(s.fine, &s.err, code);
    assert_int_equal(s.told, 0);
}

static void a_read_outside_the_image_ends_the_run(void **state)
{
    (void)state;
    fails_after(OOB("1", "397537"), RV_E_PROTOCOL);
    fails_after(OOB("397538", "0"), RV_E_PROTOCOL);
    fails_after(OOB("18446744073709551615", "2"), RV_E_PROTOCOL); /* the sum wraps around */
    fails_after(OOB("2", "18446744073709551615"), RV_E_PROTOCOL);
    fails_after(PLIST(COMMAND("OOBData") "<key>OOB Length</key><integer>5</integer>"), RV_E_PROTOCOL);
}

static void an_unknown_command_ends_the_run_with_its_name(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    start(&s);
    say(&s, PLIST(COMMAND("FetchTheMoon")));
    end(&s);
    assert_fails(s.fine, &s.err, RV_E_PROTOCOL);
    assert_non_null(strstr(s.err.text[0], "FetchTheMoon"));
}

static void a_message_that_is_no_plist_ends_the_run(void **state)
{
    (void)state;
    fails_after("<plist>this is not one</plist>\n", RV_E_FORMAT);
    fails_after("<?xml version=\"1.0\"?><plist version=\"1.0\"><array/></plist>\n", RV_E_PROTOCOL);
}

static void silence_is_noticed(void **state)
{
    (void)state;
    fails_after("", RV_E_TIMEOUT);
    fails_after("<?xml version=\"1.0\"", RV_E_TIMEOUT); /* half a message */
}

static void endless_words_are_capped(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    start(&s);
    char words[4096];
    memset(words, 'x', sizeof words);
    for (int i = 0; i < 40; i++)
        if (send(s.device, words, sizeof words, MSG_NOSIGNAL) < 0)
            break;
    end(&s);
    assert_fails(s.fine, &s.err, RV_E_PROTOCOL);
}

static void a_device_that_leaves_before_the_image_comes_is_told_with_the_bytes(void **state)
{
    (void)state;
    struct scene s;
    int gate[2];
    begin(&s);
    assert_int_equal(pipe(gate), 0);
    s.job.source.read = read_image_late;
    s.job.source.context = &gate[0];
    start(&s);
    say(&s, initiate);
    hear_info(&s, true);
    say(&s, payload);
    shutdown(s.device, SHUT_RDWR);
    close(gate[1]);
    end(&s);
    close(gate[0]);
    assert_fails(s.fine, &s.err, RV_E_GONE);
    assert_non_null(strstr(s.err.text[s.err.depth - 1], "of 397537 bytes"));
}

static void a_device_that_leaves_inside_a_message_is_gone(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    start(&s);
    say(&s, "<?xml version");
    shutdown(s.device, SHUT_WR);
    end(&s);
    assert_fails(s.fine, &s.err, RV_E_GONE);
}

static void a_disk_that_breaks_while_the_image_is_sent_ends_the_run(void **state)
{
    (void)state;
    struct scene s;
    static uint64_t broken_at = RV_ASR_PIECE + 1;
    uint8_t some[RV_ASR_PIECE + 20], more;
    begin(&s);
    s.job.source.context = &broken_at;
    start(&s);
    say(&s, initiate);
    hear_info(&s, true);
    say(&s, payload);
    hear_all(&s, some, sizeof some); /* the good piece still comes */
    assert_int_equal(read(s.device, &more, 1), 0);
    end(&s);
    assert_fails(s.fine, &s.err, RV_E_IO);
    assert_non_null(strstr(s.err.text[0], "the disk broke"));
}

static void a_cancel_ends_a_stalled_stream(void **state)
{
    (void)state;
    struct scene s;
    begin(&s);
    int small = 4096;
    setsockopt(s.device, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    start(&s);
    say(&s, initiate);
    hear_info(&s, true);
    say(&s, payload); /* and then takes nothing */
    rv_cancel_ask(&s.ctx.cancel);
    end(&s);
    assert_fails(s.fine, &s.err, RV_E_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_comes_in_pieces_with_their_checksums),
        cmocka_unit_test(without_the_wish_there_are_no_checksums),
        cmocka_unit_test(a_second_initiate_may_ask_for_checksums_after_all),
        cmocka_unit_test(messages_may_come_byte_by_byte),
        cmocka_unit_test(messages_may_come_several_in_one_segment),
        cmocka_unit_test(a_read_outside_the_image_ends_the_run),
        cmocka_unit_test(an_unknown_command_ends_the_run_with_its_name),
        cmocka_unit_test(a_message_that_is_no_plist_ends_the_run),
        cmocka_unit_test(silence_is_noticed),
        cmocka_unit_test(endless_words_are_capped),
        cmocka_unit_test(a_device_that_leaves_before_the_image_comes_is_told_with_the_bytes),
        cmocka_unit_test(a_device_that_leaves_inside_a_message_is_gone),
        cmocka_unit_test(a_disk_that_breaks_while_the_image_is_sent_ends_the_run),
        cmocka_unit_test(a_cancel_ends_a_stalled_stream),
    };
    return cmocka_run_group_tests_name("proto/asr", tests, NULL, NULL);
}
