/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row an updater: which keys its request carries, which components of the manifest, which file goes back.
 * Source of the keys: libtatsu src/tss.c and idevicerestore src/restore.c (facts only) [I]. Where the device
 * brings a request of its own it is laid over ours: the device knows best.
 */
#include "firmware/peripherals.h"

#include "base/text.h"
#include "firmware/ipsw.h"
#include "firmware/tss.h"
#include "format/ftab.h"

#include <stdio.h>
#include <string.h>

enum { FIRMWARE_MAX = 64 * 1024 * 1024, KEYS_MAX = 12 };

enum form { FORM_NONE, FORM_PLAIN, FORM_SAVAGE, FORM_YONKERS, FORM_FTAB, FORM_MAP };

struct key_row {
    const char *to;   /* key in the request */
    const char *from; /* key in the device's info or the identity; NULL: the same */
    bool must;
};

struct asking {
    plist_t identity, info, arguments;
    uint64_t ecid;
    struct rv_peripheral_ask *out;
};

struct updater {
    const char *name;   /* MessageArgUpdaterName */
    const char *ticket; /* NULL: the first of DeviceGeneratedTags.ResponseTags */
    const char *prefix; /* manifest components that go along, by name; NULL: none */
    struct key_row keys[KEYS_MAX];
    bool (*extra)(struct asking *a, struct rv_error *err); /* what does not fit a table; may be NULL */
    const char *component;                                 /* file sent back; NULL: extra() says */
    enum form form;
};

void rv_peripheral_ask_clear(struct rv_peripheral_ask *ask)
{
    rv_plist_auto(&ask->request);
    *ask = (struct rv_peripheral_ask){ .request = NULL };
}

/* ---- pieces ---- */

static void set_component(struct asking *a, const char *component)
{
    snprintf(a->out->component, sizeof a->out->component, "%s", component);
}

/* BuildManifest writes numbers as text, a request as integers. */
static plist_t as_request_value(plist_t node)
{
    uint64_t number = 0;
    const char *text = PLIST_IS_STRING(node) ? plist_get_string_ptr(node, NULL) : NULL;
    if (text != NULL && rv_text_starts(text, "0x") && rv_text_number(text, 0, &number))
        return plist_new_uint(number);
    return plist_copy(node);
}

static bool copy_keys(struct asking *a, const struct key_row *keys, const char *updater, struct rv_error *err)
{
    for (size_t i = 0; i < KEYS_MAX && keys[i].to != NULL; i++) {
        const char *from = keys[i].from != NULL ? keys[i].from : keys[i].to;
        plist_t node = rv_plist_node(a->info, from);
        if (node == NULL)
            node = rv_plist_node(a->identity, from);
        if (node == NULL)
            node = rv_plist_node(a->identity, keys[i].to);
        if (node != NULL)
            plist_dict_set_item(a->out->request, keys[i].to, as_request_value(node));
        else if (keys[i].must && rv_plist_node(a->arguments, "DeviceGeneratedRequest") == NULL)
            return rv_fail(err, RV_E_PROTOCOL, "the device's request for %s lacks %s", updater, from);
    }
    return true;
}

static void add_entry(struct asking *a, const char *component)
{
    struct rv_tss_mode mode = RV_TSS_CUSTOMER;
    plist_t entry = rv_tss_entry(a->identity, component);
    plist_t source = rv_identity_component(a->identity, component);
    if (entry == NULL)
        return;
    rv_tss_apply_rules(entry, rv_plist_array(rv_plist_dict(source, "Info"), "RestoreRequestRules"), &mode);
    if (rv_plist_bool(source, "Trusted", false) && rv_plist_node(entry, "Digest") == NULL)
        plist_dict_set_item(entry, "Digest", plist_new_data("", 0));
    plist_dict_set_item(a->out->request, component, entry);
}

static void add_prefixed(struct asking *a, const char *prefix)
{
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = rv_plist_dict(a->identity, "Manifest") };
    while (rv_plist_walk(&walk)) {
        if (rv_text_starts(walk.key, prefix) && PLIST_IS_DICT(walk.value))
            add_entry(a, walk.key);
    }
}

