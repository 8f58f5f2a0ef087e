/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_usb.h"

#include <stdio.h>
#include <string.h>

static void bus_free(struct rv_usb_bus *bus)
{
    (void)bus;
}

static bool list(struct rv_usb_bus *bus, struct rv_usb_id *out, size_t max, size_t *count, struct rv_error *err)
{
    struct fake_usb *fake = (struct fake_usb *)bus;
    fake->looks++;
    if (fake->list_fails != RV_OK)
        return rv_fail(err, fake->list_fails, "the fake bus does not list");
    size_t n = fake->shown_count < max ? fake->shown_count : max;
    memcpy(out, fake->shown, n * sizeof out[0]);
    *count = n;
    return true;
}

static bool await(struct rv_usb_bus *bus, uint32_t timeout_ms, struct rv_error *err)
{
    struct fake_usb *fake = (struct fake_usb *)bus;
    fake->waits++;
    bus->ctx->clock.sleep_ms(&bus->ctx->clock, timeout_ms, &bus->ctx->cancel);
    if (fake->on_wait != NULL)
        fake->on_wait(fake);
    return rv_cancel_point(&bus->ctx->cancel, err);
}

static struct rv_usb *open_device(struct rv_usb_bus *bus, const struct rv_usb_id *id, struct rv_error *err)
{
    struct fake_usb *fake = (struct fake_usb *)bus;
    (void)id;
    fake->opens++;
    if (fake->open_fails != RV_OK) {
        rv_fail(err, fake->open_fails, "the fake device does not open");
        return NULL;
    }
    return rv_alloc(sizeof(struct rv_usb));
}

static void close_device(struct rv_usb *usb)
{
    ((struct fake_usb *)usb->bus)->closes++;
    rv_free(usb);
}

static bool number_ok(struct rv_usb *usb, int number, struct rv_error *err)
{
    (void)usb;
    (void)number;
    (void)err;
    return true;
}

static bool alternate(struct rv_usb *usb, int interface, int number, struct rv_error *err)
{
    (void)interface;
    return number_ok(usb, number, err);
}

static bool control(struct rv_usb *usb, struct rv_usb_setup setup, void *data, uint16_t len, uint32_t timeout_ms,
                    size_t *done, struct rv_error *err)
{
    struct fake_usb *fake = (struct fake_usb *)usb->bus;
    (void)timeout_ms;
    *done = len;
    return fake->answer == NULL || fake->answer(fake, &setup, 0, data, len, done, err);
}

static bool bulk(struct rv_usb *usb, uint8_t endpoint, void *data, size_t len, uint32_t timeout_ms, size_t *done,
                 struct rv_error *err)
{
    struct fake_usb *fake = (struct fake_usb *)usb->bus;
    (void)timeout_ms;
    *done = len;
    return fake->answer == NULL || fake->answer(fake, NULL, endpoint, data, len, done, err);
}

static bool clear_halt(struct rv_usb *usb, uint8_t endpoint, struct rv_error *err)
{
    (void)endpoint;
    (void)err;
    ((struct fake_usb *)usb->bus)->halts_cleared++;
    return true;
}

static void reset(struct rv_usb *usb)
{
    ((struct fake_usb *)usb->bus)->resets++;
}

static const struct rv_usb_ops fake_ops = {
    .name = "fake",
    .bus_free = bus_free,
    .list = list,
    .wait = await,
    .open = open_device,
    .close = close_device,
    .configure = number_ok,
    .claim = number_ok,
    .alternate = alternate,
    .control = control,
    .bulk = bulk,
    .clear_halt = clear_halt,
    .reset = reset,
};

void fake_usb_init(struct fake_usb *fake, struct rv_ctx *ctx)
{
    memset(fake, 0, sizeof *fake);
    fake->base = (struct rv_usb_bus){ .ops = &fake_ops, .ctx = ctx };
}

void fake_usb_show(struct fake_usb *fake, uint16_t product, uint8_t address, const char *port, const char *serial)
{
    struct rv_usb_id *id = &fake->shown[fake->shown_count++];
    *id = (struct rv_usb_id){ .vendor = RV_USB_VENDOR_APPLE, .product = product, .bus = 1, .address = address };
    snprintf(id->port, sizeof id->port, "%s", port);
    snprintf(id->serial, sizeof id->serial, "%s", serial);
}

void fake_usb_hide_all(struct fake_usb *fake)
{
    fake->shown_count = 0;
}
