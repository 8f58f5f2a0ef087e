/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ASR, the device's end: asks out of band for what it wants to know of the image, then takes the whole of it as a
 * stream, checks every piece and the whole, and writes the system volume while it comes. Messages and the order
 * of the reads as measured in public logs (restore protocol notes 3.1, 3.2; idevicerestore's asr.c).
 *
 * Which bytes the digest of the ticket's OS object covers is told by no public source; here it is the stream [I].
 *
 * Two threads share the work: this one receives and checks pieces, the other digests and writes.
 */
#include "base/text.h"
#include "sim/aea.h"
#include "sim/diskimage.h"
#include "sim/image4.h"
#include "sim/restored_run.h"
#include "sim/services.h"
#include "sim/transcript.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
    ASR_PORT = 12345,
    BESIDE_PORT = 12346, /* log of an 18.3 run */
    PIECE = 131072,
    SHA1_LEN = 20,
    SPLIT_MS = 30,
    STALL_MS = 3600000
};
enum { TRAILER_V1 = 1276, HEADER_V2 = 72, HEADER_SPARSE = 64, SCATTERED = 20, MESSAGE_MAX = 65536 };
enum { BLOCK_PIECES = 8, BLOCKS = 6, OOB_MAX = 256, SOCKET_BUFFER = 4 * 1024 * 1024, LIST_MAX = 64 * 1024 * 1024 };

/* One answer of the host, to be compared with the stream. */
struct answer {
    uint64_t offset;
    struct rv_blob *bytes;
};

/* Pieces as they lie on the wire: 131072 bytes and 20 of digest, the last one shorter. */
struct block {
    uint8_t *bytes;
    size_t pieces;
    size_t len[BLOCK_PIECES];
    const uint8_t *at[BLOCK_PIECES];
};

struct asr {
    struct restored *r;
    struct sim_wire wire;
    bool checksums;
    uint64_t size; /* of the image file */
    unsigned reads;
    struct sim_udif_trailer trailer;
    struct sim_udif *udif;
    struct answer answers[OOB_MAX];
    size_t answer_count;
    EVP_MD *sha1;
    /* the stream */
    struct block blocks[BLOCKS];
    size_t filled, emptied; /* counts of blocks, under the lock */
    bool ended, failed;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    EVP_MD_CTX *whole;
    bool discard; /* nothing is written, and data_crc stands for the digest of the whole */
    uint32_t data_crc;
    uint64_t digested;
    struct sim_udif_stream *out;
    struct sim_wrapped *wrapped; /* the image is a wrapped one */
    bool tells;                  /* of its progress: it comes beside other steps */
    struct rv_error worker_err;
};

/* ---- messages ---- */

static bool lost(struct asr *a, struct rv_error *err, const char *what)
{
    restored_log(a->r, "ASR: %s", what);
    return rv_fail(err, RV_E_GONE, "ASR: %s", what);
}

static bool fault(struct asr *a, const char *name, char *value, size_t value_size)
{
    char key[48];
    snprintf(key, sizeof key, "asr.%s", name);
    return sim_fault_take(a->r->device, key, value, value_size);
}

/* "\n" last, so that a reader that waits for "</plist>\n" is served. */
static char *xml_of(plist_t take_message, uint32_t *len)
{
    char *text = NULL;
    plist_to_xml(take_message, &text, len);
    plist_free(take_message);
    return text;
}

static bool send_message(struct asr *a, plist_t take_message, struct rv_error *err)
{
    uint32_t len = 0;
    char value[24];
    char *text = xml_of(take_message, &len);
    bool sent = text != NULL;
    if (sent && fault(a, "split", value, sizeof value)) {
        struct timespec pause = { .tv_nsec = SPLIT_MS * 1000000L };
        sent = sim_wire_write(&a->wire, rv_span(text, len / 2));
        nanosleep(&pause, NULL);
        sent = sent && sim_wire_write(&a->wire, rv_span(text + len / 2, len - len / 2));
    } else if (sent) {
        sent = sim_wire_write(&a->wire, rv_span(text, len));
    }
    free(text);
    return sent || lost(a, err, "the host closed the connection");
}

