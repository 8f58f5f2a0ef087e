/* SPDX-License-Identifier: Apache-2.0 */
/* Where a fleet looks, as a table: the real buses, or the ones of a test. And its inner functions. */
#pragma once

#include "device/device.h"
#include "device/memory.h"

#include <pthread.h>

struct rv_fleet_sources {
    struct rv_usb_bus *bus; /* owned by the fleet from rv_fleet_open_take on, on failure too */
    bool (*mux_list)(void *own, struct rv_ctx *ctx, struct rv_mux_id *out, size_t max, size_t *count,
                     struct rv_error *err);
    /** Asks lockdown or restored who it is: fills mode and identity. False: it does not answer (yet). */
    bool (*ask)(void *own, struct rv_ctx *ctx, const struct rv_mux_id *id, struct rv_device *out, struct rv_error *err);
    void *own;
};

struct rv_fleet *rv_fleet_open_take(struct rv_ctx *ctx, const struct rv_fleet_sources *sources, struct rv_error *err);

/** The real `ask`. */
bool rv_fleet_ask(void *own, struct rv_ctx *ctx, const struct rv_mux_id *id, struct rv_device *out,
                  struct rv_error *err);

struct rv_answered {
    struct rv_mux_id id;
    struct rv_device device;
    bool seen;
};

struct rv_fleet {
    struct rv_ctx *ctx;
    struct rv_fleet_sources sources;
    pthread_mutex_t lock; /* around everything below */
    struct rv_memory memory;
    struct rv_answered answered[RV_MUX_DEVICES_MAX]; /* by attach: asked once */
    size_t answered_count;
};

enum { RV_FLEET_MAX = RV_USB_DEVICES_MAX + RV_MUX_DEVICES_MAX };

/** Everything that both buses show, one device perhaps twice (an old entry and a new one). */
bool rv_fleet_look(struct rv_fleet *fleet, struct rv_device *out, size_t max, size_t *count, bool *mux_missing,
                   struct rv_error *err);
/** The same presence on the bus: it has not left in between. */
bool rv_device_same_presence(const struct rv_device *a, const struct rv_device *b);
/** Words for people: "iPhone X, Recovery mode, ECID 0x…". */
void rv_device_describe(const struct rv_device *device, char *out, size_t size);
