/* SPDX-License-Identifier: Apache-2.0 */
/* Coprocessors that ask for a signature of their own during a restore: FirmwareUpdaterData (firmware 4.4). */
#pragma once

#include "firmware/firmware.h"

/** What one such request becomes. Clear with rv_peripheral_ask_clear(). */
struct rv_peripheral_ask {
    plist_t request;     /* for rv_tss_ask() */
    char ticket[64];     /* key of the ticket in the answer: "Rap,Ticket" */
    char component[64];  /* whose file goes back as FirmwareData; empty: none */
    bool wants_firmware; /* the device asked for it */
    unsigned form;       /* how the file is wrapped */
};
void rv_peripheral_ask_clear(struct rv_peripheral_ask *ask);

/**
 * `arguments`: the Arguments of a FirmwareUpdaterData request (MessageArgUpdaterName, MessageArgInfo,
 * DeviceGeneratedRequest, DeviceGeneratedTags). PROTOCOL when they do not hold what that updater needs.
 */
bool rv_peripheral_request(plist_t identity, uint64_t ecid, plist_t arguments, struct rv_peripheral_ask *out,
                           struct rv_error *err);
/** FirmwareData for it, or *out NULL when none is to be sent; the caller frees. */
bool rv_peripheral_firmware(struct rv_ipsw *ipsw, plist_t identity, const struct rv_peripheral_ask *ask, plist_t *out,
                            struct rv_error *err);

/** All of it: the dict to be sent back as FirmwareResponseData; caller frees. */
plist_t rv_peripheral_answer(struct rv_ctx *ctx, struct rv_ipsw *ipsw, plist_t identity, uint64_t ecid,
                             plist_t arguments, struct rv_error *err);
