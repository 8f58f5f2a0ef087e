/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the device may ask while it installs, and who answers (docs/restore.md 2.3; idevicerestore src/restore.c).
 * One table, compiled from data/restore_types.json, gives both the announced names and the dispatch. A name
 * without an answer is a visible gap: it gets {}, so that the device does not wait for ever.
 */
#include "restore/install.h"

#include "base/text.h"
#include "firmware/peripherals.h"
#include "proto/asr.h"
#include "proto/plist_frame.h"
#include "transport/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SEND_MS = 60000,
    FILE_PIECE = 8192, /* FileData pieces of the reference client */
    BIG_FILE_MAX = 1024 * 1024 * 1024,
    ASSET_MAX = 1024 * 1024,
    IMAGE_CONNECT_TRIES = 30, /* asr is only just starting: the first connect is often refused */
    IMAGE_CONNECT_PAUSE_MS = 2000,
};

/* ---- helpers ---- */

static struct rv_blob *personalised(struct rv_install *in, const char *component, struct rv_error *err)
{
    /* No lock: archive and ticket are only read. */
    struct rv_blob *blob = rv_personalise(in->r->ipsw, in->r->identity, component, in->r->ticket, err);
    if (blob == NULL)
        rv_while(err, "signing %s", component);
    return blob;
}

static plist_t data_node(struct rv_span bytes)
{
    return plist_new_data((const char *)bytes.ptr, bytes.len);
}

static bool put_component(struct rv_install *in, plist_t dict, const char *key, const char *component,
                          struct rv_error *err)
{
    RV_AUTO(rv_blob) blob = personalised(in, component, err);
    if (blob == NULL)
        return false;
    plist_dict_set_item(dict, key, data_node(rv_blob_span(blob)));
    return true;
}

/* Gives *reply when the work went well, frees it otherwise. */
static bool hand_out(plist_t dict, bool fine, plist_t *reply)
{
    if (fine)
        *reply = dict;
    else
        plist_free(dict);
    return fine;
}

bool rv_request_send(struct rv_install *in, struct rv_request *request, plist_t message, struct rv_error *err)
{
    if (request->stream == NULL)
        return rv_install_send(in, message, err);
    bool binary = request->row != NULL && request->row->key != NULL && strcmp(request->row->key, "ResponseBody") == 0;
    return rv_plist_send(request->stream, message, binary, SEND_MS, err);
}

/* ---- the answers, alphabetically ---- */

static plist_t known_baseband(struct rv_install *in, plist_t nonce)
{
    pthread_mutex_lock(&in->lock);
    plist_t known = rv_plist_node(in->baseband, "Nonce");
    bool same = nonce != NULL && known != NULL && plist_compare_node_value(nonce, known);
    plist_t data = same ? plist_copy(rv_plist_node(in->baseband, "BasebandData")) : NULL;
    pthread_mutex_unlock(&in->lock);
    return data;
}

static void keep_baseband(struct rv_install *in, plist_t nonce, plist_t data)
{
    plist_t fresh = plist_new_dict();
    plist_dict_set_item(fresh, "BasebandData", plist_copy(data));
    if (nonce != NULL)
        plist_dict_set_item(fresh, "Nonce", plist_copy(nonce));
    pthread_mutex_lock(&in->lock);
    plist_free(in->baseband);
    in->baseband = fresh;
    pthread_mutex_unlock(&in->lock);
}

static bool rv_answer_baseband(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    plist_t nonce = rv_plist_node(request->arguments, "Nonce");
    plist_t data = known_baseband(in, nonce);
    if (data == NULL) {
        RV_AUTO(rv_blob)
        zip = rv_baseband_personalise(&in->calm, in->r->ipsw, in->r->identity, in->r->device.identity.ecid,
                                      request->arguments, err);
        if (zip == NULL)
            return false;
        data = data_node(rv_blob_span(zip));
        keep_baseband(in, nonce, data);
    }
    *reply = plist_new_dict();
    plist_dict_set_item(*reply, "BasebandData", data);
    return true;
}

