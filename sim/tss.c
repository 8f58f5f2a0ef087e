/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the signing server asks of a request and what it answers. Field names and reply form: the public clients
 * idevicerestore and libtatsu. Which STATUS answers which fault is known for 94 only; the others are [I].
 */
#include "sim/tss.h"

#include "base/text.h"
#include "sim/build_list.h"
#include "sim/ticket.h"
#include "sim/wire.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATUS_OK = 0,
    STATUS_NONCE = 5,
    STATUS_BASEBAND = 8,
    STATUS_BASEBAND_SERIAL = 49,
    STATUS_NOT_ELIGIBLE = 94,
    STATUS_MALFORMED = 100,
    STATUS_INTERNAL = 126,
    STATUS_EMPTY = 511,
    STATUS_NO_PLIST = 551,
};

static const char *message_of(int status)
{
    switch (status) {
    case STATUS_OK:
        return "SUCCESS";
    case STATUS_NONCE:
        return "Invalid nonce";
    case STATUS_BASEBAND:
        return "Invalid baseband request";
    case STATUS_BASEBAND_SERIAL:
        return "Invalid baseband serial number";
    case 69:
    case STATUS_NOT_ELIGIBLE:
        return "This device isn't eligible for the requested build.";
    case STATUS_MALFORMED:
        return "Malformed request";
    case STATUS_EMPTY:
        return "No data in the request";
    case STATUS_NO_PLIST:
        return "Error occured while importing config packet";
    default:
        return "An internal error occurred.";
    }
}

/* ---- getters of a request ---- */

static plist_t item(plist_t dict, const char *key)
{
    return PLIST_IS_DICT(dict) ? plist_dict_get_item(dict, key) : NULL;
}

static bool number(plist_t dict, const char *key, uint64_t *out)
{
    plist_t node = item(dict, key);
    if (!PLIST_IS_UINT(node))
        return false;
    plist_get_uint_val(node, out);
    return true;
}

static bool flag(plist_t dict, const char *key, bool fallback)
{
    plist_t node = item(dict, key);
    uint8_t value = fallback;
    if (PLIST_IS_BOOLEAN(node))
        plist_get_bool_val(node, &value);
    return value != 0;
}

/* BuildManifest writes numbers as text ("0x8015"), a request as integers. */
static bool manifest_number(plist_t dict, const char *key, uint64_t *out)
{
    const char *text = sim_plist_text(dict, key);
    return text ? rv_text_number(text, 0, out) : number(dict, key, out);
}

/* ---- the AP request ---- */

struct ap_request {
    uint64_t ecid, chip, board, domain;
    bool production, secure;
    struct rv_span nonce, sep_nonce, build_id;
    bool sha1;        /* A7 to A9 */
    plist_t identity; /* known build; NULL: any build is signed */
};

static bool chip_uses_sha1(uint64_t chip)
{
    static const uint32_t chips[] = { 0x8960, 0x7000, 0x7001, 0x8000, 0x8001, 0x8003 };
    for (size_t i = 0; i < RV_COUNT(chips); i++) {
        if (chips[i] == chip)
            return true;
    }
    return false;
}

static int read_ap_request(plist_t request, struct ap_request *ap)
{
    if (!number(request, "ApECID", &ap->ecid) || !number(request, "ApChipID", &ap->chip) ||
        !number(request, "ApBoardID", &ap->board) || !number(request, "ApSecurityDomain", &ap->domain))
        return STATUS_MALFORMED;
    ap->build_id = sim_plist_data(request, "UniqueBuildID");
    if (ap->build_id.len == 0)
        return STATUS_MALFORMED;
    ap->sha1 = chip_uses_sha1(ap->chip);
    ap->nonce = sim_plist_data(request, "ApNonce");
    if (ap->nonce.len != (ap->sha1 ? 20U : 32U))
        return STATUS_NONCE;
    ap->sep_nonce = sim_plist_data(request, "SepNonce");
    if (ap->sep_nonce.len != 20)
        return STATUS_NONCE;
    if (!PLIST_IS_BOOLEAN(item(request, "ApProductionMode")) || !PLIST_IS_BOOLEAN(item(request, "ApSecurityMode")))
        return STATUS_INTERNAL;
    ap->production = flag(request, "ApProductionMode", false);
    ap->secure = flag(request, "ApSecurityMode", false);
    return ap->ecid == 0 ? STATUS_NOT_ELIGIBLE : STATUS_OK;
}

