/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and loading firmware for a model, for the verbs that need a file. */
#pragma once

#include "command/command.h"
#include "firmware/catalogue.h"
#include "firmware/firmware.h"

/**
 * The firmware file that an installation names: --ipsw; or, loaded into the cache folder unless it is there, the one
 * of --version, or the newest of --latest. New text, or NULL (USAGE when nothing is named).
 */
char *rv_firmware_for_job(struct rv_run *run, struct rv_error *err);
/**
 * The firmware to look into: the file named by the first word, or, where it stays on its server, --url, --version or
 * --latest. NULL with err; USAGE when none or two of them are named.
 */
struct rv_ipsw *rv_firmware_to_look_into(struct rv_run *run, struct rv_error *err);
/** The same where nothing named means the newest, for a device that was found already. */
char *rv_firmware_for_product(struct rv_run *run, const char *product, struct rv_error *err);
