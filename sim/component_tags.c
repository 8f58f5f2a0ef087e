/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: names of BuildManifest components and the type tags of their images (idevicerestore, real tickets). */
#include "sim/tss.h"

#include <string.h>

static const struct {
    const char *component, *tag;
} tags[] = {
    { "ANE", "anef" },
    { "ANS", "ansf" },
    { "AOP", "aopf" },
    { "AVE", "avef" },
    { "Ap,HapticAssets", "hpas" },
    { "Ap,SystemVolumeCanonicalMetadata", "msys" },
    { "AppleLogo", "logo" },
    { "AudioCodecFirmware", "acfw" },
    { "BatteryCharging", "glyC" },
    { "BatteryCharging0", "chg0" },
    { "BatteryCharging1", "chg1" },
    { "BatteryFull", "batF" },
    { "BatteryLow0", "bat0" },
    { "BatteryLow1", "bat1" },
    { "BatteryPlugin", "glyP" },
    { "DCP", "dcpf" },
    { "DeviceTree", "dtre" },
    { "Diags", "diag" },
    { "GFX", "gfxf" },
    { "Homer", "homr" },
    { "ISP", "ispf" },
    { "KernelCache", "krnl" },
    { "LLB", "illb" },
    { "LeapHaptics", "lphp" },
    { "Liquid", "liqd" },
    { "LowPowerWallet0", "lpw0" },
    { "LowPowerWallet1", "lpw1" },
    { "LowPowerWallet2", "lpw2" },
    { "MtpFirmware", "mtpf" },
    { "Multitouch", "mtfw" },
    { "NeedService", "nsrv" },
    { "OS", "rosi" },
    { "PMP", "pmpf" },
    { "RecoveryMode", "recm" },
    { "RestoreANS", "rans" },
    { "RestoreDCP", "rdcp" },
    { "RestoreDeviceTree", "rdtr" },
    { "RestoreKernelCache", "rkrn" },
    { "RestoreLogo", "rlgo" },
    { "RestoreRamDisk", "rdsk" },
    { "RestoreSEP", "rsep" },
    { "RestoreTrustCache", "rtsc" },
    { "SEP", "sepi" },
    { "SIO", "siof" },
    { "StaticTrustCache", "trst" },
    { "SystemVolume", "isys" },
    { "WCHFirmwareUpdater", "wchf" },
    { "ftap", "ftap" },
    { "ftsp", "ftsp" },
    { "iBEC", "ibec" },
    { "iBSS", "ibss" },
    { "iBoot", "ibot" },
    { "iBootData", "ibdt" },
    { "rfta", "rfta" },
    { "rfts", "rfts" },
};

/* In a cryptex ticket (firmware notes 1.7). */
static const struct {
    const char *component, *tag;
} cryptex_tags[] = {
    { "Cryptex1,AppOS", "caos" },    { "Cryptex1,AppTrustCache", "trca" },    { "Cryptex1,AppVolume", "casy" },
    { "Cryptex1,SystemOS", "csos" }, { "Cryptex1,SystemTrustCache", "trcs" }, { "Cryptex1,SystemVolume", "cssy" },
};

const char *sim_cryptex_tag(const char *component)
{
    for (size_t i = 0; i < sizeof cryptex_tags / sizeof cryptex_tags[0]; i++) {
        if (strcmp(cryptex_tags[i].component, component) == 0)
            return cryptex_tags[i].tag;
    }
    return NULL;
}

const char *sim_component_tag(const char *component)
{
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (strcmp(tags[i].component, component) == 0)
            return tags[i].tag;
    }
    return NULL;
}