/* Chip and board must be those that the named build was made for. */
static int check_build(const struct sim_tss *tss, struct ap_request *ap, struct sim_tss_summary *summary)
{
    if (!tss->files)
        return STATUS_OK;
    ap->identity = sim_build_find(tss->files, ap->build_id, summary->build);
    uint64_t chip = 0, board = 0;
    if (!ap->identity || !manifest_number(ap->identity, "ApChipID", &chip) ||
        !manifest_number(ap->identity, "ApBoardID", &board))
        return STATUS_NOT_ELIGIBLE;
    const char *behavior = sim_plist_text(item(ap->identity, "Info"), "RestoreBehavior");
    snprintf(summary->behavior, sizeof summary->behavior, "%s", behavior ? behavior : "");
    bool refused = tss->refuse_build && strcmp(tss->refuse_build, summary->build) == 0;
    return refused || chip != ap->chip || board != ap->board ? STATUS_NOT_ELIGIBLE : STATUS_OK;
}

/* Components without a file (ftap and relatives) stand in a ticket with a digest of the device's own calibration
 * data, which only the factory knows: here a digest of tag and ECID. */
static bool factory_digest(const char *tag, uint64_t ecid, uint8_t out[32])
{
    uint8_t in[12];
    memcpy(in, tag, 4);
    rv_put_u64le(in + 4, ecid);
    return EVP_Digest(in, sizeof in, out, NULL, EVP_sha256(), NULL) == 1;
}

static const char *tag_of(const struct ap_request *ap, const char *name)
{
    plist_t entry = item(item(ap->identity, "Manifest"), name);
    const char *tag = sim_plist_text(item(entry, "Info"), "Img4PayloadType");
    return tag && strlen(tag) == 4 ? tag : sim_component_tag(name);
}

/* STATUS of one component; adds its object to `groups`. */
static int put_component(const struct ap_request *ap, const char *name, plist_t entry, struct rv_buf *groups,
                         struct rv_error *err)
{
    const char *tag = tag_of(ap, name);
    struct rv_span digest = sim_plist_data(entry, "Digest");
    if (!tag || !PLIST_IS_DATA(item(entry, "Digest")))
        return tag ? STATUS_INTERNAL : STATUS_OK;
    struct rv_span known = sim_plist_data(item(item(ap->identity, "Manifest"), name), "Digest");
    if (ap->identity && !rv_span_equal(known, digest))
        return STATUS_NOT_ELIGIBLE;
    uint8_t own[32];
    if (digest.len == 0 && factory_digest(tag, ap->ecid, own))
        digest = rv_span(own, sizeof own);
    else if (digest.len != (ap->sha1 ? 20U : 48U))
        return STATUS_INTERNAL;
    RV_AUTO_CLEAR(rv_buf) set = RV_BUF(4096);
    bool ok = sim_prop_octets(&set, "DGST", digest, err) &&
              sim_prop_flag(&set, "EKEY", flag(entry, "Trusted", false), err) &&
              sim_prop_flag(&set, "EPRO", flag(entry, "EPRO", ap->production), err) &&
              sim_prop_flag(&set, "ESEC", flag(entry, "ESEC", ap->secure), err) &&
              sim_ticket_group(groups, tag, rv_buf_span(&set), err);
    return ok ? STATUS_OK : -1;
}

static int put_components(const struct ap_request *ap, plist_t request, struct rv_buf *groups, unsigned *count,
                          struct rv_error *err)
{
    plist_dict_iter at = NULL;
    plist_dict_new_iter(request, &at);
    int status = STATUS_OK;
    for (;;) {
        char *name = NULL;
        plist_t entry = NULL;
        plist_dict_next_item(request, at, &name, &entry);
        if (!name)
            break;
        size_t before = groups->len;
        if (PLIST_IS_DICT(entry) && status == STATUS_OK)
            status = put_component(ap, name, entry, groups, err);
        *count += groups->len > before;
        free(name);
    }
    free(at);
    return status;
}

