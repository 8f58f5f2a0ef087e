/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammar: Apple's IMG4 as described by the public readers m1stadev/PyIMG4 and xerub/img4lib; which bytes are
 * signed, which digest counts and how the leaf certificate binds its ticket was measured on real tickets
 * (docs/fidelity.md, "image4"). Every level is walked once, by name; nothing recurses.
 */
#include "sim/image4.h"

#include "sim/der.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CERTS_MAX = 4, IMAGE_CAP = 1 << 30 };

struct ticket {
    struct rv_span body;      /* the signed SET, header included */
    struct rv_span manb;      /* elements of MANB: MANP and one per object */
    struct rv_span manp;      /* elements of MANP: its properties */
    struct rv_span signature; /* of body */
    struct rv_span certs[CERTS_MAX];
    size_t cert_count;
};

struct image {
    struct rv_span im4p, im4m, payload;
    uint32_t type;
};

/* Where a refusal is explained; always returns false. */
struct why {
    char *text;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct why why, const char *fmt, ...)
{
    if (why.text && why.size) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(why.text, why.size, fmt, ap);
        va_end(ap);
    }
    return false;
}

static void tag_text(uint32_t tag, char out[5])
{
    for (int i = 0; i < 4; i++) {
        int c = (int)(tag >> (24 - 8 * i) & 0xff);
        out[i] = (char)(c > 0x20 && c < 0x7f ? c : '?');
    }
    out[4] = '\0';
}

/* ---- reading ---- */

/* [PRIVATE tag] { SEQUENCE { IA5String tag, SET OF … } } -> the elements of the SET. */
static bool read_group(struct rv_span holder, uint32_t tag, struct rv_span *elements)
{
    struct rv_reader outer = { .in = holder };
    struct rv_reader in = { .in = sim_der_take(&outer, SIM_DER_SEQUENCE) };
    struct rv_span name = sim_der_take(&in, SIM_DER_IA5);
    uint8_t want[4];
    rv_put_u32be(want, tag);
    struct rv_span set = sim_der_take(&in, SIM_DER_SET);
    if (!sim_der_done(&outer) || !sim_der_done(&in) || !rv_span_equal(name, rv_span(want, 4)))
        return false;
    *elements = set;
    return true;
}

/* [PRIVATE tag] { SEQUENCE { IA5String tag, value } } -> the value. */
static bool read_property(struct rv_span holder, uint32_t tag, struct sim_der *value)
{
    struct rv_reader outer = { .in = holder };
    struct rv_reader in = { .in = sim_der_take(&outer, SIM_DER_SEQUENCE) };
    struct rv_span name = sim_der_take(&in, SIM_DER_IA5);
    uint8_t want[4];
    rv_put_u32be(want, tag);
    bool ok = sim_der_next(&in, value);
    return ok && sim_der_done(&outer) && sim_der_done(&in) && rv_span_equal(name, rv_span(want, 4));
}

enum found { FOUND_NONE, FOUND_ONE, FOUND_BROKEN };

/* Walks the whole set, so that a second property of that name or rubbish behind it is seen. */
static enum found find_property(struct rv_span set, uint32_t tag, struct sim_der *value)
{
    struct rv_reader r = { .in = set };
    enum found found = FOUND_NONE;
    uint32_t number;
    struct rv_span body;
    while (sim_der_private(&r, &number, &body)) {
        struct sim_der got;
        if (!read_property(body, number, &got))
            return FOUND_BROKEN;
        if (number != tag)
            continue;
        if (found == FOUND_ONE)
            return FOUND_BROKEN;
        found = FOUND_ONE;
        *value = got;
    }
    return sim_der_done(&r) ? found : FOUND_BROKEN;
}

static enum found find_object(const struct ticket *ticket, uint32_t tag, struct rv_span *set)
{
    struct rv_reader r = { .in = ticket->manb };
    enum found found = FOUND_NONE;
    uint32_t number;
    struct rv_span body;
    while (sim_der_private(&r, &number, &body)) {
        struct rv_span elements;
        if (!read_group(body, number, &elements))
            return FOUND_BROKEN;
        if (number != tag)
            continue;
        if (found == FOUND_ONE)
            return FOUND_BROKEN;
        found = FOUND_ONE;
        *set = elements;
    }
    return sim_der_done(&r) ? found : FOUND_BROKEN;
}

