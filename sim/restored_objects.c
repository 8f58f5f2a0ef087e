/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the device learns of the firmware it is given: the identity and the receipt as dictionaries, and raw files
 * that stream in pieces (SourceBootObjectV4), each checked against the digest that the identity states. And the
 * cryptexes: their own ticket, made for a nonce of their own, and six files that it must vouch for.
 * Order of 16.6 and 18.3 runs; keys as idevicerestore and libtatsu read and send them (firmware notes 4.4).
 */
#include "base/text.h"
#include "sim/aea.h"
#include "sim/image4.h"
#include "sim/restored_run.h"
#include "sim/tss.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_MAX = 8 << 20, HEAD_MAX = SIM_AEA_HEAD_MAX };

static plist_t item(plist_t dict, const char *key)
{
    return PLIST_IS_DICT(dict) ? plist_dict_get_item(dict, key) : NULL;
}

/* ---- dictionaries ---- */

static bool keep_manifest(struct restored *r, plist_t manifest, const char *whose, struct rv_error *err)
{
    if (!PLIST_IS_DICT(manifest) || plist_dict_get_size(manifest) == 0)
        return rv_fail(err, RV_E_PROTOCOL, "no manifest in %s", whose);
    plist_free(r->manifest);
    r->manifest = plist_copy(manifest);
    return true;
}

bool restored_fetch_identity(struct restored *r, struct rv_error *err)
{
    plist_t arguments = plist_new_dict();
    plist_dict_set_item(arguments, "Variant", plist_new_string(r->boot->erase ? "Erase" : "Update"));
    plist_t answer = restored_fetch(r, "BuildIdentityDict", arguments, err);
    if (answer == NULL)
        return false;
    plist_t identity = item(answer, "BuildIdentityDict");
    uint64_t board = 0;
    const char *text = sim_plist_text(identity, "ApBoardID");
    bool mine = text != NULL && rv_text_number(text, 0, &board) && board == r->identity.board;
    bool good = keep_manifest(r, item(identity, "Manifest"), "BuildIdentityDict", err) &&
                (mine || rv_fail(err, RV_E_REFUSED, "the build identity is of another board"));
    plist_free(answer);
    return good;
}

bool restored_fetch_receipt(struct restored *r, struct rv_error *err)
{
    plist_t answer = restored_fetch(r, "ReceiptManifest", NULL, err);
    if (answer == NULL)
        return false;
    bool good = keep_manifest(r, item(answer, "ReceiptManifest"), "ReceiptManifest", err);
    plist_free(answer);
    return good;
}

/* ---- files ---- */

struct incoming {
    EVP_MD_CTX *long_one, *short_one; /* SHA-384, SHA-256 */
    struct rv_buf head;
    uint64_t bytes;
    struct restored_port key; /* open while the key of a wrapped file is asked for */
    bool key_asked;
};

/* Once the head of a wrapped file is there, its key is asked for; the answer is taken when the file is. */
static bool ask_for_key(struct restored *r, struct incoming *in, struct rv_error *err)
{
    struct sim_aea aea;
    struct rv_error not_yet = { 0 };
    struct rv_span head = rv_buf_span(&in->head);
    if (in->key_asked || !r->generation->async || !sim_aea_is(head) || !sim_aea_read(head, &aea, &not_yet))
        return true;
    in->key_asked = true;
    return restored_key_ask(r, &aea, false, &in->key, err);
}

static bool take_piece(struct restored *r, struct incoming *in, struct rv_span piece, struct rv_error *err)
{
    size_t room = HEAD_MAX - in->head.len;
    if (EVP_DigestUpdate(in->long_one, piece.ptr, piece.len) != 1 ||
        EVP_DigestUpdate(in->short_one, piece.ptr, piece.len) != 1 ||
        !rv_buf_add(&in->head, rv_span(piece.ptr, piece.len < room ? piece.len : room), err))
        return rv_fail_nomem(err);
    in->bytes += piece.len;
    return ask_for_key(r, in, err);
}