static plist_t command(const char *name)
{
    plist_t message = plist_new_dict();
    plist_dict_set_item(message, "Command", plist_new_string(name));
    return message;
}

/* Bare XML without a length: until its end tag. */
static plist_t receive_message(struct asr *a)
{
    RV_AUTO_CLEAR(rv_buf) text = RV_BUF(MESSAGE_MAX);
    struct rv_error err = { 0 };
    uint8_t part[4096];
    for (;;) {
        size_t n = sim_wire_read_some(&a->wire, part, sizeof part, restored_patience_ms(a->r));
        if (n == 0 || !rv_buf_add(&text, rv_span(part, n), &err))
            return NULL;
        if (memmem(text.data, text.len, "</plist>", 8) == NULL)
            continue;
        plist_t message = sim_plist_parse(rv_buf_span(&text));
        if (message != NULL)
            sim_transcript_plist(sim_device_transcript(a->r->device), "asr", "message", message);
        return message;
    }
}

static bool take_packet_info(struct asr *a, plist_t info, struct rv_error *err)
{
    plist_t payload = PLIST_IS_DICT(info) ? plist_dict_get_item(info, "Payload") : NULL;
    plist_t size_node = PLIST_IS_DICT(payload) ? plist_dict_get_item(payload, "Size") : NULL;
    plist_t chunk_node = PLIST_IS_DICT(info) ? plist_dict_get_item(info, "Checksum Chunk Size") : NULL;
    uint64_t size = 0, chunk = 0;
    if (PLIST_IS_UINT(size_node))
        plist_get_uint_val(size_node, &size);
    if (PLIST_IS_UINT(chunk_node))
        plist_get_uint_val(chunk_node, &chunk);
    if (size < TRAILER_V1 + SIM_UDIF_TRAILER || size > (uint64_t)INT64_MAX)
        return rv_fail(err, RV_E_PROTOCOL, "ASR: the packet info names an image of %" PRIu64 " bytes", size);
    if (a->checksums && chunk != PIECE)
        return rv_fail(err, RV_E_PROTOCOL, "ASR: checksums of %" PRIu64 " bytes where %d are used", chunk, PIECE);
    if (a->size != 0 && a->size != size)
        return rv_fail(err, RV_E_PROTOCOL, "ASR: the size of the image changed");
    a->size = size;
    return true;
}

static bool initiate(struct asr *a, struct rv_error *err)
{
    plist_t message = command("Initiate");
    if (a->checksums)
        plist_dict_set_item(message, "Checksum Chunks", plist_new_bool(1));
    if (!send_message(a, message, err))
        return false;
    plist_t info = receive_message(a);
    if (info == NULL)
        return lost(a, err, "no packet info came");
    bool taken = take_packet_info(a, info, err);
    plist_free(info);
    return taken;
}

/* ---- out-of-band reads ---- */

/* Says nothing until the host goes. */
static bool silence(struct asr *a, struct rv_error *err)
{
    struct pollfd wait = { .fd = a->wire.fd, .events = POLLRDHUP };
    (void)poll(&wait, 1, STALL_MS);
    return lost(a, err, "silent until the host went away");
}

static bool faults_before_read(struct asr *a, struct rv_error *err)
{
    char value[24];
    if (a->reads == 2 && fault(a, "silence", value, sizeof value))
        return silence(a, err);
    if (a->reads == 2 && fault(a, "unknown", value, sizeof value) && !send_message(a, command("FetchTheMoon"), err))
        return false;
    if (a->reads == 3 && fault(a, "second_initiate", value, sizeof value)) {
        a->checksums = true;
        return initiate(a, err);
    }
    return true;
}

