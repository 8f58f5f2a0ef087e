/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RestoreOptions as idevicerestore sends them (docs/restore.md 2.1). Devices of customers ignore most of them; they
 * do look at the three tables of announced types.
 */
#include "restore/install.h"

#include "crypto/digest.h"

#include <stdio.h>

static void put_text(plist_t dict, const char *key, const char *value)
{
    plist_dict_set_item(dict, key, plist_new_string(value));
}

static void put_bool(plist_t dict, const char *key, bool value)
{
    plist_dict_set_item(dict, key, plist_new_bool(value));
}

static plist_t default_padding(void)
{
    static const struct {
        const char *gigabytes;
        uint64_t megabytes;
    } rows[] = { { "8", 80 },     { "16", 160 },   { "32", 320 },   { "64", 640 },   { "128", 1280 },
                 { "256", 1280 }, { "512", 1280 }, { "768", 1280 }, { "1024", 1280 } };
    plist_t padding = plist_new_dict();
    for (size_t i = 0; i < RV_COUNT(rows); i++)
        plist_dict_set_item(padding, rows[i].gigabytes, plist_new_uint(rows[i].megabytes));
    return padding;
}

static bool put_uuid(plist_t options, struct rv_error *err)
{
    uint8_t b[16];
    char text[40];
    if (!rv_random(b, sizeof b, err))
        return false;
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    snprintf(text, sizeof text, "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    put_text(options, "UUID", text);
    return true;
}

static void put_sep_capacity(plist_t options, plist_t identity)
{
    plist_t info = rv_plist_dict(rv_identity_component(identity, "SEP"), "Info");
    plist_t capacity = info == NULL ? NULL : rv_plist_node(info, "RequiredCapacity");
    if (capacity != NULL)
        plist_dict_set_item(options, "TZ0RequiredCapacity", plist_copy(capacity));
}

static void put_newer(plist_t options, unsigned build_major)
{
    if (build_major < 22) /* iOS 18 */
        return;
    put_bool(options, "HostHasFixFor99053849", true);
    put_text(options, "SystemImageFormat", "AEAWrappedDiskImage");
    put_bool(options, "WaitForDeviceConnectionToFinishStateMachine", false);
    plist_dict_set_item(options, "SupportedAsyncDataTypes", rv_restore_announced(RV_RESTORE_ASYNC));
}

/* What the running system told of the modem, less what only a factory wants (idevicerestore src/restore.c). */
static void put_modem_state(plist_t options, plist_t state)
{
    static const char *const left_out[] = { "FusingStatus", "PkHash" };
    if (state == NULL || plist_get_node_type(state) != PLIST_DICT)
        return;
    plist_t copy = plist_copy(state), nonce = rv_plist_node(state, "Nonce");
    for (size_t i = 0; i < RV_COUNT(left_out); i++)
        if (rv_plist_node(copy, left_out[i]) != NULL)
            plist_dict_remove_item(copy, left_out[i]);
    plist_dict_set_item(options, "BBUpdaterState", copy);
    if (nonce != NULL)
        plist_dict_set_item(options, "BasebandNonce", plist_copy(nonce));
}

plist_t rv_restore_start_options(struct rv_restore *r, struct rv_error *err)
{
    plist_t options = plist_new_dict();
    plist_t padding = rv_plist_dict(rv_plist_dict(r->identity, "Info"), "SystemPartitionPadding");
    plist_dict_set_item(options, "AutoBootDelay", plist_new_uint(0));
    put_text(options, "BootImageType", "User");
    put_bool(options, "CreateFilesystemPartitions", true);
    put_text(options, "DFUFileType", "RELEASE");
    put_bool(options, "DataImage", false);
    put_text(options, "FirmwareDirectory", ".");
    put_bool(options, "FlashNOR", true);
    put_bool(options, "InstallDiags", false);
    put_text(options, "KernelCacheType", "Release");
    put_text(options, "NORImageType", "production");
    put_bool(options, "PersonalizedDuringPreflight", true); /* required since iOS 7 */
    put_text(options, "RestoreBootArgs", "rd=md0 nand-enable-reformat=1 -progress");
    put_text(options, "RestoreBundlePath", "/tmp/Per2.tmp");
    put_bool(options, "RootToInstall", false);
    plist_dict_set_item(options, "SupportedDataTypes", rv_restore_announced(RV_RESTORE_DATA));
    plist_dict_set_item(options, "SupportedMessageTypes", rv_restore_announced(RV_RESTORE_MESSAGE));
    put_bool(options, "SystemImage", true);
    put_text(options, "SystemImageType", "User");
    plist_dict_set_item(options, "SystemPartitionPadding", padding == NULL ? default_padding() : plist_copy(padding));
    put_bool(options, "UpdateBaseband", rv_identity_component(r->identity, "BasebandFirmware") != NULL);
    put_sep_capacity(options, r->identity);
    put_modem_state(options, r->modem_state);
    put_newer(options, rv_ipsw_version(r->ipsw)->build_major);
    if (put_uuid(options, err))
        return options;
    plist_free(options);
    return NULL;
}
