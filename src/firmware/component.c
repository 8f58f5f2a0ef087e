/* SPDX-License-Identifier: Apache-2.0 */
/* Components of a build identity: their names, tags and roles (docs/protocols: firmware, 1.2 and 3.3). */
#include "firmware/ipsw.h"

#include "base/text.h"

#include <string.h>

struct name_row {
    const char *component, *tag;
    bool retag; /* the file carries another type (a Restore… twin of a plain file) */
};

/* By component name, for bsearch-free reading: the table is short and looked up rarely. */
static const struct name_row names[] = {
    { "ANE", "anef", false },
    { "ANS", "ansf", false },
    { "AOP", "aopf", false },
    { "AVE", "avef", false },
    { "Ap,DCP2", "dcp2", true },
    { "Ap,HapticAssets", "hpas", false },
    { "Ap,RestoreCIO", "rcio", true },
    { "Ap,RestoreDCP2", "rdc2", true },
    { "Ap,RestoreSecureM3Firmware", "rsm3", true },
    { "Ap,RestoreSecurePageTableMonitor", "rspt", true },
    { "Ap,RestoreTMU", "rtmu", true },
    { "Ap,RestoreTrustedExecutionMonitor", "rtrx", true },
    { "Ap,RestorecL4", "rxcl", true },
    { "Ap,SystemVolumeCanonicalMetadata", "msys", false },
    { "AppleLogo", "logo", false },
    { "AudioCodecFirmware", "acfw", false },
    { "BatteryCharging", "glyC", false },
    { "BatteryCharging0", "chg0", false },
    { "BatteryCharging1", "chg1", false },
    { "BatteryFull", "batF", false },
    { "BatteryLow0", "bat0", false },
    { "BatteryLow1", "bat1", false },
    { "BatteryPlugin", "glyP", false },
    { "DCP", "dcpf", false },
    { "DeviceTree", "dtre", false },
    { "GFX", "gfxf", false },
    { "Homer", "homr", false },
    { "ISP", "ispf", false },
    { "KernelCache", "krnl", false },
    { "LLB", "illb", false },
    { "LeapHaptics", "lphp", false },
    { "Liquid", "liqd", false },
    { "LowPowerWallet0", "lpw0", false },
    { "LowPowerWallet1", "lpw1", false },
    { "LowPowerWallet2", "lpw2", false },
    { "MtpFirmware", "mtpf", false },
    { "Multitouch", "mtfw", false },
    { "NeedService", "nsrv", false },
    { "OS", "rosi", false },
    { "PMP", "pmpf", false },
    { "RecoveryMode", "recm", false },
    { "RestoreANS", "rans", false },
    { "RestoreDCP", "rdcp", true },
    { "RestoreDeviceTree", "rdtr", true },
    { "RestoreKernelCache", "rkrn", true },
    { "RestoreLogo", "rlgo", true },
    { "RestoreRamDisk", "rdsk", false },
    { "RestoreSEP", "rsep", true },
    { "RestoreTrustCache", "rtsc", true },
    { "SEP", "sepi", false },
    { "SIO", "siof", false },
    { "StaticTrustCache", "trst", false },
    { "SystemVolume", "isys", false },
    { "WCHFirmwareUpdater", "wchf", false },
    { "ftap", "ftap", false },
    { "ftsp", "ftsp", false },
    { "iBEC", "ibec", false },
    { "iBSS", "ibss", false },
    { "iBoot", "ibot", false },
    { "iBootData", "ibdt", false },
    { "rfta", "rfta", false },
    { "rfts", "rfts", false },
};

static const struct name_row *find_name(const char *component)
{
    for (size_t i = 0; i < RV_COUNT(names); i++) {
        if (strcmp(names[i].component, component) == 0)
            return &names[i];
    }
    return NULL;
}

plist_t rv_identity_component(plist_t identity, const char *component)
{
    return rv_plist_dict(rv_plist_dict(identity, "Manifest"), component);
}

static plist_t info(plist_t identity, const char *component)
{
    return rv_plist_dict(rv_identity_component(identity, component), "Info");
}

bool rv_component_flag(plist_t identity, const char *component, const char *flag)
{
    return rv_plist_bool(info(identity, component), flag, false);
}

const char *rv_component_path(plist_t identity, const char *component)
{
    return rv_plist_text(info(identity, component), "Path");
}

bool rv_component_personalized(plist_t identity, const char *component)
{
    return rv_plist_bool(info(identity, component), "Personalize", true);
}

const char *rv_component_retag(plist_t identity, const char *component)
{
    const char *told = rv_plist_text(info(identity, component), "Img4PayloadType");
    if (told != NULL && strlen(told) == 4)
        return told;
    const struct name_row *row = find_name(component);
    return row != NULL && row->retag && rv_identity_is_img4(identity) ? row->tag : NULL;
}

const char *rv_component_tag(plist_t identity, const char *component)
{
    const char *retag = rv_component_retag(identity, component);
    const struct name_row *row = find_name(component);
    return retag != NULL ? retag : row != NULL ? row->tag : NULL;
}

bool rv_identity_is_img4(plist_t identity)
{
    uint64_t chip = 0;
    /* 0x8920..0x8955 are IMG3; A7 is 0x8960, then come 0x7000, 0x8000 and up. */
    return rv_plist_number(identity, "ApChipID", &chip) && (chip >= 0x8960 || (chip >= 0x7000 && chip < 0x8900));
}

/* One block: the pointers, then the texts they point to. */
static bool pack_names(plist_t manifest, size_t text_bytes, size_t count, const char ***out, struct rv_error *err)
{
    const char **list = rv_alloc(count * sizeof *list + text_bytes);
    if (list == NULL)
        return rv_fail_nomem(err);
    char *text = (char *)(list + count);
    size_t n = 0, used = 0;
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = manifest };
    while (rv_plist_walk(&walk)) {
        size_t len = strlen(walk.key) + 1;
        if (!PLIST_IS_DICT(walk.value) || n == count || len > text_bytes - used)
            continue;
        memcpy(text + used, walk.key, len);
        list[n++] = text + used;
        used += len;
    }
    *out = list;
    return true;
}

bool rv_identity_components(plist_t identity, const char ***names_out, size_t *count, struct rv_error *err)
{
    plist_t manifest = rv_plist_dict(identity, "Manifest");
    if (manifest == NULL)
        return rv_fail(err, RV_E_FORMAT, "the build identity has no Manifest");
    size_t n = 0, text_bytes = 0;
    RV_AUTO_CLEAR(rv_plist_walk) walk = { .dict = manifest };
    while (rv_plist_walk(&walk)) {
        if (!PLIST_IS_DICT(walk.value))
            continue;
        n++;
        text_bytes += strlen(walk.key) + 1;
    }
    if (!pack_names(manifest, text_bytes, n, names_out, err))
        return false;
    *count = n;
    return true;
}