static bool read_ticket(struct rv_span im4m, struct ticket *out, struct why why)
{
    struct ticket t = { 0 };
    struct rv_reader whole = { .in = im4m };
    struct rv_reader in = { .in = sim_der_take(&whole, SIM_DER_SEQUENCE) };
    sim_der_magic(&in, "IM4M");
    uint64_t version = sim_der_integer(&in);
    struct sim_der body = { 0 };
    bool have_body = sim_der_next(&in, &body) && body.first == SIM_DER_SET;
    t.body = body.whole;
    t.signature = sim_der_take(&in, SIM_DER_OCTETS);
    struct rv_reader certs = { .in = sim_der_take(&in, SIM_DER_SEQUENCE) };
    if (!have_body || version != 0 || !sim_der_done(&in) || !sim_der_done(&whole))
        return refuse(why, "the ticket is no IM4M");
    struct sim_der cert;
    while (t.cert_count < CERTS_MAX && sim_der_next(&certs, &cert))
        t.certs[t.cert_count++] = cert.whole;
    if (!sim_der_done(&certs) || t.cert_count == 0)
        return refuse(why, "the ticket's certificates are broken");

    struct rv_reader set = { .in = body.body };
    uint32_t number = 0;
    struct rv_span manb = { 0 };
    bool one = sim_der_private(&set, &number, &manb) && sim_der_done(&set);
    if (!one || number != SIM_FOURCC('M', 'A', 'N', 'B') || !read_group(manb, number, &t.manb))
        return refuse(why, "the ticket has no manifest body");
    if (find_object(&t, SIM_FOURCC('M', 'A', 'N', 'P'), &t.manp) != FOUND_ONE)
        return refuse(why, "the ticket has no manifest properties");
    *out = t;
    return true;
}

static bool read_im4p(struct rv_span im4p, struct image *out)
{
    struct rv_reader whole = { .in = im4p };
    struct rv_reader in = { .in = sim_der_take(&whole, SIM_DER_SEQUENCE) };
    sim_der_magic(&in, "IM4P");
    struct rv_span type = sim_der_take(&in, SIM_DER_IA5);
    sim_der_take(&in, SIM_DER_IA5); /* version text */
    struct rv_span payload = sim_der_take(&in, SIM_DER_OCTETS);
    struct sim_der more;
    static const uint8_t order[] = { SIM_DER_OCTETS, SIM_DER_SEQUENCE, SIM_DER_CONTEXT0 }; /* keybags, LZFSE, PAYP */
    size_t at = 0;
    while (sim_der_next(&in, &more)) {
        while (at < sizeof order && order[at] != more.first)
            at++;
        if (at++ == sizeof order)
            return false;
    }
    if (type.len != 4 || !sim_der_done(&in) || !sim_der_done(&whole))
        return false;
    out->im4p = im4p;
    out->payload = payload;
    out->type = (uint32_t)type.ptr[0] << 24 | (uint32_t)type.ptr[1] << 16 | (uint32_t)type.ptr[2] << 8 | type.ptr[3];
    return true;
}

static bool read_image(struct rv_span img4, struct image *out, struct why why)
{
    struct image image = { 0 };
    struct rv_reader whole = { .in = img4 };
    struct rv_reader in = { .in = sim_der_take(&whole, SIM_DER_SEQUENCE) };
    sim_der_magic(&in, "IMG4");
    struct sim_der im4p = { 0 }, im4m = { 0 }, last;
    bool ok = sim_der_next(&in, &im4p) && read_im4p(im4p.whole, &image);
    if (!ok || in.bad || !sim_der_done(&whole))
        return refuse(why, "the bytes are no IMG4");
    struct rv_reader held = { .in = sim_der_take(&in, SIM_DER_CONTEXT0) };
    if (!sim_der_next(&held, &im4m) || !sim_der_done(&held) || in.bad)
        return refuse(why, "the image carries no ticket");
    if (sim_der_next(&in, &last)) { /* IM4R: its properties bind nothing here, its frame must hold */
        struct rv_reader context = { .in = last.body };
        struct rv_reader restore = { .in = sim_der_take(&context, SIM_DER_SEQUENCE) };
        sim_der_magic(&restore, "IM4R");
        sim_der_take(&restore, SIM_DER_SET);
        if (last.first != SIM_DER_CONTEXT1 || !sim_der_done(&context) || !sim_der_done(&restore))
            return refuse(why, "what follows the ticket is no IM4R");
    }
    if (!sim_der_done(&in))
        return refuse(why, "there is something behind the image");
    image.im4m = im4m.whole;
    *out = image;
    return true;
}