static bool add_sep_digest(struct asking *a, struct rv_error *err)
{
    plist_t digest = rv_plist_node(rv_identity_component(a->identity, "SEP"), "Digest");
    if (digest == NULL)
        return rv_fail(err, RV_E_FORMAT, "the firmware's SEP has no digest");
    plist_t sep = plist_new_dict();
    plist_dict_set_item(sep, "Digest", plist_copy(digest));
    plist_dict_set_item(a->out->request, "SEP", sep);
    return true;
}

static void set_ticket(struct asking *a, const char *ticket)
{
    char key[72];
    snprintf(a->out->ticket, sizeof a->out->ticket, "%s", ticket);
    snprintf(key, sizeof key, "@%s", a->out->ticket);
    plist_dict_set_item(a->out->request, key, plist_new_bool(1));
}

static void merge(plist_t to, plist_t from)
{
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = from };
    while (rv_plist_walk(&walk))
        plist_dict_set_item(to, walk.key, plist_copy(walk.value));
}

static const char *first_response_tag(plist_t arguments)
{
    plist_t tags = rv_plist_array(rv_plist_dict(arguments, "DeviceGeneratedTags"), "ResponseTags");
    plist_t first = tags != NULL ? plist_array_get_item(tags, 0) : NULL;
    return PLIST_IS_STRING(first) ? plist_get_string_ptr(first, NULL) : NULL;
}

/* From iOS 18 on the device says what it wants back; before, it always wanted the file. */
static bool wants_firmware(plist_t arguments)
{
    plist_t tags = rv_plist_array(rv_plist_dict(arguments, "DeviceGeneratedTags"), "ResponseTags");
    if (tags == NULL)
        return true;
    for (uint32_t i = 0; i < plist_array_get_size(tags); i++) {
        plist_t tag = plist_array_get_item(tags, i);
        if (PLIST_IS_STRING(tag) && strcmp(plist_get_string_ptr(tag, NULL), "FirmwareData") == 0)
            return true;
    }
    return false;
}

static void drop(plist_t dict, const char *key)
{
    if (rv_plist_node(dict, key) != NULL)
        plist_dict_remove_item(dict, key);
}

/* ---- what does not fit the table ---- */

/* The Secure Element: only the keys of its own kind (production or development) may go along. */
static bool se_extra(struct asking *a, struct rv_error *err)
{
    static const uint32_t payload_chips[] = { 0x73, 0x64, 0xC8, 0xD2, 0x2C, 0x36, 0x37 };
    (void)err;
    bool development = rv_plist_bool(a->info, "SE,IsDev", false);
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = a->out->request };
    while (rv_plist_walk(&walk)) {
        if (!PLIST_IS_DICT(walk.value))
            continue;
        drop(walk.value, development ? "ProductionCMAC" : "DevelopmentCMAC");
        drop(walk.value, development ? "ProductionUpdatePayloadHash" : "DevelopmentUpdatePayloadHash");
    }
    uint64_t chip = 0;
    rv_plist_number(a->out->request, "SE,ChipID", &chip);
    const char *component =
        rv_component_path(a->identity, "SE,UpdatePayload") != NULL ? "SE,UpdatePayload" : "SE,Firmware";
    for (size_t i = 0; i < RV_COUNT(payload_chips); i++) {
        if (chip == payload_chips[i])
            component = "SE,UpdatePayload";
    }
    set_component(a, chip == 0x20211 ? "SE,Firmware" : component);
    return true;
}

static const char *savage_revision(plist_t info)
{
    struct rv_span revision = rv_plist_data(info, "Savage,Revision");
    uint8_t high = revision.len > 0 ? revision.ptr[0] & 0xF0 : 0;
    return high == 0x20 || high == 0x30 ? "B2" : high == 0xA0 ? "BA" : "B0";
}

static bool savage_extra(struct asking *a, struct rv_error *err)
{
    char component[64];
    bool production = rv_plist_bool(a->out->request, "Savage,ProductionMode", true);
    snprintf(component, sizeof component, "Savage,%s-%s-Patch", savage_revision(a->info), production ? "Prod" : "Dev");
    if (rv_identity_component(a->identity, component) == NULL)
        return rv_fail(err, RV_E_FORMAT, "this firmware has no %s", component);
    add_entry(a, component);
    set_component(a, component);
    return add_sep_digest(a, err);
}