static plist_t read_message(uint64_t offset, uint64_t len)
{
    plist_t message = command("OOBData");
    plist_dict_set_item(message, "OOB Length", plist_new_uint(len));
    plist_dict_set_item(message, "OOB Offset", plist_new_uint(offset));
    return message;
}

static bool receive_read(struct asr *a, uint64_t offset, struct rv_blob *into, struct rv_error *err)
{
    a->reads++;
    if (!sim_wire_read(&a->wire, into->data, into->len, restored_patience_ms(a->r))) {
        rv_blob_free(into);
        return lost(a, err, "an out-of-band read was not answered");
    }
    a->answers[a->answer_count++] = (struct answer){ .offset = offset, .bytes = into };
    return true;
}

/* Borrowed from the list of answers; NULL on failure. */
static const struct rv_blob *read_at(struct asr *a, uint64_t offset, uint64_t len, struct rv_error *err)
{
    if (len == 0 || len > LIST_MAX || offset > a->size || len > a->size - offset || a->answer_count == OOB_MAX) {
        rv_fail(err, RV_E_FORMAT, "ASR: a read of %" PRIu64 " bytes at %" PRIu64 " of %" PRIu64, len, offset, a->size);
        return NULL;
    }
    struct rv_blob *into = rv_blob_new((size_t)len, err);
    if (into == NULL)
        return NULL;
    if (!faults_before_read(a, err) || !send_message(a, read_message(offset, len), err)) {
        rv_blob_free(into);
        return NULL;
    }
    return receive_read(a, offset, into, err) ? a->answers[a->answer_count - 1].bytes : NULL;
}

/* Fault: two requests in one segment, the answers in order. */
static bool read_two_joined(struct asr *a, struct rv_error *err)
{
    uint32_t first_len = 0, second_len = 0;
    RV_AUTO_TEXT first = xml_of(read_message(0, HEADER_V2), &first_len);
    RV_AUTO_TEXT second = xml_of(read_message(0, HEADER_SPARSE), &second_len);
    RV_AUTO_CLEAR(rv_buf) both = RV_BUF(MESSAGE_MAX);
    if (first == NULL || second == NULL || !rv_buf_add(&both, rv_span(first, first_len), err) ||
        !rv_buf_add(&both, rv_span(second, second_len), err))
        return rv_fail_nomem(err);
    if (!sim_wire_write(&a->wire, rv_buf_span(&both)))
        return lost(a, err, "the host closed the connection");
    struct rv_blob *one = rv_blob_new(HEADER_V2, err);
    if (one == NULL || !receive_read(a, 0, one, err))
        return false;
    struct rv_blob *two = rv_blob_new(HEADER_SPARSE, err);
    return two != NULL && receive_read(a, 0, two, err);
}

/* One pass: what kind of image is it, and its list of chunks. The device does it twice (open, then scan). */
static bool read_pass(struct asr *a, unsigned trailer_reads, struct rv_error *err)
{
    const struct rv_blob *trailer = NULL, *header = NULL;
    if (read_at(a, a->size - TRAILER_V1, TRAILER_V1, err) == NULL || (header = read_at(a, 0, HEADER_V2, err)) == NULL)
        return false;
    bool wrapped = sim_aea_is(rv_blob_span(header));
    for (unsigned i = 0; i < trailer_reads; i++)
        if ((trailer = read_at(a, a->size - SIM_UDIF_TRAILER, SIM_UDIF_TRAILER, err)) == NULL)
            return false;
    if (read_at(a, 0, HEADER_SPARSE, err) == NULL)
        return false;
    if (wrapped) /* its list of chunks lies behind the encryption */
        return a->wrapped != NULL || (a->wrapped = sim_wrapped_new(a->r, err)) != NULL;
    if (!sim_udif_trailer_read(rv_blob_span(trailer), a->size, &a->trailer, err))
        return false;
    const struct rv_blob *list = read_at(a, a->trailer.xml_offset, a->trailer.xml_length, err);
    if (list == NULL)
        return false;
    sim_udif_free(a->udif);
    a->udif = sim_udif_parse(&a->trailer, rv_blob_span(list), err);
    return a->udif != NULL;
}