plist_t rv_request_identity(struct rv_install *in, const struct rv_request *request, struct rv_error *err)
{
    if (!rv_plist_bool(request->arguments, "IsRecoveryOS", false))
        return in->r->identity;
    return rv_install_recovery(in, err);
}

static bool rv_answer_build_identity(struct rv_install *in, struct rv_request *request, plist_t *reply,
                                     struct rv_error *err)
{
    const char *variant = rv_plist_text(request->arguments, "Variant");
    plist_t identity = rv_request_identity(in, request, err);
    if (identity == NULL)
        return false;
    /* The reference client says "Erase" in an Update too when the device names none; ours says what it does. */
    const char *does = rv_plist_text(rv_plist_dict(in->r->identity, "Info"), "RestoreBehavior");
    *reply = plist_new_dict();
    plist_dict_set_item(*reply, request->row->key, plist_copy(identity));
    plist_dict_set_item(*reply, "Variant", plist_new_string(variant != NULL ? variant : does));
    return true;
}

static bool rv_answer_component(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    plist_t dict = plist_new_dict();
    return hand_out(dict, put_component(in, dict, request->row->key, request->row->component, err), reply);
}

static bool rv_answer_empty(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    (void)in;
    (void)request;
    (void)err;
    *reply = plist_new_dict();
    return true;
}

static bool rv_answer_host_time(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    (void)in;
    (void)err;
    *reply = plist_new_dict();
    plist_dict_set_item(*reply, request->row->key, plist_new_real((double)time(NULL)));
    return true;
}

const char *rv_manifest_name(plist_t identity, const char *name, char *other, size_t other_size)
{
    if (rv_identity_component(identity, name) != NULL || !rv_text_starts(name, "Ap") || name[2] == ',')
        return name;
    snprintf(other, other_size, "Ap,%s", name + 2);
    return rv_identity_component(identity, other) != NULL ? other : name;
}

static bool list_names(struct rv_install *in, const char *flag, plist_t array, plist_t data, struct rv_error *err)
{
    const char **names = NULL;
    size_t count = 0;
    if (!rv_identity_components(in->r->identity, &names, &count, err))
        return false;
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++) {
        if (!rv_component_flag(in->r->identity, names[i], flag))
            continue;
        if (array != NULL)
            plist_array_append_item(array, plist_new_string(names[i]));
        else
            fine = put_component(in, data, names[i], names[i], err);
    }
    rv_free(names);
    return fine;
}

/* FUDData, EANData, PersonalizedData: the list of names, one image by name, or (iOS 10 to 12) all at once. */
static bool rv_answer_image_list(struct rv_install *in, struct rv_request *request, plist_t *reply,
                                 struct rv_error *err)
{
    char list_key[48], data_key[48], other[128];
    const char *flag = request->row->component, *prefix = request->row->key;
    snprintf(list_key, sizeof list_key, "%sList", prefix);
    snprintf(data_key, sizeof data_key, "%sData", prefix);
    if (strcmp(request->row->type, "EANData") == 0)
        snprintf(data_key, sizeof data_key, "EANData");
    if (flag == NULL)
        flag = rv_plist_text(request->arguments, "ImageType");
    if (flag == NULL)
        return rv_fail(err, RV_E_PROTOCOL, "the device asks for %s without an ImageType", request->type);
    const char *name = rv_plist_text(request->arguments, "ImageName");
    plist_t dict = plist_new_dict(), inner;
    bool fine;
    if (rv_plist_bool(request->arguments, list_key, false)) {
        inner = plist_new_array();
        plist_dict_set_item(dict, list_key, inner);
        fine = list_names(in, flag, inner, NULL, err);
    } else if (name != NULL) {
        plist_dict_set_item(dict, "ImageName", plist_new_string(name));
        fine = put_component(in, dict, data_key, rv_manifest_name(in->r->identity, name, other, sizeof other), err);
    } else {
        inner = plist_new_dict();
        plist_dict_set_item(dict, data_key, inner);
        fine = list_names(in, flag, NULL, inner, err);
    }
    return hand_out(dict, fine, reply);
}