static bool receive_pieces(struct restored *r, const char *name, struct incoming *in, struct rv_error *err)
{
    for (unsigned count = 0; count < PIECES_MAX; count++) {
        plist_t message = restored_receive(r, err);
        if (message == NULL)
            return rv_while(err, "waiting for %s", name);
        uint8_t done = 0;
        plist_t flag = item(message, "FileDataDone");
        struct rv_span piece = sim_plist_data(message, "FileData");
        if (PLIST_IS_BOOLEAN(flag))
            plist_get_bool_val(flag, &done);
        bool good = piece.len == 0 || take_piece(r, in, piece, err);
        bool empty = piece.len == 0 && !done;
        plist_free(message);
        if (!good)
            return false;
        if (done)
            return true;
        if (empty)
            return rv_fail(err, RV_E_PROTOCOL, "%s: a message with neither data nor its end", name);
    }
    return rv_fail(err, RV_E_LIMIT, "%s: too many pieces", name);
}

static bool finish_file(struct restored *r, const char *name, struct incoming *in, struct restored_file *out,
                        struct rv_error *err)
{
    unsigned len = 0;
    if (EVP_DigestFinal_ex(in->long_one, out->sha384, &len) != 1 ||
        EVP_DigestFinal_ex(in->short_one, out->sha256, &len) != 1)
        return rv_fail_nomem(err);
    out->bytes = in->bytes;
    sim_record(r->device, "object", "%s, %llu bytes", name, (unsigned long long)in->bytes);
    if (!in->key_asked)
        return in->bytes > 0 || rv_fail(err, RV_E_PROTOCOL, "%s is empty", name);
    uint8_t key[SIM_AEA_KEY];
    struct sim_aea aea;
    return sim_aea_read(rv_buf_span(&in->head), &aea, err) && restored_key_take(r, &aea, &in->key, key, err);
}

bool restored_fetch_file(struct restored *r, const char *name, struct restored_file *out, struct rv_error *err)
{
    struct incoming in = { .long_one = EVP_MD_CTX_new(), .short_one = EVP_MD_CTX_new(), .head = RV_BUF(HEAD_MAX) };
    plist_t arguments = plist_new_dict();
    plist_dict_set_item(arguments, "ImageName", plist_new_string(name));
    bool good = in.long_one != NULL && in.short_one != NULL &&
                EVP_DigestInit_ex(in.long_one, EVP_sha384(), NULL) == 1 &&
                EVP_DigestInit_ex(in.short_one, EVP_sha256(), NULL) == 1;
    if (!good)
        plist_free(arguments);
    good = good && restored_ask(r, "SourceBootObjectV4", arguments, err) && receive_pieces(r, name, &in, err) &&
           finish_file(r, name, &in, out, err);
    restored_port_close(&in.key);
    rv_buf_clear(&in.head);
    EVP_MD_CTX_free(in.long_one);
    EVP_MD_CTX_free(in.short_one);
    return good;
}

static struct rv_span digest_like(const struct restored_file *file, size_t len)
{
    return len == 48 ? rv_span(file->sha384, 48) : rv_span(file->sha256, 32);
}

bool restored_file_matches(struct restored *r, const char *name, const struct restored_file *file, struct rv_error *err)
{
    plist_t entry = item(r->manifest, name);
    struct rv_span digest = sim_plist_data(entry, "Digest");
    if (digest.len == 0)
        digest = sim_plist_data(entry, "ProductionUpdatePayloadHash");
    if (digest.len != 32 && digest.len != 48)
        return rv_fail(err, RV_E_PROTOCOL, "the manifest states no digest of %s", name);
    return rv_span_equal(digest, digest_like(file, digest.len)) ||
           rv_fail(err, RV_E_CORRUPT, "the digest of %s is not the manifest's", name);
}

/* ---- cryptexes ---- */

static const char *const cryptex_parts[] = { "Cryptex1,SystemOS", "Cryptex1,SystemVolume", "Cryptex1,SystemTrustCache",
                                             "Cryptex1,AppOS",    "Cryptex1,AppVolume",    "Cryptex1,AppTrustCache" };
