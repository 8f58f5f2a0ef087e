/* SPDX-License-Identifier: Apache-2.0 */
/* Apple's DFU download (usb-modes section 5): blocks, suffix, manifest states, bus reset. */
#pragma once

#include "proto/iboot.h"

/** Uploads, finishes and resets the bus. The caller frees the handle and waits for re-enumeration. */
bool rv_dfu_upload(struct rv_usb *usb, struct rv_span image, rv_sent_fn *sent, void *context, struct rv_error *err);