static bool put_manp(const struct ap_request *ap, plist_t request, struct rv_buf *groups, struct rv_error *err)
{
    uint8_t server_nonce[20];
    if (RAND_bytes(server_nonce, sizeof server_nonce) != 1)
        return rv_fail(err, RV_E_IO, "no random bytes");
    struct rv_span pearl = sim_plist_data(request, "PearlCertificationRootPub");
    RV_AUTO_CLEAR(rv_buf) set = RV_BUF(4096);
    return sim_prop_octets(&set, "BNCH", ap->nonce, err) && sim_prop_number(&set, "BORD", ap->board, err) &&
           sim_prop_number(&set, "CEPO", 1, err) && sim_prop_number(&set, "CHIP", ap->chip, err) &&
           sim_prop_flag(&set, "CPRO", ap->production, err) && sim_prop_flag(&set, "CSEC", ap->secure, err) &&
           sim_prop_number(&set, "ECID", ap->ecid, err) && sim_prop_number(&set, "SDOM", ap->domain, err) &&
           (pearl.len == 0 || sim_prop_octets(&set, "pcrp", pearl, err)) &&
           sim_prop_octets(&set, "snon", ap->sep_nonce, err) &&
           sim_prop_octets(&set, "srvn", rv_span(server_nonce, sizeof server_nonce), err) &&
           sim_ticket_group(groups, "MANP", rv_buf_span(&set), err);
}

/* STATUS, or -1 with err set. */
static int sign_ap(const char *pki, const struct ap_request *ap, plist_t request, struct rv_blob **ticket,
                   unsigned *components, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) groups = RV_BUF(SIM_TICKET_CAP);
    int status = put_components(ap, request, &groups, components, err);
    if (status == STATUS_OK && *components == 0)
        status = STATUS_INTERNAL;
    if (status != STATUS_OK)
        return status;
    struct sim_signer signer = { 0 };
    if (!put_manp(ap, request, &groups, err) || !sim_signer_load(pki, (uint32_t)ap->chip, ap->sha1, &signer, err))
        return -1;
    *ticket = sim_ticket_make(&signer, rv_buf_span(&groups), err);
    sim_signer_clear(&signer);
    return *ticket ? STATUS_OK : -1;
}

static void set_data(plist_t dict, const char *key, struct rv_span bytes)
{
    plist_dict_set_item(dict, key, plist_new_data((const char *)bytes.ptr, bytes.len));
}

static int answer_ap(const struct sim_tss *tss, plist_t request, plist_t reply, struct sim_tss_summary *summary,
                     struct rv_error *err)
{
    struct ap_request ap = { 0 };
    int status = read_ap_request(request, &ap);
    summary->ecid = ap.ecid;
    rv_text_hex(ap.build_id.len == 20 ? ap.build_id : rv_span(NULL, 0), summary->build_id, sizeof summary->build_id);
    rv_text_hex(ap.nonce.len <= 64 ? ap.nonce : rv_span(NULL, 0), summary->ap_nonce, sizeof summary->ap_nonce);
    rv_text_hex(ap.sep_nonce.len <= 64 ? ap.sep_nonce : rv_span(NULL, 0), summary->sep_nonce,
                sizeof summary->sep_nonce);
    if (status == STATUS_OK)
        status = check_build(tss, &ap, summary);
    struct rv_blob *ticket = NULL;
    if (status == STATUS_OK)
        status = sign_ap(tss->pki, &ap, request, &ticket, &summary->components, err);
    if (status == STATUS_OK)
        set_data(reply, "ApImg4Ticket", rv_blob_span(ticket));
    rv_blob_free(ticket);
    plist_free(ap.identity);
    return status;
}

/* ---- coprocessors and baseband ---- */

/* The form of a coprocessor's ticket is our own: its name, the nonce of the request, what else it is bound to, and
 * the objects that it names. */
struct peripheral {
    const char *name;
    struct rv_span nonce;
    struct rv_buf properties, objects;
};

