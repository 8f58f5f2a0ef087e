/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/ticket.h"

#include "base/file.h"
#include "base/text.h"

#include <string.h>
#include <zlib.h>

enum { TICKET_FILE_MAX = 16 * 1024 * 1024 };

void rv_ticket_free(struct rv_ticket *ticket)
{
    if (ticket == NULL)
        return;
    rv_blob_free(ticket->im4m);
    rv_plist_auto(&ticket->answer);
    rv_free(ticket);
}

struct rv_span rv_ticket_im4m(const struct rv_ticket *ticket)
{
    return rv_blob_span(ticket->im4m);
}

plist_t rv_ticket_answer(const struct rv_ticket *ticket)
{
    return ticket->answer;
}

struct rv_ticket *rv_ticket_from_im4m(struct rv_span im4m, struct rv_error *err)
{
    RV_AUTO(rv_ticket) ticket = rv_alloc(sizeof *ticket);
    if (ticket == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    ticket->im4m = rv_blob_copy(im4m, err);
    if (ticket->im4m == NULL || !rv_im4m_parse(rv_blob_span(ticket->im4m), &ticket->parsed, err)) {
        rv_advise(err, RV_ADVICE_BAD_TICKET);
        rv_while(err, "reading a signing ticket");
        return NULL;
    }
    return rv_steal(&ticket);
}

struct rv_ticket *rv_ticket_take_answer(plist_t answer, bool fresh, struct rv_error *err)
{
    RV_AUTO_PLIST held = answer;
    struct rv_span im4m = rv_plist_data(held, "ApImg4Ticket");
    if (im4m.ptr == NULL) {
        bool old = rv_plist_data(held, "APTicket").ptr != NULL;
        rv_fail(err, old ? RV_E_UNSUPPORTED : RV_E_FORMAT,
                old ? "this is a ticket for a 32-bit device" : "there is no ApImg4Ticket in it");
        rv_advise(err, RV_ADVICE_BAD_TICKET);
        return NULL;
    }
    struct rv_ticket *ticket = rv_ticket_from_im4m(im4m, err);
    if (ticket != NULL) {
        ticket->answer = rv_steal(&held);
        ticket->fresh = fresh;
    }
    return ticket;
}

/* ---- from a file ---- */

/* Other programs keep their tickets gzipped. */
static struct rv_blob *gunzip(struct rv_span in, struct rv_error *err)
{
    struct rv_buf out = RV_BUF(TICKET_FILE_MAX);
    z_stream z = { .next_in = (Bytef *)in.ptr, .avail_in = (uInt)in.len };
    struct rv_blob *blob = NULL;
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) {
        rv_fail_nomem(err);
        return NULL;
    }
    int result = Z_OK;
    while (result == Z_OK) {
        enum { STEP = 64 * 1024 };
        uint8_t *to = rv_buf_reserve(&out, STEP, err);
        if (to == NULL)
            break;
        z.next_out = to;
        z.avail_out = STEP;
        result = inflate(&z, Z_NO_FLUSH);
        out.len += STEP - z.avail_out;
        if (result != Z_OK && result != Z_STREAM_END)
            rv_fail(err, RV_E_FORMAT, "its gzip packing is damaged");
    }
    if (result == Z_STREAM_END)
        blob = rv_blob_copy(rv_buf_span(&out), err);
    inflateEnd(&z);
    rv_buf_clear(&out);
    return blob;
}

static struct rv_ticket *from_image4(struct rv_span in, struct rv_error *err)
{
    enum rv_img4_kind kind;
    struct rv_img4 image;
    if (!rv_img4_kind(in, &kind, err))
        return NULL;
    if (kind == RV_IMG4_IM4M)
        return rv_ticket_from_im4m(in, err);
    if (kind == RV_IMG4_IMG4)
        return rv_img4_parse(in, &image, err) ? rv_ticket_from_im4m(image.im4m.whole, err) : NULL;
    rv_fail(err, RV_E_FORMAT, "it is an Image4 file without a ticket");
    return NULL;
}

static struct rv_ticket *from_bytes(struct rv_span in, struct rv_error *err)
{
    if (in.len > 0 && in.ptr[0] == 0x30)
        return from_image4(in, err);
    plist_t answer = rv_plist_parse(in, err);
    return answer != NULL ? rv_ticket_take_answer(answer, false, err) : NULL;
}

struct rv_ticket *rv_ticket_load(const char *path, struct rv_error *err)
{
    RV_AUTO(rv_blob) file = rv_file_read(path, TICKET_FILE_MAX, err);
    if (file == NULL)
        return NULL;
    if (file->len >= 2 && file->data[0] == 0x1F && file->data[1] == 0x8B) {
        struct rv_blob *plain = gunzip(rv_blob_span(file), err);
        if (plain == NULL) {
            rv_while(err, "reading the ticket file %s", path);
            return NULL;
        }
        rv_blob_free(file);
        file = plain;
    }
    struct rv_ticket *ticket = from_bytes(rv_blob_span(file), err);
    if (ticket == NULL) {
        rv_advise(err, RV_ADVICE_BAD_TICKET);
        rv_while(err, "reading the ticket file %s", path);
    }
    return ticket;
}

/* ---- what it covers ---- */

bool rv_ticket_digest(const struct rv_ticket *ticket, const char *tag, struct rv_span *digest)
{
    struct rv_span properties;
    return rv_im4m_object(&ticket->parsed, tag, &properties) && rv_img4_property_octets(properties, "DGST", digest);
}

bool rv_ticket_has_digest(const struct rv_ticket *ticket, struct rv_span digest)
{
    struct rv_reader r = { .in = ticket->parsed.objects };
    struct rv_span properties, found;
    char tag[5];
    while (rv_im4m_object_next(&r, tag, &properties)) {
        if (rv_img4_property_octets(properties, "DGST", &found) && rv_span_equal(found, digest))
            return true;
    }
    return false;
}