static bool read_chunk(struct asr *a, const struct sim_udif_chunk *chunk, struct rv_error *err)
{
    if (chunk->length == 0 || chunk->length > LIST_MAX)
        return true;
    return read_at(a, chunk->offset, chunk->length, err) != NULL;
}

/* Partition map, tables, the file system's first chunk, then its metadata all over the file. */
static bool read_chunks(struct asr *a, struct rv_error *err)
{
    static const size_t first[] = { 0, 1, 1, 2, 3 };
    size_t count = a->udif != NULL ? sim_udif_chunk_count(a->udif) : 0;
    for (size_t i = 0; i < RV_COUNT(first); i++)
        if (first[i] < count && !read_chunk(a, sim_udif_chunk_at(a->udif, first[i]), err))
            return false;
    for (size_t i = 0; i < SCATTERED && count > 4; i++)
        if (!read_chunk(a, sim_udif_chunk_at(a->udif, 4 + i * (count - 4) / SCATTERED), err))
            return false;
    /* Where hosts go wrong: across a piece's border, one byte, the last byte before the trailer. */
    if (a->size > PIECE + 200 && read_at(a, PIECE - 100, 200, err) == NULL)
        return false;
    return read_at(a, a->size / 2, 1, err) != NULL && read_at(a, a->size - SIM_UDIF_TRAILER - 1, 1, err) != NULL;
}

static bool read_out_of_band(struct asr *a, struct rv_error *err)
{
    char value[24];
    if (!read_pass(a, 2, err))
        return false;
    if (fault(a, "joined", value, sizeof value) && !read_two_joined(a, err))
        return false;
    return read_pass(a, 3, err) && read_chunks(a, err);
}

/* ---- the stream: the second thread ---- */

static bool same_as_answers(struct asr *a, uint64_t offset, struct rv_span piece, struct rv_error *err)
{
    for (size_t i = 0; i < a->answer_count; i++) {
        const struct answer *answer = &a->answers[i];
        uint64_t from = answer->offset > offset ? answer->offset : offset;
        uint64_t to = answer->offset + answer->bytes->len;
        to = to < offset + piece.len ? to : offset + piece.len;
        if (from < to &&
            memcmp(piece.ptr + (from - offset), answer->bytes->data + (from - answer->offset), to - from) != 0)
            return rv_fail(err, RV_E_CORRUPT, "ASR: the stream differs from what was read out of band at %" PRIu64,
                           from);
    }
    return true;
}

/* What the image's trailer has a checksum of: the bytes before its list. */
static void add_to_crc(struct asr *a, struct rv_span piece)
{
    uint64_t left = a->digested < a->trailer.data_length ? a->trailer.data_length - a->digested : 0;
    a->data_crc = (uint32_t)crc32_z(a->data_crc, piece.ptr, left < piece.len ? (size_t)left : piece.len);
}

static bool digest_and_write(struct asr *a, const struct block *block, struct rv_error *err)
{
    for (size_t i = 0; i < block->pieces; i++) {
        struct rv_span piece = rv_span(block->at[i], block->len[i]);
        if (a->discard)
            add_to_crc(a, piece);
        else if (EVP_DigestUpdate(a->whole, piece.ptr, piece.len) != 1)
            return rv_fail_nomem(err);
        if (!same_as_answers(a, a->digested, piece, err))
            return false;
        if (a->out != NULL && !sim_udif_stream_push(a->out, piece, err))
            return false;
        if (a->wrapped != NULL && !sim_wrapped_push(a->wrapped, piece, err))
            return false;
        a->digested += piece.len;
    }
    return true;
}