/* ---- signature ---- */

static X509 *read_cert(struct rv_span der)
{
    const unsigned char *at = der.ptr;
    X509 *cert = der.len <= INT32_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    if (cert && at != der.ptr + der.len) {
        X509_free(cert);
        cert = NULL;
    }
    return cert;
}

static bool issued(X509 *issuer, X509 *cert)
{
    return X509_check_ca(issuer) == 1 &&
           X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(cert)) == 0 &&
           X509_verify(cert, X509_get0_pubkey(issuer)) == 1;
}

/* A7 to A9: two certificates, RSA-2048 with SHA-1. A10 and later: one, RSA-4096 with SHA-384. Dates do not count. */
struct generation {
    size_t certs;
    int key_bits;
    const EVP_MD *digest;
    bool for_ap;
};

static struct generation generation_of(const struct sim_identity *identity)
{
    bool old = identity->ap_nonce_len == 20;
    return (struct generation){ old ? 2 : 1, old ? 2048 : 4096, old ? EVP_sha1() : EVP_sha384(), true };
}

static bool signature_holds(const struct ticket *ticket, EVP_PKEY *key, struct generation rule, struct why why)
{
    if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) != rule.key_bits)
        return refuse(why, "the signing key is not RSA-%d", rule.key_bits);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok =
        ctx && EVP_DigestVerifyInit(ctx, NULL, rule.digest, NULL, key) == 1 &&
        EVP_DigestVerify(ctx, ticket->signature.ptr, ticket->signature.len, ticket->body.ptr, ticket->body.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok || refuse(why, "the ticket's signature does not hold");
}

/* One property of the leaf's extension: a value pins it, [0] NULL demands it, [1] NULL allows it. */
static bool pin_holds(uint32_t tag, const struct sim_der *pin, struct rv_span properties, struct why why)
{
    char name[5];
    tag_text(tag, name);
    struct sim_der value;
    enum found found = find_property(properties, tag, &value);
    if (found == FOUND_BROKEN)
        return refuse(why, "the properties of the ticket are broken");
    if (pin->first == SIM_DER_CONTEXT1)
        return true;
    if (found == FOUND_NONE)
        return refuse(why, "the signing key demands %s and the ticket has none", name);
    if (pin->first == SIM_DER_CONTEXT0)
        return true;
    return rv_span_equal(pin->whole, value.whole) || refuse(why, "the signing key may not sign for this %s", name);
}

static bool pins_hold(struct rv_span pins, struct rv_span properties, struct why why)
{
    struct rv_reader r = { .in = pins };
    uint32_t tag;
    struct rv_span body;
    while (sim_der_private(&r, &tag, &body)) {
        struct sim_der pin;
        if (!read_property(body, tag, &pin))
            return refuse(why, "the signing certificate's limits are broken");
        if (!pin_holds(tag, &pin, properties, why))
            return false;
    }
    return sim_der_done(&r) || refuse(why, "the signing certificate's limits are broken");
}

static bool pins_hold_for_objects(struct rv_span pins, const struct ticket *ticket, struct why why)
{
    struct rv_reader r = { .in = ticket->manb };
    uint32_t tag;
    struct rv_span body, set;
    while (sim_der_private(&r, &tag, &body)) {
        if (!read_group(body, tag, &set))
            return refuse(why, "the objects of the ticket are broken");
        if (tag != SIM_FOURCC('M', 'A', 'N', 'P') && !pins_hold(pins, set, why))
            return false;
    }
    return sim_der_done(&r) || refuse(why, "the objects of the ticket are broken");
}

