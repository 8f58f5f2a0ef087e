/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware verbs share. */
#pragma once

#include "command/command.h"
#include "firmware/firmware.h"

struct rv_ipsw *rv_firmware_from_word(struct rv_run *run, const char *path, struct rv_error *err);
/** The identity that --board and --erase name. */
plist_t rv_firmware_identity(struct rv_run *run, struct rv_ipsw *ipsw, struct rv_error *err);
json_t *rv_hex_json(struct rv_span bytes);
const char *rv_trust_words(enum rv_trust trust);
