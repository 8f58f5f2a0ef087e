/* SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

const char *rv_mode_name(enum rv_mode mode)
{
    (void)mode;
    return "none";
}

const char *rv_mode_words(enum rv_mode mode)
{
    (void)mode;
    return "none";
}

struct rv_fleet *rv_fleet_open(struct rv_ctx *ctx, struct rv_error *err)
{
    (void)ctx;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

void rv_fleet_free(struct rv_fleet *fleet)
{
    (void)fleet;
}

struct rv_ctx *rv_fleet_ctx(struct rv_fleet *fleet)
{
    (void)fleet;
    return NULL;
}

struct rv_usb_bus *rv_fleet_usb(struct rv_fleet *fleet)
{
    (void)fleet;
    return NULL;
}

bool rv_fleet_scan(struct rv_fleet *fleet, struct rv_device *out, size_t max, size_t *count, bool *mux_missing,
                   struct rv_error *err)
{
    (void)fleet;
    (void)out;
    (void)max;
    (void)count;
    (void)mux_missing;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_fleet_pick(struct rv_fleet *fleet, const char *selector, struct rv_device *out, struct rv_error *err)
{
    (void)fleet;
    (void)selector;
    (void)out;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_fleet_await(struct rv_fleet *fleet, uint64_t ecid, unsigned modes, const struct rv_device *previous,
                    uint32_t timeout_ms, struct rv_device *out, struct rv_error *err)
{
    (void)fleet;
    (void)ecid;
    (void)modes;
    (void)previous;
    (void)timeout_ms;
    (void)out;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

struct rv_usb *rv_device_open_usb(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    (void)fleet;
    (void)device;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

bool rv_device_read_nonces(struct rv_usb *usb, struct rv_identity *identity, struct rv_error *err)
{
    (void)usb;
    (void)identity;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}
