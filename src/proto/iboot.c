/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/iboot.h"

bool rv_iboot_command(struct rv_usb *usb, const char *command, struct rv_error *err)
{
    (void)usb;
    (void)command;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_iboot_getenv(struct rv_usb *usb, const char *name, char *out, size_t out_size, struct rv_error *err)
{
    (void)usb;
    (void)name;
    (void)out;
    (void)out_size;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

bool rv_iboot_upload(struct rv_usb *usb, struct rv_span bytes, rv_sent_fn *sent, void *context, struct rv_error *err)
{
    (void)usb;
    (void)bytes;
    (void)sent;
    (void)context;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}

void rv_iboot_end_of_file(struct rv_usb *usb)
{
    (void)usb;
}