static struct rv_blob *peripheral_ticket(const char *pki, const struct peripheral *p, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) set = RV_BUF(16384);
    RV_AUTO_CLEAR(rv_buf) groups = RV_BUF(SIM_TICKET_CAP);
    struct sim_signer signer = { 0 };
    if (!sim_prop_text(&set, "tnam", p->name, err) || !sim_prop_octets(&set, "tnon", p->nonce, err) ||
        !rv_buf_add(&set, rv_buf_span(&p->properties), err) ||
        !sim_ticket_group(&groups, "MANP", rv_buf_span(&set), err) ||
        !rv_buf_add(&groups, rv_buf_span(&p->objects), err) || !sim_signer_load(pki, 0, false, &signer, err))
        return NULL;
    struct rv_blob *ticket = sim_ticket_make(&signer, rv_buf_span(&groups), err);
    sim_signer_clear(&signer);
    return ticket;
}

static bool put_ticket(const struct sim_tss *tss, plist_t reply, const struct peripheral *p, struct rv_error *err)
{
    RV_AUTO(rv_blob) ticket = p->nonce.len <= 1024 ? peripheral_ticket(tss->pki, p, err) : NULL;
    if (ticket)
        set_data(reply, p->name, rv_blob_span(ticket));
    return ticket != NULL;
}

static bool add_ticket(const struct sim_tss *tss, plist_t reply, const char *name, struct rv_span nonce,
                       struct rv_error *err)
{
    const struct peripheral p = { name, nonce, RV_BUF(0), RV_BUF(0) };
    return put_ticket(tss, reply, &p, err);
}

/* "SBL1-PartialDigest" -> "SBL1-Blob": the end of the file that the host stitches in. Our own form: the digest
 * that was asked for, and a text, in a whole number of 256-byte units as real hash segments come. */
static void add_blobs(plist_t firmware, plist_t blobs)
{
    plist_dict_iter at = NULL;
    plist_dict_new_iter(firmware, &at);
    for (;;) {
        char *key = NULL;
        plist_t value = NULL;
        plist_dict_next_item(firmware, at, &key, &value);
        if (!key)
            break;
        if (rv_text_ends(key, "-PartialDigest") && PLIST_IS_DATA(value)) {
            uint64_t len = 0;
            const char *digest = plist_get_data_ptr(value, &len);
            uint8_t blob[512] = "revive-sim baseband signature";
            memcpy(blob + 64, digest, len < 64 ? len : 64);
            char name[96];
            snprintf(name, sizeof name, "%.*s-Blob", (int)(strlen(key) - strlen("-PartialDigest")), key);
            set_data(blobs, name, rv_span(blob, sizeof blob));
        }
        free(key);
    }
    free(at);
}

static int answer_baseband(const struct sim_tss *tss, plist_t request, plist_t reply, struct rv_error *err)
{
    uint64_t chip, cert;
    plist_t firmware = item(request, "BasebandFirmware");
    if (!number(request, "BbChipID", &chip) || !number(request, "BbGoldCertId", &cert) || !PLIST_IS_DICT(firmware))
        return STATUS_BASEBAND;
    if (!PLIST_IS_DATA(item(request, "BbSNUM")))
        return STATUS_INTERNAL;
    if (sim_plist_data(request, "BbSNUM").len == 0)
        return STATUS_BASEBAND_SERIAL;
    static const char *const hashes[] = { "BbProvisioningManifestKeyHash", "BbActivationManifestKeyHash" };
    for (size_t i = 0; i < RV_COUNT(hashes); i++) {
        if (!PLIST_IS_DATA(item(request, hashes[i]))) /* may be empty, must be there */
            return STATUS_BASEBAND;
    }
    plist_t blobs = plist_new_dict();
    add_blobs(firmware, blobs);
    plist_dict_set_item(reply, "BasebandFirmware", blobs);
    return add_ticket(tss, reply, "BBTicket", sim_plist_data(request, "BbNonce"), err) ? STATUS_OK : -1;
}