static X509_EXTENSION *limits_of(X509 *leaf)
{
    ASN1_OBJECT *oid = OBJ_txt2obj("1.2.840.113635.100.6.1.15", 1);
    int at = oid ? X509_get_ext_by_OBJ(leaf, oid, -1) : -1;
    ASN1_OBJECT_free(oid);
    return at >= 0 ? X509_get_ext(leaf, at) : NULL;
}

/* Extension 1.2.840.113635.100.6.1.15 of the leaf: SET of groups MANP and OBJP. */
static bool leaf_allows(X509 *leaf, const struct ticket *ticket, struct why why)
{
    X509_EXTENSION *extension = limits_of(leaf);
    if (!extension || !X509_EXTENSION_get_critical(extension))
        return refuse(why, "the signing certificate is not one for tickets");
    ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(extension);
    struct rv_reader outer = { .in = rv_span(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data)) };
    struct rv_reader r = { .in = sim_der_take(&outer, SIM_DER_SET) };
    uint32_t tag;
    struct rv_span body;
    while (sim_der_private(&r, &tag, &body)) {
        struct rv_span pins;
        if (!read_group(body, tag, &pins))
            return refuse(why, "the signing certificate's limits are broken");
        bool manp = tag == SIM_FOURCC('M', 'A', 'N', 'P');
        if (!manp && tag != SIM_FOURCC('O', 'B', 'J', 'P'))
            return refuse(why, "the signing certificate has a limit that nobody knows");
        if (!(manp ? pins_hold(pins, ticket->manp, why) : pins_hold_for_objects(pins, ticket, why)))
            return false;
    }
    return (sim_der_done(&r) && sim_der_done(&outer)) || refuse(why, "the signing certificate's limits are broken");
}

/* Tickets of coprocessors are signed by the same key under a certificate without limits, so that none can stand in
 * for the other. */
static bool leaf_fits(X509 *leaf, const struct ticket *ticket, bool for_ap, struct why why)
{
    if (for_ap)
        return leaf_allows(leaf, ticket, why);
    return !limits_of(leaf) || refuse(why, "the signing certificate is one for the application processor");
}

static bool chain_holds(X509 *const *chain, size_t count, const struct ticket *ticket, struct generation rule,
                        struct why why)
{
    for (size_t i = 0; i + 1 < count; i++) {
        if (!issued(chain[i], chain[i + 1]))
            return refuse(why, "the ticket's certificates do not lead to this chip's root");
    }
    X509 *leaf = chain[count - 1];
    if (X509_check_ca(leaf) == 1)
        return refuse(why, "the ticket is signed with the key of an authority");
    return signature_holds(ticket, X509_get0_pubkey(leaf), rule, why) && leaf_fits(leaf, ticket, rule.for_ap, why);
}

static bool signed_by_root(const struct ticket *ticket, struct rv_span root, struct generation rule, struct why why)
{
    if (ticket->cert_count != rule.certs)
        return refuse(why, "%zu certificates where this chip wants %zu", ticket->cert_count, rule.certs);
    X509 *chain[1 + CERTS_MAX] = { read_cert(root) };
    size_t count = chain[0] ? 1 : 0;
    for (size_t i = 0; count && i < ticket->cert_count; i++) {
        chain[count] = read_cert(ticket->certs[i]);
        count += chain[count] ? 1 : 0;
    }
    bool ok = count == 1 + ticket->cert_count ? chain_holds(chain, count, ticket, rule, why)
                                              : refuse(why, "a certificate cannot be read");
    for (size_t i = 0; i < count; i++)
        X509_free(chain[i]);
    return ok;
}

/* ---- what the ticket says ---- */

static bool number_is(struct rv_span set, const char *name, uint64_t want, struct why why)
{
    struct sim_der value;
    if (find_property(set, sim_fourcc(name), &value) != FOUND_ONE)
        return refuse(why, "the ticket does not say its %s", name);
    struct rv_reader r = { .in = value.whole };
    uint64_t got = sim_der_integer(&r);
    if (!sim_der_done(&r))
        return refuse(why, "the ticket's %s is no number", name);
    return got == want || refuse(why, "the ticket's %s is 0x%llx, this device's is 0x%llx", name,
                                 (unsigned long long)got, (unsigned long long)want);
}

