/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/factory.h"

#include "base/text.h"
#include "sim/wire.h"

#include <stdio.h>
#include <string.h>

static plist_t item(plist_t dict, const char *key)
{
    return PLIST_IS_DICT(dict) ? plist_dict_get_item(dict, key) : NULL;
}

static void copy_item(plist_t to, plist_t from, const char *key)
{
    plist_t node = item(from, key);
    if (node)
        plist_dict_set_item(to, key, plist_copy(node));
}

static uint64_t hex_item(plist_t identity, const char *key)
{
    uint64_t value = 0;
    const char *text = sim_plist_text(identity, key);
    plist_t node = item(identity, key);
    if (text)
        rv_text_number(text, 0, &value);
    else if (PLIST_IS_UINT(node))
        plist_get_uint_val(node, &value);
    return value;
}

static void add_device(plist_t map, plist_t identity)
{
    const char *class = sim_plist_text(item(identity, "Info"), "DeviceClass");
    for (uint32_t i = 0; i < plist_array_get_size(map); i++) {
        const char *there = sim_plist_text(plist_array_get_item(map, i), "BoardConfig");
        if (there && class && strcmp(there, class) == 0)
            return;
    }
    char platform[24];
    uint64_t chip = hex_item(identity, "ApChipID");
    snprintf(platform, sizeof platform, "%c%04llx", chip == 0x8960 ? 's' : 't', (unsigned long long)chip);
    plist_t row = plist_new_dict();
    plist_dict_set_item(row, "BDID", plist_new_uint(hex_item(identity, "ApBoardID")));
    plist_dict_set_item(row, "BoardConfig", plist_new_string(class ? class : ""));
    plist_dict_set_item(row, "CPID", plist_new_uint(chip));
    plist_dict_set_item(row, "Platform", plist_new_string(platform));
    plist_dict_set_item(row, "SCEP", plist_new_uint(0));
    plist_array_append_item(map, row);
}

static const char *path_of(plist_t identity, const char *component)
{
    return sim_plist_text(item(item(item(identity, "Manifest"), component), "Info"), "Path");
}

static void set_text(plist_t dict, const char *key, const char *text)
{
    if (text)
        plist_dict_set_item(dict, key, plist_new_string(text));
}

plist_t sim_factory_restore_plist(plist_t manifest)
{
    plist_t out = plist_new_dict(), map = plist_new_array(), ramdisks = plist_new_dict(), images = plist_new_dict(),
            systems = plist_new_dict(), kernels = plist_new_dict();
    plist_t list = item(manifest, "BuildIdentities");
    uint32_t count = PLIST_IS_ARRAY(list) ? plist_array_get_size(list) : 0;
    for (uint32_t i = 0; i < count; i++) {
        plist_t identity = plist_array_get_item(list, i);
        const char *behavior = sim_plist_text(item(identity, "Info"), "RestoreBehavior");
        bool update = behavior && strcmp(behavior, "Update") == 0;
        add_device(map, identity);
        set_text(ramdisks, update ? "Update" : "User", path_of(identity, "RestoreRamDisk"));
        set_text(images, "User", path_of(identity, "OS"));
        set_text(kernels, "Release", path_of(identity, "KernelCache"));
        if (path_of(identity, "OS"))
            set_text(systems, path_of(identity, "OS"), "APFS");
    }
    plist_dict_set_item(out, "DeviceMap", map);
    set_text(out, "FirmwareDirectory", "Firmware");
    plist_dict_set_item(out, "RestoreKernelCaches", kernels);
    copy_item(out, manifest, "ProductBuildVersion");
    plist_t types = item(manifest, "SupportedProductTypes");
    if (PLIST_IS_ARRAY(types) && plist_array_get_size(types))
        plist_dict_set_item(out, "ProductType", plist_copy(plist_array_get_item(types, 0)));
    copy_item(out, manifest, "ProductVersion");
    plist_dict_set_item(out, "RestoreRamDisks", ramdisks);
    copy_item(out, manifest, "SupportedProductTypeIDs");
    copy_item(out, manifest, "SupportedProductTypes");
    plist_dict_set_item(out, "SystemRestoreImageFileSystems", systems);
    plist_dict_set_item(out, "SystemRestoreImages", images);
    return out;
}