static bool flashed(plist_t identity, const char *name)
{
    return (rv_component_flag(identity, name, "IsFirmwarePayload") ||
            (rv_component_flag(identity, name, "IsSecondaryFirmwarePayload") &&
             rv_component_flag(identity, name, "IsLoadedByiBoot"))) &&
           strcmp(name, "LLB") != 0 && strcmp(name, "RestoreSEP") != 0 && strcmp(name, "SEP") != 0 &&
           strcmp(name, "SepStage1") != 0;
}

static bool put_nor(struct rv_install *in, plist_t images, const char *name, struct rv_error *err)
{
    if (plist_get_node_type(images) == PLIST_DICT)
        return put_component(in, images, name, name, err);
    RV_AUTO(rv_blob) blob = personalised(in, name, err);
    if (blob == NULL)
        return false;
    plist_array_append_item(images, data_node(rv_blob_span(blob)));
    return true;
}

static bool put_if_there(struct rv_install *in, plist_t dict, const char *key, const char *component,
                         struct rv_error *err)
{
    return rv_identity_component(in->r->identity, component) == NULL || put_component(in, dict, key, component, err);
}

static bool rv_answer_nor(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    const char **names = NULL;
    size_t count = 0;
    plist_t identity = in->r->identity;
    if (!rv_identity_components(identity, &names, &count, err))
        return false;
    bool by_name = request->arguments != NULL && rv_plist_bool(request->arguments, "FlashVersion1", false);
    plist_t dict = plist_new_dict(), images = by_name ? plist_new_dict() : plist_new_array();
    plist_dict_set_item(dict, "NorImageData", images);
    bool fine = put_if_there(in, dict, "LlbImageData", "LLB", err);
    /* In the array iBoot stands first. */
    if (fine && rv_identity_component(identity, "iBoot") != NULL && flashed(identity, "iBoot"))
        fine = put_nor(in, images, "iBoot", err);
    for (size_t i = 0; fine && i < count; i++)
        if (strcmp(names[i], "iBoot") != 0 && flashed(identity, names[i]))
            fine = put_nor(in, images, names[i], err);
    fine = fine && put_if_there(in, dict, "RestoreSEPImageData", "RestoreSEP", err) &&
           put_if_there(in, dict, "SEPImageData", "SEP", err) &&
           put_if_there(in, dict, "SEPPatchImageData", "SepStage1", err);
    rv_free(names);
    return hand_out(dict, fine, reply);
}

static bool rv_answer_receipt_manifest(struct rv_install *in, struct rv_request *request, plist_t *reply,
                                       struct rv_error *err)
{
    plist_t manifest = rv_plist_dict(in->r->identity, "Manifest");
    if (manifest == NULL)
        return rv_fail(err, RV_E_FORMAT, "the build identity has no Manifest");
    *reply = plist_new_dict();
    plist_dict_set_item(*reply, request->row->key, plist_copy(manifest));
    return true;
}

static bool rv_answer_root_ticket(struct rv_install *in, struct rv_request *request, plist_t *reply,
                                  struct rv_error *err)
{
    (void)err;
    struct rv_span im4m = rv_ticket_im4m(in->r->ticket);
    *reply = plist_new_dict();
    if (im4m.len > 0)
        plist_dict_set_item(*reply, request->row->key, data_node(im4m));
    return true;
}

/* ---- the system image ---- */

static bool read_image(void *context, uint64_t offset, void *to, size_t len, struct rv_error *err)
{
    return rv_ipsw_image_read(context, offset, to, len, err);
}

static void image_sent(void *context, uint64_t sent, uint64_t total)
{
    struct rv_image_job *job = context;
    job->total = total;
    job->sent = sent;
}