static bool is_true(struct rv_span set, const char *name, struct why why)
{
    struct sim_der value;
    if (find_property(set, sim_fourcc(name), &value) != FOUND_ONE)
        return refuse(why, "%s is missing", name);
    bool yes = value.first == SIM_DER_BOOLEAN && value.body.len == 1 && value.body.ptr[0] == 0xff;
    return yes || refuse(why, "%s is not true, and this is a production device", name);
}

static bool octets_are(struct rv_span set, const char *name, struct rv_span want, struct why why)
{
    struct sim_der value;
    if (find_property(set, sim_fourcc(name), &value) != FOUND_ONE || value.first != SIM_DER_OCTETS)
        return refuse(why, "the ticket has no %s", name);
    return rv_span_equal(value.body, want) || refuse(why, "the ticket's %s is not this device's present nonce", name);
}

static bool ticket_fits(const struct ticket *t, const struct sim_identity *who, unsigned rules, struct why why)
{
    struct rv_span p = t->manp;
    struct rv_span none;
    if (find_object(t, 0, &none) == FOUND_BROKEN)
        return refuse(why, "the objects of the ticket are broken");
    if (!number_is(p, "CHIP", who->chip, why) || !number_is(p, "BORD", who->board, why) ||
        !number_is(p, "SDOM", who->domain, why) || !number_is(p, "ECID", who->ecid, why))
        return false;
    if (!number_is(p, "CEPO", 1, why) || !is_true(p, "CPRO", why) || !is_true(p, "CSEC", why))
        return false;
    if (rules & SIM_IMAGE_NEEDS_NONCE && !octets_are(p, "BNCH", rv_span(who->ap_nonce, who->ap_nonce_len), why))
        return false;
    return !(rules & SIM_IMAGE_NEEDS_SEP_NONCE) ||
           octets_are(p, "snon", rv_span(who->sep_nonce, sizeof who->sep_nonce), why);
}

static bool accept_ticket(struct rv_span im4m, struct rv_span root, const struct sim_identity *who, unsigned rules,
                          struct ticket *ticket, struct why why)
{
    return read_ticket(im4m, ticket, why) && signed_by_root(ticket, root, generation_of(who), why) &&
           ticket_fits(ticket, who, rules, why);
}

bool sim_ticket_accept(struct rv_span im4m, struct rv_span root, const struct sim_identity *identity, unsigned rules,
                       char *why, size_t why_size)
{
    struct ticket ticket;
    return accept_ticket(im4m, root, identity, rules, &ticket, (struct why){ why, why_size });
}

/* The digest under `tag` is that of the IM4P, and the object was signed for production. */
static bool ticket_covers(const struct ticket *ticket, const struct image *image, const EVP_MD *digest, struct why why)
{
    char name[5];
    tag_text(image->type, name);
    struct rv_span object;
    struct sim_der stated;
    if (find_object(ticket, image->type, &object) != FOUND_ONE)
        return refuse(why, "the ticket does not name %s", name);
    if (find_property(object, SIM_FOURCC('D', 'G', 'S', 'T'), &stated) != FOUND_ONE || stated.first != SIM_DER_OCTETS)
        return refuse(why, "the ticket has no digest for %s", name);
    uint8_t got[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(image->im4p.ptr, image->im4p.len, got, &len, digest, NULL) != 1)
        return refuse(why, "the digest cannot be computed");
    if (!rv_span_equal(stated.body, rv_span(got, len)))
        return refuse(why, "%s is not the image that was signed", name);
    return is_true(object, "EPRO", why) && is_true(object, "ESEC", why);
}

