/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that go to the device piece by piece: {FileData: 8192 bytes}… {FileDataDone: true} (idevicerestore
 * src/restore.c). SourceBootObjectV4 wants them as they are, cryptexes of gigabytes among them: they are read as
 * they are sent, never held. An encrypted one ("AEA1") is passed on encrypted; after its first piece the device may
 * ask for the address of its key, and the next piece waits for that.
 */
#include "restore/install.h"

#include "base/text.h"
#include "proto/plist_frame.h"

#include <stdio.h>
#include <string.h>

enum {
    PIECE = 8192,
    PLIST_MAX = 1024 * 1024,
    KEY_WAIT_MS = 3000, /* the reference client's: a device that has the key asks for none */
    KEY_LOOK_MS = 50,
};

/* ---- pieces ---- */

static bool send_piece(struct rv_install *in, struct rv_request *request, struct rv_span bytes, struct rv_error *err)
{
    RV_AUTO_PLIST piece = plist_new_dict();
    plist_dict_set_item(piece, "FileData", plist_new_data((const char *)bytes.ptr, bytes.len));
    return rv_request_send(in, request, piece, err);
}

static bool send_done(struct rv_install *in, struct rv_request *request, struct rv_error *err)
{
    RV_AUTO_PLIST done = plist_new_dict();
    plist_dict_set_item(done, "FileDataDone", plist_new_bool(1));
    return rv_request_send(in, request, done, err);
}

/* A question on the file's own connection: answered there, or on the port that it names. */
static bool answer_between(struct rv_install *in, struct rv_request *request, plist_t message, struct rv_error *err)
{
    struct rv_request question = { .row = rv_restore_type("URLAsset"),
                                   .type = "URLAsset",
                                   .arguments = rv_plist_dict(message, "Arguments"),
                                   .stream = request->stream };
    uint64_t port = 0;
    plist_t reply = NULL;
    if (question.arguments == NULL) {
        rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "a message inside %.60s was ignored", request->type);
        return true;
    }
    if (rv_plist_uint(message, "DataPort", &port) && port > 0 && port <= UINT16_MAX) {
        question.data_port = (uint16_t)port;
        question.stream = NULL;
        return rv_install_answer(in, &question, err);
    }
    bool fine = rv_answer_url(in, &question, &reply, err) && rv_request_send(in, &question, reply, err);
    rv_plist_auto(&reply);
    return fine;
}

/* On a port of its own the question comes there; on the control connection the conversation hears it. */
static bool wait_for_key(struct rv_install *in, struct rv_request *request, unsigned answered, struct rv_error *err)
{
    struct rv_deadline deadline = rv_deadline_in(&in->calm.clock, KEY_WAIT_MS);
    while (in->urls_answered == answered && rv_deadline_left_ms(&deadline) > 0) {
        if (request->stream == NULL) {
            if (!rv_clock_pause(&in->calm.clock, KEY_LOOK_MS, "the device may ask for the key of this file first",
                                &in->calm.cancel, err))
                return false;
            continue;
        }
        struct rv_error quiet = { 0 };
        RV_AUTO_PLIST message = rv_plist_receive(request->stream, KEY_LOOK_MS, &quiet);
        if (message != NULL && !answer_between(in, request, message, err))
            return false;
        if (message == NULL && quiet.code != RV_E_TIMEOUT) {
            *err = quiet;
            return false;
        }
    }
    return true;
}

struct source {
    struct rv_blob *bytes;       /* in memory, or */
    struct rv_ipsw_image *image; /* in the archive */
    uint64_t size;
};

static bool read_source(struct source *from, uint64_t at, uint8_t *to, size_t len, struct rv_error *err)
{
    if (from->image != NULL)
        return rv_ipsw_image_read(from->image, at, to, len, err);
    memcpy(to, from->bytes->data + at, len);
    return true;
}

