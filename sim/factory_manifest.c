/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BuildManifest of our own in the form of a real one (form_*.c hold what a generation's looks like); every hash
 * and key in it is invented.
 */
#include "sim/factory.h"

#include "base/text.h"
#include "data/devices.h"
#include "sim/factory_form.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct form *const forms[] = { &sim_form_26, &sim_form_15, &sim_form_11 };

/* What one identity is made of. */
struct maker {
    const struct form *form;
    const struct form_model *model;
    const char *version, *build;
    char board[16], BOARD[16]; /* the model's, or of the table of devices */
    uint32_t chip, board_id;
    size_t digest; /* bytes: SHA-1 up to A9, SHA-384 from A10 on */
    bool erase, research;
};

/* ---- request rules: "A" action, then conditions ---- */

static plist_t rule(const char *action, bool value)
{
    plist_t rule = plist_new_dict(), actions = plist_new_dict();
    plist_dict_set_item(actions, action, plist_new_bool(value));
    plist_dict_set_item(rule, "Actions", actions);
    plist_dict_set_item(rule, "Conditions", plist_new_dict());
    return rule;
}

static void when_flag(plist_t rule_dict, const char *condition, bool value)
{
    plist_dict_set_item(plist_dict_get_item(rule_dict, "Conditions"), condition, plist_new_bool(value));
}

static void when_demoted(plist_t rule_dict, const char *how)
{
    plist_dict_set_item(plist_dict_get_item(rule_dict, "Conditions"), "ApDemotionPolicyOverride",
                        plist_new_string(how));
}

static void add_plain(plist_t list, const char *action, const char *condition, bool image4)
{
    for (int value = 0; value < 2; value++) {
        plist_t r = rule(action, value);
        when_flag(r, condition, value);
        if (image4)
            when_flag(r, "ApRequiresImage4", true);
        plist_array_append_item(list, r);
    }
}

static plist_t ap_rules(bool current, bool may_demote)
{
    const char *mode = current ? "ApCurrentProductionMode" : "ApRawProductionMode";
    plist_t list = plist_new_array();
    if (may_demote) {
        plist_t r = rule("DPRO", true);
        when_demoted(r, "Demote");
        when_flag(r, "ApRawProductionMode", true);
        plist_array_append_item(list, r);
    }
    add_plain(list, "EPRO", mode, true);
    plist_t r = rule("EPRO", false);
    when_demoted(r, "Demote");
    when_flag(r, mode, true);
    if (current)
        when_flag(r, "ApInRomDFU", true);
    when_flag(r, "ApRequiresImage4", true);
    plist_array_append_item(list, r);
    add_plain(list, "ESEC", "ApRawSecurityMode", true);
    return list;
}

static plist_t sep_rules(bool demotes)
{
    plist_t list = plist_new_array();
    add_plain(list, "ESEC", "ApRawSecurityMode", false);
    for (int i = 0; i < 2; i++) {
        plist_t r = rule("ESEC", false);
        if (demotes)
            plist_dict_set_item(plist_dict_get_item(r, "Actions"), "DSEC", plist_new_bool(1));
        when_demoted(r, i ? "Demote" : "");
        when_flag(r, "ApRawProductionMode", false);
        when_flag(r, "ApRawSecurityMode", true);
        plist_array_append_item(list, r);
    }
    add_plain(list, "EPRO", "ApRawProductionMode", false);
    return list;
}

static plist_t rules_of(enum form_rules rules)
{
    switch (rules) {
    case RULES_RAW:
        return ap_rules(false, false);
    case RULES_RAW_DEMOTE:
        return ap_rules(false, true);
    case RULES_CURRENT:
        return ap_rules(true, false);
    case RULES_CURRENT_DEMOTE:
        return ap_rules(true, true);
    case RULES_SEP:
        return sep_rules(true);
    case RULES_SEP_PLAIN:
        return sep_rules(false);
    case RULES_NONE:
        break;
    }
    return NULL;
}

/* ---- components ---- */

static plist_t invented(const char *what, size_t len)
{
    uint8_t bytes[256];
    unsigned have = 0;
    EVP_Digest(what, strlen(what), bytes, &have, EVP_sha512(), NULL);
    for (size_t at = 64; at < sizeof bytes; at += 64)
        EVP_Digest(bytes, at, bytes + at, &have, EVP_sha512(), NULL);
    return plist_new_data((const char *)bytes, len < sizeof bytes ? len : sizeof bytes);
}

static const char *place_value(const struct maker *m, char letter)
{
    const char *value = "";
    switch (letter) {
    case 'b':
        return m->board;
    case 'B':
        return m->BOARD;
    case 'c':
        value = m->model->chip;
        break;
    case 'f':
        value = m->model->family;
        break;
    case 's':
        value = m->model->screen;
        break;
    case 'r':
        return m->erase ? m->form->erase_ramdisk : m->form->update_ramdisk;
    default:
        break;
    }
    return value != NULL ? value : "";
}

static void expand_path(const struct maker *m, const struct form_row *row, char *out, size_t size)
{
    size_t at = 0;
    for (const char *from = row->path; *from != 0 && at + 1 < size; from++) {
        if (*from != '%') {
            out[at++] = *from;
            continue;
        }
        int n = snprintf(out + at, size - at, "%s", place_value(m, *++from));
        at += n > 0 ? (size_t)n : 0;
    }
    out[at < size ? at : size - 1] = 0;
    /* Before 18 images were not wrapped. */
    char *wrapped = strtoul(m->version, NULL, 10) < 18 ? strstr(out, ".aea") : NULL;
    if (wrapped != NULL)
        memmove(wrapped, wrapped + 4, strlen(wrapped + 4) + 1);
    /* "x.RELEASE.im4p" -> "x.RESEARCH_RELEASE.im4p", "kernelcache.release.x" -> "kernelcache.research.x" */
    if (!m->research || !(row->flags & RESEARCH))
        return;
    char *word = strstr(out, "release");
    if (word != NULL)
        memcpy(word, "researc", 7);
    else if ((word = strrchr(out, '.')) != NULL && strlen(out) + 10 < size) {
        memmove(word + 9, word, strlen(word) + 1);
        memcpy(word, ".RESEARCH", 9);
    }
}

static void put_roles(plist_t info, const struct maker *m, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
        bool spelt_out; /* written when false too */
    } roles[] = { { FLASH, "IsFirmwarePayload", false },
                  { FUD, "IsFUDFirmware", false },
                  { SECONDARY, "IsSecondaryFirmwarePayload", false },
                  { FTAB, "IsFTAB", true },
                  { LOADED, "IsLoadedByiBoot", true },
                  { 0, "IsLoadedByiBootStage1", true },
                  { EAN, "IsiBootEANFirmware", true },
                  { 0, "IsiBootNonEssentialFirmware", true } };
    for (size_t i = 0; i < RV_COUNT(roles); i++) {
        bool spelt_out = roles[i].spelt_out && m->form->explicit_roles && !(flags & BARE);
        if (flags & roles[i].flag || spelt_out)
            plist_dict_set_item(info, roles[i].name, plist_new_bool((flags & roles[i].flag) != 0));
    }
    if (flags & (RAW | BARE) || !m->form->explicit_roles)
        return;
    plist_dict_set_item(info, "Personalize", plist_new_bool(1));
}

