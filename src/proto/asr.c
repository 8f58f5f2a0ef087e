/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages are bare XML property lists that end with </plist>, without a length (docs/restore.md section 3;
 * idevicerestore src/asr.c). They may arrive split or several in one segment. The image goes out in pieces of
 * 131072 bytes, each followed by its SHA-1 when the device asked for checksums. Nothing is ever sent twice:
 * after a partial write the connection is lost.
 */
#include "proto/asr.h"

#include "crypto/digest.h"
#include "format/plist.h"

#include <pthread.h>
#include <string.h>

enum {
    QUIET_MS = 60000, /* watchdog: no progress for this long is a dead run */
    OOB_PIECE = 256 * 1024,
    SHA1_SIZE = 20,
    /* Pieces that wait between the reading and the sending thread, 8 MB: each outlives a while without a processor.
     * They are read in batches, and a reader that had to wait goes on when half of them are gone, so that the two do
     * not wake each other at each piece. */
    PIPE_BATCH = RV_DIGEST_LANES,
    PIPE_DEPTH = 8 * PIPE_BATCH,
    PIPE_RESUME = PIPE_DEPTH / 2,
    SOCKET_ROOM = 1024 * 1024,
};

struct asr {
    struct rv_ctx *ctx;
    struct rv_stream *stream;
    const struct rv_asr_job *job;
    struct rv_buf in;
    bool checksums;
    uint32_t quiet_ms;
};

/* ---- messages ---- */

static const char message_end[] = "</plist>";

/* Length of the first whole message in `in`, line ends after it included; 0: not whole yet. */
static size_t message_length(struct rv_span in, size_t searched)
{
    size_t end_len = sizeof message_end - 1;
    size_t from = searched > end_len ? searched - end_len : 0;
    const uint8_t *at =
        in.len < end_len || in.len - from < end_len ? NULL : memmem(in.ptr + from, in.len - from, message_end, end_len);
    if (at == NULL)
        return 0;
    size_t len = (size_t)(at - in.ptr) + end_len;
    while (len < in.len && (in.ptr[len] == '\n' || in.ptr[len] == '\r'))
        len++;
    return len;
}

static plist_t take_message(struct asr *a, size_t len, struct rv_error *err)
{
    plist_t message = rv_plist_parse(rv_span(a->in.data, len), err);
    rv_buf_drop(&a->in, len);
    if (message != NULL && plist_get_node_type(message) != PLIST_DICT) {
        plist_free(message);
        rv_fail(err, RV_E_PROTOCOL, "the message is not a dictionary");
        message = NULL;
    }
    return message;
}

/* The line end of a message may arrive after it: it is no part of the next one. */
static void drop_line_ends(struct asr *a)
{
    size_t n = 0;
    while (n < a->in.len && (a->in.data[n] == '\n' || a->in.data[n] == '\r'))
        n++;
    rv_buf_drop(&a->in, n);
}

static plist_t receive_message(struct asr *a, struct rv_error *err)
{
    size_t searched = 0;
    for (;;) {
        drop_line_ends(a);
        size_t len = message_length(rv_buf_span(&a->in), searched);
        if (len > 0)
            return take_message(a, len, err);
        searched = a->in.len;
        if (a->in.len >= RV_ASR_MESSAGE_MAX) {
            rv_fail(err, RV_E_PROTOCOL, "the device sent %zu bytes without ending a message", a->in.len);
            return NULL;
        }
        uint8_t *to = rv_buf_reserve(&a->in, 4096, err);
        size_t got = 0;
        if (to == NULL || !rv_stream_receive_some(a->stream, to, 4096, &got, a->quiet_ms, err))
            return NULL;
        if (got == 0) {
            rv_fail(err, RV_E_GONE, "the device closed the image connection inside a message (%zu bytes)", a->in.len);
            return NULL;
        }
        a->in.len += got;
    }
}

static bool send_packet_info(struct asr *a, struct rv_error *err)
{
    RV_AUTO_PLIST info = plist_new_dict();
    plist_t payload = plist_new_dict();
    plist_dict_set_item(payload, "Port", plist_new_uint(1));
    plist_dict_set_item(payload, "Size", plist_new_uint(a->job->source.size));
    if (a->checksums)
        plist_dict_set_item(info, "Checksum Chunk Size", plist_new_uint(RV_ASR_PIECE));
    plist_dict_set_item(info, "FEC Slice Stride", plist_new_uint(40));
    plist_dict_set_item(info, "Packet Payload Size", plist_new_uint(1450));
    plist_dict_set_item(info, "Packets Per FEC", plist_new_uint(25));
    plist_dict_set_item(info, "Payload", payload);
    plist_dict_set_item(info, "Stream ID", plist_new_uint(1));
    plist_dict_set_item(info, "Version", plist_new_uint(1));
    RV_AUTO(rv_blob) text = rv_plist_format(info, false, err);
    return text != NULL && rv_stream_send(a->stream, rv_blob_span(text), QUIET_MS, err);
}

