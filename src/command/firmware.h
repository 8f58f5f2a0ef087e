/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware verbs share. */
#pragma once

#include "command/command.h"
#include "firmware/firmware.h"

/* Which part of a file is meant, for the verbs that take one. */
#define RV_OPTION_BOARD                                                                                                \
    {                                                                                                                  \
        "board", 0, "BOARD", "the device's board, such as d221ap (needed where the file is for several)"               \
    }
#define RV_OPTION_ERASE                                                                                                \
    {                                                                                                                  \
        "erase", 0, NULL, "the part that erases; without it the one that updates"                                      \
    }

struct rv_ipsw *rv_firmware_from_word(struct rv_run *run, const char *path, struct rv_error *err);
/** The identity that --board and --erase name. */
plist_t rv_firmware_identity(struct rv_run *run, struct rv_ipsw *ipsw, struct rv_error *err);
json_t *rv_hex_json(struct rv_span bytes);
const char *rv_trust_words(enum rv_trust trust);