/* What a request must state besides its nonce (firmware notes 4.4); which STATUS answers an omission is [I]. */
enum field { A_NUMBER, A_FLAG, SOME_BYTES, A_TEXT };
struct needed {
    const char *ticket, *key;
    enum field kind;
};
static const struct needed needed[] = {
    { "BMU,Ticket", "BMU,BoardID", A_NUMBER },
    { "BMU,Ticket", "BMU,ChipID", A_NUMBER },
    { "BMU,Ticket", "BMU,UniqueID", SOME_BYTES },
    { "Cryptex1,Ticket", "ApProductionMode", A_FLAG },
    { "Cryptex1,Ticket", "ApSecurityMode", A_FLAG },
    { "Cryptex1,Ticket", "Cryptex1,ChipID", A_NUMBER },
    { "Cryptex1,Ticket", "Cryptex1,NonceDomain", A_NUMBER },
    { "Cryptex1,Ticket", "Cryptex1,PreauthorizationVersion", A_TEXT },
    { "Cryptex1,Ticket", "Cryptex1,ProductClass", A_NUMBER },
    { "Cryptex1,Ticket", "Cryptex1,SubType", A_NUMBER },
    { "Cryptex1,Ticket", "Cryptex1,Type", A_NUMBER },
    { "Cryptex1,Ticket", "Cryptex1,UDID", SOME_BYTES },
    { "Cryptex1,Ticket", "Cryptex1,Version", A_TEXT },
    { "Rap,Ticket", "Rap,BoardID", A_NUMBER },
    { "Rap,Ticket", "Rap,ChipID", A_NUMBER },
    { "Rap,Ticket", "Rap,ECID", A_NUMBER },
    { "Rap,Ticket", "Rap,SecurityDomain", A_NUMBER },
    { "SE,Ticket", "SE,ChipID", A_NUMBER },
    { "SE,Ticket", "SE,ID", SOME_BYTES },
    { "SE,Ticket", "SE,RootKeyIdentifier", SOME_BYTES },
    { "Savage,Ticket", "Savage,ChipID", A_NUMBER },
    { "Savage,Ticket", "Savage,PatchEpoch", A_NUMBER },
    { "Savage,Ticket", "Savage,UID", SOME_BYTES },
    { "Yonkers,Ticket", "Yonkers,BoardID", A_NUMBER },
    { "Yonkers,Ticket", "Yonkers,ChipID", A_NUMBER },
    { "Yonkers,Ticket", "Yonkers,ECID", A_NUMBER },
    { "Yonkers,Ticket", "Yonkers,PatchEpoch", A_NUMBER },
};

static bool is_there(plist_t request, const struct needed *need)
{
    plist_t node = item(request, need->key);
    uint64_t value = 0;
    switch (need->kind) {
    case A_NUMBER:
        return number(request, need->key, &value);
    case A_FLAG:
        return PLIST_IS_BOOLEAN(node);
    case SOME_BYTES:
        return sim_plist_data(request, need->key).len > 0;
    case A_TEXT:
        return sim_plist_text(request, need->key) != NULL;
    }
    return false;
}

static int check_needed(plist_t request, const char *name)
{
    for (size_t i = 0; i < RV_COUNT(needed); i++)
        if (strcmp(needed[i].ticket, name) == 0 && !is_there(request, &needed[i]))
            return STATUS_INTERNAL;
    return STATUS_OK;
}

/* ---- cryptexes ---- */

static bool put_cryptex_properties(plist_t request, struct rv_buf *set, struct rv_error *err)
{
    static const struct {
        const char *key, *tag;
    } numbers[] = { { "Cryptex1,ProductClass", "clas" },
                    { "Cryptex1,ChipID", "fchp" },
                    { "Cryptex1,NonceDomain", "ndom" },
                    { "Cryptex1,SubType", "styp" },
                    { "Cryptex1,Type", "type" } };
    for (size_t i = 0; i < RV_COUNT(numbers); i++) {
        uint64_t value = 0;
        if (!number(request, numbers[i].key, &value) || !sim_prop_number(set, numbers[i].tag, value, err))
            return false;
    }
    return sim_prop_text(set, "pave", sim_plist_text(request, "Cryptex1,PreauthorizationVersion"), err) &&
           sim_prop_text(set, "vnum", sim_plist_text(request, "Cryptex1,Version"), err) &&
           sim_prop_octets(set, "udid", sim_plist_data(request, "Cryptex1,UDID"), err);
}

