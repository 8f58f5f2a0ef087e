/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unsigned manifest that a stash bag is made with: what an IM4M of this build will name, put together here
 * (idevicerestore src/img4.c and idevicerestore.c, libtatsu's choice of components). Nobody signs it: the device
 * only takes its digests as a promise of what it will be started with.
 */
#include "firmware/manifest_local.h"

#include "firmware/ipsw.h"
#include "firmware/tss.h"
#include "format/der.h"

#include <string.h>

enum { MANIFEST_MAX = 256 * 1024, ENTRY_MAX = 4096 };

/* ---- DER ---- */

/* [PRIVATE 4cc] { SEQUENCE { name, body } }, as properties and groups alike are written. */
static bool put_named(struct rv_buf *to, const char *name, struct rv_span body, struct rv_error *err)
{
    struct rv_buf inner = RV_BUF(MANIFEST_MAX), sequence = RV_BUF(MANIFEST_MAX);
    bool fine = rv_der_put_text(&inner, name, err) && rv_buf_add(&inner, body, err) &&
                rv_der_put(&sequence, RV_DER_UNIVERSAL, true, RV_DER_SEQUENCE, rv_buf_span(&inner), err) &&
                rv_der_put(to, RV_DER_PRIVATE, true, rv_der_4cc(name), rv_buf_span(&sequence), err);
    rv_buf_clear(&inner);
    rv_buf_clear(&sequence);
    return fine;
}

static bool put_set(struct rv_buf *to, const char *name, struct rv_span properties, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) set = RV_BUF(MANIFEST_MAX);
    return rv_der_put(&set, RV_DER_UNIVERSAL, true, RV_DER_SET, properties, err) &&
           put_named(to, name, rv_buf_span(&set), err);
}

static bool put_number(struct rv_buf *to, const char *name, uint64_t value, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) one = RV_BUF(ENTRY_MAX);
    return rv_der_put_uint(&one, value, err) && put_named(to, name, rv_buf_span(&one), err);
}

static bool put_bool(struct rv_buf *to, const char *name, bool value, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) one = RV_BUF(ENTRY_MAX);
    return rv_der_put_bool(&one, value, err) && put_named(to, name, rv_buf_span(&one), err);
}

static bool put_octets(struct rv_buf *to, const char *name, struct rv_span value, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) one = RV_BUF(ENTRY_MAX);
    return value.len == 0 || (rv_der_put_octets(&one, value, err) && put_named(to, name, rv_buf_span(&one), err));
}

/* ---- components ---- */

static bool is_wanted(plist_t identity, const char *component)
{
    static const char *const roles[] = {
        "IsFirmwarePayload",  "IsSecondaryFirmwarePayload", "IsFUDFirmware", "IsLoadedByiBoot", "IsEarlyAccessFirmware",
        "IsiBootEANFirmware", "IsiBootNonEssentialFirmware"
    };
    if (!rv_plist_bool(rv_identity_component(identity, component), "Trusted", false) ||
        rv_component_flag(identity, component, "IsFTAB"))
        return false;
    for (size_t i = 0; i < RV_COUNT(roles); i++)
        if (rv_component_flag(identity, component, roles[i]))
            return true;
    return false;
}

static bool put_if_told(struct rv_buf *to, const char *name, plist_t entry, const char *key, struct rv_error *err)
{
    return rv_plist_node(entry, key) == NULL || put_bool(to, name, rv_plist_bool(entry, key, false), err);
}

static bool put_component(struct rv_buf *to, plist_t identity, const char *component, struct rv_error *err)
{
    struct rv_tss_mode mode = { .image4 = true }; /* neither production nor security mode, as the reference client */
    const char *tag = rv_component_tag(identity, component);
    RV_AUTO_PLIST entry = rv_tss_entry(identity, component);
    RV_AUTO_CLEAR(rv_buf) properties = RV_BUF(ENTRY_MAX);
    if (tag == NULL || entry == NULL)
        return true; /* no tag is known for it: it cannot be named */
    plist_t info = rv_plist_dict(rv_identity_component(identity, component), "Info");
    rv_tss_apply_rules(entry, rv_plist_array(info, "RestoreRequestRules"), &mode);
    const char *measured = strcmp(tag, "sepi") == 0 ? "tbms" : strcmp(tag, "rsep") == 0 ? "tbmr" : NULL;
    return put_octets(&properties, "DGST", rv_plist_data(entry, "Digest"), err) &&
           put_if_told(&properties, "EKEY", entry, "Trusted", err) &&
           put_if_told(&properties, "EPRO", entry, "EPRO", err) &&
           put_if_told(&properties, "ESEC", entry, "ESEC", err) &&
           (measured == NULL || put_octets(&properties, measured, rv_plist_data(entry, "TBMDigests"), err)) &&
           put_set(to, tag, rv_buf_span(&properties), err);
}

static bool put_components(struct rv_buf *to, plist_t identity, struct rv_error *err)
{
    const char **names = NULL;
    size_t count = 0;
    if (!rv_identity_components(identity, &names, &count, err))
        return false;
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++)
        fine = !is_wanted(identity, names[i]) || put_component(to, identity, names[i], err);
    rv_free(names);
    return fine;
}

static bool put_properties(struct rv_buf *to, plist_t identity, struct rv_error *err)
{
    uint64_t chip = 0, board = 0;
    RV_AUTO_CLEAR(rv_buf) set = RV_BUF(ENTRY_MAX);
    if (!rv_plist_number(identity, "ApChipID", &chip) || !rv_plist_number(identity, "ApBoardID", &board))
        return rv_fail(err, RV_E_FORMAT, "the build identity names no chip and board");
    return put_number(&set, "BORD", board, err) && put_number(&set, "CEPO", 0, err) &&
           put_number(&set, "CHIP", chip, err) && put_bool(&set, "CPRO", false, err) &&
           put_bool(&set, "CSEC", false, err) && put_number(&set, "SDOM", 1, err) &&
           put_set(to, "MANP", rv_buf_span(&set), err);
}

struct rv_blob *rv_manifest_local(plist_t identity, struct rv_error *err)
{
    RV_AUTO_CLEAR(rv_buf) body = RV_BUF(MANIFEST_MAX);
    RV_AUTO_CLEAR(rv_buf) group = RV_BUF(MANIFEST_MAX);
    RV_AUTO_CLEAR(rv_buf) inner = RV_BUF(MANIFEST_MAX);
    RV_AUTO_CLEAR(rv_buf) out = RV_BUF(MANIFEST_MAX);
    bool fine = put_properties(&body, identity, err) && put_components(&body, identity, err) &&
                put_set(&group, "MANB", rv_buf_span(&body), err) && rv_der_put_text(&inner, "IM4M", err) &&
                rv_der_put_uint(&inner, 0, err) &&
                rv_der_put(&inner, RV_DER_UNIVERSAL, true, RV_DER_SET, rv_buf_span(&group), err) &&
                rv_der_put(&out, RV_DER_UNIVERSAL, true, RV_DER_SEQUENCE, rv_buf_span(&inner), err);
    struct rv_blob *blob = fine ? rv_blob_copy(rv_buf_span(&out), err) : NULL;
    if (blob == NULL)
        rv_while(err, "putting together what will be installed");
    return blob;
}
