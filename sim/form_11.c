/* SPDX-License-Identifier: Apache-2.0 */
/* iOS 11.2 for the two boards of the iPhone X; the form is used for every device that has none of its own. */
#include "sim/factory_form.h"

static const struct form_row rows[] = {
    { "AOP", "Firmware/AOP/aopfw-iphone10baop.im4p", NULL, FUD, RULES_RAW },
    { "AppleLogo", "Firmware/all_flash/applelogo@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "AudioCodecFirmware", "Firmware/Callan/L75AudioDSP.im4p", NULL, FUD, RULES_RAW },
    { "BatteryCharging0", "Firmware/all_flash/batterycharging0@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryCharging1", "Firmware/all_flash/batterycharging1@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryFull", "Firmware/all_flash/batteryfull@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryLow0", "Firmware/all_flash/batterylow0@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryLow1", "Firmware/all_flash/batterylow1@3x~iphone.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "BatteryPlugin", "Firmware/all_flash/glyphplugin@2436~iphone-lightning.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "DeviceTree", "Firmware/all_flash/DeviceTree.%bap.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "KernelCache", "kernelcache.release.iphone10b", NULL, TRUSTED, RULES_RAW },
    { "LLB", "Firmware/all_flash/LLB.d22.RELEASE.im4p", NULL, FLASH | TRUSTED | IBOOT, RULES_RAW_DEMOTE },
    { "Liquid", "Firmware/all_flash/liquiddetect@2436~iphone-lightning.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "Multitouch", "Firmware/%B_Multitouch.im4p", NULL, FUD, RULES_RAW },
    { "OS", "058-86176-124.dmg", NULL, TRUSTED | RAW, RULES_CURRENT },
    { "RecoveryMode", "Firmware/all_flash/recoverymode@2436~iphone-lightning.im4p", NULL, FLASH | TRUSTED, RULES_RAW },
    { "RestoreDeviceTree", "Firmware/all_flash/DeviceTree.%bap.im4p", "rdtr", TRUSTED, RULES_CURRENT },
    { "RestoreKernelCache", "kernelcache.release.iphone10b", "rkrn", TRUSTED, RULES_CURRENT },
    { "RestoreLogo", "Firmware/all_flash/applelogo@3x~iphone.im4p", "rlgo", TRUSTED, RULES_CURRENT },
    { "RestoreRamDisk", "%r.dmg", NULL, TRUSTED, RULES_CURRENT },
    { "RestoreSEP", "Firmware/all_flash/sep-firmware.%b.RELEASE.im4p", "rsep", SECONDARY | TRUSTED, RULES_SEP },
    { "SE,UpdatePayload", "Firmware/SE/Stockholm4.RELEASE.sefw", NULL, NO_DIGEST, RULES_NONE },
    { "SEP", "Firmware/all_flash/sep-firmware.%b.RELEASE.im4p", NULL, SECONDARY | TRUSTED, RULES_SEP },
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

static const char *const intel_signed[] = { "PSI", "RestorePSI", NULL };
static const char *const intel_plain[] = { "2GFW",  "3GFW", "AudioFW",  "DebugFW", "EBL",
                                           "LTEFW", "RFFW", "SystemSW", "TDSFW",   NULL };
static const char *const other_signed[] = { "SBL1", "RestoreSBL1", NULL };
static const char *const other_plain[] = { "ACDB", "APPS", "MBA", "QDSP6SW", "RPM", "TZ", NULL };
static const struct form_baseband ice17 = {
    .path = "Firmware/ICE17-1.03.06.Release.bbfw",
    .chip = "0x00000065",
    .key_hash = 32,
    .partial = 40,
    .signed_names = intel_signed,
    .plain_names = intel_plain,
};
static const struct form_baseband mav17 = {
    .path = "Firmware/Mav17-1.62.00.Release.bbfw",
    .chip = "0x0003B0E1",
    .key_hash = 32,
    .partial = 40,
    .signed_names = other_signed,
    .plain_names = other_plain,
};

static const struct form_key keys[] = {
    { "PearlCertificationRootPub", KEY_BYTES, "pearl", 97 },
    { "SE,ChipID", KEY_TEXT, "0x73", 0 },
    { "Savage,ChipID", KEY_TEXT, "0x01", 0 },
    { "Savage,PatchEpoch", KEY_TEXT, "0x00", 0 },
};
static const struct form_key info[] = {
    { "MinimumSystemPartition", KEY_NUMBER, NULL, 3843 },
    { "OSVarContentSize", KEY_NUMBER, NULL, 388055040 },
};

/* The last one stands for any other device: product and board are taken from the table of devices. */
static const struct form_model models[] = {
    { .product = "iPhone10,6",
      .board = "d221",
      .BOARD = "D221",
      .baseband = &ice17,
      .keys = keys,
      .key_count = RV_COUNT(keys) },
    { .product = "iPhone10,3",
      .board = "d22",
      .BOARD = "D22",
      .baseband = &mav17,
      .keys = keys,
      .key_count = RV_COUNT(keys) },
    { .BOARD = "D22", .baseband = &mav17, .keys = keys, .key_count = RV_COUNT(keys) },
};

const struct form sim_form_11 = {
    .major = 11,
    .version = "11.2",
    .build = "15C114",
    .train = "Cinar",
    .iboot = "iBoot-4076.30.43~76",
    .erase_ramdisk = "058-85846-125",
    .update_ramdisk = "058-85997-124",
    .rows = rows,
    .row_count = RV_COUNT(rows),
    .models = models,
    .model_count = RV_COUNT(models),
    .info = info,
    .info_count = RV_COUNT(info),
};