static void put_trust(plist_t entry, const struct maker *m, const struct form_row *row)
{
    if (row->flags & IBOOT)
        plist_dict_set_item(entry, "BuildString", plist_new_string(m->form->iboot));
    if (row->flags & NO_DIGEST) {
        plist_dict_set_item(entry, "DevelopmentUpdatePayloadHash", invented("SE dev", 32));
        plist_dict_set_item(entry, "ProductionUpdatePayloadHash", invented("SE prod", 32));
    } else if (!(row->flags & NO_FILE)) {
        plist_dict_set_item(entry, "Digest", invented(row->name, row->flags & SHORT_DIGEST ? 32 : m->digest));
    }
    if (row->flags & MEASURED)
        plist_dict_set_item(entry, "TBMDigests", invented("measured", 240));
    if (row->flags & (TRUSTED | UNTRUSTED))
        plist_dict_set_item(entry, "Trusted", plist_new_bool((row->flags & TRUSTED) != 0));
    /* Which of these patches fits is told by its fabrication revision and mode: even ones are for development. */
    static const unsigned revisions[] = { 6657, 10753, 8705, 12801, 59905, 61953 };
    if (rv_text_starts(row->name, "Yonkers,SysTopPatch")) {
        char digit = row->name[strlen(row->name) - 1];
        unsigned number = digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'A') + 10;
        plist_dict_set_item(entry, "EPRO", plist_new_bool(number % 2));
        plist_dict_set_item(entry, "FabRevision", plist_new_uint(revisions[number / 2 % RV_COUNT(revisions)]));
    }
}