/* The cryptexes of one of the builds that are signed here. */
static bool is_known_part(const struct sim_tss *tss, const char *name, struct rv_span digest)
{
    plist_t identity = tss->files ? sim_build_with_digest(tss->files, name, digest) : NULL;
    bool known = !tss->files || identity;
    plist_free(identity);
    return known;
}

static int put_cryptex_parts(const struct sim_tss *tss, plist_t request, struct rv_buf *objects, unsigned *count,
                             struct rv_error *err)
{
    static const char *const parts[] = { "Cryptex1,AppOS",    "Cryptex1,AppTrustCache",    "Cryptex1,AppVolume",
                                         "Cryptex1,SystemOS", "Cryptex1,SystemTrustCache", "Cryptex1,SystemVolume" };
    for (size_t i = 0; i < RV_COUNT(parts); i++) {
        struct rv_span digest = sim_plist_data(item(request, parts[i]), "Digest");
        if (!item(request, parts[i]))
            continue;
        if (digest.len != 48)
            return STATUS_INTERNAL;
        if (!is_known_part(tss, parts[i], digest))
            return STATUS_NOT_ELIGIBLE;
        RV_AUTO_CLEAR(rv_buf) set = RV_BUF(4096);
        if (!sim_prop_octets(&set, "DGST", digest, err) ||
            !sim_prop_flag(&set, "EPRO", flag(item(request, parts[i]), "EPRO", true), err) ||
            !sim_prop_flag(&set, "ESEC", flag(item(request, parts[i]), "ESEC", true), err) ||
            !sim_ticket_group(objects, sim_cryptex_tag(parts[i]), rv_buf_span(&set), err))
            return -1;
        ++*count;
    }
    return *count ? STATUS_OK : STATUS_INTERNAL;
}

static int answer_cryptex(const struct sim_tss *tss, plist_t request, plist_t reply, struct sim_tss_summary *summary,
                          struct rv_error *err)
{
    struct peripheral p = { "Cryptex1,Ticket", sim_plist_data(request, "Cryptex1,Nonce"), RV_BUF(8192),
                            RV_BUF(SIM_TICKET_CAP) };
    int status = p.nonce.len == 0 ? STATUS_NONCE : STATUS_OK;
    if (status == STATUS_OK)
        status = put_cryptex_parts(tss, request, &p.objects, &summary->components, err);
    if (status == STATUS_OK &&
        (!put_cryptex_properties(request, &p.properties, err) || !put_ticket(tss, reply, &p, err)))
        status = -1;
    rv_buf_clear(&p.properties);
    rv_buf_clear(&p.objects);
    return status;
}

/* "@SE,Ticket" -> "SE,Ticket", with the nonce "SE,Nonce". */
static int answer_peripheral(const struct sim_tss *tss, plist_t request, const char *name, plist_t reply,
                             struct sim_tss_summary *summary, struct rv_error *err)
{
    char nonce_key[64];
    const char *comma = strchr(name, ',');
    snprintf(nonce_key, sizeof nonce_key, "%.*s,Nonce", comma ? (int)(comma - name) : 0, name);
    struct rv_span nonce = sim_plist_data(request, nonce_key);
    bool must = !rv_text_starts(name, "eUICC") && !rv_text_starts(name, "Timer") && !rv_text_starts(name, "Baobab");
    if (must && nonce.len == 0)
        return STATUS_NONCE;
    int status = check_needed(request, name);
    if (status != STATUS_OK)
        return status;
    if (strcmp(name, "Cryptex1,Ticket") == 0)
        return answer_cryptex(tss, request, reply, summary, err);
    return add_ticket(tss, reply, name, nonce, err) ? STATUS_OK : -1;
}