static bool yonkers_fits(plist_t entry, bool production, uint64_t revision)
{
    uint64_t mine = 0;
    bool same_mode = rv_plist_bool(entry, "EPRO", production) == production;
    return same_mode && (!rv_plist_uint(entry, "FabRevision", &mine) || mine == revision);
}

static bool yonkers_extra(struct asking *a, struct rv_error *err)
{
    bool production = rv_plist_bool(a->info, "Yonkers,ProductionMode", true);
    uint64_t revision = UINT64_MAX;
    rv_plist_uint(a->info, "Yonkers,FabRevision", &revision);
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = rv_plist_dict(a->identity, "Manifest") };
    while (rv_plist_walk(&walk)) {
        if (!rv_text_starts(walk.key, "Yonkers,") || !yonkers_fits(walk.value, production, revision))
            continue;
        add_entry(a, walk.key);
        set_component(a, walk.key);
        return add_sep_digest(a, err);
    }
    return rv_fail(err, RV_E_FORMAT, "this firmware has no Yonkers patch for revision %llu",
                   (unsigned long long)revision);
}

static bool tcon_extra(struct asking *a, struct rv_error *err)
{
    (void)err;
    bool production = rv_plist_bool(a->info, "Baobab,ProductionMode", false);
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = a->out->request };
    while (rv_plist_walk(&walk)) {
        if (rv_text_starts(walk.key, "Baobab,") && PLIST_IS_DICT(walk.value))
            plist_dict_set_item(walk.value, "EPRO", plist_new_bool(production));
    }
    return true;
}

/* USB-C retimers come numbered; the number is part of every key. */
static bool retimer_extra(struct asking *a, struct rv_error *err)
{
    static const struct {
        const char *to, *from;
    } keys[] = {
        { "BoardID", "BoardID" },
        { "ChipID", "ChipID" },
        { "ECID", "ECID" },
        { "Nonce", "Nonce" },
        { "ProductionMode", "ProductionStatus" },
        { "SecurityDomain", "SecurityDomain" },
        { "SecurityMode", "SecurityMode" },
    };
    plist_t list = rv_plist_array(a->info, "InfoArray");
    plist_t first = list != NULL ? plist_array_get_item(list, 0) : NULL;
    const char *ticket = rv_plist_text(first, "TicketName");
    uint64_t number = 0;
    if (ticket == NULL || !rv_plist_uint(first, "TagNumber", &number) || number > 99)
        return rv_fail(err, RV_E_PROTOCOL, "the device's request for its USB-C retimer names no ticket");
    set_ticket(a, ticket);
    for (size_t i = 0; i < RV_COUNT(keys); i++) {
        char key[64];
        plist_t node = rv_plist_node(rv_plist_dict(first, "HardwareID"), keys[i].from);
        snprintf(key, sizeof key, "Timer,%s,%u", keys[i].to, (unsigned)number);
        if (node != NULL)
            plist_dict_set_item(a->out->request, key, plist_copy(node));
    }
    snprintf(a->out->component, sizeof a->out->component, "Timer,RTKitOS,%u", (unsigned)number);
    return true;
}

/* What the device leaves to the host: keys of the build identity, by name. */
static void add_named_identity_tags(struct asking *a, const char *prefix)
{
    plist_t tags = rv_plist_array(rv_plist_dict(a->arguments, "DeviceGeneratedTags"), "BuildIdentityTags");
    uint32_t count = tags != NULL ? plist_array_get_size(tags) : 0;
    for (uint32_t i = 0; i < count; i++) {
        plist_t tag = plist_array_get_item(tags, i);
        const char *key = PLIST_IS_STRING(tag) ? plist_get_string_ptr(tag, NULL) : NULL;
        plist_t value = key != NULL ? rv_plist_node(a->identity, key) : NULL;
        if (value != NULL && rv_text_starts(key, prefix))
            plist_dict_set_item(a->out->request, key, as_request_value(value));
    }
}