static struct rv_stream *connect_patiently(struct rv_install *in, uint16_t port, struct rv_error *err)
{
    for (unsigned i = 0;; i++) {
        struct rv_stream *stream = rv_mux_connect(&in->calm, &in->mux, port, err);
        if (stream != NULL || err->code != RV_E_REFUSED || i + 1 >= IMAGE_CONNECT_TRIES)
            return stream;
        if (!rv_clock_pause(&in->calm.clock, IMAGE_CONNECT_PAUSE_MS, "asr opens its port a moment after the request",
                            &in->calm.cancel, err))
            return NULL;
    }
}

static void *serve_image(void *context)
{
    struct rv_image_job *job = context;
    struct rv_asr_job work = { .source = { rv_ipsw_image_size(job->image), read_image, job->image },
                               .sent = image_sent,
                               .sent_context = job };
    RV_AUTO(rv_stream) stream = connect_patiently(job->in, job->port, &job->err);
    bool fine = stream != NULL && rv_asr_serve(&job->in->calm, stream, &work, &job->err);
    job->failed = !fine;
    job->ended = true;
    return NULL;
}

void rv_image_join(struct rv_install *in)
{
    struct rv_image_job *job = &in->image;
    if (job->started)
        pthread_join(job->thread, NULL);
    job->started = false;
    rv_ipsw_image_free(job->image);
    job->image = NULL;
}

static bool rv_answer_system_image(struct rv_install *in, struct rv_request *request, plist_t *reply,
                                   struct rv_error *err)
{
    (void)reply;
    struct rv_image_job *job = &in->image;
    if (job->started && !job->ended)
        return rv_fail(err, RV_E_PROTOCOL, "the device asks for the system image while it is being sent");
    rv_image_join(in); /* a device may ask for the image again in an Update */
    bool recovery = strcmp(request->row->type, "RecoveryOSASRImage") == 0;
    plist_t identity = recovery ? rv_install_recovery(in, err) : in->r->identity;
    if (identity == NULL)
        return false;
    job->in = in;
    job->port = request->data_port != 0 ? request->data_port : RV_ASR_PORT;
    job->ended = job->failed = false;
    job->sent = job->total = 0;
    memset(&job->err, 0, sizeof job->err);
    job->image = rv_ipsw_image_open(&in->calm, in->r->ipsw, identity, request->row->component, err);
    if (job->image == NULL)
        return rv_while(err, "opening the system image");
    if (pthread_create(&job->thread, NULL, serve_image, job) != 0)
        return rv_fail(err, RV_E_NOMEM, "no thread can be started for the system image");
    job->started = true;
    /* Releases before 18 report nothing while they copy: this side knows how far it is. */
    rv_tell_step(in->r->ctx, "restore-image", "Writing the system");
    return true;
}

static bool rv_answer_updater(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    /* No lock: it only reads the archive, and the network must not hold up the other answers. */
    plist_t response = rv_peripheral_answer(&in->calm, in->r->ipsw, in->r->identity, in->r->device.identity.ecid,
                                            request->arguments, err);
    if (response == NULL)
        return false;
    *reply = plist_new_dict();
    plist_dict_set_item(*reply, request->row->key, response);
    return true;
}

enum { OUTPUT_MAX = 64 * 1024 * 1024 };

/* After a modem failure the device empties its notes here and waits until they are taken. */
static bool rv_answer_updater_output(struct rv_install *in, struct rv_request *request, plist_t *reply,
                                     struct rv_error *err)
{
    uint8_t piece[16384];
    size_t got = 1, all = 0;
    while (request->stream != NULL && got > 0 && all < OUTPUT_MAX) {
        if (!rv_stream_receive_some(request->stream, piece, sizeof piece, &got, SEND_MS, err))
            return rv_while(err, "taking the modem updater's notes");
        all += got;
    }
    rv_log(in->r->ctx->log, RV_LOG_INFO, "restore", "the modem updater left %zu bytes of notes", all);
    (void)reply;
    return true;
}

/* ---- the table ---- */

static const struct rv_restore_type types[] = {
#include "restore_types_table.inc"
};

const struct rv_restore_type *rv_restore_types(size_t *count)
{
    *count = RV_COUNT(types);
    return types;
}

