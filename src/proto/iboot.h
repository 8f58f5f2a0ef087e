/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation with iBoot/iBEC in Recovery mode (usb-modes section 4). */
#pragma once

#include "base/bytes.h"
#include "transport/usb.h"

typedef void rv_sent_fn(void *context, uint64_t sent_bytes, uint64_t total_bytes);

/** Sends a command of at most 255 bytes. The five verbs that leave the stage (go, bootx, reboot, memboot,
 *  reset) use bRequest 1, and a device that drops off the bus during them is success here: wait for the event. */
bool rv_iboot_command(struct rv_usb *usb, const char *command, struct rv_error *err);
/** Unset or refused variables give "" and true. */
bool rv_iboot_getenv(struct rv_usb *usb, const char *name, char *out, size_t out_size, struct rv_error *err);
/** Uploads a file to the load address; a zero-length packet follows multiples of 512. */
bool rv_iboot_upload(struct rv_usb *usb, struct rv_span bytes, rv_sent_fn *sent, void *context, struct rv_error *err);
/** The 0x21/1 nudge before `go`/`bootx` (errors are ignored). */
void rv_iboot_end_of_file(struct rv_usb *usb);
