/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random access to a file of gigabytes inside the IPSW. A stored one is read in place. A deflated one is
 * unpacked as far as needed, and the unpacker's state (about 45 KB with its 32 KB window) is put aside every
 * few megabytes: going back costs at most one such distance, and nothing is ever unpacked to disk.
 */
#include "firmware/ipsw.h"

#include "base/file.h"
#include "base/text.h"

#include <string.h>
#include <zlib.h>

enum {
    INPUT_PART = 64 * 1024,
    STREAM_PART = 256 * 1024,
    MARKS_MAX = 512,             /* 512 x 45 KB: 23 MB at most */
    MARK_LEAST = 4 * 1024 * 1024 /* bytes of output between two marks */
};

struct mark {
    z_stream state;
    uint64_t in_at, out_at; /* packed bytes used, plain bytes given */
};

struct rv_ipsw_image {
    struct rv_ctx *ctx;
    char *path; /* in the archive */
    struct rv_archive_place place;
    /* deflated only */
    z_stream z;
    bool running;
    uint64_t in_at, out_at; /* in_at: packed bytes handed to z so far, less what it has not used */
    uint64_t distance;
    struct mark *marks;
    size_t mark_count;
    uint8_t *input, *scrap;
};

void rv_ipsw_image_free(struct rv_ipsw_image *image)
{
    if (image == NULL)
        return;
    if (image->running)
        inflateEnd(&image->z);
    for (size_t i = 0; i < image->mark_count; i++)
        inflateEnd(&image->marks[i].state);
    rv_archive_place_clear(&image->place);
    rv_free(image->path);
    rv_free(image->marks);
    rv_free(image->input);
    rv_free(image->scrap);
    rv_free(image);
}

static bool prepare_inflate(struct rv_ipsw_image *image, struct rv_error *err)
{
    image->distance = image->place.plain / MARKS_MAX + 1;
    if (image->distance < MARK_LEAST)
        image->distance = MARK_LEAST;
    image->marks = rv_alloc_array(MARKS_MAX, sizeof *image->marks);
    image->input = rv_alloc(INPUT_PART);
    image->scrap = rv_alloc(INPUT_PART);
    if (image->marks == NULL || image->input == NULL || image->scrap == NULL)
        return rv_fail_nomem(err);
    if (inflateInit2(&image->z, -MAX_WBITS) != Z_OK)
        return rv_fail_nomem(err);
    image->running = true;
    return true;
}

