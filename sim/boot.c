/* SPDX-License-Identifier: Apache-2.0 */
/* Secure boot: what own storage boots to, and which images from a host are taken. */
#include "sim/model.h"

#include "base/file.h"
#include "sim/image4.h"

#include <stdio.h>
#include <string.h>

enum { FLASH_IMAGE_CAP = 256 << 20 };

/* Own storage needs no nonce: the ticket was bound to one that is long gone. */
static bool flash_holds(struct sim_device *device, const char *tag, char *why, size_t why_size)
{
    char leaf[32], path[4096];
    struct rv_error err = { 0 };
    struct sim_identity identity;
    struct rv_span payload, ticket;
    snprintf(leaf, sizeof leaf, "flash/%s.img4", tag);
    if (!sim_storage_path(device, leaf, path, sizeof path))
        return false;
    RV_AUTO(rv_blob) image = rv_file_read(path, FLASH_IMAGE_CAP, &err);
    if (image == NULL) {
        snprintf(why, why_size, "%s is missing", leaf);
        return false;
    }
    sim_device_identity(device, &identity);
    char inner[128] = "";
    if (sim_image4_accept(rv_blob_span(image), tag, rv_blob_span(device->root), &identity, 0, &payload, &ticket, inner,
                          sizeof inner))
        return true;
    snprintf(why, why_size, "%s does not verify: %s", leaf, inner);
    return false;
}

static bool system_holds(struct sim_device *device, char *why, size_t why_size)
{
    char path[4096], seal[97] = "", hash[97];
    uint8_t installing = 0;
    struct rv_error err = { 0 };
    plist_t dict = sim_storage_path(device, "installed.plist", path, sizeof path) ? sim_plist_load(path, &err) : NULL;
    if (dict == NULL) {
        snprintf(why, why_size, "no system is installed");
        return false;
    }
    plist_t flag = plist_dict_get_item(dict, "Installing");
    if (flag != NULL && plist_get_node_type(flag) == PLIST_BOOLEAN)
        plist_get_bool_val(flag, &installing);
    sim_dict_text(dict, "Seal", seal, sizeof seal);
    plist_free(dict);
    if (installing) {
        snprintf(why, why_size, "an installation was broken off");
        return false;
    }
    if (!sim_storage_hash(device, "system.img", hash, &err) || strcmp(hash, seal) != 0) {
        snprintf(why, why_size, "the system volume does not match its seal");
        return false;
    }
    return true;
}

void sim_boot_judge(struct sim_device *device, bool to_recovery, struct sim_verdict *out)
{
    char why[160] = "";
    *out = (struct sim_verdict){ .stage = SIM_STAGE_IBOOT, .mode = SIM_RECOVERY };
    sim_lock(device);
    bool auto_boot = sim_auto_boot_locked(device);
    bool empty = sim_setting_number_locked(device, "battery", 80) == 0;
    sim_unlock(device);
    if (empty) {
        *out = (struct sim_verdict){ .stage = SIM_STAGE_NONE, .mode = SIM_OFF, .why = "the battery is flat" };
    } else if (!flash_holds(device, "illb", why, sizeof why) || !flash_holds(device, "ibot", why, sizeof why)) {
        out->stage = SIM_STAGE_ROM;
        out->mode = SIM_DFU;
        snprintf(out->why, sizeof out->why, "falls to DFU: %s", why);
    } else if (to_recovery) {
        snprintf(out->why, sizeof out->why, "held in Recovery by buttons");
    } else if (!auto_boot) {
        snprintf(out->why, sizeof out->why, "stays in Recovery: auto-boot is false");
    } else if (!flash_holds(device, "krnl", why, sizeof why) || !system_holds(device, why, sizeof why)) {
        out->stage = SIM_STAGE_NONE; /* broken: life.c shows the loop, if one is ordered, before Recovery */
        snprintf(out->why, sizeof out->why, "falls to Recovery: %s", why);
    } else {
        out->stage = SIM_STAGE_KERNEL;
        out->mode = SIM_NORMAL;
        snprintf(out->why, sizeof out->why, "the system starts");
    }
}

bool sim_boot_accept_locked(struct sim_device *device, const char *tag, struct rv_span img4, struct rv_blob **ticket,
                            struct rv_span *payload)
{
    char why[160] = "";
    struct rv_span im4m = { 0 };
    struct rv_error err = { 0 };
    if (!sim_image4_accept(img4, tag, rv_blob_span(device->root), &device->identity, SIM_IMAGE_NEEDS_NONCE, payload,
                           &im4m, why, sizeof why)) {
        sim_record(device, "refused", "%s (%zu bytes): %s", tag, img4.len, why);
        return false;
    }
    *ticket = rv_blob_copy(im4m, &err);
    if (*ticket == NULL)
        return false;
    sim_record(device, "accepted", "%s, %zu bytes", tag, img4.len);
    return true;
}
