/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dfu.h"

bool rv_dfu_upload(struct rv_usb *usb, struct rv_span image, rv_sent_fn *sent, void *context, struct rv_error *err)
{
    (void)usb;
    (void)image;
    (void)sent;
    (void)context;
    return rv_fail(err, RV_E_UNSUPPORTED, "not built yet");
}
