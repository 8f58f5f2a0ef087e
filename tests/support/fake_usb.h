/* SPDX-License-Identifier: Apache-2.0 */
/* A USB bus that exists in memory only: a list to be shown, and one function that answers transfers. */
#pragma once

#include "transport/usb_ops.h"

struct fake_usb;

/** One transfer: control when `setup` is not NULL, else bulk on `endpoint`. Sets *done; false with *err. */
typedef bool fake_usb_answer(struct fake_usb *fake, const struct rv_usb_setup *setup, uint8_t endpoint, uint8_t *data,
                             size_t len, size_t *done, struct rv_error *err);

struct fake_usb {
    struct rv_usb_bus base;
    struct rv_usb_id shown[8];
    size_t shown_count;
    /** Called at each wait, after the fake clock has moved; changes what is shown. May be NULL. */
    void (*on_wait)(struct fake_usb *fake);
    fake_usb_answer *answer;
    void *own;
    unsigned looks, opens, closes, resets, halts_cleared, waits;
    enum rv_code list_fails; /* RV_OK: lists */
    enum rv_code open_fails;
};

/** The bus is the caller's: freeing it frees nothing. */
void fake_usb_init(struct fake_usb *fake, struct rv_ctx *ctx);
/** An entry such as (0x1281, 5, "1-2", "CPID:…"). */
void fake_usb_show(struct fake_usb *fake, uint16_t product, uint8_t address, const char *port, const char *serial);
void fake_usb_hide_all(struct fake_usb *fake);
