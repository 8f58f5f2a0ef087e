/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USB as DFU and Recovery need it: list, open, control and bulk transfers, all with a deadline.
 * Two back ends behind one table: libusb (real devices) and a user-space USB/IP client (no root, no
 * kernel). rv_usb_bus_open() picks by ctx->settings.usb; nothing above this file knows which it is.
 */
#pragma once

#include "base/bytes.h"
#include "base/ctx.h"

enum { RV_USB_SERIAL = 256, RV_USB_PORT = 64, RV_USB_DEVICES_MAX = 64 };

/** One attached USB device of vendor 0x05AC. */
struct rv_usb_id {
    uint16_t vendor, product;
    uint8_t bus, address;       /* address changes at each re-enumeration */
    char port[RV_USB_PORT];     /* "1-2.3": stable across re-enumerations of one cable */
    char serial[RV_USB_SERIAL]; /* iSerial; "" when it cannot be read (no rights: `denied`) */
    bool denied;                /* seen, but this user may not open it */
};

struct rv_usb_bus; /* one back end, thread safe */
struct rv_usb;     /* one opened device; one thread at a time */

struct rv_usb_bus *rv_usb_bus_open(struct rv_ctx *ctx, struct rv_error *err);
/** A bus on which nothing is seen, for a computer whose USB cannot be looked at at all. */
struct rv_usb_bus *rv_usb_none_open(struct rv_ctx *ctx, struct rv_error *err);
void rv_usb_bus_free(struct rv_usb_bus *bus);
RV_DEFINE_AUTO(rv_usb_bus)

/** Apple devices now attached in any mode. `out` holds max entries; *count is set on success. */
bool rv_usb_bus_list(struct rv_usb_bus *bus, struct rv_usb_id *out, size_t max, size_t *count, struct rv_error *err);

/** Waits until something may have come or gone (or timeout; true both ways). False: cancelled or broken. */
bool rv_usb_bus_wait(struct rv_usb_bus *bus, uint32_t timeout_ms, struct rv_error *err);

/** Opens by bus and address. DENIED (with advice), GONE, BUSY. */
struct rv_usb *rv_usb_open(struct rv_usb_bus *bus, const struct rv_usb_id *id, struct rv_error *err);
void rv_usb_free(struct rv_usb *usb);
RV_DEFINE_AUTO(rv_usb)
/** As it was when it was opened: what comes back after a reset is told from it by its address. */
const struct rv_usb_id *rv_usb_identity(const struct rv_usb *usb);
struct rv_ctx *rv_usb_ctx(const struct rv_usb *usb);

bool rv_usb_configure(struct rv_usb *usb, int configuration, struct rv_error *err); /* no-op when it is set */
bool rv_usb_claim(struct rv_usb *usb, int interface, struct rv_error *err);
bool rv_usb_alternate(struct rv_usb *usb, int interface, int alternate, struct rv_error *err);

struct rv_usb_setup {
    uint8_t request_type, request;
    uint16_t value, index;
};
/**
 * One control transfer; data is read or written by bit 7 of request_type. *done: bytes moved.
 * REFUSED: the device stalled; GONE: it left the bus; TIMEOUT; PROTOCOL otherwise. err->sys holds the
 * libusb status (negative) where there is one.
 */
bool rv_usb_control(struct rv_usb *usb, struct rv_usb_setup setup, void *data, uint16_t len, uint32_t timeout_ms,
                    size_t *done, struct rv_error *err);
/** All bytes or an error; *done (may be NULL) tells how many had gone, also on failure. */
bool rv_usb_bulk_out(struct rv_usb *usb, uint8_t endpoint, struct rv_span bytes, uint32_t timeout_ms, size_t *done,
                     struct rv_error *err);
bool rv_usb_clear_halt(struct rv_usb *usb, uint8_t endpoint, struct rv_error *err);
/** Port reset. The result means little (the device may leave); the handle is to be freed afterwards. */
void rv_usb_reset(struct rv_usb *usb);
/** String descriptor `index` as ASCII (others become '?'); "" when the device has none. */
bool rv_usb_string(struct rv_usb *usb, uint8_t index, char *out, size_t out_size, struct rv_error *err);
