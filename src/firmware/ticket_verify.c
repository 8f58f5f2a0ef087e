/* SPDX-License-Identifier: Apache-2.0 */
/* Does a ticket hold: who signed it, for which device, for which files (firmware 3.5, 3.6; twelve real tickets). */
#include "firmware/ipsw.h"
#include "firmware/ticket.h"

#include "base/file.h"
#include "base/text.h"
#include "crypto/signature.h"
#include "data/roots.h"

#include <string.h>

enum { ROOTS_MAX = 16, CERTIFICATE_FILE_MAX = 1024 * 1024 };

/* What the signing certificate demands of the ticket's content; critical, and unknown to OpenSSL. */
static const char conditions_oid[] = "1.2.840.113635.100.6.1.15";

/* ---- signature ---- */

/* A7 to A9 sign with SHA-1, everything later with SHA-384. */
static enum rv_digest_kind digest_for_chip(uint64_t chip)
{
    static const uint16_t sha1_chips[] = { 0x8960, 0x7000, 0x7001, 0x8000, 0x8001, 0x8003 };
    for (size_t i = 0; i < RV_COUNT(sha1_chips); i++) {
        if (sha1_chips[i] == chip)
            return RV_DIGEST_SHA1;
    }
    return RV_DIGEST_SHA384;
}

static size_t collect_roots(struct rv_span roots[ROOTS_MAX], const struct rv_blob *extra)
{
    size_t n = 0;
    for (; n < rv_root_count && n < ROOTS_MAX - 1; n++)
        roots[n] = rv_roots[n].der;
    if (extra != NULL)
        roots[n++] = rv_blob_span(extra);
    return n;
}

static bool load_extra_root(const struct rv_ctx *ctx, struct rv_blob **out, struct rv_error *err)
{
    const char *path = ctx->settings.trust_root;
    if (path == NULL)
        return true;
    RV_AUTO(rv_blob) file = rv_file_read(path, CERTIFICATE_FILE_MAX, err);
    *out = file != NULL ? rv_certificate_der(rv_blob_span(file), err) : NULL;
    return *out != NULL || rv_while(err, "reading the extra trust root %s", path);
}

/* ---- conditions of the certificate ---- */

enum demand { MUST_EQUAL, MUST_BE_THERE, MAY_BE_THERE };

static enum demand demand_of(const struct rv_der *value)
{
    if (value->cls != RV_DER_CONTEXT)
        return MUST_EQUAL;
    return value->tag == 0 ? MUST_BE_THERE : MAY_BE_THERE;
}

/* Compared as values, so that a redundant leading zero of an INTEGER does not matter. */
static bool same_value(const struct rv_der *a, const struct rv_der *b)
{
    uint64_t x = 0, y = 0;
    if (rv_der_uint(a, &x) && rv_der_uint(b, &y))
        return x == y;
    return a->cls == b->cls && a->tag == b->tag && rv_span_equal(a->body, b->body);
}

static bool meets(struct rv_span properties, struct rv_span demands, const char *of, struct rv_error *err)
{
    struct rv_reader r = { .in = demands };
    struct rv_der wanted, found;
    char name[5];
    while (rv_img4_property_next(&r, name, &wanted)) {
        enum demand demand = demand_of(&wanted);
        bool there = rv_img4_property(properties, name, &found);
        if (demand == MAY_BE_THERE)
            continue;
        if (!there)
            return rv_fail(err, RV_E_CORRUPT, "the signing certificate demands %s of '%s', the ticket has none", name,
                           of);
        if (demand == MUST_EQUAL && !same_value(&wanted, &found))
            return rv_fail(err, RV_E_CORRUPT, "the signing certificate is for another %s than the ticket's", name);
    }
    if (r.at != r.in.len)
        return rv_fail(err, RV_E_FORMAT, "the conditions of the signing certificate cannot be read");
    return true;
}

static bool meets_conditions(const struct rv_im4m *m, struct rv_span set, struct rv_error *err)
{
    struct rv_reader groups = { .in = set };
    struct rv_der demands;
    char name[5], tag[5];
    while (rv_img4_property_next(&groups, name, &demands)) {
        if (strcmp(name, "MANP") == 0 && !meets(m->properties, demands.body, "the ticket itself", err))
            return false;
        if (strcmp(name, "OBJP") != 0)
            continue;
        struct rv_reader objects = { .in = m->objects };
        struct rv_span properties;
        while (rv_im4m_object_next(&objects, tag, &properties)) {
            if (!meets(properties, demands.body, tag, err))
                return false;
        }
    }
    return groups.at == groups.in.len ||
           rv_fail(err, RV_E_FORMAT, "the conditions of the signing certificate cannot be read");
}

static bool check_conditions(const struct rv_im4m *m, struct rv_error *err)
{
    struct rv_error missing = { 0 };
    RV_AUTO(rv_blob) extension = rv_certificate_extension(m->chain[m->chain_len - 1], conditions_oid, &missing);
    if (extension == NULL && missing.code == RV_E_NOT_FOUND)
        return true; /* then it demands nothing */
    if (extension == NULL) {
        *err = missing;
        return false;
    }
    struct rv_reader r = { .in = rv_blob_span(extension) };
    struct rv_der set;
    return rv_der_expect(&r, RV_DER_UNIVERSAL, RV_DER_SET, "the conditions of the signing certificate", &set, err) &&
           meets_conditions(m, set.body, err);
}

