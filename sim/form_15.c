/* SPDX-License-Identifier: Apache-2.0 */
/* iOS 15.4 for the iPhone 7 with Intel's modem: sealed system volume, trust caches, no coprocessor of its own. */
#include "sim/factory_form.h"

static const struct form_row rows[] = {
    { "AOP", "Firmware/AOP/aopfw-t8010aop.im4p", NULL, UNTRUSTED | FUD, RULES_RAW },
    { "AVE", "Firmware/ave/AppleAVE2FW_H9.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "Ap,SystemVolumeCanonicalMetadata", "Firmware/018-27250-312.dmg.mtree", NULL, TRUSTED | FUD, RULES_CURRENT },
    { "AppleLogo", "Firmware/all_flash/applelogo@2x~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryCharging0", "Firmware/all_flash/batterycharging0@2x~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryCharging1", "Firmware/all_flash/batterycharging1@2x~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryFull", "Firmware/all_flash/batteryfull@2x~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryLow0", "Firmware/all_flash/batterylow0@2x~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryLow1", "Firmware/all_flash/batterylow1@2x~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryPlugin", "Firmware/all_flash/glyphplugin@1334~iphone-lightning.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "DeviceTree", "Firmware/all_flash/DeviceTree.%bap.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "Homer", "Firmware/homer_%B.im4p", NULL, UNTRUSTED | FUD, RULES_RAW },
    { "KernelCache", "kernelcache.release.iphone9", NULL, TRUSTED, RULES_RAW },
    { "LLB", "Firmware/all_flash/LLB.d10.RELEASE.im4p", NULL, TRUSTED | FLASH | IBOOT, RULES_RAW_DEMOTE },
    { "Liquid", "Firmware/all_flash/liquiddetect@1334~iphone-lightning.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "OS", "018-27250-312.dmg", NULL, TRUSTED | RAW, RULES_CURRENT },
    { "RecoveryMode", "Firmware/all_flash/recoverymode@1334~iphone-lightning.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "RestoreDeviceTree", "Firmware/all_flash/DeviceTree.%bap.im4p", "rdtr", TRUSTED, RULES_CURRENT },
    { "RestoreKernelCache", "kernelcache.release.iphone9", "rkrn", TRUSTED, RULES_CURRENT },
    { "RestoreLogo", "Firmware/all_flash/applelogo@2x~iphone.im4p", "rlgo", TRUSTED, RULES_CURRENT },
    { "RestoreRamDisk", "%r.dmg", NULL, TRUSTED, RULES_CURRENT },
    { "RestoreSEP", "Firmware/all_flash/sep-firmware.%b.RELEASE.im4p", "rsep", TRUSTED | SECONDARY, RULES_SEP },
    { "RestoreTrustCache", "Firmware/%r.dmg.trustcache", "rtsc", TRUSTED | FUD | LOADED, RULES_CURRENT },
    { "SEP", "Firmware/all_flash/sep-firmware.%b.RELEASE.im4p", NULL, TRUSTED | SECONDARY, RULES_SEP },
    { "StaticTrustCache", "Firmware/018-27250-312.dmg.trustcache", NULL, TRUSTED | FUD, RULES_CURRENT },
    { "SystemVolume", "Firmware/018-27250-312.dmg.root_hash", NULL, TRUSTED | FUD, RULES_CURRENT },
    { "ftap", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_RAW },
    { "ftsp", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_SEP_PLAIN },
    { "iBEC", "Firmware/dfu/iBEC.d10.RELEASE.im4p", NULL, TRUSTED | IBOOT, RULES_CURRENT },
    { "iBSS", "Firmware/dfu/iBSS.d10.RELEASE.im4p", NULL, TRUSTED | IBOOT, RULES_CURRENT_DEMOTE },
    { "iBoot", "Firmware/all_flash/iBoot.d10.RELEASE.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "rfta", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_CURRENT },
    { "rfts", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_SEP_PLAIN },
};

static const char *const ice16_signed[] = { "PSI", "RestorePSI", NULL };
static const char *const ice16_plain[] = { "BBCFG", "EBL", "LTEFW", "SystemSW", "TDSFW", NULL };
static const struct form_baseband ice16 = {
    .path = "Firmware/ICE16-6.02.02.Release.bbfw",
    .chip = "0x00000060",
    .key_hash = 32,
    .partial = 40,
    .signed_names = ice16_signed,
    .plain_names = ice16_plain,
};

static const struct form_key keys[] = {
    { "ProductMarketingVersion", KEY_TEXT, "15.4", 0 },
};
static const struct form_key info[] = {
    { "MinimumSystemPartition", KEY_NUMBER, NULL, 7386 },
    { "MobileDeviceMinVersion", KEY_TEXT, "1351", 0 },
    { "OSVarContentSize", KEY_NUMBER, NULL, 268152832 },
};

static const struct form_model models[] = {
    { .product = "iPhone9,3",
      .board = "d101",
      .BOARD = "D101",
      .baseband = &ice16,
      .keys = keys,
      .key_count = RV_COUNT(keys) },
};

const struct form sim_form_15 = {
    .major = 15,
    .version = "15.4",
    .build = "19E241",
    .train = "SkyEcho",
    .iboot = "iBoot-7459.102.5~1",
    .erase_ramdisk = "018-26907-342",
    .update_ramdisk = "018-26958-342",
    .explicit_roles = true,
    .rows = rows,
    .row_count = RV_COUNT(rows),
    .models = models,
    .model_count = RV_COUNT(models),
    .info = info,
    .info_count = RV_COUNT(info),
};
