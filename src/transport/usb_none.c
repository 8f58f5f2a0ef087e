/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bus on which nothing is ever seen, for a computer whose USB cannot be looked at (a container without /dev/bus/usb
 * and /sys): what usbmux lists can be worked with all the same.
 */
#include "transport/usb_ops.h"

static void none_free(struct rv_usb_bus *bus)
{
    rv_free(bus);
}

static bool none_list(struct rv_usb_bus *bus, struct rv_usb_id *out, size_t max, size_t *count, struct rv_error *err)
{
    (void)bus;
    (void)out;
    (void)max;
    (void)err;
    *count = 0;
    return true;
}

static bool none_wait(struct rv_usb_bus *bus, uint32_t timeout_ms, struct rv_error *err)
{
    bus->ctx->clock.sleep_ms(&bus->ctx->clock, timeout_ms, &bus->ctx->cancel);
    return rv_cancel_point(&bus->ctx->cancel, err);
}

static struct rv_usb *none_open(struct rv_usb_bus *bus, const struct rv_usb_id *id, struct rv_error *err)
{
    (void)bus;
    (void)id;
    rv_fail(err, RV_E_UNSUPPORTED, "the USB of this computer cannot be used from here");
    return NULL;
}

/* Nothing is opened on it, so nothing else is ever called. */
static const struct rv_usb_ops none_ops = {
    .name = "none",
    .bus_free = none_free,
    .list = none_list,
    .wait = none_wait,
    .open = none_open,
};

struct rv_usb_bus *rv_usb_none_open(struct rv_ctx *ctx, struct rv_error *err)
{
    struct rv_usb_bus *bus = rv_alloc(sizeof *bus);
    if (bus == NULL) {
        rv_fail_nomem(err);
        return NULL;
    }
    *bus = (struct rv_usb_bus){ .ops = &none_ops, .ctx = ctx };
    return bus;
}