static int by_type(const void *name, const void *row)
{
    const struct rv_restore_type *t = row;
    return t->kind != RV_RESTORE_DATA ? -1 : strcmp(name, t->type); /* data rows stand first */
}

const struct rv_restore_type *rv_restore_type(const char *type)
{
    return bsearch(type, types, RV_COUNT(types), sizeof types[0], by_type);
}

plist_t rv_restore_announced(enum rv_restore_kind kind)
{
    plist_t dict = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(types); i++)
        if (types[i].kind == kind && types[i].announced)
            plist_dict_set_item(dict, types[i].type, plist_new_bool(types[i].optional));
    return dict;
}

/* ---- dispatch ---- */

bool rv_request_read(plist_t message, struct rv_request *out, struct rv_error *err)
{
    uint64_t port = 0;
    const char *type = rv_plist_text(message, "DataType");
    if (type == NULL)
        return rv_fail(err, RV_E_PROTOCOL, "the device asks for something without saying what");
    if (rv_plist_uint(message, "DataPort", &port) && port > UINT16_MAX)
        return rv_fail(err, RV_E_PROTOCOL, "the device names the port %llu for %.60s", (unsigned long long)port, type);
    *out = (struct rv_request){ .row = rv_restore_type(type),
                                .type = type,
                                .arguments = rv_plist_dict(message, "Arguments"),
                                .data_port = (uint16_t)port };
    return true;
}

static bool has_own_thread(const struct rv_request *request)
{
    return request->row != NULL && request->row->answer == rv_answer_system_image;
}

bool rv_request_is_long(const struct rv_request *request)
{
    static rv_answer_fn *const slow[] = { rv_answer_baseband,      rv_answer_boot_object, rv_answer_recovery_image,
                                          rv_answer_source_object, rv_answer_updater,     rv_answer_url };
    for (size_t i = 0; request->row != NULL && i < RV_COUNT(slow); i++)
        if (request->row->answer == slow[i])
            return true;
    return request->data_port != 0 && !has_own_thread(request);
}

void rv_install_note_gap(struct rv_install *in, const struct rv_error *why)
{
    rv_log(in->r->ctx->log, RV_LOG_ERROR, "restore", "%s: %s", why->text[why->depth == 0 ? 0 : why->depth - 1],
           why->text[0]);
    pthread_mutex_lock(&in->lock);
    if (in->unanswered.code == RV_OK)
        in->unanswered = *why;
    pthread_mutex_unlock(&in->lock);
}

static bool call_handler(struct rv_install *in, struct rv_request *request, plist_t *reply, struct rv_error *err)
{
    struct rv_error failed = { 0 };
    if (request->row != NULL && request->row->answer != NULL) {
        if (request->row->answer(in, request, reply, &failed))
            return true;
        if (failed.code == RV_E_CANCELLED || failed.code == RV_E_GONE) {
            *err = failed;
            return rv_while(err, "answering the device's request for %s", request->type);
        }
    } else {
        rv_fail(&failed, RV_E_UNSUPPORTED,
                request->row == NULL ? "nobody has seen a device ask for it yet"
                                     : "no program is known that could answer it");
    }
    /* The device may do without it; if it does not, it says so, and then this was the reason. */
    rv_while(&failed, "answering the device's request for '%.60s'", request->type);
    rv_install_note_gap(in, &failed);
    return rv_answer_empty(in, request, reply, err);
}

bool rv_install_answer(struct rv_install *in, struct rv_request *request, struct rv_error *err)
{
    RV_AUTO(rv_stream) stream = NULL;
    if (request->data_port != 0 && !has_own_thread(request)) {
        stream = connect_patiently(in, request->data_port, err);
        if (stream == NULL)
            return rv_while(err, "connecting to the port for %.60s", request->type);
        request->stream = stream;
    }
    RV_AUTO_PLIST reply = NULL;
    bool fine =
        call_handler(in, request, &reply, err) && (reply == NULL || rv_request_send(in, request, reply, err) ||
                                                   rv_while(err, "sending the device its %.60s", request->type));
    request->stream = NULL;
    return fine;
}