static void copy_prefixed(plist_t to, plist_t from, const char *prefix)
{
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = from };
    while (rv_plist_walk(&walk)) {
        if (rv_text_starts(walk.key, prefix))
            plist_dict_set_item(to, walk.key, as_request_value(walk.value));
    }
}

/* A local policy is a ticket for the application processor that names what boots next. */
static void add_local_policy(struct asking *a, plist_t own)
{
    static const char *const keys[] = { "Ap,LocalBoot",
                                        "Ap,LocalPolicy",
                                        "Ap,NextStageIM4MHash",
                                        "Ap,NextStageCryptex1IM4MHash",
                                        "Ap,RecoveryOSPolicyNonceHash",
                                        "Ap,VolumeUUID",
                                        "ApECID",
                                        "ApNonce" };
    set_ticket(a, "ApImg4Ticket");
    for (size_t i = 0; i < RV_COUNT(keys); i++) {
        plist_t value = rv_plist_node(own, keys[i]);
        if (value == NULL)
            value = rv_plist_node(a->info, keys[i]);
        if (value != NULL)
            plist_dict_set_item(a->out->request, keys[i], plist_copy(value));
    }
}

static bool cryptex_extra(struct asking *a, struct rv_error *err)
{
    plist_t request = a->out->request, own = rv_plist_dict(a->arguments, "DeviceGeneratedRequest");
    if (own == NULL)
        return rv_fail(err, RV_E_PROTOCOL, "the device's request for its cryptexes holds no data");
    if (!rv_tss_add_common(request, a->identity, a->ecid, err))
        return false;
    drop(request, "@BBTicket"); /* this one is no coprocessor's */
    plist_dict_set_item(request, "ApProductionMode", plist_new_bool(1));
    plist_dict_set_item(request, "ApSecurityMode", plist_new_bool(1));
    if (rv_plist_node(own, "Ap,LocalPolicy") != NULL) {
        add_local_policy(a, own);
        return true;
    }
    set_ticket(a, "Cryptex1,Ticket");
    add_named_identity_tags(a, "Cryptex1");
    copy_prefixed(request, a->info, "Cryptex1");
    copy_prefixed(request, own, "Cryptex1");
    return true;
}

static bool vinyl_extra(struct asking *a, struct rv_error *err)
{
    static const char *const parts[][2] = { { "eUICC,Gold", "EUICCGoldNonce" }, { "eUICC,Main", "EUICCMainNonce" } };
    (void)err;
    for (size_t i = 0; i < RV_COUNT(parts); i++) {
        plist_t digest = rv_plist_node(rv_identity_component(a->identity, parts[i][0]), "Digest");
        plist_t nonce = rv_plist_node(a->info, parts[i][1]);
        if (digest == NULL)
            continue;
        plist_t part = plist_new_dict();
        plist_dict_set_item(part, "Digest", plist_copy(digest));
        if (nonce != NULL)
            plist_dict_set_item(part, "Nonce", plist_copy(nonce));
        plist_dict_set_item(a->out->request, parts[i][0], part);
    }
    plist_dict_set_item(a->out->request, "eUICC,ApProductionMode", plist_new_bool(1));
    return true;
}

static bool generic_extra(struct asking *a, struct rv_error *err)
{
    const char *ticket = first_response_tag(a->arguments);
    if (ticket == NULL || rv_plist_dict(a->arguments, "DeviceGeneratedRequest") == NULL)
        return rv_fail(err, RV_E_UNSUPPORTED,
                       "the device asks for a signature for '%s', which revive does not know, and brings no request",
                       rv_plist_text(a->arguments, "MessageArgUpdaterName"));
    drop(a->out->request, "@BBTicket"); /* all of it is the device's */
    snprintf(a->out->ticket, sizeof a->out->ticket, "%s", ticket);
    return true;
}

/* ---- the table ---- */

static const struct updater generic = { .name = "", .extra = generic_extra, .form = FORM_NONE };

