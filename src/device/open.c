/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a device in DFU or Recovery mode (usb-modes 4.1). */
#include "device/device.h"
#include "format/iboot_serial.h"

#include <string.h>

enum {
    TRIES = 10, /* right after a mode change another program may still probe it (usb-modes section 10) */
    PAUSE_MS = 1000,
    PRODUCT_TWO_INTERFACES = 0x1281, /* above it interface 1 is used too; libirecovery does so */
    NONCE_STRING = 1,
};

static struct rv_usb *open_once(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    RV_AUTO(rv_usb) usb = rv_usb_open(rv_fleet_usb(fleet), &device->usb, err);
    if (usb == NULL || !rv_usb_configure(usb, 1, err) || !rv_usb_claim(usb, 0, err))
        return NULL;
    bool two = device->mode == RV_MODE_RECOVERY && device->usb.product > PRODUCT_TWO_INTERFACES;
    if (two && (!rv_usb_claim(usb, 1, err) || !rv_usb_alternate(usb, 1, 1, err)))
        return NULL;
    return rv_steal(&usb);
}

struct rv_usb *rv_device_open_usb(struct rv_fleet *fleet, const struct rv_device *device, struct rv_error *err)
{
    struct rv_ctx *ctx = rv_fleet_ctx(fleet);
    if (device->mode != RV_MODE_RECOVERY && device->mode != RV_MODE_DFU) {
        rv_fail(err, RV_E_UNSUPPORTED, "a device in %s is not opened over USB", rv_mode_words(device->mode));
        return NULL;
    }
    for (int tries = 1;; tries++) {
        struct rv_usb *usb = open_once(fleet, device, err);
        if (usb != NULL)
            return usb;
        bool again = err->code == RV_E_BUSY || err->code == RV_E_TIMEOUT || err->code == RV_E_PROTOCOL ||
                     err->code == RV_E_REFUSED || (err->code == RV_E_GONE && tries < TRIES / 3);
        if (!again || tries == TRIES)
            return NULL;
        struct rv_error stop = { 0 };
        if (!rv_clock_pause(&ctx->clock, PAUSE_MS, "the device or the program that holds it needs a moment",
                            &ctx->cancel, &stop)) {
            *err = stop;
            return NULL;
        }
    }
}

bool rv_device_read_nonces(struct rv_usb *usb, struct rv_identity *identity, struct rv_error *err)
{
    char text[RV_USB_SERIAL];
    struct rv_iboot_nonces nonces;
    if (!rv_usb_string(usb, NONCE_STRING, text, sizeof text, err) || !rv_iboot_nonces_parse(text, &nonces, err))
        return rv_while(err, "reading the device's nonces");
    memcpy(identity->ap_nonce, nonces.ap, nonces.ap_len);
    memcpy(identity->sep_nonce, nonces.sep, nonces.sep_len);
    identity->ap_nonce_len = nonces.ap_len;
    identity->sep_nonce_len = nonces.sep_len;
    return true;
}
