/* SPDX-License-Identifier: Apache-2.0 */
/* What iBoot tells about why the device is in Recovery mode (usb-modes 4.2). */
#pragma once

#include "device/device.h"

#include <jansson.h>

enum { RV_ENV_TEXT = 256 };

struct rv_recovery_env {
    char auto_boot[RV_ENV_TEXT];     /* "true", "false", "" */
    char build_version[RV_ENV_TEXT]; /* "iBoot-…" */
    char boot_stage[RV_ENV_TEXT];    /* "1" in iBSS, "2" in iBEC, "" in the device's own iBoot */
    char radio_error[RV_ENV_TEXT], radio_error_text[RV_ENV_TEXT];
    char restore_outcome[RV_ENV_TEXT];
    char locked[RV_ENV_TEXT];  /* fm-activation-locked */
    char account[RV_ENV_TEXT]; /* fm-account-masked: whose Apple Account locks it */
};

bool rv_recovery_env_read(struct rv_usb *usb, struct rv_recovery_env *out, struct rv_error *err);
/** Only what is set. New reference. */
json_t *rv_recovery_env_json(const struct rv_recovery_env *env);