bool rv_ticket_verify_signature(struct rv_ctx *ctx, const struct rv_ticket *ticket, enum rv_trust *trust,
                                struct rv_error *err)
{
    const struct rv_im4m *m = &ticket->parsed;
    struct rv_span roots[ROOTS_MAX];
    RV_AUTO(rv_blob) extra = NULL;
    uint64_t chip = 0;
    size_t root = 0;
    if (!load_extra_root(ctx, &extra, err))
        return false;
    if (m->chain_len == 0)
        return rv_fail(err, RV_E_UNSUPPORTED, "the ticket is signed without certificates");
    if (!rv_img4_property_uint(m->properties, "CHIP", &chip))
        return rv_fail(err, RV_E_CORRUPT, "the ticket names no chip");
    size_t count = collect_roots(roots, extra);
    if (!rv_signature_verify(m->signed_bytes, m->signature, digest_for_chip(chip), m->chain, m->chain_len, roots, count,
                             &root, err)) {
        if (err->code == RV_E_REFUSED) /* the ticket's fault, not the device's answer */
            err->code = RV_E_CORRUPT;
        return rv_while(err, "checking who signed the ticket");
    }
    if (!check_conditions(m, err))
        return rv_while(err, "checking what the ticket's certificate allows");
    *trust = extra != NULL && root == count - 1 ? RV_TRUST_EXTRA : RV_TRUST_APPLE;
    return true;
}

/* ---- device ---- */

static bool same_number(const struct rv_im4m *m, const char *name, const char *words, bool known, uint64_t device,
                        struct rv_error *err)
{
    uint64_t v = 0;
    if (!known)
        return true;
    if (!rv_img4_property_uint(m->properties, name, &v))
        return rv_fail(err, RV_E_CORRUPT, "the ticket names no %s (%s)", words, name);
    return v == device || rv_fail(err, RV_E_CORRUPT, "the ticket is for another %s: 0x%llx, the device has 0x%llx",
                                  words, (unsigned long long)v, (unsigned long long)device);
}

static bool same_nonce(const struct rv_ticket *ticket, const char *name, const char *words, struct rv_span device,
                       struct rv_error *err)
{
    struct rv_span v;
    if (device.len == 0)
        return true;
    if (!rv_img4_property_octets(ticket->parsed.properties, name, &v))
        return rv_fail(err, RV_E_CORRUPT, "the ticket names no %s (%s)", words, name);
    if (rv_span_equal(v, device))
        return true;
    char is[17], should[17];
    rv_text_hex(rv_span_part(v, 0, v.len < 8 ? v.len : 8), is, sizeof is);
    rv_text_hex(rv_span_part(device, 0, device.len < 8 ? device.len : 8), should, sizeof should);
    rv_fail(err, RV_E_CORRUPT, "the ticket is for another %s: %s…, the device has %s…", words, is, should);
    if (ticket->fresh)
        rv_advise(err, RV_ADVICE_NONCE_CHANGED);
    return false;
}

bool rv_ticket_verify_target(const struct rv_ticket *ticket, const struct rv_target *target, struct rv_error *err)
{
    const struct rv_im4m *m = &ticket->parsed;
    return same_number(m, "ECID", "device (ECID)", target->ecid != 0, target->ecid, err) &&
           same_number(m, "CHIP", "chip", target->have_chip, target->chip, err) &&
           same_number(m, "BORD", "board", target->have_board, target->board, err) &&
           same_nonce(ticket, "BNCH", "one-time number (nonce)", target->ap_nonce, err) &&
           same_nonce(ticket, "snon", "one-time number of the Secure Enclave", target->sep_nonce, err);
}

/* ---- files ---- */

/*
 * What is Trusted must be covered. Other components that were part of the request may be left out by the server
 * (cryptexes get a ticket of their own), but where the ticket names them they must be these.
 */
static bool covers(const struct rv_ticket *ticket, plist_t identity, const char *component, struct rv_error *err)
{
    plist_t entry = rv_identity_component(identity, component);
    struct rv_span want = rv_plist_data(entry, "Digest"), have;
    bool trusted = rv_plist_bool(entry, "Trusted", false);
    bool ruled = rv_plist_array(rv_plist_dict(entry, "Info"), "RestoreRequestRules") != NULL;
    /* Files inside an ftab belong to tickets of other chips. */
    if (want.len == 0 || (!trusted && !ruled) || rv_component_flag(identity, component, "IsFTAB"))
        return true;
    const char *tag = rv_component_tag(identity, component);
    if (tag == NULL)
        return !trusted || rv_ticket_has_digest(ticket, want) ||
               rv_fail(err, RV_E_CORRUPT, "the ticket does not cover %s of this firmware", component);
    if (!rv_ticket_digest(ticket, tag, &have))
        return !trusted || rv_fail(err, RV_E_CORRUPT, "the ticket does not cover %s ('%s')", component, tag);
    return rv_span_equal(have, want) ||
           rv_fail(err, RV_E_CORRUPT, "the ticket is for another %s ('%s') than this firmware's", component, tag);
}

bool rv_ticket_verify_coverage(const struct rv_ticket *ticket, plist_t identity, struct rv_error *err)
{
    const char **names = NULL;
    size_t count = 0;
    if (!rv_identity_components(identity, &names, &count, err))
        return false;
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++)
        fine = covers(ticket, identity, names[i], err);
    rv_free(names);
    return fine;
}

bool rv_ticket_verify(struct rv_ctx *ctx, const struct rv_ticket *ticket, plist_t identity,
                      const struct rv_target *target, enum rv_trust *trust, struct rv_error *err)
{
    enum rv_trust who = RV_TRUST_APPLE;
    if (!rv_ticket_verify_signature(ctx, ticket, &who, err) || !rv_ticket_verify_target(ticket, target, err) ||
        !rv_ticket_verify_coverage(ticket, identity, err)) {
        if (err->code == RV_E_CORRUPT || err->code == RV_E_FORMAT)
            rv_advise(err, RV_ADVICE_BAD_TICKET);
        return rv_while(err, "checking the signing ticket");
    }
    *trust = who;
    return true;
}
