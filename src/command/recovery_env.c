/* SPDX-License-Identifier: Apache-2.0 */
#include "command/recovery_env.h"

#include "command/device_json.h"
#include "proto/iboot.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *variable, *key;
    size_t offset;
} variables[] = {
    { "auto-boot", "auto_boot", offsetof(struct rv_recovery_env, auto_boot) },
    { "boot-stage", "boot_stage", offsetof(struct rv_recovery_env, boot_stage) },
    { "build-version", "build_version", offsetof(struct rv_recovery_env, build_version) },
    { "fm-account-masked", "account_masked", offsetof(struct rv_recovery_env, account) },
    { "fm-activation-locked", "activation_locked", offsetof(struct rv_recovery_env, locked) },
    { "radio-error", "radio_error", offsetof(struct rv_recovery_env, radio_error) },
    { "radio-error-string", "radio_error_text", offsetof(struct rv_recovery_env, radio_error_text) },
    { "restore-outcome", "restore_outcome", offsetof(struct rv_recovery_env, restore_outcome) },
};

bool rv_recovery_env_read(struct rv_usb *usb, struct rv_recovery_env *out, struct rv_error *err)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < RV_COUNT(variables); i++)
        if (!rv_iboot_getenv(usb, variables[i].variable, (char *)out + variables[i].offset, RV_ENV_TEXT, err))
            return rv_while(err, "reading iBoot's settings");
    return true;
}

json_t *rv_recovery_env_json(const struct rv_recovery_env *env)
{
    json_t *out = json_object();
    for (size_t i = 0; i < RV_COUNT(variables); i++)
        rv_json_set_text(out, variables[i].key, (const char *)env + variables[i].offset);
    return out;
}
