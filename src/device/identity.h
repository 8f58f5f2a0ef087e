/* SPDX-License-Identifier: Apache-2.0 */
/* From what a mode tells to one identity. */
#pragma once

#include "device/device.h"
#include "format/plist.h"

/** From the USB serial string of a device in `mode`; an unreadable string leaves everything unknown. */
void rv_identity_from_usb(struct rv_identity *identity, enum rv_mode mode, const char *serial);
/** From lockdown's general values (whole dictionary) or restored's HardwareInfo. */
void rv_identity_from_values(struct rv_identity *identity, plist_t values);
/** Sets udid as usbmuxd writes it, and the ECID where the UDID holds it (A12 and later). */
void rv_identity_set_udid(struct rv_identity *identity, const char *udid);
/** Model, name and board from the device table, by chip and board or by product type. */
void rv_identity_look_up(struct rv_identity *identity);
/** T1 and T2: coprocessors inside Macs, never to be offered for rescue. */
bool rv_identity_is_mac_part(const struct rv_identity *identity);
/** Takes over what `from` knows and `to` does not. */
void rv_identity_merge(struct rv_identity *to, const struct rv_identity *from);