enum { CRYPTEX_NONCE = 32, CRYPTEX_UDID = 24 };

struct cryptex {
    uint8_t nonce[CRYPTEX_NONCE], udid[CRYPTEX_UDID];
    struct rv_blob *ticket;
};

/* The nonce is the cryptex domain's own, not the boot's; values invented from the boot's. */
static void make_cryptex(const struct restored *r, struct cryptex *c)
{
    uint8_t in[96] = "cryptex", out[64];
    memcpy(in + 8, r->identity.ap_nonce, sizeof r->identity.ap_nonce);
    EVP_Digest(in, sizeof in, out, NULL, EVP_sha512(), NULL);
    memcpy(c->nonce, out, sizeof c->nonce);
    memset(c->udid, 0, sizeof c->udid);
    rv_put_u32be(c->udid + 12, r->identity.chip);
    rv_put_u32be(c->udid + 16, (uint32_t)(r->identity.ecid >> 32));
    rv_put_u32be(c->udid + 20, (uint32_t)r->identity.ecid);
}

static void put_part(plist_t request, plist_t manifest, const char *name)
{
    struct rv_span digest = sim_plist_data(item(manifest, name), "Digest");
    plist_t part = plist_new_dict();
    plist_dict_set_item(part, "Digest", plist_new_data((const char *)digest.ptr, digest.len));
    plist_dict_set_item(part, "EPRO", plist_new_bool(1));
    plist_dict_set_item(part, "ESEC", plist_new_bool(1));
    plist_dict_set_item(request, name, part);
}

static plist_t words(const char *const *list, size_t count)
{
    plist_t array = plist_new_array();
    for (size_t i = 0; i < count; i++)
        plist_array_append_item(array, plist_new_string(list[i]));
    return array;
}

plist_t restored_generated_tags(const char *ticket, const char *const *identity_tags, size_t count)
{
    plist_t tags = plist_new_dict();
    plist_dict_set_item(tags, "ResponseTags", words(&ticket, 1));
    plist_dict_set_item(tags, "BuildIdentityTags", words(identity_tags, count));
    return tags;
}

static plist_t cryptex_arguments(struct restored *r, const struct cryptex *c)
{
    static const char *const of_identity[] = { "Cryptex1,ChipID",       "Cryptex1,NonceDomain",
                                               "Cryptex1,ProductClass", "Cryptex1,PreauthorizationVersion",
                                               "Cryptex1,SubType",      "Cryptex1,Type",
                                               "Cryptex1,Version" };
    plist_t request = plist_new_dict(), arguments = plist_new_dict();
    plist_dict_set_item(request, "@Cryptex1,Ticket", plist_new_bool(1));
    plist_dict_set_item(request, "Cryptex1,Nonce", plist_new_data((const char *)c->nonce, sizeof c->nonce));
    plist_dict_set_item(request, "Cryptex1,UDID", plist_new_data((const char *)c->udid, sizeof c->udid));
    plist_dict_set_item(request, "ApProductionMode", plist_new_bool(1));
    plist_dict_set_item(request, "ApSecurityMode", plist_new_bool(1));
    for (size_t i = 0; i < RV_COUNT(cryptex_parts); i++)
        put_part(request, r->manifest, cryptex_parts[i]);
    plist_dict_set_item(arguments, "MessageArgType", plist_new_string("FirmwareResponseData"));
    plist_dict_set_item(arguments, "MessageArgUpdaterName", plist_new_string("Cryptex1"));
    plist_dict_set_item(arguments, "MessageArgInfo", plist_new_dict());
    plist_dict_set_item(arguments, "DeviceGeneratedRequest", request);
    plist_dict_set_item(arguments, "DeviceGeneratedTags",
                        restored_generated_tags("Cryptex1,Ticket", of_identity, RV_COUNT(of_identity)));
    return arguments;
}