static const struct updater yonkers = {
    .name = "Yonkers",
    .ticket = "Yonkers,Ticket",
    .keys = { { "Yonkers,AllowOfflineBoot", NULL, false },
              { "Yonkers,BoardID", NULL, false },
              { "Yonkers,ChipID", NULL, false },
              { "Yonkers,ECID", NULL, false },
              { "Yonkers,Nonce", NULL, true },
              { "Yonkers,PatchEpoch", NULL, false },
              { "Yonkers,ProductionMode", NULL, false },
              { "Yonkers,ReadECKey", NULL, false },
              { "Yonkers,ReadFWKey", NULL, false } },
    .extra = yonkers_extra,
    .form = FORM_YONKERS,
};

static const struct updater updaters[] = {
    { .name = "AppleTCON",
      .ticket = "Baobab,Ticket",
      .prefix = "Baobab,",
      .keys = { { "Baobab,BoardID", NULL, false },
                { "Baobab,ChipID", NULL, false },
                { "Baobab,ECID", NULL, false },
                { "Baobab,Life", NULL, false },
                { "Baobab,ManifestEpoch", NULL, false },
                { "Baobab,ProductionMode", NULL, false },
                { "Baobab,SecurityDomain", NULL, false },
                { "Baobab,UpdateNonce", NULL, true } },
      .extra = tcon_extra,
      .component = "Baobab,TCON",
      .form = FORM_PLAIN },
    { .name = "AppleTypeCRetimer", .prefix = "Timer,", .extra = retimer_extra, .form = FORM_FTAB },
    { .name = "Cryptex1", .extra = cryptex_extra, .form = FORM_NONE },
    { .name = "Cryptex1LocalPolicy", .extra = cryptex_extra, .form = FORM_NONE },
    { .name = "Rose",
      .ticket = "Rap,Ticket",
      .prefix = "Rap,",
      .keys = { { "Rap,BoardID", NULL, false },
                { "Rap,ChipID", NULL, false },
                { "Rap,ECID", NULL, false },
                { "Rap,FdrRootCaDigest", NULL, false },
                { "Rap,Nonce", NULL, true },
                { "Rap,ProductionMode", NULL, false },
                { "Rap,SecurityDomain", NULL, false },
                { "Rap,SecurityMode", NULL, false } },
      .component = "Rap,RTKitOS",
      .form = FORM_FTAB },
    { .name = "SE",
      .prefix = "SE,",
      .keys = { { "SE,ChipID", NULL, true },
                { "SE,ID", NULL, true },
                { "SE,Nonce", NULL, true },
                { "SE,RootKeyIdentifier", NULL, true } },
      .extra = se_extra,
      .ticket = "SE,Ticket",
      .form = FORM_PLAIN },
    { .name = "Savage",
      .ticket = "Savage,Ticket",
      .keys = { { "Savage,AllowOfflineBoot", NULL, false },
                { "Savage,ChipID", NULL, true },
                { "Savage,Nonce", NULL, true },
                { "Savage,PatchEpoch", NULL, true },
                { "Savage,ProductionMode", NULL, false },
                { "Savage,ReadECKey", NULL, false },
                { "Savage,ReadFWKey", NULL, false },
                { "Savage,UID", NULL, true } },
      .extra = savage_extra,
      .form = FORM_SAVAGE },
    { .name = "T200",
      .ticket = "BMU,Ticket",
      .prefix = "BMU,",
      .keys = { { "BMU,BoardID", NULL, false },
                { "BMU,ChipID", "ChipID", false },
                { "BMU,Nonce", "Nonce", true },
                { "BMU,ProductionMode", "ProductionMode", false },
                { "BMU,UniqueID", "UniqueID", true } },
      .component = "BMU,FirmwareMap",
      .form = FORM_MAP },
    { .name = "Vinyl",
      .ticket = "eUICC,Ticket",
      .keys = { { "eUICC,ChipID", NULL, false },
                { "eUICC,EID", "EUICCCSN", false },
                { "eUICC,RootKeyIdentifier", "EUICCCertIdentifier", false } },
      .extra = vinyl_extra,
      .form = FORM_NONE },
};

