/* SPDX-License-Identifier: Apache-2.0 */
/* NVRAM and iBoot's environment: `env` is RAM of the stage, `nvram` what survives. */
#include "sim/model.h"

#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A locked retail iBoot lets few variables be set; the list is not public, auto-boot and boot-args are used by every
 * restore [I]. Others are accepted on USB and change nothing. */
static const char *const settable[] = { "auto-boot", "backlight-level", "boot-args", "bootdelay", "ramdisk-delay" };

/* Values an iPhone shows in Recovery mode (usb-modes 4.2). */
static const struct {
    const char *name, *value;
} defaults[] = {
    { "auto-boot", "true" },
    { "backlight-level", "1505" },
    { "backlight-nits", "0x00ac7a3f" },
    { "board-rev", "0xf" },
    { "boot-command", "fsboot" },
    { "boot-device", "nvme_nand0" },
    { "boot-partition", "0" },
    { "boot-path", "/System/Library/Caches/com.apple.kernelcaches/kernelcache" },
    { "bootdelay", "0" },
    { "build-style", "RELEASE" },
    { "display-color-space", "ARGB8101010" },
    { "dt-path", "/usr/standalone/firmware/devicetree.img4" },
    { "idle-off", "true" },
    { "image-version", "0x4" },
    { "loadaddr", "0x801000000" },
    { "obliteration", "handle_message: ObliterationComplete" },
    { "ramdisk-size", "0x20000000" },
    { "secure-boot", "0x1" },
    { "usbcfwflasherResult", "No errors" },
};

static void config_board(struct sim_device *device, char *out, size_t size)
{
    snprintf(out, size, "%s", device->identity.model);
    size_t len = strlen(out);
    if (len > 2 && strcmp(out + len - 2, "AP") == 0)
        out[len - 2] = 0;
    for (char *p = out; *p != 0; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
}

const char *sim_env_default(struct sim_device *device, const char *name, char *out, size_t size)
{
    out[0] = 0;
    if (strcmp(name, "build-version") == 0) {
        sim_setting_text_locked(device, "iboot_version", "iBoot-4076.30.43", out, size);
    } else if (strcmp(name, "config_board") == 0) {
        config_board(device, out, size);
    } else if (strcmp(name, "boot-stage") == 0) {
        if (device->stage == SIM_STAGE_IBSS || device->stage == SIM_STAGE_IBEC)
            snprintf(out, size, "%d", device->stage == SIM_STAGE_IBSS ? 1 : 2);
    } else if (strcmp(name, "fm-activation-locked") == 0) {
        if (sim_setting_flag_locked(device, "activation_locked"))
            snprintf(out, size, "YES");
    } else if (strcmp(name, "fm-account-masked") == 0) {
        if (sim_setting_flag_locked(device, "find_my"))
            snprintf(out, size, "s****@example.org");
    } else {
        for (size_t i = 0; i < RV_COUNT(defaults); i++)
            if (strcmp(defaults[i].name, name) == 0)
                snprintf(out, size, "%s", defaults[i].value);
    }
    return out[0] != 0 ? out : NULL;
}

bool sim_env_get_locked(struct sim_device *device, const char *name, char *out, size_t size)
{
    if (sim_dict_text(device->env, name, out, size) || sim_dict_text(device->nvram, name, out, size))
        return true;
    return sim_env_default(device, name, out, size) != NULL;
}

void sim_env_set_locked(struct sim_device *device, const char *name, const char *value)
{
    for (size_t i = 0; i < RV_COUNT(settable); i++) {
        if (strcmp(settable[i], name) == 0) {
            plist_dict_set_item(device->env, name, plist_new_string(value));
            return;
        }
    }
    sim_record(device, "nvram", "setenv %s has no effect on this iBoot", name);
}

static void nvram_store_locked(struct sim_device *device)
{
    struct rv_error err = { 0 };
    char path[4096];
    if (!sim_storage_path(device, "nvram.plist", path, sizeof path) || !sim_plist_save(device->nvram, path, &err))
        sim_record(device, "nvram", "not stored: %s", err.text[0]);
}

void sim_nvram_put_locked(struct sim_device *device, const char *name, const char *value)
{
    if (plist_dict_get_item(device->nvram, name) != NULL)
        plist_dict_remove_item(device->nvram, name);
    if (value != NULL)
        plist_dict_set_item(device->nvram, name, plist_new_string(value));
    nvram_store_locked(device);
}

void sim_env_save_locked(struct sim_device *device)
{
    if (sim_fault_locked(device, "saveenv_ignored", NULL, 0))
        return;
    plist_dict_iter it = NULL;
    plist_dict_new_iter(device->env, &it);
    for (;;) {
        char *name = NULL;
        plist_t value = NULL;
        plist_dict_next_item(device->env, it, &name, &value);
        if (name == NULL)
            break;
        /* boot-args are never kept by a retail iBoot [I]. */
        if (strcmp(name, "boot-args") != 0)
            plist_dict_set_item(device->nvram, name, plist_copy(value));
        free(name);
    }
    free(it);
    nvram_store_locked(device);
    sim_record(device, "nvram", "saved; auto-boot=%s", sim_auto_boot_locked(device) ? "true" : "false");
}

bool sim_auto_boot_locked(struct sim_device *device)
{
    char text[16];
    return !sim_dict_text(device->nvram, "auto-boot", text, sizeof text) || strcmp(text, "true") == 0;
}

bool sim_nvram_get(struct sim_device *device, const char *name, char *out, size_t out_size)
{
    sim_lock(device);
    bool found = sim_dict_text(device->nvram, name, out, out_size);
    if (!found && device->mode == SIM_RECOVERY)
        found = sim_env_get_locked(device, name, out, out_size);
    sim_unlock(device);
    return found;
}

void sim_nvram_set(struct sim_device *device, const char *name, const char *value, bool persist)
{
    sim_lock(device);
    if (persist)
        sim_nvram_put_locked(device, name, value);
    else if (value != NULL)
        plist_dict_set_item(device->env, name, plist_new_string(value));
    sim_unlock(device);
    sim_record(device, "nvram", "%s=%s%s", name, value != NULL ? value : "(gone)", persist ? "" : " (not kept)");
}
