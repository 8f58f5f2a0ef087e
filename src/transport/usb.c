/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/usb.h"

#include "base/text.h"
#include "transport/usb_ops.h"

#include <string.h>

enum {
    GET_DESCRIPTOR = 0x06,
    DESCRIPTOR_STRING = 0x03,
    LANGUAGE_ENGLISH = 0x0409,
    STRING_TIMEOUT_MS = 1000,
};

struct rv_usb_bus *rv_usb_bus_open(struct rv_ctx *ctx, struct rv_error *err)
{
    const char *which = ctx->settings.usb;
    if (which == NULL || which[0] == '\0' || strcmp(which, "libusb") == 0)
        return rv_usb_libusb_open(ctx, err);
    if (rv_text_starts(which, "usbip:"))
        return rv_usb_usbip_open(ctx, which + strlen("usbip:"), err);
    rv_fail(err, RV_E_USAGE, "REVIVE_USB is \"%s\": it may be libusb, usbip:UNIX:/path or usbip:HOST:PORT", which);
    return NULL;
}

void rv_usb_bus_free(struct rv_usb_bus *bus)
{
    if (bus != NULL)
        bus->ops->bus_free(bus);
}

bool rv_usb_bus_list(struct rv_usb_bus *bus, struct rv_usb_id *out, size_t max, size_t *count, struct rv_error *err)
{
    return bus->ops->list(bus, out, max, count, err) || rv_while(err, "looking at the USB bus");
}

bool rv_usb_bus_wait(struct rv_usb_bus *bus, uint32_t timeout_ms, struct rv_error *err)
{
    return rv_cancel_point(&bus->ctx->cancel, err) && bus->ops->wait(bus, timeout_ms, err);
}

struct rv_usb *rv_usb_open(struct rv_usb_bus *bus, const struct rv_usb_id *id, struct rv_error *err)
{
    struct rv_usb *usb = bus->ops->open(bus, id, err);
    if (usb == NULL) {
        rv_while(err, "opening the USB device %04x:%04x at %s", id->vendor, id->product, id->port);
        if (err->code == RV_E_DENIED)
            rv_advise(err, RV_ADVICE_USB_RIGHTS);
        return NULL;
    }
    usb->ops = bus->ops;
    usb->bus = bus;
    usb->id = *id;
    return usb;
}

void rv_usb_free(struct rv_usb *usb)
{
    if (usb != NULL)
        usb->ops->close(usb);
}

const struct rv_usb_id *rv_usb_identity(const struct rv_usb *usb)
{
    return &usb->id;
}

struct rv_ctx *rv_usb_ctx(const struct rv_usb *usb)
{
    return usb->bus->ctx;
}

bool rv_usb_configure(struct rv_usb *usb, int configuration, struct rv_error *err)
{
    return usb->ops->configure(usb, configuration, err) || rv_while(err, "setting USB configuration %d", configuration);
}

bool rv_usb_claim(struct rv_usb *usb, int interface, struct rv_error *err)
{
    return usb->ops->claim(usb, interface, err) || rv_while(err, "claiming USB interface %d", interface);
}

bool rv_usb_alternate(struct rv_usb *usb, int interface, int alternate, struct rv_error *err)
{
    return usb->ops->alternate(usb, interface, alternate, err) ||
           rv_while(err, "setting USB interface %d to alternate %d", interface, alternate);
}

bool rv_usb_control(struct rv_usb *usb, struct rv_usb_setup setup, void *data, uint16_t len, uint32_t timeout_ms,
                    size_t *done, struct rv_error *err)
{
    size_t moved = 0;
    if (!rv_cancel_point(&usb->bus->ctx->cancel, err) ||
        !usb->ops->control(usb, setup, data, len, timeout_ms, &moved, err))
        return rv_while(err, "USB control request %02x/%02x, value %04x, %u bytes", setup.request_type, setup.request,
                        setup.value, len);
    if (moved > len)
        return rv_fail(err, RV_E_PROTOCOL, "USB control request %02x/%02x moved more bytes than asked for",
                       setup.request_type, setup.request);
    if (done != NULL)
        *done = moved;
    return true;
}

bool rv_usb_bulk_out(struct rv_usb *usb, uint8_t endpoint, struct rv_span bytes, uint32_t timeout_ms, size_t *done,
                     struct rv_error *err)
{
    size_t moved = 0;
    /* The cast away of const is safe: an OUT transfer only reads. */
    bool ok = rv_cancel_point(&usb->bus->ctx->cancel, err) &&
              usb->ops->bulk(usb, endpoint, (void *)(uintptr_t)bytes.ptr, bytes.len, timeout_ms, &moved, err);
    if (done != NULL)
        *done = moved;
    if (!ok)
        return rv_while(err, "sending %zu bytes to USB endpoint %02x", bytes.len, endpoint);
    if (moved != bytes.len)
        return rv_fail(err, RV_E_PROTOCOL, "the device took %zu of %zu bytes on USB endpoint %02x", moved, bytes.len,
                       endpoint);
    return true;
}

bool rv_usb_clear_halt(struct rv_usb *usb, uint8_t endpoint, struct rv_error *err)
{
    return usb->ops->clear_halt(usb, endpoint, err) || rv_while(err, "clearing USB endpoint %02x", endpoint);
}

void rv_usb_reset(struct rv_usb *usb)
{
    usb->ops->reset(usb);
}

bool rv_usb_is_wanted(uint16_t vendor, uint16_t product)
{
    return vendor == RV_USB_VENDOR_APPLE &&
           (product == 0x1222 || product == 0x1227 || (product >= 0x1280 && product <= 0x1283) ||
            (product >= 0x1290 && product <= 0x12AF) || product == 0x1881 || product == 0xF014);
}

void rv_usb_string_decode(struct rv_span descriptor, char *out, size_t out_size)
{
    size_t n = 0;
    size_t len = descriptor.len >= 2 && descriptor.ptr[1] == DESCRIPTOR_STRING ? descriptor.ptr[0] : 0;
    if (len > descriptor.len)
        len = descriptor.len;
    for (size_t at = 2; at + 1 < len && n + 1 < out_size; at += 2) {
        uint8_t low = descriptor.ptr[at], high = descriptor.ptr[at + 1];
        out[n++] = high == 0 && low >= 0x20 && low < 0x7F ? (char)low : '?';
    }
    if (out_size > 0)
        out[n] = '\0';
}

bool rv_usb_string(struct rv_usb *usb, uint8_t index, char *out, size_t out_size, struct rv_error *err)
{
    out[0] = '\0';
    if (index == 0)
        return true;
    uint8_t raw[255];
    size_t done = 0;
    struct rv_usb_setup setup = { 0x80, GET_DESCRIPTOR, DESCRIPTOR_STRING << 8 | index, LANGUAGE_ENGLISH };
    /* The first read of a device that has just come often times out (usb-modes section 10). */
    for (int tries = 0;; tries++) {
        if (rv_usb_control(usb, setup, raw, sizeof raw, STRING_TIMEOUT_MS, &done, err))
            break;
        if (err->code == RV_E_REFUSED)
            return true;
        if (err->code != RV_E_TIMEOUT || tries >= 2)
            return rv_while(err, "reading USB string %u", index);
    }
    rv_usb_string_decode(rv_span(raw, done), out, out_size);
    return true;
}
