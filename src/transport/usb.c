/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/usb.h"

struct rv_usb_bus *rv_usb_bus_open(struct rv_ctx *ctx, struct rv_error *err)
{
    (void)ctx;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

void rv_usb_bus_free(struct rv_usb_bus *bus)
{
    (void)bus;
}

bool rv_usb_bus_list(struct rv_usb_bus *bus, struct rv_usb_id *out, size_t max, size_t *count, struct rv_error *err)
{
    (void)bus;
    (void)out;
    (void)max;
    (void)count;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_usb_bus_wait(struct rv_usb_bus *bus, uint32_t timeout_ms, struct rv_error *err)
{
    (void)bus;
    (void)timeout_ms;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

struct rv_usb *rv_usb_open(struct rv_usb_bus *bus, const struct rv_usb_id *id, struct rv_error *err)
{
    (void)bus;
    (void)id;
    rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
    return NULL;
}

void rv_usb_free(struct rv_usb *usb)
{
    (void)usb;
}

const struct rv_usb_id *rv_usb_identity(const struct rv_usb *usb)
{
    (void)usb;
    return NULL;
}

bool rv_usb_configure(struct rv_usb *usb, int configuration, struct rv_error *err)
{
    (void)usb;
    (void)configuration;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_usb_claim(struct rv_usb *usb, int interface, struct rv_error *err)
{
    (void)usb;
    (void)interface;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_usb_alternate(struct rv_usb *usb, int interface, int alternate, struct rv_error *err)
{
    (void)usb;
    (void)interface;
    (void)alternate;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_usb_control(struct rv_usb *usb, struct rv_usb_setup setup, void *data, uint16_t len, uint32_t timeout_ms,
                    size_t *done, struct rv_error *err)
{
    (void)usb;
    (void)setup;
    (void)data;
    (void)len;
    (void)timeout_ms;
    (void)done;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_usb_bulk_out(struct rv_usb *usb, uint8_t endpoint, struct rv_span bytes, uint32_t timeout_ms, size_t *done,
                     struct rv_error *err)
{
    (void)usb;
    (void)endpoint;
    (void)bytes;
    (void)timeout_ms;
    (void)done;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_usb_bulk_in(struct rv_usb *usb, uint8_t endpoint, void *to, size_t room, uint32_t timeout_ms, size_t *done,
                    struct rv_error *err)
{
    (void)usb;
    (void)endpoint;
    (void)to;
    (void)room;
    (void)timeout_ms;
    (void)done;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_usb_clear_halt(struct rv_usb *usb, uint8_t endpoint, struct rv_error *err)
{
    (void)usb;
    (void)endpoint;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

void rv_usb_reset(struct rv_usb *usb)
{
    (void)usb;
}

bool rv_usb_string(struct rv_usb *usb, uint8_t index, char *out, size_t out_size, struct rv_error *err)
{
    (void)usb;
    (void)index;
    (void)out;
    (void)out_size;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}
