/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that this computer has met: before A12 a UDID does not hold the ECID, so what Normal mode told
 * once must be remembered to know the same phone in Recovery and Restore mode (usb-modes 3.3). Kept in the
 * state folder as devices.json, mode 0600; a damaged or missing file is an empty memory.
 */
#pragma once

#include "device/device.h"

enum { RV_MEMORY_MAX = 256 };

struct rv_memory {
    struct rv_identity rows[RV_MEMORY_MAX]; /* newest last */
    size_t count;
};

void rv_memory_load(struct rv_ctx *ctx, struct rv_memory *memory);
/** Notes a device whose ECID and UDID are both known; true when that is news. */
bool rv_memory_note(struct rv_memory *memory, const struct rv_identity *identity);
void rv_memory_save(struct rv_ctx *ctx, const struct rv_memory *memory);
/** Fills in what is known from earlier, by ECID or by UDID. */
void rv_memory_recall(const struct rv_memory *memory, struct rv_identity *identity);