static plist_t component(const struct maker *m, const struct form_row *row)
{
    plist_t entry = plist_new_dict(), info = plist_new_dict();
    char path[160];
    if (row->path != NULL) {
        expand_path(m, row, path, sizeof path);
        plist_dict_set_item(info, "Path", plist_new_string(path));
    }
    if (row->retag != NULL)
        plist_dict_set_item(info, "Img4PayloadType", plist_new_string(row->retag));
    put_roles(info, m, row->flags);
    if ((row->flags & RAW && !(row->flags & FTAB)) || rv_text_starts(row->name, "Cryptex1,"))
        plist_dict_set_item(info, "HashMethod", plist_new_string(row->flags & NO_FILE ? "sha2-256" : "sha2-384"));
    if (row->flags & RAW)
        plist_dict_set_item(info, "Personalize", plist_new_bool(0));
    if (strcmp(row->name, "SEP") == 0 && !m->form->explicit_roles)
        plist_dict_set_item(info, "RequiredCapacity", plist_new_string("0xE400000"));
    plist_t rules = rules_of(row->rules);
    if (rules != NULL)
        plist_dict_set_item(info, "RestoreRequestRules", rules);
    put_trust(entry, m, row);
    plist_dict_set_item(entry, "Info", info);
    return entry;
}

/* "-PartialDigest" elements are signed for the device, the rest only hashed. */
static plist_t baseband(const struct form_baseband *form)
{
    char key[64];
    plist_t entry = plist_new_dict(), info = plist_new_dict();
    plist_dict_set_item(info, "Path", plist_new_string(form->path));
    plist_dict_set_item(entry, "Info", info);
    for (const char *const *name = form->signed_names; *name != NULL; name++) {
        static const char *const tables[] = { "HashTableBody", "HashTableHeaderDefault" };
        snprintf(key, sizeof key, "%s-PartialDigest", *name);
        plist_dict_set_item(entry, key, invented(key, form->partial));
        snprintf(key, sizeof key, "%s-Version", *name);
        if (strcmp(*name, "Misc") != 0)
            plist_dict_set_item(entry, key, plist_new_uint(0x06cf0007));
        for (size_t i = 0; form->tables && i < RV_COUNT(tables); i++) {
            snprintf(key, sizeof key, "%s-%s", *name, tables[i]);
            plist_dict_set_item(entry, key, invented(key, 96));
        }
    }
    for (const char *const *name = form->plain_names; *name != NULL; name++) {
        snprintf(key, sizeof key, "%s-DownloadDigest", *name);
        plist_dict_set_item(entry, key, invented(key, form->key_hash));
        if (form->tables || strcmp(*name, "BBCFG") == 0 || strcmp(*name, "EBL") == 0)
            continue;
        snprintf(key, sizeof key, "%s-HashTableDigest", *name);
        plist_dict_set_item(entry, key, invented(key, 32));
    }
    return entry;
}

static void put_rows(plist_t manifest, const struct maker *m, const struct form_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        plist_dict_set_item(manifest, rows[i].name, component(m, &rows[i]));
}

static plist_t components(const struct maker *m)
{
    plist_t manifest = plist_new_dict();
    put_rows(manifest, m, m->form->rows, m->form->row_count);
    put_rows(manifest, m, m->model->rows, m->model->row_count);
    plist_dict_set_item(manifest, "BasebandFirmware", baseband(m->model->baseband));
    return manifest;
}

/* ---- identities ---- */

static plist_t padding(void)
{
    static const unsigned sizes[][2] = { { 8, 80 },     { 16, 160 },   { 32, 320 },   { 64, 640 },   { 128, 1280 },
                                         { 256, 1280 }, { 512, 1280 }, { 768, 1280 }, { 1024, 1280 } };
    plist_t dict = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(sizes); i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", sizes[i][0]);
        plist_dict_set_item(dict, key, plist_new_uint(sizes[i][1]));
    }
    return dict;
}