static bool send_source(struct rv_install *in, struct rv_request *request, struct source *from, struct rv_error *err)
{
    uint8_t piece[PIECE];
    for (uint64_t at = 0; at < from->size;) {
        size_t n = from->size - at < PIECE ? (size_t)(from->size - at) : PIECE;
        unsigned answered = in->urls_answered;
        if (!read_source(from, at, piece, n, err) || !send_piece(in, request, rv_span(piece, n), err))
            return rv_while(err, "sending %.60s at %llu of %llu bytes", request->type, (unsigned long long)at,
                            (unsigned long long)from->size);
        if (at == 0 && n >= 4 && memcmp(piece, "AEA1", 4) == 0 && !wait_for_key(in, request, answered, err))
            return false;
        at += n;
    }
    return send_done(in, request, err);
}

/* ---- which file ---- */

static const char *image_name(const struct rv_request *request, struct rv_error *err)
{
    const char *name = rv_plist_text(request->arguments, "ImageName");
    if (name == NULL)
        rv_fail(err, RV_E_PROTOCOL, "the device asks for %s without an ImageName", request->type);
    return name;
}

/* Not a component: the archive's own lists, or the ticket that all devices of a board share (Macs). */
static bool special_path(plist_t identity, const struct rv_request *request, const char *name, char *out,
                         size_t out_size)
{
    plist_t info = rv_plist_dict(identity, "Info");
    const char *board = rv_plist_text(info, "DeviceClass"), *variant = rv_plist_text(request->arguments, "Variant");
    if (variant == NULL)
        variant = rv_plist_text(info, "MacOSVariant");
    if (strcmp(name, "__RestoreVersion__") == 0)
        snprintf(out, out_size, "RestoreVersion.plist");
    else if (strcmp(name, "__SystemVersion__") == 0)
        snprintf(out, out_size, "SystemVersion.plist");
    else if (strcmp(name, "__GlobalManifest__") == 0 && board != NULL && variant != NULL)
        snprintf(out, out_size, "Firmware/Manifests/restore/%s/apticket.%s.im4m", variant, board);
    else
        return false;
    return true;
}

bool rv_answer_boot_object(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    (void)reply;
    char path[256];
    const char *name = image_name(request, err);
    plist_t identity = name == NULL ? NULL : rv_request_identity(in, request, err);
    if (identity == NULL)
        return false;
    RV_AUTO(rv_blob)
    bytes = special_path(identity, request, name, path, sizeof path)
                ? rv_ipsw_file(in->r->ipsw, path, PLIST_MAX, err)
                : rv_personalise(in->r->ipsw, identity, name, in->r->ticket, err);
    struct source from = { .bytes = bytes, .size = bytes == NULL ? 0 : bytes->len };
    return bytes != NULL && send_source(in, request, &from, err);
}

/* The recovery system's own image, as it is. */
bool rv_answer_recovery_image(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    (void)reply;
    plist_t identity = rv_install_recovery(in, err);
    if (identity == NULL)
        return false;
    RV_AUTO(rv_ipsw_image)
    image = rv_ipsw_image_open(&in->calm, in->r->ipsw, identity, request->row->component, err);
    struct source from = { .image = image, .size = image == NULL ? 0 : rv_ipsw_image_size(image) };
    return image != NULL && send_source(in, request, &from, err);
}

bool rv_answer_source_object(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    (void)reply;
    char text[256];
    const char *name = image_name(request, err);
    plist_t identity = name == NULL ? NULL : rv_request_identity(in, request, err);
    if (identity == NULL)
        return false;
    if (special_path(identity, request, name, text, sizeof text))
        return rv_answer_boot_object(in, request, reply, err);
    RV_AUTO(rv_ipsw_image)
    image =
        rv_ipsw_image_open(&in->calm, in->r->ipsw, identity, rv_manifest_name(identity, name, text, sizeof text), err);
    struct source from = { .image = image, .size = image == NULL ? 0 : rv_ipsw_image_size(image) };
    return image != NULL && send_source(in, request, &from, err);
}
