/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iOS 26.2.1: cryptexes, wrapped images, coprocessors. The iPhone 12's names are those of its real manifest; the
 * iPhone 11 has the same form with the parts of its chip [I: its manifest was not seen].
 */
#include "sim/factory_form.h"

static const struct form_row rows[] = {
    { "ANS", "Firmware/ansf.%c.release.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "AOP", "Firmware/AOP/aopfw-%faop.RELEASE.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "Ap,HapticAssets", "Firmware/%B_HapticAssets.im4p", NULL, UNTRUSTED | FUD, RULES_RAW },
    { "Ap,SystemVolumeCanonicalMetadata", "Firmware/043-88161-074.dmg.aea.mtree", NULL, TRUSTED | FUD, RULES_CURRENT },
    { "AppleLogo", "Firmware/all_flash/applelogo@%s~iphone.im4p", NULL, TRUSTED | RESEARCH | FLASH, RULES_RAW },
    { "AudioCodecFirmware", "Firmware/%B_AudioCodecFirmware.im4p", NULL, UNTRUSTED | FUD, RULES_RAW },
    { "BMU,DigestMap", "Firmware/Veridian/X1653/DigestMap.der", NULL, SHORT_DIGEST, RULES_NONE },
    { "BMU,FirmwareMap", "Firmware/Veridian/X1653/FirmwareMap.plist", NULL, SHORT_DIGEST, RULES_NONE },
    { "BatteryCharging0", "Firmware/all_flash/batterycharging0@%s~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryCharging1", "Firmware/all_flash/batterycharging1@%s~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryFull", "Firmware/all_flash/batteryfull@%s~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryLow0", "Firmware/all_flash/batterylow0@%s~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryLow1", "Firmware/all_flash/batterylow1@%s~iphone.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "BatteryPlugin", "Firmware/all_flash/glyphplugin@%s~iphone-lightning.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "Cryptex1,AppOS", "043-87832-082.dmg", NULL, RAW, RULES_CURRENT },
    { "Cryptex1,AppTrustCache", "Firmware/043-87832-082.dmg.trustcache", NULL, 0, RULES_CURRENT },
    { "Cryptex1,AppVolume", "Firmware/043-87832-082.dmg.root_hash", NULL, 0, RULES_CURRENT },
    { "Cryptex1,SystemOS", "043-88926-079.dmg.aea", NULL, RAW, RULES_CURRENT },
    { "Cryptex1,SystemTrustCache", "Firmware/043-88926-079.dmg.aea.trustcache", NULL, 0, RULES_CURRENT },
    { "Cryptex1,SystemVolume", "Firmware/043-88926-079.dmg.aea.root_hash", NULL, 0, RULES_CURRENT },
    { "DeviceTree", "Firmware/all_flash/DeviceTree.%bap.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "KernelCache", "kernelcache.release.%f", NULL, TRUSTED | RESEARCH, RULES_RAW },
    { "LLB", "Firmware/all_flash/LLB.%b.RELEASE.im4p", NULL, TRUSTED | RESEARCH | FLASH | IBOOT, RULES_RAW_DEMOTE },
    { "LeapHaptics", "Firmware/%B_LeapHapticsFirmware.im4p", NULL, UNTRUSTED | FUD, RULES_RAW },
    { "Liquid", "Firmware/all_flash/liquiddetect@%s~iphone-lightning.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "LowPowerWallet0", "Firmware/all_flash/lowpowermode@%s~iphone-lightning.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "LowPowerWallet1", "Firmware/all_flash/lowpowerfindmymode@%s~iphone-lightning.im4p", NULL, TRUSTED | FLASH,
      RULES_RAW },
    { "Multitouch", "Firmware/%B_Multitouch.im4p", NULL, UNTRUSTED | FUD, RULES_RAW },
    { "OS", "043-88161-074.dmg.aea", NULL, TRUSTED | RAW, RULES_CURRENT },
    { "PMP", "Firmware/pmp/%cpmp.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "Rap,RTKitOS", "Firmware/Rose/r1p1/ftab.bin", NULL, TRUSTED | FTAB, RULES_RAW },
    { "Rap,SoftwareBinaryDsp1", "Firmware/Rose/r1p1/ftab.bin", NULL, TRUSTED | FTAB, RULES_RAW },
    { "RecoveryMode", "Firmware/all_flash/recoverymode@%s~iphone-lightning.im4p", NULL, TRUSTED | FLASH, RULES_RAW },
    { "RestoreANS", "Firmware/rans.%c.release.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "RestoreDeviceTree", "Firmware/all_flash/DeviceTree.%bap.im4p", "rdtr", TRUSTED, RULES_CURRENT },
    { "RestoreKernelCache", "kernelcache.release.%f", "rkrn", TRUSTED, RULES_CURRENT },
    { "RestoreLogo", "Firmware/all_flash/applelogo@%s~iphone.im4p", "rlgo", TRUSTED | RESEARCH, RULES_CURRENT },
    { "RestoreRamDisk", "%r.dmg", NULL, TRUSTED, RULES_CURRENT },
    { "RestoreSEP", "Firmware/all_flash/sep-firmware.%b.RELEASE.im4p", "rsep", TRUSTED | SECONDARY | MEASURED,
      RULES_SEP },
    { "RestoreTrustCache", "Firmware/%r.dmg.trustcache", "rtsc", TRUSTED | FUD | LOADED, RULES_CURRENT },
    { "SE,RapRTKitOS", "Firmware/Rose/r1p1/ftab.bin", "rkos", FTAB | RAW, RULES_NONE },
    { "SE,RapSwBinDsp", "Firmware/Rose/r1p1/ftab.bin", "sbd1", FTAB | RAW, RULES_NONE },
    { "SE,UpdatePayload", "Firmware/SE/Stockholm7.RELEASE.sefw", NULL, NO_DIGEST, RULES_NONE },
    { "SEP", "Firmware/all_flash/sep-firmware.%b.RELEASE.im4p", NULL, TRUSTED | SECONDARY | MEASURED, RULES_SEP },
    { "SIO", "Firmware/SmartIOFirmware_ASCv4.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "Savage,B0-Dev-Patch", "Firmware/Savage/Savage.B0-Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B0-Dev-PatchVT", "Firmware/Savage/Savage.B0-Dev.vt.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B0-Prod-Patch", "Firmware/Savage/Savage.B0-Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B0-Prod-PatchVT", "Firmware/Savage/Savage.B0-Prod.vt.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B2-Dev-Patch", "Firmware/Savage/Savage.B2-Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B2-Dev-PatchVT", "Firmware/Savage/Savage.B2-Dev.vt.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B2-Prod-Patch", "Firmware/Savage/Savage.B2-Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,B2-Prod-PatchVT", "Firmware/Savage/Savage.B2-Prod.vt.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,BA-Dev-Patch", "Firmware/Savage/Savage.BA-Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,BA-Prod-Patch", "Firmware/Savage/Savage.BA-Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,BE-Dev-Patch", "Firmware/Savage/Savage.BE-Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,BE-Prod-Patch", "Firmware/Savage/Savage.BE-Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,BF-Dev-Patch", "Firmware/Savage/Savage.BF-Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Savage,BF-Prod-Patch", "Firmware/Savage/Savage.BF-Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "StaticTrustCache", "Firmware/043-88161-074.dmg.aea.trustcache", NULL, TRUSTED | FUD, RULES_CURRENT },
    { "SystemVolume", "Firmware/043-88161-074.dmg.aea.root_hash", NULL, TRUSTED | FUD, RULES_CURRENT },
    { "eUICC,Gold", "Firmware/vinyl_06.vnlfw", NULL, SHORT_DIGEST | BARE, RULES_NONE },
    { "eUICC,Main", "Firmware/vinyl_06.vnlfw", NULL, SHORT_DIGEST | BARE, RULES_NONE },
    { "ftap", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_RAW },
    { "ftsp", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_SEP_PLAIN },
    { "iBEC", "Firmware/dfu/iBEC.%b.RELEASE.im4p", NULL, TRUSTED | RESEARCH | IBOOT, RULES_CURRENT },
    { "iBSS", "Firmware/dfu/iBSS.%b.RELEASE.im4p", NULL, TRUSTED | RESEARCH | IBOOT, RULES_CURRENT_DEMOTE },
    { "iBoot", "Firmware/all_flash/iBoot.%b.RELEASE.im4p", NULL, TRUSTED | RESEARCH | FLASH, RULES_RAW },
    { "iBootData", "Firmware/all_flash/iBootData.%b.RELEASE.im4p", NULL, TRUSTED | RESEARCH | FUD | LOADED, RULES_RAW },
    { "rfta", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_CURRENT },
    { "rfts", NULL, NULL, TRUSTED | NO_FILE | RAW, RULES_SEP_PLAIN },
};
static const struct form_row iphone11_rows[] = {
    { "ANE", "Firmware/ane/h12_ane_fw_styx_n104.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "AVE", "Firmware/ave/AppleAVE2FW_H12.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "GFX", "Firmware/agx/armfw_g12p.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "ISP", "Firmware/isp_bni/adc-nike-d4x.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
};
static const struct form_row iphone12_rows[] = {
    { "ANE", "Firmware/ane/h13_ane_fw_styx_d5x.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "AVE", "Firmware/ave/AppleAVE2FW_H13.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "DCP", "Firmware/dcp/%fdcp.im4p", NULL, TRUSTED | EAN, RULES_RAW },
    { "GFX", "Firmware/agx/armfw_g13p.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "ISP", "Firmware/isp_bni/adc-pallas-d5xg.im4p", NULL, TRUSTED | FUD | LOADED, RULES_RAW },
    { "RestoreDCP", "Firmware/dcp/%fdcp_restore.im4p", "rdcp", TRUSTED | LOADED, RULES_RAW },
    { "WCHFirmwareUpdater", "Firmware/WirelessPower/WirelessPower.%f.im4p", NULL, TRUSTED | FLASH | LOADED, RULES_RAW },
    { "Yonkers,SysTopPatch0", "Firmware/Yonkers/Yonkers.1A01_2A01_2201_3201_Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatch1", "Firmware/Yonkers/Yonkers.1A01_2A01_2201_3201_Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatch2", "Firmware/Yonkers/Yonkers.1A01_2A01_2201_3201_Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatch3", "Firmware/Yonkers/Yonkers.1A01_2A01_2201_3201_Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatch4", "Firmware/Yonkers/Yonkers.1A01_2A01_2201_3201_Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatch5", "Firmware/Yonkers/Yonkers.1A01_2A01_2201_3201_Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatch6", "Firmware/Yonkers/Yonkers.1A01_2A01_2201_3201_Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatch7", "Firmware/Yonkers/Yonkers.1A01_2A01_2201_3201_Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatch8", "Firmware/Yonkers/Yonkers.EA01_F201_Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatch9", "Firmware/Yonkers/Yonkers.EA01_F201_Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatchA", "Firmware/Yonkers/Yonkers.EA01_F201_Dev.fw", NULL, SHORT_DIGEST, RULES_NONE },
    { "Yonkers,SysTopPatchB", "Firmware/Yonkers/Yonkers.EA01_F201_Prod.fw", NULL, SHORT_DIGEST, RULES_NONE },
};

static const char *const ice19_signed[] = { "PSI", "PSI2", "RestorePSI", "RestorePSI2", NULL };
static const char *const ice19_plain[] = { "BBCFG", "EBL", "LTEFW", "SystemSW", NULL };
static const struct form_baseband ice19 = {
    .path = "Firmware/ICE19-7.03.00.Release.bbfw",
    .chip = "0x00000068",
    .key_hash = 32,
    .partial = 40,
    .signed_names = ice19_signed,
    .plain_names = ice19_plain,
};
static const char *const mav20_signed[] = { "Misc", "RestoreSBL1", "SBL1", NULL };
static const char *const mav20_plain[] = { "ACDB", "BBCFG", NULL };
static const struct form_baseband mav20 = {
    .path = "Firmware/Mav20-6.20.03.Release.bbfw",
    .chip = "0x000E50E1",
    .key_hash = 48,
    .partial = 72,
    .tables = true,
    .signed_names = mav20_signed,
    .plain_names = mav20_plain,
};

/* clang-format off */
#define COMMON_KEYS(product, target, type) \
    { "Ap,OSLongVersion", KEY_TEXT, "23.3.71.0.0,0", 0 }, \
    { "Ap,ProductMarketingVersion", KEY_TEXT, "26.2.1", 0 }, \
    { "Ap,ProductType", KEY_TEXT, product, 0 }, \
    { "Ap,SDKPlatform", KEY_TEXT, "iphoneos", 0 }, \
    { "Ap,Target", KEY_TEXT, target, 0 }, \
    { "Ap,TargetType", KEY_TEXT, type, 0 }, \
    { "Cryptex1,ChipID", KEY_TEXT, "0xFF10", 0 }, \
    { "Cryptex1,NonceDomain", KEY_NUMBER, NULL, 1 }, \
    { "Cryptex1,PreauthorizationVersion", KEY_TEXT, "23.3.71.0.0,0", 0 }, \
    { "Cryptex1,ProductClass", KEY_TEXT, "0xF2", 0 }, \
    { "Cryptex1,SubType", KEY_NUMBER, NULL, 1 }, \
    { "Cryptex1,Type", KEY_NUMBER, NULL, 1 }, \
    { "Cryptex1,Version", KEY_TEXT, "23.3.71.0.0,0", 0 }, \
    { "PearlCertificationRootPub", KEY_BYTES, "pearl", 97 }, \
    { "ProductMarketingVersion", KEY_TEXT, "26.2.1", 0 }, \
    { "Rap,ChipID", KEY_NUMBER, NULL, 8198 }, \
    { "Rap,SecurityDomain", KEY_NUMBER, NULL, 1 }, \
    { "Savage,ChipID", KEY_TEXT, "0x01", 0 }, \
    { "Savage,PatchEpoch", KEY_TEXT, "0x00", 0 }
/* clang-format on */
static const struct form_key iphone11_keys[] = {
    COMMON_KEYS("iPhone12,1", "N104AP", "n104"), { "BMU,BoardID", KEY_NUMBER, NULL, 5713 },
    { "BMU,ChipID", KEY_NUMBER, NULL, 57601 },   { "Rap,BoardID", KEY_NUMBER, NULL, 260 },
    { "SE,ChipID", KEY_TEXT, "0xC8", 0 },        { "eUICC,ChipID", KEY_NUMBER, NULL, 5 },
};
static const struct form_key iphone12_keys[] = {
    COMMON_KEYS("iPhone13,2", "D53gAP", "d53g"), { "BMU,BoardID", KEY_NUMBER, NULL, 5715 },
    { "BMU,ChipID", KEY_NUMBER, NULL, 57601 },   { "Rap,BoardID", KEY_NUMBER, NULL, 264 },
    { "SE,ChipID", KEY_TEXT, "0xD2", 0 },        { "Yonkers,BoardID", KEY_NUMBER, NULL, 0 },
    { "Yonkers,ChipID", KEY_TEXT, "0x414", 0 },  { "Yonkers,PatchEpoch", KEY_NUMBER, NULL, 0 },
    { "eUICC,ChipID", KEY_NUMBER, NULL, 6 },
};
static const struct form_key info[] = {
    { "Ap,Timestamp", KEY_NUMBER, NULL, 0 },
    { "ContentEncoding", KEY_TEXT, "aea", 0 },
    { "ImageName", KEY_TEXT, "RestoreIPSW", 0 },
    { "Cryptex1,AppOSSize", KEY_NUMBER, NULL, 14 },
    { "Cryptex1,SystemOSSize", KEY_NUMBER, NULL, 4746 },
    { "MinimumSystemPartition", KEY_NUMBER, NULL, 7954 },
    { "MobileDeviceMinVersion", KEY_TEXT, "1810", 0 },
    { "OSDiskImageSize", KEY_NUMBER, NULL, 8322 },
    { "OSVarContentSize", KEY_NUMBER, NULL, 582168576 },
    { "RequestManifestProperties", KEY_LIST, "Ap,Timestamp", 0 },
    { "RestoreAttestationMode", KEY_NUMBER, NULL, 2 },
};

static const struct form_model models[] = {
    { .product = "iPhone13,2",
      .board = "d53g",
      .BOARD = "D53G",
      .screen = "2532",
      .chip = "t8101",
      .family = "iphone13",
      .baseband = &mav20,
      .keys = iphone12_keys,
      .key_count = RV_COUNT(iphone12_keys),
      .rows = iphone12_rows,
      .row_count = RV_COUNT(iphone12_rows),
      .research = true },
    { .product = "iPhone12,1",
      .board = "n104",
      .BOARD = "N104",
      .screen = "1792",
      .chip = "t8030",
      .family = "iphone12",
      .baseband = &ice19,
      .keys = iphone11_keys,
      .key_count = RV_COUNT(iphone11_keys),
      .rows = iphone11_rows,
      .row_count = RV_COUNT(iphone11_rows) },
};

const struct form sim_form_26 = {
    .major = 16, /* the form is much the same since cryptexes came; images are wrapped from 18 on */
    .version = "26.2.1",
    .build = "23C71",
    .train = "LuckC",
    .iboot = "iBoot-13822.62.5~413",
    .erase_ramdisk = "043-87893-081",
    .update_ramdisk = "043-88075-081",
    .explicit_roles = true,
    .rows = rows,
    .row_count = RV_COUNT(rows),
    .models = models,
    .model_count = RV_COUNT(models),
    .info = info,
    .info_count = RV_COUNT(info),
};