static bool initiate(struct asr *a, plist_t message, struct rv_error *err)
{
    /* May come a second time and change its mind about checksums (idevicerestore issue 679). */
    a->checksums = rv_plist_bool(message, "Checksum Chunks", false);
    return send_packet_info(a, err) || rv_while(err, "telling the device the size of the image");
}

static bool send_out_of_band(struct asr *a, plist_t message, struct rv_error *err)
{
    uint64_t length = 0, offset = 0, size = a->job->source.size;
    if (!rv_plist_uint(message, "OOB Length", &length) || !rv_plist_uint(message, "OOB Offset", &offset))
        return rv_fail(err, RV_E_PROTOCOL, "the device asks for a part of the image without saying which");
    if (offset > size || length > size - offset)
        return rv_fail(err, RV_E_PROTOCOL, "the device asks for %llu bytes at %llu of an image of %llu",
                       (unsigned long long)length, (unsigned long long)offset, (unsigned long long)size);
    RV_AUTO(rv_blob) piece = rv_blob_new(length < OOB_PIECE ? (size_t)length : OOB_PIECE, err);
    if (piece == NULL)
        return false;
    while (length > 0) {
        size_t n = length < OOB_PIECE ? (size_t)length : OOB_PIECE;
        if (!a->job->source.read(a->job->source.context, offset, piece->data, n, err))
            return rv_while(err, "reading the system image at %llu", (unsigned long long)offset);
        if (!rv_stream_send(a->stream, rv_span(piece->data, n), QUIET_MS, err))
            return rv_while(err, "giving the device the part at %llu", (unsigned long long)offset);
        offset += n;
        length -= n;
    }
    return true;
}

/* ---- the stream: one thread reads and digests, the other sends ---- */

struct piece {
    uint8_t bytes[RV_ASR_PIECE + SHA1_SIZE];
    size_t len;   /* with the digest */
    size_t image; /* bytes of the image in it */
};

struct pipe_line {
    struct asr *asr;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct piece *ring; /* PIPE_DEPTH */
    unsigned head, count;
    bool stop, failed, done, reader_waits, sender_waits;
    struct rv_error err; /* the reader's */
};

static bool read_piece(struct asr *a, struct piece *piece, uint64_t offset, struct rv_error *err)
{
    uint64_t left = a->job->source.size - offset;
    piece->image = left < RV_ASR_PIECE ? (size_t)left : RV_ASR_PIECE;
    piece->len = piece->image;
    return a->job->source.read(a->job->source.context, offset, piece->bytes, piece->image, err) ||
           rv_while(err, "reading the system image at %llu", (unsigned long long)offset);
}

/* Whole batches side by side; the pieces of the last one, or of one that a failure cut short, each alone. */
static bool digest_pieces(struct piece *batch, size_t count, struct rv_error *err)
{
    const uint8_t *in[PIPE_BATCH];
    uint8_t *out[PIPE_BATCH], digest[RV_DIGEST_MAX];
    for (size_t i = 0; i < count; i++) {
        in[i] = batch[i].bytes;
        out[i] = batch[i].bytes + batch[i].image;
        batch[i].len = batch[i].image + SHA1_SIZE;
    }
    if (count == PIPE_BATCH && batch[count - 1].image == RV_ASR_PIECE)
        return rv_digest_sha1_lanes(in, RV_ASR_PIECE, out, err);
    for (size_t i = 0; i < count; i++) {
        if (!rv_digest_once(RV_DIGEST_SHA1, rv_span(in[i], batch[i].image), digest, err))
            return false;
        memcpy(out[i], digest, SHA1_SIZE);
    }
    return true;
}

/* As many pieces as a batch has or the image gives; *count of them are good, also where one then failed. */
static bool fill_batch(struct asr *a, struct piece *batch, uint64_t offset, size_t *count, struct rv_error *err)
{
    bool fine = true;
    size_t n = 0;
    while (fine && n < PIPE_BATCH && offset < a->job->source.size) {
        fine = read_piece(a, &batch[n], offset, err);
        if (fine)
            offset += batch[n++].image;
    }
    struct rv_error digest_err = { 0 };
    if (a->checksums && !digest_pieces(batch, n, &digest_err)) {
        if (fine)
            *err = digest_err;
        fine = false;
        n = 0;
    }
    *count = n;
    return fine;
}

/* Places for a batch, one behind the other: the ring is a multiple of it. NULL when the sender has given up. */
static struct piece *wait_for_room(struct pipe_line *p)
{
    pthread_mutex_lock(&p->lock);
    p->reader_waits = p->count > PIPE_DEPTH - PIPE_BATCH;
    while (p->reader_waits && !p->stop)
        pthread_cond_wait(&p->changed, &p->lock);
    struct piece *batch = p->stop ? NULL : &p->ring[(p->head + p->count) % PIPE_DEPTH];
    pthread_mutex_unlock(&p->lock);
    return batch;
}