static plist_t variant_contents(const struct maker *m)
{
    static const char *const pairs[][2] = {
        { "BasebandFirmware", "Release" },      { "DFU", "Production" },
        { "Firmware", "Production" },           { "InstalledKernelCache", "Production" },
        { "RestoreKernelCache", "Production" }, { "SystemImage", "UserSystemImage" }
    };
    plist_t dict = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(pairs); i++)
        plist_dict_set_item(dict, pairs[i][0], plist_new_string(pairs[i][1]));
    if (m->research)
        plist_dict_set_item(dict, "InstalledKernelCache", plist_new_string("Research"));
    plist_dict_set_item(dict, "RestoreRamDisk", plist_new_string(m->erase ? "CustomerRamDisk" : "UpdateRamDisk"));
    return dict;
}

static void put_keys(plist_t dict, const struct form_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        plist_t value = NULL;
        switch (keys[i].kind) {
        case KEY_TEXT:
            value = plist_new_string(keys[i].text);
            break;
        case KEY_NUMBER:
            value = plist_new_uint(keys[i].number);
            break;
        case KEY_BYTES:
            value = invented(keys[i].text, (size_t)keys[i].number);
            break;
        case KEY_LIST:
            value = plist_new_array();
            plist_array_append_item(value, plist_new_string(keys[i].text));
            break;
        }
        plist_dict_set_item(dict, keys[i].name, value);
    }
}

static plist_t info_of(const struct maker *m)
{
    plist_t info = plist_new_dict();
    char text[64];
    snprintf(text, sizeof text, "%sap", m->board);
    plist_dict_set_item(info, "BuildNumber", plist_new_string(m->build));
    plist_dict_set_item(info, "BuildTrain", plist_new_string(m->form->train));
    plist_dict_set_item(info, "DeviceClass", plist_new_string(text));
    plist_dict_set_item(info, "FDRSupport", plist_new_bool(1));
    plist_dict_set_item(info, "RestoreBehavior", plist_new_string(m->erase ? "Erase" : "Update"));
    plist_dict_set_item(info, "SystemPartitionPadding", padding());
    snprintf(text, sizeof text, "%sCustomer %s Install (IPSW)", m->research ? "Research " : "",
             m->erase ? "Erase" : "Upgrade");
    plist_dict_set_item(info, "Variant", plist_new_string(text));
    plist_dict_set_item(info, "VariantContents", variant_contents(m));
    put_keys(info, m->form->info, m->form->info_count);
    return info;
}

static plist_t hex(const char *format, uint32_t value)
{
    char text[24];
    snprintf(text, sizeof text, format[0] == 'c' ? "0x%04X" : "0x%02X", (unsigned)value);
    return plist_new_string(text);
}

static plist_t identity(const struct maker *m)
{
    plist_t id = plist_new_dict();
    const struct form_baseband *modem = m->model->baseband;
    plist_dict_set_item(id, "ApBoardID", hex("board", m->board_id));
    plist_dict_set_item(id, "ApChipID", hex("chip", m->chip));
    plist_dict_set_item(id, "ApSecurityDomain", plist_new_string("0x01"));
    plist_dict_set_item(id, "BbActivationManifestKeyHash", invented("activation", modem->key_hash));
    plist_dict_set_item(id, "BbChipID", plist_new_string(modem->chip));
    plist_dict_set_item(id, "BbFDRSecurityKeyHash", plist_new_data("", 0)); /* empty in real ones too */
    plist_dict_set_item(id, "BbProvisioningManifestKeyHash", invented("provisioning", modem->key_hash));
    plist_dict_set_item(id, "Info", info_of(m));
    plist_dict_set_item(id, "Manifest", components(m));
    plist_dict_set_item(id, "UniqueBuildID", invented("build", 20));
    put_keys(id, m->model->keys, m->model->key_count);
    return id;
}

/* ---- the whole ---- */

static bool chip_is_old(uint32_t chip)
{
    return chip == 0x8960 || chip == 0x7000 || chip == 0x7001 || chip == 0x8000 || chip == 0x8001 || chip == 0x8003;
}

