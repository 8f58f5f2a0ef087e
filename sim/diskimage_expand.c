/* SPDX-License-Identifier: Apache-2.0 */
/* An image arriving front to back becomes the volume, and the volume is read again to check it, as ASR verifies. */
#include "sim/diskimage.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 256 << 10 };

struct sim_udif_stream {
    const struct sim_udif *udif;
    const struct sim_udif_trailer *trailer;
    uint32_t xml_crc_wanted, data_crc, xml_crc;
    int fd;
    uint64_t at;                         /* bytes of the image seen */
    const struct sim_udif_chunk **order; /* chunks with bytes, as they lie in the image */
    size_t order_count, next;
    uint64_t chunk_in, chunk_out; /* of order[next] */
    z_stream inflater;
    bool inflating;
    uint8_t piece[PIECE];
};

static int by_offset(const void *a, const void *b)
{
    const struct sim_udif_chunk *x = *(const struct sim_udif_chunk *const *)a;
    const struct sim_udif_chunk *y = *(const struct sim_udif_chunk *const *)b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static bool sort_chunks(struct sim_udif_stream *s, struct rv_error *err)
{
    size_t count = sim_udif_chunk_count(s->udif);
    s->order = rv_alloc_array(count, sizeof *s->order);
    if (!s->order)
        return rv_fail_nomem(err);
    for (size_t i = 0; i < count; i++) {
        const struct sim_udif_chunk *c = sim_udif_chunk_at(s->udif, i);
        if (c->kind == SIM_CHUNK_RAW || c->kind == SIM_CHUNK_ZLIB)
            s->order[s->order_count++] = c;
    }
    qsort(s->order, s->order_count, sizeof *s->order, by_offset);
    for (size_t i = 1; i < s->order_count; i++) {
        if (s->order[i]->offset < s->order[i - 1]->offset + s->order[i - 1]->length)
            return rv_fail(err, RV_E_FORMAT, "two chunks of the image share their bytes");
    }
    return true;
}

struct sim_udif_stream *sim_udif_stream_new(const struct sim_udif *udif, int fd, struct rv_error *err)
{
    RV_AUTO(sim_udif_stream) s = rv_alloc(sizeof *s);
    if (!s) {
        rv_fail_nomem(err);
        return NULL;
    }
    s->udif = udif;
    s->trailer = sim_udif_trailer_of(udif, &s->xml_crc_wanted);
    s->fd = fd;
    s->data_crc = s->xml_crc = (uint32_t)crc32(0, NULL, 0);
    if (!sort_chunks(s, err))
        return NULL;
    /* Truncated first: what no chunk covers reads as zero. */
    if (ftruncate(fd, 0) != 0 || ftruncate(fd, (off_t)sim_udif_bytes(udif)) != 0) {
        rv_fail_sys(err, RV_E_IO, errno, "cannot size the volume");
        return NULL;
    }
    return rv_steal(&s);
}

void sim_udif_stream_free(struct sim_udif_stream *stream)
{
    if (stream) {
        if (stream->inflating)
            inflateEnd(&stream->inflater);
        rv_free(stream->order);
        rv_free(stream);
    }
}

static bool put(struct sim_udif_stream *s, const struct sim_udif_chunk *c, struct rv_span bytes, struct rv_error *err)
{
    if (bytes.len > c->sectors * SIM_UDIF_SECTOR - s->chunk_out)
        return rv_fail(err, RV_E_CORRUPT, "a chunk of the image holds more than its sectors");
    while (bytes.len) {
        ssize_t n = pwrite(s->fd, bytes.ptr, bytes.len, (off_t)(c->sector * SIM_UDIF_SECTOR + s->chunk_out));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return rv_fail_sys(err, RV_E_IO, errno, "cannot write the volume");
        s->chunk_out += (uint64_t)n;
        bytes = rv_span_part(bytes, (size_t)n, bytes.len - (size_t)n);
    }
    return true;
}

static bool inflate_some(struct sim_udif_stream *s, const struct sim_udif_chunk *c, struct rv_span bytes,
                         struct rv_error *err)
{
    if (!s->inflating) {
        memset(&s->inflater, 0, sizeof s->inflater);
        if (inflateInit(&s->inflater) != Z_OK)
            return rv_fail_nomem(err);
        s->inflating = true;
    }
    s->inflater.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    s->inflater.avail_in = (uInt)bytes.len;
    int rc = Z_OK;
    do {
        s->inflater.next_out = s->piece;
        s->inflater.avail_out = sizeof s->piece;
        rc = inflate(&s->inflater, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return rv_fail(err, RV_E_CORRUPT, "a chunk of the image does not decompress");
        if (!put(s, c, rv_span(s->piece, sizeof s->piece - s->inflater.avail_out), err))
            return false;
    } while (rc == Z_OK && (s->inflater.avail_in || s->inflater.avail_out == 0));
    if (s->inflater.avail_in)
        return rv_fail(err, RV_E_CORRUPT, "a chunk of the image is longer than its data");
    return true;
}

static bool end_chunk(struct sim_udif_stream *s, const struct sim_udif_chunk *c, struct rv_error *err)
{
    if (s->inflating)
        inflateEnd(&s->inflater);
    s->inflating = false;
    if (s->chunk_out != c->sectors * SIM_UDIF_SECTOR)
        return rv_fail(err, RV_E_CORRUPT, "a chunk of the image does not fill its sectors");
    s->chunk_in = s->chunk_out = 0;
    s->next++;
    return true;
}

/* The bytes [s->at, s->at + bytes.len) all lie in the data fork. */
static bool take_data(struct sim_udif_stream *s, struct rv_span bytes, struct rv_error *err)
{
    s->data_crc = (uint32_t)crc32_z(s->data_crc, bytes.ptr, bytes.len);
    uint64_t at = s->at;
    while (bytes.len && s->next < s->order_count) {
        const struct sim_udif_chunk *c = s->order[s->next];
        if (at + bytes.len <= c->offset)
            return true;
        if (at < c->offset) { /* bytes that belong to no chunk */
            size_t gap = (size_t)(c->offset - at);
            bytes = rv_span_part(bytes, gap, bytes.len - gap);
            at = c->offset;
        }
        uint64_t left = c->length - s->chunk_in;
        size_t take = bytes.len < left ? bytes.len : (size_t)left;
        struct rv_span part = rv_span(bytes.ptr, take);
        if (!(c->kind == SIM_CHUNK_RAW ? put(s, c, part, err) : inflate_some(s, c, part, err)))
            return false;
        s->chunk_in += take;
        at += take;
        bytes = rv_span_part(bytes, take, bytes.len - take);
        if (s->chunk_in == c->length && !end_chunk(s, c, err))
            return false;
    }
    return true;
}

/* How many of `len` bytes at s->at lie before `end`; 0 when s->at is past it. */
static size_t before(uint64_t at, uint64_t end, size_t len)
{
    uint64_t left = at < end ? end - at : 0;
    return left < len ? (size_t)left : len;
}

bool sim_udif_stream_push(struct sim_udif_stream *stream, struct rv_span bytes, struct rv_error *err)
{
    const struct sim_udif_trailer *t = stream->trailer;
    uint64_t total = t->xml_offset + t->xml_length + SIM_UDIF_TRAILER;
    if (bytes.len > total - stream->at)
        return rv_fail(err, RV_E_CORRUPT, "more bytes than the image has");
    while (bytes.len) {
        size_t n = before(stream->at, t->data_length, bytes.len);
        if (n) {
            if (!take_data(stream, rv_span(bytes.ptr, n), err))
                return false;
        } else if (stream->at < t->xml_offset) {
            n = before(stream->at, t->xml_offset, bytes.len);
        } else if (stream->at < t->xml_offset + t->xml_length) {
            n = before(stream->at, t->xml_offset + t->xml_length, bytes.len);
            stream->xml_crc = (uint32_t)crc32_z(stream->xml_crc, bytes.ptr, n);
        } else {
            n = bytes.len;
        }
        stream->at += n;
        bytes = rv_span_part(bytes, n, bytes.len - n);
    }
    return true;
}

static bool check_volume(struct sim_udif_stream *s, uint64_t sector, uint64_t sectors, uint32_t want,
                         struct rv_error *err)
{
    uint64_t at = sector * SIM_UDIF_SECTOR, left = sectors * SIM_UDIF_SECTOR;
    uint32_t crc = (uint32_t)crc32(0, NULL, 0);
    while (left) {
        size_t n = left < sizeof s->piece ? (size_t)left : sizeof s->piece;
        if (!rv_fd_read_at(s->fd, s->piece, n, at, err))
            return rv_while(err, "reading the volume again");
        crc = (uint32_t)crc32_z(crc, s->piece, n);
        at += n;
        left -= n;
    }
    return crc == want || rv_fail(err, RV_E_CORRUPT, "the volume does not have the checksum that the image states");
}

bool sim_udif_stream_finish(struct sim_udif_stream *stream, struct rv_error *err)
{
    const struct sim_udif_trailer *t = stream->trailer;
    if (stream->at != t->xml_offset + t->xml_length + SIM_UDIF_TRAILER || stream->next != stream->order_count)
        return rv_fail(err, RV_E_CORRUPT, "the image ended early");
    if (stream->data_crc != t->data_crc)
        return rv_fail(err, RV_E_CORRUPT, "the checksum over the image's data does not hold");
    if (stream->xml_crc != stream->xml_crc_wanted)
        return rv_fail(err, RV_E_CORRUPT, "the image's list is not the one that was read before");
    for (size_t i = 0;; i++) {
        uint64_t sector, sectors;
        uint32_t crc;
        if (!sim_udif_table_at(stream->udif, &i, &sector, &sectors, &crc))
            return true;
        if (!check_volume(stream, sector, sectors, crc, err))
            return false;
    }
}

bool sim_udif_expand(const struct sim_image_source *source, int fd, struct rv_error *err)
{
    RV_AUTO(sim_udif) udif = sim_udif_open(source, err);
    RV_AUTO(sim_udif_stream) stream = udif ? sim_udif_stream_new(udif, fd, err) : NULL;
    RV_AUTO(rv_blob) piece = stream ? rv_blob_new(PIECE, err) : NULL;
    if (!piece)
        return false;
    for (uint64_t at = 0; at < source->size;) {
        size_t n = before(at, source->size, PIECE);
        if (!source->read(source->context, at, piece->data, n, err) ||
            !sim_udif_stream_push(stream, rv_span(piece->data, n), err))
            return false;
        at += n;
    }
    return sim_udif_stream_finish(stream, err);
}