static int answer_peripherals(const struct sim_tss *tss, plist_t request, plist_t reply,
                              struct sim_tss_summary *summary, struct rv_error *err)
{
    plist_dict_iter at = NULL;
    plist_dict_new_iter(request, &at);
    int status = STATUS_OK;
    for (;;) {
        char *key = NULL;
        plist_t value = NULL;
        plist_dict_next_item(request, at, &key, &value);
        if (!key)
            break;
        if (key[0] == '@' && rv_text_ends(key, ",Ticket") && flag(request, key, false) && status == STATUS_OK) {
            snprintf(summary->kind, sizeof summary->kind, "%.47s", key + 1);
            status =
                strlen(key) < 64 ? answer_peripheral(tss, request, key + 1, reply, summary, err) : STATUS_MALFORMED;
        }
        free(key);
    }
    free(at);
    return status;
}

/* ---- one request ---- */

static int check_base(plist_t request)
{
    static const char *const texts[] = { "@HostPlatformInfo", "@VersionInfo", "@UUID" };
    if (!PLIST_IS_DICT(request))
        return STATUS_NO_PLIST;
    for (size_t i = 0; i < RV_COUNT(texts); i++) {
        if (!sim_plist_text(request, texts[i]))
            return STATUS_INTERNAL;
    }
    return STATUS_OK;
}

static int answer_request(const struct sim_tss *tss, plist_t request, plist_t reply, struct sim_tss_summary *summary,
                          struct rv_error *err)
{
    int status = check_base(request);
    if (status != STATUS_OK)
        return status;
    number(request, "ApECID", &summary->ecid);
    bool ap = flag(request, "@ApImg4Ticket", false);
    if (ap) {
        snprintf(summary->kind, sizeof summary->kind, "ApImg4Ticket");
        status = answer_ap(tss, request, reply, summary, err);
    }
    if (status == STATUS_OK)
        status = answer_peripherals(tss, request, reply, summary, err);
    /* Peripheral requests carry @BBTicket too; it means the baseband only when its chip is named. */
    bool baseband = flag(request, "@BBTicket", false) && (!summary->kind[0] || item(request, "BbChipID"));
    if (status == STATUS_OK && baseband) {
        if (!summary->kind[0])
            snprintf(summary->kind, sizeof summary->kind, "BBTicket");
        status = answer_baseband(tss, request, reply, err);
    }
    return status == STATUS_OK && !summary->kind[0] ? STATUS_MALFORMED : status;
}

static struct rv_blob *reply_text(int status, plist_t reply, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(16 << 20);
    bool ok = rv_buf_add_format(&out, err, "STATUS=%d&MESSAGE=%s", status, message_of(status));
    if (ok && status == STATUS_OK) {
        char *xml = NULL;
        uint32_t len = 0;
        plist_to_xml(reply, &xml, &len);
        ok = xml ? rv_buf_add_text(&out, "&REQUEST_STRING=", err) && rv_buf_add(&out, rv_span(xml, len), err)
                 : rv_fail_nomem(err);
        free(xml);
    }
    return ok ? rv_blob_copy(rv_buf_span(&out), err) : NULL;
}

struct rv_blob *sim_tss_answer(const struct sim_tss *tss, struct rv_span body, struct sim_tss_summary *summary,
                               struct rv_error *err)
{
    memset(summary, 0, sizeof *summary);
    plist_t request = body.len ? sim_plist_parse(body) : NULL;
    plist_t reply = plist_new_dict();
    plist_dict_set_item(reply, "@ServerVersion", plist_new_string("2.1.0"));
    int status = body.len ? answer_request(tss, request, reply, summary, err) : STATUS_EMPTY;
    if (tss->refuse_status)
        status = tss->refuse_status;
    struct rv_blob *out = NULL;
    if (status >= 0) {
        summary->status = status;
        snprintf(summary->message, sizeof summary->message, "%s", message_of(status));
        out = reply_text(status, reply, err);
    }
    plist_free(reply);
    plist_free(request);
    return out;
}

struct rv_blob *sim_sign_ticket(const char *pki, plist_t request, struct rv_error *err)
{
    struct ap_request ap = { 0 };
    struct rv_blob *ticket = NULL;
    unsigned components = 0;
    int status = read_ap_request(request, &ap);
    if (status == STATUS_OK)
        status = sign_ap(pki, &ap, request, &ticket, &components, err);
    if (status > 0)
        rv_fail(err, RV_E_UNSIGNED, "STATUS=%d: %s", status, message_of(status));
    return ticket;
}