static struct rv_ipsw_image *open_path(struct rv_ctx *ctx, struct rv_ipsw *ipsw, const char *path, struct rv_error *err)
{
    RV_AUTO(rv_ipsw_image) image = rv_alloc(sizeof *image);
    if (image == NULL || (image->path = rv_text_copy(path)) == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    image->ctx = ctx;
    image->place.fd = -1;
    if (!rv_archive_place(ipsw->archive, path, &image->place, err) ||
        (image->place.deflated && !prepare_inflate(image, err)))
        return NULL;
    return rv_steal(&image);
}

static struct rv_ipsw_image *take_checked(struct rv_ctx *ctx, struct rv_ipsw *ipsw, const char *path)
{
    struct rv_ipsw_image *image = NULL;
    pthread_mutex_lock(&ipsw->lock);
    if (ipsw->checked != NULL && strcmp(ipsw->checked->path, path) == 0) {
        image = ipsw->checked;
        image->ctx = ctx;
        ipsw->checked = NULL;
    }
    pthread_mutex_unlock(&ipsw->lock);
    return image;
}

struct rv_ipsw_image *rv_ipsw_image_open(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity,
                                         const char *component, struct rv_error *err)
{
    const char *path = rv_component_path(identity, component);
    if (path == NULL) {
        rv_fail(err, RV_E_NOT_FOUND, "this firmware has no component %s", component);
        return NULL;
    }
    struct rv_ipsw_image *image = take_checked(ctx, ipsw, path);
    if (image == NULL)
        image = open_path(ctx, ipsw, path, err);
    if (image == NULL)
        rv_while(err, "opening %s in the firmware file", component);
    return image;
}

uint64_t rv_ipsw_image_size(const struct rv_ipsw_image *image)
{
    return image->place.plain;
}

/* A mark at the present place, if it is time for one. Failing to make one costs time later, nothing else. */
static void put_mark(struct rv_ipsw_image *image)
{
    uint64_t next = ((uint64_t)image->mark_count + 1) * image->distance;
    if (image->out_at < next || image->mark_count == MARKS_MAX)
        return;
    struct mark *mark = &image->marks[image->mark_count];
    if (inflateCopy(&mark->state, &image->z) != Z_OK)
        return;
    mark->in_at = image->in_at;
    mark->out_at = image->out_at;
    image->mark_count++;
}

static bool refill(struct rv_ipsw_image *image, struct rv_error *err)
{
    uint64_t left = image->place.packed - image->in_at;
    size_t len = left < INPUT_PART ? (size_t)left : INPUT_PART;
    if (len == 0)
        return rv_fail(err, RV_E_CORRUPT, "the packed image ends at %llu of %llu bytes",
                       (unsigned long long)image->out_at, (unsigned long long)image->place.plain);
    if (!rv_archive_place_read(&image->place, image->in_at, image->input, len, err))
        return false;
    image->z.next_in = image->input;
    image->z.avail_in = (uInt)len;
    return true;
}

/* Unpacks exactly len bytes to `to`, at most a mark's distance. */
static bool unpack(struct rv_ipsw_image *image, uint8_t *to, size_t len, struct rv_error *err)
{
    z_stream *z = &image->z;
    while (len > 0) {
        if (z->avail_in == 0 && !refill(image, err))
            return false;
        uInt room = len < INPUT_PART ? (uInt)len : INPUT_PART, had = z->avail_in;
        z->next_out = to;
        z->avail_out = room;
        int result = inflate(z, Z_NO_FLUSH);
        size_t got = room - z->avail_out;
        image->in_at += had - z->avail_in;
        image->out_at += got;
        to += got;
        len -= got;
        if (result != Z_OK && result != Z_BUF_ERROR && !(result == Z_STREAM_END && len == 0))
            return rv_fail(err, RV_E_CORRUPT, "the packed image is damaged near %llu: %s",
                           (unsigned long long)image->out_at, z->msg ? z->msg : "it ends too early");
        put_mark(image);
    }
    return true;
}

/* Back to the last mark at or before offset, or to the start. */
static bool rewind_to(struct rv_ipsw_image *image, uint64_t offset, struct rv_error *err)
{
    const struct mark *from = NULL;
    for (size_t i = 0; i < image->mark_count && image->marks[i].out_at <= offset; i++)
        from = &image->marks[i];
    if (offset >= image->out_at && (from == NULL || from->out_at <= image->out_at))
        return true; /* forward from where we are is nearest */
    z_stream fresh = { .next_in = NULL };
    int made = from != NULL ? inflateCopy(&fresh, (z_stream *)&from->state) : inflateInit2(&fresh, -MAX_WBITS);
    if (made != Z_OK)
        return rv_fail_nomem(err);
    inflateEnd(&image->z);
    /* zlib's state points back at its stream, so it is copied in place rather than assigned. */
    made = inflateCopy(&image->z, &fresh);
    inflateEnd(&fresh);
    image->running = made == Z_OK;
    if (!image->running)
        return rv_fail_nomem(err);
    image->z.next_in = NULL;
    image->z.avail_in = 0;
    image->in_at = from != NULL ? from->in_at : 0;
    image->out_at = from != NULL ? from->out_at : 0;
    return true;
}

static bool read_deflated(struct rv_ipsw_image *image, uint64_t offset, uint8_t *to, size_t len, struct rv_error *err)
{
    if (!image->running)
        return rv_fail(err, RV_E_NOMEM, "the unpacker of the image was lost earlier");
    if (!rewind_to(image, offset, err))
        return false;
    while (image->out_at < offset) {
        uint64_t gap = offset - image->out_at;
        if (!rv_cancel_point(&image->ctx->cancel, err) ||
            !unpack(image, image->scrap, gap < INPUT_PART ? (size_t)gap : INPUT_PART, err))
            return false;
    }
    return unpack(image, to, len, err);
}

bool rv_ipsw_image_read(struct rv_ipsw_image *image, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    if (offset > image->place.plain || len > image->place.plain - offset)
        return rv_fail(err, RV_E_PROTOCOL, "%zu bytes at %llu are asked of an image of %llu", len,
                       (unsigned long long)offset, (unsigned long long)image->place.plain);
    if (!image->place.deflated)
        return rv_archive_place_read(&image->place, offset, to, len, err);
    return read_deflated(image, offset, to, len, err);
}

/* ---- once through, for the check ---- */

bool rv_ipsw_image_wants(const struct rv_archive_place *place)
{
    return place->deflated && place->plain > MARK_LEAST;
}

/* All plain bytes are out: the packed ones must end here too. */
static bool ends_here(struct rv_ipsw_image *image, struct rv_error *err)
{
    z_stream *z = &image->z;
    uint8_t more;
    int result = Z_OK;
    while (result == Z_OK || result == Z_BUF_ERROR) {
        if (z->avail_in == 0 && image->in_at < image->place.packed && !refill(image, err))
            return false;
        uInt had = z->avail_in;
        z->next_out = &more;
        z->avail_out = 1;
        result = inflate(z, Z_NO_FLUSH);
        image->in_at += had - z->avail_in;
        if (z->avail_out == 0)
            return rv_fail(err, RV_E_CORRUPT, "it unpacks to more than the %llu bytes that it says",
                           (unsigned long long)image->place.plain);
        if (result != Z_STREAM_END && z->avail_in == 0 && image->in_at == image->place.packed)
            return rv_fail(err, RV_E_CORRUPT, "its packed bytes end in the middle");
    }
    if (result != Z_STREAM_END)
        return rv_fail(err, RV_E_CORRUPT, "its packed bytes are damaged at their end");
    return image->in_at == image->place.packed || rv_fail(err, RV_E_CORRUPT, "it has packed bytes behind its end");
}

static bool push_all(struct rv_ipsw_image *image, uint8_t *part, rv_archive_sink *sink, void *context,
                     struct rv_error *err)
{
    uint64_t size = image->place.plain;
    unsigned long crc = crc32(0, NULL, 0);
    while (image->out_at < size) {
        size_t len = size - image->out_at < STREAM_PART ? (size_t)(size - image->out_at) : STREAM_PART;
        if (!unpack(image, part, len, err))
            return false;
        crc = crc32(crc, part, (uInt)len);
        if (!sink(context, rv_span(part, len), err))
            return false;
    }
    if (!ends_here(image, err))
        return false;
    return !image->place.have_crc || (uint32_t)crc == image->place.crc ||
           rv_fail(err, RV_E_CORRUPT, "its checksum is %08lx, not %08x", crc, image->place.crc);
}

static void keep_largest(struct rv_ipsw *ipsw, struct rv_ipsw_image *image)
{
    struct rv_ipsw_image *other = image;
    pthread_mutex_lock(&ipsw->lock);
    if (ipsw->checked == NULL || ipsw->checked->place.plain < image->place.plain) {
        other = ipsw->checked;
        ipsw->checked = image;
    }
    pthread_mutex_unlock(&ipsw->lock);
    rv_ipsw_image_free(other);
}

bool rv_ipsw_image_stream(struct rv_ipsw *ipsw, const char *path, rv_archive_sink *sink, void *context,
                          struct rv_error *err)
{
    struct rv_ipsw_image *image = open_path(ipsw->ctx, ipsw, path, err);
    RV_AUTO(rv_blob) part = image != NULL ? rv_blob_new(STREAM_PART, err) : NULL;
    if (part == NULL || !push_all(image, part->data, sink, context, err)) {
        rv_ipsw_image_free(image);
        return rv_while(err, "reading '%s'", path);
    }
    keep_largest(ipsw, image);
    return true;
}
