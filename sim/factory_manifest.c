/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BuildManifest of our own in the form of a real one: names of components, flags, paths and request rules are
 * those of iOS 11.2 for the iPhone X (facts of the format); every hash and key in it is invented.
 */
#include "sim/factory.h"

#include "base/text.h"
#include "data/devices.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum flags {
    TRUSTED = 1 << 0,
    FLASH = 1 << 1,     /* IsFirmwarePayload */
    FUD = 1 << 2,       /* IsFUDFirmware */
    SECONDARY = 1 << 3, /* IsSecondaryFirmwarePayload */
    IBOOT = 1 << 4,     /* BuildString of iBoot */
    NO_FILE = 1 << 5,
    SHORT_DIGEST = 1 << 6, /* SHA-256 */
    RAW = 1 << 7,          /* Personalize false */
};
/* Which parameter a rule looks at, firmware of the flash or of the restore. */
enum rules { RULES_NONE, RULES_RAW, RULES_CURRENT, RULES_SEP, RULES_RAW_DEMOTE, RULES_CURRENT_DEMOTE, RULES_SEP_PLAIN };

struct row {
    const char *name, *path, *retag;
    unsigned flags;
    enum rules rules;
};

/* %s in a path: "d221" or "d22". */
static const struct row rows[] = {
    { "AOP", "Firmware/AOP/aopfw-iphone10baop.im4p", NULL, FUD, RULES_RAW },
    { "AppleLogo", "Firmware/all_flash/applelogo@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "AudioCodecFirmware", "Firmware/Callan/L75AudioDSP.im4p", NULL, FUD, RULES_RAW },
    { "BatteryCharging0", "Firmware/all_flash/batterycharging0@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryCharging1", "Firmware/all_flash/batterycharging1@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryFull", "Firmware/all_flash/batteryfull@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryLow0", "Firmware/all_flash/batterylow0@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryLow1", "Firmware/all_flash/batterylow1@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryPlugin", "Firmware/all_flash/glyphplugin@2436~iphone-lightning.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "DeviceTree", "Firmware/all_flash/DeviceTree.%sap.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "KernelCache", "kernelcache.release.iphone10b", NULL, TRUSTED, RULES_RAW },
    { "LLB", "Firmware/all_flash/LLB.d22.RELEASE.im4p", NULL, FLASH | TRUSTED | IBOOT, RULES_RAW_DEMOTE },
    { "Liquid", "Firmware/all_flash/liquiddetect@2436~iphone-lightning.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "Multitouch", "Firmware/%s_Multitouch.im4p", NULL, FUD, RULES_RAW },
    { "OS", "058-86176-124.dmg", NULL, TRUSTED | RAW, RULES_CURRENT },
    { "RecoveryMode", "Firmware/all_flash/recoverymode@2436~iphone-lightning.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "RestoreDeviceTree", "Firmware/all_flash/DeviceTree.%sap.im4p", "rdtr", TRUSTED, RULES_CURRENT },
    { "RestoreKernelCache", "kernelcache.release.iphone10b", "rkrn", TRUSTED, RULES_CURRENT },
    { "RestoreLogo", "Firmware/all_flash/applelogo@3x~iphone.im4p", "rlgo", TRUSTED, RULES_CURRENT },
    { "RestoreSEP", "Firmware/all_flash/sep-firmware.%s.RELEASE.im4p", "rsep", SECONDARY | TRUSTED, RULES_SEP },
    { "SEP", "Firmware/all_flash/sep-firmware.%s.RELEASE.im4p", NULL, SECONDARY | TRUSTED, RULES_SEP },
    { "Savage,B0-Dev-Patch", "Firmware/Savage/Savage.B0-Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B0-Dev-PatchVT", "Firmware/Savage/Savage.B0-Dev.vt.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B0-Prod-Patch", "Firmware/Savage/Savage.B0-Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B0-Prod-PatchVT", "Firmware/Savage/Savage.B0-Prod.vt.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B2-Dev-Patch", "Firmware/Savage/Savage.B2-Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B2-Dev-PatchVT", "Firmware/Savage/Savage.B2-Dev.vt.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B2-Prod-Patch", "Firmware/Savage/Savage.B2-Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B2-Prod-PatchVT", "Firmware/Savage/Savage.B2-Prod.vt.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "ftap", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_RAW },
    { "ftsp", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_SEP_PLAIN },
    { "iBEC", "Firmware/dfu/iBEC.d22.RELEASE.im4p", NULL, TRUSTED | IBOOT, RULES_CURRENT },
    { "iBSS", "Firmware/dfu/iBSS.d22.RELEASE.im4p", NULL, TRUSTED | IBOOT, RULES_CURRENT_DEMOTE },
    { "iBoot", "Firmware/all_flash/iBoot.d22.RELEASE.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "rfta", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_CURRENT },
    { "rfts", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_SEP_PLAIN },
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

static plist_t rules_of(enum rules rules)
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
    uint8_t bytes[128];
    unsigned have = 0;
    EVP_Digest(what, strlen(what), bytes, &have, EVP_sha512(), NULL);
    EVP_Digest(bytes, have, bytes + 64, &have, EVP_sha512(), NULL);
    return plist_new_data((const char *)bytes, len);
}

/* What differs between the devices that one archive serves. */
struct model {
    char board[16]; /* "d221" */
    uint32_t chip, board_id;
    const char *baseband; /* chip number as the manifest writes it */
    bool intel;
    size_t digest; /* bytes: SHA-1 up to A9, SHA-384 from A10 on */
};

static plist_t component(const struct row *row, const struct model *model, const char *iboot)
{
    const char *board = model->board;
    plist_t entry = plist_new_dict(), info = plist_new_dict();
    if (row->path) {
        char path[128];
        bool upper = strcmp(row->name, "Multitouch") == 0;
        const char *name = upper ? (strcmp(board, "d221") == 0 ? "D221" : "D22") : board;
        const char *at = strstr(row->path, "%s");
        int before = at ? (int)(at - row->path) : (int)strlen(row->path);
        snprintf(path, sizeof path, "%.*s%s%s", before, row->path, at ? name : "", at ? at + 2 : "");
        plist_dict_set_item(info, "Path", plist_new_string(path));
    }
    if (row->retag)
        plist_dict_set_item(info, "Img4PayloadType", plist_new_string(row->retag));
    static const struct {
        unsigned flag;
        const char *name;
    } roles[] = { { FLASH, "IsFirmwarePayload" },
                  { FUD, "IsFUDFirmware" },
                  { SECONDARY, "IsSecondaryFirmwarePayload" } };
    for (size_t i = 0; i < RV_COUNT(roles); i++) {
        if (row->flags & roles[i].flag)
            plist_dict_set_item(info, roles[i].name, plist_new_bool(1));
    }
    if (row->flags & RAW) {
        plist_dict_set_item(info, "HashMethod", plist_new_string(row->flags & NO_FILE ? "sha2-256" : "sha2-384"));
        plist_dict_set_item(info, "Personalize", plist_new_bool(0));
    }
    if (strcmp(row->name, "SEP") == 0)
        plist_dict_set_item(info, "RequiredCapacity", plist_new_string("0xE400000"));
    plist_t rules = rules_of(row->rules);
    if (rules)
        plist_dict_set_item(info, "RestoreRequestRules", rules);
    if (row->flags & IBOOT)
        plist_dict_set_item(entry, "BuildString", plist_new_string(iboot));
    if (!(row->flags & NO_FILE))
        plist_dict_set_item(entry, "Digest", invented(row->name, row->flags & SHORT_DIGEST ? 32 : model->digest));
    plist_dict_set_item(entry, "Info", info);
    if (row->flags & TRUSTED)
        plist_dict_set_item(entry, "Trusted", plist_new_bool(1));
    return entry;
}

static plist_t file_entry(const char *path)
{
    plist_t entry = plist_new_dict(), info = plist_new_dict();
    plist_dict_set_item(info, "Path", plist_new_string(path));
    plist_dict_set_item(entry, "Info", info);
    return entry;
}

/* Elements of a baseband firmware: "-PartialDigest" ones are signed for the device (40 bytes), the rest only hashed. */
static void add_elements(plist_t entry, const char *const *signed_names, const char *const *plain_names)
{
    char key[64];
    for (; *signed_names; signed_names++) {
        snprintf(key, sizeof key, "%s-PartialDigest", *signed_names);
        plist_dict_set_item(entry, key, invented(key, 40));
        snprintf(key, sizeof key, "%s-Version", *signed_names);
        plist_dict_set_item(entry, key, plist_new_uint(0x06cf0007));
    }
    for (; *plain_names; plain_names++) {
        snprintf(key, sizeof key, "%s-DownloadDigest", *plain_names);
        plist_dict_set_item(entry, key, invented(key, 32));
        snprintf(key, sizeof key, "%s-HashTableDigest", *plain_names);
        plist_dict_set_item(entry, key, invented(key, 32));
    }
}

static plist_t baseband(bool intel)
{
    static const char *const intel_signed[] = { "PSI", "RestorePSI", NULL };
    static const char *const intel_plain[] = { "2GFW",  "3GFW", "AudioFW",  "DebugFW", "EBL",
                                               "LTEFW", "RFFW", "SystemSW", "TDSFW",   NULL };
    static const char *const other_signed[] = { "SBL1", "RestoreSBL1", NULL };
    static const char *const other_plain[] = { "ACDB", "APPS", "MBA", "QDSP6SW", "RPM", "TZ", NULL };
    plist_t entry = file_entry(intel ? "Firmware/ICE17-1.03.06.Release.bbfw" : "Firmware/Mav17-1.62.00.Release.bbfw");
    add_elements(entry, intel ? intel_signed : other_signed, intel ? intel_plain : other_plain);
    return entry;
}

static plist_t components(const struct model *model, bool erase)
{
    static const char iboot[] = "iBoot-4076.30.43~76";
    plist_t manifest = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(rows); i++)
        plist_dict_set_item(manifest, rows[i].name, component(&rows[i], model, iboot));
    const struct row ramdisk = { "RestoreRamDisk", erase ? "058-85846-125.dmg" : "058-85997-124.dmg", NULL, TRUSTED,
                                 RULES_CURRENT };
    plist_dict_set_item(manifest, ramdisk.name, component(&ramdisk, model, iboot));
    plist_dict_set_item(manifest, "BasebandFirmware", baseband(model->intel));
    plist_t se = file_entry("Firmware/SE/Stockholm4.RELEASE.sefw");
    plist_dict_set_item(se, "DevelopmentUpdatePayloadHash", invented("SE dev", 32));
    plist_dict_set_item(se, "ProductionUpdatePayloadHash", invented("SE prod", 32));
    plist_dict_set_item(manifest, "SE,UpdatePayload", se);
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

static plist_t variant_contents(bool erase)
{
    static const char *const pairs[][2] = {
        { "BasebandFirmware", "Release" },      { "DFU", "Production" },
        { "Firmware", "Production" },           { "InstalledKernelCache", "Production" },
        { "RestoreKernelCache", "Production" }, { "SystemImage", "UserSystemImage" }
    };
    plist_t dict = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(pairs); i++)
        plist_dict_set_item(dict, pairs[i][0], plist_new_string(pairs[i][1]));
    plist_dict_set_item(dict, "RestoreRamDisk", plist_new_string(erase ? "CustomerRamDisk" : "UpdateRamDisk"));
    return dict;
}

static plist_t info_of(const char *board, bool erase, const char *build)
{
    plist_t info = plist_new_dict();
    char class[24];
    snprintf(class, sizeof class, "%sap", board);
    plist_dict_set_item(info, "BuildNumber", plist_new_string(build));
    plist_dict_set_item(info, "BuildTrain", plist_new_string("Cinar"));
    plist_dict_set_item(info, "DeviceClass", plist_new_string(class));
    plist_dict_set_item(info, "FDRSupport", plist_new_bool(1));
    plist_dict_set_item(info, "MinimumSystemPartition", plist_new_uint(3843));
    plist_dict_set_item(info, "OSVarContentSize", plist_new_uint(388055040));
    plist_dict_set_item(info, "RestoreBehavior", plist_new_string(erase ? "Erase" : "Update"));
    plist_dict_set_item(info, "SystemPartitionPadding", padding());
    plist_dict_set_item(info, "Variant",
                        plist_new_string(erase ? "Customer Erase Install (IPSW)" : "Customer Upgrade Install (IPSW)"));
    plist_dict_set_item(info, "VariantContents", variant_contents(erase));
    return info;
}

static plist_t hex(const char *form, uint32_t value)
{
    char text[24];
    snprintf(text, sizeof text, form[0] == 'c' ? "0x%04X" : "0x%02X", (unsigned)value);
    return plist_new_string(text);
}

static plist_t identity(const struct model *model, bool erase, const char *build)
{
    plist_t id = plist_new_dict();
    plist_dict_set_item(id, "ApBoardID", hex("board", model->board_id));
    plist_dict_set_item(id, "ApChipID", hex("chip", model->chip));
    plist_dict_set_item(id, "ApSecurityDomain", plist_new_string("0x01"));
    plist_dict_set_item(id, "BbActivationManifestKeyHash", invented("activation", 32));
    plist_dict_set_item(id, "BbChipID", plist_new_string(model->baseband));
    plist_dict_set_item(id, "BbFDRSecurityKeyHash", plist_new_data("", 0)); /* empty in real ones too */
    plist_dict_set_item(id, "BbProvisioningManifestKeyHash", invented("provisioning", 32));
    plist_dict_set_item(id, "Info", info_of(model->board, erase, build));
    plist_dict_set_item(id, "Manifest", components(model, erase));
    plist_dict_set_item(id, "PearlCertificationRootPub", invented("pearl", 97));
    plist_dict_set_item(id, "SE,ChipID", plist_new_string("0x73"));
    plist_dict_set_item(id, "Savage,ChipID", plist_new_string("0x01"));
    plist_dict_set_item(id, "Savage,PatchEpoch", plist_new_string("0x00"));
    plist_dict_set_item(id, "UniqueBuildID", invented("build", 20));
    return id;
}

/* The number that the table writes as 0x0E008015: board and chip in one. */
static plist_t product_ids(const struct model *models, size_t count)
{
    plist_t ids = plist_new_dict();
    static const char *const modes[] = { "DFU", "Recovery" };
    for (size_t i = 0; i < RV_COUNT(modes); i++) {
        plist_t list = plist_new_array();
        for (size_t m = 0; m < count; m++)
            plist_array_append_item(list, plist_new_uint((uint64_t)models[m].board_id << 24 | models[m].chip));
        plist_dict_set_item(ids, modes[i], list);
    }
    return ids;
}

static plist_t whole(const struct model *models, size_t count, const char *version, const char *build)
{
    plist_t manifest = plist_new_dict(), identities = plist_new_array();
    for (size_t i = 0; i < 2 * count; i++)
        plist_array_append_item(identities, identity(&models[i / 2], i % 2 == 0, build));
    plist_dict_set_item(manifest, "BuildIdentities", identities);
    plist_dict_set_item(manifest, "ManifestVersion", plist_new_uint(0));
    plist_dict_set_item(manifest, "ProductBuildVersion", plist_new_string(build));
    plist_dict_set_item(manifest, "ProductVersion", plist_new_string(version));
    plist_dict_set_item(manifest, "SupportedProductTypeIDs", product_ids(models, count));
    return manifest;
}

static bool chip_is_old(uint32_t chip)
{
    return chip == 0x8960 || chip == 0x7000 || chip == 0x7001 || chip == 0x8000 || chip == 0x8001 || chip == 0x8003;
}

/* Another device of the table: the same components under its own board, chip and class. */
static bool model_of(const char *product, struct model *out)
{
    const struct rv_device_row *row = rv_device_by_product(product, NULL);
    if (!row || !row->img4 || row->board_id < 0 || strlen(row->board) < 3)
        return false;
    *out = (struct model){ .chip = row->chip,
                           .board_id = (uint32_t)row->board_id,
                           .baseband = "0x0003B0E1",
                           .digest = chip_is_old(row->chip) ? 20 : 48 };
    size_t len = strlen(row->board) - 2; /* without "AP" */
    for (size_t i = 0; i < len && i + 1 < sizeof out->board; i++)
        out->board[i] = (char)(row->board[i] | (row->board[i] >= 'A' && row->board[i] <= 'Z' ? 0x20 : 0));
    return true;
}

plist_t sim_factory_template(const char *product, const char *version, const char *build)
{
    static const struct model iphone_x[] = { { "d221", 0x8015, 0x0e, "0x00000065", true, 48 },
                                             { "d22", 0x8015, 0x06, "0x0003B0E1", false, 48 } };
    plist_t types = plist_new_array(), manifest = NULL;
    struct model other;
    if (!product || strcmp(product, "iPhone10,6") == 0 || strcmp(product, "iPhone10,3") == 0) {
        manifest = whole(iphone_x, 2, version, build);
        plist_array_append_item(types, plist_new_string("iPhone10,6"));
        plist_array_append_item(types, plist_new_string("iPhone10,3"));
    } else if (model_of(product, &other)) {
        manifest = whole(&other, 1, version, build);
        plist_array_append_item(types, plist_new_string(product));
    } else {
        plist_free(types);
        return NULL;
    }
    plist_dict_set_item(manifest, "SupportedProductTypes", types);
    return manifest;
}
