/* SPDX-License-Identifier: Apache-2.0 */
/* The request for the application processor (firmware 3.7, 4.2; public reading: libtatsu's tss.c). */
#include "firmware/ipsw.h"
#include "firmware/tss.h"

#include "crypto/digest.h"

#include <stdio.h>
#include <string.h>

/* ---- rules ---- */

struct condition_row {
    const char *name;
    bool (*value)(const struct rv_tss_mode *mode);
};

static bool production(const struct rv_tss_mode *mode)
{
    return mode->production;
}

static bool security(const struct rv_tss_mode *mode)
{
    return mode->security;
}

static bool image4(const struct rv_tss_mode *mode)
{
    return mode->image4;
}

static bool in_rom_dfu(const struct rv_tss_mode *mode)
{
    return mode->in_rom_dfu;
}

/* ApDemotionPolicyOverride is left out by intent: without a policy its condition is never met. */
static const struct condition_row conditions[] = {
    { "ApCurrentProductionMode", production }, { "ApInRomDFU", in_rom_dfu },   { "ApRawProductionMode", production },
    { "ApRawSecurityMode", security },         { "ApRequiresImage4", image4 },
};

static bool condition_met(const char *name, plist_t wanted, const struct rv_tss_mode *mode)
{
    if (!PLIST_IS_BOOLEAN(wanted))
        return false;
    uint8_t want = 0;
    plist_get_bool_val(wanted, &want);
    for (size_t i = 0; i < RV_COUNT(conditions); i++) {
        if (strcmp(conditions[i].name, name) == 0)
            return conditions[i].value(mode) == (want != 0);
    }
    return false;
}

static bool all_met(plist_t dict, const struct rv_tss_mode *mode)
{
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = dict };
    while (rv_plist_walk(&walk)) {
        if (!condition_met(walk.key, walk.value, mode))
            return false;
    }
    return true;
}

bool rv_tss_apply_rules(plist_t entry, plist_t rules, const struct rv_tss_mode *mode)
{
    bool any = false;
    uint32_t count = PLIST_IS_ARRAY(rules) ? plist_array_get_size(rules) : 0;
    for (uint32_t i = 0; i < count; i++) {
        plist_t rule = plist_array_get_item(rules, i);
        if (!all_met(rv_plist_dict(rule, "Conditions"), mode))
            continue;
        RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = rv_plist_dict(rule, "Actions") };
        while (rv_plist_walk(&walk)) {
            if (!PLIST_IS_BOOLEAN(walk.value))
                continue; /* 255 means "do not care" */
            plist_dict_set_item(entry, walk.key, plist_copy(walk.value));
            any = true;
        }
    }
    return any;
}

/* ---- components ---- */

static bool in_list(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], name) == 0)
            return true;
    }
    return false;
}

plist_t rv_tss_entry(plist_t identity, const char *component)
{
    plist_t entry = rv_identity_component(identity, component);
    if (entry == NULL)
        return NULL;
    plist_t copy = plist_new_dict();
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = entry };
    while (rv_plist_walk(&walk)) {
        if (strcmp(walk.key, "Info") != 0)
            plist_dict_set_item(copy, walk.key, plist_copy(walk.value));
    }
    return copy;
}

static void set_modes(plist_t entry, const struct rv_tss_mode *mode)
{
    plist_dict_set_item(entry, "EPRO", plist_new_bool(mode->production));
    plist_dict_set_item(entry, "ESEC", plist_new_bool(mode->security));
}

static void add_component(plist_t request, plist_t identity, const char *name, const struct rv_tss_mode *mode)
{
    /* Signed by requests of their own, or not at all. */
    static const char *const others[] = { "BasebandFirmware", "SE,UpdatePayload", "BaseSystem", "Diags",
                                          "Ap,ExclaveOS" };
    plist_t source = rv_identity_component(identity, name);
    plist_t rules = rv_plist_array(rv_plist_dict(source, "Info"), "RestoreRequestRules");
    bool trusted = rv_plist_bool(source, "Trusted", false);
    if (in_list(name, others, RV_COUNT(others)) || rv_component_flag(identity, name, "IsFTAB") ||
        (mode->image4 && rules == NULL && !trusted))
        return;
    plist_t entry = rv_tss_entry(identity, name);
    if (rules != NULL)
        rv_tss_apply_rules(entry, rules, mode);
    else if (trusted && mode->image4)
        set_modes(entry, mode);
    if (trusted && rv_plist_node(entry, "Digest") == NULL)
        plist_dict_set_item(entry, "Digest", plist_new_data("", 0));
    if (plist_dict_get_size(entry) == 0)
        plist_free(entry);
    else
        plist_dict_set_item(request, name, entry);
}