static const struct updater *find_updater(struct asking *a)
{
    const char *name = rv_plist_text(a->arguments, "MessageArgUpdaterName");
    /* Later parts answer under the name of the first of their kind. */
    plist_t other = rv_plist_dict(a->info, "YonkersDeviceInfo");
    if (name != NULL && strcmp(name, "Savage") == 0 && other != NULL) {
        a->info = other;
        return &yonkers;
    }
    if (rv_plist_dict(a->info, "JasmineIR1DeviceInfo") != NULL)
        return &generic;
    for (size_t i = 0; name != NULL && i < RV_COUNT(updaters); i++) {
        if (strcmp(updaters[i].name, name) == 0)
            return &updaters[i];
    }
    return &generic;
}

/* ---- request ---- */

static bool build(struct asking *a, const struct updater *u, struct rv_error *err)
{
    plist_t own = rv_plist_dict(a->arguments, "DeviceGeneratedRequest");
    plist_dict_set_item(a->out->request, "@BBTicket", plist_new_bool(1));
    if (u->prefix != NULL)
        add_prefixed(a, u->prefix);
    if (!copy_keys(a, u->keys, u->name, err))
        return false;
    if (u->component != NULL)
        set_component(a, u->component);
    if (u->ticket != NULL)
        set_ticket(a, u->ticket);
    if (u->extra != NULL && !u->extra(a, err))
        return false;
    if (own != NULL && u->extra != cryptex_extra) /* those choose their own */
        add_named_identity_tags(a, "");
    merge(a->out->request, own);
    if (rv_plist_node(own, "@SE2,Ticket") != NULL) { /* later Secure Elements have a ticket of another name */
        drop(a->out->request, "@SE,Ticket");
        snprintf(a->out->ticket, sizeof a->out->ticket, "SE2,Ticket");
    }
    a->out->form = (unsigned)u->form;
    a->out->wants_firmware = wants_firmware(a->arguments);
    return true;
}

bool rv_peripheral_request(plist_t identity, uint64_t ecid, plist_t arguments, struct rv_peripheral_ask *out,
                           struct rv_error *err)
{
    struct rv_peripheral_ask ask = { .request = NULL };
    struct asking a = { .identity = identity,
                        .info = rv_plist_dict(arguments, "MessageArgInfo"),
                        .arguments = arguments,
                        .ecid = ecid,
                        .out = &ask };
    const char *name = rv_plist_text(arguments, "MessageArgUpdaterName");
    const char *type = rv_plist_text(arguments, "MessageArgType");
    if (name == NULL || a.info == NULL || (type != NULL && strcmp(type, "FirmwareResponseData") != 0))
        return rv_fail(err, RV_E_PROTOCOL, "the device's request for a coprocessor's firmware is incomplete");
    ask.request = plist_new_dict();
    if (!build(&a, find_updater(&a), err)) {
        rv_peripheral_ask_clear(&ask);
        return rv_while(err, "asking for the signature of the part '%.60s'", name);
    }
    *out = ask;
    return true;
}

/* ---- firmware ---- */

static plist_t data_of(struct rv_span bytes)
{
    return plist_new_data(bytes.len ? (const char *)bytes.ptr : "", bytes.len);
}

static plist_t wrap_savage(struct rv_span file, struct rv_error *err)
{
    enum { PREFIX = 16 };
    RV_AUTO(rv_blob) out = rv_blob_new(file.len + PREFIX, err);
    if (out == NULL)
        return NULL;
    rv_put_u32le(out->data + 4, (uint32_t)file.len);
    memcpy(out->data + PREFIX, file.ptr, file.len);
    return data_of(rv_blob_span(out));
}

/* "Rap,RTKitOS" -> "Rap,RestoreRTKitOS", whose ftab holds the part that runs during a restore. */
static plist_t wrap_ftab(struct rv_ipsw *ipsw, plist_t identity, const char *component, struct rv_span file,
                         struct rv_error *err)
{
    char other[80];
    const char *rest = strstr(component, "RTKitOS");
    struct rv_span part;
    if (!rv_ftab_check(file, err))
        return NULL;
    snprintf(other, sizeof other, "%.*sRestore%s", (int)(rest ? rest - component : 0), component, rest ? rest : "");
    const char *path = rv_component_path(identity, other);
    if (path == NULL)
        return data_of(file);
    RV_AUTO(rv_blob) restore = rv_ipsw_file(ipsw, path, FIRMWARE_MAX, err);
    if (restore == NULL)
        return NULL;
    if (!rv_ftab_find(rv_blob_span(restore), "rrko", &part))
        return data_of(file);
    RV_AUTO(rv_blob) both = rv_ftab_with(file, "rrko", part, err);
    return both != NULL ? data_of(rv_blob_span(both)) : NULL;
}