static void *read_ahead(void *context)
{
    struct pipe_line *p = context;
    uint64_t offset = 0, size = p->asr->job->source.size;
    bool fine = true;
    while (fine && offset < size) {
        struct piece *batch = wait_for_room(p);
        size_t count = 0;
        if (batch == NULL)
            break;
        fine = fill_batch(p->asr, batch, offset, &count, &p->err);
        offset += (uint64_t)count * RV_ASR_PIECE; /* past the end where the last piece is a short one */
        pthread_mutex_lock(&p->lock);
        p->count += (unsigned)count;
        if (p->sender_waits && count > 0) {
            p->sender_waits = false;
            pthread_cond_broadcast(&p->changed);
        }
        pthread_mutex_unlock(&p->lock);
    }
    pthread_mutex_lock(&p->lock);
    p->failed = !fine;
    p->done = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static struct piece *wait_for_piece(struct pipe_line *p)
{
    pthread_mutex_lock(&p->lock);
    p->sender_waits = p->count == 0;
    while (p->sender_waits && !p->done)
        pthread_cond_wait(&p->changed, &p->lock);
    struct piece *piece = p->count > 0 ? &p->ring[p->head] : NULL;
    pthread_mutex_unlock(&p->lock);
    return piece;
}

static bool send_pieces(struct pipe_line *p, uint64_t *sent, struct rv_error *err)
{
    struct asr *a = p->asr;
    struct piece *piece;
    while ((piece = wait_for_piece(p)) != NULL) {
        if (!rv_stream_send(a->stream, rv_span(piece->bytes, piece->len), QUIET_MS, err))
            return rv_while(err, "sending the system image (%llu of %llu bytes were sent)", (unsigned long long)*sent,
                            (unsigned long long)a->job->source.size);
        *sent += piece->image;
        if (a->job->sent != NULL)
            a->job->sent(a->job->sent_context, *sent, a->job->source.size);
        pthread_mutex_lock(&p->lock);
        p->head = (p->head + 1) % PIPE_DEPTH;
        p->count--;
        if (p->reader_waits && p->count <= PIPE_RESUME) {
            p->reader_waits = false;
            pthread_cond_broadcast(&p->changed);
        }
        pthread_mutex_unlock(&p->lock);
    }
    return true;
}

static bool send_image(struct asr *a, struct rv_error *err)
{
    struct pipe_line p = { .asr = a };
    p.ring = rv_alloc_array(PIPE_DEPTH, sizeof *p.ring);
    if (p.ring == NULL)
        return rv_fail_nomem(err);
    pthread_mutex_init(&p.lock, NULL);
    pthread_cond_init(&p.changed, NULL);
    pthread_t reader;
    rv_stream_widen(a->stream, SOCKET_ROOM);
    bool fine = pthread_create(&reader, NULL, read_ahead, &p) == 0;
    uint64_t sent = 0;
    if (!fine) {
        rv_fail(err, RV_E_NOMEM, "no thread can be started to read the system image");
    } else {
        fine = send_pieces(&p, &sent, err);
        pthread_mutex_lock(&p.lock);
        p.stop = true;
        pthread_cond_broadcast(&p.changed);
        pthread_mutex_unlock(&p.lock);
        pthread_join(reader, NULL);
        if (fine && p.failed) {
            *err = p.err;
            fine = false;
        }
    }
    pthread_cond_destroy(&p.changed);
    pthread_mutex_destroy(&p.lock);
    rv_free(p.ring);
    return fine;
}

bool rv_asr_serve(struct rv_ctx *ctx, struct rv_stream *stream, const struct rv_asr_job *job, struct rv_error *err)
{
    struct asr a = { .ctx = ctx, .stream = stream, .job = job, .in = RV_BUF(RV_ASR_MESSAGE_MAX + 8192) };
    a.quiet_ms = job->quiet_ms != 0 ? job->quiet_ms : QUIET_MS;
    bool fine = true, begun = false;
    while (fine && !begun) {
        RV_AUTO_PLIST message = receive_message(&a, err);
        const char *command = message == NULL ? NULL : rv_plist_text(message, "Command");
        if (message == NULL)
            fine = rv_while(err, "waiting for the device to ask for the system image");
        else if (command == NULL)
            fine = rv_fail(err, RV_E_PROTOCOL, "the device sent a message without a command");
        else if (strcmp(command, "Initiate") == 0)
            fine = initiate(&a, message, err);
        else if (strcmp(command, "OOBData") == 0)
            fine = send_out_of_band(&a, message, err);
        else if (strcmp(command, "Payload") == 0)
            begun = true;
        else
            fine = rv_fail(err, RV_E_PROTOCOL, "the device sent the unknown image command '%.60s'", command);
    }
    rv_buf_clear(&a.in);
    return fine && send_image(&a, err);
}