/* Chip and board of the product, and the names that paths use. */
static bool aim(struct maker *m, const char *product)
{
    const struct rv_device_row *row = rv_device_by_product(product, NULL);
    if (row == NULL || !row->img4 || row->board_id < 0 || strlen(row->board) < 3)
        return false;
    m->chip = row->chip;
    m->board_id = (uint32_t)row->board_id;
    m->digest = chip_is_old(row->chip) ? 20 : 48;
    snprintf(m->BOARD, sizeof m->BOARD, "%s", m->model->BOARD);
    if (m->model->board != NULL) {
        snprintf(m->board, sizeof m->board, "%s", m->model->board);
        return true;
    }
    size_t len = strlen(row->board) - 2; /* without "AP" */
    for (size_t i = 0; i < len && i + 1 < sizeof m->board; i++)
        m->board[i] = (char)(row->board[i] | (row->board[i] >= 'A' && row->board[i] <= 'Z' ? 0x20 : 0));
    return true;
}

static const struct form_model *model_in(const struct form *form, const char *product)
{
    const struct form_model *model = NULL;
    for (size_t i = 0; i < form->model_count && model == NULL; i++)
        if (form->models[i].product == NULL || strcmp(form->models[i].product, product) == 0)
            model = &form->models[i];
    return model;
}

/* The newest form that knows the product and is not newer than the version asked for. */
static const struct form *form_for(const char *product, const char *version)
{
    unsigned long major = version != NULL ? strtoul(version, NULL, 10) : 999;
    for (size_t i = 0; i < RV_COUNT(forms); i++)
        if ((forms[i]->major <= major || forms[i]->major <= 11) && model_in(forms[i], product) != NULL)
            return forms[i];
    return NULL;
}

struct whole {
    plist_t identities, types, dfu, recovery;
};

static void add_identities(struct whole *w, struct maker *m)
{
    for (unsigned i = 0; i < (m->model->research ? 4 : 2); i++) {
        m->erase = i % 2 == 0;
        m->research = i >= 2;
        plist_array_append_item(w->identities, identity(m));
    }
}

static bool add_product(struct whole *w, const struct form *form, const char *product, const char *version,
                        const char *build)
{
    struct maker m = { .form = form, .model = model_in(form, product), .version = version, .build = build };
    if (m.model == NULL || !aim(&m, product))
        return false;
    add_identities(w, &m);
    plist_array_append_item(w->types, plist_new_string(product));
    /* The number that tables write as 0x0E008015: board and chip in one. */
    plist_array_append_item(w->dfu, plist_new_uint((uint64_t)m.board_id << 24 | m.chip));
    plist_array_append_item(w->recovery, plist_new_uint((uint64_t)m.board_id << 24 | m.chip));
    return true;
}

plist_t sim_factory_template(const char *product, const char *version, const char *build)
{
    bool iphone_x = product == NULL || strcmp(product, "iPhone10,6") == 0 || strcmp(product, "iPhone10,3") == 0;
    const char *first = iphone_x ? "iPhone10,6" : product;
    const struct form *form = form_for(first, version);
    struct whole w = { plist_new_array(), plist_new_array(), plist_new_array(), plist_new_array() };
    plist_t manifest = plist_new_dict(), ids = plist_new_dict();
    version = version != NULL ? version : form->version;
    build = build != NULL ? build : form->build;
    bool known = add_product(&w, form, first, version, build) &&
                 (!iphone_x || add_product(&w, form, "iPhone10,3", version, build));
    plist_dict_set_item(ids, "DFU", w.dfu);
    plist_dict_set_item(ids, "Recovery", w.recovery);
    plist_dict_set_item(manifest, "BuildIdentities", w.identities);
    plist_dict_set_item(manifest, "ManifestVersion", plist_new_uint(0));
    plist_dict_set_item(manifest, "ProductBuildVersion", plist_new_string(build));
    plist_dict_set_item(manifest, "ProductVersion", plist_new_string(version));
    if (form->explicit_roles) /* no longer there in 15.4 */
        plist_free(ids);
    else
        plist_dict_set_item(manifest, "SupportedProductTypeIDs", ids);
    plist_dict_set_item(manifest, "SupportedProductTypes", w.types);
    if (known)
        return manifest;
    plist_free(manifest);
    return NULL;
}