bool sim_image4_accept(struct rv_span img4, const char *tag, struct rv_span root, const struct sim_identity *identity,
                       unsigned rules, struct rv_span *payload, struct rv_span *ticket, char *why, size_t why_size)
{
    struct why w = { why, why_size };
    struct image image = { 0 };
    struct ticket t;
    if (!read_image(img4, &image, w))
        return false;
    if (image.type != sim_fourcc(tag)) {
        char name[5];
        tag_text(image.type, name);
        return refuse(w, "the image is %s, wanted is %s", name, tag);
    }
    if (!accept_ticket(image.im4m, root, identity, rules, &t, w))
        return false;
    if (!ticket_covers(&t, &image, generation_of(identity).digest, w))
        return false;
    if (payload)
        *payload = image.payload;
    if (ticket)
        *ticket = image.im4m;
    return true;
}

static bool text_is(const struct sim_der *value, const char *text)
{
    return value->first == SIM_DER_IA5 && rv_span_equal(value->body, rv_span(text, strlen(text)));
}

bool sim_peripheral_ticket_accept(struct rv_span bytes, struct rv_span root, const char *name, struct rv_span nonce,
                                  char *why, size_t why_size)
{
    struct why w = { why, why_size };
    const struct generation rule = { 1, 4096, EVP_sha384(), false };
    struct ticket t;
    struct sim_der got;
    if (!read_ticket(bytes, &t, w) || !signed_by_root(&t, root, rule, w))
        return false;
    if (find_property(t.manp, sim_fourcc("tnam"), &got) != FOUND_ONE || !text_is(&got, name))
        return refuse(w, "the ticket is not a %s", name);
    return octets_are(t.manp, "tnon", nonce, w);
}

size_t sim_ticket_digest(struct rv_span im4m, const char *tag, uint8_t *to, size_t room)
{
    struct ticket t;
    struct rv_span object;
    struct sim_der digest;
    if (!read_ticket(im4m, &t, (struct why){ 0 }) || find_object(&t, sim_fourcc(tag), &object) != FOUND_ONE ||
        find_property(object, SIM_FOURCC('D', 'G', 'S', 'T'), &digest) != FOUND_ONE)
        return 0;
    if (digest.first != SIM_DER_OCTETS || digest.body.len == 0 || digest.body.len > room)
        return 0;
    memcpy(to, digest.body.ptr, digest.body.len);
    return digest.body.len;
}

struct rv_span sim_ticket_octets(struct rv_span im4m, const char *property)
{
    struct ticket t;
    struct sim_der value;
    if (!read_ticket(im4m, &t, (struct why){ 0 }) || find_property(t.manp, sim_fourcc(property), &value) != FOUND_ONE ||
        value.first != SIM_DER_OCTETS)
        return rv_span(NULL, 0);
    return value.body;
}

bool sim_im4p_read(struct rv_span im4p, char out[5], struct rv_span *payload)
{
    struct image image = { 0 };
    if (!read_im4p(im4p, &image))
        return false;
    tag_text(image.type, out);
    if (payload)
        *payload = image.payload;
    return true;
}

/* ---- building ---- */

static struct rv_blob *blob_of(const struct rv_buf *buf, bool ok, struct rv_error *err)
{
    return ok ? rv_blob_copy(rv_buf_span(buf), err) : NULL;
}

struct rv_blob *sim_im4p_make(const char *tag, const char *version, struct rv_span payload, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) body = RV_BUF(IMAGE_CAP);
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(IMAGE_CAP);
    bool ok = sim_der_put_text(&body, "IM4P", err) && sim_der_put_text(&body, tag, err) &&
              sim_der_put_text(&body, version, err) && sim_der_put(&body, SIM_DER_OCTETS, payload, err) &&
              sim_der_put(&out, SIM_DER_SEQUENCE, rv_buf_span(&body), err);
    return blob_of(&out, ok, err);
}

struct rv_blob *sim_img4_make(struct rv_span im4p, struct rv_span im4m, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) body = RV_BUF(IMAGE_CAP);
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(IMAGE_CAP);
    bool ok = sim_der_put_text(&body, "IMG4", err) && rv_buf_add(&body, im4p, err) &&
              sim_der_put(&body, SIM_DER_CONTEXT0, im4m, err) &&
              sim_der_put(&out, SIM_DER_SEQUENCE, rv_buf_span(&body), err);
    return blob_of(&out, ok, err);
}