static plist_t wrap_map(plist_t identity, const char *component, struct rv_span file, struct rv_error *err)
{
    RV_AUTO_PLIST map = rv_plist_parse(file, err);
    plist_t digest = rv_plist_node(rv_identity_component(identity, component), "Digest");
    if (map == NULL)
        return NULL;
    if (digest == NULL || !PLIST_IS_DICT(map)) {
        rv_fail(err, RV_E_FORMAT, "the map of %s has no digest or no keys", component);
        return NULL;
    }
    plist_dict_set_item(map, "fw_map_digest", plist_copy(digest));
    RV_AUTO(rv_blob) text = rv_plist_format(map, true, err);
    return text != NULL ? data_of(rv_blob_span(text)) : NULL;
}

static plist_t wrap(struct rv_ipsw *ipsw, plist_t identity, const struct rv_peripheral_ask *ask, struct rv_span file,
                    struct rv_error *err)
{
    switch ((enum form)ask->form) {
    case FORM_SAVAGE:
        return wrap_savage(file, err);
    case FORM_FTAB:
        return wrap_ftab(ipsw, identity, ask->component, file, err);
    case FORM_MAP:
        return wrap_map(identity, ask->component, file, err);
    case FORM_YONKERS: {
        plist_t dict = plist_new_dict();
        plist_dict_set_item(dict, "YonkersFirmware", data_of(file));
        return dict;
    }
    case FORM_NONE:
    case FORM_PLAIN:
        break;
    }
    return data_of(file);
}

bool rv_peripheral_firmware(struct rv_ipsw *ipsw, plist_t identity, const struct rv_peripheral_ask *ask, plist_t *out,
                            struct rv_error *err)
{
    *out = NULL;
    if (ask->form == FORM_NONE || !ask->wants_firmware || ask->component[0] == '\0')
        return true;
    const char *path = rv_component_path(identity, ask->component);
    if (path == NULL)
        return rv_fail(err, RV_E_NOT_FOUND, "this firmware has no component %s", ask->component);
    RV_AUTO(rv_blob) file = rv_ipsw_file(ipsw, path, FIRMWARE_MAX, err);
    if (file != NULL)
        *out = wrap(ipsw, identity, ask, rv_blob_span(file), err);
    return *out != NULL || rv_while(err, "taking %s out of the firmware file", ask->component);
}

static plist_t ask_and_attach(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity,
                              const struct rv_peripheral_ask *ask, struct rv_error *err)
{
    plist_t firmware = NULL;
    RV_AUTO_PLIST answer = rv_tss_ask(ctx, ask->request, err);
    if (answer == NULL || !rv_peripheral_firmware(ipsw, identity, ask, &firmware, err))
        return NULL;
    if (rv_plist_node(answer, ask->ticket) == NULL) /* the device decides whether it can do without */
        rv_log(ctx->log, RV_LOG_ERROR, "tss", "the answer holds no %s", ask->ticket);
    if (firmware != NULL)
        plist_dict_set_item(answer, "FirmwareData", firmware);
    return rv_steal(&answer);
}

plist_t rv_peripheral_answer(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity, uint64_t ecid,
                             plist_t arguments, struct rv_error *err)
{
    struct rv_peripheral_ask ask;
    if (!rv_peripheral_request(identity, ecid, arguments, &ask, err))
        return NULL;
    plist_t answer = ask_and_attach(ctx, ipsw, identity, &ask, err);
    if (answer == NULL)
        rv_while(err, "getting the signature of the part '%.60s'", rv_plist_text(arguments, "MessageArgUpdaterName"));
    rv_peripheral_ask_clear(&ask);
    return answer;
}