static void *work(void *context)
{
    struct asr *a = context;
    struct rv_error err = { 0 };
    bool good = true;
    pthread_mutex_lock(&a->lock);
    for (;;) {
        while (a->emptied == a->filled && !a->ended)
            pthread_cond_wait(&a->changed, &a->lock);
        if (a->emptied == a->filled)
            break;
        const struct block *block = &a->blocks[a->emptied % BLOCKS];
        pthread_mutex_unlock(&a->lock);
        good = good && digest_and_write(a, block, &err);
        pthread_mutex_lock(&a->lock);
        if (!good && !a->failed) {
            a->failed = true;
            a->worker_err = err;
        }
        a->emptied++;
        pthread_cond_broadcast(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- the stream: the receiving thread ---- */

static struct block *next_block(struct asr *a)
{
    pthread_mutex_lock(&a->lock);
    while (a->filled - a->emptied == BLOCKS && !a->failed)
        pthread_cond_wait(&a->changed, &a->lock);
    struct block *block = a->failed ? NULL : &a->blocks[a->filled % BLOCKS];
    pthread_mutex_unlock(&a->lock);
    return block;
}

static void hand_block_over(struct asr *a)
{
    pthread_mutex_lock(&a->lock);
    a->filled++;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* As much as is there at a time: this is the road of gigabytes. The socket has a receive timeout. */
static bool receive_bytes(struct asr *a, uint8_t *to, size_t len)
{
    while (len > 0) {
        ssize_t n = recv(a->wire.fd, to, len, MSG_WAITALL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        to += n;
        len -= (size_t)n;
    }
    return true;
}

static bool piece_is_whole(struct asr *a, const uint8_t *piece, size_t len, struct rv_error *err)
{
    uint8_t digest[SHA1_LEN];
    unsigned digest_len = 0;
    if (EVP_Digest(piece, len, digest, &digest_len, a->sha1, NULL) != 1)
        return rv_fail_nomem(err);
    if (memcmp(digest, piece + len, SHA1_LEN) == 0)
        return true;
    restored_log(a->r, "ASR: Checksum failed");
    restored_log(a->r, "ASR STATUS: fail");
    return rv_fail(err, RV_E_CORRUPT, "ASR: Checksum failed");
}

static bool fill_block(struct asr *a, struct block *block, uint64_t received, struct rv_error *err)
{
    uint64_t left = a->size - received;
    size_t extra = a->checksums ? SHA1_LEN : 0, wire_len = 0;
    block->pieces = 0;
    for (; block->pieces < BLOCK_PIECES && left > 0; block->pieces++) {
        size_t len = left < PIECE ? (size_t)left : PIECE;
        block->at[block->pieces] = block->bytes + wire_len;
        block->len[block->pieces] = len;
        wire_len += len + extra;
        left -= len;
    }
    if (!receive_bytes(a, block->bytes, wire_len))
        return lost(a, err, "the stream of the image broke off");
    for (size_t i = 0; a->checksums && i < block->pieces; i++)
        if (!piece_is_whole(a, block->at[i], block->len[i], err))
            return false;
    return true;
}

static bool faults_in_stream(struct asr *a, uint64_t received, struct rv_error *err)
{
    char name[24], value[24];
    snprintf(name, sizeof name, "%" PRIu64, received / PIECE / BLOCK_PIECES);
    if (received > 0 && sim_fault_at(a->r->device, "asr.stop_reading", name))
        return silence(a, err);
    if (received > 0 && sim_fault_at(a->r->device, "asr.close", name))
        return lost(a, err, "a fault closed the connection in the stream");
    if (received > 0 && sim_fault_at(a->r->device, "asr.vanish", name)) {
        a->r->lost = true;
        sim_device_unplug(a->r->device);
        return lost(a, err, "the cable was pulled in the stream");
    }
    if (received == 0 && fault(a, "no_space", value, sizeof value)) {
        restored_log(a->r, "No space left on device");
        return rv_fail(err, RV_E_NOSPACE, "No space left on device");
    }
    return true;
}

/* What the host hears of the image while other steps go on. */
static bool tell_progress(struct asr *a, uint64_t before, uint64_t received, struct rv_error *err)
{
    static const unsigned percents[] = { 1, 25, 50, 75, 99, 100 };
    if (before == 0 && !restored_image_progress(a->r, 0, err))
        return false;
    for (size_t i = 0; i < RV_COUNT(percents); i++) {
        uint64_t at = a->size / 100 * percents[i];
        if (before < at && received >= at && !restored_image_progress(a->r, (int)percents[i], err))
            return false;
    }
    return true;
}

static bool after_block(struct asr *a, const struct block *block, uint64_t before, uint64_t received,
                        struct rv_error *err)
{
    if (before == 0 && a->wrapped != NULL && !sim_wrapped_ask(a->wrapped, rv_span(block->at[0], block->len[0]), err))
        return false;
    return !a->tells || tell_progress(a, before, received, err);
}

static bool receive_stream(struct asr *a, struct rv_error *err)
{
    for (uint64_t received = 0; received < a->size;) {
        uint64_t before = received;
        if (a->r->ending)
            return rv_fail(err, RV_E_GONE, "ASR: the restore ended meanwhile");
        if (!faults_in_stream(a, received, err))
            return false;
        struct block *block = next_block(a);
        if (block == NULL || !fill_block(a, block, received, err))
            return block != NULL ? false : rv_fail(err, RV_E_IO, "ASR: writing failed");
        for (size_t i = 0; i < block->pieces; i++)
            received += block->len[i];
        if (!after_block(a, block, before, received, err))
            return false;
        hand_block_over(a);
    }
    return true;
}

static bool stream_with_worker(struct asr *a, struct rv_error *err)
{
    pthread_t worker;
    if (pthread_create(&worker, NULL, work, a) != 0)
        return rv_fail_nomem(err);
    bool received = receive_stream(a, err);
    pthread_mutex_lock(&a->lock);
    a->ended = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(worker, NULL);
    if (!a->failed)
        return received;
    *err = a->worker_err;
    restored_log(a->r, "ASR STATUS: fail");
    return false;
}

/* ---- the whole ---- */

static const EVP_MD *digest_of_length(size_t len)
{
    return len == 20 ? EVP_sha1() : len == 32 ? EVP_sha256() : len == 48 ? EVP_sha384() : NULL;
}

static bool whole_is_right(struct asr *a, struct rv_span expected, struct rv_error *err)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char value[24];
    bool right = EVP_DigestFinal_ex(a->whole, digest, &len) == 1 && rv_span_equal(rv_span(digest, len), expected);
    if (a->discard)
        right = a->data_crc == a->trailer.data_crc;
    if (fault(a, "digest", value, sizeof value))
        right = false;
    if (right)
        return true;
    restored_log(a->r, "ASR: the image does not match the expected hash");
    restored_log(a->r, "ASR STATUS: fail");
    return rv_fail(err, RV_E_CORRUPT, "ASR: the image is not the one that is signed");
}

static void write_down(struct asr *a)
{
    struct sim_transcript *t = sim_device_transcript(a->r->device);
    sim_transcript_number(t, "asr", "answers", a->answer_count);
    sim_transcript_number(t, "asr", a->checksums ? "stream-with-checksums" : "stream", a->size);
}

static bool take_stream(struct asr *a, int system_fd, struct rv_error *err)
{
    uint8_t expected[64];
    size_t expected_len = sim_ticket_digest(rv_blob_span(a->r->boot->ticket), "rosi", expected, sizeof expected);
    const EVP_MD *md = digest_of_length(expected_len);
    if (md == NULL)
        return rv_fail(err, RV_E_REFUSED, "ASR: the ticket names no system image");
    if (EVP_DigestInit_ex(a->whole, md, NULL) != 1)
        return rv_fail_nomem(err);
    if (system_fd >= 0 && a->wrapped == NULL && (a->out = sim_udif_stream_new(a->udif, system_fd, err)) == NULL)
        return false;
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    if (!send_message(a, command("Payload"), err) || !stream_with_worker(a, err))
        return false;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double ms = (double)(ended.tv_sec - begun.tv_sec) * 1e3 + (double)(ended.tv_nsec - begun.tv_nsec) / 1e6;
    sim_record(a->r->device, "asr", "%" PRIu64 " bytes in %.0f ms, %zu reads out of band, checksums %s", a->size, ms,
               a->answer_count, a->checksums ? "on" : "off");
    write_down(a);
    if (!whole_is_right(a, rv_span(expected, expected_len), err))
        return false;
    if (a->wrapped != NULL)
        return sim_wrapped_finish(a->wrapped, system_fd, err);
    return a->out == NULL || sim_udif_stream_finish(a->out, err);
}

static bool open_system(struct asr *a, int *fd, struct rv_error *err)
{
    char path[4096];
    if (a->r->skip_write)
        return true;
    if (a->discard) {
        sim_install_begin(a->r->device);
        return true;
    }
    if (!sim_storage_path(a->r->device, "system.img", path, sizeof path))
        return rv_fail(err, RV_E_IO, "no place for the system volume");
    /* Written in place, as on the device: from the first byte on the old system is gone. */
    sim_install_begin(a->r->device);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return *fd >= 0 || rv_fail_sys(err, RV_E_IO, errno, "opening the system volume");
}

static bool converse(struct asr *a, struct rv_error *err)
{
    RV_AUTO_FD system_fd = -1;
    if (!initiate(a, err) || !read_out_of_band(a, err) || !open_system(a, &system_fd, err))
        return false;
    return take_stream(a, system_fd, err);
}

static bool asr_init(struct asr *a)
{
    bool good = true;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    a->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    a->whole = EVP_MD_CTX_new();
    for (size_t i = 0; i < BLOCKS; i++)
        good = (a->blocks[i].bytes = rv_alloc(BLOCK_PIECES * (PIECE + SHA1_LEN))) != NULL && good;
    return good && a->sha1 != NULL && a->whole != NULL;
}

static void asr_clear(struct asr *a)
{
    for (size_t i = 0; i < BLOCKS; i++)
        rv_free(a->blocks[i].bytes);
    for (size_t i = 0; i < a->answer_count; i++)
        rv_blob_free(a->answers[i].bytes);
    sim_udif_stream_free(a->out);
    sim_wrapped_free(a->wrapped);
    sim_udif_free(a->udif);
    EVP_MD_CTX_free(a->whole);
    EVP_MD_free(a->sha1);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
}

/* A silent host must end the run: the socket itself times out. */
static void prepare_socket(struct restored *r, int fd)
{
    int ms = restored_patience_ms(r), room = SOCKET_BUFFER;
    struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
}

static bool run_on(struct restored *r, int fd, bool beside, struct rv_error *err)
{
    struct asr *a = rv_alloc(sizeof *a);
    if (a == NULL)
        return rv_fail_nomem(err);
    char text[16] = "";
    *a = (struct asr){ .r = r, .wire = { .fd = fd, .device = r->device }, .checksums = true, .tells = beside };
    /* For measuring hosts: neither the disk nor a digest of gigabytes, for which a phone has a processor of its own. */
    a->discard = sim_setting(r->device, "asr.discard", text, sizeof text) && strcmp(text, "yes") == 0;
    if (sim_setting(r->device, "asr.checksums", text, sizeof text) && strcmp(text, "no") == 0)
        a->checksums = false;
    if (sim_setting(r->device, "fault.asr.second_initiate", text, sizeof text) && strcmp(text, "yes") == 0)
        a->checksums = false; /* the second one turns them on */
    prepare_socket(r, fd);
    bool done = asr_init(a) ? converse(a, err) : rv_fail_nomem(err);
    asr_clear(a);
    rv_free(a);
    return done;
}

static void log_asr(struct restored *r, unsigned port)
{
    restored_log(r,
                 "asr -source asr://localhost:%u -target /dev/disk0s1s1 -erase -noprompt --chunkchecksum "
                 "--puppetstrings",
                 port);
}

/* Listens and asks; NULL with err. */
static struct sim_listener *ask_for_image(struct restored *r, uint16_t port, struct rv_error *err)
{
    char value[16];
    if (sim_fault_take(r->device, "asr.refuse", value, sizeof value)) {
        snprintf(value, sizeof value, "%d", port);
        sim_setting_put(r->device, "fault.refuse_connect", value);
    }
    struct sim_listener *listener = sim_port_listen(r->device, port);
    if (listener == NULL) {
        rv_fail(err, RV_E_GONE, "ASR: the device left the bus");
        return NULL;
    }
    plist_t message = restored_message("DataRequestMsg");
    plist_dict_set_item(message, "DataType", plist_new_string("SystemImageData"));
    if (port != ASR_PORT)
        plist_dict_set_item(message, "DataPort", plist_new_uint(port));
    if (r->generation->verification)
        plist_dict_set_item(message, "WillSendImageVerificationProgress", plist_new_bool(1));
    sim_record(r->device, "request", "SystemImageData");
    if (restored_send(r, message, err))
        return listener;
    sim_port_close(listener);
    rv_while(err, "asking the host for SystemImageData");
    return NULL;
}

/* shown: where another thread can reach for the connection; NULL: the image comes by itself. */
static bool run_listener(struct restored *r, struct sim_listener *listener, atomic_int *shown, struct rv_error *err)
{
    unsigned port = sim_port_number(listener);
    int fd = restored_accept(r, listener, "ASR", err);
    sim_port_close(listener);
    if (fd < 0)
        return false;
    log_asr(r, port);
    if (shown != NULL)
        *shown = fd;
    bool done = run_on(r, fd, shown != NULL, err);
    if (shown != NULL)
        *shown = -1;
    sim_port_hangup(r->device, fd);
    return done;
}

bool sim_asr_run(struct restored *r, struct rv_error *err)
{
    struct sim_listener *listener = ask_for_image(r, ASR_PORT, err);
    return listener != NULL && run_listener(r, listener, NULL, err);
}

/* ---- beside other steps ---- */

struct sim_asr_run {
    struct restored *r;
    struct sim_listener *listener;
    pthread_t thread;
    atomic_int fd;
    bool done;
    struct rv_error err;
};

static void *run_beside(void *context)
{
    struct sim_asr_run *run = context;
    run->done = run_listener(run->r, run->listener, &run->fd, &run->err);
    if (!run->done)
        sim_record(run->r->device, "asr", "failed: %s", run->err.depth > 0 ? run->err.text[0] : "");
    return NULL;
}

bool sim_asr_start(struct restored *r, struct rv_error *err)
{
    struct sim_asr_run *run = rv_alloc(sizeof *run);
    if (run == NULL)
        return rv_fail_nomem(err);
    *run = (struct sim_asr_run){ .r = r, .fd = -1, .listener = ask_for_image(r, BESIDE_PORT, err) };
    if (run->listener == NULL || pthread_create(&run->thread, NULL, run_beside, run) != 0) {
        sim_port_close(run->listener);
        rv_free(run);
        return err->depth > 0 ? false : rv_fail_nomem(err);
    }
    r->image = run;
    return true;
}

bool sim_asr_await(struct restored *r, struct rv_error *err)
{
    struct sim_asr_run *run = r->image;
    int fd = run->fd;
    if (r->ending && fd >= 0)
        (void)shutdown(fd, SHUT_RDWR);
    pthread_join(run->thread, NULL);
    bool done = run->done;
    if (!done)
        *err = run->err;
    rv_free(run);
    r->image = NULL;
    return done;
}
