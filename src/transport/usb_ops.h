/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a USB back end is: one table. Each back end puts struct rv_usb_bus and struct rv_usb first in its
 * own structs. Tests plug in their own table; so may a recorder.
 */
#pragma once

#include "transport/usb.h"

struct rv_usb_ops {
    const char *name;
    void (*bus_free)(struct rv_usb_bus *bus);
    bool (*list)(struct rv_usb_bus *bus, struct rv_usb_id *out, size_t max, size_t *count, struct rv_error *err);
    bool (*wait)(struct rv_usb_bus *bus, uint32_t timeout_ms, struct rv_error *err);
    /** May leave id to the caller: rv_usb_open() copies it. */
    struct rv_usb *(*open)(struct rv_usb_bus *bus, const struct rv_usb_id *id, struct rv_error *err);
    void (*close)(struct rv_usb *usb);
    bool (*configure)(struct rv_usb *usb, int configuration, struct rv_error *err);
    bool (*claim)(struct rv_usb *usb, int interface, struct rv_error *err);
    bool (*alternate)(struct rv_usb *usb, int interface, int alternate, struct rv_error *err);
    bool (*control)(struct rv_usb *usb, struct rv_usb_setup setup, void *data, uint16_t len, uint32_t timeout_ms,
                    size_t *done, struct rv_error *err);
    /** One transfer, direction by bit 7 of the endpoint; *done also on failure. */
    bool (*bulk)(struct rv_usb *usb, uint8_t endpoint, void *data, size_t len, uint32_t timeout_ms, size_t *done,
                 struct rv_error *err);
    bool (*clear_halt)(struct rv_usb *usb, uint8_t endpoint, struct rv_error *err);
    void (*reset)(struct rv_usb *usb);
};

struct rv_usb_bus {
    const struct rv_usb_ops *ops;
    struct rv_ctx *ctx;
};

struct rv_usb {
    const struct rv_usb_ops *ops;
    struct rv_usb_bus *bus;
    struct rv_usb_id id;
};

enum { RV_USB_VENDOR_APPLE = 0x05AC };

/** The two back ends. `where` is what follows "usbip:" in the setting. */
struct rv_usb_bus *rv_usb_libusb_open(struct rv_ctx *ctx, struct rv_error *err);
struct rv_usb_bus *rv_usb_usbip_open(struct rv_ctx *ctx, const char *where, struct rv_error *err);

/** A phone, tablet or player in one of its modes: not Apple's keyboards, displays, HomePods. */
bool rv_usb_is_wanted(uint16_t vendor, uint16_t product);

/** Descriptor of type string as ASCII; shared by rv_usb_string() and back ends that list by themselves. */
void rv_usb_string_decode(struct rv_span descriptor, char *out, size_t out_size);
