/* SPDX-License-Identifier: Apache-2.0 */
/* The usbmux daemon as its clients see it (libusbmuxd underneath): Normal and Restore mode devices. */
#pragma once

#include "base/bytes.h"
#include "base/ctx.h"
#include "transport/stream.h"

enum { RV_MUX_UDID = 64, RV_MUX_DEVICES_MAX = 64 };

struct rv_mux_id {
    uint32_t handle; /* the daemon's DeviceID; new at each attach */
    uint16_t product;
    uint32_t location; /* bus << 16 | address, or 0 */
    bool network;      /* over Wi-Fi: never used for restores */
    char udid[RV_MUX_UDID];
};

/** Devices that the daemon lists. GONE with advice when no daemon answers. */
bool rv_mux_list(struct rv_ctx *ctx, struct rv_mux_id *out, size_t max, size_t *count, struct rv_error *err);

/** A connection to a TCP-like port of the device. REFUSED: nothing listens; GONE: device left. */
struct rv_stream *rv_mux_connect(struct rv_ctx *ctx, const struct rv_mux_id *id, uint16_t port, struct rv_error *err);

/** Serialised pair record of a device, NOT_FOUND when this computer has none. Caller frees. */
struct rv_blob *rv_mux_pair_record(struct rv_ctx *ctx, const char *udid, struct rv_error *err);
bool rv_mux_save_pair_record(struct rv_ctx *ctx, const char *udid, uint32_t handle, struct rv_span record,
                             struct rv_error *err);
bool rv_mux_delete_pair_record(struct rv_ctx *ctx, const char *udid, struct rv_error *err);
/** The daemon's SystemBUID. */
bool rv_mux_buid(struct rv_ctx *ctx, char *out, size_t out_size, struct rv_error *err);