static bool fetch_cryptex_ticket(struct restored *r, struct cryptex *c, struct rv_error *err)
{
    plist_t answer = restored_fetch(r, "FirmwareUpdaterData", cryptex_arguments(r, c), err);
    if (answer == NULL)
        return false;
    char why[160] = "";
    struct rv_span ticket = sim_plist_data(item(answer, "FirmwareResponseData"), "Cryptex1,Ticket");
    bool good = ticket.len > 0 || rv_fail(err, RV_E_PROTOCOL, "no Cryptex1,Ticket in the answer");
    if (good && !sim_peripheral_ticket_accept(ticket, sim_trust_root(r->device), "Cryptex1,Ticket",
                                              rv_span(c->nonce, sizeof c->nonce), why, sizeof why))
        good = rv_fail(err, RV_E_REFUSED, "the cryptex ticket is not valid: %s", why);
    if (good && !rv_span_equal(sim_ticket_octets(ticket, "udid"), rv_span(c->udid, sizeof c->udid)))
        good = rv_fail(err, RV_E_REFUSED, "the cryptex ticket is another device's");
    if (good)
        c->ticket = rv_blob_copy(ticket, err);
    plist_free(answer);
    return good && c->ticket != NULL;
}

static bool vouched_for(const struct cryptex *c, const char *name, const struct restored_file *file,
                        struct rv_error *err)
{
    uint8_t digest[64];
    size_t len = sim_ticket_digest(rv_blob_span(c->ticket), sim_cryptex_tag(name), digest, sizeof digest);
    if (len != 32 && len != 48)
        return rv_fail(err, RV_E_REFUSED, "the cryptex ticket does not name %s", name);
    return rv_span_equal(rv_span(digest, len), digest_like(file, len)) ||
           rv_fail(err, RV_E_REFUSED, "%s is not what the cryptex ticket names", name);
}

static bool fetch_part(struct restored *r, const struct restored_step *step, const struct cryptex *c, size_t index,
                       struct rv_error *err)
{
    static const int percents[] = { 1, 25, 50, 75, 99, 100 };
    struct restored_file file;
    if (!restored_fetch_file(r, cryptex_parts[index], &file, err) || !vouched_for(c, cryptex_parts[index], &file, err))
        return false;
    /* Only the first one takes long enough to be told of. */
    for (size_t i = 0; i < RV_COUNT(percents) && index == 0 && step->operation != 0; i++) {
        if (!restored_progress(r, step->operation, percents[i], err))
            return false;
        sim_pause(r->device, 7000);
    }
    return true;
}

bool restored_cryptex(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    struct cryptex c;
    c.ticket = NULL;
    make_cryptex(r, &c);
    /* 16 asks for the identity first; 18 for the receipt, and for the identity behind the ticket. */
    bool good = r->generation->receipts ? restored_fetch_receipt(r, err) : restored_fetch_identity(r, err);
    good = good && fetch_cryptex_ticket(r, &c, err);
    if (good && r->generation->receipts)
        good = restored_fetch_identity(r, err);
    for (size_t i = 0; good && i < RV_COUNT(cryptex_parts); i++)
        good = fetch_part(r, step, &c, i, err);
    if (good && !r->skip_write)
        good = sim_install_flash(r->device, "cryptex1", rv_blob_span(c.ticket), err);
    rv_blob_free(c.ticket);
    return good || rv_while(err, "failed to install splat");
}

/* ---- messages of later generations ---- */

bool restored_async_wait(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    char context[40];
    (void)step;
    snprintf(context, sizeof context, "%08X-0000-4000-8000-%012X", r->device_word, r->now->checkpoint);
    plist_t message = restored_message("AsyncWait");
    plist_dict_set_item(message, "AsyncContextUUID", plist_new_string(context));
    return restored_send(r, message, err);
}

bool restored_attest(struct restored *r, const struct restored_step *step, struct rv_error *err)
{
    (void)step;
    plist_t answer = restored_send(r, restored_message("RestoreAttestation"), err) ? restored_receive(r, err) : NULL;
    plist_t wish = item(answer, "RestoreShouldAttest");
    bool good = answer != NULL && (PLIST_IS_BOOLEAN(wish) || rv_fail(err, RV_E_PROTOCOL, "no RestoreShouldAttest"));
    plist_free(answer);
    return good;
}