static bool add_components(plist_t request, plist_t identity, const struct rv_tss_mode *mode, struct rv_error *err)
{
    const char **names = NULL;
    size_t count = 0;
    if (!rv_identity_components(identity, &names, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        add_component(request, identity, names[i], mode);
    rv_free(names);
    return true;
}

/* ---- device and identity ---- */

static bool add_number(plist_t request, plist_t identity, const char *key, struct rv_error *err)
{
    uint64_t v = 0;
    if (!rv_plist_number(identity, key, &v))
        return rv_fail(err, RV_E_FORMAT, "the build identity has no %s", key);
    plist_dict_set_item(request, key, plist_new_uint(v));
    return true;
}

static plist_t new_data(struct rv_span bytes)
{
    return plist_new_data(bytes.len ? (const char *)bytes.ptr : "", bytes.len);
}

/* Of iOS 16 and later; present in the identity or not at all. */
static void add_identity_extras(plist_t request, plist_t identity)
{
    static const char *const keys[] = { "Ap,OSLongVersion", "Ap,OSReleaseType", "Ap,ProductMarketingVersion",
                                        "Ap,ProductType",   "Ap,SDKPlatform",   "Ap,Target",
                                        "Ap,TargetType",    "Ap,Timestamp",     "PearlCertificationRootPub",
                                        "NeRDEpoch",        "AllowNeRDBoot" };
    for (size_t i = 0; i < RV_COUNT(keys); i++) {
        plist_t value = rv_plist_node(identity, keys[i]);
        if (value != NULL)
            plist_dict_set_item(request, keys[i], plist_copy(value));
    }
    if (rv_plist_node(identity, "NeRDEpoch") != NULL)
        plist_dict_set_item(request, "PermitNeRDPivot", plist_new_data("", 0));
    if (rv_plist_bool(rv_plist_dict(identity, "Info"), "RequiresUIDMode", false)) {
        plist_dict_set_item(request, "UID_MODE", plist_new_bool(0));
        plist_dict_set_item(request, "Ap,SikaFuse", plist_new_uint(0));
    }
}

bool rv_tss_add_common(plist_t request, plist_t identity, uint64_t ecid, struct rv_error *err)
{
    plist_dict_set_item(request, "ApECID", plist_new_uint(ecid));
    if (!add_number(request, identity, "ApChipID", err) || !add_number(request, identity, "ApBoardID", err) ||
        !add_number(request, identity, "ApSecurityDomain", err))
        return false;
    struct rv_span build = rv_plist_data(identity, "UniqueBuildID");
    if (build.ptr == NULL)
        return rv_fail(err, RV_E_FORMAT, "the build identity has no UniqueBuildID");
    plist_dict_set_item(request, "UniqueBuildID", new_data(build));
    return true;
}

static bool add_device(plist_t request, plist_t identity, const struct rv_target *target,
                       const struct rv_tss_mode *mode, struct rv_error *err)
{
    if (target->ecid == 0)
        return rv_fail(err, RV_E_USAGE, "a ticket is for one device, and this one's ECID is not known");
    if (mode->image4 && target->ap_nonce.len == 0)
        return rv_fail(err, RV_E_PROTOCOL, "the device told no one-time number (nonce) to be signed for");
    plist_dict_set_item(request, mode->image4 ? "@ApImg4Ticket" : "@APTicket", plist_new_bool(1));
    if (!rv_tss_add_common(request, identity, target->ecid, err))
        return false;
    if (target->ap_nonce.len > 0)
        plist_dict_set_item(request, "ApNonce", new_data(target->ap_nonce));
    if (mode->image4 && target->sep_nonce.len > 0)
        plist_dict_set_item(request, "SepNonce", new_data(target->sep_nonce));
    plist_dict_set_item(request, "ApProductionMode", plist_new_bool(mode->production));
    if (mode->image4)
        plist_dict_set_item(request, "ApSecurityMode", plist_new_bool(mode->security));
    return true;
}

plist_t rv_tss_request_ap(plist_t identity, const struct rv_target *target, struct rv_error *err)
{
    struct rv_tss_mode mode = RV_TSS_CUSTOMER;
    mode.image4 = rv_identity_is_img4(identity);
    RV_AUTO_PLIST request = plist_new_dict();
    if (!add_device(request, identity, target, &mode, err))
        return NULL;
    add_identity_extras(request, identity);
    if (!add_components(request, identity, &mode, err))
        return NULL;
    return rv_steal(&request);
}

/* ---- every request ---- */

static bool random_uuid(char out[37], struct rv_error *err)
{
    uint8_t b[16];
    if (!rv_random(b, sizeof b, err))
        return false;
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    snprintf(out, 37, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return true;
}

bool rv_tss_add_base(plist_t request, struct rv_error *err)
{
    char uuid[37];
    if (!random_uuid(uuid, err))
        return false;
    plist_dict_set_item(request, "@HostPlatformInfo", plist_new_string("mac"));
    /* An old value is refused with STATUS 94 for some devices. */
    plist_dict_set_item(request, "@VersionInfo", plist_new_string("libauthinstall-1104.0.9"));
    plist_dict_set_item(request, "@Locality", plist_new_string("en_US"));
    plist_dict_set_item(request, "@UUID", plist_new_string(uuid));
    return true;
}
